"""How much the air holds the vehicle back, learnt from lean and speed: drag and wind.

Assumes a multicopter: its horizontal thrust per mass is gravity times the tangent of its lean, and the air
takes ``drag * velocity`` of it plus a push of the wind that changes slowly. Over a window of time

    integral of thrust - change of velocity = drag * way + push * time

and a Kalman filter over (drag, push north, push east) weighs each window against what was known before.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from uav_tracker_ros.flight import Attitude, LocalPosition, Quaternion
from uav_tracker_ros.following.camera import GRAVITY
from uav_tracker_ros.frames import rotation_from_quaternion

Array = NDArray[np.float64]

WINDOW_S = 0.4  # s; shorter ones measure the noise of the velocity
GAP_MAX_S = 0.2  # s between samples; a longer one begins a new window
DRAG, DRAG_SIGMA = 0.25, 0.25  # 1/s, before anything was measured
LEAST_DRAG, MOST_DRAG = 0.05, 1.5  # 1/s
PUSH_SIGMA = 0.3  # m/s^2, of the wind before anything was measured
WINDOW_SIGMA = 0.4  # m/s^2, of one window: attitude, velocity, gusts
DRAG_WALK, PUSH_WALK = 0.01, 0.1  # 1/s and m/s^2, in a second


class AirDrag:
    """Drag and wind of one vehicle, window by window."""

    def __init__(self) -> None:
        self._state = np.array([DRAG, 0.0, 0.0])
        self._covariance = np.diag([DRAG_SIGMA**2, PUSH_SIGMA**2, PUSH_SIGMA**2])
        self._first: LocalPosition | None = None
        self._last: LocalPosition | None = None
        self._thrust = np.zeros(2)  # m/s, its integral over the window
        self._way = np.zeros(2)  # m

    @property
    def drag(self) -> float:
        """1/s."""
        return float(max(LEAST_DRAG, min(MOST_DRAG, self._state[0])))

    def holding(self, velocity_ne: Array) -> Array:
        """(2,) m/s^2 of thrust that keeps this velocity (m/s) up."""
        return np.asarray(self.drag * velocity_ne + self._state[1:])

    def add(self, attitude: Attitude, position: LocalPosition) -> None:
        """The newest samples; the vehicle is in the air."""
        first, last = self._first, self._last
        step = position.stamp - last.stamp if last is not None else math.inf
        if step <= 0:
            return
        if first is None or last is None or step > GAP_MAX_S or position.reset_count != last.reset_count:
            self._begin(position)
            return
        velocity, before = np.array(position.velocity_ned[:2]), np.array(last.velocity_ned[:2])
        self._thrust += step * _horizontal_thrust(attitude.quaternion)
        self._way += step * (velocity + before) / 2
        self._last = position
        if position.stamp - first.stamp >= WINDOW_S:
            self._learn(velocity - np.array(first.velocity_ned[:2]), position.stamp - first.stamp)
            self._begin(position)

    def _begin(self, position: LocalPosition) -> None:
        self._first = self._last = position
        self._thrust, self._way = np.zeros(2), np.zeros(2)

    def _learn(self, change: Array, seconds: float) -> None:
        measured = (self._thrust - change) / seconds
        model = np.column_stack([self._way / seconds, np.eye(2)])
        p = self._covariance + seconds * np.diag([DRAG_WALK**2, PUSH_WALK**2, PUSH_WALK**2])
        gain = p @ model.T @ np.linalg.inv(model @ p @ model.T + WINDOW_SIGMA**2 * np.eye(2))
        self._state = self._state + gain @ (measured - model @ self._state)
        self._covariance = (np.eye(3) - gain @ model) @ p


def _horizontal_thrust(quaternion: Quaternion) -> Array:
    """(2,) north and east, m/s^2, of a thrust that carries the weight."""
    up = -rotation_from_quaternion(quaternion)[:, 2]
    return np.asarray(GRAVITY * up[:2] / max(-up[2], 0.5))
