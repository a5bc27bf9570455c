"""Presets by compute budget: which tracker each one runs, and what is said where the weights are not there."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest
import yaml

from uav_tracker_ros.errors import ModelFileMissing
from uav_tracker_ros.nodes.launch_options import LaunchOptions
from uav_tracker_ros.nodes.processes import process_table
from uav_tracker_ros.nodes.tracker_settings import TrackerSettings
from uav_tracker_ros.nodes.variants import check_tracker, variant_layers
from uav_tracker_ros.trackers import registry
from uav_tracker_ros.trackers.budget import best_within
from uav_tracker_ros.trackers.dsatrack.rows import ROWS
from uav_tracker_ros.training.options import RECIPE_NAMES, TrainOptions

# success and 1e9 multiply-adds of rows that pretend to have weights
MEASURED = {
    "siamfcpp_lite0": (0.650, 0.35),
    "eatrack": (0.66, 1.88),
    "dsatrack_vit_t": (0.70, 2.67),
    "dsatrack_deit_t": (0.70, 2.68),
    "dsatrack_vit_b": (0.74, 25.9),
}


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A folder in which those rows have files and scores; dsatrack_d7 has no score, nanotrack2 is a peer's."""
    row = {"family": "any", "needs_weights": True, "files": [{"graph": "track", "name": "w", "sha256": "0"}]}
    rows = {
        name: {**row, "macs": int(gmacs * 1e9), "dev": {"success_auc": auc, "precision_20px": 0.9}}
        for name, (auc, gmacs) in MEASURED.items()
    }
    rows["dsatrack_d7"] = {**row, "macs": 10**9}
    rows["nanotrack2"] = {**rows["eatrack"], "folder": "peers", "dev": {"success_auc": 0.9, "precision_20px": 0.9}}
    (tmp_path / "models.yaml").write_text(yaml.safe_dump({"trackers": rows}))
    (tmp_path / "w").write_text("")
    return tmp_path


@pytest.mark.parametrize(
    ("budget", "name"),
    [
        (0.1, "siamfcpp_lite0"),  # nothing fits: the default
        (1.0, "siamfcpp_lite0"),
        (2.0, "eatrack"),
        (3.0, "dsatrack_vit_t"),  # of equal scores the cheaper; not dsatrack_d7, which nobody measured
        (30.0, "dsatrack_vit_b"),
    ],
)
def test_the_best_measured_tracker_within_the_budget(models: Path, budget: float, name: str) -> None:
    assert best_within(budget, models_dir=models) == name
    assert TrackerSettings(name="auto", max_gmacs=budget, models_dir=str(models)).chosen == name


@pytest.mark.parametrize(
    ("variant", "name"),
    [("cpu", "siamfcpp_lite0"), ("jetson", "dsatrack_vit_t"), ("gpu", "dsatrack_vit_b"), ("smooth", "siamfcpp_lite0")],
)
def test_a_preset_chooses_by_its_budget(models: Path, variant: str, name: str) -> None:
    options = LaunchOptions(variant=variant, models_dir=str(models))
    assert check_tracker(options, variant_layers(options)) == name
    asked = LaunchOptions(variant=variant, models_dir=str(models), tracker="eatrack")
    assert check_tracker(asked, variant_layers(asked)) == "eatrack"


@pytest.mark.parametrize("variant", ["default", "cpu", "jetson", "gpu", "thermal", "smooth"])
def test_every_preset_runs_with_the_weights_that_ship(variant: str) -> None:
    options = LaunchOptions(variant=variant)
    assert registry.describe(check_tracker(options, variant_layers(options))).message == ""


def test_a_name_is_its_own_choice() -> None:
    assert TrackerSettings(name="csrt").chosen == "csrt"


@pytest.mark.parametrize("name", [name for name in ROWS if registry.describe(name).message])
@pytest.mark.parametrize("argument", ["variant", "tracker"])
def test_a_launch_with_a_row_without_weights_ends_with_what_to_do(name: str, argument: str) -> None:
    with pytest.raises(ModelFileMissing, match=f"tracker '{name}' cannot run: .*uav-tracker train {name} --data"):
        process_table(LaunchOptions(**{argument: name}))
    assert process_table(LaunchOptions(**{argument: name}, parts=("controller",)))  # nobody tracks: nothing is missing


@pytest.mark.parametrize("name", ROWS)
def test_the_commands_that_make_weights_are_ones_that_exist(name: str) -> None:
    message = registry.describe(name).message
    known = {f"--{entry.name.replace('_', '-')}" for entry in fields(TrainOptions)}
    recipes = re.findall(r"uav-tracker train (\w+)", message)
    assert set(recipes) <= set(RECIPE_NAMES)
    assert recipes[-1:] == ([name] if message else [])
    assert set(re.findall(r"--[a-z-]+", message)) <= known
