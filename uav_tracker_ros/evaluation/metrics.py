"""What a tracker's boxes are worth against the truth.

Published toolkits differ by up to four points from each other in what they count, so a number is worth
nothing without its :class:`Convention`, and numbers of different ones must not be compared.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from uav_tracker_ros.errors import InvalidParameter

Boxes = NDArray[np.float64]  # (N, 4): x, y, w, h in px
Floats = NDArray[np.float64]

THRESHOLDS = np.linspace(0.0, 1.0, 21)  # of IoU
DISTANCES = np.arange(51.0)  # px
NORMALIZED_DISTANCES = np.linspace(0.0, 0.5, 51)  # of the true box's sides
PRECISION_PX = 20.0


class Convention(NamedTuple):
    """What is counted where toolkits differ. The defaults are this project's."""

    first_frame: bool = False  # score the given box too, as a perfect one
    strictly: bool = True  # a success is IoU > threshold; False: >=
    absent_missed: bool = False  # frames without truth count as misses; False: they are left out

    def __str__(self) -> str:
        return (
            f"frame 0 {'counts as right' if self.first_frame else 'is not scored'}, frames without the target "
            f"{'count as misses' if self.absent_missed else 'are not scored'}, success is IoU "
            f"{'>' if self.strictly else '>='} t at {len(THRESHOLDS)} thresholds 0, 0.05, ..., 1, precision is a "
            f"distance <= {PRECISION_PX:g} px, normalised precision the area over 0 to 0.5 of the true sides; "
            "boxes are not clipped; means over sequences, unweighted"
        )


CONVENTIONS = {
    "default": Convention(),
    "otb": Convention(first_frame=True),  # OTB's and GOT-10k's toolkits on OTB
    "pysot": Convention(first_frame=True, absent_missed=True),  # also LaSOT's and pytracking's: all frames divide
    "inclusive": Convention(strictly=False),
}


class Scores(NamedTuple):
    """Of one sequence, one pass."""

    success_auc: float  # mean over 21 thresholds of the share of frames with IoU above
    precision_20px: float  # share of frames with the centres at most 20 px apart
    frames: int  # that were scored
    normalized_precision: float  # mean over 51 thresholds, 0 to 0.5, of distance over the true box's sides
    robustness: float  # share of frames with IoU > 0
    losses: int  # times that IoU fell to 0


class Judged(NamedTuple):
    """Frame by frame, of the scored frames of one sequence; a missed absent frame has IoU -1, distance inf."""

    overlap: Floats  # (N,)
    distance: Floats  # (N,) px between the centres
    normalized: Floats  # (N,) the same over the true box's sides


def overlaps(found: Boxes, truth: Boxes) -> Floats:
    """(N,) IoU of each pair of boxes; 0 where either has no area, NaN where either is NaN."""
    low = np.maximum(found[:, :2], truth[:, :2])
    high = np.minimum(found[:, :2] + found[:, 2:], truth[:, :2] + truth[:, 2:])
    intersection = np.prod(np.maximum(high - low, 0.0), axis=1)
    area = np.prod(np.maximum(found[:, 2:], 0.0), axis=1) + np.prod(np.maximum(truth[:, 2:], 0.0), axis=1)
    union = area - intersection
    result: Floats = np.divide(intersection, union, out=np.zeros(len(found)), where=~(union <= 0))
    return result


def center_distances(found: Boxes, truth: Boxes) -> Floats:
    """(N,) distance between the centres of each pair, px."""
    result: Floats = np.linalg.norm(_differences(found, truth), axis=1)
    return result


def _differences(found: Boxes, truth: Boxes) -> Floats:
    """(N, 2) from true to found centre, px."""
    result: Floats = found[:, :2] + found[:, 2:] / 2 - truth[:, :2] - truth[:, 2:] / 2
    return result


def success_curve(overlap: Floats, *, strictly: bool = True) -> Floats:
    """(21,) share of (N,) overlaps above each of :data:`THRESHOLDS`."""
    above = overlap[:, None] > THRESHOLDS if strictly else overlap[:, None] >= THRESHOLDS
    result: Floats = above.mean(axis=0)
    return result


def precision_curve(distance: Floats, within: Floats = DISTANCES) -> Floats:
    """(len(within),) share of (N,) distances of at most each of ``within``."""
    result: Floats = (distance[:, None] <= within).mean(axis=0)
    return result


def success_auc(overlap: Floats, *, strictly: bool = True) -> float:
    """Area under the success plot of (N,) overlaps."""
    return float(success_curve(overlap, strictly=strictly).mean())


def precision(distance: Floats, within: float = PRECISION_PX) -> float:
    """Share of (N,) distances of at most ``within`` px."""
    return float((distance <= within).mean())


def losses(overlap: Floats) -> int:
    """How often (N,) overlaps fall to 0: each run of zeros counts once."""
    lost = overlap <= 0
    return int(lost[0]) + int((lost[1:] & ~lost[:-1]).sum()) if len(lost) else 0


def judge(found: Boxes, truth: Boxes, convention: Convention = CONVENTIONS["default"]) -> Judged:
    """Overlap and distances of the frames that the convention scores.

    Args:
        found: (N, 4) boxes of every frame, the given one first.
        truth: (N, 4) true boxes, NaN where the target is absent.
        convention: what is counted.

    Raises:
        InvalidParameter: another number of frames than of true boxes, or no frame to score.
    """
    if found.shape != truth.shape or found.ndim != 2 or found.shape[1] != 4:
        raise InvalidParameter(
            f"{found.shape} boxes against {truth.shape} true ones; expected one x, y, w, h a frame in both; "
            "use the truth of this video"
        )
    present = np.asarray(np.isfinite(truth).all(axis=1))
    asked = np.arange(len(truth)) >= (0 if convention.first_frame else 1)
    if not (present & asked).any():
        raise InvalidParameter(
            f"no frame of {len(truth)} can be scored: each is the first or has no truth; expected two frames with "
            "truth; use a longer sequence"
        )
    found = np.vstack([truth[:1], found[1:]]) if convention.first_frame else found
    scored = asked if convention.absent_missed else present & asked
    found, truth, here = found[scored], truth[scored], present[scored]
    distance = _differences(found, truth)
    return Judged(
        np.where(here, overlaps(found, truth), -1.0),
        np.where(here, np.linalg.norm(distance, axis=1), np.inf),
        np.where(here, np.linalg.norm(distance / truth[:, 2:], axis=1), np.inf),
    )


def score_sequence(found: Boxes, truth: Boxes, convention: Convention = CONVENTIONS["default"]) -> Scores:
    """Scores of one pass over one sequence; arguments and errors as :func:`judge`."""
    judged = judge(found, truth, convention)
    present = judged.overlap[judged.overlap >= 0]  # robustness is of frames that have a target
    return Scores(
        success_auc=success_auc(judged.overlap, strictly=convention.strictly),
        precision_20px=precision(judged.distance),
        frames=len(judged.overlap),
        normalized_precision=float(precision_curve(judged.normalized, NORMALIZED_DISTANCES).mean()),
        robustness=float((present > 0).mean()),
        losses=losses(present),
    )
