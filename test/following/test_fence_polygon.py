"""The second fence in a flight: blocks outside, is never left, and ends a flight that crossed it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from ideal_flight import IdealFlight

from uav_tracker_ros.errors import InvalidParameter
from uav_tracker_ros.fence import contains
from uav_tracker_ros.following.report import EndCode, FollowPhase, Goal, Limit
from uav_tracker_ros.following.settings import FollowSettings

ELL = "-30,-25 25,-25 25,5 5,5 5,25 -30,25"


@pytest.mark.parametrize("degrees", range(0, 360, 60))
def test_it_holds_in_every_direction(degrees):
    heading = math.radians(degrees)
    flight = IdealFlight(mode="follow", fence_polygon=ELL)
    flight.follow()
    flight.target_velocity = 4.0 * np.array([math.cos(heading), math.sin(heading)])
    polygon, limits = FollowSettings(fence_polygon=ELL).polygon, Limit.NONE
    for _ in range(350):
        flight.step()
        limits |= flight.out.report.limits
        assert contains(polygon, *flight.position[:2]), flight.position
    assert Limit.FENCE in limits


def test_outside_no_goal_is_taken():
    flight = IdealFlight(fence_polygon="0,0 30,0 30,30 0,30")  # the vehicle is 10 m south of it
    flight.run(1.5)
    assert any("outside fence_polygon" in text for text in flight.out.report.blockers)
    assert flight.follower.start_goal(Goal(), flight.now) is EndCode.BLOCKED


def test_blown_across_it_the_flight_ends():
    flight = IdealFlight(fence_polygon=ELL)
    flight.follow()
    flight.images = False  # a box that leaves the picture is another reason to end
    flight.velocity = np.array([0.0, 90.0, 0.0])
    flight.run_to(FollowPhase.HOLD, 3.0)
    assert flight.out.report.end_code is EndCode.FENCE


def test_what_is_no_polygon_is_refused_at_the_start():
    with pytest.raises(InvalidParameter, match="edges that cross"):
        FollowSettings(fence_polygon="0,0 50,50 50,0 0,50")
