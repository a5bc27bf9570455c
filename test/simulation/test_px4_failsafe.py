"""What PX4 v1.16.0 does when setpoints, sticks, battery, fence or position fail, as measured in its simulator."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "doubles"))

from stepped_pilot import SteppedPilot

from uav_tracker_ros.flight import VehicleMode
from uav_tracker_ros.simulation.px4_parameters import PX4_DEFAULTS


@pytest.mark.parametrize(
    ("speed", "loss_s", "distance", "shown_s"),
    [(3.0, 0.5, 4.8, 0.65), (5.0, 0.5, 10.0, 0.65), (3.0, 1.0, 7.0, 1.1)],
)
def test_lost_stream_holds_where_it_was_measured(speed, loss_s, distance, shown_s):
    pilot = SteppedPilot(parameters={"COM_OF_LOSS_T": loss_s})
    pilot.offboard(speed)
    start = pilot.north
    shown = pilot.until(lambda: pilot.mode is VehicleMode.HOLD, 2.0)
    assert loss_s - 0.03 <= shown <= shown_s  # the measured time includes up to 0.1 s of CURRENT_MODE
    assert pilot.status.failsafe
    assert pilot.status.intended is VehicleMode.OFFBOARD
    pilot.until(lambda: pilot.speed < 0.3, 5.0)
    assert pilot.north - start == pytest.approx(distance, rel=0.12)


@pytest.mark.parametrize(("speed", "distance"), [(3.0, 3.8), (5.0, 6.9)])
def test_commanded_hold_stops_where_it_was_measured(speed, distance):
    pilot = SteppedPilot()
    pilot.offboard(speed)
    start = pilot.north
    pilot.request(VehicleMode.HOLD)
    pilot.fly(6.0)
    assert pilot.north - start == pytest.approx(distance, rel=0.1)
    assert pilot.speed < 0.1


def test_default_parameters_coast_in_position_without_sticks():
    pilot = SteppedPilot(base=PX4_DEFAULTS)
    pilot.offboard(3.0)
    start = pilot.north
    for seconds, measured in ((2.0, 2.6), (4.0, 1.6), (8.0, 0.8)):
        pilot.fly(seconds - (pilot.now - 106.0))
        assert pilot.speed == pytest.approx(measured, abs=0.15)
    assert pilot.mode is VehicleMode.POSITION
    assert pilot.north - start == pytest.approx(15.0, rel=0.1)


@pytest.mark.parametrize("action", [0, 3, 4, 5], ids=["position", "return", "land", "hold"])
def test_returns_to_offboard_with_the_first_setpoint(action):
    pilot = SteppedPilot(parameters={"COM_OBL_RC_ACT": action})
    pilot.offboard(1.0, 2.0)
    pilot.fly(8.0)
    expected = {0: VehicleMode.POSITION, 3: VehicleMode.RETURN, 4: VehicleMode.LAND, 5: VehicleMode.HOLD}[action]
    assert pilot.mode is expected
    pilot.fly(0.1, 1.0)
    assert pilot.mode is VehicleMode.OFFBOARD
    assert not pilot.status.failsafe


def test_hold_clears_the_intention():
    pilot = SteppedPilot()
    pilot.offboard(1.0, 2.0)
    pilot.fly(1.0)
    pilot.request(VehicleMode.HOLD)
    pilot.fly(2.0, 1.0)
    assert pilot.mode is VehicleMode.HOLD
    assert pilot.status.intended is VehicleMode.HOLD
    assert not pilot.status.failsafe


@pytest.mark.parametrize(("rate_hz", "stays"), [(2.0, True), (1.2, True), (0.9, False)])
def test_slow_streams_with_the_default_timeout(rate_hz, stays):
    pilot = SteppedPilot(base=PX4_DEFAULTS)
    pilot.offboard(0.0, 1.0)
    modes = set()
    for _ in range(4):
        pilot.send()
        for _ in range(round(50 / rate_hz)):
            pilot.fly(0.02)
            modes.add(pilot.mode)
    assert (modes == {VehicleMode.OFFBOARD}) is stays


def test_lost_sticks_hold_five_seconds_then_return():
    pilot = SteppedPilot(position_ned=(0.0, 0.0, -6.0))
    pilot.autopilot.inject("sticks")
    pilot.offboard(1.0, 3.0)
    pilot.autopilot.inject("sticks_lost")
    pilot.fly(1.0, 1.0)
    assert pilot.mode is VehicleMode.HOLD
    pilot.fly(4.0, 1.0)
    assert pilot.mode is VehicleMode.HOLD
    pilot.fly(1.0, 1.0)
    assert pilot.mode is VehicleMode.RETURN
    assert pilot.status.failsafe


def test_flown_without_sticks_there_is_no_stick_failsafe():
    pilot = SteppedPilot()
    pilot.offboard(1.0, 10.0)
    assert pilot.mode is VehicleMode.OFFBOARD


@pytest.mark.parametrize(
    ("level", "action", "mode"),
    [
        (0.12, 3, VehicleMode.HOLD),
        (0.06, 0, VehicleMode.HOLD),
        (0.06, 3, VehicleMode.RETURN),
        (0.06, 2, VehicleMode.LAND),
        (0.04, 3, VehicleMode.LAND),
    ],
    ids=["low", "warn only", "critical returns", "critical lands", "emergency"],
)
def test_battery_levels(level, action, mode):
    pilot = SteppedPilot(parameters={"COM_LOW_BAT_ACT": action})
    pilot.autopilot.inject("battery", level=level)
    pilot.fly(5.5)
    assert pilot.mode is mode
    assert any("battery level" in text for text in pilot.texts)


@pytest.mark.parametrize(("action", "mode"), [(1, VehicleMode.OFFBOARD), (2, VehicleMode.HOLD), (5, VehicleMode.LAND)])
def test_fence(action, mode):
    pilot = SteppedPilot(parameters={"GF_ACTION": action, "GF_MAX_HOR_DIST": 10.0, "COM_FAIL_ACT_T": 0.5})
    pilot.offboard(3.0, 6.0)
    assert pilot.mode is mode


def test_lost_position_ends_offboard_and_stops_its_reports():
    pilot = SteppedPilot()
    pilot.offboard(1.0, 2.0)
    pilot.autopilot.inject("position_invalid", seconds=1.0)
    pilot.fly(0.1, 1.0)
    assert pilot.mode is VehicleMode.LAND
    assert not pilot.autopilot.estimate_at(pilot.now).position_valid
    pilot.fly(1.2, 1.0)
    assert pilot.mode is VehicleMode.OFFBOARD
