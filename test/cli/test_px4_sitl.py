"""A real PX4 in simulation, on request: ``PX4_SITL_URL=udpin://127.0.0.1:14540``, set up as docs/sitl.md says."""

from __future__ import annotations

import json
import os

import pytest

from uav_tracker_ros.cli import app

URL = os.environ.get("PX4_SITL_URL", "")
SECONDS = 10.0

pytestmark = [
    pytest.mark.dds,
    pytest.mark.slow,
    pytest.mark.skipif(not URL, reason="PX4_SITL_URL is not set; it names the MAVSDK URL of a running PX4 SITL"),
]


def test_px4_follows_a_walking_target_and_ends_in_hold(tmp_path, capsys):
    arguments = ["--vehicle", URL, "--allow-engage", "--allow-arm", "--seconds", str(SECONDS), "--max-speed", "4"]
    arguments += ["--out", str(tmp_path / "out"), "--json", "-", "--scenario", "stand"]
    # The command itself fails unless the vehicle flew all the time and was seen in Hold at the end.
    assert app.main(["follow", *arguments]) == 0, capsys.readouterr().err
    run = json.loads(capsys.readouterr().out)["runs"][0]
    assert run["end_code"] == "CANCELED"
    assert run["in_frame"] > 0.95
    assert run["limit_violations"] == 0
    assert run["position_error_m"]["p95"] < 3.0
