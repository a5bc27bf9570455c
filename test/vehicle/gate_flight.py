"""Steps a gate over a scripted link, with a controller that streams."""

from __future__ import annotations

from collections.abc import Callable

from scripted_link import ScriptedLink

from uav_tracker_ros.flight import GateState, Setpoint, Vector3, VehicleMode
from uav_tracker_ros.vehicle.gate import Gate, GateSettings

TICK = 0.02


class GateFlight:
    """One gate, one link and one clock."""

    def __init__(self, settings: GateSettings | None = None, *, taken: bool = False) -> None:
        self.link = ScriptedLink()
        self.now = 100.0
        self.gate = Gate(settings or GateSettings(allow_engage=True), self.link, taken=taken)
        self.velocity: Vector3 | None = None  # what the controller streams; None: nothing
        self.yaw = 0.0
        self.blockers: tuple[str, ...] = ()
        self.warnings: tuple[str, ...] = ()
        self.engagement = 0

    @property
    def state(self) -> GateState:
        return self.gate.state

    def setpoint(self, velocity: Vector3 | None = None, **changed: float) -> Setpoint:
        """What the controller would send now."""
        wanted = velocity or self.velocity or (0.0, 0.0, 0.0)
        return Setpoint(wanted, self.yaw, self.now + 0.25, self.engagement)._replace(**changed)

    def tick(self, dt: float = TICK) -> None:
        self.now += dt
        self.link.now = self.now
        if self.velocity is not None:
            self.gate.send(self.setpoint())
        self.gate.step(self.now)
        for telemetry in self.gate.poll():
            self.blockers, self.warnings = telemetry.blockers, telemetry.warnings
            self.engagement = telemetry.engagement

    def run(self, seconds: float) -> None:
        end = self.now + seconds
        while self.now < end:
            self.tick()

    def until(self, condition: Callable[[], bool], seconds: float) -> float:
        """Step until the condition holds; how long it took."""
        start = self.now
        while not condition():
            assert self.now - start <= seconds, f"still {self.state.name} after {seconds} s: {self.blockers}"
            self.tick()
        return self.now - start

    def settle(self) -> GateFlight:
        """Connected and quiet, ready to engage."""
        self.run(1.2)
        assert self.state is GateState.SILENT
        assert self.blockers == ()
        return self

    def enter(self) -> GateFlight:
        """Engaged, the prestream running."""
        self.settle()
        self.velocity = (0.0, 0.0, 0.0)
        self.gate.engage()
        self.tick()
        assert self.state is GateState.ENTRY
        self.run(0.3)
        return self

    def stream(self, velocity: Vector3 = (3.0, 0.0, 0.0)) -> GateFlight:
        """Streaming at a speed."""
        self.enter()
        self.until(lambda: self.state is GateState.STREAMING, 2.0)
        for share in range(1, 101):
            self.velocity = (velocity[0] * share / 100, velocity[1] * share / 100, velocity[2] * share / 100)
            self.tick()
        self.run(0.5)
        return self

    def brake(self) -> GateFlight:
        """Braking after a stop, Hold not yet commanded."""
        self.stream()
        self.velocity = None
        self.gate.stop("test")
        self.run(0.1)
        assert self.state is GateState.BRAKING
        return self

    def taken(self) -> GateFlight:
        """Taken over by the pilot."""
        self.stream()
        self.link.fly(VehicleMode.POSITION)
        self.tick()
        assert self.state is GateState.TAKEN
        return self

    def sent_since(self, moment: float) -> list[Setpoint]:
        return [setpoint for at, setpoint in self.link.setpoints if at > moment]

    def asked_since(self, moment: float) -> list[object]:
        return [what for at, what in self.link.requests if at > moment]
