"""What the engine trains: a module that turns a batch into a loss, and the schedule that it is trained by."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from torch import Generator, Tensor, nn

from uav_tracker_ros.training.scenes.pictures import Pictures
from uav_tracker_ros.training.scenes.samples import Source


@dataclass(frozen=True)
class Schedule:
    """One cosine over the whole run, however many sessions it takes."""

    samples: int  # in all, of all ranks
    batch: int  # of all ranks
    rate: float  # AdamW's, after the warm-up
    warm_up: int = 200  # steps
    decay: float = 1e-4  # of weights; biases and normalisation have none
    clip: float = 1.0  # of the gradient's norm
    average: float = 0.999  # of the moving average of the weights

    @property
    def steps(self) -> int:
        """In all."""
        return max(1, self.samples // self.batch)


class Part(NamedTuple):
    """Parameters that share a learning rate."""

    parameters: Iterable[nn.Parameter]
    share: float  # of the schedule's rate


class Lesson(Protocol):
    """An ``nn.Module`` with these members; ``forward(batch)`` gives the loss and figures for the log."""

    @property
    def student(self) -> nn.Module:
        """What is kept in the end."""
        ...

    def source(self, pictures: Pictures, seed: int) -> Source:
        """Where its samples come from."""
        ...

    def prepare(self, batch: dict[str, Tensor], generator: Generator) -> dict[str, Tensor]:
        """Random views of a batch of stored samples, on the device; no gradient."""
        ...

    def parts(self) -> list[Part]:
        """What is trained, and how fast."""
        ...

    def judge(self, deadline: float) -> dict[str, float]:
        """Figures on validation data, of a copy with averaged weights; ``figure`` chooses the best: the higher.

        Args:
            deadline: s of ``time.monotonic``; nothing is said where it would be passed.
        """
        ...
