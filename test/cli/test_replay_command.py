"""``uav-tracker replay`` on the record that a flight leaves."""

from __future__ import annotations

import json

import pytest

from uav_tracker_ros.cli.app import main
from uav_tracker_ros.following.settings import FollowSettings
from uav_tracker_ros.nodes.recording_file import (
    STRING_DEFINITION,
    STRING_TYPE,
    RecordingFile,
    cdr_from_text,
    journal_of,
    read_record,
)


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    """The record of a stepped flight."""
    out = tmp_path_factory.mktemp("flight") / "out"
    code = main(["follow", "--direct", "--true-boxes", "--seconds", "4", "--out", str(out)])
    assert code == 0
    return out / "flight.mcap"


def test_a_flight_comes_out_again(record, capsys):
    assert main(["replay", str(record), "--json", "-"]) == 0
    numbers = json.loads(capsys.readouterr().out)["replay"]
    assert numbers["agrees"]
    assert numbers["setpoints"] > 200
    assert numbers["velocity_difference_mps"] <= 0.001


def test_another_law_is_said(record, tmp_path, capsys):
    batches = list(journal_of(read_record(record)))
    with RecordingFile(tmp_path / "a.mcap", {}) as file:
        file.add_topic("/follow/journal", STRING_TYPE, STRING_DEFINITION)
        for batch in batches:
            other = batch.replace(f'"gain":{FollowSettings().gain}', '"gain":0.5')
            file.write("/follow/journal", 0, cdr_from_text(other))
    assert main(["replay", str(tmp_path / "a.mcap")]) == 1
    assert "differ, first after" in capsys.readouterr().err


def test_a_record_without_a_flight_is_said(tmp_path, capsys):
    with RecordingFile(tmp_path / "a.mcap", {}) as file:
        file.add_topic("/other", STRING_TYPE, STRING_DEFINITION)
        file.write("/other", 0, cdr_from_text("x"))
    assert main(["replay", str(tmp_path / "a.mcap")]) == 1
    assert "no control cycle" in capsys.readouterr().err


def test_no_record_is_made_when_none_is_wanted(tmp_path):
    arguments = ["follow", "--direct", "--true-boxes", "--seconds", "1", "--record", "off", "--out", str(tmp_path)]
    assert main(arguments) == 0
    assert not list(tmp_path.glob("*.mcap*"))
