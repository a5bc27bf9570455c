"""The recipe of ``siamcar``, ``p_siamcar`` and ``ps_siamcar``, read top to bottom.

The trunk is ``siamfcpp``'s and starts from the same distillation (``siamfcpp_trunk``). Losses after SiamCAR (Guo et
al., CVPR 2020, section 3.3, and its authors' program): cross-entropy of two classes, half of it over positive and
half over negative cells; IoU of the boxes, weighted by how central the cell is; centre-ness.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - torch's own idiom

from uav_tracker_ros.trackers.search_region import SETTINGS
from uav_tracker_ros.trackers.siamcar import decoding
from uav_tracker_ros.trackers.siamcar.network import SEARCH_PX, cell_points, map_cells
from uav_tracker_ros.training import losses
from uav_tracker_ros.training.distillation.teachers import Maps, boxes_around, siamcar_said
from uav_tracker_ros.training.recipes.siamfcpp import PairFamily, pair_batches
from uav_tracker_ros.training.validation import SiameseKind

_CENTRAL = 0.4  # of the box's sides: the part of it whose cells are positive


def pair_loss(outputs: Maps, batch: dict[str, Tensor], points: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """Loss of class and centre-ness logits and distances (px), in fp32, and what the log shows of it."""
    classes, centerness, distances = (values.float() for values in outputs)
    low, high = batch["box"][:, :2], batch["box"][:, 2:]
    middle, half = (low + high) / 2, (high - low) * _CENTRAL / 2
    labels, _ = losses.inside_labels(torch.cat([middle - half, middle + half], 1), points)
    _, central = losses.inside_labels(batch["box"], points)
    wrong = F.cross_entropy(classes, labels.long(), reduction="none")
    score_loss = 0.5 * (wrong * labels).sum() / labels.sum().clamp(min=1)
    score_loss = score_loss + 0.5 * (wrong * (1 - labels)).sum() / (1 - labels).sum().clamp(min=1)
    chosen = labels.nonzero(as_tuple=True)
    boxes = boxes_around(points, distances).permute(0, 2, 3, 1)[chosen]
    iou, _ = losses.paired_iou(boxes, batch["box"][chosen[0]])
    share = batch["box_weight"][chosen[0]] * central[chosen]
    box_loss = (-iou.clamp(min=1e-6).log() * share).sum() / share.sum().clamp(min=1)
    center_loss = losses.excess_bce(centerness[:, 0][chosen], central[chosen]).sum() / max(1, len(iou))
    total = score_loss + 3 * box_loss + center_loss
    figures = {"score": score_loss, "box": box_loss, "center": center_loss, "iou": iou.sum() / max(1, len(iou))}
    return total, {name: figure.detach() for name, figure in figures.items()}


def family(search_px: int = SEARCH_PX) -> PairFamily:
    """Learns from search crops of this size."""
    kind = SiameseKind(SETTINGS["siamcar"], decoding.decode, decoding.SETTINGS)
    return PairFamily(kind, pair_batches(kind, search_px), cell_points(map_cells(search_px)), pair_loss, siamcar_said)
