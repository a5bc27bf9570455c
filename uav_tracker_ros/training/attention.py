"""The self-attention module that PS-SiamFC++ is fine-tuned with, and its loss. It exists in training alone.

Source: PS-SiamFC++, section III and equation 9: L = L_cls + l1 L_reg + l2 L_cen + l3 MSE(f, f*), where f is the
template's conv5 map and f* the same map after multi-head self-attention over its 36 cells.

Taken literally, with the gradient into both f and f*, the last term is least where attention adds nothing, and so
teaches nothing: ``mode="literal"`` shows that. The default, ``"taught"``, also tracks with f* as the template; that
loss trains attention and the shared head, and f is drawn to f* but not f* to f.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from uav_tracker_ros.errors import InvalidParameter, unknown_name
from uav_tracker_ros.training.networks import Network

Maps = tuple[Tensor, Tensor, Tensor]


@dataclass(frozen=True)
class AttentionSettings:
    """How attention teaches."""

    mode: Literal["taught", "literal"] = "taught"
    weight: float = 0.1  # of the distance between f and f*, lambda 3 of equation 9
    tracking_weight: float = 0.5  # of the loss of tracking with f*, taught mode only

    def __post_init__(self) -> None:
        if self.mode not in ("taught", "literal"):
            raise unknown_name("attention", self.mode, ("taught", "literal"))
        if self.weight < 0 or self.tracking_weight < 0:
            raise InvalidParameter(
                f"attention weights are {self.weight} and {self.tracking_weight}; expected 0 or more; 0.1 and 0.5 are "
                "usual"
            )


HEADS = 8  # at most: a head takes an equal share of the channels


class TemplateAttention(nn.Module):
    """f + multi-head self-attention of f, over the cells of the template's map; no positions, no dropout."""

    def __init__(self, channels: int = 256) -> None:
        super().__init__()
        heads = max(count for count in range(1, HEADS + 1) if channels % count == 0)
        self.attention = nn.MultiheadAttention(channels, heads, batch_first=True)

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, h, w) -> the same shape and scale."""
        tokens = features.flatten(2).transpose(1, 2)
        mixed, _ = self.attention(tokens, tokens, tokens, need_weights=False)
        return features + mixed.transpose(1, 2).reshape(features.shape)


class AttentionLoss(NamedTuple):
    """The parts of equation 9, before their weights where they have one."""

    total: Tensor  # what to minimise
    tracking: Tensor  # L_cls + l1 L_reg + l2 L_cen with f
    distance: Tensor  # MSE(f, f*) over the mean square of f: free of scale
    attended: Tensor  # tracking with f*; 0 in literal mode


def loss_with_attention(
    network: Network,
    attention: TemplateAttention,
    crops: tuple[Tensor, Tensor],
    tracking_loss: Callable[[Maps], Tensor],
    settings: AttentionSettings,
) -> AttentionLoss:
    """Equation 9 for one batch.

    Args:
        network: in the mode it is trained in; its own graph has no attention.
        attention: trained with it, thrown away afterwards.
        crops: template (B, 127, 127, 3) and search region (B, S, S, 3), BGR 0 to 255.
        tracking_loss: of the network's logits and distances.
        settings: see there.
    """
    f, x = (network.trunk(network.normalise(crop)) for crop in crops)
    tracking = tracking_loss(network.respond(f, x))
    if settings.mode == "literal":
        distance = _relative_distance(f, attention(f))
        return AttentionLoss(tracking + settings.weight * distance, tracking, distance, torch.zeros_like(tracking))
    # the trunk learns from the distance alone: this pass trains attention and the head
    attended_map = attention(f.detach())
    with _frozen_statistics(network.head):
        attended = tracking_loss(network.respond(attended_map, x.detach()))
    distance = _relative_distance(f, attended_map.detach())
    total = tracking + settings.weight * distance + settings.tracking_weight * attended
    return AttentionLoss(total, tracking, distance, attended)


def _relative_distance(f: Tensor, attended: Tensor) -> Tensor:
    return (f - attended).square().mean() / f.detach().square().mean().clamp(min=1e-12)


@contextmanager
def _frozen_statistics(head: nn.Module) -> Iterator[None]:
    """Batch normalisation keeps its running statistics: at flight time there is no attended template."""
    norms = [module for module in head.modules() if isinstance(module, nn.BatchNorm2d)]
    before = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, momentum in zip(norms, before, strict=True):
            norm.momentum = momentum
