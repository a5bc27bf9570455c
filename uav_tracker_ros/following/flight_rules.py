"""Rules that end a flight: the first broken one gives the reason."""

from __future__ import annotations

from uav_tracker_ros.following import readiness, safety
from uav_tracker_ros.following.readiness import Situation
from uav_tracker_ros.following.report import EndCode
from uav_tracker_ros.following.target_watch import TargetWatch

Broken = tuple[EndCode, str]


def broken_rule(situation: Situation, watch: TargetWatch) -> Broken | None:
    """Why the vehicle must hold now; None: fly on."""
    if problem := readiness.outside(situation):
        return EndCode.FENCE, problem
    for code, text in situation.faults.items():
        if code not in readiness.WARNING_CODES:
            return EndCode.GATE_DOWN if code == "GATE_DOWN" else EndCode.VEHICLE_FAULT, f"{code}: {text}"
    battery = situation.telemetry.battery if situation.telemetry is not None else None
    reason = ""
    if max(situation.attitude_age, situation.position_age) > readiness.ATTITUDE_AGE_MAX:
        reason = "ATT_STALE: attitude or position older than 0.5 s"
    elif watch.bad.too_many(situation.now):
        reason = f"ten invalid target messages within a second: {watch.bad.last}"
    elif battery is not None and battery < safety.BATTERY_CRITICAL:
        reason = f"BATTERY: {battery:.0%} left"
    elif watch.latency > readiness.LATENCY_HOLD:
        reason = f"LATENCY: {watch.latency:.2f} s from exposure to controller"
    return (EndCode.VEHICLE_FAULT, reason) if reason else None
