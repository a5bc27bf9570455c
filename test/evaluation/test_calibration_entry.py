from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from uav_tracker_ros.errors import InvalidParameter
from uav_tracker_ros.evaluation.calibration_entry import store, with_calibration
from uav_tracker_ros.trackers.confidence import Calibration
from uav_tracker_ros.trackers.model_table import default_models_dir, read_table

TABLE = """# Head.
trackers:
  static: {family: static, licence: Apache-2.0}

  # Two of OpenCV's.
  csrt:
    family: opencv
    calibration:
      names: [psr]
      mean: [0]
      std: [1]
      weights: [2]
      bias: 3
    licence: Apache-2.0
  kcf:
    family: opencv

  # After a blank line.
  mil:
    family: opencv
"""
NEW = Calibration(("psr", "drop"), (1.0, -0.25), (2.0, 0.5), (1.5, 1 / 3), -0.75, "10 frames: covered", "ab" * 32)


@pytest.mark.parametrize("name", ["csrt", "kcf", "mil"])
def test_one_row_changes_and_all_else_stays(name: str, tmp_path: Path) -> None:
    changed = with_calibration(TABLE, name, NEW)
    (tmp_path / "models.yaml").write_text(changed)
    stored = read_table(tmp_path)[name].calibration
    assert stored is not None
    assert (stored.names, stored.mean, stored.data, stored.bias) == (NEW.names, NEW.mean, NEW.data, NEW.bias)
    assert stored.weights == pytest.approx(NEW.weights, rel=1e-4)
    assert [line for line in changed.splitlines() if "#" in line] == ["# Head."] + [
        line for line in TABLE.splitlines() if line.startswith("  #")
    ]
    assert with_calibration(changed, name, NEW) == changed
    old, new = yaml.safe_load(TABLE)["trackers"], yaml.safe_load(changed)["trackers"]
    assert {key: value for key, value in old.items() if key != name} == {k: v for k, v in new.items() if k != name}


@pytest.mark.parametrize("name", ["static", "absent"])
def test_a_row_on_one_line_or_none_is_refused(name: str) -> None:
    with pytest.raises(InvalidParameter, match=f"no row '{name}:'"):
        with_calibration(TABLE, name, NEW)


def test_a_file_that_cannot_be_changed_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "models.yaml"
    file.write_text(TABLE)
    with pytest.raises(InvalidParameter):
        store(file, "absent", NEW)
    assert file.read_text() == TABLE
    store(file, "kcf", NEW)
    assert [path.name for path in tmp_path.iterdir()] == ["models.yaml"]
    assert read_table(tmp_path)["kcf"].calibration is not None


def test_no_calibration_that_ships_was_fitted_on_what_judges_trackers() -> None:
    for row in read_table(default_models_dir()).values():
        if row.calibration is not None:
            for benchmark in ("OTB", "UAV123", "UAVDT", "DTB70", "VisDrone", "VOT"):
                assert benchmark.lower() not in row.calibration.data.lower()
