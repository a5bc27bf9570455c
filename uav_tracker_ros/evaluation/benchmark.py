"""How long trackers take, from a BGR frame to what is published, each stage of it, all in one interleaved run.

Milliseconds of different machines or moments do not compare, so that trackers take turns in a shuffled
order, a few frames each, and ratios of one run are what can be quoted. CPU time is measured beside wall time:
where they differ much the machine was busy with something else.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from uav_tracker_ros.backends.contract import Backend
from uav_tracker_ros.geometry import Box, Image
from uav_tracker_ros.trackers.contract import Observation, Settling, Tracker
from uav_tracker_ros.trackers.lock import TargetLock
from uav_tracker_ros.trackers.search_region import SearchRegion, Window

TURN = 5  # frames of one tracker before the next
WARM_UP = 5  # frames of each tracker that are not measured
BUSY_FROM = 1.3  # wall over CPU time of one thread: from here on a ranking says nothing
BUDGET_MS = 0.8  # CPU time of everything but the network
Frames = Callable[[int], tuple[Image, Box]]


class Clock(NamedTuple):
    """Seconds; an argument, so that a test can own time."""

    wall: Callable[[], float]
    cpu: Callable[[], float]  # of this process, all its threads
    sleep: Callable[[float], None]


class Spent(NamedTuple):
    """Seconds of wall and of CPU time."""

    wall: float = 0.0
    cpu: float = 0.0

    def minus(self, other: Spent) -> Spent:
        """What is left."""
        return Spent(self.wall - other.wall, self.cpu - other.cpu)


class Sample(NamedTuple):
    """One update. ``crop`` and ``network`` are None for a tracker that has no network."""

    update: Spent  # from the frame to what is published
    lock: Spent  # confidence, similarity and state: what comes after the tracker's answer
    crop: Spent | None
    network: Spent | None
    after: Spent = Spent()  # what the tracker left for after the box is out: part of no other stage

    @property
    def decode(self) -> Spent | None:
        """All that is neither crop, network nor lock."""
        if self.crop is None or self.network is None:
            return None
        return self.update.minus(self.lock).minus(self.crop).minus(self.network)

    @property
    def beside_network(self) -> Spent | None:
        """What the budget is of."""
        return self.update.minus(self.network) if self.network else None


class Stopwatch:
    """Adds up the stages of one update."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.total: dict[str, Spent] = {}

    def reset(self) -> None:
        """Begin the next update."""
        self.total = {}

    def timed(self, stage: str, call: Callable[[], Any]) -> Any:
        """Call, and add what it took to the stage."""
        wall, cpu = self._clock.wall(), self._clock.cpu()
        result = call()
        before = self.total.get(stage, Spent())
        self.total[stage] = Spent(before.wall + self._clock.wall() - wall, before.cpu + self._clock.cpu() - cpu)
        return result


class _TimedBackend:
    def __init__(self, backend: Backend, watch: Stopwatch) -> None:
        self.name = backend.name
        self._backend, self._watch = backend, watch

    def run(self, graph: str, *arrays: NDArray[Any]) -> dict[str, NDArray[Any]]:
        result: dict[str, NDArray[Any]] = self._watch.timed("network", lambda: self._backend.run(graph, *arrays))
        return result


class _TimedRegion(SearchRegion):
    def __init__(self, region: SearchRegion, watch: Stopwatch) -> None:
        super().__init__(region.settings)
        self._watch = watch

    def search(self, image: Image, window: Window, *, adapt: bool = True) -> NDArray[np.uint8]:
        cut = super().search
        crop: NDArray[np.uint8] = self._watch.timed("crop", lambda: cut(image, window, adapt=adapt))
        return crop


class _Answered:
    """Gives the lock the tracker's newest answer: it is never asked to search, whatever it believes."""

    def __init__(self, tracker: Tracker) -> None:
        self.calibration = getattr(tracker, "calibration", None)
        self.answer: Observation | None = None

    def initialize(self, image: Image, box: Box) -> None:
        """The tracker has its target already."""

    def update(self, image: Image) -> Observation:
        assert self.answer is not None  # noqa: S101 - for the type checker: Subject sets it first
        return self.answer


class Subject:
    """A tracker under the lock as in flight, its stages timed, with its own place in the frames.

    Trackers hold their backend and their search region as attributes; these are replaced by timed ones. One
    that has neither is timed as a whole.
    """

    def __init__(self, tracker: Tracker, clock: Clock) -> None:
        self._tracker, self._clock = tracker, clock
        self._watch = Stopwatch(clock)
        self._answered = _Answered(tracker)
        self._lock = TargetLock(self._answered)
        self._step = 0
        self.stages = False
        for name, value in list(vars(tracker).items()):
            if isinstance(value, SearchRegion):
                setattr(tracker, name, _TimedRegion(value, self._watch))
                self.stages = True
            elif hasattr(value, "run") and isinstance(getattr(value, "name", None), str):
                setattr(tracker, name, _TimedBackend(value, self._watch))

    def start(self, frames: Frames) -> None:
        """Select the target and warm up."""
        image, box = frames(0)
        self._tracker.initialize(image, box)
        self._lock.select(image, box)
        for _ in range(WARM_UP):
            self.step(frames)

    def step(self, frames: Frames) -> Sample:
        """One update on the next frame; making the frame is not measured."""
        self._step += 1
        image, _ = frames(self._step)
        self._watch.reset()
        wall, cpu = self._clock.wall(), self._clock.cpu()
        self._answered.answer = self._tracker.update(image)
        self._watch.timed("lock", lambda: self._lock.update(image))
        update = Spent(self._clock.wall() - wall, self._clock.cpu() - cpu)
        stages = dict(self._watch.total)
        if isinstance(self._tracker, Settling):
            self._watch.timed("after", self._tracker.settle)
        after = self._watch.total.get("after", Spent())
        if not self.stages:
            return Sample(update, stages["lock"], None, None, after)
        return Sample(update, stages["lock"], stages.get("crop", Spent()), stages.get("network", Spent()), after)


def measure(
    subjects: Mapping[str, Subject],
    frames: Frames,
    *,
    calls: int,
    rate: float | None,
    seed: int,
    clock: Clock,
    on_call: Callable[[], None] | None = None,
) -> dict[str, list[Sample]]:
    """Samples of each tracker, after warm-up.

    Args:
        subjects: by name; they take turns in an order drawn anew each round.
        frames: image and true box of a step; consecutive steps move the target a little.
        calls: of each tracker, rounded up to whole turns.
        rate: a camera's frames a second: the tracker waits for each; None: back to back.
        seed: of the order.
        clock: see :class:`Clock`.
        on_call: for progress.
    """
    order = list(subjects)
    shuffle = random.Random(seed).shuffle  # noqa: S311 - an order of turns is no secret
    for subject in subjects.values():
        subject.start(frames)
    samples: dict[str, list[Sample]] = {name: [] for name in subjects}
    due = clock.wall()
    for _ in range(-(-calls // TURN)):
        shuffle(order)
        for name in order:
            for _ in range(TURN):
                if rate is not None:
                    due = max(due + 1 / rate, clock.wall())  # a late one delays the next, none are made up
                    clock.sleep(max(due - clock.wall(), 0.0))
                samples[name].append(subjects[name].step(frames))
                if on_call is not None:
                    on_call()
    return samples


class Percentiles(NamedTuple):
    """Milliseconds."""

    p50: float
    p95: float
    p99: float


class Summary(NamedTuple):
    """Of one tracker in one run. The stages are CPU time; None without a network."""

    wall: Percentiles
    cpu: Percentiles
    lock: Percentiles
    crop: Percentiles | None
    network: Percentiles | None
    decode: Percentiles | None
    beside_network: Percentiles | None
    after: float  # mean CPU time of what is done after the box is out, ms a frame
    wall_over_cpu: float  # of the medians


def summarise(samples: Sequence[Sample]) -> Summary:
    """Percentiles of a tracker's samples."""

    def stage(name: str) -> Percentiles | None:
        spent = [getattr(sample, name) for sample in samples]
        return None if None in spent else _percentiles([each.cpu for each in spent])

    wall = _percentiles([sample.update.wall for sample in samples])
    cpu = _percentiles([sample.update.cpu for sample in samples])
    return Summary(
        wall,
        cpu,
        _percentiles([sample.lock.cpu for sample in samples]),
        stage("crop"),
        stage("network"),
        stage("decode"),
        stage("beside_network"),
        float(np.mean([sample.after.cpu for sample in samples])) * 1e3,
        wall.p50 / cpu.p50 if cpu.p50 > 0 else float("inf"),
    )


def ratios(summaries: Mapping[str, Summary], peers: Sequence[str]) -> dict[str, dict[str, float]]:
    """Median CPU time of each tracker over that of each peer of the same run."""
    return {
        name: {peer: own.cpu.p50 / summaries[peer].cpu.p50 for peer in peers if summaries[peer].cpu.p50 > 0}
        for name, own in summaries.items()
    }


def _percentiles(seconds: Sequence[float]) -> Percentiles:
    return Percentiles(*(float(value) for value in np.percentile(np.array(seconds) * 1e3, (50, 95, 99))))
