"""What the operator's box teaches about the network's boxes: where they differ on the very image of the selection.

A network answers with the box that its training data would have drawn: a little wide around a walker, nearer to a
square than a car seen from above, with or without the bicycle. On the selected image the wanted box is known: the
network is asked for the target there, from windows a little off, and a share of the mean difference is taken off each
later answer. This is the project's own; docs/decisions/0015 has the figures.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from uav_tracker_ros.errors import InvalidParameter
from uav_tracker_ros.geometry import Box, iou


class Look(NamedTuple):
    """How far a believed box is off the selected one."""

    scale: float  # of its sides
    x: float  # of its centre, share of the width
    y: float  # of its centre, share of the height

    def around(self, selected: Box) -> Box:
        """The believed box, px of the image."""
        x, y = selected.center
        w, h = selected.w, selected.h
        return Box.from_center(x + self.x * w, y + self.y * h, w * self.scale, h * self.scale)


@dataclass(frozen=True)
class OffsetSettings:
    """How the difference is measured and used; chosen on validation clips."""

    share: float = 0.7  # of the difference that is taken off
    looks: tuple[Look, ...] = (
        Look(1.0, 0.0, 0.0),
        Look(0.8, 0.25, -0.25),
        Look(0.8, -0.25, 0.25),
        Look(1.25, 0.25, 0.25),
        Look(1.25, -0.25, -0.25),
    )
    overlap_min: float = 0.5  # IoU with the selected box; below, it is another object or the box was careless

    def __post_init__(self) -> None:
        if not (0 <= self.share <= 1 and 0 <= self.overlap_min <= 1):
            raise InvalidParameter(f"offset settings {self}; expected shares of 0 to 1; correct them")


class BoxOffset(NamedTuple):
    """How found boxes differ from the wanted ones."""

    ln_w: float = 0.0  # ln(found width / wanted width)
    ln_h: float = 0.0  # the same of the height
    x: float = 0.0  # of the centre, share of the found width
    y: float = 0.0  # of the centre, share of the found height

    def taken_off(self, found: Box) -> Box:
        """The box that is wanted where ``found`` was answered, px."""
        x, y = found.center
        w, h = found.w * math.exp(-self.ln_w), found.h * math.exp(-self.ln_h)
        return Box.from_center(x - self.x * found.w, y - self.y * found.h, w, h)


def measured(selected: Box, answer: Callable[[Box], Box | None], settings: OffsetSettings) -> BoxOffset:
    """The share of the mean difference of the answers that hit the target; none, no difference.

    Args:
        selected: the wanted box, px.
        answer: the network's box on the same image where the target is believed in a given box, px; None: no answer.
        settings: of the measurement.
    """
    answers = [answer(look.around(selected)) for look in settings.looks]
    hits = [found for found in answers if found and iou(found, selected) >= settings.overlap_min]
    if not hits:
        return BoxOffset()
    differences = zip(*(_difference(hit, selected) for hit in hits), strict=True)
    return BoxOffset(*(settings.share * sum(column) / len(hits) for column in differences))


def _difference(found: Box, selected: Box) -> BoxOffset:
    (x, y), (wanted_x, wanted_y) = found.center, selected.center
    return BoxOffset(
        math.log(found.w / selected.w),
        math.log(found.h / selected.h),
        (x - wanted_x) / found.w,
        (y - wanted_y) / found.h,
    )
