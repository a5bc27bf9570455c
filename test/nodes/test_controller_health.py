"""What the controller notices of itself."""

from __future__ import annotations

from uav_tracker_ros.nodes.controller_health import SLOW_CYCLES, ControllerHealth


def test_ten_slow_turns_in_a_row_are_an_overload():
    health, now = ControllerHealth(), 0.0
    told = []
    for gap in [0.02] * 5 + [0.05] * (SLOW_CYCLES - 1) + [0.02] + [0.05] * SLOW_CYCLES + [0.02]:
        now += gap
        told.append(health.cycle(now))
    assert told == [False] * (len(told) - 2) + [True, False]
