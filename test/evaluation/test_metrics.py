from __future__ import annotations

import math

import numpy as np
import pytest

from uav_tracker_ros.errors import InvalidParameter
from uav_tracker_ros.evaluation.metrics import (
    CONVENTIONS,
    center_distances,
    losses,
    overlaps,
    precision,
    precision_curve,
    score_sequence,
    success_auc,
    success_curve,
)

NAN = [math.nan] * 4


def test_overlaps_of_hand_worked_boxes() -> None:
    found = np.array([[0, 0, 10, 10], [0, 0, 10, 10], [0, 0, 10, 10], [0, 0, 0, 0], [-5, 0, 10, 10]], float)
    truth = np.array([[0, 0, 10, 10], [5, 0, 10, 10], [20, 0, 5, 5], [0, 0, 0, 0], [0, 0, 10, 10]], float)
    # Boxes are not clipped to the image: the last pair shares 5 of 15 columns.
    assert overlaps(found, truth) == pytest.approx([1, 1 / 3, 0, 0, 1 / 3])
    assert np.isnan(overlaps(found[:1], np.array([NAN])))


def test_center_distance() -> None:
    assert center_distances(np.array([[0.0, 0, 10, 10]]), np.array([[3.0, 4, 10, 10]])) == pytest.approx([5])


def test_success_counts_strictly_above() -> None:
    # IoU 1 is above 20 of 21 thresholds (not above 1), IoU 0.5 above 0..0.45: 10, IoU 0 above none.
    assert success_auc(np.array([1.0])) == pytest.approx(20 / 21)
    assert success_auc(np.array([0.5])) == pytest.approx(10 / 21)
    assert success_auc(np.array([0.0])) == 0
    assert success_auc(np.array([1.0, 0.0])) == pytest.approx(10 / 21)


def test_precision_includes_the_limit() -> None:
    assert precision(np.array([20.0, 20.01, 3.0, 90.0])) == 0.5


def test_first_and_absent_frames_are_not_scored() -> None:
    truth = np.array([[0, 0, 10, 10], [0, 0, 10, 10], NAN, [0, 0, 10, 10]], float)
    found = np.array([[90, 90, 5, 5], [0, 0, 10, 10], [70, 70, 3, 3], [50, 50, 10, 10]], float)
    scores = score_sequence(found, truth)
    assert scores.frames == 2
    assert scores.success_auc == pytest.approx(10 / 21)
    assert scores.precision_20px == 0.5


def test_unequal_counts_and_nothing_to_score() -> None:
    with pytest.raises(InvalidParameter, match="truth of this video"):
        score_sequence(np.zeros((3, 4)), np.zeros((4, 4)))
    with pytest.raises(InvalidParameter, match="can be scored"):
        score_sequence(np.zeros((2, 4)), np.array([[0, 0, 1, 1], NAN], float))


# Five frames: given exactly, IoU 1/3 at 5 px, absent, IoU 0.5 (found twice as high, centre 5 px off), IoU 0 at 40 px.
TRUTH = np.array([[0, 0, 10, 10], [5, 0, 10, 10], NAN, [0, 0, 10, 10], [0, 0, 10, 10]], float)
FOUND = np.array([[3, 3, 9, 9], [0, 0, 10, 10], [0, 0, 5, 5], [0, 0, 10, 20], [40, 0, 10, 10]], float)


@pytest.mark.parametrize(
    ("name", "frames", "success", "within_20"),
    [
        # Thresholds passed: IoU 1/3 above 0 to 0.30: 7; IoU 0.5 above 0 to 0.45: 10; IoU 0 none; IoU 1 above 20.
        pytest.param("default", 3, (7 + 10 + 0) / 63, 2 / 3, id="first frame and absent frame left out"),
        pytest.param("otb", 4, (20 + 7 + 10 + 0) / 84, 3 / 4, id="first frame counts as right"),
        pytest.param("pysot", 5, (20 + 7 + 10 + 0 + 0) / 105, 3 / 5, id="absent frame counts as a miss"),
        # At least: IoU 0.5 reaches 0.5 too (11), IoU 0 reaches 0 (1), 1/3 nothing more.
        pytest.param("inclusive", 3, (7 + 11 + 1) / 63, 2 / 3, id="IoU >= t"),
    ],
)
def test_conventions(name: str, frames: int, success: float, within_20: float) -> None:
    scores = score_sequence(FOUND, TRUTH, CONVENTIONS[name])
    assert scores.frames == frames
    assert scores.success_auc == pytest.approx(success)
    assert scores.precision_20px == pytest.approx(within_20)
    assert scores.robustness == pytest.approx((frames - (name == "pysot") - 1) / (frames - (name == "pysot")))
    assert scores.losses == 1


def test_the_convention_is_said_in_words() -> None:
    assert "frame 0 is not scored" in str(CONVENTIONS["default"])
    assert "IoU > t at 21 thresholds" in str(CONVENTIONS["default"])
    assert "frame 0 counts as right" in str(CONVENTIONS["pysot"])
    assert "without the target count as misses" in str(CONVENTIONS["pysot"])
    assert "IoU >= t" in str(CONVENTIONS["inclusive"])


def test_normalised_precision_divides_by_the_true_sides() -> None:
    truth = np.array([[0, 0, 10, 20], [0, 0, 10, 20], [0, 0, 10, 20]], float)
    found = np.array([[0, 0, 10, 20], [2.5, 0, 10, 20], [0, 8, 10, 20]], float)
    # 2.5/10 = 0.25 is within 0.25 to 0.50 of 51 thresholds: 26; 8/20 = 0.4: 11.
    assert score_sequence(found, truth).normalized_precision == pytest.approx((26 + 11) / 102)


@pytest.mark.parametrize(
    ("overlap", "count"),
    [
        pytest.param([0.5, 0.4], 0, id="never"),
        pytest.param([0.5, 0, 0, 0.3, 0], 2, id="two runs"),
        pytest.param([0, 0, 0.4], 1, id="from the start"),
        pytest.param([], 0, id="no frame"),
    ],
)
def test_losses(overlap: list[float], count: int) -> None:
    assert losses(np.array(overlap)) == count


def test_curves_of_hand_worked_values() -> None:
    assert success_curve(np.array([0.5, 1.0]))[[0, 9, 10, 19, 20]] == pytest.approx([1, 1, 0.5, 0.5, 0])
    assert precision_curve(np.array([0.0, 7.5]))[[0, 7, 8, 50]] == pytest.approx([0.5, 0.5, 1, 1])
