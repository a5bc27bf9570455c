"""TF of the vehicle and its camera, where ``tf2_ros`` is installed (the ROS wheels have none)."""

from __future__ import annotations

import importlib
import math
from typing import Any

from geometry_msgs.msg import TransformStamped
from nav_msgs.msg import Odometry
from rclpy.lifecycle import LifecycleNode

from uav_tracker_ros import frames
from uav_tracker_ros.following.settings import FollowSettings
from uav_tracker_ros.nodes.messages import BASE_FRAME, MAP_FRAME

CAMERA_FRAME = "camera_optical"
# camera_optical -> FLU of the same place: x right, y down, z forward to forward, left, up.
_LEVEL_OPTICAL_TO_FLU = (0.5, -0.5, 0.5, -0.5)


class Transforms:
    """Broadcasts ``map -> base_link`` and, once, ``base_link -> camera_optical``."""

    def __init__(self, node: LifecycleNode, settings: FollowSettings) -> None:
        self._broadcaster: Any = None
        try:
            tf2_ros = importlib.import_module("tf2_ros")
        except ImportError:
            return
        self._broadcaster = tf2_ros.TransformBroadcaster(node)
        self._static = tf2_ros.StaticTransformBroadcaster(node)  # kept: it answers late listeners
        self._static.sendTransform(camera_mount(settings))

    @property
    def available(self) -> bool:
        """TF is installed."""
        return self._broadcaster is not None

    def send(self, odometry: Odometry) -> None:
        """The vehicle's pose; nothing happens without TF."""
        if self._broadcaster is not None:
            self._broadcaster.sendTransform(vehicle_pose(odometry))


def vehicle_pose(odometry: Odometry) -> TransformStamped:
    """``map -> base_link`` from the odometry of the vehicle."""
    transform = TransformStamped()
    transform.header.stamp = odometry.header.stamp
    transform.header.frame_id = MAP_FRAME
    transform.child_frame_id = BASE_FRAME
    position = odometry.pose.pose.position
    transform.transform.translation.x = position.x
    transform.transform.translation.y = position.y
    transform.transform.translation.z = position.z
    transform.transform.rotation = odometry.pose.pose.orientation
    return transform


def camera_mount(settings: FollowSettings) -> TransformStamped:
    """``base_link -> camera_optical`` from the mount's settings."""
    transform = TransformStamped()
    transform.header.frame_id = BASE_FRAME
    transform.child_frame_id = CAMERA_FRAME
    x, y, z = frames.swap_frd_flu((settings.camera_x, settings.camera_y, settings.camera_z))
    transform.transform.translation.x = x
    transform.transform.translation.y = y
    transform.transform.translation.z = z
    # In FLU a camera that looks down is turned about the left axis by +|pitch|.
    pitch = -math.radians(settings.camera_pitch_deg)
    tilt = (math.cos(pitch / 2), 0.0, math.sin(pitch / 2), 0.0)
    w, i, j, k = frames.quaternion_multiply(tilt, _LEVEL_OPTICAL_TO_FLU)
    rotation = transform.transform.rotation
    rotation.w, rotation.x, rotation.y, rotation.z = w, i, j, k
    return transform
