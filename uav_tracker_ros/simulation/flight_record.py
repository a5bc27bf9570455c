"""One flight as time series: what was true, what was seen and what was asked."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from uav_tracker_ros.flight import Setpoint
from uav_tracker_ros.following.report import EndCode, FollowReport
from uav_tracker_ros.frames import euler_from_quaternion
from uav_tracker_ros.geometry import Box, iou
from uav_tracker_ros.simulation.truth import FrameTruth, TargetTruth, VehicleTruth

Floats = NDArray[np.float64]
_NOWHERE = Box(np.nan, np.nan, np.nan, np.nan)


class ControlSeries(NamedTuple):
    """One row a control step (50 Hz)."""

    time: Floats  # (N,) s since the target's motion began
    target_ned: Floats  # (N, 3) m, true
    target_velocity_ned: Floats  # (N, 3) m/s, true
    vehicle_ned: Floats  # (N, 3) m, true
    vehicle_velocity_ned: Floats  # (N, 3) m/s, true
    vehicle_yaw: Floats  # (N,) rad, true
    phase: NDArray[np.int64]  # (N,) FollowPhase
    gate_state: NDArray[np.int64]  # (N,) GateState
    setpoint_ned: Floats  # (N, 3) m/s, NaN where none was sent
    setpoint_yaw: Floats  # (N,) rad, NaN where none was sent
    limits: NDArray[np.int64]  # (N,) Limit
    latency: Floats  # (N,) s, image stamp of the newest box to this step


class FrameSeries(NamedTuple):
    """One row an image."""

    time: Floats  # (M,) s since the target's motion began, of the exposure
    true_box: Floats  # (M, 4) px, amodal: x, y, w, h
    visible: Floats  # (M,) visible share
    box: Floats  # (M, 4) px, the tracker's
    state: NDArray[np.int64]  # (M,) TargetState
    confidence: Floats  # (M,)
    lock: NDArray[np.int64]  # (M,)
    iou: Floats  # (M,) of box and true box


class FlightRecord(NamedTuple):
    """Everything that plots and metrics need."""

    scenario: str
    seed: int
    tracker: str
    mode: str
    response: str
    wanted_distance: float  # m
    wanted_bearing: float  # rad, from target to vehicle, hold_offset only
    image_size: tuple[int, int]  # px
    control: ControlSeries
    frames: FrameSeries
    end_code: EndCode
    end_message: str
    metrics: dict[str, Any]  # the fields of a run in ``uav-tracker follow --json``


class FlightRecorder:
    """Collects rows while flying."""

    def __init__(self) -> None:
        self._control: list[tuple[Any, ...]] = []
        self._frames: list[tuple[Any, ...]] = []

    def control(
        self,
        time: float,
        target: TargetTruth,
        vehicle: VehicleTruth,
        report: FollowReport,
        setpoint: Setpoint | None,
        latency: float,
    ) -> None:
        """One control step."""
        velocity = setpoint.velocity_ned if setpoint is not None else (np.nan,) * 3
        yaw = setpoint.yaw_ned if setpoint is not None else np.nan
        self._control.append(
            (
                time,
                target.position_ned,
                target.velocity_ned,
                vehicle.position_ned,
                vehicle.velocity_ned,
                euler_from_quaternion(vehicle.quaternion)[2],
                int(report.phase),
                int(report.gate_state),
                velocity,
                yaw,
                int(report.limits),
                latency,
            )
        )

    def frame(self, time: float, truth: FrameTruth, box: Box | None, state: int, confidence: float, lock: int) -> None:
        """One image."""
        overlap = iou(truth.box, box) if box is not None else 0.0
        row = (time, tuple(truth.box), truth.visible_fraction, tuple(box or _NOWHERE), state, confidence, lock, overlap)
        self._frames.append(row)

    def series(self) -> tuple[ControlSeries, FrameSeries]:
        """All rows as arrays."""
        return ControlSeries(*_columns(self._control, 12)), FrameSeries(*_columns(self._frames, 8))


def _columns(rows: list[tuple[Any, ...]], width: int) -> list[NDArray[Any]]:
    if not rows:
        return [np.empty(0) for _ in range(width)]
    return [np.array(column) for column in zip(*rows, strict=True)]
