"""The controller's messages: what is read is checked here, what is sent is turned to ENU/FLU here."""

from __future__ import annotations

import math
from collections.abc import Sequence

from builtin_interfaces.msg import Time
from geometry_msgs.msg import Point, Quaternion, TwistStamped, Vector3
from nav_msgs.msg import Odometry

from uav_tracker_ros import frames
from uav_tracker_ros.action import FollowTarget
from uav_tracker_ros.errors import InvalidBox
from uav_tracker_ros.flight import Setpoint, Telemetry
from uav_tracker_ros.flight import Vector3 as CoreVector
from uav_tracker_ros.following.report import FollowReport, Goal, TargetMeasurement
from uav_tracker_ros.geometry import Box, TargetState
from uav_tracker_ros.msg import FollowState, TrackedTarget

MAP_FRAME = "map"  # ENU, origin = the autopilot's local origin
BASE_FRAME = "base_link"  # FLU
FUTURE_STAMP_S = 0.05  # a stamp later than this is another clock's, not jitter
_BOXLESS = (TargetState.NONE, TargetState.LOST)


def seconds(stamp: Time) -> float:
    """A ROS time as seconds (float64: 0.2 us at today's date)."""
    return float(stamp.sec) + float(stamp.nanosec) * 1e-9


def measurement(message: TrackedTarget, *, stamp: float, now: float, frame_id: str) -> TargetMeasurement:
    """The core's view of one TrackedTarget.

    Args:
        message: as it came.
        stamp: its header's stamp on the monotonic clock, s.
        now: monotonic s.
        frame_id: the camera's; empty: not known yet, any is taken.

    Raises:
        InvalidBox: NaN, negative size, empty image, another camera's frame, unknown state, or a
            stamp that is missing or in the future.
    """
    box = Box.from_center(message.center_x, message.center_y, message.size_x, message.size_y)
    if seconds(message.header.stamp) == 0.0:
        raise InvalidBox("target without a stamp; expected the image's: copy its header")
    if stamp - now > FUTURE_STAMP_S:
        raise InvalidBox(f"target stamped {stamp - now:.3f} s in the future; expected the image's: compare the clocks")
    if frame_id and message.header.frame_id != frame_id:
        raise InvalidBox(f"target in frame '{message.header.frame_id}'; expected '{frame_id}': one camera, one frame")
    try:
        state = TargetState(message.state)
    except ValueError:
        raise InvalidBox(f"target with state {message.state}; expected 0 to 3: rebuild both packages") from None
    if not (box.is_finite and math.isfinite(message.confidence)):
        raise InvalidBox(f"target with box {tuple(box)}, confidence {message.confidence}; expected numbers")
    if state not in _BOXLESS and (box.w <= 0 or box.h <= 0 or not message.image_width or not message.image_height):
        raise InvalidBox(
            f"target of {box.w:g}x{box.h:g} px on {message.image_width}x{message.image_height} px; expected more"
        )
    return TargetMeasurement(
        stamp=stamp,
        frame_id=message.header.frame_id,
        state=state,
        lock=message.lock,
        box=box,
        confidence=message.confidence,
        similarity=message.similarity,
        image_width=message.image_width,
        image_height=message.image_height,
        target_class=message.target_class,
    )


def goal(request: FollowTarget.Goal) -> Goal:
    """The core's view of one goal; 0 m means the parameter, as the action says."""
    return Goal(
        mode=request.mode,
        distance=request.distance or math.nan,
        height=request.height or math.nan,
        bearing=request.bearing,
        timeout=request.timeout,
    )


def follow_state(report: FollowReport, *, stamp: Time, parameters_sha256: str) -> FollowState:
    """What the follower does, as FollowState.msg."""
    message = FollowState()
    message.header.stamp = stamp
    message.header.frame_id = MAP_FRAME
    message.state = int(report.phase)
    message.gate_state = int(report.gate_state)
    message.mode = report.mode
    message.vehicle_mode = report.vehicle_mode.name
    message.blockers = list(report.blockers)
    message.warnings = list(report.warnings)
    message.distance = float(report.distance)
    message.wanted_distance = float(report.wanted_distance)
    message.bearing = float(report.bearing)
    message.height = float(report.height)
    message.error_ned = vector(report.error_ned)
    message.velocity_ned = vector(report.velocity_ned)
    message.yaw_ned = float(report.yaw_ned)
    message.covariance_ne = [float(part) for part in report.covariance_ne]
    message.nis = float(report.nis)
    message.target_age = float(report.target_age)
    message.latency = float(report.latency)
    message.telemetry_age = float(report.telemetry_age)
    message.setpoint_age = float(report.setpoint_age)
    message.limits = int(report.limits)
    message.parameters_sha256 = parameters_sha256
    return message


def command_velocity(setpoint: Setpoint, *, yaw_rate_ned: float, stamp: Time) -> TwistStamped:
    """The setpoint that was sent: ENU velocity in ``map``; angular.z is the slew of its yaw (anticlockwise)."""
    message = TwistStamped()
    message.header.stamp = stamp
    message.header.frame_id = MAP_FRAME
    message.twist.linear = vector(frames.swap_ned_enu(setpoint.velocity_ned))
    message.twist.angular.z = -float(yaw_rate_ned)
    return message


def vehicle_odometry(telemetry: Telemetry, *, stamp: Time) -> Odometry | None:
    """The vehicle in ``map`` (ENU), twist in ``base_link`` (FLU); None before attitude and position are known."""
    attitude, position = telemetry.attitude, telemetry.position
    if attitude is None or position is None:
        return None
    message = _odometry(stamp, BASE_FRAME)
    message.pose.pose.position = point(frames.swap_ned_enu(position.position_ned))
    w, x, y, z = frames.quaternion_frd_ned_to_flu_enu(attitude.quaternion)
    message.pose.pose.orientation = Quaternion(x=x, y=y, z=z, w=w)
    north, east, down = frames.rotation_from_quaternion(attitude.quaternion).T @ position.velocity_ned
    message.twist.twist.linear = vector(frames.swap_frd_flu((north, east, down)))
    message.twist.twist.angular = vector(frames.swap_frd_flu(attitude.rates_frd))
    return message


def target_odometry(report: FollowReport, *, stamp: Time) -> Odometry:
    """The estimated target in ``map``; its child frame is level and turned as ``map``."""
    message = _odometry(stamp, "target")
    message.pose.pose.position = point(frames.swap_ned_enu(report.target_position_ned))
    message.twist.twist.linear = vector(frames.swap_ned_enu(report.target_velocity_ned))
    covariance = [0.0] * 36
    covariance[0], covariance[1], covariance[6], covariance[7] = covariance_en(report.covariance_ne)
    message.pose.covariance = covariance
    return message


def covariance_en(covariance_ne: Sequence[float]) -> tuple[float, float, float, float]:
    """North-east covariance as east-north, both row-major."""
    nn, ne, en, ee = (float(part) for part in covariance_ne)
    return ee, en, ne, nn


def vector(parts: CoreVector) -> Vector3:
    """Three numbers as Vector3."""
    return Vector3(x=float(parts[0]), y=float(parts[1]), z=float(parts[2]))


def point(parts: CoreVector) -> Point:
    """Three numbers as Point."""
    return Point(x=float(parts[0]), y=float(parts[1]), z=float(parts[2]))


def _odometry(stamp: Time, child_frame_id: str) -> Odometry:
    message = Odometry()
    message.header.stamp = stamp
    message.header.frame_id = MAP_FRAME
    message.child_frame_id = child_frame_id
    message.pose.pose.orientation.w = 1.0
    return message
