"""Where an unseen target is believed to be in the picture: for the operator, and for a tracker that searches."""

from __future__ import annotations

import math

import numpy as np
from builtin_interfaces.msg import Time

from uav_tracker_ros.flight import Telemetry
from uav_tracker_ros.following.camera import Camera
from uav_tracker_ros.following.class_prior import class_prior
from uav_tracker_ros.following.report import FollowPhase, FollowReport
from uav_tracker_ros.following.settings import FollowSettings
from uav_tracker_ros.geometry import Box, Intrinsics, TargetState
from uav_tracker_ros.msg import TrackedTarget
from uav_tracker_ros.nodes.conversions import CAMERA_FRAME

UNSEEN = (FollowPhase.COASTING, FollowPhase.SEARCHING)


def predicted_target(
    report: FollowReport,
    telemetry: Telemetry,
    settings: FollowSettings,
    intrinsics: Intrinsics | None,
    *,
    target_class: str,
    stamp: Time,
) -> TrackedTarget | None:
    """The box around an average target of this class at the predicted place, as the camera sees it now.

    Args:
        report: of this cycle.
        telemetry: the newest.
        settings: for the camera's mount.
        intrinsics: of the camera, if known.
        target_class: as selected.
        stamp: now, on the ROS clock.

    Returns:
        None while the target is seen, while something is unknown, and where it is outside the picture.
    """
    attitude, position = telemetry.attitude, telemetry.position
    if report.phase not in UNSEEN or intrinsics is None or attitude is None or position is None:
        return None
    if not all(math.isfinite(part) for part in report.target_position_ned):
        return None
    camera, prior = Camera.from_settings(intrinsics, settings), class_prior(target_class)
    pose = camera.pose(np.array(position.position_ned), attitude.quaternion)
    feet, ground = np.array([report.target_position_ned[:2]]), report.target_position_ned[2]
    if float((np.array([*feet[0], ground]) - pose.position_ned) @ pose.rotation[:, 2]) <= 0:
        return None  # behind the camera
    edges = camera.hulls(pose, feet, ground, np.array([prior.height]), prior.half_depth)[0]
    box = Box.from_xyxy(*(float(edge) for edge in edges)).clipped(intrinsics.width, intrinsics.height)
    if box.area == 0:
        return None
    message = TrackedTarget(state=int(TargetState.UNCERTAIN), target_class=target_class)
    message.header.stamp, message.header.frame_id = stamp, CAMERA_FRAME
    message.center_x, message.center_y = box.center
    message.size_x, message.size_y = box.w, box.h
    message.score = message.confidence = message.similarity = math.nan
    message.image_width, message.image_height = intrinsics.width, intrinsics.height
    return message
