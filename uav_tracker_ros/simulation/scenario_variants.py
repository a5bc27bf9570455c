"""The scenarios about the way of following, the conditions and the bounds, made from the same few motions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType

from uav_tracker_ros.simulation.paths import Circle, Origin, Path, Ramp, Sinusoid, StopAndGo
from uav_tracker_ros.simulation.scenario import Bar, Conditions, Scenario, Slope

_WEST = -math.pi / 2
_GUST = 0.3  # m/s^2 rms, of a windy day
_STOP_AND_GO = StopAndGo(3.5, 1.5, 8.0)
_MOTIONS: Mapping[str, Path] = {
    "ramp": Ramp(5.0, 2.5, wait=3.0),
    "sinusoid": Sinusoid(4.0, 5.0, 12.0),
    "stop_and_go": _STOP_AND_GO,
    "circle": Circle(4.0, 10.0),
}
_RANGE: Mapping[str, tuple[str, tuple[float, float, float]]] = {  # the bars of hold_offset, m
    "ramp": ("peak", (4.8, 5.9, 6.9)),
    "sinusoid": ("p95", (0.8, 0.9, 1.3)),
    "stop_and_go": ("p95", (1.2, 1.4, 1.8)),
    "circle": ("p95", (1.2, 1.6, 2.1)),
}


def _limits(**limits: Bar) -> Mapping[str, Bar]:
    return MappingProxyType(limits)


def _settle(name: str) -> float:
    return 10.0 if name in ("sinusoid", "circle") else 3.0


def _spotlight(name: str, path: Path) -> Scenario:
    return Scenario(
        f"spotlight_{name}",
        f"the vehicle keeps its place and turns: {name}",
        path,
        # The circle from outside: from inside it the bearing turns faster than the yaw limit.
        start_bearing=_WEST if name == "circle" else math.pi,
        seconds=35.0 if name == "circle" else 15.0,
        mode="spotlight",
        bars=_limits(bearing_p95=4.0, place=2.0, commanded=0.5),
    )


def _follow(name: str, path: Path) -> Scenario:
    bar, limit = _RANGE[name]
    share = 0.8  # of the whole error, for the range alone
    bars: dict[str, Bar] = {bar: (share * limit[0], share * limit[1], share * limit[2]), "in_frame_min": 0.99}
    return Scenario(
        f"follow_{name}",
        f"the distance is kept along the line of sight: {name}",
        path,
        settle=_settle(name),
        mode="follow",
        bars=MappingProxyType(bars),
    )


SPOTLIGHT = tuple(_spotlight(name, path) for name, path in _MOTIONS.items())
FOLLOW = tuple(_follow(name, path) for name, path in _MOTIONS.items())
ORBIT = (
    Scenario(
        "orbit",
        "the vehicle circles with 2 m/s around a walker",
        Ramp(1.5, 1.5),
        mode="orbit",
        settle=8.0,
        bars=_limits(p95=1.2, in_frame_min=0.99),
        all_latencies=True,
    ),
)


def _condition(name: str, what: str, conditions: Conditions, p95: float) -> Scenario:
    return Scenario(
        name, f"stop and go, {what}", _STOP_AND_GO, conditions=conditions, bars=_limits(p95=p95, in_frame_min=0.99)
    )


def _slope(share: float) -> Scenario:
    words = f"the ground {'rises' if share > 0 else 'falls'} {abs(share):.0%} over 40 m"
    name = f"slope_{'up' if share > 0 else 'down'}_{abs(share):.0%}".removesuffix("%")
    bar = 1.6 if abs(share) < 0.07 else 2.5
    return _condition(name, words, Conditions(slope=Slope(share)), bar)


CONDITIONS = (
    _condition("clock_off", "the images' clock is off by 20 ms", Conditions(clock_offset=0.020), 1.4),
    _condition("camera_10hz", "10 images a second", Conditions(camera_hz=10.0), 1.8),
    _condition("lag_quick", "the vehicle answers 40 % quicker than it says", Conditions(identified="quick"), 1.6),
    _condition("lag_slow", "the vehicle answers 40 % slower than it says", Conditions(identified="slow"), 1.6),
    *(_slope(share) for share in (0.05, -0.05, 0.10, -0.10)),
    *(
        Scenario(
            name,
            f"a snaking runner, followed by a frame whose drag is {drag} 1/s",
            _MOTIONS["sinusoid"],
            conditions=Conditions(drag=drag),
            settle=_settle("sinusoid"),
            bars=_limits(in_frame_min=0.99, p95=p95) if p95 else _limits(in_frame_min=0.97),
        )
        for name, drag, p95 in (("drag", 0.5, 1.3), ("drag_sih", 1.0, None))  # 1.0: PX4's own simulator
    ),
    Scenario(
        "wind",
        "a runner keeps 4 m/s in 8 m/s of wind with gusts",
        Ramp(4.0, 1.5),
        conditions=Conditions(wind_ned=(-5.7, 5.7, 0.0), gust=_GUST),
        bars=_limits(end=0.7, in_frame_min=0.99),
    ),
)
BOUNDS = (
    Scenario(
        "fence",
        "a runner leaves the fence, in 16 directions; the vehicle must not",
        Ramp(4.0, 1.5, origin=Origin(0.0, 12.0)),
        seconds=14.0,
        settings=MappingProxyType({"fence_radius": 35.0}),
        directions=16,
        bars=_limits(outside=0.0),
    ),
    Scenario(
        "ceiling",
        "the wanted height is above the ceiling",
        Ramp(1.4, 1.5),
        start_distance=12.0,
        seconds=20.0,
        settings=MappingProxyType({"height": 9.0, "max_altitude": 8.0}),
        bars=_limits(outside=0.0),
    ),
    Scenario(
        "floor",
        "the wanted height is below the floor",
        Ramp(1.4, 1.5),
        start_height=10.0,
        start_distance=12.0,
        seconds=20.0,
        settings=MappingProxyType({"height": 6.5, "min_altitude": 8.0}),
        bars=_limits(outside=0.0),
    ),
)
