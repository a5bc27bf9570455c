"""Pictures with a known target, drawn by the tests."""

from __future__ import annotations

import cv2
import numpy as np

from uav_tracker_ros.geometry import Box


def texture(height: int, width: int, seed: int) -> np.ndarray:
    """Smooth random colours, (height, width, 3) uint8."""
    noise = np.random.default_rng(seed).integers(0, 256, (height // 8 + 2, width // 8 + 2, 3), dtype=np.uint8)
    return cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)


def target_patch(side: int = 32, seed: int = 0) -> np.ndarray:
    """A reddish target, grained so that even correlation filters on grey values can follow it."""
    grain = np.random.default_rng(seed).integers(0, 256, (side // 6 + 2, side // 6 + 2), dtype=np.uint8)
    patch = cv2.cvtColor(cv2.resize(grain, (side, side), interpolation=cv2.INTER_CUBIC), cv2.COLOR_GRAY2BGR)
    patch[:, :, 0] //= 3
    patch[:, :, 2] = 255 - patch[:, :, 2] // 3
    return patch


def frame(
    x: int, y: int, *, visible: bool = True, side: int = 32, height: int = 200, width: int = 280
) -> tuple[np.ndarray, Box]:
    """Background with the target's corner at (x, y); not drawn where not visible."""
    image = texture(height, width, seed=1) // 2 + 40
    patch = target_patch(side)
    if visible:
        image[y : y + patch.shape[0], x : x + patch.shape[1]] = patch
    return image, Box(float(x), float(y), float(patch.shape[1]), float(patch.shape[0]))
