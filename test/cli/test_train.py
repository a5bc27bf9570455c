"""``uav-tracker train``: every option of a run, and what is said when something is missing."""

import json
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import made_up_pictures
import pytest

from uav_tracker_ros.cli.app import main
from uav_tracker_ros.training.options import RECIPE_NAMES, TrainOptions

torch = pytest.importorskip("torch", reason="training needs torch: pip install -e .[train]")


def test_recipes_are_named_alike_everywhere() -> None:
    from uav_tracker_ros.training.session import RECIPES

    assert sorted(RECIPES) == sorted(RECIPE_NAMES)


def test_it_trains_and_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = made_up_pictures.make(tmp_path / "data")
    teacher = tmp_path / "teacher.pth"
    from uav_tracker_ros.trackers.siamfcpp.lite0_network import SiamFCppLite0

    torch.save(SiamFCppLite0().trunk.state_dict(), teacher)
    given = ["train", "siamfcpp_lite0", "--data", str(data), "--teacher", str(teacher), "--out", str(tmp_path / "out"),
             "--batch", "2", "--device", "cpu", "--no-bf16"]  # fmt: skip
    for samples in (4, 8):
        assert main([*given, "--samples", str(samples)]) == 0
        assert f"samples {samples}" in capsys.readouterr().out
    assert torch.load(tmp_path / "out/state.pt", weights_only=True)["step"] == 4


def test_a_bad_value_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["train", "eatrack", "--data", str(tmp_path), "--out", str(tmp_path / "out"), "--threads", "0"])
    assert code == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_the_bare_entry_has_the_same_options() -> None:
    from uav_tracker_ros.training.__main__ import parser

    given = vars(parser().parse_args(["eatrack", "--data", "a", "--data", "b", "--out", "c"]))
    assert given.pop("recipe") == "eatrack"
    given["data"] = tuple(given["data"])
    assert TrainOptions(**given) == TrainOptions((Path("a"), Path("b")), Path("c"))
    assert given.keys() == {entry.name for entry in fields(TrainOptions)}


def test_the_bare_entry_reports_as_json_and_needs_no_ros(tmp_path: Path) -> None:
    data = made_up_pictures.make(tmp_path / "data")
    script = (
        "import runpy, sys\n"
        "absent = ('rclpy', 'typer', 'rich', 'matplotlib', 'yaml', 'onnxruntime', 'mavsdk')\n"
        "sys.modules.update(dict.fromkeys(absent))\n"
        "runpy.run_module('uav_tracker_ros.training', run_name='__main__', alter_sys=True)\n"
    )
    command = [sys.executable, "-c", script, "eatrack", "--data", str(data), "--out", str(tmp_path / "out"),
               "--show-pairs", str(tmp_path / "sheet.png"), "--device", "cpu"]  # fmt: skip
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
    assert json.loads(done.stdout) == {"samples": 0.0}
    assert (tmp_path / "sheet.png").is_file()
