import dataclasses
import math

import numpy as np
import pytest

from uav_tracker_ros.errors import InvalidParameter, UnknownName
from uav_tracker_ros.simulation import scenarios, sprites
from uav_tracker_ros.simulation.paths import Circle, Origin, Ramp, Sinusoid, StopAndGo, Straight
from uav_tracker_ros.simulation.scenario import Occluder
from uav_tracker_ros.simulation.world import SCENERY_CLEARANCE, World

PATHS = [
    pytest.param(Straight(1.6, Origin(2.0, 3.0, 1.0), passes_at=4.0), id="straight"),
    pytest.param(Ramp(5.0, 2.5, wait=3.0), id="ramp"),
    pytest.param(StopAndGo(3.5, 1.5, 8.0), id="stop and go"),
    pytest.param(StopAndGo(5.0, 2.5, 8.0, Origin(heading=2.0)), id="stop and go hard"),
    pytest.param(Sinusoid(4.0, 5.0, 12.0), id="sinusoid"),
    pytest.param(Circle(4.0, 10.0), id="circle"),
]


@pytest.mark.parametrize("path", PATHS)
def test_velocity_is_the_derivative_of_the_place(path):
    h = 1e-4
    for t in np.arange(0.05, 30.0, 0.333):
        before, now, after = path.at(t - h), path.at(t), path.at(t + h)
        measured = (after.north - before.north) / (2 * h), (after.east - before.east) / (2 * h)
        assert measured == pytest.approx((now.velocity_north, now.velocity_east), abs=2e-3)


def _speed(path, t):
    point = path.at(t)
    return math.hypot(point.velocity_north, point.velocity_east)


def test_step_is_instant():
    path = scenarios.get("step").path
    assert _speed(path, 2.999) == 0.0
    assert _speed(path, 3.001) == pytest.approx(5.0)


@pytest.mark.parametrize(("name", "speed", "accel"), [("stop_and_go", 3.5, 1.5), ("stop_and_go_hard", 5.0, 2.5)])
def test_stop_and_go_reaches_its_speed_and_stops_every_cycle(name, speed, accel):
    path = scenarios.get(name).path
    speeds = np.array([_speed(path, t) for t in np.arange(0.0, 24.0, 0.01)])
    assert speeds.max() == pytest.approx(speed)
    assert np.abs(np.diff(speeds)).max() == pytest.approx(accel * 0.01, rel=0.01)
    assert all(_speed(path, 8.0 * cycle) == pytest.approx(0.0, abs=1e-9) for cycle in (1, 2, 3))


def test_sinusoid_swings_five_metres_in_twelve_seconds():
    points = [scenarios.get("sinusoid").path.at(t) for t in np.arange(0.0, 24.0, 0.02)]
    assert max(p.east for p in points) == pytest.approx(5.0, abs=0.01)
    assert min(p.east for p in points) == pytest.approx(-5.0, abs=0.01)
    assert points[-1].velocity_north == pytest.approx(4.0)


def test_circle_keeps_its_radius_and_heading_follows():
    path = scenarios.get("circle").path
    for t in (3.0, 10.0, 20.0):
        point = path.at(t)
        assert math.hypot(point.north, point.east - 10.0) == pytest.approx(10.0)
        assert math.atan2(point.velocity_east, point.velocity_north) == pytest.approx(point.heading)


def test_start_delay_holds_everything_still():
    scenario = scenarios.get("crossing")
    free, held = World(scenario, 0), World(scenario, 0, start_delay_s=5.0)
    assert held.target(3.0).velocity_ned == (0.0, 0.0, 0.0)
    assert held.target(3.0).position_ned == free.target(0.0).position_ned
    assert held.target(12.0).position_ned == free.target(7.0).position_ned
    assert held.others(12.0)[0].position_ned == free.others(7.0)[0].position_ned


@pytest.mark.parametrize("delay", [-1.0, math.nan, math.inf])
def test_bad_start_delay(delay):
    with pytest.raises(InvalidParameter, match="start_delay_s"):
        World(scenarios.get("stand"), 0, start_delay_s=delay)


def test_seed_moves_scenery_but_never_the_target():
    a, b, again = (World(scenarios.get("sinusoid"), seed) for seed in (1, 2, 1))
    assert [p[1:3] for p in a.scenery] != [p[1:3] for p in b.scenery]
    assert [p[1:4] for p in a.scenery] == [p[1:4] for p in again.scenery]
    assert all(a.target(t) == b.target(t) for t in (0.0, 3.3, 17.0))


def test_trees_of_the_scenery_keep_clear_of_the_path():
    world = World(scenarios.get("circle"), 4)
    cars = {id(sprites.target_solid("car", look)) for look in sprites.LOOKS}
    trees = [p for p in world.scenery if id(p.solid) not in cars]
    assert len(trees) > 10
    for tree in trees:
        for t in np.arange(0.0, 35.0, 0.5):
            north, east, _ = world.target(float(t)).position_ned
            assert math.hypot(tree.north - north, tree.east - east) > SCENERY_CLEARANCE - 0.1


def test_gain_steps_ramps_and_returns():
    world = World(scenarios.get("light_step"), 0)
    assert [world.gain(t) for t in (0.0, 7.99, 8.0, 17.0, 18.0, 24.0)] == pytest.approx(
        [1.0, 1.0, 0.45, 0.975, 1.5, 1.0]
    )


@pytest.mark.parametrize("target_class", list(sprites.SIZES))
def test_bodies_fill_their_cuboid(target_class):
    solid = sprites.target_solid(target_class)
    balls, reach = solid.balls[:, :3], solid.balls[:, 3:]
    points = np.vstack((solid.outline, balls - reach, balls + reach))
    height, width, length = sprites.SIZES[target_class]
    low, high = points.min(axis=0), points.max(axis=0)
    assert -low[2] == pytest.approx(height, abs=0.02)
    assert high[2] == pytest.approx(0.0, abs=1e-9)
    assert high[1] - low[1] == pytest.approx(width, rel=0.05)
    assert high[0] - low[0] == pytest.approx(length, rel=0.1)


def test_unknown_class_look_and_occluder():
    with pytest.raises(UnknownName, match="did you mean 'car'"):
        sprites.target_solid("cart")
    with pytest.raises(UnknownName, match="unknown look"):
        sprites.target_solid("car", "plaid")
    odd = dataclasses.replace(scenarios.get("stand"), occluders=(Occluder("fog", 1.0, 1.0),))
    with pytest.raises(InvalidParameter, match="tree, wall or bridge"):
        World(odd, 0)
