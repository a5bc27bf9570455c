from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from uav_tracker_ros.evaluation.datasets import Sequence
from uav_tracker_ros.evaluation.running import FrameRecord
from uav_tracker_ros.evaluation.summary import (
    TrackerSummary,
    as_json,
    attributes_csv,
    curves_csv,
    sequences_csv,
    summarize_sequence,
    trackers_csv,
)
from uav_tracker_ros.geometry import Box, TargetState

CONFIDENCE = [
    "confidence_auroc", "score_auroc", "confidence_ece", "lost_frames", "false_follow_s", "longest_false_follow_s",
]  # fmt: skip


class Nothing:
    """Images that nobody decodes."""

    def count(self) -> int:
        return 3

    def __iter__(self):
        return iter(())


def summary(name: str, shift: float, seconds: float, *attributes: str):
    """Three frames; the box is right, then ``shift`` px to the right of a 10 px wide target."""
    truth = np.array([[0.0, 0, 10, 10]] * 3)
    sequence = Sequence(name, Nothing(), truth, 30.0, Path("truth.txt"), attributes)
    records = [
        FrameRecord(Box(x, 0.0, 10.0, 10.0), 0.9, 0.9, TargetState.TRACKING, spent)
        for x, spent in ((0.0, 9.0), (0.0, seconds), (shift, math.nan))
    ]
    return summarize_sequence(sequence, records)


@pytest.fixture
def tracker() -> TrackerSummary:
    # IoU 1 passes 20 thresholds, 5/15 passes 7, 0 passes none.
    return TrackerSummary("mine", (summary("near", 5, 0.02, "FM", "OV"), summary("far", 40, 0.03, "OV")))


def test_means_are_over_sequences(tracker: TrackerSummary) -> None:
    near, far = (20 + 7) / 42, (20 + 0) / 42
    assert tracker.mean("success_auc") == pytest.approx((near + far) / 2)
    assert tracker.mean("success_auc", "FM") == pytest.approx(near)
    assert tracker.mean("precision_20px") == pytest.approx(3 / 4)
    assert math.isnan(tracker.mean("success_auc", "LR"))
    assert tracker.attributes == {"FM": 1, "OV": 2}
    assert tracker.losses == 1
    assert tracker.curve("success")[[0, 20]] == pytest.approx([3 / 4, 0])
    assert tracker.curve("success").mean() == pytest.approx(tracker.mean("success_auc"))


def test_speed_leaves_out_the_first_and_skipped_frames(tracker: TrackerSummary) -> None:
    assert tracker.fps == pytest.approx(2 / 0.05)


def test_confidence_that_knows_nothing(tracker: TrackerSummary) -> None:
    fields = as_json([tracker])["mine"]
    # Four frames with confidence 0.9: two right, one off, one lost; each lasts 1/30 s.
    assert (fields["confidence_auroc"], fields["score_auroc"], fields["lost_frames"]) == (0.5, 0.5, 1)
    assert fields["confidence_ece"] == pytest.approx(0.9 - 0.5)
    assert fields["false_follow_s"] == fields["longest_false_follow_s"] == pytest.approx(1 / 30)


def test_json(tracker: TrackerSummary) -> None:
    fields = as_json([tracker])["mine"]
    scores = ["success_auc", "precision_20px", "normalized_precision", "robustness", "losses", "fps"]
    assert list(fields) == [*scores, *CONFIDENCE, "attributes", "sequences"]
    assert fields["attributes"]["OV"]["sequences"] == 2
    assert fields["sequences"]["near"]["success_auc"] == pytest.approx(27 / 42)
    untimed = as_json([TrackerSummary("mine", (summary("near", 5, math.nan),))])["mine"]
    assert "fps" not in untimed
    assert "confidence_auroc" not in untimed  # never lost: nothing to tell
    assert "attributes" not in untimed


def test_tables(tracker: TrackerSummary) -> None:
    assert trackers_csv([tracker]).splitlines()[1].startswith("mine,0.5595,0.7500,")
    assert sequences_csv([tracker]).splitlines()[1].startswith("mine,near,0.6429,1.0000,2,")
    assert [line.split(",")[1:3] for line in attributes_csv([tracker]).splitlines()[1:]] == [["FM", "1"], ["OV", "2"]]
    lines = curves_csv([tracker], "success", np.linspace(0, 1, 21)).splitlines()
    assert (lines[0], lines[1], len(lines)) == ("threshold,mine", "0.0000,0.7500", 22)
