"""From the shape of a response map to the probability that the box is right.

A family's raw score says little about failure (NanoTrack's stays near 0.9 after the target has left);
several features of the peak together do. Their weights are fitted on clips that judge no tracker and
stand in ``models.yaml`` beside the weights they belong to.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from uav_tracker_ros.errors import InvalidParameter
from uav_tracker_ros.geometry import Box
from uav_tracker_ros.trackers.contract import PeakFeatures

FEATURE_NAMES = ("logit_score", "ln_apce", "psr", "second_ratio", "ln_size_change", "border", "similarity", "drop")
_WORSE_WHEN_HIGH = frozenset({"second_ratio", "ln_size_change", "border"})  # the others speak for the box
_INFINITE = 5.0  # what an infinite feature counts as, in deviations
_STEEPEST = 30.0  # log-odds; farther out is as sure
_LIMIT = 1e-4  # probabilities are kept this far from 0 and 1 before a logarithm


def response_shape(
    response_map: NDArray[np.floating], peak: tuple[int, int], target_cells: tuple[int, int, int, int]
) -> tuple[float, float, float]:
    """APCE, PSR and second-peak ratio of a map before penalty and window.

    Args:
        response_map: (rows, columns) of scores.
        peak: row and column of the chosen cell.
        target_cells: first row, last row + 1, first column, last column + 1 of the predicted box.

    Returns:
        APCE (Wang et al., CVPR 2017), PSR outside 5x5 around the peak (Bolme et al., CVPR 2010),
        largest value outside the predicted box over the map's largest.
    """
    values = np.asarray(response_map, np.float64)
    highest, lowest = float(values.max()), float(values.min())
    above = (values - lowest).ravel()
    squares = float(above @ above)
    apce = (highest - lowest) ** 2 / max(squares / values.size, 1e-12)
    row, column = peak
    # Sums of the whole less those of the window: masks would cost more than all else here.
    around = values[max(row - 2, 0) : row + 3, max(column - 2, 0) : column + 3] - lowest
    count = values.size - around.size
    if count:
        mean = (float(above.sum()) - float(around.sum())) / count
        variance = (squares - float(np.vdot(around, around))) / count - mean * mean
        psr = (highest - lowest - mean) / max(math.sqrt(max(variance, 0.0)), 1e-4)
    else:
        psr = float("nan")
    outside = values.copy()
    row0, row1, column0, column1 = target_cells
    outside[max(row0, 0) : max(row1, 0), max(column0, 0) : max(column1, 0)] = lowest
    outside[row, column] = lowest
    second = float(outside.max())
    return apce, psr, second / highest if highest > 0 else 1.0


def outside_share(box: Box, width: int, height: int) -> float:
    """Share of the box's area outside the image, 0 to 1; 1 for a box without area."""
    return 1.0 - box.clipped(width, height).area / box.area if box.area > 0 else 1.0


def feature_vector(score: float, features: PeakFeatures, names: Sequence[str] = FEATURE_NAMES) -> NDArray[np.float64]:
    """(len(names),) numbers for the regression; NaN where a family does not measure one."""
    probability = min(max(score, _LIMIT), 1 - _LIMIT)
    values = {
        "logit_score": math.log(probability / (1 - probability)),
        "ln_apce": math.log(max(features.apce, 1e-6)) if math.isfinite(features.apce) else float("nan"),
        "psr": min(features.psr, 100.0),
        "second_ratio": features.second_ratio,
        "ln_size_change": math.log(max(features.size_change, 1.0)),
        "border": features.border,
        "similarity": features.similarity,
        "drop": features.drop,
    }
    return np.array([values[name] for name in names])


@dataclass(frozen=True)
class Calibration:
    """A logistic regression on standardised features: P(IoU >= 0.5)."""

    names: tuple[str, ...]  # of FEATURE_NAMES
    mean: tuple[float, ...]
    std: tuple[float, ...]
    weights: tuple[float, ...]
    bias: float
    data: str = ""  # what it was fitted on, in words
    data_sha256: str = ""  # of the table of features and outcomes

    def __post_init__(self) -> None:
        unknown = set(self.names) - set(FEATURE_NAMES)
        if unknown or not len(self.names) == len(self.mean) == len(self.std) == len(self.weights):
            raise InvalidParameter(
                f"calibration with features {list(self.names)} and {len(self.weights)} weights; expected names of "
                f"{list(FEATURE_NAMES)} and one mean, std and weight each; calibrate again"
            )

    def confidence(self, score: float, features: PeakFeatures) -> float:
        """Probability 0 to 1 that the box overlaps the target by half; a NaN feature counts as its mean."""
        total = self.bias  # in plain numbers: seven of them cost NumPy 0.1 ms
        values = feature_vector(score, features, self.names).tolist()
        for value, mean, std, weight in zip(values, self.mean, self.std, self.weights, strict=True):
            standard = (value - mean) / std
            if math.isinf(standard):
                standard = math.copysign(_INFINITE, standard)
            total += 0.0 if math.isnan(standard) else standard * weight
        return 1.0 / (1.0 + math.exp(-min(max(total, -_STEEPEST), _STEEPEST)))

    def confidences(self, table: NDArray[np.float64]) -> NDArray[np.float64]:
        """The same of (N, len(names)) rows of :func:`feature_vector`."""
        standard = np.nan_to_num((table - self.mean) / self.std, nan=0.0, posinf=_INFINITE, neginf=-_INFINITE)
        return _logistic(self.bias + standard @ np.array(self.weights))


def fit(
    table: NDArray[np.float64], correct: NDArray[np.bool_], names: Sequence[str], *, l2: float = 1e-2
) -> Calibration:
    """Projected Newton's method (Bertsekas, SIAM J. Control 1982) on the L2-regularised mean log loss.

    A weight may not turn against what its feature means: on clips where every response is blunt a sharper
    one may happen to be wrong more often, and a perfect response, far outside that range, would be disbelieved.

    Args:
        table: (N, len(names)) rows of :func:`feature_vector`.
        correct: (N,) whether the box had IoU >= 0.5.
        names: the table's columns.
        l2: strength on the standardised weights (not the bias).
    """
    mean = np.nan_to_num(np.nanmean(table, axis=0))
    std = np.maximum(np.nan_to_num(np.nanstd(table, axis=0)), 1e-6)
    sign = np.array([-1.0 if name in _WORSE_WHEN_HIGH else 1.0 for name in names] + [1.0])
    x = np.hstack([np.nan_to_num((table - mean) / std), np.ones((len(table), 1))]) * sign
    y = correct.astype(np.float64)
    strength = np.array([l2] * len(names) + [0.0])
    theta = np.zeros(len(names) + 1)  # all but the last, the bias, at least 0
    for _ in range(100):
        p = _logistic(x @ theta)
        gradient = x.T @ (p - y) / len(y) + strength * theta
        free = (theta > 0) | (gradient < 0)
        free[-1] = True
        if np.abs(gradient[free]).max() < 1e-9:
            break
        hessian = (x.T * (p * (1 - p))) @ x / len(y) + np.diag(strength + 1e-9)
        step = np.zeros_like(theta)
        step[free] = np.linalg.solve(hessian[np.ix_(free, free)], gradient[free])
        theta = _projected_step(x, y, strength, theta, step)
    weights = (theta * sign)[:-1] + 0.0  # no -0.0
    return Calibration(
        tuple(names), tuple(map(float, mean)), tuple(map(float, std)), tuple(map(float, weights)), float(theta[-1])
    )


def _projected_step(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    strength: NDArray[np.float64],
    theta: NDArray[np.float64],
    step: NDArray[np.float64],
) -> NDArray[np.float64]:
    """The longest of step, step/2, ... that lowers the loss after its weights are cut at 0; ``theta`` if none does."""

    def loss(point: NDArray[np.float64]) -> float:
        z = x @ point
        return float(np.mean(np.logaddexp(0.0, z) - y * z) + 0.5 * strength @ (point * point))

    before = loss(theta)
    for halvings in range(30):
        moved = theta - step * 0.5**halvings
        moved[:-1] = np.maximum(moved[:-1], 0.0)
        if loss(moved) < before:
            return moved
    return theta


def auroc(confidence: NDArray[np.float64], correct: NDArray[np.bool_]) -> float:
    """Chance that a right box has more confidence than a wrong one; ties count half; NaN with one class only."""
    positive, negative = confidence[correct], confidence[~correct]
    if not len(positive) or not len(negative):
        return float("nan")
    ordered = np.sort(negative)
    below = np.searchsorted(ordered, positive, side="left")
    not_above = np.searchsorted(ordered, positive, side="right")
    return float((below + not_above).mean() / 2 / len(negative))


def expected_calibration_error(confidence: NDArray[np.float64], correct: NDArray[np.bool_], bins: int = 15) -> float:
    """Mean distance of confidence and hit rate over equal bins, weighted by their frames (Guo et al., ICML 2017)."""
    index = np.minimum((confidence * bins).astype(int), bins - 1)
    error = 0.0
    for chosen in (index == number for number in range(bins)):
        if chosen.any():
            error += float(chosen.mean() * abs(confidence[chosen].mean() - correct[chosen].mean()))
    return error


def _logistic(value: NDArray[np.float64]) -> NDArray[np.float64]:
    result: NDArray[np.float64] = 1.0 / (1.0 + np.exp(-np.clip(value, -_STEEPEST, _STEEPEST)))
    return result
