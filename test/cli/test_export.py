"""``uav-tracker export``: files, their check against the network, and the row for models.yaml."""

from __future__ import annotations

import functools
import hashlib
import json
from pathlib import Path

import pytest
import yaml

torch = pytest.importorskip("torch", reason="export needs torch: pip install -e .[train]")

from uav_tracker_ros.cli.app import main  # noqa: E402
from uav_tracker_ros.trackers import registry  # noqa: E402
from uav_tracker_ros.trackers.network_weights import write_weights  # noqa: E402
from uav_tracker_ros.trackers.siamcar.network import CarWidths, SiamCar  # noqa: E402
from uav_tracker_ros.trackers.siamfcpp import parity  # noqa: E402
from uav_tracker_ros.trackers.siamfcpp.network import SiamFCpp, Widths  # noqa: E402

NARROW = {
    "siamfcpp": lambda: SiamFCpp(Widths((8, 9, 10, 11, 12), 12, (9, 10, 12))),
    "siamcar": lambda: SiamCar(CarWidths((8, 9, 10, 11, 12), (12, 12, 9, 10))),
}


@pytest.fixture(autouse=True)
def few_crops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parity, "measure", functools.partial(parity.measure, crops=4))


def weights(family: str, folder: Path) -> Path:
    torch.manual_seed(1)
    network = NARROW[family]()
    with torch.no_grad():
        for name, value in network.named_parameters():
            if name.endswith("conv.weight"):
                torch.nn.init.kaiming_normal_(value)
                value.mul_(0.1 if "conv5" in name or ("tower" not in name and "head" in name) else 1.0)
    write_weights(network, folder / "w.safetensors")
    return folder / "w.safetensors"


@pytest.mark.parametrize(("family", "name"), [("siamfcpp", "ps_siamfcpp"), ("siamcar", "ps_siamcar")])
def test_exported_files_run_by_the_printed_row(
    family: str, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "models"
    arguments = ["export", str(weights(family, tmp_path)), "--family", family, "--name", name, "--out", str(out)]
    assert main(arguments) == 0
    row = yaml.safe_load(capsys.readouterr().out)
    assert row[name]["params"] == sum(value.numel() for value in NARROW[family]().parameters())
    assert sorted(file.name for file in out.iterdir()) == sorted(entry["name"] for entry in row[name]["files"])
    for entry in row[name]["files"]:
        assert hashlib.sha256((out / entry["name"]).read_bytes()).hexdigest() == entry["sha256"]
    (out / "models.yaml").write_text(yaml.safe_dump({"trackers": row}))
    assert registry.create(name, backend="onnxruntime", models_dir=out, threads=1)


def test_summary_says_how_far_each_backend_is(tmp_path: Path) -> None:
    arguments = ["export", str(weights("siamfcpp", tmp_path)), "--name", "mine", "--out", str(tmp_path / "out")]
    assert main([*arguments, "--json", str(tmp_path / "a.json")]) == 0
    summary = json.loads((tmp_path / "a.json").read_text())
    assert {"torch", "onnxruntime"} <= summary["parity"].keys()
    assert all(found["same_cell"] == 1.0 for found in summary["parity"].values())
    assert summary["template_macs"] < summary["macs"]


def test_nothing_stays_of_graphs_that_compute_something_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(parity, "measure", lambda *_, **__: parity.Parity(0.3, 2.0, 0.5))
    arguments = ["export", str(weights("siamfcpp", tmp_path)), "--name", "mine", "--out", str(tmp_path / "out")]
    assert main(arguments) == 1
    assert "gives other maps than the network" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda file: file.unlink(), "is not there; expected trained weights"),
        (lambda file: file.write_bytes(b"no weights"), "cannot be read as safetensors"),
        (lambda file: None, "give --family the right one"),
    ],
    ids=["absent", "damaged", "another family"],
)
def test_wrong_weights(tmp_path: Path, capsys: pytest.CaptureFixture[str], change, message: str) -> None:
    file = weights("siamfcpp", tmp_path)
    change(file)
    arguments = ["export", str(file), "--family", "siamcar", "--name", "mine", "--out", str(tmp_path / "out")]
    assert main(arguments) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
