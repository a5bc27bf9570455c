"""The gate's end of the socket: one controller at a time, nothing here blocks."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import socket
from pathlib import Path

from uav_tracker_ros.errors import VehicleUnreachable
from uav_tracker_ros.vehicle import wire

PATH_LIMIT = 107  # bytes, of the kernel
DRAIN_LIMIT = 256  # packets in one turn; a flood may not keep the loop from its other duties

_log = logging.getLogger(__name__)


class GateSocket:
    """Listens for a controller and talks to it."""

    def __init__(self, path: str) -> None:
        """Listen.

        Raises:
            VehicleUnreachable: the path is too long, not writable, or another gate's.
        """
        self._path = Path(path)
        self._controller: socket.socket | None = None
        self.dropped = 0  # packets that the controller did not take
        self.invalid = 0  # packets that do not parse
        if len(os.fsencode(path)) > PATH_LIMIT:
            raise VehicleUnreachable(
                f"socket path '{path}' is too long; expected {PATH_LIMIT} bytes: give a shorter one"
            )
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
        try:
            self._remove_stale()
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._listener.bind(path)
            self._path.chmod(0o600)  # whoever can write here can fly
            self._listener.listen(2)
        except VehicleUnreachable:  # an OSError too: first
            self._listener.close()
            raise
        except OSError as error:
            self._listener.close()
            raise VehicleUnreachable(f"socket '{path}' cannot be made: {error.strerror}; give another path") from error

    def _remove_stale(self) -> None:
        """A socket that nobody listens on was left by a gate that was killed."""
        if not self._path.is_socket():
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as probe:
            try:
                probe.connect(str(self._path))
            except OSError as error:
                if error.errno == errno.ECONNREFUSED:
                    self._path.unlink(missing_ok=True)
                return
        raise VehicleUnreachable(f"socket '{self._path}' belongs to a running gate; stop it or give another path")

    @property
    def connected(self) -> bool:
        """Whether a controller is there."""
        return self._controller is not None

    def descriptors(self) -> list[int]:
        """What to wait on for reading."""
        waiting = [self._listener.fileno()]
        if self._controller is not None:
            waiting.append(self._controller.fileno())
        return waiting

    def accept(self) -> bool:
        """Take a controller that waits; refuse it when there is one already.

        Returns:
            Whether a new controller was taken.
        """
        try:
            stranger, _ = self._listener.accept()
        except OSError:  # it went away again, or nobody waits
            return False
        stranger.setblocking(False)
        if self._controller is None:
            self._controller = stranger
            _log.info("controller connected")
            return True
        _log.warning("a second controller was refused")
        with contextlib.suppress(OSError):
            stranger.send(wire.encode_from_gate(wire.Refused("another controller is connected; stop it first")))
        stranger.close()
        return False

    def receive(self) -> tuple[list[wire.ToGate], bool]:
        """Everything that waits, and whether the controller is gone."""
        messages: list[wire.ToGate] = []
        for _ in range(DRAIN_LIMIT):
            if self._controller is None:
                return messages, False
            try:
                packet = self._controller.recv(wire.MAX_PACKET + 1)
            except BlockingIOError:
                return messages, False
            except OSError:
                packet = b""
            if not packet:
                self._drop_controller()
                return messages, True
            try:
                messages.append(wire.decode_to_gate(packet))
            except wire.InvalidPacket as error:
                self.invalid += 1
                if self.invalid == 1:
                    _log.warning("%s; such packets are counted and dropped", error)
        return messages, False

    def send(self, message: wire.FromGate) -> None:
        """Hand over one packet; a controller that does not read loses it."""
        if self._controller is None:
            return
        try:
            self._controller.send(wire.encode_from_gate(message))
        except BlockingIOError:
            self.dropped += 1
        except OSError:
            self.dropped += 1  # gone: receive() sees the end of the file

    def close(self) -> None:
        """Stop listening and remove the path."""
        self._drop_controller()
        self._listener.close()
        self._path.unlink(missing_ok=True)

    def _drop_controller(self) -> None:
        if self._controller is not None:
            self._controller.close()
            self._controller = None
            _log.info("controller gone")
