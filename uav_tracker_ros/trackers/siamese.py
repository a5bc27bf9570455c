"""The tracker around the two graphs of an anchor-free Siamese network: crop, choose a place, smooth the size.

Where its template adapts, the newer view is taken in after a frame's box has been given out: whoever publishes the box
calls ``settle`` then. If nobody does, the next ``update`` does it first; the boxes are the same.

What differs between networks is a :class:`uav_tracker_ros.trackers.decoding.Decoder`: how its maps become one place
in the crop.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from uav_tracker_ros.backends.contract import Backend
from uav_tracker_ros.geometry import Box, Image
from uav_tracker_ros.trackers.adaptation import AdaptationSettings, AdaptiveTemplate, State
from uav_tracker_ros.trackers.box_offset import BoxOffset, OffsetSettings, measured
from uav_tracker_ros.trackers.confidence import Calibration, outside_share, response_shape
from uav_tracker_ros.trackers.contract import Observation, PeakFeatures
from uav_tracker_ros.trackers.decoding import Decoder, Peak, SiameseSettings
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
        adaptation: of the template to newer views; None: the selected view alone.
        offset: of the boxes to those of the selection's kind; None: boxes as the network answers them.
    """

    calibration: Calibration | None = None

    def __init__(
        self,
        name: str,
        backend: Backend,
        region: SearchSettings,
        decode: Decoder,
        settings: SiameseSettings,
        adaptation: AdaptationSettings | None = None,
        offset: OffsetSettings | None = None,
    ) -> None:
        self._name, self._backend, self._decode, self._settings = name, backend, decode, settings
        # without the cosine window: the target may be anywhere in a probed region
        self._probe_settings = replace(settings, window_influence=0.0)
        self._region = SearchRegion(region)
        self._adaptation = adaptation or AdaptationSettings(share=0.0)
        self._offset_settings = offset
        self._offset = BoxOffset()
        self._template: AdaptiveTemplate | None = None
        self._view: NDArray[np.uint8] | None = None  # crop of a newer view, to be taken in
        self._box = Box(0, 0, 0, 0)
        self._shape: tuple[int, ...] = ()

    def initialize(self, image: Image, box: Box) -> None:
        """See :class:`uav_tracker_ros.trackers.contract.Tracker`."""
        check_image(image)
        self._box = check_box(box, image)
        self._shape = image.shape
        self._region.start(image, self._box)
        first = tuple(self._backend.run("template", self._region.template(image, self._box)).values())
        self._template = AdaptiveTemplate(first, self._adaptation)
        self._view = None
        if self._offset_settings:
            self._offset = measured(
                self._box, lambda believed: self._answer(image, believed, first), self._offset_settings
            )

    def update(self, image: Image) -> Observation:
        """See :class:`uav_tracker_ros.trackers.contract.Tracker`."""
        template = self._checked(image)
        self.settle()
        window = self._region.search_window(self._box)
        observation = self._observe(image, window, template.state, self._settings, adapt=True)
        self._box = observation.box
        cut = observation.features.border > 0
        if self._adaptation.share and template.wants(observation.score, cut=cut):
            self._view = self._region.template(image, self._box).copy()
        return observation

    def settle(self) -> None:
        """See :class:`uav_tracker_ros.trackers.contract.Settling`."""
        if self._view is not None and self._template is not None:
            self._template.take(tuple(self._backend.run("template", self._view).values()))
            self._view = None

    def probe(self, image: Image, region: Box) -> Observation:
        """See :class:`uav_tracker_ros.trackers.contract.Probing`."""
        state = self._checked(image).state
        return self._observe(image, self._region.region_window(region), state, self._probe_settings, adapt=False)

    def move_to(self, box: Box) -> None:
        """See :class:`uav_tracker_ros.trackers.contract.Probing`."""
        self._box = box
        self._view = None  # who moves the tracker did not believe its last box

    def _checked(self, image: Image) -> AdaptiveTemplate:
        if self._template is None:
            raise not_initialized(self._name)
        check_image(image, self._shape)
        return self._template

    def _answer(self, image: Image, believed: Box, state: State) -> Box | None:
        window = self._region.search_window(believed)
        peak = self._peak(image, window, state, self._settings, adapt=False)
        return window.to_image(peak.box) if peak else None

    def _peak(
        self, image: Image, window: Window, state: State, settings: SiameseSettings, *, adapt: bool
    ) -> Peak | None:
        maps = self._backend.run("track", self._region.search(image, window, adapt=adapt), *state)
        if not all(np.isfinite(values).all() for values in maps.values()):
            return None
        return self._decode(maps, (self._box.w * window.scale, self._box.h * window.scale), settings)

    def _observe(
        self, image: Image, window: Window, state: State, settings: SiameseSettings, *, adapt: bool
    ) -> Observation:
        peak = self._peak(image, window, state, settings, adapt=adapt)
        if peak is None:
            return Observation(self._box, 0.0, PeakFeatures(peak=0.0))  # never a box from a broken map
        found = self._offset.taken_off(window.to_image(peak.box))
        box = self._next_box(found, peak.trust * settings.size_rate, image)
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
