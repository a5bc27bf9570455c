"""What arrives at the stand-in and can move it: setpoints and modes, with the moment of their arrival."""

from __future__ import annotations

import socket
import struct
import time
from typing import NamedTuple

from pymavlink.dialects.v20 import development as mavlink

from uav_tracker_ros.flight import VehicleMode, mode_from_custom
from uav_tracker_ros.simulation.mavlink_streams import Message

SO_TIMESTAMPNS = 35  # Linux: the kernel's time of arrival, whatever this process does meanwhile


class OnWire(NamedTuple):
    """One message that arrived at the autopilot."""

    at: float  # s, the stand-in's clock; over UDP the kernel's time of arrival, monotonic s
    velocity_ned: tuple[float, float, float] | None  # m/s of a setpoint; None: not one
    yaw: float = 0.0  # rad, of a setpoint
    mode: VehicleMode | None = None  # that DO_SET_MODE asks for


def on_wire(message: Message, at: float) -> OnWire | None:
    """The record of a message to the autopilot; None for one that moves nothing."""
    kind = message.get_type()
    if kind == "SET_POSITION_TARGET_LOCAL_NED":
        return OnWire(at, (message.vx, message.vy, message.vz), message.yaw)
    if kind == "COMMAND_LONG" and message.command == mavlink.MAV_CMD_DO_SET_MODE:
        custom = int(message.param2) << 16 | int(message.param3) << 24
        return OnWire(at, None, mode=mode_from_custom(custom))
    if kind == "COMMAND_LONG" and message.command == mavlink.MAV_CMD_NAV_LAND:
        return OnWire(at, None, mode=VehicleMode.LAND)
    return None


def stamp_arrivals(link: socket.socket) -> None:
    """Have the kernel note when each datagram arrives."""
    link.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)


def arrival(ancillary: list[tuple[int, int, bytes]]) -> float:
    """The kernel's time of arrival, monotonic s; the present moment where it did not note one."""
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPNS):
            seconds, nanoseconds = struct.unpack("ll", data[:16])
            return float(seconds + nanoseconds * 1e-9 - time.time() + time.monotonic())
    return time.monotonic()
