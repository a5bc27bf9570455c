"""One sequence to track through: images, true boxes, attributes; and where its images come from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from uav_tracker_ros.errors import InputUnreadable
from uav_tracker_ros.evaluation.frame_source import open_source, read_picture
from uav_tracker_ros.geometry import Box, Image

Boxes = NDArray[np.float64]  # (N, 4): x, y, w, h in px


class Images(Protocol):
    """Where the images of a sequence come from; plain data, so that a worker process can have it."""

    def count(self) -> int:
        """How many there should be."""

    def __iter__(self) -> Iterator[Image]:
        """Every image from the first, decoded one at a time."""


@dataclass(frozen=True)
class VideoFile:
    """All frames of one video file."""

    file: Path

    def count(self) -> int:
        """As the container says; that may be wrong, or a damaged file give fewer."""
        capture = cv2.VideoCapture(str(self.file))
        try:
            return int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
        finally:
            capture.release()

    def __iter__(self) -> Iterator[Image]:
        with closing(open_source(str(self.file))) as frames:
            yield from frames


@dataclass(frozen=True)
class Pictures:
    """Picture files in order."""

    files: tuple[Path, ...]

    def count(self) -> int:
        """Of the files."""
        return len(self.files)

    def __iter__(self) -> Iterator[Image]:
        for file in self.files:
            yield read_picture(file)


@dataclass(frozen=True)
class Sequence:
    """One target in one piece of video.

    Attributes:
        name: unique in its data set; names its files of results.
        images: iterate for (H, W, 3) uint8 BGR or (H, W) uint8/uint16.
        truth: (N, 4) x, y, w, h in px, one a frame; NaN where the target is absent. Never NaN in row 0.
        rate: frames a second of the recording.
        attributes: what makes it hard, in the data set's own short names; empty where the set has none.
        truth_file: where the boxes were read, for messages.
    """

    name: str
    images: Images
    truth: Boxes
    rate: float
    truth_file: Path
    attributes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.truth.ndim != 2 or self.truth.shape[1:] != (4,) or not len(self.truth):
            raise InputUnreadable(
                f"{self.truth_file} holds no box; expected x,y,w,h a frame; give the sequence's truth"
            )
        if not (np.isfinite(self.truth[0]).all() and (self.truth[0, 2:] > 0).all()):
            raise InputUnreadable(
                f"{self.truth_file}: the first box is {_text(self.truth[0])}; expected the target in the first "
                "frame, for a tracker starts there; cut the sequence"
            )
        if not np.isfinite(self.truth[1:]).all(axis=1).any():
            raise InputUnreadable(
                f"{self.truth_file}: none of {len(self.truth)} lines after the first has a box; expected one to score "
                "at least; use a longer sequence"
            )
        frames = self.images.count()
        if frames != len(self.truth) and not isinstance(self.images, Pictures):
            frames = sum(1 for _ in self.images)  # what some containers say of themselves is wrong
        if frames != len(self.truth):
            raise InputUnreadable(
                f"{self.name}: {len(self.truth)} true boxes ({self.truth_file}) for {frames} frames; "
                "expected one a frame; use the truth of this sequence"
            )

    @property
    def first_box(self) -> Box:
        """What the tracker is given, px."""
        return Box(*map(float, self.truth[0]))

    def frames(self) -> Iterator[Image]:
        """The images, exactly as many as true boxes.

        Raises:
            InputUnreadable: one cannot be decoded, or the video ends early or late.
        """
        read = 0
        for image in self.images:
            read += 1
            if read > len(self.truth):
                break
            yield image
        if read != len(self.truth):
            found = f"more than {len(self.truth)}" if read > len(self.truth) else str(read)
            raise InputUnreadable(
                f"{self.name}: {found} frames can be read for {len(self.truth)} true boxes ({self.truth_file}); "
                "expected as many; copy the video again"
            )


def _text(box: Boxes) -> str:
    return ",".join(f"{part:g}" for part in box)
