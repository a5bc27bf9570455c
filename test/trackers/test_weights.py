from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from uav_tracker_ros.errors import ModelFileDamaged, ModelFileMissing
from uav_tracker_ros.trackers.weights import load_state, verify

SHAPES = {"conv.weight": (4, 3, 3, 3), "conv.bias": (4,)}


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    file = tmp_path / "net.safetensors"
    save_file({key: np.full(shape, 2, np.float32) for key, shape in SHAPES.items()}, file)
    return file


def test_exact_file_loads(weights: Path) -> None:
    state = load_state(weights, SHAPES, sha256=hashlib.sha256(weights.read_bytes()).hexdigest())
    assert {key: value.shape for key, value in state.items()} == SHAPES
    assert state["conv.bias"].sum() == 8


def test_wrong_checksum(weights: Path) -> None:
    with pytest.raises(ModelFileDamaged, match="another version"):
        load_state(weights, SHAPES, sha256="0" * 64)
    with pytest.raises(ModelFileMissing, match="lists what is"):
        verify(weights.with_name("other"), "0" * 64, "net")


@pytest.mark.parametrize(
    ("expected", "said"),
    [
        pytest.param({**SHAPES, "fc.weight": (2,)}, "1 missing: fc.weight", id="missing"),
        pytest.param({"conv.weight": (4, 3, 3, 3)}, "1 unexpected: conv.bias", id="unexpected"),
        pytest.param({**SHAPES, "conv.bias": (5,)}, r"conv.bias \(4,\) for \(5,\)", id="shape"),
    ],
)
def test_keys_that_differ_are_named(weights: Path, expected: dict, said: str) -> None:
    with pytest.raises(ModelFileDamaged, match=said):
        load_state(weights, expected)


def test_ignored_keys(weights: Path) -> None:
    assert set(load_state(weights, {"conv.weight": (4, 3, 3, 3)}, ignore=["conv.bias"])) == {"conv.weight"}


def test_truncated_file(weights: Path) -> None:
    weights.write_bytes(weights.read_bytes()[:-20])
    with pytest.raises(ModelFileDamaged, match="copy the file again"):
        load_state(weights, SHAPES)


def test_pickles_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelFileDamaged, match="pickles can run code"):
        load_state(tmp_path / "net.pth", SHAPES)
    with pytest.raises(ModelFileMissing):
        load_state(tmp_path / "net.safetensors", SHAPES)
