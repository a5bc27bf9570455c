import itertools
import math

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from ideal_flight import IdealFlight

from uav_tracker_ros.flight import SETPOINT_LIFETIME_S, GateState, VehicleMode
from uav_tracker_ros.following.follower import Follower
from uav_tracker_ros.following.report import EndCode, FollowPhase, Goal
from uav_tracker_ros.following.settings import FollowSettings
from uav_tracker_ros.geometry import TargetState


@pytest.fixture
def flight():
    return IdealFlight()


def codes(flight):
    return {text.split(":")[0] for text in flight.out.report.blockers}


def error(flight):
    return np.linalg.norm(flight.position[:2] - flight.target - [-10, 0])


def test_before_a_goal_nothing_is_sent(flight):
    flight.run(3)
    assert flight.phase is FollowPhase.READY
    assert not flight.setpoints


def test_hand_over_starts_with_the_measured_motion(flight):
    flight.velocity = np.array([0.3, -0.2, 0.0])
    flight.run_to(FollowPhase.READY)
    flight.follower.start_goal(Goal(), flight.now)
    measured = flight.velocity.copy()
    flight.run(0.1)
    _, first = flight.setpoints[0]
    assert first.velocity_ned == pytest.approx(measured, abs=0.05)
    assert first.yaw_ned == pytest.approx(flight.yaw, abs=1e-6)
    flight.run_to(FollowPhase.FOLLOWING)
    speeds = [np.array(setpoint.velocity_ned) for _, setpoint in flight.setpoints]
    steps = [np.linalg.norm(b - a) for a, b in itertools.pairwise(speeds)]
    assert max(steps) < 0.2


def test_setpoints_carry_expiry_and_engagement(flight):
    flight.follow()
    now, setpoint = flight.setpoints[-1]
    assert setpoint.valid_until == pytest.approx(now + SETPOINT_LIFETIME_S)
    assert setpoint.engagement == flight.engagement


def test_a_walking_target_is_followed(flight):
    flight.follow()
    flight.target_velocity = np.array([1.0, 1.0])
    flight.run(12)
    assert flight.phase is FollowPhase.FOLLOWING
    assert error(flight) < 0.7
    assert flight.out.report.distance == pytest.approx(10, abs=0.7)
    assert flight.out.report.target_velocity_ned[:2] == pytest.approx([1, 1], abs=0.3)


def test_follow_keeps_the_distance_only():
    flight = IdealFlight(mode="follow")
    flight.follow(Goal(distance=9.0))
    flight.target_velocity = np.array([1.5, 0.0])
    flight.run(15)
    assert np.linalg.norm(flight.position[:2] - flight.target) == pytest.approx(9, abs=0.7)


def test_spotlight_keeps_the_place_and_turns_to_the_target():
    flight = IdealFlight(mode="spotlight")
    flight.follow()
    flight.target_velocity = np.array([0.0, 1.0])
    flight.run(6)
    assert np.linalg.norm(flight.position[:2] - [-10, 0]) < 0.5
    bearing = math.atan2(flight.target[1], flight.target[0] + 10)
    assert flight.yaw == pytest.approx(bearing, abs=math.radians(6))


def test_goal_bearing_moves_around_the_target(flight):
    flight.follow(Goal(bearing=math.radians(-150)))
    flight.run(12)
    away = flight.position[:2] - flight.target
    assert math.degrees(math.atan2(away[1], away[0])) == pytest.approx(-150, abs=4)


@pytest.mark.parametrize(
    ("goal", "says"),
    [
        (Goal(mode="chase"), "mode is 'chase'"),
        (Goal(distance=200.0), "distance"),
        (Goal(height=-3.0), "height"),
        (Goal(timeout=-1.0), "timeout"),
        (Goal(timeout=math.nan), "timeout"),
        (Goal(bearing=math.inf), "bearing"),
    ],
)
def test_goals_that_make_no_sense(flight, goal, says):
    flight.run_to(FollowPhase.READY)
    assert flight.follower.start_goal(goal, flight.now) is EndCode.INVALID_GOAL
    flight.step()
    assert says in flight.out.report.end_message


def test_without_allow_engage_a_goal_is_refused():
    flight = IdealFlight(allow_engage=False)
    flight.run_to(FollowPhase.READY)
    assert flight.follower.start_goal(Goal(), flight.now) is EndCode.REFUSED
    flight.run(2)
    assert not flight.setpoints


def test_dry_run_computes_everything_and_sends_nothing():
    flight = IdealFlight(allow_engage=False, dry_run=True)
    flight.follow()
    flight.target_velocity = np.array([1.0, 0.0])
    flight.run(2)
    assert flight.out.report.velocity_ned[0] > 0.3
    assert not flight.setpoints
    assert not flight.stops
    assert flight.gate is GateState.SILENT


def test_blockers_before_anything_came():
    out = Follower(FollowSettings()).step(1.0)
    assert {text.split(":")[0] for text in out.report.blockers} == {"GATE_DOWN", "NO_INTRINSICS"}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        pytest.param({"battery": 0.15}, "BATTERY", id="battery"),
        pytest.param({"gate": GateState.NO_LINK}, "GATE_DOWN", id="no link"),
        pytest.param({"telemetry_flows": False}, "GATE_DOWN", id="gate silent"),
        pytest.param({"images": False}, "NO_TARGET", id="no target"),
        pytest.param({"state": TargetState.LOST}, "NO_TARGET", id="target lost"),
        pytest.param({"position": np.array([-10.0, 0.0, -1.0])}, "ALTITUDE", id="too low"),
        pytest.param({"position": np.array([-90.0, 0.0, -6.0])}, "FENCE", id="outside the fence"),
    ],
)
def test_blockers_forbid_the_goal(flight, change, code):
    if "position" not in change:  # a vehicle that jumps is one whose origin was moved
        flight.run_to(FollowPhase.READY)
    for name, value in change.items():
        setattr(flight, name, value)
    flight.run(1.5)
    assert code in codes(flight)
    assert flight.phase is FollowPhase.IDLE
    assert flight.follower.start_goal(Goal(), flight.now) is EndCode.BLOCKED


def test_a_geometry_that_loses_the_target_blocks(flight):
    flight.run_to(FollowPhase.READY)
    assert flight.follower.start_goal(Goal(distance=5.0, height=20.0), flight.now) is EndCode.BLOCKED
    flight.step()
    assert "FOV_GEOMETRY" in flight.out.report.end_message


def test_a_gate_that_refuses_ends_the_goal(flight):
    flight.gate_refuses = True
    flight.run_to(FollowPhase.READY)
    flight.follower.start_goal(Goal(), flight.now)
    assert flight.run(5, lambda: flight.out.report.end_code is EndCode.ENGAGE_FAILED)
    assert not flight.setpoints


def test_cancel_holds_then_idles(flight):
    flight.follow()
    flight.follower.cancel(flight.now)
    flight.step()
    assert flight.phase is FollowPhase.HOLD
    assert flight.out.setpoint is None
    assert flight.stops
    assert flight.out.report.end_code is EndCode.CANCELED
    flight.run(2)
    assert flight.phase in (FollowPhase.IDLE, FollowPhase.READY)


def test_stop_is_said_to_the_gate_also_without_a_goal(flight):
    flight.run(1)
    flight.follower.stop("operator", flight.now)
    flight.step()
    assert flight.out.stop is not None
    assert flight.out.stop.reason == "operator"


def test_timeout_ends_the_goal(flight):
    flight.follow(Goal(timeout=6.0))
    assert flight.run(4, lambda: flight.out.report.end_code is EndCode.TIMEOUT)
    assert flight.stops


def test_takeover_is_silent_and_latched(flight):
    flight.follow()
    flight.gate, flight.mode = GateState.TAKEN, VehicleMode.POSITION
    flight.step()
    count = len(flight.setpoints)
    assert flight.phase is FollowPhase.TAKEOVER
    assert flight.out.report.end_code is EndCode.TAKEOVER
    assert flight.out.setpoint is None
    flight.gate = GateState.SILENT  # even if the gate forgot
    flight.run(3)
    assert flight.phase is FollowPhase.TAKEOVER
    assert len(flight.setpoints) == count
    assert not flight.stops
    assert flight.follower.start_goal(Goal(), flight.now) is not EndCode.NONE
    assert flight.follower.reset_takeover(flight.now) == ""
    flight.run(1)
    assert flight.phase is FollowPhase.READY


@pytest.mark.parametrize(
    ("gate", "mode"), [(GateState.TAKEN, VehicleMode.POSITION), (GateState.SILENT, VehicleMode.OFFBOARD)]
)
def test_takeover_is_not_reset_while_it_lasts(flight, gate, mode):
    flight.follow()
    flight.gate, flight.mode = GateState.TAKEN, VehicleMode.POSITION
    flight.run(1)
    flight.gate, flight.mode = gate, mode
    flight.run(1)
    assert flight.follower.reset_takeover(flight.now) != ""
    flight.run(1)
    assert flight.phase is FollowPhase.TAKEOVER


@pytest.mark.parametrize("gate", [GateState.BRAKING, GateState.SILENT])
def test_a_gate_that_brakes_ends_the_goal(flight, gate):
    flight.follow()
    flight.gate = gate
    flight.step()
    assert flight.phase is FollowPhase.HOLD
    assert flight.out.setpoint is None
    assert flight.out.report.end_code is EndCode.VEHICLE_FAULT


@pytest.mark.parametrize("pause", [0.3, 5.0])
def test_a_controller_that_slept_sends_nothing_old(flight, pause):
    flight.follow()
    flight.target_velocity = np.array([2.0, 0.0])
    flight.run(3)
    waiting = flight.measurement(flight.now)
    count = len(flight.setpoints)
    flight.now += pause
    flight.follower.on_target(waiting, flight.now)
    flight.run(1)
    assert flight.out.report.end_code is EndCode.VEHICLE_FAULT
    assert "paused" in flight.out.report.end_message
    assert len(flight.setpoints) == count


def test_a_short_pause_is_survived(flight):
    flight.follow()
    flight.now += 0.1
    flight.run(1)
    assert flight.phase is FollowPhase.FOLLOWING


def test_gate_that_falls_silent(flight):
    flight.follow()
    flight.telemetry_flows = False
    start = flight.now
    assert flight.run(1, lambda: flight.phase is FollowPhase.HOLD)
    assert flight.now - start < 0.6
    assert flight.out.report.end_code in (EndCode.GATE_DOWN, EndCode.VEHICLE_FAULT)


@pytest.mark.parametrize(("code", "end"), [("TWO_PUBLISHERS", EndCode.VEHICLE_FAULT), ("GATE_DOWN", EndCode.GATE_DOWN)])
def test_faults_of_the_shell_hold(flight, code, end):
    flight.follow()
    flight.follower.fault(code, "seen by the node", True)
    flight.step()
    assert flight.phase is FollowPhase.HOLD
    assert flight.out.report.end_code is end
    flight.run(1)
    assert code in codes(flight)
    flight.follower.fault(code, "", False)
    flight.run(1)
    assert flight.phase is FollowPhase.READY


def test_a_warning_of_the_shell_only_warns(flight):
    flight.follow()
    flight.follower.fault("THERMAL", "90 C", True)
    flight.step()
    assert flight.phase is FollowPhase.FOLLOWING
    assert "THERMAL: 90 C" in flight.out.report.warnings


def test_critical_battery_holds(flight):
    flight.follow()
    flight.battery = 0.05
    flight.step()
    assert flight.out.report.end_code is EndCode.VEHICLE_FAULT
    assert "BATTERY" in flight.out.report.end_message


def test_orbit_goes_around_at_its_distance():
    flight = IdealFlight(mode="orbit", orbit_speed=2.0)
    flight.follow()
    flight.run(4)
    before = math.atan2(*(flight.position[:2] - flight.target)[::-1])
    flight.run(5)
    away = flight.position[:2] - flight.target
    assert np.linalg.norm(away) == pytest.approx(10, abs=0.8)
    turned = (math.atan2(away[1], away[0]) - before) % (2 * math.pi)
    assert turned == pytest.approx(5 * 2.0 / 10, abs=0.15)  # clockwise from above: north to east
    bearing = math.atan2(-away[1], -away[0])
    assert abs((flight.yaw - bearing + math.pi) % (2 * math.pi) - math.pi) < math.radians(5)


def test_a_target_that_comes_near_is_retreated_from(flight):
    flight.follow()
    flight.target_velocity = np.array([-2.5, 0.0])
    nearest = 99.0
    for _ in range(500):
        flight.step()
        nearest = min(nearest, np.linalg.norm(np.append(flight.target, -0.85) - flight.position))
    assert nearest > 4.0


@pytest.mark.parametrize("degrees", range(0, 360, 45))
def test_the_fence_holds_in_every_direction(degrees):
    heading = math.radians(degrees)
    flight = IdealFlight(mode="follow", fence_radius=25.0)
    flight.follow()
    flight.target_velocity = 4.0 * np.array([math.cos(heading), math.sin(heading)])
    furthest = 0.0
    for _ in range(600):
        flight.step()
        furthest = max(furthest, np.linalg.norm(flight.position[:2]))
    assert furthest < 25.0


def test_bad_messages_are_dropped_and_too_many_hold(flight):
    flight.follow()
    bad = flight.measurement(flight.now)._replace(confidence=math.nan)
    for _ in range(9):
        flight.follower.on_target(bad, flight.now)
    flight.run(2)
    assert flight.phase is FollowPhase.FOLLOWING
    for _ in range(10):
        flight.follower.on_target(bad, flight.now)
    flight.step()
    assert flight.phase is FollowPhase.HOLD


numbers = st.one_of(st.floats(allow_nan=True, allow_infinity=True), st.floats(-1000, 1000))


@settings(max_examples=12, deadline=None, phases=[Phase.explicit, Phase.generate])  # shrinking flies for minutes
@given(st.lists(st.tuples(*[numbers] * 6), max_size=9))
def test_no_message_makes_a_setpoint_that_is_not_finite(rows):
    flight = IdealFlight()
    flight.follow()
    for x, y, w, h, confidence, late in rows:
        good = flight.measurement(flight.now)
        fuzzed = good._replace(
            box=type(good.box)(x, y, w, h), confidence=confidence, stamp=flight.now + (late if late < 1e3 else 0.0)
        )
        flight.follower.on_target(fuzzed, flight.now)
        flight.run(0.06)
    assert all(map(math.isfinite, [part for _, s in flight.setpoints for part in (*s.velocity_ned, s.yaw_ned)]))


def test_a_clock_jump_coasts_and_recovers(flight):
    flight.follow()
    flight.follower.fault("CLOCK_JUMP", "1 s", True)
    flight.step()
    assert flight.phase is FollowPhase.COASTING
    flight.run_to(FollowPhase.FOLLOWING, 1.0)
    flight.run(1)
    assert flight.phase is FollowPhase.FOLLOWING


def test_old_telemetry_coasts_before_it_holds(flight):
    flight.follow()
    flight.run(2)
    flight.telemetry_flows = False
    flight.run(0.16)
    assert flight.phase is FollowPhase.COASTING
    flight.telemetry_flows = True
    flight.run_to(FollowPhase.FOLLOWING, 1.5)
