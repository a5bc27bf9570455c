"""What the controller asks, kept until the gate's next step looks at it."""

from __future__ import annotations

from dataclasses import dataclass, field

from uav_tracker_ros.flight import Command, Setpoint


@dataclass
class Asked:
    """Everything that was asked between two steps."""

    setpoints: list[Setpoint] = field(default_factory=list)
    stop: str = ""
    engage: bool = False
    reset: bool = False
    commands: list[Command] = field(default_factory=list)


class Inbox:
    """The asking half of :class:`~uav_tracker_ros.vehicle.contract.Vehicle`; nothing acts at once."""

    def __init__(self) -> None:
        self._asked = Asked()

    def engage(self) -> None:
        """Ask to fly; refused (with blockers in the telemetry) unless everything allows it."""
        self._asked.engage = True

    def send(self, setpoint: Setpoint) -> None:
        """Hand over a setpoint; the newest of a step goes out, once."""
        self._asked.setpoints.append(setpoint)

    def stop(self, reason: str) -> None:
        """Brake, then Hold."""
        self._asked.stop = reason or "stop was asked"

    def reset_takeover(self) -> None:
        """Clear the latch; refused until OFFBOARD was neither flown nor intended for 2 s."""
        self._asked.reset = True

    def command(self, command: Command) -> None:
        """Land or return; arm, disarm and take off only with ``allow_arm``."""
        self._asked.commands.append(command)

    def _empty(self) -> Asked:
        asked, self._asked = self._asked, Asked()
        return asked
