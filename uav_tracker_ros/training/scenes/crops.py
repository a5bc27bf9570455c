"""Random crops of every picture there is: what a trunk is distilled on."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from uav_tracker_ros.training.scenes import augment
from uav_tracker_ros.training.scenes.cropping import Window, crop
from uav_tracker_ros.training.scenes.pictures import Pictures, decode

_PER_CLIP = 12  # frames of one clip that count as pictures of their own
_SIDES_PX = (56.0, 300.0)  # of the window, px of the picture: as template and search windows have


class CropSource:
    """Crop ``index`` of a seed; the same index gives the same crop."""

    def __init__(self, pictures: Pictures, seed: int, size: int, *, strength: float = 0.5) -> None:
        self.seed, self.size, self.strength = seed, size, strength
        self.encoded = [still.encoded for still in pictures.stills] + list(pictures.backgrounds)
        for clip in pictures.clips:
            step = max(1, len(clip.frames) // _PER_CLIP)
            self.encoded.extend(clip.frames[::step])

    def draw(self, index: int) -> dict[str, NDArray[np.generic]]:
        """``crop``: (size, size, 3) uint8 BGR."""
        rng = np.random.default_rng((self.seed, index))
        image = decode(self.encoded[int(rng.integers(len(self.encoded)))])
        height, width = image.shape[:2]
        most = min(_SIDES_PX[1], max(height, width))
        side = math.exp(rng.uniform(math.log(_SIDES_PX[0]), math.log(max(most, _SIDES_PX[0] + 1))))
        reach = np.maximum(np.array([width, height]) - side, 0) / 2
        x, y = np.array([width, height]) / 2 + rng.uniform(-1, 1, 2) * reach
        turn = rng.uniform(-math.pi, math.pi) if rng.random() < 0.2 else rng.uniform(-0.2, 0.2)
        out, _ = crop(image, Window(x, y, side, turn), self.size, flip=bool(rng.random() < 0.5))
        return {"crop": augment.augment_one(out, rng, self.strength)}
