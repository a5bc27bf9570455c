import math

import pytest

from uav_tracker_ros.errors import UnknownName
from uav_tracker_ros.following.settings import MODES
from uav_tracker_ros.geometry import Intrinsics
from uav_tracker_ros.simulation import scenarios, sprites
from uav_tracker_ros.simulation.rendering import Renderer
from uav_tracker_ros.simulation.truth import VehicleTruth
from uav_tracker_ros.simulation.world import World

NEEDED = {
    "stand",
    "step",
    "ramp",
    "sinusoid",
    "stop_and_go",
    "stop_and_go_hard",
    "circle",
    "approach_walk",
    "approach_run",
    "occlusion_1s",
    "occlusion_2s",
    "occlusion_4s",
    "crossing",
    "look_alike",
    "light_step",
    "blur",
    "fence",
    "ceiling",
    "floor",
    "orbit",
    "drag",
    "drag_sih",
    "wind",
    "clock_off",
    "camera_10hz",
    "lag_quick",
    "lag_slow",
    "look_alike_hidden",
    *(f"spotlight_{motion}" for motion in ("ramp", "sinusoid", "stop_and_go", "circle")),
    *(f"follow_{motion}" for motion in ("ramp", "sinusoid", "stop_and_go", "circle")),
    *(f"slope_{way}_{share}" for way in ("up", "down") for share in (5, 10)),
}
K = Intrinsics.from_hfov(640, 480, math.radians(70))


def _start(scenario):
    position, yaw = scenario.vehicle_start
    quaternion = (math.cos(yaw / 2), 0.0, 0.0, math.sin(yaw / 2))
    return VehicleTruth(0.0, position, (0.0, 0.0, 0.0), quaternion, (0.0, 0.0, 0.0))


def _followed(scenario, world, t):
    """A vehicle that keeps its place to the target exactly."""
    start = _start(scenario)
    origin, now = world.target(0.0).position_ned, world.target(t).position_ned
    position = tuple(p + b - a for p, a, b in zip(start.position_ned, origin, now, strict=True))
    return start._replace(stamp=t, position_ned=position)


def test_all_needed_scenarios_are_there():
    assert set(scenarios.names()) >= NEEDED
    assert len(set(scenarios.names())) == len(scenarios.names())


def test_unknown_scenario_names_the_nearest():
    with pytest.raises(UnknownName, match="did you mean 'sinusoid'"):
        scenarios.get("sinusiod")


@pytest.mark.parametrize("name", scenarios.names())
def test_scenario_is_sound(name):
    scenario = scenarios.get(name)
    assert scenario.name == name
    assert scenario.target_class in sprites.SIZES
    assert scenario.mode in MODES
    assert scenario.description
    assert scenario.seconds >= 14.0
    north, east, down = scenario.vehicle_start[0]
    start = scenario.path.at(0.0)
    assert math.hypot(north - start.north, east - start.east) == pytest.approx(scenario.start_distance)
    assert down == -scenario.start_height


@pytest.mark.parametrize("name", scenarios.names())
def test_vehicle_starts_with_the_whole_target_in_view(name):
    scenario = scenarios.get(name)
    truth = Renderer(World(scenario, 0), K, math.radians(-30), 0).truth(0.0, _start(scenario))
    assert truth.visible_fraction == 1.0
    assert truth.box.center[0] == pytest.approx(K.cx, abs=0.1 * K.width)
    assert truth.box == truth.visible_box
    assert truth.box.h > 30.0


@pytest.mark.parametrize(
    ("name", "hidden_s"),
    [("occlusion_1s", 1.0), ("occlusion_2s", 2.0), ("occlusion_4s", 4.0), ("occlusion_wall", 3.0)],
)
def test_occluders_hide_the_target_as_long_as_they_say(name, hidden_s):
    scenario = scenarios.get(name)
    world = World(scenario, 0)
    renderer = Renderer(world, K, math.radians(-30), 0)
    fractions = [renderer.truth(k / 10, _followed(scenario, world, k / 10)).visible_fraction for k in range(280)]
    unseen = sum(fraction < 0.05 for fraction in fractions) / 10
    assert unseen == pytest.approx(hidden_s, abs=0.3)
    assert fractions[0] == fractions[-1] == 1.0


@pytest.mark.parametrize("name", ["crossing", "look_alike", "occlusion_trees"])
def test_crossers_and_trees_hide_part_of_the_target(name):
    scenario = scenarios.get(name)
    world = World(scenario, 0)
    renderer = Renderer(world, K, math.radians(-30), 0)
    fractions = [renderer.truth(k / 10, _followed(scenario, world, k / 10)).visible_fraction for k in range(250)]
    assert min(fractions) < 0.75
    assert fractions[-1] == 1.0
