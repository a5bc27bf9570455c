"""From ``siamfcpp_lite0``'s maps to a place in the search crop; the score is target probability times overlap."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from uav_tracker_ros.trackers.decoding import Cells, Map, Peak, SiameseSettings, best_cell

STRIDE = 16  # px of the search crop between two cells
MAP = 16  # cells a side
SETTINGS = SiameseSettings(window_influence=0.35, penalty=0.1, size_rate=0.6)
# np.hanning is 0 at its ends; two cells more keep the rim reachable
_WINDOW = np.outer(np.hanning(MAP + 2)[1:-1], np.hanning(MAP + 2)[1:-1])


def decode(maps: Mapping[str, NDArray[np.float32]], last_size: tuple[float, float], settings: SiameseSettings) -> Peak:
    """See :class:`uav_tracker_ros.trackers.decoding.Decoder`.

    ``maps``: ``score`` and ``overlap`` (1, 16, 16) in 0 to 1, ``boxes`` (1, 4, 16, 16) px.
    """
    score = (maps["score"] * maps["overlap"])[0].astype(np.float64)
    return best_cell(score, maps["boxes"][0].astype(np.float64), covered_cells, _WINDOW, last_size, settings)


def covered_cells(edges: Map) -> Cells:
    """Cells that the box (left, top, right, bottom px) touches."""
    left, top, right, bottom = (edges / STRIDE).tolist()
    return math.floor(top), math.ceil(bottom), math.floor(left), math.ceil(right)
