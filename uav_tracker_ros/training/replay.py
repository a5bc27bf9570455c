"""Samples on the training device, drawn several times each before newer ones replace them.

Making a sample costs a processor core ten milliseconds, a step on a GPU takes a thousand of them a second. So worker
processes write samples into a ring on the device, and every batch picks rows at random; what is drawn on the
device (place, zoom, colour, blur) is new each time.

Without workers the ring is filled by this process, in a fixed order: a run that was interrupted goes on exactly
as it would have gone. With workers it goes on with samples that it has not seen.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from uav_tracker_ros.training.feeding import Feeder
from uav_tracker_ros.training.ranks import Ranks
from uav_tracker_ros.training.scenes.samples import Sample, Source

_MOST_REUSE = 2.0  # with workers: a batch waits only where samples would be used this many times too often


@dataclass(frozen=True)
class RingSettings:
    """How large the ring is and how it is filled."""

    batch: int  # rows a step, on this rank
    capacity: int = 0  # rows of the ring; at least a batch
    reuse: float = 1.0  # how often each sample is drawn on average
    workers: int = 0  # processes that fill it; 0: filled by this process, in a fixed order


class Replay:
    """A ring of samples.

    Args:
        source: makes samples.
        settings: of the ring.
        device: where the ring lies.
        ranks: of this process.
        seed: of the choice of rows.
        step: of the first batch: 0, or where a run goes on.
        position: samples that this rank had made before, with workers.
    """

    def __init__(
        self, source: Source, settings: RingSettings, device: torch.device, ranks: Ranks, *, seed: int,
        step: int = 0, position: int = 0,
    ) -> None:  # fmt: skip
        self._source, self._device, self._ranks, self._seed = source, device, ranks, seed
        self._batch, self._reuse = settings.batch, settings.reuse
        self._capacity = max(settings.capacity, settings.batch)
        self._first_step, self._first_position = step, position
        self._position = position if settings.workers else max(0, self._needed(step) - self._capacity)
        self._rows: dict[str, Tensor] = {}
        self._feeder = Feeder(source, self._index, position, settings.workers) if settings.workers else None
        self.waited = 0.0  # s, in all, for samples

    @property
    def position(self) -> int:
        """Samples that this rank has made."""
        return self._position

    def batch(self, step: int) -> dict[str, Tensor]:
        """Rows for one step, chosen by seed, rank and step; (batch, ...) tensors on the device."""
        start = time.monotonic()
        if self._feeder is None:
            while self._position < self._needed(step):
                self._write([self._source.draw(self._index(self._position))])
        else:
            self._receive(step, self._feeder)
        self.waited += time.monotonic() - start
        rng = np.random.default_rng((self._seed, self._ranks.rank, step))
        filled = min(self._filled, self._capacity)
        rows = self._upload(rng.permutation(filled)[: self._batch])
        return {name: values[rows] for name, values in self._rows.items()}

    def close(self) -> None:
        """End the worker processes."""
        if self._feeder is not None:
            self._feeder.close()

    def __enter__(self) -> Replay:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def _filled(self) -> int:
        return self._position - self._first_position if self._feeder is not None else self._position

    def _index(self, position: int) -> int:
        return self._ranks.index(position, self._batch)

    def _needed(self, step: int) -> int:
        """Samples that must have been made before a step: each is used ``reuse`` times in the long run."""
        first = min(self._capacity, max(self._batch, round(self._batch * self._reuse)))
        return first + math.ceil(step * self._batch / self._reuse)

    def _receive(self, step: int, feeder: Feeder) -> None:
        """Take what the workers have made; wait for more only where there is too little."""
        steps = step - self._first_step
        least = max(min(self._capacity, 2 * self._batch), math.ceil(steps * self._batch / self._reuse / _MOST_REUSE))
        while True:
            samples = feeder.take(self._batch, wait=self._filled < least)
            if samples:
                self._write(samples)
            if self._filled >= least:
                return

    def _write(self, samples: list[Sample]) -> None:
        if not self._rows:
            for name, value in samples[0].items():
                kind = torch.from_numpy(np.empty(0, value.dtype)).dtype
                self._rows[name] = torch.zeros((self._capacity, *value.shape), dtype=kind, device=self._device)
        places = (self._position + np.arange(len(samples))) % self._capacity
        rows = self._upload(places)
        for name, values in self._rows.items():
            values[rows] = self._upload(np.stack([sample[name] for sample in samples]))
        self._position += len(samples)

    def _upload(self, array: NDArray[Any]) -> Tensor:
        """The array on the device; from pinned memory, so that nobody waits for the GPU's earlier work."""
        tensor = torch.from_numpy(array)
        if self._device.type == "cuda":
            tensor = tensor.pin_memory()
        return tensor.to(self._device, non_blocking=True)
