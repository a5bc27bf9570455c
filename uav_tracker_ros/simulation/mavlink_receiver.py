"""What the stand-in does with a message, and what it answers: commands, parameters, setpoints, sticks."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from typing import Any

from pymavlink.dialects.v20 import development as mavlink

from uav_tracker_ros.errors import InvalidParameter
from uav_tracker_ros.flight import PX4_MODES, VehicleMode
from uav_tracker_ros.simulation.autopilot import Autopilot
from uav_tracker_ros.simulation.mavlink_streams import Message, TelemetryStreams, height_of_altitude
from uav_tracker_ros.simulation.px4_commander import MavResult
from uav_tracker_ros.simulation.px4_flight_tasks import Sticks
from uav_tracker_ros.simulation.px4_setpoints import PositionTarget

COMPONENT_ID = 1  # MAV_COMP_ID_AUTOPILOT1
FORCE = 21196  # param2 of arm and disarm
PX4_VERSION = 1 << 24 | 16 << 16 | 0 << 8 | 255  # v1.16.0, official release
CAPABILITIES = (
    mavlink.MAV_PROTOCOL_CAPABILITY_PARAM_ENCODE_BYTEWISE
    | mavlink.MAV_PROTOCOL_CAPABILITY_SET_POSITION_TARGET_LOCAL_NED
    | mavlink.MAV_PROTOCOL_CAPABILITY_MAVLINK2
)
_MODE_BY_PARTS = {parts: mode for mode, parts in PX4_MODES.items()}


class MessageReceiver:
    """Acts on messages for this system and returns the answers."""

    def __init__(self, autopilot: Autopilot, streams: TelemetryStreams) -> None:
        self._autopilot = autopilot
        self._streams = streams
        self._handlers: dict[str, Callable[[Any], list[Message]]] = {
            "COMMAND_LONG": self._command,
            "SET_POSITION_TARGET_LOCAL_NED": self._position_target,
            "MANUAL_CONTROL": self._manual_control,
            "PARAM_REQUEST_READ": self._read_parameter,
            "PARAM_REQUEST_LIST": self._list_parameters,
            "PARAM_SET": self._set_parameter,
            "TIMESYNC": self._timesync,
        }
        self._commands: dict[int, Callable[[Any], MavResult]] = {
            mavlink.MAV_CMD_COMPONENT_ARM_DISARM: self._arm,
            mavlink.MAV_CMD_DO_SET_MODE: self._set_mode,
            mavlink.MAV_CMD_NAV_TAKEOFF: self._take_off,
            mavlink.MAV_CMD_NAV_LAND: self._land,
            mavlink.MAV_CMD_NAV_RETURN_TO_LAUNCH: self._return,
            mavlink.MAV_CMD_SET_MESSAGE_INTERVAL: self._set_interval,
        }
        self._requests: dict[int, Callable[[Any], int]] = {
            mavlink.MAV_CMD_REQUEST_MESSAGE: lambda message: int(message.param1),
            mavlink.MAV_CMD_REQUEST_AUTOPILOT_CAPABILITIES: lambda _: mavlink.MAVLINK_MSG_ID_AUTOPILOT_VERSION,
        }

    @property
    def system_id(self) -> int:
        """MAV_SYS_ID."""
        return int(self._autopilot.parameters["MAV_SYS_ID"])

    def handle(self, message: Message) -> list[Message]:
        """Act on one message; the answers go to its sender."""
        handler = self._handlers.get(message.get_type())
        if handler is None:
            return []
        target = getattr(message, "target_system", getattr(message, "target", 0))
        component = getattr(message, "target_component", 0)
        if target not in (0, self.system_id) or component not in (0, COMPONENT_ID):
            return []
        return handler(message)

    def _command(self, message: Any) -> list[Message]:
        number = message.command
        answers: list[Message] = []
        if number in self._requests:
            answer = self._requested(self._requests[number](message))
            result = MavResult.DENIED if answer is None else MavResult.ACCEPTED
            answers = [] if answer is None else [answer]
        elif number == mavlink.MAV_CMD_GET_MESSAGE_INTERVAL:
            result = MavResult.ACCEPTED
            answers = [self._message_interval(int(message.param1))]
        else:
            command = self._commands.get(number)
            result = MavResult.UNSUPPORTED if command is None else command(message)
        sender = (message.get_srcSystem(), message.get_srcComponent())
        return [mavlink.MAVLink_command_ack_message(number, result, 0, 0, *sender), *answers]

    def _requested(self, number: int) -> Message | None:
        if number == mavlink.MAVLINK_MSG_ID_AUTOPILOT_VERSION:
            return mavlink.MAVLink_autopilot_version_message(
                CAPABILITIES, PX4_VERSION, PX4_VERSION, 0, 0, [0] * 8, [0] * 8, [0] * 8, 0, 0, 1
            )
        return self._streams.build(number, self._autopilot.now)

    def _message_interval(self, number: int) -> Message:
        interval = self._streams.interval(number)
        known = {None: 0, math.inf: -1}  # not available, disabled
        microseconds = known[interval] if interval in known else round((interval or 0.0) * 1e6)
        return mavlink.MAVLink_message_interval_message(number, microseconds)

    def _arm(self, message: Any) -> MavResult:
        commander, force = self._autopilot.commander, message.param2 == FORCE
        return commander.arm(force=force) if message.param1 == 1 else commander.disarm(force=force)

    def _set_mode(self, message: Any) -> MavResult:
        if not int(message.param1) & mavlink.MAV_MODE_FLAG_CUSTOM_MODE_ENABLED:
            return MavResult.DENIED
        mode = _MODE_BY_PARTS.get((int(message.param2), int(message.param3)))
        return MavResult.DENIED if mode is None else self._autopilot.request_mode(mode)

    def _take_off(self, message: Any) -> MavResult:
        if math.isnan(message.param7):
            return self._autopilot.take_off()
        return self._autopilot.take_off(height_of_altitude(message.param7, self._autopilot.home_ned))

    def _land(self, _message: Any) -> MavResult:
        return self._autopilot.commander.request_mode(VehicleMode.LAND)

    def _return(self, _message: Any) -> MavResult:
        return self._autopilot.commander.request_mode(VehicleMode.RETURN)

    def _set_interval(self, message: Any) -> MavResult:
        done = self._streams.set_interval(int(message.param1), message.param2)
        return MavResult.ACCEPTED if done else MavResult.FAILED

    def _position_target(self, message: Any) -> list[Message]:
        target = PositionTarget(
            message.coordinate_frame,
            message.type_mask,
            (message.x, message.y, message.z),
            (message.vx, message.vy, message.vz),
            (message.afx, message.afy, message.afz),
            message.yaw,
            message.yaw_rate,
        )
        self._autopilot.receive_position_target(target)
        return []

    def _manual_control(self, message: Any) -> list[Message]:
        sticks = Sticks(message.x / 1000, message.y / 1000, message.z / 500 - 1, message.r / 1000)
        self._autopilot.commander.heard_sticks(sticks)
        return []

    def _read_parameter(self, message: Any) -> list[Message]:
        name = message.param_id
        if message.param_index >= 0:
            names = list(self._autopilot.parameters)
            name = names[message.param_index] if message.param_index < len(names) else ""
        # PX4 says nothing about a parameter that it does not have.
        return [self._parameter(name)] if name in self._autopilot.parameters else []

    def _list_parameters(self, _message: Any) -> list[Message]:
        return [self._parameter(name) for name in self._autopilot.parameters]

    def _set_parameter(self, message: Any) -> list[Message]:
        name = message.param_id
        if name not in self._autopilot.parameters:
            return []
        integer = message.param_type == mavlink.MAV_PARAM_TYPE_INT32
        if integer == isinstance(self._autopilot.parameters[name], int):
            value = struct.unpack("<i", struct.pack("<f", message.param_value))[0] if integer else message.param_value
            try:
                self._autopilot.set_parameter(name, value)
            except InvalidParameter:
                return [self._parameter(name)]  # as PX4: the value that holds is the answer
        return [self._parameter(name)]

    def _parameter(self, name: str) -> Message:
        parameters = self._autopilot.parameters
        value = parameters[name]
        if isinstance(value, int):  # PX4 carries INT32 byte by byte in the float's place
            kind, carried = mavlink.MAV_PARAM_TYPE_INT32, struct.unpack("<f", struct.pack("<i", value))[0]
        else:
            kind, carried = mavlink.MAV_PARAM_TYPE_REAL32, value
        index = list(parameters).index(name)
        return mavlink.MAVLink_param_value_message(name.encode(), carried, kind, len(parameters), index)

    def _timesync(self, message: Any) -> list[Message]:
        if message.tc1 != 0:
            return []
        boot_ns = round(self._autopilot.boot_time(self._autopilot.now) * 1e9)
        return [mavlink.MAVLink_timesync_message(boot_ns, message.ts1)]
