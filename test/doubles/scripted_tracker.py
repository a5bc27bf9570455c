"""A tracker that answers what a script says, to test what is built on trackers."""

from __future__ import annotations

from collections.abc import Callable

from uav_tracker_ros.geometry import Box, Image
from uav_tracker_ros.trackers.contract import Observation, PeakFeatures


class ScriptedTracker:
    """Probing; ``answer(frame, region)`` gives box and score, region None for an update."""

    def __init__(self, answer: Callable[[int, Box | None], tuple[Box, float]]) -> None:
        self.answer = answer
        self.frame = 0
        self.moves: list[Box] = []
        self.probed: list[tuple[int, Box]] = []

    def initialize(self, image: Image, box: Box) -> None:
        self.frame = 0

    def update(self, image: Image) -> Observation:
        self.frame += 1
        return self._observe(None)

    def probe(self, image: Image, region: Box) -> Observation:
        self.probed.append((int(image.flat[0]), region))
        return self._observe(region)

    def move_to(self, box: Box) -> None:
        self.moves.append(box)

    def _observe(self, region: Box | None) -> Observation:
        box, score = self.answer(self.frame, region)
        return Observation(box, score, PeakFeatures(peak=score))
