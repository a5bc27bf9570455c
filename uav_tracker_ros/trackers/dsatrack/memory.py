"""When the template memory takes a newer view of the target.

Sources: the schedule is that of Zhou et al. (NeurIPS 2025, section 4.1), after RFGM (Zhou et al., NeurIPS 2023). The
authors' program updates whatever the tracker follows; the gate here is this project's own: a memory that is fed with
the background cannot find the target again.
"""

from __future__ import annotations

import statistics
from collections import deque
from dataclasses import dataclass
from typing import Literal

from uav_tracker_ros.errors import InvalidParameter

MemoryRule = Literal["ranked", "blend", "fixed"]
"""Best tokens of all templates, a moving average, or the first template alone."""


@dataclass(frozen=True)
class MemorySettings:
    """How the memory is kept up to date."""

    rule: MemoryRule = "ranked"
    order: Literal["deferred", "immediate"] = "deferred"  # after a frame's box is out | before the next one is sought
    gated: bool = True  # False: at every due frame, as published
    update_min: float = 0.6  # least raw score: better than 0.3 on training and validation clips (docs/dsatrack.md)
    of_median: float = 0.5  # least score, share of the median of the last frames
    window: int = 30  # frames of that median
    least_gap: int = 5  # frames between two updates
    adapt: float = 0.5  # share of the newest view, rule ``blend``

    def __post_init__(self) -> None:
        shares = (self.update_min, self.of_median, self.adapt)
        if not all(0 <= share <= 1 for share in shares) or self.window < 1 or self.least_gap < 1:
            raise InvalidParameter(
                f"memory settings {self}; expected update_min, of_median and adapt of 0 to 1 and at least 1 frame; "
                "correct them"
            )


def flown_rule(*, keeps_tokens: bool, learnt: bool) -> MemoryRule:
    """What weights fly with.

    Args:
        keeps_tokens: the row ranks tokens; else it has one moving average.
        learnt: the weights have been through a stage with several templates.
    """
    if not learnt:
        return "fixed"
    return "ranked" if keeps_tokens else "blend"


PUBLISHED = MemorySettings(order="immediate", gated=False)


def interval(t: int) -> int:
    """Frames between updates at frame ``t`` after the first: 5 up to 100, doubled every 100 frames, 160 from 501."""
    return 5 << min(max((t - 1) // 100, 0), 5)


def is_due(t: int) -> bool:
    """Whether frame ``t`` (1, 2, ...) asks for an update."""
    return t > 0 and t % interval(t) == 0


class UpdateGate:
    """Counts frames and decides; an update that was due and not allowed waits for the next good frame."""

    def __init__(self, settings: MemorySettings) -> None:
        self._settings = settings
        self.reset()

    def reset(self) -> None:
        """A new target."""
        self._t = 0
        self._pending = False
        self._last = -self._settings.least_gap
        self._scores: deque[float] = deque(maxlen=self._settings.window)

    def step(self, score: float, *, at_border: bool) -> bool:
        """After a frame's box is known: whether this view is to be remembered.

        Args:
            score: raw, of the chosen cell.
            at_border: the box touches the image's border, so the view is cut.
        """
        self._t += 1
        self._scores.append(score)
        # With ``immediate`` a view is taken one frame ahead: the due frame is tracked with it.
        due = is_due(self._t + (self._settings.order == "immediate"))
        self._pending = self._settings.rule != "fixed" and (self._pending or due)
        if not self._pending or not self._allowed(score, at_border):
            return False
        self._pending, self._last = False, self._t
        return True

    def take_back(self) -> None:
        """The view that was just taken is not believed after all: try again later."""
        self._pending = True

    def _allowed(self, score: float, at_border: bool) -> bool:
        if not self._settings.gated:
            return True
        usual = self._settings.of_median * statistics.median(self._scores)
        early = self._t - self._last < self._settings.least_gap
        return not at_border and not early and score >= max(usual, self._settings.update_min)
