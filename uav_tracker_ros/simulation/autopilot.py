"""A stand-in for PX4 v1.16: its rules, its motion and its errors, stepped by whoever holds it.

No clock, no thread, no socket: ``step(now)`` flies up to ``now`` in fixed steps of 4 ms, so the
same calls give the same flight. ``mavlink_server.py`` gives it MAVLink over UDP in real time,
``autopilot_link.py`` makes it the gate's link, faster than real time.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from uav_tracker_ros.errors import InvalidParameter
from uav_tracker_ros.flight import Quaternion, Vector3, VehicleMode
from uav_tracker_ros.frames import quaternion_from_euler, wrap_angle
from uav_tracker_ros.simulation.estimator import LAG_S, Errors, Estimate, Estimator, Motion
from uav_tracker_ros.simulation.faults import Faults
from uav_tracker_ros.simulation.flight_model import STEP_S, Demand, FlightModel, FlightModelSettings
from uav_tracker_ros.simulation.px4_commander import Commander, MavResult, Severity, Status
from uav_tracker_ros.simulation.px4_flight_tasks import FlightState, FlightTasks
from uav_tracker_ros.simulation.px4_parameters import FOLLOWER_SAFE, ParameterStore, Value
from uav_tracker_ros.simulation.px4_setpoints import BODY_NED, LOCAL_NED, OffboardSetpoint, PositionTarget, interpret
from uav_tracker_ros.simulation.truth import VehicleTruth

# s of the autopilot's clock; PX4's commander publishes its status on a change and so often. CURRENT_MODE is not sent
# without news, at whatever rate it is asked for.
STATUS_PERIOD_S = 0.5
HISTORY = 512  # steps: 2 s
SLOW_STEPS = 5  # estimator, battery and fence change slowly: every 20 ms


@dataclass(frozen=True)
class AutopilotSettings:
    """The vehicle, where it starts, and how well it is known."""

    position_ned: Vector3 = (0.0, 0.0, -6.0)  # m; the ground is down = 0
    yaw: float = 0.0  # rad from north
    flying: bool = True  # hovering armed in HOLD; else disarmed on the ground below ``position_ned``
    response: str = "sih"  # a name of flight_model.RESPONSES
    drag: float = 0.25  # 1/s; 0.15 to 1.0
    wind_ned: Vector3 = (0.0, 0.0, 0.0)  # m/s
    gust: float = 0.1  # m/s^2 rms; 0 for exact tests
    noise: float = 1.0  # times the estimator's errors; 0 for exact tests
    telemetry_delay_s: tuple[float, float] = (0.010, 0.020)  # s, least and most
    clock_rate: float = 1.0  # boot seconds per second; PX4's simulator ran at 0.985
    boot_s: float = 60.0  # s since boot at the first step
    battery: float = 0.9  # 0 to 1
    endurance_s: float = 1500.0  # s from full to empty
    parameters: Mapping[str, Value] = field(default_factory=lambda: FOLLOWER_SAFE)

    def __post_init__(self) -> None:
        least, most = self.telemetry_delay_s
        if not 0 <= least <= most <= 1:
            raise InvalidParameter(
                f"telemetry_delay_s = {self.telemetry_delay_s}: (least, most) within 0 to 1 s was expected; change it"
            )
        if self.flying and self.position_ned[2] >= 0:
            raise InvalidParameter(
                f"position_ned = {self.position_ned}: a flying start needs a negative down; or set flying to False"
            )


class Snapshot(NamedTuple):
    """Everything that can be told of one moment."""

    stamp: float  # s, the caller's clock
    motion: Motion
    errors: Errors
    status: Status


class Autopilot:
    """Rules, motion and estimate of one vehicle."""

    def __init__(self, settings: AutopilotSettings, seed: int = 0) -> None:
        self.settings = settings
        self.parameters = ParameterStore(settings.parameters)
        position = settings.position_ned if settings.flying else (*settings.position_ned[:2], 0.0)
        self._model = FlightModel(_model_settings(settings, self.parameters), position, settings.yaw, 3 * seed)
        self.estimator = Estimator(settings.noise, 3 * seed + 1)
        self.commander = Commander(self.parameters, flying=settings.flying, battery=settings.battery)
        self.faults = Faults(self)
        self._tasks = FlightTasks(self.parameters)
        self.home_ned: Vector3 = (position[0], position[1], 0.0)
        self._setpoint: OffboardSetpoint | None = None
        self._task_mode: VehicleMode | None = None
        self._was_armed = settings.flying
        self._start = self._boot_origin = 0.0
        self._boot_s = settings.boot_s
        self._tick = -1
        self._history: list[Snapshot] = []

    @property
    def now(self) -> float:
        """Seconds: the moment up to which it has flown."""
        return self._start + max(0, self._tick) * STEP_S

    @property
    def status(self) -> Status:
        """What it would tell now."""
        return self.commander.status

    def step(self, now: float) -> None:
        """Fly up to ``now`` (s, any clock that never goes back); the first call only sets the clock."""
        if self._tick < 0:
            self._start = self._boot_origin = self.commander.now = now
            self._tick = 0
            self._remember()
        last = math.floor((now - self._start) / STEP_S + 1e-6)
        while self._tick < last:
            self._step_once()

    def truth(self) -> VehicleTruth:
        """The vehicle as it really is, now."""
        motion = self._motion()
        return VehicleTruth(
            self.now, motion.position_ned, motion.velocity_ned, self._model.quaternion, motion.rates_frd
        )

    def truth_at(self, stamp: float) -> VehicleTruth:
        """The true state at ``stamp``, between two steps; clamped to the last 2 s."""
        before = self.snapshot_at(stamp)
        after = self.snapshot_at(before.stamp + STEP_S)
        span = after.stamp - before.stamp
        share = min(1.0, max(0.0, (stamp - before.stamp) / span)) if span > 0 else 0.0
        a, b = before.motion, after.motion
        turn = wrap_angle(b.euler[2] - a.euler[2])
        roll, pitch = (a.euler[i] + share * (b.euler[i] - a.euler[i]) for i in (0, 1))
        quaternion: Quaternion = quaternion_from_euler(roll, pitch, a.euler[2] + share * turn)
        return VehicleTruth(
            before.stamp + share * span,
            _between(a.position_ned, b.position_ned, share),
            _between(a.velocity_ned, b.velocity_ned, share),
            quaternion,
            _between(a.rates_frd, b.rates_frd, share),
        )

    def snapshot_at(self, stamp: float) -> Snapshot:
        """The newest step not later than ``stamp``; the oldest or newest kept where it is outside."""
        if not self._history:
            raise InvalidParameter("the autopilot has not been stepped yet; call step(now) before asking for a moment")
        tick = math.floor((stamp - self._start) / STEP_S + 1e-6)
        tick = max(self._tick - len(self._history) + 1, min(self._tick, tick))
        return self._history[tick % HISTORY]

    def mode_since(self, mode: VehicleMode, since: float) -> float:
        """The first step after ``since`` in which this mode was flown, s; inf: there was none in the last 2 s."""
        stamps = (s.stamp for s in self._history if s.stamp > since and s.status.mode is mode)
        return min(stamps, default=math.inf)

    def estimate_at(self, stamp: float) -> Estimate:
        """What the autopilot says of its motion at ``stamp``, with its lag and errors."""
        return self.estimator.believe(self.snapshot_at(stamp - LAG_S).motion, self.snapshot_at(stamp).errors)

    def boot_time(self, stamp: float) -> float:
        """Seconds since boot on the autopilot's own clock, which may run slow."""
        return self._boot_s + (stamp - self._boot_origin) * self.settings.clock_rate

    def restart_clock(self) -> None:
        """Boot again: the boot clock starts at zero."""
        self._boot_s, self._boot_origin = 0.0, self.now
        self._setpoint = None

    def step_clock(self, seconds: float) -> None:
        """The boot clock jumps by so much."""
        self._boot_s += seconds

    def receive_position_target(self, target: PositionTarget) -> None:
        """SET_POSITION_TARGET_LOCAL_NED: kept until the next one, flown in OFFBOARD only."""
        if target.frame not in (LOCAL_NED, BODY_NED):
            self.commander.tell(Severity.ERROR, f"coordinate frame {target.frame} unsupported")
            return
        estimate = self.estimator.believe(self._motion(), self.estimator.errors)
        setpoint = interpret(target, estimate.position_ned, estimate.euler[2])
        if setpoint is not None:
            self._setpoint = setpoint
            self.commander.heard_setpoint()

    def take_off(self, height: float | None = None) -> MavResult:
        """MAV_CMD_NAV_TAKEOFF to ``height`` m above home; None: MIS_TAKEOFF_ALT."""
        self._tasks.takeoff_height = float(self.parameters["MIS_TAKEOFF_ALT"]) if height is None else height
        return self.commander.request_mode(VehicleMode.TAKEOFF)

    def request_mode(self, mode: VehicleMode) -> MavResult:
        """DO_SET_MODE: Take-off by its mode climbs to MIS_TAKEOFF_ALT."""
        return self.take_off() if mode is VehicleMode.TAKEOFF else self.commander.request_mode(mode)

    def set_parameter(self, name: str, value: Value) -> None:
        """Change a parameter of the running autopilot, as PARAM_SET does."""
        self.parameters.set(name, value)
        self._model.settings = _model_settings(self.settings, self.parameters)

    def shift_position(self, jump_ned: Vector3) -> None:
        """Reset of the position estimate: setpoints inside PX4 move along, the vehicle does not."""
        self.estimator.shift(jump_ned)
        self._tasks.shift(jump_ned)
        self.home_ned = (self.home_ned[0] + jump_ned[0], self.home_ned[1] + jump_ned[1], self.home_ned[2] + jump_ned[2])

    def take_texts(self) -> list[tuple[Severity, str]]:
        """STATUSTEXTs since the last call, oldest first."""
        texts, self.commander.texts = self.commander.texts, []
        return texts

    def inject(self, fault: str, **arguments: object) -> None:
        """Let a scripted fault happen now; names and arguments: ``Faults``. Raises UnknownName."""
        self.faults.inject(fault, **arguments)

    def _step_once(self) -> None:
        self._tick += 1
        now = self.now
        self.commander.now = now
        self.faults.act(now)
        if self._tick % SLOW_STEPS == 0:
            self._slow_step(SLOW_STEPS * STEP_S)
        decision = self.commander.update(now)
        if self.commander.armed and not self._was_armed:
            n, e, _ = self.estimator.believe(self._motion(), self.estimator.errors).position_ned
            self.home_ned = (n, e, self.home_ned[2])
        self._was_armed = self.commander.armed
        state = self._flight_state(now)
        if decision.mode != self._task_mode:
            self._tasks.enter(state)
            self._task_mode = decision.mode
        self._fly(decision.mode, state)
        self._remember()

    def _slow_step(self, dt: float) -> None:
        self.estimator.position_valid = self.commander.position_valid
        self.estimator.advance(dt)
        if self.commander.armed:
            self.commander.battery = max(0.0, self.commander.battery - dt / self.settings.endurance_s)
        n, e, d = (
            p + error - home
            for p, error, home in zip(
                self._model.position_ned, self.estimator.errors.position_ned, self.home_ned, strict=True
            )
        )
        far, high = self.parameters["GF_MAX_HOR_DIST"], self.parameters["GF_MAX_VER_DIST"]
        self.commander.outside_fence = (far > 0 and math.hypot(n, e) > far) or (high > 0 and -d > high)

    def _fly(self, mode: VehicleMode, state: FlightState) -> None:
        commander, model = self.commander, self._model
        if not commander.armed:
            if commander.in_air:
                model.fall()
                if model.position_ned[2] >= 0:
                    commander.touched_ground()
            return
        demand = self._tasks.demand(mode, state)
        if not commander.in_air and not commander.wants_lift(climbing=demand.velocity_d < -0.1):
            return
        model.step(demand, self.estimator.errors.velocity_ned)
        if model.position_ned[2] >= 0:
            self._meet_ground(demand)
        elif mode == VehicleMode.TAKEOFF and self._tasks.takeoff_is_done(state):
            commander.take_off_done()

    def _meet_ground(self, demand: Demand) -> None:
        if demand.velocity_d >= 0:
            self._model.rest()
            self.commander.touched_ground()
        else:  # lifting off: the ground carries until the thrust does
            n, e, _ = self._model.position_ned
            self._model.position_ned = (n, e, 0.0)

    def _motion(self) -> Motion:
        model = self._model
        return Motion(model.position_ned, model.velocity_ned, model.euler, model.rates_frd)

    def _flight_state(self, now: float) -> FlightState:
        model, errors = self._model, self.estimator.errors
        return FlightState(
            now,
            _sum(model.position_ned, errors.position_ned),
            _sum(model.velocity_ned, errors.velocity_ned),
            model.yaw,
            self.home_ned,
            self.settings.drag,
            self.commander.sticks,
            self._setpoint,
        )

    def _remember(self) -> None:
        snapshot = Snapshot(self.now, self._motion(), self.estimator.errors, self.commander.status)
        if len(self._history) < HISTORY:
            self._history.append(snapshot)
        else:
            self._history[self._tick % HISTORY] = snapshot


def _model_settings(settings: AutopilotSettings, parameters: ParameterStore) -> FlightModelSettings:
    base = FlightModelSettings(settings.response, settings.drag, settings.wind_ned, settings.gust)
    return replace(
        base,
        velocity_gain=float(parameters["MPC_XY_VEL_P_ACC"]),
        yaw_gain=float(parameters["MC_YAW_P"]),
        max_tilt=math.radians(parameters["MPC_TILTMAX_AIR"]),
        max_yaw_rate=math.radians(parameters["MC_YAWRATE_MAX"]),
    )


def _sum(a: Vector3, b: Vector3) -> Vector3:
    return a[0] + b[0], a[1] + b[1], a[2] + b[2]


def _between(a: Vector3, b: Vector3, share: float) -> Vector3:
    return a[0] + share * (b[0] - a[0]), a[1] + share * (b[1] - a[1]), a[2] + share * (b[2] - a[2])
