"""MAVLink messages as the fields that mavlink_direct sends, and what the autopilot's fields say.

mavlink_direct fills a missing field with 0 and ignores an unknown one without a word, so every
message here is complete.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from uav_tracker_ros.flight import PX4_MODES, Command, Setpoint, VehicleMode

Fields = Mapping[str, Any]

LOCAL_NED_FRAME = 1
VELOCITY_AND_YAW = 0x9C7  # position, acceleration and yaw rate are to be ignored

SET_MESSAGE_INTERVAL = 511
DO_SET_MODE = 176
NAV_LAND = 21
COMPONENT_ARM_DISARM = 400
CUSTOM_MODE_ARMED = 129  # base mode that MAVSDK sends too; it does not arm

# What is asked of the autopilot: message, its id, rate in Hz.
STREAMS: tuple[tuple[str, int, float], ...] = (
    ("ATTITUDE_QUATERNION", 31, 50.0),
    ("LOCAL_POSITION_NED", 32, 50.0),
    ("CURRENT_MODE", 436, 10.0),
    ("EXTENDED_SYS_STATE", 245, 5.0),
    ("ODOMETRY", 331, 10.0),  # only for the estimator's reset counter
    ("BATTERY_STATUS", 147, 2.0),  # a critical level is answered within a second
)
# What comes at the autopilot's own rate.
OTHERS = ("HEARTBEAT", "COMMAND_ACK", "STATUSTEXT")


def setpoint_fields(setpoint: Setpoint, boot_ms: int, target_system: int) -> dict[str, float]:
    """SET_POSITION_TARGET_LOCAL_NED: velocity in NED and yaw angle.

    Args:
        setpoint: what to ask.
        boot_ms: the sender's own clock, ms.
        target_system: MAVLink id of the vehicle.
    """
    north, east, down = setpoint.velocity_ned
    return {
        "time_boot_ms": boot_ms & 0xFFFFFFFF,
        "target_system": target_system,
        "target_component": 1,
        "coordinate_frame": LOCAL_NED_FRAME,
        "type_mask": VELOCITY_AND_YAW,
        "x": 0.0,
        "y": 0.0,
        "z": 0.0,
        "vx": north,
        "vy": east,
        "vz": down,
        "afx": 0.0,
        "afy": 0.0,
        "afz": 0.0,
        "yaw": setpoint.yaw_ned,
        "yaw_rate": 0.0,
    }


def request_fields(what: VehicleMode | Command, target_system: int) -> dict[str, float]:
    """COMMAND_LONG for a mode or a command."""
    if what is Command.ARM or what is Command.DISARM:
        return command_fields(COMPONENT_ARM_DISARM, (1.0 if what is Command.ARM else 0.0,), target_system)
    if what is Command.LAND:
        return command_fields(NAV_LAND, (), target_system)
    # Take-off by its mode: NAV_TAKEOFF wants NaN ("no value"), which mavlink_direct refuses.
    mode = what if isinstance(what, VehicleMode) else VehicleMode[what.name]
    main, sub = PX4_MODES[mode]
    return command_fields(DO_SET_MODE, (CUSTOM_MODE_ARMED, main, sub), target_system)


def interval_fields(message_id: int, rate_hz: float, target_system: int) -> dict[str, float]:
    """COMMAND_LONG that asks for a stream."""
    return command_fields(SET_MESSAGE_INTERVAL, (message_id, 1e6 / rate_hz), target_system)


def command_fields(command: int, parameters: tuple[float, ...], target_system: int) -> dict[str, float]:
    """COMMAND_LONG; parameters that are not given are 0."""
    fields: dict[str, float] = {
        "target_system": target_system,
        "target_component": 1,
        "command": command,
        "confirmation": 0,
    }
    for index in range(7):
        fields[f"param{index + 1}"] = float(parameters[index]) if index < len(parameters) else 0.0
    return fields


def numbers(fields: Fields, *names: str) -> tuple[float, ...] | None:
    """The named fields as finite numbers; None when one is missing, NaN or no number."""
    values = []
    for name in names:
        value = fields.get(name)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            return None
        values.append(float(value))
    return tuple(values)
