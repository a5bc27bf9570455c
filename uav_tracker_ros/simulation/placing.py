"""A scenario put before a vehicle that another simulator flies: its world is turned and moved, nothing else changes."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from uav_tracker_ros.frames import wrap_angle
from uav_tracker_ros.simulation.scenario import Scenario


def placed(scenario: Scenario, north: float, east: float, yaw: float) -> Scenario:
    """The scenario with a vehicle at this place and heading where its own vehicle would start.

    Args:
        scenario: as it is.
        north: m, of the vehicle.
        east: m.
        yaw: rad from north.
    """
    (start_north, start_east, _), start_yaw = scenario.vehicle_start
    turn = wrap_angle(yaw - start_yaw)
    turned = _turned(start_north, start_east, turn)
    moved = (north - turned[0], east - turned[1])

    def place(item: Any) -> Any:
        """Of an origin or an occluder: both have a place and a heading."""
        n, e = _turned(item.north, item.east, turn)
        return item._replace(north=moved[0] + n, east=moved[1] + e, heading=wrap_angle(item.heading + turn))

    def path(old: Any) -> Any:  # every path is a dataclass, which a Protocol cannot say
        return dataclasses.replace(old, origin=place(old.origin))

    return dataclasses.replace(
        scenario,
        path=path(scenario.path),
        distractors=tuple(actor._replace(path=path(actor.path)) for actor in scenario.distractors),
        occluders=tuple(place(occluder) for occluder in scenario.occluders),
        start_bearing=wrap_angle(scenario.start_bearing + turn),
    )


def _turned(north: float, east: float, angle: float) -> tuple[float, float]:
    cos, sin = math.cos(angle), math.sin(angle)
    return north * cos - east * sin, north * sin + east * cos
