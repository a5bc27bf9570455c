"""The training pictures, kept in memory as compressed bytes and decoded when drawn.

A data folder holds any of: ``stills/`` with ``stills.json``, ``clips/`` with ``clips.json``, ``cutouts/``,
``backgrounds/``, and tar files ``stills_NN.tar`` (``boxes.json`` inside), ``cutouts_NN.tar``, ``pictures_NN.tar``.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from uav_tracker_ros.errors import InputUnreadable
from uav_tracker_ros.geometry import Box

Picture = NDArray[np.uint8]
Encoded = NDArray[np.uint8] | Path
"""JPEG, PNG or WebP: its bytes in memory, or the file where a set is too large for that."""

_JPEG_QUALITY = 95
LOOSE_BOXES = ("svan_",)  # boxes up to twice the object: they may teach where, not how large


class Still(NamedTuple):
    """One picture with boxes."""

    name: str
    encoded: Encoded
    boxes: tuple[Box, ...]
    classes: tuple[str, ...]


class Clip(NamedTuple):
    """One video; a frame without a box has None."""

    name: str
    frames: tuple[Encoded, ...]
    boxes: tuple[Box | None, ...]
    loose: bool


class Cutout(NamedTuple):
    """A foreground object with alpha (H, W, 4)."""

    name: str
    kind: str  # its class, or the sequence it comes from
    rgba: Picture


@dataclass
class Pictures:
    """All that pairs are made from."""

    stills: list[Still] = field(default_factory=list)
    clips: list[Clip] = field(default_factory=list)
    cutouts: list[Cutout] = field(default_factory=list)
    backgrounds: list[Encoded] = field(default_factory=list)


def decode(encoded: Encoded) -> Picture:
    """-> (H, W, 3) BGR.

    Raises:
        InputUnreadable: a file that is not there or no picture.
    """
    data = np.fromfile(encoded, np.uint8) if isinstance(encoded, Path) and encoded.is_file() else encoded
    picture: Picture | None = cv2.imdecode(data, cv2.IMREAD_COLOR) if isinstance(data, np.ndarray) else None
    if picture is None:
        raise InputUnreadable(f"{encoded} cannot be read as a picture; expected JPEG, PNG or WebP; unpack it again")
    return picture


def load(folders: list[Path], *, split: str = "train", frame_step: int = 2) -> Pictures:
    """Read every picture below the folders.

    Args:
        folders: data folders, see the module's docstring, or public sets (``public_sets.py``).
        split: which clips of ``clips.json`` to take.
        frame_step: of clips longer than 100 frames only every n-th is kept.

    Raises:
        InputUnreadable: a folder that is not there, or that holds nothing known.
    """
    from uav_tracker_ros.training.scenes.public_sets import read as read_public_set  # it needs this module's types

    pictures = Pictures()
    for folder in folders:
        if not folder.is_dir():
            raise InputUnreadable(
                f"no folder {folder}; expected a data folder with stills, clips, cutouts or backgrounds"
            )
        if split == "train" and read_public_set(folder, pictures):
            continue
        _load_stills(folder, pictures)
        pictures.clips.extend(_load_clips(folder, split, frame_step))
        for name, data in picture_files(folder, "cutouts"):
            rgba = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
            if rgba is not None and rgba.ndim == 3 and rgba.shape[2] == 4:
                pictures.cutouts.append(Cutout(name, _kind(name), rgba))
        pictures.backgrounds.extend(data for _, data in picture_files(folder, "backgrounds"))
        pictures.backgrounds.extend(data for _, data in picture_files(folder, "pictures"))
    if split == "train" and not (pictures.stills or pictures.clips or pictures.cutouts):
        raise InputUnreadable(
            f"nothing to train on in {', '.join(map(str, folders))}; expected stills, clips or cutouts"
        )
    return pictures


def _kind(name: str) -> str:
    stem = Path(name).stem
    if stem.startswith("davis_"):
        return stem.rsplit("_", 1)[0]
    return stem.rsplit("_", 1)[-1]


def picture_files(folder: Path, kind: str) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """Name and bytes of every picture of one kind, plain or in tar files."""
    plain = folder / kind
    if plain.is_dir():
        for path in sorted(plain.iterdir()):
            if path.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp"):
                yield path.name, np.fromfile(path, np.uint8)
    for archive in sorted(folder.glob(f"{kind}_*.tar")):
        with tarfile.open(archive) as tar:
            for member in tar:
                handle = tar.extractfile(member)
                if handle is not None and member.name.lower().endswith((".jpg", ".jpeg", ".png", ".webp")):
                    yield Path(member.name).name, np.frombuffer(handle.read(), np.uint8)


def _load_stills(folder: Path, pictures: Pictures) -> None:
    table: dict[str, list[list[float | str]]] = {}
    index = folder / "stills.json"
    if index.is_file():
        table.update(json.loads(index.read_text()))
    for archive in sorted(folder.glob("stills_*.tar")):
        with tarfile.open(archive) as tar:
            handle = tar.extractfile("boxes.json")
            if handle is not None:
                table.update(json.loads(handle.read()))
    by_name = {Path(name).name: rows for name, rows in table.items()}
    for name, data in picture_files(folder, "stills"):
        rows = by_name.get(name, [])
        boxes = tuple(Box(*(float(value) for value in row[:4])) for row in rows)
        if boxes:
            pictures.stills.append(Still(name, data, boxes, tuple(str(row[4]) for row in rows)))


def _load_clips(folder: Path, split: str, frame_step: int) -> Iterator[Clip]:
    index = folder / "clips.json"
    if not index.is_file():
        return
    for row in json.loads(index.read_text()):
        if row["split"] != split:
            continue
        path = folder / "clips" / f"{row['name']}.mp4"
        boxes = read_boxes(path.with_suffix(".txt"))
        step = frame_step if len(boxes) > 100 else 1
        frames, kept = [], []
        video = cv2.VideoCapture(str(path))
        for number, box in enumerate(boxes):
            good, frame = video.read()
            if not good:
                raise InputUnreadable(f"{path}: frame {number} cannot be read; {len(boxes)} were expected")
            if number % step == 0:
                frames.append(cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1].ravel())
                kept.append(box)
        video.release()
        yield Clip(row["name"], tuple(frames), tuple(kept), row["name"].startswith(LOOSE_BOXES))


def read_boxes(path: Path) -> list[Box | None]:
    """``x,y,w,h`` a line; None where a line says NaN."""
    rows = [[float(value) for value in line.split(",")] for line in path.read_text().split()]
    return [Box(*row) if np.isfinite(row).all() and row[2] > 0 and row[3] > 0 else None for row in rows]
