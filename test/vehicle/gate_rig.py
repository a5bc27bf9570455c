"""A gate process, a stand-in autopilot and a controller process, with a tap on the wire between."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from wire_tap import WireTap

from uav_tracker_ros.flight import VehicleMode
from uav_tracker_ros.simulation.autopilot import Autopilot, AutopilotSettings
from uav_tracker_ros.simulation.mavlink_server import MavlinkServer

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def wait_for(what: str, condition: Callable[[], object], seconds: float) -> None:
    """Look every 10 ms until it is so."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.01)


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Child:
    """A Python process whose output is collected line by line."""

    def __init__(self, arguments: list[str], folder: Path) -> None:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(folder)}
        self.process = subprocess.Popen(
            [sys.executable, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
            cwd=ROOT,
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def say(self, word: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()

    def send(self, number: signal.Signals) -> float:
        """Send a signal; when, monotonic s."""
        at = time.monotonic()
        self.process.send_signal(number)
        return at

    def end(self, seconds: float = 10.0) -> int:
        """Wait for its end; the exit code."""
        code = self.process.wait(seconds)
        self._reader.join(seconds)
        return code

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.end()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()


def gate(url: str, path: Path, *options: str) -> Child:
    arguments = ["-m", "uav_tracker_ros.vehicle.gate_process", "--url", url, "--socket", str(path / "gate.sock")]
    return Child([*arguments, *options], path)


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

    def start_gate(self) -> Child:
        return gate(self.url, self._folder, "--allow-engage")

    def start_controller(self) -> Child:
        return Child([str(HERE / "streaming_controller.py"), self.socket], self._folder)

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
        if self.gate_state() != "SILENT" and self.controller.process.poll() is None:
            self.controller.send(signal.SIGKILL)
            self.controller.process.wait()
        if self.gate.process.poll() is None:
            self.gate.send(signal.SIGCONT)
        wait_for("Hold", lambda: self.mode is VehicleMode.HOLD, 6.0)
        for name, start in (("gate", self.start_gate), ("controller", self.start_controller)):
            child: Child = getattr(self, name)
            if child.process.poll() is not None:
                child.kill()
                setattr(self, name, start())

    def speed(self, since: float) -> float | None:
        sent = self.tap.setpoints(since)
        return round(sent[-1][1].vx, 3) if sent else None
