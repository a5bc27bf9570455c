"""The operator's screen in a terminal: one line of state, and every key but q brakes and holds."""

from __future__ import annotations

import math
import os
import select
import sys
import termios
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

from uav_tracker_ros.cli.live_status import LiveStatus, Status
from uav_tracker_ros.errors import InvalidParameter
from uav_tracker_ros.following.report import FollowPhase

if TYPE_CHECKING:
    from uav_tracker_ros.nodes.client import FollowerClient

SHOW_PERIOD_S = 0.1
LEAVE = "qQ"

Key = Callable[[float], str]  # waits at most so many s; the key, or empty


def attend(client: FollowerClient, key: Key, status: LiveStatus) -> None:
    """Show the state until q is pressed; every other key stops the vehicle.

    Args:
        client: of a follower that is heard.
        key: gives the keys.
        status: where the state is shown.

    Raises:
        UavTrackerError: the controller does not answer the stop.
    """
    while True:
        status.show(state_line(client))
        pressed = key(SHOW_PERIOD_S)
        if pressed and pressed in LEAVE:
            return
        if pressed:
            status.say(f"stop: {client.stop() or 'braking, then Hold'}")


def state_line(client: FollowerClient) -> Status:
    """The newest state and target as the live line shows them."""
    state, target = client.state, client.target
    if state is None:
        return Status(math.nan, math.nan, "", "", math.nan, math.nan, math.nan, math.nan, math.nan)
    return Status(
        elapsed=math.nan,
        seconds=math.nan,
        phase=FollowPhase(state.state).name,
        vehicle_mode=state.vehicle_mode,
        distance=state.distance,
        wanted_distance=state.wanted_distance,
        confidence=target.confidence if target is not None else math.nan,
        latency=state.latency,
        rate=math.nan,
        notes=(*state.blockers, *state.warnings),
    )


@contextmanager
def keys(stream: IO[str] | None = None) -> Iterator[Key]:
    """Single keys of a terminal, without waiting for Enter; the terminal is put back afterwards.

    Args:
        stream: the terminal; None: standard input.

    Raises:
        InvalidParameter: it is no terminal.
    """
    source = sys.stdin if stream is None else stream
    if not source.isatty():
        raise InvalidParameter("standard input is no terminal; expected one with keys: run it in a terminal of its own")
    descriptor = source.fileno()
    before = termios.tcgetattr(descriptor)

    def key(timeout: float) -> str:
        ready, _, _ = select.select([descriptor], [], [], timeout)
        return os.read(descriptor, 1).decode(errors="replace") if ready else ""

    tty.setcbreak(descriptor)
    try:
        yield key
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
