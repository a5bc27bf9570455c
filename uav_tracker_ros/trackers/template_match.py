"""Where a small view of the target fits best: normalised cross-correlation around a box or in a region."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from uav_tracker_ros.geometry import Box

_SIDE = 16  # px; the view is compared at this size
_AROUND = 3.0  # times the box: what response_around looks at
_MOST = 256  # px; a larger region is looked at more coarsely


def response_around(
    pixels: NDArray[np.uint8], box: Box, view: NDArray[np.uint8]
) -> tuple[NDArray[np.float32], tuple[int, int], tuple[int, int, int, int]]:
    """Response of ``view`` over three times the box, where the middle is the box itself.

    Args:
        pixels: (H, W, 3) uint8 BGR.
        box: px of it.
        view: (n, n, 3) uint8 BGR.

    Returns:
        Map of values 0 to 1 (correlation, negative parts cut), the cell of the box, and the cells
        within a quarter of its size: first row, last row + 1, first column, last column + 1.
    """
    side = round(_SIDE * _AROUND)
    search = _resample(pixels, Box.from_center(*box.center, box.w * _AROUND, box.h * _AROUND), side, side)
    response = _correlate(search, view)
    middle = response.shape[0] // 2
    reach = _SIDE // 4
    return response, (middle, middle), (middle - reach, middle + reach + 1, middle - reach, middle + reach + 1)


def best_match(
    pixels: NDArray[np.uint8], region: Box, view: NDArray[np.uint8], w: float, h: float
) -> tuple[Box, float] | None:
    """The box of w x h px in ``region`` where ``view`` fits best, and its correlation; None if it does not fit in."""
    step_x, step_y = w / _SIDE, h / _SIDE  # image px per cell
    coarse = max(1.0, region.w / step_x / _MOST, region.h / step_y / _MOST)
    size = max(4, round(_SIDE / coarse))
    step_x, step_y = w / size, h / size
    columns, rows = round(region.w / step_x), round(region.h / step_y)
    if columns < size or rows < size:
        return None
    response = _correlate(_resample(pixels, region, columns, rows), view, size)
    row, column = divmod(int(np.argmax(response)), response.shape[1])
    box = Box(region.x + column * region.w / columns, region.y + row * region.h / rows, w, h)
    return box, float(response[row, column])


def _resample(pixels: NDArray[np.uint8], region: Box, columns: int, rows: int) -> NDArray[np.uint8]:
    """(rows, columns, 3) of the region; the border's pixels go on outside the image."""
    height, width = pixels.shape[:2]
    left, top = max(int(region.x) - 2, 0), max(int(region.y) - 2, 0)
    right, bottom = min(int(region.x + region.w) + 3, width), min(int(region.y + region.h) + 3, height)
    if right <= left or bottom <= top:
        return np.zeros((rows, columns, 3), np.uint8)
    step_x, step_y = region.w / columns, region.h / rows
    view = pixels[top:bottom, left:right]
    mapping = np.array(
        [[step_x, 0.0, region.x - left + (step_x - 1) / 2], [0.0, step_y, region.y - top + (step_y - 1) / 2]]
    )
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    if step_x > 2 or step_y > 2:  # else single pixels decide
        view = cv2.blur(view, (max(1, round(step_x)), max(1, round(step_y))))
    return np.asarray(cv2.warpAffine(view, mapping, (columns, rows), flags=flags, borderMode=cv2.BORDER_REPLICATE))


def _correlate(search: NDArray[np.uint8], view: NDArray[np.uint8], size: int = _SIDE) -> NDArray[np.float32]:
    template = cv2.resize(view, (size, size), interpolation=cv2.INTER_AREA)
    response = cv2.matchTemplate(search, template, cv2.TM_CCOEFF_NORMED)
    return np.asarray(np.clip(np.nan_to_num(response, nan=0.0, posinf=0.0, neginf=0.0), 0.0, 1.0), np.float32)
