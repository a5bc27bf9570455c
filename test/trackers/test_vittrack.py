"""VitTrack through OpenCV, with a stand-in of its network: the file itself is not part of this package."""

from __future__ import annotations

import hashlib
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from scenes import frame

from uav_tracker_ros.errors import ModelFileDamaged, ModelFileMissing
from uav_tracker_ros.geometry import Box
from uav_tracker_ros.trackers import registry

NAME = "object_tracking_vittrack_2023sep.onnx"
pytestmark = pytest.mark.skipif(not hasattr(cv2, "TrackerVit_create"), reason="this OpenCV has no TrackerVit")


def write_network(file: Path) -> None:
    """Inputs and outputs of the real one; the response is the brightness of each 16 x 16 px of the search region."""
    constants = {
        "mean": np.full((1, 3, 1, 1), 1 / 3),
        "nothing": np.full((1, 1, 1, 1), 1e-6),
        "zero": np.zeros((2, 1, 1, 1)),
        "quarter": np.full(2, 0.25),
        "half": np.full(2, 0.5),
    }
    nodes = [
        helper.make_node("Conv", ["search", "mean"], ["grey"]),
        helper.make_node("AveragePool", ["grey"], ["pooled"], kernel_shape=[16, 16], strides=[16, 16]),
        helper.make_node("GlobalAveragePool", ["template"], ["pooled_template"]),
        helper.make_node("Conv", ["pooled_template", "mean"], ["grey_template"]),
        helper.make_node("Mul", ["grey_template", "nothing"], ["little"]),
        helper.make_node("Add", ["pooled", "little"], ["response"]),
        helper.make_node("Sigmoid", ["response"], ["output1"]),
        helper.make_node("Conv", ["pooled", "zero", "quarter"], ["output2"]),
        helper.make_node("Conv", ["pooled", "zero", "half"], ["output3"]),
    ]
    shapes = {"template": (3, 128), "search": (3, 256), "output1": (1, 16), "output2": (2, 16), "output3": (2, 16)}
    values = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, channels, side, side])
        for name, (channels, side) in shapes.items()
    ]
    tensors = [numpy_helper.from_array(value.astype(np.float32), name) for name, value in constants.items()]
    model = helper.make_model(
        helper.make_graph(nodes, "vit", values[:2], values[2:], tensors), opset_imports=[helper.make_opsetid("", 13)]
    )
    model.ir_version = 8
    onnx.save(model, file)


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, Path]:
    """A table whose row has the stand-in's checksum, and the folder with the stand-in."""
    write_network(tmp_path / NAME)
    digest = hashlib.sha256((tmp_path / NAME).read_bytes()).hexdigest()
    (tmp_path / "models.yaml").write_text(
        "trackers:\n  vittrack:\n    family: opencv\n    folder: peers\n"
        f"    files: [{{graph: network, name: {NAME}, sha256: {digest}}}]\n"
    )
    return {"models_dir": tmp_path, "peers_dir": tmp_path}


def test_runs_behind_the_contract(folders: dict[str, Path]) -> None:
    tracker = registry.create("vittrack", **folders)
    image, box = frame(100, 80)
    before = image.copy()
    answers = []
    for _ in range(2):
        tracker.initialize(image, box)
        answers.append([tracker.update(frame(100 + step, 80)[0]) for step in (2, 4)])
    assert answers[0] == answers[1]
    assert all(observation.box.is_finite and 0 <= observation.score <= 1 for observation in answers[0])
    assert np.array_equal(image, before)
    tracker.move_to(Box(20, 20, 32, 32))
    assert tracker.update(image).box.is_finite


def test_the_absent_and_the_wrong_file_are_named(folders: dict[str, Path]) -> None:
    with pytest.raises(ModelFileMissing, match=NAME):
        registry.create("vittrack", models_dir=folders["models_dir"], peers_dir=folders["peers_dir"] / "empty")
    file = folders["peers_dir"] / NAME
    file.write_bytes(file.read_bytes() + b"x")
    with pytest.raises(ModelFileDamaged, match="sha256"):
        registry.create("vittrack", **folders)


def test_the_shipped_row_is_there() -> None:
    row = registry.describe("vittrack", peers_dir=Path("nowhere"))
    assert (row.family, row.weights, row.file) == ("opencv", "absent", NAME)
