"""Fold what is constant at flight time into the convolutions: batch normalisation and the input's normalisation.

Exact but for rounding: no convolution of the trunk is padded, so the mean colour never meets a border of zeros.
"""

from __future__ import annotations

import copy
from typing import TypeVar

import torch
from torch import Tensor, nn

from uav_tracker_ros.trackers.siamfcpp.network import Block, Normalise

Network = TypeVar("Network", bound=nn.Module)


class Planes(nn.Module):
    """(B, S, S, 3) BGR 0 to 255 -> (B, 3, S, S) float: what is left of the input's normalisation."""

    def forward(self, bgr: Tensor) -> Tensor:
        """See the class."""
        return bgr.permute(0, 3, 1, 2).float()


def folded(network: Network) -> Network:
    """A copy in eval mode whose graph has convolutions only.

    Args:
        network: with ``normalise`` and ``trunk.conv1``, as ``SiamFCpp`` and ``SiamCar`` have them; not changed.
    """
    result = copy.deepcopy(network).eval()
    with torch.no_grad():
        for module in result.modules():
            if isinstance(module, Block):
                _fold_norm(module)
        _fold_input(result.trunk.conv1.conv, result.normalise)
    result.normalise = Planes()
    return result


def _fold_norm(block: Block) -> None:
    norm = block.bn
    if isinstance(norm, nn.Identity):
        return
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    block.conv.weight.mul_(scale[:, None, None, None])
    block.conv.bias.copy_((block.conv.bias - norm.running_mean) * scale + norm.bias)
    block.bn = nn.Identity()


def _fold_input(first: nn.Conv2d, normalise: Normalise) -> None:
    first.weight.div_(normalise.std)
    first.bias.sub_((first.weight * normalise.mean).sum((1, 2, 3)))
