"""What a network is taught: labels of a map's cells, and losses of score, box and overlap."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - torch's own idiom


def cell_labels(boxes: Tensor, points: Tensor, smallest_px: float = 9.0) -> tuple[Tensor, Tensor]:
    """Which cells are the target, and which count.

    Positive: inside the ellipse of a quarter of the box's sides; ignored: up to a half; negative: the rest.

    Args:
        boxes: (B, 4) left, top, right, bottom px; NaN: the target is not there.
        points: (2, H, W) px of the cells.
        smallest_px: least half axis of the positive ellipse, so that a small box has a positive cell.

    Returns:
        Labels (B, H, W) of 0 and 1, and weights (B, H, W): 0 where ignored.
    """
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    sides = (boxes[:, 2:] - boxes[:, :2]).clamp(min=1.0)
    away = points[None] - centre[:, :, None, None]
    inner = ((away / (sides / 4).clamp(min=smallest_px)[:, :, None, None]) ** 2).sum(1)
    outer = ((away / (sides / 2).clamp(min=smallest_px * 1.5)[:, :, None, None]) ** 2).sum(1)
    there = torch.isfinite(centre).all(1)[:, None, None]
    labels = (inner <= 1) & there
    ignored = (outer <= 1) & ~labels & there
    return labels.float(), (~ignored).float()


def balanced_bce(logits: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
    """Half the mean over positives, half over negatives, and the hard negatives once more (weighted by p)."""
    loss = F.binary_cross_entropy_with_logits(logits, labels, reduction="none") * weights
    positive, negative = labels * weights, (1 - labels) * weights
    hard = (logits.detach().sigmoid() * negative * loss).sum() / positive.sum().clamp(min=1)
    mean_positive = (loss * positive).sum() / positive.sum().clamp(min=1)
    mean_negative = (loss * negative).sum() / negative.sum().clamp(min=1)
    return 0.5 * mean_positive + 0.5 * mean_negative + hard


def focal(logits: Tensor, labels: Tensor, weights: Tensor, *, alpha: float = 0.25, gamma: float = 2.0) -> Tensor:
    """Focal loss of a map, summed over cells, a positive (Lin et al., ICCV 2017, eq. 5)."""
    loss = F.binary_cross_entropy_with_logits(logits, labels, reduction="none")
    right = torch.exp(-loss)
    share = alpha * labels + (1 - alpha) * (1 - labels)
    total: Tensor = (share * (1 - right) ** gamma * loss * weights).sum() / (labels * weights).sum().clamp(min=1)
    return total


def inside_labels(boxes: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
    """Cells strictly inside the box, and how central they are (SiamFC++, eq. 2).

    Args:
        boxes: (B, 4) left, top, right, bottom px; NaN: the target is not there.
        points: (2, H, W) px of the cells.

    Returns:
        Labels (B, H, W) of 0 and 1, and centre-ness (B, H, W) in 0 to 1, 0 outside.
    """
    low, high = points[None] - boxes[:, :2, None, None], boxes[:, 2:, None, None] - points[None]
    reach = torch.stack([low, high], 2)  # (B, axis, side, H, W)
    labels = (reach > 0).flatten(1, 2).all(1)  # a comparison with NaN is False
    nearest, farthest = reach.amin(2).clamp(min=0), reach.amax(2).clamp(min=1e-3)
    central = (nearest / farthest).nan_to_num(0.0).prod(1).clamp(0, 1).sqrt()
    return labels.float(), central * labels


def excess_bce(logits: Tensor, wanted: Tensor) -> Tensor:
    """Cross-entropy against probabilities, without what even a perfect answer costs; one number an entry."""
    entropy = -torch.xlogy(wanted, wanted) - torch.xlogy(1 - wanted, 1 - wanted)
    return F.binary_cross_entropy_with_logits(logits, wanted, reduction="none") - entropy


def paired_iou(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """IoU and GIoU of boxes (..., 4) as left, top, right, bottom (Rezatofighi et al., CVPR 2019)."""
    low, high = torch.maximum(a[..., :2], b[..., :2]), torch.minimum(a[..., 2:], b[..., 2:])
    intersection = (high - low).clamp(min=0).prod(-1)
    area_a, area_b = ((box[..., 2:] - box[..., :2]).clamp(min=0).prod(-1) for box in (a, b))
    union = (area_a + area_b - intersection).clamp(min=1e-6)
    hull = (torch.maximum(a[..., 2:], b[..., 2:]) - torch.minimum(a[..., :2], b[..., :2])).prod(-1).clamp(min=1e-6)
    iou = intersection / union
    return iou, iou - (hull - union) / hull
