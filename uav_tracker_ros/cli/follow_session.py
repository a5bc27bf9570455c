"""One flight over ROS topics: start the processes, act as the operator would, end everything."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from std_srvs.srv import Trigger

from uav_tracker_ros.cli.flight_log import FlightLog
from uav_tracker_ros.cli.flight_recorder import FlightRecorder
from uav_tracker_ros.cli.follow_video import FollowVideo
from uav_tracker_ros.cli.interrupt import Interrupt
from uav_tracker_ros.cli.live_status import LiveStatus
from uav_tracker_ros.cli.take_off import TakeOff
from uav_tracker_ros.errors import UavTrackerError
from uav_tracker_ros.following.report import FollowPhase, Goal
from uav_tracker_ros.geometry import Box
from uav_tracker_ros.nodes.client import FollowerClient, GoalEnd, Selection
from uav_tracker_ros.nodes.environment import PROFILE_VARIABLES
from uav_tracker_ros.nodes.launch_options import LaunchOptions
from uav_tracker_ros.nodes.process_load import LoadMeter, ProcessLoad
from uav_tracker_ros.nodes.processes import process_table
from uav_tracker_ros.nodes.runner import Runner

START_TIMEOUT_S = 30.0  # first imports on a loaded machine
SELECT_TIMEOUT_S = 10.0
READY_TIMEOUT_S = 30.0  # the autopilot's clock is mapped within 5 s, parameters are read
HOLD_TIMEOUT_S = 6.0  # the gate needs up to 3 s to see Hold confirmed
SHOW_PERIOD_S = 0.1
WORLD_MOVES_S = 1.0  # from the first report to the first picture of the moved world
VISIBLE_ENOUGH = 0.7  # an operator would not point at less
FLYING = (FollowPhase.ENGAGING, FollowPhase.FOLLOWING, FollowPhase.COASTING, FollowPhase.SEARCHING)
SHARED_VARIABLES = (
    *PROFILE_VARIABLES,
    "ROS_AUTOMATIC_DISCOVERY_RANGE",
    "ROS_LOG_DIR",
)


@dataclass(frozen=True)
class FlightPlan:
    """What one session does."""

    options: LaunchOptions
    seconds: float
    box: Box | None  # px, on the newest image; None: the simulation's true box, as an operator would draw it
    target_class: str
    dry_run: bool


@dataclass(frozen=True)
class FlightResult:
    """How it went."""

    log: FlightLog
    end: GoalEnd
    complete: bool  # flown for the time asked and, if engaged, in Hold at the end
    start_s: float  # from starting the processes to the first tracked image
    loads: list[ProcessLoad]  # of every process while it followed


class FollowSession:
    """Runs a plan. Everything that was started has ended when :meth:`fly` returns or raises.

    Args:
        plan: what to do.
        status: where to tell of it.
        video: where the images go.
        log_dir: where the processes write.
        interrupt: asked at every wait.
    """

    def __init__(
        self, plan: FlightPlan, *, status: LiveStatus, video: FollowVideo, log_dir: Path, interrupt: Interrupt
    ) -> None:
        self._plan = plan
        self._status = status
        self._interrupt = interrupt
        self._log_dir = log_dir
        self._recorder = FlightRecorder(video)
        self._runner = Runner(process_table(plan.options), log_dir)
        self._started = math.nan
        self._shown = -math.inf
        self._said: set[str] = set()

    def fly(self) -> FlightResult:
        """Start, select, engage, follow, hold, stop.

        Raises:
            UavTrackerError: a process ended, nothing became ready, the selection or goal was refused.
            KeyboardInterrupt: asked to end before following began.
        """
        self._take_off()
        self._started = time.monotonic()
        with self._processes(), self._client() as client:
            self._status.say(
                f"ROS domain {self._runner.domain_id}; from another terminal: "
                f"uav-tracker control status --domain {self._runner.domain_id}"
            )
            self._select(client)
            end = self._engage(client)
            meter = LoadMeter({**self._runner.pids(), "command": os.getpid()})
            complete = self._follow(client, end)
            loads = meter.read()
            reason = self._hold(client, end)
        return FlightResult(self._recorder.log, reason, complete, self._recorder.first_box_at - self._started, loads)

    def _take_off(self) -> None:
        """Another simulator's vehicle stands on the ground; a real one is flown up by its pilot."""
        options = self._plan.options
        if options.allow_arm and self._simulated and not options.stand_in and not self._plan.dry_run:
            TakeOff(options, self._status, self._log_dir / "take_off.log", self._interrupt.check).fly()

    @contextmanager
    def _processes(self) -> Iterator[None]:
        self._runner.start()
        try:
            yield
        finally:
            codes = self._runner.stop()
            if failed := {name: code for name, code in codes.items() if code != 0}:
                ends = ", ".join(f"{name} with {code}" for name, code in failed.items())
                self._status.say(f"processes that did not end by themselves: {ends}")

    @contextmanager
    def _client(self) -> Iterator[FollowerClient]:
        os.environ.update({name: self._runner.environment[name] for name in SHARED_VARIABLES})
        with FollowerClient(
            self._plan.options.namespace, domain_id=self._runner.domain_id, callbacks=self._recorder.callbacks
        ) as client:
            self._recorder.listen(client, simulated=self._simulated)
            yield client

    @property
    def _simulated(self) -> bool:
        return self._plan.options.camera_source == "sim"

    def _select(self, client: FollowerClient) -> None:
        self._wait(
            lambda: client.image is not None and client.state is not None,
            START_TIMEOUT_S,
            lambda: "there is no image" if client.image is None else "the controller is silent",
        )
        if self._simulated and not self._plan.options.stand_in:
            self._wait_for_world(client)
        answers: list[Selection] = []

        def accepted() -> bool:
            if self._plan.box is None and not self._target_visible(client):
                return False
            answers.append(self._point_at_target(client))
            return answers[-1].accepted

        # The tracker may have fewer images than this process: its subscription can be younger.
        self._wait(
            accepted,
            SELECT_TIMEOUT_S,
            lambda: f"the tracker refused: {answers[-1].message}" if answers else "the target is not in the picture",
        )
        self._recorder.filming = True
        self._wait(
            lambda: math.isfinite(self._recorder.first_box_at), START_TIMEOUT_S, lambda: "the target is not tracked"
        )
        self._status.say(f"first tracked image {self._recorder.first_box_at - self._started:.1f} s after the start")

    def _wait_for_world(self, client: FollowerClient) -> None:
        """The world is put before the vehicle with its first report; pictures of before show another one."""
        self._wait(
            lambda: client.state is not None and client.state.vehicle_mode != "UNKNOWN",
            START_TIMEOUT_S,
            lambda: "nothing is heard of the vehicle",
        )
        known = time.time()
        self._wait(
            lambda: client.truth is not None and client.truth.header.stamp.sec > known + WORLD_MOVES_S,
            START_TIMEOUT_S,
            lambda: "there is no image",
        )

    def _target_visible(self, client: FollowerClient) -> bool:
        return client.truth is not None and client.truth.confidence >= VISIBLE_ENOUGH

    def _point_at_target(self, client: FollowerClient) -> Selection:
        """As an operator does: a box around the target on an image that was seen."""
        if self._plan.box is not None:
            return client.select(self._plan.box, None, self._plan.target_class)
        truth: Any = client.truth
        box = Box.from_center(truth.center_x, truth.center_y, truth.size_x, truth.size_y)
        return client.select(box, truth.header.stamp, self._plan.target_class)

    def _engage(self, client: FollowerClient) -> Any:
        self._wait(
            lambda: client.phase is FollowPhase.READY,
            READY_TIMEOUT_S,
            lambda: "engaging is blocked: " + ("; ".join(client.state.blockers) if client.state else "no state"),
        )
        self._recorder.log.engaged = self._recorder.log.start = time.time()
        end = client.follow(Goal())
        self._wait(
            lambda: end.done() or client.phase is FollowPhase.FOLLOWING,
            READY_TIMEOUT_S,
            lambda: "the vehicle did not engage",
        )
        self._recorder.log.start = time.time()
        if self._simulated and not end.done():
            self._move_target(client)
        return end

    def _move_target(self, client: FollowerClient) -> None:
        """Time in the simulated world stands still until now."""
        service = client.node.create_client(Trigger, "simulation/start")
        self._wait(service.service_is_ready, READY_TIMEOUT_S, lambda: "simulation/start is not there")
        call = service.call_async(Trigger.Request())
        self._wait(call.done, READY_TIMEOUT_S, lambda: "simulation/start does not answer")
        self._recorder.log.start = time.time()

    def _follow(self, client: FollowerClient, end: Any) -> bool:
        """True when it was flown as long as was asked."""
        deadline = time.monotonic() + self._plan.seconds
        while time.monotonic() < deadline:
            self._watch()
            if end.done() or self._interrupt.asked:
                return False
            time.sleep(0.02)
        return True

    def _hold(self, client: FollowerClient, end: Any) -> GoalEnd:
        """End the goal and see the vehicle in Hold."""
        self._recorder.log.end = time.time()
        self._status.say("ending: brake and hold")
        client.cancel()
        client.wait_for(lambda _client: end.done() and self._at_rest(client), HOLD_TIMEOUT_S)
        if not end.done():
            raise UavTrackerError("the goal did not end; expected it to be cancelled: see the controller's log")
        if not self._at_rest(client):
            mode = client.state.vehicle_mode if client.state else "unknown"
            raise UavTrackerError(f"the vehicle is in {mode}; expected Hold after the goal: take over by hand")
        reason: GoalEnd = end.result()
        return reason

    def _at_rest(self, client: FollowerClient) -> bool:
        return client.state is not None and client.phase not in FLYING and client.state.vehicle_mode != "OFFBOARD"

    def _wait(self, condition: Callable[[], bool], timeout: float, problem: Callable[[], str]) -> None:
        deadline = time.monotonic() + timeout
        while not condition():
            self._watch()
            self._interrupt.check()
            if time.monotonic() > deadline:
                raise UavTrackerError(f"after {timeout:.0f} s {problem()}; see the logs in the output folder")
            time.sleep(0.02)

    def _watch(self) -> None:
        """Show the status; raise when a process has ended."""
        for name, code in self._runner.poll().items():
            words = last_words(self._runner.log_file(name))
            if name == "recorder":  # a flight goes on when nobody writes it down
                self._say_once(f"not recorded: the recorder ended with {code}: {words}")
                continue
            raise UavTrackerError(f"{name} ended with {code}: {words}")
        now = time.monotonic()
        if now - self._shown >= SHOW_PERIOD_S:
            self._shown = now
            self._status.show(self._recorder.status(self._plan.seconds))

    def _say_once(self, text: str) -> None:
        if text not in self._said:
            self._said.add(text)
            self._status.say(text)


def last_words(log: Path) -> str:
    """The last line of a process's log, without its ROS prefix."""
    try:
        lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines()]
    except OSError:
        return "it left no log"
    said = [line for line in lines if line]
    return said[-1].rpartition("]: ")[2] if said else "it said nothing"
