"""What the selected target looked like, and how much a box looks like it now.

An appearance is colour (histograms of L, a, b) and structure (gradient orientations in 4 x 4 cells) of
a box, made so that the cosine of two appearances is near 1 for two views of one thing and low for
other things. It knows nothing of the tracker: it can doubt a tracker that does not doubt itself.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from uav_tracker_ros.geometry import Box, Image
from uav_tracker_ros.trackers.confidence import outside_share
from uav_tracker_ros.trackers.inputs import MonoRange, cv_view, keep_in_image, to_bgr8

_SIDE = 32  # px; every box is scaled to this
_CELLS = 4
_ORIENTATIONS = 9
_BINS = 16
_STRUCTURE_SHARE = 0.5  # of the squared length; the rest is colour

_pixel_cell = np.arange(_SIDE) // (_SIDE // _CELLS)
_CELL_INDEX = (_pixel_cell[:, None] * _CELLS + _pixel_cell[None, :]).astype(np.int64)
# The rim of a box is mostly background: its pixels count less in the colours.
_hat = 1.0 - np.abs(np.linspace(-1, 1, _SIDE)) ** 2 * 0.75
_CENTER_WEIGHT = np.repeat(np.outer(_hat, _hat).ravel(), 3)  # of each value of a (32, 32, 3) patch
_VALUE_OFFSET = np.tile(np.array([0, 256, 512]), _SIDE * _SIDE)


def _sharing(spread: float) -> NDArray[np.float64]:
    """(256, 16) share of each value in each bin: in two, so that a small change of light is a small change here."""
    values = np.clip((np.arange(256) - 128.0) * spread + 128, 0, 255)
    position = values / 256 * _BINS - 0.5
    low = np.floor(position).astype(np.int64)
    shares = np.zeros((256, _BINS))
    rows = np.arange(256)
    np.add.at(shares, (rows, np.clip(low, 0, _BINS - 1)), 1 - (position - low))
    np.add.at(shares, (rows, np.clip(low + 1, 0, _BINS - 1)), position - low)
    return shares


_SHARES = np.stack([_sharing(1.0), _sharing(2.0), _sharing(2.0)])  # a and b of natural scenes stay near their middle


def patch(image: Image, box: Box, mono_range: MonoRange) -> NDArray[np.uint8]:
    """(32, 32, 3) uint8 BGR of the visible part of a box; a box outside is moved to the nearest edge."""
    height, width = image.shape[:2]
    x0, y0, x1, y1 = keep_in_image(box, width, height, 2.0).clipped(width, height).xyxy
    left, top = min(int(x0), width - 1), min(int(y0), height - 1)
    view = image[top : max(round(y1), top + 1), left : max(round(x1), left + 1)]
    color = to_bgr8(view, mono_range, adapt=False) if view.ndim == 2 else cv_view(view)
    shrinks = view.shape[0] > 2 * _SIDE or view.shape[1] > 2 * _SIDE
    return np.asarray(
        cv2.resize(color, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR), np.uint8
    )


def appearance(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(D,) unit vector of a (32, 32, 3) BGR patch."""
    lab = cv2.cvtColor(pixels, cv2.COLOR_BGR2LAB)
    return np.concatenate(
        [
            np.sqrt(_STRUCTURE_SHARE) * _structure(np.asarray(lab[:, :, 0], np.float32)),
            np.sqrt(1 - _STRUCTURE_SHARE) * _colors(lab),
        ]
    ).astype(np.float32)


def _structure(gray: NDArray[np.float32]) -> NDArray[np.float64]:
    """Orientation histograms (Dalal and Triggs, CVPR 2005) less their mean: a flat patch resembles nothing."""
    gx = cv2.Sobel(gray, cv2.CV_32F, 1, 0)
    gy = cv2.Sobel(gray, cv2.CV_32F, 0, 1)
    magnitude = np.sqrt(np.hypot(gx, gy))
    orientation = (np.arctan2(gy, gx) % np.pi) / np.pi * _ORIENTATIONS
    index = _CELL_INDEX * _ORIENTATIONS + np.minimum(orientation.astype(np.int64), _ORIENTATIONS - 1)
    histogram = np.bincount(index.ravel(), magnitude.ravel(), _CELLS * _CELLS * _ORIENTATIONS)
    return _unit(histogram - histogram.mean())


def _colors(lab: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Square roots of centre-weighted histograms (their product is Bhattacharyya's coefficient)."""
    of_values = np.bincount(lab.ravel() + _VALUE_OFFSET, _CENTER_WEIGHT, 3 * 256).reshape(3, 1, 256)
    return _unit(np.sqrt(of_values @ _SHARES).ravel())


def _unit(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    length = float(np.linalg.norm(vector))
    return vector / length if length > 1e-9 else np.zeros_like(vector)


class ViewBank:
    """Up to eight views of one target: the selected one for ever, others added slowly while all is well."""

    MOST = 8
    PAUSE = 15  # frames in a row without doubt before a view is added
    ADD_CONFIDENCE = 0.85
    NEW = 0.9  # a view that resembles the bank more adds nothing
    KNOWN = 0.75  # one that resembles it less may be another thing

    def __init__(self) -> None:
        self._views = np.zeros((0, 0), np.float32)
        self._patches: list[NDArray[np.uint8]] = []
        self._range = MonoRange()
        self._sure_frames = 0

    def start(self, image: Image, box: Box) -> None:
        """Forget all and take the selected view."""
        self._range.reset()
        if image.dtype == np.uint16:
            self._range.adapt(image[::4, ::4])
        pixels = patch(image, box, self._range)
        self._patches = [pixels]
        self._views = appearance(pixels)[None]
        self._sure_frames = 0

    @property
    def patches(self) -> list[NDArray[np.uint8]]:
        """(32, 32, 3) uint8 BGR of each view; the selected one first."""
        return self._patches

    def similarity(self, image: Image, box: Box) -> float:
        """Largest cosine of the box and a view, at least 0; 0 for a box that lies outside the image."""
        return self.closest(image, box)[0]

    def closest(self, image: Image, box: Box) -> tuple[float, int]:
        """The similarity and the number of the view that gave it."""
        if outside_share(box, image.shape[1], image.shape[0]) > 0.8:
            return 0.0, 0
        cosines = self._views @ appearance(patch(image, box, self._range))
        best = int(np.argmax(cosines))
        return max(0.0, float(cosines[best])), best

    def consider(self, image: Image, box: Box, confidence: float, similarity: float) -> None:
        """Add the box's view if it is new, known enough, and all has been well for a while.

        A clipped box is never taken; the oldest added view makes room.
        """
        inside = outside_share(box, image.shape[1], image.shape[0]) == 0
        sure = confidence >= self.ADD_CONFIDENCE and similarity >= self.KNOWN and inside
        self._sure_frames = self._sure_frames + 1 if sure else 0
        if self._sure_frames < self.PAUSE or similarity >= self.NEW:
            return
        self._sure_frames = 0
        pixels = patch(image, box, self._range)
        if len(self._patches) == self.MOST:
            del self._patches[1]
            self._views = np.delete(self._views, 1, axis=0)
        self._patches.append(pixels)
        self._views = np.vstack([self._views, appearance(pixels)[None]])
