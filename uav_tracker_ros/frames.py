"""Rotations between frames: the only place where a sign flips.

Frames: ``camera_optical`` x right, y down, z forward (REP-103); ``body_frd`` forward, right, down;
``ned`` north, east, down; ROS's ``base_link`` (FLU: forward, left, up) and ``map`` (ENU: east,
north, up). The core computes in ``ned``; FLU and ENU exist on the ROS border only.
Quaternions are (w, x, y, z); ``rotation_b_to_a @ vector_b = vector_a``.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from uav_tracker_ros.flight import Quaternion, Vector3

Matrix3 = NDArray[np.float64]  # (3, 3)

# Rows: forward = optical z, right = optical x, down = optical y, for a level camera.
LEVEL_OPTICAL_TO_FRD: Matrix3 = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])

_HALF = math.sqrt(0.5)
_NED_TO_ENU: Quaternion = (0.0, _HALF, _HALF, 0.0)
_FRD_FLU: Quaternion = (0.0, 1.0, 0.0, 0.0)


def swap_ned_enu(vector: Vector3) -> Vector3:
    """NED to ENU, and ENU to NED: the map is its own inverse."""
    x, y, z = vector
    return y, x, -z


def swap_frd_flu(vector: Vector3) -> Vector3:
    """FRD to FLU, and back."""
    x, y, z = vector
    return x, -y, -z


def yaw_ned_to_enu(yaw: float) -> float:
    """Heading from north clockwise to angle from east anticlockwise, and back (rad, in [-pi, pi))."""
    return wrap_angle(math.pi / 2 - yaw)


def quaternion_frd_ned_to_flu_enu(q: Quaternion) -> Quaternion:
    """Attitude ``body_frd -> ned`` as ``base_link (FLU) -> map (ENU)``, and back."""
    return quaternion_multiply(quaternion_multiply(_NED_TO_ENU, q), _FRD_FLU)


def wrap_angle(angle: float) -> float:
    """The same angle in [-pi, pi), rad."""
    return (angle + math.pi) % (2 * math.pi) - math.pi


def quaternion_multiply(a: Quaternion, b: Quaternion) -> Quaternion:
    """Hamilton product: first ``b``, then ``a``."""
    aw, ax, ay, az = a
    bw, bx, by, bz = b
    return (
        aw * bw - ax * bx - ay * by - az * bz,
        aw * bx + ax * bw + ay * bz - az * by,
        aw * by - ax * bz + ay * bw + az * bx,
        aw * bz + ax * by - ay * bx + az * bw,
    )


def quaternion_from_euler(roll: float, pitch: float, yaw: float) -> Quaternion:
    """``body_frd -> ned`` from roll, pitch, yaw (rad; yaw, then pitch, then roll)."""
    cr, sr = math.cos(roll / 2), math.sin(roll / 2)
    cp, sp = math.cos(pitch / 2), math.sin(pitch / 2)
    cy, sy = math.cos(yaw / 2), math.sin(yaw / 2)
    return (
        cr * cp * cy + sr * sp * sy,
        sr * cp * cy - cr * sp * sy,
        cr * sp * cy + sr * cp * sy,
        cr * cp * sy - sr * sp * cy,
    )


def euler_from_quaternion(q: Quaternion) -> Vector3:
    """Roll, pitch, yaw (rad) of ``body_frd -> ned``."""
    w, x, y, z = q
    roll = math.atan2(2 * (w * x + y * z), 1 - 2 * (x * x + y * y))
    pitch = math.asin(max(-1.0, min(1.0, 2 * (w * y - z * x))))
    yaw = math.atan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z))
    return roll, pitch, yaw


def rotation_from_quaternion(q: Quaternion) -> Matrix3:
    """(3, 3) rotation of a unit quaternion."""
    w, x, y, z = q
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def rotation_optical_to_frd(pitch: float, yaw: float = 0.0, roll: float = 0.0) -> Matrix3:
    """Mount of a camera: ``camera_optical -> body_frd``.

    Args:
        pitch: rad, negative looks down (-30 deg is the package's default mount).
        yaw: rad, positive looks to the right.
        roll: rad, positive turns clockwise seen from behind.
    """
    mount = rotation_from_quaternion(quaternion_from_euler(roll, pitch, yaw))
    return mount @ LEVEL_OPTICAL_TO_FRD
