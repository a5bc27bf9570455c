"""The choice of a cell of a response map: what anchor-free Siamese trackers share.

Source: SiamRPN (Li et al., CVPR 2018), section 4.3: a penalty on change of size and ratio, and a cosine window.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from uav_tracker_ros.geometry import Box

Map = NDArray[np.float64]
Cells = tuple[int, int, int, int]
"""First row, last row + 1, first column, last column + 1."""


@dataclass(frozen=True)
class SiameseSettings:
    """What the choice of a place is tuned with, on clips that judge nothing."""

    window_influence: float  # weight of the cosine window against the penalised score
    penalty: float  # strength of the penalty on change of size and ratio
    size_rate: float  # how fast the size follows, times penalty and score


class Peak(NamedTuple):
    """The chosen place of one search crop."""

    box: Box  # px of the crop
    score: float  # of this place, before penalty and window
    penalized: float  # after them
    trust: float  # penalty times score, 0 to 1: how far the size follows
    size_change: float  # max(r, 1/r) against the last size
    response_map: Map  # (rows, columns), before penalty and window
    cell: tuple[int, int]  # row and column of the place in it
    target_cells: Cells  # the cells that the box covers


class Decoder(Protocol):
    """From a network's maps to a place."""

    def __call__(
        self, maps: Mapping[str, NDArray[np.float32]], last_size: tuple[float, float], settings: SiameseSettings
    ) -> Peak:
        """The best place.

        Args:
            maps: finite outputs of the graph ``track``, by name.
            last_size: width and height of the target so far, px of the crop.
            settings: of the choice.
        """
        ...


def change(ratio: Map) -> Map:
    """max(r, 1/r): 1 where nothing changed."""
    return np.maximum(ratio, 1 / ratio)


def padded_side(w: Map, h: Map) -> Map:
    """sqrt((w+p)(h+p)), p = (w+h)/2, of boxes in px."""
    padding = (w + h) / 2
    side: Map = np.sqrt((w + padding) * (h + padding))
    return side


def change_penalty(w: Map, h: Map, last_w: float, last_h: float, strength: float) -> tuple[Map, Map]:
    """Cost of each cell's box against the last size (all in px of the crop).

    Returns:
        Penalty in 0 to 1, and the change of size alone (1 or more).
    """
    size_change = change(padded_side(w, h) / padded_side(np.array(last_w), np.array(last_h)))
    ratio_change = change((last_w / last_h) / (w / h))
    return np.exp(-(ratio_change * size_change - 1) * strength), size_change


def best_cell(
    score: Map, edges: Map, covered: Callable[[Map], Cells], cosine: Map, last_size: tuple[float, float],
    settings: SiameseSettings,
) -> Peak:  # fmt: skip
    """The cell of the highest penalised score; the first one of equals.

    Args:
        score: (M, M) of each cell, 0 to 1.
        edges: (4, M, M) left, top, right, bottom of each cell's box, px of the crop.
        covered: the cells that a box (its four edges) covers.
        cosine: (M, M) cosine window.
        last_size: width and height of the target so far, px of the crop.
        settings: of the choice.
    """
    w, h = np.maximum(edges[2] - edges[0], 1.0), np.maximum(edges[3] - edges[1], 1.0)
    penalty, size_change = change_penalty(w, h, *last_size, settings.penalty)
    penalized = penalty * score * (1 - settings.window_influence) + cosine * settings.window_influence
    row, column = divmod(int(np.argmax(penalized)), score.shape[1])
    chosen = edges[:, row, column]
    return Peak(
        box=Box.from_xyxy(*chosen.tolist()),
        score=float(score[row, column]),
        penalized=float(penalized[row, column]),
        trust=float(penalty[row, column] * score[row, column]),
        size_change=float(size_change[row, column]),
        response_map=score,
        cell=(row, column),
        target_cells=covered(chosen),
    )
