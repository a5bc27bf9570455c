"""Windows of a picture as crops of a family, with the exact map of boxes.

A canvas is a crop with a margin all around: what is drawn on the training device moves, zooms and turns the crop
inside it, so one canvas serves several times.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from uav_tracker_ros.geometry import Box
from uav_tracker_ros.trackers.search_region import SearchSettings
from uav_tracker_ros.training.scenes.pictures import Picture


class Window(NamedTuple):
    """A square window of one picture."""

    x: float  # px, its centre
    y: float
    side: float  # px
    turn: float = 0.0  # rad
    aspect: float = 1.0  # width is stretched by sqrt(aspect), height shrunk


@dataclass(frozen=True)
class Cut:
    """How large crops are and how much of the picture they show: one family's, with margins for the device."""

    template_px: int = 128
    search_px: int = 256
    side: Literal["context", "area"] = "context"  # of the target's square, see SearchSettings
    context: float = 0.5
    template_factor: float = 1.0  # template window's side in target squares
    search_factor: float = 2.0
    fill: Literal["mean", "black"] = "mean"
    margin_px: tuple[int, int] = (0, 0)  # all around, of template and search canvas

    @classmethod
    def of(cls, settings: SearchSettings, margin_px: tuple[int, int] = (0, 0)) -> Cut:
        """The crops that a family's tracker will see."""
        search_factor = (
            settings.search_factor or settings.template_factor * settings.search_size / settings.template_size
        )
        return cls(settings.template_size, settings.search_size, settings.side, settings.context,
                   settings.template_factor, search_factor, settings.fill, margin_px)  # fmt: skip

    @property
    def template_canvas_px(self) -> int:
        """Side of the template's canvas."""
        return self.template_px + 2 * self.margin_px[0]

    @property
    def search_canvas_px(self) -> int:
        """Side of the search canvas."""
        return self.search_px + 2 * self.margin_px[1]

    @property
    def template_unit_px(self) -> float:
        """What the target's square measures in a template of the right scale."""
        return self.template_px / self.template_factor

    @property
    def search_unit_px(self) -> float:
        """What the target's square measures in a search crop of the right scale."""
        return self.search_px / self.search_factor

    def target_side(self, w: float, h: float) -> float:
        """Side of the target's square: sqrt((w + p)(h + p)) with context, or sqrt(w h)."""
        p = self.context * (w + h) if self.side == "context" else 0.0
        return math.sqrt((w + p) * (h + p))

    def template(self, image: Picture, window: Window, *, flip: bool = False) -> tuple[Picture, NDArray[np.float64]]:
        """Canvas around the window that a template shows, and the map from picture to canvas."""
        grown = window._replace(side=window.side * self.template_canvas_px / self.template_px)
        return crop(image, grown, self.template_canvas_px, flip=flip, fill=self.fill)

    def search(self, image: Picture, window: Window, *, flip: bool = False) -> tuple[Picture, NDArray[np.float64]]:
        """Canvas around the window that a search crop shows, and the map from picture to canvas."""
        grown = window._replace(side=window.side * self.search_canvas_px / self.search_px)
        return crop(image, grown, self.search_canvas_px, flip=flip, fill=self.fill)


def context_side(w: float, h: float) -> float:
    """Side of the template's window for a target of this size, px."""
    return Cut().target_side(w, h)


def crop(
    image: Picture, window: Window, out_px: int, *, flip: bool = False, fill: str = "mean"
) -> tuple[Picture, NDArray[np.float64]]:
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
    colour = cv2.mean(image)[:3] if fill == "mean" else (0, 0, 0)
    return cv2.warpAffine(image, indices, (out_px, out_px), flags=cv2.INTER_LINEAR, borderValue=colour), matrix


def map_box(box: Box, matrix: NDArray[np.float64]) -> NDArray[np.float32]:
    """Bounds of the box's inscribed ellipse after an affine map: (4,) left, top, right, bottom."""
    centre = matrix[:, :2] @ np.array(box.center) + matrix[:, 2]
    half = np.sqrt(((matrix[:, :2] * np.array([box.w, box.h]) / 2) ** 2).sum(1))
    return np.concatenate([centre - half, centre + half]).astype(np.float32)
