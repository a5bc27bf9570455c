"""One pass of a tracker over a sequence: boxes, scores, confidence and times, a record a frame.

A bare :class:`Tracker` is judged by its own boxes, as the field does: nobody starts it anew or freezes its
size. Its confidence is what its calibration makes of each observation, without any effect on the boxes. A
:class:`TargetLock` is judged by what it publishes: frozen sizes, states, re-detection.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from typing import NamedTuple, Protocol

from uav_tracker_ros.errors import InvalidBox
from uav_tracker_ros.evaluation.datasets.sequence import Sequence
from uav_tracker_ros.geometry import Box, Image, TargetState
from uav_tracker_ros.trackers.confidence import Calibration
from uav_tracker_ros.trackers.contract import Observation, Tracker
from uav_tracker_ros.trackers.lock import TRACKING_FROM, TargetLock

_logger = logging.getLogger(__name__)


class FrameRecord(NamedTuple):
    """What one frame gave; the first frame's box was given to the tracker, not found."""

    box: Box  # px
    score: float  # raw, the family's own scale; NaN on the first frame
    confidence: float  # calibrated probability that IoU >= 0.5; the clipped score without a calibration; 1 at first
    state: TargetState  # of the lock; a bare tracker's is TRACKING or UNCERTAIN by its confidence
    seconds: float  # of the update (the first frame: of the initialisation), decoding left out


def run_sequence(
    tracker: Tracker | TargetLock, sequence: Sequence, on_frame: Callable[[], None] | None = None
) -> list[FrameRecord]:
    """Give the first true box, then every frame.

    A tracker that cannot start there (a target of three pixels) is scored with that box standing still and
    confidence 0: one sequence must not end an evaluation, nor be left out of a mean.

    Args:
        tracker: a tracker or a lock around one; forgets what it followed before.
        sequence: what to track through.
        on_frame: called after each frame, for progress.

    Returns:
        One record a frame, the given box first.

    Raises:
        InputUnreadable: frames that cannot be read, or another number of them than true boxes.
    """
    records: list[FrameRecord] = []
    step = make_step(tracker)
    for image in sequence.frames():
        start = time.perf_counter()
        record = step.update(image) if records else step.start(image, sequence.first_box)
        records.append(record._replace(seconds=time.perf_counter() - start))
        if on_frame is not None:
            on_frame()
    return records


class Step(Protocol):
    """Takes the images of one sequence; leaves the times to its caller."""

    def start(self, image: Image, box: Box) -> FrameRecord:
        """The first image and its box."""

    def update(self, image: Image) -> FrameRecord:
        """One more image."""


def make_step(tracker: Tracker | TargetLock) -> Step:
    """What both kinds of runs drive a tracker or a lock with."""
    return _RefusableStep(_LockStep(tracker) if isinstance(tracker, TargetLock) else _TrackerStep(tracker))


class _RefusableStep:
    """Goes on with the first box if the tracker does not take it."""

    def __init__(self, step: Step) -> None:
        self._step = step
        self._refused: FrameRecord | None = None

    def start(self, image: Image, box: Box) -> FrameRecord:
        try:
            return self._step.start(image, box)
        except InvalidBox as error:
            _logger.warning("%s: scored with the first box standing still", error)
            self._refused = FrameRecord(box, math.nan, 0.0, TargetState.LOST, math.nan)
            return _given(box)

    def update(self, image: Image) -> FrameRecord:
        return self._refused if self._refused is not None else self._step.update(image)


class _TrackerStep:
    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker
        self._calibration: Calibration | None = getattr(tracker, "calibration", None)

    def start(self, image: Image, box: Box) -> FrameRecord:
        self._tracker.initialize(image, box)
        return _given(box)

    def update(self, image: Image) -> FrameRecord:
        observation = self._tracker.update(image)
        confidence = published_confidence(observation, self._calibration)
        state = TargetState.TRACKING if confidence >= TRACKING_FROM else TargetState.UNCERTAIN
        return FrameRecord(observation.box, observation.score, confidence, state, math.nan)


class _LockStep:
    def __init__(self, lock: TargetLock) -> None:
        self._lock = lock

    def start(self, image: Image, box: Box) -> FrameRecord:
        self._lock.select(image, box)
        return _given(box)

    def update(self, image: Image) -> FrameRecord:
        target = self._lock.update(image)
        return FrameRecord(target.box, target.score, target.confidence, target.state, math.nan)


def published_confidence(observation: Observation, calibration: Calibration | None) -> float:
    """Probability that the box is right, as the lock would publish it in normal tracking; 0 for a broken score."""
    if not math.isfinite(observation.score):
        return 0.0
    if calibration is None:
        return min(max(observation.score, 0.0), 1.0)
    return calibration.confidence(observation.score, observation.features)


def _given(box: Box) -> FrameRecord:
    return FrameRecord(box, math.nan, 1.0, TargetState.TRACKING, math.nan)
