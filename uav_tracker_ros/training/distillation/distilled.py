"""A tracking lesson that also learns from a stronger tracker, on the same crops."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Generator, Tensor, nn

from uav_tracker_ros.trackers.dsatrack.head import HeadMaps
from uav_tracker_ros.training.distillation import dual_branch
from uav_tracker_ros.training.distillation.answers import SHARED_PX, Answer, Frame, finite_answer
from uav_tracker_ros.training.distillation.teachers import Teacher
from uav_tracker_ros.training.dsatrack_losses import boxes_at
from uav_tracker_ros.training.lesson import Lesson, Part
from uav_tracker_ros.training.scenes.pictures import Pictures
from uav_tracker_ros.training.scenes.samples import Source


class Taught(Lesson, Protocol):
    """A lesson whose network can be compared with a teacher: an ``nn.Module``."""

    @property
    def frame(self) -> Frame:
        """Of its crops."""
        ...

    @property
    def widths(self) -> tuple[int, ...]:
        """Of each level of its features."""
        ...

    def taught(self, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor], Answer]:
        """Loss, figures for the log, and what the network said."""
        ...


class Distilled(nn.Module):
    """A lesson with both branches of ``dual_branch``: features and predictions, where the teacher is right.

    Args:
        lesson: goes on as it is.
        teacher: is never changed; its weights are not part of the state.
        steps: of the schedule, over which the features' weight falls.
    """

    def __init__(self, lesson: Taught, teacher: Teacher, steps: int) -> None:
        super().__init__()
        assert isinstance(lesson, nn.Module)  # noqa: S101 - for the type checker
        self.lesson = lesson
        self._teacher, self._all_steps = [teacher], steps
        self.register_buffer("steps", torch.zeros((), dtype=torch.long))
        self._pairs = dual_branch.layer_pairs(len(lesson.widths), len(teacher.widths))
        self.adapters = dual_branch.Adapters([(lesson.widths[a - 1], teacher.widths[b - 1]) for a, b in self._pairs])

    @property
    def student(self) -> nn.Module:
        """See :class:`Lesson`."""
        return self.lesson.student

    def source(self, pictures: Pictures, seed: int) -> Source:
        """See :class:`Lesson`."""
        return self.lesson.source(pictures, seed)

    def prepare(self, batch: dict[str, Tensor], generator: Generator) -> dict[str, Tensor]:
        """See :class:`Lesson`."""
        return self.lesson.prepare(batch, generator)

    def judge(self, deadline: float) -> dict[str, float]:
        """See :class:`Lesson`."""
        return self.lesson.judge(deadline)

    def parts(self) -> list[Part]:
        """As without a teacher, and the adapters."""
        return [*self.lesson.parts(), Part(self.adapters.parameters(), 1.0)]

    def forward(self, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """The lesson's loss and both branches."""
        loss, figures, said = self.lesson.taught(batch)
        frame = self.lesson.frame
        with torch.no_grad():
            templates, search = frame.shared_crops(batch["templates"], batch["search"])
            meant, whole = finite_answer(self._teacher[0].answer(templates, search, batch.get("alone")))
            boxes = frame.shared(batch["box"])
            right = dual_branch.teacher_is_right(_chosen(meant), boxes) * whole
            mask = dual_branch.target_mask(boxes)
            for there in (said.there, meant.there):
                mask = mask if there is None else mask * there
            weights = dual_branch.target_weights(mask, meant.score, right)
        adapted = self.adapters([said.features[own - 1] for own, _ in self._pairs])
        features = dual_branch.feature_loss(adapted, [meant.features[theirs - 1] for _, theirs in self._pairs], weights)
        predictions = dual_branch.prediction_loss(said.prediction, meant.prediction, mask, weights)
        share = dual_branch.feature_weight(min(1.0, int(self.steps) / self._all_steps))
        self.steps += self.training
        branches = {"features": features.detach(), "predictions": predictions.detach(), "teacher_right": right.mean()}
        return loss + share * features + predictions, {**figures, **branches}


def _chosen(answer: Answer) -> Tensor:
    """(B, 4) the teacher's box, px of the shared crop."""
    logit, size, offset = answer.prediction
    return boxes_at(HeadMaps(logit, answer.score[:, None], size, offset), answer.score.flatten(1).argmax(1)) * SHARED_PX
