"""Images one after the other, from a video file, a folder of pictures or a camera; and true boxes beside them."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from uav_tracker_ros.errors import InputUnreadable
from uav_tracker_ros.geometry import Image

PICTURES = {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"}
TRUTH_FILES = ("groundtruth.txt", "groundtruth_rect.txt")
_DEFAULT_RATE = 30.0  # Hz, where the source does not say


class FrameSource(ABC):
    """Iterate over it once for its images.

    Attributes:
        name: short, for files of results.
        count: of images, None where only the end tells (a camera; some videos).
        rate: Hz.
        is_live: it does not end by itself.
        truth_file: true boxes beside it, None if there are none.
    """

    def __init__(self, name: str, count: int | None, rate: float, *, is_live: bool, truth_file: Path | None) -> None:
        self.name = name
        self.count = count
        self.rate = rate if 0 < rate < 1000 else _DEFAULT_RATE
        self.is_live = is_live
        self.truth_file = truth_file

    @abstractmethod
    def __iter__(self) -> Iterator[Image]:
        """The images, (H, W, 3) uint8 BGR or (H, W) uint8/uint16."""

    def close(self) -> None:  # noqa: B027 - a folder of pictures holds nothing open
        """Let go of the file or the device."""


class _Capture(FrameSource):
    def __init__(self, capture: Any, described: str, name: str, *, is_live: bool, truth_file: Path | None) -> None:
        count = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
        super().__init__(
            name,
            count if count > 0 and not is_live else None,
            capture.get(cv2.CAP_PROP_FPS),
            is_live=is_live,
            truth_file=truth_file,
        )
        self._capture = capture
        self._described = described

    def __iter__(self) -> Iterator[Image]:
        found = False
        while True:
            ok, image = self._capture.read()
            if not ok or image is None:
                break
            found = True
            yield image
        if not found:
            raise InputUnreadable(f"{self._described} gives no image; expected a video or camera; check it in a player")
        if self.is_live:
            raise InputUnreadable(
                f"{self._described} stopped giving images; expected a running camera; check its cable"
            )

    def close(self) -> None:
        self._capture.release()


class _Folder(FrameSource):
    def __init__(self, folder: Path, files: list[Path]) -> None:
        truth = next((folder / name for name in TRUTH_FILES if (folder / name).is_file()), None)
        super().__init__(folder.resolve().name, len(files), _DEFAULT_RATE, is_live=False, truth_file=truth)
        self._files = files

    def __iter__(self) -> Iterator[Image]:
        for file in self._files:
            yield read_picture(file)


def open_source(source: str) -> FrameSource:
    """Open what the user named.

    Args:
        source: a video file, a folder of pictures (in natural order; its ``img`` folder if it has one),
            or a camera: a number or ``/dev/video0``.

    Raises:
        InputUnreadable: nothing there, or nothing that can be read.
    """
    path = Path(source)
    if path.is_dir():
        return _Folder(path, picture_files(path))
    if source.isdigit() or source.startswith("/dev/"):
        capture = cv2.VideoCapture(int(source) if source.isdigit() else source)
        if not capture.isOpened():
            raise InputUnreadable(f"camera {source} cannot be opened; expected a V4L2 camera; see `ls /dev/video*`")
        return _Capture(capture, f"camera {source}", "camera", is_live=True, truth_file=None)
    if not path.is_file():
        raise InputUnreadable(
            f"{source} is not there; expected a video, a folder of pictures or a camera; check the path"
        )
    capture = cv2.VideoCapture(str(path))
    if not capture.isOpened():
        raise InputUnreadable(
            f"{source} cannot be read as a video; expected mp4, mkv, avi or the like; check it in a player"
        )
    truth = path.with_suffix(".txt")
    return _Capture(capture, source, path.stem, is_live=False, truth_file=truth if truth.is_file() else None)


def picture_files(folder: Path) -> list[Path]:
    """The pictures of a folder (of its ``img`` folder if it has one) in natural order.

    Raises:
        InputUnreadable: there is none.
    """
    pictures = folder / "img" if (folder / "img").is_dir() else folder
    if not pictures.is_dir():
        raise InputUnreadable(f"{folder} is not there; expected a folder of pictures; check the path")
    files = sorted((file for file in pictures.iterdir() if file.suffix.lower() in PICTURES), key=_natural)
    if not files:
        raise InputUnreadable(f"{folder} holds no picture; expected {', '.join(sorted(PICTURES))}; check the path")
    return files


def _natural(file: Path) -> list[tuple[int, str]]:
    """10.jpg comes after 9.jpg."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", file.name)]


def read_picture(file: Path) -> Image:
    """One picture in its own depth: BGR, or mono 8 or 16 bit.

    Raises:
        InputUnreadable: empty, truncated or no picture.
    """
    image = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
    if image is None:
        raise InputUnreadable(
            f"{file} cannot be read as a picture; it is empty, truncated or another format; replace it"
        )
    if image.ndim == 3 and image.shape[2] == 4:
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGRA2BGR), np.uint8)
    return np.asarray(image)


def read_boxes(file: Path) -> NDArray[np.float64]:
    """(N, 4) boxes x, y, w, h of a text file, one a line; NaN where the target is absent.

    Raises:
        InputUnreadable: it cannot be read, or a line is not four numbers (named).
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputUnreadable(f"{file} cannot be read ({error}); expected x,y,w,h a line; check the file") from error
    rows = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = [float(part) for part in re.split(r"[,\s]+", line.strip(", \t"))]
        except ValueError:
            row = []
        if len(row) != 4:
            raise InputUnreadable(f"{file}, line {number}: '{line[:60]}'; expected x,y,w,h; correct or remove the file")
        rows.append(row)
    return np.array(rows, np.float64).reshape(-1, 4)
