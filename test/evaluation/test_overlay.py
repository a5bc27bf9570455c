"""The overlay: a copy is drawn, every kind of image and box is survived."""

import math

import cv2
import numpy as np
import pytest

from uav_tracker_ros.evaluation.overlay import STATE_COLORS, TRUE_COLOR, draw_overlay
from uav_tracker_ros.geometry import Box, TargetState

GREY = np.full((240, 320, 3), 90, np.uint8)


def _count(image: np.ndarray, color: tuple[int, int, int]) -> int:
    return int((image == np.array(color)).all(axis=2).sum())


@pytest.mark.parametrize("state", [TargetState.TRACKING, TargetState.UNCERTAIN, TargetState.LOST])
def test_box_has_the_colour_of_its_state_and_the_image_is_not_touched(state: TargetState) -> None:
    before = GREY.copy()
    drawn = draw_overlay(GREY, box=Box(100, 80, 60, 90), state=state, confidence=0.8)
    assert np.array_equal(GREY, before)
    assert _count(drawn, STATE_COLORS[state]) > 100
    others = {color for other, color in STATE_COLORS.items() if other is not state}
    assert all(_count(drawn, color) == 0 for color in others)


def test_a_lost_box_is_dashed() -> None:
    solid = draw_overlay(GREY, box=Box(100, 80, 60, 90), state=TargetState.TRACKING, confidence=math.nan)
    dashed = draw_overlay(GREY, box=Box(100, 80, 60, 90), state=TargetState.LOST, confidence=math.nan)
    edge_solid = (solid[80, 100:160] == STATE_COLORS[TargetState.TRACKING]).all(axis=1)
    edge_dashed = (dashed[80, 100:160] == STATE_COLORS[TargetState.LOST]).all(axis=1)
    assert edge_solid.all()
    assert 15 < edge_dashed.sum() < 45


def test_true_box_is_thin_and_under_the_tracked_one() -> None:
    drawn = draw_overlay(
        GREY, box=None, state=TargetState.TRACKING, confidence=1.0, true_box=Box(50, 60, 40, 40), headline=""
    )
    assert tuple(drawn[80, 50]) == TRUE_COLOR
    assert tuple(drawn[80, 52]) == (90, 90, 90)


@pytest.mark.parametrize(
    "box",
    [
        None,
        Box(math.nan, 1, 2, 3),
        Box(-500, -500, 20, 20),
        Box(1e12, -1e12, 1e13, 1e13),
        Box(310, 230, 50, 50),
        Box(10, 10, 0, 0),
    ],
    ids=["none", "nan", "outside", "huge", "over the edge", "zero"],
)
@pytest.mark.parametrize("state", list(TargetState))
def test_any_box_is_survived(box: Box | None, state: TargetState) -> None:
    drawn = draw_overlay(GREY, box=box, state=state, confidence=math.nan, true_box=box, lines=("d 10.1 m",))
    assert drawn.shape == GREY.shape
    assert drawn.dtype == np.uint8


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_monochrome_becomes_colour(dtype: type) -> None:
    grey = np.linspace(0, np.iinfo(dtype).max, 240 * 320).reshape(240, 320).astype(dtype)
    drawn = draw_overlay(grey, box=Box(100, 80, 60, 90), state=TargetState.TRACKING, confidence=0.5)
    assert drawn.shape == (240, 320, 3)
    assert _count(drawn, STATE_COLORS[TargetState.TRACKING]) > 100


def test_panel_holds_every_line() -> None:
    lines = ("distance 10.2 m", "latency 92 ms", "confidence 0.93")
    sizes = [
        int((draw_overlay(GREY, box=None, state=TargetState.NONE, confidence=math.nan, lines=lines[:n]) != GREY).sum())
        for n in range(4)
    ]
    assert sizes[0] == 0
    assert sizes == sorted(set(sizes))
    headed = draw_overlay(
        GREY, box=None, state=TargetState.TRACKING, confidence=math.nan, lines=lines, headline="FOLLOWING"
    )
    assert _count(headed, STATE_COLORS[TargetState.TRACKING]) > 100


def test_tiny_image() -> None:
    drawn = draw_overlay(
        np.zeros((3, 4, 3), np.uint8),
        box=Box(0, 0, 4, 3),
        state=TargetState.TRACKING,
        confidence=0.3,
        lines=("long text",),
    )
    assert drawn.shape == (3, 4, 3)
    assert cv2.countNonZero(drawn[:, :, 1]) > 0
