"""Commands beside flying: repeated until telemetry shows them, and given up after a while."""

from __future__ import annotations

import logging
from collections.abc import Callable

from uav_tracker_ros.flight import Command, Telemetry, VehicleMode
from uav_tracker_ros.vehicle.mode_rules import RESEND_S

GIVE_UP_S = 3.0  # s; an autopilot that refuses says so at once and will not change its mind

_log = logging.getLogger(__name__)


class Repeater:
    """Sends one request at a time, every 0.2 s: a lost packet costs one period."""

    def __init__(self, request: Callable[[VehicleMode | Command], None]) -> None:
        self._request = request
        self.clear()

    def clear(self) -> None:
        """Forget the request; the next one goes out at once."""
        self._what: VehicleMode | Command | None = None
        self._sent_at = float("-inf")

    def ask(self, what: VehicleMode | Command, now: float) -> None:
        """Send ``what`` if it is new or its period is over."""
        same = type(what) is type(self._what) and what == self._what
        if same and now - self._sent_at < RESEND_S:
            return
        self._what, self._sent_at = what, now
        self._request(what)


class CommandDesk:
    """Carries out land, return, arm, disarm and take-off while the gate is silent."""

    def __init__(self, repeater: Repeater, *, allow_arm: bool) -> None:
        self._repeater = repeater
        self._allow_arm = allow_arm
        self.clear()

    def clear(self) -> None:
        """Drop what was asked."""
        self._command: Command | None = None
        self._since = 0.0

    def take(self, command: Command, telemetry: Telemetry, now: float) -> str:
        """Begin a command; a newer one replaces it.

        Returns:
            Why it is refused; empty when it is not.
        """
        if command in (Command.ARM, Command.DISARM, Command.TAKEOFF) and not self._allow_arm:
            return f"{command.name} refused: the gate was started without --allow-arm"
        if command is Command.DISARM and telemetry.in_air:
            return "DISARM refused: the vehicle is in the air; land it first"
        self._command, self._since = command, now
        return ""

    def step(self, telemetry: Telemetry, now: float) -> None:
        """Ask again until it shows."""
        command = self._command
        if command is None:
            return
        if _is_done(command, telemetry):
            self.clear()
        elif now - self._since > GIVE_UP_S:
            _log.warning("%s was not carried out within %.0f s; the autopilot says why", command.name, GIVE_UP_S)
            self.clear()
        elif command is Command.ARM and telemetry.vehicle_mode is not VehicleMode.HOLD:
            # After landing and disarming PX4 returns to the mode before, which may be OFFBOARD.
            self._repeater.ask(VehicleMode.HOLD, now)
        else:
            self._repeater.ask(command, now)


def _is_done(command: Command, telemetry: Telemetry) -> bool:
    if command is Command.ARM:
        return telemetry.armed
    if command is Command.DISARM:
        return not telemetry.armed
    if command is Command.TAKEOFF:
        return telemetry.vehicle_mode is VehicleMode.TAKEOFF or telemetry.in_air
    return telemetry.vehicle_mode is VehicleMode[command.name]
