"""What is left of a flight: the figure, the table, the JSON document and a few lines of words."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Any

import numpy as np

from uav_tracker_ros.evaluation.plots import FollowTrace, Phase, Series, follow_figure
from uav_tracker_ros.following.report import FollowPhase
from uav_tracker_ros.following.settings import FollowSettings
from uav_tracker_ros.geometry import TargetState
from uav_tracker_ros.simulation import flight_metrics, scenarios
from uav_tracker_ros.simulation.flight_record import FlightRecord
from uav_tracker_ros.simulation.run_metrics import run_metrics

DPI = 110
CSV_COLUMNS = (
    "time_s", "state", "distance_m", "position_error_m", "bearing_error_deg", "latency_s",
    "vehicle_north_m", "vehicle_east_m", "vehicle_down_m", "target_north_m", "target_east_m", "target_down_m",
    "setpoint_north_m_s", "setpoint_east_m_s", "setpoint_down_m_s", "setpoint_yaw_rad",
)  # fmt: skip


def measure(record: FlightRecord, settings: FollowSettings) -> dict[str, Any]:
    """The row of ``runs`` in the JSON document; what was not measured is absent."""
    flown = np.any(record.control.time >= 0) and np.any(record.frames.time >= 0)
    if flown and np.isfinite(record.control.target_ned).any():
        scenario = scenarios.get(record.scenario)
        return _without_unknown(run_metrics(record, scenario, settings))
    control = record.control
    lost = np.isin(control.phase, (FollowPhase.COASTING, FollowPhase.SEARCHING, FollowPhase.HOLD))
    run: dict[str, Any] = {
        "tracker": record.tracker,
        "seconds": float(control.time[-1]) if len(control.time) else 0.0,
        "lost_s": flight_metrics.seconds_where(control.time, lost),
        "latency_ms": flight_metrics.percentiles_ms(control.latency),
        "setpoints": int(np.isfinite(control.setpoint_yaw).sum()),
        "mode": record.mode,
        "end_code": record.end_code.name,
    }
    return _without_unknown(run)


def _without_unknown(run: dict[str, Any]) -> dict[str, Any]:
    """The same without NaN and infinity: JSON has neither, and absent means not measured."""
    kept = {key: _without_unknown(value) if isinstance(value, dict) else value for key, value in run.items()}
    return {key: value for key, value in kept.items() if not (isinstance(value, float) and not math.isfinite(value))}


def write_figure(record: FlightRecord, path: Path) -> None:
    """follow.png."""
    follow_figure(trace(record)).savefig(path, dpi=DPI)


def trace(record: FlightRecord) -> FollowTrace:
    """The record as the figure wants it."""
    control, frames = record.control, record.frames
    known = frames.state != TargetState.NONE
    starts = np.flatnonzero(np.diff(control.phase, prepend=-1))
    return FollowTrace(
        title=f"scenario {record.scenario}, tracker {record.tracker}, mode {record.mode}, seed {record.seed}",
        end=float(control.time[-1]) if len(control.time) else 0.0,
        phases=[Phase(float(control.time[row]), FollowPhase(control.phase[row]).name) for row in starts],
        distance=Series(control.time, _distance(record)),
        wanted_distance=record.wanted_distance,
        position_error=Series(control.time, _position_error(record)),
        bearing_error=Series(control.time, _bearing_error(record)),
        confidence=Series(frames.time[known], frames.confidence[known]),
        velocity_ned=Series(control.time, control.setpoint_ned),
        yaw_ned=Series(control.time, control.setpoint_yaw),
    )


def write_csv(record: FlightRecord, path: Path) -> None:
    """The figure's numbers, one row a control step; empty cells where nothing is known."""
    control = record.control
    columns = [
        _distance(record), _position_error(record), np.degrees(_bearing_error(record)), control.latency,
        *control.vehicle_ned.T, *control.target_ned.T, *control.setpoint_ned.T, control.setpoint_yaw,
    ]  # fmt: skip
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(CSV_COLUMNS)
        for time, phase, *numbers in zip(control.time, control.phase, *columns, strict=True):
            texts = [f"{number:.3f}" if math.isfinite(number) else "" for number in numbers]
            rows.writerow([f"{time:.3f}", FollowPhase(phase).name, *texts])


def summary(run: dict[str, Any]) -> list[str]:
    """The run in words."""
    error, lines = run.get("position_error_m", {}), []
    if "in_frame" in run:
        lines.append(f"target in frame {100 * run['in_frame']:.1f} % of {run['seconds']:.0f} s")
    if error:
        lines.append(f"position error rms {error['rms']:.2f} m, p95 {error['p95']:.2f} m, max {error['max']:.2f} m")
    if "bearing_error_deg" in run:
        lines.append(f"bearing error p95 {run['bearing_error_deg'].get('p95', math.nan):.1f} deg")
    if run.get("latency_ms"):
        lines.append("latency image to setpoint p50 {p50:.0f} ms, p95 {p95:.0f} ms".format(**run["latency_ms"]))
    lines.append(f"lost {run['lost_s']:.1f} s, setpoints {run['setpoints']}")
    for bar in run.get("bars", []):
        lines.append(f"{'ok' if bar['ok'] else 'NOT MET':8}{bar['name']} {bar['value']:.3g} (limit {bar['limit']:.3g})")
    return lines


def _distance(record: FlightRecord) -> flight_metrics.Floats:
    away = (record.control.vehicle_ned - record.control.target_ned)[:, :2]
    return np.asarray(np.linalg.norm(away, axis=1))


def _position_error(record: FlightRecord) -> flight_metrics.Floats:
    control = record.control
    return flight_metrics.position_error(
        record.mode,
        control.target_ned[:, :2],
        control.vehicle_ned[:, :2],
        record.wanted_distance,
        record.wanted_bearing,
    )


def _bearing_error(record: FlightRecord) -> flight_metrics.Floats:
    control = record.control
    return flight_metrics.bearing_error(control.target_ned[:, :2], control.vehicle_ned[:, :2], control.vehicle_yaw)
