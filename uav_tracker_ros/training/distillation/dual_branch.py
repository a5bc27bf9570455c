"""A small tracker learns from a large one in two branches: features and predictions, both on the target.

Source: Zhong et al., Dual-branch Distilled Transformer for Efficient Asymmetric UAV Tracking (CVPR 2026). Only its
abstract is known, so every formula is this project's own. Nothing here knows a family of networks: features, maps and
masks go in. Maps have 16x16 cells of 16 px on the shared crop of 256 px (``answers``); boxes are left, top, right,
bottom in px of that crop, NaN where the target is not there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own idiom

from uav_tracker_ros.training.losses import paired_iou

MAP, STRIDE = 16, 16
_GROWN = 1.1  # of the box's sides: the target's rim teaches too
_TEMPERATURE = 2.0  # of the scores' softmax


class Prediction(NamedTuple):
    """What a tracker says of each cell of the search crop."""

    logit: Tensor  # (B, 1, 16, 16) before the sigmoid
    size: Tensor  # (B, 2, 16, 16) share of the crop
    offset: Tensor  # (B, 2, 16, 16) cells


def layer_pairs(student_depth: int, teacher_depth: int) -> tuple[tuple[int, int], ...]:
    """(student block, teacher block), counted from 1, at the quarters of the student's depth.

    A tracker with one level of features gives or takes the last block's alone.
    """
    if min(student_depth, teacher_depth) == 1:
        return ((student_depth, teacher_depth),)
    layers = dict.fromkeys(-(-student_depth * quarter // 4) for quarter in range(1, 5))
    return tuple((layer, max(1, round(teacher_depth * layer / student_depth))) for layer in layers)


def target_mask(boxes: Tensor) -> Tensor:
    """(B, 4) -> (B, 16, 16) of 0 and 1: cells whose centre lies in the grown box, at least the centre's cell."""
    centre, half = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]) / 2 * _GROWN
    line = torch.arange(MAP, device=boxes.device) * float(STRIDE) + STRIDE / 2
    in_x = (line - centre[:, :1]).abs() <= half[:, :1]
    in_y = (line - centre[:, 1:]).abs() <= half[:, 1:]
    own = torch.nan_to_num(centre / STRIDE).floor().clamp(0, MAP - 1)
    at_x, at_y = (torch.arange(MAP, device=boxes.device) == own[:, k : k + 1] for k in (0, 1))
    mask = (in_y[:, :, None] & in_x[:, None, :]) | (at_y[:, :, None] & at_x[:, None, :])
    return (mask & torch.isfinite(boxes).all(1)[:, None, None]).float()


def teacher_is_right(teacher_boxes: Tensor, boxes: Tensor) -> Tensor:
    """(B,) of 0 and 1: a teacher that misses the target must not teach."""
    iou, _ = paired_iou(torch.nan_to_num(teacher_boxes), torch.nan_to_num(boxes))
    return ((iou >= 0.5) & torch.isfinite(boxes).all(1)).float()


def target_weights(mask: Tensor, teacher_score: Tensor, right: Tensor) -> Tensor:
    """Where to learn: on the target, twice as much where the teacher's score is highest; sums to 1 or 0 a sample.

    Args:
        mask: (B, 16, 16).
        teacher_score: (B, 16, 16), 0 to 1.
        right: (B,) from :func:`teacher_is_right`.
    """
    highest = (mask * teacher_score).amax((1, 2), keepdim=True).clamp(min=1e-6)
    weights = mask * (0.5 + 0.5 * teacher_score / highest)
    return weights / weights.sum((1, 2), keepdim=True).clamp(min=1e-6) * right[:, None, None]


class Adapters(nn.Module):
    """From the student's width to the teacher's, one a pair; thrown away after training.

    Args:
        widths: of the student's and the teacher's features of each pair.
    """

    def __init__(self, widths: Sequence[tuple[int, int]]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Identity() if own == theirs else nn.Linear(own, theirs) for own, theirs in widths
        )

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        """(B, 256, D) each, normalised -> (B, 256, D_t)."""
        return [layer(_normalised(value)) for layer, value in zip(self.layers, features, strict=True)]


def feature_loss(adapted: Sequence[Tensor], teacher: Sequence[Tensor], weights: Tensor) -> Tensor:
    """1 - cosine of student and teacher features on the target, a mean over pairs and samples.

    Args:
        adapted: (B, 256, D_t) of each pair, from :class:`Adapters`.
        teacher: (B, 256, D_t), block outputs.
        weights: (B, 16, 16).
    """
    losses = []
    for own, taught in zip(adapted, teacher, strict=True):
        cosine = F.cosine_similarity(own.float(), _normalised(taught.detach().float()), dim=2)
        losses.append(((1 - cosine) * weights.flatten(1)).sum(1))
    return torch.stack(losses).mean()


def prediction_loss(student: Prediction, teacher: Prediction, mask: Tensor, weights: Tensor) -> Tensor:
    """Divergence of the scores around the target, and absolute differences of size and offset on it.

    The mask of the scores is grown by one cell, so that a peak has a surround.

    Args:
        student: learns.
        teacher: is not changed.
        mask: (B, 16, 16).
        weights: (B, 16, 16); samples whose sum is 0 teach nothing.
    """
    around = F.max_pool2d(mask[:, None], 3, 1, 1)[:, 0].flatten(1)
    hidden = (around - 1) * 1e4
    wanted = F.log_softmax(teacher.logit.detach().float().flatten(1) / _TEMPERATURE + hidden, 1)
    learned = F.log_softmax(student.logit.float().flatten(1) / _TEMPERATURE + hidden, 1)
    divergence = (wanted.exp() * (wanted - learned) * around).sum(1) * _TEMPERATURE**2
    distance = (student.size - teacher.size.detach()).abs().sum(1) + (
        student.offset - teacher.offset.detach()
    ).abs().sum(1)
    right = (weights.sum((1, 2)) > 0).float()
    return (divergence * right + (distance * weights).sum((1, 2))).mean()


def feature_weight(progress: float) -> float:
    """Weight of the feature branch over the run (0 to 1): from 1 down to 0.1 along a cosine."""
    return 0.1 + 0.45 * (1 + float(torch.cos(torch.tensor(progress * torch.pi))))


def _normalised(features: Tensor) -> Tensor:
    return F.layer_norm(features, features.shape[-1:])
