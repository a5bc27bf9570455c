"""Where a stepped flight's boxes come from: a real tracker on drawn images, or the true box with noise."""

from __future__ import annotations

import math
from typing import NamedTuple, Protocol

import numpy as np

from uav_tracker_ros.geometry import Box, TargetState
from uav_tracker_ros.simulation.rendering import Renderer
from uav_tracker_ros.simulation.truth import FrameTruth, VehicleTruth
from uav_tracker_ros.trackers import registry
from uav_tracker_ros.trackers.lock import TargetLock

WHITE_PX, WANDER_PX, WANDER_S = 1.1, 1.0, 0.15  # px, px, s: of both edges together
SIZE_SHARE = 0.03  # 1 sigma of the size
VISIBLE_MIN = 0.3  # share of the target that a tracker needs
PROBATION = 10  # boxes that stay UNCERTAIN after a loss
TARGET_ITSELF, SAME_CLOTHES, OTHER_CLOTHES = 0.85, 0.75, 0.35  # mean similarity to the template
SIMILARITY_SIGMA = 0.06
SIMILARITY_MIN, SIMILARITY_MARGIN = 0.5, 0.1  # of a candidate, and over every other one
LOST_BOX = Box(0.0, 0.0, 1.0, 1.0)


class Seen(NamedTuple):
    """What one image said."""

    box: Box  # px
    state: TargetState
    lock: int
    confidence: float
    similarity: float


class BoxSource(Protocol):
    """Looks at one exposure after another."""

    name: str

    def look(self, t: float, vehicle: VehicleTruth) -> tuple[Seen, FrameTruth]:
        """What is seen in the image exposed at ``t``, and the truth."""
        ...


class TrueBoxes:
    """The true box as a good tracker would report it: wandering edges, a loss when hidden.

    After a loss it takes, as a tracker would, whoever in view looks most like the target: with a
    distractor in the same clothes that may be the wrong one, or undecided between two.
    """

    name = "true"

    def __init__(self, renderer: Renderer, seed: int):
        self._renderer = renderer
        self._rng = np.random.default_rng((seed, 301))
        self._wander = np.zeros(2)
        self._last_t = -math.inf
        self._lock, self._probation, self._lost = 1, 0, False
        self._box = LOST_BOX
        scenario = renderer.world.scenario
        same = (SAME_CLOTHES if actor.look == scenario.look else OTHER_CLOTHES for actor in scenario.distractors)
        self._similarity = (TARGET_ITSELF, *same)  # of each actor, mean
        self._actor = 0  # whom the boxes are of

    def look(self, t: float, vehicle: VehicleTruth) -> tuple[Seen, FrameTruth]:
        """See :class:`BoxSource`."""
        truth = self._renderer.truth(t, vehicle)
        if self._lost:
            self._find_again(t, vehicle)
        own = truth if self._actor == 0 else self._renderer.truth(t, vehicle, self._actor)
        noisy = self._noisy(own.box, t)
        k = self._renderer.intrinsics
        inside = noisy.clipped(k.width, k.height)
        share = inside.area / noisy.area if noisy.area > 0 else 0.0
        if self._lost or own.visible_fraction < VISIBLE_MIN or share < VISIBLE_MIN:
            self._lost = True
            return Seen(self._box, TargetState.LOST, self._lock, 0.0, math.nan), truth
        self._box = inside
        self._probation = max(0, self._probation - 1)
        state = TargetState.UNCERTAIN if self._probation else TargetState.TRACKING
        confidence = 0.6 if self._probation else 0.6 + 0.35 * own.visible_fraction
        return Seen(inside, state, self._lock, confidence, self._similarity[self._actor]), truth

    def _find_again(self, t: float, vehicle: VehicleTruth) -> None:
        """Whoever looks most like the target, if nobody else looks nearly as much like it."""
        found = []
        for actor, mean in enumerate(self._similarity):
            likeness = mean + SIMILARITY_SIGMA * float(self._rng.standard_normal())
            if likeness >= SIMILARITY_MIN and self._renderer.truth(t, vehicle, actor).visible_fraction >= VISIBLE_MIN:
                found.append((likeness, actor))
        found.sort(reverse=True)
        if found and (len(found) == 1 or found[0][0] - found[1][0] >= SIMILARITY_MARGIN):
            self._actor, self._lost, self._probation = found[0][1], False, PROBATION
            self._lock += 1

    def _noisy(self, box: Box, t: float) -> Box:
        keep = math.exp(-(t - self._last_t) / WANDER_S)
        self._last_t = t
        self._wander = keep * self._wander + math.sqrt(1 - keep**2) * WANDER_PX * self._rng.standard_normal(2)
        shift = self._wander + WHITE_PX * self._rng.standard_normal(2)
        size = np.exp(SIZE_SHARE * self._rng.standard_normal(2))
        x, y = box.center
        return Box.from_center(x + shift[0], y + shift[1], box.w * size[0], box.h * size[1])


class TrackedBoxes:
    """A tracker of the registry on the drawn images; selected on the true box of the first one."""

    def __init__(self, renderer: Renderer, name: str):
        self._renderer = renderer
        self._lock = TargetLock(registry.create(name))
        self._selected = False
        self.name = name

    def look(self, t: float, vehicle: VehicleTruth) -> tuple[Seen, FrameTruth]:
        """See :class:`BoxSource`."""
        image, truth = self._renderer.render(t, vehicle)
        if not self._selected:
            self._lock.select(image, truth.visible_box)
            self._selected = True
        seen = self._lock.update(image)
        return Seen(seen.box, seen.state, seen.lock, seen.confidence, seen.similarity), truth
