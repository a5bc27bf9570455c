"""What DSATrack is taught: where the centre is, how large the target is, how many template tokens to keep.

Sources: Zhou et al. (NeurIPS 2025), section 4.1; focal loss and heat map of CenterNet (Zhou et al., 2019) with the
widespread form of CornerNet's radius; boxes as in OSTrack (Ye et al., ECCV 2022). Boxes here are left, top, right,
bottom in px of the 256 px search crop; NaN: the target is not there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from uav_tracker_ros.trackers.dsatrack.head import HeadMaps
from uav_tracker_ros.trackers.dsatrack.rows import MAP, SEARCH_PX, STRIDE
from uav_tracker_ros.training.losses import paired_iou

_OVERLAP = 0.7  # a box whose centre is off by the radius still overlaps the target that much


@dataclass(frozen=True)
class LossSettings:
    """Weights of the parts, as OSTrack's; where the box is judged."""

    giou: float = 2.0
    l1: float = 5.0
    focal: float = 1.0
    ratio: float = 1.0
    regress_at: Literal["truth", "prediction"] = "truth"  # the cell whose box is judged; truth: dense from step 1


def centre_cells(boxes: Tensor) -> tuple[Tensor, Tensor]:
    """(B, 4) px -> cell number (B,) of the centre, row by row, and whether it lies in the crop.

    The cell is the one that contains the centre, so an offset is 0 to 1.
    """
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    there = (torch.isfinite(boxes).all(1) & (centre >= 0).all(1) & (centre <= SEARCH_PX).all(1)).clone()
    cell = torch.nan_to_num(centre / STRIDE).floor().clamp(0, MAP - 1).long()
    return cell[:, 1] * MAP + cell[:, 0], there


def heat_map(boxes: Tensor) -> Tensor:
    """(B, 4) px -> (B, 16, 16): exactly 1 at the cell of the centre, a Gaussian around it, 0 where no target is."""
    cell, there = centre_cells(boxes)
    sides = torch.nan_to_num((boxes[:, 2:] - boxes[:, :2]) / STRIDE).clamp(min=0.0)
    reach = gaussian_reach(sides[:, 0], sides[:, 1])[:, None, None]
    line = torch.arange(MAP, device=boxes.device)
    dx = (line[None, None, :] - (cell % MAP)[:, None, None]).float()
    dy = (line[None, :, None] - (cell // MAP)[:, None, None]).float()
    sigma = (2 * reach + 1) / 6
    heat = torch.exp(-(dx**2 + dy**2) / (2 * sigma**2))
    inside = (dx.abs() <= reach) & (dy.abs() <= reach) & there[:, None, None]
    return heat * inside


def gaussian_reach(w: Tensor, h: Tensor) -> Tensor:
    """Whole cells from the centre that still count a little, from a box's sides in cells (CornerNet, 2018)."""
    b, c, o = w + h, w * h, _OVERLAP
    r1 = (b + (b**2 - 4 * c * (1 - o) / (1 + o)).clamp(min=0).sqrt()) / 2
    r2 = (2 * b + (4 * b**2 - 16 * (1 - o) * c).clamp(min=0).sqrt()) / 2
    r3 = (-2 * o * b + (4 * o**2 * b**2 + 16 * o * (1 - o) * c).sqrt()) / 2
    return torch.minimum(torch.minimum(r1, r2), r3).clamp(min=0).floor()


def focal_loss(score: Tensor, heat: Tensor) -> Tensor:
    """Penalty-reduced focal loss of (B, 16, 16) scores, summed, over the number of centres."""
    score = score.float()
    positive = heat == 1
    of_positive = (1 - score) ** 2 * torch.log(score)
    of_negative = (1 - heat) ** 4 * score**2 * torch.log(1 - score)
    return -torch.where(positive, of_positive, of_negative).sum() / positive.sum().clamp(min=1)


def boxes_at(maps: HeadMaps, cell: Tensor) -> Tensor:
    """(B, 4) left, top, right, bottom as shares of the crop, as each sample's ``cell`` (B,) says."""
    pick = cell[:, None, None].expand(-1, 2, 1)
    offset, size = (part.float().flatten(2).gather(2, pick)[..., 0] for part in (maps.offset, maps.size))
    centre = (torch.stack([cell % MAP, cell // MAP], 1) + offset) / MAP
    return torch.cat([centre - size / 2, centre + size / 2], 1)


def box_loss(maps: HeadMaps, boxes: Tensor, weights: Tensor, settings: LossSettings) -> tuple[Tensor, Tensor, Tensor]:
    """1 - GIoU and mean absolute error of corners, both means over the samples with a target, and their IoU.

    Args:
        maps: of the head.
        boxes: (B, 4) px.
        weights: (B,) of the samples; 0: this box teaches no size.
        settings: which cell's box is judged.
    """
    cell, there = centre_cells(boxes)
    if settings.regress_at == "prediction":
        cell = maps.score.flatten(1).argmax(1)
    found, wanted = boxes_at(maps, cell), torch.nan_to_num(boxes / SEARCH_PX).clamp(0, 1)
    iou, giou = paired_iou(found, wanted)
    share = weights * there
    total = share.sum().clamp(min=1e-6)
    l1 = (found - wanted).abs().mean(1)
    mean_iou = (iou.detach() * there).sum() / there.sum().clamp(min=1)
    return ((1 - giou) * share).sum() / total, (l1 * share).sum() / total, mean_iou


def ratio_loss(kept: Sequence[Tensor], shares: Sequence[float]) -> Tensor:
    """Squared distance of the mean share of kept template tokens from the wanted one, summed over blocks.

    Args:
        kept: (B, n) of 0 and 1 (with gradient) after each semantic-aware block, cumulative.
        shares: wanted at each of them.
    """
    errors = [((mask.mean(1) - share) ** 2).mean() for mask, share in zip(kept, shares, strict=True)]
    return torch.stack(errors).sum() if errors else torch.zeros(())


def tracking_loss(
    maps: HeadMaps,
    kept: Sequence[Tensor],
    boxes: Tensor,
    weights: Tensor,
    shares: Sequence[float],
    settings: LossSettings,
) -> tuple[Tensor, dict[str, Tensor]]:
    """The sum of all parts, and the parts for the log.

    Args:
        maps: of the head.
        kept: see :func:`ratio_loss`.
        boxes: (B, 4) px; NaN: no target.
        weights: (B,) of each sample's box.
        shares: see :func:`ratio_loss`.
        settings: weights of the parts.
    """
    focal = focal_loss(maps.score[:, 0], heat_map(boxes))
    giou, l1, iou = box_loss(maps, boxes, weights, settings)
    ratio = ratio_loss(kept, shares).to(focal.device)
    total = settings.giou * giou + settings.l1 * l1 + settings.focal * focal + settings.ratio * ratio
    parts = {"focal": focal, "giou": giou, "l1": l1, "ratio": ratio, "iou": iou}
    return total, {name: part.detach() for name, part in parts.items()}
