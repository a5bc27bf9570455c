"""Write graphs of torch networks as ONNX files with constant shapes."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from torch import nn

from uav_tracker_ros.backends.graph import Graph
from uav_tracker_ros.errors import OutputUnwritable

OPSET = 17


class _Called(nn.Module):
    """A graph's function as a module of its own, which is what the exporter takes."""

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        self.network, self.function = graph.network, graph.function

    def forward(self, *inputs: Any) -> Any:
        return tuple(self.function(*inputs))


def write_onnx(graphs: Mapping[str, Graph], folder: Path, name: str) -> dict[str, Path]:
    """One file ``NAME.GRAPH.onnx`` a graph, all of them or none; returns the files by graph.

    Args:
        graphs: by name; their networks in eval mode.
        folder: made if absent.
        name: of the tracker.

    Raises:
        OutputUnwritable: the folder cannot be written.
    """
    files = {graph: folder / f"{name}.{graph}.onnx" for graph in graphs}
    partial = {graph: file.with_name(f".{file.name}.partial") for graph, file in files.items()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for graph, entry in graphs.items():
            _write(entry, partial[graph])
        for graph, file in files.items():
            partial[graph].replace(file)
    except OSError as error:
        raise OutputUnwritable(
            f"cannot write graphs to '{folder}': {error.strerror or error}; expected a folder with write access: "
            "choose another"
        ) from error
    finally:
        for file in partial.values():
            with suppress(OSError):
                file.unlink()
    return files


def _write(graph: Graph, file: Path) -> None:
    with warnings.catch_warnings():
        # The exporter by tracing is called old, but writes every form used here without another package.
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        warnings.filterwarnings("ignore", category=torch.jit.TracerWarning)
        torch.onnx.export(
            _Called(graph).eval(),
            tuple(graph.inputs.values()),
            str(file),
            dynamo=False,
            opset_version=OPSET,
            input_names=list(graph.inputs),
            output_names=list(graph.outputs),
        )
