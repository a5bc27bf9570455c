"""Fence, floor and ceiling: nothing that is asked leads out of them."""

from __future__ import annotations

import math

import pytest

from uav_tracker_ros.fence import contains, parse_polygon
from uav_tracker_ros.flight import LocalPosition, Vector3
from uav_tracker_ros.vehicle.velocity_guard import Bounds, guard

BOUNDS = Bounds(min_altitude=3.0, max_altitude=60.0, fence_radius=80.0)


def at(north: float, east: float, altitude: float) -> LocalPosition:
    return LocalPosition(0.0, (north, east, -altitude), (0.0, 0.0, 0.0), 0)


@pytest.mark.parametrize(
    ("position", "asked", "allowed"),
    [
        pytest.param(at(0, 0, 10), (6.0, 0.0, 1.0), (6.0, 0.0, 1.0), id="far_inside"),
        pytest.param(at(79, 0, 10), (5.0, 2.0, 0.0), (0.0, 2.0, 0.0), id="edge_keeps_the_tangent"),
        pytest.param(at(90, 0, 10), (-5.0, 2.0, 0.0), (-5.0, 2.0, 0.0), id="outside_may_come_back"),
        pytest.param(at(0, 0, 60), (0.0, 0.0, -1.0), (0.0, 0.0, 0.0), id="ceiling"),
        pytest.param(at(0, 0, 3), (0.0, 0.0, 1.0), (0.0, 0.0, 0.0), id="floor"),
        pytest.param(at(0, 0, 2), (0.0, 0.0, -1.0), (0.0, 0.0, -1.0), id="below_may_climb"),
    ],
)
def test_guard(position: LocalPosition, asked: Vector3, allowed: Vector3) -> None:
    assert guard(asked, position, BOUNDS) == pytest.approx(allowed)


def test_no_bounds_no_guard() -> None:
    assert guard((9.0, 9.0, 9.0), at(1e4, 0, -50), Bounds()) == (9.0, 9.0, 9.0)


@pytest.mark.parametrize("bearing_deg", range(0, 360, 45))
def test_vehicle_that_lags_stays_inside_the_fence(bearing_deg: float) -> None:
    """PX4's answer: 0.2 s late, then a lag of 0.52 s; the controller asks for 6 m/s outwards all the time."""
    north, east = math.cos(math.radians(bearing_deg)), math.sin(math.radians(bearing_deg))
    distance, speed = 40.0, 6.0
    late = [6.0] * 10
    for _ in range(3000):
        out = guard((6.0 * north, 6.0 * east, 0.0), at(distance * north, distance * east, 10.0), BOUNDS)
        late.append(out[0] * north + out[1] * east)
        speed += (late.pop(0) - speed) / 0.52 * 0.02
        distance += speed * 0.02
        assert distance < 80.0
    assert distance > 78.0  # and it is not stopped far before


@pytest.mark.parametrize("bearing_deg", range(0, 360, 30))
def test_vehicle_that_lags_stays_inside_the_polygon(bearing_deg: float) -> None:
    polygon = parse_polygon("-50,-40 60,-40 60,20 20,20 20,50 -50,50")
    bounds = Bounds(fence_polygon=polygon)
    asked = (6.0 * math.cos(math.radians(bearing_deg)), 6.0 * math.sin(math.radians(bearing_deg)), 0.0)
    place, velocity = [0.0, 0.0], [0.0, 0.0]
    late = [(0.0, 0.0)] * 10
    for _ in range(2000):
        out = guard(asked, at(place[0], place[1], 10.0), bounds)
        late.append(out[:2])
        wanted = late.pop(0)
        for axis in (0, 1):
            velocity[axis] += (wanted[axis] - velocity[axis]) / 0.52 * 0.02
            place[axis] += velocity[axis] * 0.02
        assert contains(polygon, place[0], place[1])
