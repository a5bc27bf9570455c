"""Faults of images, boxes and setpoints; stepped, by bytes."""

from __future__ import annotations

import math
from collections.abc import Callable

from uav_tracker_ros.flight import Setpoint
from uav_tracker_ros.following.report import FollowPhase, TargetMeasurement
from uav_tracker_ros.geometry import Box, TargetState
from uav_tracker_ros.simulation import fault_rows as marks
from uav_tracker_ros.simulation.fault_flight import SETTINGS, FaultFlight
from uav_tracker_ros.simulation.fault_rows import Measured
from uav_tracker_ros.simulation.fault_verdicts import (
    brakes_and_holds,
    coasts_then_holds,
    flying,
    largest_difference,
    tampered,
)

NAN = math.nan
FROZEN_AFTER = 5  # repeated pictures, as the tracker's node counts them
CLOCK_SETTLE_S = 0.5  # as the controller's node waits


def images_stop() -> Measured:
    """The camera exposes no more; what is on the way still comes."""
    flight = flying()
    t0 = flight.now
    flight.tamper = lambda m, _now: m if m.stamp <= t0 else None
    return coasts_then_holds(flight, t0)


def images_freeze() -> Measured:
    """The camera repeats one picture with new stamps: five times the same box, then the tracker says LOST."""
    flight = flying()
    seen: list[TargetMeasurement] = []

    def repeat(m: TargetMeasurement, _now: float) -> TargetMeasurement:
        seen.append(m)
        state = TargetState.TRACKING if len(seen) <= FROZEN_AFTER else TargetState.LOST
        return m._replace(box=seen[0].box, state=state)

    return coasts_then_holds(flight, tampered(flight, repeat))


def image_clock_steps() -> Measured:
    """The clock of the images is stepped: the node says so, and takes no box for half a second."""
    flight = flying()
    t0 = flight.now
    flight.follower.fault("CLOCK_JUMP", "the ROS clock jumped", active=True)
    flight.tamper = lambda m, now: m if now > t0 + CLOCK_SETTLE_S else None
    flight.run(1.5)
    reacted = marks.climb_ended(flight.wire, t0) - t0
    back = flight.phase is FollowPhase.FOLLOWING
    return Measured(reacted, () if back else (f"it is {flight.phase.name} after 1.5 s",))


def second_tracker() -> Measured:
    """The node has seen a second publisher of targets (it looks every 0.2 s)."""
    flight = flying()
    t0 = flight.now
    flight.follower.fault("TWO_PUBLISHERS", "2 publishers on the target topic", active=True)
    flight.run(1.5)
    return brakes_and_holds(flight, t0)


def operator_stops() -> Measured:
    """The node was called by the operator's stop."""
    flight = flying()
    t0 = flight.now
    flight.follower.stop("the operator said stop", t0)
    flight.run(1.5)
    return brakes_and_holds(flight, t0)


def tracker_silent() -> Measured:
    """No message of the tracker comes any more."""
    flight = flying()
    t0 = flight.now
    flight.tamper = lambda _m, _now: None
    return coasts_then_holds(flight, t0)


def low_confidence() -> Measured:
    """The tracker doubts every box; measured from the first of them."""
    flight = flying()
    begun = tampered(flight, lambda m, _now: m._replace(confidence=0.1))
    return coasts_then_holds(flight, begun)


def teleporting_box() -> Measured:
    """The box jumps to another place in the image and stays there."""
    flight = flying()

    def jump(m: TargetMeasurement, _now: float) -> TargetMeasurement:
        return m._replace(box=Box(20.0, m.box.y, m.box.w, m.box.h))

    return coasts_then_holds(flight, tampered(flight, jump))


def invalid_messages() -> Measured:
    """One of each sort, spread over a second: nothing of them is used, the flight goes on."""
    flight, twin = flying(), flying()
    t0 = flight.now
    wrong: list[Callable[[TargetMeasurement], TargetMeasurement]] = [
        lambda m: m._replace(stamp=NAN),
        lambda m: m._replace(box=Box(math.inf, 1.0, 5.0, 5.0)),
        lambda m: m._replace(box=m.box._replace(w=-10.0)),
        lambda m: m._replace(frame_id="another_camera"),
        lambda m: m._replace(stamp=m.stamp + 1.0),
        lambda m: m._replace(confidence=NAN),
    ]
    sent = 0

    def one_in_five(m: TargetMeasurement, _now: float) -> TargetMeasurement:
        nonlocal sent
        sent += 1
        return m if sent % 5 or not wrong else wrong.pop()(m)

    flight.tamper = one_in_five
    flight.run(1.5)
    twin.run(1.5)
    difference = largest_difference(flight, twin, t0)
    problems = [] if difference < 0.3 else [f"the stream differs by {difference:.2f} m/s"]
    problems += ["not every sort was sent"] if wrong else []
    seconds = 0.0 if flight.phase is FollowPhase.FOLLOWING else 1.5
    return Measured(seconds, tuple(problems))


def invalid_flood() -> Measured:
    """Nothing but invalid messages, 30 a second."""
    flight = flying()
    t0 = tampered(flight, lambda m, _now: m._replace(box=Box(NAN, 0.0, 5.0, 5.0)))
    flight.run(2.5)
    return brakes_and_holds(flight, t0)


def latency_grows() -> Measured:
    """Images come later and later; measured from a mean of 1.5 s, where the flight must end."""
    flight = flying()
    while flight.output is not None and not flight.output.report.latency > 1.5:
        flight.latency_s = min(1.9, flight.latency_s + 0.005)
        flight.step()
    t0 = flight.now
    flight.run(2.0)
    return brakes_and_holds(flight, t0)


# Setpoints.


def bad_setpoint() -> Measured:
    """The controller computes what may not be flown; measured from handing it over, worst of all sorts."""
    sorts: list[Callable[[Setpoint], Setpoint]] = [
        lambda s: s._replace(velocity_ned=(NAN, 0.0, 0.0)),
        lambda s: s._replace(velocity_ned=(0.0, math.inf, 0.0)),
        lambda s: s._replace(yaw_ned=NAN),
        lambda s: s._replace(velocity_ned=(25.0, 0.0, 0.0)),
        lambda s: s._replace(velocity_ned=(*s.velocity_ned[:2], -9.0)),
        lambda s: s._replace(velocity_ned=(-s.velocity_ned[0], s.velocity_ned[1], s.velocity_ned[2])),
        lambda s: s._replace(yaw_ned=s.yaw_ned + 2.0),
    ]
    worst = 0.0
    problems: list[str] = []
    for make in sorts:
        flight = flying()
        handed: list[float] = []

        def bad(
            s: Setpoint,
            make: Callable[[Setpoint], Setpoint] = make,
            handed: list[float] = handed,
            flight: FaultFlight = flight,
        ) -> Setpoint:
            handed.append(flight.now)
            return make(s)

        flight.tamper_setpoint = bad
        flight.until(lambda handed=handed: bool(handed))  # type: ignore[misc]
        flight.run(1.5)
        measured = brakes_and_holds(flight, handed[0] - 1e-6)
        worst = max(worst, measured.seconds)
        problems += measured.problems
        top = max((marks.speed(record) for record in marks.setpoints(flight.wire, handed[0])), default=0.0)
        if not top <= SETTINGS.max_speed:
            problems.append(f"{top} m/s arrived")
    return Measured(worst, tuple(problems))
