"""From target estimate and own motion to a velocity and a yaw, 50 times a second, in NED.

Assumes a multicopter whose velocity loop answers with a delay and one time constant, a camera fixed
to the body (tilt moves the picture) and flat ground. The law shapes its own reference velocity; what
is sent leads that reference by the autopilot's time constant, so that the vehicle is where the
reference is. Own motion does not see the camera's latency: both sides of the error are taken at the
moment when the setpoint begins to act.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from uav_tracker_ros.following import safety, view
from uav_tracker_ros.following.camera import Camera
from uav_tracker_ros.following.limiter import JERK_GAIN, VelocityLimiter, YawLimiter
from uav_tracker_ros.following.report import Limit
from uav_tracker_ros.following.settings import FollowSettings
from uav_tracker_ros.following.target_estimator import Estimate
from uav_tracker_ros.frames import wrap_angle

Array = NDArray[np.float64]

ANTI_WINDUP = 2.0  # m/s, largest lead of the reference over the vehicle
SPOTLIGHT_GAIN, SPOTLIGHT_SPEED = 0.5, 0.5  # 1/s, m/s: back to the place of engagement
HEIGHT_GAIN = 0.8  # 1/s
GROUND_CHANGE = 6.0  # m up or down that the estimated ground may move the height; more is an error
VERTICAL_GAIN = 4.4  # 1/s, vertical speed error to acceleration
VERTICAL_ACCEL, VERTICAL_JERK = 1.5, 6.0  # m/s^2, m/s^3
YAW_FREEZE = 1.5  # m, horizontal: nearer than this the bearing means nothing
DEFAULT_VELOCITY_GAIN = 1.8  # 1/s, PX4's MPC_XY_VEL_P_ACC where the autopilot did not tell
DEFAULT_YAW_GAIN = 2.8  # 1/s, PX4's MC_YAW_P
YAW_DELAY = 0.08  # s


class OwnState(NamedTuple):
    """The vehicle at the newest telemetry."""

    stamp: float  # monotonic s
    position_ned: Array  # (3,) m
    velocity_ned: Array  # (3,) m/s
    yaw: float  # rad
    holding_ne: Array  # (2,) m/s^2 of thrust that keeps this velocity up against drag and wind
    drag: float  # 1/s, thrust that one more m/s takes


class Task(NamedTuple):
    """What the vehicle should do in this step."""

    mode: str  # spotlight, follow, hold_offset, orbit
    offset_ne: Array  # (2,) m, wanted place minus target (hold_offset)
    place_ne: Array  # (2,) m, where it was engaged (spotlight)
    home_ned: Array  # (3,) m
    ramp: float  # 0 to 1 over the first seconds after engaging
    weight: float  # 0 to 1, share of the target's motion that is still believed (1: seen)
    look_yaw: float | None  # rad, where to look while the target is not confirmed; None: at the estimate
    speed_scale: float  # 0 to 1, from the latency


class Motion(NamedTuple):
    """What the law wants, and the terms behind it."""

    velocity_ned: tuple[float, float, float]  # m/s, the setpoint: reference and lead
    yaw: float  # rad
    reference_ne: Array  # (2,) m/s
    acceleration_ne: Array  # (2,) m/s^2
    error_ne: Array  # (2,) m, wanted place minus own, where the setpoint acts
    height: float  # m above the target's ground: what the view needs where the height is held, else the wanted one
    limits: Limit
    fov_saturated: bool
    speed_saturated: bool


class _Wish(NamedTuple):
    """What the way of following asks for, before any limit."""

    error: Array  # (2,) m, wanted place minus own
    velocity: Array  # (2,) m/s
    feed: Array  # (2,) m/s^2, the change of that velocity which is known beforehand


class ControlLaw:
    """Holds the reference velocity, its acceleration and the yaw setpoint between steps."""

    def __init__(self, settings: FollowSettings):
        limits = settings.limits
        self._settings = settings
        self._horizontal = VelocityLimiter(limits.max_speed, limits.max_accel, limits.max_jerk)
        self._vertical = VelocityLimiter(limits.max_speed_z, VERTICAL_ACCEL, VERTICAL_JERK, size=1)
        self._yaw = YawLimiter(limits.max_yaw_rate, limits.max_yaw_accel)
        self.velocity_gain = DEFAULT_VELOCITY_GAIN
        self.yaw_gain = DEFAULT_YAW_GAIN

    @property
    def yaw_lead(self) -> float:
        """How far ahead the bearing is taken, s: the lag of the autopilot's yaw loop."""
        return 1 / self.yaw_gain + YAW_DELAY

    @property
    def _stopping_gain(self) -> float:
        """1/s at which the reference dies while its lead cancels it: what is sent is zero, forwards and backwards."""
        return self.velocity_gain * (1 - self.velocity_gain / JERK_GAIN)

    def retune(self, settings: FollowSettings) -> None:
        """Take the distances and gains of a goal; the limits stay as they were made."""
        self._settings = settings

    def reset(self, own: OwnState) -> None:
        """Start from the measured motion: no step at hand-over."""
        self._horizontal.reset(own.velocity_ned[:2])
        self._vertical.reset(own.velocity_ned[2:])
        self._yaw.reset(own.yaw)

    def step(
        self,
        now: float,
        dt: float,
        own: OwnState,
        target: Estimate,
        later_target: Estimate,
        task: Task,
        camera: Camera | None,
    ) -> Motion:
        """One step.

        Args:
            now: monotonic s.
            dt: s since the last step.
            own: newest telemetry.
            target: predicted to ``now`` + ``actuation_delay``.
            later_target: predicted to ``now`` + the yaw lead.
            task: see :class:`Task`.
            camera: for the limit that keeps the target in the picture.
        """
        age = now + self._settings.actuation_delay - own.stamp
        place = own.position_ned[:2] + own.velocity_ned[:2] * age + 0.5 * self._horizontal.acceleration * age**2
        velocity = own.velocity_ned[:2] + self._horizontal.acceleration * age
        wish = self._wish(place, velocity, target, task)
        wanted, limits = wish.velocity, Limit.NONE
        unlimited = math.hypot(*wanted)
        cap = self._settings.max_speed * task.speed_scale
        speed_saturated = unlimited > cap
        if speed_saturated:
            wanted, limits = wanted * (cap / unlimited), limits | Limit.SPEED
        wanted, close = self._kept_apart(wanted, own, target, task)
        wanted, at_fence = safety.fenced(
            wanted, place - task.home_ned[:2], self._settings.fence_radius, self._settings.polygon
        )
        limits |= (Limit.DISTANCE if close else Limit.NONE) | (Limit.FENCE if at_fence else Limit.NONE)
        gain = self._settings.reference_gain if task.weight > 0 else self._stopping_gain
        accel = gain * (wanted - self._horizontal.velocity)
        if task.weight >= 1 and not (close or at_fence):
            accel = accel + task.ramp * wish.feed
        accel = accel - gain * _beyond(self._horizontal.velocity - own.velocity_ned[:2], ANTI_WINDUP)
        saturated = False
        if camera is not None and not close:
            accel, saturated = self._kept_in_view(accel, own, target, camera)
            limits |= Limit.FOV if saturated else Limit.NONE
        limits |= self._horizontal.step(accel, dt, max(task.ramp, 0.05))
        height = self._settings.height
        holds_height = not close and task.weight >= 1 and task.mode != "spotlight"
        if holds_height and camera is not None:
            height = self._height_in_view(own, target, camera)
        up = 1.0 if close else self._climb(height, own, target) if holds_height else 0.0
        velocity_z, limit_z = self._vertical_velocity(up, own, task, dt)
        yaw, limit_yaw = self._yaw_angle(own, later_target, task, dt)
        lead = self._horizontal.acceleration / self.velocity_gain
        sent = self._horizontal.velocity + lead
        return Motion(
            (float(sent[0]), float(sent[1]), velocity_z),
            yaw,
            self._horizontal.velocity.copy(),
            self._horizontal.acceleration.copy(),
            wish.error,
            height,
            limits | limit_z | limit_yaw,
            saturated,
            speed_saturated,
        )

    def _wish(self, place: Array, velocity: Array, target: Estimate, task: Task) -> _Wish:
        """Where to, how fast, and what is needed to keep it up; ``place`` and ``velocity`` when it acts."""
        s = self._settings
        if task.mode == "spotlight":
            error = task.place_ne - place
            return _Wish(error, _capped(SPOTLIGHT_GAIN * error, SPOTLIGHT_SPEED), np.zeros(2))
        relative = target.velocity_ne - velocity
        carried, turning = target.velocity_ne, target.acceleration_ne
        if task.mode == "hold_offset":
            error = target.position_ne + task.offset_ne - place
        else:
            away = place - target.position_ne
            distance = max(math.hypot(*away), 0.1)
            outward = away / distance
            error = (s.distance - distance) * outward
            if task.mode == "orbit":
                aside = s.orbit_speed * np.array([-outward[1], outward[0]])
                carried = carried + task.ramp * aside
                turning = turning - task.ramp * (s.orbit_speed**2 / distance) * outward
            relative = float(relative @ outward) * outward  # the wanted place turns with the line of sight
        catch_up = _square_root_p(error, s.gain, 0.5 * s.max_accel)
        return _Wish(error, task.weight * (carried + task.ramp * catch_up), turning + s.gain * relative)

    def _kept_apart(self, wanted: Array, own: OwnState, target: Estimate, task: Task) -> tuple[Array, bool]:
        separation = self._separation(own, target)
        closing = own.velocity_ned - np.append(target.velocity_ne, 0.0)
        if task.weight <= 0 or not safety.too_close(separation, closing, self._settings.min_distance):
            return wanted, False
        level = separation[:2]
        distance = math.hypot(*level)
        if distance < 0.1:
            return np.zeros(2), True
        back = -level / distance
        retreat, at_fence = safety.fenced(
            safety.RETREAT_SPEED * back,
            own.position_ned[:2] - task.home_ned[:2],
            self._settings.fence_radius,
            self._settings.polygon,
        )
        if at_fence:
            return np.zeros(2), True
        return retreat if float(wanted @ back) < safety.RETREAT_SPEED else wanted, True

    def _ground(self, target: Estimate) -> float:
        """Down-coordinate of the ground that the height refers to, m: the target's, as far as it is believed."""
        known = self._settings.ground_z
        return max(known - GROUND_CHANGE, min(known + GROUND_CHANGE, target.ground_z))

    def _separation(self, own: OwnState, target: Estimate) -> Array:
        middle = self._ground(target) - target.height / 2
        return np.append(target.position_ne - own.position_ned[:2], middle - own.position_ned[2])

    def _kept_in_view(self, accel: Array, own: OwnState, target: Estimate, camera: Camera) -> tuple[Array, bool]:
        forward = np.array([math.cos(own.yaw), math.sin(own.yaw)])
        along = float(accel @ forward)
        distance = math.hypot(*(target.position_ne - own.position_ned[:2]))
        feet = self._ground(target) - own.position_ned[2]
        least, most = view.forward_accelerations(camera, distance, feet, target.height, float(own.holding_ne @ forward))
        bounded = max(least, min(most, along))
        return accel + (bounded - along) * forward, bounded != along

    def _height_in_view(self, own: OwnState, target: Estimate, camera: Camera) -> float:
        """Height, m above the target's ground, at which the lean that keeps its speed leaves it in the picture."""
        away = target.position_ne - own.position_ned[:2]
        distance = math.hypot(*away)
        if distance < YAW_FREEZE:
            return self._settings.height
        forward = away / distance
        now = float(own.holding_ne @ forward)
        wind = now - own.drag * float(own.velocity_ned[:2] @ forward)
        later = wind + own.drag * float(target.velocity_ne @ forward)
        turned = wind - own.drag * math.hypot(*target.velocity_ne)
        return view.height(camera, self._settings.height, distance, target.height, (now, later), turned)

    def _climb(self, height: float, own: OwnState, target: Estimate) -> float:
        missing = height - (self._ground(target) - float(own.position_ned[2]))
        bound = self._settings.max_speed_z
        return max(-bound, min(bound, HEIGHT_GAIN * missing))

    def _vertical_velocity(self, up: float, own: OwnState, task: Task, dt: float) -> tuple[float, Limit]:
        s = self._settings
        altitude = task.home_ned[2] - own.position_ned[2]
        up, bounded = safety.altitude_bounded(min(up, s.max_speed_z), altitude, s.min_altitude, s.max_altitude)
        accel = VERTICAL_GAIN * (np.array([-up]) - self._vertical.velocity)
        self._vertical.step(accel, dt, max(task.ramp, 0.05))
        return float(self._vertical.velocity[0]), Limit.ALTITUDE if bounded else Limit.NONE

    def _yaw_angle(self, own: OwnState, target: Estimate, task: Task, dt: float) -> tuple[float, Limit]:
        place = own.position_ned[:2] + own.velocity_ned[:2] * (target.stamp - own.stamp)
        away = target.position_ne - place
        rate = 0.0
        if task.look_yaw is not None:
            wanted = task.look_yaw
        elif (distance := math.hypot(*away)) < YAW_FREEZE:
            wanted = self._yaw.yaw
        else:
            wanted = math.atan2(away[1], away[0])
            across = target.velocity_ne - own.velocity_ned[:2]
            rate = float(away[0] * across[1] - away[1] * across[0]) / distance**2
        acted = self._yaw.step(wrap_angle(wanted), own.yaw, dt, rate)
        return self._yaw.yaw, acted


def _capped(vector: Array, size: float) -> Array:
    length = math.hypot(*vector)
    return vector * (size / length) if length > size else vector


def _beyond(vector: Array, size: float) -> Array:
    length = math.hypot(*vector)
    return vector * (1 - size / length) if length > size else np.zeros_like(vector)


def _square_root_p(error: Array, gain: float, braking: float) -> Array:
    """Speed towards a place: proportional when near, what ``braking`` (m/s^2) can still stop when far."""
    distance = math.hypot(*error)
    linear = braking / gain**2
    if distance <= linear:
        return gain * error
    return error * (math.sqrt(2 * braking * (distance - linear / 2)) / distance)
