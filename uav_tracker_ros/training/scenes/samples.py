"""What a replay buffer is filled from: sample ``index`` of a seed as a dictionary of arrays of fixed shapes."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from uav_tracker_ros.training.scenes.pairs import SOURCES, PairSampler

Sample = dict[str, NDArray[Any]]


class Source(Protocol):
    """Draws samples that depend on their index and a seed alone."""

    def draw(self, index: int) -> Sample:
        """Sample ``index``; every sample has the same keys, shapes and types."""
        ...


class PairSource:
    """Templates, search region and box.

    ``templates`` (N, T, T, 3) and ``search`` (S, S, 3) uint8 BGR, ``box`` (4,) float32 px of ``search`` (NaN: absent),
    ``box_weight`` and ``source`` (its number in :data:`SOURCES`) float32.
    """

    def __init__(self, sampler: PairSampler) -> None:
        self._sampler = sampler

    def draw(self, index: int) -> Sample:
        """See :class:`Source`."""
        self._sampler.seek(index)
        pair = self._sampler.draw()
        return {
            "templates": np.stack(pair.templates),
            "search": pair.search,
            "box": pair.box,
            "box_weight": np.array(pair.box_weight, np.float32),
            "source": np.array(SOURCES.index(pair.source), np.float32),
        }
