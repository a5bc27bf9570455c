"""Which clips a calibration may use: training clips, of no benchmark's test set.

A folder of clips has ``clips.json``, a list of ``{name, split, origin, ...}``, and ``clips/NAME.mp4`` with
``clips/NAME.txt`` (x,y,w,h a line, NaN where the target is absent).
"""

from __future__ import annotations

import json
import re
import zlib
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from uav_tracker_ros.errors import InputUnreadable, InvalidParameter
from uav_tracker_ros.evaluation.frame_source import open_source, read_boxes
from uav_tracker_ros.geometry import Image

LIST = "clips.json"
# Sets that judge trackers. The second group has training parts that judge nobody.
_TEST_ONLY = re.compile(r"\b(UAV123|UAV20L|DTB70|UAVDT|VisDrone|OTB|VOT|TC-?128|NfS|UAVTrack112|UAV112)", re.IGNORECASE)
_TEST_UNLESS_TRAIN = re.compile(r"\b(LaSOT|GOT-?10k|TrackingNet|Anti-?UAV)", re.IGNORECASE)


class Clip(NamedTuple):
    """One clip of a list."""

    name: str
    source: str  # of the name before its first underscore
    video: Path
    truth: Path

    def read(self) -> tuple[list[Image], NDArray[np.float64]]:
        """Every frame, and (N, 4) true boxes.

        Raises:
            InputUnreadable: a file is missing, or frames and boxes differ in number.
        """
        if not self.truth.is_file():
            raise InputUnreadable(f"{self.truth} is not there; expected x,y,w,h a line; complete the folder")
        with closing(open_source(str(self.video))) as frames:
            images = list(frames)
        boxes = read_boxes(self.truth)
        if len(boxes) != len(images):
            raise InputUnreadable(
                f"{self.truth} has {len(boxes)} boxes for {len(images)} frames; expected one a frame; copy both again"
            )
        return images, boxes

    def seed(self, seed: int) -> int:
        """A seed of its own, whatever other clips are used."""
        return zlib.crc32(f"{seed} {self.name}".encode())


def training_clips(folders: Sequence[Path], most: int, seed: int) -> list[Clip]:
    """The clips of split ``train``, at most so many of a source, drawn by seed; sorted by name.

    Raises:
        InputUnreadable: no list, or one that cannot be read.
        InvalidParameter: a training clip is of a benchmark's test set, or there is none.
    """
    by_source: dict[str, list[Clip]] = {}
    for folder in folders:
        for entry in _entries(folder):
            if entry["split"] != "train":
                continue
            refuse_benchmarks(entry["name"], entry["origin"], folder)
            stem = folder / "clips" / entry["name"]
            clip = Clip(entry["name"], entry["name"].partition("_")[0], Path(f"{stem}.mp4"), Path(f"{stem}.txt"))
            by_source.setdefault(clip.source, []).append(clip)
    chosen: list[Clip] = []
    for clips in by_source.values():
        # By a hash, so that a clip more in the list changes one clip of the choice, not all.
        chosen += sorted(clips, key=lambda clip: clip.seed(seed))[:most]
    if not chosen:
        raise InvalidParameter(
            f"{', '.join(map(str, folders))}: no clip of split 'train'; expected some; give a folder of training clips"
        )
    return sorted(chosen, key=lambda clip: clip.name)


def refuse_benchmarks(name: str, origin: str, folder: Path) -> None:
    """Raise if a clip's origin is a set that judges trackers.

    Raises:
        InvalidParameter: it is.
    """
    found = _TEST_ONLY.search(origin) or ("train" not in origin.lower() and _TEST_UNLESS_TRAIN.search(origin))
    if found:
        raise InvalidParameter(
            f"{folder / LIST}: clip '{name}' comes from '{origin}', whose sequences judge trackers; expected clips "
            "that judge nothing; give it another split than 'train' or leave it out"
        )


def in_words(clips: Sequence[Clip]) -> str:
    """For example ``16 davis, 20 svan``."""
    counted = Counter(clip.source for clip in clips)
    return ", ".join(f"{count} {source}" for source, count in sorted(counted.items()))


def _entries(folder: Path) -> list[dict[str, str]]:
    file = folder / LIST
    if not file.is_file():
        raise InputUnreadable(
            f"{file} is not there; expected a list of name, split and origin of each clip: without an origin nobody "
            "knows what the clips judge; write one"
        )
    try:
        entries = json.loads(file.read_text(encoding="utf-8"))
        return [{key: str(entry[key]) for key in ("name", "split", "origin")} for entry in entries]
    except (ValueError, TypeError, KeyError) as error:
        raise InputUnreadable(
            f"{file} cannot be read ({type(error).__name__}: {error}); expected a list of objects with name, split and "
            "origin; correct it"
        ) from error
