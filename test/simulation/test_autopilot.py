"""The stand-in's rules and motion, as measured on PX4 v1.16.0 in its own simulator."""

import math
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "doubles"))

from stepped_pilot import SteppedPilot

from uav_tracker_ros.errors import InvalidParameter, UnknownName
from uav_tracker_ros.flight import VehicleMode
from uav_tracker_ros.simulation.autopilot import Autopilot, AutopilotSettings
from uav_tracker_ros.simulation.px4_commander import MavResult, Severity
from uav_tracker_ros.simulation.px4_setpoints import (
    BODY_NED,
    LOCAL_NED,
    VELOCITY_AND_YAW,
    VELOCITY_AND_YAW_RATE,
    PositionTarget,
)


def test_starts_hovering_in_hold():
    pilot = SteppedPilot(position_ned=(5.0, -2.0, -6.0), yaw=1.0)
    pilot.fly(5.0)
    truth = pilot.autopilot.truth()
    assert pilot.mode is VehicleMode.HOLD
    assert pilot.status.armed
    assert pilot.status.in_air
    assert truth.position_ned == pytest.approx((5.0, -2.0, -6.0), abs=0.01)


def test_one_setpoint_is_enough_to_enter_offboard_and_none_is_refused():
    pilot = SteppedPilot()
    assert pilot.request(VehicleMode.OFFBOARD) is MavResult.TEMPORARILY_REJECTED
    pilot.fly(0.02)
    assert "Switching to Offboard is currently not available" in pilot.texts
    pilot.send()
    assert pilot.request(VehicleMode.OFFBOARD) is MavResult.ACCEPTED
    assert pilot.mode is VehicleMode.OFFBOARD


def test_old_setpoint_does_not_open_offboard():
    pilot = SteppedPilot()
    pilot.send()
    pilot.fly(0.6)
    assert pilot.request(VehicleMode.OFFBOARD) is MavResult.TEMPORARILY_REJECTED


def test_setpoints_move_nothing_outside_offboard():
    pilot = SteppedPilot()
    pilot.fly(3.0, 3.0)
    assert pilot.speed < 0.02


@pytest.mark.parametrize(
    ("override", "deflection", "taken"),
    [(3, 1.0, True), (1, 1.0, False), (3, 0.2, False)],
    ids=["bit 1 set", "PX4's default", "below COM_RC_STICK_OV"],
)
def test_sticks_take_over_only_where_allowed(override, deflection, taken):
    pilot = SteppedPilot(parameters={"COM_RC_OVERRIDE": override})
    pilot.offboard(1.0, 2.0)
    pilot.autopilot.inject("sticks", forward=deflection, seconds=4.0)
    pilot.fly(4.0, 1.0)
    assert (pilot.mode is VehicleMode.POSITION) is taken
    assert ("Pilot took over using sticks" in pilot.texts) is taken
    assert (pilot.status.intended is VehicleMode.POSITION) is taken


def test_position_is_refused_without_sticks_and_brakes_with_them():
    pilot = SteppedPilot()
    assert pilot.request(VehicleMode.POSITION) is MavResult.TEMPORARILY_REJECTED
    pilot.autopilot.inject("sticks", forward=1.0, seconds=4.0)
    pilot.fly(0.1)
    assert pilot.request(VehicleMode.POSITION) is MavResult.ACCEPTED
    pilot.fly(3.5)
    assert pilot.speed > 4
    pilot.fly(8.0)
    assert pilot.speed < 0.2


def test_take_off_land_and_the_mode_afterwards():
    pilot = SteppedPilot(flying=False)
    pilot.fly(1.0)
    assert not pilot.status.armed
    assert pilot.autopilot.commander.arm() is MavResult.ACCEPTED
    assert pilot.autopilot.take_off(10.0) is MavResult.ACCEPTED
    assert pilot.until(lambda: pilot.status.in_air, 3.0) == pytest.approx(1.9, abs=0.1)
    took = pilot.until(lambda: pilot.mode is VehicleMode.HOLD, 15.0)
    assert 7.0 <= took <= 11.5
    assert pilot.height == pytest.approx(10.0, abs=0.3)
    pilot.request(VehicleMode.LAND)
    pilot.until(lambda: not pilot.status.in_air, 25.0)
    assert pilot.until(lambda: not pilot.status.armed, 3.0) == pytest.approx(2.0, abs=0.1)
    assert pilot.mode is VehicleMode.HOLD
    assert "Disarmed by landing" in pilot.texts


def test_take_off_by_its_mode_reaches_the_autopilots_own_height():
    pilot = SteppedPilot(flying=False)
    pilot.fly(1.0)
    pilot.autopilot.commander.arm()
    assert pilot.autopilot.request_mode(VehicleMode.TAKEOFF) is MavResult.ACCEPTED
    pilot.until(lambda: pilot.mode is VehicleMode.HOLD, 15.0)
    assert pilot.height == pytest.approx(2.5, abs=0.3)


def test_landing_out_of_offboard_leaves_offboard_behind():
    pilot = SteppedPilot(position_ned=(0.0, 0.0, -1.0))
    pilot.offboard(0.0, 1.0)
    pilot.request(VehicleMode.LAND)
    pilot.until(lambda: not pilot.status.armed, 8.0)
    assert pilot.mode is VehicleMode.OFFBOARD
    assert pilot.autopilot.commander.arm() is MavResult.TEMPORARILY_REJECTED  # no setpoints
    pilot.request(VehicleMode.HOLD)
    assert pilot.autopilot.commander.arm() is MavResult.ACCEPTED


def test_armed_and_idle_disarms_after_ten_seconds():
    pilot = SteppedPilot(flying=False)
    pilot.autopilot.commander.arm()
    assert pilot.until(lambda: not pilot.status.armed, 12.0) == pytest.approx(10.0, abs=0.1)


def test_disarming_in_the_air_needs_force_and_drops_the_vehicle():
    pilot = SteppedPilot()
    assert pilot.autopilot.commander.disarm() is MavResult.TEMPORARILY_REJECTED
    assert pilot.autopilot.commander.disarm(force=True) is MavResult.ACCEPTED
    pilot.until(lambda: not pilot.status.in_air, 2.0)
    assert pilot.height == 0.0


def test_return_comes_home_and_lands():
    pilot = SteppedPilot()
    pilot.offboard(4.0, 6.0)
    pilot.request(VehicleMode.RETURN)
    pilot.until(lambda: not pilot.status.armed, 90.0)
    assert abs(pilot.north) < 2.0


def test_battery_drains_while_armed():
    pilot = SteppedPilot(battery=0.5, endurance_s=100.0)
    pilot.fly(5.0)
    assert pilot.status.battery == pytest.approx(0.45, abs=0.005)


@pytest.mark.parametrize(
    ("frame", "mask", "yaw", "expected"),
    [
        pytest.param(LOCAL_NED, VELOCITY_AND_YAW, math.pi / 2, (2.0, 0.0), id="NED ignores the heading"),
        pytest.param(BODY_NED, VELOCITY_AND_YAW_RATE, 0.0, (0.0, 2.0), id="body turns by yaw"),
    ],
)
def test_frames(frame, mask, yaw, expected):
    pilot = SteppedPilot(yaw=math.pi / 2)
    pilot.send(2.0, frame=frame, mask=mask, yaw=yaw)
    pilot.request(VehicleMode.OFFBOARD)
    pilot.fly(6.0, 2.0, frame=frame, mask=mask, yaw=yaw)
    assert pilot.autopilot.truth().velocity_ned[:2] == pytest.approx(expected, abs=0.1)


def test_yaw_rate_without_angle_is_flown_a_little_slow():
    pilot = SteppedPilot()
    wanted = math.radians(20)
    pilot.send(2.0, mask=VELOCITY_AND_YAW_RATE)
    pilot.request(VehicleMode.OFFBOARD)
    pilot.fly(4.0, 2.0, mask=VELOCITY_AND_YAW_RATE, yaw_rate=wanted)
    assert 0.92 <= pilot.autopilot.truth().rates_frd[2] / wanted <= 0.98


@pytest.mark.parametrize(
    ("target", "text"),
    [
        (PositionTarget(9, VELOCITY_AND_YAW), "coordinate frame 9 unsupported"),
        (PositionTarget(LOCAL_NED, 0xFFF), None),
        (PositionTarget(LOCAL_NED, VELOCITY_AND_YAW, velocity=(math.nan, 0.0, 0.0)), None),
    ],
    ids=["frame", "all ignored", "not a number"],
)
def test_setpoints_that_px4_drops(target, text):
    pilot = SteppedPilot()
    pilot.autopilot.receive_position_target(target)
    assert not pilot.autopilot.commander.offboard_ready
    assert [told for _, told in pilot.autopilot.take_texts()] == ([text] if text else [])


def test_velocity_is_clamped_to_px4s_limits():
    pilot = SteppedPilot(parameters={"MPC_XY_VEL_MAX": 4.0})
    pilot.offboard(9.0, 8.0)
    assert pilot.speed == pytest.approx(4.0, abs=0.1)


def test_position_setpoint_is_reached():
    pilot = SteppedPilot()
    target = PositionTarget(LOCAL_NED, 0x9F8, position=(5.0, 3.0, -8.0))
    pilot.autopilot.receive_position_target(target)
    pilot.request(VehicleMode.OFFBOARD)
    for _ in range(500):
        pilot.autopilot.receive_position_target(target)
        pilot.fly(0.02)
    assert pilot.autopilot.truth().position_ned == pytest.approx((5.0, 3.0, -8.0), abs=0.2)


def test_estimator_reset_jumps_the_report_and_not_the_vehicle():
    pilot = SteppedPilot()
    pilot.fly(1.0)
    pilot.autopilot.inject("ekf_reset", jump_ned=(3.0, -2.0, 0.5))
    pilot.fly(3.0)
    estimate = pilot.autopilot.estimate_at(pilot.now)
    assert estimate.reset_count == 1
    assert estimate.position_ned == pytest.approx((3.0, -2.0, -5.5), abs=0.05)
    assert pilot.autopilot.truth().position_ned == pytest.approx((0.0, 0.0, -6.0), abs=0.05)


def test_second_sender_flies_a_vehicle_that_still_intends_offboard():
    pilot = SteppedPilot()
    pilot.offboard(0.0, 1.0)
    pilot.fly(1.0)
    pilot.autopilot.inject("second_sender", velocity_ned=(2.0, 0.0, 0.0), seconds=3.0)
    pilot.fly(3.0)
    assert pilot.mode is VehicleMode.OFFBOARD
    assert pilot.speed > 1.5


def test_reboot_starts_the_boot_clock_again():
    pilot = SteppedPilot()
    pilot.fly(1.0)
    before = pilot.autopilot.boot_time(pilot.now)
    pilot.autopilot.inject("reboot", seconds=1.0)
    pilot.fly(0.5)
    assert before == pytest.approx(61.0)
    assert pilot.autopilot.boot_time(pilot.now) == pytest.approx(0.5, abs=0.01)
    assert not pilot.autopilot.faults.downlink_open


def test_slow_boot_clock():
    pilot = SteppedPilot(clock_rate=0.985)
    start = pilot.autopilot.boot_time(pilot.now)
    pilot.fly(10.0)
    assert pilot.autopilot.boot_time(pilot.now) - start == pytest.approx(9.85)


def test_noise_has_the_measured_size_and_the_vehicle_drifts_by_it():
    errors, drifts = [], []
    for seed in range(6):
        autopilot = Autopilot(AutopilotSettings(gust=0.0), seed)
        autopilot.step(0.0)
        for step in range(1, 101):
            autopilot.step(0.2 * step)
            truth, estimate = autopilot.truth(), autopilot.estimate_at(autopilot.now)
            errors.append(estimate.velocity_ned[0] - truth.velocity_ned[0])
        drifts.append(math.hypot(*autopilot.truth().position_ned[:2]))
    assert math.sqrt(sum(error**2 for error in errors) / len(errors)) == pytest.approx(0.16, rel=0.4)
    assert 0.0 < max(drifts) < 4.0


def test_same_seed_same_flight():
    flights = []
    for period in (0.004, 0.1):
        autopilot = Autopilot(AutopilotSettings(), seed=7)
        for step in range(round(4.0 / period) + 1):
            autopilot.step(step * period)
        flights.append(autopilot.truth())
    assert flights[0].position_ned == flights[1].position_ned


def test_truth_between_steps():
    pilot = SteppedPilot()
    pilot.offboard(3.0)
    moment = pilot.now - 0.1011
    before, at, after = (pilot.autopilot.truth_at(moment + shift) for shift in (-0.004, 0.0, 0.004))
    assert at.stamp == pytest.approx(moment, abs=1e-9)
    assert before.position_ned[0] < at.position_ned[0] < after.position_ned[0]
    assert at.position_ned[0] == pytest.approx(pilot.north - 0.1011 * 3.0, abs=0.01)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: AutopilotSettings(position_ned=(0.0, 0.0, 1.0)), InvalidParameter, "negative down"),
        (lambda: AutopilotSettings(telemetry_delay_s=(0.1, 0.0)), InvalidParameter, "telemetry_delay_s"),
        (lambda: Autopilot(AutopilotSettings(parameters={"COM_OFF_LOSS_T": 1.0})), UnknownName, "'COM_OF_LOSS_T'"),
        (lambda: SteppedPilot().autopilot.inject("batt"), UnknownName, "did you mean 'battery'"),
        (lambda: SteppedPilot().autopilot.inject("battery", volts=3), InvalidParameter, "fault 'battery'"),
    ],
)
def test_wrong_settings_say_what_to_do(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_texts_carry_their_severity():
    pilot = SteppedPilot()
    pilot.request(VehicleMode.OFFBOARD)
    assert pilot.autopilot.take_texts()[0][0] is Severity.CRITICAL
