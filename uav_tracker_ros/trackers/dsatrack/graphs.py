"""The graphs of the family that fly, with constant shapes."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from uav_tracker_ros.backends.graph import Graph
from uav_tracker_ros.trackers.dsatrack.network import Backbone, DsaTrack, PatchEmbed
from uav_tracker_ros.trackers.dsatrack.rows import SEARCH_PX, TEMPLATE_PX
from uav_tracker_ros.trackers.dsatrack.semantic_graph import SemanticGraph, edge_roots

_STATE = ("memory", "keys", "values")


class FoldedPatchEmbed(nn.Module):
    """Patch embedding of raw BGR values; exact but for rounding, since no patch is padded."""

    def __init__(self, embed: PatchEmbed) -> None:
        super().__init__()
        self.proj = copy.deepcopy(embed.proj)
        with torch.no_grad():
            weight = embed.proj.weight.double() / embed.std.double()
            self.proj.weight.copy_(weight.flip(1))
            self.proj.bias.copy_(embed.proj.bias.double() - (weight * embed.mean.double()).sum((1, 2, 3)))

    def forward(self, crop: Tensor) -> Tensor:
        """(B, S, S, 3) uint8 BGR -> (B, (S/16)^2, D)."""
        tokens: Tensor = self.proj(crop.permute(0, 3, 1, 2).float()).flatten(2).transpose(1, 2)
        return tokens


class ChannelAffine(nn.Module):
    """Batch normalisation at flight time: one factor and one term a channel.

    Not folded into the convolution here: its kernel keeps the numbers of the file, which half precision holds.
    Runtimes fold it when they load the graph.
    """

    def __init__(self, norm: nn.BatchNorm2d) -> None:
        super().__init__()
        scale = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
        shift = norm.bias.double() - norm.running_mean.double() * scale
        self.register_buffer("scale", scale.detach().float()[:, None, None])
        self.register_buffer("shift", shift.detach().float()[:, None, None])

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same shape."""
        return x * self.scale + self.shift


def ready_to_fly(network: DsaTrack) -> DsaTrack:
    """A copy in eval mode with its normalisations as constants; hard edges are found by their roots."""
    ready = copy.deepcopy(network).eval().requires_grad_(requires_grad=False)
    backbone: Backbone = ready.backbone
    backbone.patch_embed = FoldedPatchEmbed(backbone.patch_embed)
    for branch in (ready.head.score, ready.head.offset, ready.head.size):
        for number, layer in enumerate(branch):
            if isinstance(layer, nn.BatchNorm2d):
                branch[number] = ChannelAffine(layer)
    for module in ready.modules():
        if isinstance(module, SemanticGraph) and module.form.edges == "hard":
            module.roots = edge_roots(module)
    return ready


def flight_graphs(network: DsaTrack) -> dict[str, Graph]:
    """``template``, ``track`` and ``update`` of a copy: crops (1, S, S, 3) uint8 BGR in, fp32 out.

    ``update`` ranks by a search crop in rows with semantic-aware blocks; in the others it blends by a share (1,).
    """
    ready = ready_to_fly(network)
    crop = torch.zeros(1, TEMPLATE_PX, TEMPLATE_PX, 3, dtype=torch.uint8)
    search = torch.zeros(1, SEARCH_PX, SEARCH_PX, 3, dtype=torch.uint8)
    with torch.no_grad():  # not inference_mode: the exporter traces with these tensors
        state = ready.template(crop)
        memory = state[0]
    names = _STATE[: len(state)]
    tracked = dict(zip(_STATE[1:], state[1:], strict=False)) if ready.form.cached else {"memory": memory}
    if ready.row.keep:
        update = Graph(
            ready,
            ready.update,
            {"memory": memory, "crop": crop, "search": search},
            ("new_memory", *names[1:]),
        )
    else:
        share = torch.full((1,), 0.5)
        update = Graph(ready, ready.blend, {"memory": memory, "crop": crop, "share": share}, ("new_memory", *names[1:]))
    return {
        "template": Graph(ready, ready.template, {"crop": crop}, names),
        "track": Graph(ready, ready.track, {"crop": search, **tracked}, ("score", "size", "offset", "mass")),
        "update": update,
    }
