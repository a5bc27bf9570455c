"""Which mode PX4 flies: the one that the user intends, or what a failsafe makes of it.

The rules of PX4 v1.16's commander/failsafe (failsafe.cpp, framework.cpp), for the causes that a
follower can meet: lost setpoints, lost sticks, battery, fence, lost position.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from uav_tracker_ros.flight import VehicleMode
from uav_tracker_ros.simulation.px4_parameters import ParameterStore


class Action(IntEnum):
    """What a failsafe does, gentlest first."""

    NONE = 0
    POSITION = 1
    ALTITUDE = 2
    STABILIZED = 3
    HOLD = 4
    RETURN = 5
    LAND = 6
    DISARM = 7
    TERMINATE = 8


_MODES = {
    Action.POSITION: VehicleMode.POSITION,
    Action.ALTITUDE: VehicleMode.ALTITUDE,
    Action.STABILIZED: VehicleMode.STABILIZED,
    Action.HOLD: VehicleMode.HOLD,
    Action.RETURN: VehicleMode.RETURN,
    Action.LAND: VehicleMode.LAND,
}
# Values of the parameters, as PX4 numbers them.
_COM_OBL_RC_ACT = (
    Action.POSITION,
    Action.ALTITUDE,
    Action.STABILIZED,
    Action.RETURN,
    Action.LAND,
    Action.HOLD,
    Action.TERMINATE,
    Action.DISARM,
)
_NAV_RCL_ACT = {1: Action.HOLD, 2: Action.RETURN, 3: Action.LAND, 5: Action.TERMINATE, 6: Action.DISARM}
_GF_ACTION = {2: Action.HOLD, 3: Action.RETURN, 4: Action.TERMINATE, 5: Action.LAND}
_RC_EXCEPT_BITS = {VehicleMode.MISSION: 1, VehicleMode.HOLD: 2, VehicleMode.OFFBOARD: 4}
NEEDS_POSITION = frozenset(
    {
        VehicleMode.POSITION,
        VehicleMode.OFFBOARD,
        VehicleMode.HOLD,
        VehicleMode.RETURN,
        VehicleMode.TAKEOFF,
        VehicleMode.MISSION,
        VehicleMode.FOLLOW_ME,
    }
)
NEEDS_STICKS = frozenset(
    {VehicleMode.MANUAL, VehicleMode.ALTITUDE, VehicleMode.POSITION, VehicleMode.ACRO, VehicleMode.STABILIZED}
)


class Situation(NamedTuple):
    """What the failsafes look at."""

    now: float  # s
    armed: bool
    intended: VehicleMode
    offboard_ready: bool  # a setpoint younger than COM_OF_LOSS_T, and an estimate
    position_valid: bool
    sticks_present: bool
    sticks_lost: bool  # there were sticks since arming, and they are gone
    battery: float  # 0 to 1
    outside_fence: bool


class Decision(NamedTuple):
    """The mode that is flown, and why it is not the intended one."""

    mode: VehicleMode
    cause: str = ""  # empty: no failsafe
    stop_motors: bool = False


class FailsafeMonitor:
    """Keeps what a failsafe needs to remember: its delay and what stays on until the mode is changed."""

    def __init__(self, parameters: ParameterStore) -> None:
        self._parameters = parameters
        self._latched: dict[str, Action] = {}
        self._acknowledged: set[str] = set()
        self._delayed_since: float | None = None

    def user_changed_mode(self) -> None:
        """The user's choice ends what is latched; a cause that is still there must go and come again."""
        self._acknowledged |= self._latched.keys()
        self._latched.clear()
        self._delayed_since = None

    def decide(self, situation: Situation) -> Decision:
        """The mode to fly now."""
        if not situation.armed:
            self._latched.clear()
            self._acknowledged.clear()
            self._delayed_since = None
            return Decision(situation.intended)
        causes = self._causes(situation)
        self._acknowledged &= causes.keys()
        active = {c: a for c, a in causes.items() if c not in self._acknowledged}
        for cause, action in self._latched.items():
            active[cause] = max(action, active.get(cause, Action.NONE))
        active = {c: a for c, a in active.items() if not _already_flown(a, situation.intended)}
        if not active:
            self._delayed_since = None
            return self._with_position(Decision(situation.intended), situation)
        cause = max(active, key=lambda name: active[name])
        action = self._after_delay(cause, active[cause], situation.now)
        if action in (Action.DISARM, Action.TERMINATE):
            return Decision(situation.intended, cause, stop_motors=True)
        return self._with_position(Decision(_MODES[action], cause), situation)

    def _causes(self, situation: Situation) -> dict[str, Action]:
        """Every cause that holds now, with its action; an action of NONE is no cause."""
        parameters = self._parameters
        causes = {}
        if situation.intended == VehicleMode.OFFBOARD and not situation.offboard_ready:
            causes["No offboard signal"] = _COM_OBL_RC_ACT[int(parameters["COM_OBL_RC_ACT"])]
        excepted = int(parameters["COM_RCL_EXCEPT"]) & _RC_EXCEPT_BITS.get(situation.intended, 0)
        if situation.sticks_lost and not excepted:
            causes["Manual control lost"] = _NAV_RCL_ACT.get(int(parameters["NAV_RCL_ACT"]), Action.NONE)
        if situation.outside_fence:
            causes["Geofence exceeded"] = _GF_ACTION.get(int(parameters["GF_ACTION"]), Action.NONE)
        low = int(parameters["COM_LOW_BAT_ACT"])
        if situation.battery < parameters["BAT_EMERGEN_THR"]:
            causes["Emergency battery level"] = Action.LAND if low in (2, 3) else Action.NONE
        elif situation.battery < parameters["BAT_CRIT_THR"]:
            causes["Critical battery level"] = {2: Action.LAND, 3: Action.RETURN}.get(low, Action.NONE)
        return {cause: action for cause, action in causes.items() if action != Action.NONE}

    def _after_delay(self, cause: str, action: Action, now: float) -> Action:
        """Hold for COM_FAIL_ACT_T before Return and Land, so that a pilot can see what comes."""
        if action in (Action.RETURN, Action.LAND) and cause != "Emergency battery level":
            if self._delayed_since is None:
                self._delayed_since = now
            if cause not in self._latched and now - self._delayed_since < self._parameters["COM_FAIL_ACT_T"]:
                return Action.HOLD
        # Setpoints that return end their failsafe at once; the others stay until the mode is changed.
        if cause != "No offboard signal" and action >= Action.HOLD:
            self._latched[cause] = action
        return action

    def _with_position(self, decision: Decision, situation: Situation) -> Decision:
        if situation.position_valid or decision.mode not in NEEDS_POSITION:
            return decision
        fallback = VehicleMode.ALTITUDE if situation.sticks_present else VehicleMode.LAND
        return Decision(fallback, decision.cause or "No valid position estimate")


def _already_flown(action: Action, intended: VehicleMode) -> bool:
    """Whether the user already asked for this or for more."""
    if intended == VehicleMode.LAND:
        return action <= Action.LAND
    return intended == VehicleMode.RETURN and action <= Action.RETURN
