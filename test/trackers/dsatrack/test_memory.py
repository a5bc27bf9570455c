"""The schedule of updates, and what holds one back."""

import pytest

from uav_tracker_ros.errors import InvalidParameter
from uav_tracker_ros.trackers.dsatrack.memory import PUBLISHED, MemorySettings, UpdateGate, flown_rule, interval, is_due


def run(settings: MemorySettings, scores, *, borders=frozenset()) -> list[int]:
    gate = UpdateGate(settings)
    return [t for t, score in enumerate(scores, 1) if gate.step(score, at_border=t in borders)]


def test_schedule_of_a_thousand_frames() -> None:
    due = [t for t in range(1, 1001) if is_due(t)]
    expected = [*range(5, 101, 5), *range(110, 201, 10), *range(220, 301, 20), 320, 360, 400, 480, 640, 800, 960]
    assert due == expected
    assert len(due) == 42
    assert not is_due(0)
    assert [interval(t) for t in (1, 100, 101, 400, 401, 500, 501, 10**6)] == [5, 5, 10, 40, 80, 80, 160, 160]


def test_a_good_target_is_remembered_at_every_due_frame() -> None:
    assert run(MemorySettings(), [0.9] * 1000) == [t for t in range(1, 1001) if is_due(t)]


def test_published_takes_every_view_one_frame_ahead() -> None:
    assert run(PUBLISHED, [0.0] * 30) == [4, 9, 14, 19, 24, 29]


def test_a_fixed_memory_never_changes() -> None:
    assert run(MemorySettings(rule="fixed"), [0.9] * 50) == []


def test_a_low_score_waits_and_fires_once() -> None:
    assert run(MemorySettings(), [0.9] * 4 + [0.59] * 3 + [0.9] * 5) == [8]  # due at 5; 10 is too early after 8
    assert run(MemorySettings(), [0.9] * 4 + [0.2] * 3 + [0.9] * 7) == [8, 13]


def test_a_score_far_below_the_usual_is_not_believed() -> None:
    scores = [0.9] * 14 + [0.44] + [0.46]
    assert run(MemorySettings(update_min=0.3), scores) == [5, 10, 16]
    assert run(MemorySettings(update_min=0.3, of_median=0.0), scores) == [5, 10, 15]


def test_a_view_cut_by_the_border_waits() -> None:
    assert run(MemorySettings(), [0.9] * 8, borders={5, 6}) == [7]
    assert run(MemorySettings(gated=False), [0.9] * 8, borders={5, 6}) == [5]


def test_a_view_taken_back_is_tried_again_after_the_least_gap() -> None:
    gate = UpdateGate(MemorySettings(least_gap=2))
    taken = []
    for t in range(1, 9):
        if gate.step(0.9, at_border=False):
            taken.append(t)
            if t == 5:
                gate.take_back()
    assert taken == [5, 7]


def test_a_new_target_starts_over() -> None:
    gate = UpdateGate(MemorySettings())
    first = [gate.step(0.9, at_border=False) for _ in range(12)]
    gate.reset()
    assert [gate.step(0.9, at_border=False) for _ in range(12)] == first


@pytest.mark.parametrize("wrong", [{"update_min": 1.5}, {"of_median": -0.1}, {"adapt": 2.0}, {"window": 0}])
def test_impossible_settings_are_refused(wrong: dict) -> None:
    with pytest.raises(InvalidParameter, match="correct them"):
        MemorySettings(**wrong)


def test_weights_that_have_not_learnt_a_memory_fly_without_one() -> None:
    assert [flown_rule(keeps_tokens=keeps, learnt=True) for keeps in (True, False)] == ["ranked", "blend"]
    assert [flown_rule(keeps_tokens=keeps, learnt=False) for keeps in (True, False)] == ["fixed", "fixed"]
