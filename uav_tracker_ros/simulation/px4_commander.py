"""PX4's commander: arming, modes, the offboard clock, pilots and what is told about them.

Rules of PX4 v1.16 (src/modules/commander), checked against a real one in its own simulator.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from uav_tracker_ros.flight import VehicleMode
from uav_tracker_ros.simulation.px4_failsafe import NEEDS_POSITION, NEEDS_STICKS, Decision, FailsafeMonitor, Situation
from uav_tracker_ros.simulation.px4_flight_tasks import Sticks
from uav_tracker_ros.simulation.px4_parameters import ParameterStore

LIFT_OFF_S = 0.9  # s after spool-up; together with COM_SPOOLUP_TIME the 1.9 s until "Takeoff detected"
_PASSING = frozenset({VehicleMode.TAKEOFF, VehicleMode.LAND, VehicleMode.RETURN, VehicleMode.PRECISION_LAND})
_FLOWN_HERE = NEEDS_STICKS | {VehicleMode.OFFBOARD, VehicleMode.HOLD} | _PASSING


class MavResult(IntEnum):
    """MAV_RESULT of an acknowledgement."""

    ACCEPTED = 0
    TEMPORARILY_REJECTED = 1
    DENIED = 2
    UNSUPPORTED = 3
    FAILED = 4


class Severity(IntEnum):
    """MAV_SEVERITY, as far as it is used."""

    CRITICAL = 2
    ERROR = 3
    WARNING = 4
    INFO = 6


class LandedState(IntEnum):
    """MAV_LANDED_STATE."""

    ON_GROUND = 1
    IN_AIR = 2
    TAKEOFF = 3
    LANDING = 4


class Status(NamedTuple):
    """What the autopilot tells of itself."""

    mode: VehicleMode
    intended: VehicleMode
    armed: bool
    failsafe: bool
    landed_state: LandedState
    armable: bool
    battery: float  # 0 to 1

    @property
    def in_air(self) -> bool:
        """Off the ground."""
        return self.landed_state != LandedState.ON_GROUND


class Commander:
    """The state of one vehicle; advanced by ``update``, changed by the calls of pilots and companions."""

    def __init__(self, parameters: ParameterStore, *, flying: bool, battery: float) -> None:
        self._parameters = parameters
        self._monitor = FailsafeMonitor(parameters)
        self.now = 0.0
        self.mode = self.intended = VehicleMode.HOLD
        self.armed = self.in_air = flying
        self.battery = battery
        self.position_valid = True
        self.outside_fence = False
        self.texts: list[tuple[Severity, str]] = []
        self._cause = ""
        self._after_disarm = VehicleMode.HOLD
        self._armed_at = self._landed_at = 0.0
        self._lift_asked_at: float | None = None
        self._setpoint_at = float("-inf")
        self._sticks = Sticks()
        self._sticks_at = float("-inf")
        self._had_sticks = False
        self._battery_told = 0

    @property
    def setpoint_at(self) -> float:
        """When the newest setpoint was taken in, s."""
        return self._setpoint_at

    @property
    def offboard_ready(self) -> bool:
        """OFFBOARD could be flown: the newest setpoint is young enough and there is an estimate."""
        return self.position_valid and self.now - self._setpoint_at < self._parameters["COM_OF_LOSS_T"]

    @property
    def sticks(self) -> Sticks | None:
        """The pilot's sticks, None where there are none (any more)."""
        if self._parameters["COM_RC_IN_MODE"] == 4:
            return None
        return self._sticks if self.now - self._sticks_at <= self._parameters["COM_RC_LOSS_T"] else None

    @property
    def spun_up(self) -> bool:
        """The motors turn fast enough to lift."""
        return self.armed and self.now - self._armed_at >= self._parameters["COM_SPOOLUP_TIME"]

    @property
    def status(self) -> Status:
        """What is told at this moment."""
        if not self.in_air:
            landed = LandedState.ON_GROUND
        elif self.mode == VehicleMode.TAKEOFF:
            landed = LandedState.TAKEOFF
        else:
            landed = LandedState.LANDING if self.mode == VehicleMode.LAND else LandedState.IN_AIR
        failsafe = bool(self._cause)
        return Status(self.mode, self.intended, self.armed, failsafe, landed, self._may_arm(), self.battery)

    def tell(self, severity: Severity, text: str) -> None:
        """Queue a STATUSTEXT."""
        self.texts.append((severity, text))

    def heard_setpoint(self) -> None:
        """A usable setpoint came: OFFBOARD lives for COM_OF_LOSS_T more."""
        self._setpoint_at = self.now

    def heard_sticks(self, sticks: Sticks) -> None:
        """The pilot's sticks; taken over from OFFBOARD only with COM_RC_OVERRIDE bit 1, from AUTO with bit 0."""
        self._sticks, self._sticks_at, self._had_sticks = sticks, self.now, True
        bit = 2 if self.mode == VehicleMode.OFFBOARD else 0 if self.mode in NEEDS_STICKS else 1
        moved = 100 * max(abs(part) for part in sticks) > self._parameters["COM_RC_STICK_OV"]
        allowed = int(self._parameters["COM_RC_OVERRIDE"]) & bit and self._parameters["COM_RC_IN_MODE"] != 4
        if self.in_air and moved and allowed:
            self.tell(Severity.WARNING, "Pilot took over using sticks")
            self._intend(VehicleMode.POSITION)

    def request_mode(self, mode: VehicleMode) -> MavResult:
        """DO_SET_MODE, and what amounts to it."""
        if mode not in _FLOWN_HERE:
            return MavResult.UNSUPPORTED if mode == VehicleMode.UNKNOWN else MavResult.TEMPORARILY_REJECTED
        if self.armed and not self._can_run(mode):  # a disarmed vehicle takes any mode, and then will not arm
            name = mode.name.capitalize()
            self.tell(Severity.CRITICAL, f"Switching to {name} is currently not available")
            return MavResult.TEMPORARILY_REJECTED
        self._intend(mode)
        return MavResult.ACCEPTED

    def arm(self, *, force: bool = False) -> MavResult:
        """MAV_CMD_COMPONENT_ARM_DISARM 1."""
        if self.armed:
            return MavResult.ACCEPTED
        if not force and not self._may_arm():
            self.tell(Severity.CRITICAL, "Arming denied: resolve system health failures first")
            return MavResult.TEMPORARILY_REJECTED
        self.armed, self._armed_at, self._lift_asked_at = True, self.now, None
        self._had_sticks = self.sticks is not None
        self.tell(Severity.INFO, "Armed by external command")
        return MavResult.ACCEPTED

    def disarm(self, *, force: bool = False) -> MavResult:
        """MAV_CMD_COMPONENT_ARM_DISARM 0; in the air only by force."""
        if self.armed and self.in_air and not force:
            self.tell(Severity.CRITICAL, "Disarming denied: not landed")
            return MavResult.TEMPORARILY_REJECTED
        self._disarm("external command")
        return MavResult.ACCEPTED

    def take_off_done(self) -> None:
        """The height is reached: Hold follows."""
        self._intend(VehicleMode.HOLD)

    def touched_ground(self) -> None:
        """The vehicle stands again."""
        self.in_air, self._landed_at, self._lift_asked_at = False, self.now, None
        self.tell(Severity.INFO, "Landing detected")

    def wants_lift(self, *, climbing: bool) -> bool:
        """Whether a standing vehicle leaves the ground now; ``climbing``: the mode asks for it."""
        if not self.armed or not climbing:
            self._lift_asked_at = None
            return False
        if self._lift_asked_at is None:
            self._lift_asked_at = self.now
        spun_up_at = self._armed_at + float(self._parameters["COM_SPOOLUP_TIME"])
        if self.now < max(spun_up_at, self._lift_asked_at) + LIFT_OFF_S:
            return False
        self.in_air = True
        self.tell(Severity.INFO, "Takeoff detected")
        return True

    def update(self, now: float) -> Decision:
        """Decide what is flown now."""
        self.now = now
        if self.armed and not self.in_air:
            self._disarm_when_idle()
        self._tell_battery()
        decision = self._monitor.decide(self._situation())
        if decision.stop_motors:
            self._disarm("failsafe")
        if decision.cause and decision.cause != self._cause:
            self.tell(Severity.CRITICAL, f"Failsafe activated: {decision.cause}, {decision.mode.name.capitalize()}")
        self._cause = decision.cause
        self.mode = decision.mode
        return decision

    def _situation(self) -> Situation:
        present = self.sticks is not None
        return Situation(
            self.now,
            self.armed,
            self.intended,
            self.offboard_ready,
            self.position_valid,
            present,
            self._had_sticks and not present,
            self.battery,
            self.outside_fence,
        )

    def _can_run(self, mode: VehicleMode) -> bool:
        if mode == VehicleMode.OFFBOARD:
            return self.offboard_ready
        if mode in NEEDS_STICKS and self.sticks is None:
            return False
        return self.position_valid or mode not in NEEDS_POSITION

    def _may_arm(self) -> bool:
        return self._can_run(self.intended) and self.battery >= self._parameters["BAT_CRIT_THR"]

    def _intend(self, mode: VehicleMode) -> None:
        if self.armed and self.intended not in _PASSING:
            self._after_disarm = self.intended
        self._monitor.user_changed_mode()
        self.intended = mode
        # Until the next update the mode shown is the new one unless a failsafe rules it out.
        self.mode = self._monitor.decide(self._situation()).mode

    def _disarm_when_idle(self) -> None:
        flown = self._landed_at > self._armed_at
        since = self._landed_at if flown else self._armed_at
        patience = float(self._parameters["COM_DISARM_LAND" if flown else "COM_DISARM_PRFLT"])
        if self._lift_asked_at is None and 0 < patience <= self.now - since:
            self._disarm("landing" if flown else "auto preflight disarming")

    def _disarm(self, reason: str) -> None:
        if not self.armed:
            return
        self.armed = False
        self.tell(Severity.INFO, f"Disarmed by {reason}")
        # After Land and Return PX4 goes back to the mode of before them, OFFBOARD included.
        if self.intended in _PASSING:
            self.intended = self.mode = self._after_disarm

    def _tell_battery(self) -> None:
        levels = ("BAT_LOW_THR", "BAT_CRIT_THR", "BAT_EMERGEN_THR")
        reached = sum(self.battery < self._parameters[name] for name in levels)
        if reached > self._battery_told:
            text = ("Low", "Critical", "Emergency")[reached - 1]
            self.tell(Severity.WARNING, f"{text} battery level")
        self._battery_told = reached
