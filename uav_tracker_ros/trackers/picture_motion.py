"""How far the picture moved as a whole: a camera that turns takes everything with it.

Phase correlation (Kuglin and Hines, "The phase correlation image alignment method", ICCS 1975) of two reduced
pictures, as OpenCV computes it. A picture without texture, or one that turned or was zoomed, says nothing.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from uav_tracker_ros.geometry import Image

WIDTH_PX = 160  # of the reduced pictures: 1 ms for two of 640x480
RESPONSE_MIN = 0.1  # peak of the correlation, 0 to 1, below which it says nothing


def picture_motion(before: Image, now: Image) -> tuple[float, float]:
    """To the right and down, px; zeros where the pictures do not tell.

    Args:
        before: any image.
        now: another of the same shape.
    """
    first, second = _reduced(before), _reduced(now)
    window = cv2.createHanningWindow((first.shape[1], first.shape[0]), cv2.CV_32F)
    (right, down), response = cv2.phaseCorrelate(first, second, window)
    if not response >= RESPONSE_MIN:  # also NaN
        return 0.0, 0.0
    return right * now.shape[1] / first.shape[1], down * now.shape[0] / first.shape[0]


def _reduced(image: Image) -> NDArray[np.float32]:
    height = max(16, round(image.shape[0] * WIDTH_PX / image.shape[1]))
    small = cv2.resize(image, (WIDTH_PX, height), interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY) if small.ndim == 3 else small
    return np.asarray(grey, np.float32)
