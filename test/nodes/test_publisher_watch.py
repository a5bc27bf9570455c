"""Who publishes targets: one tracker, one after the other, or two at once."""

from __future__ import annotations

import pytest

from uav_tracker_ros.nodes.publisher_watch import INTERLEAVED_S, LEASE_S, PublisherWatch


def watched(*stamps: float, at: float = 100.0) -> PublisherWatch:
    watch = PublisherWatch()
    for stamp in stamps:
        watch.target(stamp, at)
    return watch


@pytest.mark.parametrize(
    ("count", "names", "stamps", "told"),
    [
        (0, [], (), False),
        (1, ["/tracker"], (1.0, 1.1, 1.1), False),  # one tracker may repeat itself
        (2, ["/tracker", "/other"], (1.0, 1.1), True),
        (2, ["/tracker", "/tracker"], (1.0, 1.1), False),  # killed and started again
        (2, ["/tracker"], (1.0, 1.1), False),  # the other's name is not known yet
        (2, ["/tracker", "/tracker"], (1.0, 1.1, 1.1), True),  # both tell of one image
        (2, ["/tracker", "/tracker"], (1.0, 1.1, 1.0), True),
        (3, ["/tracker", "/tracker", "/a/tracker"], (), True),
    ],
)
def test_two_at_once_are_told_from_one_after_the_other(count, names, stamps, told):
    assert bool(watched(*stamps).conflict(count, names, 100.0)) is told


def test_two_of_one_name_are_no_successors_for_ever():
    watch = watched(1.0, 1.1)
    assert not watch.conflict(2, ["/tracker"], 100.0)
    assert not watch.conflict(2, ["/tracker"], 100.0 + LEASE_S - 0.1)
    assert "stop all but one" in watch.conflict(2, ["/tracker"], 100.0 + LEASE_S + 0.1)
    assert not watch.conflict(1, ["/tracker"], 130.0)
    assert not watch.conflict(2, ["/tracker"], 131.0)  # a new successor has a new lease


def test_what_interleaved_once_is_forgotten():
    watch = watched(1.0, 1.0)
    assert watch.conflict(2, ["/tracker"], 100.0 + 0.9 * INTERLEAVED_S)
    assert not watch.conflict(2, ["/tracker"], 100.0 + 1.1 * INTERLEAVED_S)


def test_stamps_may_begin_anew_after_a_clock_step():
    watch = watched(50.0)
    watch.clock_jumped()
    watch.target(1.0, 101.0)
    assert not watch.conflict(2, ["/tracker"], 101.0)
