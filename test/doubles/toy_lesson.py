"""A lesson small enough for a test: fit a linear map with a part that draws random numbers."""

from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor, nn

from uav_tracker_ros.training.lesson import Part


class ToySource:
    """Pairs x, y = x @ truth."""

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self.truth = np.arange(6, dtype=np.float32).reshape(3, 2)
        self.drawn: list[int] = []

    def draw(self, index: int) -> dict[str, np.ndarray]:
        self.drawn.append(index)
        x = np.random.default_rng((self.seed, index)).normal(size=3).astype(np.float32)
        return {"x": x, "y": x @ self.truth, "number": np.array(index, np.int64)}


class ToyLesson(nn.Module):
    """Dropout and noise stand for everything that a real network and its views draw."""

    def __init__(self, noise: float = 0.1, dropout: float = 0.1) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.linear = nn.Linear(3, 2)
        self.dropout = nn.Dropout(dropout)
        self.noise = noise
        self.judged = 0
        self.batches: list[list[int]] = []

    @property
    def student(self) -> nn.Module:
        return self.linear

    def source(self, pictures: Any, seed: int) -> ToySource:
        return ToySource(seed)

    def prepare(self, batch: dict[str, Tensor], generator: Generator) -> dict[str, Tensor]:
        self.batches.append(sorted(batch["number"].tolist()))
        noise = torch.randn(batch["x"].shape, generator=generator, device=batch["x"].device)
        return {**batch, "x": batch["x"] + self.noise * noise}

    def forward(self, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        loss = ((self.linear(self.dropout(batch["x"])) - batch["y"]) ** 2).mean()
        return loss, {"error": loss.detach()}

    def parts(self) -> list[Part]:
        return [Part([self.linear.weight], 0.5), Part([self.linear.bias], 1.0)]

    def judge(self, deadline: float) -> dict[str, float]:
        self.judged += 1
        return {"figure": -float(self.linear.bias.detach().abs().sum())}
