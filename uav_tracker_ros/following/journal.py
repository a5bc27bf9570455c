"""Everything that a follower was told, in order, so that a flight can be computed again.

A follower knows no clock and draws no random numbers: the same calls give the same setpoints. The
journal is made of batches, one a control cycle, each a JSON object ``{"number", "entries"}`` with
an entry ``[name, argument, ...]`` for each call; the first batch of a follower begins with its
settings. Floats are written so that they are read back bit by bit.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import types
import typing
from enum import IntEnum
from typing import Any, TypeVar

from uav_tracker_ros.errors import InputUnreadable
from uav_tracker_ros.flight import Telemetry
from uav_tracker_ros.following.follower import Follower
from uav_tracker_ros.following.report import EndCode, FollowOutput, Goal, TargetMeasurement
from uav_tracker_ros.following.settings import FollowSettings
from uav_tracker_ros.geometry import Intrinsics

T = TypeVar("T")


class JournaledFollower:
    """A :class:`Follower` whose calls are written down before they are made.

    Args:
        settings: of the follower.
    """

    def __init__(self, settings: FollowSettings):
        self._follower = Follower(settings)
        self._entries: list[list[Any]] = [["start", dataclasses.asdict(settings)]]
        self._number = 0

    def batch(self) -> str:
        """The calls since the last batch, as JSON; call it once a cycle."""
        entries, self._entries = self._entries, []
        number, self._number = self._number, self._number + 1
        return json.dumps({"number": number, "entries": entries}, separators=(",", ":"))

    def set_camera(self, intrinsics: Intrinsics, frame_id: str) -> None:
        """As :meth:`Follower.set_camera`."""
        self._entries.append(["set_camera", plain(intrinsics), frame_id])
        self._follower.set_camera(intrinsics, frame_id)

    def on_target(self, measurement: TargetMeasurement, now: float) -> None:
        """As :meth:`Follower.on_target`."""
        self._entries.append(["on_target", plain(measurement), now])
        self._follower.on_target(measurement, now)

    def on_telemetry(self, telemetry: Telemetry) -> None:
        """As :meth:`Follower.on_telemetry`."""
        self._entries.append(["on_telemetry", plain(telemetry)])
        self._follower.on_telemetry(telemetry)

    def fault(self, code: str, text: str, active: bool) -> None:
        """As :meth:`Follower.fault`."""
        self._entries.append(["fault", code, text, active])
        self._follower.fault(code, text, active)

    def start_goal(self, goal: Goal, now: float) -> EndCode:
        """As :meth:`Follower.start_goal`."""
        self._entries.append(["start_goal", plain(goal), now])
        return self._follower.start_goal(goal, now)

    def cancel(self, now: float) -> None:
        """As :meth:`Follower.cancel`."""
        self._entries.append(["cancel", now])
        self._follower.cancel(now)

    def stop(self, reason: str, now: float) -> None:
        """As :meth:`Follower.stop`."""
        self._entries.append(["stop", reason, now])
        self._follower.stop(reason, now)

    def reset_takeover(self, now: float) -> str:
        """As :meth:`Follower.reset_takeover`."""
        self._entries.append(["reset_takeover", now])
        return self._follower.reset_takeover(now)

    def step(self, now: float) -> FollowOutput:
        """As :meth:`Follower.step`; what came out is written down too."""
        output = self._follower.step(now)
        done = {
            "phase": int(output.report.phase),
            "engage": output.engage,
            "stop": output.stop.reason if output.stop is not None else None,
            "setpoint": plain(output.setpoint),
        }
        self._entries.append(["step", now, done])
        return output


def plain(value: Any) -> Any:
    """NamedTuples as objects, tuples as lists, enumerations as numbers: what JSON knows."""
    if isinstance(value, tuple):
        names = getattr(value, "_fields", None)
        if names is not None:
            return {name: plain(part) for name, part in zip(names, value, strict=True)}
        return [plain(part) for part in value]
    return int(value) if isinstance(value, IntEnum) else value


def built(kind: type[T], value: Any) -> T:
    """The NamedTuple that :func:`plain` was given.

    Raises:
        InputUnreadable: its fields are not those of ``kind``.
    """
    try:
        made: T = _built(kind, value)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise InputUnreadable(
            f"a {kind.__name__} of the journal cannot be read ({error}); expected the fields of this version: "
            "use the version that wrote it"
        ) from error
    return made


def _built(kind: Any, value: Any) -> Any:
    if value is None:
        return None
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        (kind,) = (part for part in typing.get_args(kind) if part is not type(None))
    if typing.get_origin(kind) is tuple:
        parts = typing.get_args(kind)
        parts = (parts[0],) * len(value) if parts[-1] is Ellipsis else parts
        return tuple(_built(part, item) for part, item in zip(parts, value, strict=True))
    if issubclass(kind, tuple):
        hints = _hints(kind)
        return kind(**{name: _built(hints[name], item) for name, item in value.items()})
    return kind(value) if issubclass(kind, IntEnum) else value


@functools.cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)
