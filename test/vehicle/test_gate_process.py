"""The gate as a process, over UDP, judged by what arrives on the wire."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from gate_rig import Child, Rig, free_port, gate, wait_for

from uav_tracker_ros.flight import VehicleMode
from uav_tracker_ros.vehicle import wire

# Added to every bound: a machine with two busy cores wakes a process late.
LOAD_S = 0.2
TICK_S = 0.02
HOLD, OFFBOARD = (4, 3), (6, 0)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    rig = Rig(tmp_path_factory.mktemp("gate"))
    yield rig
    rig.close()


@pytest.fixture
def rig(shared: Rig) -> Rig:
    """At a steady stream, whatever the test before left behind."""
    shared.stream()
    return shared


def times(sent: list[tuple[float, object]]) -> list[float]:
    return [at for at, _ in sent]


def assert_braked_and_held(rig: Rig, last: float, ramp_within: float, hold_within: float) -> None:
    """From the last packet at full speed: ramp, then Hold, then silence."""
    wait_for("Hold commanded", lambda: rig.tap.modes(last), 3.0)
    wait_for("Hold flown", lambda: rig.mode is VehicleMode.HOLD, 2.0)
    hold = rig.tap.modes(last)[0]
    assert hold[1:] == HOLD
    ramp = rig.tap.setpoints(last)
    speeds = [message.vx for _, message in ramp]
    assert ramp[0][0] - last <= ramp_within + TICK_S + LOAD_S
    assert speeds[0] < 2.0
    assert speeds == sorted(speeds, reverse=True)
    assert hold[0] - last <= hold_within + TICK_S + LOAD_S
    assert rig.intended is VehicleMode.HOLD
    # The ramp goes on until the gate has seen Hold, 0.1 s later at most.
    wait_for("silence", lambda: time.monotonic() - rig.tap.setpoints()[-1][0] > 0.2, 1.0 + LOAD_S)


def assert_silent(rig: Rig, since: float, seconds: float) -> None:
    """No setpoint for a while; the wait is the measurement."""
    wait_for("time", lambda: time.monotonic() - since > seconds, seconds + 1.0)
    assert rig.tap.setpoints(since) == []


def test_entry_and_stream(rig: Rig) -> None:
    sent = rig.tap.setpoints()
    switch = next(mode for mode in rig.tap.modes() if mode[1:] == OFFBOARD)
    before = [at for at in times(sent) if at < switch[0]]
    assert switch[0] - before[0] >= 1.0 - LOAD_S / 10
    assert len(before) >= 25  # of 50; a loaded machine may tick slowly, PX4 wants 2

    start = time.monotonic()
    wait_for("a second of stream", lambda: time.monotonic() - start > 1.0, 2.0)
    stream = rig.tap.setpoints(start)
    assert len(stream) > 25
    assert max(b - a for a, b in pairwise(times(stream))) < 0.06 + LOAD_S
    message = stream[0][1]
    assert (message.coordinate_frame, message.type_mask, message.target_system) == (1, 0x9C7, 1)
    assert (message.get_srcSystem(), message.get_srcComponent()) == (1, 195)
    assert (round(message.vx, 3), message.vy, message.vz, message.yaw) == (2.0, 0.0, 0.0, 0.0)


def test_loads_neither_numpy_nor_ros(rig: Rig) -> None:
    loaded = Path(f"/proc/{rig.gate.process.pid}/maps").read_text()
    assert "libcmavsdk" in loaded
    for library in ("numpy", "rclpy", "cv2"):
        assert library not in loaded


def test_second_controller_is_refused(rig: Rig) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as stranger:
        stranger.settimeout(5.0)
        stranger.connect(rig.socket)
        answer = wire.decode_from_gate(stranger.recv(wire.MAX_PACKET))
        assert isinstance(answer, wire.Refused)
        assert "another controller" in answer.reason
    assert rig.mode is VehicleMode.OFFBOARD


def test_stopped_controller(rig: Rig) -> None:
    rig.controller.send(signal.SIGSTOP)
    stopped = time.monotonic()
    wait_for("Hold commanded", lambda: rig.tap.modes(stopped), 3.0)
    sent = rig.tap.setpoints()
    last = max(at for at, message in sent if message.vx == pytest.approx(2.0))
    assert_braked_and_held(rig, last, 0.25, 0.8)

    resumed = rig.controller.send(signal.SIGCONT)
    assert_silent(rig, resumed, 0.5)  # not one of what it had queued
    assert rig.gate_state() == "SILENT"


@pytest.mark.parametrize("fault", ["spin", "hang"])
def test_controller_that_never_yields(rig: Rig, fault: str) -> None:
    rig.controller.say(fault)
    stopped = time.monotonic()
    wait_for("Hold commanded", lambda: rig.tap.modes(stopped), 3.0)
    last = max(at for at, message in rig.tap.setpoints() if message.vx == pytest.approx(2.0))
    assert_braked_and_held(rig, last, 0.25, 0.8)


def test_killed_controller(rig: Rig) -> None:
    killed = rig.controller.send(signal.SIGKILL)
    wait_for("Hold commanded", lambda: rig.tap.modes(killed), 3.0)
    ramp = [at for at, message in rig.tap.setpoints(killed) if message.vx < 1.99]
    assert ramp[0] - killed <= 0.05 + LOAD_S
    assert_braked_and_held(rig, ramp[0] - 0.001, 0.05, 0.6)
    # A new one starts idle: it reads the gate's state and nothing flies.
    rig.controller.kill()
    restarted = time.monotonic()
    rig.controller = rig.start_controller()
    wait_for("a new controller", lambda: rig.gate_state() == "SILENT", 10.0)
    assert rig.tap.setpoints(restarted) == []


def test_pilot_takes_over(rig: Rig) -> None:
    taken = time.monotonic()
    rig.server.inject("pilot_mode", mode=VehicleMode.HOLD)
    wait_for("the gate sees it", lambda: rig.gate_state() == "TAKEN", 2.0)
    # CURRENT_MODE on change takes 0.1 s at most, the stand-in's radio 0.02 s.
    assert times(rig.tap.setpoints())[-1] - taken <= 0.12 + 0.02 + TICK_S + LOAD_S
    quiet = time.monotonic()
    assert rig.tap.modes(taken) == []

    rig.controller.say("engage")
    assert_silent(rig, quiet, 0.5)
    assert rig.gate_state() == "TAKEN"
    assert "TAKEOVER_LATCHED" in rig.controller.lines[-1]

    wait_for("2 s of calm", lambda: time.monotonic() - taken > 2.3, 3.0)
    rig.controller.say("reset")
    wait_for("cleared", lambda: rig.gate_state() == "SILENT", 2.0)
    assert rig.tap.modes(taken) == []


def test_autopilots_return_finds_no_setpoint(rig: Rig) -> None:
    """The uplink fails, PX4 falls into Hold with OFFBOARD intended; then the uplink is back."""
    rig.server.inject("cut_uplink", seconds=0.9)
    cut = time.monotonic()
    wait_for("PX4's failsafe", lambda: rig.mode is VehicleMode.HOLD, 3.0)
    wait_for("OFFBOARD no longer intended", lambda: rig.intended is VehicleMode.HOLD, 3.0)
    wait_for("the gate sees Hold", lambda: rig.gate_state() == "SILENT", 2.0)
    back = time.monotonic()
    assert rig.tap.modes(cut)[0][1:] == HOLD
    assert_silent(rig, back, 0.5)
    assert rig.mode is VehicleMode.HOLD


def test_stopped_gate_wakes_silent(rig: Rig) -> None:
    rig.gate.send(signal.SIGSTOP)
    wait_for("PX4's failsafe", lambda: rig.mode is VehicleMode.HOLD, 3.0)
    assert rig.intended is VehicleMode.OFFBOARD
    resumed = rig.gate.send(signal.SIGCONT)
    wait_for("Hold", lambda: rig.intended is VehicleMode.HOLD, 3.0)
    assert_silent(rig, resumed, 0.8)


def test_killed_gate_and_its_successor(rig: Rig) -> None:
    killed = rig.gate.send(signal.SIGKILL)
    wait_for("PX4's failsafe", lambda: rig.mode is VehicleMode.HOLD, 3.0)
    assert times(rig.tap.setpoints())[-1] - killed <= 0.05 + LOAD_S  # nothing repeats it
    rig.gate.kill()
    restarted = time.monotonic()
    rig.gate = rig.start_gate()
    wait_for("rule H", lambda: rig.intended is VehicleMode.HOLD, 10.0)
    assert rig.tap.setpoints(restarted) == []
    assert next(mode[1:] for mode in rig.tap.modes(restarted)) == HOLD


def test_terminated_gate_holds_first(rig: Rig) -> None:
    ended = rig.gate.send(signal.SIGTERM)
    assert rig.gate.end(3.0 + 5 * LOAD_S) == 0
    assert rig.mode is VehicleMode.HOLD
    assert rig.tap.modes(ended)[0][1:] == HOLD
    assert [message.vx for _, message in rig.tap.setpoints(ended)][-1] == pytest.approx(0.0, abs=0.3)
    assert "ended in SILENT" in rig.gate.text


def refused(child: Child) -> str:
    """The message of a gate that does not start."""
    try:
        assert child.end(15.0) == 1
        return child.text
    finally:
        child.kill()


def test_second_gate_is_refused(tmp_path: Path) -> None:
    url = f"udpin://127.0.0.1:{free_port()}"
    first = gate(url, tmp_path)
    try:
        wait_for("the first gate", (tmp_path / "gate.sock").exists, 10.0)
        assert "is owned by another gate" in refused(gate(url, tmp_path))
        # It also says that nobody answers, and ends at once when told.
        wait_for("a word", lambda: "no autopilot answers" in first.text, 15.0)
        first.send(signal.SIGINT)
        assert first.end(5.0) == 0
        assert not (tmp_path / "gate.sock").exists()
    finally:
        first.kill()


def test_port_of_another_program_is_refused(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        text = refused(gate(f"udpin://127.0.0.1:{other.getsockname()[1]}", tmp_path))
    assert "is in use by another program" in text


@pytest.mark.parametrize(
    ("url", "says"),
    [
        pytest.param("nonsense", "is no connection URL", id="no_scheme"),
        pytest.param("serial:///dev/does_not_exist:921600", "cannot be opened", id="no_device"),
    ],
)
def test_wrong_url_is_refused(url: str, says: str, tmp_path: Path) -> None:
    text = refused(gate(url, tmp_path))
    assert says in text
    assert "Traceback" not in text
