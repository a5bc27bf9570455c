"""What controller, gate and autopilot tell each other.

Standard library only: the gate's process loads this file and no NumPy. Times are seconds of the
host's monotonic clock. Vectors named ``_ned`` are north, east, down; quaternions are (w, x, y, z)
and turn ``body_frd`` into ``ned``.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

Vector3 = tuple[float, float, float]
Quaternion = tuple[float, float, float, float]

SETPOINT_LIFETIME_S = 0.25  # a controller that hangs longer than this stops flying the vehicle


class VehicleMode(IntEnum):
    """Flight modes of PX4 (px4_custom_mode.h, v1.16)."""

    UNKNOWN = 0
    MANUAL = 1
    ALTITUDE = 2
    POSITION = 3
    ACRO = 4
    STABILIZED = 5
    OFFBOARD = 6
    READY = 7
    TAKEOFF = 8
    HOLD = 9
    MISSION = 10
    RETURN = 11
    LAND = 12
    FOLLOW_ME = 13
    PRECISION_LAND = 14


# VehicleMode -> (main mode, sub mode); custom_mode = main << 16 | sub << 24.
PX4_MODES: dict[VehicleMode, tuple[int, int]] = {
    VehicleMode.MANUAL: (1, 0),
    VehicleMode.ALTITUDE: (2, 0),
    VehicleMode.POSITION: (3, 0),
    VehicleMode.READY: (4, 1),
    VehicleMode.TAKEOFF: (4, 2),
    VehicleMode.HOLD: (4, 3),
    VehicleMode.MISSION: (4, 4),
    VehicleMode.RETURN: (4, 5),
    VehicleMode.LAND: (4, 6),
    VehicleMode.FOLLOW_ME: (4, 8),
    VehicleMode.PRECISION_LAND: (4, 9),
    VehicleMode.ACRO: (5, 0),
    VehicleMode.OFFBOARD: (6, 0),
    VehicleMode.STABILIZED: (7, 0),
}
_MODE_BY_PARTS = {parts: mode for mode, parts in PX4_MODES.items()}


def custom_mode(mode: VehicleMode) -> int:
    """PX4's ``custom_mode`` number of a mode."""
    main, sub = PX4_MODES[mode]
    return main << 16 | sub << 24


def mode_from_custom(number: int) -> VehicleMode:
    """The mode behind PX4's ``custom_mode`` number; UNKNOWN for a number not in the table."""
    parts = (number >> 16 & 0xFF, number >> 24 & 0xFF)
    return _MODE_BY_PARTS.get(parts, VehicleMode.UNKNOWN)


class Command(IntEnum):
    """What can be asked of the vehicle beside a change of mode."""

    ARM = 1
    DISARM = 2
    TAKEOFF = 3
    LAND = 4
    RETURN = 5


class GateState(IntEnum):
    """States of the gate; numbers as in FollowState.msg."""

    NO_LINK = 0
    SILENT = 1
    ENTRY = 2
    STREAMING = 3
    BRAKING = 4
    TAKEN = 5


class Setpoint(NamedTuple):
    """What is asked of the vehicle for the next quarter of a second."""

    velocity_ned: Vector3  # m/s, already shaped: PX4 shapes nothing in OFFBOARD
    yaw_ned: float  # rad from north, the slewed angle; PX4 holds it
    valid_until: float  # monotonic s, at most SETPOINT_LIFETIME_S ahead
    engagement: int  # given by the gate at engage; another number is dropped


class Attitude(NamedTuple):
    """One attitude sample."""

    stamp: float  # monotonic s
    quaternion: Quaternion  # body_frd -> ned
    rates_frd: Vector3  # rad/s


class LocalPosition(NamedTuple):
    """One position sample in PX4's local frame."""

    stamp: float  # monotonic s
    position_ned: Vector3  # m from PX4's local origin
    velocity_ned: Vector3  # m/s
    reset_count: int  # rises when the autopilot shifts its origin


class Telemetry(NamedTuple):
    """What is known of vehicle and gate at one moment. Absent parts have not been heard yet."""

    stamp: float  # monotonic s, when this was put together
    attitude: Attitude | None = None
    position: LocalPosition | None = None
    vehicle_mode: VehicleMode = VehicleMode.UNKNOWN
    intended_mode: VehicleMode = VehicleMode.UNKNOWN
    mode_stamp: float = float("-inf")  # when CURRENT_MODE was last heard
    failsafe: bool = False
    armed: bool = False
    in_air: bool = False
    battery: float | None = None  # 0 to 1
    gate_state: GateState = GateState.NO_LINK
    engagement: int = 0
    blockers: tuple[str, ...] = ()  # "CODE: text"
    warnings: tuple[str, ...] = ()  # "CODE: text"
    clock_error: float | None = None  # s, 1 sigma of the boot-to-host clock mapping; None: unknown
    velocity_gain: float | None = None  # 1/s, MPC_XY_VEL_P_ACC
    yaw_gain: float | None = None  # 1/s, MC_YAW_P


class Limits(NamedTuple):
    """The gate's own limits; fixed at its start, the controller may only stay below."""

    max_speed: float = 6.0  # m/s, horizontal
    max_speed_z: float = 1.0  # m/s
    max_accel: float = 4.0  # m/s^2
    max_jerk: float = 15.0  # m/s^3
    max_yaw_rate: float = 0.7854  # rad/s
    max_yaw_accel: float = 1.0472  # rad/s^2
