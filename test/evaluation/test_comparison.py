"""Plots and videos of several trackers."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from made_up_sets import plain

from uav_tracker_ros.errors import OutputUnwritable
from uav_tracker_ros.evaluation.comparison_plots import Curve, curves_figure, looks, sequence_bars_figure
from uav_tracker_ros.evaluation.comparison_video import side_by_side, write_comparison
from uav_tracker_ros.evaluation.datasets import open_dataset
from uav_tracker_ros.evaluation.running import FrameRecord
from uav_tracker_ros.geometry import Box, TargetState

THRESHOLDS = np.linspace(0, 1, 21)


def test_curves_are_ranked_and_labelled() -> None:
    curves = [Curve(name, np.full(21, score), score) for name, score in (("a", 0.2), ("b", 0.9), ("c", 0.5))]
    figure = curves_figure(curves, THRESHOLDS, title="t", x_label="threshold of IoU (-)", y_label="share")
    axes = figure.axes[0]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["b [0.900]", "c [0.500]", "a [0.200]"]
    assert axes.get_xlabel() == "threshold of IoU (-)"
    assert axes.lines[0].get_color() == looks(["c", "b", "a"])["b"].color


def test_looks_do_not_depend_on_the_rank_and_differ() -> None:
    names = [f"tracker{number}" for number in range(20)]
    assert looks(names) == looks(reversed(names))
    assert len(set(looks(names).values())) == 20


def test_bars_are_sorted_by_difficulty() -> None:
    scores = {"a": {"easy": 0.9, "hard": 0.1, "middle": 0.5}, "b": {"easy": 0.8, "middle": 0.4}}
    figure = sequence_bars_figure(scores, title="t", x_label="AUC (-)")
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["hard", "middle", "easy"]


@pytest.mark.parametrize(
    ("count", "shape"),
    [
        pytest.param(1, (40, 60), id="one"),
        pytest.param(2, (40, 120), id="side by side"),
        pytest.param(3, (80, 120), id="two rows"),
        pytest.param(4, (80, 120), id="square"),
    ],
)
def test_panels_are_laid_out(count: int, shape: tuple[int, int]) -> None:
    panels = [np.full((41, 61, 3), 50 * number + 50, np.uint8) for number in range(count)]
    canvas = side_by_side(panels)
    assert canvas.shape == (*shape, 3)
    assert canvas[0, 0, 0] == 50
    assert count == 1 or canvas[0, 60, 0] == 100


def test_wide_pictures_are_made_smaller() -> None:
    assert side_by_side([np.zeros((1080, 1920, 3), np.uint8)] * 2).shape == (540, 1920, 3)


def test_video_has_every_frame(tmp_path: Path) -> None:
    plain(tmp_path / "set")
    sequence = open_dataset(tmp_path / "set" / "clip.mp4")[1][0]
    record = FrameRecord(Box(1, 2, 8, 9), 0.9, 0.8, TargetState.TRACKING, 0.01)
    write_comparison(tmp_path / "both.mp4", sequence, {"a": [record] * 3, "b": [record] * 3})
    video = cv2.VideoCapture(str(tmp_path / "both.mp4"))
    wanted = (cv2.CAP_PROP_FRAME_COUNT, cv2.CAP_PROP_FPS, cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)
    assert [video.get(what) for what in wanted] == [3, 25, 64, 24]
    with pytest.raises(OutputUnwritable, match="mp4"):
        write_comparison(tmp_path / "nowhere" / "both.mp4", sequence, {"a": [record] * 3})
