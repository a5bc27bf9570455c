"""From ``siamfcpp``'s maps to a place in the search crop, and the constants of the choice.

The constants are those that SiamFC++'s authors (Xu et al., AAAI 2020) publish for video from drones.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from uav_tracker_ros.trackers.decoding import Cells, Map, Peak, SiameseSettings, best_cell

STRIDE = 8  # px of the search crop between two cells
FIRST_POINT_PX = 87.5  # what cell 0 looks at
SETTINGS = SiameseSettings(window_influence=0.2315323, penalty=0.0541376, size_rate=0.5249642)


def decode(maps: Mapping[str, NDArray[np.float32]], last_size: tuple[float, float], settings: SiameseSettings) -> Peak:
    """See :class:`uav_tracker_ros.trackers.decoding.Decoder`.

    ``maps``: ``score`` and ``centerness`` (1, 1, M, M) in 0 to 1, ``distances`` (1, 4, M, M) px.
    """
    score = (maps["score"] * maps["centerness"])[0, 0].astype(np.float64)
    line = np.arange(score.shape[0]) * STRIDE + FIRST_POINT_PX
    left, top, right, bottom = maps["distances"][0].astype(np.float64)
    edges = np.stack([line - left, line[:, None] - top, line + right, line[:, None] + bottom])
    hann = np.hanning(score.shape[0])
    return best_cell(score, edges, covered_cells, np.outer(hann, hann), last_size, settings)


def covered_cells(edges: Map) -> Cells:
    """Cells whose points lie within the box (left, top, right, bottom px)."""
    left, top, right, bottom = ((edges - FIRST_POINT_PX) / STRIDE).tolist()
    return math.ceil(top), math.floor(bottom) + 1, math.ceil(left), math.floor(right) + 1
