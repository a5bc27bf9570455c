"""The numbers of one flight, and the scenario's bars against them."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from uav_tracker_ros.flight import GateState
from uav_tracker_ros.following.control_law import DEFAULT_VELOCITY_GAIN
from uav_tracker_ros.following.report import FollowPhase
from uav_tracker_ros.following.settings import FollowSettings
from uav_tracker_ros.geometry import TargetState
from uav_tracker_ros.simulation import flight_metrics, sprites
from uav_tracker_ros.simulation.flight_model import RESPONSES
from uav_tracker_ros.simulation.flight_record import ControlSeries, FlightRecord, FrameSeries
from uav_tracker_ros.simulation.scenario import LATENCIES, Bar, Scenario

SIH_SHARE = 1.4  # error bars were computed with `design`; the slower measured response may cost this much
ERROR_BARS = ("p95", "max", "end", "peak")
COMMON_BARS: Mapping[str, float] = {"limit_violations": 0.0, "setpoint_gap_ms": 60.0, "jerk": 12.0}
SEEN_AGAIN = 0.5  # visible share from which the target counts as back
SEEN_AGAIN_S = 1.0  # s that it must stay back
UNSEEN_S = 3.0  # s unseen after which nothing may be flown any more
CREEP = 0.05  # m/s of a commanded speed; less is rounding
_ACTIVE = (FollowPhase.ENGAGING, FollowPhase.FOLLOWING)
_LOST = (FollowPhase.COASTING, FollowPhase.SEARCHING, FollowPhase.HOLD)


def run_metrics(
    record: FlightRecord,
    scenario: Scenario,
    settings: FollowSettings,
    latency_s: float | None = None,
    *,
    outside_m: float | None = None,
) -> dict[str, Any]:
    """The fields of a run in ``uav-tracker follow --json``.

    Args:
        record: the flight.
        scenario: what was flown; its bars are judged.
        settings: of the follower.
        latency_s: of the images, s; None: as measured.
        outside_m: farthest beyond fence, floor or ceiling, m; None: not known.
    """
    control, frames = record.control, record.frames
    scored, flown, seen = control.time >= scenario.settle, control.time >= 0, frames.time >= 0
    target, own = control.target_ned[:, :2], control.vehicle_ned[:, :2]
    error = flight_metrics.position_error(record.mode, target, own, record.wanted_distance, record.wanted_bearing)
    bearing = np.degrees(np.abs(flight_metrics.bearing_error(target, own, control.vehicle_yaw)))
    centre, whole = flight_metrics.in_frame(frames.true_box, record.image_size)
    middle = [0, 0, sprites.SIZES[scenario.target_class][0] / 2]
    apart = np.linalg.norm(control.target_ned - control.vehicle_ned - middle, axis=1)
    level = np.linalg.norm(target - own, axis=1)
    latency = flight_metrics.percentiles_ms(control.latency[flown])
    run: dict[str, Any] = {
        "scenario": record.scenario,
        "seed": record.seed,
        "tracker": record.tracker,
        "seconds": float(control.time[-1]),
        "in_frame": float(centre[seen].mean()),
        "full_in_frame": float(whole[seen].mean()),
        "position_error_m": flight_metrics.error_numbers(control.time[scored], error[scored]),
        "bearing_error_deg": {"p95": float(np.percentile(bearing[scored], 95))} if scored.any() else {},
        "false_follow_s": false_follow(control, frames),
        "wrong_locks": wrong_locks(control, frames),
        "lost_s": flight_metrics.seconds_where(control.time[flown], np.isin(control.phase[flown], _LOST)),
        "latency_ms": latency,
        "setpoints": int(np.isfinite(control.setpoint_yaw).sum()),
        "response": record.response,
        "mode": record.mode,
        "min_distance_m": float(apart[flown].min()),
        "min_horizontal_distance_m": float(level[flown].min()),
        "end_code": record.end_code.name,
        "parameters_sha256": parameters_sha256(settings),
    }
    run |= _stream_numbers(control, settings, record.response)
    run |= _after_losses(control, frames)
    if outside_m is not None:
        run["outside_m"] = outside_m
    judged_at = latency.get("p50", 150.0) / 1e3 if latency_s is None else latency_s
    run["bars"] = judge(scenario.bars, values(run), judged_at, record.response)
    return run


def values(run: Mapping[str, Any]) -> dict[str, float | None]:
    """What each bar is compared with; None: not measured.

    Errors (m) from ``settle`` on: ``p95``, ``max`` and ``peak`` (the largest), ``end`` (mean of the last 8 s),
    ``place`` (from the place of engagement); ``bearing_p95`` (deg); ``commanded`` (m/s, largest reference
    speed); ``outside`` (m beyond fence, floor or ceiling by the autopilot's own position);
    ``wrong_target_s``, ``wrong_locks``: see :func:`false_follow` and :func:`wrong_locks`;
    ``unseen_travel`` (m commanded after 3 s unseen); shares and flags that must be reached end in ``_min``.
    """
    error = run.get("position_error_m", {})
    again, held = run.get("reacquired"), run.get("held")
    either = None if again is None or held is None else max(again, held)
    return {
        "p95": error.get("p95"),
        "max": error.get("max"),
        "peak": error.get("max"),
        "end": error.get("end"),
        "place": error.get("max") if run.get("mode") == "spotlight" else None,
        "bearing_p95": run.get("bearing_error_deg", {}).get("p95"),
        "commanded": run.get("reference_speed_max"),
        "in_frame_min": run.get("in_frame"),
        "distance_min": run.get("min_distance_m"),
        "horizontal_distance_min": run.get("min_horizontal_distance_m"),
        "outside": run.get("outside_m"),
        "wrong_target_s": run.get("false_follow_s"),
        "wrong_locks": run.get("wrong_locks"),
        "reacquired_min": again,
        "reacquired_or_hold_min": either,
        "unseen_travel": run.get("unseen_travel_m"),
        "limit_violations": run.get("limit_violations"),
        "setpoint_gap_ms": run.get("setpoint_gap_ms", {}).get("max"),
        "jerk": run.get("jerk_rms"),
    }


def judge(
    limits: Mapping[str, Bar], found: Mapping[str, float | None], latency_s: float, response: str
) -> list[dict[str, Any]]:
    """The scenario's bars and those common to all; a bar whose number was not measured is left out."""
    rows = []
    for name, bar in {**COMMON_BARS, **limits}.items():
        value = found.get(name)
        if value is None:
            continue
        limit = float(np.interp(latency_s, LATENCIES, bar)) if isinstance(bar, tuple) else bar
        if name in ERROR_BARS and response == "sih":
            limit *= SIH_SHARE
        fine = value >= limit if name.endswith("_min") else value <= limit
        rows.append({"name": name, "value": value, "limit": limit, "ok": bool(fine)})
    return rows


def parameters_sha256(settings: FollowSettings) -> str:
    """Hash over all settings: two runs with the same one flew the same parameters."""
    return hashlib.sha256(json.dumps(dataclasses.asdict(settings), sort_keys=True).encode()).hexdigest()


def false_follow(control: ControlSeries, frames: FrameSeries) -> float:
    """Seconds of translating towards something that is not the target while the state says FOLLOWING.

    A box is wrong where it claims a target and overlaps the true one by less than a tenth; it counts
    from the moment when it is known to the follower.
    """
    index, known = _known_frame(control, frames)
    if not known.any():
        return 0.0
    moving = np.linalg.norm(control.setpoint_ned[:, :2], axis=1) > flight_metrics.TRANSLATING
    wrong = known & _elsewhere(frames)[index]
    return flight_metrics.seconds_where(control.time, np.isin(control.phase, _ACTIVE) & moving & wrong)


def wrong_locks(control: ControlSeries, frames: FrameSeries) -> int:
    """How often the follower resumed after a loss on a box that was not on the target."""
    index, known = _known_frame(control, frames)
    if not known.any():
        return 0
    resumed = np.isin(control.phase[:-1], _LOST) & (control.phase[1:] == FollowPhase.FOLLOWING)
    return int(np.sum(resumed & (known & _elsewhere(frames)[index])[1:]))


def _elsewhere(frames: FrameSeries) -> flight_metrics.Bools:
    claims = np.isin(frames.state, (TargetState.TRACKING, TargetState.UNCERTAIN))
    return np.asarray(claims & (frames.iou < flight_metrics.WRONG_IOU))


def _known_frame(control: ControlSeries, frames: FrameSeries) -> tuple[Any, flight_metrics.Bools]:
    """Index of the newest image that the follower knew at each control step, and whether there was one."""
    # Steps without a new box have no latency: the box before is still the newest.
    stamps = np.maximum.accumulate(control.time - np.nan_to_num(control.latency, nan=np.inf))
    index = np.searchsorted(frames.time, stamps + 1e-6, side="right") - 1
    return np.maximum(index, 0), (index >= 0) & (len(frames.time) > 0)


def _stream_numbers(control: ControlSeries, settings: FollowSettings, response: str) -> dict[str, Any]:
    sent = (control.gate_state == int(GateState.STREAMING)) & np.isfinite(control.setpoint_yaw)
    time, velocity, yaw = control.time[sent], control.setpoint_ned[sent], control.setpoint_yaw[sent]
    lead = 1 / (RESPONSES[response].gain or DEFAULT_VELOCITY_GAIN)
    if len(time) < 2:
        return {}
    reference = flight_metrics.reference_motion(time, velocity[:, :2], lead)[0]
    return {
        "jerk_rms": flight_metrics.jerk_rms(time, velocity, lead),
        "setpoint_gap_ms": {"max": float(np.diff(time).max()) * 1e3},
        "limit_violations": flight_metrics.limit_violations(time, velocity, yaw, settings.limits, lead),
        "reference_speed_max": float(np.linalg.norm(reference[time >= 0], axis=1).max(initial=0.0)),
    }


def _after_losses(control: ControlSeries, frames: FrameSeries) -> dict[str, Any]:
    """Whether the target was followed again at the end, or held; what was flown while it was unseen for long."""
    hidden = np.flatnonzero((frames.visible < SEEN_AGAIN) & (frames.time >= 0))
    lost = np.isin(control.phase, _LOST) & (control.time >= 0)
    if not len(hidden) or not lost.any():
        return {}
    back = frames.time[hidden[-1]] + SEEN_AGAIN_S < control.time[-1]
    index, known = _known_frame(control, frames)
    visible = np.where(known, frames.visible[index], 1.0)
    since = np.where(visible >= SEEN_AGAIN, control.time, -np.inf)
    unseen = control.time - np.maximum.accumulate(since)
    speed = np.nan_to_num(np.linalg.norm(control.setpoint_ned[:, :2], axis=1))
    drawn = (unseen > UNSEEN_S + np.nan_to_num(control.latency)) & (speed > CREEP)
    ended = control.phase[-1]
    return {
        "reacquired": float(back and ended == FollowPhase.FOLLOWING),
        "held": float(ended not in (*_ACTIVE, FollowPhase.COASTING, FollowPhase.SEARCHING)),
        "unseen_travel_m": float(np.sum(np.gradient(control.time)[drawn] * speed[drawn])),
    }
