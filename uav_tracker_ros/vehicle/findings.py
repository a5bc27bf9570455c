"""Why the gate would refuse to engage now, in words: "CODE: what is so; what to do"."""

from __future__ import annotations

from typing import NamedTuple

from uav_tracker_ros.flight import GateState, Telemetry, VehicleMode
from uav_tracker_ros.vehicle import mode_rules
from uav_tracker_ros.vehicle.mode_rules import FRESH_S

LOW_BATTERY = 0.15  # PX4's own first warning (BAT_LOW_THR): too late to begin


class Situation(NamedTuple):
    """What the gate knows when it is asked."""

    now: float  # monotonic s
    state: GateState
    telemetry: Telemetry
    mode_fresh: bool
    settled: bool  # nothing of an earlier stream is left to be cleared
    allow_engage: bool
    dry_run: bool


def blockers(situation: Situation) -> tuple[str, ...]:
    """All of them; empty when engaging (or going on with it) is allowed."""
    telemetry = situation.telemetry
    found: list[str] = []
    if situation.state is GateState.TAKEN:
        found.append("TAKEOVER_LATCHED: a pilot or the autopilot took the vehicle; clear it by reset_takeover")
    if not situation.mode_fresh:
        found.append("GATE_DOWN: no mode is heard from the autopilot; check the link")
    found += telemetry.blockers
    found += _samples(situation)
    if situation.dry_run:
        return tuple(found)
    if not situation.allow_engage:
        found.append("ENGAGE_OFF: the gate was started without --allow-engage; start it with it")
    if not telemetry.armed or not telemetry.in_air:
        how = "on the ground" if telemetry.armed else "disarmed"
        found.append(f"NOT_IN_AIR: the vehicle is {how}; take off first")
    if telemetry.battery is not None and telemetry.battery < LOW_BATTERY:
        found.append(f"BATTERY: {telemetry.battery:.0%} left, at least {LOW_BATTERY:.0%} expected; land")
    if situation.mode_fresh and situation.state in (GateState.SILENT, GateState.NO_LINK, GateState.TAKEN):
        found += _mode(situation)
    return tuple(found)


def _samples(situation: Situation) -> list[str]:
    found = []
    attitude, position = situation.telemetry.attitude, situation.telemetry.position
    if attitude is None or situation.now - attitude.stamp > FRESH_S:
        found.append("ATT_STALE: no attitude for 0.5 s; check the link and its rates")
    if position is None or situation.now - position.stamp > FRESH_S:
        found.append("POS_INVALID: no local position for 0.5 s; wait for the estimator")
    return found


def _mode(situation: Situation) -> list[str]:
    telemetry = situation.telemetry
    if telemetry.vehicle_mode is VehicleMode.OFFBOARD:
        return ["VEHICLE_MODE: OFFBOARD is flown, and not by this gate; stop the other sender, command Hold"]
    if mode_rules.intended(telemetry) is VehicleMode.OFFBOARD:
        return ["VEHICLE_MODE: the autopilot would return to OFFBOARD by itself; command Hold"]
    if not mode_rules.may_engage(telemetry):
        return [f"VEHICLE_MODE: the vehicle is in {telemetry.vehicle_mode.name}; expected HOLD or POSITION"]
    if not situation.settled:
        return ["VEHICLE_MODE: the link is settling; wait a second"]
    return []
