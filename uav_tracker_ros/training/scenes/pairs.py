"""Draws template and search pairs as the tracker will crop them at run time.

The template's window has side sqrt((w+p)(h+p)), p = (w+h)/2, around the target; the search window is twice as
large times the error that the tracked size may have, shifted by what target and camera move between frames.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from uav_tracker_ros.geometry import Box
from uav_tracker_ros.training.scenes import augment
from uav_tracker_ros.training.scenes.compose import Composer
from uav_tracker_ros.training.scenes.pictures import Clip, Picture, Pictures, Still, decode

TEMPLATE_PX, SEARCH_PX = 128, 256
SOURCES = ("composite", "still", "clip")
_BOX_WEIGHT = {"composite": 0.3, "still": 1.0, "clip": 1.0}
_MAX_TRIES = 20


class Pair(NamedTuple):
    """One training example."""

    template: Picture  # (128, 128, 3) BGR
    search: Picture  # (256, 256, 3) BGR
    box: NDArray[np.float32]  # left, top, right, bottom, px of the search crop; NaN: the target is not there
    box_weight: float  # how far this source's boxes may teach the size
    source: str


class Window(NamedTuple):
    """A square window of one picture."""

    x: float  # px, its centre
    y: float
    side: float  # px
    turn: float = 0.0  # rad
    aspect: float = 1.0  # width is stretched by sqrt(aspect), height shrunk


def context_side(w: float, h: float) -> float:
    """Side of the template's window for a target of this size, px."""
    pad = (w + h) / 2
    return math.sqrt((w + pad) * (h + pad))


def crop(image: Picture, window: Window, out_px: int, *, flip: bool = False) -> tuple[Picture, NDArray[np.float64]]:
    """The window resampled to ``out_px``, and the (2, 3) map from picture to crop (px, edges)."""
    scale = out_px / window.side
    cos, sin = math.cos(window.turn), math.sin(window.turn)
    stretch = math.sqrt(window.aspect)
    linear = np.array([[cos * stretch, -sin * stretch], [sin / stretch, cos / stretch]]) * scale
    if flip:
        linear[0] *= -1
    offset = np.array([out_px / 2, out_px / 2]) - linear @ np.array([window.x, window.y])
    matrix = np.hstack([linear, offset[:, None]])
    # warpAffine maps pixel indices; ours maps edges, half a pixel apart
    indices = matrix.copy()
    indices[:, 2] += linear @ np.array([0.5, 0.5]) - 0.5
    mean = cv2.mean(image)[:3]
    return cv2.warpAffine(image, indices, (out_px, out_px), flags=cv2.INTER_LINEAR, borderValue=mean), matrix


def map_box(box: Box, matrix: NDArray[np.float64]) -> NDArray[np.float32]:
    """Bounds of the box's inscribed ellipse after an affine map: (4,) left, top, right, bottom."""
    centre = matrix[:, :2] @ np.array(box.center) + matrix[:, 2]
    half = np.sqrt(((matrix[:, :2] * np.array([box.w, box.h]) / 2) ** 2).sum(1))
    return np.concatenate([centre - half, centre + half]).astype(np.float32)


class PairSampler:
    """Draws pairs for ever from one seed."""

    def __init__(self, pictures: Pictures, seed: int, *, shares: tuple[float, float, float] = (0.35, 0.4, 0.25),
                 strength: float = 0.7) -> None:  # fmt: skip
        self.pictures, self.strength = pictures, strength
        self.rng: Generator = np.random.default_rng(seed)
        have = (bool(pictures.cutouts and pictures.backgrounds), bool(pictures.stills), bool(pictures.clips))
        weights = np.array([share if there else 0.0 for share, there in zip(shares, have, strict=True)])
        self.shares = weights / weights.sum()
        self.composer = Composer(pictures, self.rng)
        rough = np.array([_clip_weight(clip) for clip in pictures.clips])
        self.clip_weights = rough / max(rough.sum(), 1e-9)
        self.still_groups = _by_source(pictures.stills)

    def draw(self) -> Pair:
        """The next pair."""
        source = SOURCES[int(self.rng.choice(3, p=self.shares))]
        pair = {"composite": self._composite, "still": self._still, "clip": self._clip}[source]()
        template, search = augment.augment_pair(pair.template, pair.search, self.rng, self.strength)
        return pair._replace(template=template, search=search)

    def _composite(self) -> Pair:
        template, search, box = self.composer.pair(self._search_scale(), self._shift())
        return Pair(template, search, box, _BOX_WEIGHT["composite"], "composite")

    def _still(self) -> Pair:
        group = self.still_groups[int(self.rng.integers(len(self.still_groups)))]
        still = group[int(self.rng.integers(len(group)))]
        number = int(self.rng.integers(len(still.boxes)))
        image, box = decode(still.encoded), still.boxes[number]
        if self.rng.random() < 0.05:
            other = self.pictures.stills[int(self.rng.integers(len(self.pictures.stills)))]
            return self._negative(image, box, other)
        turn = self.rng.uniform(-0.25, 0.25) if self.rng.random() < 0.4 else 0.0
        return self._real_pair((image, box), (image, box), turn, "still", 1.0)

    def _clip(self) -> Pair:
        clip = self.pictures.clips[int(self.rng.choice(len(self.pictures.clips), p=self.clip_weights))]
        seen = [number for number, box in enumerate(clip.boxes) if box is not None and min(box.w, box.h) >= 8]
        first = int(self.rng.choice(seen))
        near = [number for number in seen if abs(number - first) <= 60]
        second = int(self.rng.choice(near))
        box_a, box_b = clip.boxes[first], clip.boxes[second]
        assert box_a is not None  # noqa: S101 - `seen` holds frames with a box only
        assert box_b is not None  # noqa: S101
        weight = 0.0 if clip.loose else 1.0
        return self._real_pair(
            (decode(clip.frames[first]), box_a), (decode(clip.frames[second]), box_b), 0.0, "clip", weight
        )

    def _real_pair(self, first: tuple[Picture, Box], second: tuple[Picture, Box], turn: float, source: str,
                   box_weight: float) -> Pair:  # fmt: skip
        rng, flip = self.rng, bool(self.rng.random() < 0.5)
        image, box = first
        side = context_side(box.w, box.h)
        near = rng.uniform(-5, 5, 2) * side / TEMPLATE_PX
        window = Window(box.center[0] + near[0], box.center[1] + near[1], side * rng.uniform(0.93, 1.07))
        template, _ = crop(image, window, TEMPLATE_PX, flip=flip)
        image, box = second
        side = 2 * context_side(box.w, box.h)
        # judged before the scale is drawn: otherwise zoomed-in windows win and boxes come out large
        aspect = math.exp(rng.uniform(-0.12, 0.12))
        for _ in range(_MAX_TRIES):
            shift = self._shift() * side / 2
            x, y = box.center[0] + shift[0], box.center[1] + shift[1]
            if rng.random() < _visible_share(x, y, side, image.shape) ** 1.5:
                break
        window = Window(x, y, side * self._search_scale(), turn, aspect)
        search, matrix = crop(image, window, SEARCH_PX, flip=flip)
        return Pair(template, search, _inside(map_box(box, matrix)), box_weight * _BOX_WEIGHT[source], source)

    def _negative(self, image: Picture, box: Box, other: Still) -> Pair:
        template, _ = crop(image, Window(*box.center, context_side(box.w, box.h)), TEMPLATE_PX)
        picture, there = decode(other.encoded), other.boxes[0]
        search, _ = crop(picture, Window(*there.center, 2 * context_side(there.w, there.h)), SEARCH_PX)
        return Pair(template, search, np.full(4, np.nan, np.float32), 0.0, "still")

    def _search_scale(self) -> float:
        reach = math.log(2) if self.rng.random() < 0.4 else math.log(1.4)
        return math.exp(self.rng.uniform(-reach, reach))

    def _shift(self) -> NDArray[np.float64]:
        reach = 0.6 if self.rng.random() < 0.3 else 0.35
        return self.rng.uniform(-reach, reach, 2)


def _clip_weight(clip: Clip) -> float:
    """Loose boxes teach little, clips of one object on plain ground less than scenes with depth."""
    if clip.loose:
        return 0.15
    return 0.25 if clip.name.startswith("foda_") else 1.0


def _by_source(stills: list[Still]) -> list[list[Still]]:
    """Stills by the name of their source: sources are drawn alike, so that none drowns the others."""
    groups: dict[str, list[Still]] = {}
    for still in stills:
        groups.setdefault(still.name.split("_")[0], []).append(still)
    return list(groups.values())


def _visible_share(x: float, y: float, side: float, shape: tuple[int, ...]) -> float:
    height, width = shape[:2]
    across = max(0.0, min(x + side / 2, width) - max(x - side / 2, 0.0)) / side
    down = max(0.0, min(y + side / 2, height) - max(y - side / 2, 0.0)) / side
    return across * down


def _inside(box: NDArray[np.float32]) -> NDArray[np.float32]:
    """The box, or NaN where less than a third of it is left in the search crop."""
    clipped = np.clip(box, 0, SEARCH_PX)
    area = max(0.0, float(clipped[2] - clipped[0])) * max(0.0, float(clipped[3] - clipped[1]))
    whole = float((box[2] - box[0]) * (box[3] - box[1]))
    return box if area > whole / 3 else np.full(4, np.nan, np.float32)
