"""Public training sets as their archives unpack: GOT-10k, LaSOT, TrackingNet, COCO. Pictures stay on the disk.

Test sequences are never read: of GOT-10k the split ``train``, of LaSOT those of a ``training_set.txt`` (names, one a
line) beside the classes, of TrackingNet the chunks ``TRAIN_n``, of COCO ``train2017``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from uav_tracker_ros.errors import InputUnreadable
from uav_tracker_ros.evaluation.datasets.annotations import flags, pictures, true_boxes
from uav_tracker_ros.geometry import Box
from uav_tracker_ros.training.scenes.pictures import Clip, Pictures, Still

_COCO = Path("annotations") / "instances_train2017.json"
_LASOT_LIST = "training_set.txt"
_SMALLEST_PX = 12.0  # side of a box of COCO that can be a target
_FRAME_STEP = 3  # of every video only each n-th frame is kept: neighbours teach the same


def read(folder: Path, into: Pictures) -> bool:
    """Add the set that lies in the folder, if it is one of these.

    Returns:
        False: no known layout.

    Raises:
        InputUnreadable: a known layout that is damaged or lacks its list of training sequences.
    """
    for detect, clips in _CLIPS:
        if detect(folder):
            into.clips.extend(clips(folder))
            return True
    if (folder / _COCO).is_file():
        into.stills.extend(_coco(folder))
        return True
    return False


def _is_got10k(folder: Path) -> bool:
    return (folder / "train" / "list.txt").is_file()


def _got10k(folder: Path) -> Iterator[Clip]:
    for name in (folder / "train" / "list.txt").read_text().split():
        home = folder / "train" / name
        label = home / "absence.label"
        boxes = true_boxes(home / "groundtruth.txt", *([flags(label)] if label.is_file() else []))
        yield _clip(f"got10k_{name}", pictures(home).files, boxes)


def _is_lasot(folder: Path) -> bool:
    return (folder / _LASOT_LIST).is_file() or any(folder.glob("*/*-1/full_occlusion.txt"))


def _lasot(folder: Path) -> Iterator[Clip]:
    listed = folder / _LASOT_LIST
    if not listed.is_file():
        raise InputUnreadable(
            f"{folder} looks like LaSOT and has no {_LASOT_LIST}; expected the names of its training sequences, one a "
            "line, for the others are a benchmark's test; put the list there"
        )
    for name in listed.read_text().split():
        home = folder / name.rsplit("-", 1)[0] / name
        absent = flags(home / "full_occlusion.txt"), flags(home / "out_of_view.txt")
        boxes = true_boxes(home / "groundtruth.txt", *absent)
        boxes[:, :2] -= 1  # its first pixel has number 1
        yield _clip(f"lasot_{name}", pictures(home).files, boxes)


def _is_trackingnet(folder: Path) -> bool:
    return any(folder.glob("TRAIN_*/anno"))


def _trackingnet(folder: Path) -> Iterator[Clip]:
    for truth in sorted(folder.glob("TRAIN_*/anno/*.txt")):
        home = truth.parents[1] / "frames" / truth.stem
        yield _clip(f"trackingnet_{truth.stem}", pictures(home).files, true_boxes(truth))


_CLIPS: tuple[tuple[Callable[[Path], bool], Callable[[Path], Iterator[Clip]]], ...] = (
    (_is_got10k, _got10k),
    (_is_lasot, _lasot),
    (_is_trackingnet, _trackingnet),
)


def _clip(name: str, files: tuple[Path, ...], boxes: NDArray[np.float64]) -> Clip:
    if len(files) != len(boxes):
        raise InputUnreadable(f"{name}: {len(files)} pictures, {len(boxes)} boxes; expected as many; unpack it again")
    kept = range(0, len(files), _FRAME_STEP)
    known = [Box(*boxes[number].tolist()) if np.isfinite(boxes[number]).all() else None for number in kept]
    return Clip(name, tuple(files[number] for number in kept), tuple(known), loose=False)


def _coco(folder: Path) -> Iterator[Still]:
    table = json.loads((folder / _COCO).read_text())
    kinds = {row["id"]: row["name"] for row in table["categories"]}
    boxes: dict[int, list[tuple[Box, str]]] = {}
    for row in table["annotations"]:
        box = Box(*row["bbox"])
        if not row.get("iscrowd") and min(box.w, box.h) >= _SMALLEST_PX:
            boxes.setdefault(row["image_id"], []).append((box, kinds[row["category_id"]]))
    for image in table["images"]:
        if known := boxes.get(image["id"]):
            file = folder / "train2017" / image["file_name"]
            yield Still(f"coco2017_{file.name}", file, tuple(box for box, _ in known), tuple(kind for _, kind in known))
