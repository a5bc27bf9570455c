"""The controller's end of the socket."""

from __future__ import annotations

import logging
import select
import socket
import threading
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from uav_tracker_ros.flight import Command, Setpoint, Telemetry
from uav_tracker_ros.vehicle import wire
from uav_tracker_ros.vehicle.camera_tracking import TargetRequest, TargetStatus

POINTED_DEPTH = 10  # selections that nobody fetched
DEPTH = 200  # telemetry samples kept for poll(): 4 s
RETRY_S = 0.2  # between two attempts to connect
REFUSED_S = 1.0  # after a refusal
POLL_S = 0.1  # how fast close() is noticed

_log = logging.getLogger(__name__)


class GateClient:
    """Implements :class:`~uav_tracker_ros.vehicle.contract.Vehicle` over the gate's socket.

    A thread connects, again and again until closed, and collects what the gate tells. Sending
    never blocks: what the socket does not take at once is dropped and counted. While there is no
    connection nothing is kept for later: an old request may not act on a new gate.
    """

    def __init__(self, socket_path: str | Path) -> None:
        self._path = str(socket_path)
        self._received: deque[Telemetry] = deque(maxlen=DEPTH)
        self._pointed: deque[TargetRequest] = deque(maxlen=POINTED_DEPTH)
        self._status = wire.Status()
        self._socket: socket.socket | None = None
        self._ended = threading.Event()
        self._said = ""
        self.dropped = 0  # packets that were not sent
        self.overflowed = 0  # telemetry that nobody polled in time
        self._thread = threading.Thread(target=self._run, name="gate-client", daemon=True)
        self._thread.start()

    @property
    def connected(self) -> bool:
        """Whether a gate is at the other end."""
        return self._socket is not None

    def poll(self) -> Sequence[Telemetry]:
        """What came since the last call, oldest first."""
        return [self._received.popleft() for _ in range(len(self._received))]

    def poll_selections(self) -> Sequence[TargetRequest]:
        """What operators at ground stations pointed at since the last call, oldest first."""
        return [self._pointed.popleft() for _ in range(len(self._pointed))]

    def show_target(self, status: TargetStatus) -> None:
        """Where the target is, for ground stations; at most ten times a second."""
        self._send(status)

    def engage(self) -> None:
        """Ask to fly."""
        self._send(wire.EngageRequest())

    def send(self, setpoint: Setpoint) -> None:
        """Hand over a setpoint."""
        self._send(setpoint)

    def stop(self, reason: str) -> None:
        """Brake, then Hold."""
        self._send(wire.StopRequest(reason))

    def reset_takeover(self) -> None:
        """Clear a pilot's take-over."""
        self._send(wire.ResetRequest())

    def command(self, command: Command) -> None:
        """Land or return; arm, disarm, take off where the gate allows it."""
        self._send(wire.CommandRequest(command))

    def close(self) -> None:
        """Disconnect for good; a flying gate brakes."""
        self._ended.set()
        self._thread.join()

    def _send(self, message: wire.ToGate) -> None:
        gate = self._socket
        if gate is None:
            self.dropped += 1
            return
        try:
            gate.send(wire.encode_to_gate(message))
        except OSError:  # full, or gone: the reading thread finds out
            self.dropped += 1

    def _run(self) -> None:
        while not self._ended.is_set():
            gate = self._connect()
            if gate is None:
                self._ended.wait(RETRY_S)
                continue
            self._status = wire.Status()
            self._socket = gate
            pause = self._read(gate)
            self._socket = None
            gate.close()
            self._ended.wait(pause)

    def _connect(self) -> socket.socket | None:
        gate = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            gate.connect(self._path)
        except OSError as error:
            gate.close()
            self._say(f"no gate at {self._path} ({error.strerror}); waiting for it")
            return None
        gate.setblocking(False)
        self._say(f"connected to the gate at {self._path}")
        return gate

    def _read(self, gate: socket.socket) -> float:
        """Collect until the connection ends; how long to wait before the next, s."""
        while not self._ended.is_set():
            ready, _, _ = select.select([gate], [], [], POLL_S)
            if not ready:
                continue
            try:
                packet = gate.recv(wire.MAX_PACKET + 1)
            except BlockingIOError:
                continue
            except OSError:
                packet = b""
            if not packet:
                self._say("the gate is gone")
                return RETRY_S
            if not self._take(packet):
                return REFUSED_S
        return 0.0

    def _take(self, packet: bytes) -> bool:
        try:
            message = wire.decode_from_gate(packet)
        except wire.InvalidPacket as error:
            self._say(f"{error}; gate and controller may be of different versions")
            return True
        if isinstance(message, wire.Refused):
            self._say(f"the gate refused: {message.reason}")
            return False
        if isinstance(message, wire.Status):
            self._status = message
            return True
        if isinstance(message, TargetRequest):
            self._pointed.append(message)
            return True
        if len(self._received) == DEPTH:
            self.overflowed += 1
        self._received.append(message._replace(**self._status._asdict()))
        return True

    def _say(self, text: str) -> None:
        if text != self._said:
            self._said = text
            _log.info(text)
