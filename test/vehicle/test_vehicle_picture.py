"""From MAVLink fields to telemetry, and from requests to MAVLink fields."""

from __future__ import annotations

import math

import pytest
from pymavlink.dialects.v20 import development as mavlink

from uav_tracker_ros.flight import Command, Setpoint, VehicleMode, custom_mode
from uav_tracker_ros.vehicle import mavlink_fields
from uav_tracker_ros.vehicle.vehicle_picture import VehiclePicture

ATTITUDE = {
    "time_boot_ms": 5000,
    "q1": 1.0,
    "q2": 0.0,
    "q3": 0.0,
    "q4": 0.0,
    "rollspeed": 0.1,
    "pitchspeed": 0.2,
    "yawspeed": 0.3,
}
POSITION = {"time_boot_ms": 4990, "x": 1.0, "y": 2.0, "z": -3.0, "vx": 0.1, "vy": 0.2, "vz": 0.3}
HEARTBEAT = {
    "base_mode": 1 | 128,
    "custom_mode": custom_mode(VehicleMode.HOLD),
    "system_status": 4,
    "autopilot": 12,
}


def test_attitude_tells_everything_known() -> None:
    picture = VehiclePicture()
    assert picture.hear("HEARTBEAT", HEARTBEAT, 99.0) is None
    modes = {
        "custom_mode": custom_mode(VehicleMode.HOLD),
        "intended_custom_mode": custom_mode(VehicleMode.OFFBOARD),
    }
    picture.hear("CURRENT_MODE", modes, 99.5)
    picture.hear("EXTENDED_SYS_STATE", {"landed_state": 2, "vtol_state": 0}, 99.6)
    picture.hear("BATTERY_STATUS", {"battery_remaining": 87, "id": 0}, 99.7)
    picture.hear("ODOMETRY", {"reset_counter": 3}, 99.8)
    picture.hear("LOCAL_POSITION_NED", POSITION, 100.0)
    told = picture.hear("ATTITUDE_QUATERNION", ATTITUDE, 100.01)
    assert told is not None
    assert told.attitude is not None
    assert told.position is not None
    assert told.attitude.rates_frd == (0.1, 0.2, 0.3)
    assert told.attitude.stamp == pytest.approx(100.01)
    assert told.position == (pytest.approx(100.0), (1.0, 2.0, -3.0), (0.1, 0.2, 0.3), 3)
    assert (told.vehicle_mode, told.intended_mode, told.mode_stamp) == (VehicleMode.HOLD, VehicleMode.OFFBOARD, 99.5)
    assert (told.armed, told.in_air, told.battery, told.failsafe) == (True, True, 0.87, False)
    assert picture.rest(100.02) is None


def test_heartbeat_alone_shows_a_takeover() -> None:
    picture = VehiclePicture()
    offboard = custom_mode(VehicleMode.OFFBOARD)
    picture.hear("CURRENT_MODE", {"custom_mode": offboard, "intended_custom_mode": offboard}, 10.0)
    picture.hear("HEARTBEAT", {**HEARTBEAT, "custom_mode": custom_mode(VehicleMode.POSITION), "system_status": 5}, 10.2)
    told = picture.rest(10.2)
    assert told is not None
    assert (told.vehicle_mode, told.mode_stamp, told.failsafe) == (VehicleMode.POSITION, 10.0, True)


@pytest.mark.parametrize("wrong", [math.nan, None, "x", True, math.inf])
@pytest.mark.parametrize("field", ["q1", "time_boot_ms", "yawspeed"])
def test_broken_message_changes_nothing(field: str, wrong: object) -> None:
    picture = VehiclePicture()
    told = picture.hear("ATTITUDE_QUATERNION", {**ATTITUDE, field: wrong}, 1.0)
    assert told is not None
    assert told.attitude is None


def test_what_blocks_engaging() -> None:
    picture = VehiclePicture()
    picture.hear("HEARTBEAT", {**HEARTBEAT, "autopilot": 3}, 0.0)
    codes = [text.partition(":")[0] for text in picture.blockers()]
    assert codes == ["PARAM_UNSAFE", "CLOCK_UNSYNCED"]
    picture.hear("HEARTBEAT", HEARTBEAT, 0.0)
    for index in range(100):
        picture.hear("ATTITUDE_QUATERNION", {**ATTITUDE, "time_boot_ms": 5000 + 20 * index}, 100.0 + 0.02 * index)
    assert picture.blockers() == ()


def test_setpoint_is_complete_and_says_velocity_and_yaw() -> None:
    fields = mavlink_fields.setpoint_fields(Setpoint((1.0, -2.0, 0.5), 0.7, 0.0, 1), 2**32 + 5, 3)
    assert set(fields) == set(mavlink.MAVLink_set_position_target_local_ned_message.fieldnames)
    assert fields["type_mask"] == 0x9C7
    assert (fields["coordinate_frame"], fields["target_system"], fields["time_boot_ms"]) == (1, 3, 5)
    assert (fields["vx"], fields["vy"], fields["vz"], fields["yaw"]) == (1.0, -2.0, 0.5, 0.7)


@pytest.mark.parametrize(
    ("what", "command", "parameters"),
    [
        (VehicleMode.OFFBOARD, 176, (129, 6, 0)),
        (VehicleMode.HOLD, 176, (129, 4, 3)),
        (Command.RETURN, 176, (129, 4, 5)),
        (Command.TAKEOFF, 176, (129, 4, 2)),
        (Command.LAND, 21, (0, 0, 0)),
        (Command.ARM, 400, (1, 0, 0)),
        (Command.DISARM, 400, (0, 0, 0)),
    ],
)
def test_requests(what: VehicleMode | Command, command: int, parameters: tuple[float, ...]) -> None:
    fields = mavlink_fields.request_fields(what, 3)
    assert set(fields) == set(mavlink.MAVLink_command_long_message.fieldnames)
    assert (fields["command"], fields["target_system"], fields["target_component"]) == (command, 3, 1)
    assert tuple(fields[f"param{index}"] for index in (1, 2, 3)) == parameters


def test_streams_are_asked_in_microseconds() -> None:
    fields = mavlink_fields.interval_fields(436, 10.0, 1)
    assert (fields["command"], fields["param1"], fields["param2"]) == (511, 436.0, 100_000.0)
    ids = {mavlink.mavlink_map[number].msgname: number for number in mavlink.mavlink_map}
    assert all(ids[name] == number for name, number, _ in mavlink_fields.STREAMS)
