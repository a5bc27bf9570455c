"""A scenario put before a vehicle that stands anywhere."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uav_tracker_ros.simulation import scenarios
from uav_tracker_ros.simulation.placing import placed

places = st.floats(-500, 500)
angles = st.floats(-math.pi, math.pi)


@given(st.sampled_from(("sinusoid", "occlusion_1s", "circle")), places, places, angles)
def test_the_vehicle_starts_where_it_is_and_looks_at_the_target(name, north, east, yaw):
    scenario = placed(scenarios.get(name), north, east, yaw)
    position, heading = scenario.vehicle_start
    assert position[:2] == pytest.approx((north, east), abs=1e-6)
    assert math.cos(heading - yaw) == pytest.approx(1.0)


@given(places, places, angles, st.floats(0, 30))
def test_everything_keeps_its_distances(north, east, yaw, t):
    before = scenarios.get("occlusion_2s")
    after = placed(before, north, east, yaw)
    target_before, target_after = before.path.at(t), after.path.at(t)
    assert math.hypot(target_after.velocity_north, target_after.velocity_east) == pytest.approx(
        math.hypot(target_before.velocity_north, target_before.velocity_east)
    )
    for old, new in zip(before.occluders, after.occluders, strict=True):
        apart = math.dist((old.north, old.east), target_before[:2])
        assert math.dist((new.north, new.east), target_after[:2]) == pytest.approx(apart, abs=1e-6)


def test_a_vehicle_at_the_scenarios_own_start_changes_nothing():
    scenario = scenarios.get("sinusoid")
    (north, east, _), yaw = scenario.vehicle_start
    assert placed(scenario, north, east, yaw).path.at(7.0) == pytest.approx(scenario.path.at(7.0))
