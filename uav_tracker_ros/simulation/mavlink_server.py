"""The stand-in autopilot on the wire: MAVLink 2 over UDP, in real time, in one thread.

Use::

    with MavlinkServer(Autopilot(AutopilotSettings()), "127.0.0.1", 14540) as server:
        server.inject("battery", level=0.1)
        server.truth_at(time.monotonic())
"""

from __future__ import annotations

import logging
import selectors
import socket
import threading
import time
from collections import deque
from types import TracebackType

from pymavlink.dialects.v20 import development as mavlink

from uav_tracker_ros.errors import VehicleUnreachable
from uav_tracker_ros.flight import VehicleMode
from uav_tracker_ros.simulation.autopilot import Autopilot
from uav_tracker_ros.simulation.mavlink_receiver import COMPONENT_ID, MessageReceiver
from uav_tracker_ros.simulation.mavlink_record import OnWire, arrival, on_wire, stamp_arrivals
from uav_tracker_ros.simulation.mavlink_streams import Message, TelemetryStreams
from uav_tracker_ros.simulation.px4_commander import Severity
from uav_tracker_ros.simulation.truth import VehicleTruth

TEXT_LENGTH = 50  # characters of one STATUSTEXT; longer ones go in chunks
LONGEST_SLEEP_S = 0.05
WIRE_DEPTH = 20_000  # records kept; more than five minutes of setpoints
Address = tuple[str, int]

_log = logging.getLogger(__name__)


class MavlinkServer:
    """One vehicle that sends to one companion and answers whoever writes to it."""

    def __init__(self, autopilot: Autopilot, target_host: str, target_port: int) -> None:
        """Args: where the companion listens (MAVSDK: ``udpin://HOST:PORT``)."""
        self._autopilot = autopilot
        self._target: Address = (target_host, target_port)
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._socket: socket.socket | None = None
        self._stopping = threading.Event()
        self._wake_reader, self._wake_writer = socket.socketpair()
        self._text_number = 0
        self._reboots = 0
        self._wire: deque[OnWire] = deque(maxlen=WIRE_DEPTH)

    def __enter__(self) -> MavlinkServer:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def address(self) -> Address:
        """Where this vehicle can be written to; known after ``start``."""
        if self._socket is None:
            raise VehicleUnreachable("the stand-in autopilot has no address: it is not running; call start() first")
        host, port = self._socket.getsockname()
        return str(host), int(port)

    def start(self) -> None:
        """Open the socket and fly.

        Raises:
            VehicleUnreachable: the target's address cannot be used.
        """
        host, port = self._target
        try:
            if not 1 <= port <= 65535:
                raise OSError("no such port")
            socket.getaddrinfo(host, port, family=socket.AF_INET, type=socket.SOCK_DGRAM)
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self._socket.bind(("127.0.0.1" if host in ("127.0.0.1", "localhost") else "", 0))
        except OSError as error:
            raise VehicleUnreachable(
                f"the stand-in autopilot cannot send to {host}:{port} ({error}); "
                "an IPv4 address and a port of 1 to 65535 were expected; change them"
            ) from error
        self._socket.setblocking(False)
        stamp_arrivals(self._socket)
        self._parser, self._packer = mavlink.MAVLink(None), mavlink.MAVLink(None, COMPONENT_ID, COMPONENT_ID)
        self._parser.robust_parsing = True
        self._autopilot.step(time.monotonic())
        self._streams = TelemetryStreams(self._autopilot)
        self._receiver = MessageReceiver(self._autopilot, self._streams)
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, name="stand-in autopilot", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread and close the socket; safe to call twice."""
        self._stopping.set()
        if self._thread is not None:
            self._wake_writer.send(b"\0")
            self._thread.join()
            self._thread = None
            self._wake_reader.recv(1)
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def wire(self) -> list[OnWire]:
        """Setpoints and modes that arrived, oldest first."""
        with self._lock:
            return list(self._wire)

    def shown_since(self, mode: VehicleMode, since: float) -> float:
        """When this mode began to be flown after ``since`` (monotonic s, of the last 2 s); inf: not yet."""
        with self._lock:
            return self._autopilot.mode_since(mode, since)

    def truth_at(self, monotonic_s: float) -> VehicleTruth:
        """The vehicle as it really was at ``monotonic_s``, from the last 2 s."""
        with self._lock:
            if monotonic_s > self._autopilot.now:
                self._autopilot.step(min(monotonic_s, time.monotonic()))
            return self._autopilot.truth_at(monotonic_s)

    def inject(self, fault_name: str, **arguments: object) -> None:
        """Let a scripted fault of ``simulation/faults.py`` happen now."""
        with self._lock:
            self._autopilot.inject(fault_name, **arguments)

    def _run(self) -> None:
        assert self._socket is not None  # noqa: S101 - start() made it; narrows the type
        with selectors.DefaultSelector() as selector:
            selector.register(self._socket, selectors.EVENT_READ)
            selector.register(self._wake_reader, selectors.EVENT_READ)
            while not self._stopping.is_set():
                with self._lock:
                    now = time.monotonic()
                    self._autopilot.step(now)
                    self._receive(self._socket)
                    self._transmit(self._socket, now)
                    sleep = self._streams.next_due - time.monotonic()
                selector.select(max(0.0, min(LONGEST_SLEEP_S, sleep)))

    def _receive(self, link: socket.socket) -> None:
        while True:
            try:
                packet, ancillary, _, sender = link.recvmsg(2048, 64)
            except (BlockingIOError, ConnectionError):
                return
            if not self._autopilot.faults.uplink_open:
                continue
            for message in self._parser.parse_buffer(packet) or ():
                if message.get_type() == "BAD_DATA":
                    _log.debug("bad data from %s", sender)
                    continue
                record = on_wire(message, arrival(ancillary))
                if record is not None:
                    self._wire.append(record)
                self._send(link, self._receiver.handle(message), sender)

    def _transmit(self, link: socket.socket, now: float) -> None:
        if self._autopilot.faults.reboots != self._reboots:
            self._reboots = self._autopilot.faults.reboots
            self._streams.restart(now)
        self._send(link, list(self._streams.due(now)), self._target)
        for severity, text in self._autopilot.take_texts():
            self._send(link, self._text_chunks(severity, text), self._target)

    def _send(self, link: socket.socket, messages: list[Message], to: Address) -> None:
        if not messages or not self._autopilot.faults.downlink_open:
            return
        self._packer.srcSystem = self._receiver.system_id
        for message in messages:
            packet = message.pack(self._packer)
            self._packer.seq = (self._packer.seq + 1) % 256
            try:
                link.sendto(packet, to)
            except (BlockingIOError, ConnectionError) as error:
                _log.debug("not sent to %s: %s", to, error)  # as a radio: what cannot go out is lost

    def _text_chunks(self, severity: Severity, text: str) -> list[Message]:
        pieces = [text[i : i + TEXT_LENGTH].encode() for i in range(0, len(text), TEXT_LENGTH)]
        number = 0
        if len(pieces) > 1:
            self._text_number = self._text_number % 0xFFFF + 1
            number = self._text_number
        return [mavlink.MAVLink_statustext_message(severity, piece, number, i) for i, piece in enumerate(pieces)]
