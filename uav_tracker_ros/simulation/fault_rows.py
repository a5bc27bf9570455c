"""Rows of the safety table as they are measured, and their marks on the wire."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from uav_tracker_ros.flight import VehicleMode
from uav_tracker_ros.simulation.mavlink_record import OnWire

PARALLEL = 1e-4  # of two unit vectors; what single precision on the wire leaves
STEADY = 1e-4  # m/s; the climb at its limit does not change by more
SILENCE_S = 0.2  # a gap in the setpoints that is an end of the stream


class Measured(NamedTuple):
    """What one injected fault did."""

    seconds: float  # from the fault to the reaction's first mark on the wire; inf: there was none
    problems: tuple[str, ...] = ()  # what else had to hold and did not


class FaultResult(NamedTuple):
    """One line of the table."""

    name: str
    bound_s: float
    measured_s: float
    held: bool
    problems: tuple[str, ...] = ()


class Fault(NamedTuple):
    """One row: what is broken, how fast the reaction must begin, and how that is measured."""

    name: str
    bound_s: float  # s; 0: it must not happen at all
    text: str
    run: Callable[[], Measured]

    def measure(self) -> FaultResult:
        """Break it and judge."""
        measured = self.run()
        held = measured.seconds <= self.bound_s + 1e-4 and not measured.problems
        return FaultResult(self.name, self.bound_s, measured.seconds, held, measured.problems)


def setpoints(wire: Sequence[OnWire], since: float) -> list[OnWire]:
    """Setpoints that arrived after ``since``."""
    return [record for record in wire if record.at > since and record.velocity_ned is not None]


def modes(wire: Sequence[OnWire], since: float) -> list[OnWire]:
    """Modes that were asked for after ``since``."""
    return [record for record in wire if record.at > since and record.mode is not None]


def hold_asked(wire: Sequence[OnWire], since: float) -> float:
    """When Hold was asked for first after ``since``, s; inf: never."""
    return next((record.at for record in modes(wire, since) if record.mode is VehicleMode.HOLD), math.inf)


def climb_ended(wire: Sequence[OnWire], since: float) -> float:
    """When the commanded climb became smaller than it was at ``since``, s; inf: it did not.

    Coasting changes no height: its first setpoint already takes the climb away.
    """
    before = [record.velocity_ned[2] for record in wire if record.velocity_ned is not None and record.at <= since]
    for record in setpoints(wire, since):
        if record.velocity_ned is not None and abs(record.velocity_ned[2]) < abs(before[-1]) - STEADY:
            return record.at
    return math.inf


def ramp_began(wire: Sequence[OnWire], since: float) -> float:
    """When the gate's ramp began that ended the stream, s; inf: the stream did not end with one.

    The ramp keeps the yaw and the direction to the last bit and only shortens the velocity; a controller that
    follows by noisy telemetry never does.
    """
    sent = setpoints(wire, since)
    before = [record for record in wire if record.velocity_ned is not None and record.at <= since]
    sent = before[-1:] + sent
    last = next((i for i, record in enumerate(sent) if speed(record) < 1e-3), len(sent) - 1)
    first = last + 1
    for i in range(last, 0, -1):
        if not _is_shorter(sent[i - 1], sent[i]):
            break
        first = i
    return sent[first].at if first <= last else math.inf


def _is_shorter(before: OnWire, after: OnWire) -> bool:
    """The same yaw and direction, and slower."""
    if before.velocity_ned is None or after.velocity_ned is None or before.yaw != after.yaw:
        return False
    long, short = speed(before), speed(after)
    if long - short < STEADY:
        return False
    return short < 1e-3 or all(
        abs(a / long - b / short) < PARALLEL for a, b in zip(before.velocity_ned, after.velocity_ned, strict=True)
    )


def speed(record: OnWire) -> float:
    """Of a setpoint, m/s in three dimensions."""
    return math.hypot(*record.velocity_ned) if record.velocity_ned is not None else math.nan


def last_at(wire: Sequence[OnWire], since: float) -> float:
    """When the last setpoint after ``since`` arrived, s; ``since`` itself when there was none."""
    return max((record.at for record in setpoints(wire, since)), default=since)
