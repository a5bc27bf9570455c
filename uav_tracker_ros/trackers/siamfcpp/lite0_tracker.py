"""The tracker around ``siamfcpp_lite0``'s graphs: crop, choose a cell, smooth the size.

Choice of the cell after SiamRPN (Li et al., CVPR 2018, section 4.3): a penalty on change of size and ratio,
and a cosine window. The score is the cell's target probability times its predicted overlap.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from uav_tracker_ros.backends.contract import Backend
from uav_tracker_ros.geometry import Box, Image
from uav_tracker_ros.trackers.confidence import Calibration, outside_share, response_shape
from uav_tracker_ros.trackers.contract import Observation, PeakFeatures
from uav_tracker_ros.trackers.decoding import change_penalty
from uav_tracker_ros.trackers.inputs import check_box, check_image, keep_in_image, not_initialized
from uav_tracker_ros.trackers.search_region import SETTINGS, SearchRegion, Window

STRIDE = 16  # px of the search crop between two cells
MAP = 16  # cells a side
# np.hanning is 0 at its ends; two cells more keep the rim reachable
_WINDOW = np.outer(np.hanning(MAP + 2)[1:-1], np.hanning(MAP + 2)[1:-1])


@dataclass(frozen=True)
class Lite0Settings:
    """What the weights were tuned with, on clips that judge nothing."""

    window_influence: float = 0.35  # weight of the cosine window against the penalised score
    penalty: float = 0.1  # strength of the penalty on change of size and ratio
    size_rate: float = 0.4  # how fast the size follows, times penalty and score


class Lite0Tracker:
    """Follows one box with two graphs of a backend: ``template`` and ``track``."""

    calibration: Calibration | None = None

    def __init__(self, backend: Backend, settings: Lite0Settings | None = None) -> None:
        self._backend, self._settings = backend, settings or Lite0Settings()
        self._region = SearchRegion(SETTINGS["siamfcpp_lite0"])
        self._state: tuple[NDArray[np.float32], ...] | None = None
        self._box = Box(0, 0, 0, 0)
        self._shape: tuple[int, ...] = ()

    def initialize(self, image: Image, box: Box) -> None:
        """See :class:`uav_tracker_ros.trackers.contract.Tracker`."""
        check_image(image)
        self._box = check_box(box, image)
        self._shape = image.shape
        self._region.start(image, self._box)
        self._state = tuple(self._backend.run("template", self._region.template(image, self._box)).values())

    def update(self, image: Image) -> Observation:
        """See :class:`uav_tracker_ros.trackers.contract.Tracker`."""
        self._checked(image)
        window = self._region.search_window(self._box)
        observation = self._observe(image, window, self._settings.window_influence, adapt=True)
        self._box = observation.box
        return observation

    def probe(self, image: Image, region: Box) -> Observation:
        """See :class:`uav_tracker_ros.trackers.contract.Probing`."""
        self._checked(image)
        return self._observe(image, self._region.region_window(region), 0.0, adapt=False)

    def move_to(self, box: Box) -> None:
        """See :class:`uav_tracker_ros.trackers.contract.Probing`."""
        self._box = box

    def _checked(self, image: Image) -> None:
        if self._state is None:
            raise not_initialized("siamfcpp_lite0")
        check_image(image, self._shape)

    def _observe(self, image: Image, window: Window, window_influence: float, *, adapt: bool) -> Observation:
        assert self._state is not None  # noqa: S101 - both callers have checked
        maps = self._backend.run("track", self._region.search(image, window, adapt=adapt), *self._state)
        score = (maps["score"] * maps["overlap"])[0].astype(np.float64)
        boxes = maps["boxes"][0].astype(np.float64)
        if not (np.isfinite(score).all() and np.isfinite(boxes).all()):
            return Observation(self._box, 0.0, PeakFeatures(peak=0.0))  # never a box from a broken map
        w, h = np.maximum(boxes[2] - boxes[0], 1.0), np.maximum(boxes[3] - boxes[1], 1.0)
        last_w, last_h = self._box.w * window.scale, self._box.h * window.scale
        penalty, size_change = change_penalty(w, h, last_w, last_h, self._settings.penalty)
        chosen = penalty * score * (1 - window_influence) + _WINDOW * window_influence
        row, column = divmod(int(np.argmax(chosen)), chosen.shape[1])
        edges = boxes[:, row, column]
        rate = float(penalty[row, column] * score[row, column]) * self._settings.size_rate
        box = self._next_box(window.to_image(Box.from_xyxy(*edges.tolist())), rate, image)
        apce, psr, second = response_shape(score, (row, column), _cells(edges))
        features = PeakFeatures(
            peak=float(score[row, column]),
            penalized_peak=float(chosen[row, column]),
            apce=apce,
            psr=psr,
            second_ratio=second,
            size_change=float(size_change[row, column]),
            border=outside_share(box, image.shape[1], image.shape[0]),
        )
        return Observation(box, features.peak, features)

    def _next_box(self, found: Box, rate: float, image: Image) -> Box:
        """Centre moves fully, size by ``rate``."""
        w = self._box.w * (1 - rate) + found.w * rate
        h = self._box.h * (1 - rate) + found.h * rate
        least = self._region.settings.min_target
        return keep_in_image(Box.from_center(*found.center, w, h), image.shape[1], image.shape[0], least)


def _cells(box: NDArray[np.float64]) -> tuple[int, int, int, int]:
    left, top, right, bottom = (box / STRIDE).tolist()
    return math.floor(top), math.ceil(bottom), math.floor(left), math.ceil(right)
