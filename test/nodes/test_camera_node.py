"""The camera: sources without ROS, and the node as a process over DDS."""

from __future__ import annotations

import math
import threading
from typing import ClassVar

import cv2
import numpy as np
import pytest
import yaml
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from uav_tracker_ros.errors import InputUnreadable, InvalidParameter
from uav_tracker_ros.nodes import camera_sources
from uav_tracker_ros.nodes.camera_settings import CameraSettings
from uav_tracker_ros.nodes.camera_sources import open_camera
from uav_tracker_ros.nodes.conversions import (
    image_from_compressed,
    image_from_message,
    intrinsics_from_camera_info,
)

COUNT = 4


@pytest.fixture
def folder(tmp_path):
    """Four pictures; the grey level is the number."""
    place = tmp_path / "pictures"
    place.mkdir()
    for number in range(COUNT):
        cv2.imwrite(str(place / f"{number}.png"), np.full((48, 64, 3), 50 * number, np.uint8))
    return place


@pytest.fixture
def video(tmp_path):
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 30.0, (64, 48))
    for number in range(COUNT):
        writer.write(np.full((48, 64, 3), 50 * number, np.uint8))
    writer.release()
    return path


def levels(source, limit: int = 100) -> list[int]:
    """The numbers of a source's images."""
    found = []
    while len(found) < limit and (shot := source.read()) is not None:
        found.append(round(float(shot.image.mean()) / 50))
    source.close()
    return found


def test_a_folder_and_a_video_end_after_their_last_image(folder, video):
    for source in (f"folder:{folder}", f"video:{video}"):
        assert levels(open_camera(CameraSettings(source=source, loop=False, rate_hz=240.0))) == [0, 1, 2, 3]


def test_with_loop_they_start_again(folder, video):
    for source in (f"folder:{folder}", f"video:{video}"):
        assert levels(open_camera(CameraSettings(source=source, rate_hz=240.0)), limit=6) == [0, 1, 2, 3, 0, 1]


@pytest.mark.parametrize("source", ["", "video", "video:", "rtsp:something", "clip.mp4"])
def test_an_unknown_kind_of_source_is_refused(source):
    with pytest.raises(InvalidParameter, match="expected video:FILE, folder:FOLDER, v4l2:DEVICE or gst:PIPELINE"):
        open_camera(CameraSettings(source=source))


@pytest.mark.parametrize("source", ["video:/nowhere.mp4", "folder:/nowhere", "v4l2:/dev/video-none"])
def test_a_source_that_is_not_there_is_refused(source):
    with pytest.raises(InputUnreadable):
        open_camera(CameraSettings(source=source))


class FakeCapture:
    """A driver that has images 1, 2, 3 ready, and breaks when it is told to."""

    opened: ClassVar[list] = []

    def __init__(self, *arguments) -> None:
        self.opened.append(arguments)
        self.number = 0
        self.asked = {}
        self.breaks = threading.Event()

    def isOpened(self):  # noqa: N802 - OpenCV's name
        return True

    def set(self, key, value):
        self.asked[key] = value

    def get(self, _key):
        return 0.0

    def grab(self):
        self.number += 1
        return self.number <= 3 or not self.breaks.wait(20)

    def retrieve(self):
        return True, np.full((4, 4, 3), 50 * self.number, np.uint8)

    def release(self):
        pass


def test_a_device_gives_its_newest_image_and_says_when_it_breaks(monkeypatch, until):
    monkeypatch.setattr(camera_sources.cv2, "VideoCapture", FakeCapture)
    source = open_camera(CameraSettings(source="v4l2:0", width=320))
    assert source._capture.asked[cv2.CAP_PROP_FRAME_WIDTH] == 320
    until(lambda: source._capture.number == 4, "the driver's queue was not emptied")
    assert source.read().image[0, 0, 0] == 150
    source._capture.breaks.set()
    with pytest.raises(InputUnreadable, match="camera 0 gives no images any more"):
        source.read()
    source.close()


@pytest.mark.parametrize(
    ("pipeline", "whole"),
    [
        ("videotestsrc ! appsink", "videotestsrc ! appsink"),
        ("nvarguscamerasrc ! nvvidconv", f"nvarguscamerasrc ! nvvidconv ! {camera_sources.NEWEST_SINK}"),
    ],
)
def test_a_pipeline_ends_in_a_sink_of_the_newest_image(monkeypatch, until, pipeline, whole):
    monkeypatch.setattr(camera_sources.cv2, "VideoCapture", FakeCapture)
    monkeypatch.setattr(camera_sources.cv2.videoio_registry, "hasBackend", lambda backend: backend == cv2.CAP_GSTREAMER)
    FakeCapture.opened.clear()
    source = open_camera(CameraSettings(source=f"gst:{pipeline}"))
    assert FakeCapture.opened == [(whole, cv2.CAP_GSTREAMER)]
    until(lambda: source._capture.number == 4, "the pipeline's queue was not emptied")
    shot = source.read()
    assert shot.image[0, 0, 0] == 150
    assert shot.age < 20
    source._capture.breaks.set()
    source.close()


def test_without_gstreamer_a_pipeline_is_refused_in_words(monkeypatch):
    monkeypatch.setattr(camera_sources.cv2.videoio_registry, "hasBackend", lambda _backend: False)
    with pytest.raises(InputUnreadable, match="built without GStreamer"):
        open_camera(CameraSettings(source="gst:videotestsrc"))


def test_a_calibration_is_scaled_to_the_images(tmp_path):
    path = tmp_path / "camera.yaml"
    content = {
        "image_width": 1280,
        "image_height": 960,
        "camera_matrix": {"data": [900.0, 0, 639.5, 0, 910.0, 479.5, 0, 0, 1]},
        "distortion_coefficients": {"data": [0.1, -0.2, 0.0, 0.0, 0.0]},
    }
    path.write_text(yaml.safe_dump(content))
    camera = CameraSettings(calibration=str(path))
    assert camera.intrinsics(640, 480) == (640, 480, 450.0, 455.0, 320.0, 240.0, (0.1, -0.2, 0.0, 0.0, 0.0))
    with pytest.raises(InvalidParameter, match="same aspect ratio"):
        camera.intrinsics(640, 360)
    path.write_text("image_width: 3")
    with pytest.raises(InputUnreadable, match="is no calibration"):
        camera.intrinsics(640, 480)


class Listener(Node):
    """Hears images and camera_info."""

    def __init__(self, compressed: bool = False) -> None:
        super().__init__("listener")
        self.images: list = []
        self.infos: list[CameraInfo] = []
        kind, topic = (CompressedImage, "image_raw/compressed") if compressed else (Image, "image_raw")
        self.create_subscription(kind, topic, self.images.append, qos_profile_sensor_data)
        self.create_subscription(CameraInfo, "camera_info", self.infos.append, qos_profile_sensor_data)


@pytest.mark.dds
@pytest.mark.parametrize("transport", ["raw", "compressed"])
def test_images_and_camera_info_have_equal_stamps(start_node, ros, until, folder, transport):
    listener = ros(lambda: Listener(compressed=transport == "compressed"))
    child = start_node("camera_node", "-p", f"camera.source:=folder:{folder}", "-p", f"image_transport:={transport}")
    until(lambda: len(listener.images) > 5 and len(listener.infos) > 5, "no images")
    infos = {(info.header.stamp.sec, info.header.stamp.nanosec): info for info in listener.infos}
    image = next(each for each in listener.images if (each.header.stamp.sec, each.header.stamp.nanosec) in infos)
    info = infos[image.header.stamp.sec, image.header.stamp.nanosec]
    assert image.header == info.header
    assert image.header.frame_id == "camera_optical"
    pixels = image_from_compressed(image) if transport == "compressed" else image_from_message(image)
    assert pixels.shape == (48, 64, 3)
    assert intrinsics_from_camera_info(info).hfov == pytest.approx(math.radians(70.0))
    assert child.interrupt() == 0
    assert "Traceback" not in child.text


@pytest.mark.dds
def test_a_source_that_ends_ends_the_node_well(start_node, folder):
    child = start_node("camera_node", "-p", f"camera.source:=folder:{folder}", "-p", "camera.loop:=false")
    assert child.wait() == 0
    assert f"is over after {COUNT} images" in child.text
    assert "Traceback" not in child.text


@pytest.mark.dds
def test_an_unreadable_source_ends_the_node_with_an_exit_code(start_node, folder):
    (folder / "2.png").write_bytes(b"no picture")
    child = start_node("camera_node", "-p", f"camera.source:=folder:{folder}")
    assert child.wait() == 1
    assert "2.png cannot be read as a picture" in child.text
    assert "Traceback" not in child.text
