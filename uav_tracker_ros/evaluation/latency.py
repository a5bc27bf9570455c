"""Latency-aware evaluation: frames arrive at their rate, whether the tracker is ready or not.

As in streaming perception (Li, Wang, Ramanan, ECCV 2020): each frame is judged by the newest box that was ready
when the frame arrived. A tracker that is still busy skips frames; one faster than the camera is a frame late
all the same, as it is in flight.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import NamedTuple

from uav_tracker_ros.errors import InvalidParameter
from uav_tracker_ros.evaluation.datasets.sequence import Sequence
from uav_tracker_ros.evaluation.running import FrameRecord, make_step
from uav_tracker_ros.geometry import Image
from uav_tracker_ros.trackers.contract import Tracker
from uav_tracker_ros.trackers.lock import TargetLock

_NS = 1_000_000_000  # whole nanoseconds: sums of given times are exact


class _Waiting(NamedTuple):
    number: int
    image: Image
    arrived: int  # ns


def run_latency_aware(
    tracker: Tracker | TargetLock,
    sequence: Sequence,
    *,
    seconds: float | None = None,
    on_frame: Callable[[], None] | None = None,
) -> list[FrameRecord]:
    """One pass in simulated time; the computation may take longer or shorter than the frames last.

    Args:
        tracker: as in :func:`run_sequence`.
        sequence: its ``rate`` says when frames arrive.
        seconds: what each update takes (the initialisation too), which makes the result deterministic; None:
            what was measured here.
        on_frame: called after each frame, for progress.

    Returns:
        One record a frame: what was known when it arrived. ``seconds`` is NaN where the frame was skipped.

    Raises:
        InvalidParameter: ``seconds`` is not a time.
        InputUnreadable: as in :func:`run_sequence`.
    """
    if seconds is not None and not (math.isfinite(seconds) and seconds > 0):
        raise InvalidParameter(f"an update takes {seconds} s; expected a time above 0; correct it")
    simulation = _Simulation(tracker, sequence, seconds)
    for number, image in enumerate(sequence.frames()):
        simulation.arrive(number, image)
        if on_frame is not None:
            on_frame()
    return simulation.records


class _Simulation:
    """A tracker with a mailbox of one frame; the newest replaces what waits."""

    def __init__(self, tracker: Tracker | TargetLock, sequence: Sequence, seconds: float | None) -> None:
        self._step = make_step(tracker)
        self._sequence = sequence
        self._seconds = seconds
        self._free_at = 0  # ns
        self._waiting: _Waiting | None = None
        self._known: FrameRecord  # newest that was ready; set with the first frame
        self._coming: tuple[int, FrameRecord] | None = None  # when it will be ready, ns
        self.records: list[FrameRecord] = []

    def arrive(self, number: int, image: Image) -> None:
        """The frame arrives; note what is known at this moment."""
        now = round(number * _NS / self._sequence.rate)
        if number == 0:
            self._known, spent = self._timed(lambda: self._step.start(image, self._sequence.first_box))
            self._free_at = spent
            self.records.append(self._known._replace(seconds=spent / _NS))
            return
        if self._waiting is not None and self._free_at < now:
            self._take(self._waiting)
            self._waiting = None
        self._waiting = _Waiting(number, image, now)
        if self._coming is not None and self._coming[0] <= now:
            self._known = self._coming[1]
        self.records.append(self._known._replace(seconds=math.nan))

    def _take(self, frame: _Waiting) -> None:
        if self._coming is not None:  # it was ready before the tracker could take another frame
            self._known = self._coming[1]
        record, spent = self._timed(lambda: self._step.update(frame.image))
        self.records[frame.number] = self.records[frame.number]._replace(seconds=spent / _NS)
        self._free_at = max(frame.arrived, self._free_at) + spent
        self._coming = (self._free_at, record)

    def _timed(self, work: Callable[[], FrameRecord]) -> tuple[FrameRecord, int]:
        start = time.perf_counter_ns()
        record = work()
        measured = time.perf_counter_ns() - start
        return record, measured if self._seconds is None else round(self._seconds * _NS)
