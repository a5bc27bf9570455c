"""Sequences made on demand and a tracker that knows them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from uav_tracker_ros.evaluation.datasets.sequence import Sequence
from uav_tracker_ros.geometry import Box
from uav_tracker_ros.trackers.confidence import Calibration
from uav_tracker_ros.trackers.contract import Observation, PeakFeatures


class Drawn:
    """Images made on demand; image k is all k."""

    def __init__(self, count: int, claimed: int | None = None) -> None:
        self._count = count
        self._claimed = count if claimed is None else claimed

    def count(self) -> int:
        return self._claimed

    def __iter__(self):
        return (np.full((60, 80, 3), number, np.uint8) for number in range(self._count))


class Scripted:
    """Answers with the box (10 + k, 10, 20, 20) on image k, and the given scores."""

    calibration: Calibration | None = None

    def __init__(self, scores: list[float]) -> None:
        self._scores = scores

    def initialize(self, image: np.ndarray, box: Box) -> None:
        self._left = list(self._scores)

    def update(self, image: np.ndarray) -> Observation:
        score = self._left.pop(0)
        return Observation(Box(10.0 + image[0, 0, 0], 10, 20, 20), score, PeakFeatures(peak=score))


def sequence(count: int, images: Drawn | None = None) -> Sequence:
    truth = np.array([[10.0 + number, 10, 20, 20] for number in range(count)])
    return Sequence("drawn", images or Drawn(count), truth, 30.0, Path("drawn.txt"))
