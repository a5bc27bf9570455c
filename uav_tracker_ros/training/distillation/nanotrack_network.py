"""NanoTrack V3 in torch, with its authors' weights, to learn from. It flies from their graphs (``trackers.nanotrack``).

Source: HonglinChu/SiamTrackers, NanoTrack, models/pretrained/nanotrackv3.pth (Apache-2.0); the layers' order and
activations are those of its ONNX graphs, which give the same maps. Modules have the names of that file's arrays.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own idiom

from uav_tracker_ros.errors import ModelFileDamaged, ModelFileMissing

SEARCH_PX, TEMPLATE_PX, STRIDE = 255, 127, 16
MAP = 15  # cells a side
WIDTH = 96
_TEMPLATE_CELLS = 8
_MIDDLE = slice(2, 6)  # cells of the template that stand for the target itself
_TOWER = 6  # pairs of convolutions
# out, expanded, kernel, stride, width of squeeze and excitation, h-swish instead of ReLU
_BLOCKS = (
    (16, 16, 3, 2, 8, False),
    (24, 72, 3, 2, 0, False),
    (24, 88, 3, 1, 0, False),
    (40, 96, 5, 2, 24, True),
    (40, 240, 5, 1, 64, True),
    (40, 240, 5, 1, 64, True),
    (48, 120, 5, 1, 32, True),
    (48, 144, 5, 1, 40, True),
    (96, 288, 5, 1, 72, True),
)


class _Excite(nn.Module):
    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc = nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, width), nn.Hardsigmoid())

    def forward(self, x: Tensor) -> Tensor:
        weights: Tensor = self.fc(x.mean((2, 3)))
        return x * weights[:, :, None, None]


class _Block(nn.Module):
    """Inverted residual of MobileNetV3; one that does not expand has no first convolution."""

    def __init__(
        self, width: int, out: int, expanded: int, kernel: int, stride: int, hidden: int, *, swish: bool
    ) -> None:
        super().__init__()
        act = nn.Hardswish if swish else nn.ReLU
        depthwise = nn.Conv2d(expanded, expanded, kernel, stride, kernel // 2, groups=expanded, bias=False)
        excite = _Excite(expanded, hidden) if hidden else nn.Identity()
        last = (nn.Conv2d(expanded, out, 1, bias=False), nn.BatchNorm2d(out))
        if expanded == width:
            self.conv = nn.Sequential(depthwise, nn.BatchNorm2d(expanded), act(), excite, *last)
        else:
            first = (nn.Conv2d(width, expanded, 1, bias=False), nn.BatchNorm2d(expanded), act())
            self.conv = nn.Sequential(*first, depthwise, nn.BatchNorm2d(expanded), excite, act(), *last)
        self.adds = stride == 1 and width == out

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv(x)
        return x + y if self.adds else y


class _Backbone(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        width = 16
        layers: list[nn.Module] = [
            nn.Sequential(nn.Conv2d(3, width, 3, 2, 1, bias=False), nn.BatchNorm2d(width), nn.Hardswish())
        ]
        for out, expanded, kernel, stride, hidden, swish in _BLOCKS:
            layers.append(_Block(width, out, expanded, kernel, stride, hidden, swish=swish))
            width = out
        self.features = nn.Sequential(*layers)

    def forward(self, crop: Tensor) -> Tensor:
        features: Tensor = self.features(crop)
        return features


def _pointwise(*, bias: bool = True) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(WIDTH, WIDTH, 1, bias=bias), nn.BatchNorm2d(WIDTH))


class _Attention(nn.Module):
    """Of channels; one that looks at each map's mean."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Conv2d(width, width, 1), nn.Conv2d(width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.fc2(self.fc1(x.mean((2, 3), keepdim=True)).relu()).sigmoid()


class _PixelCorrelation(nn.Module):
    """Each cell of the template with each of the search region: 64 maps, then two convolutions to 15x15."""

    def __init__(self) -> None:
        super().__init__()
        maps = _TEMPLATE_CELLS**2
        self.conv_kernel, self.conv_search = _pointwise(), _pointwise()
        self.CA_layer = _Attention(maps)
        self.conv = nn.Sequential(
            nn.Conv2d(maps, maps, 2, groups=maps, bias=False),
            nn.BatchNorm2d(maps),
            nn.ReLU6(),
            nn.Conv2d(maps, maps, 1),
            nn.BatchNorm2d(maps),
        )

    def forward(self, template: Tensor, search: Tensor) -> Tensor:
        kernel, x = self.conv_kernel(template).flatten(2), self.conv_search(search)
        maps = (kernel.transpose(1, 2) @ x.flatten(2)).unflatten(2, x.shape[2:])
        out: Tensor = self.conv(self.CA_layer(maps))
        return out


class _DepthwiseCorrelation(nn.Module):
    """Channel by channel, with the template's middle as the kernel."""

    def __init__(self) -> None:
        super().__init__()
        self.conv_kernel, self.conv_search = _pointwise(), _pointwise()

    def forward(self, template: Tensor, search: Tensor) -> Tensor:
        kernel, x = self.conv_kernel(template[:, :, _MIDDLE, _MIDDLE]), self.conv_search(search)
        as_one = x.reshape(1, -1, *x.shape[2:])
        return F.conv2d(as_one, kernel.flatten(0, 1)[:, None], padding=1, groups=as_one.shape[1]).view(
            len(x), WIDTH, MAP, MAP
        )


def _tower() -> nn.Sequential:
    layers: list[nn.Module] = []
    for _ in range(_TOWER):
        depthwise = nn.Conv2d(WIDTH, WIDTH, 3, padding=1, groups=WIDTH, bias=False)
        layers += [depthwise, nn.BatchNorm2d(WIDTH), nn.ReLU6(), *_pointwise(bias=False)]
    return nn.Sequential(*layers)


class _Head(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        both = _TEMPLATE_CELLS**2 + WIDTH
        self.corr_pw_cls, self.corr_pw_reg = _PixelCorrelation(), _PixelCorrelation()
        self.corr_dw_cls, self.corr_dw_reg = _DepthwiseCorrelation(), _DepthwiseCorrelation()
        self.down_cls, self.down_reg = (nn.Sequential(nn.Conv2d(both, WIDTH, 1)) for _ in range(2))
        self.cls_tower, self.bbox_tower = _tower(), _tower()
        self.cls_logits = nn.Sequential(nn.Conv2d(WIDTH, 2, 1))
        self.bbox_pred = nn.Sequential(nn.Conv2d(WIDTH, 4, 1))

    def forward(self, template: Tensor, search: Tensor) -> tuple[Tensor, Tensor]:
        score = torch.cat([self.corr_pw_cls(template, search), self.corr_dw_cls(template, search)], 1)
        place = torch.cat([self.corr_pw_reg(template, search), self.corr_dw_reg(template, search)], 1)
        logits = self.cls_logits(self.cls_tower(self.down_cls(score)))
        return logits, self.bbox_pred(self.bbox_tower(self.down_reg(place))).exp()


class NanoTrack3(nn.Module):
    """541 k parameters that fly, and a neck of the authors' training that does not."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = _Backbone()
        self.ban_head = _Head()

    def forward(self, template: Tensor, search: Tensor) -> tuple[Tensor, Tensor]:
        """Maps of a pair of crops.

        Args:
            template: (B, 127, 127, 3) BGR, 0 to 255.
            search: (B, 255, 255, 3) likewise.

        Returns:
            Logits (B, 2, 15, 15), the target's is the second; distances to left, top, right, bottom (B, 4, 15, 15) px.
        """
        own, seen = (self.backbone(crop.permute(0, 3, 1, 2).float()) for crop in (template, search))
        maps: tuple[Tensor, Tensor] = self.ban_head(own, seen)
        return maps


def cell_points() -> Tensor:
    """(2, 15, 15) x, y px of the search crop that each cell stands for; the middle one for its middle."""
    line = SEARCH_PX / 2 + (torch.arange(MAP) - MAP // 2) * float(STRIDE)
    return torch.stack([line.expand(MAP, MAP), line[:, None].expand(MAP, MAP)])


def read_nanotrack(file: Path) -> NanoTrack3:
    """The network with the weights of its authors' .pth file, in eval mode.

    Raises:
        ModelFileMissing: no such file.
        ModelFileDamaged: not a torch file of arrays, or not NanoTrack V3's.
    """
    network = NanoTrack3()
    try:
        found = torch.load(file, map_location="cpu", weights_only=True)
        state = {name: value for name, value in found.items() if not name.startswith("neck.")}
        network.load_state_dict(state)
    except FileNotFoundError as error:
        raise ModelFileMissing(f"there is no file '{file}'; expected NanoTrack V3's weights (.pth)") from error
    except Exception as error:  # torch.load raises of every kind on a damaged file
        raise ModelFileDamaged(
            f"{file.name} does not hold NanoTrack V3's arrays; expected its authors' .pth, or .safetensors of another "
            "tracker; give such a file"
        ) from error
    return network.eval()
