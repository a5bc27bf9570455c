from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from drawn_sequences import Drawn, Scripted, sequence

from uav_tracker_ros.errors import InputUnreadable, InvalidBox
from uav_tracker_ros.evaluation.datasets.sequence import Sequence
from uav_tracker_ros.evaluation.running import run_sequence
from uav_tracker_ros.geometry import Box, TargetState
from uav_tracker_ros.trackers.confidence import Calibration
from uav_tracker_ros.trackers.lock import TargetLock


def test_bare_tracker_gives_a_record_a_frame() -> None:
    records = run_sequence(Scripted([0.9, 0.4, 1.7, math.nan]), sequence(5))
    assert [record.box.x for record in records] == [10, 11, 12, 13, 14]
    assert math.isnan(records[0].score)
    assert [record.score for record in records[1:4]] == [0.9, 0.4, 1.7]
    assert [record.confidence for record in records] == [1, 0.9, 0.4, 1, 0]  # clipped; 0 for a broken score
    tracking, uncertain = TargetState.TRACKING, TargetState.UNCERTAIN
    assert [record.state for record in records] == [tracking, tracking, uncertain, tracking, uncertain]
    assert all(record.seconds > 0 for record in records)


def test_calibration_gives_the_confidence_and_leaves_score_and_box() -> None:
    tracker = Scripted([0.9, 0.9])
    tracker.calibration = Calibration(("border",), (0.0,), (1.0,), (0.0,), bias=math.log(1 / 3))
    records = run_sequence(tracker, sequence(3))
    assert [record.confidence for record in records[1:]] == pytest.approx([0.25, 0.25])
    assert [(record.score, record.box.x) for record in records[1:]] == [(0.9, 11), (0.9, 12)]


def test_lock_gives_its_own_states() -> None:
    records = run_sequence(TargetLock(Scripted([0.9] + [0.1] * 6)), sequence(8))
    assert [record.state.name for record in records] == ["TRACKING"] * 2 + ["UNCERTAIN"] * 4 + ["LOST"] * 2
    assert records[-1].box.x == 11  # the last good one


def test_a_tracker_that_cannot_start_is_scored_all_the_same(caplog: pytest.LogCaptureFixture) -> None:
    class Refusing(Scripted):
        def initialize(self, image: np.ndarray, box: Box) -> None:
            raise InvalidBox("too small; select again")

    records = run_sequence(Refusing([]), sequence(3))
    assert [(record.box.x, record.confidence, record.state.name) for record in records] == [
        (10, 1, "TRACKING"),
        (10, 0, "LOST"),
        (10, 0, "LOST"),
    ]
    assert "too small" in caplog.text
    assert "standing still" in caplog.text


@pytest.mark.parametrize(
    ("readable", "said"), [pytest.param(3, "3 frames", id="ends early"), pytest.param(7, "more than 5", id="goes on")]
)
def test_video_of_another_length_than_it_says(readable: int, said: str) -> None:
    with pytest.raises(InputUnreadable, match=said):
        run_sequence(Scripted([0.9] * 9), sequence(5, Drawn(readable, claimed=5)))


def test_a_container_that_miscounts_is_counted() -> None:
    assert len(run_sequence(Scripted([0.9] * 4), sequence(5, Drawn(5, claimed=7)))) == 5
    with pytest.raises(InputUnreadable, match=r"5 true boxes .* for 6 frames"):
        sequence(5, Drawn(6, claimed=0))


@pytest.mark.parametrize(
    ("truth", "said"),
    [
        pytest.param(np.ones((4, 4)), "4 true boxes", id="another length"),
        pytest.param(np.full((5, 4), math.nan), "target in the first", id="absent at first"),
        pytest.param(np.zeros((5, 4)), "target in the first", id="empty first box"),
        pytest.param(np.zeros((0, 4)), "holds no box", id="empty file"),
        pytest.param(np.array([[1.0] * 4] + [[math.nan] * 4] * 4), "after the first", id="absent ever after"),
    ],
)
def test_unusable_truth(truth: np.ndarray, said: str) -> None:
    with pytest.raises(InputUnreadable, match=said):
        Sequence("drawn", Drawn(5), truth, 30.0, Path("drawn.txt"))
