"""The whole loop in one thread, stepped with one clock: world, camera, tracker, follower, gate, autopilot.

Faster than real time and the same again for the same seed. Follower and gate are the classes that
fly; only clock, sockets and link differ.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np

from uav_tracker_ros.flight import GateState
from uav_tracker_ros.following.control_law import DEFAULT_VELOCITY_GAIN
from uav_tracker_ros.following.follower import Follower
from uav_tracker_ros.following.journal import JournaledFollower
from uav_tracker_ros.following.report import EndCode, FollowPhase, Goal, TargetMeasurement
from uav_tracker_ros.following.settings import FollowSettings
from uav_tracker_ros.geometry import Intrinsics
from uav_tracker_ros.simulation import flight_metrics, scenarios
from uav_tracker_ros.simulation.autopilot import Autopilot, AutopilotSettings
from uav_tracker_ros.simulation.autopilot_link import AutopilotLink
from uav_tracker_ros.simulation.box_source import BoxSource, TrackedBoxes, TrueBoxes
from uav_tracker_ros.simulation.flight_record import ControlSeries, FlightRecord, FlightRecorder, FrameSeries
from uav_tracker_ros.simulation.paths import Circle, Sinusoid
from uav_tracker_ros.simulation.rendering import Renderer
from uav_tracker_ros.simulation.scenarios import Scenario
from uav_tracker_ros.simulation.world import World
from uav_tracker_ros.vehicle.gate import Gate
from uav_tracker_ros.vehicle.gate_settings import GateSettings
from uav_tracker_ros.vehicle.velocity_guard import Bounds

TICK_S = 0.01  # of vehicle and gate
CONTROL_TICKS = 2  # 50 Hz
CAMERA_PERIOD_S = 1 / 30
START_DELAY_S = 6.0  # the target stands until the vehicle is engaged and its ramp is nearly over
SETTLE_S = 10.0  # paths that begin with a burst, or bars about something later, are scored after it
LATENCY_JITTER = 0.15  # share of the latency, either way
CLOCK_OFFSET_S = 0.005  # image clock minus attitude clock: nobody's clocks agree
EPOCH_S = 100.0  # the loop's clock does not begin at 0
FRAME_ID = "camera_optical"
Journal = Callable[[float, str], None]
WIDTH, HEIGHT, HFOV = 640, 480, math.radians(70)
_ACTIVE = (FollowPhase.ENGAGING, FollowPhase.FOLLOWING)
_LOST = (FollowPhase.COASTING, FollowPhase.SEARCHING, FollowPhase.HOLD)


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
        position, yaw = scenario.vehicle_start
        self.autopilot = Autopilot(AutopilotSettings(position_ned=position, yaw=yaw, response=response), seed)
        bounds = Bounds(settings.min_altitude, settings.max_altitude, settings.fence_radius)
        gate_settings = GateSettings(limits=settings.limits, bounds=bounds, allow_engage=True)
        self.gate = Gate(gate_settings, AutopilotLink(self.autopilot, seed))
        self.follower = Follower(settings) if journal is None else JournaledFollower(settings)
        self._journal = journal
        intrinsics = Intrinsics.from_hfov(WIDTH, HEIGHT, HFOV)
        self.follower.set_camera(intrinsics, FRAME_ID)
        renderer = Renderer(self.world, intrinsics, math.radians(settings.camera_pitch_deg), seed)
        self.boxes: BoxSource = TrackedBoxes(renderer, boxes) if boxes else TrueBoxes(renderer, seed)
        self.recorder = FlightRecorder()
        self._latency_s = latency_s
        self._rng = np.random.default_rng((seed, 302))
        self._on_the_way: deque[tuple[float, TargetMeasurement]] = deque()
        self._next_exposure = EPOCH_S + 0.1
        self._newest_stamp = math.nan
        self._goal_accepted = False
        self._tick = 0
        self.end = (EndCode.NONE, "")

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
            self._next_exposure += CAMERA_PERIOD_S
        if self._tick % CONTROL_TICKS == 0:
            self._control(now)
        self._tick += 1

    def _expose(self, t: float) -> None:
        seen, truth = self.boxes.look(t, self.autopilot.truth_at(t))
        self.recorder.frame(t - EPOCH_S - START_DELAY_S, truth, seen.box, int(seen.state), seen.confidence, seen.lock)
        measurement = TargetMeasurement(
            t + CLOCK_OFFSET_S,
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
        while self._on_the_way and self._on_the_way[0][0] <= now:
            measurement = self._on_the_way.popleft()[1]
            self._newest_stamp = measurement.stamp - CLOCK_OFFSET_S
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
    return record._replace(metrics=run_metrics(record, scenario, settings))


def default_settings(scenario: Scenario) -> FollowSettings:
    """The defaults with the scenario's mode, distance and height."""
    fence = FollowSettings().fence_radius if scenario.name == "fence" else 1000.0
    return FollowSettings(
        mode=scenario.mode, distance=scenario.start_distance, height=scenario.start_height, fence_radius=fence
    )


def run_metrics(record: FlightRecord, scenario: Scenario, settings: FollowSettings) -> dict[str, Any]:
    """The fields of a run in ``uav-tracker follow --json``."""
    control, frames = record.control, record.frames
    streaming = control.gate_state == int(GateState.STREAMING)
    settle = SETTLE_S if isinstance(scenario.path, (Circle, Sinusoid)) or scenario.occluders else 3.0
    scored = control.time >= settle
    flown = control.time >= 0
    target, own = control.target_ned[:, :2], control.vehicle_ned[:, :2]
    error = flight_metrics.position_error(record.mode, target, own, record.wanted_distance, record.wanted_bearing)
    bearing = np.degrees(np.abs(flight_metrics.bearing_error(target, own, control.vehicle_yaw)))
    centre, whole = flight_metrics.in_frame(frames.true_box, record.image_size)
    seen = frames.time >= 0
    apart = np.linalg.norm(control.target_ned - control.vehicle_ned - [0, 0, scenario_height(scenario) / 2], axis=1)
    run: dict[str, Any] = {
        "scenario": record.scenario,
        "seed": record.seed,
        "tracker": record.tracker,
        "seconds": float(control.time[-1]),
        "in_frame": float(centre[seen].mean()),
        "full_in_frame": float(whole[seen].mean()),
        "position_error_m": flight_metrics.error_numbers(control.time[scored], error[scored]),
        "bearing_error_deg": {"p95": float(np.percentile(bearing[scored], 95))} if scored.any() else {},
        "false_follow_s": _false_follow(control, frames),
        "lost_s": flight_metrics.seconds_where(control.time[flown], np.isin(control.phase[flown], _LOST)),
        "latency_ms": flight_metrics.percentiles_ms(control.latency[flown]),
        "setpoints": int(np.isfinite(control.setpoint_yaw).sum()),
        "response": record.response,
        "mode": record.mode,
        "min_distance_m": float(apart[flown].min()),
        "end_code": record.end_code.name,
        "parameters_sha256": parameters_sha256(settings),
    }
    run |= _stream_numbers(control, streaming & np.isfinite(control.setpoint_yaw), settings)
    run["bars"] = flight_metrics.bars(scenario.bars, run, record.response)
    return run


def scenario_height(scenario: Scenario) -> float:
    """Height of the target, m."""
    return World(scenario, 0).target(0.0).height


def parameters_sha256(settings: FollowSettings) -> str:
    """Hash over all settings: two runs with the same one flew the same parameters."""
    return hashlib.sha256(json.dumps(dataclasses.asdict(settings), sort_keys=True).encode()).hexdigest()


def _stream_numbers(control: ControlSeries, sent: flight_metrics.Bools, settings: FollowSettings) -> dict[str, Any]:
    time, velocity, yaw = control.time[sent], control.setpoint_ned[sent], control.setpoint_yaw[sent]
    lead = 1 / DEFAULT_VELOCITY_GAIN
    if len(time) < 2:
        return {}
    return {
        "jerk_rms": flight_metrics.jerk_rms(time, velocity, lead),
        "setpoint_gap_ms": {"max": float(np.diff(time).max()) * 1e3},
        "limit_violations": flight_metrics.limit_violations(time, velocity, yaw, settings.limits, lead),
    }


def _false_follow(control: ControlSeries, frames: FrameSeries) -> float:
    """Seconds of translating towards something that is not the target while the state says FOLLOWING."""
    if not len(frames.time):
        return 0.0
    index = np.clip(np.searchsorted(frames.time, control.time, side="right") - 1, 0, len(frames.time) - 1)
    moving = np.linalg.norm(control.setpoint_ned[:, :2], axis=1) > flight_metrics.TRANSLATING
    wrong = frames.iou[index] < flight_metrics.WRONG_IOU
    return flight_metrics.seconds_where(control.time, np.isin(control.phase, _ACTIVE) & moving & wrong)
