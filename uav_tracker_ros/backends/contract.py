"""What runs a network's static graphs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray


class Backend(Protocol):
    """Graphs by name, arrays in, arrays out. One target's state is the caller's, not the backend's."""

    name: str

    def run(self, graph: str, *arrays: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """Outputs by name, owned by the caller: the next call does not change them.

        Args:
            graph: a key of the files given to ``load``.
            arrays: in the order of the graph's inputs.
        """
        ...


class BackendLoader(Protocol):
    """Each backend's module has ``load``; the library is imported inside it."""

    def __call__(self, files: Mapping[str, Path], threads: int) -> Backend:
        """Read the graphs and warm nothing up."""
        ...
