"""follow.mp4: what the camera saw, with what the tracker and the follower made of it."""

from __future__ import annotations

import math
import os
import queue
import threading
from collections import OrderedDict
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, TypeVar

import cv2

from uav_tracker_ros.errors import OutputUnwritable
from uav_tracker_ros.evaluation.overlay import BgrImage, draw_overlay
from uav_tracker_ros.geometry import Box, Image, TargetState

T = TypeVar("T")
RATE_HZ = 10.0  # a third of the camera's: drawing and encoding must not slow what flies
MATCH_WAIT_S = 1.0  # an image is drawn when its box came, or after this
_QUEUE_LENGTH = 60  # images; 6 s


class Caption(NamedTuple):
    """What stands beside the boxes."""

    headline: str  # the follower's state
    lines: tuple[str, ...]


class FrameNote(NamedTuple):
    """What is known of one image by the time it is drawn."""

    box: Box | None
    state: TargetState
    confidence: float
    true_box: Box | None


NOTHING = FrameNote(None, TargetState.NONE, math.nan, None)


class FollowVideo:
    """Writes a video at a steady rate from images that come when they come.

    Drawing and encoding run in a thread of their own; an image that it cannot take is counted, not waited
    for. The video keeps time: a gap in the images becomes a still picture of the same length.

    Args:
        path: of the video.
        rate_hz: of the video.
    """

    def __init__(self, path: Path, rate_hz: float = RATE_HZ) -> None:
        self._period = 1 / rate_hz
        self._waiting: OrderedDict[float, tuple[Image, Caption]] = OrderedDict()
        self._boxes: OrderedDict[float, FrameNote] = OrderedDict()
        self._truths: OrderedDict[float, Box] = OrderedDict()
        self._next_stamp = -math.inf
        self._queue: queue.Queue[tuple[float, Image, FrameNote, Caption] | None] = queue.Queue(_QUEUE_LENGTH)
        self._writer = _SteadyWriter(path, rate_hz)
        self._lock = threading.Lock()
        self._closed = False
        self._error: OutputUnwritable | None = None
        self.dropped = 0
        self._thread = threading.Thread(target=self._write_all, name="follow-video", daemon=True)
        self._thread.start()

    def __enter__(self) -> FollowVideo:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def add_image(self, stamp: float, image: Image, caption: Caption) -> None:
        """An image as it came; ``stamp``: s of its exposure. It is not copied and must not be changed."""
        with self._lock:
            if stamp < self._next_stamp or self._closed:
                return
            # A little early is taken: a camera of three times the rate then gives every third image despite its jitter.
            self._next_stamp = stamp + 0.85 * self._period
            self._waiting[stamp] = (image, caption)
            self._flush(stamp)

    def add_box(self, stamp: float, box: Box, state: TargetState, confidence: float) -> None:
        """The tracker's word on the image of this stamp."""
        with self._lock:
            _remember(self._boxes, stamp, FrameNote(box, state, confidence, None))
            self._flush(stamp)

    def add_true_box(self, stamp: float, box: Box) -> None:
        """The truth of the image of this stamp."""
        with self._lock:
            _remember(self._truths, stamp, box)

    def close(self) -> None:
        """Write what is left and finish the file.

        Raises:
            OutputUnwritable: OpenCV could not write it.
        """
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._flush(math.inf)
        self._queue.put(None)
        self._thread.join()
        self._writer.close()
        if self._error is not None:
            raise self._error

    def _flush(self, newest: float) -> None:
        """Hand over every image whose box is known, was skipped, or is overdue; oldest first."""
        newest_box = next(reversed(self._boxes), -math.inf)
        while self._waiting:
            stamp = next(iter(self._waiting))
            if stamp > newest_box and newest - stamp < MATCH_WAIT_S:
                return
            image, caption = self._waiting.popitem(last=False)[1]
            note = self._note(stamp)
            try:
                self._queue.put_nowait((stamp, image, note, caption))
            except queue.Full:
                self.dropped += 1

    def _note(self, stamp: float) -> FrameNote:
        earlier = [known for known in self._boxes if known <= stamp]
        note = self._boxes[earlier[-1]] if earlier and stamp - earlier[-1] < MATCH_WAIT_S else NOTHING
        return note._replace(true_box=self._truths.get(stamp))

    def _write_all(self) -> None:
        # Linux ranks threads one by one: on a busy machine the video waits, not the tracker.
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)
        while (item := self._queue.get()) is not None:
            stamp, image, note, caption = item
            drawn = draw_overlay(
                image,
                box=note.box,
                state=note.state,
                confidence=note.confidence,
                true_box=note.true_box,
                lines=caption.lines,
                headline=caption.headline,
            )
            try:
                self._writer.write(stamp, drawn)
            except OutputUnwritable as error:
                self._error = error  # raised by close(): this thread has nobody to tell


class _SteadyWriter:
    """Repeats or leaves out pictures so that the video's clock is that of the stamps."""

    def __init__(self, path: Path, rate_hz: float) -> None:
        self._path = path
        self._rate = rate_hz
        self._video: cv2.VideoWriter | None = None
        self._start = 0.0
        self._written = 0

    def write(self, stamp: float, image: BgrImage) -> None:
        if self._video is None:
            height, width = image.shape[:2]
            self._video = cv2.VideoWriter(str(self._path), cv2.VideoWriter.fourcc(*"mp4v"), self._rate, (width, height))
            if not self._video.isOpened():
                raise OutputUnwritable(
                    f"OpenCV cannot write '{self._path}' as mp4v; expected a build with FFmpeg: "
                    "install opencv-contrib-python-headless"
                )
            self._start = stamp
        due = round((stamp - self._start) * self._rate) + 1
        while self._written < due:
            self._video.write(image)
            self._written += 1

    def close(self) -> None:
        if self._video is not None:
            self._video.release()


def _remember(known: OrderedDict[float, T], stamp: float, what: T) -> None:
    known[stamp] = what
    while len(known) > 4 * _QUEUE_LENGTH:
        known.popitem(last=False)
