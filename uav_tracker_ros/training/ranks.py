"""One process or several that train together: torchrun starts them, each has its share of every batch."""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch
from torch import Tensor, distributed, nn


@dataclass(frozen=True)
class Ranks:
    """Which of how many this process is."""

    rank: int = 0
    world: int = 1
    local: int = 0  # on its own machine: which GPU

    @classmethod
    def join(cls, device: str) -> Ranks:
        """Meet the others where torchrun says so; alone otherwise."""
        world = int(os.environ.get("WORLD_SIZE", "1"))
        if world > 1 and not distributed.is_initialized():
            distributed.init_process_group("nccl" if device == "cuda" else "gloo")
        return cls(int(os.environ.get("RANK", "0")), world, int(os.environ.get("LOCAL_RANK", "0")))

    @property
    def first(self) -> bool:
        """The one that writes files and talks."""
        return self.rank == 0

    def index(self, position: int, batch: int) -> int:
        """Number of the sample at this rank's ``position``: batches of all ranks side by side are one large batch.

        Args:
            position: counts this rank's samples.
            batch: samples of one step on this rank.
        """
        step, place = divmod(position, batch)
        return (step * self.world + self.rank) * batch + place

    def wrap(self, module: nn.Module) -> nn.Module:
        """The module with gradients averaged over the ranks."""
        return nn.parallel.DistributedDataParallel(module) if self.world > 1 else module

    def any(self, flag: bool, device: torch.device) -> bool:
        """True where one rank says so: all stop at the same step."""
        if self.world == 1:
            return flag
        said = torch.tensor(int(flag), device=device)
        distributed.all_reduce(said, op=distributed.ReduceOp.MAX)
        return bool(said)

    def mean(self, value: Tensor) -> Tensor:
        """Average over the ranks, for the log."""
        if self.world > 1:
            distributed.all_reduce(value)
            value = value / self.world
        return value

    def wait(self) -> None:
        """Until all are here."""
        if self.world > 1:
            distributed.barrier()

    def leave(self) -> None:
        """End of the run."""
        if self.world > 1:
            distributed.destroy_process_group()
