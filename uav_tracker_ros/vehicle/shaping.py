"""The gate's own shaping: whatever the controller asks, the vehicle is not jerked.

PX4 shapes nothing in OFFBOARD: a 5 m/s step tilts it to 43 degrees, a yaw step whips at 150 deg/s.
A velocity setpoint is answered like a first-order lag, so the acceleration that a setpoint asks
for is (setpoint - velocity) / lag. The shaper keeps that model of the vehicle and bounds its
acceleration, the change of its acceleration and its speed. A stream inside the limits passes
through unchanged, also with a lead of one lag times the acceleration in it.
"""

from __future__ import annotations

import math

from uav_tracker_ros.flight import Limits, Vector3

LAG_S = 0.6  # s; PX4's horizontal velocity loop answers in 0.52 to 0.56 s
LAG_Z_S = 0.3  # s; vertical, 0.25 s measured
MARGIN = 1.05  # a controller that works at its limits is not cut by rounding
_HALVES = (0.5, 0.25, 0.125, 0.0625)  # bisection to a sixteenth


def wrap(angle: float) -> float:
    """The same angle within -pi to pi."""
    return math.remainder(angle, math.tau)


def ramp_to_zero(velocity: Vector3, step: float) -> Vector3:
    """A velocity that is ``step`` m/s shorter, zero when nothing is left."""
    speed = math.hypot(*velocity)
    if speed <= step:
        return (0.0, 0.0, 0.0)
    share = 1.0 - step / speed
    return (velocity[0] * share, velocity[1] * share, velocity[2] * share)


def _shorten(x: float, y: float, length: float) -> tuple[float, float]:
    norm = math.hypot(x, y)
    return (x, y) if norm <= length else (x * length / norm, y * length / norm)


class VelocityShaper:
    """Bounds speed, acceleration and jerk of a stream of velocity setpoints."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.reset((0.0, 0.0, 0.0))

    def reset(self, velocity_ned: Vector3) -> None:
        """Start from what the vehicle does now, unaccelerated."""
        self._velocity = self._sent = velocity_ned
        self._accel: Vector3 = (0.0, 0.0, 0.0)

    def shape(self, wanted_ned: Vector3, dt: float) -> Vector3:
        """The setpoint to send.

        Args:
            wanted_ned: m/s, what the controller asks.
            dt: s since the last call, more than 0.

        Returns:
            m/s NED; equal to ``wanted_ned`` when that is within the limits.
        """
        self._advance(dt)
        limits = self._limits
        jerk_step = MARGIN * limits.max_jerk * dt
        ask_n = (wanted_ned[0] - self._velocity[0]) / LAG_S
        ask_e = (wanted_ned[1] - self._velocity[1]) / LAG_S
        ask_n, ask_e = _shorten(ask_n, ask_e, MARGIN * limits.max_accel)
        change_n, change_e = _shorten(ask_n - self._accel[0], ask_e - self._accel[1], jerk_step)
        accel_n, accel_e = self._below_speed(self._accel[0] + change_n, self._accel[1] + change_e, jerk_step)
        ask_d = (wanted_ned[2] - self._velocity[2]) / LAG_Z_S
        ask_d = max(-limits.max_accel, min(limits.max_accel, ask_d)) * MARGIN
        accel_d = self._accel[2] + max(-jerk_step, min(jerk_step, ask_d - self._accel[2]))
        out = (
            self._velocity[0] + LAG_S * accel_n,
            self._velocity[1] + LAG_S * accel_e,
            self._velocity[2] + LAG_Z_S * accel_d,
        )
        self._accel = (accel_n, accel_e, accel_d)
        self._sent = self._within_speed(out)
        return self._sent

    def _below_speed(self, accel_n: float, accel_e: float, jerk_step: float) -> tuple[float, float]:
        """As much of the acceleration as can still be ended, at the jerk limit, below the speed limit."""
        if self._ends_below_speed(accel_n, accel_e):
            return accel_n, accel_e
        norm = math.hypot(self._accel[0], self._accel[1])
        end_n, end_e = _shorten(self._accel[0], self._accel[1], max(0.0, norm - jerk_step))
        share = 0.0
        for step in _HALVES:
            between = (end_n + (share + step) * (accel_n - end_n), end_e + (share + step) * (accel_e - end_e))
            share += step if self._ends_below_speed(*between) else 0.0
        return end_n + share * (accel_n - end_n), end_e + share * (accel_e - end_e)

    def _ends_below_speed(self, accel_n: float, accel_e: float) -> bool:
        """Ending an acceleration a at the jerk limit j still adds a |a| / 2j to the velocity."""
        still_s = math.hypot(accel_n, accel_e) / (2.0 * self._limits.max_jerk)
        peak = math.hypot(self._velocity[0] + accel_n * still_s, self._velocity[1] + accel_e * still_s)
        return peak <= MARGIN * self._limits.max_speed

    def _within_speed(self, velocity: Vector3) -> Vector3:
        """The hard bound of what may leave: the speed limit and, horizontally, the lead on top."""
        limits = self._limits
        north, east = _shorten(velocity[0], velocity[1], speed_bound(limits))
        bound_z = limits.max_speed_z
        return (north, east, max(-bound_z, min(bound_z, velocity[2])))

    def _advance(self, dt: float) -> None:
        """What the vehicle has done with the last setpoint since."""
        share = 1.0 - math.exp(-dt / LAG_S)
        share_z = 1.0 - math.exp(-dt / LAG_Z_S)
        north = self._velocity[0] + (self._sent[0] - self._velocity[0]) * share
        east = self._velocity[1] + (self._sent[1] - self._velocity[1]) * share
        self._velocity = (north, east, self._velocity[2] + (self._sent[2] - self._velocity[2]) * share_z)


def speed_bound(limits: Limits) -> float:
    """The largest horizontal setpoint, m/s: the speed limit and the lead's share."""
    return limits.max_speed + LAG_S * limits.max_accel


class YawShaper:
    """Bounds rate and acceleration of a stream of yaw angles."""

    def __init__(self, limits: Limits) -> None:
        self._max_rate = MARGIN * limits.max_yaw_rate
        self._max_accel = MARGIN * limits.max_yaw_accel
        self.reset(0.0)

    def reset(self, yaw_ned: float) -> None:
        """Start from where the nose points now, not turning."""
        self._yaw = yaw_ned
        self._asked = yaw_ned
        self._rate = 0.0

    def shape(self, wanted: float, dt: float) -> float:
        """The yaw to send.

        Args:
            wanted: rad from north, what the controller asks.
            dt: s since the last call, more than 0.

        Returns:
            rad from north, within -pi to pi.
        """
        # Rate of the request as feed-forward, so that a legal slew passes through; what is left
        # of an earlier step is worked off along the braking curve of the acceleration limit.
        asked_rate = wrap(wanted - self._asked) / dt
        asked_rate = max(-self._max_rate, min(self._max_rate, asked_rate))
        behind = wrap(wanted - asked_rate * dt - self._yaw)
        closing = min(abs(behind) / dt, math.sqrt(2.0 * 0.8 * self._max_accel * abs(behind)))
        rate = asked_rate + math.copysign(closing, behind)
        rate = max(-self._max_rate, min(self._max_rate, rate))
        step = self._max_accel * dt
        self._rate += max(-step, min(step, rate - self._rate))
        self._asked = wanted
        self._yaw = wrap(self._yaw + self._rate * dt)
        return self._yaw
