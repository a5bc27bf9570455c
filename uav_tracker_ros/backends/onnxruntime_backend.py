"""ONNX Runtime on the processor."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from uav_tracker_ros.errors import BackendUnavailable, ModelFileDamaged


class OnnxRuntimeBackend:
    """One session a graph."""

    name = "onnxruntime"

    def __init__(self, sessions: Mapping[str, Any]) -> None:
        self._sessions = dict(sessions)
        self._inputs = {graph: [node.name for node in session.get_inputs()] for graph, session in sessions.items()}
        self._outputs = {graph: [node.name for node in session.get_outputs()] for graph, session in sessions.items()}

    def run(self, graph: str, *arrays: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """See :class:`uav_tracker_ros.backends.contract.Backend`."""
        feed = dict(zip(self._inputs[graph], arrays, strict=True))
        values = self._sessions[graph].run(self._outputs[graph], feed)
        return dict(zip(self._outputs[graph], (np.asarray(value) for value in values), strict=True))


def load(files: Mapping[str, Path], threads: int, *, free_size: tuple[str, ...] = ()) -> OnnxRuntimeBackend:
    """Open the graphs.

    Args:
        files: ONNX file of each graph.
        threads: within an operator; operators run one after the other.
        free_size: graphs whose declared input height and width are to be ignored: fully convolutional
            networks that were exported at one size and are fed several.

    Raises:
        BackendUnavailable: onnxruntime (or onnx, for ``free_size``) cannot be imported.
        ModelFileDamaged: a file that is no ONNX graph.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise BackendUnavailable(
            f"onnxruntime cannot be imported ({error}); this tracker needs it; pip install onnxruntime"
        ) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 3  # errors only
    options.enable_mem_pattern = False  # one block for all arrays of a run: 10 to 22 MB more, no faster
    # Threads that spin while they wait starve the controller on small boards.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    sessions = {}
    for graph, file in files.items():
        # by name, not as bytes: those would stay in memory beside the weights
        model = _with_free_size(file) if graph in free_size else str(file)
        try:
            sessions[graph] = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except Exception as error:
            raise ModelFileDamaged(
                f"{file.name} is not a graph that onnxruntime reads ({error}); copy the file again"
            ) from error
    return OnnxRuntimeBackend(sessions)


def _with_free_size(file: Path) -> bytes:
    """The graph with symbolic height and width, serialised."""
    try:
        import onnx
    except ImportError as error:
        raise BackendUnavailable(
            f"onnx cannot be imported ({error}); this tracker needs it; pip install onnx"
        ) from error
    try:
        model = onnx.load_model_from_string(file.read_bytes())
    except Exception as error:
        raise ModelFileDamaged(f"{file.name} is not an ONNX file ({error}); copy the file again") from error
    for role, values in (("in", model.graph.input), ("out", model.graph.output)):
        for value in values:
            for axis, name in ((2, "height"), (3, "width")):
                dimension = value.type.tensor_type.shape.dim[axis]
                dimension.ClearField("dim_value")
                dimension.dim_param = f"{name}_{role}"
    del model.graph.value_info[:]  # shapes inferred for the declared size would contradict the free one
    serialised: bytes = model.SerializeToString()
    return serialised
