"""Boxes, intrinsics and the target's state: the few types that everybody shares.

Pixel centres lie at integer coordinates + 0.5: the box (0, 0, W, H) covers the whole image.
"""

from __future__ import annotations

import math
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8] | NDArray[np.uint16]
"""(height, width, 3) uint8 BGR, or (height, width) mono8/mono16. Never changed by who gets it."""


class Box(NamedTuple):
    """An axis-aligned box in pixels of one image: top-left corner, width, height."""

    x: float
    y: float
    w: float
    h: float

    @classmethod
    def from_center(cls, center_x: float, center_y: float, w: float, h: float) -> Box:
        """The box of this size around a centre (all px)."""
        return cls(center_x - w / 2, center_y - h / 2, w, h)

    @classmethod
    def from_xyxy(cls, x0: float, y0: float, x1: float, y1: float) -> Box:
        """The box between two corners (px)."""
        return cls(x0, y0, x1 - x0, y1 - y0)

    @property
    def center(self) -> tuple[float, float]:
        """(x, y) of the middle, px."""
        return self.x + self.w / 2, self.y + self.h / 2

    @property
    def xyxy(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom edge, px."""
        return self.x, self.y, self.x + self.w, self.y + self.h

    @property
    def area(self) -> float:
        """px^2; 0 where a side is negative."""
        return max(0.0, self.w) * max(0.0, self.h)

    @property
    def is_finite(self) -> bool:
        """No part is NaN or infinite."""
        return all(math.isfinite(part) for part in self)

    def moved(self, right: float, down: float) -> Box:
        """The same box elsewhere, px."""
        return Box(self.x + right, self.y + down, self.w, self.h)

    def clipped(self, width: int, height: int) -> Box:
        """The part inside an image of this size; area 0 where there is none."""
        x0, y0, x1, y1 = self.xyxy
        left, top = min(max(x0, 0.0), width), min(max(y0, 0.0), height)
        right, bottom = min(max(x1, 0.0), width), min(max(y1, 0.0), height)
        return Box(left, top, right - left, bottom - top)


class TargetState(IntEnum):
    """What the tracker says of its box; numbers as in TrackedTarget.msg."""

    NONE = 0
    TRACKING = 1
    UNCERTAIN = 2
    LOST = 3


class Intrinsics(NamedTuple):
    """A pinhole camera with OpenCV's plumb-bob distortion."""

    width: int  # px
    height: int  # px
    fx: float  # px
    fy: float  # px
    cx: float  # px, in the convention of this module (centre of a 640 px wide image: 320)
    cy: float  # px
    distortion: tuple[float, ...] = ()  # k1 k2 p1 p2 k3; empty: none

    @classmethod
    def from_hfov(cls, width: int, height: int, hfov: float) -> Intrinsics:
        """Square pixels, centred axis; ``hfov`` in rad."""
        focal = width / 2 / math.tan(hfov / 2)
        return cls(width, height, focal, focal, width / 2, height / 2)

    @property
    def hfov(self) -> float:
        """Horizontal field of view, rad."""
        return 2 * math.atan(self.width / 2 / self.fx)

    @property
    def vfov(self) -> float:
        """Vertical field of view, rad."""
        return 2 * math.atan(self.height / 2 / self.fy)


def iou(a: Box, b: Box) -> float:
    """Intersection over union of two boxes; 0 where both are empty."""
    ax0, ay0, ax1, ay1 = a.xyxy
    bx0, by0, bx1, by1 = b.xyxy
    intersection = max(0.0, min(ax1, bx1) - max(ax0, bx0)) * max(0.0, min(ay1, by1) - max(ay0, by0))
    union = a.area + b.area - intersection
    return intersection / union if union > 0 else 0.0
