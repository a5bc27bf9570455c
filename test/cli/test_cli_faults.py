"""``uav-tracker follow --faults``."""

from __future__ import annotations

import json
import math

from uav_tracker_ros.cli import app, faults
from uav_tracker_ros.simulation import fault_table
from uav_tracker_ros.simulation.fault_rows import FaultResult


def test_one_fault_as_json(capsys):
    assert app.main(["follow", "--faults", "origin_moves, low_confidence", "--json", "-"]) == 0
    out, err = capsys.readouterr()
    rows = json.loads(out)["faults"]
    assert [row["name"] for row in rows] == ["low_confidence", "origin_moves"]
    assert {"name", "bound_s", "measured_s", "held"} == set(rows[0])
    assert all(row["held"] and 0 <= row["measured_s"] <= row["bound_s"] for row in rows)
    assert "2 of 2 held" in err


def test_unknown_fault_starts_nothing(capsys):
    assert app.main(["follow", "--faults", "gate_kiled", "--json", "-"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "gate_killed" in err


def test_a_bound_that_is_not_held_is_an_error(capsys, monkeypatch):
    late = FaultResult("low_confidence", 0.17, math.inf, held=False, problems=("nothing came",))
    monkeypatch.setattr(fault_table, "inject_stepped", lambda _wanted, _tell: [late])
    assert app.main(["follow", "--faults", "low_confidence", "--json", "-"]) == 1
    out, err = capsys.readouterr()
    row = {"name": "low_confidence", "bound_s": 0.17, "measured_s": None, "held": False, "problems": ["nothing came"]}
    assert json.loads(out)["faults"] == [row]
    assert "not held: low_confidence" in err


def test_a_line_for_people():
    assert faults.line(FaultResult("fence", 0.0, 0.0, held=True)).split()[-1] == "held"
