"""What the autopilot believes of its own motion: the truth plus slowly varying errors.

PX4's velocity estimate was off by 0.16 m/s (1 sigma, GPS-driven), its position wandered at 0.1 m/s
and its attitude was off by 0.3 to 0.6 degrees. The velocity loop holds the *estimate*, so these
errors also make the vehicle drift, about 1 to 2 m in 20 s at zero velocity.
"""

from __future__ import annotations

import math
import random
from typing import NamedTuple

from uav_tracker_ros.flight import Quaternion, Vector3
from uav_tracker_ros.frames import quaternion_from_euler, wrap_angle

VELOCITY_SIGMAS, VELOCITY_TIME_S = (0.16, 0.16, 0.08), 5.0  # m/s
WANDER_SHARE, POSITION_TIME_S = 0.6, 20.0  # of the velocity error enters the position, pulled back by GPS
ATTITUDE_SIGMAS = (math.radians(0.4), math.radians(0.4), math.radians(0.15))  # slowly varying
ATTITUDE_TIME_S = 10.0
ATTITUDE_JITTER = math.radians(0.15)  # roll and pitch, from sample to sample
RATE_JITTER = math.radians(0.3)  # rad/s, from sample to sample
LAG_S = 0.008  # s; the estimate is that much old when it is told (velocity 10 ms, pitch 8 ms measured)


class Motion(NamedTuple):
    """A true state."""

    position_ned: Vector3  # m
    velocity_ned: Vector3  # m/s
    euler: Vector3  # rad: roll, pitch, yaw
    rates_frd: Vector3  # rad/s


class Estimate(NamedTuple):
    """The autopilot's idea of its state at one moment."""

    position_ned: Vector3  # m from the local origin
    velocity_ned: Vector3  # m/s
    euler: Vector3  # rad: roll, pitch, yaw
    rates_frd: Vector3  # rad/s
    reset_count: int  # rises with every jump of the position
    position_valid: bool

    @property
    def quaternion(self) -> Quaternion:
        """``body_frd -> ned``."""
        return quaternion_from_euler(*self.euler)


class Errors(NamedTuple):
    """Estimated minus true state at one moment."""

    position_ned: Vector3 = (0.0, 0.0, 0.0)  # m
    velocity_ned: Vector3 = (0.0, 0.0, 0.0)  # m/s
    euler: Vector3 = (0.0, 0.0, 0.0)  # rad
    reset_count: int = 0
    position_valid: bool = True


class Estimator:
    """The error processes, advanced by the autopilot."""

    def __init__(self, scale: float, seed: int) -> None:
        """Args: ``scale`` multiplies every error (0: the truth); ``seed`` fixes the noise."""
        self._random = random.Random(seed)  # noqa: S311 - noise, not cryptography
        self._scale = scale
        self._offset = (0.0, 0.0, 0.0)  # m; jumps of the local origin
        self._wander = (0.0, 0.0, 0.0)  # m
        self._velocity = self._draw(VELOCITY_SIGMAS)
        self._attitude = self._draw(ATTITUDE_SIGMAS)
        self.reset_count = 0
        self.position_valid = True
        self.errors = self._put_together()

    def advance(self, dt: float) -> None:
        """Let the errors drift for ``dt`` s: first-order Gauss-Markov processes."""
        if self._scale:
            self._velocity = self._drift(self._velocity, VELOCITY_SIGMAS, VELOCITY_TIME_S, dt)
            self._attitude = self._drift(self._attitude, ATTITUDE_SIGMAS, ATTITUDE_TIME_S, dt)
            n, e, d = (
                old + (WANDER_SHARE * rate - old / POSITION_TIME_S) * dt
                for old, rate in zip(self._wander, self._velocity, strict=True)
            )
            self._wander = (n, e, d)
        self.errors = self._put_together()

    def shift(self, jump_ned: Vector3) -> None:
        """Reset the position estimate by ``jump_ned`` m, as EKF2 does after a bad GPS stretch."""
        self._offset = _added(self._offset, jump_ned)
        self.reset_count = (self.reset_count + 1) % 256
        self.errors = self._put_together()

    def believe(self, motion: Motion, errors: Errors) -> Estimate:
        """The estimate of this true motion, with the jitter of one sample."""
        roll, pitch, yaw = _added(motion.euler, errors.euler)
        p, q, r = motion.rates_frd
        if self._scale:
            jitter, gauss = self._scale * ATTITUDE_JITTER, self._random.gauss
            roll, pitch = roll + gauss(0.0, jitter), pitch + gauss(0.0, jitter)
            jitter = self._scale * RATE_JITTER
            p, q, r = p + gauss(0.0, jitter), q + gauss(0.0, jitter), r + gauss(0.0, jitter)
        return Estimate(
            _added(motion.position_ned, errors.position_ned),
            _added(motion.velocity_ned, errors.velocity_ned),
            (roll, pitch, wrap_angle(yaw)),
            (p, q, r),
            errors.reset_count,
            errors.position_valid,
        )

    def _put_together(self) -> Errors:
        position = _added(self._wander, self._offset)
        return Errors(position, self._velocity, self._attitude, self.reset_count, self.position_valid)

    def _draw(self, sigmas: Vector3) -> Vector3:
        x, y, z = (self._scale * self._random.gauss(0.0, sigma) for sigma in sigmas)
        return x, y, z

    def _drift(self, values: Vector3, sigmas: Vector3, time_s: float, dt: float) -> Vector3:
        spread = self._scale * math.sqrt(2 * dt / time_s)
        x, y, z = (
            value - value * dt / time_s + self._random.gauss(0.0, spread * sigma)
            for value, sigma in zip(values, sigmas, strict=True)
        )
        return x, y, z


def _added(a: Vector3, b: Vector3) -> Vector3:
    return a[0] + b[0], a[1] + b[1], a[2] + b[2]
