"""Faults of the ROS nodes: the processes that fly, over DDS and UDP, measured where the stand-in listens.

In real time. What the machine's load adds is taken out: the time that gate and controller were ready to run and did
not, as the kernel tells it (``/proc/PID/task/*/schedstat``).
"""

from __future__ import annotations

import contextlib
import functools
import math
import os
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path

from uav_tracker_ros.cli.follow_session import SHARED_VARIABLES
from uav_tracker_ros.errors import UavTrackerError
from uav_tracker_ros.flight import VehicleMode
from uav_tracker_ros.following.report import FollowPhase, Goal
from uav_tracker_ros.geometry import Box
from uav_tracker_ros.nodes.client import FollowerClient, GoalEnd
from uav_tracker_ros.nodes.launch_options import LaunchOptions
from uav_tracker_ros.nodes.processes import process_table
from uav_tracker_ros.nodes.runner import Runner
from uav_tracker_ros.simulation import fault_rows as marks
from uav_tracker_ros.simulation.autopilot import Autopilot, AutopilotSettings
from uav_tracker_ros.simulation.fault_rows import FaultResult
from uav_tracker_ros.simulation.mavlink_record import OnWire
from uav_tracker_ros.simulation.mavlink_server import MavlinkServer
from uav_tracker_ros.vehicle.link_lock import free_port

READY_S = 40.0  # on a loaded machine
SELECT_AGAIN_S = 6.0  # READY comes 1 to 2 s after the box; later than this the target was lost again
REACTION_S = 8.0
HEIGHT = 11.0  # m; the vehicle starts at 6 m and climbs through all flights
CLIMB = 0.3  # m/s, the limit; a fault waits until it is reached, so that the climb grows no more and its end is plain
Mark = Callable[[Sequence[OnWire], float], float]


class TopicRig:
    """World, tracker, controller and gate as processes; stand-in and operator in this one."""

    def __init__(self, folder: Path) -> None:
        port = free_port()
        autopilot = Autopilot(AutopilotSettings(position_ned=(0.0, 0.0, -6.0), gust=0.0, noise=0.2))
        self._server = MavlinkServer(autopilot, "127.0.0.1", port)
        self._autopilot = autopilot
        options = LaunchOptions(
            record="off",
            vehicle=f"udpin://127.0.0.1:{port}",
            camera_source="sim",
            scenario="stand",
            wait_for_start=True,
            tracker="kcf",
            # Few pixels at half the rate: the faults are the same, and a busy machine carries them.
            image_width=480,
            image_height=360,
            rate_hz=12.0,
            mode="follow",
            distance=14.0,
            height=HEIGHT,
            max_speed_z=CLIMB,
            coast_full=0.0,
            coast_max=1.0,
            search_max=1.0,
            fence_radius=1000.0,
            allow_engage=True,
            gate_socket=str(folder / "gate.sock"),
        )
        self._runner = Runner(process_table(options), folder / "log")
        self.latency = math.nan  # s, from exposure to controller, before the fault

    @contextlib.contextmanager
    def running(self) -> Iterator[FollowerClient]:
        """Everything started; everything ended afterwards."""
        os.environ.update({name: self._runner.environment[name] for name in SHARED_VARIABLES})
        self._server.start()
        try:
            self._runner.start()
            with FollowerClient(domain_id=self._runner.domain_id) as client:
                yield client
        finally:
            self._runner.stop()
            self._server.stop()

    def pid(self, name: str) -> int:
        """Of a running process."""
        return self._runner.pids()[name]

    @property
    def wire(self) -> list[OnWire]:
        """What arrived at the stand-in."""
        return self._server.wire()

    def fly(self, client: FollowerClient) -> None:
        """Select, engage, climb."""
        self._runner.poll()  # a tracker that was killed is started again
        self._wait(client, "the vehicle", lambda: client.state is not None and client.state.vehicle_mode == "HOLD")
        client.image = client.truth = None  # pictures from before the world stood before the vehicle
        self._wait(client, "a picture", lambda: client.truth is not None)
        deadline = time.monotonic() + 2 * READY_S
        while True:
            self._wait(client, "a selection", lambda: self._selected(client))
            ready = client.wait_for(lambda _client: client.phase is FollowPhase.READY, SELECT_AGAIN_S)
            if not ready and time.monotonic() < deadline:
                continue  # kcf sometimes loses what it was just given; an operator would point again
            self._wait(client, "READY", lambda: client.phase is FollowPhase.READY)
            end = client.follow(Goal())
            self._wait(client, "a flight", functools.partial(self._has_begun, end))
            if not end.done():
                break
            # Once more: on a busy machine the controller notices that it slept, and ends the flight.
            if time.monotonic() > deadline:
                raise UavTrackerError(f"the flight to break ended: {end.result()}; expected it to begin: try again")
        self.latency = float(client.state.latency) if client.state is not None else math.nan

    def _has_begun(self, end: Future[GoalEnd]) -> bool:
        return end.done() or self._climb() > CLIMB - marks.STEADY

    def _selected(self, client: FollowerClient) -> bool:
        truth = client.truth
        if truth is None:
            return False
        box = Box.from_center(truth.center_x, truth.center_y, truth.size_x, truth.size_y)
        with contextlib.suppress(UavTrackerError):  # a tracker that is being started again does not answer yet
            return client.select(box, truth.header.stamp, "person").accepted
        return False

    def _climb(self) -> float:
        sent = [record.velocity_ned for record in self.wire[-5:] if record.velocity_ned is not None]
        return abs(sent[-1][2]) if sent and self._autopilot.status.mode is VehicleMode.OFFBOARD else 0.0

    def _wait(self, client: FollowerClient, what: str, condition: Callable[[], bool]) -> None:
        if not client.wait_for(lambda _client: condition(), READY_S):
            said = client.state.blockers if client.state is not None else "nothing"
            raise UavTrackerError(f"{what} did not come within {READY_S:g} s ({said}); try on a quieter machine")

    def reaction(
        self, client: FollowerClient, since: float, mark: Mark, waited: float
    ) -> tuple[float, tuple[str, ...]]:
        """Seconds from ``since`` to the mark, without the load; then Hold must come."""
        if not client.wait_for(lambda _client: math.isfinite(mark(self.wire, since)), REACTION_S):
            return math.inf, ()
        load = self.waited() - waited
        measured = max(0.0, mark(self.wire, since) - since - load)
        held = client.wait_for(lambda _client: math.isfinite(marks.hold_asked(self.wire, since)), REACTION_S)
        return measured, () if held else ("Hold was not asked for",)

    def waited(self) -> float:
        """Seconds that the gate's loop and the controller's busiest thread waited for a processor so far."""
        return sum(max(self._thread_waits(name), default=0.0) for name in ("gate", "controller"))

    def _thread_waits(self, name: str) -> list[float]:
        waits = []
        for path in Path(f"/proc/{self.pid(name)}/task").glob("*/schedstat"):
            with contextlib.suppress(OSError):
                waits.append(int(path.read_text().split()[1]) * 1e-9)
        return waits


def stop_called(rig: TopicRig, client: FollowerClient) -> FaultResult:
    """The operator calls ``follow/stop``."""
    since, waited = time.monotonic(), rig.waited()
    client.stop()
    return _result("stop_called", 0.1, *rig.reaction(client, since, marks.ramp_began, waited))


def two_publishers(rig: TopicRig, client: FollowerClient) -> FaultResult:
    """A second node publishes targets."""
    from uav_tracker_ros.msg import TrackedTarget

    since, waited = time.monotonic(), rig.waited()
    second = client.node.create_publisher(TrackedTarget, "target", 5)
    try:
        return _result("two_publishers", 0.5, *rig.reaction(client, since, marks.ramp_began, waited))
    finally:
        client.node.destroy_publisher(second)


def tracker_killed(rig: TopicRig, client: FollowerClient) -> FaultResult:
    """SIGKILL of the tracker."""
    since, waited = time.monotonic(), rig.waited()
    os.kill(rig.pid("tracker"), signal.SIGKILL)
    return _result("tracker_killed", 0.5, *rig.reaction(client, since, marks.climb_ended, waited))


def camera_killed(rig: TopicRig, client: FollowerClient) -> FaultResult:
    """SIGKILL of the simulated camera."""
    since, waited = time.monotonic(), rig.waited()
    os.kill(rig.pid("simulator"), signal.SIGKILL)
    bound = 0.25 + rig.latency + 0.02  # the mean is of one box and the turn of the loop that took it
    return _result("camera_killed", bound, *rig.reaction(client, since, marks.climb_ended, waited))


FAULTS: dict[str, Callable[[TopicRig, FollowerClient], FaultResult]] = {
    "stop_called": stop_called,
    "two_publishers": two_publishers,
    "tracker_killed": tracker_killed,
    "camera_killed": camera_killed,  # the last: nobody starts the world again
}


def inject_over_topics(wanted: Sequence[str], told_of: Callable[[FaultResult], None]) -> list[FaultResult]:
    """Each result is handed on as it comes."""
    chosen = [name for name in FAULTS if name in wanted]
    results: list[FaultResult] = []
    if not chosen:
        return results
    with tempfile.TemporaryDirectory(prefix="uav_tracker_faults-") as folder:
        rig = TopicRig(Path(folder))
        with rig.running() as client:
            for name in chosen:
                try:
                    rig.fly(client)
                    result = FAULTS[name](rig, client)
                except UavTrackerError as error:
                    result = _result(name, 0.5, math.inf, (str(error),))
                results.append(result)
                told_of(result)
    return results


def _result(name: str, bound: float, measured: float, problems: tuple[str, ...]) -> FaultResult:
    return FaultResult(name, bound, measured, held=measured <= bound and not problems, problems=problems)
