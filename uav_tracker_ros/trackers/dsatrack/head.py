"""The centre head: score, offset and size of each cell of the search region.

Source: the centre head of OSTrack (Ye et al., ECCV 2022), which Zhou et al. (NeurIPS 2025, section 3.4) take over.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from uav_tracker_ros.trackers.dsatrack.rows import MAP

_LEAST = 1e-4  # score and size stay this far from 0 and 1: the focal loss takes their logarithms
_PRIOR_LOGIT = -2.19  # score 0.1 everywhere at first, else the first epochs only learn the background


class HeadMaps(NamedTuple):
    """Maps of 16x16 cells; sizes and offsets as width, height and x, y."""

    logit: Tensor  # (B, 1, 16, 16) before the sigmoid
    score: Tensor  # (B, 1, 16, 16) 0 to 1
    size: Tensor  # (B, 2, 16, 16) share of the crop
    offset: Tensor  # (B, 2, 16, 16) cells, from a cell's corner to the target's centre


class CentreHead(nn.Module):
    """Three branches of the same form on the search tokens."""

    def __init__(self, width: int, channels: int) -> None:
        super().__init__()
        self.score, self.offset, self.size = (_branch(width, channels, outputs) for outputs in (1, 2, 2))
        for parameter in self.parameters():
            if parameter.dim() > 1:
                nn.init.xavier_uniform_(parameter)
        nn.init.constant_(self.score[-1].bias, _PRIOR_LOGIT)

    def forward(self, tokens: Tensor) -> HeadMaps:
        """(B, 256, D) search tokens, row by row -> maps."""
        batch, _, width = (int(size) for size in tokens.shape)
        features = tokens.transpose(1, 2).reshape(batch, width, MAP, MAP)
        logit = self.score(features)
        size = torch.sigmoid(self.size(features)).clamp(_LEAST, 1 - _LEAST)
        return HeadMaps(logit, torch.sigmoid(logit).clamp(_LEAST, 1 - _LEAST), size, self.offset(features))


def _branch(width: int, channels: int, outputs: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for number in range(4):
        wide = channels >> number
        layers += [nn.Conv2d(width, wide, 3, padding=1), nn.BatchNorm2d(wide), nn.ReLU(inplace=True)]
        width = wide
    return nn.Sequential(*layers, nn.Conv2d(width, outputs, 1))
