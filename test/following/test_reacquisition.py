import math

import numpy as np
import pytest

from uav_tracker_ros.following.reacquisition import Candidate, Reacquisition
from uav_tracker_ros.following.target_estimator import Estimate

PREDICTED = Estimate(10.0, np.array([5.0, 0.0]), np.array([1.0, 0.0]), np.zeros(2), np.eye(2), 1.7, 0.0)
GOOD = Candidate(2, 0.7, 0.8, False, np.array([5.5, 0.5]), np.array([1.0, 0.0]), 1.75)


def judge(candidate, frames=5, *, unseen=1.0, long_loss=False):
    gates = Reacquisition(reid_on=0.6)
    for _ in range(frames):
        gates.judge(candidate, PREDICTED, unseen, 8.0)
    return gates.confirmed(long_loss=long_loss)


def test_five_good_frames_confirm_and_four_do_not():
    assert judge(GOOD, 5)
    assert not judge(GOOD, 4)


def test_a_long_loss_needs_ten_frames():
    assert not judge(GOOD, 9, long_loss=True)
    assert judge(GOOD, 10, long_loss=True)


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"confidence": 0.4}, id="not confident"),
        pytest.param({"similarity": 0.5}, id="looks different"),
        pytest.param({"similarity": math.nan}, id="looks not measured"),
        pytest.param({"position_ne": np.array([5.0, 6.0])}, id="too far from the prediction"),
        pytest.param({"position_ne": np.array([14.0, 0.0])}, id="beyond the largest radius"),
        pytest.param({"measured_height": 2.6}, id="too tall"),
    ],
)
def test_each_gate_refuses(wrong):
    assert not judge(GOOD._replace(**wrong), 20)


def test_the_same_lock_needs_no_similarity():
    assert judge(GOOD._replace(similarity=math.nan, same_lock=True))


def test_nobody_runs_that_fast():
    near = GOOD._replace(position_ne=np.array([7.5, 0.0]))
    assert judge(near, unseen=2.0)
    assert not judge(near, unseen=0.2)


def test_who_was_in_view_all_the_time_does_not_become_the_target():
    beside = GOOD._replace(position_ne=PREDICTED.position_ne + np.array([2.5, 0.0]))
    gates = Reacquisition(0.6)
    assert not any(gates.judge(beside, PREDICTED, unseen, 8.0) for unseen in np.arange(0.1, 4.0, 0.1))
    elsewhere = PREDICTED.position_ne + np.array([0.0, 2.5])
    assert gates.judge(beside._replace(lock=beside.lock + 1, position_ne=elsewhere), PREDICTED, 2.0, 8.0)  # only now


@pytest.mark.parametrize(("gap", "aside", "expected"), [(0.1, 0.3, False), (2.0, 0.3, True), (0.1, 2.0, True)])
def test_a_new_lock_on_who_was_refused_changes_nothing(gap, aside, expected):
    """Later, or elsewhere, it may be the target that came out."""
    beside = GOOD._replace(position_ne=PREDICTED.position_ne + np.array([2.5, 0.0]))
    gates = Reacquisition(0.6)
    for unseen in np.arange(0.1, 3.0, 0.1):
        assert not gates.judge(beside, PREDICTED._replace(stamp=10 + unseen), unseen, 8.0)
    anew = beside._replace(lock=beside.lock + 1, position_ne=beside.position_ne + np.array([0.0, aside]))
    unseen = 2.9 + gap
    assert gates.judge(anew, PREDICTED._replace(stamp=10 + unseen), unseen, 8.0) is expected


HELD = GOOD._replace(same_lock=True)  # the tracker never let go; seen along north


@pytest.mark.parametrize(
    ("candidate", "expected"),
    [
        pytest.param(HELD._replace(position_ne=np.array([8.5, 0.3])), True, id="farther than expected"),
        pytest.param(HELD._replace(position_ne=np.array([1.5, 0.3])), True, id="nearer than expected"),
        pytest.param(HELD._replace(position_ne=np.array([12.0, 0.0])), False, id="too much farther"),
        pytest.param(HELD._replace(position_ne=np.array([5.5, 3.5])), False, id="beside"),
        pytest.param(HELD._replace(position_ne=np.array([8.5, 0.3]), similarity=0.5), False, id="looks different"),
        pytest.param(GOOD._replace(position_ne=np.array([8.5, 0.3])), False, id="found anew"),
    ],
)
def test_a_wrong_distance_is_forgiven_to_whom_the_tracker_held(candidate, expected):
    assert judge(candidate, unseen=0.3) is expected


def test_another_lock_starts_again():
    gates = Reacquisition(0.6)
    for k in range(8):
        gates.judge(GOOD._replace(lock=k % 2), PREDICTED, 1.0, 8.0)
    assert not gates.confirmed(long_loss=False)
