from __future__ import annotations

import math

import pytest
from drawn_sequences import Drawn, Scripted, sequence

from uav_tracker_ros.errors import InvalidParameter
from uav_tracker_ros.evaluation.datasets.sequence import Sequence
from uav_tracker_ros.evaluation.latency import run_latency_aware


def seen(seconds: float, count: int, rate: float = 10.0) -> tuple[list[int], list[int]]:
    """Which frame's box is known at each frame, and which frames were looked at."""
    drawn = sequence(count)
    timed = Sequence("drawn", Drawn(count), drawn.truth, rate, drawn.truth_file)
    records = run_latency_aware(Scripted([0.9] * count), timed, seconds=seconds)
    looked = [number for number, record in enumerate(records) if math.isfinite(record.seconds)]
    return [round(record.box.x) - 10 for record in records], looked


def test_a_fast_tracker_is_one_frame_late() -> None:
    known, looked = seen(0.03, 5)
    assert known == [0, 0, 1, 2, 3]
    assert looked == [0, 1, 2, 3]  # the last frame's box would come after the end


def test_a_tracker_as_fast_as_the_camera_skips_nothing() -> None:
    # Its box is ready just as the next frame arrives, which it then takes.
    known, looked = seen(0.1, 5)
    assert known == [0, 0, 1, 2, 3]
    assert looked == [0, 1, 2, 3]


def test_a_slow_tracker_skips_and_is_judged_by_what_it_knew() -> None:
    # 10 Hz, 0.25 s: busy to 0.25 with the start; takes frame 2 (0.25 to 0.50), 4 or 5? Frame 5 arrives at 0.50 and is
    # the newest then (0.50 to 0.75), then frame 7 (0.75 to 1.00).
    known, looked = seen(0.25, 11)
    assert looked == [0, 2, 5, 7]
    assert known == [0, 0, 0, 0, 0, 2, 2, 2, 5, 5, 7]


def test_given_times_are_repeated_exactly() -> None:
    assert seen(1 / 30, 60, rate=30.0) == seen(1 / 30, 60, rate=30.0)
    assert seen(1 / 30, 60, rate=30.0)[1] == list(range(59))


def test_measured_times() -> None:
    records = run_latency_aware(Scripted([0.9] * 5), sequence(5))
    assert records[0].seconds > 0
    assert records[0].box.x == records[1].box.x == 10
    assert all(record.seconds > 0 for record in records if math.isfinite(record.seconds))


@pytest.mark.parametrize("seconds", [0.0, -1.0, math.nan, math.inf])
def test_times_that_are_none(seconds: float) -> None:
    with pytest.raises(InvalidParameter, match="above 0"):
        run_latency_aware(Scripted([0.9] * 5), sequence(5), seconds=seconds)
