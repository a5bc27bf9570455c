"""From a row's weights to a ranking, a smaller row, and files that fly."""

import json
from dataclasses import replace
from pathlib import Path

import made_up_pictures
import numpy as np
import pytest
import yaml

torch = pytest.importorskip("torch", reason="ranking and export need torch: pip install -e .[train]")

from uav_tracker_ros.cli.app import main  # noqa: E402 - after the check for torch
from uav_tracker_ros.geometry import Box  # noqa: E402
from uav_tracker_ros.trackers import registry  # noqa: E402
from uav_tracker_ros.trackers.dsatrack.network import DsaTrack  # noqa: E402
from uav_tracker_ros.trackers.dsatrack.rows import ROWS, Row  # noqa: E402
from uav_tracker_ros.trackers.network_weights import read_weights, write_weights  # noqa: E402

TINY = Row("dsatrack_vit_t", 64, (1, 2, 3, 4), ((1, 172), (3, 153)), head_channels=32)


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Random weights of a small row that has the name of a real one."""
    monkeypatch.setitem(ROWS, "dsatrack_vit_t", TINY)
    torch.manual_seed(0)
    network = DsaTrack(TINY)
    with torch.no_grad():
        for name, value in network.named_parameters():
            value.add_(torch.randn_like(value) * (0.3 if ".dsa." in name else 0.02))
    write_weights(network, tmp_path / "w.safetensors")
    return tmp_path / "w.safetensors"


def test_rank_measures_blocks_and_writes_the_smaller_row(weights: Path, tmp_path: Path) -> None:
    data, out = made_up_pictures.make(tmp_path / "data"), tmp_path / "out"
    summary = tmp_path / "summary.json"
    options = ["--data", str(data), "--semantic", "1/2", "--plain", "1/2", "--every", "4", "--out", str(out)]
    assert main(["rank", str(weights), *options, "--json", str(summary)]) == 0
    found = json.loads(summary.read_text())
    assert list(found["contributions"]) == ["2", "3", "4"]
    lower = min("24", key=lambda layer: found["contributions"][layer])
    assert found["kept"] == [layer for layer in (1, 2, 3, 4) if str(layer) not in (lower, "3")]
    table = (out / "contributions.csv").read_text().splitlines()
    assert table[0] == "layer,kind,contribution,kept"
    assert len(table) == 4
    layers = tuple(found["kept"])
    smaller = replace(TINY, layers=layers, keep=((1, 172),))
    read_weights(DsaTrack(smaller), out / found["file"])


@pytest.mark.parametrize(
    ("given", "message"), [(["--plain", "all"], "--plain is 'all'"), (["--semantic", "3/2"], "give a smaller one")]
)
def test_rank_refuses_wrong_shares(weights: Path, tmp_path: Path, capsys, given: list[str], message: str) -> None:
    data, out = made_up_pictures.make(tmp_path / "data"), tmp_path / "out"
    assert main(["rank", str(weights), "--data", str(data), "--every", "8", "--out", str(out), *given]) == 1
    assert message in " ".join(capsys.readouterr().err.split())
    assert not out.exists()


def test_export_gives_a_tracker_that_runs(weights: Path, tmp_path: Path, capsys) -> None:
    out = tmp_path / "models"
    command = ["export", str(weights), "--family", "dsatrack", "--name", "dsatrack_vit_t", "--out", str(out)]
    assert main(command) == 0
    row = yaml.safe_load(capsys.readouterr().out)
    names = {entry["graph"]: entry["name"] for entry in row["dsatrack_vit_t"]["files"]}
    assert names.keys() == {"template", "track", "update", "data"}
    onward = out / "dsatrack_vit_t.safetensors"  # to train on from
    assert {file.name for file in out.iterdir()} == {*names.values(), onward.name}
    before, after = (read_weights(DsaTrack(TINY), file).state_dict() for file in (weights, onward))
    assert all(torch.allclose(after[name].float(), value.float(), atol=1e-3) for name, value in before.items())
    (out / "models.yaml").write_text(yaml.safe_dump({"trackers": row}))
    rng = np.random.default_rng(0)
    frames = [rng.integers(0, 255, (120, 160, 3), np.uint8) for _ in range(8)]
    answers = []
    for _ in range(2):
        tracker = registry.create("dsatrack_vit_t", models_dir=out, backend="onnxruntime", threads=1)
        tracker.initialize(frames[0], Box(60, 40, 30, 20))
        answers.append([tracker.update(frame) for frame in frames[1:]])
    assert answers[0] == answers[1]
    assert all(observation.box.is_finite for observation in answers[0])


def test_export_of_another_row_s_weights_writes_nothing(weights: Path, tmp_path: Path, capsys) -> None:
    out = tmp_path / "models"
    command = ["export", str(weights), "--family", "dsatrack", "--out", str(out), "--name"]
    assert main([*command, "eatrack"]) == 1
    assert "does not fit the network" in " ".join(capsys.readouterr().err.split())
    assert main([*command, "dsatrak_d4"]) == 1
    assert "did you mean 'dsatrack_d4'" in " ".join(capsys.readouterr().err.split())
    assert not out.exists()
