"""A template that follows slowly how the target looks, and never forgets how it was selected.

A target that turns soon resembles its first view no more: a motorcycle is selected from behind and crosses the picture
broadside. Newer views are averaged with a rate, as correlation filters learn (Bolme et al., CVPR 2010, section 3.4), in
the network's own features; the first view keeps a fixed share. A view counts only while the score is as good as usual.
"""

from __future__ import annotations

import statistics
from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from uav_tracker_ros.errors import InvalidParameter

State = tuple[NDArray[np.float32], ...]
"""What the graph ``template`` gives."""


@dataclass(frozen=True)
class AdaptationSettings:
    """How the template moves; chosen on training clips."""

    share: float = 0.5  # of newer views in the template; the selected view has the rest
    rate: float = 0.3  # of the newest view in the average of the newer ones
    frames: int = 10  # between two views
    score_min: float = 0.5  # raw, below which a view is not believed
    of_median: float = 0.7  # the same, share of the median of the last scores
    window: int = 30  # frames of that median

    def __post_init__(self) -> None:
        shares = (self.share, self.rate, self.score_min, self.of_median)
        if not all(0 <= share <= 1 for share in shares) or self.frames < 1 or self.window < 1:
            raise InvalidParameter(
                f"adaptation settings {self}; expected shares of 0 to 1 and at least 1 frame; correct them"
            )


class AdaptiveTemplate:
    """The template of one target; what is tracked with is :attr:`state`."""

    def __init__(self, first: State, settings: AdaptationSettings) -> None:
        self.state = self._first = self._newer = first
        self._settings = settings
        self._frames = 0
        self._scores: deque[float] = deque(maxlen=settings.window)

    def wants(self, score: float, *, cut: bool) -> bool:
        """Whether the view in this frame's box is to be taken in; call it once a frame.

        Args:
            score: raw, of the chosen place.
            cut: a part of the box is outside the image.
        """
        self._frames += 1
        due = self._frames >= self._settings.frames and not cut
        believed = due and score >= max(self._settings.score_min, self._settings.of_median * self._usual())
        self._scores.append(score)
        if believed:
            self._frames = 0
        return believed

    def take(self, view: State) -> None:
        """Take a newer view in; one that is not finite is left out, it would stay in the average for good."""
        if not all(np.isfinite(part).all() for part in view):
            return
        share, rate = self._settings.share, self._settings.rate
        self._newer = _mixed(self._newer, view, rate)
        self.state = _mixed(self._first, self._newer, share)

    def _usual(self) -> float:
        return statistics.median(self._scores) if self._scores else 0.0


def _mixed(old: State, new: State, share: float) -> State:
    kept = np.float32(1 - share)
    return tuple(kept * before + np.float32(share) * after for before, after in zip(old, new, strict=True))
