"""What the dynamic semantic-aware module is compared with: a receptive field of fixed shape, and none.

Source: Zhou et al. (NeurIPS 2025), section 4.3 and table 4: "static" applies a 3x3 convolution to the correlation maps,
the baseline leaves them alone. Where the text is silent: the convolution runs over the search region's cells, one map a
template token, and mixes the heads as the dynamic module does. It cannot run over the template's cells: the memory is
a set of tokens of several templates, which have no neighbours. Tokens are ranked by the same network in all three, so
that memory and elimination stay and only the map differs.

Letters: B batch, h heads, n template tokens (nodes), m search tokens (probes), d channels of a head.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own idiom

from uav_tracker_ros.trackers.dsatrack.rows import MAP, Form
from uav_tracker_ros.trackers.dsatrack.semantic_graph import (
    SemanticGraph,
    Semantics,
    class_gap,
    head_statistics,
    ranking,
    start_scale,
)


class PlainMap(nn.Module):
    """``attn.dsa`` of the baseline: the correlation as it is; tokens are ranked by it."""

    def __init__(self, heads: int) -> None:
        super().__init__()
        self.rank = ranking(heads)
        self.noise = 1.0  # scale of the training noise of the choice of tokens

    def forward(self, probes: Tensor, nodes: Tensor, correlation: Tensor, valid: Tensor | None) -> Semantics:
        """See :meth:`SemanticGraph.forward`."""
        with torch.autocast(probes.device.type, enabled=False):
            semantic = self.modelled(correlation.float(), valid)
            return Semantics(semantic, class_gap(self.rank, semantic.mean(2).transpose(1, 2)), None)

    def modelled(self, correlation: Tensor, valid: Tensor | None) -> Tensor:
        """(B, h, m, n) -> the same shape."""
        return correlation


class StaticMap(PlainMap):
    """``attn.dsa`` with a fixed receptive field: each cell of the search region and its eight neighbours."""

    def __init__(self, heads: int, form: Form) -> None:
        super().__init__(heads)
        self.conv = nn.Conv2d(heads, heads, 3, padding=1)
        self.gn = nn.GroupNorm(heads, heads)
        start_scale(self.gn, form)

    def modelled(self, correlation: Tensor, valid: Tensor | None) -> Tensor:
        """C + norm(conv(C)), the norm per head over the template tokens that are there."""
        convolved = self.convolved(correlation)
        mean, scale = head_statistics(convolved, valid, self.gn.eps)
        gain, shift = self.gn.weight[:, None, None], self.gn.bias[:, None, None]
        return correlation + ((convolved - mean) * (gain * scale) + shift)

    def convolved(self, correlation: Tensor) -> Tensor:
        """The convolution of each token's map; tokens do not meet: a kernel of 1 along them saves two transposes."""
        cells = correlation.unflatten(2, (MAP, MAP))
        return F.conv3d(cells, self.conv.weight[..., None], self.conv.bias, padding=(1, 1, 0)).flatten(2, 3)


def semantic_module(heads: int, form: Form) -> SemanticGraph | PlainMap:
    """The module that a form has at its semantic-aware blocks."""
    if form.semantics == "dynamic":
        return SemanticGraph(heads, form)
    return StaticMap(heads, form) if form.semantics == "static" else PlainMap(heads)
