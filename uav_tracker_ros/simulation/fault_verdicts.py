"""How a stepped fault begins and what is judged: copies of one flight, so that each breaks the same second."""

from __future__ import annotations

import copy
import functools
import math

from uav_tracker_ros.flight import GateState
from uav_tracker_ros.following.report import EndCode, FollowPhase, Goal, TargetMeasurement
from uav_tracker_ros.simulation import fault_rows as marks
from uav_tracker_ros.simulation.fault_flight import FaultFlight, Tamper
from uav_tracker_ros.simulation.fault_rows import Measured
from uav_tracker_ros.simulation.mavlink_record import OnWire

HOLD_LIMIT_S = 0.6  # from braking to the command, rounded up


@functools.cache
def _flying() -> FaultFlight:
    flight = FaultFlight().follow()
    flight.run(3.5)  # the target has been caught up with
    return flight


@functools.cache
def _ready() -> FaultFlight:
    flight = FaultFlight()
    if not flight.until(lambda: flight.phase is FollowPhase.READY, 6.0):
        raise RuntimeError(f"the flight to break is not ready: {flight.output}")
    return flight


def flying() -> FaultFlight:
    """A flight that follows, climbing, at the target's speed."""
    return copy.deepcopy(_flying())


def ready() -> FaultFlight:
    """A flight that may begin."""
    return copy.deepcopy(_ready())


def tampered(flight: FaultFlight, change: Tamper) -> float:
    """Change every message from now on; flies to the first one and tells when it came."""
    arrived: list[float] = []

    def tamper(m: TargetMeasurement, now: float) -> TargetMeasurement | None:
        arrived.append(now)
        return change(m, now)

    flight.tamper = tamper
    flight.until(lambda: bool(arrived))
    return arrived[0] - 1e-6  # a reaction in the same step counts


def coasts_then_holds(flight: FaultFlight, t0: float) -> Measured:
    """From ``t0`` to the end of the climb; Hold must follow."""
    s = flight.settings
    limit = s.coast_max + s.search_max + 1.5
    flight.run(limit)
    problems = [] if marks.hold_asked(flight.wire, t0) < t0 + limit else ["Hold was not asked for"]
    if flight.gate.state is not GateState.SILENT:
        problems.append(f"the gate is {flight.gate.state.name}")
    return Measured(marks.climb_ended(flight.wire, t0) - t0, tuple(problems))


def brakes_and_holds(flight: FaultFlight, t0: float) -> Measured:
    """From ``t0`` to the gate's ramp; Hold must follow."""
    ramp, hold = marks.ramp_began(flight.wire, t0), marks.hold_asked(flight.wire, t0)
    problems = [] if hold - ramp <= HOLD_LIMIT_S else [f"Hold was asked for {hold - ramp:.2f} s after braking"]
    return Measured(ramp - t0, tuple(problems))


def falls_silent(flight: FaultFlight, t0: float) -> Measured:
    """From ``t0`` to the last setpoint; nothing more may be sent, and no goal be taken."""
    flight.run(1.5)
    problems = ["a mode was asked for"] if marks.modes(flight.wire, t0) else []
    if flight.gate.state is not GateState.TAKEN:
        problems.append(f"the gate is {flight.gate.state.name}")
    before = len(flight.wire)
    if flight.follower.start_goal(Goal(), flight.now) is EndCode.NONE:
        problems.append("a goal was accepted")
    flight.run(0.3)
    if len(flight.wire) != before:
        problems.append("something was sent afterwards")
    return Measured(marks.last_at(flight.wire, t0) - t0, tuple(problems))


def difference(a: OnWire, b: OnWire) -> float:
    """Of two setpoints, m/s."""
    if a.velocity_ned is None or b.velocity_ned is None:
        return math.inf
    return math.dist(a.velocity_ned, b.velocity_ned)


def largest_difference(flight: FaultFlight, twin: FaultFlight, t0: float) -> float:
    """Between two streams after ``t0``, m/s."""
    pairs = zip(marks.setpoints(flight.wire, t0), marks.setpoints(twin.wire, t0), strict=False)
    return max((difference(a, b) for a, b in pairs), default=math.inf)
