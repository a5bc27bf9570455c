"""The whole command: stepped, and over real topics with real processes, stopped from outside and by Ctrl-C."""

import functools
import json
import math
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest

from uav_tracker_ros.cli.app import main
from uav_tracker_ros.simulation import flight_table

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_S = 90.0  # a machine with two busy cores needs 20
RUN_KEYS = {
    "scenario", "seed", "tracker", "seconds", "in_frame", "position_error_m", "bearing_error_deg", "false_follow_s",
    "lost_s", "latency_ms", "setpoints", "bars",
}  # fmt: skip


class RunningCommand:
    """``uav-tracker`` in a process of its own; everything that it starts inherits a mark in its environment."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.mark = f"UAV_TRACKER_TEST_MARK={os.getpid()}-{folder.name}"
        self._errors = (folder / "stderr.txt").open("w+")
        name, value = self.mark.split("=")
        self.process = subprocess.Popen(
            [sys.executable, "-c", "from uav_tracker_ros.cli.app import main; raise SystemExit(main())", *arguments],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), name: value},
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            start_new_session=True,
        )

    @property
    def said(self) -> str:
        return Path(self._errors.name).read_text()

    def wait_for(self, pattern: str) -> re.Match[str]:
        deadline = time.monotonic() + DEADLINE_S
        while time.monotonic() < deadline:
            if found := re.search(pattern, self.said):
                return found
            assert self.process.poll() is None, self.said
            time.sleep(0.05)
        raise AssertionError(f"'{pattern}' was not said in {DEADLINE_S} s:\n{self.said}")

    def finish(self) -> tuple[int, str]:
        out, _ = self.process.communicate(timeout=DEADLINE_S)
        return self.process.returncode, out

    def left_behind(self) -> list[str]:
        """Command lines of living processes with the mark."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != self.process.pid:
                try:
                    if self.mark.encode() in (entry / "environ").read_bytes():
                        found.append((entry / "cmdline").read_text())
                except OSError:
                    continue  # ended meanwhile, or another user's
        return found

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self._errors.close()


@pytest.fixture
def follow(tmp_path: Path) -> Iterator[RunningCommand]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    arguments = ("--seconds", "600", "--json", "-", "--stand-in-port", str(port), "--out", "flight")
    command = RunningCommand(tmp_path, "follow", *arguments)
    yield command
    command.close()


def test_direct_flight_writes_the_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("follow-out").mkdir()
    Path("follow-out/follow.png").write_text("of the last run: this folder is the command's own")
    arguments = ["follow", "--direct", "--true-boxes", "--scenario", "stand", "--seconds", "6", "--json", "-"]
    assert main(arguments) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == 1
    run = document["runs"][0]
    assert run.keys() >= RUN_KEYS
    assert run["scenario"] == "stand"
    assert run["in_frame"] == 1.0
    assert run["position_error_m"]["p95"] < 1.0
    assert run["lost_s"] == 0.0
    assert sorted(path.name for path in Path("follow-out").iterdir()) == ["flight.mcap", "follow.csv", "follow.png"]
    assert cv2.imread("follow-out/follow.png") is not None


def test_another_folder_is_not_replaced_unasked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = ["follow", "--direct", "--true-boxes", "--scenario", "stand", "--seconds", "1", "--out", "mine"]
    assert main(arguments) == 0
    written = Path("mine/follow.png").stat().st_mtime_ns
    assert main(arguments) == 1
    assert "--overwrite" in capsys.readouterr().err
    assert Path("mine/follow.png").stat().st_mtime_ns == written


@pytest.mark.dds
@pytest.mark.slow
def test_a_flight_is_watched_and_stopped_from_another_terminal(
    follow: RunningCommand, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    domain = follow.wait_for(r"ROS domain (\d+)")[1]
    started = float(follow.wait_for(r"first tracked image ([\d.]+) s")[1])
    follow.wait_for("state FOLLOWING")
    assert main(["control", "status", "--domain", domain, "--json", "-"]) == 0
    state = json.loads(capsys.readouterr().out)["state"]
    assert state["vehicle_mode"] == "OFFBOARD"
    assert state["mode"] == "follow"
    assert math.isfinite(state["distance"])
    assert main(["control", "stop", "--domain", domain]) == 0
    code, out = follow.finish()
    assert code == 1
    assert "the flight ended early: STOPPED" in follow.said
    run = json.loads(out)["runs"][0]
    assert run["end_code"] == "STOPPED"
    assert run["setpoints"] > 20
    assert run["start_s"] == pytest.approx(started, abs=0.1)
    assert {load["name"] for load in run["processes"]} >= {"tracker", "controller", "gate", "command"}
    assert all(0 <= load["cpu_share"] < 64 and load["rss_mb"] > 10 for load in run["processes"])
    assert follow.left_behind() == []
    files = {path.name: path for path in (tmp_path / "flight").iterdir()}
    assert files.keys() == {"flight.mcap", "follow.csv", "follow.mp4", "follow.png", "log"}
    video = cv2.VideoCapture(str(files["follow.mp4"]))
    assert video.get(cv2.CAP_PROP_FRAME_COUNT) > 10
    assert video.read()[1].shape == (480, 640, 3)


@pytest.mark.dds
@pytest.mark.slow
def test_ctrl_c_while_starting_leaves_nothing(follow: RunningCommand, tmp_path: Path) -> None:
    follow.wait_for("ROS domain")
    follow.process.send_signal(signal.SIGINT)
    code, out = follow.finish()
    assert code == 130
    assert out == ""
    assert "Traceback" not in follow.said
    assert follow.left_behind() == []
    assert [path.name for path in (tmp_path / "flight").iterdir()] == ["log"]


def test_a_table_of_bars_is_flown_and_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(flight_table, "fly", functools.partial(flight_table.fly, seconds=4.0))
    arguments = ["follow", "--direct", "--scenario", "stand", "--latency-ms", "50,300", "--jobs", "1", "--json", "-"]
    assert main(arguments) == 0
    out, err = capsys.readouterr()
    document = json.loads(out)
    assert [run["given_latency_ms"] for run in document["runs"]] == [50.0, 300.0]
    assert [row["latency_ms"] for row in document["table"]] == [50.0, 300.0]
    assert {bar["name"] for bar in document["table"][0]["bars"]} >= {"p95", "end", "jerk", "limit_violations"}
    assert re.search(r"stand +50 ms .*limit", err)
    assert re.search(r"\d+ of \d+ bars met; 2 flights", err)
    assert sorted(path.name for path in Path("follow-out").iterdir()) == ["table.csv", "table.md", "table.png"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--direct", "--scenario", "all", "--latency-ms", "50,fast"], "expected numbers from 0 to 1000"),
        (["--scenario", "all"], "add --direct"),
        (["--direct", "--scenario", "all", "--mode", "follow"], "each scenario has its own"),
        (["--direct", "--scenario", "stand,circel"], "did you mean 'circle'"),
    ],
)
def test_a_table_that_makes_no_sense(
    arguments: list[str],
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["follow", *arguments]) != 0
    assert says in capsys.readouterr().err
    assert not Path("follow-out").exists()
