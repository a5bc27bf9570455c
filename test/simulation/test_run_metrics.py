import numpy as np
import pytest

from uav_tracker_ros.following.report import FollowPhase
from uav_tracker_ros.geometry import TargetState
from uav_tracker_ros.simulation import run_metrics, scenarios
from uav_tracker_ros.simulation.flight_record import ControlSeries, FrameSeries

LATENCY = 0.1


def series(phases, overlaps, *, speed=2.0, state=TargetState.TRACKING, visible=1.0):
    """50 Hz of control and 25 Hz of images, one phase and one overlap a second."""
    steps, images = 50 * len(phases), 25 * len(overlaps)
    time = np.arange(steps) / 50
    zeros = np.zeros((steps, 3))
    control = ControlSeries(
        time,
        zeros,
        zeros,
        zeros,
        zeros,
        np.zeros(steps),
        np.repeat([int(phase) for phase in phases], 50),
        np.full(steps, 3),
        np.tile([speed, 0.0, 0.0], (steps, 1)),
        np.zeros(steps),
        np.zeros(steps, int),
        np.full(steps, LATENCY),
    )
    boxes = np.tile([300.0, 200.0, 20.0, 60.0], (images, 1))
    frames = FrameSeries(
        np.arange(images) / 25,
        boxes,
        np.broadcast_to(np.repeat(visible, images // np.size(visible)), (images,)),
        boxes,
        np.full(images, int(state)),
        np.ones(images),
        np.ones(images, int),
        np.repeat(np.array(overlaps, float), 25),
    )
    return control, frames


FOLLOWING, COASTING, HOLD = FollowPhase.FOLLOWING, FollowPhase.COASTING, FollowPhase.HOLD


@pytest.mark.parametrize(
    ("change", "wrong_s"),
    [
        pytest.param({}, 1.0, id="following a box on something else"),
        pytest.param({"speed": 0.1}, 0.0, id="only turning"),
        pytest.param({"state": TargetState.LOST}, 0.0, id="a tracker that says it has lost the target"),
    ],
)
def test_false_follow_counts_what_is_flown_towards_something_else(change, wrong_s):
    control, frames = series([FOLLOWING] * 3, [1.0, 0.05, 1.0], **change)
    assert run_metrics.false_follow(control, frames) == pytest.approx(wrong_s, abs=0.05)


def test_a_resumption_on_something_else_is_a_wrong_lock():
    assert run_metrics.wrong_locks(*series([FOLLOWING, COASTING, FOLLOWING], [1.0, 0.0, 0.0])) == 1
    assert run_metrics.wrong_locks(*series([FOLLOWING, COASTING, FOLLOWING], [1.0, 1.0, 1.0])) == 0


@pytest.mark.parametrize(
    ("phases", "reacquired", "held"),
    [([FOLLOWING, COASTING, FOLLOWING, FOLLOWING], 1.0, 0.0), ([FOLLOWING, COASTING, COASTING, HOLD], 0.0, 1.0)],
)
def test_after_a_loss_the_end_counts(phases, reacquired, held):
    control, frames = series(phases, [1.0, 0.0, 1.0, 1.0], visible=[1.0, 0.0, 1.0, 1.0])
    found = run_metrics._after_losses(control, frames)
    assert (found["reacquired"], found["held"]) == (reacquired, held)
    assert found["unseen_travel_m"] == 0.0


def test_motion_long_after_the_target_was_seen_is_counted():
    control, frames = series([FOLLOWING] + [COASTING] * 6, [1.0] + [0.0] * 6, visible=[1.0] + [0.0] * 6)
    # Known to be unseen 0.1 s after the first second; then 3 s are allowed.
    assert run_metrics._after_losses(control, frames)["unseen_travel_m"] == pytest.approx(2 * (7 - 4.2), abs=0.3)


def test_bars_follow_latency_and_response():
    values = {"p95": 1.0, "max": 3.0, "in_frame_min": 0.95, "jerk": 13.0}
    limits = {"p95": (0.8, 0.9, 1.3), "max": 2.0, "in_frame_min": 0.99, "end": 0.5}
    sih = {bar["name"]: (bar["limit"], bar["ok"]) for bar in run_metrics.judge(limits, values, 0.15, "sih")}
    assert sih == {
        "p95": (pytest.approx(1.26), True),
        "max": (pytest.approx(2.8), False),
        "in_frame_min": (0.99, False),
        "jerk": (12.0, False),
    }
    late = {bar["name"]: bar["limit"] for bar in run_metrics.judge(limits, values, 0.225, "design")}
    assert late["p95"] == pytest.approx(1.1)


@pytest.mark.parametrize("name", scenarios.names())
def test_every_bar_of_a_scenario_is_measured(name):
    assert scenarios.get(name).bars.keys() <= run_metrics.values({}).keys()
