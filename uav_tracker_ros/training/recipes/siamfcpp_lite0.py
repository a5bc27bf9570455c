"""The recipe of ``siamfcpp_lite0``, read top to bottom: the whole network learns to track from pairs.

The trunk starts from the ImageNet weights of EfficientNet-Lite0 and keeps their statistics of normalisation; its
blocks up to stride 8 stay as they are. On a processor ``siamfcpp_lite0_cached`` is ten times faster a pair: it keeps
the frozen blocks' features on the disk.
"""

from __future__ import annotations

import math
from pathlib import Path

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own idiom

from uav_tracker_ros.trackers.search_region import SETTINGS
from uav_tracker_ros.trackers.siamfcpp import lite0_decoding
from uav_tracker_ros.trackers.siamfcpp.lite0_network import STRIDE8_BLOCK, SiamFCppLite0, cell_points, decode
from uav_tracker_ros.training import losses
from uav_tracker_ros.training.distillation.answers import Answer, Frame, kept_output
from uav_tracker_ros.training.distillation.teachers import lite0_answer
from uav_tracker_ros.training.lesson import Part, Schedule
from uav_tracker_ros.training.pair_batches import MARGIN_PX, PairBatches
from uav_tracker_ros.training.scenes.cropping import Cut
from uav_tracker_ros.training.scenes.pictures import Pictures
from uav_tracker_ros.training.scenes.samples import PairSource
from uav_tracker_ros.training.validation import DeviceGraphs, GraphFunction, SiameseKind, judge_tracker

SCHEDULE = Schedule(samples=800_000, batch=128, rate=1.5e-3, decay=1e-2, clip=5.0)

TRUNK_SHARE = 0.2  # of the rate
KIND = SiameseKind(SETTINGS["siamfcpp_lite0"], lite0_decoding.decode, lite0_decoding.SETTINGS)
STATE_NAMES = ("template_coarse", "template_kernel", "template_fine")
MAP_NAMES = ("score", "overlap", "boxes")


class Lite0Lesson(nn.Module):
    """Blocks after stride 8 and the head learn to track.

    Args:
        teacher: file of EfficientNet-Lite0's ImageNet weights.
        judged: validation clips.
    """

    points: Tensor

    def __init__(self, teacher: Path, judged: Pictures) -> None:
        super().__init__()
        self.network = SiamFCppLite0()
        self.network.load_trunk(torch.load(teacher, weights_only=True))
        late_blocks(self.network)
        self.batches = PairBatches(Cut.of(SETTINGS["siamfcpp_lite0"], MARGIN_PX))
        self.register_buffer("points", cell_points(), persistent=False)
        self._judged = judged

    @property
    def student(self) -> nn.Module:
        """The whole network."""
        return self.network

    def source(self, pictures: Pictures, seed: int) -> PairSource:
        """Composites, stills and clips."""
        return self.batches.source(pictures, seed)

    def prepare(self, batch: dict[str, Tensor], generator: Generator) -> dict[str, Tensor]:
        """See :meth:`PairBatches.prepare`."""
        return self.batches.prepare(batch, generator)

    def train(self, mode: bool = True) -> Lite0Lesson:
        """The trunk stays in eval mode: with few pictures ImageNet's statistics are the better ones."""
        super().train(mode)
        self.network.trunk.eval()
        return self

    @property
    def frame(self) -> Frame:
        """The crops that answers are compared on."""
        return Frame()

    @property
    def widths(self) -> tuple[int, ...]:
        """Of the fused features."""
        return (self.network.head.width,)

    def forward(self, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """Loss of the three outputs."""
        return self.taught(batch)[:2]

    def taught(self, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor], Answer]:
        """Loss, figures, and what the network said."""
        network = self.network
        state = network.head.template(*network.trunk(network.normalise(batch["templates"][:, 0])))
        with kept_output(network.head.fuse) as fused:
            outputs = network.head(state, *network.trunk(network.normalise(batch["search"])))
        return *lite0_loss(outputs, batch, self.points), lite0_answer(outputs, fused[0])

    def parts(self) -> list[Part]:
        """The trunk learns slower."""
        return [Part(self.network.trunk.parameters(), TRUNK_SHARE), Part(self.network.head.parameters(), 1.0)]

    def judge(self, deadline: float) -> dict[str, float]:
        """One pass over the validation clips, and the scale response."""
        return judge_network(self.network, self._judged, deadline)


def late_blocks(network: SiamFCppLite0) -> nn.ModuleList:
    """The trunk's blocks after stride 8, the only ones that are left to learn."""
    late = nn.ModuleList(list(network.trunk._blocks)[STRIDE8_BLOCK + 1 :])
    network.trunk.requires_grad_(False)
    late.requires_grad_(True)
    return late


def lite0_loss(
    outputs: tuple[Tensor, ...], batch: dict[str, Tensor], points: Tensor
) -> tuple[Tensor, dict[str, Tensor]]:
    """Loss of score and overlap logits and log distances, in fp32, and what the log shows of it."""
    score, overlap, distances = (values.float() for values in outputs)
    labels, weights = losses.cell_labels(batch["box"], points)
    score_loss = losses.balanced_bce(score[:, 0], labels, weights)
    chosen = labels.nonzero(as_tuple=True)
    iou, giou = losses.paired_iou(decode(distances).permute(0, 2, 3, 1)[chosen], batch["box"][chosen[0]])
    share = batch["box_weight"][chosen[0]]
    box_loss = ((1 - giou) * share).sum() / share.sum().clamp(min=1)
    logits = overlap[:, 0][chosen]
    overlap_loss = F.binary_cross_entropy_with_logits(logits, iou.detach().clamp(0, 1), reduction="sum")
    total = score_loss + 1.5 * box_loss + 0.5 * overlap_loss / max(1, len(iou))
    figures = {"score": score_loss, "box": box_loss, "iou": iou.sum() / max(1, len(iou))}
    return total, {name: figure.detach() for name, figure in figures.items()}


def judge_network(network: SiamFCppLite0, judged: Pictures, deadline: float = math.inf) -> dict[str, float]:
    """One pass over the clips, and the scale response."""
    graphs: dict[str, GraphFunction] = {
        "template": (network.template, STATE_NAMES),
        "track": (lambda crop, *state: network.track(crop, state), MAP_NAMES),
    }
    backend = DeviceGraphs(graphs, next(network.parameters()).device)
    return judge_tracker(KIND, backend, judged.clips, deadline)
