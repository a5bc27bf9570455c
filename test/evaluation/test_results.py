from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from drawn_sequences import Scripted, sequence

from uav_tracker_ros.errors import OutputExists, OutputUnwritable
from uav_tracker_ros.evaluation.results import ResultFolder
from uav_tracker_ros.evaluation.running import FrameRecord, run_sequence

IDENTITY = {"boxes_of": "tracker", "files": {"a.onnx": "0123"}}


def records(count: int = 5) -> list[FrameRecord]:
    return run_sequence(Scripted([0.1 * number for number in range(1, count)]), sequence(count))


def test_what_is_saved_comes_back_exactly(tmp_path: Path) -> None:
    made = records()
    made[2] = made[2]._replace(seconds=math.nan)  # a skipped frame
    ResultFolder(tmp_path / "out").of("mine", IDENTITY).save(sequence(5), made)
    again = ResultFolder(tmp_path / "out").of("mine", IDENTITY).finished(sequence(5))
    assert again is not None
    for before, after in zip(made, again, strict=True):
        assert (before.box, before.state, before.confidence) == (after.box, after.state, after.confidence)
        assert np.array_equal([before.score, before.seconds], [after.score, after.seconds], equal_nan=True)
    assert ResultFolder(tmp_path / "out").of("other", IDENTITY).finished(sequence(5)) is None


def test_files_of_the_field(tmp_path: Path) -> None:
    made = records()
    ResultFolder(tmp_path / "out").of("mine", IDENTITY).save(sequence(5), made)
    home = tmp_path / "out" / "mine"
    assert sorted(str(file.relative_to(home)) for file in home.rglob("*") if file.is_file()) == [
        "drawn.txt",
        "frames/drawn.csv",
        "run.json",
        "times/drawn_time.txt",
    ]
    assert (home / "drawn.txt").read_text().splitlines()[1] == "11.000,10.000,20.000,20.000"
    assert np.loadtxt(home / "times" / "drawn_time.txt") == pytest.approx([r.seconds for r in made], abs=1e-8)
    assert (home / "frames" / "drawn.csv").read_text().startswith("frame,x,y,w,h,score,confidence,state,seconds\n")


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(OutputExists, match="other files"):
        ResultFolder(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["mine.txt"]
    with pytest.raises(OutputExists, match="other files"):
        ResultFolder(tmp_path / "mine.txt")
    with pytest.raises(OutputUnwritable, match="write access"):
        ResultFolder(tmp_path / "mine.txt" / "out")


def test_results_of_another_run_are_refused_and_kept(tmp_path: Path) -> None:
    folder = ResultFolder(tmp_path / "out")
    folder.of("mine", IDENTITY).save(sequence(5), records())
    other = {"boxes_of": "tracker", "files": {"a.onnx": "4567"}}
    with pytest.raises(OutputExists, match=r"another run \(files .*0123.* there, .*4567.* now\)"):
        folder.of("mine", other)
    assert folder.of("mine", IDENTITY).finished(sequence(5)) is not None
    assert folder.of("mine", other, restart=True).finished(sequence(5)) is None
    assert sorted(file.name for file in (tmp_path / "out/mine").rglob("*.*")) == ["run.json"]


def test_a_sequence_with_other_truth_is_refused(tmp_path: Path) -> None:
    results = ResultFolder(tmp_path / "out").of("mine", IDENTITY)
    results.save(sequence(5), records())
    with pytest.raises(OutputExists, match="other true boxes"):
        results.finished(sequence(6))


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda home: (home / "frames/drawn.csv").unlink(), id="gone"),
        pytest.param(lambda home: (home / "frames/drawn.csv").write_text("frame,x\n0,1\n"), id="columns missing"),
        pytest.param(
            lambda home: (home / "frames/drawn.csv").write_text(
                "\n".join((home / "frames/drawn.csv").read_text().splitlines()[:-1])
            ),
            id="a frame missing",
        ),
    ],
)
def test_damaged_results_are_not_scored(tmp_path: Path, damage) -> None:
    folder = ResultFolder(tmp_path / "out")
    folder.of("mine", IDENTITY).save(sequence(5), records())
    damage(tmp_path / "out" / "mine")
    with pytest.raises(OutputExists, match="--restart"):
        folder.of("mine", IDENTITY).finished(sequence(5))


def test_a_damaged_index_is_refused(tmp_path: Path) -> None:
    folder = ResultFolder(tmp_path / "out")
    folder.of("mine", IDENTITY).save(sequence(5), records())
    (tmp_path / "out/mine/run.json").write_text(json.dumps({"schema": 1})[:-3])
    with pytest.raises(OutputExists, match="index"):
        folder.of("mine", IDENTITY)
