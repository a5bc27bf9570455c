"""The tracker's node over real topics: in this process with scripted images, and as a process of its own."""

from __future__ import annotations

import math
import time
from pathlib import Path

import pytest
from builtin_interfaces.msg import Time
from frame_publisher import SIDE, FramePublisher
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image
from std_srvs.srv import Trigger
from uav_tracker_ros.msg import TrackedTarget
from uav_tracker_ros.srv import SelectTarget

from uav_tracker_ros.geometry import Box, iou
from uav_tracker_ros.nodes import target_overlay
from uav_tracker_ros.nodes.conversions import nanoseconds
from uav_tracker_ros.nodes.tracker_node import TrackerNode
from uav_tracker_ros.nodes.variants import config_directory
from uav_tracker_ros.trackers.budget import best_within

pytestmark = pytest.mark.dds


class Rig:
    """A tracker and an operator with a camera."""

    def __init__(self, ros, until, *arguments: str, **camera) -> None:
        self.until = until
        self.tracker = ros(TrackerNode, "-p", "tracker.name:=csrt", *arguments)
        self.operator = ros(lambda: FramePublisher(**camera))
        self.tracker.trigger_configure()
        self.tracker.trigger_activate()
        until(lambda: self.operator.images.get_subscription_count(), "the tracker does not subscribe")
        until(self.operator.select_client.service_is_ready, "no service select_target")

    def shoot(self, **kwargs) -> TrackedTarget:
        """One image; the target that it gave."""
        header = self.operator.publish(**kwargs)
        started = time.monotonic()

        def answered() -> bool:
            nonlocal started, header
            if time.monotonic() - started > 2.0:  # a first image may be lost: discovery has two directions
                header, started = self.operator.publish(**kwargs), time.monotonic()
            return any(target.header == header for target in self.operator.targets)

        self.until(answered, "no target for the image")
        return next(target for target in self.operator.targets if target.header == header)

    def call(self, client, request):
        future = client.call_async(request)
        self.until(future.done, "the service does not answer")
        return future.result()

    def select(self, box: Box, stamp: Time | None = None, **kwargs) -> SelectTarget.Response:
        x, y = box.center
        request = SelectTarget.Request(center_x=x, center_y=y, size_x=float(box.w), size_y=float(box.h), **kwargs)
        if stamp is not None:
            request.stamp = stamp
        return self.call(self.operator.select_client, request)


@pytest.fixture
def rig(ros, until):
    return Rig(ros, until)


def box_of(target) -> Box:
    return Box.from_center(target.center_x, target.center_y, target.size_x, target.size_y)


def test_from_selection_to_cancel(rig):
    first = rig.shoot()
    assert (first.state, first.lock, first.target_id) == (TrackedTarget.STATE_NONE, 0, "")
    rig.shoot()
    number = rig.operator.number
    answer = rig.select(rig.operator.box(number), target_class="car")
    assert (answer.accepted, answer.target_id) == (True, "1")
    assert iou(box_of(answer), rig.operator.box(number)) > 0.99
    for _ in range(5):
        target = rig.shoot()
    assert (target.state, target.lock, target.tracker, target.target_class) == (1, 1, "csrt", "car")
    assert iou(box_of(target), rig.operator.box(rig.operator.number)) > 0.6
    assert (target.image_width, target.image_height) == (320, 240)
    assert target.confidence >= 0.5
    assert math.isfinite(target.score)
    assert 0 < target.latency < 20
    assert rig.call(rig.operator.cancel_client, Trigger.Request()).success
    assert rig.shoot().state == TrackedTarget.STATE_NONE


def test_a_selection_means_the_image_that_the_operator_saw(rig):
    seen = rig.shoot()
    old = rig.operator.box(rig.operator.number)
    for _ in range(6):
        rig.shoot()
    answer = rig.select(old, stamp=seen.header.stamp)
    assert answer.accepted
    assert answer.stamp == seen.header.stamp
    target = rig.shoot()
    assert iou(box_of(target), rig.operator.box(rig.operator.number)) > 0.5


@pytest.mark.parametrize(
    ("box", "says"),
    [(Box(math.nan, 0, 10, 10), "finite"), (Box(900, 10, 20, 20), "outside"), (Box(10, 10, 1, 1), "expected at least")],
    ids=["nan", "outside", "tiny"],
)
def test_a_bad_selection_is_answered_in_words(rig, box, says):
    rig.shoot()
    answer = rig.select(box)
    assert not answer.accepted
    assert says in answer.message


def test_another_image_size_drops_the_target_and_selecting_again_works(rig):
    rig.shoot()
    rig.select(rig.operator.box(rig.operator.number))
    assert rig.shoot().state == TrackedTarget.STATE_TRACKING
    assert rig.shoot(size=(300, 400)).state == TrackedTarget.STATE_NONE
    assert rig.select(rig.operator.box(rig.operator.number)).accepted
    again = rig.shoot(size=(300, 400))
    assert (again.state, again.lock) == (TrackedTarget.STATE_TRACKING, 2)


def test_the_overlay_is_small_rare_and_only_for_listeners(rig, monkeypatch):
    drawn = []
    monkeypatch.setattr(target_overlay, "PERIOD_S", 1000.0)
    draw = target_overlay.draw_overlay
    monkeypatch.setattr(target_overlay, "draw_overlay", lambda *args, **given: drawn.append(1) or draw(*args, **given))
    rig.shoot(size=(480, 960))
    assert drawn == []
    rig.operator.listen_to_overlays()
    rig.until(lambda: rig.tracker._overlay.wanted, "the overlay's listener was not seen")
    for _ in range(3):
        rig.shoot(size=(480, 960))
    rig.until(lambda: rig.operator.overlays, "no overlay came")
    assert drawn == [1]
    assert (rig.operator.overlays[0].width, rig.operator.overlays[0].height) == (480, 240)


def test_a_click_on_the_image_selects_around_it(rig):
    rig.shoot()
    x, y = rig.operator.box(rig.operator.number).center
    rig.operator.click("image_raw_mouse_left", x, y, rig.until)
    rig.until(lambda: rig.shoot().state == TrackedTarget.STATE_TRACKING, "nothing was selected")
    taken = box_of(rig.operator.targets[-1])
    assert abs(taken.center[0] - rig.operator.box(rig.operator.number).center[0]) < SIDE / 2


def test_a_click_on_the_overlay_means_the_picture_that_was_shown(rig):
    rig.operator.listen_to_overlays()
    rig.until(lambda: rig.tracker._overlay.wanted, "the overlay's listener was not seen")
    rig.shoot(size=(480, 960))
    rig.until(lambda: rig.operator.overlays, "no overlay came")
    shown = rig.operator.overlays[-1]
    x, y = rig.operator.box(rig.operator.number).center
    selected = []
    rig.tracker._worker.select, select = (
        lambda it, timeout: selected.append(it) or select(it, timeout),
        (rig.tracker._worker.select),
    )
    rig.operator.click("target/image_mouse_left", x / 2, y / 2, rig.until)
    rig.until(lambda: selected, "the click did not arrive")
    assert selected[0].stamp == nanoseconds(shown.header.stamp)
    assert (selected[0].box.x, selected[0].box.y) == pytest.approx((x, y))


def test_a_click_beside_the_image_changes_nothing(rig):
    rig.shoot()
    rig.select(rig.operator.box(rig.operator.number))
    rig.operator.click("image_raw_mouse_left", 5000.0, 10.0, rig.until)
    target = rig.shoot()
    assert (target.state, target.lock) == (TrackedTarget.STATE_TRACKING, 1)


def test_diagnostics_tell_rates_counts_and_problems(rig):
    for _ in range(3):
        rig.shoot()
    rig.operator.images.publish(Image(encoding="bgr8"))
    rig.until(lambda: rig.operator.value("dropped: unreadable") == "1", "the empty image was not counted")
    assert (rig.operator.value("tracker"), rig.operator.value("model")) == ("csrt", "no network")
    assert float(rig.operator.value("latency p50 ms")) > 0
    rig.until(lambda: "no image for 2 s" in rig.operator.diagnostics[-1].status[0].message, "silence was not diagnosed")


def test_diagnostics_name_the_tracker_that_a_budget_chose(ros, until):
    files = (
        "--params-file",
        str(config_directory() / "base.yaml"),
        "--params-file",
        str(config_directory() / "cpu.yaml"),
    )
    tracker = ros(TrackerNode, *files)
    assert tracker.settings.name == "auto"
    chosen = best_within(tracker.settings.max_gmacs)
    tracker.trigger_configure()
    tracker.trigger_activate()
    assert chosen != "auto"
    assert tracker._health().values["tracker"] == chosen


def test_compressed_images(ros, until):
    rig = Rig(ros, until, "-p", "image_transport:=compressed", compressed=True)
    assert rig.shoot().image_width == 320


def test_the_subscription_adapts_to_its_publishers(ros, until, monkeypatch):
    monkeypatch.setattr("uav_tracker_ros.nodes.qos.LOOK_PERIOD_S", 0.1)
    rig = Rig(ros, until)
    until(lambda: rig.tracker._subscription.reliable, "not reliable though the camera is")
    best_effort = rig.operator.create_publisher(
        Image, "image_raw", QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
    )
    until(lambda: not rig.tracker._subscription.reliable, "still reliable though one camera is not")
    until(best_effort.get_subscription_count, "the second camera is not heard")
    rig.shoot()


def test_as_a_process_it_loads_no_heavy_library_and_ends_cleanly(start_node, ros, until):
    child = start_node("tracker_node", "-p", "tracker.name:=csrt")
    operator = ros(FramePublisher)
    until(operator.select_client.service_is_ready, f"no tracker: {child.text}")

    def tracked() -> bool:
        operator.publish()
        return bool(operator.targets)

    until(tracked, "no target came")
    libraries = {
        Path(line.split()[-1]).parts for line in Path(f"/proc/{child.process.pid}/maps").read_text().splitlines()
    }
    loaded = {part for parts in libraries for part in parts}
    assert "cv2" in loaded
    assert not loaded & {"torch", "matplotlib", "mavsdk", "onnxruntime"}
    assert child.interrupt() == 0
    assert "Traceback" not in child.text


def test_a_damaged_parameter_file_ends_with_words_and_an_exit_code(start_node, tmp_path):
    path = tmp_path / "broken.yaml"
    path.write_text("/**:\n  ros__parameters: [1, 2\n")
    child = start_node("tracker_node", "--params-file", str(path))
    assert child.wait() == 1
    assert "broken.yaml" in child.text
    assert "Traceback" not in child.text


@pytest.mark.parametrize(
    ("argument", "says"),
    [
        ("tracker.name:=ckf", "did you mean 'kcf'"),
        ("tracker.backend:=onxruntime", "did you mean 'onnxruntime'"),
        ("tracker.threads:=100", "expected 0 to 64"),
        ("tracker.nam:=csrt", "did you mean 'tracker.name'"),
    ],
)
def test_wrong_settings_end_with_words_and_an_exit_code(start_node, argument, says):
    child = start_node("tracker_node", "-p", argument)
    assert child.wait() == 1
    assert says in child.text
    assert "Traceback" not in child.text
