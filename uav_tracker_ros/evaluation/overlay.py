"""Drawing onto a copy of an image: what the tracker says, and the truth where it is known.

For people to look at (videos, debug images); never drawn into what a tracker gets.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from uav_tracker_ros.geometry import Box, Image, TargetState

BgrImage = NDArray[np.uint8]  # (height, width, 3)
Color = tuple[int, int, int]  # blue, green, red

# Okabe and Ito's palette: told apart by colour-blind eyes too. Blue, green, red.
STATE_COLORS: dict[TargetState, Color] = {
    TargetState.NONE: (153, 153, 153),
    TargetState.TRACKING: (115, 200, 0),
    TargetState.UNCERTAIN: (0, 159, 230),
    TargetState.LOST: (0, 60, 213),
}
TRUE_COLOR: Color = (255, 255, 255)
PREDICTED_COLOR: Color = (233, 180, 86)
_TEXT_COLOR: Color = (255, 255, 255)
_SHADE = 0.45  # share of the picture's brightness that stays behind text
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_FAR = 32_000  # px; OpenCV's drawing goes wrong beyond 16 bits


def draw_overlay(
    image: Image,
    *,
    box: Box | None,
    state: TargetState,
    confidence: float,
    true_box: Box | None = None,
    predicted: Box | None = None,
    lines: Sequence[str] = (),
    headline: str = "",
) -> BgrImage:
    """A copy of the image with the tracked box and a panel of text.

    Args:
        image: (H, W, 3) uint8 BGR, or (H, W) uint8/uint16. Not modified.
        box: what the tracker says, px; None or not finite: no box is drawn.
        state: gives the box its colour; LOST is drawn dashed, for nobody sees the target there.
        confidence: 0 to 1, written at the box; NaN: left out.
        true_box: thin white, px; None: not known.
        predicted: where the target is expected while nobody sees it, px; dashed.
        lines: short ASCII texts for the panel in the top left corner.
        headline: one word above them, larger (a state, a tracker's name).

    Returns:
        (H, W, 3) uint8 BGR.
    """
    canvas = as_bgr(image)
    scale = max(0.4, canvas.shape[0] / 1000)
    if true_box is not None and true_box.is_finite:
        _draw_box(canvas, true_box, TRUE_COLOR, 1)
    if predicted is not None and predicted.is_finite:
        _draw_box(canvas, predicted, PREDICTED_COLOR, max(1, round(2 * scale)), dashed=True)
    if box is not None and box.is_finite and state is not TargetState.NONE:
        color = STATE_COLORS[state]
        _draw_box(canvas, box, color, max(2, round(3 * scale)), dashed=state is TargetState.LOST)
        _draw_label(canvas, box, _label(state, confidence), color, scale)
    _draw_panel(canvas, lines, headline, STATE_COLORS[state], scale)
    return canvas


def as_bgr(image: Image) -> BgrImage:
    """A BGR copy of an image; 16-bit grey is stretched over its own range."""
    if image.ndim == 3:
        return np.array(image, dtype=np.uint8)
    grey = cv2.normalize(image, None, 0, 255, cv2.NORM_MINMAX, cv2.CV_8U) if image.dtype == np.uint16 else image
    return np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR), dtype=np.uint8)


def _label(state: TargetState, confidence: float) -> str:
    return state.name.lower() if math.isnan(confidence) else f"{state.name.lower()} {confidence:.2f}"


def _draw_box(canvas: BgrImage, box: Box, color: Color, thickness: int, dashed: bool = False) -> None:
    x0, y0, x1, y1 = (round(min(max(edge, -_FAR), _FAR)) for edge in box.xyxy)
    if not dashed:
        cv2.rectangle(canvas, (x0, y0), (x1, y1), color, thickness)
        return
    height, width = canvas.shape[:2]
    dash = max(4, round(height / 100))
    step = 2 * dash + thickness  # a line's ends are round: they eat into the gaps
    for start in range(max(x0, -dash), min(x1, width), step):
        for y in (y0, y1):
            cv2.line(canvas, (start, y), (min(start + dash, x1), y), color, thickness)
    for start in range(max(y0, -dash), min(y1, height), step):
        for x in (x0, x1):
            cv2.line(canvas, (x, start), (x, min(start + dash, y1)), color, thickness)


def _draw_label(canvas: BgrImage, box: Box, text: str, color: Color, scale: float) -> None:
    (text_width, text_height), base = cv2.getTextSize(text, _FONT, scale, 1)
    height, width = canvas.shape[:2]
    x = round(min(max(box.x, 2), max(2, width - text_width - 2)))
    above, below = box.y - base - 4, box.y + box.h + text_height + 6
    y = round(above if above > text_height else min(max(below, text_height + 2), height - base - 2))
    _shade(canvas, x - 2, y - text_height - 3, x + text_width + 2, y + base)
    cv2.putText(canvas, text, (x, y), _FONT, scale, color, 1, cv2.LINE_AA)


def _draw_panel(canvas: BgrImage, lines: Sequence[str], headline: str, color: Color, scale: float) -> None:
    rows = [(headline, 1.5 * scale, color, 2)] if headline else []
    rows += [(line, scale, _TEXT_COLOR, 1) for line in lines]
    if not rows:
        return
    margin = round(14 * scale)
    sizes = [cv2.getTextSize(text, _FONT, size, weight)[0] for text, size, _, weight in rows]
    heights = [text_height + margin for _, text_height in sizes]
    _shade(canvas, 0, 0, max(width for width, _ in sizes) + 2 * margin, sum(heights) + margin)
    y = 0
    for (text, size, row_color, weight), height in zip(rows, heights, strict=True):
        y += height
        cv2.putText(canvas, text, (margin, y), _FONT, size, row_color, weight, cv2.LINE_AA)


def _shade(canvas: BgrImage, x0: int, y0: int, x1: int, y1: int) -> None:
    part = canvas[max(0, y0) : max(0, y1), max(0, x0) : max(0, x1)]
    if part.size:
        part[:] = (part * _SHADE).astype(np.uint8)
