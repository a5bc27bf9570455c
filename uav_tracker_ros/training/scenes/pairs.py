"""Draws templates and search regions as the tracker will crop them at run time.

The search window is a family's own times the error that the tracked size may have, shifted by what target and
camera move between frames. One sample has one template or several moments of the same target.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from uav_tracker_ros.geometry import Box
from uav_tracker_ros.training.scenes import augment
from uav_tracker_ros.training.scenes.compose import Composer
from uav_tracker_ros.training.scenes.cropping import Cut, Window, map_box
from uav_tracker_ros.training.scenes.pictures import Clip, Picture, Pictures, Still, decode

SOURCES = ("composite", "still", "clip")
_BOX_WEIGHT = {"composite": 0.3, "still": 1.0, "clip": 1.0}
_LOOSE_STILLS = {"hituav": 0.5, "ships": 0.3}  # boxes a little loose, or doubtful: they teach size less
_MAX_TRIES = 20
_EDGES_MOVED_SHARE = 0.6  # of real samples, whose boxes are of another kind than their data set's
_EDGE_SIGMA, _EDGE_RANGE = 0.12, (-0.25, 0.3)  # how far each edge is moved outwards, share of the box


class Pair(NamedTuple):
    """One training example; crops or, with a margin, canvases."""

    templates: tuple[Picture, ...]  # each (T, T, 3) BGR, in the order of time
    search: Picture  # (S, S, 3) BGR
    box: NDArray[np.float32]  # left, top, right, bottom, px of the search picture; NaN: the target is not there
    box_weight: float  # how far this source's boxes may teach the size
    source: str


class PairSampler:
    """Draws samples; with ``seek`` sample ``index`` of a seed is always the same.

    Args:
        pictures: what to draw from.
        seed: of all random numbers.
        cut: the family's crops.
        moments: templates a sample.
        gap: frames between the earliest and the latest moment of a clip, at most.
        shares: of composites, stills and clips; a source without pictures gets none.
        strength: of photometry and degradation, 0 to 1.
        light: True: photometry, blur and noise are drawn here; False: the training device draws them anew each
            time that a canvas is used.
        distractors: False: composed scenes have the target alone, an ablation.
    """

    def __init__(  # noqa: PLR0913 - what decides about a sample, by keyword
        self, pictures: Pictures, seed: int, *, cut: Cut | None = None, moments: int = 1, gap: int = 60,
        shares: tuple[float, float, float] = (0.35, 0.4, 0.25), strength: float = 0.7, light: bool = True,
        distractors: bool = True,
    ) -> None:  # fmt: skip
        self.pictures, self.seed, self.strength, self.light = pictures, seed, strength, light
        self.cut, self.moments, self.gap = cut or Cut(), moments, gap
        self.rng: Generator = np.random.default_rng(seed)
        have = (bool(pictures.cutouts and pictures.backgrounds), bool(pictures.stills), bool(pictures.clips))
        weights = np.array([share if there else 0.0 for share, there in zip(shares, have, strict=True)])
        self.shares = weights / weights.sum()
        self.composer = Composer(pictures, self.rng, self.cut, distractors=distractors)
        rough = np.array([_clip_weight(clip) for clip in pictures.clips])
        self.clip_weights = rough / max(rough.sum(), 1e-9)
        self.still_groups = _by_source(pictures.stills)

    def seek(self, index: int) -> None:
        """Go to sample ``index``: what is drawn next depends on it and the seed alone."""
        self.rng = self.composer.rng = np.random.default_rng((self.seed, index))

    def draw(self) -> Pair:
        """The next sample."""
        source = SOURCES[int(self.rng.choice(3, p=self.shares))]
        pair = {"composite": self._composite, "still": self._still, "clip": self._clip}[source]()
        augmented = augment.augment_pair if self.light else augment.degrade_pair
        templates, search = augmented(pair.templates, pair.search, self.rng, self.strength)
        return pair._replace(templates=templates, search=search)

    def _composite(self) -> Pair:
        templates, search, box = self.composer.pair(self._search_scale(), self._shift(), self.moments)
        return Pair(templates, search, box, _BOX_WEIGHT["composite"], "composite")

    def _still(self) -> Pair:
        group = self.still_groups[int(self.rng.integers(len(self.still_groups)))]
        still = group[int(self.rng.integers(len(group)))]
        number = int(self.rng.integers(len(still.boxes)))
        image, box = decode(still.encoded), still.boxes[number]
        if self.rng.random() < 0.05:
            other = self.pictures.stills[int(self.rng.integers(len(self.pictures.stills)))]
            return self._negative(image, box, other)
        turn = self.rng.uniform(-0.25, 0.25) if self.rng.random() < 0.4 else 0.0
        weight = _LOOSE_STILLS.get(_source_of(still), 1.0)
        return self._real_pair([(image, box)] * self.moments, (image, box), turn, "still", weight)

    def _clip(self) -> Pair:
        clip = self.pictures.clips[int(self.rng.choice(len(self.pictures.clips), p=self.clip_weights))]
        seen = [(number, box) for number, box in enumerate(clip.boxes) if box is not None and min(box.w, box.h) >= 8]
        first = seen[int(self.rng.integers(len(seen)))][0]
        near = [entry for entry in seen if abs(entry[0] - first) <= self.gap]
        picked = [near[int(self.rng.integers(len(near)))] for _ in range(self.moments + 1)]
        # several moments keep the order of time; of a single pair the search may be the earlier one
        picked = sorted(picked, key=lambda entry: entry[0]) if self.moments > 1 else picked
        views = [(decode(clip.frames[number]), box) for number, box in picked]
        return self._real_pair(views[:-1], views[-1], 0.0, "clip", 0.0 if clip.loose else 1.0)

    def _real_pair(self, first: list[tuple[Picture, Box]], second: tuple[Picture, Box], turn: float, source: str,
                   box_weight: float) -> Pair:  # fmt: skip
        rng, flip = self.rng, bool(self.rng.random() < 0.5)
        if rng.random() < _EDGES_MOVED_SHARE:
            outwards = np.clip(rng.normal(0, _EDGE_SIGMA, 4), *_EDGE_RANGE)
            first = [(image, _moved_edges(box, outwards)) for image, box in first]
            second = second[0], _moved_edges(second[1], outwards)
        templates = tuple(self._template(image, box, flip=flip) for image, box in first)
        image, box = second
        side = self.cut.search_factor * self.cut.target_side(box.w, box.h)
        # judged before the scale is drawn: otherwise zoomed-in windows win and boxes come out large
        aspect = math.exp(rng.uniform(-0.12, 0.12))
        for _ in range(_MAX_TRIES):
            shift = self._shift() * side / 2
            x, y = box.center[0] + shift[0], box.center[1] + shift[1]
            if rng.random() < _visible_share(x, y, side, image.shape) ** 1.5:
                break
        window = Window(x, y, side * self._search_scale(), turn, aspect)
        search, matrix = self.cut.search(image, window, flip=flip)
        there = self._inside(map_box(box, matrix))
        return Pair(templates, search, there, box_weight * _BOX_WEIGHT[source], source)

    def _template(self, image: Picture, box: Box, *, flip: bool) -> Picture:
        side = self.cut.target_side(box.w, box.h)
        near = self.rng.uniform(-1, 1, 2) * side / self.cut.template_unit_px
        side *= self.cut.template_factor * self.rng.uniform(0.98, 1.02)
        return self.cut.template(image, Window(box.center[0] + near[0], box.center[1] + near[1], side), flip=flip)[0]

    def _negative(self, image: Picture, box: Box, other: Still) -> Pair:
        templates = tuple(self._template(image, box, flip=False) for _ in range(self.moments))
        picture, there = decode(other.encoded), other.boxes[0]
        side = self.cut.search_factor * self.cut.target_side(there.w, there.h)
        search, _ = self.cut.search(picture, Window(*there.center, side))
        return Pair(templates, search, np.full(4, np.nan, np.float32), 0.0, "still")

    def _search_scale(self) -> float:
        reach = math.log(2) if self.rng.random() < 0.4 else math.log(1.4)
        return math.exp(self.rng.uniform(-reach, reach))

    def _shift(self) -> NDArray[np.float64]:
        reach = 0.6 if self.rng.random() < 0.3 else 0.35
        return self.rng.uniform(-reach, reach, 2)

    def _inside(self, box: NDArray[np.float32]) -> NDArray[np.float32]:
        """The box, or NaN where less than a third of it is left in the search crop."""
        margin = self.cut.margin_px[1]
        clipped = np.clip(box, margin, margin + self.cut.search_px)
        area = max(0.0, float(clipped[2] - clipped[0])) * max(0.0, float(clipped[3] - clipped[1]))
        whole = float((box[2] - box[0]) * (box[3] - box[1]))
        return box if area > whole / 3 else np.full(4, np.nan, np.float32)


def _moved_edges(box: Box, outwards: NDArray[np.float64]) -> Box:
    """The box as another hand would draw it: left, top, right and bottom edge moved by shares of its size.

    What counts as the object's box differs from data set to data set and from operator to operator. Moved alike in
    every view of a sample, the edges teach that the template says which box is wanted.
    """
    left, top, right, bottom = outwards.tolist()
    return Box(box.x - left * box.w, box.y - top * box.h, box.w * (1 + left + right), box.h * (1 + top + bottom))


def _clip_weight(clip: Clip) -> float:
    """Loose boxes teach little, clips of one object on plain ground less than scenes with depth."""
    if clip.loose:
        return 0.15
    return 0.25 if clip.name.startswith("foda_") else 1.0


def _source_of(still: Still) -> str:
    return still.name.split("_")[0]


def _by_source(stills: list[Still]) -> list[list[Still]]:
    """Stills by the name of their source: sources are drawn alike, so that none drowns the others."""
    groups: dict[str, list[Still]] = {}
    for still in stills:
        groups.setdefault(_source_of(still), []).append(still)
    return list(groups.values())


def _visible_share(x: float, y: float, side: float, shape: tuple[int, ...]) -> float:
    height, width = shape[:2]
    across = max(0.0, min(x + side / 2, width) - max(x - side / 2, 0.0)) / side
    down = max(0.0, min(y + side / 2, height) - max(y - side / 2, 0.0)) / side
    return across * down
