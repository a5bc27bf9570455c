"""Tracks in a thread of its own: newest image only, selections between images. No rclpy."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import NamedTuple

import cv2

from uav_tracker_ros.errors import InvalidBox, UavTrackerError
from uav_tracker_ros.geometry import Box, Image, TargetState
from uav_tracker_ros.nodes.frozen_images import FrozenImages
from uav_tracker_ros.nodes.recent_images import RecentImages, StampedImage
from uav_tracker_ros.trackers.lock import LockedTarget, TargetLock

REPLAYED = 12  # images at most between the selected one and the newest, so that replaying catches up
IMAGE_WAIT_S = 1.0  # the operator's screen may be ahead of the tracker's subscription
_NAN = float("nan")
_log = logging.getLogger(__name__)


class Selection(NamedTuple):
    """What the operator pointed at."""

    stamp: int  # ns of the image; 0: the newest
    box: Box  # px; size 0: a point, around which a default box grows
    target_class: str


class Selected(NamedTuple):
    """What was taken."""

    stamp: int  # ns
    box: Box  # px
    lock: int


class TrackingWorker:
    """One slot for images, one for selections, one thread.

    Args:
        lock: the tracker with its states.
        publish: gets every image that was tracked, with the result and the target's class.
        fail: told of an error that the thread cannot survive.
        point_size: side of the box around a selected point, share of the image's height.
    """

    def __init__(
        self,
        lock: TargetLock,
        publish: Callable[[StampedImage, LockedTarget, str], None],
        fail: Callable[[BaseException], None],
        *,
        point_size: float,
    ) -> None:
        self._lock, self._publish, self._fail, self._point_size = lock, publish, fail, point_size
        self._recent = RecentImages()
        self._changed = threading.Condition()
        self._newest: StampedImage | None = None
        self._request: tuple[Selection | None, Future[Selected | None]] | None = None
        self._stopping = False
        self._selected: Selected | None = None
        self._target_class = ""
        self._lock_number = 0
        self.overwritten = 0  # newest-only: images that came while the tracker was busy
        self.out_of_order = 0  # images not newer than the newest
        self._frozen = FrozenImages()
        self.frozen = 0  # repeated pictures that were not tracked
        self.problem = ""  # why there is no target any more
        self._thread: threading.Thread | None = None

    @property
    def running(self) -> bool:
        """Between start and stop."""
        return self._thread is not None

    def start(self) -> None:
        """Start the thread."""
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="tracking", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread and forget the target; waits for the image that is being tracked."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if thread is not threading.current_thread():
            thread.join(timeout=5.0)
        self._forget("")

    def put(self, frame: StampedImage) -> None:
        """Offer an image; an older one that is still waiting is dropped and counted."""
        if not self._recent.add(frame):
            self.out_of_order += 1
            return
        with self._changed:
            self.overwritten += self._newest is not None
            self._newest = frame
            self._changed.notify_all()

    def select(self, selection: Selection | None, timeout: float) -> Selected | None:
        """Select a target, or with None forget it. Blocks until the thread has done it.

        Args:
            selection: what was pointed at.
            timeout: s.

        Raises:
            InvalidBox: NaN, zero size, outside the image; the target before is kept.
            InvalidImage: no such image.
            TimeoutError: the tracker hangs.
        """
        if selection is not None:
            self._recent.wait_for(selection.stamp, IMAGE_WAIT_S)
        answer: Future[Selected | None] = Future()
        with self._changed:
            if self._request is not None:
                self._request[1].cancel()
            self._request = (selection, answer)
            self._changed.notify_all()
        return answer.result(timeout)

    def _run(self) -> None:
        try:
            while not self._stopping:
                with self._changed:
                    self._changed.wait_for(lambda: self._stopping or self._request or self._newest)
                    request, self._request = self._request, None
                    frame, self._newest = (self._newest, None) if request is None else (None, self._newest)
                if request is not None:
                    self._answer(*request)
                elif frame is not None:
                    self._publish(frame, self._track(frame), self._target_class)
                    self._lock.settle()
        except BaseException as error:
            self._fail(error)
            raise

    def _answer(self, selection: Selection | None, answer: Future[Selected | None]) -> None:
        if not answer.set_running_or_notify_cancel():
            return
        try:
            answer.set_result(None if selection is None else self._take(selection))
        except (UavTrackerError, cv2.error) as error:
            answer.set_exception(error)
            return
        if selection is None:
            self._forget("")
        elif self._selected is not None:
            self._replay(self._selected.stamp)

    def _take(self, selection: Selection) -> Selected:
        frame = self._recent.find(selection.stamp)
        wanted = checked_box(selection.box, frame.image, self._point_size)
        box = self._lock.select(frame.image, wanted)
        self._lock_number += 1
        self._selected = Selected(frame.stamp, box, self._lock_number)
        self._target_class, self.problem = selection.target_class, ""
        _log.info("target %d selected: %.0f,%.0f %.0fx%.0f px", self._lock_number, *box)
        return self._selected

    def _replay(self, stamp: int) -> None:
        """Catch up from the selected image to now, so that the target is not searched where it was."""
        while not self._stopping and (frames := self._recent.after(stamp)):
            stride = math.ceil(len(frames) / REPLAYED)
            chosen = frames[(len(frames) - 1) % stride :: stride]  # ends with the newest
            for kept in chosen:
                frame = kept.opened()
                target = self._track(frame)
            stamp = frame.stamp
            with self._changed:
                if self._newest is not None and self._newest.stamp <= stamp:
                    self._newest = None  # tracked just now
            self._publish(frame, target, self._target_class)
            if stride == 1:
                return

    def _track(self, frame: StampedImage) -> LockedTarget:
        if self._selected is None:
            return self._nothing()
        if self._frozen.add(frame.image):
            self.frozen += 1
            if self.frozen == 1:
                _log.warning("the camera repeats one picture; the target counts as lost")
            return self._nothing()._replace(state=TargetState.LOST)
        try:
            target = self._lock.update(frame.image)
        except (UavTrackerError, cv2.error) as error:
            self._forget(f"target dropped: {error}")
            _log.error("%s", self.problem)
            return self._nothing()
        self._lock_number = target.lock
        return target

    def _forget(self, problem: str) -> None:
        self._lock.clear()
        self._selected, self._target_class, self.problem = None, "", problem

    def _nothing(self) -> LockedTarget:
        return LockedTarget(Box(0.0, 0.0, 0.0, 0.0), TargetState.NONE, self._lock_number, _NAN, 0.0, _NAN)


def checked_box(box: Box, image: Image, point_size: float) -> Box:
    """The box that a selection means.

    Args:
        box: px; size 0: a point.
        image: that it was drawn on.
        point_size: side of the box around a point, share of the image's height.

    Raises:
        InvalidBox: NaN, a negative size or one side 0, or outside the image.
    """
    height, width = image.shape[:2]
    if not box.is_finite:
        raise InvalidBox(f"box {tuple(box)} is not four finite numbers; expected px of the image: select again")
    if box.w == 0 and box.h == 0:
        side = point_size * height
        if not (0 <= box.x < width and 0 <= box.y < height):
            raise InvalidBox(f"point {box.x:g},{box.y:g} is outside the {width}x{height} image; select inside")
        return Box.from_center(box.x, box.y, side, side).clipped(width, height)
    if box.w <= 0 or box.h <= 0:
        raise InvalidBox(f"box of {box.w:g}x{box.h:g} px; expected width and height above 0 px: select again")
    if box.clipped(width, height).area == 0:
        raise InvalidBox(
            f"box {tuple(round(part, 1) for part in box)} is outside the {width}x{height} image; select inside"
        )
    return box
