"""Many passes (a tracker over a sequence), one after the other or in several processes."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import cv2

from uav_tracker_ros.errors import UavTrackerError
from uav_tracker_ros.evaluation.datasets.sequence import Sequence
from uav_tracker_ros.evaluation.latency import run_latency_aware
from uav_tracker_ros.evaluation.running import FrameRecord, run_sequence
from uav_tracker_ros.processes import worker_pool
from uav_tracker_ros.trackers import registry
from uav_tracker_ros.trackers.contract import Tracker
from uav_tracker_ros.trackers.lock import TargetLock
from uav_tracker_ros.trackers.model_table import read_table


@dataclass(frozen=True)
class TrackerSetup:
    """A tracker and the way it is run."""

    name: str
    lock: bool = False  # judge what TargetLock publishes, not the bare tracker
    latency_aware: bool = False
    update_seconds: float | None = None  # of each update, latency-aware only; None: as measured
    backend: str = "auto"
    threads: int = 1
    seed: int = 0  # of OpenCV's random numbers, set anew for each sequence
    models_dir: Path | None = None
    peers_dir: Path | None = None

    def identity(self) -> dict[str, Any]:
        """What the boxes depend on, plain JSON; the number of threads and the folders do not matter."""
        row = read_table(self.models_dir).get(self.name)
        calibration = row.calibration if row is not None else None
        return {
            "boxes_of": "lock" if self.lock else "tracker",
            "latency": ("measured" if self.update_seconds is None else self.update_seconds)
            if self.latency_aware
            else None,
            "backend": self.backend,
            "seed": self.seed,
            "files": {entry.name: entry.sha256 for entry in row.files} if row is not None else {},
            "calibration": None if calibration is None else hashlib.sha256(repr(calibration).encode()).hexdigest()[:12],
        }


class Pass(NamedTuple):
    """One tracker over one sequence."""

    setup: TrackerSetup
    sequence: Sequence


def run_pass(job: Pass, on_frame: Callable[[], None] | None = None) -> list[FrameRecord]:
    """Make the tracker (or take the one made before) and run it.

    Raises:
        UavTrackerError: it cannot be made, or the sequence cannot be read.
    """
    setup = job.setup
    made = make_tracker(setup)
    cv2.setRNGSeed(setup.seed)
    tracker = TargetLock(made) if setup.lock else made
    if setup.latency_aware:
        return run_latency_aware(tracker, job.sequence, seconds=setup.update_seconds, on_frame=on_frame)
    return run_sequence(tracker, job.sequence, on_frame)


@functools.lru_cache(maxsize=4)
def make_tracker(setup: TrackerSetup) -> Tracker:
    """The tracker of a setup, made once a process: ``initialize`` forgets the target before."""
    return registry.create(
        setup.name,
        backend=setup.backend,
        models_dir=setup.models_dir,
        peers_dir=setup.peers_dir,
        threads=setup.threads,
    )


def run_passes(
    jobs: Iterable[Pass], *, workers: int = 1, on_frame: Callable[[], None] | None = None
) -> Iterator[tuple[Pass, list[FrameRecord]]]:
    """Every pass with its records, as they are finished.

    Args:
        jobs: what to run.
        workers: processes; 1: this one.
        on_frame: called after each frame; in other processes once for all frames of a finished pass.

    Raises:
        UavTrackerError: of the first pass that fails, named; what was finished before has been given.
    """
    if workers > 1:
        yield from _in_processes(list(jobs), workers, on_frame)
        return
    for job in jobs:
        try:
            yield job, run_pass(job, on_frame)
        except UavTrackerError as error:
            raise _named(error, job) from error


def _in_processes(
    jobs: list[Pass], workers: int, on_frame: Callable[[], None] | None
) -> Iterator[tuple[Pass, list[FrameRecord]]]:
    with worker_pool(min(workers, max(len(jobs), 1))) as pool:
        futures = {pool.submit(run_pass, job): job for job in jobs}
        for future in as_completed(futures):
            job = futures[future]
            try:
                records = future.result()
            except UavTrackerError as error:
                raise _named(error, job) from error
            if on_frame is not None:
                for _ in records:
                    on_frame()
            yield job, records


def _named(error: UavTrackerError, job: Pass) -> UavTrackerError:
    return type(error)(f"{job.setup.name} on {job.sequence.name}: {error}")
