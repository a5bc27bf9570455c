"""A trunk learns the features of another: two maps of the teacher, sampled where the student's cells look.

A linear projection of the student's last map answers for both teacher maps, one of an earlier map for the finer.
Targets are whitened channel by channel, so an error of 1 is what the mean alone would have. The teacher is
EfficientNet-Lite0 with its ImageNet weights; its cell i of stride s stands for s i + s / 2 px of an even crop.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own idiom

from uav_tracker_ros.trackers.siamfcpp import network as siamfcpp
from uav_tracker_ros.trackers.siamfcpp.lite0_network import Lite0Trunk, SiamFCppLite0

FINE, COARSE = 40, 112  # channels of the teacher at strides 8 and 16
CROP_PX = 192  # of the teacher; the student gets one pixel less: its grid then needs no rounding
_LOCAL_POINT_PX = siamfcpp.TRUNK_POINT_PX - 2 * siamfcpp.STRIDE  # two unpadded 3x3 layers before conv5


class TrunkDistiller(nn.Module):
    """Student, teacher and what joins them; only ``trunk`` is kept afterwards."""

    mean: Tensor
    deviation: Tensor
    counted: Tensor

    def __init__(self, trunk: siamfcpp.Trunk, teacher: Lite0Trunk) -> None:
        super().__init__()
        self.trunk = trunk
        self.normalise = siamfcpp.Normalise()
        widths = trunk.conv3.conv.out_channels, trunk.conv5.conv.out_channels
        self.local_projection = nn.Conv2d(widths[0], FINE, 1)
        self.projection = nn.Conv2d(widths[1], FINE + COARSE, 1)
        self.register_buffer("mean", torch.zeros(FINE + COARSE))
        self.register_buffer("deviation", torch.ones(FINE + COARSE))
        self.register_buffer("counted", torch.zeros((), dtype=torch.long))
        self._teacher = [teacher.eval().requires_grad_(False)]  # in a list: no part of this module's weights

    def loss(self, crops: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Squared error of the whitened features, summed over the three projections.

        Args:
            crops: (B, 192, 192, 3) uint8 BGR.

        Returns:
            The loss, and figures: squared errors at strides 8 and 16, cosine at stride 16.
        """
        fine, coarse = self._targets(crops)
        middle, last = self.trunk.with_conv3(self.normalise(crops[:, :-1, :-1]))
        found = self.projection(last).float()
        local = self.local_projection(middle).float()
        wanted_fine = _at_cells(fine, last.shape[-1], siamfcpp.TRUNK_POINT_PX)
        wanted_coarse = _at_cells(coarse, last.shape[-1], siamfcpp.TRUNK_POINT_PX)
        errors = {
            "mse8": F.mse_loss(found[:, :FINE], wanted_fine),
            "mse16": F.mse_loss(found[:, FINE:], wanted_coarse),
            "local": F.mse_loss(local, _at_cells(fine, middle.shape[-1], _LOCAL_POINT_PX)),
        }
        cosine = F.cosine_similarity(found[:, FINE:].detach(), wanted_coarse, dim=1).mean()
        total = errors["mse8"] + errors["mse16"] + 0.5 * errors["local"]
        return total, {**{name: error.detach() for name, error in errors.items()}, "cos16": cosine}

    def _targets(self, crops: Tensor) -> tuple[Tensor, Tensor]:
        """The teacher's maps, whitened by the statistics of the first thousand crops."""
        with torch.no_grad():
            teacher = self._teacher[0].to(crops.device)
            fine, coarse = (maps.float() for maps in teacher(SiamFCppLite0.normalise(crops)))
            if self.training and int(self.counted) < 1000:
                self._count(fine, coarse, len(crops))
            mean, deviation = self.mean.view(1, -1, 1, 1), self.deviation.view(1, -1, 1, 1)
            fine = (fine - mean[:, :FINE]) / deviation[:, :FINE]
            return fine, (coarse - mean[:, FINE:]) / deviation[:, FINE:]

    def _count(self, fine: Tensor, coarse: Tensor, crops: int) -> None:
        share = crops / (int(self.counted) + crops)
        mean = torch.cat([fine.mean((0, 2, 3)), coarse.mean((0, 2, 3))])
        deviation = torch.cat([fine.std((0, 2, 3)), coarse.std((0, 2, 3))])
        self.mean.lerp_(mean, share)
        self.deviation.lerp_(deviation.clamp(min=1e-3), share)
        self.counted += crops


def _at_cells(maps: Tensor, cells: int, first_px: float) -> Tensor:
    """Bilinear samples (B, C, N, N) at ``first_px`` + 8 i px of a map that covers the whole crop."""
    line = (torch.arange(cells, device=maps.device) * siamfcpp.STRIDE + first_px) * (2 / CROP_PX) - 1
    y, x = torch.meshgrid(line, line, indexing="ij")
    grid = torch.stack([x, y], -1).expand(len(maps), -1, -1, -1).to(maps)
    return F.grid_sample(maps, grid, align_corners=False)


def load_teacher(weights: dict[str, Tensor]) -> Lite0Trunk:
    """The trunk of EfficientNet-Lite0 from its public ImageNet weights."""
    network = SiamFCppLite0()
    network.load_trunk(weights)
    return network.trunk
