"""A row that is quick to run and has three semantic-aware blocks, and weights that outlive torch's generators."""

from __future__ import annotations

import zlib

import numpy as np

from uav_tracker_ros.trackers.dsatrack.rows import Row

SMALL = Row("small", 128, (1, 2, 3, 4), ((1, 172), (2, 153), (3, 134)), head_channels=32)


def filled(network):
    """The network in eval mode, each array drawn by NumPy from a generator of its name; no part is idle."""
    import torch

    with torch.no_grad():
        for name, value in network.state_dict().items():
            if not value.is_floating_point():
                continue
            rng = np.random.default_rng(zlib.crc32(name.encode()))
            drawn = rng.standard_normal(tuple(value.shape))
            scale = ("norm" in name or ".gn." in name) and name.endswith("weight")
            if name.endswith("running_var"):
                drawn = 1 + 0.2 * np.abs(drawn)
            elif ".dsa." in name:
                drawn = 0.6 * drawn + scale
            elif value.ndim == 4:
                drawn *= (2 / np.prod(value.shape[1:])) ** 0.5
            elif scale:
                drawn = 1 + 0.1 * drawn
            else:
                drawn *= 0.12 if value.ndim < 2 or value.shape[-1] <= 192 else 0.05
            value.copy_(torch.from_numpy(drawn))
    return network.eval()


def picture(size: int, seed: int) -> np.ndarray:
    """(1, size, size, 3) uint8 of smooth colours with some noise."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (1, size // 8, size // 8, 3)).astype(np.float64)
    fine = coarse.repeat(8, 1).repeat(8, 2)
    return np.clip(fine + rng.normal(0, 12, fine.shape), 0, 255).astype(np.uint8)
