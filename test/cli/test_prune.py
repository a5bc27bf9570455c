"""``uav-tracker prune`` end to end on a small folder of stills."""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="pruning needs torch: pip install -e .[train]")

from uav_tracker_ros.cli.app import main  # noqa: E402
from uav_tracker_ros.trackers.network_weights import read_weights, write_weights  # noqa: E402
from uav_tracker_ros.trackers.siamfcpp.network import SiamFCpp, Widths  # noqa: E402
from uav_tracker_ros.training import pruning_run  # noqa: E402

SMALL = Widths((10, 10, 10, 10, 12), 12, (10, 10, 12))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """``w.safetensors`` of a narrow network, and ``data`` with three stills."""
    monkeypatch.setitem(pruning_run.FAMILIES, "siamfcpp", lambda: SiamFCpp(SMALL))
    torch.manual_seed(0)
    network = SiamFCpp(SMALL)
    with torch.no_grad():
        for name, value in network.named_parameters():
            if name.endswith("conv.weight"):
                torch.nn.init.kaiming_normal_(value)
    write_weights(network, tmp_path / "w.safetensors")
    stills = tmp_path / "data" / "stills"
    stills.mkdir(parents=True)
    rng = np.random.default_rng(0)
    table = {}
    for number in range(3):
        picture = cv2.resize(rng.integers(0, 256, (24, 32, 3), dtype=np.uint8), (320, 240))
        cv2.imwrite(str(stills / f"{number}.png"), picture)
        table[f"{number}.png"] = [[100 + 10 * number, 80, 40, 30, "car"]]
    (tmp_path / "data" / "stills.json").write_text(json.dumps(table))
    return tmp_path


def run(folder: Path, out: str, *options: str) -> int:
    arguments = ["prune", str(folder / "w.safetensors"), "--data", str(folder / "data"), "--crops", "4"]
    return main([*arguments, "--out", str(folder / out), *options])


def test_sweep_writes_networks_ranks_and_a_summary(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(folder, "a", "--rho", "0.2", "--rho", "0.5", "--json", str(folder / "a.json")) == 0
    assert "p_siamfcpp" not in capsys.readouterr().err
    summary = json.loads((folder / "a.json").read_text())
    assert [row["rho"] for row in summary["networks"]] == [0.2, 0.5]
    assert summary["weights_sha256"] == hashlib.sha256((folder / "w.safetensors").read_bytes()).hexdigest()
    names = sorted(file.name for file in (folder / "a").iterdir())
    assert names == ["p_siamfcpp_0.2.safetensors", "p_siamfcpp_0.5.safetensors", "ranks.csv"]
    half = SiamFCpp(Widths((5, 5, 5, 5, 12), 12, (5, 5, 12)))
    read_weights(half, folder / "a" / "p_siamfcpp_0.5.safetensors")
    assert summary["networks"][1]["params"] == sum(value.numel() for value in half.parameters())
    rows = list(csv.DictReader((folder / "a" / "ranks.csv").open()))
    assert len(rows) == 80
    assert sum(int(row["kept_0.5"]) for row in rows) == 40
    assert {row["layer"] for row in rows} >= {"trunk.conv1", "head.box_tower.1"}


def test_same_seed_gives_the_same_files(folder: Path) -> None:
    assert run(folder, "a") == run(folder, "b") == 0
    for name in ("p_siamfcpp_0.4.safetensors", "ranks.csv"):
        assert (folder / "a" / name).read_bytes() == (folder / "b" / name).read_bytes()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--rho", "1.5"], "rho is 1.5; expected 0 to below 1"),
        (["--rho", "0.4", "--rho", "0.4"], "name each once"),
        (["--criterion", "hrnk"], "did you mean 'hrank'"),
        (["--family", "siamcat"], "did you mean 'siamcar'"),
        (["--crops", "0"], "expected at least 1"),
        (["--data", "missing"], "no folder missing"),
        (["--family", "siamcar"], "does not fit the network"),
        (["--family", "siamcar", "--tied"], "leave the option out"),
    ],
)
def test_wrong_options_leave_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    assert run(folder, "a", *options) == 1
    assert message in capsys.readouterr().err
    assert not (folder / "a").exists()


def test_the_bare_entry_writes_the_same_network(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(folder, "a") == 0
    capsys.readouterr()
    arguments = [str(folder / "w.safetensors"), "--data", str(folder / "data"), "--crops", "4"]
    assert pruning_run.main([*arguments, "--out", str(folder / "b")]) == 0
    assert [row["rho"] for row in json.loads(capsys.readouterr().out)] == [0.4]
    name = "p_siamfcpp_0.4.safetensors"
    assert (folder / "a" / name).read_bytes() == (folder / "b" / name).read_bytes()
    assert pruning_run.main([*arguments, "--out", str(folder / "b"), "--rho", "2"]) == 1
    assert "expected 0 to below 1" in capsys.readouterr().err


def test_an_untrained_network_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    network = SiamFCpp(SMALL)
    with torch.no_grad():
        network.trunk.conv3.bn.weight.zero_()
    write_weights(network, folder / "w.safetensors")
    assert run(folder, "a") == 1
    assert "every map of trunk.conv3" in capsys.readouterr().err


def test_a_trunk_alone_is_pruned_with_a_random_head_of_the_seed(folder: Path) -> None:
    whole = read_weights(SiamFCpp(SMALL), folder / "w.safetensors")
    write_weights(whole.trunk, folder / "w.safetensors")
    assert run(folder, "a") == run(folder, "b") == 0
    first, second = (
        read_weights(SiamFCpp(Widths((6, 6, 6, 6, 12), 12, (6, 6, 12))), folder / out / "p_siamfcpp_0.4.safetensors")
        for out in "ab"
    )
    assert torch.equal(first.head.score_search.conv.weight, second.head.score_search.conv.weight)
    rows = [row for row in csv.DictReader((folder / "a" / "ranks.csv").open()) if row["layer"] == "trunk.conv1"]
    kept = [int(row["filter"]) for row in rows if row["kept_0.4"] == "1"]
    assert torch.equal(first.trunk.conv1.conv.weight, whole.trunk.conv1.conv.weight[kept])
