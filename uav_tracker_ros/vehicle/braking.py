"""One way out of flying: the last velocity is taken to zero, then Hold is commanded."""

from __future__ import annotations

from uav_tracker_ros.flight import Command, Vector3, VehicleMode
from uav_tracker_ros.vehicle.shaping import ramp_to_zero

HOLD_AFTER_S = 0.55  # s of braking before Hold is commanded, at speed or not
HOLD_LIMIT_S = 1.0  # s after the command, when it did not show
RAMP_PERIOD_S = 0.018  # s; 50 Hz, with room for a tick that comes a little early


class Braking:
    """The ramp and the command at its end."""

    def __init__(self, since: float, sent: tuple[Vector3, float] | None, max_accel: float) -> None:
        """Begin.

        Args:
            since: monotonic s.
            sent: velocity (m/s NED) and yaw (rad) as they went out last; None: nothing may be sent.
            max_accel: m/s^2 of the ramp.
        """
        self.since = since
        self.goal: VehicleMode | Command = VehicleMode.HOLD
        self.asked_at: float | None = None  # when the goal was commanded first
        self._velocity = None if sent is None else sent[0]
        self._yaw = 0.0 if sent is None else sent[1]
        self._max_accel = max_accel
        self._stepped = since - RAMP_PERIOD_S  # the first step of the ramp is due at once

    @property
    def stopped(self) -> bool:
        """Whether the ramp is at zero (or there is none)."""
        return self._velocity is None or self._velocity == (0.0, 0.0, 0.0)

    def goal_is_due(self, now: float) -> bool:
        """Whether it is time to command the goal."""
        return self.stopped or now - self.since >= HOLD_AFTER_S

    def goal_is_late(self, now: float) -> bool:
        """Whether the goal was commanded long ago."""
        return self.asked_at is not None and now - self.asked_at > HOLD_LIMIT_S

    def ramp(self, now: float) -> tuple[Vector3, float] | None:
        """The next setpoint of the ramp, if one is due; the yaw is kept."""
        if self._velocity is None or now - self._stepped < RAMP_PERIOD_S:
            return None
        self._velocity = ramp_to_zero(self._velocity, self._max_accel * (now - self._stepped))
        self._stepped = now
        return self._velocity, self._yaw
