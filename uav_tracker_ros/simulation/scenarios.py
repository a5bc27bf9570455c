"""The scenarios by name: motions, occlusions, pictures, ways of following and conditions.

Error bars were computed for true boxes and the response ``design``; a real tracker may take 1.3 times,
the slower response ``sih`` 1.4 times as much.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType

from uav_tracker_ros.errors import unknown_name
from uav_tracker_ros.simulation import scenario_variants
from uav_tracker_ros.simulation.paths import Circle, Origin, Path, Ramp, Sinusoid, Stand, StopAndGo, Straight
from uav_tracker_ros.simulation.scenario import Actor, Bar, LightChange, Occluder, Scenario

_SOUTH = math.pi
_EAST = math.pi / 2
_WALK = 1.4  # m/s
_IN_FRAME = 0.99  # share of frames with the box's centre inside
_LINE = Ramp(4.0, 1.5)
_SNAKE = Sinusoid(4.0, 5.0, 12.0)
_SNAKE_P95 = (0.8, 0.9, 1.3)  # m


def _bars(in_frame: float = _IN_FRAME, **limits: Bar) -> Mapping[str, Bar]:
    return MappingProxyType({**limits, "in_frame_min": in_frame})


def _tracked(share: float, **limits: Bar) -> Mapping[str, Bar]:
    """Bars for a tracker on pictures: ``share`` times those of true boxes."""
    wider: dict[str, Bar] = {"in_frame_min": 0.98}
    for name, limit in limits.items():
        if isinstance(limit, tuple):
            wider[name] = (share * limit[0], share * limit[1], share * limit[2])
        else:
            wider[name] = share * limit
    return MappingProxyType(wider)


def _bridge(north: float, hidden_s: float, speed: float) -> Occluder:
    """A bridge that hides a target of this speed for so long from 10 m behind and 6 m up."""
    # The rays to head and feet cross the deck's height 2 m apart; the deck's thickness and rail make up for it.
    depth = hidden_s * speed
    return Occluder("bridge", north + depth / 2, 0.0, _EAST, height=2.5, length=60.0, depth=depth)


def _occlusion(seconds: float, bars: Mapping[str, Bar], name: str = "", path: Path = _LINE) -> Scenario:

    return Scenario(
        name or f"occlusion_{seconds:.0f}s",
        f"a runner passes under a bridge, unseen for about {seconds:.0f} s",
        path,
        occluders=(_bridge(40.0, seconds, 4.0),),
        settle=10.0,
        seconds=28.0 if seconds < 3 else 36.0,
        bars=bars,
        pictures=not name,
    )


_OTHERS = (
    Actor("person", Straight(1.6, Origin(12.2, 0.0, _EAST), passes_at=10.0), "blue"),
    Actor("person", Straight(1.3, Origin(23.4, 0.0, -_EAST), passes_at=18.0), "white"),
)
_TWINS = (
    Actor("person", Straight(1.6, Origin(12.2, 0.0, _EAST), passes_at=10.0)),
    Actor("person", Ramp(_WALK, 1.5, origin=Origin(1.0, 2.5))),
)
_ON_TARGET = MappingProxyType({"wrong_target_s": 0.0, "wrong_locks": 0.0})

_TABLE = (
    Scenario(
        "stand",
        "a person stands still",
        Stand(),
        seconds=30.0,
        bars=_bars(end=0.5, p95=0.6, jerk=8.0),
        all_latencies=True,
    ),
    Scenario(
        "step",
        "a person stands, then runs away with 5 m/s at once",
        Ramp(5.0, math.inf, wait=3.0),
        bars=_bars(0.98, peak=(10.5, 11.5, 12.5), end=0.5),
        all_latencies=True,
    ),
    Scenario(
        "ramp",
        "a person stands, then runs away, 2.5 m/s^2 up to 5 m/s",
        Ramp(5.0, 2.5, wait=3.0),
        bars=_bars(peak=(4.8, 5.9, 6.9), end=0.5),
        all_latencies=True,
    ),
    Scenario(
        "sinusoid",
        "a runner snakes along a road, 4 m/s, 5 m to either side",
        _SNAKE,
        settle=10.0,
        bars=_bars(p95=_SNAKE_P95, max=(1.3, 1.4, 1.6)),
        all_latencies=True,
        pictures=True,
    ),
    Scenario(
        "stop_and_go",
        "a runner speeds up and stops every 8 s, 3.5 m/s with 1.5 m/s^2",
        StopAndGo(3.5, 1.5, 8.0),
        bars=_bars(p95=(1.2, 1.4, 1.8)),
        all_latencies=True,
    ),
    Scenario(
        "stop_and_go_hard",
        "a sprinter speeds up and stops every 8 s, 5 m/s with 2.5 m/s^2",
        StopAndGo(5.0, 2.5, 8.0),
        bars=_bars(p95=(4.5, 5.8, 7.0), horizontal_distance_min=5.0),
        all_latencies=True,
    ),
    Scenario(
        "circle",
        "a runner on a circle of 10 m radius, 4 m/s",
        Circle(4.0, 10.0),
        settle=10.0,
        bars=_bars(p95=(1.2, 1.6, 2.1)),
        all_latencies=True,
        pictures=True,
    ),
    *scenario_variants.SPOTLIGHT,
    *scenario_variants.FOLLOW,
    *scenario_variants.ORBIT,
    Scenario(
        "approach_walk",
        "a person walks at the vehicle",
        Ramp(_WALK, 1.5, wait=4.0, origin=Origin(heading=_SOUTH)),
        seconds=25.0,
        bars=MappingProxyType({"distance_min": 4.0}),
    ),
    Scenario(
        "approach_run",
        "a person runs at the vehicle",
        Ramp(3.5, 2.0, wait=4.0, origin=Origin(heading=_SOUTH)),
        seconds=20.0,
        bars=MappingProxyType({"distance_min": 3.0}),
    ),
    _occlusion(1.0, _bars(peak=1.7, reacquired_min=1.0)),
    _occlusion(2.0, _bars(peak=3.0, reacquired_min=1.0)),
    _occlusion(4.0, MappingProxyType({"peak": 16.0, "reacquired_or_hold_min": 1.0, "unseen_travel": 0.0})),
    _occlusion(1.0, _bars(peak=1.7, reacquired_min=1.0), "occlusion_1s_snake", _SNAKE),
    _occlusion(2.0, _bars(peak=3.0, reacquired_min=1.0), "occlusion_2s_snake", _SNAKE),
    Scenario(
        "occlusion_trees",
        "a walker passes behind a row of trees",
        Ramp(_WALK, 1.5, origin=Origin(heading=_EAST)),
        occluders=tuple(Occluder("tree", -3.0, east, height=4.2, length=2.6) for east in (10.0, 15.0, 20.0)),
        bars=_ON_TARGET,
        pictures=True,
    ),
    Scenario(
        "occlusion_wall",
        "a walker passes behind a wall, unseen for about 3 s",
        Ramp(_WALK, 1.5, origin=Origin(heading=_EAST)),
        occluders=(Occluder("wall", -1.2, 14.0, _EAST, height=2.6, length=4.4),),
        bars=_ON_TARGET,
        pictures=True,
    ),
    *scenario_variants.CONDITIONS,
    *scenario_variants.BOUNDS,
    Scenario(
        "crossing",
        "others in other clothes cross close before a walker",
        Ramp(_WALK, 1.5),
        distractors=_OTHERS,
        bars=_ON_TARGET,
        pictures=True,
    ),
    Scenario(
        "look_alike",
        "one in the same clothes crosses before a walker and walks on beside",
        Ramp(_WALK, 1.5),
        distractors=_TWINS,
        bars=_ON_TARGET,
        pictures=True,
    ),
    Scenario(
        "look_alike_hidden",
        "a walker passes under a bridge, unseen for 2 s; one in the same clothes walks on beside in the open",
        Ramp(_WALK, 1.5),
        distractors=(Actor("person", Ramp(_WALK, 1.5, origin=Origin(0.6, 2.5))),),
        occluders=(Occluder("bridge", 18.0, -14.0, _EAST, height=2.5, length=30.0, depth=2.8),),
        bars=_ON_TARGET,
        pictures=True,
    ),
    Scenario(
        "light_step",
        "the light falls to 45 %, rises to 150 % and returns while a runner snakes; clouds move",
        _SNAKE,
        light=(LightChange(8.0, 0.45), LightChange(16.0, 1.5, 2.0), LightChange(24.0, 1.0)),
        clouds=True,
        settle=10.0,
        bars=_tracked(1.3, p95=_SNAKE_P95),
        true_boxes=False,
        pictures=True,
    ),
    Scenario(
        "blur",
        "long exposure at dusk: a runner snakes and the picture smears",
        _SNAKE,
        light=(LightChange(0.0, 0.6),),
        exposure=0.025,
        settle=10.0,
        bars=_tracked(1.3, p95=_SNAKE_P95),
        true_boxes=False,
        pictures=True,
    ),
    Scenario(
        "car",
        "a car snakes along a road, 5 m/s, seen from farther away",
        Sinusoid(5.0, 5.0, 16.0, start_ramp=2.5),
        target_class="car",
        look="blue",
        distractors=(Actor("car", Straight(6.0, Origin(0.0, -8.0, _SOUTH), passes_at=12.0), "white"),),
        start_distance=16.0,
        start_height=9.0,
        settle=10.0,
        bars=_tracked(1.3, p95=_SNAKE_P95),
        pictures=True,
    ),
    Scenario(
        "motorcycle",
        "a motorcycle on a circle of 15 m radius, 4.5 m/s",
        Circle(4.5, 15.0, start_ramp=2.0),
        target_class="motorcycle",
        look="yellow",
        start_distance=12.0,
        start_height=7.0,
        settle=10.0,
        bars=_tracked(1.3, p95=(1.2, 1.6, 2.1)),
        pictures=True,
    ),
)
_BY_NAME = {scenario.name: scenario for scenario in _TABLE}


def names() -> list[str]:
    """All scenarios, in the order of the table."""
    return list(_BY_NAME)


def get(name: str) -> Scenario:
    """The scenario of this name.

    Raises:
        UnknownName: no such scenario; the message names the nearest one.
    """
    if name not in _BY_NAME:
        raise unknown_name("scenario", name, _BY_NAME)
    return _BY_NAME[name]
