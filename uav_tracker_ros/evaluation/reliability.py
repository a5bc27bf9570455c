"""Does the tracker know when it has lost the target? And is its confidence a probability?

Success and precision leave out the frames in which the target is absent. Here they count: a vehicle
follows whatever is believed, and a box on nothing is a loss like a box on something else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from uav_tracker_ros.errors import InvalidParameter
from uav_tracker_ros.trackers.confidence import auroc, expected_calibration_error

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

LOST_BELOW = 0.1  # IoU
CORRECT_FROM = 0.5  # IoU: what confidence is a probability of
BINS = 15


class Judged(NamedTuple):
    """One sequence, its first frame (whose box was given) left out."""

    confidence: Floats  # (N,) 0 to 1, or a raw score; NaN: nothing was said, the frame is left out
    overlap: Floats  # (N,) IoU with the truth; NaN where the target is absent
    believed: Flags  # (N,) whether the tracker said TRACKING
    rate: float  # frames a second


class Roc(NamedTuple):
    """How well low confidence tells a loss: a loss is said where confidence is at most the threshold."""

    threshold: Floats  # (K,) rising; the first says no loss at all
    false_alarm: Floats  # (K,) share of the frames without loss in which one is said
    detected: Floats  # (K,) share of the lost frames in which it is said

    @property
    def area(self) -> float:
        """Under the curve; 0 without a loss or without a frame that is none."""
        return float(np.sum(np.diff(self.false_alarm) * (self.detected[1:] + self.detected[:-1]) / 2))


class Bin(NamedTuple):
    """Frames of similar confidence."""

    confidence: float  # mean
    correct: float  # share with IoU of at least 0.5
    frames: int


class HonestLoss(NamedTuple):
    """Of one tracker over one or more sequences. NaN: no frame, or no loss, to judge by."""

    auroc: float  # of "IoU < 0.1 or target absent" against confidence: 0.5 knows nothing, 1 knows all
    ece: float  # expected calibration error of "IoU >= 0.5" over 15 bins; NaN for raw scores outside 0 to 1
    frames: int
    lost_frames: int
    false_follow_s: float  # s in which TRACKING was said and the target was lost
    longest_false_follow_s: float  # s, without a break


def lost(overlap: Floats) -> Flags:
    """(N,) whether the target is lost: IoU below 0.1, or NaN (absent: no box can be right)."""
    return ~(overlap >= LOST_BELOW)


def correct(overlap: Floats) -> Flags:
    """(N,) whether the box is right: IoU of at least 0.5; an absent target has no right box."""
    return np.asarray(overlap >= CORRECT_FROM)


def honest_loss(sequences: Sequence[Judged]) -> HonestLoss:
    """Frames of all sequences together; false following is summed, and never joined across sequences.

    Raises:
        InvalidParameter: arrays of one sequence differ in length.
    """
    confidence, overlap = pooled(sequences)
    is_probability = len(confidence) and bool(((confidence >= 0) & (confidence <= 1)).all())
    stretches = [seconds for judged in sequences for seconds in false_follows_s(judged)]
    return HonestLoss(
        auroc=auroc(confidence, ~lost(overlap)),
        ece=expected_calibration_error(confidence, correct(overlap), BINS) if is_probability else float("nan"),
        frames=len(confidence),
        lost_frames=int(lost(overlap).sum()),
        false_follow_s=float(sum(stretches)),
        longest_false_follow_s=float(max(stretches, default=0.0)),
    )


def pooled(sequences: Sequence[Judged]) -> tuple[Floats, Floats]:
    """Confidence and overlap of all frames on which something was said."""
    for judged in sequences:
        _check(judged)
    if not sequences:
        return np.zeros(0), np.zeros(0)
    confidence = np.concatenate([judged.confidence for judged in sequences])
    overlap = np.concatenate([judged.overlap for judged in sequences])
    said = np.isfinite(confidence)
    return confidence[said], overlap[said]


def roc(confidence: Floats, is_lost: Flags) -> Roc:
    """The curve of all thresholds.

    Args:
        confidence: (N,) finite.
        is_lost: (N,) from :func:`lost`.
    """
    order = np.argsort(confidence, kind="stable")
    ordered, hit = confidence[order], is_lost[order]
    last_of_value = np.append(np.flatnonzero(np.diff(ordered)), len(ordered) - 1) if len(ordered) else np.zeros(0, int)
    detected, alarms = np.cumsum(hit)[last_of_value], np.cumsum(~hit)[last_of_value]
    return Roc(
        np.append(-np.inf, ordered[last_of_value]),
        np.append(0.0, alarms / max(int((~is_lost).sum()), 1)),
        np.append(0.0, detected / max(int(is_lost.sum()), 1)),
    )


def reliability_bins(confidence: Floats, is_correct: Flags, bins: int = BINS) -> list[Bin]:
    """Equal bins of confidence from 0 to 1; those without a frame are left out."""
    index = np.clip((confidence * bins).astype(int), 0, bins - 1)
    return [
        Bin(float(confidence[chosen].mean()), float(is_correct[chosen].mean()), int(chosen.sum()))
        for chosen in (index == number for number in range(bins))
        if chosen.any()
    ]


def false_follows_s(judged: Judged) -> list[float]:
    """Seconds of each stretch of frames in which TRACKING was said of a lost target."""
    _check(judged)
    wrong = np.concatenate([[False], judged.believed & lost(judged.overlap), [False]])
    edges = np.flatnonzero(np.diff(wrong.astype(np.int8)))
    return [float(stop - start) / judged.rate for start, stop in zip(edges[::2], edges[1::2], strict=True)]


def _check(judged: Judged) -> None:
    lengths = {len(judged.confidence), len(judged.overlap), len(judged.believed)}
    if len(lengths) != 1 or not judged.rate > 0:
        raise InvalidParameter(
            f"{len(judged.confidence)} confidences, {len(judged.overlap)} overlaps, {len(judged.believed)} states at "
            f"{judged.rate} frames/s; expected one of each a frame and a rate above 0; use one run's results"
        )
