"""What every tracker that can run here must keep."""

from __future__ import annotations

import math
import resource

import numpy as np
import pytest
from scenes import frame, texture

from uav_tracker_ros.errors import InvalidBox, InvalidImage, NotInitialized
from uav_tracker_ros.geometry import Box
from uav_tracker_ros.trackers.contract import Observation, Probing

HEIGHT, WIDTH = 200, 280
RANDOM = {"mil"}  # OpenCV seeds its sampling from the clock


def follow(tracker, count: int = 12) -> list[Observation]:
    """A target that moves 1 px right a frame and 1 px down every other."""
    image, box = frame(100, 80)
    tracker.initialize(image, box)
    return [tracker.update(frame(100 + step, 80 + step // 2)[0]) for step in range(1, count + 1)]


def assert_sane(observation: Observation) -> None:
    box = observation.box
    assert box.is_finite
    assert math.isfinite(observation.score)
    assert 0 < box.w <= WIDTH
    assert 0 < box.h <= HEIGHT
    assert 0 <= box.center[0] <= WIDTH
    assert 0 <= box.center[1] <= HEIGHT


def test_follows_a_moving_target(make_tracker, usable_name: str) -> None:
    runs = [follow(make_tracker(usable_name))[-1] for _ in range(3 if usable_name in RANDOM else 1)]
    if usable_name != "static":  # never moves, by design
        assert min(math.dist(last.box.center, (128, 102)) for last in runs) < 9  # it was 13 px away at first
    for last in runs:
        assert_sane(last)


def test_same_frames_give_the_same_boxes(make_tracker, usable_name: str) -> None:
    if usable_name in RANDOM:
        pytest.skip(f"{usable_name} draws random numbers that cannot be seeded from outside")
    assert follow(make_tracker(usable_name)) == follow(make_tracker(usable_name))


def test_initialize_forgets_the_target_before(make_tracker, usable_name: str) -> None:
    if usable_name in RANDOM:
        pytest.skip(f"{usable_name} draws random numbers that cannot be seeded from outside")
    used = make_tracker(usable_name)
    used.initialize(texture(HEIGHT, WIDTH, 3), Box(10, 10, 50, 60))
    used.update(texture(HEIGHT, WIDTH, 4))
    assert follow(used) == follow(make_tracker(usable_name))


@pytest.mark.parametrize(
    "picture",
    [
        pytest.param(lambda step: np.zeros((HEIGHT, WIDTH, 3), np.uint8), id="black"),
        pytest.param(lambda step: np.full((HEIGHT, WIDTH, 3), 255, np.uint8), id="white"),
        pytest.param(lambda step: frame(100, 80)[0], id="frozen"),
        pytest.param(lambda step: texture(HEIGHT, WIDTH, step), id="noise"),
    ],
)
def test_bad_pictures_are_survived(make_tracker, usable_name: str, picture) -> None:
    tracker = make_tracker(usable_name)
    image, box = frame(100, 80)
    tracker.initialize(image, box)
    for step in range(6):
        assert_sane(tracker.update(picture(step)))


def test_starts_on_a_black_picture(make_tracker, usable_name: str) -> None:
    tracker = make_tracker(usable_name)
    black = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    tracker.initialize(black, Box(100, 80, 32, 32))
    assert_sane(tracker.update(black))


def test_box_off_the_border_is_survived(make_tracker, usable_name: str) -> None:
    tracker = make_tracker(usable_name)
    image, _ = frame(0, 0)
    tracker.initialize(image, Box(-8, -8, 40, 40))
    for x in (2, 4, 8):
        assert_sane(tracker.update(frame(x, 0)[0]))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_monochrome(make_tracker, usable_name: str, dtype: type) -> None:
    tracker = make_tracker(usable_name)
    scale = 1 if dtype == np.uint8 else 57

    def mono(x: int) -> np.ndarray:
        return frame(x, 80)[0][:, :, 2].astype(dtype) * dtype(scale)

    tracker.initialize(mono(100), Box(100, 80, 32, 32))
    for step in range(1, 5):
        assert_sane(tracker.update(mono(100 + 2 * step)))


def test_images_are_not_changed_and_may_be_read_only(make_tracker, usable_name: str) -> None:
    tracker = make_tracker(usable_name)
    image, box = frame(100, 80)
    before = image.copy()
    image.flags.writeable = False
    tracker.initialize(image, box)
    tracker.update(image)
    assert np.array_equal(image, before)


@pytest.mark.parametrize(
    "view",
    [
        pytest.param(lambda image: np.repeat(image, 2, axis=1)[:, ::2], id="every second column"),
        pytest.param(lambda image: np.ascontiguousarray(image[::-1])[::-1], id="upside down in memory"),
        pytest.param(lambda image: np.asfortranarray(image), id="column-major"),
        pytest.param(lambda image: np.pad(image, ((0, 0), (0, 5), (0, 0)))[:, :-5], id="padded rows"),
        pytest.param(lambda image: np.ascontiguousarray(image[:, :, ::-1])[:, :, ::-1], id="reversed channels"),
    ],
)
def test_memory_layout_does_not_matter(make_tracker, usable_name: str, view) -> None:
    if usable_name in RANDOM:
        pytest.skip(f"{usable_name} draws random numbers that cannot be seeded from outside")
    answers = []
    for layout in (lambda image: image, view):
        tracker = make_tracker(usable_name)
        image, box = frame(100, 80)
        tracker.initialize(layout(image), box)
        answers.append(tracker.update(layout(frame(103, 82)[0])))
    assert answers[0] == answers[1]


def test_update_before_initialize(make_tracker, usable_name: str) -> None:
    with pytest.raises(NotInitialized, match="select a target first"):
        make_tracker(usable_name).update(frame(0, 0)[0])


@pytest.mark.parametrize(
    "box",
    [
        pytest.param(Box(math.nan, 0, 10, 10), id="NaN"),
        pytest.param(Box(0, 0, math.inf, 10), id="infinite"),
        pytest.param(Box(10, 10, 0, 10), id="zero width"),
        pytest.param(Box(10, 10, 10, -3), id="negative height"),
        pytest.param(Box(10, 10, 1, 20), id="too narrow"),
        pytest.param(Box(400, 400, 20, 20), id="outside"),
        pytest.param(Box(-38, 10, 40, 40), id="sliver inside"),
        pytest.param(Box(-80, -80, 100, 100), id="a twenty-fifth inside"),
    ],
)
def test_unusable_boxes(make_tracker, usable_name: str, box: Box) -> None:
    with pytest.raises(InvalidBox, match="select again"):
        make_tracker(usable_name).initialize(frame(0, 0)[0], box)


@pytest.mark.parametrize(
    "image",
    [
        pytest.param(np.zeros((0, 0, 3), np.uint8), id="empty"),
        pytest.param(np.zeros((0, 10), np.uint8), id="no rows"),
        pytest.param(np.zeros((20, 20, 4), np.uint8), id="four channels"),
        pytest.param(np.zeros((20, 20, 3), np.float32), id="float"),
        pytest.param(np.zeros((20, 20, 3), np.uint16), id="16-bit colour"),
        pytest.param(np.zeros(20, np.uint8), id="one dimension"),
        pytest.param([[0, 0], [0, 0]], id="a list"),
    ],
)
def test_unusable_images(make_tracker, usable_name: str, image) -> None:
    tracker = make_tracker(usable_name)
    with pytest.raises(InvalidImage, match="expected"):
        tracker.initialize(image, Box(2, 2, 10, 10))


def test_another_shape_is_refused_and_the_target_kept(make_tracker, usable_name: str) -> None:
    tracker = make_tracker(usable_name)
    image, box = frame(100, 80)
    tracker.initialize(image, box)
    with pytest.raises(InvalidImage, match="select it again"):
        tracker.update(texture(100, 100, 0))
    assert_sane(tracker.update(image))


def test_probing_looks_without_moving(make_tracker, usable_name: str) -> None:
    tracker = make_tracker(usable_name)
    if not isinstance(tracker, Probing):
        pytest.skip(f"{usable_name} cannot look elsewhere")
    image, box = frame(100, 80)
    tracker.initialize(image, box)
    moved, there = frame(200, 120)
    seen = tracker.probe(moved, Box.from_center(*there.center, 120, 120))
    assert math.dist(seen.box.center, there.center) < 8
    assert_sane(seen)
    nothing = tracker.probe(frame(0, 0, visible=False)[0], Box.from_center(*there.center, 120, 120))
    assert nothing.score < seen.score
    if usable_name not in RANDOM:
        other = make_tracker(usable_name)
        other.initialize(image, box)
        assert tracker.update(image).box == other.update(image).box
    tracker.move_to(seen.box)
    assert math.dist(tracker.update(moved).box.center, there.center) < 12


def test_memory_and_box_do_not_grow(make_tracker, usable_name: str) -> None:
    tracker = make_tracker(usable_name)
    frames = [frame(40 + 2 * step, 40 + step)[0] for step in range(20)]
    tracker.initialize(frames[0], Box(40, 40, 32, 32))
    count = {"csrt": 60, "mil": 60}.get(usable_name, 200)  # these two take tens of milliseconds each
    peaks = []
    for step in range(2 * count):
        observation = tracker.update(frames[19 - abs(step % 40 - 20) % 20])
        if step in (count, 2 * count - 1):
            peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    assert_sane(observation)
    assert peaks[1] - peaks[0] < 5_000  # kB
