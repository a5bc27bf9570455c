"""From the head's maps to a box: one cell under a cosine window, and its size and offset.

Source: OSTrack (Ye et al., ECCV 2022), whose head DSATrack takes over; the window's ends are not 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from uav_tracker_ros.geometry import Box
from uav_tracker_ros.trackers.dsatrack.rows import MAP, SEARCH_PX, STRIDE

_LINE = 0.5 * (1 - np.cos(2 * np.pi * np.arange(1, MAP + 1) / (MAP + 1)))
WINDOW = np.outer(_LINE, _LINE)  # 16x16, at most 0.983


class Peak(NamedTuple):
    """The place that the maps show."""

    box: Box  # px of the search crop
    cell: tuple[int, int]  # row and column
    cells: tuple[int, int, int, int]  # first row, last row + 1, first column, last column + 1 of the box
    score: float  # raw
    windowed: float  # score times window
    mass: float  # share of attention on the template; NaN if the graph does not give it
    response_map: NDArray[np.float64]  # (16, 16) raw scores


def decode(maps: Mapping[str, NDArray[Any]], *, windowed: bool) -> Peak:
    """The best cell; of equal ones the first, row by row.

    Args:
        maps: ``score`` (1, 1, 16, 16), ``size`` and ``offset`` (1, 2, 16, 16), perhaps ``mass`` (1, 256).
        windowed: prefer the middle, where the target was; False where it may be anywhere.
    """
    score = maps["score"][0, 0].astype(np.float64)
    judged = score * WINDOW if windowed else score
    row, column = divmod(int(np.argmax(judged)), MAP)
    w, h = (SEARCH_PX * float(side) for side in maps["size"][0, :, row, column])
    dx, dy = (float(part) for part in maps["offset"][0, :, row, column])
    box = Box.from_center((column + dx) * STRIDE, (row + dy) * STRIDE, w, h)
    left, top, right, bottom = (edge / STRIDE for edge in box.xyxy)
    cells = (int(np.floor(top)), int(np.ceil(bottom)), int(np.floor(left)), int(np.ceil(right)))
    mass = float(maps["mass"][0, row * MAP + column]) if "mass" in maps else float("nan")
    return Peak(box, (row, column), cells, float(score[row, column]), float(judged[row, column]), mass, score)


def clipped(box: Box, width: int, height: int, least: float) -> Box:
    """Corners into the image, then sides of at least ``least`` px (or the image's).

    A box wholly outside ends as a small one at the nearest border.
    """
    left, top, right, bottom = box.xyxy
    x0, x1 = _inside(left, right, float(width), least)
    y0, y1 = _inside(top, bottom, float(height), least)
    return Box.from_xyxy(x0, y0, x1, y1)


def _inside(low: float, high: float, limit: float, least: float) -> tuple[float, float]:
    low, high = min(max(low, 0.0), limit), min(max(high, 0.0), limit)
    lacking = max(min(least, limit) - (high - low), 0.0)
    low = min(max(low - lacking / 2, 0.0), limit)
    high = min(max(high + lacking / 2, 0.0), limit)
    if high - low < min(least, limit):  # at a border all of it grows inwards
        low, high = (0.0, min(least, limit)) if low <= 0 else (limit - min(least, limit), limit)
    return low, high
