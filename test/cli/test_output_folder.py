"""Results appear whole or not at all; a wrong place is found before the work."""

import json
import os
from pathlib import Path

import pytest

from uav_tracker_ros.cli.output_folder import JsonOutput, OutputFolder
from uav_tracker_ros.errors import OutputExists, OutputUnwritable


def test_files_appear_when_published(tmp_path: Path) -> None:
    with OutputFolder(tmp_path / "new" / "out", overwrite=False) as output:
        output.partial("a.txt").write_text("a")
        assert not (output.path / "a.txt").exists()
        assert output.publish() == [output.path / "a.txt"]
    assert [entry.name for entry in output.path.iterdir()] == ["a.txt"]


def test_nothing_is_left_of_an_interrupted_run(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("of the last run")

    def interrupted_run() -> None:
        with OutputFolder(tmp_path, overwrite=True) as output:
            output.partial("a.txt").write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted_run()
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "of the last run"


def test_existing_files_need_overwrite_and_other_files_stay(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("old")
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(OutputExists, match="--overwrite"):
        OutputFolder(tmp_path, overwrite=False)
    with OutputFolder(tmp_path, overwrite=True) as output:
        output.partial("a.txt").write_text("new")
        output.publish()
    assert (tmp_path / "a.txt").read_text() == "new"
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_a_file_in_the_way_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputUnwritable, match="cannot write to"):
        OutputFolder(tmp_path / "file" / "out", overwrite=False)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_protected_folder_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(OutputUnwritable, match="Permission denied"):
        OutputFolder(tmp_path / "out", overwrite=False)


def test_json_to_a_file_and_to_stdout(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    JsonOutput(str(tmp_path / "a.json")).write({"schema": 1})
    JsonOutput("-").write({"schema": 1})
    JsonOutput(None).write({"schema": 1})
    assert json.loads((tmp_path / "a.json").read_text()) == json.loads(capsys.readouterr().out) == {"schema": 1}
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.parametrize("place", ["", "missing/a.json"], ids=["a folder", "folder missing"])
def test_a_wrong_json_place_is_found_at_once(tmp_path: Path, place: str) -> None:
    with pytest.raises(OutputUnwritable):
        JsonOutput(str(tmp_path / place))


def test_nan_never_reaches_a_json_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Out of range"):
        JsonOutput(str(tmp_path / "a.json")).write({"value": float("nan")})
    assert list(tmp_path.iterdir()) == []
