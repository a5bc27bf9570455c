"""The images of the last two seconds: an operator points at what was shown, not at what is now.

Colour images are kept as I420, half the bytes: brightness as it came, colour of every second pixel.
"""

from __future__ import annotations

import collections
import itertools
import threading
from typing import NamedTuple

import cv2
import numpy as np
from std_msgs.msg import Header

from uav_tracker_ros.errors import InvalidImage
from uav_tracker_ros.geometry import Image

SPAN_NS = 2_000_000_000
MAX_BYTES = 256_000_000  # 2 s of 1920x1080 at 30 Hz are 187 MB
NEAR_NS = 50_000_000  # a stamp that went through microseconds or floats still finds its image
GAP_NS = 250_000_000  # between two images: a slow camera, or one that was lost; the nearer one is what was seen


class StampedImage(NamedTuple):
    """One image as it came."""

    stamp: int  # ns, ROS time of the exposure
    header: Header
    image: Image


class KeptImage(NamedTuple):
    """One image as it is kept."""

    stamp: int  # ns
    header: Header
    pixels: Image  # (3 H / 2, W) I420 or the image itself
    packed: bool

    @classmethod
    def of(cls, frame: StampedImage) -> KeptImage:
        """I420 has places for colour images of even sides alone."""
        image = frame.image
        if image.ndim < 3 or image.shape[0] % 2 or image.shape[1] % 2:
            return cls(frame.stamp, frame.header, image, packed=False)
        pixels = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2YUV_I420), np.uint8)
        return cls(frame.stamp, frame.header, pixels, packed=True)

    def opened(self) -> StampedImage:
        """The image again, a copy where it was packed."""
        image = np.asarray(cv2.cvtColor(self.pixels, cv2.COLOR_YUV2BGR_I420)) if self.packed else self.pixels
        return StampedImage(self.stamp, self.header, image)


class RecentImages:
    """A ring of images by stamp; safe between threads."""

    def __init__(self) -> None:
        self._images: collections.deque[KeptImage] = collections.deque()
        self._bytes = 0
        self._lock = threading.Condition()

    def add(self, frame: StampedImage) -> bool:
        """Keep an image.

        Returns:
            False for one that is not newer than the newest: it is dropped. A stamp that lies back
            by more than the ring's span is another run of the clock (a bag that starts again):
            then the ring starts anew.
        """
        kept = KeptImage.of(frame)
        with self._lock:
            if self._images:
                step = frame.stamp - self._images[-1].stamp
                if -SPAN_NS <= step <= 0:
                    return False
                if step < 0:
                    self._images.clear()
                    self._bytes = 0
            self._images.append(kept)
            self._bytes += kept.pixels.nbytes
            while len(self._images) > 1 and (frame.stamp - self._images[0].stamp > SPAN_NS or self._bytes > MAX_BYTES):
                self._bytes -= self._images.popleft().pixels.nbytes
            self._lock.notify_all()
            return True

    def wait_for(self, stamp: int, timeout: float) -> None:
        """Wait (at most ``timeout`` s) for the image with this stamp (ns): another node may have seen it earlier."""
        with self._lock:
            self._lock.wait_for(lambda: self._images and self._images[-1].stamp >= stamp, timeout)

    def find(self, stamp: int) -> StampedImage:
        """The image with this stamp (ns); 0: the newest.

        Raises:
            InvalidImage: there is no image yet, the stamp lies more than 50 ms outside the kept ones, or in a
                gap in which none is within 250 ms.
        """
        with self._lock:
            frames = list(self._images)
        if not frames:
            raise InvalidImage("no image has come yet; expected one to select on: start the camera, check image_qos")
        if stamp == 0:
            return frames[-1].opened()
        nearest = min(frames, key=lambda frame: abs(frame.stamp - stamp))
        between = frames[0].stamp < stamp < frames[-1].stamp
        if abs(nearest.stamp - stamp) > (GAP_NS if between else NEAR_NS):
            age = (frames[-1].stamp - stamp) * 1e-9
            raise InvalidImage(
                f"no image of {stamp * 1e-9:.3f} s ({age:.2f} s before the newest); expected one of the last "
                f"{(frames[-1].stamp - frames[0].stamp) * 1e-9:.2f} s: select on a newer image"
            )
        return nearest.opened()

    def after(self, stamp: int) -> list[KeptImage]:
        """All images newer than ``stamp`` (ns), oldest first."""
        with self._lock:
            return list(itertools.dropwhile(lambda frame: frame.stamp <= stamp, self._images))
