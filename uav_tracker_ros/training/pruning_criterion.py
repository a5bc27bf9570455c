"""Which filters stay: average rank of their maps, with a tolerance that noise does not pass.

Source: HRank (Lin et al., CVPR 2020), as P-SiamFC++ takes it. The plain numerical rank saturates: a rectified map of
noise of 147 x 147 has rank 147, and rounding would decide. So singular values count from one thousandth of the
largest, and ties are broken by the stable rank, the sum of squared singular values over the largest squared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from uav_tracker_ros.training.networks import Network
from uav_tracker_ros.training.pruning import Layer, kept_count

Criterion = Literal["rank", "hrank"]
TOLERANCE = 1e-3  # of the largest singular value
_FP32 = float(np.finfo(np.float32).eps)
_SATURATED = 0.9  # share of filters within one per cent of the layer's highest mean rank


class Ranks(NamedTuple):
    """(filters,) means over all images; of tied blocks the sum, each scaled by its map's side."""

    rank: NDArray[np.float64]  # singular values above the tolerance
    stable: NDArray[np.float64]  # stable rank
    hrank: NDArray[np.float64]  # numerical rank with fp32's own tolerance, as HRank's authors take it


class Choice(NamedTuple):
    """What stays of a layer, and by which figure."""

    kept: Tensor  # ascending int64 indices
    by_stable_rank: bool  # the rank was saturated


def map_ranks(maps: Tensor) -> Tensor:
    """(..., H, W) -> (3, ...): rank with tolerance, stable rank, numerical rank of fp32. An empty map has 0."""
    values = maps.double()
    if values.shape[-2] > values.shape[-1]:
        values = values.transpose(-1, -2)
    squared = torch.linalg.eigvalsh(values @ values.transpose(-1, -2)).clamp(min=0)  # of the singular values
    largest = squared[..., -1:]
    there = largest[..., 0] > 0
    share = squared / torch.where(largest > 0, largest, 1.0)
    fp32 = (max(maps.shape[-2:]) * _FP32) ** 2
    figures = (share > TOLERANCE**2).sum(-1), share.sum(-1), (share > fp32).sum(-1)
    return torch.stack([figure.double() * there for figure in figures])


def measure(
    network: Network,
    layers: Sequence[Layer],
    pairs: Iterable[tuple[NDArray[np.uint8], NDArray[np.uint8]]],
    progress: Callable[[], None] = lambda: None,
) -> dict[Layer, Ranks]:
    """Mean ranks of the layers' maps on search crops; blocks of the template branch are measured on the template.

    Args:
        network: trained; in eval mode.
        layers: to be ranked.
        pairs: template (127, 127, 3) and search crop (S, S, 3), uint8 BGR, of one target each; at least one.
        progress: called after each pair.
    """
    blocks = dict(network.named_modules())
    wanted = {name: blocks[name] for layer in layers for name in layer.producers}
    sums: dict[str, Tensor] = {}
    sides: dict[str, int] = {}
    count = 0
    with torch.inference_mode():
        for template, search in pairs:
            for name, maps in _outputs(network, wanted, template, search).items():
                sums[name] = sums.get(name, 0) + map_ranks(maps[0])
                sides[name] = int(maps.shape[-1])
            count += 1
            progress()
    ranks = {}
    for layer in layers:
        scale = [sides[name] if len(layer.producers) > 1 else 1 for name in layer.producers]
        total = sum(sums[name] / count / side for name, side in zip(layer.producers, scale, strict=True))
        ranks[layer] = Ranks(*(figure.cpu().numpy() for figure in total))
    return ranks


def _outputs(network: Network, wanted: Mapping[str, torch.nn.Module], template: NDArray[np.uint8],
             search: NDArray[np.uint8]) -> dict[str, Tensor]:  # fmt: skip
    device = next(network.parameters()).device
    seen: dict[str, Tensor] = {}
    hooks = [
        block.register_forward_hook(lambda _, __, output, name=name: seen.__setitem__(name, output))
        for name, block in wanted.items()
    ]
    try:
        kernels = network.template(torch.from_numpy(template[None]).to(device))
        network.search(torch.from_numpy(search[None]).to(device), kernels)  # blocks of both branches: the later wins
    finally:
        for hook in hooks:
            hook.remove()
    return seen


def choose(ranks: Ranks, rho: float, criterion: Criterion = "rank") -> Choice:
    """The filters of highest mean rank; then of highest stable rank; then of lowest index.

    Where more than nine filters of ten lie within one per cent of the highest rank, the stable rank decides.
    """
    first = ranks.hrank if criterion == "hrank" else ranks.rank
    highest = float(first.max())
    saturated = criterion == "rank" and float((first >= 0.99 * highest).mean()) > _SATURATED and len(first) > 1
    keys = (ranks.stable, first) if saturated else (first, ranks.stable)
    order = np.lexsort((np.arange(len(first)), -keys[1], -keys[0]))
    kept = np.sort(order[: kept_count(len(first), rho)])
    return Choice(torch.from_numpy(kept.astype(np.int64)), saturated)
