"""Images of a file, a folder or a device, each with the moment at which it was taken."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import NamedTuple, Protocol

import cv2

from uav_tracker_ros.errors import InputUnreadable
from uav_tracker_ros.evaluation.frame_source import FrameSource, open_source
from uav_tracker_ros.geometry import Image
from uav_tracker_ros.nodes.camera_settings import CameraSettings

NEWEST_SINK = "videoconvert ! video/x-raw,format=BGR ! appsink drop=true max-buffers=1 sync=false"
DEVICE_SILENCE_S = 5.0  # a camera that is being plugged in again may take so long


class Shot(NamedTuple):
    """One image of a source."""

    image: Image
    age: float  # s since it was taken


class CameraSource(Protocol):
    """Where the camera node gets its images."""

    def read(self) -> Shot | None:
        """Wait for the next image; None: there are no more.

        Raises:
            InputUnreadable: the source broke.
        """
        ...

    def close(self) -> None:
        """Let go of file or device."""


def open_camera(settings: CameraSettings) -> CameraSource:
    """The source that the settings name.

    Raises:
        InvalidParameter: no such kind of source.
        InputUnreadable: nothing there, or nothing that can be read.
    """
    kind, place = settings.split_source()
    if kind == "v4l2":
        return LiveSource(f"camera {place}", open_device(place, settings), stamped=True)
    if kind == "gst":
        return LiveSource("the GStreamer pipeline", open_pipeline(place), stamped=False)
    return RecordedSource(place, settings)


class RecordedSource:
    """A video or a folder of pictures, at the settings' rate; every image counts as taken when it is due."""

    def __init__(self, place: str, settings: CameraSettings) -> None:
        self._place = place
        self._period = 1.0 / settings.rate_hz
        self._loop = settings.loop
        self._source: FrameSource = open_source(place)
        self._images: Iterator[Image] = iter(self._source)
        self._due = time.monotonic()

    def read(self) -> Shot | None:
        """The next image, not before it is due."""
        image = next(self._images, None)
        if image is None and self._loop:
            self._source.close()
            self._source = open_source(self._place)
            self._images = iter(self._source)
            image = next(self._images, None)
        if image is None:
            return None
        now = time.monotonic()
        self._due = max(self._due + self._period, now - self._period)  # late images are not made up for in a burst
        time.sleep(max(0.0, self._due - now))
        return Shot(image, 0.0)

    def close(self) -> None:
        """Close the file."""
        self._source.close()


def open_device(device: str, settings: CameraSettings) -> cv2.VideoCapture:
    """A V4L2 camera.

    Args:
        device: ``/dev/video0`` or its number.
        settings: size and rate that are asked of the driver; it may choose others.

    Raises:
        InputUnreadable: there is none.
    """
    capture = cv2.VideoCapture(int(device) if device.isdigit() else device)
    if not capture.isOpened():
        raise InputUnreadable(
            f"camera {device} cannot be opened; expected a V4L2 device: see `ls /dev/video*`, and whether another "
            "program uses it"
        )
    for key, value in (
        (cv2.CAP_PROP_FRAME_WIDTH, settings.width),
        (cv2.CAP_PROP_FRAME_HEIGHT, settings.height),
        (cv2.CAP_PROP_FPS, settings.rate_hz),
        (cv2.CAP_PROP_BUFFERSIZE, 1),
    ):
        capture.set(key, value)
    return capture


def open_pipeline(pipeline: str) -> cv2.VideoCapture:
    """A GStreamer pipeline; without an ``appsink`` at its end it gets one that keeps the newest image only.

    Raises:
        InputUnreadable: OpenCV was built without GStreamer, or the pipeline does not start.
    """
    if not cv2.videoio_registry.hasBackend(cv2.CAP_GSTREAMER):
        raise InputUnreadable(
            "this OpenCV was built without GStreamer, as those of PyPI are; expected one with it: use the "
            "distribution's python3-opencv, or let another node publish image_raw"
        )
    whole = pipeline if "appsink" in pipeline else f"{pipeline} ! {NEWEST_SINK}"
    capture = cv2.VideoCapture(whole, cv2.CAP_GSTREAMER)
    if not capture.isOpened():
        raise InputUnreadable(
            f"the pipeline '{whole}' does not start; expected one that runs with gst-launch-1.0: try it there"
        )
    return capture


class LiveSource:
    """Something that gives images by itself; a thread empties its queue, so that the newest is never an old one.

    Args:
        name: for messages.
        capture: opened.
        stamped: its position in ms is the driver's stamp on the monotonic clock, as V4L2 gives it.
    """

    def __init__(self, name: str, capture: cv2.VideoCapture, *, stamped: bool) -> None:
        self._name, self._capture, self._stamped = name, capture, stamped
        self._changed = threading.Condition()
        self._newest: tuple[Image, float] | None = None
        self._broken = False
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="capture", daemon=True)
        self._thread.start()

    def read(self) -> Shot | None:
        """The newest image; waits for one that was not read yet."""
        with self._changed:
            self._changed.wait_for(lambda: self._newest or self._broken or self._closing, DEVICE_SILENCE_S)
            newest, self._newest = self._newest, None
        if newest is None:
            if self._closing:
                return None
            raise InputUnreadable(f"{self._name} gives no images any more; expected a running camera: check its cable")
        return Shot(newest[0], time.monotonic() - newest[1])

    def close(self) -> None:
        """Stop the thread and close the device."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join(timeout=2.0)
        self._capture.release()

    def _run(self) -> None:
        while not self._closing:
            grabbed = self._capture.grab()
            taken = self._taken()
            ok, image = self._capture.retrieve() if grabbed else (False, None)
            with self._changed:
                self._broken = not ok
                self._newest = (image, taken) if ok and image is not None else None
                self._changed.notify_all()
            if not ok:
                return

    def _taken(self) -> float:
        """Monotonic s: the driver's stamp where it gives one that is plausible, else now."""
        now = time.monotonic()
        if not self._stamped:
            return now
        stamp = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        return stamp if 0 <= now - stamp < 1.0 else now
