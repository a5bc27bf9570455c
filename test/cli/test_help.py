"""``--help`` and error messages are the interface of a good and of a bad day: compared with files.

After a wanted change: UPDATE_SNAPSHOTS=1 python -m pytest test/cli/test_help.py, then read the difference.
"""

import os
import re
import socket
from pathlib import Path

import pytest

from uav_tracker_ros.cli.app import main

SNAPSHOTS = Path(__file__).parent / "snapshots"

HELP = {
    "help": [],
    "help_follow": ["follow"],
    "help_control": ["control"],
    "help_control_engage": ["control", "engage"],
    "help_control_select": ["control", "select"],
    "help_replay": ["replay"],
    "help_track": ["track"],
    "help_models": ["models"],
    "help_evaluate": ["evaluate"],
    "help_calibrate": ["calibrate", "confidence"],
    "help_benchmark": ["benchmark"],
    "help_prune": ["prune"],
    "help_rank": ["rank"],
    "help_train": ["train"],
    "help_export": ["export"],
}
ERRORS = {
    "unknown_command": ["followw"],
    "unknown_option": ["follow", "--scenarioo", "circle"],
    "unknown_scenario": ["follow", "--scenario", "sinusiod"],
    "unknown_tracker": ["follow", "--tracker", "csrtt"],
    "unknown_backend": ["follow", "--backend", "onnxrutime"],
    "unknown_variant": ["follow", "--variant", "jetsn"],
    "unknown_mode": ["follow", "--mode", "followw"],
    "unknown_response": ["follow", "--response", "sh"],
    "absent_weights": ["follow", "--tracker", "nanotrack3"],
    "out_of_range": ["follow", "--max-speed", "99"],
    "not_a_number": ["follow", "--distance", "far"],
    "contradiction": ["follow", "--min-altitude", "20", "--max-altitude", "10"],
    "no_seconds": ["follow", "--seconds", "0"],
    "url_scheme": ["follow", "--vehicle", "udb://0.0.0.0:14540"],
    "url_port": ["follow", "--vehicle", "udpin://0.0.0.0"],
    "url_host": ["follow", "--vehicle", "udpin://drone:14540"],
    "url_big_port": ["follow", "--vehicle", "udpin://0.0.0.0:99999"],
    "url_device": ["follow", "--vehicle", "serial:///dev/ttyNOTHING:921600"],
    "url_baud": ["follow", "--vehicle", "serial:///dev/null"],
    "camera_source": ["follow", "--camera-source", "vidoe:a.mp4"],
    "box_missing": ["follow", "--camera-source", "v4l2:/dev/video0"],
    "box_form": ["follow", "--camera-source", "v4l2:/dev/video0", "--box", "1,2,3"],
    "true_boxes": ["follow", "--true-boxes"],
    "direct_vehicle": ["follow", "--direct", "--vehicle", "udpin://0.0.0.0:14540"],
    "out_exists": ["follow", "--out", "full"],
    "out_unwritable": ["follow", "--out", "file/out"],
    "json_unwritable": ["follow", "--json", "missing/a.json"],
    "control_select": ["control", "select"],
    "control_select_box": ["control", "select", "--box", "1,2,x,4"],
    "control_select_stamp": ["control", "select", "--point", "1,2", "--stamp", "1712,5"],
}


@pytest.fixture(autouse=True)
def plain_console(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The same width and no colours on every machine; a folder with something in it."""
    monkeypatch.setattr("typer.rich_utils.MAX_WIDTH", 110)
    monkeypatch.setattr("typer.rich_utils.FORCE_TERMINAL", False)
    monkeypatch.setenv("COLUMNS", "110")
    for name in ("UAV_TRACKER_PEERS", "UAV_TRACKER_MODELS", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    Path("full").mkdir()
    Path("full/mine.txt").write_text("mine")
    Path("file").write_text("")


def _compare(name: str, text: str) -> None:
    text = re.sub(r"known: .*", "known: ...", text)  # other rooms add names
    text = "\n".join(line.rstrip() for line in text.splitlines()) + "\n"
    file = SNAPSHOTS / f"{name}.txt"
    if os.environ.get("UPDATE_SNAPSHOTS"):
        file.write_text(text, encoding="utf-8")
    assert file.read_text(encoding="utf-8") == text


@pytest.mark.parametrize("name", HELP)
def test_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*HELP[name], "--help"]) == 0
    _compare(name, capsys.readouterr().out)


@pytest.mark.parametrize("name", ERRORS)
def test_error(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    usage = name in ("unknown_command", "unknown_option", "not_a_number", "no_seconds")
    assert main(ERRORS[name]) == (2 if usage else 1)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Traceback" not in captured.err
    _compare(f"error_{name}", captured.err)


@pytest.mark.parametrize("name", ERRORS)
def test_an_error_leaves_nothing_behind(name: str, tmp_path: Path) -> None:
    before = sorted(path.name for path in tmp_path.rglob("*"))
    main(ERRORS[name])
    assert sorted(path.name for path in tmp_path.rglob("*")) == before


def test_every_command_shows_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in HELP.values():
        main([*arguments, "--help"])
        shown = capsys.readouterr().out
        assert "Example" in shown or "Begin with" in shown or arguments == ["control"]


def test_port_in_use(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
        assert main(["follow", "--stand-in-port", str(port)]) == 1
    assert f"port {port} of udpin://127.0.0.1:{port} is in use by another program" in capsys.readouterr().err
