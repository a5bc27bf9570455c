"""A gate for tests of the controller: keeps the contract ``Vehicle``, writes down what it is asked."""

from __future__ import annotations

import time
from collections.abc import Sequence

from uav_tracker_ros.flight import (
    Attitude,
    Command,
    GateState,
    LocalPosition,
    Setpoint,
    Telemetry,
    VehicleMode,
)
from uav_tracker_ros.vehicle.camera_tracking import TargetRequest, TargetStatus

ENTRY_S = 0.1  # the real gate takes a second


class RecordingGate:
    """Hovers 10 m south of the origin, 6 m up, nose north; engages when asked."""

    def __init__(self, socket_path: str) -> None:
        self.socket_path = socket_path
        self.connected = True
        self.closed = False
        self.dropped = self.overflowed = 0
        self.state = GateState.SILENT
        self.engagement = 0
        self.setpoints: list[Setpoint] = []
        self.stops: list[str] = []
        self.resets = 0
        self.pointed: list[TargetRequest] = []  # what a ground station asks next
        self.shown: list[TargetStatus] = []
        self._entry_since = 0.0

    def poll(self) -> Sequence[Telemetry]:
        now = time.monotonic()
        if self.state is GateState.ENTRY and now - self._entry_since > ENTRY_S and self.setpoints:
            self.state = GateState.STREAMING
        offboard = self.state is GateState.STREAMING
        mode = VehicleMode.OFFBOARD if offboard else VehicleMode.HOLD
        return [
            Telemetry(
                stamp=now,
                attitude=Attitude(now, (1.0, 0.0, 0.0, 0.0), (0.0, 0.0, 0.0)),
                position=LocalPosition(now, (-10.0, 0.0, -6.0), (0.0, 0.0, 0.0), 0),
                vehicle_mode=mode,
                intended_mode=mode,
                mode_stamp=now,
                armed=True,
                in_air=True,
                battery=0.9,
                gate_state=self.state,
                engagement=self.engagement,
                clock_error=0.002,
            )
        ]

    def poll_selections(self) -> Sequence[TargetRequest]:
        pointed, self.pointed = self.pointed, []
        return pointed

    def show_target(self, status: TargetStatus) -> None:
        self.shown.append(status)

    def engage(self) -> None:
        self.state, self._entry_since = GateState.ENTRY, time.monotonic()
        self.engagement += 1

    def send(self, setpoint: Setpoint) -> None:
        self.setpoints.append(setpoint)

    def stop(self, reason: str) -> None:
        self.stops.append(reason)
        if self.state is not GateState.TAKEN:
            self.state = GateState.SILENT

    def reset_takeover(self) -> None:
        self.resets += 1
        self.state = GateState.SILENT

    def command(self, command: Command) -> None:
        raise AssertionError(f"nobody may command {command.name} here")

    def close(self) -> None:
        self.closed = True
