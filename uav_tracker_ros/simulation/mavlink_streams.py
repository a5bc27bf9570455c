"""What the stand-in sends by itself: PX4's onboard streams, their rates and their messages.

The rates are those of PX4 v1.16's onboard mode. A message tells the state of 10 to 20 ms before it
is sent (``AutopilotSettings.telemetry_delay_s``) and carries that moment as boot time.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from typing import Any

from pymavlink.dialects.v20 import development as mavlink  # "common" of pymavlink 2.4 lacks CURRENT_MODE

from uav_tracker_ros.flight import Vector3, custom_mode
from uav_tracker_ros.frames import rotation_from_quaternion
from uav_tracker_ros.simulation.autopilot import STATUS_PERIOD_S, Autopilot
from uav_tracker_ros.simulation.px4_commander import Status
from uav_tracker_ros.simulation.px4_failsafe import NEEDS_STICKS

Message = Any  # pymavlink's message classes carry no types

MODE = mavlink.MAVLINK_MSG_ID_CURRENT_MODE
DEFAULT_RATES_HZ = {
    mavlink.MAVLINK_MSG_ID_HEARTBEAT: 1.0,
    mavlink.MAVLINK_MSG_ID_ATTITUDE: 100.0,
    mavlink.MAVLINK_MSG_ID_ATTITUDE_QUATERNION: 50.0,
    mavlink.MAVLINK_MSG_ID_LOCAL_POSITION_NED: 30.0,
    mavlink.MAVLINK_MSG_ID_GLOBAL_POSITION_INT: 50.0,
    mavlink.MAVLINK_MSG_ID_ODOMETRY: 30.0,
    mavlink.MAVLINK_MSG_ID_EXTENDED_SYS_STATE: 5.0,
    mavlink.MAVLINK_MSG_ID_SYS_STATUS: 5.0,
    mavlink.MAVLINK_MSG_ID_BATTERY_STATUS: 0.5,
    mavlink.MAVLINK_MSG_ID_HOME_POSITION: 0.5,
    MODE: 0.5,
    mavlink.MAVLINK_MSG_ID_TIMESYNC: 10.0,
}
MAX_RATE_HZ = 125.0  # PX4 gave 122 Hz where 200 were asked
MODE_CHANGE_S = 0.1  # from a change to its CURRENT_MODE (0.04 to 0.12 s measured), or later if its interval is longer

ORIGIN = (47.397742, 8.545594, 488.0)  # deg, deg, m: PX4's own place in simulation
METRES_PER_DEGREE = 111_319.5
SENSORS = 0x1 | 0x2 | 0x4 | 0x8 | 0x20 | 0x8000 | 0x200000 | 0x2000000  # gyro ... GPS, motors, AHRS, battery
GPS, PREARM = 0x20, 0x10000000
FULL_CELL_MV, EMPTY_CELL_MV, CELLS = 4200, 3500, 4
_NAN_COVARIANCE = [math.nan] * 21  # unknown
_NONE_U16, _NONE_CELL = 0xFFFF, 0xFFFF


class TelemetryStreams:
    """When each message is due, and what it says."""

    def __init__(self, autopilot: Autopilot, seed: int = 0) -> None:
        self._autopilot = autopilot
        self._random = random.Random(seed)  # noqa: S311 - jitter, not cryptography
        self._builders: dict[int, Callable[[float], Message | None]] = {
            mavlink.MAVLINK_MSG_ID_HEARTBEAT: self._heartbeat,
            mavlink.MAVLINK_MSG_ID_ATTITUDE: self._attitude,
            mavlink.MAVLINK_MSG_ID_ATTITUDE_QUATERNION: self._attitude_quaternion,
            mavlink.MAVLINK_MSG_ID_LOCAL_POSITION_NED: self._local_position,
            mavlink.MAVLINK_MSG_ID_GLOBAL_POSITION_INT: self._global_position,
            mavlink.MAVLINK_MSG_ID_ODOMETRY: self._odometry,
            mavlink.MAVLINK_MSG_ID_EXTENDED_SYS_STATE: self._extended_sys_state,
            mavlink.MAVLINK_MSG_ID_SYS_STATUS: self._sys_status,
            mavlink.MAVLINK_MSG_ID_BATTERY_STATUS: self._battery_status,
            mavlink.MAVLINK_MSG_ID_HOME_POSITION: self._home_position,
            MODE: self._current_mode,
            mavlink.MAVLINK_MSG_ID_TIMESYNC: self._timesync,
        }
        self._told_modes: tuple[int, int] | None = None
        self.restart(autopilot.now)

    def restart(self, now: float) -> None:
        """Default rates again, from ``now`` on, as after a boot."""
        self._interval: dict[int, float] = {number: 1 / rate for number, rate in DEFAULT_RATES_HZ.items()}
        self._due = dict.fromkeys(self._interval, now)
        self._mode_told_at = float("-inf")
        self._last_sample = dict.fromkeys(self._interval, float("-inf"))

    @property
    def next_due(self) -> float:
        """The moment of the next message."""
        return min(self._due.values())

    def interval(self, number: int) -> float | None:
        """Seconds between two messages of this kind (inf: off), None for an unknown one."""
        return self._interval.get(number)

    def set_interval(self, number: int, interval_us: float) -> bool:
        """MAV_CMD_SET_MESSAGE_INTERVAL: -1 stops, 0 is the default. False where PX4 fails."""
        if number not in self._interval or number == mavlink.MAVLINK_MSG_ID_HEARTBEAT:
            return False
        if interval_us < 0:
            self._interval[number] = self._due[number] = math.inf
            return True
        asked = interval_us * 1e-6 or 1 / DEFAULT_RATES_HZ[number]
        self._interval[number] = max(1 / MAX_RATE_HZ, asked)
        self._due[number] = min(self._due[number], self._autopilot.now + self._interval[number])
        return True

    def build(self, number: int, now: float) -> Message | None:
        """This message as of now; None for one that cannot be told."""
        builder = self._builders.get(number)
        return None if builder is None else builder(self._sample(number, now))

    def due(self, now: float) -> Iterator[Message]:
        """The messages to send now, in the order of their numbers."""
        self._hasten_mode(now)
        for number, due in self._due.items():
            if due > now:
                continue
            interval = self._interval[number]
            if number == MODE:
                self._mode_told_at = now
                interval = max(interval, STATUS_PERIOD_S / self._autopilot.settings.clock_rate)
            # The phase is kept, so that the rate is exact; what a stalled host missed is not made up.
            self._due[number] = due + interval if now - due < interval else now + interval
            message = self.build(number, now)
            if message is not None and self._autopilot.faults.sends(number):
                yield message

    def _hasten_mode(self, now: float) -> None:
        status = self._autopilot.snapshot_at(now - self._autopilot.settings.telemetry_delay_s[0]).status
        if (status.mode, status.intended) != self._told_modes:
            self._told_modes = (status.mode, status.intended)
            if self._interval[MODE] < math.inf:
                next_allowed = self._mode_told_at + self._interval[MODE]
                self._due[MODE] = min(self._due[MODE], max(now + MODE_CHANGE_S, next_allowed))

    def _sample(self, number: int, now: float) -> float:
        """The moment that is told: a little ago, and never before the last one."""
        sample = max(self._last_sample[number], now - self._random.uniform(*self._autopilot.settings.telemetry_delay_s))
        self._last_sample[number] = sample
        return sample

    def _boot_ms(self, sample: float) -> int:
        return max(0, round(self._autopilot.boot_time(sample) * 1000))

    def _status(self, sample: float) -> Status:
        return self._autopilot.snapshot_at(sample).status

    def _heartbeat(self, sample: float) -> Message:
        status = self._status(sample)
        sticks = status.mode in NEEDS_STICKS
        base = mavlink.MAV_MODE_FLAG_CUSTOM_MODE_ENABLED | mavlink.MAV_MODE_FLAG_STABILIZE_ENABLED
        base |= (
            mavlink.MAV_MODE_FLAG_MANUAL_INPUT_ENABLED
            if sticks
            else mavlink.MAV_MODE_FLAG_AUTO_ENABLED | mavlink.MAV_MODE_FLAG_GUIDED_ENABLED
        )
        if status.armed:
            base |= mavlink.MAV_MODE_FLAG_SAFETY_ARMED
            state = mavlink.MAV_STATE_CRITICAL if status.failsafe else mavlink.MAV_STATE_ACTIVE
        else:
            state = mavlink.MAV_STATE_STANDBY if status.armable else mavlink.MAV_STATE_UNINIT
        return mavlink.MAVLink_heartbeat_message(
            mavlink.MAV_TYPE_QUADROTOR, mavlink.MAV_AUTOPILOT_PX4, base, custom_mode(status.mode), state, 3
        )

    def _current_mode(self, sample: float) -> Message:
        status = self._status(sample)
        return mavlink.MAVLink_current_mode_message(0, custom_mode(status.mode), custom_mode(status.intended))

    def _attitude(self, sample: float) -> Message:
        estimate = self._autopilot.estimate_at(sample)
        return mavlink.MAVLink_attitude_message(self._boot_ms(sample), *estimate.euler, *estimate.rates_frd)

    def _attitude_quaternion(self, sample: float) -> Message:
        estimate = self._autopilot.estimate_at(sample)
        stamp = self._boot_ms(sample)
        return mavlink.MAVLink_attitude_quaternion_message(stamp, *estimate.quaternion, *estimate.rates_frd)

    def _local_position(self, sample: float) -> Message | None:
        estimate = self._autopilot.estimate_at(sample)
        if not estimate.position_valid:
            return None
        stamp = self._boot_ms(sample)
        return mavlink.MAVLink_local_position_ned_message(stamp, *estimate.position_ned, *estimate.velocity_ned)

    def _global_position(self, sample: float) -> Message | None:
        estimate = self._autopilot.estimate_at(sample)
        if not estimate.position_valid:
            return None
        latitude, longitude, altitude = _geodetic(estimate.position_ned)
        velocity = [round(part * 100) for part in estimate.velocity_ned]
        heading = round(math.degrees(estimate.euler[2]) % 360 * 100) % 36000
        height = round((self._autopilot.home_ned[2] - estimate.position_ned[2]) * 1000)
        return mavlink.MAVLink_global_position_int_message(
            self._boot_ms(sample), latitude, longitude, altitude, height, *velocity, heading
        )

    def _odometry(self, sample: float) -> Message | None:
        estimate = self._autopilot.estimate_at(sample)
        if not estimate.position_valid:
            return None
        quaternion = estimate.quaternion
        velocity_frd = rotation_from_quaternion(quaternion).T @ estimate.velocity_ned
        return mavlink.MAVLink_odometry_message(
            self._boot_ms(sample) * 1000,
            mavlink.MAV_FRAME_LOCAL_NED,
            mavlink.MAV_FRAME_BODY_FRD,
            *estimate.position_ned,
            quaternion,
            *map(float, velocity_frd),
            *estimate.rates_frd,
            _NAN_COVARIANCE,
            _NAN_COVARIANCE,
            estimate.reset_count,
            mavlink.MAV_ESTIMATOR_TYPE_AUTOPILOT,
            100,
        )

    def _extended_sys_state(self, sample: float) -> Message:
        return mavlink.MAVLink_extended_sys_state_message(0, self._status(sample).landed_state)

    def _sys_status(self, sample: float) -> Message:
        snapshot = self._autopilot.snapshot_at(sample)
        health = SENSORS if snapshot.errors.position_valid else SENSORS & ~GPS
        if snapshot.status.armable:
            health |= PREARM
        present = SENSORS | PREARM
        voltage = CELLS * _cell_mv(snapshot.status.battery)
        remaining = round(snapshot.status.battery * 100)
        return mavlink.MAVLink_sys_status_message(
            present, present, health, 300, voltage, -1, remaining, 0, 0, 0, 0, 0, 0
        )

    def _battery_status(self, sample: float) -> Message:
        battery = self._status(sample).battery
        cells = [_cell_mv(battery)] * CELLS + [_NONE_CELL] * (10 - CELLS)
        return mavlink.MAVLink_battery_status_message(0, 0, 1, 0x7FFF, cells, -1, -1, -1, round(battery * 100))

    def _home_position(self, _sample: float) -> Message:
        home = self._autopilot.home_ned
        return mavlink.MAVLink_home_position_message(*_geodetic(home), *home, (1.0, 0.0, 0.0, 0.0), 0.0, 0.0, 0.0)

    def _timesync(self, sample: float) -> Message:
        return mavlink.MAVLink_timesync_message(0, round(self._autopilot.boot_time(sample) * 1e9))


def height_of_altitude(altitude: float, home_ned: Vector3) -> float:
    """Metres above home of an altitude above sea level (m)."""
    return altitude - ORIGIN[2] + home_ned[2]


def _geodetic(position_ned: Vector3) -> tuple[int, int, int]:
    """Latitude, longitude (1e-7 deg) and altitude (mm), on a sphere around the origin."""
    latitude, longitude, altitude = ORIGIN
    north, east, down = position_ned
    east_degrees = east / METRES_PER_DEGREE / math.cos(math.radians(latitude))
    return (
        round((latitude + north / METRES_PER_DEGREE) * 1e7),
        round((longitude + east_degrees) * 1e7),
        round((altitude - down) * 1000),
    )


def _cell_mv(battery: float) -> int:
    return round(EMPTY_CELL_MV + (FULL_CELL_MV - EMPTY_CELL_MV) * battery)
