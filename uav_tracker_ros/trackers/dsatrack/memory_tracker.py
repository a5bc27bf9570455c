"""The tracker around the graphs ``template``, ``track`` and ``update``: crop, decode, remember.

The memory is brought up to date after a frame's box has been given out: whoever publishes the box calls ``settle``
then, and the next frame does not wait. If nobody does, the next ``update`` does the work first; the boxes are the same.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from uav_tracker_ros.backends.contract import Backend
from uav_tracker_ros.geometry import Box, Image
from uav_tracker_ros.trackers.box_offset import BoxOffset, OffsetSettings, measured
from uav_tracker_ros.trackers.confidence import Calibration, outside_share, response_shape
from uav_tracker_ros.trackers.contract import Observation, PeakFeatures
from uav_tracker_ros.trackers.dsatrack.decoding import Peak, clipped, decode
from uav_tracker_ros.trackers.dsatrack.memory import MemorySettings, UpdateGate
from uav_tracker_ros.trackers.inputs import check_box, check_image, not_initialized
from uav_tracker_ros.trackers.search_region import SETTINGS, SearchRegion, Window

State = tuple[NDArray[Any], ...]  # memory, then what ``track`` takes: keys and values, or the memory itself


class _View(NamedTuple):
    """A newer look of the target, to be remembered."""

    template: NDArray[np.uint8]
    search: NDArray[np.uint8] | None  # that tokens are ranked with; None: the next frame's


class MemoryTracker:
    """Follows one box with a template memory.

    Args:
        name: of the tracker, for messages.
        backend: runs the graphs.
        settings: of the memory.
        offset: of the boxes to those of the selection's kind; None: boxes as the network answers them.
    """

    calibration: Calibration | None = None

    def __init__(
        self, name: str, backend: Backend, settings: MemorySettings | None = None, offset: OffsetSettings | None = None
    ) -> None:
        self._offset_settings = offset
        self._offset = BoxOffset()
        self._name, self._backend, self._settings = name, backend, settings or MemorySettings()
        self._region = SearchRegion(SETTINGS["dsatrack"])
        self._gate = UpdateGate(self._settings)
        self._first: State | None = None  # of the first template alone
        self._state: State = ()
        self._view: _View | None = None
        self._box = Box(0, 0, 0, 0)
        self._shape: tuple[int, ...] = ()

    def initialize(self, image: Image, box: Box) -> None:
        """See :class:`uav_tracker_ros.trackers.contract.Tracker`."""
        check_image(image)
        self._box = check_box(box, image, self._region.settings.min_target)
        self._shape = image.shape
        self._region.start(image, self._box)
        self._gate.reset()
        self._view = None
        self._first = self._state = tuple(
            self._backend.run("template", self._region.template(image, self._box)).values()
        )
        if self._offset_settings:
            self._offset = measured(self._box, lambda believed: self._answer(image, believed), self._offset_settings)

    def update(self, image: Image) -> Observation:
        """See :class:`uav_tracker_ros.trackers.contract.Tracker`."""
        self._checked(image)
        self.settle()
        window = self._region.search_window(self._box)
        crop = self._region.search(image, window)
        if self._view is not None:
            self._remember(self._view.template, crop)
        observation = self._observe(image, window, crop, self._state, windowed=True)
        self._box = observation.box
        self._consider(image, observation, crop)
        return observation

    def settle(self) -> None:
        """See :class:`uav_tracker_ros.trackers.contract.Settling`."""
        if self._view is not None and self._view.search is not None:
            self._remember(*self._view)

    def probe(self, image: Image, region: Box) -> Observation:
        """See :class:`uav_tracker_ros.trackers.contract.Probing`."""
        self._checked(image)
        window = self._region.region_window(region)
        crop = self._region.search(image, window, adapt=False)
        # A lost target is sought with what the operator selected, where the memory is one moving average.
        state = self._first if self._settings.rule == "blend" else self._state
        assert state is not None  # noqa: S101 - for the type checker: checked above
        return self._observe(image, window, crop, state, windowed=False)

    def move_to(self, box: Box) -> None:
        """See :class:`uav_tracker_ros.trackers.contract.Probing`."""
        self._box = box
        # Who moves the tracker did not believe its last box: what was seen there must not be remembered.
        if self._view is not None:
            self._view = None
            self._gate.take_back()

    def _checked(self, image: Image) -> None:
        if self._first is None:
            raise not_initialized(self._name)
        check_image(image, self._shape)

    def _answer(self, image: Image, believed: Box) -> Box | None:
        window = self._region.search_window(believed)
        peak = self._peak(self._region.search(image, window, adapt=False), self._state, windowed=True)
        return window.to_image(peak.box) if peak else None

    def _peak(self, crop: NDArray[np.uint8], state: State, *, windowed: bool) -> Peak | None:
        maps = self._backend.run("track", crop, *(state[1:] or state))
        finite = all(np.isfinite(values).all() for values in maps.values())
        return decode(maps, windowed=windowed) if finite else None

    def _observe(
        self, image: Image, window: Window, crop: NDArray[np.uint8], state: State, *, windowed: bool
    ) -> Observation:
        peak = self._peak(crop, state, windowed=windowed)
        if peak is None:
            return Observation(self._box, 0.0, PeakFeatures(peak=0.0))  # never a box from a broken map
        height, width = image.shape[:2]
        found = self._offset.taken_off(window.to_image(peak.box))
        box = clipped(found, width, height, self._region.settings.min_target)
        apce, psr, second = response_shape(peak.response_map, peak.cell, peak.cells)
        ratio = math.sqrt(box.area / self._box.area)
        features = PeakFeatures(
            peak=peak.score,
            penalized_peak=peak.windowed,
            apce=apce,
            psr=psr,
            second_ratio=second,
            size_change=max(ratio, 1 / ratio),
            border=outside_share(found, width, height),
            similarity=peak.mass,
        )
        return Observation(box, peak.score, features)

    def _consider(self, image: Image, observation: Observation, crop: NDArray[np.uint8]) -> None:
        left, top, right, bottom = observation.box.xyxy
        at_border = left <= 0 or top <= 0 or right >= image.shape[1] or bottom >= image.shape[0]
        if self._gate.step(observation.score, at_border=at_border):
            template = self._region.template(image, observation.box).copy()
            self._view = _View(template, crop.copy() if self._settings.order == "deferred" else None)

    def _remember(self, template: NDArray[np.uint8], search: NDArray[np.uint8] | None) -> None:
        self._view = None
        if self._settings.rule == "blend":
            further = np.array([self._settings.adapt], np.float32)
        else:
            assert search is not None  # noqa: S101 - for the type checker: both callers have one
            further = search
        self._state = tuple(self._backend.run("update", self._state[0], template, further).values())
