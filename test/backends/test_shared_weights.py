"""Graphs that share one file of weights compute what they did with their own."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from uav_tracker_ros.backends import choice
from uav_tracker_ros.backends.shared_weights import share_weights

HALVES = (np.arange(64 * 64, dtype=np.float32).reshape(64, 64) % 32) / 8 - 2  # half precision holds them exactly
FINE = np.random.default_rng(0).standard_normal((64, 64)).astype(np.float32)


def graph(file: Path, *matrices: np.ndarray) -> None:
    """x times each matrix in turn, plus a small bias; the last matrix is a Constant node."""
    nodes, initializers, value = [], [numpy_helper.from_array(np.ones(64, np.float32), "bias")], "x"
    for number, matrix in enumerate(matrices):
        if number == len(matrices) - 1:
            constant = numpy_helper.from_array(matrix)
            nodes.append(helper.make_node("Constant", [], [f"m{number}"], value=constant))
        else:
            initializers.append(numpy_helper.from_array(matrix, f"m{number}"))
        nodes.append(helper.make_node("MatMul", [value, f"m{number}"], [f"y{number}"]))
        value = f"y{number}"
    nodes.append(helper.make_node("Add", [value, "bias"], ["out"]))
    border = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 64]) for name in ("x", "out")]
    made = helper.make_graph(nodes, file.stem, border[:1], border[1:], initializers)
    onnx.save(helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), file)


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_the_same_numbers_from_one_file(tmp_path: Path, backend: str) -> None:
    if not choice.installed(backend):
        pytest.skip(f"{backend} is not installed: pip install {backend}")
    files = {name: tmp_path / f"{name}.onnx" for name in ("first", "second")}
    graph(files["first"], HALVES, FINE)
    graph(files["second"], FINE, HALVES)
    x = np.random.default_rng(1).standard_normal((1, 64)).astype(np.float32)
    before = choice.load_onnx(backend, files, 1)
    wanted = {name: before.run(name, x)["out"] for name in files}
    share_weights(files, tmp_path / "both.weights")
    after = choice.load_onnx(backend, files, 1)
    for name, values in wanted.items():
        assert np.allclose(after.run(name, x)["out"], values, rtol=1e-6)
    assert (tmp_path / "both.weights").stat().st_size == 64 * 64 * (2 + 4)  # each once, one of them halved
    assert all(file.stat().st_size < 2000 for file in files.values())
