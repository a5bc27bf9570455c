"""Pictures that were moved by a known way."""

from __future__ import annotations

import numpy as np
import pytest
from scenes import texture

from uav_tracker_ros.trackers.picture_motion import picture_motion

WIDE = texture(700, 900, seed=3)


def view(x: int, y: int) -> np.ndarray:
    """640x480 of a larger scene."""
    return np.ascontiguousarray(WIDE[y : y + 480, x : x + 640])


@pytest.mark.parametrize(("right", "down"), [(0, 0), (7, -5), (-60, 40), (90, 70), (-100, -90)])
def test_a_turn_of_the_camera_is_measured(right: int, down: int) -> None:
    assert picture_motion(view(120, 110), view(120 - right, 110 - down)) == pytest.approx((right, down), abs=2.5)


def test_grey_and_thermal_pictures_are_measured_too() -> None:
    before, now = (view(x, 100).mean(2) for x in (100, 60))
    for kind, gain in ((np.uint8, 1), (np.uint16, 200)):
        moved = picture_motion((before * gain).astype(kind), (now * gain).astype(kind))
        assert moved == pytest.approx((40, 0), abs=2.5)


@pytest.mark.parametrize("value", [0, 128])
def test_a_picture_without_texture_says_nothing(value: int) -> None:
    empty = np.full((480, 640, 3), value, np.uint8)
    assert picture_motion(empty, empty) == pytest.approx((0.0, 0.0), abs=1e-3)


def test_pictures_of_different_scenes_say_nothing() -> None:
    assert picture_motion(texture(480, 640, seed=1), texture(480, 640, seed=2)) == (0.0, 0.0)
