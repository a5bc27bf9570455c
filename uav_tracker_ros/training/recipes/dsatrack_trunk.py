"""The recipe of DSATrack's trunk: a plain vision transformer learns the features of an ImageNet network.

The rows start from it (``dsatrack``).
"""

from __future__ import annotations

import time
from pathlib import Path

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own idiom

from uav_tracker_ros.trackers.dsatrack.network import Backbone, DsaTrack
from uav_tracker_ros.trackers.dsatrack.rows import MAP, ROWS, SEARCH_PX, STRIDE, TEMPLATE_PX
from uav_tracker_ros.trackers.siamfcpp.lite0_network import SiamFCppLite0
from uav_tracker_ros.training.device_views import cut_views, draw_moves, light
from uav_tracker_ros.training.distillation.trunk import COARSE, load_teacher
from uav_tracker_ros.training.lesson import Part, Schedule
from uav_tracker_ros.training.scenes.crops import CropSource
from uav_tracker_ros.training.scenes.pictures import Pictures

SCHEDULE = Schedule(samples=1_000_000, batch=256, rate=1e-3, warm_up=500, decay=0.05)

_CROP_MARGIN_PX = 8
_JUDGED_CROPS = 96


class TrunkLesson(nn.Module):
    """The blocks, as a plain transformer over one crop, learn the teacher's features at stride 16.

    Args:
        row: whose width and blocks the trunk has.
        teacher: file of Lite0's ImageNet weights.
        judged: validation clips.
        frugal: crops of the template's size: a quarter of the tokens, three to four times as many crops a second.
    """

    def __init__(self, row: str, teacher: Path, judged: Pictures, *, frugal: bool = False) -> None:
        super().__init__()
        self._crop_px = TEMPLATE_PX if frugal else SEARCH_PX
        self.backbone = Backbone(ROWS[row], DsaTrack(ROWS[row]).form, 0.0)
        self.projection = nn.Linear(ROWS[row].width, COARSE)
        self.norm = nn.BatchNorm2d(COARSE, affine=False, momentum=0.01)  # whitens the teacher's channels
        self._teacher = [load_teacher(torch.load(teacher, weights_only=True)).eval().requires_grad_(False)]
        self._judged = judged
        for name, parameter in self.backbone.named_parameters():  # ranks wait for gradients of all that is trained
            parameter.requires_grad_(".dsa." not in name and (frugal or name != "pos_embed_z"))

    @property
    def student(self) -> nn.Module:
        """The backbone alone."""
        return self.backbone

    def source(self, pictures: Pictures, seed: int) -> CropSource:
        """Random crops of every picture."""
        return CropSource(pictures, seed, self._crop_px + 2 * _CROP_MARGIN_PX)

    def prepare(self, batch: dict[str, Tensor], generator: Generator) -> dict[str, Tensor]:
        """A little shift, zoom and light, the mirror image of half of them."""
        moves = draw_moves(generator, len(batch["crop"]), _CROP_MARGIN_PX / 2, 0.03)
        views = light(cut_views(batch["crop"], moves, self._crop_px), generator, 0.3)
        return {"crop": views.permute(0, 2, 3, 1)}

    def _tokens(self, crops: Tensor) -> Tensor:
        """A small crop is now a template, now a window of the search region: both positions are learned."""
        backbone = self.backbone
        if crops.shape[1] == SEARCH_PX:
            return backbone.embed_search(crops)
        side = TEMPLATE_PX // STRIDE
        row, column = torch.randint(MAP - side + 1, (2,)).tolist()
        grid = backbone.pos_embed_x.unflatten(1, (MAP, MAP))
        window = grid[:, row : row + side, column : column + side].flatten(1, 2)
        template = 1.0 if not self.training else float(torch.rand(()) < 0.5)
        return backbone.patch_embed(crops) + template * backbone.pos_embed_z + (1 - template) * window

    def forward(self, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """Squared error of the whitened features; 1 is what their mean would have."""
        with torch.no_grad():
            teacher = self._teacher[0].to(batch["crop"].device)
            wanted = self.norm(teacher(SiamFCppLite0.normalise(batch["crop"]))[1].float()).flatten(2).transpose(1, 2)
        x = self._tokens(batch["crop"])
        for block in self.backbone.blocks:
            q, k, v = block.attn.split(block.norm1(x))
            x = block.finish(x, torch.softmax((q @ k.transpose(2, 3)).float(), -1).to(v) @ v)
        found = self.projection(self.backbone.norm(x)).float()
        error = F.mse_loss(found, wanted)
        return error, {"cos16": F.cosine_similarity(found.detach(), wanted, dim=2).mean()}

    def parts(self) -> list[Part]:
        """All alike."""
        return [Part(self.parameters(), 1.0)]

    def judge(self, deadline: float) -> dict[str, float]:
        """Squared error on crops of validation clips; the figure is its negative."""
        source = CropSource(self._judged, 0, self._crop_px)
        if not source.encoded:
            return {}
        crops = torch.stack([torch.from_numpy(source.draw(number)["crop"]) for number in range(_JUDGED_CROPS)])
        errors = []
        with torch.no_grad():
            for some in crops.split(16):
                if time.monotonic() > deadline:
                    return {}
                errors.append(float(self({"crop": some.to(self.projection.weight.device)})[0]))
        error = sum(errors) / len(errors)
        return {"figure": -error, "val_mse16": error}
