"""Tells a camera that repeats one picture from one that shows a still scene: only the noise differs."""

from __future__ import annotations

import zlib

import numpy as np

from uav_tracker_ros.geometry import Image

FROZEN_AFTER = 5  # pictures that are equal to the one before; a live sensor's noise never repeats
STRIDE = 8  # every eighth pixel in both directions: 0.1 ms for a megapixel


class FrozenImages:
    """Compares each picture with the one before."""

    def __init__(self) -> None:
        self._last = -1
        self._repeats = 0

    def add(self, image: Image) -> bool:
        """The next picture; True from the fifth repetition on.

        Args:
            image: as the tracker gets it.
        """
        digest = zlib.crc32(np.ascontiguousarray(image[::STRIDE, ::STRIDE]).tobytes())
        self._repeats = self._repeats + 1 if digest == self._last else 0
        self._last = digest
        return self._repeats >= FROZEN_AFTER
