from __future__ import annotations

import cv2
import numpy as np
import pytest
from scenes import frame, target_patch, texture

from uav_tracker_ros.geometry import Box
from uav_tracker_ros.trackers.appearance import ViewBank, appearance

BOX = Box(100, 80, 32, 32)


def bank() -> ViewBank:
    views = ViewBank()
    views.start(frame(100, 80)[0], BOX)
    return views


def test_appearance_has_unit_length() -> None:
    assert np.linalg.norm(appearance(target_patch())) == pytest.approx(1, abs=1e-6)


def test_flat_patch_has_no_structure() -> None:
    flat = appearance(np.full((32, 32, 3), 90, np.uint8))
    assert np.isfinite(flat).all()
    assert np.linalg.norm(flat) == pytest.approx(np.sqrt(0.5), abs=1e-6)  # its colour alone


@pytest.mark.parametrize(
    ("change", "least"),
    [
        pytest.param(lambda image: image, 0.999, id="same"),
        pytest.param(lambda image: cv2.convertScaleAbs(image, alpha=0.8), 0.75, id="darker"),
        pytest.param(lambda image: cv2.GaussianBlur(image, (5, 5), 0), 0.75, id="blurred"),
        pytest.param(lambda image: np.roll(image, 2, axis=1), 0.75, id="two px beside"),
    ],
)
def test_the_same_thing_stays_similar(change, least: float) -> None:
    assert bank().similarity(change(frame(100, 80)[0]), BOX) > least


def test_other_things_are_less_similar() -> None:
    others = [bank().similarity(texture(200, 280, seed), BOX) for seed in range(20, 30)]
    assert max(others) < 0.6


def test_box_outside_is_not_similar() -> None:
    assert bank().similarity(frame(100, 80)[0], Box(400, 400, 32, 32)) == 0


def test_bank_takes_new_views_slowly_and_keeps_the_first() -> None:
    views = bank()
    turned = np.rot90(target_patch()).copy()
    image = frame(100, 80)[0]
    image[80:112, 100:132] = turned
    for _ in range(ViewBank.PAUSE - 1):
        views.consider(image, BOX, 0.95, 0.8)
    assert len(views.patches) == 1
    views.consider(image, BOX, 0.95, 0.8)
    assert len(views.patches) == 2
    assert views.similarity(image, BOX) == pytest.approx(1, abs=1e-5)
    first = views.patches[0].copy()
    for seed in range(30 * ViewBank.PAUSE):
        views.consider(texture(200, 280, seed), BOX, 0.95, 0.8)
    assert len(views.patches) == ViewBank.MOST
    assert np.array_equal(views.patches[0], first)


@pytest.mark.parametrize(
    ("box", "confidence", "similarity"),
    [
        pytest.param(BOX, 0.5, 0.8, id="unsure"),
        pytest.param(BOX, 0.95, 0.95, id="nothing new"),
        pytest.param(BOX, 0.95, 0.3, id="another thing"),
        pytest.param(Box(-5, 80, 32, 32), 0.95, 0.8, id="clipped"),
    ],
)
def test_views_that_are_not_taken(box: Box, confidence: float, similarity: float) -> None:
    views = bank()
    for _ in range(3 * ViewBank.PAUSE):
        views.consider(frame(100, 80)[0], box, confidence, similarity)
    assert len(views.patches) == 1
