from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from uav_tracker_ros.cli.app import main
from uav_tracker_ros.trackers.model_table import default_models_dir, read_table

WIDTH, HEIGHT, FRAMES = 160, 120, 40


@pytest.fixture
def models(tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    shutil.copy(default_models_dir() / "models.yaml", folder)
    return folder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two clips of a textured square on textured ground."""
    folder = tmp_path / "data"
    (folder / "clips").mkdir(parents=True)
    generator = np.random.default_rng(0)
    ground = cv2.resize(generator.integers(0, 160, (15, 20, 3), dtype=np.uint8), (WIDTH, HEIGHT))
    square = cv2.resize(generator.integers(60, 256, (6, 6, 3), dtype=np.uint8), (24, 24))
    for name in ("a_0", "b_0"):
        stem = folder / "clips" / name
        writer = cv2.VideoWriter(f"{stem}.mp4", cv2.VideoWriter.fourcc(*"mp4v"), 10, (WIDTH, HEIGHT))
        for number in range(FRAMES):
            image = ground.copy()
            image[40:64, 30 + number : 54 + number] = square
            writer.write(image)
        writer.release()
        Path(f"{stem}.txt").write_text("".join(f"{30 + number},40,24,24\n" for number in range(FRAMES)))
    rows = [{"name": name, "split": "train", "origin": "drawn"} for name in ("a_0", "b_0")]
    (folder / "clips.json").write_text(json.dumps(rows))
    return folder


def calibrate(models: Path, data: Path, *more: str) -> int:
    place = ["--data", str(data), "--models-dir", str(models)]
    return main(["calibrate", "confidence", "--tracker", "kcf", *place, *more])


def test_the_fit_is_stored_and_repeats_exactly(models: Path, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert calibrate(models, data, "--overwrite", "--json", "-") == 0
    told = capsys.readouterr()
    result = json.loads(told.out)
    stored = read_table(models)["kcf"].calibration
    assert stored is not None
    assert stored.data_sha256 == result["calibration"]["data_sha256"]
    assert "of 2 training clips (1 a, 1 b)" in stored.data
    assert result["clips"] == ["a_0", "b_0"]
    assert 0 < result["wrong"] < 1
    assert 0.5 < result["auroc"] <= 1
    assert "few examples" in told.err
    text = (models / "models.yaml").read_text()
    assert calibrate(models, data, "--overwrite") == 0
    assert (models / "models.yaml").read_text() == text


def test_a_stored_calibration_is_not_replaced_unasked(
    models: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (models / "models.yaml").read_bytes()
    assert calibrate(models, data) == 1
    assert "add --overwrite" in capsys.readouterr().err
    assert (models / "models.yaml").read_bytes() == before


def test_benchmark_clips_are_refused(models: Path, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (models / "models.yaml").read_bytes()
    rows = json.loads((data / "clips.json").read_text())
    rows[1]["origin"] = "UAV123_10fps car10"
    (data / "clips.json").write_text(json.dumps(rows))
    assert calibrate(models, data, "--overwrite") == 1
    assert "whose sequences judge trackers" in capsys.readouterr().err
    assert (models / "models.yaml").read_bytes() == before
