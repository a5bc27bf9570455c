"""What official layouts write beside their images: boxes, flags of absence, attributes, numbered pictures."""

from __future__ import annotations

import re
from collections.abc import Sequence as Row
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from uav_tracker_ros.errors import InputUnreadable
from uav_tracker_ros.evaluation.datasets.sequence import Boxes, Pictures
from uav_tracker_ros.evaluation.frame_source import PICTURES, picture_files, read_boxes


def true_boxes(file: Path, *flags_of_absence: NDArray[np.bool_]) -> Boxes:
    """(N, 4) boxes of a file, NaN where a side is not above 0 or a flag says absent.

    Args:
        file: one box a line, parts separated by commas, blanks or tabs.
        flags_of_absence: (N,) each; a frame is without the target where any is set.

    Raises:
        InputUnreadable: no such file, a line that is no box, or another number of flags.
    """
    boxes = read_boxes(file)
    with np.errstate(invalid="ignore"):  # NaN compares as False: no box either
        boxes[~(boxes[:, 2:] > 0).all(axis=1)] = np.nan
    for absent in flags_of_absence:
        if len(absent) != len(boxes):
            raise InputUnreadable(
                f"{file} has {len(boxes)} boxes and {len(absent)} flags of absence beside it; expected as many; "
                "copy the sequence again"
            )
        boxes[absent] = np.nan
    return boxes


def flags(file: Path) -> NDArray[np.bool_]:
    """(N,) zeros and ones of a file, in one line or several.

    Raises:
        InputUnreadable: something else in it.
    """
    try:
        parts = [part for part in re.split(r"[,\s]+", file.read_text(encoding="utf-8")) if part]
        return np.array([bool(float(part)) for part in parts])
    except (OSError, ValueError) as error:
        raise InputUnreadable(
            f"{file} cannot be read as flags ({error}); expected 0 and 1, separated by commas or lines; replace it"
        ) from error


def attributes(file: Path, names: Row[str]) -> tuple[str, ...]:
    """The names whose flag is set; empty where the file is not there: attributes are not part of every download.

    Raises:
        InputUnreadable: another number of flags than of names.
    """
    if not file.is_file():
        return ()
    found = flags(file)
    if len(found) != len(names):
        raise InputUnreadable(
            f"{file} has {len(found)} attributes; expected {len(names)}: {', '.join(names)}; use the set's own file"
        )
    return tuple(name for name, is_set in zip(names, found, strict=True) if is_set)


def numbered_pictures(folder: Path, first: int, count: int) -> Pictures:
    """``count`` pictures of a folder whose names end in numbers, from number ``first`` on.

    Raises:
        InputUnreadable: one of them is not there (named).
    """
    by_number = {int(match.group()): file for file in picture_files(folder) if (match := _number(file))}
    missing = next((number for number in range(first, first + count) if number not in by_number), None)
    if missing is not None:
        raise InputUnreadable(
            f"{folder} has no picture number {missing}; expected {first} to {first + count - 1}; unpack the set again"
        )
    return Pictures(tuple(by_number[number] for number in range(first, first + count)))


def pictures(folder: Path) -> Pictures:
    """All pictures of a folder, or of its ``img`` folder, in natural order."""
    return Pictures(tuple(picture_files(folder)))


def has_pictures(folder: Path) -> bool:
    """One picture at least lies in the folder itself."""
    return folder.is_dir() and any(file.suffix.lower() in PICTURES for file in folder.iterdir())


def subfolders(folder: Path) -> list[Path]:
    """By name; hidden ones left out."""
    return sorted(entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))


def _number(file: Path) -> re.Match[str] | None:
    return re.search(r"\d+$", file.stem)
