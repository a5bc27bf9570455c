"""Networks whose weights are drawn by NumPy, so that stored numbers outlive torch's generators."""

from __future__ import annotations

import math
import zlib

import numpy as np
import torch
from torch import nn

# layers whose outputs are multiplied with each other, or pass a sigmoid or an exponential
QUIET = {"trunk.conv5": 0.1, "head.score.": 0.1, "head.centerness": 0.1, "head.reach": 0.02}


def seeded(network: nn.Module) -> nn.Module:
    """The network in eval mode, each array from a generator of its name; maps vary as those of a trained one."""
    with torch.no_grad():
        for name, value in network.state_dict().items():
            if not value.is_floating_point():
                continue
            rng = np.random.default_rng(zlib.crc32(name.encode()))
            shape = tuple(value.shape)
            if value.ndim == 4:
                drawn = rng.standard_normal(shape) * math.sqrt(2 / math.prod(shape[1:]))
                drawn *= next((factor for start, factor in QUIET.items() if name.startswith(start)), 1.0)
            elif name.endswith(("running_var", "bn.weight")):
                drawn = rng.uniform(0.6, 1.4, shape)
            elif name.endswith("reach_scale"):
                drawn = np.ones(shape)
            else:
                drawn = rng.standard_normal(shape) * 0.1
            value.copy_(torch.from_numpy(drawn))
    return network.eval()


def crop(size: int, seed: int) -> np.ndarray:
    """(1, size, size, 3) uint8 of smooth colours."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (1, size // 9 + 2, size // 9 + 2, 3)).astype(np.float64)
    fine = coarse.repeat(9, 1).repeat(9, 2)[:, :size, :size]
    return np.clip(fine + rng.normal(0, 12, fine.shape), 0, 255).astype(np.uint8)
