"""The difference between the selected box and the network's: measured on the selected image, taken off afterwards."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uav_tracker_ros.errors import InvalidParameter
from uav_tracker_ros.geometry import Box, iou
from uav_tracker_ros.trackers.box_offset import BoxOffset, Look, OffsetSettings, measured

SELECTED = Box(100.0, 80.0, 40.0, 20.0)
ONE_LOOK = OffsetSettings(share=1.0, looks=(Look(1.0, 0.0, 0.0),))


def test_a_look_is_off_by_shares_of_the_box() -> None:
    assert Look(1.5, 0.25, -0.5).around(SELECTED) == Box.from_center(130.0, 80.0, 60.0, 30.0)


def test_the_difference_by_hand() -> None:
    found = Box.from_center(122.0, 89.0, 44.0, 25.0)  # IoU 0.63
    offset = measured(SELECTED, lambda _: found, ONE_LOOK)
    assert offset == pytest.approx((math.log(1.1), math.log(1.25), 2 / 44, -1 / 25))
    half = measured(SELECTED, lambda _: found, OffsetSettings(share=0.5, looks=ONE_LOOK.looks))
    assert half == pytest.approx(tuple(part / 2 for part in offset))


@given(st.floats(0.75, 1.3), st.floats(0.75, 1.3), st.floats(-0.05, 0.05), st.floats(-0.05, 0.05))
def test_the_whole_difference_taken_off_gives_the_selected_box(w: float, h: float, x: float, y: float) -> None:
    found = Box.from_center(120 + x * 40, 90 + y * 20, 40 * w, 20 * h)
    assert iou(measured(SELECTED, lambda _: found, ONE_LOOK).taken_off(found), SELECTED) == pytest.approx(1.0)


def test_the_offset_scales_with_the_target() -> None:
    twice = BoxOffset(math.log(2), 0.0, 0.5, 0.0).taken_off(Box(0, 0, 80, 40))
    assert twice == pytest.approx(Box(-20, 0, 40, 40))


@pytest.mark.parametrize("answer", [None, Box(300.0, 300.0, 40.0, 20.0), Box(100.0, 80.0, 90.0, 60.0)])
def test_no_answer_another_object_or_a_careless_box_teach_nothing(answer: Box | None) -> None:
    assert measured(SELECTED, lambda _: answer, OffsetSettings()) == BoxOffset()


def test_answers_that_hit_are_averaged() -> None:
    answers = iter([Box.from_center(120, 90, 44, 20), None, Box.from_center(120, 90, 48, 20), None, None])
    offset = measured(SELECTED, lambda _: next(answers), OffsetSettings(share=1.0))
    assert offset.ln_w == pytest.approx((math.log(1.1) + math.log(1.2)) / 2)
    assert offset.ln_h == pytest.approx(0.0)


@pytest.mark.parametrize("wrong", [{"share": 1.5}, {"share": -0.1}, {"overlap_min": 2.0}])
def test_wrong_settings_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InvalidParameter, match="expected shares of 0 to 1"):
        OffsetSettings(**wrong)
