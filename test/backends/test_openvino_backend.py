"""The shipped network gives the same maps and boxes on OpenVINO as on ONNX Runtime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("openvino", reason="openvino is not installed: pip install openvino")

from uav_tracker_ros.backends import choice, openvino_backend
from uav_tracker_ros.errors import ModelFileDamaged
from uav_tracker_ros.trackers.model_table import default_models_dir, read_table


def test_the_default_trackers_maps_are_those_of_onnxruntime() -> None:
    row = read_table()["siamfcpp_lite0"]
    files = {entry.graph: default_models_dir() / entry.name for entry in row.files if entry.name.endswith(".onnx")}
    backends = [choice.load_onnx(name, files, threads=1) for name in ("onnxruntime", "openvino")]
    rng = np.random.default_rng(0)
    template = rng.integers(0, 256, (1, 128, 128, 3), dtype=np.uint8)
    states = [tuple(backend.run("template", template).values()) for backend in backends]
    search = rng.integers(0, 256, (1, 256, 256, 3), dtype=np.uint8)
    expected, found = (backend.run("track", search, *state) for backend, state in zip(backends, states, strict=True))
    assert list(found) == list(expected)
    assert np.abs(found["score"] - expected["score"]).max() <= 2e-5
    assert np.abs(found["boxes"] - expected["boxes"]).max() <= 1e-2


def test_damaged_file(tmp_path: Path) -> None:
    file = tmp_path / "broken.onnx"
    file.write_bytes(b"\x00garbage" * 50)
    with pytest.raises(ModelFileDamaged, match=r"broken\.onnx"):
        openvino_backend.load({"track": file}, threads=1)
