"""The stand-in as the gate's link without sockets: stepped, faster than real time.

Telemetry has the rates that the gate asks of a real autopilot, the same delays, and its stamps are
already on the caller's clock.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from uav_tracker_ros.flight import Attitude, Command, Limits, LocalPosition, Setpoint, Telemetry, VehicleMode
from uav_tracker_ros.simulation.autopilot import STATUS_PERIOD_S, Autopilot, Snapshot
from uav_tracker_ros.simulation.px4_setpoints import LOCAL_NED, VELOCITY_AND_YAW, PositionTarget
from uav_tracker_ros.vehicle import preflight

MOTION_PERIOD_S = 0.02  # ATTITUDE_QUATERNION and LOCAL_POSITION_NED at 50 Hz
MODE_PERIOD_S = 0.1  # CURRENT_MODE at 10 Hz at most, and only with news
RESET_PERIOD_S = 0.1  # ODOMETRY at 10 Hz tells the reset counter, so it lags behind the position
LANDED_PERIOD_S = 0.2  # EXTENDED_SYS_STATE at 5 Hz
HEARTBEAT_PERIOD_S = 1.0  # armed and failsafe are told there only; PX4 does not raise its rate
BATTERY_PERIOD_S = 2.0
CLOCK_ERROR_S = 0.002  # s, 1 sigma; what the gate's clock mapping reaches on a quiet link


class AutopilotLink:
    """Implements :class:`~uav_tracker_ros.vehicle.contract.Link` on a stepped autopilot."""

    def __init__(
        self,
        autopilot: Autopilot,
        seed: int = 0,
        *,
        limits: Limits | None = None,
        fence_radius: float | None = None,
    ) -> None:
        """Args: ``limits`` and ``fence_radius`` (m) of the gate, to check the autopilot's parameters against."""
        self._autopilot = autopilot
        self._limits = limits or Limits()
        self._fence_radius = fence_radius
        self._random = random.Random(seed)  # noqa: S311 - jitter, not cryptography
        self._next_sample: float | None = None  # s, when the next motion sample is taken
        self._arrival = 0.0  # s, when it is in hand
        self._resets = 0
        self._due: dict[str, float] = {}
        self._told_modes: tuple[VehicleMode, VehicleMode] | None = None
        self._heard = Telemetry(stamp=float("-inf"))

    def poll(self) -> Sequence[Telemetry]:
        """What arrived up to the autopilot's present moment, oldest first, at 50 Hz."""
        now = self._autopilot.now
        if self._next_sample is None:
            self._schedule(now)
        told = []
        while self._next_sample is not None and self._arrival <= now:
            if self._autopilot.faults.downlink_open:
                told.append(self._hear(self._next_sample))
            self._schedule(self._next_sample + MOTION_PERIOD_S)
        return told

    def send_setpoint(self, setpoint: Setpoint) -> None:
        """As SET_POSITION_TARGET_LOCAL_NED, velocity and yaw angle."""
        if self._autopilot.faults.uplink_open:
            self._autopilot.receive_position_target(
                PositionTarget(LOCAL_NED, VELOCITY_AND_YAW, velocity=setpoint.velocity_ned, yaw=setpoint.yaw_ned)
            )

    def request(self, what: VehicleMode | Command) -> None:
        """Carry out, or refuse as PX4 does; either way telemetry tells."""
        autopilot = self._autopilot
        if not autopilot.faults.uplink_open:
            return
        if isinstance(what, VehicleMode):
            autopilot.request_mode(what)
        elif what is Command.ARM:
            autopilot.commander.arm()
        elif what is Command.DISARM:
            autopilot.commander.disarm()
        elif what is Command.TAKEOFF:
            autopilot.take_off()
        else:
            autopilot.commander.request_mode(VehicleMode.LAND if what is Command.LAND else VehicleMode.RETURN)

    def _schedule(self, sample: float) -> None:
        self._next_sample = sample
        self._arrival = sample + self._random.uniform(*self._autopilot.settings.telemetry_delay_s)

    def _hear(self, sample: float) -> Telemetry:
        snapshot = self._autopilot.snapshot_at(sample)
        estimate = self._autopilot.estimate_at(sample)
        heard = self._heard._replace(
            stamp=self._arrival,
            attitude=Attitude(sample, estimate.quaternion, estimate.rates_frd),
            clock_error=CLOCK_ERROR_S,
        )
        if self._is_due("ODOMETRY", RESET_PERIOD_S, sample):
            self._resets = estimate.reset_count
        if estimate.position_valid:  # without it PX4 does not send LOCAL_POSITION_NED
            position = LocalPosition(sample, estimate.position_ned, estimate.velocity_ned, self._resets)
            heard = heard._replace(position=position)
        self._heard = self._hear_status(heard, snapshot, sample)
        return self._heard

    def _hear_status(self, heard: Telemetry, snapshot: Snapshot, sample: float) -> Telemetry:
        status = snapshot.status
        if self._is_due("HEARTBEAT", HEARTBEAT_PERIOD_S, sample):
            heard = heard._replace(armed=status.armed, failsafe=status.failsafe, vehicle_mode=status.mode)
            heard = self._with_parameters(heard)
        if self._is_due("CURRENT_MODE", MODE_PERIOD_S, sample):
            modes = (status.mode, status.intended)
            if modes != self._told_modes or self._is_due("status", STATUS_PERIOD_S, sample):
                self._told_modes, self._due["status"] = modes, sample + STATUS_PERIOD_S
                heard = heard._replace(vehicle_mode=modes[0], intended_mode=modes[1], mode_stamp=self._arrival)
        if self._is_due("EXTENDED_SYS_STATE", LANDED_PERIOD_S, sample):
            heard = heard._replace(in_air=status.in_air)
        if self._is_due("BATTERY_STATUS", BATTERY_PERIOD_S, sample):
            heard = heard._replace(battery=round(status.battery, 2))  # told in percent
        return heard

    def _with_parameters(self, heard: Telemetry) -> Telemetry:
        parameters = self._autopilot.parameters
        values = {name: float(parameters[name]) for name in (*preflight.INTEGERS, *preflight.FLOATS)}
        found = preflight.check_parameters(values, self._limits, self._fence_radius)
        return heard._replace(
            blockers=found.blockers,
            warnings=found.warnings,
            velocity_gain=values[preflight.VELOCITY_GAIN],
            yaw_gain=values[preflight.YAW_GAIN],
        )

    def _is_due(self, message: str, period: float, sample: float) -> bool:
        if sample < self._due.get(message, float("-inf")) - 1e-9:
            return False
        self._due[message] = sample + period
        return True
