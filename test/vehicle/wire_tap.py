"""Sits between autopilot and gate, and writes down what the gate puts on the wire, and when."""

from __future__ import annotations

import select
import socket
import struct
import threading
import time

from pymavlink.dialects.v20 import development as mavlink

SO_TIMESTAMPNS = 35  # Linux: the kernel's time of arrival, whatever this process does meanwhile
SEEN = {"SET_POSITION_TARGET_LOCAL_NED": 84, "COMMAND_LONG": 76}


class WireTap:
    """Forwards datagrams both ways; ``to_gate`` is where the autopilot sends."""

    def __init__(self, gate_port: int) -> None:
        self._gate = ("127.0.0.1", gate_port)
        self._autopilot: tuple[str, int] | None = None
        self._up = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)  # towards the autopilot
        self._up.bind(("127.0.0.1", 0))
        self._down = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)  # towards the gate
        self._down.bind(("127.0.0.1", 0))
        self._down.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self._parser = mavlink.MAVLink(None)
        self._parser.robust_parsing = True
        self._messages: list[tuple[float, mavlink.MAVLink_message]] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="tap", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._up.getsockname()[1])

    def close(self) -> None:
        self._ended.set()
        self._thread.join()
        self._up.close()
        self._down.close()

    def setpoints(self, since: float = 0.0) -> list[tuple[float, mavlink.MAVLink_message]]:
        """(monotonic s, message) of every setpoint after ``since``."""
        return [(at, m) for at, m in list(self._messages) if at > since and m.get_msgId() == 84]

    def modes(self, since: float = 0.0) -> list[tuple[float, int, int]]:
        """(monotonic s, main mode, sub mode) of every DO_SET_MODE after ``since``."""
        return [
            (at, int(m.param2), int(m.param3))
            for at, m in list(self._messages)
            if at > since and m.get_msgId() == 76 and m.command == 176
        ]

    def _run(self) -> None:
        while not self._ended.is_set():
            ready, _, _ = select.select([self._up, self._down], [], [], 0.05)
            if self._up in ready:
                packet, self._autopilot = self._up.recvfrom(4096)
                self._down.sendto(packet, self._gate)
            if self._down in ready:
                try:
                    packet, ancillary, _, _ = self._down.recvmsg(4096, 64)
                except ConnectionError:  # the gate is not there (yet, or any more)
                    continue
                self._write_down(packet, ancillary)
                if self._autopilot is not None:
                    self._up.sendto(packet, self._autopilot)

    def _write_down(self, packet: bytes, ancillary: list[tuple[int, int, bytes]]) -> None:
        at = time.monotonic()
        for level, kind, data in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPNS):
                seconds, nanoseconds = struct.unpack("ll", data[:16])
                at = seconds + nanoseconds * 1e-9 - time.time() + time.monotonic()
        for message in self._parser.parse_buffer(packet) or ():
            if message.get_msgId() in SEEN.values():
                self._messages.append((at, message))
