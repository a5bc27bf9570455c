"""Crops that the rank criterion looks at: targets as the tracker will see them, without augmentation."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from uav_tracker_ros.errors import InputUnreadable
from uav_tracker_ros.geometry import Box
from uav_tracker_ros.trackers.search_region import SearchRegion, SearchSettings
from uav_tracker_ros.training.scenes import pictures
from uav_tracker_ros.training.scenes.pictures import Clip, Picture, Still

_SMALLEST_PX = 8  # least side of a target
_FARTHEST = 30  # frames between template and search of a clip

CropPair = tuple[NDArray[np.uint8], NDArray[np.uint8]]


class CropPairs:
    """Template and search crops of random targets, stills and clips alike; the same seed gives the same crops.

    Args:
        folders: training data.
        settings: how crops are cut.

    Raises:
        InputUnreadable: no folder, or no picture with a box in it.
    """

    def __init__(self, folders: list[Path], settings: SearchSettings) -> None:
        found = pictures.load(folders)
        clips = [clip for clip in found.clips if _seen(clip)]
        stills = [still for still in found.stills if any(map(_large_enough, still.boxes))]
        self._sources: list[list[Clip] | list[Still]] = [source for source in (clips, stills) if source]
        self._settings = settings
        if not self._sources:
            raise InputUnreadable(
                f"no picture with a box of {_SMALLEST_PX} px or more in {', '.join(map(str, folders))}; expected "
                "stills or clips: give --data another folder"
            )

    def draw(self, count: int, seed: int) -> Iterator[CropPair]:
        """``count`` pairs (127, 127, 3) and (S, S, 3) uint8 BGR."""
        rng = np.random.default_rng(seed)
        for _ in range(count):
            source = self._sources[int(rng.integers(len(self._sources)))]
            chosen = source[int(rng.integers(len(source)))]
            first, second = _from_clip(chosen, rng) if isinstance(chosen, Clip) else _from_still(chosen, rng)
            region = SearchRegion(self._settings)
            region.start(*first)
            template = region.template(*first)[0].copy()
            yield template, region.search(second[0], region.search_window(second[1]))[0].copy()


def _from_still(still: Still, rng: Generator) -> tuple[tuple[Picture, Box], tuple[Picture, Box]]:
    boxes = [box for box in still.boxes if _large_enough(box)]
    target = pictures.decode(still.encoded), boxes[int(rng.integers(len(boxes)))]
    return target, target


def _from_clip(clip: Clip, rng: Generator) -> tuple[tuple[Picture, Box], tuple[Picture, Box]]:
    seen = _seen(clip)
    first = int(rng.choice(seen))
    second = int(rng.choice([number for number in seen if abs(number - first) <= _FARTHEST]))
    found = []
    for number in (first, second):
        box = clip.boxes[number]
        assert box is not None  # noqa: S101 - for the type checker: _seen has asked
        found.append((pictures.decode(clip.frames[number]), box))
    return found[0], found[1]


def _seen(clip: Clip) -> list[int]:
    return [number for number, box in enumerate(clip.boxes) if box is not None and _large_enough(box)]


def _large_enough(box: Box) -> bool:
    return min(box.w, box.h) >= _SMALLEST_PX
