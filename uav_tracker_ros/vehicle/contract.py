"""The two borders of the gate: what the controller sees, and what the gate sees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from uav_tracker_ros.flight import Command, Setpoint, Telemetry, VehicleMode


class Vehicle(Protocol):
    """The controller's view: ``gate_client.py`` over the socket, the gate itself in ``--direct``."""

    def poll(self) -> Sequence[Telemetry]:
        """What came since the last call, oldest first; never blocks."""
        ...

    def engage(self) -> None:
        """Ask to fly; the answer is a GateState in the telemetry."""

    def send(self, setpoint: Setpoint) -> None:
        """Hand over a setpoint; never blocks, a full buffer drops and counts."""

    def stop(self, reason: str) -> None:
        """Brake, then Hold."""

    def reset_takeover(self) -> None:
        """The operator lets the package ask again after a pilot's take-over."""

    def command(self, command: Command) -> None:
        """Land or return; arm and take off only where the gate was started with ``allow_arm``."""


class Link(Protocol):
    """The gate's view of the autopilot: ``mavsdk_link.py``, or the stand-in in ``--direct``."""

    def poll(self) -> Sequence[Telemetry]:
        """What came since the last call, oldest first (gate fields left at their defaults)."""
        ...

    def send_setpoint(self, setpoint: Setpoint) -> None:
        """Send once; nothing below may repeat it."""

    def request(self, what: VehicleMode | Command) -> None:
        """Send once; the gate repeats it until telemetry shows it."""
