"""ROS for tests: a domain of its own for each worker, nodes in this process, nodes in processes of their own.

What runs in real time (marks ``dds`` and ``real_time``) is run again, at most twice, when it failed while the machine
stood still; a failure on a machine that had time is a failure.
"""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "doubles"))

from pause_meter import PauseMeter
from peers import find_peers

DEADLINE_S = 30.0  # for what takes a second on a quiet machine


def pytest_configure(config: pytest.Config) -> None:
    config.pauses = PauseMeter()
    sys.setswitchinterval(0.0005)  # node_main.SWITCH_S, unimported: tests of training run where no ROS is


@pytest.fixture(scope="session")
def peers_dir() -> Path:
    folder = find_peers()
    if folder is None:
        pytest.skip("the peers' weights are not here: set UAV_TRACKER_PEERS to their folder")
    return folder


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    again = pytest.mark.flaky(reruns=2, condition="config.pauses.disturbed")
    for item in items:
        if item.get_closest_marker("dds") or item.get_closest_marker("real_time"):
            item.add_marker(again)


def pytest_runtest_setup(item: pytest.Item) -> None:
    item.config.pauses.begin()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    try:
        return (yield)
    finally:
        item.config.pauses.end()


@pytest.fixture(scope="module", autouse=True)
def _settled_heap() -> None:
    """Collections do not walk through what earlier modules made: half a million objects take half a second."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def ros_environment() -> Iterator[dict[str, str]]:
    """What a node needs in its environment; the domain is locked against every other test run of this host."""
    from uav_tracker_ros.nodes.runner import DomainLock
    from uav_tracker_ros.nodes.runner import ros_environment as environment

    lock = DomainLock()
    base = {name: value for name, value in os.environ.items() if name != "ROS_DOMAIN_ID"}
    yield environment(base, lock.domain_id)
    lock.release()


@pytest.fixture
def until() -> Callable[[Callable[[], object], str], None]:
    """Wait for a condition; fails with what was missing."""

    def wait(condition: Callable[[], object], missing: str) -> None:
        deadline = time.monotonic() + DEADLINE_S
        while not condition():
            assert time.monotonic() < deadline, f"after {DEADLINE_S:g} s: {missing}"
            time.sleep(0.01)

    return wait


@pytest.fixture
def ros(ros_environment, tmp_path, monkeypatch) -> Iterator[Callable]:
    """Start ROS in this process with node arguments, then add nodes; they spin in threads until the test ends."""
    import rclpy
    from rclpy._rclpy_pybind11 import InvalidHandle
    from rclpy.executors import ExternalShutdownException, MultiThreadedExecutor

    for name, value in ros_environment.items():
        if name.startswith(("ROS_", "FAST")):
            monkeypatch.setenv(name, value)
    monkeypatch.setenv("ROS_LOG_DIR", str(tmp_path / "log"))
    nodes, threads, over = [], [], []

    def spin(executor, ended: Future) -> None:
        while rclpy.ok() and not ended.done():
            try:
                executor.spin_until_future_complete(ended)
            except (InvalidHandle, ExternalShutdownException):
                continue

    def add(make, *arguments: str):
        if not rclpy.ok():
            rclpy.init(args=["--ros-args", *arguments] if arguments else [])
        node = make()
        nodes.append(node)
        executor = MultiThreadedExecutor(num_threads=3)
        executor.add_node(node)
        over.append(Future())
        threads.append(threading.Thread(target=spin, args=(executor, over[-1]), daemon=True))
        threads[-1].start()
        return node

    yield add
    # The threads end before what they wait on: rclpy raises whatever it likes out of a wait on something destroyed.
    for ended in over:
        ended.set_result(None)
    for thread in threads:
        thread.join(timeout=DEADLINE_S)
    for node in nodes:
        node.destroy_node()
    rclpy.try_shutdown()


class ChildNode:
    """A node in a process and session of its own; what it says goes to a file."""

    def __init__(self, module: str, arguments: list[str], environment: dict[str, str], log: Path) -> None:
        self._log = log
        with log.open("wb") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", f"uav_tracker_ros.nodes.{module}", "--ros-args", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
            )

    @property
    def text(self) -> str:
        return self._log.read_text(errors="replace")

    def interrupt(self) -> int:
        """SIGINT, as Ctrl-C; the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(DEADLINE_S)

    def wait(self) -> int:
        return self.process.wait(DEADLINE_S)

    def kill(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@pytest.fixture
def start_node(ros_environment, tmp_path) -> Iterator[Callable[..., ChildNode]]:
    """Start ``uav_tracker_ros.nodes.MODULE`` with ROS arguments in its own process; killed at the end of the test."""
    children: list[ChildNode] = []

    def start(module: str, *arguments: str) -> ChildNode:
        environment = {**ros_environment, "ROS_LOG_DIR": str(tmp_path / "log"), "PYTHONUNBUFFERED": "1"}
        log = tmp_path / f"{module}-{len(children)}.log"
        children.append(ChildNode(module, list(arguments), environment, log))
        return children[-1]

    yield start
    for child in children:
        child.kill()
