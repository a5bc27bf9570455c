"""The scenarios by name: what moves, what hides it, how the light changes, where the vehicle starts.

Bars are upper limits in metres unless the name ends in ``_min``. Those of the error were computed
for true boxes, ``hold_offset`` and the response ``design``; a real tracker may take 1.3 times, the
slower response ``sih`` 1.4 times as much.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

from uav_tracker_ros.errors import unknown_name
from uav_tracker_ros.flight import Vector3
from uav_tracker_ros.simulation.paths import Circle, Origin, Path, Ramp, Sinusoid, Stand, StopAndGo, Straight


class Actor(NamedTuple):
    """Something that moves, or could."""

    target_class: str  # person, car, motorcycle
    path: Path
    look: str = "red"


class Occluder(NamedTuple):
    """Something that stands and hides what is behind it."""

    kind: str  # tree, wall, bridge
    north: float  # m, the middle
    east: float  # m
    heading: float = 0.0  # rad; walls and bridges are long along it
    height: float = 4.0  # m; of a bridge: the clearance below it
    length: float = 8.0  # m along the heading; of a tree: the crown's diameter
    depth: float = 0.3  # m across (bridge)


class LightChange(NamedTuple):
    """The camera's brightness becomes ``gain`` times the normal one."""

    start: float  # s
    gain: float
    ramp: float = 0.0  # s that the change takes; 0: at once


@dataclass(frozen=True)
class Scenario:
    """One situation to follow in. The target starts to move at t = 0 as its path says."""

    name: str
    description: str
    path: Path
    target_class: str = "person"
    look: str = "red"
    distractors: tuple[Actor, ...] = ()
    occluders: tuple[Occluder, ...] = ()
    light: tuple[LightChange, ...] = ()
    clouds: bool = False  # shadows of clouds move over the ground
    exposure: float = 0.006  # s; what moves in the picture meanwhile is blurred
    start_distance: float = 10.0  # m, horizontal, target to vehicle
    start_height: float = 6.0  # m above the ground
    start_bearing: float = math.pi  # rad from north, target to vehicle
    seconds: float = 35.0  # recommended length
    mode: str = "hold_offset"  # recommended way of following
    bars: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def vehicle_start(self) -> tuple[Vector3, float]:
        """Place (m, ned) and yaw (rad) at the start: facing the target."""
        start = self.path.at(0.0)
        north = start.north + self.start_distance * math.cos(self.start_bearing)
        east = start.east + self.start_distance * math.sin(self.start_bearing)
        yaw = math.atan2(start.east - east, start.north - north)
        return (north, east, -self.start_height), yaw


_SOUTH = math.pi
_EAST = math.pi / 2
_WALK = 1.4  # m/s
_IN_FRAME = 0.99  # share of frames with the box's centre inside


def _bars(in_frame: float = _IN_FRAME, **limits: float) -> Mapping[str, float]:
    return MappingProxyType({**limits, "in_frame_min": in_frame})


def _bridge(north: float, hidden_s: float, speed: float) -> Occluder:
    """A bridge that hides a target of this speed for so long from 10 m behind and 6 m up."""
    # The rays to head and feet cross the deck's height 2 m apart; the deck's thickness and rail make up for it.
    depth = hidden_s * speed
    return Occluder("bridge", north + depth / 2, 0.0, _EAST, height=2.5, length=60.0, depth=depth)


def _occlusion(seconds: float, bars: Mapping[str, float]) -> Scenario:
    return Scenario(
        f"occlusion_{seconds:.0f}s",
        f"a walker becomes a runner and passes under a bridge, unseen for about {seconds:.0f} s",
        Ramp(4.0, 1.5),
        occluders=(_bridge(40.0, seconds, 4.0),),
        bars=bars,
    )


_SNAKE = Sinusoid(4.0, 5.0, 12.0)

_TABLE = (
    Scenario("stand", "a person stands still", Stand(), seconds=30.0, bars=_bars(end=0.5, p95=0.6)),
    Scenario(
        "step",
        "a person stands, then runs away with 5 m/s at once",
        Ramp(5.0, math.inf, wait=3.0),
        bars=_bars(0.98, peak=11.5, end=0.5),
    ),
    Scenario(
        "ramp",
        "a person stands, then runs away, 2.5 m/s^2 up to 5 m/s",
        Ramp(5.0, 2.5, wait=3.0),
        bars=_bars(peak=5.9, end=0.5),
    ),
    Scenario(
        "sinusoid", "a runner snakes along a road, 4 m/s, 5 m to either side", _SNAKE, bars=_bars(p95=0.9, max=1.4)
    ),
    Scenario(
        "stop_and_go",
        "a runner speeds up and stops every 8 s, 3.5 m/s with 1.5 m/s^2",
        StopAndGo(3.5, 1.5, 8.0),
        bars=_bars(p95=1.4),
    ),
    Scenario(
        "stop_and_go_hard",
        "a sprinter speeds up and stops every 8 s, 5 m/s with 2.5 m/s^2",
        StopAndGo(5.0, 2.5, 8.0),
        bars=_bars(p95=5.8, horizontal_distance_min=5.0),
    ),
    Scenario("circle", "a runner on a circle of 10 m radius, 4 m/s", Circle(4.0, 10.0), bars=_bars(p95=1.6)),
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
    _occlusion(1.0, _bars(peak=1.7)),
    _occlusion(2.0, _bars(peak=3.0)),
    _occlusion(4.0, _bars(peak=16.0)),
    Scenario(
        "occlusion_trees",
        "a walker passes behind a row of trees",
        Ramp(_WALK, 1.5, origin=Origin(heading=_EAST)),
        occluders=tuple(Occluder("tree", -3.0, east, height=4.2, length=2.6) for east in (10.0, 15.0, 20.0)),
    ),
    Scenario(
        "occlusion_wall",
        "a walker passes behind a wall, unseen for about 3 s",
        Ramp(_WALK, 1.5, origin=Origin(heading=_EAST)),
        occluders=(Occluder("wall", -1.2, 14.0, _EAST, height=2.6, length=4.4),),
    ),
    Scenario(
        "crossing",
        "others in other clothes cross close before a walker",
        Ramp(_WALK, 1.5),
        distractors=(
            Actor("person", Straight(1.6, Origin(12.2, 0.0, _EAST), passes_at=10.0), "blue"),
            Actor("person", Straight(1.3, Origin(23.4, 0.0, -_EAST), passes_at=18.0), "white"),
        ),
        bars=MappingProxyType({"wrong_target_s": 0.0}),
    ),
    Scenario(
        "look_alike",
        "one in the same clothes crosses before a walker and walks on beside",
        Ramp(_WALK, 1.5),
        distractors=(
            Actor("person", Straight(1.6, Origin(12.2, 0.0, _EAST), passes_at=10.0)),
            Actor("person", Ramp(_WALK, 1.5, origin=Origin(1.0, 2.5))),
        ),
        bars=MappingProxyType({"wrong_target_s": 0.0}),
    ),
    Scenario(
        "light_step",
        "the light falls to 45 %, rises to 150 % and returns while a runner snakes; clouds move",
        _SNAKE,
        light=(LightChange(8.0, 0.45), LightChange(16.0, 1.5, 2.0), LightChange(24.0, 1.0)),
        clouds=True,
        bars=_bars(0.98, p95=0.9 * 1.3),
    ),
    Scenario(
        "blur",
        "long exposure at dusk: a runner snakes and the picture smears",
        _SNAKE,
        light=(LightChange(0.0, 0.6),),
        exposure=0.025,
        bars=_bars(0.98, p95=0.9 * 1.3),
    ),
    Scenario(
        "fence",
        "a runner leaves the fence; the vehicle must not",
        Ramp(4.0, 1.5),
        bars=MappingProxyType({"outside_fence": 0.0}),
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
        bars=_bars(0.98, p95=0.9 * 1.3),
    ),
    Scenario(
        "motorcycle",
        "a motorcycle on a circle of 15 m radius, 4.5 m/s",
        Circle(4.5, 15.0, start_ramp=2.0),
        target_class="motorcycle",
        look="yellow",
        start_distance=12.0,
        start_height=7.0,
        bars=_bars(0.98, p95=1.6 * 1.3),
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
