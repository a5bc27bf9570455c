"""NanoTrack V2 and V3, run from their authors' ONNX files.

Crop, decoding and constants follow the authors' program (HonglinChu/SiamTrackers, NanoTrack), with its
own pixel convention: centres at whole numbers, so a box's centre is x + (w - 1)/2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from uav_tracker_ros.backends import onnxruntime_backend
from uav_tracker_ros.backends.contract import Backend
from uav_tracker_ros.geometry import Box, Image
from uav_tracker_ros.trackers.confidence import Calibration, outside_share, response_shape
from uav_tracker_ros.trackers.contract import Observation, PeakFeatures, Tracker
from uav_tracker_ros.trackers.decoding import change_penalty
from uav_tracker_ros.trackers.inputs import check_box, check_image, keep_in_image, not_initialized
from uav_tracker_ros.trackers.registry import Build, register
from uav_tracker_ros.trackers.search_region import SETTINGS, SearchRegion, Window

_STRIDE = 16  # search px between neighbouring cells
_MIN_SIZE = 10.0  # px; the authors' least target


@dataclass(frozen=True)
class NanoTrackSettings:
    """Constants of one version, as its authors tuned them."""

    window: float  # share of the cosine window in the choice
    penalty: float  # cost of a change in size and ratio
    rate: float  # of the size's update


_VERSIONS = {"nanotrack2": NanoTrackSettings(0.490, 0.150, 0.385), "nanotrack3": NanoTrackSettings(0.455, 0.138, 0.348)}


class NanoTracker:
    """Follows one box with two graphs, ``backbone`` and ``head``."""

    calibration: Calibration | None = None

    def __init__(self, name: str, backend: Backend, settings: NanoTrackSettings) -> None:
        self._name = name
        self._backend = backend
        self._settings = settings
        self._region = SearchRegion(SETTINGS["nanotrack"])
        self._template: NDArray[np.float32] | None = None
        self._box = Box(0.0, 0.0, 0.0, 0.0)
        self._shape: tuple[int, ...] = ()

    def initialize(self, image: Image, box: Box) -> None:
        """See :class:`Tracker`."""
        check_image(image)
        visible = check_box(box, image)
        self._box = visible._replace(x=visible.x - 0.5, y=visible.y - 0.5)  # from now on the authors' convention
        self._shape = image.shape
        self._region.start(image, self._box)
        self._template = self._features(self._region.template(image, self._box))

    def update(self, image: Image) -> Observation:
        """See :class:`Tracker`; ``score`` is the softmax of the object class, 0 to 1."""
        if self._template is None:
            raise not_initialized(self._name)
        check_image(image, self._shape)
        window = self._region.search_window(self._box)
        # The authors' scale is that of the unrounded side, and their middle the unsnapped centre.
        scale = window.size / (self._region.side(self._box) * 255 / 127)
        observation = self._look(image, window, scale, self._box.center, self._settings.window)
        self._box = observation.box
        return observation

    def probe(self, image: Image, region: Box) -> Observation:
        """See :class:`Probing`; the cosine window is off: the target may be anywhere in the region."""
        if self._template is None:
            raise not_initialized(self._name)
        check_image(image, self._shape)
        window = self._region.region_window(region)
        middle = (window.x0 + window.n / 2, window.y0 + window.n / 2)
        return self._look(image, window, window.scale, middle, 0.0, adapt=False)

    def move_to(self, box: Box) -> None:
        """See :class:`Probing`."""
        self._box = box

    def _features(self, crop: NDArray[np.uint8]) -> NDArray[np.float32]:
        planes = np.ascontiguousarray(crop.transpose(0, 3, 1, 2), dtype=np.float32)
        (features,) = self._backend.run("backbone", planes).values()
        return features

    def _look(
        self,
        image: Image,
        window: Window,
        scale: float,
        middle: tuple[float, float],
        window_share: float,
        *,
        adapt: bool = True,
    ) -> Observation:
        """Best box in ``window``, measured from its middle; the last size is taken from the state."""
        search = self._features(self._region.search(image, window, adapt=adapt))
        assert self._template is not None  # noqa: S101 - for the type checker: both callers have asked
        maps = self._backend.run("head", self._template, search)
        logits, distances = maps["output1"][0], maps["output2"][0]
        if not (np.isfinite(logits).all() and np.isfinite(distances).all()):
            return Observation(self._box, 0.0, PeakFeatures(peak=0.0))  # never a box from a broken map
        return self._decode(logits, distances, scale, middle, window_share)

    def _decode(
        self,
        logits: NDArray[np.float32],
        distances: NDArray[np.float32],
        scale: float,
        middle: tuple[float, float],
        window_share: float,
    ) -> Observation:
        cells = logits.shape[-1]
        score = 1 / (1 + np.exp(logits[0].astype(np.float64) - logits[1]))
        grid = (np.arange(cells) - cells // 2) * float(_STRIDE)
        left, top, right, bottom = distances.astype(np.float64)
        x0, y0 = grid[None, :] - left, grid[:, None] - top
        x1, y1 = grid[None, :] + right, grid[:, None] + bottom
        w, h = np.maximum(x1 - x0, 1e-3), np.maximum(y1 - y0, 1e-3)
        last_w, last_h = self._box.w * scale, self._box.h * scale
        penalty, size_change = change_penalty(w, h, last_w, last_h, self._settings.penalty)
        hann = np.hanning(cells)
        chosen = penalty * score * (1 - window_share) + np.outer(hann, hann) * window_share
        row, column = divmod(int(np.argmax(chosen)), cells)
        best = Box.from_xyxy(*(float(edge[row, column]) for edge in (x0, y0, x1, y1)))
        rate = float(penalty[row, column] * score[row, column]) * self._settings.rate
        box = self._next_box(best, scale, middle, rate)
        target_cells = (
            math.floor(best.y / _STRIDE) + cells // 2,
            math.ceil((best.y + best.h) / _STRIDE) + cells // 2 + 1,
            math.floor(best.x / _STRIDE) + cells // 2,
            math.ceil((best.x + best.w) / _STRIDE) + cells // 2 + 1,
        )
        apce, psr, second = response_shape(score, (row, column), target_cells)
        features = PeakFeatures(
            peak=float(score[row, column]),
            penalized_peak=float(chosen[row, column]),
            apce=apce,
            psr=psr,
            second_ratio=second,
            size_change=float(size_change[row, column]),
            border=outside_share(box, self._shape[1], self._shape[0]),
        )
        return Observation(box, features.peak, features)

    def _next_box(self, best: Box, scale: float, middle: tuple[float, float], rate: float) -> Box:
        """Centre moves fully, size by ``rate``; ``best`` is in search px from the middle."""
        dx, dy = best.center
        w = self._box.w * (1 - rate) + best.w / scale * rate
        h = self._box.h * (1 - rate) + best.h / scale * rate
        box = Box.from_center(middle[0] + dx / scale, middle[1] + dy / scale, w, h)
        return keep_in_image(box, self._shape[1], self._shape[0], _MIN_SIZE)


def _make(build: Build) -> Tracker:
    # The published backbones declare 255 x 255 but are fully convolutional; templates are 127 x 127.
    backend = onnxruntime_backend.load(build.files, build.threads, free_size=("backbone",))
    return NanoTracker(build.name, backend, _VERSIONS[build.name])


for _name in _VERSIONS:
    register(_name)(_make)
