from __future__ import annotations

import math

import numpy as np
import pytest

from uav_tracker_ros.errors import InvalidParameter
from uav_tracker_ros.evaluation.metrics import center_distances, overlaps, precision, score_sequence, success_auc

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
