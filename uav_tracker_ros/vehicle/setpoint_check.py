"""The last check of a setpoint before it may reach the vehicle."""

from __future__ import annotations

import math
from enum import Enum

from uav_tracker_ros.flight import SETPOINT_LIFETIME_S, Limits, Setpoint
from uav_tracker_ros.vehicle.shaping import LAG_S, speed_bound, wrap

STEP_SLACK = 1.0  # m/s; the controller starts from the measured velocity, whose noise is 0.2 m/s
YAW_SLACK = 0.35  # rad; as above, and a controller keeps its yaw within 20 degrees of the measured one
SPEED_Z_SLACK = 0.3  # m/s


class Verdict(Enum):
    """What to do with a setpoint."""

    SEND = "send"
    DROP = "drop"  # old, early or of another engagement: counted, the last one runs out by itself
    BAD = "bad"  # a controller that says this is not fit to fly: brake


def check(
    setpoint: Setpoint, last: Setpoint | None, limits: Limits, engagement: int, now: float
) -> tuple[Verdict, str]:
    """Judge one setpoint.

    Args:
        setpoint: the newest one.
        last: the one accepted before it in this engagement, if any.
        limits: the gate's own.
        engagement: the current one.
        now: monotonic s.

    Returns:
        The verdict, and its reason in words (empty for SEND).
    """
    if setpoint.engagement != engagement:
        return Verdict.DROP, "of another engagement"
    fault = _fault(setpoint, limits)
    if fault:
        return Verdict.BAD, fault
    stale = _not_now(setpoint, last, now)
    if stale:
        return Verdict.DROP, stale
    jump = "" if last is None else _jump(setpoint, last, limits)
    return (Verdict.BAD, jump) if jump else (Verdict.SEND, "")


def _fault(setpoint: Setpoint, limits: Limits) -> str:
    if not all(map(math.isfinite, (*setpoint.velocity_ned, setpoint.yaw_ned, setpoint.valid_until))):
        return "setpoint is not finite"
    speed, down = math.hypot(*setpoint.velocity_ned[:2]), setpoint.velocity_ned[2]
    if speed > speed_bound(limits) + 0.01:
        return f"setpoint of {speed:.1f} m/s is over the limit of {speed_bound(limits):.1f} m/s"
    if abs(down) > limits.max_speed_z + SPEED_Z_SLACK:
        return f"setpoint of {down:.1f} m/s down is over the limit of {limits.max_speed_z:.1f} m/s"
    return ""


def _not_now(setpoint: Setpoint, last: Setpoint | None, now: float) -> str:
    if now > setpoint.valid_until:
        return "expired"
    # 1 ms: rounding between the two processes' readings of one clock
    if setpoint.valid_until > now + SETPOINT_LIFETIME_S + 0.001:
        return "valid for longer than a setpoint may be"
    if last is not None and setpoint.valid_until <= last.valid_until:
        return "not newer than the last"
    return ""


def _jump(setpoint: Setpoint, last: Setpoint, limits: Limits) -> str:
    gap = min(setpoint.valid_until - last.valid_until, SETPOINT_LIFETIME_S)
    # The lead makes a legal setpoint change by acceleration and lag times jerk.
    allowed = STEP_SLACK + (limits.max_accel + LAG_S * limits.max_jerk) * gap
    step = math.dist(setpoint.velocity_ned, last.velocity_ned)
    if step > allowed:
        return f"velocity jumps by {step:.1f} m/s in {gap:.2f} s"
    turn = abs(wrap(setpoint.yaw_ned - last.yaw_ned))
    if turn > YAW_SLACK + limits.max_yaw_rate * gap:
        return f"yaw jumps by {math.degrees(turn):.0f} deg in {gap:.2f} s"
    return ""
