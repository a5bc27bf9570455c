"""Several ONNX graphs of one network share one file of weights, in half the bytes.

A network that flies as three graphs would carry its weights three times. Here large arrays move to one file that all
graphs name (ONNX's external data), equal ones once; those that half precision holds exactly are kept in it, and a
cast that runtimes compute once when they load the graph brings them back.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

_LEAST = 1024  # bytes of an array that is worth moving
_ALIGNED = 64  # bytes


def share_weights(files: Mapping[str, Path], data: Path) -> None:
    """Rewrite the graphs in place; their large arrays go to ``data``, in the same folder.

    Args:
        files: ONNX file of each graph, with its weights inside.
        data: made here. Graphs know it by its name: the files stay together.
    """
    store = _Store(data.name)
    models = {file: onnx.load(file) for file in files.values()}
    for model in models.values():
        _move(model.graph, store)
    data.write_bytes(store.content)
    for file, model in models.items():
        file.write_bytes(model.SerializeToString())


class _Store:
    """Bytes of the file of weights; equal arrays have one place."""

    def __init__(self, name: str) -> None:
        self.content = bytearray()
        self._name = name
        self._places: dict[bytes, int] = {}

    def tensor(self, name: str, array: NDArray[Any]) -> TensorProto:
        """An array of a graph whose numbers lie in the file."""
        raw = array.tobytes()
        key = hashlib.sha256(raw).digest()
        if key not in self._places:
            self.content += bytes(-len(self.content) % _ALIGNED)
            self._places[key] = len(self.content)
            self.content += raw
        tensor = TensorProto(name=name, dims=array.shape, data_type=helper.np_dtype_to_tensor_dtype(array.dtype))
        tensor.data_location = TensorProto.EXTERNAL
        places = {"location": self._name, "offset": str(self._places[key]), "length": str(len(raw))}
        for part, value in places.items():
            tensor.external_data.add(key=part, value=value)
        return tensor


def _move(graph: onnx.GraphProto, store: _Store) -> None:
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    small = [tensor for tensor in graph.initializer if arrays[tensor.name].nbytes < _LEAST]
    nodes = []
    for node in graph.node:
        array = numpy_helper.to_array(node.attribute[0].t) if node.op_type == "Constant" and _is_array(node) else None
        if array is None or array.nbytes < _LEAST:
            nodes.append(node)
        else:
            arrays[node.output[0]] = array
    moved, casts = [], []
    for name, array in arrays.items():
        if array.nbytes < _LEAST:
            continue
        half = array.astype(np.float16) if array.dtype == np.float32 else None
        if half is not None and np.array_equal(half.astype(np.float32), array):
            moved.append(store.tensor(f"{name}.half", half))
            casts.append(helper.make_node("Cast", [f"{name}.half"], [name], to=TensorProto.FLOAT))
        else:
            moved.append(store.tensor(name, array))
    del graph.initializer[:], graph.node[:]
    graph.initializer.extend([*small, *moved])
    graph.node.extend([*casts, *nodes])


def _is_array(node: onnx.NodeProto) -> bool:
    return len(node.attribute) == 1 and node.attribute[0].name == "value"
