"""Image stamps on the monotonic clock, and jumps of the ROS clock."""

from __future__ import annotations

import pytest

from uav_tracker_ros.nodes.clock_map import ClockMap


class TwoClocks:
    """A monotonic and a ROS clock that a test turns by hand."""

    def __init__(self):
        self.monotonic, self.ros = 50.0, 1000.0

    def advance(self, seconds: float, ros: float | None = None) -> None:
        self.monotonic += seconds
        self.ros += seconds if ros is None else ros


@pytest.mark.parametrize(
    ("ros_step", "simulated", "jumped"),
    [
        (0.02, False, False),  # as the monotonic clock
        (0.03, False, False),  # slewed
        (1.02, False, True),  # stepped ahead
        (-0.98, False, True),  # stepped back
        (0.0, True, False),  # simulation paused
        (0.1, True, False),  # a tick of /clock
        (-5.0, True, True),  # simulation restarted
    ],
)
def test_jumps_of_the_ros_clock(ros_step, simulated, jumped):
    clocks = TwoClocks()
    mapping = ClockMap(lambda: clocks.monotonic, lambda: clocks.ros, simulated=simulated)
    assert not mapping.read()
    clocks.advance(0.02, ros_step)
    assert mapping.read() is jumped
    assert mapping.to_monotonic(clocks.ros) == pytest.approx(clocks.monotonic)


def test_no_mapping_before_the_first_clock_message():
    clocks = TwoClocks()
    clocks.ros = 0.0
    mapping = ClockMap(lambda: clocks.monotonic, lambda: clocks.ros, simulated=True)
    assert not mapping.read()
    assert not mapping.known
