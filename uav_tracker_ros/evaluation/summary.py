"""From the records of finished passes to tables: means over sequences, attributes, JSON and CSV."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from uav_tracker_ros.evaluation import reliability
from uav_tracker_ros.evaluation.datasets.sequence import Sequence
from uav_tracker_ros.evaluation.metrics import (
    CONVENTIONS,
    NORMALIZED_DISTANCES,
    Convention,
    Floats,
    Scores,
    judge,
    overlaps,
    precision_curve,
    score_sequence,
    success_curve,
)
from uav_tracker_ros.evaluation.running import FrameRecord
from uav_tracker_ros.geometry import TargetState


class SequenceSummary(NamedTuple):
    """One tracker on one sequence."""

    name: str
    attributes: tuple[str, ...]
    scores: Scores
    success: Floats  # (21,) curve
    precision: Floats  # (51,) curve over px
    normalized: Floats  # (51,) curve over shares of the true sides
    updates: int  # frames that the tracker looked at, without the first
    seconds: float  # that they took, decoding left out
    confidence: reliability.Judged  # of every frame but the first, absent ones too
    raw_score: reliability.Judged  # the same with the raw score in place of the confidence


@dataclass(frozen=True)
class TrackerSummary:
    """One tracker on all sequences; means over sequences are unweighted."""

    name: str
    sequences: tuple[SequenceSummary, ...]

    def mean(self, score: str, attribute: str | None = None) -> float:
        """Mean of one of :class:`Scores`' fields over the sequences (with the attribute); NaN over none."""
        chosen = [each for each in self.sequences if attribute is None or attribute in each.attributes]
        return float(np.mean([getattr(each.scores, score) for each in chosen])) if chosen else math.nan

    def curve(self, kind: str) -> Floats:
        """Mean of the sequences' ``success``, ``precision`` or ``normalized`` curves."""
        result: Floats = np.mean([getattr(each, kind) for each in self.sequences], axis=0)
        return result

    @property
    def losses(self) -> int:
        """Over all sequences."""
        return sum(each.scores.losses for each in self.sequences)

    @property
    def fps(self) -> float:
        """Updates a second over all sequences; NaN where none was timed."""
        seconds = sum(each.seconds for each in self.sequences)
        return sum(each.updates for each in self.sequences) / seconds if seconds > 0 else math.nan

    @property
    def honest(self) -> reliability.HonestLoss:
        """Whether the confidence tells losses, over all sequences."""
        return reliability.honest_loss([each.confidence for each in self.sequences])

    @property
    def score_auroc(self) -> float:
        """How well the raw score tells losses; NaN without a loss."""
        return reliability.honest_loss([each.raw_score for each in self.sequences]).auroc

    @property
    def attributes(self) -> dict[str, int]:
        """How many sequences have each attribute."""
        names = sorted({name for each in self.sequences for name in each.attributes})
        return {name: sum(name in each.attributes for each in self.sequences) for name in names}


def summarize_sequence(
    sequence: Sequence, records: list[FrameRecord], convention: Convention = CONVENTIONS["default"]
) -> SequenceSummary:
    """What one pass is worth.

    Args:
        sequence: with its truth.
        records: one a frame.
        convention: what is counted.

    Raises:
        InvalidParameter: no frame can be scored.
    """
    found = np.array([record.box for record in records], np.float64)
    judged = judge(found, sequence.truth, convention)
    seconds = np.array([record.seconds for record in records[1:]], np.float64)
    timed = np.isfinite(seconds)
    confidence = reliability.Judged(
        confidence=np.array([record.confidence for record in records[1:]]),
        overlap=overlaps(found[1:], sequence.truth[1:]),
        believed=np.array([record.state is TargetState.TRACKING for record in records[1:]]),
        rate=sequence.rate,
    )
    return SequenceSummary(
        name=sequence.name,
        attributes=sequence.attributes,
        scores=score_sequence(found, sequence.truth, convention),
        success=success_curve(judged.overlap, strictly=convention.strictly),
        precision=precision_curve(judged.distance),
        normalized=precision_curve(judged.normalized, NORMALIZED_DISTANCES),
        updates=int(timed.sum()),
        seconds=float(seconds[timed].sum()),
        confidence=confidence,
        raw_score=confidence._replace(confidence=np.array([record.score for record in records[1:]])),
    )


def as_json(trackers: Iterable[TrackerSummary]) -> dict[str, Any]:
    """The part ``trackers`` of the summary; what was not measured is absent."""
    return {tracker.name: _tracker_json(tracker) for tracker in trackers}


def _numbers(tracker: TrackerSummary) -> dict[str, float]:
    """Everything but attributes and sequences; NaN where it was not measured."""
    honest = tracker.honest
    return {name: tracker.mean(name) for name in _MEANS} | {
        "losses": tracker.losses,
        "fps": tracker.fps,
        "confidence_auroc": honest.auroc,
        "score_auroc": tracker.score_auroc,
        "confidence_ece": honest.ece,
        "lost_frames": honest.lost_frames,
        "false_follow_s": honest.false_follow_s,
        "longest_false_follow_s": honest.longest_false_follow_s,
    }


def _tracker_json(tracker: TrackerSummary) -> dict[str, Any]:
    fields: dict[str, Any] = {name: value for name, value in _numbers(tracker).items() if math.isfinite(value)}
    if tracker.attributes:
        fields["attributes"] = {
            name: {"sequences": count, **{score: tracker.mean(score, name) for score in _MEANS}}
            for name, count in tracker.attributes.items()
        }
    fields["sequences"] = {each.name: each.scores._asdict() for each in tracker.sequences}
    return fields


_MEANS = ("success_auc", "precision_20px", "normalized_precision", "robustness")


def trackers_csv(trackers: Iterable[TrackerSummary]) -> str:
    """One line a tracker."""
    numbers = {each.name: _numbers(each) for each in trackers}
    columns = next(iter(numbers.values()))
    return _csv(["tracker", *columns], [[name, *values.values()] for name, values in numbers.items()])


def sequences_csv(trackers: Iterable[TrackerSummary]) -> str:
    """One line a tracker and sequence."""
    rows = [
        [tracker.name, each.name, *each.scores, each.updates / each.seconds if each.seconds else math.nan]
        for tracker in trackers
        for each in tracker.sequences
    ]
    return _csv(["tracker", "sequence", *Scores._fields, "fps"], rows)


def attributes_csv(trackers: Iterable[TrackerSummary]) -> str:
    """One line a tracker and attribute."""
    rows = [
        [tracker.name, name, count, *(tracker.mean(score, name) for score in _MEANS)]
        for tracker in trackers
        for name, count in tracker.attributes.items()
    ]
    return _csv(["tracker", "attribute", "sequences", *_MEANS], rows)


def curves_csv(trackers: Iterable[TrackerSummary], kind: str, thresholds: Floats) -> str:
    """One line a threshold, one column a tracker."""
    trackers = list(trackers)
    columns = [thresholds, *(each.curve(kind) for each in trackers)]
    return _csv(["threshold", *(each.name for each in trackers)], np.stack(columns, axis=1).tolist())


def _csv(header: list[str], rows: Iterable[Iterable[Any]]) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([[_text(cell) for cell in row] for row in rows])
    return stream.getvalue()


def _text(cell: Any) -> str:
    if isinstance(cell, float):
        return "" if math.isnan(cell) else f"{cell:.4f}"
    return str(cell)
