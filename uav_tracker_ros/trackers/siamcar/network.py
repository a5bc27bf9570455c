"""The network of ``siamcar``, ``p_siamcar`` and ``ps_siamcar``: SiamCAR's head on SiamFC++'s AlexNet-like trunk.

Source: SiamCAR (Guo et al., CVPR 2020, section 3), with the trunk that its published size in the pruning papers
implies: AlexNet's last map, no neck. Batch normalisation stands where its authors have group normalisation: the
count is the same, it folds into the convolutions, and its statistics do not change when channels are pruned away.

Input and its normalisation: as ``siamfcpp/network.py`` says. Shapes: template 127 px -> conv5 6x6, used whole as the
kernel. Search region 287 px -> conv5 26x26 -> maps 21x21. Cell i of a map looks at 63.5 + 8 i px of the crop.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own idiom

from uav_tracker_ros.trackers.siamcar.decoding import FIRST_POINT_PX, STRIDE
from uav_tracker_ros.trackers.siamfcpp.network import (
    LOG_REACH,
    TEMPLATE_PX,
    Block,
    Normalise,
    Trunk,
    correlate,
)

SEARCH_PX = 287


@dataclass(frozen=True)
class CarWidths:
    """Channels of each layer; the defaults are the full network's."""

    trunk: tuple[int, int, int, int, int] = (96, 256, 384, 384, 256)
    tower: tuple[int, int, int, int] = (256, 256, 256, 256)  # of both towers

    @classmethod
    def of(cls, shapes: Mapping[str, tuple[int, ...]]) -> CarWidths:
        """The widths of a network whose weights have these shapes.

        Raises:
            KeyError: they are another network's.
        """
        one, two, three, four, five = (shapes[f"trunk.conv{number}.conv.weight"][0] for number in range(1, 6))
        a, b, c, d = (shapes[f"head.score_tower.{number}.conv.weight"][0] for number in range(4))
        return cls((one, two, three, four, five), (a, b, c, d))


_PRUNED = CarWidths((58, 154, 231, 231, 256), (256, 256, 154, 154))
WIDTHS = {"siamcar": CarWidths(), "p_siamcar": _PRUNED, "ps_siamcar": _PRUNED}


def map_cells(search_px: int = SEARCH_PX) -> int:
    """Cells a side of the output maps: 21 for 287 px."""
    return (search_px - TEMPLATE_PX) // STRIDE + 1


class PaddedBlock(Block):
    """3x3 convolution that keeps the map's size."""

    def __init__(self, inputs: int, outputs: int, *, norm: bool = True, relu: bool = True) -> None:
        super().__init__(inputs, outputs, 3, norm=norm, relu=relu)
        self.conv.padding = (1, 1)


def _tower(inputs: int, widths: tuple[int, int, int, int]) -> nn.Sequential:
    return nn.Sequential(*(PaddedBlock(a, b) for a, b in zip((inputs, *widths), widths, strict=False)))


class CarHead(nn.Module):
    """Correlates template and search features; says for each cell: target or not, how central, and the box."""

    def __init__(self, inputs: int, tower: tuple[int, int, int, int]) -> None:
        super().__init__()
        self.score_tower = _tower(inputs, tower)
        self.box_tower = _tower(inputs, tower)
        self.score = PaddedBlock(tower[3], 2, norm=False, relu=False)
        self.centerness = PaddedBlock(tower[3], 1, norm=False, relu=False)
        self.reach = PaddedBlock(tower[3], 4, norm=False, relu=False)
        for block in (*self.score_tower, *self.box_tower, self.score, self.centerness, self.reach):
            nn.init.normal_(block.conv.weight, std=0.01)
            nn.init.zeros_(block.conv.bias)  # the same prior on both logits of a softmax would be none

    def forward(self, kernel: Tensor, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Conv5 maps (B, C5, 6, 6) and (B, C5, M + 5, M + 5) -> logits and distances.

        Returns:
            (B, 2, M, M) logits of background and target, (B, 1, M, M) logit of centre-ness, and (B, 4, M, M): left,
            top, right, bottom from the cell's point, px of the crop.
        """
        together = correlate(x, kernel)
        score, box = self.score_tower(together), self.box_tower(together)
        shift = math.log(STRIDE)  # the same limits in px as siamfcpp's
        reach = self.reach(box).clamp(shift - LOG_REACH, shift + LOG_REACH)
        return self.score(score), self.centerness(score), reach.exp()


def cell_points(cells: int) -> Tensor:
    """(2, M, M): x and y, px of the search crop, that each cell of an output map stands for."""
    line = torch.arange(cells, dtype=torch.float32) * STRIDE + FIRST_POINT_PX
    y, x = torch.meshgrid(line, line, indexing="ij")
    return torch.stack([x, y])


class SiamCar(nn.Module):
    """Trunk and head, with the two graphs that run at flight time."""

    def __init__(self, widths: CarWidths | None = None) -> None:
        super().__init__()
        self.widths = widths or CarWidths()
        self.normalise = Normalise()
        self.trunk = Trunk(self.widths.trunk)
        self.head = CarHead(self.widths.trunk[4], self.widths.tower)

    def template(self, crop: Tensor) -> tuple[Tensor]:
        """(B, 127, 127, 3) BGR -> kernel (B, C5, 6, 6)."""
        return (self.trunk(self.normalise(crop)),)

    def respond(self, z: Tensor, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Conv5 maps of template and search region -> as ``search``."""
        return self.head(z, x)

    def search(self, crop: Tensor, kernels: tuple[Tensor, ...]) -> tuple[Tensor, Tensor, Tensor]:
        """(B, S, S, 3) BGR and kernel -> logits (B, 2, M, M), (B, 1, M, M) and distances px: for training."""
        return self.head(kernels[0], self.trunk(self.normalise(crop)))

    def track(self, crop: Tensor, kernels: tuple[Tensor, ...]) -> tuple[Tensor, Tensor, Tensor]:
        """As ``search``, with score of the target (B, 1, M, M) and centre-ness in 0 to 1: for flight."""
        score, centerness, distances = self.search(crop, kernels)
        return F.softmax(score, dim=1)[:, 1:], centerness.sigmoid(), distances
