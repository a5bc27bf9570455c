"""Whether the autopilot's parameters fit a camera follower, in words.

A wrong value is never written, only told. The reasons are measurements on PX4 v1.16: with the
default COM_OBL_RC_ACT 0 and no sticks a lost stream coasts 15 m from 3 m/s, with the default
COM_RC_OVERRIDE 1 full stick for 4 s is ignored in OFFBOARD.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from uav_tracker_ros.flight import Limits

INTEGERS = (
    "COM_OBL_RC_ACT",
    "COM_RC_OVERRIDE",
    "COM_RCL_EXCEPT",
    "NAV_RCL_ACT",
    "GF_ACTION",
    "COM_LOW_BAT_ACT",
)
FLOATS = (
    "COM_OF_LOSS_T",
    "GF_MAX_HOR_DIST",
    "MPC_XY_VEL_MAX",
    "MPC_TILTMAX_AIR",
    "MPC_XY_VEL_P_ACC",
    "MC_YAW_P",
)
VELOCITY_GAIN = "MPC_XY_VEL_P_ACC"
YAW_GAIN = "MC_YAW_P"


class Findings(NamedTuple):
    """What was found: reasons not to engage, and things to know."""

    blockers: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


class _Rule(NamedTuple):
    name: str
    good: Callable[[float], bool]
    expected: str
    tolerable: Callable[[float], bool] = lambda value: False  # a warning instead of a blocker


def check_parameters(values: Mapping[str, float], limits: Limits, fence_radius: float | None) -> Findings:
    """Compare what was read with what following needs.

    Args:
        values: the parameters that the autopilot answered; a name that is not in it was not answered.
        limits: the gate's.
        fence_radius: the follower's own fence, m; None: it has none.
    """
    blockers: list[str] = []
    warnings: list[str] = []
    for rule in _rules(limits, fence_radius):
        if rule.name not in values:
            warnings.append(f"PARAM_UNSAFE: {rule.name} is not known to this autopilot; expected {rule.expected}")
            continue
        value = values[rule.name]
        if rule.good(value):
            continue
        text = f"PARAM_UNSAFE: {rule.name} is {value:g}; expected {rule.expected}"
        (warnings if rule.tolerable(value) else blockers).append(text)
    for name in (VELOCITY_GAIN, YAW_GAIN):
        if name not in values:
            warnings.append(f"PARAM_UNSAFE: {name} is not known to this autopilot; its default is assumed")
    return Findings(tuple(blockers), tuple(warnings))


def _rules(limits: Limits, fence_radius: float | None) -> tuple[_Rule, ...]:
    fence = 0.0 if fence_radius is None else fence_radius
    return (
        _Rule("COM_OF_LOSS_T", lambda v: v <= 0.5, "0.5 s: a dead gate is noticed so late", lambda v: v <= 1.0),
        _Rule("COM_OBL_RC_ACT", lambda v: v == 5, "5 (Hold): other actions coast or fall", lambda v: v in (3, 4)),
        _Rule("COM_RC_OVERRIDE", lambda v: int(v) & 2 != 0, "3: without bit 1 the sticks do not override OFFBOARD"),
        _Rule("COM_RCL_EXCEPT", lambda v: int(v) & 4 == 0, "bit 2 clear: a lost RC must be noticed in OFFBOARD"),
        _Rule("NAV_RCL_ACT", lambda v: v != 0, "not 0: a lost RC must have a consequence"),
        _Rule("GF_ACTION", lambda v: v >= 2, "2 (Hold) or more: the autopilot's fence must act"),
        _Rule(
            "GF_MAX_HOR_DIST",
            lambda v: v > fence,
            f"more than {fence:g} m: the autopilot's fence stands outside the follower's",
        ),
        _Rule("COM_LOW_BAT_ACT", lambda v: v >= 2, "2 or more: a low battery must have a consequence"),
        _Rule("MPC_XY_VEL_MAX", lambda v: v >= limits.max_speed, f"at least the follower's {limits.max_speed:g} m/s"),
        _Rule("MPC_TILTMAX_AIR", lambda v: 25 <= v <= 45, "25 to 45 deg"),
    )
