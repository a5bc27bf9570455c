"""The recipes of ``siamfcpp``, read top to bottom; ``siamfcpp_tuning`` has those of the pruned networks.

First ``siamfcpp_trunk``: the trunk learns the features of an ImageNet network, for tracking alone cannot teach it
from noise with few pictures. Then ``siamfcpp``: trunk and head learn to track from pairs. Losses after SiamFC++
(Xu et al., AAAI 2020, section 3.3): focal on the cells inside the box, -ln IoU and centre-ness on the positives.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Generator, Tensor, nn

from uav_tracker_ros.trackers.search_region import SETTINGS
from uav_tracker_ros.trackers.siamfcpp import decoding
from uav_tracker_ros.trackers.siamfcpp.graphs import OUTPUTS
from uav_tracker_ros.trackers.siamfcpp.network import SEARCH_PX, SiamFCpp, Trunk, cell_points, decode, map_cells
from uav_tracker_ros.training import losses
from uav_tracker_ros.training.device_views import cut_views, draw_moves, light
from uav_tracker_ros.training.distillation.answers import Answer, Frame, answer_of, kept_output
from uav_tracker_ros.training.distillation.teachers import Maps, siamfcpp_said
from uav_tracker_ros.training.distillation.trunk import CROP_PX, TrunkDistiller, load_teacher
from uav_tracker_ros.training.lesson import Part, Schedule
from uav_tracker_ros.training.networks import Network
from uav_tracker_ros.training.pair_batches import MARGIN_PX, PairBatches
from uav_tracker_ros.training.scenes.cropping import Cut
from uav_tracker_ros.training.scenes.crops import CropSource
from uav_tracker_ros.training.scenes.pictures import Pictures
from uav_tracker_ros.training.scenes.samples import PairSource
from uav_tracker_ros.training.validation import DeviceGraphs, GraphFunction, SiameseKind, judge_tracker

TRUNK_SCHEDULE = Schedule(samples=1_000_000, batch=512, rate=2e-3, decay=1e-2, clip=5.0)
PAIR_SCHEDULE = Schedule(samples=800_000, batch=128, rate=6e-4, warm_up=500)

_CROP_MARGIN_PX = 8
_JUDGED_CROPS = 96
TRUNK_SHARE = 0.3  # of the rate: the distilled trunk should not forget
PairLoss = Callable[[Maps, dict[str, Tensor], Tensor], tuple[Tensor, dict[str, Tensor]]]  # of maps, batch and points


class TrunkLesson(TrunkDistiller):
    """Feature distillation of a trunk.

    Args:
        teacher: file of Lite0's ImageNet weights.
        judged: validation clips.
        network: a pruned network, whose trunk learns while its head waits; None: a full-width trunk alone.
    """

    def __init__(self, teacher: Path, judged: Pictures, network: SiamFCpp | None = None) -> None:
        trunk = network.trunk if network is not None else Trunk()
        super().__init__(trunk, load_teacher(torch.load(teacher, weights_only=True)))
        self._judged = judged
        self._student = [network if network is not None else trunk]  # in a list: its trunk is counted once

    @property
    def student(self) -> nn.Module:
        """The trunk, or the whole pruned network."""
        return self._student[0]

    def source(self, pictures: Pictures, seed: int) -> CropSource:
        """Random crops of every picture."""
        return CropSource(pictures, seed, CROP_PX + 2 * _CROP_MARGIN_PX)

    def prepare(self, batch: dict[str, Tensor], generator: Generator) -> dict[str, Tensor]:
        """A little shift, zoom and light, the mirror image of half of them."""
        moves = draw_moves(generator, len(batch["crop"]), _CROP_MARGIN_PX / 2, 0.04)
        views = light(cut_views(batch["crop"], moves, CROP_PX), generator, 0.3)
        return {"crop": views.permute(0, 2, 3, 1)}

    def forward(self, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """Distance to the teacher."""
        return self.loss(batch["crop"])

    def parts(self) -> list[Part]:
        """Trunk and projections alike; a head stays as it is."""
        return [Part(self.parameters(), 1.0)]

    def judge(self, deadline: float) -> dict[str, float]:
        """Squared error on crops of validation clips, which no step has seen; the figure is its negative."""
        source = CropSource(self._judged, 0, CROP_PX)
        if not source.encoded:
            return {}
        crops = torch.stack([torch.from_numpy(source.draw(number)["crop"]) for number in range(_JUDGED_CROPS)])
        parts: list[dict[str, Tensor]] = []
        with torch.no_grad():
            for some in crops.split(16):
                if time.monotonic() > deadline:
                    return {}
                parts.append(self.loss(some.to(self.mean.device))[1])
        figures = {f"val_{name}": float(torch.stack([part[name] for part in parts]).mean()) for name in parts[0]}
        return {"figure": -figures["val_mse8"] - figures["val_mse16"], **figures}


class PairFamily(NamedTuple):
    """What differs between the families that learn from pairs."""

    kind: SiameseKind  # of tracker, for validation
    batches: PairBatches
    points: Tensor  # (2, M, M) px of the search crop that each cell stands for
    loss: PairLoss
    said: Callable[[Maps, Tensor], tuple[Tensor, Tensor]]  # score 0 to 1 and boxes, of maps and points


class PairLesson(nn.Module):
    """Trunk and head learn to track.

    Args:
        network: full or pruned.
        family: its own.
        judged: validation clips.
        frozen: first convolutions of the trunk that stay as they are, their normalisation too.
    """

    points: Tensor

    def __init__(self, network: Network, family: PairFamily, judged: Pictures, frozen: int = 0) -> None:
        super().__init__()
        self.network, self.family = network, family
        self.register_buffer("points", family.points.clone(), persistent=False)
        self._judged = judged
        self._frozen = [getattr(network.trunk, f"conv{number}") for number in range(1, frozen + 1)]
        for block in self._frozen:
            block.requires_grad_(requires_grad=False)

    def train(self, mode: bool = True) -> PairLesson:
        """Frozen blocks count no statistics."""
        super().train(mode)
        for block in self._frozen:
            block.eval()
        return self

    @property
    def student(self) -> nn.Module:
        """The whole network."""
        return self.network

    def source(self, pictures: Pictures, seed: int) -> PairSource:
        """Composites, stills and clips."""
        return self.family.batches.source(pictures, seed)

    def prepare(self, batch: dict[str, Tensor], generator: Generator) -> dict[str, Tensor]:
        """See :meth:`PairBatches.prepare`."""
        return self.family.batches.prepare(batch, generator)

    @property
    def frame(self) -> Frame:
        """The crops that answers are compared on."""
        cut = self.family.batches.cut
        return Frame(cut.search_px, cut.template_px)

    @property
    def widths(self) -> tuple[int, ...]:
        """Of the features before the score."""
        return (self.network.widths.tower[-1],)

    def forward(self, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """Loss of the three outputs."""
        return self.lesson_of(batch)[:2]

    def taught(self, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor], Answer]:
        """Loss, figures, and what the network said."""
        loss, figures, maps, features = self.lesson_of(batch)
        return loss, figures, answer_of(*self.family.said(maps, self.points), features, self.points, self.frame)

    def lesson_of(self, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor], Maps, Tensor]:
        """Loss, figures, the outputs, and the features before the score."""
        kernels = self.network.template(batch["templates"][:, 0])
        with kept_output(self.network.head.score_tower) as features:
            maps = self.network.search(batch["search"], kernels)  # type: ignore[arg-type]
        return *self.family.loss(maps, batch, self.points), maps, features[0]

    def parts(self) -> list[Part]:
        """The trunk learns slower."""
        return [Part(self.network.trunk.parameters(), TRUNK_SHARE), Part(self.network.head.parameters(), 1.0)]

    def judge(self, deadline: float) -> dict[str, float]:
        """One pass over the validation clips, and the scale response."""
        network = self.network
        graphs: dict[str, GraphFunction] = {
            "template": (network.template, ("kernel0", "kernel1")[: 2 if isinstance(network, SiamFCpp) else 1]),
            "track": (lambda crop, *kernels: network.track(crop, kernels), OUTPUTS),  # type: ignore[arg-type]
        }
        backend = DeviceGraphs(graphs, self.points.device)
        return judge_tracker(self.family.kind, backend, self._judged.clips, deadline)


def pair_loss(outputs: Maps, batch: dict[str, Tensor], points: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """Loss of score and centre-ness logits and distances (px), in fp32, and what the log shows of it."""
    score, centerness, distances = (values.float() for values in outputs)
    labels, central = losses.inside_labels(batch["box"], points)
    score_loss = losses.focal(score[:, 0], labels, torch.ones_like(labels))
    chosen = labels.nonzero(as_tuple=True)
    wanted = batch["box"][chosen[0]]
    iou, _ = losses.paired_iou(decode(distances).permute(0, 2, 3, 1)[chosen], wanted)
    share = batch["box_weight"][chosen[0]]
    box_loss = (-iou.clamp(min=1e-6).log() * share).sum() / share.sum().clamp(min=1)
    center_loss = losses.excess_bce(centerness[:, 0][chosen], central[chosen]).sum() / max(1, len(wanted))
    total = score_loss + 3 * box_loss + center_loss
    figures = {"score": score_loss, "box": box_loss, "center": center_loss, "iou": iou.sum() / max(1, len(iou))}
    return total, {name: figure.detach() for name, figure in figures.items()}


def pair_batches(kind: SiameseKind, search_px: int) -> PairBatches:
    """Search crops of this size, at the flight's scale; validation has those of the flight's size."""
    return PairBatches(Cut.of(replace(kind.region, search_size=search_px), MARGIN_PX))


def family(search_px: int = SEARCH_PX) -> PairFamily:
    """Learns from search crops of this size."""
    kind = SiameseKind(SETTINGS["siamfcpp"], decoding.decode, decoding.SETTINGS)
    return PairFamily(kind, pair_batches(kind, search_px), cell_points(map_cells(search_px)), pair_loss, siamfcpp_said)


FRUGAL_PX = 255  # of the search crop, with FRUGAL_FROZEN: three times the pairs a second
FRUGAL_FROZEN = 4
