"""A contact sheet: samples as the network gets them, for a person to look at before anything is trained."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from uav_tracker_ros.training.lesson import Lesson
from uav_tracker_ros.training.scenes.samples import Source

_SAMPLES, _COLUMNS = 64, 8
_TILE_PX = 150  # side of a picture on the sheet
_GREEN, _RED = (80, 200, 60), (60, 60, 230)


def draw_sheet(lesson: Lesson, source: Source, file: Path) -> None:
    """Write 64 samples after every augmentation: templates on the left, the search region with its box on the right.

    A red cross marks a search region without the target.
    """
    samples = [source.draw(number) for number in range(_SAMPLES)]
    batch = {name: torch.from_numpy(np.stack([sample[name] for sample in samples])) for name in samples[0]}
    with torch.no_grad():
        ready = lesson.prepare(batch, torch.Generator().manual_seed(0))
    tiles = [_tile({name: value[row] for name, value in ready.items()}) for row in range(_SAMPLES)]
    rows = [np.hstack(tiles[first : first + _COLUMNS]) for first in range(0, _SAMPLES, _COLUMNS)]
    file.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(file), np.vstack(rows))


def _tile(sample: dict[str, Tensor]) -> NDArray[np.uint8]:
    if "crop" in sample:
        return _picture(sample["crop"])
    search = _picture(sample["search"])
    scale = _TILE_PX / sample["search"].shape[0]
    box = sample["box"].numpy() * scale
    if np.isfinite(box).all():
        left, top, right, bottom = (round(edge) for edge in box.tolist())
        cv2.rectangle(search, (left, top), (right, bottom), _GREEN, 1)
    else:
        cv2.line(search, (0, 0), (_TILE_PX, _TILE_PX), _RED, 1)
        cv2.line(search, (0, _TILE_PX), (_TILE_PX, 0), _RED, 1)
    tile = np.hstack([*(_picture(template) for template in sample["templates"]), search])
    return cv2.copyMakeBorder(tile, 2, 2, 2, 2, cv2.BORDER_CONSTANT, value=(255, 255, 255))


def _picture(image: Tensor) -> NDArray[np.uint8]:
    array = np.ascontiguousarray(image.clamp(0, 255).to(torch.uint8).numpy())
    return cv2.resize(array, (_TILE_PX, _TILE_PX), interpolation=cv2.INTER_AREA)
