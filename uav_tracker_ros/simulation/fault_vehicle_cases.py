"""Faults of the vehicle and of its surroundings: telemetry, places, who flies, parameters; stepped, by bytes."""

from __future__ import annotations

import functools
import math

from uav_tracker_ros.flight import VehicleMode
from uav_tracker_ros.following.report import EndCode, FollowPhase, Goal
from uav_tracker_ros.simulation import fault_rows as marks
from uav_tracker_ros.simulation.fault_flight import FaultFlight, walk, with_settings
from uav_tracker_ros.simulation.fault_rows import Measured
from uav_tracker_ros.simulation.fault_verdicts import brakes_and_holds, difference, falls_silent, flying, ready

ATTITUDE_QUATERNION, LOCAL_POSITION_NED = 31, 32


# Telemetry.


def telemetry_lost() -> Measured:
    """The downlink fails for 2 s: ramp, no mode asked blind, and Hold when it is heard again."""
    flight = flying()
    t0 = flight.now
    flight.autopilot.inject("cut_downlink", seconds=2.0)
    flight.run(1.9)
    problems = []
    if marks.modes(flight.wire, t0):
        problems.append("a mode was asked for blind")
    ramp = marks.ramp_began(flight.wire, t0)
    flight.run(1.6)
    if marks.last_at(flight.wire, t0 + 2.0) > t0 + 2.0:
        problems.append("setpoints after the link was back")
    if flight.autopilot.status.intended is not VehicleMode.HOLD:
        problems.append(f"{flight.autopilot.status.intended.name} is still intended")
    return Measured(ramp - t0, tuple(problems))


def _stream_lost(number: int) -> tuple[FaultFlight, float]:
    flight = flying()
    t0 = flight.now
    flight.autopilot.inject("stream_lost", message_id=number)
    flight.run(1.6)
    return flight, t0


def stale_coasts(number: int) -> Measured:
    """This message no longer comes: no height is changed by old knowledge."""
    flight, t0 = _stream_lost(number)
    return Measured(marks.climb_ended(flight.wire, t0) - t0)


def stale_holds(number: int) -> Measured:
    """This message no longer comes: brake, Hold."""
    return brakes_and_holds(*_stream_lost(number))


def autopilot_clock_steps(seconds: float) -> Measured:
    """Boot time jumps, as after a restart: no stamp of before fits one of after."""
    flight = flying()
    t0 = flight.now
    flight.autopilot.inject("clock_step", seconds=seconds)
    flight.run(1.5)
    return brakes_and_holds(flight, t0)


def estimator_resets(jump: float) -> Measured:
    """The autopilot moves its origin: for how long the stream differs from the same flight without it."""
    flight, twin = flying(), flying()
    t0 = flight.now
    flight.autopilot.inject("ekf_reset", jump_ned=(jump, -0.7 * jump, 0.1 * jump))
    flight.run(2.0)
    twin.run(2.0)
    pairs = zip(marks.setpoints(flight.wire, t0), marks.setpoints(twin.wire, t0), strict=False)
    apart = [a.at for a, b in pairs if difference(a, b) > 0.3]
    problems = () if flight.phase is FollowPhase.FOLLOWING else (f"it ended in {flight.phase.name}",)
    return Measured(apart[-1] - t0 if apart else 0.0, problems)


def position_invalid() -> Measured:
    """PX4 has no position any more and lands by itself: the package is silent."""
    flight = flying()
    t0 = flight.now
    flight.autopilot.inject("position_invalid")
    return falls_silent(flight, t0)


def battery_critical() -> Measured:
    """Below the package's own critical level, above PX4's."""
    flight = flying()
    t0 = flight.now
    flight.autopilot.inject("battery", level=0.085)
    flight.run(3.5)
    return brakes_and_holds(flight, t0)


# Places.


@functools.cache
def _outside() -> dict[str, float]:
    """Seconds outside each bound, by the truth, while the target leads out of all of them."""
    outside = {"fence": 0.0, "ceiling": 0.0, "floor": 0.0}
    up = FaultFlight(with_settings(fence_radius=25.0, max_altitude=8.0), walk(4.0)).follow()
    low = with_settings(distance=10.0, min_altitude=7.0, height=6.0, max_speed_z=1.0)
    down = FaultFlight(low, walk(2.0), start=(0.0, 0.0, -9.0)).follow()
    for _ in range(700):
        up.step()
        n, e, d = up.autopilot.truth().position_ned
        outside["fence"] += 0.01 * (math.hypot(n, e) > 25.0)
        outside["ceiling"] += 0.01 * (-d > 8.0)
    for _ in range(300):
        down.step()
        outside["floor"] += 0.01 * (-down.autopilot.truth().position_ned[2] < 7.0)
    return outside


def outside_bound(which: str) -> Measured:
    """Seconds outside, by the truth."""
    return Measured(_outside()[which])


def target_too_close() -> Measured:
    """The target runs at a vehicle that only turns; measured from the moment the rule's condition is true."""
    settings = with_settings(mode="spotlight", min_distance=6.0)

    def runs(t: float) -> tuple[float, float]:
        return (16.0 - 4.0 * max(0.0, t - 4.0), 0.0)

    flight = FaultFlight(settings, runs).follow()

    def close() -> bool:
        vehicle, target = flight.autopilot.truth(), flight.target_at(flight.now)
        away = math.dist(vehicle.position_ned, (*target, -0.875))
        return away < 6.0 or (away < 12.0 and (away - 6.0) / 4.0 * away / max(0.1, target[0]) < 2.0)

    flight.until(close, 8.0)
    t0 = flight.now
    flight.run(1.0)
    moved = (r.at for r in marks.setpoints(flight.wire, t0) if r.velocity_ned is not None and r.velocity_ned[0] < -0.05)
    return Measured(next(moved, math.inf) - t0)


def target_too_fast() -> Measured:
    """A car drives off at 15 m/s; measured from an estimate of 40 m, never faster than allowed."""
    settings = with_settings(fence_radius=300.0, max_speed=5.0)
    flight = FaultFlight(
        settings, lambda t: (16.0 + (2.0 * max(0.0, t) if t < 4 else 8.0 + 9.0 * (t - 4)), 0.0)
    ).follow()

    def far() -> bool:
        return flight.output is not None and flight.output.report.distance > 40.0

    flight.until(far, 12.0)
    t0 = flight.now
    flight.run(3.5)
    measured = brakes_and_holds(flight, t0)
    flown = flight.autopilot.truth().velocity_ned[0]
    return measured if flown <= 5.3 else measured._replace(problems=(*measured.problems, f"{flown:.1f} m/s flown"))


# Who flies.


def pilot_takes(fault: str, **arguments: object) -> Measured:
    """A pilot takes over: silence, latched, and a goal afterwards is refused."""
    flight = flying()
    t0 = flight.now
    flight.autopilot.inject(fault, **arguments)
    return falls_silent(flight, t0)


def px4_returns() -> Measured:
    """After a take-over somebody else switches to OFFBOARD and streams: we send nothing, and say so."""
    flight = flying()
    t0 = flight.now
    flight.autopilot.inject("pilot_mode", mode=VehicleMode.HOLD)
    flight.run(0.5)
    t1 = flight.now
    flight.autopilot.inject("second_sender", velocity_ned=(0.5, 0.0, 0.0))
    flight.run(0.2)
    flight.autopilot.inject("pilot_mode", mode=VehicleMode.OFFBOARD)
    flight.run(2.0)
    said = " ".join(flight.output.report.blockers) if flight.output is not None else ""
    problems = [] if "OFFBOARD is flown" in said else [f"no blocker about it: {said}"]
    if flight.autopilot.status.mode is not VehicleMode.OFFBOARD:
        problems.append("the other sender did not get OFFBOARD")
    problems += ["a mode was asked for"] if marks.modes(flight.wire, t0) else []
    return Measured(marks.last_at(flight.wire, t1) - t1, tuple(problems))


def stream_lost_uplink() -> Measured:
    """Nothing reaches the autopilot any more (companion dead, radio dead): PX4 holds by itself."""
    flight = flying()
    t0 = flight.now
    flight.autopilot.inject("cut_uplink")
    held = flight.until(lambda: flight.autopilot.status.mode is VehicleMode.HOLD, 3.0)
    return Measured(flight.now - t0 if held else math.inf)


def automatic_return() -> Measured:
    """The uplink fails for 0.9 s, PX4 holds and would return with the first setpoint: it finds none."""
    flight = flying()
    t0 = flight.now
    flight.autopilot.inject("cut_uplink", seconds=0.9)
    flight.until(lambda: flight.autopilot.status.mode is VehicleMode.HOLD, 3.0)
    t1 = flight.now
    flight.run(2.0)
    returned = flight.autopilot.status.intended is not VehicleMode.HOLD
    problems = ["OFFBOARD is still intended"] if returned else []
    if not math.isfinite(marks.hold_asked(flight.wire, t0)):
        problems.append("Hold was not asked for")
    return Measured(marks.last_at(flight.wire, t1) - t1, tuple(problems))


WRONG_PARAMETERS: dict[str, float] = {
    "COM_OF_LOSS_T": 2.0,
    "COM_OBL_RC_ACT": 0,
    "COM_RC_OVERRIDE": 1,
    "COM_RCL_EXCEPT": 4,
    "NAV_RCL_ACT": 0,
    "GF_ACTION": 1,
    "GF_MAX_HOR_DIST": 10.0,
    "COM_LOW_BAT_ACT": 0,
    "MPC_XY_VEL_MAX": 3.0,
    "MPC_TILTMAX_AIR": 60.0,
}


def wrong_parameters() -> Measured:
    """Each checked parameter wrong, one at a time: seconds of stream, which there must not be."""
    streamed, problems = 0.0, []
    for name, value in WRONG_PARAMETERS.items():
        flight = ready()
        flight.autopilot.inject("parameters", values={name: value})
        flight.run(1.2)
        code = flight.follower.start_goal(Goal(), flight.now)
        flight.run(0.3)
        if code is not EndCode.BLOCKED:
            problems.append(f"{name} = {value:g} did not block ({code.name})")
        streamed += 0.02 * len(flight.wire)
    return Measured(streamed, tuple(problems))
