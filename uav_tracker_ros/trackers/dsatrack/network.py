"""The network of DSATrack and EATrack, in the order of the forward pass.

Sources: Zhou et al., Dynamic Semantic-Aware Correlation Modeling for UAV Tracking (NeurIPS 2025), section 3;
trunk: a plain vision transformer (Dosovitskiy et al., ICLR 2021) with pre-norm blocks; tensors of ``backbone``
have the names of timm's vision transformers. Where the paper is silent or contradicts itself:

- attention divides by the root of a head's width, as the trunk was trained;
- a search row has one softmax over template and search keys; a template row only over template keys, so that the
  template's keys and values can be computed once (``Form.attention``: ``joint`` for the authors' program);
- importance of a template token is judged from its mean over the search tokens.

Letters: B batch, n template tokens (192: three templates), 256 search tokens, D channels, h heads, L blocks.
Crops are uint8 NHWC BGR at the graphs' border.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own idiom

from uav_tracker_ros.trackers.dsatrack.head import CentreHead, HeadMaps
from uav_tracker_ros.trackers.dsatrack.rows import HEAD_WIDTH, SEARCH_TOKENS, SLOT, STRIDE, Form, Row
from uav_tracker_ros.trackers.dsatrack.semantic_graph import straight_through
from uav_tracker_ros.trackers.dsatrack.semantic_static import semantic_module

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, RGB, pixel values 0 to 1
MASKED = -1e4  # added to logits of dropped keys: exactly 0 after softmax in float32, and half precision can hold it
_NEVER = -1e30  # score of a dropped token


class PatchEmbed(nn.Module):
    """Picture -> tokens of 16x16 px."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, width, STRIDE, STRIDE)
        self.register_buffer("mean", torch.tensor(MEAN)[:, None, None] * 255, persistent=False)
        self.register_buffer("std", torch.tensor(STD)[:, None, None] * 255, persistent=False)

    def forward(self, crop: Tensor) -> Tensor:
        """(B, S, S, 3) BGR, uint8 or float 0 to 255 -> (B, (S/16)^2, D), row by row."""
        rgb = crop.permute(0, 3, 1, 2).flip(1).float()
        return self.proj((rgb - self.mean) / self.std).flatten(2).transpose(1, 2)


class Attention(nn.Module):
    """Projections of one block; what attends to what is decided by :class:`Backbone`."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.heads = width // HEAD_WIDTH
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def split(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(B, N, D) -> queries (scaled), keys, values, each (B, h, N, 64)."""
        batch, count = int(x.shape[0]), int(x.shape[1])
        q, k, v = self.qkv(x).reshape(batch, count, 3, self.heads, HEAD_WIDTH).permute(2, 0, 3, 1, 4).unbind(0)
        return q * HEAD_WIDTH**-0.5, k, v

    def merge(self, x: Tensor) -> Tensor:
        """(B, h, N, 64) -> (B, N, D)."""
        batch, heads, count, _ = (int(size) for size in x.shape)
        return self.proj(x.transpose(1, 2).reshape(batch, count, heads * HEAD_WIDTH))


class Mlp(nn.Module):
    """Two layers with GELU between."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, N, D) -> (B, N, D)."""
        return self.fc2(F.gelu(self.fc1(x)))


class Block(nn.Module):
    """A pre-norm transformer block; ``attn.dsa`` where it is semantic-aware."""

    def __init__(self, width: int, drop: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attn = Attention(width)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = Mlp(width)
        self.drop = drop

    def finish(self, x: Tensor, attended: Tensor) -> Tensor:
        """Residuals: (B, N, D) and (B, h, N, 64) -> (B, N, D)."""
        x = x + self._skipped(self.attn.merge(attended))
        return x + self._skipped(self.mlp(self.norm2(x)))

    def _skipped(self, branch: Tensor) -> Tensor:
        """Stochastic depth (Huang et al., ECCV 2016): in training a sample skips the branch now and then."""
        if not (self.training and self.drop):
            return branch
        keep = torch.rand(branch.shape[0], 1, 1, device=branch.device) >= self.drop
        return branch * keep / (1 - self.drop)


class Pass(NamedTuple):
    """What came of one pass over the search region."""

    features: Tensor  # (B, 256, D) search tokens after the last norm
    mass: Tensor  # (B, 256) attention of each search token on template keys, mean over heads of the last block
    kept: tuple[Tensor, ...]  # (B, n) of 0 and 1 after each semantic-aware block, cumulative
    edge_gaps: tuple[Tensor, ...]  # logits of edges of each semantic-aware block that has a graph
    hidden: tuple[Tensor, ...]  # input of the first block and output of each: search tokens, or template and search


class Backbone(nn.Module):
    """Patch embedding and blocks, for template and search streams."""

    def __init__(self, row: Row, form: Form, drop_path: float) -> None:
        super().__init__()
        width, depth = row.width, len(row.layers)
        self.row, self.form = row, form
        self.keep = dict(row.keep)
        self.patch_embed = PatchEmbed(width)
        self.pos_embed_x = nn.Parameter(torch.zeros(1, SEARCH_TOKENS, width))
        self.pos_embed_z = nn.Parameter(torch.zeros(1, SLOT, width))
        self.blocks = nn.ModuleList(Block(width, drop_path * i / max(depth - 1, 1)) for i in range(depth))
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.eliminating = True  # False in training: tokens are judged, but stay
        self.apply(_initialise)
        for index in self.keep:
            self.blocks[index].attn.dsa = semantic_module(row.heads, form)

    def embed_templates(self, crops: Tensor) -> Tensor:
        """(B, T, 128, 128, 3) BGR -> (B, 64 T, D) tokens of the memory."""
        batch, count = int(crops.shape[0]), int(crops.shape[1])
        tokens = self.patch_embed(crops.flatten(0, 1)) + self.pos_embed_z
        return tokens.reshape(batch, count * SLOT, self.row.width)

    def embed_search(self, crop: Tensor) -> Tensor:
        """(B, 256, 256, 3) BGR -> (B, 256, D)."""
        return self.patch_embed(crop) + self.pos_embed_x

    def remember(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Template stream alone: (B, n, D) tokens -> keys and values (B, L, h, n, 64) of every block.

        The last block needs neither attention nor MLP: nobody reads its output.
        """
        keys, values = [], []
        for block in self.blocks:
            q, k, v = block.attn.split(block.norm1(z))
            keys.append(k)
            values.append(v)
            if len(keys) < len(self.blocks):
                z = block.finish(z, torch.softmax(_logits(q, k), -1) @ v)
        return torch.stack(keys, 1), torch.stack(values, 1)

    def search(self, x: Tensor, keys: Tensor, values: Tensor) -> Pass:
        """Search stream on remembered keys and values: (B, 256, D), (B, L, h, n, 64) twice."""
        valid: Tensor | None = None
        kept, gaps, hidden = [], [], [x]
        for index, block in enumerate(self.blocks):
            q, k, v = block.attn.split(block.norm1(x))
            cross = _logits(q, keys[:, index])
            if index in self.keep:
                cross, valid, gap = self._semantic(index, q, keys[:, index], cross, valid)
                kept.append(valid)
                gaps.append(gap)
            weights = self._weights(cross, self._applied(valid), _logits(q, k), training=self.training)
            x = block.finish(x, weights @ torch.cat([values[:, index], v], 2))
            hidden.append(x)
        mass = weights[..., : keys.shape[3]].sum(-1).mean(1)
        return Pass(self.norm(x), mass, _there(kept), _there(gaps), tuple(hidden))

    def both(self, z: Tensor, x: Tensor, *, gather: bool = False) -> Pass:
        """Both streams in one pass, in any :class:`Form`: (B, n, D), (B, 256, D).

        Args:
            z: template tokens.
            x: search tokens.
            gather: really leave dropped tokens out instead of masking them (``eliminate: both``, inference only).
        """
        valid: Tensor | None = None
        kept, gaps, hidden = [], [], [torch.cat([z, x], 1)]
        for index in range(len(self.blocks)):
            z, x, valid, gap, mass = self._pair(index, z, x, valid)
            if index in self.keep:
                gaps.append(gap)
                kept.append(valid)
                if gather and valid is not None:
                    z, valid = _gathered(z, _in_order(valid, self.keep[index])), None
            hidden.append(torch.cat([z, x], 1))
        return Pass(self.norm(x), mass, _there(kept), _there(gaps), tuple(hidden))

    def relevance(self, z: Tensor, x: Tensor) -> Tensor:
        """(B, n, D), (B, 256, D) -> (B, n): how much each template token matters for this search region.

        Runs up to the first semantic-aware block; nothing is dropped before it.
        """
        first = min(self.keep)
        for index in range(first):
            z, x, *_ = self._pair(index, z, x, None)
        block = self.blocks[first]
        q_z, k_z, _ = block.attn.split(block.norm1(z))
        q_x, k_x, _ = block.attn.split(block.norm1(x))
        probes, nodes = (q_x, k_z) if self.form.attention == "hybrid" else (k_x, q_z)
        return block.attn.dsa(probes, nodes, _logits(probes, nodes), None).relevance

    def _pair(
        self, index: int, z: Tensor, x: Tensor, valid: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor | None, Tensor | None, Tensor]:
        """One block on both streams; also valid tokens, logits of edges, and attention on the template."""
        block, joint, n = self.blocks[index], self.form.attention == "joint", int(z.shape[1])
        q, k, v = block.attn.split(block.norm1(torch.cat([z, x], 1)))
        (q_z, q_x), (k_z, k_x) = (part.split([n, SEARCH_TOKENS], 2) for part in (q, k))
        cross, gap = _logits(q_x, k_z), None
        back = _logits(q_z, k_x) if joint else None
        if index in self.keep and back is None:
            cross, valid, gap = self._semantic(index, q_x, k_z, cross, valid)
        elif index in self.keep and back is not None:  # the authors' program ranks by what template rows look at
            _, valid, gap = self._semantic(index, k_x, q_z, back.transpose(2, 3), valid)
        policy = self._applied(valid)
        weights = self._weights(cross, policy, _logits(q_x, k_x), training=self.training)
        policy = policy if self.form.eliminate == "both" else None
        own = self._weights(_logits(q_z, k_z), policy, back, training=self.training)
        attended = own @ (v if joint else v[:, :, :n])
        mass = weights[..., :n].sum(-1).mean(1)
        return block.finish(z, attended), block.finish(x, weights @ v), valid, gap, mass

    def _semantic(
        self, index: int, probes: Tensor, nodes: Tensor, correlation: Tensor, valid: Tensor | None
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """Cross logits, valid tokens and logits of edges of a semantic-aware block."""
        there = self._applied(valid)
        seen = self.blocks[index].attn.dsa(probes, nodes, correlation, None if there is None else there.detach())
        if self.form.eliminate == "off":
            valid = None
        elif self.training:
            chosen = straight_through(seen.relevance, self.blocks[index].attn.dsa.noise)
            valid = chosen if valid is None else chosen * valid
        else:
            valid = keep_best(seen.relevance, valid, self.keep[index])
        return (seen.correlation if self.form.logits == "s" else correlation), valid, seen.edge_gap

    def _applied(self, valid: Tensor | None) -> Tensor | None:
        """The tokens that are really there for what follows; None: all."""
        return None if self.training and not self.eliminating else valid

    @staticmethod
    def _weights(logits: Tensor, policy: Tensor | None, rest: Tensor | None, *, training: bool) -> Tensor:
        """Softmax over template keys, of which some are dropped (policy 0), and further keys."""
        masked = logits if policy is None else logits + (1 - policy.detach()[:, None, None]) * MASKED
        joined = masked if rest is None else torch.cat([masked, rest], -1)
        if policy is None or not training:
            return torch.softmax(joined, -1)
        # The choice of tokens gets its gradient through a factor of the exponentials; it is 0 or 1, so the values
        # are those of the masked softmax.
        highest = joined.detach().amax(-1, keepdim=True)
        raised = torch.exp((logits - highest).clamp(max=0.0)) * policy[:, None, None]
        raised = raised if rest is None else torch.cat([raised, torch.exp(rest - highest)], -1)
        return raised / raised.sum(-1, keepdim=True)


class DsaTrack(nn.Module):
    """Backbone and head, with the three graphs that run at flight time."""

    def __init__(self, row: Row, form: Form | None = None, *, drop_path: float = 0.0) -> None:
        super().__init__()
        self.row, self.form = row, form or Form()
        self.backbone = Backbone(row, self.form, drop_path)
        self.head = CentreHead(row.width, row.head_channels)

    def forward(self, templates: Tensor, search: Tensor, alone: Tensor | None = None) -> tuple[HeadMaps, Pass]:
        """Training: of more templates than slots the memory gets the first one's and the most relevant tokens.

        Args:
            templates: (B, T, 128, 128, 3) BGR.
            search: (B, 256, 256, 3) BGR.
            alone: (B,) of bool; True: the memory is copies of the first template, as when tracking starts.
        """
        z, x = self.backbone.embed_templates(templates), self.backbone.embed_search(search)
        if self.row.keep and z.shape[1] > self.row.tokens:
            z = self._condensed(z, x)
        if alone is not None:
            z = torch.where(alone[:, None, None], z[:, :SLOT].repeat(1, self.row.slots, 1), z)
        seen = self.backbone.search(x, *self.backbone.remember(z)) if self.form.cached else self.backbone.both(z, x)
        return self.head(seen.features), seen

    def template(self, crop: Tensor) -> tuple[Tensor, ...]:
        """(B, 128, 128, 3) BGR -> memory of copies of it (B, n, D), and its keys and values if they are cached."""
        tokens = self.backbone.embed_templates(crop[:, None])
        return self._remembered(torch.cat([tokens] * self.row.slots, 1))

    def track(self, crop: Tensor, *state: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """(B, 256, 256, 3) BGR and keys, values (or, not cached, the memory) -> score, size, offset, mass."""
        x = self.backbone.embed_search(crop)
        if self.form.cached:
            seen = self.backbone.search(x, *state)
        else:
            seen = self.backbone.both(state[0], x, gather=self.form.eliminate == "both")
        maps = self.head(seen.features)
        return maps.score, maps.size, maps.offset, seen.mass

    def update(self, z: Tensor, crop: Tensor, search: Tensor) -> tuple[Tensor, ...]:
        """Memory (B, 192, D), a newer template's crop and a search crop -> memory with the tokens that matter.

        The first template's 64 tokens stay; of the 128 others and the 64 new ones the 128 most relevant are kept.
        """
        candidates = torch.cat([z, self.backbone.embed_templates(crop[:, None])], 1)
        return self._remembered(self._condensed(candidates, self.backbone.embed_search(search)))

    def blend(self, z: Tensor, crop: Tensor, share: Tensor) -> tuple[Tensor, ...]:
        """Memory (B, 128, D): its adapted half moves towards a newer template's tokens by ``share`` (1,)."""
        new = self.backbone.embed_templates(crop[:, None])
        return self._remembered(torch.cat([z[:, :SLOT], z[:, SLOT:] * (1 - share) + new * share], 1))

    def _condensed(self, z: Tensor, x: Tensor) -> Tensor:
        """The first template's tokens and the most relevant others, in their order; the choice has no gradient."""
        count = self.row.tokens - SLOT
        with torch.no_grad():
            order = _in_order(keep_best(self.backbone.relevance(z, x)[:, SLOT:], None, count), count)
        return torch.cat([z[:, :SLOT], _gathered(z[:, SLOT:], order)], 1)

    def _remembered(self, z: Tensor) -> tuple[Tensor, ...]:
        return (z, *self.backbone.remember(z)) if self.form.cached else (z,)


def _there(values: list[Tensor | None]) -> tuple[Tensor, ...]:
    """Those that are not None."""
    return tuple(value for value in values if value is not None)


def _logits(queries: Tensor, keys: Tensor) -> Tensor:
    """(B, h, N, 64), (B, h, M, 64) -> (B, h, N, M), in full precision where the rest is trained in half."""
    with torch.autocast(queries.device.type, enabled=False):
        return queries.float() @ keys.float().transpose(2, 3)


def keep_best(score: Tensor, valid: Tensor | None, count: int) -> Tensor:
    """(B, n) scores -> (B, n) of 0 and 1: the ``count`` best of the valid ones; of equals the first.

    Ranks are counted by comparison: exact with ties, and exporters write it as plain arithmetic.
    """
    if valid is not None:
        score = torch.where(valid > 0, score, torch.full_like(score, _NEVER))
    earlier = torch.ones(int(score.shape[1]), int(score.shape[1]), device=score.device).tril(-1) > 0
    other, own = score[:, None, :], score[:, :, None]
    better = (other > own) | ((other == own) & earlier)
    return (better.float().sum(2) < count).float()


def _in_order(mask: Tensor, count: int) -> Tensor:
    """Indexes of the ``count`` ones of (B, n), ascending; as floats, since few runtimes sort integers."""
    n = int(mask.shape[1])
    position = torch.arange(n, 0, -1, dtype=torch.float32, device=mask.device)
    return torch.topk(mask * position, count, dim=1).indices


def _gathered(tokens: Tensor, order: Tensor) -> Tensor:
    """(B, n, D), (B, k) -> (B, k, D)."""
    return tokens.gather(1, order[..., None].expand(-1, -1, int(tokens.shape[2])))


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        nn.init.zeros_(module.bias)
    elif isinstance(module, Backbone):
        nn.init.trunc_normal_(module.pos_embed_x, std=0.02)
        nn.init.trunc_normal_(module.pos_embed_z, std=0.02)
