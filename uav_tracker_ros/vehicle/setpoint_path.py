"""The way of a setpoint through the gate: checked, kept inside the bounds, shaped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from uav_tracker_ros.flight import SETPOINT_LIFETIME_S, Limits, LocalPosition, Setpoint, Telemetry, Vector3
from uav_tracker_ros.vehicle.mode_rules import yaw_of
from uav_tracker_ros.vehicle.setpoint_check import Verdict, check
from uav_tracker_ros.vehicle.shaping import VelocityShaper, YawShaper
from uav_tracker_ros.vehicle.velocity_guard import Bounds, guard

# Two turns of the loop and the way out: braking is on the wire before the last setpoint has expired.
EXPIRY_LEAD_S = 0.05
FIRST_DT_S = 0.02  # the first setpoint of a stream has none before it to measure from


class SetpointPath:
    """One engagement's stream; :meth:`start` begins the next."""

    def __init__(self, limits: Limits, bounds: Bounds) -> None:
        self._limits = limits
        self._bounds = bounds
        self._velocity = VelocityShaper(limits)
        self._yaw = YawShaper(limits)
        self.dropped: Counter[str] = Counter()
        self.last: Setpoint | None = None  # the last accepted, as it was asked

    def start(self, telemetry: Telemetry) -> None:
        """Forget the stream before; shape from what the vehicle does now."""
        self.last = None
        if telemetry.position is not None:
            self._velocity.reset(telemetry.position.velocity_ned)
        if telemetry.attitude is not None:
            self._yaw.reset(yaw_of(telemetry.attitude.quaternion))

    def newest(self, setpoints: Sequence[Setpoint], engagement: int, now: float) -> tuple[Setpoint | None, str]:
        """The one to fly of those that came since the last step.

        Returns:
            The newest valid setpoint, if any, and the fault of a bad one (empty: none).
        """
        newest: Setpoint | None = None
        for setpoint in setpoints:
            verdict, reason = check(setpoint, newest or self.last, self._limits, engagement, now)
            if verdict is Verdict.BAD:
                return None, reason
            if verdict is Verdict.DROP:
                self.dropped[reason] += 1
                continue
            if newest is not None:
                self.dropped["a newer one was there"] += 1
            newest = setpoint
        return newest, ""

    def shape(self, setpoint: Setpoint, position: LocalPosition | None) -> tuple[Vector3, float]:
        """Velocity (m/s NED) and yaw (rad) to send for an accepted setpoint."""
        # The controller's own clock: two packets that arrive together were not made together.
        dt = FIRST_DT_S if self.last is None else setpoint.valid_until - self.last.valid_until
        dt = min(dt, SETPOINT_LIFETIME_S)
        self.last = setpoint
        velocity = setpoint.velocity_ned
        if position is not None:
            velocity = guard(velocity, position, self._bounds)
        return self._velocity.shape(velocity, dt), self._yaw.shape(setpoint.yaw_ned, dt)

    def ran_out(self, now: float) -> bool:
        """Whether the last accepted setpoint is no longer valid, or is about to run out."""
        return self.last is not None and now > self.last.valid_until - EXPIRY_LEAD_S
