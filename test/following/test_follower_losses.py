"""What the follower does when the target is not seen: wait, coast, search, return, hold."""

import math

import numpy as np
import pytest
from ideal_flight import IdealFlight

from uav_tracker_ros.flight import GateState, VehicleMode
from uav_tracker_ros.following.report import EndCode, FollowPhase, Goal
from uav_tracker_ros.geometry import Box, TargetState


@pytest.fixture
def flight():
    return IdealFlight()


def test_loss_coasts_searches_and_holds():
    flight = IdealFlight(search_max=6.0)
    flight.follow()
    flight.target_velocity = np.array([2.0, 0.0])
    flight.run(6)
    flight.images = False
    lost_at = flight.now
    flight.run_to(FollowPhase.COASTING, 1.0)
    assert flight.now - lost_at < 0.35
    flight.run(0.5)
    assert flight.velocity[0] > 1.5  # the target's speed is kept
    flight.run_to(FollowPhase.SEARCHING, 4.0)
    assert flight.now - lost_at == pytest.approx(3.0, abs=0.2)
    flight.run(4.5)
    assert np.linalg.norm(flight.out.setpoint.velocity_ned[:2]) < 0.3
    yaws = [setpoint.yaw_ned for now, setpoint in flight.setpoints if now > flight.now - 2]
    assert max(yaws) - min(yaws) > math.radians(15)
    assert math.isfinite(flight.out.report.distance)  # of the guess that the search turns to
    flight.run_to(FollowPhase.HOLD, 4.0)
    assert flight.out.report.end_code is EndCode.TARGET_LOST
    assert math.isnan(flight.out.report.distance)  # unknown: a guess would run away at its last speed


@pytest.mark.parametrize("image_turns", [2, 5], ids=["25 Hz", "10 Hz"])
def test_silence_is_a_loss_within_a_quarter_of_a_second(flight, image_turns):
    """There is no latency here."""
    flight.image_turns = image_turns
    flight.follow()
    flight.images = False
    flight.run_to(FollowPhase.COASTING, 0.5)
    assert flight.now - flight.follower._watch.seen <= 0.25 + 1e-6


def test_a_slow_camera_may_miss_an_image(flight):
    flight.image_turns = 5
    flight.follow()
    flight.run(1.0, lambda: flight.now == flight.follower._watch.seen)
    flight.images = False
    flight.run(0.18)
    flight.images = True
    assert not flight.run(1.0, lambda: flight.phase is not FollowPhase.FOLLOWING)


def test_height_is_not_changed_while_coasting(flight):
    flight.follow(Goal(height=8.0))
    assert flight.out.setpoint.velocity_ned[2] < -0.3
    flight.images = False
    flight.run_to(FollowPhase.COASTING, 1.0)
    flight.run(1.0)
    assert abs(flight.out.setpoint.velocity_ned[2]) < 0.1


@pytest.mark.parametrize(("state", "confidence"), [(TargetState.LOST, 0.0), (TargetState.UNCERTAIN, 0.1)])
def test_words_of_the_tracker_are_believed(flight, state, confidence):
    flight.follow()
    flight.state, flight.confidence = state, confidence
    flight.run_to(FollowPhase.COASTING, 0.5)


def test_a_short_loss_ends_by_itself(flight):
    flight.follow()
    flight.images = False
    flight.run(1.0)
    flight.images, flight.lock = True, 2
    flight.run_to(FollowPhase.FOLLOWING, 1.5)


def enter(flight):
    """A goal is accepted; the autopilot does not fly our setpoints yet."""
    flight.run_to(FollowPhase.READY)
    flight.run(0.4)
    assert flight.follower.start_goal(Goal(), flight.now) is EndCode.NONE
    flight.run_to(FollowPhase.ENGAGING, 0.1)


def test_a_gap_in_the_images_while_entering_is_waited_for(flight):
    enter(flight)
    flight.images = False
    flight.run(0.5)
    assert flight.phase is FollowPhase.ENGAGING
    flight.images = True
    flight.run_to(FollowPhase.FOLLOWING, 6.0)


def test_nothing_begins_without_a_target(flight):
    enter(flight)
    flight.state, flight.confidence = TargetState.LOST, 0.0
    flight.run_to(FollowPhase.HOLD, 1.3)
    assert flight.out.report.end_code is EndCode.TARGET_LOST
    assert flight.mode is VehicleMode.HOLD


def test_a_loss_during_the_ramp_coasts(flight):
    enter(flight)
    assert flight.run(2.0, lambda: flight.gate is GateState.STREAMING)
    flight.run(0.5)
    flight.images = False
    flight.run_to(FollowPhase.COASTING, 0.5)
    flight.images = True
    flight.run_to(FollowPhase.FOLLOWING, 1.5)


def test_another_object_is_not_followed(flight):
    flight.follow()
    flight.lock, flight.similarity = 2, 0.3
    assert flight.run(1.5, lambda: flight.phase is FollowPhase.COASTING)
    flight.run(4)
    assert flight.phase is FollowPhase.SEARCHING


def warned(flight, code):
    return any(text.startswith(code + ":") for text in flight.out.report.warnings)


@pytest.mark.parametrize(
    ("aside", "similarity", "expected"),
    [
        pytest.param(3.0, 0.9, True, id="a look-alike where the target cannot be"),
        pytest.param(3.0, 0.3, False, id="somebody in other clothes"),
        pytest.param(0.0, 0.9, False, id="the target itself"),
    ],
)
def test_a_look_alike_is_told_and_not_taken(flight, aside, similarity, expected):
    flight.follow()
    flight.images = False
    flight.run(0.5)
    flight.images, flight.lock, flight.similarity = True, 2, similarity
    flight.target = flight.target + np.array([0.0, aside])
    assert flight.run(0.6, lambda: warned(flight, "TARGET_LIKE_NEARBY")) is expected
    assert (flight.phase is FollowPhase.FOLLOWING) is (aside == 0)


def test_feet_that_were_wrong_for_a_second_do_not_lose_the_target(flight):
    """The estimate ran away along the line of sight; the tracker held the target all the time."""
    flight.follow()
    flight.target_velocity = np.array([1.5, 0.0])
    flight.run(6)
    true_measurement = flight.measurement

    def with_road(stamp):
        measured = true_measurement(stamp)
        left, top, right, bottom = measured.box.xyxy
        return measured._replace(box=Box.from_xyxy(left, top, right, bottom + 15))

    flight.measurement = with_road
    flight.run(1.0)
    flight.measurement = true_measurement
    flight.run_to(FollowPhase.FOLLOWING, 2.0)
    flight.run(3.0)
    assert flight.phase is FollowPhase.FOLLOWING
    assert flight.out.report.target_position_ned[0] == pytest.approx(flight.target[0], abs=0.5)


@pytest.mark.parametrize(("lock", "confidence", "looks"), [(1, 0.9, True), (1, 0.3, False), (2, 0.9, False)])
def test_what_the_tracker_never_let_go_of_is_looked_at_and_not_flown_to(flight, lock, confidence, looks):
    """It may be the target with a wrong estimate; once out of the picture nobody could tell any more."""
    flight.follow()
    flight.lock, flight.confidence = lock, confidence
    flight.target = flight.target + np.array([0.0, 3.0])
    flight.run_to(FollowPhase.COASTING, 0.6)
    flight.target_velocity = np.array([0.0, 1.0])
    flight.run(6)
    assert flight.phase is FollowPhase.SEARCHING
    bearing = math.atan2(*(flight.target - flight.position[:2])[::-1])
    assert (abs(bearing - flight.yaw) < math.radians(10)) is looks
    assert np.linalg.norm(flight.velocity[:2]) < 0.1


def test_a_look_alike_that_went_is_forgotten(flight):
    flight.follow()
    flight.images = False
    flight.run(0.5)
    flight.images, flight.lock = True, 2
    flight.target = flight.target + np.array([0.0, 3.0])
    assert flight.run(0.6, lambda: warned(flight, "TARGET_LIKE_NEARBY"))
    flight.images = False
    flight.run(1.2)
    assert not warned(flight, "TARGET_LIKE_NEARBY")


@pytest.mark.parametrize("slope", [0.10, -0.10])
def test_a_slope_is_suspected(flight, slope):
    flight.follow()
    flight.slope, flight.target_velocity = slope, np.array([1.5, 0.0])
    assert not flight.run(4, lambda: warned(flight, "SLOPE_SUSPECT"))  # 0.6 m are within what is not known
    assert flight.run(26, lambda: warned(flight, "SLOPE_SUSPECT"))
    assert f"m {'above' if slope > 0 else 'below'} ground_z" in " ".join(flight.out.report.warnings)


def test_level_ground_is_no_slope(flight):
    flight.follow()
    flight.target_velocity = np.array([1.5, 0.0])
    assert not flight.run(30, lambda: warned(flight, "SLOPE_SUSPECT"))


def test_after_a_long_loss_the_operator_confirms(flight):
    flight.follow()
    flight.images = False
    flight.run_to(FollowPhase.SEARCHING, 5.0)
    flight.run(2)
    flight.images, flight.lock = True, 2
    flight.run(2)
    assert flight.phase is FollowPhase.SEARCHING
    assert flight.follower.start_goal(Goal(), flight.now) is EndCode.NONE
    flight.run(1)
    assert flight.phase is FollowPhase.FOLLOWING


def test_the_search_looks_where_the_target_is_expected_first(flight):
    flight.follow()
    flight.images = False
    flight.run_to(FollowPhase.SEARCHING, 5.0)
    yaws = []
    flight.run(14, lambda: yaws.append(math.degrees(flight.out.setpoint.yaw_ned)))
    assert max(np.abs(yaws[: round(1.5 / 0.02)])) < 3
    assert max(np.abs(yaws[: round(5.5 / 0.02)])) < 25  # the target stays in the picture
    assert max(yaws) > 35
    assert min(yaws) < -18


def test_four_seconds_unseen_need_no_operator(flight):
    flight.follow()
    flight.images = False
    flight.run(4)
    assert flight.phase is FollowPhase.SEARCHING
    flight.images, flight.lock = True, 2
    flight.run_to(FollowPhase.FOLLOWING, 1.0)


def test_after_a_long_loss_spotlight_goes_on():
    flight = IdealFlight(mode="spotlight")
    flight.follow()
    flight.images = False
    flight.run_to(FollowPhase.SEARCHING, 5.0)
    flight.images, flight.lock = True, 2
    flight.run_to(FollowPhase.FOLLOWING, 2.0)
