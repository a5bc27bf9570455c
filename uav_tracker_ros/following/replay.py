"""A recorded flight through the same estimator and law again: do the setpoints agree?"""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from uav_tracker_ros.errors import InputUnreadable, UavTrackerError
from uav_tracker_ros.flight import Setpoint, Telemetry
from uav_tracker_ros.following.follower import Follower
from uav_tracker_ros.following.journal import built
from uav_tracker_ros.following.report import FollowPhase, Goal, TargetMeasurement
from uav_tracker_ros.following.settings import FollowSettings
from uav_tracker_ros.frames import wrap_angle
from uav_tracker_ros.geometry import Intrinsics

VELOCITY_TOLERANCE = 0.001  # m/s
YAW_TOLERANCE = 0.001  # rad


class Difference(NamedTuple):
    """One setpoint, as flown and as computed again."""

    time: float  # s since the record's first cycle
    phase: FollowPhase  # as flown
    flown: Setpoint | None
    again: Setpoint | None

    @property
    def velocity(self) -> float:
        """m/s; infinite where only one of the two is there."""
        if self.flown is None or self.again is None:
            return 0.0 if self.flown is self.again else math.inf
        return math.dist(self.flown.velocity_ned, self.again.velocity_ned)

    @property
    def yaw(self) -> float:
        """rad; infinite where only one of the two is there."""
        if self.flown is None or self.again is None:
            return 0.0 if self.flown is self.again else math.inf
        return abs(wrap_angle(self.flown.yaw_ned - self.again.yaw_ned))

    @property
    def agrees(self) -> bool:
        """Within 1 mm/s and 1 mrad."""
        return self.velocity <= VELOCITY_TOLERANCE and self.yaw <= YAW_TOLERANCE


class ReplayResult(NamedTuple):
    """How a replay went."""

    seconds: float  # from the first cycle to the last
    cycles: int
    setpoints: int  # as flown
    velocity_difference: float  # m/s, the largest
    yaw_difference: float  # rad, the largest
    disagreeing: int  # cycles
    phases_disagreeing: int  # cycles
    first: Difference | None  # that disagrees

    @property
    def agrees(self) -> bool:
        """Every cycle does."""
        return self.disagreeing == 0 and self.phases_disagreeing == 0


class Replay:
    """Takes the batches of a journal, in order.

    A journal may hold several followers, one after the other: a controller that was started again.
    """

    def __init__(self) -> None:
        self._follower: Follower | None = None
        self._next_number = 0
        self._first_cycle = math.nan
        self._last_cycle = math.nan
        self._cycles = self._setpoints = self._disagreeing = self._phases = 0
        self._velocity = self._yaw = 0.0
        self._first: Difference | None = None
        self._calls: dict[str, Callable[..., object]] = {
            "start": self._start,
            "set_camera": self._set_camera,
            "on_target": lambda it, now: self._known.on_target(built(TargetMeasurement, it), now),
            "on_telemetry": lambda it: self._known.on_telemetry(built(Telemetry, it)),
            "fault": lambda code, text, active: self._known.fault(code, text, active),
            "start_goal": lambda it, now: self._known.start_goal(built(Goal, it), now),
            "cancel": lambda now: self._known.cancel(now),
            "stop": lambda reason, now: self._known.stop(reason, now),
            "reset_takeover": lambda now: self._known.reset_takeover(now),
            "step": self._step,
        }

    def add(self, batch: str) -> None:
        """One batch.

        Raises:
            InputUnreadable: batches are missing before it, or it is none of this version's.
        """
        try:
            content = json.loads(batch)
            number, entries = content["number"], content["entries"]
        except (ValueError, TypeError, KeyError) as error:
            raise _unreadable(str(error)) from error
        if number == 0:
            self._follower, self._next_number = None, 0
        if number != self._next_number:
            raise InputUnreadable(
                f"the journal goes on with batch {number} after {self._next_number - 1}; expected every batch from 0 "
                "on: record from the controller's start, on a disk that keeps up"
            )
        self._next_number = number + 1
        for name, *arguments in entries:
            if name not in self._calls:
                raise _unreadable(f"'{name}' is no call")
            try:
                self._calls[name](*arguments)
            except (TypeError, KeyError) as error:
                raise _unreadable(f"{name}: {error}") from error

    def result(self) -> ReplayResult:
        """What the batches so far gave."""
        return ReplayResult(
            seconds=self._last_cycle - self._first_cycle if self._cycles else 0.0,
            cycles=self._cycles,
            setpoints=self._setpoints,
            velocity_difference=self._velocity,
            yaw_difference=self._yaw,
            disagreeing=self._disagreeing,
            phases_disagreeing=self._phases,
            first=self._first,
        )

    @property
    def _known(self) -> Follower:
        if self._follower is None:
            raise _unreadable("a call before the settings")
        return self._follower

    def _start(self, settings: dict[str, Any]) -> None:
        self._follower = Follower(FollowSettings(**settings))

    def _set_camera(self, intrinsics: Any, frame_id: str) -> None:
        with contextlib.suppress(UavTrackerError):  # refused then as now
            self._known.set_camera(built(Intrinsics, intrinsics), frame_id)

    def _step(self, now: float, done: dict[str, Any]) -> None:
        output = self._known.step(now)
        if not self._cycles:
            self._first_cycle = now
        self._last_cycle = now
        phase = FollowPhase(done["phase"])
        flown = built(Setpoint, done["setpoint"]) if done["setpoint"] is not None else None
        difference = Difference(now - self._first_cycle, phase, flown, output.setpoint)
        self._cycles += 1
        self._setpoints += flown is not None
        self._phases += output.report.phase is not phase
        self._velocity = max(self._velocity, difference.velocity)
        self._yaw = max(self._yaw, difference.yaw)
        if not difference.agrees:
            self._disagreeing += 1
            self._first = self._first or difference


def replay(batches: Iterable[str]) -> ReplayResult:
    """Run a whole journal.

    Raises:
        InputUnreadable: it has a gap, does not begin with a follower's start, or is of another version.
    """
    run = Replay()
    for batch in batches:
        run.add(batch)
    return run.result()


def _unreadable(why: str) -> InputUnreadable:
    return InputUnreadable(
        f"the journal cannot be read ({why}); expected one of this version: use the version that wrote it"
    )
