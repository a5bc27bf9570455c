"""Both ends of the socket in one process: connecting, losing, flooding, refusing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from uav_tracker_ros.errors import VehicleUnreachable
from uav_tracker_ros.flight import Command, Setpoint, Telemetry
from uav_tracker_ros.vehicle import wire
from uav_tracker_ros.vehicle.gate_client import DEPTH, GateClient
from uav_tracker_ros.vehicle.gate_socket import GateSocket

pytestmark = pytest.mark.real_time

SETPOINT = Setpoint((1.0, 2.0, 3.0), 0.5, 100.0, 1)


def wait_for(condition: Callable[[], object], seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "not within the deadline"
        time.sleep(0.005)


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[GateSocket]:
    gate = GateSocket(str(tmp_path / "gate.sock"))
    yield gate
    gate.close()


@pytest.fixture
def client(tmp_path: Path) -> Iterator[GateClient]:
    client = GateClient(tmp_path / "gate.sock")
    yield client
    client.close()


def test_everything_arrives_in_order(gate: GateSocket, client: GateClient) -> None:
    wait_for(gate.accept)
    wait_for(lambda: client.connected)
    client.engage()
    client.send(SETPOINT)
    client.command(Command.LAND)
    client.stop("enough")
    client.reset_takeover()
    messages, gone = gate.receive()
    assert not gone
    assert messages == [
        wire.EngageRequest(),
        SETPOINT,
        wire.CommandRequest(Command.LAND),
        wire.StopRequest("enough"),
        wire.ResetRequest(),
    ]


def test_status_is_merged_into_telemetry(gate: GateSocket, client: GateClient) -> None:
    wait_for(gate.accept)
    gate.send(wire.Status(("A: b",), ("C: d",), 1.8, 2.8))
    gate.send(Telemetry(stamp=1.0))
    gate.send(Telemetry(stamp=2.0))
    told: list[Telemetry] = []
    wait_for(lambda: told.extend(client.poll()) or len(told) == 2)
    assert [telemetry.stamp for telemetry in told] == [1.0, 2.0]
    assert told[1] == Telemetry(stamp=2.0, blockers=("A: b",), warnings=("C: d",), velocity_gain=1.8, yaw_gain=2.8)


def test_nothing_is_kept_for_a_gate_that_is_not_there(tmp_path: Path, client: GateClient) -> None:
    client.engage()
    client.send(SETPOINT)
    assert client.dropped == 2
    assert not client.connected
    gate = GateSocket(str(tmp_path / "gate.sock"))
    try:
        wait_for(gate.accept)
        wait_for(lambda: client.connected)
        assert gate.receive() == ([], False)
    finally:
        gate.close()


def test_reconnects_to_a_new_gate(gate: GateSocket, client: GateClient, tmp_path: Path) -> None:
    wait_for(gate.accept)
    wait_for(lambda: client.connected)
    gate.close()
    wait_for(lambda: not client.connected)
    second = GateSocket(str(tmp_path / "gate.sock"))
    try:
        wait_for(second.accept)
        wait_for(lambda: client.connected)
    finally:
        second.close()


def test_gate_sees_the_end_of_its_controller(gate: GateSocket, tmp_path: Path) -> None:
    client = GateClient(tmp_path / "gate.sock")
    wait_for(gate.accept)
    client.close()
    assert gate.receive() == ([], True)
    assert not gate.connected
    assert gate.receive() == ([], False)


def test_sending_never_blocks(gate: GateSocket, client: GateClient) -> None:
    """The gate does not read: the buffer fills, the rest is dropped and counted."""
    wait_for(gate.accept)
    wait_for(lambda: client.connected)
    sent = 0
    while client.dropped == 0:
        client.send(SETPOINT)
        sent += 1
        assert sent < 100_000
    for _ in range(10):
        client.send(SETPOINT)
    assert client.dropped == 11


def test_telemetry_that_nobody_polls_is_dropped_oldest_first(gate: GateSocket, client: GateClient) -> None:
    wait_for(gate.accept)
    wait_for(lambda: client.connected)
    for index in range(DEPTH + 50):
        before = client.overflowed
        gate.send(Telemetry(stamp=float(index)))
        if index >= DEPTH:
            wait_for(lambda before=before: client.overflowed > before)
    told = client.poll()
    assert [told[0].stamp, told[-1].stamp] == [50.0, DEPTH + 49.0]


def test_second_controller_is_refused_and_may_come_later(gate: GateSocket, tmp_path: Path) -> None:
    first = GateClient(tmp_path / "gate.sock")
    wait_for(gate.accept)
    wait_for(lambda: first.connected)
    second = GateClient(tmp_path / "gate.sock")
    try:
        wait_for(lambda: not gate.accept() and "refused" in second._said)
        first.close()
        wait_for(lambda: gate.receive()[1])
        wait_for(gate.accept)
        wait_for(lambda: second.connected)
    finally:
        second.close()


def test_nonsense_is_counted_and_survived(gate: GateSocket, client: GateClient) -> None:
    wait_for(gate.accept)
    wait_for(lambda: client.connected)
    assert client._socket is not None
    client._socket.send(b"\xff\xfe nonsense")
    client.engage()
    assert gate.receive() == ([wire.EngageRequest()], False)
    assert gate.invalid == 1


def test_socket_of_a_running_gate_is_refused(gate: GateSocket, tmp_path: Path) -> None:
    with pytest.raises(VehicleUnreachable, match="belongs to a running gate"):
        GateSocket(str(tmp_path / "gate.sock"))


@pytest.mark.parametrize(
    ("path", "says"),
    [
        pytest.param("/" + "x" * 200, "too long", id="long"),
        pytest.param("/proc/nowhere/gate.sock", "cannot be made", id="not_writable"),
    ],
)
def test_bad_path(path: str, says: str) -> None:
    with pytest.raises(VehicleUnreachable, match=says):
        GateSocket(path)
