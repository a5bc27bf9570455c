"""What the controller publishes, and how often."""

from __future__ import annotations

import math

from builtin_interfaces.msg import Time
from geometry_msgs.msg import TwistStamped
from nav_msgs.msg import Odometry
from rclpy.lifecycle import LifecycleNode
from visualization_msgs.msg import MarkerArray

from uav_tracker_ros.flight import Setpoint, Telemetry
from uav_tracker_ros.following.report import FollowOutput, FollowReport
from uav_tracker_ros.following.settings import FollowSettings
from uav_tracker_ros.frames import wrap_angle
from uav_tracker_ros.geometry import Intrinsics
from uav_tracker_ros.msg import FollowState, TrackedTarget
from uav_tracker_ros.nodes import markers, messages
from uav_tracker_ros.nodes.prediction import predicted_target
from uav_tracker_ros.nodes.qos import LATCHED
from uav_tracker_ros.nodes.transforms import Transforms

STATE_PERIOD_S = 0.1


class ControllerOutputs:
    """Publishers of the controller; messages that nobody hears are not made."""

    def __init__(self, node: LifecycleNode, settings: FollowSettings, parameters_sha256: str) -> None:
        self._settings = settings
        self._sha256 = parameters_sha256
        self._state = node.create_publisher(FollowState, "follow/state", LATCHED)
        self._velocity = node.create_publisher(TwistStamped, "follow/cmd_vel", 10)
        self._target = node.create_publisher(Odometry, "follow/target_odometry", 10)
        self._vehicle = node.create_publisher(Odometry, "follow/vehicle_odometry", 10)
        self._predicted = node.create_publisher(TrackedTarget, "follow/predicted", 1)
        self._markers = node.create_publisher(MarkerArray, "follow/markers", 1)
        self._transforms = Transforms(node, settings)
        self._shown: tuple[object, ...] = ()
        self._state_due = -math.inf
        self._last_setpoint: tuple[float, Setpoint] | None = None
        self.newest_state = FollowState()
        self.target_class = ""  # of the newest target, for the size of a predicted box

    def publish(
        self, output: FollowOutput, telemetry: Telemetry, intrinsics: Intrinsics | None, *, now: float, stamp: Time
    ) -> None:
        """One cycle's messages.

        Args:
            output: of the follower.
            telemetry: the newest, for markers.
            intrinsics: of the camera, if known.
            now: monotonic s.
            stamp: now, on the ROS clock.
        """
        if output.setpoint is not None:
            self._publish_setpoint(output.setpoint, now, stamp)
        report = output.report
        shown = (report.phase, report.gate_state, report.mode, report.vehicle_mode, report.blockers, report.warnings)
        if now < self._state_due and shown == self._shown:
            return
        self.newest_state = messages.follow_state(report, stamp=stamp, parameters_sha256=self._sha256)
        self._state.publish(self.newest_state)
        if now >= self._state_due:
            self._state_due = now + STATE_PERIOD_S
            self._publish_picture(report, telemetry, intrinsics, stamp)
        self._shown = shown

    def publish_vehicle(self, telemetry: Telemetry, stamp: Time) -> None:
        """The vehicle at one telemetry sample; ``stamp`` is the sample's, on the ROS clock."""
        if self._vehicle.get_subscription_count() or self._transforms.available:
            odometry = messages.vehicle_odometry(telemetry, stamp=stamp)
            if odometry is not None:
                self._vehicle.publish(odometry)
                self._transforms.send(odometry)

    def _publish_setpoint(self, setpoint: Setpoint, now: float, stamp: Time) -> None:
        last, self._last_setpoint = self._last_setpoint, (now, setpoint)
        if not self._velocity.get_subscription_count():
            return
        yaw_rate = 0.0
        if last is not None and 0 < now - last[0] < 0.25:
            yaw_rate = wrap_angle(setpoint.yaw_ned - last[1].yaw_ned) / (now - last[0])
        self._velocity.publish(messages.command_velocity(setpoint, yaw_rate_ned=yaw_rate, stamp=stamp))

    def _publish_picture(
        self, report: FollowReport, telemetry: Telemetry, intrinsics: Intrinsics | None, stamp: Time
    ) -> None:
        if self._target.get_subscription_count() and math.isfinite(report.target_position_ned[0]):
            self._target.publish(messages.target_odometry(report, stamp=stamp))
        predicted = predicted_target(
            report, telemetry, self._settings, intrinsics, target_class=self.target_class, stamp=stamp
        )
        if predicted is not None:
            self._predicted.publish(predicted)
        if self._markers.get_subscription_count():
            self._markers.publish(markers.marker_array(report, telemetry, self._settings, intrinsics, stamp))
