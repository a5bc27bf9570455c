"""What each flight mode asks of the position controller: hold, take off, land, return, fly by sticks."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from uav_tracker_ros.flight import Vector3, VehicleMode
from uav_tracker_ros.simulation.flight_model import GRAVITY, STEP_S, Demand
from uav_tracker_ros.simulation.px4_parameters import ParameterStore
from uav_tracker_ros.simulation.px4_setpoints import OffboardSetpoint

# Hold stops PX4 after 3.8 m from 3 m/s and 6.9 m from 5 m/s: a triangle of deceleration with this jerk.
BRAKE_JERK = 10.5  # m/s^3
AT_REST = 0.3  # m/s; below it the place is kept
COAST_SHARE = 0.8  # of the drag acts when Position is flown without sticks: some tilt is left over
TAKEOFF_DONE = 0.15  # m below the wanted height
SLOW_LANDING_HEIGHT, FAST_DESCENT = 10.0, 1.5  # m (MPC_LAND_ALT1), m/s (MPC_Z_V_AUTO_DN)
APPROACH_GAIN = 0.4  # 1/s; with the velocity loop's lag of 0.72 s it arrives without overshoot
ARRIVED = 1.0  # m from home: Return goes down
STICK_DEADZONE = 0.1
STICK_YAW_RATE = math.radians(150.0)  # rad/s, MPC_MAN_Y_MAX
STICK_TILT = math.radians(35.0)  # rad, MPC_MAN_TILT_MAX


class Sticks(NamedTuple):
    """A pilot's sticks, each -1 to 1; zero is centred."""

    forward: float = 0.0
    right: float = 0.0
    up: float = 0.0
    turn: float = 0.0


class FlightState(NamedTuple):
    """What a task may look at."""

    now: float  # s
    position_ned: Vector3  # m, estimated
    velocity_ned: Vector3  # m/s, estimated
    yaw: float  # rad
    home_ned: Vector3  # m
    drag: float  # 1/s
    sticks: Sticks | None  # None: there are none
    setpoint: OffboardSetpoint | None  # the newest


class FlightTasks:
    """Remembers what a mode needs from its start: where to hold, how to brake, how far Return is."""

    def __init__(self, parameters: ParameterStore) -> None:
        self._parameters = parameters
        self._braking_since = 0.0
        self._braking_from = (0.0, 0.0)
        self._hold_ne: tuple[float, float] | None = None
        self._hold_d: float | None = None
        self._yaw = 0.0
        self._wanted_velocity = (0.0, 0.0)  # m/s, slewed by MPC_ACC_HOR
        self._going_down = False
        self.takeoff_height = 0.0  # m above home

    def enter(self, state: FlightState) -> None:
        """A new mode begins: brake from the present speed, keep the heading."""
        self._brake(state)
        self._wanted_velocity = self._braking_from
        self._hold_d = None
        self._yaw = state.yaw
        self._going_down = False

    def shift(self, jump_ned: Vector3) -> None:
        """Follow a reset of the position estimate, as PX4's controllers do."""
        if self._hold_ne is not None:
            self._hold_ne = (self._hold_ne[0] + jump_ned[0], self._hold_ne[1] + jump_ned[1])
        if self._hold_d is not None:
            self._hold_d += jump_ned[2]

    def takeoff_is_done(self, state: FlightState) -> bool:
        """The wanted height is reached."""
        return state.home_ned[2] - state.position_ned[2] > self.takeoff_height - TAKEOFF_DONE

    def demand(self, mode: VehicleMode, state: FlightState) -> Demand:
        """What this mode asks for now."""
        if mode == VehicleMode.OFFBOARD and state.setpoint is not None:
            return self._offboard(state.setpoint, state)
        if mode == VehicleMode.POSITION and state.sticks is not None:
            return self._position(state.sticks, state)
        task = _TASKS.get(mode)
        return task(self, state) if task else Demand(self._still(state), self._keep_height(state), yaw=self._yaw)

    def _offboard(self, setpoint: OffboardSetpoint, state: FlightState) -> Demand:
        """As PX4's PositionControl: proportional position plus velocity, clamped; no shaping at all."""
        parameters = self._parameters
        up, down = float(parameters["MPC_Z_VEL_MAX_UP"]), float(parameters["MPC_Z_VEL_MAX_DN"])
        acceleration = setpoint.acceleration_ned or (0.0, 0.0, 0.0)
        yaw_rate = setpoint.yaw_rate or 0.0
        velocity = setpoint.velocity_ned
        if setpoint.position_ned is not None:
            gains = (float(parameters["MPC_XY_P"]),) * 2 + (float(parameters["MPC_Z_P"]),)
            n, e, d = (
                gain * (wanted - actual) + (velocity[axis] if velocity else 0.0)
                for axis, (gain, wanted, actual) in enumerate(
                    zip(gains, setpoint.position_ned, state.position_ned, strict=True)
                )
            )
            velocity = (n, e, d)
        if velocity is None:
            return Demand(None, 0.0, acceleration, setpoint.yaw, yaw_rate)
        horizontal = _limited((velocity[0], velocity[1]), float(parameters["MPC_XY_VEL_MAX"]))
        return Demand(horizontal, max(-up, min(down, velocity[2])), acceleration, setpoint.yaw, yaw_rate)

    def _takeoff(self, state: FlightState) -> Demand:
        target = state.home_ned[2] - self.takeoff_height
        speed = float(self._parameters["MPC_TKO_SPEED"])
        climb = max(-speed, min(speed, float(self._parameters["MPC_Z_P"]) * (target - state.position_ned[2])))
        return Demand(self._still(state), climb, yaw=self._yaw)

    def _land(self, state: FlightState) -> Demand:
        height = state.home_ned[2] - state.position_ned[2]
        slow = float(self._parameters["MPC_LAND_SPEED"])
        descent = slow + (FAST_DESCENT - slow) * max(0.0, min(1.0, (height - SLOW_LANDING_HEIGHT) / 2))
        return Demand(self._still(state), descent, yaw=self._yaw)

    def _return(self, state: FlightState) -> Demand:
        """Up to the height of the 45 degree cone over home, there, down."""
        north, east = (state.home_ned[i] - state.position_ned[i] for i in (0, 1))
        distance = math.hypot(north, east)
        if self._going_down:
            return self._land(state)
        if distance < ARRIVED:
            self._going_down = True
            self._brake(state)
            return self._land(state)
        if self._hold_d is None:
            cone = state.home_ned[2] - min(distance, float(self._parameters["RTL_RETURN_ALT"]))
            self._hold_d = min(state.position_ned[2], cone)
        climb = self._keep_height(state)
        if state.position_ned[2] - self._hold_d > 1.0:  # first up, then home
            self._wanted_velocity = (state.velocity_ned[0], state.velocity_ned[1])
            return Demand(self._still(state), climb, yaw=self._yaw)
        speed = min(float(self._parameters["MPC_XY_CRUISE"]), APPROACH_GAIN * distance)
        return Demand(self._slewed((north / distance * speed, east / distance * speed), state), climb, yaw=self._yaw)

    def _position(self, sticks: Sticks, state: FlightState) -> Demand:
        turn = STICK_YAW_RATE * _beyond_deadzone(sticks.turn)
        up = _beyond_deadzone(sticks.up)
        climb = -up * float(self._parameters["MPC_Z_VEL_MAX_UP" if up > 0 else "MPC_Z_VEL_MAX_DN"])
        if turn:
            self._yaw = state.yaw
        forward, right = _beyond_deadzone(sticks.forward), _beyond_deadzone(sticks.right)
        if up:
            self._hold_d = None
        else:
            climb = self._keep_height(state)
        yaw = None if turn else self._yaw
        if not forward and not right:
            self._wanted_velocity = (state.velocity_ned[0], state.velocity_ned[1])
            return Demand(self._still(state), climb, yaw=yaw, yaw_rate=turn)
        self._brake(state)  # from the moment the sticks are let go
        speed = float(self._parameters["MPC_VEL_MANUAL"])
        cos_yaw, sin_yaw = math.cos(state.yaw), math.sin(state.yaw)
        wanted = (speed * (forward * cos_yaw - right * sin_yaw), speed * (forward * sin_yaw + right * cos_yaw))
        return Demand(self._slewed(wanted, state), climb, yaw=yaw, yaw_rate=turn)

    def _level(self, state: FlightState) -> Demand:
        """Tilt by the sticks; without sticks level, so that only drag slows the vehicle (PX4 coasts)."""
        sticks = state.sticks or Sticks()
        forward, right = (
            GRAVITY * math.tan(STICK_TILT * _beyond_deadzone(stick)) for stick in (sticks.forward, sticks.right)
        )
        left_over = (1 - COAST_SHARE) * state.drag
        cos_yaw, sin_yaw = math.cos(state.yaw), math.sin(state.yaw)
        north = forward * cos_yaw - right * sin_yaw + left_over * state.velocity_ned[0]
        east = forward * sin_yaw + right * cos_yaw + left_over * state.velocity_ned[1]
        return Demand(None, self._keep_height(state), (north, east, 0.0), yaw=self._yaw)

    def _brake(self, state: FlightState) -> None:
        self._braking_since = state.now
        self._braking_from = (state.velocity_ned[0], state.velocity_ned[1])
        self._hold_ne = None

    def _still(self, state: FlightState) -> tuple[float, float]:
        """Velocity that brakes, then keeps the place where the vehicle came to rest."""
        if self._hold_ne is not None:
            gain = float(self._parameters["MPC_XY_P"])
            north, east = (gain * (self._hold_ne[i] - state.position_ned[i]) for i in (0, 1))
            return _limited((north, east), float(self._parameters["MPC_XY_CRUISE"]))
        speed = math.hypot(*self._braking_from)
        half = math.sqrt(speed / BRAKE_JERK)
        elapsed = state.now - self._braking_since
        if elapsed >= 2 * half:
            if math.hypot(state.velocity_ned[0], state.velocity_ned[1]) < AT_REST:
                self._hold_ne = (state.position_ned[0], state.position_ned[1])
            return 0.0, 0.0
        if elapsed < half:
            left = 1 - BRAKE_JERK * elapsed**2 / 2 / speed
        else:
            left = BRAKE_JERK * (2 * half - elapsed) ** 2 / 2 / speed
        return self._braking_from[0] * left, self._braking_from[1] * left

    def _keep_height(self, state: FlightState) -> float:
        if self._hold_d is None:
            if abs(state.velocity_ned[2]) < AT_REST:
                self._hold_d = state.position_ned[2]
            return 0.0
        wanted = float(self._parameters["MPC_Z_P"]) * (self._hold_d - state.position_ned[2])
        up, down = float(self._parameters["MPC_Z_VEL_MAX_UP"]), float(self._parameters["MPC_Z_VEL_MAX_DN"])
        return max(-up, min(down, wanted))

    def _slewed(self, wanted: tuple[float, float], state: FlightState) -> tuple[float, float]:
        """Towards ``wanted`` with MPC_ACC_HOR."""
        step = float(self._parameters["MPC_ACC_HOR"]) * STEP_S
        change = _limited((wanted[0] - self._wanted_velocity[0], wanted[1] - self._wanted_velocity[1]), step)
        self._wanted_velocity = (self._wanted_velocity[0] + change[0], self._wanted_velocity[1] + change[1])
        return self._wanted_velocity


# Every mode that is not here holds its place.
_TASKS: dict[VehicleMode, Callable[[FlightTasks, FlightState], Demand]] = {
    VehicleMode.TAKEOFF: FlightTasks._takeoff,
    VehicleMode.LAND: FlightTasks._land,
    VehicleMode.PRECISION_LAND: FlightTasks._land,
    VehicleMode.RETURN: FlightTasks._return,
    VehicleMode.POSITION: FlightTasks._level,
    VehicleMode.ALTITUDE: FlightTasks._level,
    VehicleMode.STABILIZED: FlightTasks._level,
    VehicleMode.MANUAL: FlightTasks._level,
    VehicleMode.ACRO: FlightTasks._level,
}


def _limited(vector: tuple[float, float], limit: float) -> tuple[float, float]:
    size = math.hypot(*vector)
    return vector if size <= limit else (vector[0] * limit / size, vector[1] * limit / size)


def _beyond_deadzone(stick: float) -> float:
    if abs(stick) < STICK_DEADZONE:
        return 0.0
    return math.copysign((abs(stick) - STICK_DEADZONE) / (1 - STICK_DEADZONE), stick)
