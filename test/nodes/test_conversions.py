"""Messages to arrays and back, against an independent reader, and everything that must be refused."""

from __future__ import annotations

import array
import math
import statistics
import sys
import time
from types import ModuleType

import cv2
import numpy as np
import pytest
from builtin_interfaces.msg import Time
from fake_vision_msgs import module as vision_msgs
from rosbags.image import image_to_cvimage
from sensor_msgs.msg import Image as ImageMessage
from std_msgs.msg import Header

from uav_tracker_ros.errors import InvalidImage, InvalidParameter
from uav_tracker_ros.geometry import Box, Intrinsics, TargetState
from uav_tracker_ros.nodes import conversions
from uav_tracker_ros.nodes.detections import detection_array
from uav_tracker_ros.trackers.lock import LockedTarget

HEADER = Header(stamp=Time(sec=12, nanosec=345_678_901), frame_id="camera_optical")
WIDTH, HEIGHT = 64, 48
RNG = np.random.default_rng(7)


def filled(encoding: str, row: int, *, padding: int = 0, big_endian: bool = False) -> ImageMessage:
    """A message of noise; ``row`` bytes of pixels and ``padding`` more in each row."""
    message = ImageMessage(header=HEADER, encoding=encoding, width=WIDTH, height=HEIGHT, step=row + padding)
    message.is_bigendian = int(big_endian)
    message.data = array.array("B", RNG.integers(0, 256, (row + padding) * HEIGHT, dtype=np.uint8).tobytes())
    return message


@pytest.mark.parametrize(
    ("encoding", "row"),
    [
        ("bgr8", 3 * WIDTH),
        ("rgb8", 3 * WIDTH),
        ("bgra8", 4 * WIDTH),
        ("rgba8", 4 * WIDTH),
        ("bayer_rggb8", WIDTH),
        ("bayer_bggr8", WIDTH),
        ("bayer_gbrg8", WIDTH),
        ("bayer_grbg8", WIDTH),
    ],
)
def test_colour_images_are_those_of_rosbags_image(encoding, row):
    message = filled(encoding, row)
    np.testing.assert_array_equal(conversions.image_from_message(message), image_to_cvimage(message, "bgr8"))


@pytest.mark.parametrize(("encoding", "order"), [("yuv422", "uyvy"), ("yuv422_yuy2", "yuyv")])
def test_yuv_images_hold_the_colours_that_were_packed(encoding, order):
    # Pairs of pixels share U and V; grey (U = V = 128) keeps its luma in any conversion.
    luma = RNG.integers(16, 236, (HEIGHT, WIDTH), dtype=np.uint8)
    packed = np.full((HEIGHT, WIDTH, 2), 128, np.uint8)
    packed[..., 1 if order == "uyvy" else 0] = luma
    message = filled(encoding, 2 * WIDTH)
    message.data = array.array("B", packed.tobytes())
    image = conversions.image_from_message(message)
    wanted = (luma.astype(float) - 16) * 255 / 219
    assert np.abs(image.astype(float) - wanted[..., None]).max() <= 2
    np.testing.assert_array_equal(image, image_to_cvimage(message, "bgr8"))


@pytest.mark.parametrize("encoding", ["mono8", "8UC1"])
def test_mono_images_stay_mono(encoding):
    message = filled(encoding, WIDTH)
    image = conversions.image_from_message(message)
    assert (image.shape, image.dtype) == ((HEIGHT, WIDTH), np.uint8)
    np.testing.assert_array_equal(image.tobytes(), message.data.tobytes())


@pytest.mark.parametrize("big_endian", [False, True])
def test_sixteen_bit_images_honour_the_byte_order(big_endian):
    message = filled("mono16", 2 * WIDTH, big_endian=big_endian)
    image = conversions.image_from_message(message)
    first = int.from_bytes(message.data[:2].tobytes(), "big" if big_endian else "little")
    assert image[0, 0] == first
    np.testing.assert_array_equal(image, image_to_cvimage(message))


@pytest.mark.parametrize(("encoding", "row"), [("bgr8", 3 * WIDTH), ("mono8", WIDTH), ("mono16", 2 * WIDTH)])
def test_padded_rows_are_cut(encoding, row):
    message = filled(encoding, row, padding=10)
    image = conversions.image_from_message(message)
    rows = np.frombuffer(message.data, np.uint8).reshape(HEIGHT, row + 10)[:, :row]
    np.testing.assert_array_equal(np.ascontiguousarray(image).view(np.uint8).reshape(HEIGHT, row), rows)


def test_a_plain_image_is_a_view_of_the_message():
    message = filled("bgr8", 3 * WIDTH)
    image = conversions.image_from_message(message)
    assert np.shares_memory(image, np.frombuffer(message.data, np.uint8))


@pytest.mark.parametrize(
    "image",
    [
        RNG.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8),
        RNG.integers(0, 256, (HEIGHT, WIDTH), dtype=np.uint8),
        RNG.integers(0, 65536, (HEIGHT, WIDTH), dtype=np.uint16),
        RNG.integers(0, 256, (2 * HEIGHT, 2 * WIDTH, 3), dtype=np.uint8)[::2, ::2],
    ],
    ids=["bgr8", "mono8", "mono16", "not contiguous"],
)
def test_there_and_back(image):
    message = conversions.message_from_image(image, HEADER)
    assert message.header == HEADER
    np.testing.assert_array_equal(conversions.image_from_message(message), image)
    np.testing.assert_array_equal(image_to_cvimage(message), image)


def damaged(**changes) -> ImageMessage:
    message = filled("bgr8", 3 * WIDTH)
    for name, value in changes.items():
        setattr(message, name, value)
    return message


@pytest.mark.parametrize(
    ("message", "says"),
    [
        (damaged(data=array.array("B", bytes(1000))), "truncated"),
        (damaged(data=array.array("B")), "0 bytes"),
        (damaged(width=0), "at least one pixel"),
        (damaged(height=0), "at least one pixel"),
        (damaged(step=100), "step of 100"),
        (damaged(step=3 * WIDTH + 1), "expected step times height"),
        (damaged(encoding="mono32"), "'mono32'; expected one of bgr8"),
        (damaged(encoding=""), "''; expected one of"),
        (damaged(encoding="yuv422", width=63), "even width"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_used_is_refused_in_words(message, says):
    if message.width == 63:
        message.step, message.data = 126, array.array("B", bytes(126 * HEIGHT))
    with pytest.raises(InvalidImage, match=says.replace("(", r"\(")):
        conversions.image_from_message(message)


def test_an_unknown_encoding_goes_to_cv_bridge_where_it_is(monkeypatch):
    class CvBridge:
        def imgmsg_to_cv2(self, message, desired_encoding):
            return np.full((message.height, message.width, 3), 7, np.uint8)

    bridge = ModuleType("cv_bridge")
    bridge.CvBridge = CvBridge
    monkeypatch.setitem(sys.modules, "cv_bridge", bridge)
    assert (conversions.image_from_message(damaged(encoding="nv21")) == 7).all()


@pytest.mark.parametrize(
    "broken", [np.empty((0, 0, 3), np.uint8), np.zeros((4, 4), np.float32), np.zeros((4, 4, 2), np.uint8)]
)
def test_arrays_that_are_no_image_are_not_published(broken):
    with pytest.raises(InvalidImage, match="convert it first"):
        conversions.message_from_image(broken, HEADER)


def test_compressed_images_keep_kind_and_content():
    smooth = cv2.resize(RNG.integers(0, 256, (6, 8, 3), dtype=np.uint8), (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    message = conversions.compressed_from_image(smooth, HEADER)
    assert message.format == "bgr8; jpeg compressed bgr8"
    assert np.abs(conversions.image_from_compressed(message).astype(int) - smooth).mean() < 4
    deep = RNG.integers(0, 65536, (HEIGHT, WIDTH), dtype=np.uint16)
    np.testing.assert_array_equal(
        conversions.image_from_compressed(conversions.compressed_from_image(deep, HEADER)), deep
    )
    mono = conversions.image_from_compressed(conversions.compressed_from_image(smooth[..., 0], HEADER))
    assert mono.shape == (HEIGHT, WIDTH)


@pytest.mark.parametrize("data", [b"", b"\xff\xd8\xff", bytes(100)], ids=["empty", "truncated", "no picture"])
def test_damaged_compressed_images_are_refused(data):
    message = conversions.compressed_from_image(np.zeros((8, 8), np.uint8), HEADER)
    message.data = array.array("B", data)
    with pytest.raises(InvalidImage, match="cannot be decoded"):
        conversions.image_from_compressed(message)


def test_filling_a_720p_message_is_fast():
    image = RNG.integers(0, 256, (720, 1280, 3), dtype=np.uint8)
    times = []
    for _ in range(15):
        start = time.thread_time()
        conversions.message_from_image(image, HEADER)
        times.append(time.thread_time() - start)
    assert statistics.median(times) < 0.005


def test_camera_info_counts_pixels_as_ros_does():
    camera = Intrinsics(640, 480, 457.0, 458.0, 320.0, 240.0, (0.1, -0.2, 0.001, 0.002, 0.05))
    message = conversions.camera_info_from_intrinsics(camera, HEADER)
    assert (message.k[2], message.k[5]) == (319.5, 239.5)  # the middle of 640 columns numbered from 0
    assert conversions.intrinsics_from_camera_info(message) == camera
    message.binning_x = message.binning_y = 2
    assert conversions.intrinsics_from_camera_info(message)[:6] == (320, 240, 228.5, 229.0, 160.0, 120.0)


@pytest.mark.parametrize("focal", [0.0, -1.0, math.nan, math.inf])
def test_camera_info_without_a_focal_length_is_refused(focal):
    message = conversions.camera_info_from_intrinsics(Intrinsics.from_hfov(640, 480, 1.2), HEADER)
    message.k[0] = focal
    with pytest.raises(InvalidParameter, match="focal lengths"):
        conversions.intrinsics_from_camera_info(message)


def test_stamps_are_exact():
    nanoseconds = 1_795_274_173_426_047_716
    assert conversions.nanoseconds(conversions.stamp_from_nanoseconds(nanoseconds)) == nanoseconds


def target(state: TargetState = TargetState.TRACKING):
    locked = LockedTarget(Box(10.0, 20.0, 30.0, 40.0), state, 3, 0.7, 0.9, math.nan)
    return conversions.target_message(
        locked, HEADER, np.zeros((480, 640, 3), np.uint8), latency=0.03, tracker="csrt", target_class="person"
    )


def test_a_target_carries_header_box_and_all_scores():
    message = target()
    assert (message.header, message.state, message.lock, message.target_id) == (HEADER, 1, 3, "3")
    assert (message.center_x, message.center_y, message.size_x, message.size_y) == (25.0, 40.0, 30.0, 40.0)
    assert (message.image_width, message.image_height) == (640, 480)
    assert message.score == pytest.approx(0.7)
    assert message.confidence == pytest.approx(0.9)
    assert math.isnan(message.similarity)


@pytest.mark.parametrize("layout", ["old", "new"])
def test_detections_fit_both_layouts_of_vision_msgs(layout):
    array_message = detection_array(target(), vision_msgs(layout))
    (detection,) = array_message.detections
    center = detection.bbox.center.position if layout == "new" else detection.bbox.center
    assert (center.x, center.y, detection.bbox.size_x) == (25.0, 40.0, 30.0)
    (result,) = detection.results
    name, score = (
        (result.hypothesis.class_id, result.hypothesis.score) if layout == "new" else (result.id, result.score)
    )
    assert (name, score) == ("person", pytest.approx(0.9))
    assert detection_array(target(TargetState.LOST), vision_msgs(layout)).detections == []
