"""Worker processes that make samples into shared memory."""

from __future__ import annotations

import multiprocessing
import os
import queue
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from uav_tracker_ros.errors import UavTrackerError
from uav_tracker_ros.training.scenes.samples import Sample, Source

_SLOTS_A_WORKER = 24
_ORPHAN_CHECK = 5.0  # s; a worker looks this often whether its parent lives


class WorkerFailed(UavTrackerError):
    """A worker process could not make a sample."""


class Feeder:
    """Starts workers; worker w of W makes the samples at positions w, w + W, ...

    Start it before anything touches a GPU: the processes are forks of this one, so that they share its pictures.
    """

    def __init__(self, source: Source, index: Callable[[int], int], first: int, workers: int) -> None:
        context = multiprocessing.get_context("fork")
        example = source.draw(index(first))
        slots = workers * _SLOTS_A_WORKER
        self._shared = {name: _shared(context, (slots, *value.shape), value.dtype) for name, value in example.items()}
        self._free: Any = context.Queue()
        self._made: Any = context.Queue()
        for slot in range(slots):
            self._free.put(slot)
        self._processes = [
            context.Process(
                target=_work,
                args=(source, index, range(first + worker, 2**62, workers), self._shared, self._free, self._made),
                daemon=True,
            )
            for worker in range(workers)
        ]
        for process in self._processes:
            process.start()

    def take(self, most: int, *, wait: bool) -> list[Sample]:
        """Samples that are ready, at most ``most``; with ``wait`` one at least.

        Raises:
            WorkerFailed: a worker ended with an error.
        """
        samples: list[Sample] = []
        while len(samples) < most:
            try:
                made = self._made.get(timeout=_ORPHAN_CHECK) if wait and not samples else self._made.get_nowait()
            except queue.Empty:
                if wait and not samples and not all(process.is_alive() for process in self._processes):
                    raise WorkerFailed(
                        "a worker process that makes samples is gone; expected all to live; "
                        "look at its message above, or train with --workers 0"
                    ) from None
                if wait and not samples:
                    continue
                break
            if isinstance(made, str):
                raise WorkerFailed(f"a worker process failed: {made}; expected samples; try --workers 0 to see where")
            samples.append({name: values[made].copy() for name, values in self._shared.items()})
            self._free.put(made)
        return samples

    def close(self) -> None:
        """End the processes."""
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.join()
        for line in (self._free, self._made):
            line.cancel_join_thread()
            line.close()


def _shared(context: Any, shape: tuple[int, ...], kind: np.dtype[Any]) -> NDArray[Any]:
    size = int(np.prod(shape)) * kind.itemsize
    return np.frombuffer(context.RawArray("b", size), dtype=kind).reshape(shape)


def _work(
    source: Source, index: Callable[[int], int], positions: range, shared: dict[str, NDArray[Any]], free: Any, made: Any
) -> None:
    cv2.setNumThreads(1)
    parent = os.getppid()
    try:
        for position in positions:
            sample = source.draw(index(position))
            while True:
                try:
                    slot = free.get(timeout=_ORPHAN_CHECK)
                    break
                except queue.Empty:
                    if os.getppid() != parent:
                        return
            for name, value in sample.items():
                shared[name][slot] = value
            made.put(slot)
    except KeyboardInterrupt:
        return  # the parent has it too and decides
    except Exception as error:  # noqa: BLE001 - the parent raises it
        made.put(f"{type(error).__name__}: {error}")
