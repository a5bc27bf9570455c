"""Where to look for a lost target, and when to believe that it was found. Fixed order: deterministic."""

from __future__ import annotations

import math

from uav_tracker_ros.geometry import Box, iou

SIDE = 4.0  # of sqrt(w*h); what a search window usually covers
GROWTH = 1.25  # of the side ...
GROWTH_FRAMES = 5  # ... each so many frames
GROWTH_MOST = 2.0  # a trained network expects its target at most half as large as usual
TILES_EACH = 10  # frames between two looks elsewhere
TILES_MOST = 6  # windows in one such frame
ACCEPT_FROM = 0.6  # confidence, on two frames in a row ...
ACCEPT_IOU = 0.3  # ... of boxes that overlap by this


class Redetection:
    """The search of one loss.

    Args:
        last: the last good box, px.
    """

    def __init__(self, last: Box) -> None:
        self._last = last
        self._frames = 0
        self._next_tile = -1  # -1: begins at the tile of the last good box
        self._candidate: Box | None = None

    def regions(self, width: int, height: int) -> list[Box]:
        """Square search windows for the next frame of this size, px.

        First the surroundings of the candidate or of the last place; each tenth frame also up to six
        tiles of the image in turn.
        """
        self._frames += 1
        side = self._side(width, height)
        around = self._candidate or self._last
        regions = [Box.from_center(*around.center, side, side)]
        if self._frames % TILES_EACH == 0:
            regions += self._tiles(width, height)
        return regions

    def accept(self, box: Box, confidence: float) -> bool:
        """Whether this frame's best place, after the one before, is the target again."""
        if confidence < ACCEPT_FROM:
            self._candidate = None
            return False
        confirmed = self._candidate is not None and iou(box, self._candidate) >= ACCEPT_IOU
        self._candidate = box
        return confirmed

    def _side(self, width: int, height: int) -> float:
        base = SIDE * math.sqrt(self._last.w * self._last.h)
        if self._candidate is not None:
            return base
        growth = min(GROWTH ** (self._frames // GROWTH_FRAMES), GROWTH_MOST)
        return max(base, min(base * growth, math.sqrt(width * height)))

    def _tiles(self, width: int, height: int) -> list[Box]:
        side = SIDE * math.sqrt(self._last.w * self._last.h)
        columns = max(1, math.ceil((width - side) / (side / 2)) + 1)  # half of each overlaps the next
        rows = max(1, math.ceil((height - side) / (side / 2)) + 1)
        if self._next_tile < 0:
            center_x, center_y = self._last.center
            row = min(max(round((center_y - side / 2) / (side / 2)), 0), rows - 1)
            column = min(max(round((center_x - side / 2) / (side / 2)), 0), columns - 1)
            self._next_tile = row * columns + column
        tiles = []
        for _ in range(min(TILES_MOST, rows * columns)):
            row, column = divmod(self._next_tile % (rows * columns), columns)
            x = min(column * side / 2, max(width - side, 0))
            y = min(row * side / 2, max(height - side, 0))
            tiles.append(Box(x, y, side, side))
            self._next_tile = (self._next_tile + 1) % (rows * columns)
        return tiles
