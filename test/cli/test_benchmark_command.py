from __future__ import annotations

import json
from pathlib import Path

import pytest

from uav_tracker_ros.cli.app import main


def test_json_has_every_number_of_both_paces(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "benchmark.json"
    names = ["--tracker", "kcf", "--tracker", "siamfcpp_lite0", "--threads", "1"]
    assert main(["benchmark", *names, "--size", "640x360", "--calls", "50", "--rate", "200", "--json", str(file)]) == 0
    document = json.loads(file.read_text())
    assert document["threads"] == 1
    assert document["machine"]["cores"] >= 1
    back_to_back, paced = document["runs"]
    assert (back_to_back["frames_per_s"], paced["frames_per_s"]) == ("back to back", 200)
    own, peer = (paced["trackers"][name] for name in ("siamfcpp_lite0", "kcf"))
    assert own["wall"]["p50"] <= own["wall"]["p95"] <= own["wall"]["p99"]
    assert own["network"]["p50"] > own["crop"]["p50"] > 0
    assert "crop" not in peer
    assert own["cpu_ratio"]["kcf"] == pytest.approx(own["cpu"]["p50"] / peer["cpu"]["p50"])
    assert own["params"] == 834982
    assert own["memory_mib"]["after"] > own["memory_mib"]["before"]
    text = capsys.readouterr().out
    assert "640x360, back to back" in text
    assert "640x360, at 200 frames/s" in text


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--size", "720p"], "expected WIDTHxHEIGHT"),
        (["--size", "320x240"], "larger size"),
        (["--tracker", "csrtt"], "csrtt"),
    ],
    ids=["size in words", "small", "unknown tracker"],
)
def test_bad_input_is_one_line(arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["benchmark", *arguments]) == 1
    error = capsys.readouterr().err
    assert says in error
    assert "Traceback" not in error
