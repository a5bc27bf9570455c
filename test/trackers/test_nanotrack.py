from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scenes import frame

from uav_tracker_ros.geometry import Box
from uav_tracker_ros.trackers.nanotrack import NanoTracker, NanoTrackSettings

PLAIN = NanoTrackSettings(window=0.0, penalty=0.0, rate=1.0)


class ScriptedBackend:
    """Answers with one hot cell."""

    name = "scripted"

    def __init__(self, cell: tuple[int, int], distances: tuple[float, float, float, float], cells: int = 15) -> None:
        self.logits = np.zeros((1, 2, cells, cells), np.float32)
        self.logits[0, 1] = -20
        self.logits[0, 1, cell[0], cell[1]] = 20
        self.distances = np.zeros((1, 4, cells, cells), np.float32) + np.array(distances).reshape(1, 4, 1, 1)
        self.fed: list[tuple[int, ...]] = []

    def run(self, graph: str, *arrays: NDArray[Any]) -> dict[str, NDArray[Any]]:
        if graph == "backbone":
            self.fed.append(arrays[0].shape)
            return {"output": np.zeros((1, 1), np.float32)}
        return {"output1": self.logits, "output2": self.distances}


def started(backend: ScriptedBackend, settings: NanoTrackSettings = PLAIN) -> NanoTracker:
    tracker = NanoTracker("scripted", backend, settings)
    image, _ = frame(100, 80)
    tracker.initialize(image, Box(100, 80, 40, 40))
    return tracker


def test_hot_cell_becomes_the_box() -> None:
    """Side sqrt(80*80) = 80, search 160.63 px = 255: scale 1.5875; cell 9 of 15 lies 32 search px right."""
    backend = ScriptedBackend((7, 9), (32.0, 24.0, 32.0, 24.0))
    seen = started(backend).update(frame(100, 80)[0])
    assert backend.fed == [(1, 3, 127, 127), (1, 3, 255, 255)]
    scale = 127 / 80
    # 119.5 and 99.5: the authors' centre x + (w - 1)/2.
    assert seen.box.center == pytest.approx((119.5 + 32 / scale, 99.5), abs=1e-6)
    assert (seen.box.w, seen.box.h) == pytest.approx((64 / scale, 48 / scale), abs=1e-4)
    assert seen.score == pytest.approx(1.0, abs=1e-6)


def test_unequal_distances_move_the_center() -> None:
    seen = started(ScriptedBackend((7, 7), (10.0, 30.0, 30.0, 50.0))).update(frame(100, 80)[0])
    scale = 127 / 80
    assert seen.box.center == pytest.approx((119.5 + 10 / scale, 99.5 + 10 / scale), abs=1e-6)


def test_size_moves_by_rate_times_score_times_penalty() -> None:
    """Unchanged size: penalty 1, score 1."""
    scale = 127 / 80
    half = 40 * scale / 2
    backend = ScriptedBackend((7, 7), (half, half, half, half))
    tracker = started(backend, NanoTrackSettings(window=0.0, penalty=0.1, rate=0.25))
    assert tracker.update(frame(100, 80)[0]).box.w == pytest.approx(40, abs=1e-4)
    backend.distances *= 2
    twice = tracker.update(frame(100, 80)[0])
    # Twice as large: size change 2, ratio change 1: penalty exp(-0.1).
    assert twice.box.w == pytest.approx(40 + 40 * 0.25 * np.exp(-0.1), abs=1e-3)
    assert twice.features.size_change == pytest.approx(2, abs=1e-5)


def test_small_targets_stay_at_ten_px() -> None:
    tracker = started(ScriptedBackend((7, 7), (1.0, 1.0, 1.0, 1.0)))
    seen = tracker.update(frame(100, 80)[0])
    assert (seen.box.w, seen.box.h) == (10, 10)


def test_equal_cells_are_decided_by_the_window() -> None:
    backend = ScriptedBackend((2, 2), (20.0, 20.0, 20.0, 20.0))
    backend.logits[0, 1, 7, 7] = 20
    near = started(backend, NanoTrackSettings(0.4, 0.0, 0.0)).update(frame(100, 80)[0])
    assert near.box.center == pytest.approx((119.5, 99.5), abs=1e-6)
    assert near.features.second_ratio == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("where", ["logits", "distances"])
def test_broken_maps_never_move_the_box(where: str) -> None:
    backend = ScriptedBackend((7, 9), (32.0, 24.0, 32.0, 24.0))
    tracker = started(backend)
    before = tracker.update(frame(100, 80)[0]).box
    getattr(backend, where)[0, 0, 3, 3] = np.nan
    broken = tracker.update(frame(100, 80)[0])
    assert broken.box == before
    assert broken.score == 0
