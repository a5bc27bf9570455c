"""Answers with the first box for ever: tests a whole pipeline without a tracker's faults."""

from __future__ import annotations

from uav_tracker_ros.geometry import Box, Image
from uav_tracker_ros.trackers.contract import Observation, PeakFeatures, Tracker
from uav_tracker_ros.trackers.inputs import check_box, check_image, not_initialized
from uav_tracker_ros.trackers.registry import Build, register


class StaticTracker:
    """Does not look at the image; its score is 1 because it never doubts."""

    def __init__(self) -> None:
        self._box: Box | None = None
        self._shape: tuple[int, ...] = ()

    def initialize(self, image: Image, box: Box) -> None:
        """See :class:`Tracker`."""
        check_image(image)
        self._box = check_box(box, image)
        self._shape = image.shape

    def update(self, image: Image) -> Observation:
        """See :class:`Tracker`."""
        if self._box is None:
            raise not_initialized("static")
        check_image(image, self._shape)
        return Observation(self._box, 1.0, PeakFeatures(peak=1.0))


@register("static")
def _make(build: Build) -> Tracker:
    return StaticTracker()
