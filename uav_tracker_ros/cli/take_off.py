"""Arms a simulated autopilot and takes off, through the gate alone, before anything else is started."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from uav_tracker_ros.cli.live_status import LiveStatus
from uav_tracker_ros.errors import VehicleUnreachable
from uav_tracker_ros.flight import Command, Telemetry, VehicleMode
from uav_tracker_ros.nodes.launch_options import LaunchOptions
from uav_tracker_ros.nodes.processes import gate_socket, process_table
from uav_tracker_ros.nodes.runner import command_line
from uav_tracker_ros.vehicle.gate_client import GateClient

LINK_S = 20.0  # until telemetry comes
ARM_S = 60.0  # PX4's simulator may be armed some 6 s after its start, later where it is slow
CLIMB_S = 60.0
ASK_S = 1.0  # between two commands of the same kind
END_S = 8.0  # for the gate to end


class TakeOff:
    """Uses the gate of the process table: its rules hold here too (no arming without ``allow_arm``)."""

    def __init__(self, options: LaunchOptions, status: LiveStatus, log: Path, check: Callable[[], None]) -> None:
        """Args: ``check`` raises when the operator wants to end."""
        self._gate_row = next(row for row in process_table(options) if row.name == "gate")
        self._socket = gate_socket(options)
        self._url = options.vehicle
        self._status = status
        self._log = log
        self._check = check
        self._newest = Telemetry(stamp=float("-inf"))

    def fly(self) -> None:
        """Return in the air and in Hold; nothing is done to a vehicle that is in the air already.

        Raises:
            VehicleUnreachable: no telemetry, or it did not arm or climb; the message says what was heard.
        """
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            gate = subprocess.Popen(  # noqa: S603 - words of the process table
                command_line(self._gate_row), stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
            )
        client = GateClient(self._socket)
        try:
            self._wait(client, "telemetry", lambda t: t.mode_stamp > 0 and t.position is not None, LINK_S)
            if not self._newest.in_air:
                self._status.say("arming and taking off")
                self._wait(client, "to be armed", lambda t: t.armed, ARM_S, Command.ARM)
                self._wait(client, "to leave the ground", lambda t: t.in_air, CLIMB_S, Command.TAKEOFF)
                self._wait(client, "to hover", lambda t: t.vehicle_mode is VehicleMode.HOLD, CLIMB_S)
        finally:
            client.close()
            gate.terminate()
            try:
                gate.wait(END_S)
            except subprocess.TimeoutExpired:
                gate.kill()
                gate.wait()

    def _wait(
        self,
        client: GateClient,
        what: str,
        condition: Callable[[Telemetry], bool],
        seconds: float,
        command: Command | None = None,
    ) -> None:
        deadline, asked = time.monotonic() + seconds, float("-inf")
        while True:
            self._check()
            for telemetry in client.poll():
                self._newest = telemetry
            if condition(self._newest):
                return
            now = time.monotonic()
            if now > deadline:
                heard = self._newest
                raise VehicleUnreachable(
                    f"{self._url}: waited {seconds:.0f} s for {what}; heard mode {heard.vehicle_mode.name}, "
                    f"{'armed' if heard.armed else 'disarmed'}: see the autopilot's messages in {self._log.name}"
                )
            if command is not None and now - asked > ASK_S:
                asked = now
                client.command(command)
            time.sleep(0.02)
