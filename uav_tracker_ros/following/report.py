"""What goes into the follower and what comes out of it: the types on its border."""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import NamedTuple

from uav_tracker_ros.flight import GateState, Setpoint, Vector3, VehicleMode
from uav_tracker_ros.geometry import Box, TargetState

NAN = float("nan")


class FollowPhase(IntEnum):
    """What the follower is doing; numbers as in FollowState.msg."""

    IDLE = 0
    READY = 1
    ENGAGING = 2
    FOLLOWING = 3
    COASTING = 4
    SEARCHING = 5
    HOLD = 6
    LANDING = 7
    TAKEOVER = 8


class Limit(IntFlag):
    """Which limit acted on the setpoint; bits as in FollowState.msg."""

    NONE = 0
    SPEED = 1
    ACCEL = 2
    JERK = 4
    YAW = 8
    FOV = 16
    FENCE = 32
    ALTITUDE = 64
    DISTANCE = 128


class EndCode(IntEnum):
    """Why a goal ended; numbers as in FollowTarget.action."""

    NONE = 0
    CANCELED = 100
    TIMEOUT = 101
    STOPPED = 102
    REFUSED = 200
    BLOCKED = 201
    INVALID_GOAL = 202
    ENGAGE_FAILED = 203
    TARGET_LOST = 300
    TAKEOVER = 400
    VEHICLE_FAULT = 401
    GATE_DOWN = 402
    FENCE = 403
    UNKNOWN = 999


class TargetMeasurement(NamedTuple):
    """One TrackedTarget, with its stamp on the host's monotonic clock."""

    stamp: float  # monotonic s of the exposure
    frame_id: str
    state: TargetState
    lock: int
    box: Box  # px
    confidence: float
    similarity: float  # NaN: not measured
    image_width: int  # px
    image_height: int  # px
    target_class: str = ""


class Goal(NamedTuple):
    """One FollowTarget goal; NaN or empty: the setting."""

    mode: str = ""
    distance: float = NAN  # m
    height: float = NAN  # m
    bearing: float = NAN  # rad, from target to vehicle
    timeout: float = 0.0  # s; 0: none


class FollowReport(NamedTuple):
    """Everything FollowState.msg shows, and why a goal ended."""

    phase: FollowPhase
    gate_state: GateState
    mode: str
    vehicle_mode: VehicleMode
    blockers: tuple[str, ...]  # "CODE: text"
    warnings: tuple[str, ...]
    distance: float = NAN  # m, horizontal
    wanted_distance: float = NAN
    bearing: float = NAN  # rad
    height: float = NAN  # m
    error_ned: Vector3 = (NAN, NAN, NAN)
    velocity_ned: Vector3 = (0.0, 0.0, 0.0)
    yaw_ned: float = NAN
    covariance_ne: tuple[float, float, float, float] = (NAN, NAN, NAN, NAN)
    target_position_ned: Vector3 = (NAN, NAN, NAN)
    target_velocity_ned: Vector3 = (NAN, NAN, NAN)
    nis: float = NAN
    target_age: float = NAN  # s
    latency: float = NAN  # s
    telemetry_age: float = NAN  # s
    setpoint_age: float = NAN  # s
    limits: Limit = Limit.NONE
    end_code: EndCode = EndCode.NONE  # of the goal that ended last
    end_message: str = ""


class StopRequest(NamedTuple):
    """Ask the gate to brake and hold."""

    reason: str


class FollowOutput(NamedTuple):
    """What one step of the follower wants done, in this order."""

    engage: bool  # call Vehicle.engage()
    stop: StopRequest | None  # call Vehicle.stop(reason)
    setpoint: Setpoint | None  # call Vehicle.send(setpoint)
    report: FollowReport
