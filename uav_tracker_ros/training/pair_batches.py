"""From pictures to batches of template and search crops: what the recipes of pair trackers share."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from uav_tracker_ros.training.device_views import cut_views, draw_moves, light, motion_blur, move_boxes
from uav_tracker_ros.training.scenes.cropping import Cut
from uav_tracker_ros.training.scenes.pairs import PairSampler
from uav_tracker_ros.training.scenes.pictures import Pictures
from uav_tracker_ros.training.scenes.samples import PairSource

MARGIN_PX = (8, 32)  # of template and search canvas: room for the views' shift and zoom


@dataclass(frozen=True)
class PairBatches:
    """How samples of one family are drawn."""

    cut: Cut  # with MARGIN_PX
    moments: int = 1
    gap: int = 60  # frames
    strength: float = 0.7  # of photometry and degradation

    def source(self, pictures: Pictures, seed: int) -> PairSource:
        """Canvases without photometry: the device draws it anew for each use."""
        sampler = PairSampler(pictures, seed, cut=self.cut, moments=self.moments, gap=self.gap,
                              strength=self.strength, light=False)  # fmt: skip
        return PairSource(sampler)

    def prepare(self, batch: dict[str, Tensor], generator: Generator) -> dict[str, Tensor]:
        """Random views.

        Returns:
            ``templates`` (B, N, T, T, 3) and ``search`` (B, S, S, 3) float BGR 0 to 255, ``box`` (B, 4) px of the
            search crop (NaN: absent), ``box_weight`` (B,).
        """
        cut, rows, moments = self.cut, len(batch["box"]), self.moments
        # the search may use its margin whole; a template's target must stay where the tracker puts it
        room = self.cut.margin_px[1] - 0.08 * cut.search_px / 2
        moves = draw_moves(generator, rows, max(0.0, room), 0.08)
        search = cut_views(batch["search"], moves, cut.search_px)
        search = motion_blur(light(search, generator, self.strength), generator, 0.3 * self.strength)
        mirror = moves.mirror.repeat_interleave(moments)
        still = draw_moves(generator, rows * moments, 2.0, 0.03, mirror)
        templates = cut_views(batch["templates"].flatten(0, 1), still, cut.template_px)
        templates = motion_blur(light(templates, generator, self.strength), generator, 0.08 * self.strength)
        box = move_boxes(batch["box"], moves, cut.search_canvas_px, cut.search_px)
        return {
            "templates": templates.permute(0, 2, 3, 1).unflatten(0, (rows, moments)),
            "search": search.permute(0, 2, 3, 1),
            "box": torch.where(_visible(box, cut.search_px)[:, None], box, torch.nan),
            "box_weight": batch["box_weight"],
            "source": batch["source"],
        }


def _visible(box: Tensor, side: int) -> Tensor:
    """(B,) a third of the box at least is inside the crop; False for NaN."""
    inside = box.clamp(0, side)
    area = (inside[:, 2] - inside[:, 0]) * (inside[:, 3] - inside[:, 1])
    return area > (box[:, 2] - box[:, 0]) * (box[:, 3] - box[:, 1]) / 3
