"""What a tracker says of a search region, on the cells that students and teachers share.

The shared crop is twice as wide as the template's window and has 256 px, 16x16 cells of 16 px: what DSATrack's rows
and ``siamfcpp_lite0`` cut. The search crops of the other families are wider and hold it in their middle.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own idiom

from uav_tracker_ros.training.distillation.dual_branch import MAP, STRIDE, Prediction

SHARED_PX = MAP * STRIDE
TEMPLATE_PX = SHARED_PX // 2
_LEAST = 1e-6  # scores stay this far from 0 and 1 before a logarithm


class Answer(NamedTuple):
    """Maps of one batch of search crops."""

    prediction: Prediction
    features: tuple[Tensor, ...]  # (B, 256, C) of each level, the deepest last
    there: Tensor | None = None  # (16, 16) of 0 and 1, cells that the tracker's own map reaches; None: all

    @property
    def score(self) -> Tensor:
        """(B, 16, 16), 0 to 1."""
        return self.prediction.logit[:, 0].float().sigmoid()


def finite_answer(answer: Answer) -> tuple[Answer, Tensor]:
    """The answer with 0 for what is no number, and (B,) of 0 and 1: samples that had none such."""
    values = (*answer.prediction, *answer.features)
    whole = torch.stack([torch.isfinite(value).flatten(1).all(1) for value in values]).all(0)
    prediction, features = (
        [torch.nan_to_num(value, nan=0.0, posinf=0.0, neginf=0.0) for value in part]
        for part in (answer.prediction, answer.features)
    )
    return answer._replace(prediction=Prediction(*prediction), features=tuple(features)), whole.float()


class Frame(NamedTuple):
    """The crops that a family is trained with."""

    search_px: int = SHARED_PX
    template_px: int = TEMPLATE_PX

    @property
    def scale(self) -> float:
        """Shared px per px of the family's search crop."""
        return TEMPLATE_PX / self.template_px

    def shared(self, px: Tensor) -> Tensor:
        """Places in the family's search crop -> places in the shared one."""
        return (px - self.search_px / 2) * self.scale + SHARED_PX / 2

    def shared_crops(self, templates: Tensor, search: Tensor) -> tuple[Tensor, Tensor]:
        """(B, N, T, T, 3), (B, S, S, 3) -> (B, N, 128, 128, 3), (B, 256, 256, 3) of the same targets."""
        if self == Frame():
            return templates, search
        small = _middle(templates.flatten(0, 1), 1.0, TEMPLATE_PX).unflatten(0, templates.shape[:2])
        return small, _middle(search, SHARED_PX / (self.search_px * self.scale), SHARED_PX)

    def own_crops(self, template: Tensor, search: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 128, 128, 3), (B, 256, 256, 3) shared -> (B, T, T, 3), (B, S, S, 3); a wider search gets a border."""
        if self == Frame():
            return template, search
        wide = _middle(search, self.search_px * self.scale / SHARED_PX, self.search_px)
        return _middle(template, 1.0, self.template_px), wide


def _middle(crop: Tensor, share: float, side: int) -> Tensor:
    """(B, S, S, 3) -> (B, side, side, 3): so much of a crop's sides around its middle; its border goes on outside."""
    line = torch.tensor([[share, 0.0, 0.0], [0.0, share, 0.0]], device=crop.device)
    grid = F.affine_grid(line.expand(len(crop), 2, 3), [len(crop), 3, side, side], align_corners=False)
    pixels = crop.permute(0, 3, 1, 2).float()
    return F.grid_sample(pixels, grid, padding_mode="border", align_corners=False).permute(0, 2, 3, 1)


def answer_of(probability: Tensor, boxes: Tensor, features: Tensor, points: Tensor, frame: Frame) -> Answer:
    """From a family's own maps to the shared cells, bilinear.

    Args:
        probability: (B, 1, M, M), 0 to 1: that the cell is the target.
        boxes: (B, 4, M, M) left, top, right, bottom, px of the family's search crop.
        features: (B, C, M, M), the last before the answers.
        points: (2, M, M) px of the search crop that each cell stands for, a grid of equal steps.
        frame: the family's.
    """
    stride = frame.scale * float(points[0, 0, 1] - points[0, 0, 0])
    grid, there = _grid(frame.shared(points[:, 0, 0]), stride, int(points.shape[2]))

    def sampled(maps: Tensor) -> Tensor:
        everywhere = grid.to(maps).expand(len(maps), MAP, MAP, 2)
        return F.grid_sample(maps, everywhere, padding_mode="border", align_corners=False)

    places = frame.shared(sampled(boxes.float()))
    centre, size = (places[:, :2] + places[:, 2:]) / 2, places[:, 2:] - places[:, :2]
    line = torch.arange(MAP, device=boxes.device, dtype=torch.float32)
    corner = torch.stack([line.expand(MAP, MAP), line[:, None].expand(MAP, MAP)])
    chance = sampled(probability.float()).clamp(_LEAST, 1 - _LEAST)
    prediction = Prediction(torch.logit(chance), size / SHARED_PX, centre / STRIDE - corner)
    return Answer(prediction, (sampled(features.float()).flatten(2).transpose(1, 2),), there)


def _grid(first: Tensor, stride: float, cells: int) -> tuple[Tensor, Tensor]:
    """Where a map of so many cells a side is read for each shared cell, -1 to 1, and which shared cells lie on it."""
    line = torch.arange(MAP, device=first.device, dtype=torch.float32) * STRIDE + STRIDE / 2
    x, y = ((line - first[axis]) / stride for axis in (0, 1))  # cells of the map from its first
    inside_x, inside_y = ((place >= -0.5) & (place <= cells - 0.5) for place in (x, y))
    there = (inside_y[:, None] & inside_x[None, :]).float()
    x, y = ((place + 0.5) * (2 / cells) - 1 for place in (x, y))
    return torch.stack([x[None, :].expand(MAP, -1), y[:, None].expand(-1, MAP)], -1), there


@contextmanager
def kept_output(module: nn.Module) -> Iterator[list[Tensor]]:
    """What a module gives out in the meantime, call by call."""
    kept: list[Tensor] = []
    handle = module.register_forward_hook(lambda module, given, output: kept.append(output))
    try:
        yield kept
    finally:
        handle.remove()
