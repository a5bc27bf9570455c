"""OpenVINO on the processor, fp32."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from uav_tracker_ros.errors import BackendUnavailable, ModelFileDamaged


class OpenVinoBackend:
    """One compiled model a graph."""

    name = "openvino"

    def __init__(self, models: Mapping[str, Any]) -> None:
        self._requests = {graph: model.create_infer_request() for graph, model in models.items()}
        self._outputs = {graph: [port.get_any_name() for port in model.outputs] for graph, model in models.items()}

    def run(self, graph: str, *arrays: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """See :class:`uav_tracker_ros.backends.contract.Backend`."""
        values = self._requests[graph].infer(dict(enumerate(arrays)))
        # copied: the request writes its next results into the same memory
        return {name: np.array(values[k]) for k, name in enumerate(self._outputs[graph])}


def load(files: Mapping[str, Path], threads: int) -> OpenVinoBackend:
    """Compile the graphs.

    Args:
        files: ONNX file of each graph.
        threads: within one call.

    Raises:
        BackendUnavailable: openvino cannot be imported.
        ModelFileDamaged: a file that is no ONNX graph.
    """
    try:
        import openvino
    except ImportError as error:
        raise BackendUnavailable(
            f"openvino cannot be imported ({error}); this backend needs it; pip install openvino"
        ) from error
    core = openvino.Core()
    settings = {
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "f32",  # processors with bf16 would else change the maps
    }
    models = {}
    for graph, file in files.items():
        try:
            models[graph] = core.compile_model(core.read_model(file), "CPU", settings)
        except Exception as error:
            raise ModelFileDamaged(
                f"{file.name} is not a graph that openvino reads ({error}); copy the file again"
            ) from error
    return OpenVinoBackend(models)
