"""From hand-made maps to a place: siamfcpp's and siamcar's choice of a cell."""

from __future__ import annotations

import numpy as np
import pytest

from uav_tracker_ros.trackers.decoding import SiameseSettings, change, change_penalty
from uav_tracker_ros.trackers.siamcar import decoding as car
from uav_tracker_ros.trackers.siamfcpp import decoding as fcpp
from uav_tracker_ros.trackers.siamfcpp import lite0_decoding as lite0

PLAIN = SiameseSettings(window_influence=0.0, penalty=0.0, size_rate=0.5)


def maps(cells: int, distance: float = 20.0, score: float = 0.1) -> dict[str, np.ndarray]:
    return {
        "score": np.full((1, 1, cells, cells), score, np.float32),
        "centerness": np.ones((1, 1, cells, cells), np.float32),
        "distances": np.full((1, 4, cells, cells), distance, np.float32),
    }


def test_one_hot_cell_with_its_distances() -> None:
    hot = maps(17)
    hot["score"][0, 0, 5, 11], hot["centerness"][0, 0, 5, 11] = 0.8, 0.5
    hot["distances"][0, :, 5, 11] = (10, 20, 30, 44)
    peak = fcpp.decode(hot, (40.0, 64.0), PLAIN)
    assert peak.box.xyxy == (165.5, 107.5, 205.5, 171.5)  # around (87.5 + 8*11, 87.5 + 8*5)
    assert peak.score == pytest.approx(0.4)
    assert peak.trust == pytest.approx(0.4)
    assert peak.cell == (5, 11)
    assert peak.size_change == pytest.approx(1.0)
    assert peak.target_cells == (3, 11, 10, 15)  # cells whose points lie in the box


def test_equal_cells_give_the_first() -> None:
    assert fcpp.decode(maps(17), (40.0, 40.0), PLAIN).cell == (0, 0)


def test_window_prefers_the_middle_and_leaves_the_score() -> None:
    peak = fcpp.decode(maps(17), (40.0, 40.0), fcpp.SETTINGS)
    assert peak.cell == (8, 8)
    assert peak.box.center == (151.5, 151.5)
    assert peak.score == pytest.approx(0.1)
    assert peak.penalized == pytest.approx(0.1 * (1 - 0.2315323) + 0.2315323)


def test_penalty_prefers_the_last_size() -> None:
    two = maps(17)
    two["score"][0, 0, 3, 3], two["score"][0, 0, 12, 12] = 0.80, 0.81
    two["distances"][0, :, 12, 12] = 60  # three times as large as before
    assert fcpp.decode(two, (40.0, 40.0), PLAIN).cell == (12, 12)
    strict = fcpp.decode(two, (40.0, 40.0), SiameseSettings(0.0, 0.0541376, 0.5))
    assert strict.cell == (3, 3)
    assert strict.trust == pytest.approx(0.80)  # no change, no penalty


def test_change_is_the_same_up_and_down() -> None:
    ratio = np.array([0.25, 0.5, 1.0, 2.0, 4.0])
    assert change(ratio).tolist() == [4.0, 2.0, 1.0, 2.0, 4.0]
    larger, _ = change_penalty(np.array([80.0]), np.array([40.0]), 40.0, 20.0, 0.1)
    smaller, _ = change_penalty(np.array([20.0]), np.array([10.0]), 40.0, 20.0, 0.1)
    assert larger[0] == pytest.approx(smaller[0])
    assert larger[0] == pytest.approx(np.exp(-0.1))
    turned, size_change = change_penalty(np.array([20.0]), np.array([40.0]), 40.0, 20.0, 0.1)
    assert size_change[0] == pytest.approx(1.0)
    assert turned[0] == pytest.approx(np.exp(-(4 - 1) * 0.1))  # ratio 2 became 1/2


def test_lite0_cells_touched_by_the_box() -> None:
    assert lite0.covered_cells(np.array([16.0, 31.0, 49.0, 64.0])) == (1, 4, 1, 4)


def test_car_takes_the_point_and_the_size() -> None:
    hot = maps(21, score=0.0)
    hot["score"][0, 0, 6, 12] = 0.9
    hot["distances"][0] = np.array([10, 20, 30, 40], np.float32)[:, None, None]
    peak = car.decode(hot, (40.0, 60.0), PLAIN)
    assert peak.box.center == (63.5 + 8 * 12, 63.5 + 8 * 6)  # the peak itself, not the middle of the box
    assert (peak.box.w, peak.box.h) == pytest.approx((40.0, 60.0))
    assert peak.score == pytest.approx(0.9, rel=1e-5)
    assert peak.trust == pytest.approx(0.9, rel=1e-5)
    assert peak.cell == (6, 12)


def test_car_finds_the_peak_between_cells() -> None:
    hot = maps(21, score=0.0)
    hot["score"][0, 0, 10, 10:12] = 0.9
    peak = car.decode(hot, (40.0, 40.0), PLAIN)
    assert peak.box.center == (63.5 + 84, 63.5 + 80)


def test_car_looks_for_the_target_near_the_windowed_peak_only() -> None:
    two = maps(21, score=0.0)
    two["score"][0, 0, 10, 10], two["score"][0, 0, 10, 19] = 0.85, 0.9
    settings = SiameseSettings(window_influence=0.5, penalty=0.0, size_rate=0.4)
    assert car.decode(two, (40.0, 40.0), settings).cell == (10, 10)
    assert car.decode(two, (40.0, 40.0), PLAIN).cell == (10, 19)


def test_enlarged_map_keeps_the_cells_and_their_places() -> None:
    values = np.random.default_rng(0).random((21, 21))
    large = car.enlarged(values)
    assert large.shape == (161, 161)
    assert np.allclose(large[::8, ::8], values, atol=1e-6)
