"""Which blocks of a 12-layer row can go: ranking by contribution, and by order for comparison.

Source: Zhou et al. (NeurIPS 2025), section 3.3, eq. 14 to 18. A layer's contribution is 1 less the mean cosine of its
input and output tokens. The paper's table has no score for layer 1: it is never dropped. Semantic-aware layers and
plain ones are ranked apart: one ranking would drop all three graphs from the smallest row.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from uav_tracker_ros.errors import InvalidParameter
from uav_tracker_ros.geometry import Box
from uav_tracker_ros.trackers.dsatrack.network import DsaTrack
from uav_tracker_ros.trackers.dsatrack.rows import Row
from uav_tracker_ros.trackers.search_region import SETTINGS, SearchRegion
from uav_tracker_ros.training.dsatrack_weights import load_teacher

# the paper's table 1: contributions of dsatrack_vit_b's layers 2 to 12, measured on UAV123
PUBLISHED_CONTRIBUTIONS = {
    2: 0.1325, 3: 0.0739, 4: 0.0615, 5: 0.0581, 6: 0.0429, 7: 0.0457, 8: 0.0438, 9: 0.0358, 10: 0.0428, 11: 0.0657,
    12: 0.1444,
}  # fmt: skip
PUBLISHED_RATIOS = {
    "dsatrack_d8": (Fraction(2, 3), Fraction(2, 9)),
    "dsatrack_d7": (Fraction(2, 3), Fraction(3, 9)),
    "dsatrack_d6": (Fraction(2, 3), Fraction(4, 9)),
    "dsatrack_d4": (Fraction(2, 3), Fraction(6, 9)),
}


class Example(NamedTuple):
    """One frame as the network sees it."""

    templates: NDArray[np.uint8]  # (3, 128, 128, 3) BGR
    search: NDArray[np.uint8]  # (256, 256, 3) BGR


def semantic_layers(row: Row) -> tuple[int, ...]:
    """Layers, counted from 1, that have a graph over template tokens."""
    return tuple(row.layers[index] for index, _ in row.keep)


def kept_by_contribution(
    contributions: Mapping[int, float], row: Row, semantic_ratio: Fraction, plain_ratio: Fraction
) -> tuple[int, ...]:
    """Layers that stay when the lowest contributions of each kind go.

    Args:
        contributions: by layer, 2 to 12; a layer without one is never dropped.
        row: that was measured.
        semantic_ratio: share of the semantic-aware layers to drop, rounded up (p_d).
        plain_ratio: share of the others (p_s).

    Raises:
        InvalidParameter: a ratio outside 0 to 1, or one that drops layers without a contribution.
    """
    lowest = {layer: contributions.get(layer, math.inf) for layer in row.layers}
    return _without(row, semantic_ratio, plain_ratio, lambda layers: sorted(layers, key=lambda k: (lowest[k], k)))


def kept_in_sequence(row: Row, semantic_ratio: Fraction, plain_ratio: Fraction) -> tuple[int, ...]:
    """Layers that stay when the first of each kind go, from layer 2 on: the baseline without measuring."""
    return _without(row, semantic_ratio, plain_ratio, lambda layers: sorted(layers, key=lambda k: (k == 1, k)))


def pruned_row(row: Row, layers: Sequence[int], name: str) -> Row:
    """The row of these layers; the first semantic-aware one keeps as many tokens as the larger row's first."""
    semantic = [layer for layer in semantic_layers(row) if layer in layers]
    keep = tuple((layers.index(layer), count) for layer, (_, count) in zip(semantic, row.keep, strict=False))
    return Row(name, row.width, tuple(layers), keep, row.slots, row.head_channels, row.trunk)


def contributions(network: DsaTrack, examples: Iterable[Example]) -> dict[int, float]:
    """Contribution of each layer but the first, the mean over examples and tokens.

    Tokens that a block drops count where they are on both of its sides.

    Args:
        network: in eval mode; of any form.
        examples: frames of sequences that judge nothing.

    Raises:
        InvalidParameter: no example.
    """
    sums = torch.zeros(len(network.row.layers), dtype=torch.float64)
    count = 0
    for example in examples:
        with torch.inference_mode():
            templates = torch.from_numpy(example.templates[: network.row.slots])[None]
            z = network.backbone.embed_templates(templates)
            seen = network.backbone.both(z, network.backbone.embed_search(torch.from_numpy(example.search)[None]))
        there = torch.ones(1, seen.hidden[0].shape[1])
        masks = dict(zip(sorted(network.backbone.keep), seen.kept, strict=False))
        for index, (before, after) in enumerate(zip(seen.hidden, seen.hidden[1:], strict=False)):
            if network.form.eliminate == "both" and index in masks:
                there = torch.cat([masks[index], torch.ones(1, there.shape[1] - masks[index].shape[1])], 1)
            sums[index] += 1 - _mean_cosine(before, after, there)
        count += 1
    if not count:
        raise InvalidParameter("no frame to measure contributions on; expected at least one; give sequences with boxes")
    return {layer: float(sums[index]) / count for index, layer in enumerate(network.row.layers) if index > 0}


def examples_of(
    read: Callable[[int], NDArray[np.uint8]], boxes: Sequence[Box | None], every: int = 1
) -> Iterable[Example]:
    """Frames of one sequence: three copies of the first target as template, each search around the box before.

    Args:
        read: gives image ``number``, (H, W, 3) BGR.
        boxes: one an image, px; None: the target is not there, and the frame after it is left out.
        every: which share of the frames is taken.
    """
    first = next((number for number, box in enumerate(boxes) if box is not None), None)
    if first is None:
        return
    box, image = boxes[first], read(first)
    assert box is not None  # noqa: S101 - for the type checker
    region = SearchRegion(SETTINGS["dsatrack"])
    region.start(image, box)
    template = np.repeat(region.template(image, box), 3, 0)
    for number in range(first + 1, len(boxes), every):
        before = boxes[number - 1]
        if before is not None and boxes[number] is not None:
            yield Example(template, region.search(read(number), region.search_window(before))[0].copy())


def prune(network: DsaTrack, layers: Sequence[int], name: str) -> DsaTrack:
    """The network of these layers with the weights that they have in the larger one."""
    smaller = DsaTrack(pruned_row(network.row, layers, name), network.form)
    load_teacher(smaller, network)
    return smaller.eval()


def _mean_cosine(before: Tensor, after: Tensor, there: Tensor) -> float:
    cosine = torch.nn.functional.cosine_similarity(before.double(), after.double(), dim=2)
    return float((cosine * there).sum() / there.sum())


def _without(
    row: Row, semantic_ratio: Fraction, plain_ratio: Fraction, order: Callable[[Iterable[int]], list[int]]
) -> tuple[int, ...]:
    semantic = semantic_layers(row)
    plain = tuple(layer for layer in row.layers if layer not in semantic)
    dropped: set[int] = set()
    for layers, ratio in ((semantic, semantic_ratio), (plain, plain_ratio)):
        number = math.ceil(ratio * len(layers))
        if not 0 <= ratio <= 1 or (1 in layers and number >= len(layers)):
            raise InvalidParameter(
                f"ratio {ratio} of {len(layers)} layers; expected 0 to 1, with layer 1 left; give a smaller one"
            )
        dropped.update(order(layers)[:number])
    return tuple(layer for layer in row.layers if layer not in dropped)
