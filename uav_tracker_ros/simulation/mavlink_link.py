"""The stand-in as the gate's link, stepped, with real MAVLink bytes in both directions.

What ``mavlink_server.py`` and MAVSDK do over UDP in real time happens here in the caller's time: messages are
packed and parsed, the gate's own reading of them (``vehicle_picture.py``) makes the telemetry, and what
goes to the autopilot is written down with the stand-in's clock. Nothing depends on the machine's load.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Sequence
from typing import Any

from pymavlink.dialects.v20 import development as mavlink

from uav_tracker_ros.flight import Command, Limits, Setpoint, Telemetry, VehicleMode
from uav_tracker_ros.simulation.autopilot import Autopilot
from uav_tracker_ros.simulation.mavlink_receiver import COMPONENT_ID, MessageReceiver
from uav_tracker_ros.simulation.mavlink_record import OnWire, on_wire
from uav_tracker_ros.simulation.mavlink_streams import Message, TelemetryStreams
from uav_tracker_ros.vehicle import preflight
from uav_tracker_ros.vehicle.mavlink_fields import OTHERS, STREAMS, interval_fields, request_fields, setpoint_fields
from uav_tracker_ros.vehicle.vehicle_picture import VehiclePicture

COMPANION_ID = 195  # MAV_COMP_ID_PATHPLANNER, what MAVSDK sends as
LOOK_S = 1.0  # s between two looks at parameters and rates
_HEARD = frozenset(name for name, _, _ in STREAMS) | frozenset(OTHERS) | {"PARAM_VALUE"}

# The two ends of the wire; they keep nothing that a flight would miss, so that a flight can be copied.
_DOWN, _UP = mavlink.MAVLink(None, COMPONENT_ID, COMPONENT_ID), mavlink.MAVLink(None, 1, COMPANION_ID)


class MavlinkLink:
    """Implements :class:`~uav_tracker_ros.vehicle.contract.Link` on a stepped autopilot, by bytes.

    Args:
        autopilot: stepped once already; the caller goes on stepping it.
        limits: of the gate, to check the autopilot's parameters against.
        fence_radius: of the gate, m.
    """

    def __init__(self, autopilot: Autopilot, limits: Limits | None = None, fence_radius: float | None = None) -> None:
        self._autopilot = autopilot
        self._limits = limits or Limits()
        self._fence_radius = fence_radius
        self._streams = TelemetryStreams(autopilot)
        self._receiver = MessageReceiver(autopilot, self._streams)
        self._picture = VehiclePicture()
        self._parameters: dict[str, float] = {}
        self._findings = preflight.Findings(blockers=("PARAM_UNSAFE: the autopilot's parameters are being read",))
        self._answers: list[Message] = []
        self._look_at = float("-inf")
        self._reboots = 0
        self.wire: list[OnWire] = []

    def poll(self) -> Sequence[Telemetry]:
        """What arrived up to the autopilot's present moment, oldest first."""
        now = self._autopilot.now
        if self._autopilot.faults.reboots != self._reboots:
            self._reboots = self._autopilot.faults.reboots
            self._streams.restart(now)
        if now - self._look_at >= LOOK_S:
            self._look_at = now
            self._look()
        answers, self._answers = self._answers, []
        told = []
        for message in itertools.chain(answers, self._streams.due(now)):
            if message.get_type() not in _HEARD or not self._autopilot.faults.downlink_open:
                continue
            fields = _over(message, _DOWN).to_dict()
            if "param_id" in fields:
                self._take_parameter(fields)
                continue
            telemetry = self._picture.hear(message.get_type(), fields, now)
            if telemetry is not None:
                told.append(telemetry)
        last = self._picture.rest(now)
        if last is not None:
            told.append(last)
        return [self._with_findings(telemetry) for telemetry in told]

    def send_setpoint(self, setpoint: Setpoint) -> None:
        """One SET_POSITION_TARGET_LOCAL_NED."""
        boot_ms = int(self._autopilot.now * 1e3)
        fields = setpoint_fields(setpoint, boot_ms, self._receiver.system_id)
        self._send(mavlink.MAVLink_set_position_target_local_ned_message(**fields))

    def request(self, what: VehicleMode | Command) -> None:
        """One COMMAND_LONG."""
        self._send(mavlink.MAVLink_command_long_message(**request_fields(what, self._receiver.system_id)))

    def _look(self) -> None:
        """As the helper thread of the real link: ask for rates, read parameters."""
        system = self._receiver.system_id
        for _, number, rate in STREAMS:
            self._send(mavlink.MAVLink_command_long_message(**interval_fields(number, rate, system)))
        for name in (*preflight.INTEGERS, *preflight.FLOATS):
            self._send(mavlink.MAVLink_param_request_read_message(system, COMPONENT_ID, name.encode(), -1))

    def _take_parameter(self, fields: dict[str, Any]) -> None:
        value = fields["param_value"]
        if fields["param_type"] == mavlink.MAV_PARAM_TYPE_INT32:
            value = struct.unpack("<i", struct.pack("<f", value))[0]
        self._parameters[fields["param_id"]] = float(value)
        if len(self._parameters) == len(preflight.INTEGERS) + len(preflight.FLOATS):
            self._findings = preflight.check_parameters(self._parameters, self._limits, self._fence_radius)

    def _with_findings(self, telemetry: Telemetry) -> Telemetry:
        return telemetry._replace(
            blockers=(*self._picture.blockers(), *self._findings.blockers),
            warnings=self._findings.warnings,
            velocity_gain=self._parameters.get(preflight.VELOCITY_GAIN),
            yaw_gain=self._parameters.get(preflight.YAW_GAIN),
        )

    def _send(self, message: Message) -> None:
        arrived = _over(message, _UP)
        if not self._autopilot.faults.uplink_open:
            return
        record = on_wire(arrived, self._autopilot.now)
        if record is not None:
            self.wire.append(record)
        self._answers += self._receiver.handle(arrived)


def _over(message: Message, end: Any) -> Message:
    """The message as it comes out at the other end of a wire."""
    packet = message.pack(end)
    end.seq = (end.seq + 1) % 256
    return end.decode(bytearray(packet))
