"""Start the rows of the process table without ``ros2 launch``, and end them in the right order.

Every child has its own session, so that a Ctrl-C in the terminal reaches this process alone and
the order of the end is decided here: first what asks the vehicle, then the gate (it brakes and
holds), then the simulated vehicle that the gate needed for that.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import logging
import math
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from uav_tracker_ros.errors import InputUnreadable, UavTrackerError
from uav_tracker_ros.nodes.environment import PROFILE_VARIABLES, node_variables
from uav_tracker_ros.nodes.processes import ProcessSpec, Value

STOP_TIMEOUT_S = 5.0  # the gate needs up to 3 s to see Hold confirmed
RESPAWN_AFTER_S = 10.0  # what dies younger has a reason that starting again does not cure
SAFE_DOMAINS = range(1, 102)  # ports derive from the id; above 101 they meet Linux's ephemeral ports
# Set by the start-up hook of the ROS wheels; another program must not inherit them.
WHEEL_VARIABLES = ("LD_LIBRARY_PATH", "_ROS_WHEELS_BOOTSTRAP_COMPLETE")
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)
_log = logging.getLogger(__name__)


class DomainLock:
    """A ROS domain that no other runner of this host uses, held by a lock file.

    Raises:
        UavTrackerError: every domain is taken.
    """

    def __init__(self) -> None:
        folder = Path(tempfile.gettempdir())
        for number in SAFE_DOMAINS:
            try:
                file = (folder / f"uav_tracker_ros-domain-{number}.lock").open("a")
            except PermissionError:
                continue  # another user's
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.close()
                continue
            self.domain_id = number
            self._file: IO[str] = file
            return
        raise UavTrackerError(
            f"all ROS domains {SAFE_DOMAINS.start} to {SAFE_DOMAINS.stop - 1} are locked in {folder}; "
            "expected a free one: end other runs or set ROS_DOMAIN_ID"
        )

    def release(self) -> None:
        """Let others have the domain."""
        self._file.close()


def ros_environment(base: Mapping[str, str], domain_id: int | None = None) -> dict[str, str]:
    """The environment that every node needs; what the user set is kept.

    Args:
        base: usually ``os.environ``.
        domain_id: used where the user set no ``ROS_DOMAIN_ID``.

    Raises:
        InputUnreadable: the Fast DDS profile is missing (Fast DDS would go on without it and
            lose a third of the images without a word).
    """
    environment = node_variables() | dict(base)
    for name in PROFILE_VARIABLES:
        if not Path(environment[name]).is_file():
            raise InputUnreadable(
                f"{name}={environment[name]} is no file; expected a Fast DDS profile: correct or unset it"
            )
    if domain_id is not None:
        environment.setdefault("ROS_DOMAIN_ID", str(domain_id))
    environment.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    if "_ROS_WHEELS_BOOTSTRAP_COMPLETE" in environment:
        environment.setdefault("AMENT_PREFIX_PATH", sys.prefix)
    return environment


def command_line(spec: ProcessSpec) -> list[str]:
    """The words that start one row.

    Raises:
        InputUnreadable: its program is not on PATH.
    """
    if spec.module:
        words = [sys.executable, "-m", spec.module]
    else:
        program = shutil.which(spec.executable)
        if program is None:
            raise InputUnreadable(
                f"{spec.executable} is not on PATH; expected an installed program: install it or leave it out"
            )
        words = [program]
    words += spec.arguments
    if not spec.is_node:
        return words
    words += ["--ros-args"]
    if spec.log_level:
        words += ["--log-level", spec.log_level]
    if spec.node_name:
        words += ["-r", f"__node:={spec.node_name}"]
    if spec.namespace:
        words += ["-r", f"__ns:=/{spec.namespace}"]
    for source, target in spec.remappings:
        words += ["-r", f"{source}:={target}"]
    for path in spec.parameter_files:
        words += ["--params-file", path]
    for name, value in spec.parameters:
        words += ["-p", f"{name}:={_yaml(value)}"]
    return words


def _yaml(value: Value) -> str:
    """A YAML scalar of the same type: ROS tells 6 from 6.0, and "12" from 12."""
    if isinstance(value, float) and not math.isfinite(value):
        return ".nan" if math.isnan(value) else ".inf" if value > 0 else "-.inf"
    if isinstance(value, float):
        text = repr(value)
        return text if "." in text else text.replace("e", ".0e")
    return json.dumps(value)


class Runner:
    """The processes of one table.

    Call :meth:`start` and :meth:`poll` from a thread that lives as long as the processes shall: when it
    dies (a killed terminal included) the kernel sends every child SIGINT.

    Args:
        specs: the rows, in the order of starting.
        log_dir: gets ``NAME.log`` a process; made if absent.
        environment: over ``os.environ``.
    """

    def __init__(
        self, specs: Sequence[ProcessSpec], log_dir: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        given = {**os.environ, **(environment or {})}
        self._domain = None if given.get("ROS_DOMAIN_ID") else DomainLock()
        self.environment = ros_environment(given, self._domain.domain_id if self._domain else None)
        self.environment["ROS_LOG_DIR"] = str(log_dir)
        self.environment["PYTHONUNBUFFERED"] = "1"
        self._specs = {spec.name: spec for spec in specs}
        self._log_dir = log_dir
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._started: dict[str, float] = {}

    @property
    def domain_id(self) -> int:
        """The ROS domain of the children; a client in this process must use the same."""
        return int(self.environment["ROS_DOMAIN_ID"])

    def log_file(self, name: str) -> Path:
        """Where a process writes."""
        return self._log_dir / f"{name}.log"

    def start(self) -> None:
        """Start every row; what was started is stopped again if one cannot be.

        Raises:
            UavTrackerError: a program is missing or cannot be started.
        """
        self._log_dir.mkdir(parents=True, exist_ok=True)
        commands = {name: command_line(spec) for name, spec in self._specs.items()}
        try:
            for name, words in commands.items():
                self._spawn(name, words)
        except BaseException:
            self.stop()
            raise

    def _spawn(self, name: str, words: list[str]) -> None:
        environment = dict(self.environment)
        if not self._specs[name].module:
            for variable in WHEEL_VARIABLES:
                environment.pop(variable, None)
        with self.log_file(name).open("ab") as log:
            self._children[name] = subprocess.Popen(  # noqa: S603 - words come from the process table
                words,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
                preexec_fn=_interrupt_with_parent,
            )
        self._started[name] = time.monotonic()

    def poll(self) -> dict[str, int]:
        """Exit codes of the processes that ended; rows with ``respawn`` are started again if they had lived."""
        ended: dict[str, int] = {}
        for name, child in list(self._children.items()):
            code = child.poll()
            if code is None:
                continue
            if self._specs[name].respawn and time.monotonic() - self._started[name] > RESPAWN_AFTER_S:
                _log.warning("%s ended with %d and is started again", name, code)
                self._spawn(name, command_line(self._specs[name]))
            else:
                ended[name] = code
        return ended

    def pids(self) -> dict[str, int]:
        """Process ids of what is alive."""
        return {name: child.pid for name, child in self._children.items() if child.poll() is None}

    def stop(self) -> dict[str, int]:
        """End everything, the vehicle held first; returns exit codes. May be called twice."""
        killed = False
        for stage in sorted({spec.stop_stage for spec in self._specs.values()}):
            names = [name for name in self._children if self._specs[name].stop_stage == stage]
            killed |= self._end([self._children[name] for name in names])
        if killed:
            _clean_shared_memory()
        if self._domain is not None:
            self._domain.release()
        return {name: child.wait() for name, child in self._children.items()}

    @staticmethod
    def _end(children: list[subprocess.Popen[bytes]]) -> bool:
        """SIGINT to the groups, SIGKILL to what is left; says whether that was needed."""
        for child in children:
            if child.poll() is None:
                _signal_group(child, signal.SIGCONT)  # a stopped process would not see the next one
                _signal_group(child, signal.SIGINT)
        deadline = time.monotonic() + STOP_TIMEOUT_S
        killed = False
        for child in children:
            try:
                child.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                killed = True
            _signal_group(child, signal.SIGKILL)  # grandchildren of an ended child too
            child.wait()
        return killed


def _signal_group(child: subprocess.Popen[bytes], number: signal.Signals) -> None:
    try:
        os.killpg(child.pid, number)
    except ProcessLookupError:
        return  # the whole group has ended


def _interrupt_with_parent() -> None:
    """In the child, before exec: SIGINT when the parent's thread dies, so that nothing flies on alone."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGINT)


def _clean_shared_memory() -> None:
    """A killed node leaves its shared-memory segment (17 MB with the camera profile)."""
    tool = Path(sys.executable).with_name("fastdds")
    if tool.is_file():
        subprocess.run(  # noqa: S603 - a fixed program of this environment
            [str(tool), "shm", "clean"], stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=20
        )
