"""The autopilot's boot time on the host's monotonic clock.

A message arrives some time after its stamp; the delay varies but is never negative. So the truth
lies on the lower envelope of (arrival - boot) over boot time. The envelope has a slope: a
simulated autopilot runs 1 to 2 % slow, so that a bare minimum over 4 s would lag by up to 60 ms.
The line below all samples that is nearest to them on average is the edge of their lower convex
hull over the mean of their times (Moon, Skelly, Towsley: Estimation and removal of clock skew
from network delay measurements, INFOCOM 1999).
"""

from __future__ import annotations

import itertools
from collections import deque

WINDOW_S = 4.0
REFIT_S = 0.2  # a refit of 200 samples costs 0.2 ms
READY_S = 1.0  # less history than this is no clock
RATE_S = 2.5  # less history than this gives no rate: its jitter would be mistaken for drift
MAX_RATE = 0.05  # a clock that is 5 % wrong is not a clock
LATE_S = 0.25  # MAX_RATE over the window, and 50 ms of jitter
BACK_S = 0.05  # boot time that goes back by more than this was stepped, or is another boot
AHEAD_S = 0.5  # it may seem to run ahead by as much as the message before was late


class BootClock:
    """Maps boot time to monotonic time, both in s."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, float]] = deque()
        self.reset()

    def reset(self) -> None:
        """Forget everything: the autopilot was started again, or this process slept."""
        self._samples.clear()
        self._origin = 0.0
        self._offset = 0.0
        self._rate = 0.0
        self._fitted_at = float("-inf")
        self._error: float | None = None

    @property
    def error(self) -> float | None:
        """1 sigma of the mapping, s; None until there is enough history."""
        return self._error

    def add(self, boot: float, arrival: float) -> float:
        """Take in one message.

        Args:
            boot: the message's stamp, s since the autopilot's boot.
            arrival: monotonic s.

        Returns:
            The stamp on the monotonic clock, never later than ``arrival``.
        """
        if self._samples:
            last_boot, last_arrival = self._samples[-1]
            ahead = (boot - last_boot) - (arrival - last_arrival)
            if boot < last_boot - BACK_S or ahead > AHEAD_S:
                self.reset()
        if not self._samples:
            self._origin, self._offset = boot, arrival - boot
        self._samples.append((boot, arrival))
        while self._samples[0][1] < arrival - WINDOW_S:
            self._samples.popleft()
        if arrival - self._fitted_at >= REFIT_S:
            self._fit(arrival)
        stamp = self.to_monotonic(boot)
        if stamp > arrival:  # the sample lies below the line: the line was too high
            self._offset -= stamp - arrival
            stamp = arrival
        return stamp

    def to_monotonic(self, boot: float) -> float:
        """Monotonic s of a boot time in s."""
        return boot + self._offset + self._rate * (boot - self._origin)

    def _fit(self, now: float) -> None:
        self._fitted_at = now
        points = [(boot, arrival - boot) for boot, arrival in self._samples]
        # What waited in a buffer while this process slept is no sample of the delay.
        ceiling = min(delay for _, delay in points) + LATE_S
        points = [point for point in points if point[1] <= ceiling]
        span = min(now - self._samples[0][1], points[-1][0] - points[0][0])
        self._origin = points[-1][0]
        if span < RATE_S:
            self._rate = 0.0
            self._offset = min(delay for _, delay in points)
        else:
            centre = sum(boot for boot, _ in points) / len(points)
            (x0, y0), (x1, y1) = _hull_edge(points, centre)
            rate = (y1 - y0) / (x1 - x0)
            self._rate = max(-MAX_RATE, min(MAX_RATE, rate))
            self._offset = min(y - self._rate * (x - self._origin) for x, y in points)
        if span >= READY_S:
            residuals = sorted(y - self._offset - self._rate * (x - self._origin) for x, y in points)
            # How thinly the envelope is supported; 0.5 ms is half of the stamps' resolution.
            self._error = max(0.0005, residuals[len(residuals) // 10])


def _hull_edge(points: list[tuple[float, float]], centre: float) -> tuple[tuple[float, float], tuple[float, float]]:
    """The edge of the lower convex hull over ``centre``; points sorted by x, not all at one x."""
    hull: list[tuple[float, float]] = []
    for point in sorted(points):
        if hull and point[0] == hull[-1][0]:
            continue  # sorted: the lower one came first
        while len(hull) >= 2 and _turns_down(hull[-2], hull[-1], point):
            hull.pop()
        hull.append(point)
    for left, right in itertools.pairwise(hull):
        if right[0] >= centre:
            return left, right
    return hull[-2], hull[-1]


def _turns_down(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> bool:
    return (b[0] - a[0]) * (c[1] - a[1]) <= (b[1] - a[1]) * (c[0] - a[0])
