"""The worker without ROS: newest only, selection by stamp, replay, and what ends a target."""

from __future__ import annotations

import threading

import cv2
import numpy as np
import pytest
from scripted_tracker import ScriptedTracker
from std_msgs.msg import Header

from uav_tracker_ros.errors import InvalidBox, InvalidImage
from uav_tracker_ros.geometry import Box, TargetState
from uav_tracker_ros.nodes.recent_images import MAX_BYTES, KeptImage, RecentImages, StampedImage
from uav_tracker_ros.nodes.tracking_worker import REPLAYED, Selection, TrackingWorker, checked_box
from uav_tracker_ros.trackers.lock import TargetLock

pytestmark = pytest.mark.real_time

FRAME_NS = 33_333_333
BOX = Box(20.0, 10.0, 16.0, 24.0)


def frame(number: int, shape: tuple[int, ...] = (60, 80)) -> StampedImage:
    """Image ``number``; its pixels hold the number, and grey ones are kept exactly."""
    return StampedImage(number * FRAME_NS, Header(), np.full(shape, number % 256, np.uint8))


class SeeingTracker(ScriptedTracker):
    """Scripted; writes down which images it saw, and can be held up."""

    def __init__(self) -> None:
        super().__init__(lambda _frame, _region: (BOX, 0.9))
        self.seen: list[int] = []
        self.free = threading.Event()
        self.free.set()
        self.error: Exception | None = None
        self.on_settle = lambda: None

    def settle(self):
        self.on_settle()

    def initialize(self, image, box):
        super().initialize(image, box)
        self.seen = [int(image.flat[0])]

    def update(self, image):
        self.free.wait(20)
        self.seen.append(int(image.flat[0]))
        if self.error is not None:
            raise self.error
        return super().update(image)


@pytest.fixture
def rig(until):
    class Rig:
        def __init__(self) -> None:
            self.tracker = SeeingTracker()
            self.published: list = []
            self.failures: list = []
            self.worker = TrackingWorker(
                TargetLock(self.tracker),
                lambda image, target, kind: self.published.append((image.stamp // FRAME_NS, target, kind)),
                self.failures.append,
                point_size=0.2,
            )
            self.worker.start()

        def put(self, number: int, **kwargs) -> None:
            """Offer an image and wait until it is published."""
            self.worker.put(frame(number, **kwargs))
            until(lambda: self.published and self.published[-1][0] == number, f"image {number} was not published")

        def select(self, number: int, box: Box = BOX, target_class: str = ""):
            return self.worker.select(Selection(number * FRAME_NS, box, target_class), 20)

    made = Rig()
    yield made
    made.tracker.free.set()
    made.worker.stop()


def test_without_a_target_every_image_says_none(rig):
    rig.put(1)
    number, target, _ = rig.published[-1]
    assert (number, target.state, target.lock) == (1, TargetState.NONE, 0)


def test_what_a_tracker_leaves_is_done_once_the_box_is_out(rig, until):
    rig.put(1)
    rig.select(1)
    done: list[int] = []
    rig.tracker.on_settle = lambda: done.append(rig.published[-1][0])
    for number in (2, 3):
        rig.put(number)
        until(lambda: done and done[-1] == number, f"image {number} was not settled")  # noqa: B023 - called at once
    assert done == [2, 3]


def test_a_selection_on_an_older_image_is_replayed_to_now(rig, until):
    for number in range(1, 8):
        rig.put(number)
    taken = rig.select(3, target_class="person")
    assert (taken.stamp, taken.box, taken.lock) == (3 * FRAME_NS, BOX, 1)
    until(lambda: rig.published[-1][1].state is TargetState.TRACKING, "no target")
    assert rig.tracker.seen == [3, 4, 5, 6, 7]
    assert rig.published[-1][0] == 7
    assert rig.published[-1][2] == "person"


def test_a_long_replay_skips_images_but_ends_with_the_newest(rig, until):
    for number in range(1, 51):
        rig.put(number)
    rig.select(1)
    until(lambda: rig.published[-1][1].state is TargetState.TRACKING, "no target")
    assert len(rig.tracker.seen) <= REPLAYED + 1
    assert rig.tracker.seen[-1] == 50
    assert np.all(np.diff(rig.tracker.seen[1:]) == 5)


def test_a_busy_tracker_gets_the_newest_image_only(rig, until):
    rig.put(1)
    rig.select(0)
    rig.tracker.free.clear()
    rig.worker.put(frame(2))
    until(lambda: rig.worker._newest is None, "the worker did not take image 2")
    for number in range(3, 10):
        rig.worker.put(frame(number))
    rig.tracker.free.set()
    until(lambda: rig.published[-1][0] == 9, "image 9 was not published")
    assert rig.tracker.seen == [1, 2, 9]
    assert rig.worker.overwritten == 6


def test_images_not_newer_than_the_newest_are_dropped_and_counted(rig):
    rig.put(5)
    for number in (4, 5):
        rig.worker.put(frame(number))
    rig.put(6)
    assert [number for number, *_ in rig.published] == [5, 6]
    assert rig.worker.out_of_order == 2


def test_a_clock_that_starts_again_is_followed(rig):
    rig.put(1000)
    rig.put(3)  # a bag that is played in a loop
    assert rig.worker.out_of_order == 0


def test_a_stamp_that_is_too_old_is_refused_with_its_age(rig):
    for number in (1, 100):
        rig.put(number)
    with pytest.raises(InvalidImage, match=r"3\.30 s before the newest"):
        rig.select(1)


def test_without_images_a_selection_says_so(rig, monkeypatch):
    monkeypatch.setattr("uav_tracker_ros.nodes.tracking_worker.IMAGE_WAIT_S", 0.01)
    with pytest.raises(InvalidImage, match="no image has come yet"):
        rig.select(0)


def test_a_selection_waits_for_an_image_that_is_on_its_way(rig):
    rig.put(1)
    late = threading.Timer(0.05, lambda: rig.worker.put(frame(4)))
    late.start()
    assert rig.select(4).stamp == 4 * FRAME_NS


@pytest.mark.parametrize(
    ("box", "says"),
    [
        (Box(float("nan"), 1, 5, 5), "four finite numbers"),
        (Box(1, 1, 5, float("inf")), "four finite numbers"),
        (Box(1, 1, 5, 0), "width and height above 0"),
        (Box(1, 1, -5, 5), "width and height above 0"),
        (Box(100, 10, 5, 5), "outside the 80x60 image"),
        (Box(80, 10, 0, 0), "point 80,10 is outside"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_bad_box_is_refused_and_the_target_is_kept(rig, box, says):
    rig.put(1)
    rig.select(0)
    with pytest.raises(InvalidBox, match=says):
        rig.select(0, box)
    rig.put(2)
    assert rig.published[-1][1].state is TargetState.TRACKING


def test_a_point_grows_a_box_inside_the_image():
    image = np.zeros((100, 200, 3), np.uint8)
    assert checked_box(Box(50, 50, 0, 0), image, 0.2) == Box(40, 40, 20, 20)
    assert checked_box(Box(0, 0, 0, 0), image, 0.2) == Box(0, 0, 10, 10)


def test_cancelling_forgets_the_target(rig):
    rig.put(1)
    rig.select(0)
    rig.put(2)
    assert rig.worker.select(None, 20) is None
    rig.put(3)
    assert (rig.published[-1][1].state, rig.published[-1][1].lock) == (TargetState.NONE, 1)


def test_the_lock_counts_on_over_a_pause(rig):
    rig.put(1)
    assert rig.select(0).lock == 1
    rig.worker.stop()
    rig.worker.start()
    rig.put(2)
    assert rig.published[-1][1].state is TargetState.NONE
    assert rig.select(0).lock == 2


def test_a_tracker_that_refuses_an_image_drops_the_target_and_says_why(rig):
    rig.put(1)
    rig.select(0)
    rig.tracker.error = InvalidImage("image has shape (30, 40, 3); the target was selected on (60, 80, 3)")
    rig.put(2, shape=(30, 40, 3))
    assert rig.published[-1][1].state is TargetState.NONE
    assert "selected on (60, 80, 3)" in rig.worker.problem
    rig.tracker.error = None
    rig.select(0)
    rig.put(3, shape=(30, 40, 3))
    assert rig.published[-1][1].state is TargetState.TRACKING
    assert rig.worker.problem == ""


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_unexpected_error_is_told(rig, until):
    rig.put(1)
    rig.select(0)
    rig.tracker.error = MemoryError()
    rig.worker.put(frame(2))
    until(lambda: rig.failures, "the error was not told")


@pytest.mark.parametrize(
    ("asked_ms", "found_ms"),
    [
        (0, 2000),  # the newest
        (1000, 1000),
        (1040, 1000),
        (1230, 1000),  # between two images of a slow camera: the nearer
        (1270, 1500),
        (955, 1000),
        (2049, 2000),
    ],
)
def test_a_stamp_finds_the_image_that_was_seen(asked_ms, found_ms):
    ring = RecentImages()
    for stamp_ms in (1000, 1500, 2000):
        ring.add(StampedImage(stamp_ms * 1_000_000, Header(), np.zeros((4, 4), np.uint8)))
    assert ring.find(asked_ms * 1_000_000).stamp == found_ms * 1_000_000


@pytest.mark.parametrize("asked_ms", [949, 1800, 3251])
def test_a_stamp_far_from_every_image_finds_none(asked_ms):
    ring = RecentImages()
    for stamp_ms in (1000, 1500, 2600, 2700):
        ring.add(StampedImage(stamp_ms * 1_000_000, Header(), np.zeros((4, 4), np.uint8)))
    with pytest.raises(InvalidImage, match="select on a newer image"):
        ring.find(asked_ms * 1_000_000)


def test_the_ring_is_bounded_in_time_and_memory():
    ring = RecentImages()
    for number in range(200):
        ring.add(frame(number))
    assert 55 <= len(ring.after(-1)) <= 62
    large = RecentImages()
    image = np.broadcast_to(np.uint8(0), (4000, 4000, 3))
    for number in range(20):
        large.add(StampedImage(number * FRAME_NS, Header(), image))
    assert sum(kept.pixels.nbytes for kept in large.after(-1)) <= MAX_BYTES


def test_two_seconds_of_full_hd_fit_into_the_ring():
    assert 60 * KeptImage.of(StampedImage(1, Header(), np.zeros((1080, 1920, 3), np.uint8))).pixels.nbytes < MAX_BYTES


def test_a_kept_colour_image_comes_back_almost_as_it_was():
    rng = np.random.default_rng(0)
    image = cv2.GaussianBlur(rng.integers(0, 256, (120, 160, 3), dtype=np.uint8), (0, 0), 2.0)
    image[40:80, 60:100] = (20, 40, 220)  # a red target with sharp edges
    kept = KeptImage.of(StampedImage(1, Header(), image))
    again = kept.opened().image
    brightness = [cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY).astype(int) for picture in (image, again)]
    assert kept.pixels.nbytes == image.nbytes // 2
    assert np.abs(brightness[0] - brightness[1]).max() <= 4
    assert np.abs(again.astype(int) - image).mean() <= 3


@pytest.mark.parametrize(("shape", "kind"), [((5, 4, 3), np.uint8), ((4, 5, 3), np.uint8), ((4, 4), np.uint16)])
def test_what_has_no_place_in_i420_is_kept_as_it_is(shape, kind):
    image = np.arange(np.prod(shape), dtype=kind).reshape(shape)
    assert KeptImage.of(StampedImage(1, Header(), image)).opened().image is image
