from __future__ import annotations

import json
from pathlib import Path

import pytest

from uav_tracker_ros.cli.app import main
from uav_tracker_ros.errors import UnknownName


@pytest.fixture
def rows(tmp_path: Path) -> dict[str, dict]:
    file = tmp_path / "models.json"
    assert main(["models", "--json", str(file)]) == 0
    document = json.loads(file.read_text())
    assert document["schema"] == 1
    return {row["name"]: row for row in document["models"]}


def test_json_has_numbers_and_leaves_out_what_is_not_known(
    rows: dict[str, dict], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert rows["siamfcpp"]["params"] == 9_655_380
    assert rows["siamfcpp"]["weights"] == "absent"
    assert "dev" not in rows["siamfcpp"]
    assert rows["csrt"]["weights"] == "present"
    assert rows["csrt"]["dev"] == {"success_auc": 0.488, "precision_20px": 0.828}
    assert "params" not in rows["csrt"]
    assert rows["nanotrack3"]["file"] == "nanotrack3_backbone.onnx"
    assert len(rows["nanotrack3"]["sha256"]) == 64
    assert all(value is not None for row in rows.values() for value in row.values())


def test_table_says_what_is_missing(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UAV_TRACKER_PEERS", raising=False)
    monkeypatch.setenv("COLUMNS", "120")
    assert main(["models"]) == 0
    text = capsys.readouterr().out
    assert "534.24 k" in text
    assert "set UAV_TRACKER_PEERS" in text
    assert "weights are not part of this release" in " ".join(text.split())


def test_json_on_standard_output_is_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["schema"] == 1


def test_missing_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "--models-dir", str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith("uav-tracker: ")


@pytest.mark.parametrize("command", [[], ["track"], ["models"]], ids=["all", "track", "models"])
def test_help_has_an_example(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command, "--help"]) == 0
    text = capsys.readouterr().out
    assert "uav-tracker " + (command[0] if command else "track") in " ".join(text.split())


def test_unknown_command_and_option(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trakc"]) == 2
    assert main(["models", "--jsn", "-"]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_an_error_of_the_package_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*args: object) -> None:
        raise UnknownName("unknown tracker 'x'; known: y")

    monkeypatch.setattr("uav_tracker_ros.trackers.registry.names", fail)
    assert main(["models"]) == 1
    assert capsys.readouterr().err == "uav-tracker: unknown tracker 'x'; known: y\n"


def test_interrupt_is_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("uav_tracker_ros.trackers.registry.names", interrupt)
    assert main(["models"]) == 130
