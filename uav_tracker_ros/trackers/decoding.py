"""The choice of a cell of a response map: what anchor-free Siamese trackers share.

Source: SiamRPN (Li et al., CVPR 2018), section 4.3: a penalty on change of size and ratio, and a cosine window.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Map = NDArray[np.float64]


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
