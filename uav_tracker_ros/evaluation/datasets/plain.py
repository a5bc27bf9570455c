"""Videos with a text file of the same name beside them, and folders of pictures with their truth inside."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from uav_tracker_ros.errors import InputUnreadable
from uav_tracker_ros.evaluation.datasets.annotations import true_boxes
from uav_tracker_ros.evaluation.datasets.sequence import Images, Pictures, Sequence, VideoFile
from uav_tracker_ros.evaluation.frame_source import TRUTH_FILES, open_source, picture_files

VIDEOS = {".mp4", ".mkv", ".avi", ".mov", ".webm"}


def sequence_of(path: Path) -> Sequence:
    """One video file or one folder of pictures, with its true boxes.

    Raises:
        InputUnreadable: no images, no truth, or truth of another length.
    """
    with closing(open_source(str(path))) as source:
        rate, truth = source.rate, source.truth_file
    if truth is None:
        raise InputUnreadable(
            f"{path} has no true boxes; expected {path.with_suffix('.txt').name} beside it or "
            f"{' or '.join(TRUTH_FILES)} in the folder; add x,y,w,h a frame"
        )
    images: Images = Pictures(tuple(picture_files(path))) if path.is_dir() else VideoFile(path)
    name = path.resolve().name if path.is_dir() else path.stem
    return Sequence(name, images, true_boxes(truth), rate, truth)


def is_one(folder: Path) -> bool:
    """It is a sequence itself: truth lies in it."""
    return any((folder / name).is_file() for name in TRUTH_FILES)


def detect(folder: Path) -> bool:
    """It has videos with truth beside them, or folders with truth in them."""
    return bool(_entries(folder))


def sequences(folder: Path) -> list[Sequence]:
    """Every video with truth beside it and every folder with truth in it, by name."""
    return [sequence_of(entry) for entry in _entries(folder)]


def _entries(folder: Path) -> list[Path]:
    return [
        entry
        for entry in sorted(folder.iterdir())
        if (entry.suffix.lower() in VIDEOS and entry.with_suffix(".txt").is_file()) or is_one(entry)
    ]
