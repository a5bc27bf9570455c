"""From the simulated world into the picture: one pinhole view at one moment."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from uav_tracker_ros.frames import rotation_from_quaternion, rotation_optical_to_frd
from uav_tracker_ros.geometry import Intrinsics
from uav_tracker_ros.simulation.truth import VehicleTruth

Floats = NDArray[np.float64]

NEAR = 0.2  # m; nothing nearer than this to the camera is drawn


@dataclass(frozen=True)
class View:
    """A pinhole camera without distortion, at one place and attitude."""

    rotation: Floats  # (3, 3), ned -> camera_optical
    position: Floats  # (3,), m, ned
    intrinsics: Intrinsics

    @property
    def matrix(self) -> Floats:
        """(3, 3) camera matrix in this package's pixel convention."""
        k = self.intrinsics
        return np.array([[k.fx, 0.0, k.cx], [0.0, k.fy, k.cy], [0.0, 0.0, 1.0]])

    def to_camera(self, points_ned: Floats) -> Floats:
        """(N, 3) m in ned to (N, 3) m in camera_optical."""
        return np.asarray((points_ned - self.position) @ self.rotation.T)

    def to_pixels(self, points_optical: Floats) -> Floats:
        """(N, 3) m in camera_optical, z > 0, to (N, 2) px."""
        k = self.intrinsics
        scaled = points_optical[:, :2] / points_optical[:, 2:3]
        return scaled * (k.fx, k.fy) + (k.cx, k.cy)

    def ground_homography(self) -> Floats:
        """(3, 3): (north, east, 1) on the plane down = 0 to homogeneous px; third row is depth in m."""
        columns = np.column_stack(
            (self.rotation[:, 0], self.rotation[:, 1], -self.rotation @ self.position),
        )
        return np.asarray(self.matrix @ columns)

    def down_of_pixels(self) -> Floats:
        """(3,) linear form of (u, v, 1): the down component of the pixel's ray with depth 1."""
        return np.asarray(self.rotation[:, 2] @ np.linalg.inv(self.matrix))


def view_from(vehicle: VehicleTruth, intrinsics: Intrinsics, camera_pitch: float) -> View:
    """The view of a camera bolted to the vehicle's centre.

    Args:
        vehicle: true place and attitude.
        intrinsics: of the camera; its distortion is not part of the view.
        camera_pitch: of the mount, rad; negative looks down.
    """
    to_ned = rotation_from_quaternion(vehicle.quaternion) @ rotation_optical_to_frd(camera_pitch)
    return View(to_ned.T, np.array(vehicle.position_ned), intrinsics)


def clip_near(polygon: Floats) -> Floats:
    """The part of a polygon ((N, 3), camera_optical) before the near plane; Sutherland-Hodgman."""
    kept: list[Floats] = []
    for start, end in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        if start[2] >= NEAR:
            kept.append(start)
        if (start[2] >= NEAR) != (end[2] >= NEAR):
            kept.append(start + (end - start) * ((NEAR - start[2]) / (end[2] - start[2])))
    return np.array(kept) if len(kept) >= 3 else np.empty((0, 3))


class Lens:
    """Bends the picture of a pinhole view as a lens with plumb-bob distortion does.

    Assumes that the distortion is one-to-one over the image, as calibrated lenses are.
    """

    def __init__(self, intrinsics: Intrinsics) -> None:
        k = intrinsics
        self._matrix = np.array([[k.fx, 0.0, k.cx], [0.0, k.fy, k.cy], [0.0, 0.0, 1.0]])
        self._distortion = np.array(k.distortion)
        columns, rows = np.meshgrid(np.arange(k.width) + 0.5, np.arange(k.height) + 0.5)
        pixels = np.stack((columns, rows), axis=-1).reshape(-1, 1, 2)
        straight = cv2.undistortPoints(pixels, self._matrix, self._distortion, P=self._matrix)
        straight = straight.reshape(k.height, k.width, 2)
        # The pinhole picture must be larger than the image where the lens pulls the corners inwards.
        low = np.floor(np.minimum(straight.min(axis=(0, 1)), 0.0)).astype(int)
        high = np.ceil(np.maximum(straight.max(axis=(0, 1)), (k.width, k.height))).astype(int)
        self.shift = (-int(low[0]), -int(low[1]))  # px from image to pinhole picture
        size = high - low
        self.pinhole = Intrinsics(int(size[0]), int(size[1]), k.fx, k.fy, k.cx + self.shift[0], k.cy + self.shift[1])
        maps = (straight + self.shift - 0.5).astype(np.float32)
        self._map_fixed, self._map_rest = cv2.convertMaps(maps[..., 0], maps[..., 1], cv2.CV_16SC2)

    def bend(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The pinhole picture as the lens shows it, (height, width, 3)."""
        return np.asarray(cv2.remap(picture, self._map_fixed, self._map_rest, cv2.INTER_LINEAR), np.uint8)

    def bend_points(self, pixels: Floats) -> Floats:
        """(N, 2) px of the pinhole picture to (N, 2) px of the image."""
        k = self.pinhole
        rays = np.column_stack(((pixels - (k.cx, k.cy)) / (k.fx, k.fy), np.ones(len(pixels))))
        bent, _ = cv2.projectPoints(rays, np.zeros(3), np.zeros(3), self._matrix, self._distortion)
        return np.asarray(bent).reshape(-1, 2)
