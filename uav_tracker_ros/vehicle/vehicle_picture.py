"""Puts the autopilot's messages together to Telemetry, on the host's clock."""

from __future__ import annotations

import logging

from uav_tracker_ros.flight import Attitude, LocalPosition, Telemetry, mode_from_custom
from uav_tracker_ros.vehicle.clock import BootClock
from uav_tracker_ros.vehicle.mavlink_fields import Fields, numbers

ARMED = 128  # bit of HEARTBEAT.base_mode
CRITICAL = 5  # HEARTBEAT.system_status: a failsafe is active
AUTOPILOT_PX4 = 12
IN_AIR = frozenset({2, 3, 4})  # EXTENDED_SYS_STATE.landed_state: in air, taking off, landing
MAX_CLOCK_ERROR_S = 0.02  # s; 20 ms of error against the camera cost 1.7 m of position

_log = logging.getLogger(__name__)


class VehiclePicture:
    """What is known of the vehicle. Messages go in with their arrival, telemetry comes out."""

    def __init__(self) -> None:
        self._clock = BootClock()
        self._now = Telemetry(stamp=float("-inf"))
        self._resets = 0
        self._changed = False
        self._foreign = False

    def hear(self, name: str, fields: Fields, arrival: float) -> Telemetry | None:
        """Take in one message.

        Args:
            name: of the MAVLink message.
            fields: its fields.
            arrival: monotonic s.

        Returns:
            Telemetry with every new attitude, so that none is lost; None otherwise.
        """
        taker = _TAKERS.get(name)
        if taker is None:
            return None
        taker(self, fields, arrival)
        return self._tell(arrival) if name == "ATTITUDE_QUATERNION" else None

    def rest(self, now: float) -> Telemetry | None:
        """Telemetry for what came since the last attitude, if anything did."""
        return self._tell(now) if self._changed else None

    def _tell(self, now: float) -> Telemetry:
        self._changed = False
        self._now = self._now._replace(stamp=now, clock_error=self._clock.error)
        return self._now

    def blockers(self) -> tuple[str, ...]:
        """What in the messages themselves forbids to engage."""
        found = []
        if self._foreign:
            found.append("PARAM_UNSAFE: the autopilot is not PX4; its modes are not known here")
        error = self._clock.error
        if error is None:
            found.append("CLOCK_UNSYNCED: the autopilot's clock is being measured; wait 2 s")
        elif error > MAX_CLOCK_ERROR_S:
            found.append(f"CLOCK_UNSYNCED: the autopilot's clock is known to {error * 1e3:.0f} ms; expected 20 ms")
        return tuple(found)

    def _replace(self, **changed: object) -> None:
        self._now = self._now._replace(**changed)  # type: ignore[arg-type]
        self._changed = True

    def _attitude(self, fields: Fields, arrival: float) -> None:
        values = numbers(fields, "time_boot_ms", "q1", "q2", "q3", "q4", "rollspeed", "pitchspeed", "yawspeed")
        if values is None:
            return
        boot, w, x, y, z, *rates = values
        stamp = self._clock.add(boot * 1e-3, arrival)
        self._replace(attitude=Attitude(stamp, (w, x, y, z), (rates[0], rates[1], rates[2])))

    def _position(self, fields: Fields, arrival: float) -> None:
        values = numbers(fields, "time_boot_ms", "x", "y", "z", "vx", "vy", "vz")
        if values is None:
            return
        boot, x, y, z, vx, vy, vz = values
        stamp = self._clock.add(boot * 1e-3, arrival)
        self._replace(position=LocalPosition(stamp, (x, y, z), (vx, vy, vz), self._resets))

    def _odometry(self, fields: Fields, arrival: float) -> None:
        values = numbers(fields, "reset_counter")
        if values is not None:
            self._resets = int(values[0])

    def _mode(self, fields: Fields, arrival: float) -> None:
        values = numbers(fields, "custom_mode", "intended_custom_mode")
        if values is None:
            return
        mode, intended = (mode_from_custom(int(value)) for value in values)
        self._replace(vehicle_mode=mode, intended_mode=intended, mode_stamp=arrival)

    def _heartbeat(self, fields: Fields, arrival: float) -> None:
        values = numbers(fields, "base_mode", "custom_mode", "system_status", "autopilot")
        if values is None:
            return
        base, custom, status, autopilot = (int(value) for value in values)
        self._foreign = autopilot != AUTOPILOT_PX4
        # The mode without its stamp: a heartbeat may show a take-over, but once a second is not
        # enough to fly on.
        self._replace(armed=bool(base & ARMED), failsafe=status == CRITICAL, vehicle_mode=mode_from_custom(custom))

    def _landed(self, fields: Fields, arrival: float) -> None:
        values = numbers(fields, "landed_state")
        if values is not None:
            self._replace(in_air=int(values[0]) in IN_AIR)

    def _battery(self, fields: Fields, arrival: float) -> None:
        values = numbers(fields, "battery_remaining", "id")
        if values is not None and values[0] >= 0 and values[1] == 0:
            self._replace(battery=values[0] / 100.0)

    def _ack(self, fields: Fields, arrival: float) -> None:
        values = numbers(fields, "command", "result")
        if values is not None and values[1] not in (0, 5):  # accepted, in progress
            _log.warning("the autopilot refused command %d (result %d)", int(values[0]), int(values[1]))

    def _text(self, fields: Fields, arrival: float) -> None:
        _log.info("autopilot: %s", fields.get("text", ""))


_TAKERS = {
    "ATTITUDE_QUATERNION": VehiclePicture._attitude,
    "LOCAL_POSITION_NED": VehiclePicture._position,
    "ODOMETRY": VehiclePicture._odometry,
    "CURRENT_MODE": VehiclePicture._mode,
    "HEARTBEAT": VehiclePicture._heartbeat,
    "EXTENDED_SYS_STATE": VehiclePicture._landed,
    "BATTERY_STATUS": VehiclePicture._battery,
    "COMMAND_ACK": VehiclePicture._ack,
    "STATUSTEXT": VehiclePicture._text,
}
