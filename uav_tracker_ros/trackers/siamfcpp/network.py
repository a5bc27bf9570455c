"""The network of ``siamfcpp``, ``p_siamfcpp`` and ``ps_siamfcpp``: SiamFC++ on an AlexNet-like trunk, of any widths.

Sources: SiamFC++ (Xu et al., AAAI 2020, section 3; trunk and head after its AlexNet model), filter pruning of it
(P-SiamFC++ and PS-SiamFC++, section III). One letter names: x of the search region, z of the template.

Input: crops are BGR 0 to 255. ``SiamFCpp.template``, ``search`` and ``normalise`` take them as (B, S, S, 3), uint8 or
float, and apply (BGR - (103.53, 116.28, 123.675)) / (57.375, 57.12, 58.395). ``Trunk`` takes (B, 3, S, S) float that
is already normalised so; ``SiamFCpp.normalise`` makes it. No convolution is padded, so the normalisation can be
folded into conv1 exactly (see ``folding.py``).

Shapes: template 127 px -> conv5 6x6 -> kernels 4x4. Search region 303 px -> conv5 28x28 -> maps 17x17; each 8 px more
or fewer are one cell more or fewer. Every convolution has a bias, also before batch normalisation.
Cell i of the trunk's conv5 map looks at 43.5 + 8 i px of the crop, cell i of an output map at 87.5 + 8 i px.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own idiom

from uav_tracker_ros.trackers.siamfcpp.decoding import FIRST_POINT_PX as FIRST_POINT_PX  # part of this module's face
from uav_tracker_ros.trackers.siamfcpp.decoding import STRIDE as STRIDE

TEMPLATE_PX = 127
SEARCH_PX = 303
TRUNK_POINT_PX = 43.5  # what conv5's cell 0 looks at, px of the crop (its middle, continuous)
MEAN_BGR = (103.53, 116.28, 123.675)
STD_BGR = (57.375, 57.12, 58.395)
PRIOR = math.log(0.01 / 0.99)  # training starts with every cell at one per cent
LOG_REACH = 5.0  # |log(distance / 8 px)| at most: fp16 overflows at 9


@dataclass(frozen=True)
class Widths:
    """Channels of each layer; the defaults are the full network's."""

    trunk: tuple[int, int, int, int, int] = (96, 256, 384, 384, 256)
    adjust: int = 256  # of all four: the correlation ties template and search
    tower: tuple[int, int, int] = (256, 256, 256)  # of both towers

    @classmethod
    def of(cls, shapes: Mapping[str, tuple[int, ...]]) -> Widths:
        """The widths of a network whose weights have these shapes.

        Raises:
            KeyError: they are another network's.
        """
        one, two, three, four, five = (shapes[f"trunk.conv{number}.conv.weight"][0] for number in range(1, 6))
        a, b, c = (shapes[f"head.score_tower.{number}.conv.weight"][0] for number in range(3))
        return cls((one, two, three, four, five), shapes["head.score_search.conv.weight"][0], (a, b, c))


_PRUNED = Widths((58, 154, 231, 231, 256), 256, (154, 154, 256))
WIDTHS = {
    "siamfcpp": Widths(),
    "p_siamfcpp": _PRUNED,
    "ps_siamfcpp": _PRUNED,
    "ps_siamfcpp_lite": Widths((58, 154, 231, 231, 154), 154, (154, 154, 154)),
}


def map_cells(search_px: int = SEARCH_PX) -> int:
    """Cells a side of the output maps: 17 for 303 px."""
    return (search_px - TEMPLATE_PX) // STRIDE - 5


class Block(nn.Module):
    """Convolution, then batch normalisation and ReLU where the layer has them."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, *, stride: int = 1, norm: bool = True, relu: bool = True
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride)
        self.bn = nn.BatchNorm2d(outputs) if norm else nn.Identity()
        self.relu = relu

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C', (H - kernel) / stride + 1, same of W)."""
        y = self.bn(self.conv(x))
        return F.relu(y) if self.relu else y


class Trunk(nn.Module):
    """AlexNet's five convolutions with batch normalisation, stride 8, receptive field 87 px."""

    def __init__(self, widths: tuple[int, int, int, int, int] = Widths.trunk) -> None:
        super().__init__()
        one, two, three, four, five = widths
        self.conv1 = Block(3, one, 11, stride=2)
        self.conv2 = Block(one, two, 5)
        self.conv3 = Block(two, three, 3)
        self.conv4 = Block(three, four, 3)
        self.conv5 = Block(four, five, 3, relu=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, S, S) normalised BGR -> conv5's map: 127 px (B, C5, 6, 6), 303 px (B, C5, 28, 28)."""
        return self.with_conv3(x)[1]

    def with_conv3(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """As ``forward``, with conv3's map (B, C3, 10 or 32, same) after its ReLU first: for a local loss."""
        x = F.max_pool2d(self.conv1(x), 3, 2, ceil_mode=True)
        x = F.max_pool2d(self.conv2(x), 3, 2, ceil_mode=True)
        middle = self.conv3(x)
        return middle, self.conv5(self.conv4(middle))


def correlate(x: Tensor, kernel: Tensor) -> Tensor:
    """Depthwise valid correlation, no normalisation: (B, C, H, W), (B, C, k, k) -> (B, C, H - k + 1, W - k + 1)."""
    batch, channels, height, width = (int(n) for n in x.shape)  # plain numbers: exporters want constant shapes
    size = int(kernel.shape[-1])
    flat = x.reshape(1, batch * channels, height, width)
    flat = F.conv2d(flat, kernel.reshape(batch * channels, 1, size, size), groups=batch * channels)
    return flat.reshape(batch, channels, height - size + 1, width - size + 1)


def _tower(inputs: int, widths: tuple[int, int, int]) -> nn.Sequential:
    one, two, three = widths
    return nn.Sequential(Block(inputs, one, 3, norm=False), Block(one, two, 3, norm=False), Block(two, three, 3))


class Head(nn.Module):
    """Correlates template and search features; says for each cell: target or not, how central, and the box."""

    def __init__(self, inputs: int, adjust: int, tower: tuple[int, int, int]) -> None:
        super().__init__()
        self.score_template = Block(inputs, adjust, 3, relu=False)
        self.score_search = Block(inputs, adjust, 3, relu=False)
        self.box_template = Block(inputs, adjust, 3, relu=False)
        self.box_search = Block(inputs, adjust, 3, relu=False)
        self.score_tower = _tower(adjust, tower)
        self.box_tower = _tower(adjust, tower)
        self.score = Block(tower[2], 1, 1, relu=False)
        self.centerness = Block(tower[2], 1, 1, relu=False)
        self.reach = Block(tower[2], 4, 1, relu=False)
        self.reach_scale = nn.Parameter(torch.ones(1))
        self.reach_bias = nn.Parameter(torch.zeros(1))
        self._initialise()

    def _initialise(self) -> None:
        for block in (self.score_template, self.score_search, self.box_template, self.box_search):
            nn.init.normal_(block.conv.weight, std=0.01)
        for block in (*self.score_tower, *self.box_tower, self.score, self.centerness, self.reach):
            nn.init.normal_(block.conv.weight, std=0.0001)
        nn.init.constant_(self.score.conv.bias, PRIOR)
        # the normalisation takes the bias away again in training, so it carries the prior too
        nn.init.constant_(self.score.bn.bias, PRIOR)

    def template(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Template's conv5 (B, C5, 6, 6) -> kernels (B, A, 4, 4) of score and box: computed once a target."""
        return self.score_template(z), self.box_template(z)

    def forward(self, kernels: tuple[Tensor, ...], x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Kernels and the search region's conv5 (B, C5, M + 11, M + 11) -> logits of score and centre-ness, distances.

        Returns:
            (B, 1, M, M) twice, before the sigmoid, and (B, 4, M, M): left, top, right, bottom from the cell's
            point, px of the crop.
        """
        score = self.score_tower(correlate(self.score_search(x), kernels[0]))
        box = self.box_tower(correlate(self.box_search(x), kernels[1]))
        reach = (self.reach_scale * self.reach(box) + self.reach_bias).clamp(-LOG_REACH, LOG_REACH)
        return self.score(score), self.centerness(score), reach.exp() * STRIDE


def cell_points(cells: int) -> Tensor:
    """(2, M, M): x and y, px of the search crop, that each cell of an output map stands for."""
    line = torch.arange(cells, dtype=torch.float32) * STRIDE + FIRST_POINT_PX
    y, x = torch.meshgrid(line, line, indexing="ij")
    return torch.stack([x, y])


def decode(distances: Tensor) -> Tensor:
    """Distances (B, 4, M, M) -> boxes (B, 4, M, M) as left, top, right, bottom in px of the crop."""
    points = cell_points(int(distances.shape[-1])).to(distances)
    return torch.cat([points - distances[:, :2], points + distances[:, 2:]], 1)


class Normalise(nn.Module):
    """(B, S, S, 3) BGR 0 to 255, uint8 or float -> (B, 3, S, S) as the trunk wants it."""

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        # constants, not weights: a file of weights does not hold them
        self.register_buffer("mean", torch.tensor(MEAN_BGR).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(STD_BGR).view(1, 3, 1, 1), persistent=False)

    def forward(self, bgr: Tensor) -> Tensor:
        """See the class."""
        return (bgr.permute(0, 3, 1, 2).float() - self.mean) / self.std


class SiamFCpp(nn.Module):
    """Trunk and head, with the two graphs that run at flight time."""

    def __init__(self, widths: Widths | None = None) -> None:
        super().__init__()
        self.widths = widths or Widths()
        self.normalise = Normalise()
        self.trunk = Trunk(self.widths.trunk)
        self.head = Head(self.widths.trunk[4], self.widths.adjust, self.widths.tower)

    def template(self, crop: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 127, 127, 3) BGR -> kernels (B, A, 4, 4) of score and box."""
        return self.head.template(self.trunk(self.normalise(crop)))

    def respond(self, z: Tensor, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Conv5 maps of template and search region -> as ``search``."""
        return self.head(self.head.template(z), x)

    def search(self, crop: Tensor, kernels: tuple[Tensor, ...]) -> tuple[Tensor, Tensor, Tensor]:
        """(B, S, S, 3) BGR and kernels -> logits (B, 1, M, M) twice and distances px (B, 4, M, M): for training."""
        return self.head(kernels, self.trunk(self.normalise(crop)))

    def track(self, crop: Tensor, kernels: tuple[Tensor, ...]) -> tuple[Tensor, Tensor, Tensor]:
        """As ``search``, with score and centre-ness in 0 to 1: for flight."""
        score, centerness, distances = self.search(crop, kernels)
        return score.sigmoid(), centerness.sigmoid(), distances
