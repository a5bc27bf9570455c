"""What stands against engaging, and what the operator should know: stable codes with words."""

from __future__ import annotations

import math
from typing import NamedTuple

from uav_tracker_ros.fence import contains
from uav_tracker_ros.flight import GateState, Telemetry
from uav_tracker_ros.following import safety
from uav_tracker_ros.following.camera import geometry_problem
from uav_tracker_ros.following.settings import FollowSettings
from uav_tracker_ros.following.target_watch import TargetWatch
from uav_tracker_ros.following.telemetry_buffer import Array

ATTITUDE_AGE_MAX = 0.5  # s; older: nothing is known of the vehicle
COAST_AGE_MAX = 0.13  # s; older: boxes cannot be placed. Seen in the next turn of the loop: within 0.15 s
CLOCK_ERROR_MAX = 0.03  # s, 1 sigma
TARGET_AGE_MAX = 1.0  # s without any message: nobody tracks
ALIKE_S = 1.0  # s that a look-alike is remembered: its boxes come and go
# A plane that is taken as level is known to 0.3 m and 3 % of the distance; twice that is a slope, or a wrong ground_z.
GROUND_SIGMA, GROUND_SHARE = 0.3, 0.03  # m, m a m
LATENCY_WARN, LATENCY_SPOTLIGHT, LATENCY_HOLD = 0.4, 0.8, 1.5  # s

WARNING_CODES = frozenset(
    {
        "LOW_CONFIDENCE",
        "FOV_SATURATED",
        "HEIGHT_FOR_VIEW",
        "SPEED_SATURATED",
        "RANGE_SIZE_ONLY",
        "LATENCY_HIGH",
        "SLOPE_SUSPECT",
        "TARGET_LIKE_NEARBY",
        "THERMAL",
        "TELEMETRY_SLOW",
    }
)
"""Faults with one of these codes only warn; any other code blocks, and in flight it holds."""


class Situation(NamedTuple):
    """What readiness is judged from."""

    now: float  # monotonic s
    settings: FollowSettings  # with the goal's values in them
    telemetry: Telemetry | None
    position_ned: Array | None  # (3,) m, newest
    home_ned: Array  # (3,) m
    attitude_age: float  # s
    position_age: float  # s
    faults: dict[str, str]  # code -> text


def blockers(situation: Situation, watch: TargetWatch) -> tuple[str, ...]:
    """Everything that forbids engaging now, as "CODE: text"; empty: go."""
    found = [f"{code}: {text}" for code, text in situation.faults.items() if code not in WARNING_CODES]
    found += _vehicle_blockers(situation)
    found += _target_blockers(situation, watch)
    return tuple(dict.fromkeys(found))


def warnings(situation: Situation, watch: TargetWatch) -> tuple[str, ...]:
    """What degrades the following now, as "CODE: text"."""
    found = [f"{code}: {text}" for code, text in situation.faults.items() if code in WARNING_CODES]
    telemetry, newest = situation.telemetry, watch.newest
    if newest is not None and newest.confidence < 0.5 and watch.message_age(situation.now) < TARGET_AGE_MAX:
        found.append(f"LOW_CONFIDENCE: {newest.confidence:.2f}")
    if watch.latency > LATENCY_WARN:
        found.append(f"LATENCY_HIGH: {watch.latency:.2f} s from exposure to controller; half speed")
    if watch.size_only:
        found.append("RANGE_SIZE_ONLY: too near the horizon for the ground ray")
    if problem := _slope(situation, watch):
        found.append(problem)
    if situation.now - watch.alike_seen < ALIKE_S + _or_zero(watch.latency):
        found.append("TARGET_LIKE_NEARBY: somebody who looks like the target is not where it can be; not taken")
    if situation.attitude_age > COAST_AGE_MAX:
        found.append(f"TELEMETRY_SLOW: newest attitude is {situation.attitude_age:.2f} s old")
    if telemetry is not None:
        if telemetry.battery is not None and telemetry.battery < safety.BATTERY_WARN:
            found.append(f"BATTERY: {telemetry.battery:.0%} left")
        found += telemetry.warnings
    return tuple(dict.fromkeys(found))


def outside(situation: Situation) -> str:
    """Say "FENCE: text" or "ALTITUDE: text" where the vehicle is outside its bounds; empty inside."""
    if situation.position_ned is None:
        return ""
    s, away = situation.settings, situation.position_ned - situation.home_ned
    distance, altitude = math.hypot(*away[:2]), -float(away[2])
    if distance > s.fence_radius:
        return f"FENCE: {distance:.0f} m from home, fence_radius is {s.fence_radius:.0f} m"
    if not contains(s.polygon, float(away[0]), float(away[1])):
        return f"FENCE: {away[0]:.0f} m north, {away[1]:.0f} m east of home is outside fence_polygon"
    if not s.min_altitude - safety.ALTITUDE_MARGIN <= altitude <= s.max_altitude + safety.ALTITUDE_MARGIN:
        return f"ALTITUDE: {altitude:.1f} m above home, allowed are {s.min_altitude:.0f} to {s.max_altitude:.0f} m"
    return ""


def stale(situation: Situation) -> bool:
    """The vehicle's attitude or position is too old to place a box or to judge a height."""
    return max(situation.attitude_age, situation.position_age) > COAST_AGE_MAX


def _slope(situation: Situation, watch: TargetWatch) -> str:
    """Say "SLOPE_SUSPECT: text" where the target does not stand on the plane that the settings tell."""
    if situation.position_ned is None or watch.lost or watch.estimator is None or not watch.estimator.started:
        return ""
    seen = watch.estimator.predict(situation.now)
    away = math.hypot(*(seen.position_ne - situation.position_ned[:2]))
    below = seen.ground_z - situation.settings.ground_z
    allowed = 2 * (GROUND_SIGMA + GROUND_SHARE * away)
    if abs(below) <= allowed:
        return ""
    where = "below" if below > 0 else "above"
    return f"SLOPE_SUSPECT: the target's ground is {abs(below):.1f} m {where} ground_z; the range is less certain"


def _or_zero(seconds: float) -> float:
    return 0.0 if math.isnan(seconds) else seconds


def _vehicle_blockers(situation: Situation) -> list[str]:
    telemetry = situation.telemetry
    if telemetry is None or situation.now - telemetry.stamp > ATTITUDE_AGE_MAX:
        return ["GATE_DOWN: no telemetry from the gate"]
    found = list(telemetry.blockers)
    if telemetry.gate_state is GateState.NO_LINK:
        found.append("GATE_DOWN: the gate hears no autopilot")
    if telemetry.gate_state is GateState.TAKEN:
        found.append("TAKEOVER_LATCHED: the vehicle was taken over; call follow/reset_takeover")
    if situation.attitude_age > ATTITUDE_AGE_MAX:
        found.append("ATT_STALE: no attitude for 0.5 s")
    if situation.position_age > ATTITUDE_AGE_MAX:
        found.append("POS_INVALID: no position for 0.5 s")
    if telemetry.clock_error is None or telemetry.clock_error > CLOCK_ERROR_MAX:
        found.append("CLOCK_UNSYNCED: the autopilot's clock is not mapped to this host's yet")
    if not (telemetry.armed and telemetry.in_air):
        found.append("NOT_IN_AIR: " + ("landed" if telemetry.armed else "disarmed"))
    if telemetry.battery is not None and telemetry.battery < safety.BATTERY_LOW:
        found.append(f"BATTERY: {telemetry.battery:.0%} left, {safety.BATTERY_LOW:.0%} needed")
    if problem := outside(situation):
        found.append(problem)
    return found


def _target_blockers(situation: Situation, watch: TargetWatch) -> list[str]:
    if watch.camera is None:
        return ["NO_INTRINSICS: no camera_info with a focal length yet"]
    found = []
    if watch.lost or watch.message_age(situation.now) > TARGET_AGE_MAX:
        found.append("NO_TARGET: select one")
        if watch.attitude_missing:
            found.append("ATT_STALE: the images' stamps find no attitude; compare the clocks")
    elif not watch.confirmed:
        found.append("TARGET_UNCONFIRMED: not tracked for five frames yet")
    if not math.isnan(watch.latency) and watch.latency > LATENCY_SPOTLIGHT:
        found.append(f"LATENCY: {watch.latency:.2f} s from exposure to controller, {LATENCY_SPOTLIGHT} s allowed")
    if situation.settings.mode != "spotlight":
        s, newest = situation.settings, watch.newest
        target_class = newest.target_class if newest is not None else ""
        if problem := geometry_problem(watch.camera, s.distance, s.height, target_class):
            found.append(f"FOV_GEOMETRY: {problem}")
    return found
