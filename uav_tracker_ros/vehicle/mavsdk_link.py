"""The link to a real autopilot; with mavsdk_camera.py the only files that import MAVSDK.

MAVSDK's Offboard plugin repeats the last setpoint at 20 Hz for ever, even while Python hangs, so
it is never used: setpoints leave by mavlink_direct, from the gate's loop, once each. All callbacks
run on one thread and starve each other, and a blocking call inside one deadlocks: they stamp and
store. Blocking calls (connecting, parameters) run in a helper thread.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Sequence
from typing import Any

from mavsdk import ComponentType, Configuration, ConnectionResult, LogLevel, Mavsdk, log_subscribe, log_unsubscribe
from mavsdk.plugins.mavlink_direct import MavlinkDirect, MavlinkDirectError, MavlinkMessage
from mavsdk.plugins.param import Param, ParamError, ParamResult

from uav_tracker_ros.errors import VehicleUnreachable
from uav_tracker_ros.flight import Command, Limits, Setpoint, Telemetry, VehicleMode
from uav_tracker_ros.vehicle import preflight
from uav_tracker_ros.vehicle.mavlink_fields import (
    OTHERS,
    STREAMS,
    interval_fields,
    request_fields,
    setpoint_fields,
)
from uav_tracker_ros.vehicle.mavsdk_camera import MavsdkCamera
from uav_tracker_ros.vehicle.vehicle_picture import VehiclePicture

AUTOPILOT_COMPONENT = 1
QUEUE = 4000  # messages; 25 s of them
SEARCH_S = 0.5  # one wait for an autopilot; between two the helper can be ended
SAY_AFTER_S = 3.0
SAY_EVERY_S = 15.0
LOOK_S = 2.0  # how often rates are measured
SLOW_HZ = 20.0  # of attitude: below it is no flying
ENOUGH = 0.7  # share of an asked rate that is not asked for again

_log = logging.getLogger(__name__)


class MavsdkLink:
    """Implements :class:`~uav_tracker_ros.vehicle.contract.Link`."""

    def __init__(self, url: str, limits: Limits, fence_radius: float | None) -> None:
        """Open the connection; the autopilot may appear later.

        Args:
            url: MAVSDK's connection URL.
            limits: the gate's, to compare with the autopilot's parameters.
            fence_radius: the follower's fence, m, if it has one.

        Raises:
            VehicleUnreachable: the URL is malformed or its device cannot be opened.
        """
        self._url = url
        self._limits = limits
        self._fence_radius = fence_radius
        self._queue: deque[tuple[str, str, float]] = deque(maxlen=QUEUE)
        self._counts: Counter[str] = Counter()
        self._callback_since: float | None = None
        self._picture = VehiclePicture()
        self._findings = preflight.Findings(blockers=("PARAM_UNSAFE: the autopilot's parameters are being read",))
        self._gains: tuple[float | None, float | None] = (None, None)
        self._values: dict[str, float] = {}  # parameters, as last read
        self._rate_findings = preflight.Findings()
        self._system_id = 0
        self._direct: MavlinkDirect | None = None
        self._ended = threading.Event()
        self._recheck = threading.Event()
        log_subscribe(_log_line)
        self._mavsdk = Mavsdk(Configuration.create_with_component_type(ComponentType.COMPANION_COMPUTER))
        result = self._mavsdk.add_any_connection(url)
        if result != ConnectionResult.SUCCESS:
            self._mavsdk.destroy()
            log_unsubscribe()
            raise VehicleUnreachable(_refusal(url, result))
        self._helper = threading.Thread(target=self._help, name="link-helper", daemon=True)
        self._helper.start()

    # Called from the gate's loop: nothing here blocks.

    def poll(self) -> Sequence[Telemetry]:
        """What came since the last call, oldest first: one for every attitude."""
        told = []
        for _ in range(len(self._queue)):
            name, text, arrival = self._queue.popleft()
            telemetry = self._picture.hear(name, json.loads(text), arrival)
            if telemetry is not None:
                told.append(telemetry)
        last = self._picture.rest(time.monotonic())
        if last is not None:
            told.append(last)
        return [self._with_findings(telemetry) for telemetry in told]

    def send_setpoint(self, setpoint: Setpoint) -> None:
        """Send once."""
        boot_ms = int(time.monotonic() * 1e3)
        self._send("SET_POSITION_TARGET_LOCAL_NED", setpoint_fields(setpoint, boot_ms, self._system_id))

    def request(self, what: VehicleMode | Command) -> None:
        """Send once; telemetry shows whether it was done."""
        _log.info("asking for %s", what.name)
        self._send("COMMAND_LONG", request_fields(what, self._system_id))

    def recheck(self) -> None:
        """Have the parameters read again, soon and elsewhere."""
        self._recheck.set()

    def callback_since(self) -> float | None:
        """When the callback that is running now was entered, monotonic s; None: none runs."""
        return self._callback_since

    def open_camera(self) -> MavsdkCamera:
        """A camera on this connection that ground stations can select a target on."""
        return MavsdkCamera(self._mavsdk)

    def close(self) -> None:
        """End the connection."""
        self._ended.set()
        self._recheck.set()
        self._helper.join()  # it may be inside MAVSDK, at most for one missing parameter's 3 s
        self._direct = None
        self._mavsdk.destroy()
        log_unsubscribe()

    def _with_findings(self, telemetry: Telemetry) -> Telemetry:
        velocity_gain, yaw_gain = self._gains
        return telemetry._replace(
            blockers=(*self._picture.blockers(), *self._findings.blockers, *self._rate_findings.blockers),
            warnings=(*self._findings.warnings, *self._rate_findings.warnings),
            velocity_gain=velocity_gain,
            yaw_gain=yaw_gain,
        )

    def _send(self, name: str, fields: dict[str, float]) -> None:
        direct = self._direct
        if direct is None:
            return
        message = MavlinkMessage(
            message_name=name,
            system_id=1,
            component_id=int(ComponentType.COMPANION_COMPUTER),
            target_system_id=self._system_id,
            target_component_id=AUTOPILOT_COMPONENT,
            fields_json=json.dumps({"message_name": name, **fields}),
        )
        try:
            direct.send_message(message)
        except MavlinkDirectError as error:
            # The loop goes on: the next setpoint comes in 20 ms, requests are repeated.
            _log.error("%s was not sent: %s", name, error.result.name)

    # Called from MAVSDK's thread: stamp and store.

    def _store(self, message: Any, _user_data: object) -> None:
        self._callback_since = arrival = time.monotonic()
        if message.component_id == AUTOPILOT_COMPONENT:
            self._queue.append((message.message_name, message.fields_json, arrival))
            self._counts[message.message_name] += 1
        self._callback_since = None

    # The helper thread: everything that blocks.

    def _help(self) -> None:
        try:
            system = self._find()
            if system is None:
                return
            self._subscribe(system)
            parameters = Param(system)
            self._read_parameters(parameters)
            while not self._ended.is_set():
                if self._recheck.wait(LOOK_S):
                    self._recheck.clear()
                    self._read_parameters(parameters)
                self._look_at_rates()
        except Exception:  # noqa: BLE001 - the thread's border: without it a fault would only be a silent thread
            if not self._ended.is_set():
                _log.exception("the link's helper failed; engaging stays blocked")
                self._findings = preflight.Findings(blockers=("PARAM_UNSAFE: reading the parameters failed",))

    def _find(self) -> Any:
        begun = said = time.monotonic()
        while not self._ended.is_set():
            system = self._mavsdk.first_autopilot(SEARCH_S)
            if system is not None:
                return system
            now = time.monotonic()
            if now - begun > SAY_AFTER_S and (said == begun or now - said > SAY_EVERY_S):
                said = now
                _log.warning(
                    "no autopilot answers at %s for %.0f s; expected its heartbeat: check that it runs and sends "
                    "there. Still waiting",
                    self._url,
                    now - begun,
                )
        return None

    def _subscribe(self, system: Any) -> None:
        self._system_id = system.get_system_id()
        direct = MavlinkDirect(system)
        for name in (*(stream[0] for stream in STREAMS), *OTHERS):
            direct.subscribe_message(name, self._store)
        self._direct = direct
        _log.info("autopilot found at %s: system %d", self._url, self._system_id)
        for _, message_id, rate in STREAMS:
            self._send("COMMAND_LONG", interval_fields(message_id, rate, self._system_id))

    def _look_at_rates(self) -> None:
        """Measure for a while; ask again for what is slow (the autopilot may have been restarted)."""
        before, begun = Counter(self._counts), time.monotonic()
        if self._ended.wait(LOOK_S):
            return
        seconds = time.monotonic() - begun
        rates = {name: (self._counts[name] - before[name]) / seconds for name, _, _ in STREAMS}
        for name, message_id, wanted in STREAMS:
            if rates[name] < ENOUGH * wanted:
                self._send("COMMAND_LONG", interval_fields(message_id, wanted, self._system_id))
        attitude = rates["ATTITUDE_QUATERNION"]
        text = f"attitude comes at {attitude:.0f} Hz, 50 were asked for; the link is too slow"
        self._rate_findings = preflight.Findings(
            blockers=(f"ATT_STALE: {text}",) if attitude < SLOW_HZ else (),
            warnings=(f"TELEMETRY_SLOW: {text}",) if SLOW_HZ <= attitude < ENOUGH * 50.0 else (),
        )

    def _read_parameters(self, parameters: Param) -> None:
        for name in (*preflight.INTEGERS, *preflight.FLOATS):
            value = _read(parameters, name)  # an unknown name costs 3 s
            if self._ended.is_set():
                return
            if value is not None:
                self._values[name] = value
        found = preflight.check_parameters(self._values, self._limits, self._fence_radius)
        if found != self._findings:
            for text in (*found.blockers, *found.warnings):
                _log.warning("%s", text)
        self._findings = found
        self._gains = (self._values.get(preflight.VELOCITY_GAIN), self._values.get(preflight.YAW_GAIN))


def _read(parameters: Param, name: str) -> float | None:
    readers = [parameters.get_param_int, parameters.get_param_float]
    if name not in preflight.INTEGERS:
        readers.reverse()
    for reader in readers:
        try:
            return float(reader(name))
        except ParamError as error:
            if error.result != ParamResult.WRONG_TYPE:
                return None
    return None


def _refusal(url: str, result: ConnectionResult) -> str:
    if result == ConnectionResult.CONNECTION_URL_INVALID:
        return (
            f"'{url}' is no connection URL; expected udpin://IP:PORT, udpout://IP:PORT, tcpout://IP:PORT or "
            "serial://DEVICE:BAUD: correct it"
        )
    return f"{url} cannot be opened ({result.name}); expected a local address or an existing device: check it"


def _log_line(level: LogLevel, text: str, _file: object, _line: object) -> bool:
    _log.log(logging.WARNING if level == LogLevel.ERROR else logging.DEBUG, "mavsdk: %s", text)
    return True
