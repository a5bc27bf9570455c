"""A terminal gets one live line, everything else plain lines on standard error."""

import io
import math

from rich.console import Console

from uav_tracker_ros.cli.live_status import LiveStatus, Status

STATUS = Status(3.2, 30, "FOLLOWING", "OFFBOARD", 10.24, 10, 0.912, 0.064, 29.7)


def _shown(*statuses: Status, terminal: bool = False) -> str:
    text = io.StringIO()
    with LiveStatus(Console(file=text, force_terminal=terminal, width=200, no_color=True)) as live:
        for status in statuses:
            live.show(status)
    return text.getvalue()


def test_a_plain_line_has_everything() -> None:
    line = _shown(STATUS._replace(notes=("LOW_CONFIDENCE: 0.41",)))
    assert line == (
        "time 3 / 30 s  state FOLLOWING  vehicle OFFBOARD  distance 10.2 / 10 m  confidence 0.91  latency 64 ms  "
        "rate 30 Hz  [LOW_CONFIDENCE: 0.41]\n"
    )


def test_plain_lines_come_rarely_but_each_change_of_state_at_once() -> None:
    lines = _shown(STATUS, STATUS, STATUS._replace(phase="COASTING"), STATUS._replace(phase="COASTING")).splitlines()
    assert ["COASTING" in line for line in lines] == [False, True]


def test_what_is_not_known_is_a_dash() -> None:
    line = _shown(STATUS._replace(distance=math.nan, confidence=math.nan, latency=math.nan, rate=math.nan))
    assert "distance - / 10 m  confidence -  latency - ms  rate - Hz" in line


def test_a_terminal_gets_the_newest_status_in_place() -> None:
    shown = _shown(STATUS, STATUS._replace(elapsed=4.0), terminal=True)
    assert "3 / 30 s" in shown
    assert "4 / 30 s" in shown
    assert "\x1b[" in shown  # it moves the cursor back instead of scrolling
