"""The only shaping between the law and the autopilot: PX4 shapes nothing in OFFBOARD.

Speed, acceleration and jerk (and yaw rate and yaw acceleration) are never exceeded, whatever is
asked: every step is taken from the set of steps after which the limits can still be kept.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from uav_tracker_ros.following.report import Limit
from uav_tracker_ros.frames import wrap_angle

Array = NDArray[np.float64]

JERK_GAIN = 12.0  # 1/s, how fast the acceleration approaches the wanted one
_HALVINGS = 12  # of the search for the largest allowed step: 1/4096 of a step
YAW_GAIN = 3.0  # 1/s, approach of the yaw setpoint to the wanted yaw
YAW_LEASH = math.radians(20)  # the setpoint's largest lead over the measured yaw


class VelocityLimiter:
    """A reference velocity with bounded speed, acceleration and jerk.

    The invariant: if the acceleration is led to zero at the largest jerk, starting now, the speed
    stays inside its limit all the way. Leading it to zero keeps the invariant, so there always is
    a legal step; the wanted step is shortened towards that one until it is legal too.
    """

    def __init__(self, max_speed: float, max_accel: float, max_jerk: float, size: int = 2):
        self._max_speed = max_speed  # m/s
        self._max_accel = max_accel  # m/s^2
        self._max_jerk = max_jerk  # m/s^3
        self.velocity = np.zeros(size)  # m/s
        self.acceleration = np.zeros(size)  # m/s^2

    def reset(self, velocity: Array) -> None:
        """Start from a measured velocity (m/s), without acceleration."""
        self.velocity = np.array(velocity, dtype=float)
        self.acceleration = np.zeros_like(self.velocity)

    def step(self, accel_wanted: Array, dt: float, scale: float = 1.0) -> Limit:
        """Advance ``dt`` seconds towards a wanted acceleration.

        Args:
            accel_wanted: m/s^2.
            dt: s.
            scale: 0 to 1, share of the speed and acceleration limits that may be used now. Where the present
                speed is above a lowered limit it does not rise further.

        Returns:
            Which limits acted.
        """
        acted = Limit.NONE
        cap = self._max_accel * scale
        size = math.hypot(*accel_wanted)
        if size > cap:
            accel_wanted = accel_wanted * (cap / size)
            acted |= Limit.ACCEL
        change = min(1.0, JERK_GAIN * dt) * (accel_wanted - self.acceleration)
        most = self._max_jerk * dt
        size = math.hypot(*change)
        if size > most:
            change *= most / size
            acted |= Limit.JERK
        wanted = self.acceleration + change
        limit = max(self._max_speed * scale, self._reach(self.velocity, self.acceleration))
        if self._reach(self.velocity + wanted * dt, wanted) > limit:
            wanted = self._longest_legal(wanted, dt, limit)
            acted |= Limit.SPEED
        self.acceleration = wanted
        self.velocity = self.velocity + wanted * dt
        return acted

    def _reach(self, velocity: Array, acceleration: Array) -> float:
        """Speed (m/s) when the acceleration has been led to zero; the larger of now and then."""
        share = math.hypot(*acceleration) / (2 * self._max_jerk)
        return max(math.hypot(*velocity), math.hypot(*(velocity + acceleration * share)))

    def _longest_legal(self, wanted: Array, dt: float, limit: float) -> Array:
        size = math.hypot(*self.acceleration)
        fallback = self.acceleration * max(0.0, 1 - self._max_jerk * dt / size) if size > 0 else self.acceleration
        low, high = 0.0, 1.0
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            trial = fallback + middle * (wanted - fallback)
            if self._reach(self.velocity + trial * dt, trial) <= limit:
                low = middle
            else:
                high = middle
        return fallback + low * (wanted - fallback)


class YawLimiter:
    """A yaw angle that moves with bounded rate and acceleration."""

    def __init__(self, max_rate: float, max_accel: float):
        self._max_rate = max_rate  # rad/s
        self._max_accel = max_accel  # rad/s^2
        self.yaw = 0.0  # rad, in [-pi, pi)
        self.rate = 0.0  # rad/s

    def reset(self, yaw: float) -> None:
        """Start from a measured yaw, at rest."""
        self.yaw, self.rate = wrap_angle(yaw), 0.0

    def step(self, yaw_wanted: float, yaw_measured: float, dt: float, rate_wanted: float = 0.0) -> Limit:
        """Advance ``dt`` seconds towards a wanted yaw, not farther than 20 deg from the measured one.

        Args:
            yaw_wanted: rad.
            yaw_measured: rad.
            dt: s.
            rate_wanted: rad/s, of ``yaw_wanted``: a bearing that turns evenly is followed without lag.
        """
        leashed = max(-YAW_LEASH, min(YAW_LEASH, wrap_angle(yaw_wanted - yaw_measured)))
        error = wrap_angle(yaw_measured + leashed - self.yaw)
        # The speed from which max_accel still stops in time, with a linear part near the goal.
        stop = math.sqrt(2 * 0.8 * self._max_accel * abs(error))
        rate = rate_wanted + math.copysign(min(stop, YAW_GAIN * abs(error)), error)
        rate = max(-self._max_rate, min(self._max_rate, rate))
        change = max(-self._max_accel * dt, min(self._max_accel * dt, rate - self.rate))
        acted = Limit.YAW if abs(rate) >= self._max_rate or abs(change) < abs(rate - self.rate) else Limit.NONE
        self.rate += change
        self.yaw = wrap_angle(self.yaw + self.rate * dt)
        return acted
