"""Crops around a box, and the exact way back: one class for every family.

A window is snapped to whole pixels and the mapping uses the snapped window, so snapping makes no error:
the target is only up to half a pixel off the crop's centre.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from uav_tracker_ros.errors import InvalidParameter
from uav_tracker_ros.geometry import Box, Image
from uav_tracker_ros.trackers.inputs import MonoRange, cv_view


class Window(NamedTuple):
    """A square of whole image pixels that becomes a crop of ``size`` x ``size`` px."""

    x0: int  # px, left edge in the image
    y0: int  # px, top edge
    n: int  # px, side in the image
    size: int  # px, side of the crop

    @property
    def scale(self) -> float:
        """Crop px per image px."""
        return self.size / self.n

    def to_image(self, box: Box) -> Box:
        """A box of the crop in image px."""
        k = self.scale
        return Box(self.x0 + box.x / k, self.y0 + box.y / k, box.w / k, box.h / k)

    def to_crop(self, box: Box) -> Box:
        """A box of the image in crop px."""
        k = self.scale
        return Box((box.x - self.x0) * k, (box.y - self.y0) * k, box.w * k, box.h * k)


@dataclass(frozen=True)
class SearchSettings:
    """How a family cuts its crops; weights are bound to it."""

    template_size: int  # px of the template crop
    search_size: int  # px of the search crop
    side: Literal["context", "area"] = "context"  # template side: sqrt((w+p)(h+p)), p = context*(w+h); or sqrt(wh)
    context: float = 0.5
    template_factor: float = 1.0  # times the side
    search_factor: float | None = None  # times the side; None: search_size/template_size, one scale for both crops
    snap: Literal["round", "ceil"] = "round"
    fill: Literal["mean", "black"] = "mean"  # colour outside the image
    min_side: int = 16  # px, least window
    min_target: float = 4.0  # px, least side of a target
    index_centers: bool = False  # boxes' centres are given with pixel centres at whole numbers (NanoTrack)

    def __post_init__(self) -> None:
        if min(self.template_size, self.search_size, self.min_side) < 1:
            raise InvalidParameter(
                f"crop sizes {self.template_size}/{self.search_size}, least side {self.min_side}; "
                "expected at least 1 px; correct the family's settings"
            )


SETTINGS = {
    "siamfcpp": SearchSettings(127, 303),
    "siamfcpp_lite0": SearchSettings(128, 256),
    "siamcar": SearchSettings(127, 287),
    "siamdff": SearchSettings(96, 256, context=1.0, min_side=48),  # thermal targets are small: more context
    "dsatrack": SearchSettings(
        128, 256, side="area", template_factor=2, search_factor=4, snap="ceil", fill="black", min_side=1, min_target=2
    ),
    "utrack": SearchSettings(288, 288, side="area", template_factor=5, search_factor=5),
    "nanotrack": SearchSettings(127, 255, min_side=2, index_centers=True),
}


class SearchRegion:
    """Cuts template and search crops of one target into preallocated arrays.

    ``start`` takes what stays for the whole run from the first image: the fill colour and, for 16-bit
    images, the first range of grey values.
    """

    def __init__(self, settings: SearchSettings) -> None:
        self.settings = settings
        self._crops = {
            size: np.zeros((1, size, size, 3), np.uint8) for size in {settings.template_size, settings.search_size}
        }
        self._template = np.zeros((1, settings.template_size, settings.template_size, 3), np.uint8)
        self._fill: tuple[float, ...] = (0.0, 0.0, 0.0)
        self._range = MonoRange()

    def start(self, image: Image, box: Box) -> None:
        """Measure fill colour and grey range on the first image."""
        self._range.reset()
        if self.settings.fill == "mean":
            # cv2.mean takes 0.2 ms where numpy's takes 18 ms at 720p.
            self._fill = tuple(float(round(value)) for value in cv2.mean(cv_view(image)))
        else:
            self._fill = (0.0, 0.0, 0.0, 0.0)
        if image.dtype == np.uint16:
            self._range.adapt(self._native_crop(image, self.search_window(box)))

    def side(self, box: Box) -> float:
        """Side of the template's square before the factor, px of the image."""
        if self.settings.side == "area":
            return math.sqrt(box.w * box.h)
        p = self.settings.context * (box.w + box.h)
        return math.sqrt((box.w + p) * (box.h + p))

    def template_window(self, box: Box) -> Window:
        """Where the template is cut."""
        return self._window(box, self.side(box) * self.settings.template_factor, self.settings.template_size)

    def search_window(self, box: Box) -> Window:
        """Where the target is searched when it was last seen in ``box``."""
        factor = self.settings.search_factor or self.settings.search_size / self.settings.template_size
        return self._window(box, self.side(box) * factor, self.settings.search_size)

    def region_window(self, region: Box) -> Window:
        """The search window that covers a given square region of the image."""
        return self._window(region, max(region.w, region.h), self.settings.search_size)

    def _window(self, around: Box, side: float, size: int) -> Window:
        side = max(side, float(self.settings.min_side))
        n = max(2, math.ceil(side) if self.settings.snap == "ceil" else round(side))
        center_x, center_y = around.center
        # Index centres: floor(c - (n + 1)/2 + 0.5), as NanoTrack's authors wrote it.
        offset = 0.0 if self.settings.index_centers else 0.5
        return Window(math.floor(center_x - n / 2 + offset), math.floor(center_y - n / 2 + offset), n, size)

    def template(self, image: Image, box: Box) -> NDArray[np.uint8]:
        """(1, o, o, 3) uint8 BGR around ``box``; overwritten by the next call."""
        return self._cut(image, self.template_window(box), self._template, adapt=False)

    def search(self, image: Image, window: Window, *, adapt: bool = True) -> NDArray[np.uint8]:
        """(1, o, o, 3) uint8 BGR of ``window``; overwritten by the next call.

        Args:
            image: any accepted image; not changed.
            window: from ``search_window`` or ``region_window``.
            adapt: let a 16-bit image move the grey range; False while the target is lost.
        """
        return self._cut(image, window, self._crops[window.size], adapt=adapt)

    def _cut(self, image: Image, window: Window, crop: NDArray[np.uint8], *, adapt: bool) -> NDArray[np.uint8]:
        if image.ndim == 3:
            self._native_crop(image, window, crop[0])
            return crop
        native = self._native_crop(image, window)
        if native.dtype == np.uint16:
            if adapt:
                self._range.adapt(native)
            native = self._range.to_uint8(native)
        cv2.cvtColor(native, cv2.COLOR_GRAY2BGR, dst=crop[0])
        return crop

    def _native_crop(self, image: Image, window: Window, out: NDArray[np.uint8] | None = None) -> Image:
        """The crop in the image's own depth; both paths sample at (i + 0.5)/k - 0.5 + x0."""
        height, width = image.shape[:2]
        x0, y0, n, size = window
        if x0 >= 0 and y0 >= 0 and x0 + n <= width and y0 + n <= height:
            view = cv_view(image[y0 : y0 + n, x0 : x0 + n])
            return cv2.resize(view, (size, size), dst=out, interpolation=cv2.INTER_LINEAR)  # type: ignore[no-any-return]
        step = n / size
        shift = (step - 1) / 2
        # Only the part that the window can see, so that coordinates stay small: warpAffine's are 16-bit.
        left, top = min(max(x0 - 2, 0), width - 1), min(max(y0 - 2, 0), height - 1)
        right, bottom = min(max(x0 + n + 2, left + 1), width), min(max(y0 + n + 2, top + 1), height)
        view = cv_view(image[top:bottom, left:right])
        to_view = np.array([[step, 0.0, x0 - left + shift], [0.0, step, y0 - top + shift]])
        return cv2.warpAffine(  # type: ignore[no-any-return]
            view,
            to_view,
            (size, size),
            dst=out,
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=self._fill,
        )
