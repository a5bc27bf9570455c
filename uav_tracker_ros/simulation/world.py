"""The simulated world of one scenario: where everything is at a moment, and how bright it is.

No state: every answer depends on scenario, seed and t alone.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from uav_tracker_ros.errors import InvalidParameter
from uav_tracker_ros.simulation import sprites
from uav_tracker_ros.simulation.scenario import Actor, Occluder, Scenario
from uav_tracker_ros.simulation.solids import Solid
from uav_tracker_ros.simulation.truth import TargetTruth

SCENERY_CLEARANCE = 18.0  # m; trees this far from the path never stand before a target 10 m away
_GAIT_RATE = 2 * math.pi * 1.4  # rad/s, strides of a jogger
_FULL_GAIT_SPEED = 2.0  # m/s from which limbs swing fully


class Placement(NamedTuple):
    """A body at its place."""

    solid: Solid
    north: float  # m
    east: float  # m
    heading: float  # rad
    gait: float = 0.0  # -1 to 1, where the limbs are in their swing
    velocity: tuple[float, float] = (0.0, 0.0)  # m/s north, east
    down: float = 0.0  # m, of the ground below it
    overhead: float = 0.0  # m; > 0: a deck with this underside, things pass below it


class World:
    """One scenario with its scenery.

    Args:
        scenario: what happens.
        seed: of scenery and ground; motions are the scenario's and do not depend on it.
        start_delay_s: the world stands still so long before the scenario's time begins.

    Raises:
        InvalidParameter: a delay that is negative or not finite.
    """

    def __init__(self, scenario: Scenario, seed: int, start_delay_s: float = 0.0) -> None:
        if not (math.isfinite(start_delay_s) and start_delay_s >= 0.0):
            raise InvalidParameter(f"start_delay_s is {start_delay_s} s; expected 0 or more: choose a finite delay")
        self.scenario = scenario
        self.seed = seed
        self.start_delay_s = start_delay_s
        self._target = Actor(scenario.target_class, scenario.path, scenario.look)
        self.occluders = tuple(placed for occluder in scenario.occluders for placed in _stand_up(occluder, seed))
        self.scenery = self._plant(np.random.default_rng((seed, 201)))

    def target(self, t: float) -> TargetTruth:
        """The target at ``t`` s."""
        return self._truth(self._target, t)

    def others(self, t: float) -> tuple[TargetTruth, ...]:
        """Those who are not the target but could be mistaken for it, at ``t`` s."""
        return tuple(self._truth(actor, t) for actor in self.scenario.distractors)

    def placements(self, t: float) -> tuple[Placement, ...]:
        """All bodies at ``t`` s; the target is the first."""
        actors = (self._target, *self.scenario.distractors)
        return (*(self._place(actor, t) for actor in actors), *self.occluders, *self.scenery)

    def ground_down(self, north: float) -> float:
        """Down-coordinate of the ground, m; pictures show it flat."""
        slope = self.scenario.conditions.slope
        return slope.down(north) if slope is not None else 0.0

    def gain(self, t: float) -> float:
        """Brightness at ``t`` s; 1 is normal."""
        gain = 1.0
        elapsed = self._elapsed(t)
        for change in self.scenario.light:
            if elapsed >= change.start:
                share = min(1.0, (elapsed - change.start) / change.ramp) if change.ramp > 0 else 1.0
                gain += (change.gain - gain) * share
        return gain

    def _elapsed(self, t: float) -> float:
        return max(0.0, t - self.start_delay_s)

    def _truth(self, actor: Actor, t: float) -> TargetTruth:
        point = actor.path.at(self._elapsed(t))
        moving = t >= self.start_delay_s
        velocity = (point.velocity_north, point.velocity_east, 0.0) if moving else (0.0, 0.0, 0.0)
        size = sprites.SIZES[actor.target_class]
        place = (point.north, point.east, self.ground_down(point.north))
        return TargetTruth(t, place, velocity, point.heading, *size, actor.target_class)

    def _place(self, actor: Actor, t: float) -> Placement:
        truth = self._truth(actor, t)
        speed = math.hypot(*truth.velocity_ned[:2])
        gait = math.sin(_GAIT_RATE * t) * min(1.0, speed / _FULL_GAIT_SPEED)
        return Placement(
            sprites.target_solid(actor.target_class, actor.look),
            truth.position_ned[0],
            truth.position_ned[1],
            truth.heading,
            gait,
            (truth.velocity_ned[0], truth.velocity_ned[1]),
            truth.position_ned[2],
        )

    def _plant(self, rng: np.random.Generator) -> tuple[Placement, ...]:
        """Trees around the path, and parked cars on the car park."""
        times = np.arange(0.0, self.scenario.seconds + 10.0, 0.5)
        way = np.array([self.scenario.path.at(float(t))[:2] for t in times])
        low, high = way.min(axis=0) - 70.0, way.max(axis=0) + 70.0
        count = int(min(120, np.prod(high - low) / 450.0))
        placed = []
        for north, east in rng.uniform(low, high, (count, 2)):
            if np.min(np.hypot(way[:, 0] - north, way[:, 1] - east)) < SCENERY_CLEARANCE:
                continue
            height = float(rng.choice((4.0, 5.0, 6.5)))
            solid = sprites.tree(height, 0.36 * height, int(rng.integers(4)))
            placed.append(Placement(solid, float(north), float(east), float(rng.uniform(0, 2 * math.pi))))
        for row in (2, 4, 5, 8):
            look = str(rng.choice(("white", "black", "green")))
            north, east = 18.0 + 2.6 * row + 1.3, float(rng.choice((10.5, 23.5)))
            if np.min(np.hypot(way[:, 0] - north, way[:, 1] - east)) > 5.0:
                placed.append(Placement(sprites.target_solid("car", look), north, east, math.pi / 2))
        return tuple(placed)


def _stand_up(occluder: Occluder, seed: int) -> list[Placement]:
    north, east, heading = occluder.north, occluder.east, occluder.heading
    cos, sin = math.cos(heading), math.sin(heading)
    if occluder.kind == "tree":
        solid = sprites.tree(occluder.height, occluder.length / 2, seed % 4)
        return [Placement(solid, north, east, heading)]
    if occluder.kind == "wall":
        # In short pieces: what is nearer is then right for each piece against a passing target.
        pieces = max(1, round(occluder.length / 0.5))
        solid = sprites.wall(occluder.height, occluder.length / pieces)
        steps = [((i + 0.5) / pieces - 0.5) * occluder.length for i in range(pieces)]
        return [Placement(solid, north + step * cos, east + step * sin, heading) for step in steps]
    if occluder.kind == "bridge":
        deck = sprites.bridge_deck(occluder.height, occluder.length, occluder.depth)
        pillar = sprites.bridge_pillar(occluder.height)
        reach = 0.35 * occluder.length
        pillars = [Placement(pillar, north + s * cos, east + s * sin, heading) for s in (-reach, reach)]
        return [*pillars, Placement(deck, north, east, heading, overhead=occluder.height)]
    raise InvalidParameter(f"occluder '{occluder.kind}'; expected tree, wall or bridge: choose one of them")
