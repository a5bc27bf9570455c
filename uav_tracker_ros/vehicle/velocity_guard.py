"""Fence, floor and ceiling as the gate's last check: what leads out of them is taken away.

The controller keeps its own, wider margins; this one acts when the controller is wrong.
Flat earth around PX4's local origin, which is where the vehicle was switched on.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from uav_tracker_ros.fence import Polygon, limited
from uav_tracker_ros.flight import LocalPosition, Vector3

BRAKING = 2.5  # m/s^2, what the vehicle can do without losing height
REACTION_S = 0.8  # s; PX4 answers a velocity setpoint 0.2 s late and with a lag of 0.52 s
EDGE_M = 1.0  # that answer overshoots the stopping curve by half a metre: the curve ends inside the fence
REACTION_Z_S = 0.3  # s


class Bounds(NamedTuple):
    """Where the vehicle may be; None: not bounded."""

    min_altitude: float | None = None  # m above home
    max_altitude: float | None = None  # m above home
    fence_radius: float | None = None  # m around home
    fence_polygon: Polygon = ()  # a second fence; empty: none


def speed_towards(room: float, reaction: float) -> float:
    """The largest speed, m/s, that still stops within ``room`` m; zero when there is none."""
    if room <= 0.0:
        return 0.0
    return math.sqrt((BRAKING * reaction) ** 2 + 2.0 * BRAKING * room) - BRAKING * reaction


def guard(velocity_ned: Vector3, position: LocalPosition, bounds: Bounds) -> Vector3:
    """The part of a velocity that stays inside the bounds.

    Args:
        velocity_ned: m/s, what is asked.
        position: where the vehicle is.
        bounds: where it may be.
    """
    north, east, down = velocity_ned
    if bounds.fence_radius is not None:
        north, east = _inside_fence(north, east, position, bounds.fence_radius)
    own_n, own_e, _ = position.position_ned
    (north, east), _ = limited(bounds.fence_polygon, (own_n, own_e), (north, east), _towards_edge)
    altitude = -position.position_ned[2]
    if bounds.max_altitude is not None:
        down = max(down, -speed_towards(bounds.max_altitude - altitude, REACTION_Z_S))
    if bounds.min_altitude is not None:
        down = min(down, speed_towards(altitude - bounds.min_altitude, REACTION_Z_S))
    return (north, east, down)


def _towards_edge(room: float) -> float:
    return speed_towards(room - EDGE_M, REACTION_S)


def _inside_fence(north: float, east: float, position: LocalPosition, radius: float) -> tuple[float, float]:
    distance = math.hypot(position.position_ned[0], position.position_ned[1])
    if distance < 1e-6:
        return north, east
    out_n, out_e = position.position_ned[0] / distance, position.position_ned[1] / distance
    outward = north * out_n + east * out_e
    excess = outward - _towards_edge(radius - distance)
    if excess <= 0.0:
        return north, east
    return north - excess * out_n, east - excess * out_e
