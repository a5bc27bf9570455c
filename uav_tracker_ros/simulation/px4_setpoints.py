"""SET_POSITION_TARGET_LOCAL_NED as PX4's mavlink_receiver.cpp (v1.16) reads it.

Each group (position, velocity, acceleration) counts as given when none of its three mask bits is
set; PX4 also takes groups that are given in part, which nothing here sends.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from uav_tracker_ros.flight import Vector3

LOCAL_NED, BODY_NED = 1, 8  # MAV_FRAME; all others are dropped
IGNORE_POSITION, IGNORE_VELOCITY, IGNORE_ACCELERATION = 0x007, 0x038, 0x1C0
IGNORE_YAW, IGNORE_YAW_RATE = 0x400, 0x800
VELOCITY_AND_YAW = 0x9C7
VELOCITY_AND_YAW_RATE = 0x5C7


class PositionTarget(NamedTuple):
    """The message's fields."""

    frame: int
    mask: int  # a set bit: ignored
    position: Vector3 = (0.0, 0.0, 0.0)  # m
    velocity: Vector3 = (0.0, 0.0, 0.0)  # m/s
    acceleration: Vector3 = (0.0, 0.0, 0.0)  # m/s^2
    yaw: float = 0.0  # rad
    yaw_rate: float = 0.0  # rad/s


class OffboardSetpoint(NamedTuple):
    """What PX4 keeps of it until the next one: NED, None where not given."""

    position_ned: Vector3 | None
    velocity_ned: Vector3 | None
    acceleration_ned: Vector3 | None
    yaw: float | None
    yaw_rate: float | None


def interpret(target: PositionTarget, position_ned: Vector3, yaw: float) -> OffboardSetpoint | None:
    """Turn a message into what PX4 flies.

    Args:
        target: the message.
        position_ned: m, where the vehicle believes to be; BODY_NED positions count from there.
        yaw: rad, at reception: BODY_NED is turned once, by yaw only, and stays in NED afterwards.

    Returns:
        None for a frame that PX4 drops and for a message that gives nothing to control.
    """
    if target.frame not in (LOCAL_NED, BODY_NED):
        return None
    turned = target.frame == BODY_NED

    def group(values: Vector3, ignored: int) -> Vector3 | None:
        if target.mask & ignored or not all(map(math.isfinite, values)):
            return None
        return _turned(values, yaw) if turned else values

    position = group(target.position, IGNORE_POSITION)
    if position is not None and turned:
        position = (position[0] + position_ned[0], position[1] + position_ned[1], position[2] + position_ned[2])
    velocity = group(target.velocity, IGNORE_VELOCITY)
    acceleration = group(target.acceleration, IGNORE_ACCELERATION)
    if position is None and velocity is None and acceleration is None:
        return None
    wanted_yaw = None if target.mask & IGNORE_YAW or not math.isfinite(target.yaw) else target.yaw
    if wanted_yaw is not None and turned:
        wanted_yaw += yaw
    rate = None if target.mask & IGNORE_YAW_RATE or not math.isfinite(target.yaw_rate) else target.yaw_rate
    return OffboardSetpoint(position, velocity, acceleration, wanted_yaw, rate)


def _turned(vector: Vector3, yaw: float) -> Vector3:
    x, y, z = vector
    return x * math.cos(yaw) - y * math.sin(yaw), x * math.sin(yaw) + y * math.cos(yaw), z
