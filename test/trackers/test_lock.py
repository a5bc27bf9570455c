from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
import pytest
from scenes import frame, texture

sys.path.insert(0, str(Path(__file__).parents[1] / "doubles"))
from scripted_tracker import ScriptedTracker

from uav_tracker_ros.errors import InvalidBox, NotInitialized
from uav_tracker_ros.geometry import Box, TargetState
from uav_tracker_ros.trackers.lock import TargetLock
from uav_tracker_ros.trackers.redetection import Redetection

START = Box(100, 80, 32, 32)
STILL = (0.0, 0.0)  # the picture does not move
TRACKING, UNCERTAIN, LOST = TargetState.TRACKING, TargetState.UNCERTAIN, TargetState.LOST


@pytest.fixture
def image() -> np.ndarray:
    return frame(100, 80)[0]


def locked(image: np.ndarray, scores: list[float], box: Box = START) -> tuple[TargetLock, ScriptedTracker]:
    """Uncalibrated, so that confidence is the scripted score; the last score stays."""
    tracker = ScriptedTracker(lambda step, region: (box, scores[min(step, len(scores)) - 1]))
    lock = TargetLock(tracker)
    lock.select(image, START)
    return lock, tracker


def test_update_needs_a_target(image: np.ndarray) -> None:
    lock = TargetLock(ScriptedTracker(lambda step, region: (START, 1.0)))
    with pytest.raises(NotInitialized):
        lock.update(image)
    lock.select(image, START)
    lock.clear()
    with pytest.raises(NotInitialized):
        lock.update(image)


def test_select_returns_the_visible_part_and_counts(image: np.ndarray) -> None:
    lock, _ = locked(image, [0.9])
    assert lock.select(image, Box(-8, 10, 40, 40)) == Box(0, 10, 32, 40)
    assert lock.update(image).lock == 2


def test_a_refused_selection_keeps_the_target(image: np.ndarray) -> None:
    class Refusing(ScriptedTracker):
        def initialize(self, image: np.ndarray, box: Box) -> None:
            if box.w > 100:
                raise InvalidBox("no")
            super().initialize(image, box)

    lock = TargetLock(Refusing(lambda step, region: (START, 0.9)))
    lock.select(image, START)
    with pytest.raises(InvalidBox):
        lock.select(image, Box(0, 0, 200, 20))
    assert lock.update(image)[:3] == (START, TRACKING, 1)


@pytest.mark.parametrize(
    ("confidence", "state", "box"),
    [
        pytest.param(0.5, TRACKING, Box(110, 90, 60, 60), id="believed whole"),
        pytest.param(0.49, UNCERTAIN, Box(124, 104, 32, 32), id="size frozen, centre taken"),
        pytest.param(0.29, UNCERTAIN, START, id="nothing taken"),
    ],
)
def test_how_much_is_believed(image: np.ndarray, confidence: float, state: TargetState, box: Box) -> None:
    lock, tracker = locked(image, [confidence], box=Box(110, 90, 60, 60))
    target = lock.update(image)
    assert (target.box, target.state, target.confidence) == (box, state, confidence)
    assert tracker.moves == ([] if state is TRACKING else [box])


def test_lost_after_five_doubtful_frames_and_not_before(image: np.ndarray) -> None:
    lock, _ = locked(image, [0.9, 0.1, 0.1, 0.1, 0.1, 0.9, 0.1, 0.1, 0.1, 0.1, 0.1])
    states = [lock.update(image).state for _ in range(11)]
    assert states == [TRACKING, *[UNCERTAIN] * 4, TRACKING, *[UNCERTAIN] * 4, LOST]


def test_lost_after_fifteen_refused_centers(image: np.ndarray) -> None:
    lock, _ = locked(image, [0.25])
    assert [lock.update(image).state for _ in range(15)] == [*[UNCERTAIN] * 14, LOST]


def test_lost_at_once_when_the_box_leaves_the_image(image: np.ndarray) -> None:
    lock, _ = locked(image, [0.9], box=Box(-30, 80, 32, 32))
    target = lock.update(image)
    assert (target.state, target.box) == (LOST, START)  # the last good one
    assert math.isnan(target.similarity)


def test_found_again_raises_lock_and_stays_uncertain(image: np.ndarray) -> None:
    found = Box(200, 120, 32, 32)

    def answer(step: int, region: Box | None) -> tuple[Box, float]:
        if step <= 5:
            return START, 0.1
        return found, 0.95

    lock = TargetLock(tracker := ScriptedTracker(answer))
    lock.select(image, START)
    lost = [lock.update(image) for _ in range(5)]
    assert lost[-1].state is LOST
    tracker.frame = 6  # from now on it is seen
    image, _ = frame(200, 120)
    first, second = lock.update(image), lock.update(image)
    assert (first.state, first.lock) == (LOST, 1)  # one frame is not enough
    assert (second.state, second.lock, second.box) == (UNCERTAIN, 2, found)
    assert tracker.moves[-1] == found
    after = [lock.update(image) for _ in range(10)]
    assert [target.state for target in after] == [UNCERTAIN] * 9 + [TRACKING]
    assert {target.confidence for target in after[:9]} == {0.6}
    assert {target.lock for target in after} == {2}


def test_what_does_not_look_like_the_target_is_not_found(image: np.ndarray) -> None:
    """The tracker is sure of it, but while it followed this it would not see the target come back."""
    found = Box(200, 120, 32, 32)
    lock, tracker = locked(image, [0.1])
    for _ in range(5):
        lock.update(image)
    tracker.answer = lambda step, region: (found, 0.95)
    assert {(target.state, target.lock) for target in (lock.update(image) for _ in range(20))} == {(LOST, 1)}
    back, _ = frame(200, 120)
    assert [lock.update(back).lock for _ in range(2)] == [1, 2]


def test_two_frames_must_agree_on_the_place(image: np.ndarray) -> None:
    places = [Box(10, 10, 32, 32), Box(200, 120, 32, 32)]
    count = iter(range(1000))
    lock, tracker = locked(image, [0.1])
    for _ in range(5):
        lock.update(image)
    tracker.answer = lambda step, region: (places[next(count) % 2], 0.9)
    assert {lock.update(image).state for _ in range(8)} == {LOST}


def test_a_tracker_that_cannot_probe_is_asked_again(image: np.ndarray) -> None:
    class Plain:
        score = 0.1

        def initialize(self, image: np.ndarray, box: Box) -> None: ...

        def update(self, image: np.ndarray):
            return ScriptedTracker(lambda step, region: (START, self.score)).update(image)

    plain = Plain()
    lock = TargetLock(plain)
    lock.select(image, START)
    assert [lock.update(image).state for _ in range(5)][-1] is LOST
    plain.score = 0.9
    assert [lock.update(image).lock for _ in range(2)] == [1, 2]


def swept(image: np.ndarray, right: int, down: int) -> np.ndarray:
    """The picture that a turn of the camera makes of it."""
    return np.roll(image, (down, right), axis=(0, 1))


def seen_at(place: Box, start: Box = START) -> ScriptedTracker:
    """Finds nothing around ``start``, and the target in any region around the middle of ``place``."""

    def answer(step: int, region: Box | None) -> tuple[Box, float]:
        if region is None or outside(place.center, region):
            return start, 0.05
        return place, 0.9

    return ScriptedTracker(answer)


def outside(point: tuple[float, float], region: Box) -> bool:
    left, top, right, bottom = region.xyxy
    return not (left <= point[0] <= right and top <= point[1] <= bottom)


def test_a_jerk_of_the_camera_does_not_lose_the_target(image: np.ndarray) -> None:
    there = START.moved(90.0, 40.0)
    tracker = seen_at(there)
    lock = TargetLock(tracker)
    lock.select(image, START)
    target = lock.update(swept(image, 90, 40))
    assert (target.state, target.lock, target.box) == (TRACKING, 1, there)
    assert tracker.moves[-1] == there  # the next frame is searched there


def test_several_small_jerks_add_up(image: np.ndarray) -> None:
    there = START.moved(60.0, 60.0)
    lock = TargetLock(seen_at(there))
    lock.select(image, START)
    states = [lock.update(swept(image, 20 * k, 20 * k)).state for k in (1, 2, 3)]
    assert states[-1] is TRACKING


def test_after_a_jerk_only_the_target_counts_and_only_where_the_picture_took_it(image: np.ndarray) -> None:
    elsewhere = START.moved(90.0 + 30.0, 40.0)  # in the searched region, but not where it was thrown
    for picture, place in (
        (swept(image, 90, 40), elsewhere),
        (swept(frame(100, 80, visible=False)[0], 90, 40), START.moved(90.0, 40.0)),  # another thing at the place
    ):
        lock = TargetLock(seen_at(place))
        lock.select(image, START)
        assert lock.update(picture).state is UNCERTAIN


def test_while_the_picture_stands_nothing_else_is_searched(image: np.ndarray) -> None:
    lock, tracker = locked(image, [0.05])
    for _ in range(4):
        lock.update(image)
    assert tracker.probed == []


def test_a_lost_target_is_searched_where_it_was_and_where_the_picture_took_it(image: np.ndarray) -> None:
    lock, tracker = locked(image, [0.05])
    for _ in range(5):
        lock.update(image)
    lock.update(moved := swept(image, 90, 40))
    lock.update(moved)
    for (_, first), (_, second) in (tracker.probed[:2], tracker.probed[2:4]):
        assert first.center == START.center
        assert second.center == pytest.approx(START.moved(90.0, 40.0).center, abs=4)


def test_a_candidate_is_confirmed_where_the_picture_took_it() -> None:
    search = Redetection(START, START)
    search.regions(640, 480, STILL)
    assert not search.accept(START, 0.9)
    around = search.regions(640, 480, (200.0, 0.0))
    assert [region.center[0] for region in around] == [START.center[0], START.center[0] + 200.0]
    assert search.accept(START.moved(205.0, 3.0), 0.9)


def test_similarity_tells_the_target_from_another_thing() -> None:
    image, _ = frame(100, 80)
    other = texture(200, 280, seed=1) // 2 + 40
    lock, _ = locked(image, [0.9])
    assert lock.update(image).similarity == pytest.approx(1, abs=1e-5)
    assert lock.update(other).similarity < 0.6


def test_uncalibrated_score_is_said_once(image: np.ndarray, caplog: pytest.LogCaptureFixture) -> None:
    lock, _ = locked(image, [7.0, math.nan])
    assert lock.update(image).confidence == 1.0
    assert lock.update(image).confidence == 0.0
    assert sum("not calibrated" in record.message for record in caplog.records) == 1


def test_search_grows_and_looks_everywhere() -> None:
    search = Redetection(START, START)
    frames = [search.regions(640, 480, STILL) for _ in range(120)]
    sides = [regions[0].w for regions in frames]
    assert sides[0] == 128  # four times the side
    assert sides[4] == pytest.approx(160)
    assert max(sides) == 256  # twice as wide, not more
    assert [len(regions) - 1 for regions in frames[:20]] == [*[0] * 9, 6, *[0] * 9, 6]
    seen = np.zeros((480, 640), bool)
    for regions in frames:
        for tile in regions[1:]:
            assert 0 <= tile.x <= 640 - tile.w
            seen[int(tile.y) : int(tile.y + tile.h), int(tile.x) : int(tile.x + tile.w)] = True
    assert seen.all()


def test_search_repeats_exactly() -> None:
    one, two = Redetection(START, START), Redetection(START, START)
    assert [one.regions(640, 480, STILL) for _ in range(50)] == [two.regions(640, 480, STILL) for _ in range(50)]
