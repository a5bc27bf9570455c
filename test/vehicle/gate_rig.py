"""A gate process, a stand-in autopilot and a controller process, with a tap on the wire between."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path

from wire_tap import WireTap

from uav_tracker_ros.flight import VehicleMode
from uav_tracker_ros.simulation.autopilot import Autopilot, AutopilotSettings
from uav_tracker_ros.simulation.child_process import ChildProcess
from uav_tracker_ros.simulation.mavlink_server import MavlinkServer
from uav_tracker_ros.vehicle.link_lock import free_port

HERE = Path(__file__).parent


def wait_for(what: str, condition: Callable[[], object], seconds: float) -> None:
    """Look every 10 ms until it is so."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.01)


def gate(url: str, path: Path, *options: str) -> ChildProcess:
    arguments = ["-m", "uav_tracker_ros.vehicle.gate_process", "--url", url, "--socket", str(path / "gate.sock")]
    return ChildProcess([*arguments, *options], path)


class Rig:
    """Everything, ready to stream."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.socket = str(folder / "gate.sock")
        self.port = free_port()
        self.url = f"udpin://127.0.0.1:{self.port}"
        self.tap = WireTap(self.port)
        self.autopilot = Autopilot(AutopilotSettings(gust=0.0, noise=0.0))
        self.server = MavlinkServer(self.autopilot, "127.0.0.1", self.tap.port)
        self.server.start()
        self.gate = self.start_gate()
        self.controller = self.start_controller()

    def start_gate(self) -> ChildProcess:
        return gate(self.url, self._folder, "--allow-engage")

    def start_controller(self) -> ChildProcess:
        return ChildProcess([str(HERE / "streaming_controller.py"), self.socket], self._folder)

    def close(self) -> None:
        for child in (self.controller, self.gate):
            child.kill()
        self.server.stop()
        self.tap.close()

    @property
    def mode(self) -> VehicleMode:
        return self.autopilot.status.mode

    @property
    def intended(self) -> VehicleMode:
        return self.autopilot.status.intended

    def gate_state(self) -> str:
        lines = self.controller.lines
        return lines[-1].partition(" ")[0] if lines else ""

    def stream(self) -> None:
        """Bring everything to a steady stream of 2 m/s, at once when it is there already."""
        if self.gate_state() == "STREAMING" and self.speed(time.monotonic() - 0.1) == 2.0:
            return
        self._tidy()
        wait_for("ready to engage", lambda: self.controller.lines and self.controller.lines[-1] == "SILENT ", 15.0)
        started = time.monotonic()
        self.controller.say("engage")
        wait_for("streaming", lambda: self.gate_state() == "STREAMING", 6.0)
        wait_for("full speed", lambda: self.speed(started) == 2.0, 6.0)
        assert self.mode is VehicleMode.OFFBOARD

    def _tidy(self) -> None:
        """Processes that run, a vehicle in Hold."""
        if self.gate_state() != "SILENT" and self.controller.alive:
            self.controller.send(signal.SIGKILL)
            self.controller.process.wait()
        if self.gate.alive:
            self.gate.send(signal.SIGCONT)
        wait_for("Hold", lambda: self.mode is VehicleMode.HOLD, 6.0)
        for name, start in (("gate", self.start_gate), ("controller", self.start_controller)):
            child: ChildProcess = getattr(self, name)
            if not child.alive:
                child.kill()
                setattr(self, name, start())

    def speed(self, since: float) -> float | None:
        sent = self.tap.setpoints(since)
        return round(sent[-1][1].vx, 3) if sent else None
