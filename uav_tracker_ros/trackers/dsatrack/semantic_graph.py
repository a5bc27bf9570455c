"""The dynamic semantic-aware module: a graph over template tokens that smooths their correlation with the search.

Source: Zhou et al. (NeurIPS 2025), eq. 2 to 8. Where the text is silent: a relation is the scalar product over heads
of two tokens' mean correlations, so the graph is symmetric and shared by the heads; each edge has two classes; the
degree counts the token itself; the map is normalised per head before it is added to the correlation.

Letters: B batch, h heads, n template tokens (nodes), m search tokens (probes), d channels of a head.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own idiom

from uav_tracker_ros.trackers.dsatrack.rows import Form


class Semantics(NamedTuple):
    """What the module says of one block."""

    correlation: Tensor  # (B, h, m, n) semantic-aware map S
    relevance: Tensor  # (B, n) logit of keeping a token
    edge_gap: Tensor | None  # (B, n (n + 1) / 2) logit of keeping an edge, upper triangle; None: there is no graph


class SemanticGraph(nn.Module):
    """``attn.dsa`` of a semantic-aware block."""

    def __init__(self, heads: int, form: Form) -> None:
        super().__init__()
        self.form = form
        self.edge = nn.Sequential(nn.Linear(1, 16), nn.GELU(), nn.Linear(16, 8), nn.GELU(), nn.Linear(8, 2))
        self.mix = nn.Linear(heads, heads)
        self.gn = nn.GroupNorm(heads, heads)
        self.rank = ranking(heads)
        start_scale(self.gn, form)
        self.noise = 1.0  # scale of the training noise
        self.roots: tuple[float, tuple[float, ...]] | None = None  # hard edges without the network: see edge_roots

    def forward(self, probes: Tensor, nodes: Tensor, correlation: Tensor, valid: Tensor | None) -> Semantics:
        """Correlation of probes and nodes, smoothed over related nodes.

        Args:
            probes: (B, h, m, d), scaled.
            nodes: (B, h, n, d).
            correlation: (B, h, m, n), probes times nodes.
            valid: (B, n) of 0 and 1, nodes still there; None: all.
        """
        with torch.autocast(probes.device.type, enabled=False):
            probes, nodes, correlation = probes.float(), nodes.float(), correlation.float()
            pooled = (nodes @ probes.mean(2, keepdim=True).transpose(2, 3)).squeeze(3)  # mean over m of C
            relation = pooled.transpose(1, 2) @ pooled
            edges, gap = self.edges(relation)
            smoothing = self.smoothing(edges, valid)
            # P C is computed as probes times smoothed keys: n^2 d + m n d products instead of n^2 m.
            smoothed = probes @ (smoothing[:, None] @ nodes).transpose(2, 3)
            batch, heads, m, n = (int(size) for size in smoothed.shape)
            # Heads are mixed from the left: as a layer on the last axis it costs two transposes of the whole map.
            mixed = self.mix.weight @ smoothed.reshape(batch, heads, m * n) + self.mix.bias[:, None]
            mixed = mixed.reshape(batch, heads, m, n)
            mean, scale = head_statistics(mixed, valid, self.gn.eps)
            gain, shift = self.gn.weight[:, None, None], self.gn.bias[:, None, None]
            semantic = correlation + ((mixed - mean) * (gain * scale) + shift)
            # The mean of S over m, from pooled values alone.
            pooled_mix = self.mix.weight @ (pooled @ smoothing.transpose(1, 2)) + self.mix.bias[:, None]
            pooled_map = pooled + ((pooled_mix - mean[..., 0]) * (gain * scale)[..., 0] + shift[..., 0])
            return Semantics(semantic, class_gap(self.rank, pooled_map.transpose(1, 2)), gap)

    def edges(self, relation: Tensor) -> tuple[Tensor, Tensor]:
        """(B, n, n) relations -> (B, n, n) edges 0 to 1, exactly symmetric, and the upper triangle of their logits."""
        batch, n = int(relation.shape[0]), int(relation.shape[1])
        upper, mirror = _triangle(n, relation.device)
        relation = relation.reshape(batch, n * n).index_select(1, upper)  # one triangle only: rounding is not symmetric
        if self.roots is not None:
            gap, edges = relation, self._by_roots(relation, *self.roots)
        else:
            gap = class_gap(self.edge, relation[..., None])
            edges = self._edges_of(gap)
        return edges.index_select(1, mirror).reshape(batch, n, n), gap

    def _edges_of(self, gap: Tensor) -> Tensor:
        if self.training:
            return straight_through(gap, self.noise)
        return torch.sigmoid(gap) if self.form.edges == "mean" else (gap >= 0).float()

    @staticmethod
    def _by_roots(relation: Tensor, first: float, roots: tuple[float, ...]) -> Tensor:
        edges, sign = torch.full_like(relation, first), 1 - 2 * first
        for root in roots:
            edges = edges + sign * (relation >= root).float()
            sign = -sign
        return edges

    def smoothing(self, edges: Tensor, valid: Tensor | None) -> Tensor:
        """P: edges with each node its own neighbour, divided by the degree; rows sum to 1 with ``row``."""
        identity, others = _identity(int(edges.shape[1]), edges.device)
        if valid is not None:
            edges = edges * valid[:, None]
        edges = edges * others + identity
        degree = edges.sum(2)
        if self.form.normalise == "row":
            return edges / degree[..., None]
        root = degree.rsqrt()
        return edges * root[:, :, None] * root[:, None, :]


def ranking(heads: int) -> nn.Sequential:
    """A token's mean correlation of each head -> keep or drop."""
    return nn.Sequential(nn.Linear(heads, 384), nn.GELU(), nn.Linear(384, 192), nn.GELU(), nn.Linear(192, 2))


def start_scale(norm: nn.GroupNorm, form: Form) -> None:
    """A scale of 0 lets a pre-trained trunk start as plain attention; where the map only ranks, it must be seen."""
    nn.init.constant_(norm.weight, 0.0 if form.logits == "s" else 1.0)


def head_statistics(mixed: Tensor, valid: Tensor | None, eps: float) -> tuple[Tensor, Tensor]:
    """Mean and 1 / standard deviation of each head over the nodes that are there, (B, h, 1, 1).

    Args:
        mixed: (B, h, m, n).
        valid: (B, n) of 0 and 1; None: all.
        eps: added to the variance.
    """
    if valid is None:
        mean = mixed.mean((2, 3), keepdim=True)
        variance = ((mixed - mean) ** 2).mean((2, 3), keepdim=True)
    else:
        count = valid.sum(1).clamp(min=1)  # early in training a sample may drop every token
        weight = valid[:, None, None] / (count[:, None, None, None] * int(mixed.shape[2]))
        mean = (mixed * weight).sum((2, 3), keepdim=True)
        variance = ((mixed - mean) ** 2 * weight).sum((2, 3), keepdim=True)
    return mean, (variance + eps).rsqrt()


def class_gap(layers: nn.Sequential, x: Tensor) -> Tensor:
    """Difference of a two-class network's outputs, keep less drop: (..., in) -> (...)."""
    last = layers[-1]
    weight, bias = last.weight[:1] - last.weight[1:], last.bias[:1] - last.bias[1:]
    return F.linear(layers[:-1](x), weight, bias).squeeze(-1)


def straight_through(gap: Tensor, noise: float) -> Tensor:
    """0 or 1 as a noisy choice with the gradient of its probability (two-class Gumbel softmax, temperature 1).

    With ``noise`` 0 the values are exactly ``gap >= 0``.
    """
    if noise:
        uniform = torch.rand_like(gap).clamp(1e-6, 1 - 1e-6)
        gap = gap + noise * torch.logit(uniform)
    soft = torch.sigmoid(gap)
    return (gap >= 0).float() + (soft - soft.detach())


def edge_roots(graph: SemanticGraph, reach: float = 1e5, samples: int = 200_001) -> tuple[float, tuple[float, ...]]:
    """Where the edge network changes its mind: a hard edge is a function of one number.

    Args:
        graph: its ``edge`` network is asked.
        reach: largest relation that is considered; relations of trained networks stay below 1e4.
        samples: grid points, denser around 0.

    Returns:
        The edge (0 or 1) below all roots, and the roots in ascending order, to the accuracy of float32.
    """
    line = torch.linspace(-float(np.arcsinh(reach)), float(np.arcsinh(reach)), samples, dtype=torch.float64)
    grid = torch.sinh(line).float()[:, None]
    with torch.no_grad():
        keeps = class_gap(graph.edge, grid) >= 0
        low, high = grid[:-1][keeps[:-1] != keeps[1:]].clone(), grid[1:][keeps[:-1] != keeps[1:]].clone()
        before = keeps[:-1][keeps[:-1] != keeps[1:]]
        for _ in range(60):
            middle = (low + high) / 2
            same = ((class_gap(graph.edge, middle) >= 0) == before)[:, None]
            low, high = torch.where(same, middle, low), torch.where(same, high, middle)
    return float(keeps[0]), tuple(high[:, 0].tolist())


# Constants are made by NumPy and kept: an exporter then writes them as numbers, not as nodes. Made outside of
# inference mode, they serve training too.
@functools.lru_cache(maxsize=16)
def _triangle(n: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Flat indexes of the upper triangle of n x n, and for each of n x n cells its place in that triangle."""
    rows, columns = np.triu_indices(n)
    place = np.zeros((n, n), np.int32)  # half of the bytes of int64 in an exported graph
    place[rows, columns] = place[columns, rows] = np.arange(len(rows))
    with torch.inference_mode(False):
        upper = (rows * n + columns).astype(np.int32)
        return torch.from_numpy(upper).to(device), torch.from_numpy(place.reshape(-1)).to(device)


@functools.lru_cache(maxsize=16)
def _identity(n: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """The identity of n x n, and what it leaves."""
    identity = np.eye(n, dtype=np.float32)
    with torch.inference_mode(False):
        return torch.from_numpy(identity).to(device), torch.from_numpy(1 - identity).to(device)
