"""Settings beside the follower's, and what the controller says of itself in diagnostics."""

from __future__ import annotations

import collections
import dataclasses
import hashlib
import json
import math
from dataclasses import dataclass

from uav_tracker_ros.errors import InvalidParameter
from uav_tracker_ros.following.report import FollowPhase
from uav_tracker_ros.following.settings import FollowSettings, setting
from uav_tracker_ros.msg import FollowState
from uav_tracker_ros.nodes.diagnostics import Health, Percentiles, RateMeter
from uav_tracker_ros.vehicle.gate_client import GateClient

BAD_MESSAGES_PER_S = 10  # more than this is no glitch: hold
SLOW_CYCLE_S, SLOW_CYCLES = 0.04, 10  # twice the loop's period, so often in a row: the machine is overloaded


@dataclass(frozen=True)
class GateAddress:
    """Where the gate listens (ROS parameters ``gate.*``)."""

    socket: str = setting("", "path of the gate's socket, as given to the gate with --socket")

    def __post_init__(self) -> None:
        if not self.socket:
            raise InvalidParameter("gate.socket is empty; expected the path that the gate was started with: set it")


class ControllerHealth:
    """Counts of the loop and of the messages that it got."""

    def __init__(self) -> None:
        self._targets, self._cycles, self._gaps = RateMeter(), RateMeter(), Percentiles()
        self._last_cycle: float | None = None
        self._slow = 0  # turns in a row
        self._bad: collections.deque[float] = collections.deque(maxlen=BAD_MESSAGES_PER_S)
        self._dropped = 0

    def cycle(self, now: float) -> bool:
        """One turn of the loop at monotonic ``now`` (s); True when ten in a row took twice their time."""
        self._cycles.count()
        if self._last_cycle is not None:
            gap = now - self._last_cycle
            self._gaps.add(gap)
            self._slow = self._slow + 1 if gap > SLOW_CYCLE_S else 0
        self._last_cycle = now
        return self._slow >= SLOW_CYCLES

    def target(self) -> None:
        """One target message that could be used."""
        self._targets.count()

    def bad_target(self, now: float) -> bool:
        """One that could not; True when there were so many within a second that the tracker must be broken."""
        self._dropped += 1
        self._bad.append(now)
        if len(self._bad) < BAD_MESSAGES_PER_S or now - self._bad[0] > 1.0:
            return False
        self._bad.clear()
        return True

    def read(self, state: FollowState, gate: GateClient | None) -> Health:
        """For the diagnostics."""
        values = {
            "state": FollowPhase(state.state).name,
            "loop rate Hz": self._cycles.rate,
            "loop gap p95 ms": 1e3 * self._gaps.at(0.95),
            "loop gap max ms": 1e3 * self._gaps.at(1.0),
            "target rate Hz": self._targets.rate,
            "latency s": float(state.latency),
            "target messages dropped": self._dropped,
            "packets not sent": gate.dropped if gate is not None else math.nan,
            "telemetry not read": gate.overflowed if gate is not None else math.nan,
        }
        return Health("; ".join([*state.blockers, *state.warnings]), values=values)


def settings_sha256(settings: FollowSettings) -> str:
    """Tells two sets of parameters apart in records."""
    text = json.dumps(dataclasses.asdict(settings), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
