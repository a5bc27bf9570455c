"""One DiagnosticStatus a node, once a second, and the numbers that go into it."""

from __future__ import annotations

import collections
import math
import threading
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.clock import Clock, ClockType
from rclpy.node import Node

PERIOD_S = 1.0
WINDOW_S = 2.0  # of the rates
SAMPLES = 300  # of the percentiles: 10 s at 30 Hz


class Health(NamedTuple):
    """What a node says of itself."""

    problem: str = ""  # empty: all is well
    is_error: bool = False  # else a problem is a warning
    values: Mapping[str, object] = {}


class Diagnostics:
    """Publishes ``diagnostics``.

    Args:
        node: gives name, publisher and timer.
        read: called once a second for the node's health.
    """

    def __init__(self, node: Node, read: Callable[[], Health]) -> None:
        self._node = node
        self._read = read
        self._publisher = node.create_publisher(DiagnosticArray, "diagnostics", 1)
        # Steady time: a paused simulation is worth a diagnosis too.
        self._timer = node.create_timer(PERIOD_S, self._publish, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def close(self) -> None:
        """Say nothing more."""
        self._node.destroy_timer(self._timer)
        self._node.destroy_publisher(self._publisher)

    def _publish(self) -> None:
        health = self._read()
        status = DiagnosticStatus(name=self._node.get_fully_qualified_name().lstrip("/"))
        status.level = DiagnosticStatus.OK
        if health.problem:
            status.level = DiagnosticStatus.ERROR if health.is_error else DiagnosticStatus.WARN
        status.message = health.problem or "ok"
        status.values = [KeyValue(key=key, value=_text(value)) for key, value in health.values.items()]
        message = DiagnosticArray(status=[status])
        message.header.stamp = self._node.get_clock().now().to_msg()
        self._publisher.publish(message)


class RateMeter:
    """Events a second over the last two seconds; safe between threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._times: collections.deque[float] = collections.deque(maxlen=1000)
        self._last = -math.inf
        self._lock = threading.Lock()

    def count(self) -> None:
        """One event, now."""
        with self._lock:
            self._last = self._clock()
            self._times.append(self._last)

    @property
    def rate(self) -> float:
        """Hz."""
        with self._lock:
            since = self._clock() - WINDOW_S
            while self._times and self._times[0] < since:
                self._times.popleft()
            return len(self._times) / WINDOW_S

    @property
    def silence(self) -> float:
        """Time since the last event, s; infinite before the first."""
        with self._lock:
            return self._clock() - self._last


class Percentiles:
    """Percentiles of the newest samples; safe between threads."""

    def __init__(self) -> None:
        self._samples: collections.deque[float] = collections.deque(maxlen=SAMPLES)
        self._lock = threading.Lock()

    def add(self, sample: float) -> None:
        """One more sample."""
        with self._lock:
            self._samples.append(sample)

    def at(self, share: float) -> float:
        """The sample below which this share (0 to 1) lies; NaN without samples."""
        with self._lock:
            ordered = sorted(self._samples)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else math.nan


def _text(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
