"""A link whose autopilot does what the test says: obeys, refuses, or is taken by a pilot."""

from __future__ import annotations

from collections.abc import Sequence

from uav_tracker_ros.flight import Attitude, Command, LocalPosition, Setpoint, Telemetry, VehicleMode

LEVEL = (1.0, 0.0, 0.0, 0.0)
MODE_PERIOD_S = 0.5  # PX4 tells a mode that does not change so often, whatever rate is asked


class ScriptedLink:
    """Keeps the contract of ``vehicle.contract.Link``; the test sets the fields and reads what was sent."""

    def __init__(self) -> None:
        self.now = 0.0
        self.mode = VehicleMode.HOLD
        self.intended = VehicleMode.HOLD
        self.obeys = True
        self.silent = False  # nothing is heard
        self.mode_told = True  # the mode is among what is heard
        self.armed = True
        self.in_air = True
        self.battery: float | None = 0.9
        self.velocity = (0.0, 0.0, 0.0)
        self.position = (0.0, 0.0, -6.0)
        self.blockers: tuple[str, ...] = ()
        self.setpoints: list[tuple[float, Setpoint]] = []
        self.requests: list[tuple[float, VehicleMode | Command]] = []
        self._told: tuple[VehicleMode, VehicleMode] | None = None
        self._told_at = float("-inf")

    def fly(self, mode: VehicleMode, intended: VehicleMode | None = None) -> None:
        """The autopilot changes its mode."""
        self.mode, self.intended = mode, mode if intended is None else intended

    def poll(self) -> Sequence[Telemetry]:
        if self.silent:
            return []
        news = self._told != (self.mode, self.intended) or self.now - self._told_at >= MODE_PERIOD_S
        if self.mode_told and news:
            self._told, self._told_at = (self.mode, self.intended), self.now
        return [
            Telemetry(
                stamp=self.now,
                attitude=Attitude(self.now, LEVEL, (0.0, 0.0, 0.0)),
                position=LocalPosition(self.now, self.position, self.velocity, 0),
                vehicle_mode=self.mode,
                intended_mode=self.intended,
                mode_stamp=self._told_at,
                armed=self.armed,
                in_air=self.in_air,
                battery=self.battery,
                blockers=self.blockers,
                clock_error=0.001,
            )
        ]

    def send_setpoint(self, setpoint: Setpoint) -> None:
        self.setpoints.append((self.now, setpoint))

    def request(self, what: VehicleMode | Command) -> None:
        self.requests.append((self.now, what))
        if not self.obeys:
            return
        if what is Command.ARM:
            self.armed = True
        elif what is Command.DISARM:
            self.armed = False
        elif isinstance(what, Command):
            self.fly(VehicleMode[what.name])
        else:
            self.fly(what)
