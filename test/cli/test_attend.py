"""The operator's screen: keys of a real (pseudo) terminal, and what they do."""

from __future__ import annotations

import os
import pty
import termios
from types import SimpleNamespace

import pytest
from uav_tracker_ros.msg import FollowState, TrackedTarget

from uav_tracker_ros.cli.attend import attend, keys, state_line
from uav_tracker_ros.errors import InvalidParameter


class WrittenClient:
    """A follower's client: newest messages, and how often it was told to stop."""

    def __init__(self) -> None:
        self.state = FollowState(state=FollowState.FOLLOWING, vehicle_mode="OFFBOARD", distance=9.5, blockers=["A: b"])
        self.target = TrackedTarget(confidence=0.75)
        self.stops = 0

    def stop(self) -> str:
        self.stops += 1
        return "braking, then Hold"


class WrittenStatus:
    """Where the state is shown."""

    def __init__(self) -> None:
        self.shown, self.said = [], []

    def show(self, status) -> None:
        self.shown.append(status)

    def say(self, text: str) -> None:
        self.said.append(text)


@pytest.mark.parametrize(
    ("pressed", "stops"),
    [(["q"], 0), ([" ", "q"], 1), (["", "", "s", "x", "Q"], 2), (["\n", "q"], 1), (["\x1b", "[", "A", "q"], 3)],
    ids=["leave", "space", "two keys", "enter", "an arrow"],
)
def test_every_key_but_q_stops(pressed, stops):
    client, status, waiting = WrittenClient(), WrittenStatus(), list(pressed)
    attend(client, lambda _timeout: waiting.pop(0), status)
    assert client.stops == stops == len(status.said)
    assert len(status.shown) == len(pressed)


def test_the_line_shows_the_newest_state():
    line = state_line(WrittenClient())
    assert (line.phase, line.vehicle_mode, line.distance) == ("FOLLOWING", "OFFBOARD", 9.5)
    assert (line.confidence, line.notes) == (0.75, ("A: b",))
    assert "nan" not in "".join(line.cells().values())


def test_before_the_first_state_the_line_is_empty():
    assert state_line(SimpleNamespace(state=None, target=None)).phase == ""


def test_keys_come_one_by_one_and_the_terminal_is_put_back():
    master, slave = pty.openpty()
    with os.fdopen(slave, "r") as terminal:
        before = termios.tcgetattr(slave)
        with keys(terminal) as key:
            assert key(0.0) == ""
            os.write(master, b"xq")
            assert (key(5.0), key(5.0)) == ("x", "q")
        assert termios.tcgetattr(slave) == before
    os.close(master)


def test_without_a_terminal_it_is_said(tmp_path):
    with (tmp_path / "file").open("w+") as file, pytest.raises(InvalidParameter, match="no terminal"), keys(file):
        pass
