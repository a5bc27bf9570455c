"""The whole loop in one thread, stepped with one clock: world, camera, tracker, follower, gate, autopilot.

Faster than real time and the same again for the same seed. Follower and gate are the classes that
fly; only clock, sockets and link differ.
"""

from __future__ import annotations

import dataclasses
import math
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np

from uav_tracker_ros.flight import Vector3
from uav_tracker_ros.following.follower import Follower
from uav_tracker_ros.following.journal import JournaledFollower
from uav_tracker_ros.following.report import EndCode, FollowPhase, Goal, TargetMeasurement
from uav_tracker_ros.following.settings import FollowSettings
from uav_tracker_ros.geometry import Intrinsics
from uav_tracker_ros.simulation import scenarios
from uav_tracker_ros.simulation.autopilot_link import AutopilotLink
from uav_tracker_ros.simulation.box_source import BoxSource, TrackedBoxes, TrueBoxes
from uav_tracker_ros.simulation.flight_record import FlightRecord, FlightRecorder
from uav_tracker_ros.simulation.rendering import Renderer
from uav_tracker_ros.simulation.run_metrics import run_metrics
from uav_tracker_ros.simulation.scenario import Scenario
from uav_tracker_ros.simulation.scenario_autopilot import scenario_autopilot
from uav_tracker_ros.simulation.world import World
from uav_tracker_ros.vehicle.gate import Gate
from uav_tracker_ros.vehicle.gate_settings import GateSettings
from uav_tracker_ros.vehicle.velocity_guard import Bounds

TICK_S = 0.01  # of vehicle and gate
CONTROL_TICKS = 2  # 50 Hz
START_DELAY_S = 6.0  # the target stands until the vehicle is engaged and its ramp is nearly over
OPEN_FIELD_M = 1000.0  # fence of scenarios that are not about fences
IDENTIFIED_DELAY = {"design": 0.15}  # s, of vehicles that are quicker than PX4 as it was measured
LATENCY_JITTER = 0.15  # share of the latency, either way
EPOCH_S = 100.0  # the loop's clock does not begin at 0
FRAME_ID = "camera_optical"
Journal = Callable[[float, str], None]
WIDTH, HEIGHT, HFOV = 640, 480, math.radians(70)


class ClosedLoop:
    """One flight, stepped.

    Args:
        scenario: what the target does.
        settings: of follower and gate; engaging is allowed whatever they say.
        boxes: a tracker's name, or None for true boxes with noise.
        seed: of every random part.
        response: of the vehicle, ``sih`` or ``design``.
        latency_s: mean time from exposure to the follower.
        journal: gets the loop's clock (s) and what the follower was told in each cycle (``following.journal``).
    """

    def __init__(
        self,
        scenario: Scenario,
        settings: FollowSettings,
        boxes: str | None,
        seed: int,
        response: str,
        latency_s: float,
        journal: Journal | None = None,
    ):
        self.scenario = scenario
        self.settings = settings = dataclasses.replace(settings, allow_engage=True)
        self.world = World(scenario, seed, EPOCH_S + START_DELAY_S)
        self.autopilot = scenario_autopilot(scenario, response, seed)
        bounds = Bounds(settings.min_altitude, settings.max_altitude, settings.fence_radius)
        gate_settings = GateSettings(limits=settings.limits, bounds=bounds, allow_engage=True)
        link = AutopilotLink(self.autopilot, seed, limits=settings.limits, fence_radius=settings.fence_radius)
        self.gate = Gate(gate_settings, link)
        self.follower = Follower(settings) if journal is None else JournaledFollower(settings)
        self._journal = journal
        intrinsics = Intrinsics.from_hfov(WIDTH, HEIGHT, HFOV)
        self.follower.set_camera(intrinsics, FRAME_ID)
        renderer = Renderer(self.world, intrinsics, math.radians(settings.camera_pitch_deg), seed)
        self.boxes: BoxSource = TrackedBoxes(renderer, boxes) if boxes else TrueBoxes(renderer, seed)
        self.recorder = FlightRecorder()
        self._conditions = scenario.conditions
        self._latency_s = latency_s
        self._rng = np.random.default_rng((seed, 302))
        self._on_the_way: deque[tuple[float, TargetMeasurement]] = deque()
        self._next_exposure = EPOCH_S + 0.1
        self._newest_stamp = math.nan
        self._goal_accepted = False
        self._tick = 0
        self.end = (EndCode.NONE, "")
        self.outside_m = 0.0  # farthest beyond fence, floor or ceiling, by the autopilot's own position

    @property
    def now(self) -> float:
        """The loop's clock, s."""
        return EPOCH_S + self._tick * TICK_S

    @property
    def time(self) -> float:
        """Seconds since the target's motion began; negative before."""
        return self.now - EPOCH_S - START_DELAY_S

    def step(self) -> None:
        """One tick of vehicle and gate; every second one the follower, and the camera when due."""
        now = self.now
        self.autopilot.step(now)
        self.gate.step(now)
        while self._next_exposure <= now:
            self._expose(self._next_exposure)
            self._next_exposure += 1 / self._conditions.camera_hz
        if self._tick % CONTROL_TICKS == 0:
            self._control(now)
        self._tick += 1

    def _expose(self, t: float) -> None:
        seen, truth = self.boxes.look(t, self.autopilot.truth_at(t))
        self.recorder.frame(t - EPOCH_S - START_DELAY_S, truth, seen.box, int(seen.state), seen.confidence, seen.lock)
        measurement = TargetMeasurement(
            t + self._conditions.clock_offset,
            FRAME_ID,
            seen.state,
            seen.lock,
            seen.box,
            seen.confidence,
            seen.similarity,
            WIDTH,
            HEIGHT,
            self.scenario.target_class,
        )
        arrival = t + self._latency_s * (1 + LATENCY_JITTER * float(self._rng.uniform(-1, 1)))
        if self._on_the_way:
            arrival = max(arrival, self._on_the_way[-1][0])  # one topic keeps the order
        self._on_the_way.append((arrival, measurement))

    def _control(self, now: float) -> None:
        for telemetry in self.gate.poll():
            self.follower.on_telemetry(telemetry)
            if telemetry.position is not None and self._goal_accepted:
                self.outside_m = max(self.outside_m, _beyond(telemetry.position.position_ned, self.settings))
        while self._on_the_way and self._on_the_way[0][0] <= now:
            measurement = self._on_the_way.popleft()[1]
            self._newest_stamp = measurement.stamp - self._conditions.clock_offset
            self.follower.on_target(measurement, now)
        out = self.follower.step(now)
        if not self._goal_accepted and out.report.phase is FollowPhase.READY:
            goal = Goal(bearing=self.scenario.start_bearing)
            self._goal_accepted = self.follower.start_goal(goal, now) is EndCode.NONE
        if out.engage:
            self.gate.engage()
        if out.stop is not None:
            self.gate.stop(out.stop.reason)
        if out.setpoint is not None:
            self.gate.send(out.setpoint)
            self.gate.step(now)
        if self._journal is not None and isinstance(self.follower, JournaledFollower):
            self._journal(now, self.follower.batch())
        if self._goal_accepted:
            self.end = (out.report.end_code, out.report.end_message)
        self.recorder.control(
            self.time,
            self.world.target(now),
            self.autopilot.truth(),
            out.report,
            out.setpoint,
            now - self._newest_stamp,
        )


def fly(  # noqa: PLR0913 - what decides about one flight, by keyword
    scenario: Scenario | str,
    *,
    tracker: str | None = None,
    seed: int = 0,
    seconds: float | None = None,
    settings: FollowSettings | None = None,
    response: str = "sih",
    latency_s: float = 0.15,
    true_boxes: bool = False,
    journal: Journal | None = None,
) -> FlightRecord:
    """Fly one scenario.

    Args:
        scenario: it, or its name.
        tracker: a name of the registry; None or ``true_boxes``: the true box with noise.
        seed: of every random part.
        seconds: of flight after the target began to move; None: the scenario's own.
        settings: of follower and gate; None: the defaults with the scenario's mode, distance and height, and a
            fence that only the scenario ``fence`` reaches.
        response: of the vehicle, ``sih`` (as PX4 was measured) or ``design``.
        latency_s: mean time from exposure to the follower, s.
        true_boxes: leave out the tracker.
        journal: as :class:`ClosedLoop` takes it.

    Returns:
        The flight; ``metrics`` has the fields of a run in ``uav-tracker follow --json``.

    Raises:
        UnknownName: no such scenario or tracker.
    """
    scenario = scenarios.get(scenario) if isinstance(scenario, str) else scenario
    settings = default_settings(scenario) if settings is None else settings
    boxes = None if true_boxes else tracker
    loop = ClosedLoop(scenario, settings, boxes, seed, response, latency_s, journal)
    seconds = scenario.seconds if seconds is None else seconds
    while loop.time < seconds:
        loop.step()
    control, frames = loop.recorder.series()
    record = FlightRecord(
        scenario.name,
        seed,
        loop.boxes.name,
        settings.mode,
        response,
        settings.distance,
        scenario.start_bearing,
        (WIDTH, HEIGHT),
        control,
        frames,
        *loop.end,
        {},
    )
    metrics = run_metrics(record, scenario, settings, latency_s, outside_m=loop.outside_m)
    return record._replace(metrics=metrics)


def default_settings(scenario: Scenario) -> FollowSettings:
    """The defaults with the scenario's mode, distance and height; a fence where the scenario has one."""
    return scenario_settings(scenario, FollowSettings(fence_radius=OPEN_FIELD_M), "sih")


def scenario_settings(scenario: Scenario, settings: FollowSettings, response: str) -> FollowSettings:
    """``settings`` with what the scenario says of them, and what is known of the vehicle."""
    own: dict[str, Any] = {"distance": scenario.start_distance, "height": scenario.start_height, **scenario.settings}
    if response in IDENTIFIED_DELAY:
        own["actuation_delay"] = IDENTIFIED_DELAY[response]
    return dataclasses.replace(settings, mode=scenario.mode, **own)


def _beyond(position_ned: Vector3, settings: FollowSettings) -> float:
    north, east, down = position_ned
    return max(
        math.hypot(north, east) - settings.fence_radius, -down - settings.max_altitude, settings.min_altitude + down
    )
