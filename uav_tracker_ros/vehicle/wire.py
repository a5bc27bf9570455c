"""The packets between controller and gate: JSON objects over a Unix SEQPACKET socket.

One packet is one message; ``k`` is its kind. To the gate: setpoint, engage, stop,
reset_takeover, command, tracked. From it: telemetry (50 Hz, below 1 kB), status (the texts, on
change and at 2 Hz), pointed and refused. What does not parse is an :class:`InvalidPacket`, never another exception.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from uav_tracker_ros.flight import (
    Attitude,
    Command,
    GateState,
    LocalPosition,
    Setpoint,
    Telemetry,
    VehicleMode,
)
from uav_tracker_ros.vehicle.camera_tracking import PictureBox, TargetRequest, TargetStatus

MAX_PACKET = 16384  # bytes; a status with a sentence for every wrong parameter


class InvalidPacket(ValueError):
    """Bytes that are no packet of this protocol."""


class EngageRequest(NamedTuple):
    """Ask to fly."""


class StopRequest(NamedTuple):
    """Brake, then Hold."""

    reason: str


class ResetRequest(NamedTuple):
    """The operator clears a take-over."""


class CommandRequest(NamedTuple):
    """Land, return, arm or take off."""

    command: Command


class Status(NamedTuple):
    """What changes rarely: the gate's texts and the autopilot's gains."""

    blockers: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    velocity_gain: float | None = None
    yaw_gain: float | None = None


class Refused(NamedTuple):
    """The gate does not talk to this controller."""

    reason: str


ToGate = Setpoint | EngageRequest | StopRequest | ResetRequest | CommandRequest | TargetStatus
FromGate = Telemetry | Status | TargetRequest | Refused


def encode_to_gate(message: ToGate) -> bytes:
    """One packet for the gate."""
    if isinstance(message, Setpoint):
        return _dump(
            {
                "k": "setpoint",
                "v": message.velocity_ned,
                "yaw": message.yaw_ned,
                "until": message.valid_until,
                "n": message.engagement,
            }
        )
    if isinstance(message, StopRequest):
        return _dump({"k": "stop", "reason": message.reason[:500]})
    if isinstance(message, CommandRequest):
        return _dump({"k": "command", "command": int(message.command)})
    if isinstance(message, TargetStatus):
        return _dump({"k": "tracked", "box": message.box, "size": [message.width, message.height]})
    return _dump({"k": "engage" if isinstance(message, EngageRequest) else "reset_takeover"})


def decode_to_gate(packet: bytes) -> ToGate:
    """The message in a packet from the controller.

    Raises:
        InvalidPacket: it is none. NaN and infinity parse; the gate judges them.
    """
    fields = _load(packet)
    kind = fields.get("k")
    try:
        if kind == "setpoint":
            return Setpoint(
                velocity_ned=_vector(fields["v"]),
                yaw_ned=_number(fields["yaw"]),
                valid_until=_number(fields["until"]),
                engagement=_integer(fields["n"]),
            )
        if kind == "stop":
            return StopRequest(_text(fields["reason"]))
        if kind == "command":
            return CommandRequest(Command(_integer(fields["command"])))
        if kind == "tracked":
            width, height = _items(fields["size"])
            return TargetStatus(_picture_box(fields["box"]), _integer(width), _integer(height))
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InvalidPacket(f"packet '{kind}' does not parse: {error}") from error
    if kind == "engage":
        return EngageRequest()
    if kind == "reset_takeover":
        return ResetRequest()
    raise InvalidPacket(f"packet of unknown kind {kind!r}")


def encode_from_gate(message: FromGate) -> bytes:
    """One packet for the controller."""
    if isinstance(message, Refused):
        return _dump({"k": "refused", "reason": message.reason})
    if isinstance(message, Status):
        return _dump(
            {
                "k": "status",
                "blockers": message.blockers,
                "warnings": message.warnings,
                "velocity_gain": message.velocity_gain,
                "yaw_gain": message.yaw_gain,
            }
        )
    if isinstance(message, TargetRequest):
        return _dump({"k": "pointed", "box": message.box})
    return _dump(
        {
            "k": "telemetry",
            "t": message.stamp,
            "att": message.attitude,
            "pos": message.position,
            "mode": [message.vehicle_mode, message.intended_mode, _or_none(message.mode_stamp)],
            "flags": [message.failsafe, message.armed, message.in_air],
            "bat": message.battery,
            "gate": [message.gate_state, message.engagement],
            "clock": message.clock_error,
        }
    )


def decode_from_gate(packet: bytes) -> FromGate:
    """The message in a packet from the gate; a Telemetry comes without the texts of Status.

    Raises:
        InvalidPacket: it is none.
    """
    fields = _load(packet)
    kind = fields.get("k")
    try:
        if kind == "telemetry":
            return _telemetry(fields)
        if kind == "status":
            return Status(
                blockers=tuple(_text(text) for text in fields["blockers"]),
                warnings=tuple(_text(text) for text in fields["warnings"]),
                velocity_gain=_optional(fields["velocity_gain"]),
                yaw_gain=_optional(fields["yaw_gain"]),
            )
        if kind == "pointed":
            return TargetRequest(_picture_box(fields["box"]))
        if kind == "refused":
            return Refused(_text(fields["reason"]))
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InvalidPacket(f"packet '{kind}' does not parse: {error}") from error
    raise InvalidPacket(f"packet of unknown kind {kind!r}")


def _telemetry(fields: dict[str, Any]) -> Telemetry:
    mode, intended, mode_stamp = fields["mode"]
    failsafe, armed, in_air = fields["flags"]
    state, engagement = fields["gate"]
    attitude, position = fields["att"], fields["pos"]
    return Telemetry(
        stamp=_number(fields["t"]),
        attitude=None if attitude is None else _attitude(*attitude),
        position=None if position is None else _position(*position),
        vehicle_mode=VehicleMode(_integer(mode)),
        intended_mode=VehicleMode(_integer(intended)),
        mode_stamp=float("-inf") if mode_stamp is None else _number(mode_stamp),
        failsafe=bool(failsafe),
        armed=bool(armed),
        in_air=bool(in_air),
        battery=_optional(fields["bat"]),
        gate_state=GateState(_integer(state)),
        engagement=_integer(engagement),
        clock_error=_optional(fields["clock"]),
    )


def _picture_box(value: object) -> PictureBox | None:
    return None if value is None else PictureBox(*(_number(item) for item in _items(value)))


def _attitude(stamp: object, quaternion: object, rates: object) -> Attitude:
    w, x, y, z = (_number(value) for value in _items(quaternion))
    return Attitude(_number(stamp), (w, x, y, z), _vector(rates))


def _position(stamp: object, position: object, velocity: object, resets: object) -> LocalPosition:
    return LocalPosition(_number(stamp), _vector(position), _vector(velocity), _integer(resets))


def _dump(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields, separators=(",", ":")).encode()


def _load(packet: bytes) -> dict[str, Any]:
    if len(packet) > MAX_PACKET:
        raise InvalidPacket(f"packet of {len(packet)} bytes; at most {MAX_PACKET} are read")
    try:
        fields = json.loads(packet)
    except (ValueError, RecursionError) as error:
        raise InvalidPacket(f"packet is no JSON: {error}") from error
    if not isinstance(fields, dict):
        raise InvalidPacket(f"packet is a {type(fields).__name__}; expected an object")
    return fields


def _items(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(f"expected a list, found {type(value).__name__}")
    return value


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"expected a number, found {type(value).__name__}")
    return float(value)


def _integer(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"expected an integer, found {type(value).__name__}")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected a text, found {type(value).__name__}")
    return value


def _optional(value: object) -> float | None:
    return None if value is None else _number(value)


def _or_none(value: float) -> float | None:
    return None if value == float("-inf") else value


def _vector(value: object) -> tuple[float, float, float]:
    x, y, z = (_number(item) for item in _items(value))
    return (x, y, z)
