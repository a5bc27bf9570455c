"""The tracker around the two graphs of an anchor-free Siamese network: crop, choose a place, smooth the size.

What differs between networks is a :class:`uav_tracker_ros.trackers.decoding.Decoder`: how its maps become one place
in the crop.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from uav_tracker_ros.backends.contract import Backend
from uav_tracker_ros.geometry import Box, Image
from uav_tracker_ros.trackers.confidence import Calibration, outside_share, response_shape
from uav_tracker_ros.trackers.contract import Observation, PeakFeatures
from uav_tracker_ros.trackers.decoding import Decoder, SiameseSettings
from uav_tracker_ros.trackers.inputs import check_box, check_image, keep_in_image, not_initialized
from uav_tracker_ros.trackers.search_region import SearchRegion, SearchSettings, Window


class SiameseTracker:
    """Follows one box with two graphs of a backend: ``template`` and ``track``.

    Args:
        name: of the tracker, for messages.
        backend: runs the graphs.
        region: how crops are cut.
        decode: from maps to a place.
        settings: constants of the choice.
    """

    calibration: Calibration | None = None

    def __init__(
        self, name: str, backend: Backend, region: SearchSettings, decode: Decoder, settings: SiameseSettings
    ) -> None:
        self._name, self._backend, self._decode, self._settings = name, backend, decode, settings
        # without the cosine window: the target may be anywhere in a probed region
        self._probe_settings = SiameseSettings(0.0, settings.penalty, settings.size_rate)
        self._region = SearchRegion(region)
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
        observation = self._observe(image, window, self._settings, adapt=True)
        self._box = observation.box
        return observation

    def probe(self, image: Image, region: Box) -> Observation:
        """See :class:`uav_tracker_ros.trackers.contract.Probing`."""
        self._checked(image)
        return self._observe(image, self._region.region_window(region), self._probe_settings, adapt=False)

    def move_to(self, box: Box) -> None:
        """See :class:`uav_tracker_ros.trackers.contract.Probing`."""
        self._box = box

    def _checked(self, image: Image) -> None:
        if self._state is None:
            raise not_initialized(self._name)
        check_image(image, self._shape)

    def _observe(self, image: Image, window: Window, settings: SiameseSettings, *, adapt: bool) -> Observation:
        assert self._state is not None  # noqa: S101 - both callers have checked
        maps = self._backend.run("track", self._region.search(image, window, adapt=adapt), *self._state)
        if not all(np.isfinite(values).all() for values in maps.values()):
            return Observation(self._box, 0.0, PeakFeatures(peak=0.0))  # never a box from a broken map
        scale = window.scale
        peak = self._decode(maps, (self._box.w * scale, self._box.h * scale), settings)
        box = self._next_box(window.to_image(peak.box), peak.trust * settings.size_rate, image)
        apce, psr, second = response_shape(peak.response_map, peak.cell, peak.target_cells)
        features = PeakFeatures(
            peak=peak.score,
            penalized_peak=peak.penalized,
            apce=apce,
            psr=psr,
            second_ratio=second,
            size_change=peak.size_change,
            border=outside_share(box, image.shape[1], image.shape[0]),
        )
        return Observation(box, peak.score, features)

    def _next_box(self, found: Box, rate: float, image: Image) -> Box:
        """Centre moves fully, size by ``rate``."""
        w = self._box.w * (1 - rate) + found.w * rate
        h = self._box.h * (1 - rate) + found.h * rate
        least = self._region.settings.min_target
        return keep_in_image(Box.from_center(*found.center, w, h), image.shape[1], image.shape[0], least)
