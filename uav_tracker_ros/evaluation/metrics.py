"""What a tracker's boxes are worth against the truth.

The convention: frame 0 is not scored (its box was given), nor are frames whose truth is NaN (target
absent); boxes are not clipped to the image. Published toolkits differ by up to four points from each
other, so numbers of different conventions must not be compared.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from uav_tracker_ros.errors import InvalidParameter

Boxes = NDArray[np.float64]  # (N, 4): x, y, w, h in px

THRESHOLDS = np.linspace(0.0, 1.0, 21)
PRECISION_PX = 20.0


class Scores(NamedTuple):
    """Of one sequence, one pass."""

    success_auc: float  # mean over 21 thresholds of the share of frames with IoU above (strictly)
    precision_20px: float  # share of frames with the centres at most 20 px apart
    frames: int  # that were scored


def overlaps(found: Boxes, truth: Boxes) -> NDArray[np.float64]:
    """(N,) IoU of each pair of boxes; 0 where either has no area, NaN where either is NaN."""
    low = np.maximum(found[:, :2], truth[:, :2])
    high = np.minimum(found[:, :2] + found[:, 2:], truth[:, :2] + truth[:, 2:])
    intersection = np.prod(np.maximum(high - low, 0.0), axis=1)
    area = np.prod(np.maximum(found[:, 2:], 0.0), axis=1) + np.prod(np.maximum(truth[:, 2:], 0.0), axis=1)
    union = area - intersection
    result: NDArray[np.float64] = np.divide(intersection, union, out=np.zeros(len(found)), where=~(union <= 0))
    return result


def center_distances(found: Boxes, truth: Boxes) -> NDArray[np.float64]:
    """(N,) distance between the centres of each pair, px."""
    difference = found[:, :2] + found[:, 2:] / 2 - truth[:, :2] - truth[:, 2:] / 2
    result: NDArray[np.float64] = np.linalg.norm(difference, axis=1)
    return result


def success_auc(overlap: NDArray[np.float64]) -> float:
    """Area under the success plot of (N,) overlaps."""
    return float(np.mean([(overlap > threshold).mean() for threshold in THRESHOLDS]))


def precision(distance: NDArray[np.float64], within: float = PRECISION_PX) -> float:
    """Share of (N,) distances of at most ``within`` px."""
    return float((distance <= within).mean())


def score_sequence(found: Boxes, truth: Boxes) -> Scores:
    """Scores of one pass over one sequence.

    Args:
        found: (N, 4) boxes of every frame, the given one first.
        truth: (N, 4) true boxes, NaN where the target is absent.

    Raises:
        InvalidParameter: another number of frames than of true boxes, or no frame to score.
    """
    if found.shape != truth.shape or found.ndim != 2 or found.shape[1] != 4:
        raise InvalidParameter(
            f"{found.shape} boxes against {truth.shape} true ones; expected one x, y, w, h a frame in both; "
            "use the truth of this video"
        )
    scored = np.asarray(np.isfinite(truth).all(axis=1)) & (np.arange(len(truth)) > 0)
    if not scored.any():
        raise InvalidParameter(
            f"no frame of {len(truth)} can be scored: each is the first or has no truth; expected two frames with "
            "truth; use a longer sequence"
        )
    found, truth = found[scored], truth[scored]
    return Scores(success_auc(overlaps(found, truth)), precision(center_distances(found, truth)), int(scored.sum()))
