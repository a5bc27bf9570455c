"""Composed scenes: a cut-out over a background, with look-alikes, occluders and turns."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from uav_tracker_ros.training.scenes.cropping import Cut
from uav_tracker_ros.training.scenes.pictures import Cutout, Picture, Pictures, decode


class Composer:
    """Makes one sample at a time; random numbers come from the sampler's generator.

    Args:
        pictures: cut-outs and backgrounds.
        rng: the sampler's.
        cut: the family's crops.
        distractors: other cut-outs beside the target.
    """

    def __init__(self, pictures: Pictures, rng: Generator, cut: Cut, *, distractors: bool = True) -> None:
        self.distractors = distractors
        self.cutouts, self.backgrounds, self.rng, self.cut = pictures.cutouts, pictures.backgrounds, rng, cut
        self.by_kind: dict[str, list[int]] = {}
        for number, cutout in enumerate(pictures.cutouts):
            self.by_kind.setdefault(cutout.kind, []).append(number)

    def pair(
        self, scale: float, shift: NDArray[np.float64], moments: int = 1
    ) -> tuple[tuple[Picture, ...], Picture, NDArray[np.float32]]:
        """Templates, search and the target's box in the search, all with the cut's margins.

        Args:
            scale: size of the search window against the right one.
            shift: of the target from the middle, in halves of the search crop's side.
            moments: templates.
        """
        rng, cut = self.rng, self.cut
        target = self.cutouts[int(rng.integers(len(self.cutouts)))]
        later = self._other_frame(target)
        turn = rng.uniform(-math.pi, math.pi) if rng.random() < 0.3 else rng.uniform(-0.3, 0.3)
        backgrounds = self._backgrounds(moments)
        templates, second = backgrounds[:-1], backgrounds[-1]
        for number, first in enumerate(templates):
            seen = target if number == 0 else self._other_frame(target)
            self._template(first, seen, turn + (rng.uniform(-0.2, 0.2) if number else 0.0))
        later_turn = turn + rng.uniform(-0.35, 0.35)
        later_size = self._size(later, later_turn, cut.search_unit_px) / scale
        canvas = cut.search_canvas_px
        centre = canvas / 2 + shift * cut.search_px / 2
        if self.distractors and rng.random() < 0.75:
            for _ in range(int(rng.integers(0, 6))):
                place = rng.uniform(0, canvas, 2)
                self._paste(second, self._distractor(target), later_size * math.exp(rng.uniform(-0.5, 0.5)), place)
        if rng.random() < 0.06:
            return tuple(templates), second, np.full(4, np.nan, np.float32)
        aspect = math.exp(rng.uniform(-0.18, 0.18))
        box = self._paste(second, later, later_size, centre, later_turn, aspect=aspect)
        if rng.random() < 0.2:
            self._occlude(second, box)
        return tuple(templates), second, box

    def _other_frame(self, target: Cutout) -> Cutout:
        return self.cutouts[int(self.rng.choice(self.by_kind[target.kind]))] if _is_sequence(target) else target

    def _template(self, canvas: Picture, target: Cutout, turn: float) -> None:
        rng, size = self.rng, self._size(target, turn, self.cut.template_unit_px)
        for _ in range(int(rng.integers(1, 3)) if self.distractors and rng.random() < 0.5 else 0):
            place = rng.uniform(0, canvas.shape[0], 2)
            self._paste(canvas, self._distractor(target), size * math.exp(rng.uniform(-0.5, 0.5)), place)
        self._paste(canvas, target, size, canvas.shape[0] / 2 + rng.uniform(-1, 1, 2), turn)

    def _backgrounds(self, moments: int) -> list[Picture]:
        """One for each template and one for the search: places near each other, a quarter of them elsewhere."""
        rng, cut = self.rng, self.cut
        image = decode(self.backgrounds[int(rng.integers(len(self.backgrounds)))])
        zoom, turn = rng.uniform(0.5, 3), rng.uniform(-math.pi, math.pi)
        place = rng.uniform(0.2, 0.8, 2) * (image.shape[1], image.shape[0])
        views, size = [], cut.template_canvas_px
        for number in range(moments):
            moved = place + (rng.uniform(-20, 20, 2) if number else 0.0)
            views.append(_window(image, moved, size * zoom / 2, turn, size))
        if rng.random() < 0.25:
            image = decode(self.backgrounds[int(rng.integers(len(self.backgrounds)))])
            place = rng.uniform(0.2, 0.8, 2) * (image.shape[1], image.shape[0])
        moved, size = place + rng.uniform(-20, 20, 2), cut.search_canvas_px
        views.append(_window(image, moved, size * zoom / 2, turn + rng.uniform(-0.35, 0.35), size))
        return views

    def _size(self, cutout: Cutout, turn: float, unit_px: float) -> float:
        """Longer side (px) of a cut-out that, turned, has a target's square of ``unit_px``."""
        unit = 1.0 / max(cutout.rgba.shape[:2])
        linear = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]]) * unit
        left, top, right, bottom = _bounds(cutout.rgba, linear, np.zeros(2)).tolist()
        return unit_px / self.cut.target_side(right - left, bottom - top)

    def _distractor(self, target: Cutout) -> Cutout:
        same = [number for number in self.by_kind[target.kind] if self.cutouts[number] is not target]
        if same and not _is_sequence(target) and self.rng.random() < 0.4:
            return self.cutouts[int(self.rng.choice(same))]
        for _ in range(8):  # another frame of the same sequence would contradict the label
            other = self.cutouts[int(self.rng.integers(len(self.cutouts)))]
            if other.kind != target.kind or not _is_sequence(target):
                break
        return other

    def _paste(
        self, canvas: Picture, cutout: Cutout, size: float, centre: NDArray[np.float64], turn: float | None = None,
        *, aspect: float = 1.0,
    ) -> NDArray[np.float32]:  # fmt: skip
        """Blend a cut-out whose longer side is ``size`` px; gives its box on the canvas."""
        rng = self.rng
        turn = rng.uniform(-math.pi, math.pi) if turn is None else turn
        rgba = cutout.rgba
        factor = size / max(rgba.shape[:2])
        if factor < 0.5:
            shrink = max(2 * factor, 2 / min(rgba.shape[:2]))
            rgba = cv2.resize(rgba, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
            factor = size / max(rgba.shape[:2])
        height, width = rgba.shape[:2]
        cos, sin, stretch = math.cos(turn) * factor, math.sin(turn) * factor, math.sqrt(aspect)
        linear = np.array([[cos * stretch, -sin * stretch], [sin / stretch, cos / stretch]])
        offset = centre - 0.5 - linear @ np.array([(width - 1) / 2, (height - 1) / 2])
        premultiplied = rgba.astype(np.float32)
        premultiplied[:, :, :3] *= premultiplied[:, :, 3:] / 255 * rng.uniform(0.85, 1.15)
        shape = canvas.shape[1], canvas.shape[0]
        layer = cv2.warpAffine(premultiplied, np.hstack([linear, offset[:, None]]), shape, flags=cv2.INTER_LINEAR)
        if rng.random() < 0.5:  # a soft rim: the paste's edge must not be what says "object"
            layer = cv2.GaussianBlur(layer, (0, 0), rng.uniform(0.4, 1.2))
        alpha = layer[:, :, 3:] / 255
        canvas[:] = np.clip(canvas * (1 - alpha) + layer[:, :, :3], 0, 255).astype(np.uint8)
        return _bounds(rgba, linear, offset)

    def _occlude(self, canvas: Picture, box: NDArray[np.float32]) -> None:
        """Cover 25 to 80 per cent of each side with another piece of background."""
        rng = self.rng
        w, h = (box[2:] - box[:2]) * rng.uniform(0.25, 0.8, 2)
        x, y = (box[:2] + rng.uniform(0, 1, 2) * (box[2:] - box[:2])).tolist()
        image = decode(self.backgrounds[int(rng.integers(len(self.backgrounds)))])
        size = canvas.shape[0]
        patch = _window(image, rng.uniform(0.2, 0.8, 2) * (image.shape[1], image.shape[0]), size, 0.0, size)
        mask = np.zeros(canvas.shape[:2], np.uint8)
        cv2.ellipse(
            mask, (int(x), int(y)), (max(1, int(w / 2)), max(1, int(h / 2))), rng.uniform(0, 180), 0, 360, 255, -1
        )
        soft = cv2.GaussianBlur(mask, (0, 0), 1.0)[:, :, None] / 255.0
        canvas[:] = (canvas * (1 - soft) + patch * soft).astype(np.uint8)


def _is_sequence(cutout: Cutout) -> bool:
    return cutout.kind.startswith("davis_")


def _bounds(rgba: Picture, linear: NDArray[np.float64], offset: NDArray[np.float64]) -> NDArray[np.float32]:
    """Bounds of the opaque part after the map, px edges of the canvas."""
    ys, xs = np.nonzero(rgba[:, :, 3] > 127)
    points = linear @ np.stack([xs, ys]) + offset[:, None] + 0.5
    reach = np.abs(linear).sum(1) / 2
    return np.concatenate([points.min(1) - reach, points.max(1) + reach]).astype(np.float32)


def _window(image: Picture, place: NDArray[np.float64], side: float, turn: float, out_px: int) -> Picture:
    cos, sin, scale = math.cos(turn), math.sin(turn), out_px / side
    linear = np.array([[cos, -sin], [sin, cos]]) * scale
    offset = out_px / 2 - linear @ place
    return cv2.warpAffine(image, np.hstack([linear, offset[:, None]]), (out_px, out_px), flags=cv2.INTER_LINEAR,
                          borderMode=cv2.BORDER_REFLECT_101)  # fmt: skip
