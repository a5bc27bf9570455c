"""How the vehicle moves: PX4's velocity and yaw loops, the lag of its attitude, drag, wind and gusts.

``sih`` is fitted to step, ramp and sine runs of PX4 v1.16.0 in its own simulator (SIH quadrotor):
seen from outside it is a delay of 0.20 s and a first order of 0.52 s horizontally, 0.08 s and
0.25 s vertically, 0.08 s and 0.38 s in yaw rate. ``design`` is the quicker vehicle that the
following law was first laid out for.

Assumptions: flat ground at down = 0, thrust always suffices, tilt follows the wanted acceleration
as two poles in a row, drag is linear in the speed through the air.
"""

from __future__ import annotations

import math
import random
from collections import deque
from dataclasses import dataclass, replace
from typing import NamedTuple

from uav_tracker_ros.errors import unknown_name
from uav_tracker_ros.flight import Quaternion, Vector3
from uav_tracker_ros.frames import quaternion_from_euler, wrap_angle

GRAVITY = 9.81  # m/s^2
STEP_S = 0.004  # s; the fixed step of the model
GUST_TIME_S = 1.0  # s; correlation of gusts
SAG_SHARE = 3.0  # times the thrust lost by a sudden tilt; fitted to the 0.5 m seen in hard speed changes
SAG_TIME_S = 1.0  # s; until the vertical loop's integrator has taken over
YAW_FEED_GAIN = 0.95  # a yaw rate without a yaw angle is flown 2 to 8 % slower than asked


class Demand(NamedTuple):
    """What the position controller is asked for in one step."""

    velocity_ne: tuple[float, float] | None  # m/s; None: only ``acceleration_ned`` steers
    velocity_d: float  # m/s
    acceleration_ned: Vector3 = (0.0, 0.0, 0.0)  # m/s^2, feed-forward
    yaw: float | None = None  # rad; None: no heading hold
    yaw_rate: float = 0.0  # rad/s, feed-forward


@dataclass(frozen=True)
class Response:
    """One kind of vehicle; the velocity gain itself is PX4's MPC_XY_VEL_P_ACC where ``gain`` is None."""

    delay_s: float  # from the setpoint to the wanted acceleration
    gain: float | None  # 1/s, velocity error to acceleration
    integral: float  # 1/s^2
    derivative: float
    attitude_s: tuple[float, float]  # the two lags of the tilt; 0: none
    max_accel: float | None  # m/s^2; None: by MPC_TILTMAX_AIR
    max_jerk: float  # m/s^3
    feels_drag: bool  # drag slows the vehicle (else it only tilts it)
    lag_share: float = 1.0  # the real velocity lag over the one that the gain says


RESPONSES = {
    # Integral and derivative are PX4's MPC_XY_VEL_I_ACC and _D_ACC; delay and lags are the fit.
    "sih": Response(0.05, None, 0.4, 0.2, (0.068, 0.068), None, math.inf, True),
    "design": Response(0.02, 2.5, 0.0, 0.0, (0.12, 0.0), 4.5, 40.0, False),
}
# The same vehicles, badly identified: they answer 40 % quicker or slower than their parameters say.
RESPONSES |= {
    f"{name}_{word}": replace(response, lag_share=share)
    for name, response in RESPONSES.items()
    for word, share in (("quick", 0.6), ("slow", 1.4))
}
VERTICAL_DELAY_S, VERTICAL_TIME_S, VERTICAL_MAX_ACCEL = 0.08, 0.25, 5.0
YAW_DELAY_S, YAW_TIME_S, YAW_MAX_ACCEL = 0.08, 0.38, math.radians(300.0)


@dataclass(frozen=True)
class FlightModelSettings:
    """The vehicle, its air and PX4's parameters that shape the motion."""

    response: str = "sih"
    drag: float = 0.25  # 1/s, N/(m/s) per kg; 0.15 to 1.0 for real frames
    wind_ned: Vector3 = (0.0, 0.0, 0.0)  # m/s
    gust: float = 0.1  # m/s^2 rms; 0.1 gives the hover noise of quiet air
    velocity_gain: float = 1.8  # 1/s, MPC_XY_VEL_P_ACC
    yaw_gain: float = 2.8  # 1/s, MC_YAW_P
    max_tilt: float = math.radians(45.0)  # rad, MPC_TILTMAX_AIR
    max_yaw_rate: float = math.radians(200.0)  # rad/s, MC_YAWRATE_MAX

    def __post_init__(self) -> None:
        if self.response not in RESPONSES:
            raise unknown_name("response", self.response, RESPONSES)


class FlightModel:
    """Position, velocity and attitude of the vehicle, stepped by ``STEP_S``."""

    def __init__(self, settings: FlightModelSettings, position_ned: Vector3, yaw: float, seed: int = 0) -> None:
        self.settings = settings
        self._response = RESPONSES[settings.response]
        self._random = random.Random(seed)  # noqa: S311 - noise, not cryptography
        self.position_ned = position_ned
        self.velocity_ned: Vector3 = (0.0, 0.0, 0.0)
        self.yaw = yaw
        self.rates_frd: Vector3 = (0.0, 0.0, 0.0)
        self._yaw_rate = 0.0
        self._acceleration = [0.0, 0.0]  # m/s^2, horizontal, of the last step
        self._integral = [settings.drag * -settings.wind_ned[0], settings.drag * -settings.wind_ned[1]]
        self._tilt = [[0.0, 0.0], [0.0, 0.0]]  # rad, the two lags, each as a north-east vector
        self._gust = [0.0, 0.0, 0.0]
        self._sag = 0.0
        self._roll = self._pitch = 0.0
        idle = Demand((0.0, 0.0), 0.0, yaw=yaw)
        self._horizontal = _DelayLine(self._response.delay_s, idle)
        self._vertical = _DelayLine(VERTICAL_DELAY_S, idle)
        self._heading = _DelayLine(YAW_DELAY_S, idle)

    @property
    def quaternion(self) -> Quaternion:
        """``body_frd -> ned``."""
        return quaternion_from_euler(self._roll, self._pitch, self.yaw)

    @property
    def euler(self) -> Vector3:
        """Roll, pitch, yaw, rad."""
        return self._roll, self._pitch, self.yaw

    def step(self, demand: Demand, error_ned: Vector3 = (0.0, 0.0, 0.0)) -> None:
        """Fly one ``STEP_S``.

        Args:
            demand: what is asked now; the delays of the loops are applied here.
            error_ned: m/s, estimated minus true velocity: the loops hold what the estimator believes.
        """
        self._blow()
        wanted = self._wanted_acceleration(self._horizontal.push(demand), error_ned)
        self._tilt_towards(wanted)
        thrust = _tangent(self._tilt[1])
        self._move(thrust, self._vertical.push(demand), error_ned[2])
        self._turn(self._heading.push(demand))
        self._lean(thrust)

    def fall(self) -> None:
        """One step without thrust: down to the ground and no further."""
        n, e, d = self.position_ned
        vn, ve, vd = self.velocity_ned
        vd = vd + GRAVITY * STEP_S
        d += vd * STEP_S
        if d >= 0:
            self.rest()
            return
        self.position_ned = (n + vn * STEP_S, e + ve * STEP_S, d)
        self.velocity_ned = (vn, ve, vd)

    def rest(self) -> None:
        """Stand on the ground where it is."""
        n, e, _ = self.position_ned
        self.position_ned = (n, e, 0.0)
        self.velocity_ned = self.rates_frd = (0.0, 0.0, 0.0)
        self._tilt = [[0.0, 0.0], [0.0, 0.0]]
        self._acceleration, self._yaw_rate, self._sag = [0.0, 0.0], 0.0, 0.0
        self._integral = [-self.settings.drag * wind for wind in self.settings.wind_ned[:2]]
        self._roll = self._pitch = 0.0

    def _blow(self) -> None:
        """Advance the gusts: a first-order Gauss-Markov acceleration on each axis."""
        if self.settings.gust:
            spread = self.settings.gust * math.sqrt(2 * STEP_S / GUST_TIME_S)
            for axis in range(3):
                self._gust[axis] += self._random.gauss(0.0, spread) - self._gust[axis] * STEP_S / GUST_TIME_S

    def _wanted_acceleration(self, demand: Demand, error_ned: Vector3) -> list[float]:
        response = self._response
        gain = self.settings.velocity_gain if response.gain is None else response.gain
        gain /= response.lag_share
        limit = response.max_accel or GRAVITY * math.tan(self.settings.max_tilt)
        if demand.velocity_ne is None:
            return _limited([demand.acceleration_ned[0], demand.acceleration_ned[1]], limit)
        errors = [demand.velocity_ne[i] - self.velocity_ned[i] - error_ned[i] for i in (0, 1)]
        wanted = [
            gain * errors[i]
            + self._integral[i]
            - response.derivative * self._acceleration[i]
            + demand.acceleration_ned[i]
            for i in (0, 1)
        ]
        limited = _limited(wanted, limit)
        for i in (0, 1):
            # Anti-windup: at the tilt limit only an error that unwinds is integrated.
            if limited[i] == wanted[i] or wanted[i] * errors[i] < 0:
                self._integral[i] += response.integral * errors[i] * STEP_S
        return limited

    def _tilt_towards(self, wanted: list[float]) -> None:
        size = math.hypot(*wanted)
        scale = math.atan2(size, GRAVITY) / size if size > 1e-9 else 1 / GRAVITY
        first, second = self._response.attitude_s
        for i in (0, 1):
            change = (wanted[i] * scale - self._tilt[0][i]) / first
            limit = self._response.max_jerk / GRAVITY
            self._tilt[0][i] += max(-limit, min(limit, change)) * STEP_S
            if second:
                self._tilt[1][i] += (self._tilt[0][i] - self._tilt[1][i]) * STEP_S / second
            else:
                self._tilt[1][i] = self._tilt[0][i]

    def _move(self, thrust: list[float], demand: Demand, error_d: float) -> None:
        wind, drag = self.settings.wind_ned, self.settings.drag
        velocity = list(self.velocity_ned)
        for i in (0, 1):
            slowing = drag * (velocity[i] - wind[i]) if self._response.feels_drag else 0.0
            self._acceleration[i] = thrust[i] - slowing + self._gust[i]
        climb = (demand.velocity_d - velocity[2] - error_d) / VERTICAL_TIME_S + demand.acceleration_ned[2]
        climb = max(-VERTICAL_MAX_ACCEL, min(VERTICAL_MAX_ACCEL, climb)) + self._gust[2] * 0.5
        lost = 1 - math.cos(math.hypot(*self._tilt[1]))
        self._sag += (lost - self._sag) * STEP_S / SAG_TIME_S
        climb += SAG_SHARE * GRAVITY * (lost - self._sag)
        acceleration = (*self._acceleration, climb)
        position = [
            p + v * STEP_S + 0.5 * a * STEP_S**2
            for p, v, a in zip(self.position_ned, velocity, acceleration, strict=True)
        ]
        self.velocity_ned = (
            velocity[0] + acceleration[0] * STEP_S,
            velocity[1] + acceleration[1] * STEP_S,
            velocity[2] + climb * STEP_S,
        )
        self.position_ned = (position[0], position[1], position[2])

    def _turn(self, demand: Demand) -> None:
        if demand.yaw is None:
            wanted = YAW_FEED_GAIN * demand.yaw_rate
        else:
            wanted = self.settings.yaw_gain * wrap_angle(demand.yaw - self.yaw) + demand.yaw_rate
        limit = self.settings.max_yaw_rate
        change = (max(-limit, min(limit, wanted)) - self._yaw_rate) / YAW_TIME_S
        self._yaw_rate += max(-YAW_MAX_ACCEL, min(YAW_MAX_ACCEL, change)) * STEP_S
        self.yaw = wrap_angle(self.yaw + self._yaw_rate * STEP_S)

    def _lean(self, thrust: list[float]) -> None:
        """Roll and pitch whose thrust gives this horizontal acceleration: forward is nose down."""
        air = self.settings.drag if not self._response.feels_drag else 0.0
        north, east = (thrust[i] + air * (self.velocity_ned[i] - self.settings.wind_ned[i]) for i in (0, 1))
        cos_yaw, sin_yaw = math.cos(self.yaw), math.sin(self.yaw)
        forward, right = north * cos_yaw + east * sin_yaw, east * cos_yaw - north * sin_yaw
        pitch = -math.atan2(forward, GRAVITY)
        roll = math.atan2(right, math.hypot(forward, GRAVITY))
        d_roll, d_pitch = (roll - self._roll) / STEP_S, (pitch - self._pitch) / STEP_S
        self._roll, self._pitch = roll, pitch
        sin_roll, cos_roll = math.sin(roll), math.cos(roll)
        yaw_level = self._yaw_rate * math.cos(pitch)
        self.rates_frd = (
            d_roll - self._yaw_rate * math.sin(pitch),
            d_pitch * cos_roll + yaw_level * sin_roll,
            yaw_level * cos_roll - d_pitch * sin_roll,
        )


class _DelayLine:
    """The demand of ``delay_s`` ago."""

    def __init__(self, delay_s: float, idle: Demand) -> None:
        self._waiting = deque([idle] * round(delay_s / STEP_S))

    def push(self, demand: Demand) -> Demand:
        self._waiting.append(demand)
        return self._waiting.popleft()


def _limited(vector: list[float], limit: float) -> list[float]:
    size = math.hypot(*vector)
    return vector if size <= limit else [part * limit / size for part in vector]


def _tangent(tilt: list[float]) -> list[float]:
    """Horizontal acceleration (m/s^2) of a tilt (rad, north-east vector)."""
    angle = math.hypot(*tilt)
    scale = GRAVITY * math.tan(angle) / angle if angle > 1e-9 else GRAVITY
    return [part * scale for part in tilt]
