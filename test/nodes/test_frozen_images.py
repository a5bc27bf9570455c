"""A camera that repeats itself."""

from __future__ import annotations

import numpy as np

from uav_tracker_ros.nodes.frozen_images import FrozenImages


def noisy(seed: int) -> np.ndarray:
    """A still scene through a sensor."""
    return np.random.default_rng(seed).integers(100, 104, (120, 160, 3)).astype(np.uint8)


def test_the_fifth_repetition_is_frozen_and_a_new_picture_thaws():
    frozen, image = FrozenImages(), noisy(0)
    assert [frozen.add(image) for _ in range(7)] == [False] * 5 + [True] * 2
    assert not frozen.add(noisy(1))


def test_a_still_scene_is_not_frozen():
    frozen = FrozenImages()
    assert not any(frozen.add(noisy(seed)) for seed in range(30))


def test_monochrome_and_sixteen_bit():
    frozen, image = FrozenImages(), noisy(0)[..., 0].astype(np.uint16)
    assert [frozen.add(image) for _ in range(6)][-1]
