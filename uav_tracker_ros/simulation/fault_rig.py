"""Gate and controller as processes, a stand-in that speaks MAVLink over UDP, in real time.

Times are the kernel's times of arrival at the stand-in and the stand-in's own. What the machine's load adds is taken
out: the kernel tells how long a process waited for a processor (``/proc/PID/schedstat``), and that time is subtracted.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from uav_tracker_ros.errors import UavTrackerError
from uav_tracker_ros.flight import VehicleMode
from uav_tracker_ros.following.report import FollowPhase
from uav_tracker_ros.simulation.autopilot import Autopilot, AutopilotSettings
from uav_tracker_ros.simulation.child_process import ChildProcess
from uav_tracker_ros.simulation.fault_flight import SETTINGS, START_HEIGHT
from uav_tracker_ros.simulation.mavlink_record import OnWire
from uav_tracker_ros.simulation.mavlink_server import MavlinkServer
from uav_tracker_ros.vehicle.link_lock import free_port

LOOK_S = 0.005  # between two looks at a condition
START_S = 40.0  # for imports, clock and parameters on a loaded machine
FLYING_SPEED = 1.0  # m/s on the wire: fast enough to see a ramp


class RigError(UavTrackerError):
    """The flight to break did not come about, or a reaction never came."""


def hangable(module: str, arguments: list[str], folder: Path) -> ChildProcess:
    """A module of this package that signals make hang."""
    return ChildProcess(["-m", "uav_tracker_ros.simulation.hangable", module, *arguments], folder)


class FaultRig:
    """One stand-in, one gate, one controller; brought back into flight before each fault."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket = str(folder / "gate.sock")
        self.port = free_port()
        self.url = f"udpin://127.0.0.1:{self.port}"
        settings = AutopilotSettings(position_ned=(0.0, 0.0, -START_HEIGHT), gust=0.0, noise=0.2)
        self.autopilot = Autopilot(settings)
        self.server = MavlinkServer(self.autopilot, "127.0.0.1", self.port)
        self.server.start()
        self._asked = 0.0
        self.latched = False  # a take-over: the gate's successor would begin with it
        self.gate = self.start_gate()
        self.controller = self.start_controller()

    def __enter__(self) -> FaultRig:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for child in (self.controller, self.gate):
            child.kill()
        self.server.stop()

    def start_gate(self) -> ChildProcess:
        """A new gate on the same link and socket."""
        limits = ["--max-speed-z", str(SETTINGS.max_speed_z), "--fence-radius", "1000", "--allow-engage"]
        arguments = ["--url", self.url, "--socket", self.socket, *limits]
        return hangable("uav_tracker_ros.vehicle.gate_process", arguments, self.folder)

    def start_controller(self) -> ChildProcess:
        """A new controller on the same socket."""
        return hangable("uav_tracker_ros.simulation.fault_controller", [self.socket], self.folder)

    @property
    def wire(self) -> list[OnWire]:
        """What arrived at the stand-in."""
        return self.server.wire()

    @property
    def mode(self) -> VehicleMode:
        """What the stand-in flies."""
        return self.autopilot.status.mode

    @property
    def intended(self) -> VehicleMode:
        """What the stand-in would fly."""
        return self.autopilot.status.intended

    @property
    def told(self) -> list[str]:
        """The controller's last line: phase, gate state, blockers."""
        lines = [line for line in self.controller.lines if line.partition(" ")[0] in FollowPhase.__members__]
        return lines[-1].split(" ") if lines else ["", "", ""]

    def wait(self, what: str, condition: Callable[[], object], seconds: float) -> float:
        """Look until it is so; when that was, monotonic s.

        Raises:
            RigError: it was not so in time.
        """
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise RigError(
                    f"{what} did not come within {seconds:g} s ({' '.join(self.told)}, {self.mode.name}); expected a "
                    f"machine that can fly: try again on a quieter one. Gate: {self.gate.lines[-3:]}"
                )
            time.sleep(LOOK_S)
        return time.monotonic()

    def fly(self) -> None:
        """Bring everything to a flight that follows at speed."""
        self._tidy()
        self.wait("READY", lambda: self.told[0] == "READY", START_S)
        self._asked = self.controller.say("goal")
        self.wait("speed", self._is_fast, START_S)

    def _is_fast(self) -> bool:
        if self.told[0] == "READY" and time.monotonic() - self._asked > 1.0:
            # On a busy machine the controller notices that it slept, and ends the flight: once more.
            self._asked = self.controller.say("goal")
        return self._speed(self._asked) > FLYING_SPEED

    def _reset(self) -> bool:
        if self.told[0] == "TAKEOVER":
            self.controller.say("reset")
            time.sleep(0.1)  # refused until OFFBOARD was gone for 2 s: no condition to wait for
        return self.told[0] != "TAKEOVER"

    def _speed(self, since: float) -> float:
        sent = [record for record in self.wire[-5:] if record.velocity_ned is not None and record.at > since]
        return sent[-1].velocity_ned[0] if sent and sent[-1].velocity_ned is not None else 0.0

    def _tidy(self) -> None:
        """Processes that run, a vehicle in Hold over its starting height, nobody latched."""
        if self.latched:
            self.latched = False
            self.wait("calm", lambda: self.told[0] == "TAKEOVER", START_S)
            self.wait("the reset", self._reset, START_S)
        if self.told[1] in ("ENTRY", "STREAMING") and self.controller.alive:
            self.controller.say("stop")
        for name, start in (("gate", self.start_gate), ("controller", self.start_controller)):
            child: ChildProcess = getattr(self, name)
            if not child.alive:
                child.kill()
                setattr(self, name, start())
        self.wait("Hold", lambda: self.mode is VehicleMode.HOLD and self.intended is VehicleMode.HOLD, START_S)
