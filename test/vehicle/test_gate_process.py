"""The gate as a process, over UDP, judged by what arrives on the wire.

What happens when processes are stopped, hung or killed: ``test/simulation/test_faults_processes.py``.
"""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from gate_rig import Rig, gate, wait_for

from uav_tracker_ros.flight import VehicleMode
from uav_tracker_ros.simulation.child_process import ChildProcess
from uav_tracker_ros.vehicle.link_lock import free_port

pytestmark = pytest.mark.real_time

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


def refused(child: ChildProcess) -> str:
    """The message of a gate that does not start."""
    try:
        assert child.end(15.0) == 1
        return "\n".join(child.lines)
    finally:
        child.kill()


def test_second_gate_is_refused(tmp_path: Path) -> None:
    url = f"udpin://127.0.0.1:{free_port()}"
    first = gate(url, tmp_path)
    try:
        wait_for("the first gate", (tmp_path / "gate.sock").exists, 10.0)
        assert "is owned by another gate" in refused(gate(url, tmp_path))
        # It also says that nobody answers, and ends at once when told.
        wait_for("a word", lambda: "no autopilot answers" in "\n".join(first.lines), 15.0)
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
