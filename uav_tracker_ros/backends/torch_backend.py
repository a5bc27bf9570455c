"""torch on the processor: for comparison and development; a process with it takes some 180 MB more."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from uav_tracker_ros.backends.graph import Graph
from uav_tracker_ros.errors import BackendUnavailable


class TorchBackend:
    """Calls the graphs' functions."""

    name = "torch"

    def __init__(self, graphs: Mapping[str, Graph]) -> None:
        self._graphs = dict(graphs)

    def run(self, graph: str, *arrays: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """See :class:`uav_tracker_ros.backends.contract.Backend`."""
        import torch

        called = self._graphs[graph]
        with torch.inference_mode():
            values = called.function(*(torch.from_numpy(np.ascontiguousarray(array)) for array in arrays))
        return dict(zip(called.outputs, (value.numpy() for value in values), strict=True))


def load(graphs: Mapping[str, Graph], threads: int) -> TorchBackend:
    """Take the graphs of networks in eval mode.

    Args:
        graphs: by name.
        threads: of torch, for the whole process.

    Raises:
        BackendUnavailable: torch cannot be imported.
    """
    try:
        import torch
    except ImportError as error:
        raise BackendUnavailable(
            f"torch cannot be imported ({error}); this backend needs it; pip install torch, or use --backend auto"
        ) from error
    torch.set_num_threads(threads)
    with suppress(RuntimeError):  # torch has already run in this process: its pool stays
        torch.set_num_interop_threads(1)
    return TorchBackend(graphs)
