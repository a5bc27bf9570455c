"""When a candidate after a loss is the target again: five gates, all of them, several frames long."""

from __future__ import annotations

import math
from collections import deque
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from uav_tracker_ros.following.target_estimator import Estimate

Array = NDArray[np.float64]

CONFIDENCE_MIN = 0.5
MAHALANOBIS_MAX = 9.2  # squared, 2 degrees of freedom: 99 %
RADIUS_MAX = 8.0  # m, cap of the growing gate
RADIUS_MIN, ACCEL_MAX = 0.8, 2.0  # m, m/s^2: how far a target gets from where it was going while it is unseen
RANGE_ERROR_MAX = 4.0  # m, of an estimate that ran away along the line of sight while the tracker held on
AGAIN_S, AGAIN_M = 1.0, 1.5  # s, m: a new lock so soon and so near is the one before, found again by the tracker
SIGHT_S = 0.5  # s that a candidate may take to confirm; its gate does not grow any longer
LN_SIZE_MAX = 0.35
WINDOW = 7  # frames
NEEDED_SHORT = 5  # of the window, within coast_max
NEEDED_LONG = 10  # in a row, later


class Candidate(NamedTuple):
    """One box that might be the target."""

    lock: int
    confidence: float
    similarity: float  # NaN: not measured, counts as not similar
    same_lock: bool  # the tracker never let go of it
    position_ne: Array  # (2,) m, measured
    sight_ne: Array  # (2,) unit vector from the vehicle towards it
    measured_height: float  # m, from box and place


class Reacquisition:
    """Judges the candidates of one lock after another."""

    def __init__(self, reid_on: float):
        self._reid_on = reid_on
        self._lock = -1
        self._unseen_at_first = 0.0  # s, when this candidate came into sight
        self._last_stamp, self._last_place = -math.inf, np.zeros(2)  # s, m: of the last candidate
        self._passed: deque[bool] = deque(maxlen=WINDOW)
        self._in_a_row = 0
        self.alike = False  # the last candidate looks like the target, and cannot be it by place or size

    def reset(self) -> None:
        """Forget what was seen: at the start of a loss."""
        self._lock, self._in_a_row, self._last_stamp = -1, 0, -math.inf
        self._passed.clear()

    def judge(self, candidate: Candidate, predicted: Estimate, unseen_s: float, max_speed: float) -> bool:
        """Put one candidate to the gates; True if it passes all of this frame's.

        Args:
            candidate: the box.
            predicted: the estimate at the box's stamp.
            unseen_s: time since the target was last seen, s.
            max_speed: of the class, m/s.
        """
        if candidate.lock != self._lock:
            if not self._found_again(candidate, predicted.stamp):
                self._unseen_at_first = unseen_s
            self.reset()
            self._lock = candidate.lock
        self._last_stamp, self._last_place = predicted.stamp, candidate.position_ne
        # Somebody else who was in view all the time does not become the target because time goes by.
        grown_s = min(unseen_s, self._unseen_at_first + SIGHT_S)
        similar = candidate.similarity >= self._reid_on
        offset = _offset(candidate, predicted, similar=similar)
        size_change = abs(math.log(candidate.measured_height / predicted.height))
        fits = size_change < LN_SIZE_MAX and _reachable(offset, predicted, grown_s, max_speed)
        sure = candidate.confidence >= CONFIDENCE_MIN
        passed = sure and (similar or candidate.same_lock) and fits
        self.alike = sure and similar and not fits
        self._passed.append(passed)
        self._in_a_row = self._in_a_row + 1 if passed else 0
        return passed

    def _found_again(self, candidate: Candidate, stamp: float) -> bool:
        """The tracker let go of the candidate before for a moment: it does not become another by that."""
        near = math.hypot(*(candidate.position_ne - self._last_place)) <= AGAIN_M
        return near and stamp - self._last_stamp <= AGAIN_S

    def confirmed(self, *, long_loss: bool) -> bool:
        """Enough frames have passed."""
        return self._in_a_row >= NEEDED_LONG if long_loss else sum(self._passed) >= NEEDED_SHORT


def _offset(candidate: Candidate, predicted: Estimate, *, similar: bool) -> Array:
    """(2,) m from the prediction to the candidate.

    The feet of a box tell the distance, and edges can be wrong for a while; a target that the tracker never let go of
    and that still looks like it is judged by its bearing: somebody else who took its place walks out of that.
    """
    offset = candidate.position_ne - predicted.position_ne
    if not (candidate.same_lock and similar):
        return offset
    along = float(offset @ candidate.sight_ne)
    return np.asarray(offset - max(-RANGE_ERROR_MAX, min(RANGE_ERROR_MAX, along)) * candidate.sight_ne)


def _reachable(offset_ne: Array, predicted: Estimate, unseen_s: float, max_speed: float) -> bool:
    if math.hypot(*offset_ne) > min(RADIUS_MAX, RADIUS_MIN + ACCEL_MAX * unseen_s**2 / 2):
        return False
    speed_needed = float(np.linalg.norm(predicted.velocity_ne + offset_ne / max(unseen_s, 0.2)))
    if speed_needed > max_speed + 2.0:  # 2 m/s: 1 sigma of a place over the shortest loss
        return False
    covariance = predicted.covariance_ne + 0.5**2 * np.eye(2)  # the candidate's own error, m
    return float(offset_ne @ np.linalg.solve(covariance, offset_ne)) < MAHALANOBIS_MAX
