"""Where a point of the world is in the image, and where a pixel points in the world.

Assumes a pinhole camera with OpenCV's plumb-bob distortion, fixed to the body, and a target that
stands upright on the ground.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from uav_tracker_ros.errors import InvalidParameter
from uav_tracker_ros.flight import Quaternion
from uav_tracker_ros.following.class_prior import class_prior
from uav_tracker_ros.following.settings import FollowSettings
from uav_tracker_ros.frames import Matrix3, rotation_from_quaternion, rotation_optical_to_frd
from uav_tracker_ros.geometry import Box, Intrinsics

Array = NDArray[np.float64]

GRAVITY = 9.81  # m/s^2
PICTURE_MARGIN = math.radians(4)  # kept between target and picture edge
MIN_TILT = math.atan(2.5 / GRAVITY)  # a geometry must leave 2.5 m/s^2 in both directions
NEAREST_DEPTH = 0.1  # m; points behind the camera are treated as this near

# The eight corners of a cuboid: along the line of sight, across it, up.
_CORNERS = np.array([(along, across, up) for along in (-1, 1) for across in (-1, 1) for up in (0, 1)], dtype=float)


class CameraPose(NamedTuple):
    """Where the camera was and where it looked."""

    position_ned: Array  # (3,) m
    rotation: Matrix3  # camera_optical -> ned


class Camera:
    """A camera on the body.

    Args:
        intrinsics: of the images that the boxes belong to.
        pitch: mount, rad, negative looks down.
        lever_frd: place of the camera on the body, m.

    Raises:
        InvalidParameter: a focal length or image size that is not positive and finite.
    """

    def __init__(self, intrinsics: Intrinsics, pitch: float, lever_frd: tuple[float, float, float] = (0, 0, 0)):
        numbers = (intrinsics.fx, intrinsics.fy, intrinsics.width, intrinsics.height)
        if not all(math.isfinite(number) and number > 0 for number in numbers):
            raise InvalidParameter(
                f"camera has fx {intrinsics.fx}, fy {intrinsics.fy}, {intrinsics.width}x{intrinsics.height} px; "
                "expected positive numbers: calibrate the camera or set its field of view"
            )
        self.intrinsics = intrinsics
        self.pitch = pitch
        self._lever_frd = np.array(lever_frd, dtype=float)
        self._optical_to_frd = rotation_optical_to_frd(pitch)
        k = intrinsics
        self._matrix = np.array([[k.fx, 0.0, k.cx], [0.0, k.fy, k.cy], [0.0, 0.0, 1.0]])

    @classmethod
    def from_settings(cls, intrinsics: Intrinsics, settings: FollowSettings) -> Camera:
        """The camera on the mount that the settings describe."""
        lever = (settings.camera_x, settings.camera_y, settings.camera_z)
        return cls(intrinsics, math.radians(settings.camera_pitch_deg), lever)

    def pose(self, position_ned: Array, quaternion: Quaternion) -> CameraPose:
        """The camera's pose on a vehicle at ``position_ned`` (m) with attitude ``body_frd -> ned``."""
        body = rotation_from_quaternion(quaternion)
        return CameraPose(position_ned + body @ self._lever_frd, body @ self._optical_to_frd)

    def ray_ned(self, pose: CameraPose, u: float, v: float) -> Array:
        """Unit vector (3,) in NED through an undistorted pixel."""
        k = self.intrinsics
        direction = pose.rotation @ np.array([(u - k.cx) / k.fx, (v - k.cy) / k.fy, 1.0])
        return np.asarray(direction / math.hypot(*direction))

    def ideal_edges(self, box: Box) -> Array:
        """Left, top, right, bottom (px) without distortion: the middle of each edge is undistorted."""
        left, top, right, bottom = box.xyxy
        if not any(self.intrinsics.distortion):
            return np.array([left, top, right, bottom])
        u, v = box.center
        points = np.array([[[left, v]], [[u, top]], [[right, v]], [[u, bottom]]])
        distortion = np.array(self.intrinsics.distortion, dtype=float)
        ideal = cv2.undistortPoints(points, self._matrix, distortion, P=self._matrix)[:, 0]
        return np.array([ideal[0, 0], ideal[1, 1], ideal[2, 0], ideal[3, 1]])

    def hulls(
        self, pose: CameraPose, feet_ne: Array, ground_z: float | Array, height: Array, half_depth: float
    ) -> Array:
        """Boxes around projected upright cuboids that face the camera.

        Args:
            pose: of the camera.
            feet_ne: (k, 2) middle of the footprints, m.
            ground_z: down-coordinate of the ground, m; one for all or (k,).
            height: (k,) m.
            half_depth: half a side of the square footprint, m.

        Returns:
            (k, 4) left, top, right, bottom in undistorted px; may lie outside the image.
        """
        sight = feet_ne - pose.position_ned[:2]
        sight = sight / np.maximum(np.linalg.norm(sight, axis=1, keepdims=True), 1e-6)
        across = np.stack([-sight[:, 1], sight[:, 0]], axis=1)
        points = np.empty((len(feet_ne), 8, 3))
        points[:, :, :2] = feet_ne[:, None] + half_depth * (
            _CORNERS[None, :, :1] * sight[:, None] + _CORNERS[None, :, 1:2] * across[:, None]
        )
        points[:, :, 2] = np.reshape(ground_z, (-1, 1)) - _CORNERS[None, :, 2] * height[:, None]
        optical = (points - pose.position_ned) @ pose.rotation
        depth = np.maximum(optical[..., 2], NEAREST_DEPTH)
        u = self.intrinsics.cx + self.intrinsics.fx * optical[..., 0] / depth
        v = self.intrinsics.cy + self.intrinsics.fy * optical[..., 1] / depth
        return np.stack([u.min(axis=1), v.min(axis=1), u.max(axis=1), v.max(axis=1)], axis=1)

    def tilt_margins(self, feet_depression: float, head_depression: float) -> tuple[float, float]:
        """How far the nose may go up and down from level before the target leaves the picture.

        Args:
            feet_depression: rad below the horizon.
            head_depression: rad below the horizon.

        Returns:
            (up, down), rad; negative: the target is not in the picture of a level vehicle.
        """
        return self._reach - self.pitch - feet_depression, self._reach + self.pitch + head_depression

    def least_depression(self, nose_down: float) -> float:
        """How far below the horizon a head must be to stay in the picture while the nose is so far down; all rad."""
        return nose_down - self._reach - self.pitch

    def most_depression(self, nose_up: float) -> float:
        """How far below the horizon feet may be to stay in the picture while the nose is so far up; all rad."""
        return self._reach - self.pitch - nose_up

    @property
    def _reach(self) -> float:
        """From the picture's middle to what counts as its edge, rad."""
        return self.intrinsics.vfov / 2 - PICTURE_MARGIN


def geometry_problem(camera: Camera, distance: float, height: float, target_class: str) -> str:
    """Why this camera cannot hold a target at this place in view; empty if it can."""
    tall = class_prior(target_class).height
    feet, head = math.atan2(height, distance), math.atan2(height - tall, distance)
    up, down = camera.tilt_margins(feet, head)
    if min(up, down) >= MIN_TILT:
        return ""
    return (
        f"at {distance:.1f} m and height {height:.1f} m the camera leaves {math.degrees(up):.1f} deg nose-up and "
        f"{math.degrees(down):.1f} deg nose-down, {math.degrees(MIN_TILT):.1f} deg are needed: "
        "change camera_pitch_deg, distance or height"
    )
