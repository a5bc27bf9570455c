"""A polygon that the vehicle may not leave. Standard library only: the gate's process loads it.

Corners are north, east in m from home. A velocity is judged against the nearest point of every
edge: towards it the vehicle may be only so fast that it still stops; along it it may slide.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterator

from uav_tracker_ros.errors import InvalidParameter

Corner = tuple[float, float]
Polygon = tuple[Corner, ...]  # counter-clockwise as seen with north as x and east as y; empty: none

CORNERS_MAX = 50
FARTHEST_M = 1000.0  # of a corner from home
SMALLEST_M2 = 100.0
PASSES = 4  # over all edges: in a corner two of them act on each other


@functools.lru_cache(maxsize=16)
def parse_polygon(text: str) -> Polygon:
    """The polygon of a text such as ``"0,0 60,0 60,40 0,40"``; empty: none.

    Raises:
        InvalidParameter: no numbers, fewer than three corners, crossing edges, or far too small or large.
    """
    if not text.strip():
        return ()
    try:
        corners = tuple(_corner(part) for part in text.split())
    except ValueError as error:
        raise _invalid(text, "has a corner that is no pair of numbers") from error
    if not 3 <= len(corners) <= CORNERS_MAX:
        raise _invalid(text, f"has {len(corners)} corners")
    if any(not math.hypot(*corner) <= FARTHEST_M for corner in corners):
        raise _invalid(text, f"has a corner more than {FARTHEST_M:g} m from home")
    if _crossing(corners):
        raise _invalid(text, "has edges that cross")
    area = _signed_area(corners)
    if abs(area) < SMALLEST_M2:
        raise _invalid(text, f"has an area of {abs(area):.0f} m^2")
    return corners if area > 0 else corners[::-1]


def contains(polygon: Polygon, north: float, east: float) -> bool:
    """Whether a place (m from home) is inside; without a polygon every place is."""
    if not polygon:
        return True
    inside = False
    for (n0, e0), (n1, e1) in _edges(polygon):
        if (e0 > east) != (e1 > east) and north < n0 + (east - e0) / (e1 - e0) * (n1 - n0):
            inside = not inside
    return inside


def limited(
    polygon: Polygon, place_ne: Corner, velocity_ne: Corner, allowed: Callable[[float], float]
) -> tuple[Corner, bool]:
    """The part of a velocity that keeps the vehicle inside.

    Args:
        polygon: of :func:`parse_polygon`.
        place_ne: of the vehicle, m from home.
        velocity_ne: m/s, wanted.
        allowed: the largest speed (m/s) towards an edge that is so many m away; negative: beyond it.

    Returns:
        The velocity, and whether the fence acted. Outside, nothing leads further away.
    """
    if not polygon:
        return velocity_ne, False
    walls = list(_walls(polygon, place_ne))
    nearest = min(walls)
    if nearest[0] > 0.0 and not contains(polygon, *place_ne):
        walls = [(-nearest[0], -nearest[1], -nearest[2])]
    north, east = velocity_ne
    acted = False
    for _ in range(PASSES):
        changed = False
        for room, out_n, out_e in walls:
            excess = north * out_n + east * out_e - allowed(room)
            if excess > 1e-9:
                north, east, changed = north - excess * out_n, east - excess * out_e, True
        acted = acted or changed
        if not changed:
            return (north, east), acted
    stuck = any(north * out_n + east * out_e > allowed(room) + 1e-3 for room, out_n, out_e in walls)
    return ((0.0, 0.0) if stuck else (north, east)), True


def _walls(polygon: Polygon, place_ne: Corner) -> Iterator[tuple[float, float, float]]:
    """Of every edge: distance (m) and direction (unit vector) of its nearest point."""
    for (n0, e0), (n1, e1) in _edges(polygon):
        along_n, along_e = n1 - n0, e1 - e0
        length = math.hypot(along_n, along_e)
        if length == 0.0:
            continue
        share = ((place_ne[0] - n0) * along_n + (place_ne[1] - e0) * along_e) / length**2
        share = min(1.0, max(0.0, share))
        to_n, to_e = n0 + share * along_n - place_ne[0], e0 + share * along_e - place_ne[1]
        distance = math.hypot(to_n, to_e)
        if distance < 1e-6:  # on the edge: across it
            yield 0.0, along_e / length, -along_n / length
        else:
            yield distance, to_n / distance, to_e / distance


def _corner(text: str) -> Corner:
    north, east = (float(part) for part in text.split(","))
    return north, east


def _edges(polygon: Polygon) -> Iterator[tuple[Corner, Corner]]:
    return zip(polygon, (*polygon[1:], polygon[0]), strict=True)


def _signed_area(polygon: Polygon) -> float:
    return sum(n0 * e1 - n1 * e0 for (n0, e0), (n1, e1) in _edges(polygon)) / 2


def _crossing(polygon: Polygon) -> bool:
    edges = list(_edges(polygon))
    for (i, first), (j, second) in itertools.combinations(enumerate(edges), 2):
        neighbours = j - i == 1 or (i == 0 and j == len(edges) - 1)
        if not neighbours and _cross(*first, *second):
            return True
    return len(set(polygon)) < len(polygon)


def _cross(a: Corner, b: Corner, c: Corner, d: Corner) -> bool:
    def side(p: Corner, q: Corner, r: Corner) -> float:
        return (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])

    return side(a, b, c) * side(a, b, d) <= 0 and side(c, d, a) * side(c, d, b) <= 0


def _invalid(text: str, why: str) -> InvalidParameter:
    return InvalidParameter(
        f"fence_polygon '{text}' {why}; expected 3 to {CORNERS_MAX} corners 'NORTH,EAST' in m from home, with spaces "
        f"between, at most {FARTHEST_M:g} m away and around at least {SMALLEST_M2:g} m^2: correct it"
    )
