"""Cells to boxes and back to the image."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from uav_tracker_ros.geometry import Box
from uav_tracker_ros.trackers.dsatrack.decoding import WINDOW, clipped, decode
from uav_tracker_ros.trackers.search_region import SETTINGS, SearchRegion


def maps_of(row: int, column: int, *, offset=(0.5, 0.5), size=(0.25, 0.125)) -> dict[str, np.ndarray]:
    score = np.full((1, 1, 16, 16), 0.1, np.float32)
    score[0, 0, row, column] = 0.8
    return {
        "score": score,
        "size": np.broadcast_to(np.array(size, np.float32)[None, :, None, None], (1, 2, 16, 16)),
        "offset": np.broadcast_to(np.array(offset, np.float32)[None, :, None, None], (1, 2, 16, 16)),
    }


def test_every_cell_decodes_to_its_own_place() -> None:
    for row in range(16):
        for column in range(16):
            peak = decode(maps_of(row, column, offset=(0.25, 0.75)), windowed=False)
            assert peak.cell == (row, column)
            assert peak.box.center == pytest.approx((16 * column + 4, 16 * row + 12))
            assert (peak.box.w, peak.box.h) == pytest.approx((64, 32))
            assert peak.score == pytest.approx(0.8)


def test_of_equal_cells_the_first_is_chosen_and_the_window_prefers_the_middle() -> None:
    maps = maps_of(3, 3)
    maps["score"][0, 0, 8, 8] = 0.8
    assert decode(maps, windowed=False).cell == (3, 3)
    peak = decode(maps, windowed=True)
    assert peak.cell == (8, 8)
    assert peak.score == pytest.approx(0.8)
    assert peak.windowed == pytest.approx(0.8 * WINDOW[8, 8])


def test_the_window_is_symmetric_and_never_zero() -> None:
    assert np.allclose(WINDOW, WINDOW[::-1])
    assert np.allclose(WINDOW, WINDOW.T)
    assert WINDOW.max() == pytest.approx(0.983, abs=5e-4)
    assert WINDOW.min() > 0


def test_attention_on_the_template_is_read_at_the_cell() -> None:
    maps = maps_of(2, 5)
    assert np.isnan(decode(maps, windowed=False).mass)
    mass = np.zeros((1, 256), np.float32)
    mass[0, 2 * 16 + 5] = 0.4
    assert decode(maps | {"mass": mass}, windowed=False).mass == pytest.approx(0.4)


boxes = st.builds(Box, st.floats(-400, 900), st.floats(-400, 700), st.floats(1, 500), st.floats(1, 400))


@given(boxes)
def test_image_to_crop_to_image_is_the_identity(box: Box) -> None:
    region = SearchRegion(SETTINGS["dsatrack"])
    for window in (region.search_window(box), region.template_window(box)):
        assert window.to_image(window.to_crop(box)) == pytest.approx(box, abs=1e-9)


@given(boxes)
def test_windows_are_twice_and_four_times_the_target(box: Box) -> None:
    region = SearchRegion(SETTINGS["dsatrack"])
    side = (box.w * box.h) ** 0.5
    for window, factor in ((region.template_window(box), 2), (region.search_window(box), 4)):
        assert factor * side <= window.n + 1e-9
        assert window.n < factor * side + 1 or window.n == 2
        assert abs(window.x0 + window.n / 2 - box.center[0]) <= 0.5 + 1e-9
        assert abs(window.y0 + window.n / 2 - box.center[1]) <= 0.5 + 1e-9


@given(boxes)
def test_clipped_boxes_lie_inside_and_keep_two_pixels(box: Box) -> None:
    inside = clipped(box, 640, 480, 2.0)
    left, top, right, bottom = inside.xyxy
    assert -1e-9 <= left < right <= 640 + 1e-9
    assert -1e-9 <= top < bottom <= 480 + 1e-9
    assert min(inside.w, inside.h) >= 2 - 1e-9
    visible = box.clipped(640, 480)
    if min(visible.w, visible.h) >= 2:
        assert inside == pytest.approx(visible, abs=1e-9)


def test_an_image_smaller_than_the_least_side() -> None:
    assert clipped(Box(-5, -5, 3, 3), 1, 1, 2.0) == Box(0, 0, 1, 1)
