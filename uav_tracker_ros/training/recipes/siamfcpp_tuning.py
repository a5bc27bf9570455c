"""The recipe of ``p_`` and ``ps_`` networks: a pruned network learns what pruning took from it.

Both start from the same pruned weights, samples and steps: the difference is the self-attention that teaches
``ps_`` networks and is thrown away afterwards (PS-SiamFC++, section III, equation 9).
"""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn

from uav_tracker_ros.training.attention import AttentionSettings, TemplateAttention, loss_with_attention
from uav_tracker_ros.training.distillation.answers import kept_output
from uav_tracker_ros.training.distillation.teachers import Maps
from uav_tracker_ros.training.lesson import Part, Schedule
from uav_tracker_ros.training.networks import read_network
from uav_tracker_ros.training.recipes.siamfcpp import PairFamily, PairLesson
from uav_tracker_ros.training.scenes.pictures import Pictures

SCHEDULE = Schedule(samples=200_000, batch=128, rate=3e-4)  # a quarter of the full network's, half the rate


class TuningLesson(PairLesson):
    """A pruned network, with or without attention.

    Args:
        name: of the family, siamfcpp or siamcar; ``family`` is how it learns.
        weights: what `uav-tracker prune` wrote; its widths come from the file.
        judged: validation clips.
        attention: teach with it.
        frozen: as of :class:`PairLesson`.
    """

    def __init__(
        self, name: str, weights: Path, family: PairFamily, judged: Pictures, *, attention: bool, frozen: int = 0
    ) -> None:
        super().__init__(read_network(name, weights), family, judged, frozen)
        channels = self.network.trunk.conv5.conv.out_channels
        self.attention: nn.Module = TemplateAttention(channels) if attention else nn.Identity()

    def lesson_of(self, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor], Maps, Tensor]:
        """As without pruning, and of equation 9 with attention."""
        if not isinstance(self.attention, TemplateAttention):
            return super().lesson_of(batch)
        crops = batch["templates"][:, 0], batch["search"]
        answers: list[Maps] = []

        def tracking_loss(maps: Maps) -> Tensor:
            answers.append(maps)
            return self.family.loss(maps, batch, self.points)[0]

        with kept_output(self.network.head.score_tower) as features:
            parts = loss_with_attention(self.network, self.attention, crops, tracking_loss, AttentionSettings())
        figures = {"tracking": parts.tracking, "distance": parts.distance, "attended": parts.attended}
        # the first of each is without attention, as it flies
        return parts.total, {name: figure.detach() for name, figure in figures.items()}, answers[0], features[0]

    def parts(self) -> list[Part]:
        """Attention learns as the head does."""
        return [*super().parts(), Part(self.attention.parameters(), 1.0)]
