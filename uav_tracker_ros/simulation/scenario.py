"""What a scenario is: who moves how, what hides it, in which light and air, and how well it must be followed."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

from uav_tracker_ros.flight import Vector3
from uav_tracker_ros.simulation.paths import Path

LATENCIES = (0.05, 0.15, 0.30)  # s, at which bars with three values hold
Bar = float | tuple[float, float, float]


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


class Slope(NamedTuple):
    """Ground that rises along north, between two places; level before and after."""

    share: float  # m of height a m, positive: uphill to the north
    start: float = 5.0  # m north
    length: float = 40.0  # m

    def down(self, north: float) -> float:
        """Down-coordinate of the ground, m."""
        return -self.share * max(0.0, min(self.length, north - self.start))


class Conditions(NamedTuple):
    """What the vehicle, its air, its camera and the ground are like."""

    wind_ned: Vector3 = (0.0, 0.0, 0.0)  # m/s
    gust: float = 0.1  # m/s^2 rms; the design's gusts are 0.15
    drag: float = 0.25  # 1/s; real frames have 0.15 to 0.5, PX4's own simulator (SIH) 1.0
    identified: str = ""  # "quick", "slow": the vehicle answers 40 % quicker or slower than its parameters say
    clock_offset: float = 0.005  # s, image clock minus attitude clock: nobody's clocks agree
    camera_hz: float = 30.0
    slope: Slope | None = None  # of the ground that the target walks on; the pictures show it flat


_CALM = Conditions()


@dataclass(frozen=True)
class Scenario:
    """One situation to follow in. The target starts to move at t = 0 as its path says.

    Bars are upper limits unless the name ends in ``_min``; three values hold at 50, 150 and 300 ms of
    latency. Names: see :func:`uav_tracker_ros.simulation.run_metrics.values`.
    """

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
    conditions: Conditions = _CALM
    start_distance: float = 10.0  # m, horizontal, target to vehicle
    start_height: float = 6.0  # m above the ground
    start_bearing: float = math.pi  # rad from north, target to vehicle
    seconds: float = 35.0  # recommended length
    settle: float = 3.0  # s from which on errors are scored; more where a path begins with a burst
    mode: str = "hold_offset"  # recommended way of following
    settings: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))  # of the follower
    bars: Mapping[str, Bar] = field(default_factory=lambda: MappingProxyType({}))
    directions: int = 1  # the table turns the path to so many headings, evenly spread
    all_latencies: bool = False  # the table flies it at every latency, else at the middle one
    true_boxes: bool = True  # part of the table with true boxes
    pictures: bool = False  # part of the table with a tracker on rendered images

    def turned(self, angle: float) -> Scenario:
        """The same with path and start turned by ``angle`` (rad) about the path's origin."""
        path: Any = self.path  # every path is a dataclass, which a Protocol cannot say
        path = dataclasses.replace(path, origin=path.origin._replace(heading=path.origin.heading + angle))
        return dataclasses.replace(self, path=path, start_bearing=self.start_bearing + angle)

    @property
    def vehicle_start(self) -> tuple[Vector3, float]:
        """Place (m, ned) and yaw (rad) at the start: facing the target."""
        start = self.path.at(0.0)
        north = start.north + self.start_distance * math.cos(self.start_bearing)
        east = start.east + self.start_distance * math.sin(self.start_bearing)
        yaw = math.atan2(start.east - east, start.north - north)
        return (north, east, -self.start_height), yaw
