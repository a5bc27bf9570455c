"""Which edges of a box say something of the target, and how much: a clipped centre is never used.

An edge on the image's border is the border's place, not the target's. Each box is turned into rows
of a linear map from its edges (left, top, right, bottom), with the noise of those edges.
"""

from __future__ import annotations

import math
from collections import deque
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from uav_tracker_ros.following.class_prior import ClassPrior
from uav_tracker_ros.geometry import Box

Array = NDArray[np.float64]

BORDER_PX = 2.0  # an edge this near to the border counts as touching it
LARGEST_SHARE = 0.6  # of the image's area; above, nothing is left that gives a scale
COMMON_PX = 3.0  # 1 sigma of both edges together; above white noise: trackers wander for 0.15 s
WHITE_PX = 0.5  # 1 sigma of each edge alone; keeps the covariance regular
SIZE_SHARE = 0.03  # 1 sigma of the size, in anti-phase on the two edges
EXPOSURE_SIGMA_S = 0.004  # 1 sigma of the stamp; with the body's rate it blurs every edge
SIDE_SHARE = 0.25  # 1 sigma of a lone side edge as a share of the width: the width is not modelled
HORIZON_GUARD = math.radians(6)  # below this depression a degree of attitude is worth 90 m of range
HISTORY = 3  # frames over which a sudden change is judged
OCCLUSION_MAX = 60  # boxes (2 s) after which a shorter target is simply shorter

_CENTER = (0.5, 0.0, 0.5, 0.0)
_LEFT = (1.0, 0.0, 0.0, 0.0)
_RIGHT = (0.0, 0.0, 1.0, 0.0)
_TOP = (0.0, 1.0, 0.0, 0.0)
_BOTTOM = (0.0, 0.0, 0.0, 1.0)
_SIZE = (0.0, -1.0, 0.0, 1.0)


class TrustedEdges(NamedTuple):
    """What of a box may enter the filter."""

    rows: Array  # (n, 4), maps edges to what is compared; n = 0: nothing
    noise: Array  # (4, 4) px^2, covariance of left, top, right, bottom
    height_frozen: bool  # the true height must not be learnt from this box
    too_close: bool
    bearing_only: bool  # no row carries range


class EdgeTrust:
    """Judges boxes in their order; remembers the last few to notice feet that vanish."""

    def __init__(self, prior: ClassPrior) -> None:
        self._depth_share = prior.depth_sigma / prior.height
        self._recent: deque[Box] = deque(maxlen=HISTORY)
        self._full_height = 0.0  # px, of the box before the feet were hidden; 0: not hidden
        self._hidden_for = 0

    def reset(self) -> None:
        """Forget the boxes of another target."""
        self._recent.clear()
        self._full_height, self._hidden_for = 0.0, 0

    def judge(
        self, box: Box, size: tuple[int, int], depression: float, blur_px: float, *, uncertain: bool = False
    ) -> TrustedEdges:
        """Rows and noise of one box.

        Args:
            box: px, as observed.
            size: width and height of the image, px.
            depression: of the box's lower edge below the horizon, rad.
            blur_px: focal length times the body's rate times one second.
            uncertain: the tracker is not sure of the box: bearing only.
        """
        width, height = size
        left, top, right, bottom = box.xyxy
        at_left, at_right = left < BORDER_PX, right > width - BORDER_PX
        at_top, at_bottom = top < BORDER_PX, bottom > height - BORDER_PX
        scale = 3.0 if uncertain or self._aspect_jumped(box) else 1.0
        feet_hidden = self._feet_hidden(box)
        self._recent.append(box)
        # A longer body reaches lower with its near side and higher with its far one.
        depth_px = self._depth_share * box.h * math.sin(depression)
        noise = _edge_noise(box, blur_px, depth_px, scale)
        if at_left + at_right + at_top + at_bottom >= 3 or box.area > LARGEST_SHARE * width * height:
            return TrustedEdges(np.empty((0, 4)), noise, True, True, False)
        rows = []
        if not (at_left or at_right):
            rows.append(_CENTER)
        elif at_left != at_right:
            side = 0 if at_right else 2
            noise[side, side] += (SIDE_SHARE * box.w) ** 2
            rows.append(_LEFT if at_right else _RIGHT)
        bearing_rows = len(rows)
        if not uncertain:
            rows += _range_rows(at_top, at_bottom or feet_hidden, near_horizon=depression < HORIZON_GUARD)
        frozen = uncertain or feet_hidden or at_left or at_right or at_top or at_bottom
        return TrustedEdges(np.array(rows).reshape(-1, 4), noise, frozen, False, len(rows) == bearing_rows)

    def _aspect_jumped(self, box: Box) -> bool:
        if not self._recent:
            return False
        before = self._recent[0]
        change = (box.w / box.h) / (before.w / before.h)
        return max(change, 1 / change) > 1.4

    def _feet_hidden(self, box: Box) -> bool:
        if self._full_height > 0:
            self._hidden_for += 1
            if box.h > 0.85 * self._full_height or self._hidden_for > OCCLUSION_MAX:
                self._full_height, self._hidden_for = 0.0, 0
        elif self._recent:
            before = self._recent[0]
            if box.h < 0.75 * before.h and abs(box.y - before.y) < 0.1 * before.h:
                self._full_height = before.h
        return self._full_height > 0


def _range_rows(
    top_unusable: bool, bottom_unusable: bool, *, near_horizon: bool
) -> list[tuple[float, float, float, float]]:
    if near_horizon:  # the ground ray says nothing: the size alone gives the range
        return [] if top_unusable or bottom_unusable else [_SIZE]
    return [row for row, unusable in ((_TOP, top_unusable), (_BOTTOM, bottom_unusable)) if not unusable]


def _edge_noise(box: Box, blur_px: float, depth_px: float, scale: float) -> Array:
    common = COMMON_PX**2 + (EXPOSURE_SIGMA_S * blur_px) ** 2
    noise = np.zeros((4, 4))
    for first, second, extent, depth in ((0, 2, box.w, 0.0), (1, 3, box.h, depth_px)):
        anti = (SIZE_SHARE * extent / 2) ** 2 + depth**2
        noise[first, first] = noise[second, second] = common + anti + WHITE_PX**2
        noise[first, second] = noise[second, first] = common - anti
    return noise * scale**2
