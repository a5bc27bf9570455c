"""From ``siamcar``'s maps to a place in the search crop, and the constants of the choice.

Source: SiamCAR (Guo et al., CVPR 2020) and its authors' program: maps are enlarged to one value a pixel; a coarse
peak after the cosine window says where to look, the peak before it within that region says where the target is.
Unlike there, centre-ness is a probability (not stretched to 0 to 1 in each frame, which would hide failure), and
the penalty of the final place compares sizes in one scale, px of the crop.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from uav_tracker_ros.geometry import Box
from uav_tracker_ros.trackers.decoding import Map, Peak, SiameseSettings, change_penalty

STRIDE = 8  # px of the search crop between two cells, and factor of the enlargement
FIRST_POINT_PX = 63.5  # what cell 0 looks at
TEMPLATE_PX = 127
NEAR, FAR = 0.10 * TEMPLATE_PX, 0.44 * TEMPLATE_PX  # least and largest reach of the region before halving, px
SETTINGS = SiameseSettings(window_influence=0.3, penalty=0.2, size_rate=0.4)  # its authors', for video from drones


def decode(maps: Mapping[str, NDArray[np.float32]], last_size: tuple[float, float], settings: SiameseSettings) -> Peak:
    """See :class:`uav_tracker_ros.trackers.decoding.Decoder`.

    ``maps``: ``score`` and ``centerness`` (1, 1, M, M) in 0 to 1, ``distances`` (1, 4, M, M) px.
    """
    target = maps["score"][0, 0].astype(np.float64)
    score = target * maps["centerness"][0, 0]
    distances = maps["distances"][0].astype(np.float64)
    penalty, _ = change_penalty(*_size(distances), *last_size, settings.penalty)
    hann = np.hanning(len(score))
    cosine = np.outer(hann, hann) * settings.window_influence
    large = enlarged(penalty * score)
    coarse = large * (1 - settings.window_influence) + enlarged(cosine)
    row, column = _peak_near(large, np.unravel_index(int(np.argmax(coarse)), coarse.shape), distances)
    w, h = _size(np.array([_at(side, row, column) for side in distances])[:, None])
    final_penalty, size_change = change_penalty(w, h, *last_size, settings.penalty)
    point = column + FIRST_POINT_PX, row + FIRST_POINT_PX
    box = Box.from_center(*point, float(w[0]), float(h[0]))
    return Peak(
        box=box,
        score=min(max(_at(score, row, column), 0.0), 1.0),
        penalized=float(coarse[row, column]),
        trust=float(final_penalty[0]) * min(max(_at(target, row, column), 0.0), 1.0),
        size_change=float(size_change[0]),
        response_map=score,
        cell=(round(row / STRIDE), round(column / STRIDE)),
        target_cells=_covered_cells(box),
    )


def enlarged(values: Map) -> Map:
    """(M, M) -> (8 (M - 1) + 1, same): bicubic, one value a px; value 8 i is cell i's."""
    line = (np.arange((len(values) - 1) * STRIDE + 1) / STRIDE).astype(np.float32)
    x, y = np.meshgrid(line, line)
    large = cv2.remap(values.astype(np.float32), x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return large.astype(np.float64)


def _peak_near(large: Map, coarse: tuple[np.intp, ...], distances: Map) -> tuple[int, int]:
    """Row and column of the highest value within the region around the coarse peak (px of the enlarged map)."""
    row, column = int(coarse[0]), int(coarse[1])
    reach = np.clip([_at(side, row, column) for side in distances], NEAR, FAR) / 2
    left, top, right, bottom = (int(side) for side in reach)
    first_row, first_column = max(row - top, 0), max(column - left, 0)
    region = large[first_row : row + bottom + 1, first_column : column + right + 1]
    row, column = divmod(int(np.argmax(region)), region.shape[1])
    return first_row + row, first_column + column


def _at(values: Map, row: int, column: int) -> float:
    """One value of the enlarged map."""
    at = np.array([[column / STRIDE]], np.float32), np.array([[row / STRIDE]], np.float32)
    return float(cv2.remap(values.astype(np.float32), *at, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)[0, 0])


def _size(distances: Map) -> tuple[Map, Map]:
    return np.maximum(distances[0] + distances[2], 1.0), np.maximum(distances[1] + distances[3], 1.0)


def _covered_cells(box: Box) -> tuple[int, int, int, int]:
    left, top, right, bottom = ((edge - FIRST_POINT_PX) / STRIDE for edge in box.xyxy)
    return math.ceil(top), math.floor(bottom) + 1, math.ceil(left), math.floor(right) + 1
