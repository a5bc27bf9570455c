"""The runner: command lines, environment, and that nothing survives it."""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from uav_tracker_ros.errors import InputUnreadable
from uav_tracker_ros.nodes import runner as runner_module
from uav_tracker_ros.nodes.processes import ProcessSpec
from uav_tracker_ros.nodes.runner import DomainLock, Runner, command_line, ros_environment

pytestmark = pytest.mark.real_time

PACKAGE = "recorded_children"
CHILD = """
import os, pathlib, signal, sys, time
name, folder, mood = sys.argv[1:4]
notes = pathlib.Path(folder)
def note(word):
    with (notes / "order").open("a") as file:
        file.write(f"{name} {word}\\n")
def interrupted(number, frame):
    note("interrupted")
    if mood != "stubborn":
        sys.exit(0)
signal.signal(signal.SIGINT, interrupted)
if mood == "parent":
    import subprocess
    deaf = "import signal, time; signal.signal(2, signal.SIG_IGN); time.sleep(100)"
    grandchild = subprocess.Popen([sys.executable, "-c", deaf])
    (notes / "grandchild").write_text(str(grandchild.pid))
if mood == "short":
    sys.exit(3)
(notes / f"{name}.ready").write_text(str(os.getpid()))
while True:
    time.sleep(100)
"""


@pytest.fixture
def child(tmp_path, monkeypatch):
    """Makes a row that runs a small program; it writes down when it is interrupted."""
    source = tmp_path / "source"
    source.mkdir()
    (source / f"{PACKAGE}.py").write_text(CHILD)
    monkeypatch.setenv("PYTHONPATH", str(source))

    def make(name: str, mood: str = "", stage: int = 0, respawn: bool = False) -> ProcessSpec:
        return ProcessSpec(
            name=name,
            module=PACKAGE,
            executable="",
            is_node=False,
            arguments=(name, str(tmp_path), mood),
            stop_stage=stage,
            respawn=respawn,
        )

    return make


def until(condition, seconds=30.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "condition not met in time"
        time.sleep(0.01)


def alive(pid: int) -> bool:
    """Running and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def ready(folder: Path, *names: str) -> None:
    until(lambda: all((folder / f"{name}.ready").is_file() for name in names))


def test_the_gate_ends_after_the_controller_and_before_the_world(child, tmp_path):
    runner = Runner([child("world", stage=2), child("controller"), child("gate", stage=1)], tmp_path / "log")
    runner.start()
    ready(tmp_path, "world", "controller", "gate")
    assert runner.stop() == {"world": 0, "controller": 0, "gate": 0}
    order = (tmp_path / "order").read_text().split("\n")[:3]
    assert order == ["controller interrupted", "gate interrupted", "world interrupted"]


def test_a_process_that_ignores_the_signal_is_killed(child, tmp_path, monkeypatch):
    monkeypatch.setattr(runner_module, "STOP_TIMEOUT_S", 0.3)
    runner = Runner([child("one", "stubborn")], tmp_path / "log")
    runner.start()
    ready(tmp_path, "one")
    assert runner.stop() == {"one": -signal.SIGKILL}


def test_a_stopped_process_is_ended_too(child, tmp_path):
    runner = Runner([child("one")], tmp_path / "log")
    runner.start()
    ready(tmp_path, "one")
    os.kill(runner.pids()["one"], signal.SIGSTOP)
    assert runner.stop() == {"one": 0}


def test_children_of_children_do_not_stay(child, tmp_path):
    runner = Runner([child("one", "parent")], tmp_path / "log")
    runner.start()
    ready(tmp_path, "one")
    grandchild = int((tmp_path / "grandchild").read_text())
    assert alive(grandchild)
    runner.stop()
    until(lambda: not alive(grandchild))


def test_exit_codes_are_reported_and_a_short_life_is_not_repeated(child, tmp_path):
    runner = Runner([child("one", "short", respawn=True), child("two")], tmp_path / "log")
    runner.start()
    ready(tmp_path, "two")
    until(lambda: runner.poll() == {"one": 3})
    assert list(runner.pids()) == ["two"]
    runner.stop()


def test_a_process_that_lived_is_started_again(child, tmp_path, monkeypatch):
    monkeypatch.setattr(runner_module, "RESPAWN_AFTER_S", 0.0)
    runner = Runner([child("one", respawn=True)], tmp_path / "log")
    runner.start()
    ready(tmp_path, "one")
    first = runner.pids()["one"]
    os.kill(first, signal.SIGKILL)
    until(lambda: not runner.poll() and runner.pids().get("one", first) != first)
    runner.stop()


def test_nothing_is_left_when_one_row_cannot_start(child, tmp_path):
    missing = ProcessSpec(name="two", module="", executable="no-such-program-here")
    runner = Runner([child("one"), missing], tmp_path / "log")
    with pytest.raises(InputUnreadable, match="no-such-program-here is not on PATH"):
        runner.start()
    assert not runner.pids()
    runner.stop()


def test_children_are_interrupted_when_their_runner_is_killed(child, tmp_path):
    spec = child("one")
    code = (
        "import pathlib, time\n"
        "from uav_tracker_ros.nodes.processes import ProcessSpec\n"
        "from uav_tracker_ros.nodes.runner import Runner\n"
        f"Runner([{spec!r}], pathlib.Path({str(tmp_path / 'log')!r})).start()\n"
        "time.sleep(100)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code])
    try:
        ready(tmp_path, "one")
    finally:
        parent.kill()
        parent.wait()
    pid = int((tmp_path / "one.ready").read_text())
    until(lambda: not alive(pid))


def test_two_runners_use_two_domains(tmp_path, monkeypatch):
    monkeypatch.delenv("ROS_DOMAIN_ID", raising=False)
    one, two = Runner([], tmp_path), Runner([], tmp_path)
    assert one.domain_id != two.domain_id
    freed = one.domain_id
    one.stop()
    three = DomainLock()
    assert three.domain_id <= freed
    three.release()
    two.stop()


def test_the_users_domain_is_kept(tmp_path):
    runner = Runner([], tmp_path, {"ROS_DOMAIN_ID": "77"})
    assert runner.domain_id == 77
    runner.stop()


def test_environment_has_the_profile_under_both_names():
    environment = ros_environment({}, domain_id=5)
    assert environment["FASTRTPS_DEFAULT_PROFILES_FILE"] == environment["FASTDDS_DEFAULT_PROFILES_FILE"]
    assert Path(environment["FASTDDS_DEFAULT_PROFILES_FILE"]).is_absolute()
    assert (environment["ROS_DOMAIN_ID"], environment["ROS_AUTOMATIC_DISCOVERY_RANGE"]) == ("5", "LOCALHOST")


HEAPS = """
import threading
import rclpy
thread = threading.Thread(target=bytearray, args=(50_000,))
thread.start()
thread.join()
# A thread's own heap is a reservation of 64 MiB of which nearly all has no access yet.
sizes = [[int(part, 16) for part in line.split()[0].split("-")] for line in open("/proc/self/maps") if "---p" in line]
print(sum(60 << 20 < high - low < 64 << 20 for low, high in sizes))
"""


# Other C libraries have one heap for all threads, and no setting to make it so: nothing to compare.
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc gives threads heaps of their own")
@pytest.mark.parametrize("ours", [True, False])
def test_threads_of_a_node_share_one_heap(ours):
    """Those too that libraries start while they are imported."""
    environment = {name: value for name, value in os.environ.items() if name != "MALLOC_ARENA_MAX"}
    if ours:
        environment = ros_environment(environment)
    done = subprocess.run(
        [sys.executable, "-c", HEAPS], env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    assert (int(done.stdout) == 0) is ours


def test_the_users_number_of_heaps_is_kept():
    assert ros_environment({"MALLOC_ARENA_MAX": "4"})["MALLOC_ARENA_MAX"] == "4"


def test_a_missing_profile_is_an_error():
    with pytest.raises(InputUnreadable, match="expected a Fast DDS profile"):
        ros_environment({"FASTDDS_DEFAULT_PROFILES_FILE": "/nowhere.xml"})


def test_foreign_programs_do_not_inherit_the_wheels_libraries(tmp_path):
    program = tmp_path / "print_environment"
    program.write_text("#!/bin/sh\nenv\n")
    program.chmod(0o755)
    spec = ProcessSpec(name="foreign", module="", executable=str(program), is_node=False)
    runner = Runner([spec], tmp_path / "log", {"LD_LIBRARY_PATH": "/wheels", "_ROS_WHEELS_BOOTSTRAP_COMPLETE": "1"})
    runner.start()
    until(lambda: runner.poll() == {"foreign": 0})
    runner.stop()
    written = runner.log_file("foreign").read_text()
    assert "ROS_DOMAIN_ID=" in written
    assert "LD_LIBRARY_PATH" not in written
    assert "BOOTSTRAP" not in written


def test_command_line_of_a_node():
    spec = ProcessSpec(
        name="tracker",
        module="uav_tracker_ros.nodes.tracker_node",
        executable="tracker_node",
        node_name="tracker",
        namespace="one",
        parameters=(
            ("a", 6.0),
            ("b", "12"),
            ("c", True),
            ("d", "video:x y"),
            ("e", 1e-7),
            ("f", 3),
            ("g", float("nan")),
        ),
        parameter_files=("/base.yaml", "/gpu.yaml"),
        remappings=(("diagnostics", "/diagnostics"),),
        log_level="warn",
    )
    words = command_line(spec)
    assert words[:4] == [sys.executable, "-m", "uav_tracker_ros.nodes.tracker_node", "--ros-args"]
    pairs = list(zip(words[4::2], words[5::2], strict=True))
    assert pairs == [
        ("--log-level", "warn"),
        ("-r", "__node:=tracker"),
        ("-r", "__ns:=/one"),
        ("-r", "diagnostics:=/diagnostics"),
        ("--params-file", "/base.yaml"),
        ("--params-file", "/gpu.yaml"),
        ("-p", "a:=6.0"),
        ("-p", 'b:="12"'),
        ("-p", "c:=true"),
        ("-p", 'd:="video:x y"'),
        ("-p", "e:=1.0e-07"),
        ("-p", "f:=3"),
        ("-p", "g:=.nan"),
    ]


def test_the_gates_command_line_has_no_ros_arguments():
    spec = ProcessSpec(name="gate", module="m", executable="gate", is_node=False, arguments=("--url", "x"))
    assert command_line(spec) == [sys.executable, "-m", "m", "--url", "x"]
