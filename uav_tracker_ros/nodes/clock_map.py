"""Image stamps (ROS clock) on the monotonic clock that the follower and the gate use."""

from __future__ import annotations

import math
from collections.abc import Callable

JUMP_S = 0.02  # a step that no slewing of the host's clock makes between two cycles
READ_WINDOW_S = 0.002  # a pair of readings that took longer was interrupted and says little


class ClockMap:
    """The offset monotonic minus ROS clock, read anew every cycle.

    Assumption: both clocks run at the same rate between two cycles. With simulated time the
    offset moves at every tick of ``/clock``: then only a clock that goes back counts as a jump.

    Args:
        monotonic: s, never steps.
        ros: s, may be stepped; 0 before the first ``/clock``.
        simulated: the ROS clock follows ``/clock``.
    """

    def __init__(self, monotonic: Callable[[], float], ros: Callable[[], float], *, simulated: bool = False) -> None:
        self._monotonic = monotonic
        self._ros = ros
        self._simulated = simulated
        self._offset = math.nan
        self._last_ros = -math.inf

    def read(self) -> bool:
        """Read both clocks; True if the ROS clock has jumped since the last reading."""
        before, ros, after = self._monotonic(), self._ros(), self._monotonic()
        if ros == 0.0 or (after - before > READ_WINDOW_S and math.isfinite(self._offset)):
            return False
        offset = (before + after) / 2 - ros
        step = abs(offset - self._offset) if math.isfinite(self._offset) else 0.0
        jumped = ros < self._last_ros or (step > JUMP_S and not self._simulated)
        self._offset = offset
        self._last_ros = ros
        return jumped

    @property
    def known(self) -> bool:
        """Both clocks have been read."""
        return math.isfinite(self._offset)

    def to_monotonic(self, stamp: float) -> float:
        """A ROS time on the monotonic clock (s); NaN before the clocks are known."""
        return stamp + self._offset
