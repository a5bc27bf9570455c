"""Motions of targets on the ground plane, as functions of time alone.

Every path starts at its origin at t = 0. ``at(t)`` gives place, velocity and heading; velocities
are the exact derivatives of the places, so that a follower fed with truth sees consistent motion.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple, Protocol

STANDSTILL = 0.05  # m/s; below this the direction of motion says nothing about the heading


class Origin(NamedTuple):
    """Where a path starts and which way it points."""

    north: float = 0.0  # m
    east: float = 0.0  # m
    heading: float = 0.0  # rad from north


_HERE = Origin()


class PathPoint(NamedTuple):
    """A place on the ground plane at one moment."""

    north: float  # m
    east: float  # m
    velocity_north: float  # m/s
    velocity_east: float  # m/s
    heading: float  # rad from north


class Path(Protocol):
    """A motion: the same t always gives the same point."""

    @property
    def origin(self) -> Origin:
        """Where it starts and which way it points."""
        ...

    def at(self, t: float) -> PathPoint:
        """Where the object is ``t`` seconds (>= 0) after its start."""
        ...


def _turned(along: float, aside: float, speed_along: float, speed_aside: float, origin: Origin) -> PathPoint:
    cos, sin = math.cos(origin.heading), math.sin(origin.heading)
    velocity_north = speed_along * cos - speed_aside * sin
    velocity_east = speed_along * sin + speed_aside * cos
    moving = math.hypot(velocity_north, velocity_east) > STANDSTILL
    heading = math.atan2(velocity_east, velocity_north) if moving else origin.heading
    return PathPoint(
        origin.north + along * cos - aside * sin,
        origin.east + along * sin + aside * cos,
        velocity_north,
        velocity_east,
        heading,
    )


@dataclass(frozen=True)
class Stand:
    """No motion at all."""

    origin: Origin = _HERE

    def at(self, t: float) -> PathPoint:
        """The origin, at rest."""
        return _turned(0.0, 0.0, 0.0, 0.0, self.origin)


@dataclass(frozen=True)
class Straight:
    """Constant speed from the first moment on; passes ``origin`` at ``passes_at``."""

    speed: float  # m/s
    origin: Origin = _HERE
    passes_at: float = 0.0  # s; > 0: the object comes from behind the origin

    def at(self, t: float) -> PathPoint:
        """A point on the line."""
        return _turned(self.speed * (t - self.passes_at), 0.0, self.speed, 0.0, self.origin)


@dataclass(frozen=True)
class Ramp:
    """Stand, then straight ahead with constant acceleration up to a speed.

    An infinite acceleration makes the instant step.
    """

    speed: float  # m/s
    accel: float  # m/s^2, > 0
    wait: float = 0.0  # s of standing
    origin: Origin = _HERE

    def at(self, t: float) -> PathPoint:
        """A point on the line."""
        moving_for = max(0.0, t - self.wait)
        ramp = self.speed / self.accel
        if moving_for <= 0.0:
            return _turned(0.0, 0.0, 0.0, 0.0, self.origin)
        if moving_for < ramp:
            speed = self.accel * moving_for
            return _turned(speed * moving_for / 2, 0.0, speed, 0.0, self.origin)
        return _turned(self.speed * (moving_for - ramp / 2), 0.0, self.speed, 0.0, self.origin)


@dataclass(frozen=True)
class StopAndGo:
    """Straight ahead in cycles: accelerate, drive, brake, stand; the rest of a cycle is shared."""

    speed: float  # m/s
    accel: float  # m/s^2
    cycle: float  # s, longer than 2 speed / accel
    origin: Origin = _HERE

    def at(self, t: float) -> PathPoint:
        """A point on the line."""
        ramp = self.speed / self.accel
        share = self.cycle / 2 - ramp  # of driving, and of standing
        full, t = divmod(t, self.cycle)
        travelled = full * self.speed * (ramp + share)
        if t < ramp:
            return _turned(travelled + self.accel * t * t / 2, 0.0, self.accel * t, 0.0, self.origin)
        travelled += self.speed * ramp / 2
        t -= ramp
        if t < share:
            return _turned(travelled + self.speed * t, 0.0, self.speed, 0.0, self.origin)
        travelled += self.speed * share
        t = min(t - share, ramp)
        braked = self.speed - self.accel * t
        return _turned(travelled + self.speed * t - self.accel * t * t / 2, 0.0, braked, 0.0, self.origin)


def _eased(t: float, ramp: float) -> tuple[float, float]:
    """Path time and its rate when a motion starts smoothly: the rate climbs 0 to 1 within ``ramp``."""
    if t <= 0.0:
        return 0.0, 0.0
    return (t * t / (2 * ramp), t / ramp) if t < ramp else (t - ramp / 2, 1.0)


@dataclass(frozen=True)
class Sinusoid:
    """Forward with a sideways sine."""

    speed: float  # m/s forward
    amplitude: float  # m to either side
    period: float  # s
    start_ramp: float = 1.7  # s; 4 m/s then start with 2.4 m/s^2
    origin: Origin = _HERE

    def at(self, t: float) -> PathPoint:
        """A point on the snaking line."""
        u, rate = _eased(t, self.start_ramp)
        omega = 2 * math.pi / self.period
        return _turned(
            self.speed * u,
            self.amplitude * math.sin(omega * u),
            self.speed * rate,
            self.amplitude * omega * math.cos(omega * u) * rate,
            self.origin,
        )


@dataclass(frozen=True)
class Circle:
    """A circle to the right with constant speed."""

    speed: float  # m/s
    radius: float  # m
    start_ramp: float = 1.7  # s
    origin: Origin = _HERE

    def at(self, t: float) -> PathPoint:
        """A point on the circle; its centre lies ``radius`` to the right of the origin."""
        u, rate = _eased(t, self.start_ramp)
        angle = self.speed * u / self.radius
        return _turned(
            self.radius * math.sin(angle),
            self.radius * (1 - math.cos(angle)),
            self.speed * rate * math.cos(angle),
            self.speed * rate * math.sin(angle),
            self.origin,
        )
