"""What every tracker is and says."""

from __future__ import annotations

from typing import NamedTuple, Protocol, runtime_checkable

from uav_tracker_ros.geometry import Box, Image

__all__ = ["Box", "Image", "Observation", "PeakFeatures", "Probing", "Settling", "Tracker"]


class PeakFeatures(NamedTuple):
    """What confidence is computed from. NaN: this family does not measure it."""

    peak: float  # score before penalty and window
    penalized_peak: float = float("nan")  # score after them
    apce: float = float("nan")  # (max - min)^2 / mean((map - min)^2)
    psr: float = float("nan")  # (max - mean) / std outside 5x5 around the peak
    second_ratio: float = float("nan")  # largest value outside the predicted box / peak
    size_change: float = 1.0  # max(r, 1/r) of the size against the last frame's
    border: float = 0.0  # share of the box outside the image
    similarity: float = float("nan")  # cosine of template and search features
    drop: float = float("nan")  # score less its own running mean: 0 as usual, negative for worse than usual


class Observation(NamedTuple):
    """What one frame says of the target."""

    box: Box  # px of that image
    score: float  # raw peak of the response, the family's own scale
    features: PeakFeatures


class Tracker(Protocol):
    """Follows one box. The same frames give the same boxes; images are not copied or changed."""

    def initialize(self, image: Image, box: Box) -> None:
        """Take ``box`` on ``image`` as the target; forgets any target before.

        Raises:
            InvalidImage: empty, wrong shape or type.
            InvalidBox: NaN, zero size, or (nearly) outside the image.
        """

    def update(self, image: Image) -> Observation:
        """Find the target in the newest image; the order of calls is time.

        Raises:
            NotInitialized: before :meth:`initialize`.
            InvalidImage: empty, or of another shape than the first.
        """
        ...


@runtime_checkable
class Probing(Tracker, Protocol):
    """A tracker that can look elsewhere without moving there: what re-detection needs."""

    def probe(self, image: Image, region: Box) -> Observation:
        """Best place for the target inside ``region`` (the search window, px); state unchanged."""
        ...

    def move_to(self, box: Box) -> None:
        """Go on from ``box`` with the template kept."""


@runtime_checkable
class Settling(Tracker, Protocol):
    """A tracker that leaves work for after a frame's box is out."""

    def settle(self) -> None:
        """Do what the last :meth:`update` left. Not called, the next update does it first, with the same boxes."""
        ...
