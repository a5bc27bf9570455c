"""States of the follower as data: what may follow what, and how long a state lasts at least."""

from __future__ import annotations

from enum import Enum, auto

from uav_tracker_ros.following.report import FollowPhase as Phase

DWELL_S = 0.3  # a state lasts at least this long, except on the way to a safer one


class Event(Enum):
    """What can happen to the follower."""

    CLEAR = auto()  # no blocker left
    BLOCKED = auto()  # a blocker appeared
    GOAL = auto()  # a goal was accepted
    ENGAGED = auto()  # the vehicle flies our setpoints and the ramp is over
    REFUSED = auto()  # the gate or the autopilot did not let us engage
    LOST = auto()  # no accepted box for too long
    REACQUIRED = auto()  # the target is there again and confirmed
    COAST_OVER = auto()  # coasting has faded to zero speed
    STOP = auto()  # stop, cancel, time-out, or a safety rule that holds
    RELEASED = auto()  # the gate has put the vehicle into Hold
    TAKEN = auto()  # pilot or autopilot took the vehicle
    RESET = auto()  # the operator allows asking again after a take-over
    LANDING = auto()  # the autopilot lands or returns
    LANDED = auto()  # it has landed, or flies something else again


_FLYING = (Phase.ENGAGING, Phase.FOLLOWING, Phase.COASTING, Phase.SEARCHING)

TRANSITIONS: dict[tuple[Phase, Event], Phase] = {
    (Phase.IDLE, Event.CLEAR): Phase.READY,
    (Phase.IDLE, Event.LANDING): Phase.LANDING,
    (Phase.READY, Event.BLOCKED): Phase.IDLE,
    (Phase.READY, Event.GOAL): Phase.ENGAGING,
    (Phase.READY, Event.LANDING): Phase.LANDING,
    (Phase.ENGAGING, Event.ENGAGED): Phase.FOLLOWING,
    (Phase.ENGAGING, Event.REFUSED): Phase.IDLE,
    (Phase.ENGAGING, Event.LOST): Phase.COASTING,
    (Phase.FOLLOWING, Event.LOST): Phase.COASTING,
    (Phase.COASTING, Event.REACQUIRED): Phase.FOLLOWING,
    (Phase.COASTING, Event.COAST_OVER): Phase.SEARCHING,
    (Phase.SEARCHING, Event.REACQUIRED): Phase.FOLLOWING,
    (Phase.HOLD, Event.RELEASED): Phase.IDLE,
    (Phase.HOLD, Event.LANDING): Phase.LANDING,
    (Phase.LANDING, Event.LANDED): Phase.IDLE,
    (Phase.TAKEOVER, Event.RESET): Phase.IDLE,
    **{(phase, Event.STOP): Phase.HOLD for phase in _FLYING},
    **{(phase, Event.TAKEN): Phase.TAKEOVER for phase in Phase if phase is not Phase.TAKEOVER},
}
"""An event that is not in the table changes nothing."""

SAFER: frozenset[Phase] = frozenset({Phase.IDLE, Phase.COASTING, Phase.HOLD, Phase.LANDING, Phase.TAKEOVER})
"""States that are entered without waiting for the dwell time of the present one."""

ASKED: frozenset[Event] = frozenset({Event.GOAL, Event.RESET})
"""Events that an operator asked for do not wait either."""


class StateMachine:
    """The present state, moved by events."""

    def __init__(self) -> None:
        self.phase = Phase.IDLE
        self.since = float("-inf")  # monotonic s

    @property
    def flying(self) -> bool:
        """The vehicle is, or is about to be, moved by us."""
        return self.phase in _FLYING

    def handle(self, event: Event, now: float) -> bool:
        """Apply an event; True if the state changed. An early event is not kept: it must be said again."""
        target = TRANSITIONS.get((self.phase, event))
        early = target not in SAFER and event not in ASKED and now - self.since < DWELL_S
        if target is None or early:
            return False
        self.phase, self.since = target, now
        return True
