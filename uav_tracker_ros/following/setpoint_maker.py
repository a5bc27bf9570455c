"""Setpoints of one flight: hand-over from the measured motion, then the law, with what fades in and out."""

from __future__ import annotations

import math

import numpy as np

from uav_tracker_ros.flight import SETPOINT_LIFETIME_S, Setpoint, Telemetry
from uav_tracker_ros.following import readiness, safety
from uav_tracker_ros.following.air_drag import AirDrag
from uav_tracker_ros.following.control_law import ControlLaw, Motion, OwnState, Task
from uav_tracker_ros.following.report import FollowPhase, Goal
from uav_tracker_ros.following.settings import FollowSettings
from uav_tracker_ros.following.target_estimator import Estimate
from uav_tracker_ros.following.target_watch import TargetWatch
from uav_tracker_ros.following.telemetry_buffer import Array, TelemetryBuffer
from uav_tracker_ros.frames import euler_from_quaternion

RAMP_S = 3.0  # s from hand-over to full limits
SWEEP_AMPLITUDES = (math.radians(20), math.radians(40), math.radians(60))  # rad, one after the other: search by yaw
SWEEP_RATE, SWEEP_WAIT_S = math.radians(20), 2.0  # rad/s, s
FAR_FACTOR, FAR_DISTANCE, FAR_S = 4.0, 40.0, 1.9  # times wanted, m, s: what cannot be caught; braking begins within 2 s
UNSEEN = (FollowPhase.COASTING, FollowPhase.SEARCHING)


class SetpointMaker:
    """Owns the law and what it needs to know of this flight."""

    def __init__(self, settings: FollowSettings, buffer: TelemetryBuffer, watch: TargetWatch):
        self._base = settings
        self._settings = settings
        self._buffer = buffer
        self._watch = watch
        self._law = ControlLaw(settings)
        self._air = AirDrag()
        self._bearing = math.nan
        self._place = np.zeros(2)
        self._offset = np.zeros(2)
        self._engage_yaw = 0.0
        self._far_since: float | None = None
        self.home_ned = np.array([0.0, 0.0, settings.ground_z])
        self.streaming_since: float | None = None  # monotonic s; None: not flown by us yet
        self.motion: Motion | None = None

    def begin(self, goal: Goal, settings: FollowSettings) -> None:
        """A goal was accepted: remember the place of engagement, start from the measured motion."""
        self.confirm(goal, settings)
        own = self.own()
        self._place, self._engage_yaw = own.position_ned[:2].copy(), own.yaw
        self.streaming_since = self.motion = self._far_since = None
        self._law.reset(own)

    def confirm(self, goal: Goal, settings: FollowSettings) -> None:
        """Take the values of a goal; ``settings`` has them in it."""
        self._settings = settings
        self._bearing = math.radians(settings.offset_bearing_deg) if math.isnan(goal.bearing) else goal.bearing
        self._law.retune(settings)

    def restart_ramp(self, now: float) -> None:
        """The vehicle stands after a long loss: the same ramp as at engaging."""
        self.streaming_since = now

    def shift(self, delta_ned: Array) -> None:
        """The autopilot moved its origin (m)."""
        self.home_ned = self.home_ned + delta_ned
        self._place = self._place + delta_ned[:2]

    def ramp_over(self, now: float) -> bool:
        """The limits of the hand-over no longer act."""
        return self.streaming_since is not None and now - self.streaming_since >= RAMP_S

    def own(self) -> OwnState:
        """The vehicle at the newest telemetry.

        Raises:
            StaleTelemetry: before the first sample.
        """
        attitude, position = self._buffer.newest
        yaw = euler_from_quaternion(attitude.quaternion)[2]
        velocity = np.array(position.velocity_ned)
        holding, drag = self._air.holding(velocity[:2]), self._air.drag
        return OwnState(position.stamp, np.array(position.position_ned), velocity, yaw, holding, drag)

    def estimate(self, stamp: float, phase: FollowPhase) -> Estimate | None:
        """The target at ``stamp`` (monotonic s), if one was ever placed."""
        estimator = self._watch.estimator
        if estimator is None or not estimator.started:
            return None
        return estimator.predict(stamp, coasting=phase in UNSEEN)

    def hand_over(self, now: float, engagement: int) -> Setpoint:
        """What the vehicle does already, as a setpoint: no step when the autopilot switches over."""
        own = self.own()._replace(yaw=self._engage_yaw)
        self._law.reset(own)
        north, east, down = (float(part) for part in own.velocity_ned)
        share = min(1.0, self._settings.max_speed / max(math.hypot(north, east), 1e-6))
        bound = self._settings.max_speed_z
        velocity = (north * share, east * share, max(-bound, min(bound, down)))
        return Setpoint(velocity, self._engage_yaw, now + SETPOINT_LIFETIME_S, engagement)

    def make(
        self, now: float, dt: float, phase: FollowPhase, phase_since: float, telemetry: Telemetry
    ) -> Setpoint | None:
        """The law's setpoint; None while the target has never been placed."""
        estimate = self.estimate(now + self._settings.actuation_delay, phase)
        later = self.estimate(now + self._law.yaw_lead, phase)
        if estimate is None or later is None:
            return None
        self._air.add(*self._buffer.newest)
        own = self.own()
        if self.streaming_since is None:
            self.streaming_since = now
            self._set_offset(estimate, own)
        self._law.velocity_gain = telemetry.velocity_gain or self._law.velocity_gain
        self._law.yaw_gain = telemetry.yaw_gain or self._law.yaw_gain
        task = self._task(now, own, later, phase, phase_since)
        self.motion = self._law.step(now, dt, own, estimate, later, task, self._watch.camera)
        return Setpoint(self.motion.velocity_ned, self.motion.yaw, now + SETPOINT_LIFETIME_S, telemetry.engagement)

    @property
    def mode(self) -> str:
        """The way of following now: with very late images the vehicle only turns."""
        return "spotlight" if self._watch.latency > readiness.LATENCY_SPOTLIGHT else self._settings.mode

    def too_far(self, now: float) -> bool:
        """Faster than allowed, or than the picture bears, for 2 s, and far: chasing on would only lead away."""
        estimate = self.estimate(now, FollowPhase.FOLLOWING)
        if self.motion is None or estimate is None or self.mode == "spotlight" or self._watch.lost:
            self._far_since = None
            return False
        away = math.hypot(*(estimate.position_ne - self.own().position_ned[:2]))
        if away <= max(min(FAR_FACTOR * self._settings.distance, FAR_DISTANCE), 1.5 * self._settings.distance):
            self._far_since = None
        elif self._far_since is None and (self.motion.speed_saturated or self.motion.fov_saturated):
            self._far_since = now
        return self._far_since is not None and now - self._far_since > FAR_S

    def _set_offset(self, estimate: Estimate, own: OwnState) -> None:
        """hold_offset's place: at the goal's bearing from the target, or on the side where the vehicle is now."""
        bearing = self._bearing
        if math.isnan(bearing):
            away = own.position_ned[:2] - estimate.position_ne
            bearing = math.atan2(away[1], away[0])
        self._offset = self._settings.distance * np.array([math.cos(bearing), math.sin(bearing)])

    def _task(self, now: float, own: OwnState, later: Estimate, phase: FollowPhase, phase_since: float) -> Task:
        since = self.streaming_since if self.streaming_since is not None else now
        weight, look = 1.0, self._watch.unconfirmed_bearing(now) if phase in UNSEEN else None
        if phase is FollowPhase.COASTING:
            s, unseen = self._base, now - self._watch.seen
            fade = max(s.coast_max - s.coast_full, 1e-3)
            # Below 1 also while coasting at full speed: no height change, no acceleration feed-forward.
            weight = max(0.0, min(0.999, 1 - (unseen - s.coast_full) / fade))
        elif phase is FollowPhase.SEARCHING:
            weight = 0.0
            if look is None:
                away = later.position_ne - own.position_ned[:2]
                look = math.atan2(away[1], away[0]) + _sweep(now - phase_since)
        return Task(
            mode=self.mode,
            offset_ne=self._offset,
            place_ne=self._place,
            home_ned=self.home_ned,
            ramp=max(0.0, min(1.0, (now - since) / RAMP_S)),
            weight=weight,
            look_yaw=look,
            speed_scale=safety.latency_scale(self._watch.latency),
        )


def _sweep(elapsed: float) -> float:
    """Yaw beside the predicted bearing: first none, then triangles at 20 deg/s that grow to 60 deg either way.

    Most targets come out where they are expected; a wide sweep from the start looked away from them.
    """
    elapsed -= SWEEP_WAIT_S
    if elapsed <= 0:
        return 0.0
    for amplitude in SWEEP_AMPLITUDES:
        length = 4 * amplitude / SWEEP_RATE
        if elapsed < length or amplitude == SWEEP_AMPLITUDES[-1]:
            quarter = length / 4
            t = (elapsed + quarter) % length
            return SWEEP_RATE * (t - quarter) if t < 2 * quarter else SWEEP_RATE * (3 * quarter - t)
        elapsed -= length
    return 0.0
