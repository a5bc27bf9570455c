from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from uav_tracker_ros.errors import InvalidParameter
from uav_tracker_ros.evaluation.reliability import (
    Bin,
    Judged,
    correct,
    false_follows_s,
    honest_loss,
    lost,
    reliability_bins,
    roc,
)
from uav_tracker_ros.evaluation.reliability_plots import reliability_figure, roc_figure

NAN = math.nan


def judged(confidence: list[float], overlap: list[float], rate: float = 10.0) -> Judged:
    believed = np.array(confidence) >= 0.5
    return Judged(np.array(confidence), np.array(overlap), believed, rate)


def test_absent_targets_are_lost_and_never_right() -> None:
    overlap = np.array([0.0, 0.0999, 0.1, 0.4999, 0.5, NAN])
    assert lost(overlap).tolist() == [True, True, False, False, False, True]
    assert correct(overlap).tolist() == [False, False, False, False, True, False]


def test_roc_of_hand_worked_frames() -> None:
    curve = roc(np.array([0.2, 0.9, 0.2, 0.6]), np.array([True, False, False, True]))
    assert curve.threshold.tolist() == [-math.inf, 0.2, 0.6, 0.9]
    assert curve.false_alarm.tolist() == [0, 0.5, 0.5, 1]
    assert curve.detected.tolist() == [0, 0.5, 1, 1]
    assert curve.area == pytest.approx(0.5 * 0.25 + 0.5 * 1)


@given(
    st.lists(st.tuples(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]), st.booleans()), min_size=2, max_size=30).filter(
        lambda frames: len({is_lost for _, is_lost in frames}) == 2
    )
)
def test_area_under_the_curve_is_the_auroc(frames: list[tuple[float, bool]]) -> None:
    confidence, is_lost = np.array([frame[0] for frame in frames]), np.array([frame[1] for frame in frames])
    found = honest_loss([Judged(confidence, np.where(is_lost, 0.0, 1.0), confidence > 0, 1.0)])
    assert found.auroc == pytest.approx(roc(confidence, is_lost).area)


def test_reliability_bins_of_hand_worked_frames() -> None:
    bins = reliability_bins(np.array([0.1, 0.3, 0.9, 1.0]), np.array([False, True, True, True]), bins=2)
    assert bins == [Bin(pytest.approx(0.2), 0.5, 2), Bin(pytest.approx(0.95), 1.0, 2)]


@pytest.mark.parametrize(
    ("confidence", "overlap", "stretches"),
    [
        pytest.param([0.9] * 4, [0.8] * 4, [], id="never lost"),
        pytest.param([0.1] * 4, [0.0] * 4, [], id="lost and said so"),
        pytest.param([0.9] * 4, [0.0] * 4, [0.4], id="all"),
        pytest.param([0.9, 0.9, 0.9, 0.9, 0.9], [0.0, NAN, 0.7, 0.05, 0.3], [0.2, 0.1], id="two stretches"),
    ],
)
def test_false_follows(confidence: list[float], overlap: list[float], stretches: list[float]) -> None:
    assert false_follows_s(judged(confidence, overlap)) == pytest.approx(stretches)


def test_sequences_are_pooled_but_their_stretches_are_not_joined() -> None:
    one = judged([0.9, 0.9, 0.8], [0.9, 0.8, 0.0])
    two = judged([0.7, 0.1, NAN], [0.0, 0.0, 0.9], rate=5.0)
    found = honest_loss([one, two])
    assert found.frames == 5
    assert found.lost_frames == 3
    assert found.auroc == 1.0
    assert found.false_follow_s == pytest.approx(0.1 + 0.2)
    assert found.longest_false_follow_s == pytest.approx(0.2)
    # Bins of 15: 0.9 twice, right; 0.8, 0.7, 0.1 once each, wrong.
    assert found.ece == pytest.approx((2 * 0.1 + 0.8 + 0.7 + 0.1) / 5)


def test_raw_scores_have_a_roc_but_no_calibration_error() -> None:
    found = honest_loss([judged([7.0, 3.0], [0.9, 0.0])])
    assert found.auroc == 1.0
    assert math.isnan(found.ece)


def test_without_losses_or_frames_nothing_is_made_up() -> None:
    assert math.isnan(honest_loss([judged([0.9, 0.8], [0.9, 0.8])]).auroc)
    nothing = honest_loss([])
    assert (nothing.frames, nothing.false_follow_s) == (0, 0.0)
    assert math.isnan(nothing.ece)


def test_arrays_of_different_lengths_are_refused() -> None:
    with pytest.raises(InvalidParameter, match="2 overlaps"):
        honest_loss([Judged(np.ones(3), np.ones(2), np.ones(3, bool), 10.0)])


def test_figures_show_every_tracker() -> None:
    one, two = judged([0.9, 0.2], [0.8, 0.0]), judged([0.3, 0.6], [0.8, 0.0])
    curves = {name: roc(each.confidence, lost(each.overlap)) for name, each in (("one", one), ("two", two))}
    (axes,) = roc_figure(curves).axes
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["one (1.000)", "two (0.000)"]
    bins = {name: reliability_bins(each.confidence, correct(each.overlap)) for name, each in (("b", one), ("a", two))}
    (axes,) = reliability_figure(bins).axes
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["a probability", "a", "b"]
