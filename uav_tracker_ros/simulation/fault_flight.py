"""A flight to break: follower, gate and stand-in stepped with one clock, MAVLink bytes between the last two.

The vehicle follows a walking target and climbs meanwhile, so that each reaction has its mark on the wire:
coasting ends the climb at once, braking lowers the speed with every message, Hold is a command, silence is none.
All times are the stand-in's; the machine's load has no part in them.
"""

from __future__ import annotations

import dataclasses
import math
from collections import deque
from collections.abc import Callable

import numpy as np

from uav_tracker_ros.flight import GateState, Setpoint, Vector3
from uav_tracker_ros.following.follower import Follower
from uav_tracker_ros.following.report import EndCode, FollowOutput, FollowPhase, Goal, TargetMeasurement
from uav_tracker_ros.following.settings import FollowSettings
from uav_tracker_ros.geometry import Box, Intrinsics, TargetState
from uav_tracker_ros.simulation.autopilot import Autopilot, AutopilotSettings
from uav_tracker_ros.simulation.mavlink_link import MavlinkLink
from uav_tracker_ros.simulation.mavlink_record import OnWire
from uav_tracker_ros.simulation.projection import view_from
from uav_tracker_ros.simulation.truth import VehicleTruth
from uav_tracker_ros.vehicle.gate import Gate
from uav_tracker_ros.vehicle.gate_settings import GateSettings
from uav_tracker_ros.vehicle.velocity_guard import Bounds

EPOCH_S = 100.0  # the clock does not begin at 0
TICK_S = 0.01  # of autopilot and gate
CONTROL_TICKS = 2  # 50 Hz
CAMERA_PERIOD_S = 1 / 30
LATENCY_S = 0.1  # from exposure to follower
FRAME_ID = "camera_optical"
INTRINSICS = Intrinsics.from_hfov(640, 480, math.radians(70))
START_DISTANCE, START_HEIGHT = 16.0, 6.0  # m
HEIGHT, WIDTH = 1.75, 0.5  # m, of the target
EDGE_NOISE_PX = 0.4
LIMIT_S = 20.0  # nothing here takes longer to begin

# Coasting that fades at once and ends soon; a climb that lasts beyond every measurement.
SETTINGS = FollowSettings(
    mode="follow",
    distance=START_DISTANCE,
    height=12.0,
    max_speed_z=0.5,
    coast_full=0.0,
    coast_max=1.0,
    search_max=1.0,
    allow_engage=True,
)

Path = Callable[[float], tuple[float, float]]
Tamper = Callable[[TargetMeasurement, float], TargetMeasurement | None]


def walk(speed: float = 3.0) -> Path:
    """North from 16 m ahead, from the moment of engaging on; s to m (north, east)."""
    return lambda t: (START_DISTANCE + speed * max(0.0, t), 0.0)


class FaultFlight:
    """One flight.

    Args:
        settings: of follower and gate.
        path: where the target is so long after the clock's start, m north and east.
        parameters: of the autopilot, over those that a follower needs.
        start: of the vehicle, m NED.
    """

    def __init__(
        self,
        settings: FollowSettings = SETTINGS,
        path: Path | None = None,
        *,
        parameters: dict[str, float] | None = None,
        start: Vector3 = (0.0, 0.0, -START_HEIGHT),
    ) -> None:
        self.settings = settings
        self.path = path or walk()
        self.autopilot = Autopilot(AutopilotSettings(position_ned=start, noise=0.2, gust=0.0))
        self.autopilot.step(EPOCH_S)
        if parameters:
            self.autopilot.inject("parameters", values=parameters)
        self.link = MavlinkLink(self.autopilot, settings.limits, settings.fence_radius)
        bounds = Bounds(settings.min_altitude, settings.max_altitude, settings.fence_radius)
        self.gate = Gate(GateSettings(limits=settings.limits, bounds=bounds, allow_engage=True), self.link)
        self.follower = Follower(settings)
        self.follower.set_camera(INTRINSICS, FRAME_ID)
        self.output: FollowOutput | None = None
        self.tamper: Tamper = lambda measurement, _arrival: measurement
        self.tamper_setpoint: Callable[[Setpoint], Setpoint] = lambda setpoint: setpoint
        self.latency_s = LATENCY_S
        self.goal_codes: list[EndCode] = []
        self._engaged_at = math.inf
        self._on_the_way: deque[tuple[float, TargetMeasurement]] = deque()
        self._next_exposure = EPOCH_S + 0.1
        self._random = np.random.default_rng(7)
        self._tick = 0

    @property
    def now(self) -> float:
        """The stand-in's clock, s."""
        return EPOCH_S + self._tick * TICK_S

    @property
    def wire(self) -> list[OnWire]:
        """Everything that arrived at the autopilot."""
        return self.link.wire

    @property
    def phase(self) -> FollowPhase:
        """Of the follower."""
        return FollowPhase.IDLE if self.output is None else self.output.report.phase

    def target_at(self, t: float) -> tuple[float, float]:
        """Where the target is, m north and east."""
        return self.path(t - self._engaged_at if math.isfinite(self._engaged_at) else -1.0)

    def run(self, seconds: float) -> None:
        """Fly on."""
        end = self.now + seconds
        while self.now < end - 1e-9:
            self.step()

    def until(self, condition: Callable[[], bool], limit: float = LIMIT_S) -> bool:
        """Fly until it is so; False if it never was."""
        end = self.now + limit
        while not condition():
            if self.now >= end:
                return False
            self.step()
        return True

    def engage(self) -> bool:
        """Ask for a goal as soon as that is possible; True once the vehicle flies our setpoints."""
        if not self.until(lambda: self.phase is FollowPhase.READY, 6.0):
            return False
        self.goal_codes.append(self.follower.start_goal(Goal(), self.now))
        streams = self.until(lambda: self.gate.state is GateState.STREAMING, 3.0)
        self._engaged_at = self.now
        return streams

    def follow(self) -> FaultFlight:
        """Engage and fly until the follower follows at the target's speed."""
        if not self.engage() or not self.until(lambda: self.phase is FollowPhase.FOLLOWING, 5.0):
            raise RuntimeError(f"the flight to break did not begin: {self.output}")
        return self

    def step(self) -> None:
        """One tick."""
        self._tick += 1
        now = self.now
        self.autopilot.step(now)
        self.gate.step(now)
        while self._next_exposure <= now:
            self._expose(self._next_exposure)
            self._next_exposure += CAMERA_PERIOD_S
        if self._tick % CONTROL_TICKS == 0:
            self._control(now)

    def _control(self, now: float) -> None:
        for telemetry in self.gate.poll():
            self.follower.on_telemetry(telemetry)
        while self._on_the_way and self._on_the_way[0][0] <= now:
            measurement = self.tamper(self._on_the_way.popleft()[1], now)
            if measurement is not None:
                self.follower.on_target(measurement, now)
        out = self.output = self.follower.step(now)
        if out.engage:
            self.gate.engage()
        if out.stop is not None:
            self.gate.stop(out.stop.reason)
        if out.setpoint is not None:
            self.gate.send(self.tamper_setpoint(out.setpoint))
        if out.stop is not None or out.setpoint is not None:
            self.gate.step(now)  # the gate's process wakes up for a packet

    def _expose(self, t: float) -> None:
        box = target_box(self.autopilot.truth_at(t), self.target_at(t), self.settings)
        if box is None:
            return
        left, top, right, bottom = np.array(box.xyxy) + EDGE_NOISE_PX * self._random.standard_normal(4)
        seen = Box(float(left), float(top), float(right - left), float(bottom - top))
        size = (INTRINSICS.width, INTRINSICS.height)
        measurement = TargetMeasurement(t, FRAME_ID, TargetState.TRACKING, 1, seen, 0.9, 0.9, *size, "person")
        arrival = max(t + self.latency_s, self._on_the_way[-1][0] if self._on_the_way else t)
        self._on_the_way.append((arrival, measurement))


def target_box(vehicle: VehicleTruth, target_ne: tuple[float, float], settings: FollowSettings) -> Box | None:
    """Hull of the standing target in the picture, px; None where it is not in it."""
    north, east = target_ne
    corners = [
        (north + dn * WIDTH / 2, east + de * WIDTH / 2, -up * HEIGHT)
        for dn in (-1, 1)
        for de in (-1, 1)
        for up in (0, 1)
    ]
    view = view_from(vehicle, INTRINSICS, math.radians(settings.camera_pitch_deg))
    optical = view.to_camera(np.array(corners))
    if optical[:, 2].min() < 0.2:
        return None
    pixels = view.to_pixels(optical)
    (left, top), (right, bottom) = pixels.min(axis=0), pixels.max(axis=0)
    box = Box(float(left), float(top), float(right - left), float(bottom - top))
    inside = box.clipped(INTRINSICS.width, INTRINSICS.height)
    return inside if inside.area > 0 else None


def with_settings(**changed: object) -> FollowSettings:
    """The flight's settings with some of them changed."""
    return dataclasses.replace(SETTINGS, **changed)  # type: ignore[arg-type]
