"""What every tracker refuses, said once: images and boxes that cannot be used."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from uav_tracker_ros.errors import InvalidBox, InvalidImage, NotInitialized
from uav_tracker_ros.geometry import Box, Image

MIN_TARGET = 4.0  # px; below that a target is a few pixels of noise for every family but dsatrack
MIN_VISIBLE = 0.25  # share of the box's area that must lie inside the image


def check_image(image: Image, expected_shape: tuple[int, ...] | None = None) -> None:
    """Raise unless ``image`` is a usable picture.

    Args:
        image: (H, W, 3) uint8 BGR, or (H, W) uint8 or uint16.
        expected_shape: shape of the target's first image; None for a first image.

    Raises:
        InvalidImage: empty, wrong shape or type, or of another shape than the first.
    """
    if not isinstance(image, np.ndarray):
        raise InvalidImage(f"image is a {type(image).__name__}; expected a NumPy array; decode the picture first")
    color = image.ndim == 3 and image.shape[2] == 3 and image.dtype == np.uint8
    mono = image.ndim == 2 and image.dtype in (np.uint8, np.uint16)
    if not (color or mono):
        raise InvalidImage(
            f"image has shape {image.shape} and type {image.dtype}; expected (H, W, 3) uint8 BGR or (H, W) "
            "uint8/uint16; convert it first"
        )
    if image.size == 0:
        raise InvalidImage(f"image is empty, shape {image.shape}; expected at least one pixel; check the source")
    if expected_shape is not None and image.shape != expected_shape:
        raise InvalidImage(
            f"image has shape {image.shape}; the target was selected on {expected_shape}; select it again"
        )


def check_box(box: Box, image: Image, min_side: float = MIN_TARGET) -> Box:
    """The visible part of a first box.

    Args:
        box: px of ``image``.
        image: a checked image.
        min_side: least width and height of the visible part, px.

    Raises:
        InvalidBox: NaN, zero size, visible part too small, or less than a quarter of it in the image.
    """
    height, width = image.shape[:2]
    if len(box) != 4 or not Box(*box).is_finite:
        raise InvalidBox(f"box {tuple(box)} is not four finite numbers; expected x, y, w, h in px; select again")
    box = Box(*(float(part) for part in box))
    if box.w <= 0 or box.h <= 0:
        raise InvalidBox(f"box {tuple(box)} has no size; expected width and height above 0 px; select again")
    visible = box.clipped(width, height)
    if visible.w < min_side or visible.h < min_side or visible.area < MIN_VISIBLE * box.area:
        raise InvalidBox(
            f"box {tuple(box)} shows {max(visible.w, 0):.1f} x {max(visible.h, 0):.1f} px in the {width} x {height} "
            f"image; expected at least {min_side:g} x {min_side:g} px and a quarter of its area; select again"
        )
    return visible


def not_initialized(name: str) -> NotInitialized:
    """The error for an update without a target."""
    return NotInitialized(f"{name}: update before initialize; it needs a first image and box; select a target first")


def keep_in_image(box: Box, width: int, height: int, min_side: float) -> Box:
    """The nearest box with its centre in the image and sides between ``min_side`` and the image's (px)."""
    center_x, center_y = box.center
    return Box.from_center(
        min(max(center_x, 0.0), width),
        min(max(center_y, 0.0), height),
        min(max(box.w, min(min_side, width)), width),
        min(max(box.h, min(min_side, height)), height),
    )


def cv_view(view: Image) -> Image:
    """``view`` as OpenCV can read it: itself, or a copy where its columns are not neighbours in memory."""
    pixel = view.itemsize * (3 if view.ndim == 3 else 1)
    dense = view.strides[1] == pixel and view.strides[0] >= pixel * view.shape[1]
    if view.ndim == 3:
        dense = dense and view.strides[2] == view.itemsize
    return view if dense else view.copy()


class MonoRange:
    """Maps 16-bit thermal images to 8 bits by running percentiles, so that a drift of gain is not a new target."""

    RATE = 0.05  # share of the newest frame; about 20 frames of memory
    PERCENTILES = (1.0, 99.0)

    def __init__(self) -> None:
        self._low_high: NDArray[np.float64] | None = None

    def reset(self) -> None:
        """Forget the range: the next image sets it."""
        self._low_high = None

    def adapt(self, pixels: Image) -> None:
        """Move the range towards that of ``pixels`` (uint16)."""
        new = np.percentile(pixels, self.PERCENTILES)
        self._low_high = new if self._low_high is None else self._low_high + self.RATE * (new - self._low_high)

    def to_uint8(self, pixels: Image) -> NDArray[np.uint8]:
        """``pixels`` (uint16) on 0 to 255; the first image sets the range."""
        if self._low_high is None:
            self.adapt(pixels)
        assert self._low_high is not None  # noqa: S101 - for the type checker: adapt has just set it
        low, high = self._low_high
        gain = 255.0 / max(high - low, 1.0)
        scaled = np.clip((pixels.astype(np.float32) - low) * gain, 0, 255)
        return np.asarray(scaled, dtype=np.uint8)


def to_bgr8(image: Image, mono_range: MonoRange, adapt: bool = True) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 BGR of any accepted image; ``image`` itself where it is that already."""
    if image.ndim == 3:
        return cv_view(image)  # type: ignore[return-value]
    if image.dtype == np.uint16:
        if adapt:
            mono_range.adapt(image[::4, ::4])
        image = mono_range.to_uint8(image)
    return cv2.cvtColor(cv_view(image), cv2.COLOR_GRAY2BGR)  # type: ignore[no-any-return]
