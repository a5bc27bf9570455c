"""From samples of topics to the same record that a stepped flight gives."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from uav_tracker_ros.cli.flight_log import FlightLog, PoseSample, SetpointSample, StateSample
from uav_tracker_ros.following.report import EndCode, FollowPhase
from uav_tracker_ros.following.settings import FollowSettings
from uav_tracker_ros.frames import wrap_angle
from uav_tracker_ros.geometry import Box, iou
from uav_tracker_ros.simulation.flight_record import ControlSeries, FlightRecord, FrameSeries

Floats = NDArray[np.float64]
STREAM_GAP = 0.1  # s; where no setpoint is nearer than this, a state message makes the row
BOX_HOLD = 1.0  # s; so long a box stands for later images that the tracker skipped
_NO_BOX = Box(math.nan, math.nan, math.nan, math.nan)


class FlightFacts(NamedTuple):
    """What the topics do not say."""

    scenario: str
    seed: int
    tracker: str
    response: str
    settings: FollowSettings
    end_code: EndCode
    end_message: str


def assemble(log: FlightLog, facts: FlightFacts) -> FlightRecord:
    """The record from engaging to the end of the goal; ``metrics`` is still empty.

    Times count from ``log.start``. Quantities without samples are NaN.
    """
    settings = facts.settings
    control, frames = _control(log), _frames(log)
    first = log.truths[0] if log.truths else None
    return FlightRecord(
        facts.scenario,
        facts.seed,
        facts.tracker,
        settings.mode,
        facts.response,
        settings.distance,
        _wanted_bearing(control, settings),
        (first.image_width, first.image_height) if first else (0, 0),
        control,
        frames,
        facts.end_code,
        facts.end_message,
        {},
    )


def rates(log: FlightLog) -> dict[str, float]:
    """Images and boxes a second, from engaging to the end; absent where none came."""
    span = log.end - log.engaged
    counts = {
        name: sum(log.engaged <= sample.stamp <= log.end for sample in samples)
        for name, samples in (("image_hz", log.truths), ("tracked_hz", log.boxes))
    }
    return {name: round(count / span, 1) for name, count in counts.items() if count and span > 0}


def _control(log: FlightLog) -> ControlSeries:
    states = [sample for sample in log.states if log.engaged <= sample.stamp <= log.end]
    setpoints = [sample for sample in log.setpoints if log.engaged <= sample.stamp <= log.end]
    stamps, sent = _rows(_column(setpoints, "stamp"), _column(states, "stamp"))
    row_of = np.searchsorted(_column(states, "stamp"), stamps, side="right") - 1
    velocity, yaw = np.full((len(stamps), 3), np.nan), np.full(len(stamps), np.nan)
    if setpoints:
        velocity[sent] = _column(setpoints, "velocity_ned")
        yaw[sent] = _yaw_setpoints(setpoints, states)
    vehicle, target = _positions(log.vehicle, stamps), _positions(log.target, stamps)
    return ControlSeries(
        time=stamps - log.start,
        target_ned=target,
        target_velocity_ned=_derivative(stamps, target),
        vehicle_ned=vehicle,
        vehicle_velocity_ned=_derivative(stamps, vehicle),
        vehicle_yaw=_yaws(log.vehicle, stamps),
        phase=_of_states([FollowPhase[sample.phase].value for sample in states], row_of),
        gate_state=_of_states([sample.gate_state for sample in states], row_of),
        setpoint_ned=velocity,
        setpoint_yaw=yaw,
        limits=_of_states([sample.limits for sample in states], row_of),
        latency=_latency(log, stamps),
    )


def _rows(setpoints: Floats, states: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Stamps of the rows: every setpoint, and states where the stream pauses; which are setpoints."""
    if len(setpoints):
        place = np.clip(np.searchsorted(setpoints, states), 1, max(1, len(setpoints) - 1))
        near = np.minimum(
            np.abs(states - setpoints[place - 1]), np.abs(setpoints[np.minimum(place, len(setpoints) - 1)] - states)
        )
        states = states[near > STREAM_GAP]
    stamps = np.concatenate([setpoints, states])
    order = np.argsort(stamps, kind="stable")
    return stamps[order], (np.arange(len(stamps)) < len(setpoints))[order]


def _yaw_setpoints(setpoints: list[SetpointSample], states: list[StateSample]) -> Floats:
    """Angles whose differences come from the velocity topic and whose level from the state topic."""
    turned, stamps = _column(setpoints, "turned"), _column(setpoints, "stamp")
    known = [sample for sample in states if math.isfinite(sample.yaw_ned) and sample.stamp >= stamps[0]]
    if not known:
        return np.full(len(turned), np.nan)
    levels = np.unwrap(_column(known, "yaw_ned")) - np.interp(_column(known, "stamp"), stamps, turned)
    return turned + float(np.median(levels))


def _frames(log: FlightLog) -> FrameSeries:
    rows: list[tuple[Any, ...]] = []
    boxes, index = log.boxes, -1
    for truth in log.truths:
        if not log.engaged <= truth.stamp <= log.end:
            continue
        while index + 1 < len(boxes) and boxes[index + 1].stamp <= truth.stamp + 1e-6:
            index += 1
        known = boxes[index] if index >= 0 and truth.stamp - boxes[index].stamp < BOX_HOLD else None
        rows.append(
            (
                truth.stamp - log.start,
                tuple(truth.box),
                truth.visible_fraction,
                tuple(known.box if known else _NO_BOX),
                int(known.state) if known else 0,
                known.confidence if known else math.nan,
                known.lock if known else 0,
                iou(truth.box, known.box) if known else 0.0,
            )
        )
    if not rows:
        empty = np.empty((0, 4))
        none = np.empty(0, dtype=np.int64)
        return FrameSeries(np.empty(0), empty, np.empty(0), empty, none, np.empty(0), none, np.empty(0))
    return FrameSeries(*(np.array(values) for values in zip(*rows, strict=True)))


def _latency(log: FlightLog, stamps: Floats) -> Floats:
    """From each box's exposure to the first row after it came; NaN in rows without a new box."""
    latency = np.full(len(stamps), np.nan)
    if not log.boxes:
        return latency
    exposed = _column(log.boxes, "stamp")
    row = np.searchsorted(stamps, exposed + _column(log.boxes, "latency"))
    answered = (row < len(stamps)) & (exposed >= log.engaged)
    latency[row[answered]] = stamps[row[answered]] - exposed[answered]
    return latency


def _wanted_bearing(control: ControlSeries, settings: FollowSettings) -> float:
    if math.isfinite(settings.offset_bearing_deg):
        return math.radians(settings.offset_bearing_deg)
    if not len(control.time):
        return math.nan
    north, east = (control.vehicle_ned - control.target_ned)[0, :2]
    return math.atan2(east, north)


def _positions(samples: list[PoseSample], stamps: Floats) -> Floats:
    if not samples:
        return np.full((len(stamps), 3), np.nan)
    times, values = _column(samples, "stamp"), _column(samples, "position_ned")
    return np.stack([np.interp(stamps, times, values[:, axis]) for axis in range(3)], axis=1)


def _yaws(samples: list[PoseSample], stamps: Floats) -> Floats:
    if not samples:
        return np.full(len(stamps), np.nan)
    yaw = np.interp(stamps, _column(samples, "stamp"), np.unwrap(_column(samples, "yaw")))
    return np.array([wrap_angle(float(angle)) for angle in yaw])


def _derivative(stamps: Floats, values: Floats) -> Floats:
    return np.gradient(values, stamps, axis=0) if len(stamps) > 1 else np.zeros_like(values)


def _of_states(values: list[int], row_of: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.array(values or [0], dtype=np.int64)[np.clip(row_of, 0, max(0, len(values) - 1))]


def _column(samples: list[Any], name: str) -> Floats:
    return np.array([getattr(sample, name) for sample in samples], dtype=np.float64)
