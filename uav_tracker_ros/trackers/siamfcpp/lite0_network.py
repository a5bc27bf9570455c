"""The network of ``siamfcpp_lite0``: an anchor-free Siamese tracker on an EfficientNet-Lite0 trunk.

Sources: anchor-free head after SiamFC++ (Xu et al., AAAI 2020, section 3); depthwise cross-correlation after
SiamRPN++ (Li et al., CVPR 2019); pixel-wise correlation after Alpha-Refine (Yan et al., CVPR 2021, section 3.2);
trunk after EfficientNet (Tan and Le, ICML 2019) in its Lite0 form (ReLU6, no squeeze-and-excite, TensorFlow's
"same" padding). The combination is this project's own.

Shapes: template 128x128, search region 256x256, both uint8 NHWC BGR at the graph's border. The trunk gives
40 channels at stride 8 (block 4) and 112 channels at stride 16 (block 10). Outputs are 16x16 maps whose cell
(i, j) stands for the point (16 j + 8, 16 i + 8) px of the search crop.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own idiom

TEMPLATE_PX = 128
SEARCH_PX = 256
STRIDE = 16
MAP = SEARCH_PX // STRIDE
MEAN = 127.0  # of the trunk's ImageNet training: (x - 127) / 128, RGB
SCALE = 128.0

# kernel, stride, expansion, output channels of Lite0's blocks 0 to 10
BLOCKS = (
    (3, 1, 1, 16),
    (3, 2, 6, 24), (3, 1, 6, 24),
    (5, 2, 6, 40), (5, 1, 6, 40),
    (3, 2, 6, 80), (3, 1, 6, 80), (3, 1, 6, 80),
    (5, 1, 6, 112), (5, 1, 6, 112), (5, 1, 6, 112),
)  # fmt: skip
STRIDE8_BLOCK = 4


class SameConv(nn.Conv2d):
    """A convolution with TensorFlow's "same" padding: the odd pixel goes to the right and bottom."""

    def __init__(self, inputs: int, outputs: int, kernel: int, *, stride: int = 1, groups: int = 1) -> None:
        super().__init__(inputs, outputs, kernel, stride, groups=groups, bias=False)
        total = kernel - stride if stride > 1 else kernel - 1
        self.same = (total // 2, total - total // 2) * 2

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C', ceil(H / stride), ceil(W / stride)), for H, W divisible by the stride."""
        return self._conv_forward(F.pad(x, self.same), self.weight, None)


class Block(nn.Module):
    """Inverted residual: expand 1x1, depthwise, project 1x1; names follow the public Lite0 weights."""

    def __init__(self, inputs: int, kernel: int, stride: int, expansion: int, outputs: int) -> None:
        super().__init__()
        middle = inputs * expansion
        self.residual = stride == 1 and inputs == outputs
        if expansion != 1:
            self._expand_conv = nn.Conv2d(inputs, middle, 1, bias=False)
            self._bn0 = nn.BatchNorm2d(middle, eps=1e-3, momentum=0.01)
        self._depthwise_conv = SameConv(middle, middle, kernel, stride=stride, groups=middle)
        self._bn1 = nn.BatchNorm2d(middle, eps=1e-3, momentum=0.01)
        self._project_conv = nn.Conv2d(middle, outputs, 1, bias=False)
        self._bn2 = nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.01)
        self.expands = expansion != 1

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C', H / stride, W / stride)."""
        y = F.relu6(self._bn0(self._expand_conv(x))) if self.expands else x
        y = F.relu6(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        return x + y if self.residual else y


class Lite0Trunk(nn.Module):
    """EfficientNet-Lite0 to block 10."""

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem = SameConv(3, 32, 3, stride=2)
        self._bn0 = nn.BatchNorm2d(32, eps=1e-3, momentum=0.01)
        blocks, inputs = [], 32
        for kernel, stride, expansion, outputs in BLOCKS:
            blocks.append(Block(inputs, kernel, stride, expansion, outputs))
            inputs = outputs
        self._blocks = nn.ModuleList(blocks)

    def forward(self, rgb: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 3, S, S) normalised RGB -> (B, 40, S/8, S/8), (B, 112, S/16, S/16)."""
        x = F.relu6(self._bn0(self._conv_stem(rgb)))
        fine = x
        for number, block in enumerate(self._blocks):
            x = block(x)
            if number == STRIDE8_BLOCK:
                fine = x
        return fine, x


def _separable(channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(inplace=True),
        nn.Conv2d(channels, channels, 1, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(inplace=True),
    )


def _adjust(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs))


class Head(nn.Module):
    """Correlates template and search features; says for each cell: target or not, how well, and the box."""

    def __init__(self, width: int = 96) -> None:
        super().__init__()
        self.width = width
        self.template_coarse, self.search_coarse = _adjust(112, width), _adjust(112, width)
        self.template_fine, self.search_fine = _adjust(40, 32), _adjust(40, 32)
        # per cell: 64 pixel-wise correlations, width products with the template's centre, width depthwise
        # correlations, width search features, 4 x 32 products of the stride-8 maps (a 2x2 cell becomes one)
        self.fuse = nn.Sequential(
            nn.Conv2d(64 + 3 * width + 128, width, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True)
        )
        self.score_tower = nn.Sequential(*(_separable(width) for _ in range(3)))
        self.box_tower = nn.Sequential(*(_separable(width) for _ in range(3)))
        self.score = nn.Conv2d(width, 1, 1)
        self.overlap = nn.Conv2d(width, 1, 1)
        self.distances = nn.Conv2d(width, 4, 1)
        nn.init.constant_(self.score.bias, -3.0)
        nn.init.constant_(self.distances.bias, 1.2)

    def template(self, fine: Tensor, coarse: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(B, 40, 16, 16), (B, 112, 8, 8) -> (B, W, 8, 8), (B, W, 4, 4), (B, 32, 1, 1): computed once a target."""
        z = self.template_coarse(coarse)
        return z, z[:, :, 2:6, 2:6].contiguous(), self.template_fine(fine)[:, :, 6:10, 6:10].mean((2, 3), keepdim=True)

    def forward(self, state: tuple[Tensor, Tensor, Tensor], fine: Tensor, coarse: Tensor) -> tuple[Tensor, ...]:
        """State and (B, 40, 32, 32), (B, 112, 16, 16) -> logits (B, 1, 16, 16) twice, distances (B, 4, 16, 16).

        Distances are log(left, top, right, bottom / 16 px) before :func:`decode`.
        """
        z, kernel, z_fine = state
        x = self.search_coarse(coarse)
        batch, width = int(x.shape[0]), self.width  # plain numbers: exporters want constant shapes
        pixelwise = torch.einsum("bcu,bcv->buv", z.flatten(2), x.flatten(2)) * (width**-0.5)
        pixelwise = pixelwise.reshape(batch, 64, MAP, MAP)
        # even 4x4 kernel: two cells of padding before, one after
        padded = F.pad(x, (2, 1, 2, 1)).reshape(1, batch * width, MAP + 3, MAP + 3)
        depthwise = F.conv2d(padded, kernel.reshape(batch * width, 1, 4, 4), groups=batch * width) * 0.25
        depthwise = depthwise.reshape(batch, width, MAP, MAP)
        product = x * kernel.mean((2, 3), keepdim=True)
        fine_product = F.pixel_unshuffle(self.search_fine(fine) * z_fine, 2)
        fused = self.fuse(torch.cat([pixelwise, depthwise, product, x, fine_product], 1))
        towers = self.score_tower(fused), self.box_tower(fused)
        return self.score(towers[0]), self.overlap(towers[1]), self.distances(towers[1])


def cell_points() -> Tensor:
    """(2, 16, 16): x and y, px of the search crop, that each cell stands for."""
    line = torch.arange(MAP, dtype=torch.float32) * STRIDE + STRIDE / 2
    y, x = torch.meshgrid(line, line, indexing="ij")
    return torch.stack([x, y])


def decode(distances: Tensor) -> Tensor:
    """Log distances (B, 4, 16, 16) -> boxes (B, 4, 16, 16) as left, top, right, bottom in px of the crop."""
    reach = distances.clamp(-4.0, 3.2).exp() * STRIDE
    points = cell_points().to(distances)
    return torch.cat([points - reach[:, :2], points + reach[:, 2:]], 1)


class SiamFCppLite0(nn.Module):
    """Trunk and head, with the two graphs that run at flight time."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = Lite0Trunk()
        self.head = Head()

    @staticmethod
    def normalise(bgr: Tensor) -> Tensor:
        """(B, H, W, 3) uint8 or float BGR -> (B, 3, H, W) as the trunk was trained: RGB, (x - 127) / 128."""
        return (bgr.permute(0, 3, 1, 2).flip(1).float() - MEAN) / SCALE

    def template(self, crop: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(B, 128, 128, 3) BGR -> the template's state."""
        return self.head.template(*self.trunk(self.normalise(crop)))

    def track(self, crop: Tensor, state: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """(B, 256, 256, 3) BGR and state -> score and overlap in 0 to 1 (B, 16, 16), boxes px (B, 4, 16, 16)."""
        score, overlap, distances = self.head(state, *self.trunk(self.normalise(crop)))
        return score.sigmoid().squeeze(1), overlap.sigmoid().squeeze(1), decode(distances)

    def load_trunk(self, weights: dict[str, Tensor]) -> None:
        """Take Lite0's ImageNet weights (public names); what lies behind block 10 is left out."""
        wanted = self.trunk.state_dict()
        missing = [name for name in wanted if name not in weights and not name.endswith("num_batches_tracked")]
        if missing:
            raise KeyError(
                f"trunk weights lack {missing[:3]}; expected EfficientNet-Lite0 with _blocks.0 to _blocks.10"
            )
        self.trunk.load_state_dict({name: weights.get(name, wanted[name]).float() for name in wanted})
