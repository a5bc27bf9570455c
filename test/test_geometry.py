import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uav_tracker_ros.geometry import Box, Intrinsics, iou

boxes = st.builds(Box, *[st.floats(-500, 500)] * 2, *[st.floats(0.1, 500)] * 2)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (Box(0, 0, 10, 10), Box(0, 0, 10, 10), 1.0),  # same
        (Box(0, 0, 10, 10), Box(5, 0, 10, 10), 1 / 3),  # half over
        (Box(0, 0, 10, 10), Box(10, 0, 10, 10), 0.0),  # touching
        (Box(0, 0, 0, 0), Box(0, 0, 0, 0), 0.0),  # empty
    ],
)
def test_iou(a, b, expected):
    assert iou(a, b) == pytest.approx(expected)


@given(boxes, boxes)
def test_iou_is_symmetric_and_a_share(a, b):
    assert iou(a, b) == pytest.approx(iou(b, a))
    assert 0 <= iou(a, b) <= 1 + 1e-9


@given(boxes)
def test_box_from_its_parts(box):
    assert Box.from_center(*box.center, box.w, box.h) == pytest.approx(box)
    assert Box.from_xyxy(*box.xyxy) == pytest.approx(box)


@given(boxes)
def test_clipped_box_lies_inside(box):
    clipped = box.clipped(640, 480)
    x0, y0, x1, y1 = clipped.xyxy
    assert 0 <= x0 <= x1 <= 640
    assert 0 <= y0 <= y1 <= 480
    assert clipped.area <= box.area + 1e-6


def test_box_with_nan_is_not_finite():
    assert Box(0, 0, 1, 1).is_finite
    assert not Box(0, math.nan, 1, 1).is_finite


def test_field_of_view_round_trip():
    camera = Intrinsics.from_hfov(640, 480, math.radians(70))
    assert math.degrees(camera.hfov) == pytest.approx(70)
    assert (camera.cx, camera.cy) == (320, 240)
    assert camera.fx == camera.fy == pytest.approx(457.0, abs=0.1)
