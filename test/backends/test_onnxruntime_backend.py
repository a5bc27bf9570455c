from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from uav_tracker_ros.backends import choice, onnxruntime_backend
from uav_tracker_ros.errors import BackendUnavailable, ModelFileDamaged, UnknownName


@pytest.fixture
def doubling(tmp_path: Path) -> Path:
    """y = 2x, declared for 1 x 3 x 8 x 8 only."""
    shape = [1, 3, 8, 8]
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "x"], ["y"])],
        "doubling",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
    )
    file = tmp_path / "doubling.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=7), file)
    return file


def test_outputs_by_name(doubling: Path) -> None:
    backend = onnxruntime_backend.load({"track": doubling}, threads=1)
    outputs = backend.run("track", np.ones((1, 3, 8, 8), np.float32))
    assert set(outputs) == {"y"}
    assert np.all(outputs["y"] == 2)


def test_outputs_are_the_callers(doubling: Path) -> None:
    backend = onnxruntime_backend.load({"track": doubling}, threads=1)
    first = backend.run("track", np.ones((1, 3, 8, 8), np.float32))["y"]
    backend.run("track", np.full((1, 3, 8, 8), 9, np.float32))
    assert np.all(first == 2)


def test_free_size_takes_other_sizes(doubling: Path) -> None:
    image = np.ones((1, 3, 5, 7), np.float32)
    fixed = onnxruntime_backend.load({"track": doubling}, threads=1)
    with pytest.raises(Exception, match=r"(?i)dimension"):
        fixed.run("track", image)
    free = onnxruntime_backend.load({"track": doubling}, threads=1, free_size=("track",))
    assert free.run("track", image)["y"].shape == (1, 3, 5, 7)


@pytest.mark.parametrize("free", [(), ("track",)], ids=["as declared", "free size"])
def test_damaged_file(tmp_path: Path, free: tuple[str, ...]) -> None:
    file = tmp_path / "broken.onnx"
    file.write_bytes(b"\x00garbage" * 50)
    with pytest.raises(ModelFileDamaged, match=r"broken\.onnx"):
        onnxruntime_backend.load({"track": file}, threads=1, free_size=free)


def test_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "installed", lambda name: name in ("torch", "onnxruntime"))
    assert choice.choose("auto", ("torch", "onnxruntime", "openvino"), "net") == "onnxruntime"
    assert choice.choose("torch", ("torch", "onnxruntime"), "net") == "torch"
    with pytest.raises(UnknownName, match="did you mean 'openvino'"):
        choice.choose("openvin", ("torch",), "net")
    with pytest.raises(BackendUnavailable, match="openvino is not installed"):
        choice.choose("openvino", ("openvino",), "net")
    with pytest.raises(BackendUnavailable, match="none of which is installed"):
        choice.choose("auto", ("tensorrt",), "net")


def test_a_row_that_lists_a_backend_without_onnx() -> None:
    with pytest.raises(BackendUnavailable, match="torch does not run ONNX files; expected onnxruntime or openvino"):
        choice.load_onnx("torch", {}, threads=1)


def test_a_tracker_without_a_network_loads_no_backend() -> None:
    script = (
        "import sys; from uav_tracker_ros.trackers import registry; registry.create('static'); "
        "print([name for name in ('torch', 'onnxruntime', 'onnx', 'openvino', 'matplotlib') if name in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert answer.stdout.strip() == "[]"
