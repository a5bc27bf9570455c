"""Drawn frames to time trackers on: a textured target on textured ground, always inside the image."""

from __future__ import annotations

import math

import cv2
import numpy as np

from uav_tracker_ros.errors import InvalidParameter
from uav_tracker_ros.geometry import Box, Image

TARGET = (80, 60)  # px, width and height
_PERIOD = 120  # steps of one round of the path
_GRAIN = 6  # px of one grain of texture


class Scene:
    """Frames of one size; the same size gives the same frames.

    Raises:
        InvalidParameter: too small for the target and its search window.
    """

    def __init__(self, width: int, height: int) -> None:
        if width < 8 * TARGET[0] or height < 6 * TARGET[1]:
            raise InvalidParameter(
                f"frames of {width} x {height} px; expected at least {8 * TARGET[0]} x {6 * TARGET[1]}, so that the "
                "search stays inside the image; choose a larger size"
            )
        self.width, self.height = width, height
        generator = np.random.default_rng(0)
        self._ground = _texture(generator, width, height, 40, 150)
        self._target = _texture(generator, *TARGET, 90, 256)

    def __call__(self, step: int) -> tuple[Image, Box]:
        """(height, width, 3) uint8 BGR in memory of its own, as a camera's frames are, and the true box."""
        angle = 2 * math.pi * step / _PERIOD
        reach = 0.08 * self.height
        x = round(self.width / 2 - TARGET[0] / 2 + reach * math.cos(angle))
        y = round(self.height / 2 - TARGET[1] / 2 + reach * math.sin(angle))
        image = self._ground.copy()
        image[y : y + TARGET[1], x : x + TARGET[0]] = self._target
        return image, Box(float(x), float(y), float(TARGET[0]), float(TARGET[1]))


def _texture(generator: np.random.Generator, width: int, height: int, low: int, high: int) -> Image:
    grains = generator.integers(low, high, (height // _GRAIN + 2, width // _GRAIN + 2, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(grains, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
