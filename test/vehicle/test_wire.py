"""Packets survive the way there, and nonsense is never more than an InvalidPacket."""

from __future__ import annotations

import contextlib
import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uav_tracker_ros.flight import (
    Attitude,
    Command,
    GateState,
    LocalPosition,
    Setpoint,
    Telemetry,
    VehicleMode,
)
from uav_tracker_ros.vehicle import wire
from uav_tracker_ros.vehicle.camera_tracking import PictureBox, TargetRequest, TargetStatus

TELEMETRY = Telemetry(
    stamp=123456.789012345,
    attitude=Attitude(123456.781234567, (0.7071067811865476, -0.1234567, 0.2345678, -0.6543210), (-0.1, 0.2, -0.3)),
    position=LocalPosition(123456.771234567, (-123.456789, 987.654321, -66.666666), (-5.123456, 4.1, -0.9), 7),
    vehicle_mode=VehicleMode.OFFBOARD,
    intended_mode=VehicleMode.PRECISION_LAND,
    mode_stamp=123456.7,
    failsafe=True,
    armed=True,
    in_air=True,
    battery=0.87,
    gate_state=GateState.STREAMING,
    engagement=1_000_000,
    clock_error=0.001234,
)

TO_GATE = [
    Setpoint((1.0, -2.5, 0.1), -3.1, 1234.5, 7),
    wire.EngageRequest(),
    wire.StopRequest("the operator said so"),
    wire.ResetRequest(),
    wire.CommandRequest(Command.RETURN),
    TargetStatus(PictureBox(0.1, 0.25, 0.30000000000000004, 0.5), 640, 480),
    TargetStatus(None, 0, 0),
]
FROM_GATE = [
    TELEMETRY,
    Telemetry(stamp=0.0),
    wire.Status(("PARAM_UNSAFE: x is 1; expected 2",), ("W: y",), 1.8, None),
    wire.Refused("another controller"),
    TargetRequest(PictureBox(0.5, 0.5, 0.5, 0.5)),
    TargetRequest(None),
]


@pytest.mark.parametrize("message", TO_GATE, ids=lambda m: type(m).__name__)
def test_way_to_the_gate(message: wire.ToGate) -> None:
    packet = wire.encode_to_gate(message)
    assert len(packet) < 1024
    back = wire.decode_to_gate(packet)
    assert type(back) is type(message)
    assert back == message


@pytest.mark.parametrize("message", FROM_GATE, ids=lambda m: type(m).__name__)
def test_way_from_the_gate(message: wire.FromGate) -> None:
    back = wire.decode_from_gate(wire.encode_from_gate(message))
    assert type(back) is type(message)
    assert back == message


def test_telemetry_is_a_small_packet() -> None:
    assert len(wire.encode_from_gate(TELEMETRY)) < 1024


def test_not_a_number_arrives_for_the_gate_to_judge() -> None:
    setpoint = wire.decode_to_gate(wire.encode_to_gate(Setpoint((math.nan, math.inf, 0.0), 0.0, 1.0, 1)))
    assert isinstance(setpoint, Setpoint)
    assert math.isnan(setpoint.velocity_ned[0])
    assert math.isinf(setpoint.velocity_ned[1])


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)
kinds = st.sampled_from(["setpoint", "engage", "stop", "reset_takeover", "command", "telemetry", "status", "refused"])
names = st.sampled_from(
    ["v", "yaw", "until", "n", "reason", "command", "t", "att", "pos", "mode", "flags", "bat", "gate", "clock"]
)


def decode_all(packet: bytes) -> None:
    for decode in (wire.decode_to_gate, wire.decode_from_gate):
        with contextlib.suppress(wire.InvalidPacket):
            decode(packet)


@settings(max_examples=120, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes(packet: bytes) -> None:
    decode_all(packet)


@settings(max_examples=120, deadline=None)
@given(kinds, st.dictionaries(names, values, max_size=8))
def test_any_fields(kind: str, fields: dict[str, object]) -> None:
    decode_all(json.dumps({"k": kind, **fields}).encode())


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(TO_GATE + FROM_GATE), st.data())
def test_one_field_is_wrong(message: wire.ToGate | wire.FromGate, data: st.DataObject) -> None:
    to_gate = message in TO_GATE
    packet = wire.encode_to_gate(message) if to_gate else wire.encode_from_gate(message)  # type: ignore[arg-type]
    fields = json.loads(packet)
    fields[data.draw(st.sampled_from(sorted(fields)))] = data.draw(values)
    decode_all(json.dumps(fields).encode())


@pytest.mark.parametrize(
    "packet",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"[]", id="list"),
        pytest.param(b'{"k":"fly"}', id="unknown_kind"),
        pytest.param(b'{"k":"setpoint","v":[1,2],"yaw":0,"until":1,"n":1}', id="two_numbers"),
        pytest.param(b'{"k":"setpoint","v":[1,2,3],"yaw":0,"until":1,"n":1.5}', id="fraction"),
        pytest.param(b'{"k":"setpoint","v":[1,2,true],"yaw":0,"until":1,"n":1}', id="boolean"),
        pytest.param(b'{"k":"command","command":99}', id="unknown_command"),
        pytest.param(b"[" * 10000, id="deep"),
        pytest.param(b'{"k":"engage","x":"' + b"x" * 20000 + b'"}', id="long"),
    ],
)
def test_no_packet(packet: bytes) -> None:
    with pytest.raises(wire.InvalidPacket):
        wire.decode_to_gate(packet)
