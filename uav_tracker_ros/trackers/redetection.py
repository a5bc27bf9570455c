"""Where to look for a lost target, and when to believe that it was found. Fixed order: deterministic."""

from __future__ import annotations

import math

from uav_tracker_ros.geometry import Box, iou

SIDE = 4.0  # of sqrt(w*h); what a search window usually covers
SWEPT_FROM = 0.25  # of a window's side: a picture that moved by more has another place to look
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
        swept: the same if it moved with the picture since then, px.
    """

    def __init__(self, last: Box, swept: Box) -> None:
        self._last, self._swept = last, swept
        self._frames = 0
        self._next_tile = -1  # -1: begins at the tile of the last good box
        self._candidates: tuple[Box, ...] = ()  # of the last frame: where it was, and where the picture took it

    def regions(self, width: int, height: int, motion: tuple[float, float]) -> list[Box]:
        """Square search windows for the next frame of this size, px.

        First the surroundings of the candidate or of the last place, as they were (the camera follows a moving
        target) and as they moved with the picture (the camera turned); each tenth frame also up to six tiles of
        the image in turn.

        Args:
            width: of the image, px.
            height: of the image, px.
            motion: of the picture since the last frame, px.
        """
        self._frames += 1
        side = self._side(width, height)
        self._swept = self._swept.moved(*motion)
        place, swept = self._last, self._swept
        if self._candidates:
            place = self._candidates[0]
            swept = place.moved(*motion)
            self._candidates = (place, swept)
        regions = [Box.from_center(*place.center, side, side)]
        if swept_away(place, swept):
            regions.append(Box.from_center(*swept.center, side, side))
        if self._frames % TILES_EACH == 0:
            regions += self._tiles(width, height)
        return regions

    def accept(self, box: Box, confidence: float) -> bool:
        """Whether this frame's best place, after the one before, is the target again."""
        if confidence < ACCEPT_FROM:
            self._candidates = ()
            return False
        confirmed = any(iou(box, candidate) >= ACCEPT_IOU for candidate in self._candidates)
        self._candidates = (box,)
        return confirmed

    def _side(self, width: int, height: int) -> float:
        base = search_side(self._last)
        if self._candidates:
            return base
        growth = min(GROWTH ** (self._frames // GROWTH_FRAMES), GROWTH_MOST)
        return max(base, min(base * growth, math.sqrt(width * height)))

    def _tiles(self, width: int, height: int) -> list[Box]:
        side = search_side(self._last)
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


def search_side(box: Box) -> float:
    """Side of the window that a target of this box is usually searched in, px."""
    return SIDE * math.sqrt(box.area)


def swept_away(last: Box, swept: Box) -> bool:
    """Whether the picture took the target out of the middle of the search window around its last place."""
    (x, y), (swept_x, swept_y) = last.center, swept.center
    return math.hypot(swept_x - x, swept_y - y) > SWEPT_FROM * search_side(last)
