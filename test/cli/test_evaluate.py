from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from interrupted_command import interrupted
from made_up_sets import MAKERS, boxes, draw, write

from uav_tracker_ros.cli.app import main


def run(*arguments: object) -> int:
    return main(["evaluate", *map(str, arguments)])


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A video and a folder of three frames each; the true box moves 1 px right a frame."""
    MAKERS["plain"](tmp_path / "set")
    return tmp_path / "set"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def test_tables_files_and_json(data: Path, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(data, "--trackers", "static,kcf", "--out", out, "--json", "-", "--video") == 0
    output = capsys.readouterr()
    summary = json.loads(output.out)
    assert summary == json.loads((out / "summary.json").read_text())
    static = summary["trackers"]["static"]
    # IoU of the standing 8 px wide box at 1 and 2 px: 7/9 passes 16 thresholds, 6/10 = 0.6 passes 12.
    assert static["success_auc"] == pytest.approx((16 + 12) / 42)
    assert (static["precision_20px"], static["robustness"], static["losses"]) == (1, 1, 0)
    assert static["fps"] > 0
    assert list(static["sequences"]) == ["clip", "walk"]
    assert summary["boxes_of"] == "tracker"
    assert "frame 0 is not scored" in summary["convention"]["text"]
    assert "frame 0 is not scored" in output.err
    assert "static" in output.err
    expected = {"evaluation.json", "kcf", "static", "videos", "summary.json", "trackers.csv", "sequences.csv"}
    expected |= {f"{name}.{form}" for name in ("success", "precision") for form in ("csv", "png")} | {"sequences.png"}
    expected |= {"reliability.png", "roc.png"}
    assert {file.name for file in out.iterdir()} == expected
    assert (out / "static" / "clip.txt").read_text() == "1.000,2.000,8.000,9.000\n" * 3
    with (out / "static/frames/clip.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["score"] for row in rows] == ["", "1.0", "1.0"]
    assert [row["confidence"] for row in rows] == ["1.0", "1.0", "1.0"]
    video = cv2.VideoCapture(str(out / "videos/clip.mp4"))
    assert (video.get(cv2.CAP_PROP_FRAME_COUNT), video.get(cv2.CAP_PROP_FRAME_WIDTH)) == (3, 64)
    assert not list(out.rglob(".partial*"))


def test_attributes(tmp_path: Path, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    MAKERS["uavdt"](tmp_path / "set")
    assert run(tmp_path / "set", "--trackers", "static", "--out", out) == 0
    table = capsys.readouterr().out.partition("AUC of")[2]
    assert [line.split()[:2] for line in table.splitlines()[2:4]] == [["BC", "1"], ["LO", "1"]]
    with (out / "attributes.csv").open() as stream:
        assert [row["attribute"] for row in csv.DictReader(stream)] == ["BC", "LO"]
    summary = json.loads((out / "summary.json").read_text())
    assert summary["trackers"]["static"]["attributes"]["LO"]["sequences"] == 1


def test_finished_sequences_are_kept(data: Path, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(data, "--trackers", "static", "--sequences", "clip", "--out", out) == 0
    first = json.loads((out / "summary.json").read_text())["trackers"]["static"]
    written = (out / "static/frames/clip.csv").stat().st_mtime_ns
    capsys.readouterr()
    assert run(data, "--trackers", "static,kcf", "--out", out) == 0
    assert "1 of 4 passes are there already" in capsys.readouterr().err
    again = json.loads((out / "summary.json").read_text())["trackers"]["static"]
    assert (out / "static/frames/clip.csv").stat().st_mtime_ns == written
    assert again["sequences"]["clip"] == first["sequences"]["clip"]
    assert run(data, "--trackers", "static", "--out", out, "--restart") == 0
    assert (out / "static/frames/clip.csv").stat().st_mtime_ns > written


def test_a_failure_keeps_what_was_finished(data: Path, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = (data / "walk/9.png").read_bytes()
    (data / "walk/9.png").write_bytes(b"")
    assert run(data, "--trackers", "static", "--out", out) == 1
    error = capsys.readouterr().err
    assert "static on walk" in error
    assert "9.png" in error
    assert (out / "static/clip.txt").is_file()
    assert not (out / "summary.json").exists()
    (data / "walk/9.png").write_bytes(picture)
    assert run(data, "--trackers", "static", "--out", out) == 0
    assert "1 of 2 passes are there already" in capsys.readouterr().err


def test_given_latency_repeats_exactly(data: Path, tmp_path: Path) -> None:
    arguments = [data, "--trackers", "kcf", "--latency-aware", "--update-ms", "50"]
    texts = []
    for name in ("one", "two"):
        assert run(*arguments, "--out", tmp_path / name) == 0
        texts.append((tmp_path / name / "kcf/clip.txt").read_text())
        assert json.loads((tmp_path / name / "summary.json").read_text())["latency"] == {"update_ms": 50}
    assert texts[0] == texts[1]
    assert texts[0].splitlines()[:2] == ["1.000,2.000,8.000,9.000"] * 2  # the first box, 25 Hz against 20


def test_convention_and_lock(data: Path, tmp_path: Path) -> None:
    assert run(data, "--trackers", "static", "--convention", "otb", "--out", tmp_path / "otb") == 0
    assert run(data, "--trackers", "static", "--lock", "--out", tmp_path / "lock") == 0
    otb = json.loads((tmp_path / "otb/summary.json").read_text())
    assert otb["trackers"]["static"]["success_auc"] == pytest.approx((20 + 16 + 12) / 63)
    assert json.loads((tmp_path / "lock/summary.json").read_text())["boxes_of"] == "lock"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(["--trackers", "crst"], "did you mean 'csrt'", id="unknown tracker"),
        pytest.param(["--trackers", ","], "names none", id="no tracker"),
        pytest.param(["--trackers", "nanotrack3"], "peers", id="no weights"),
        pytest.param(["--layout", "uav132"], "did you mean 'uav123'", id="unknown layout"),
        pytest.param(["--layout", "otb"], "no sequence in the layout otb", id="another layout"),
        pytest.param(["--convention", "obt"], "did you mean 'otb'", id="unknown convention"),
        pytest.param(["--sequences", "clop"], "did you mean 'clip'", id="unknown sequence"),
        pytest.param(["--sequences", ","], "names none", id="no sequence"),
        pytest.param(["--update-ms", "5"], "add --latency-aware", id="time without latency"),
        pytest.param(["--latency-aware", "--update-ms", "0"], "above 0", id="no time"),
        pytest.param(["--json", "missing/a.json"], "cannot write", id="json"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(
    data: Path, out: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    given = arguments if "--trackers" in arguments else [*arguments, "--trackers", "static"]
    assert run(data, "--out", out, *given) == 1
    error = capsys.readouterr().err.strip()
    assert said in error
    assert len(error.splitlines()) == 1
    assert not out.exists()


def test_unusable_data(data: Path, out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(data / "clip.txt", boxes(7))
    for path, said in ((data, "7 true boxes"), (tmp_path, "no known layout"), (tmp_path / "nothing", "is not there")):
        assert run(path, "--trackers", "static", "--out", out) == 1
        assert said in capsys.readouterr().err
    assert run(data / "walk", data / "walk", "--trackers", "static", "--out", out) == 1
    assert "there twice (walk)" in capsys.readouterr().err
    assert not out.exists()


def test_folders_of_others_are_not_touched(data: Path, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(out / "mine.txt", "mine")
    assert run(data, "--trackers", "static", "--out", out) == 1
    assert "holds other files" in capsys.readouterr().err
    assert [file.name for file in out.iterdir()] == ["mine.txt"]


def test_results_of_another_run_are_not_mixed(data: Path, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(data, "--trackers", "static", "--out", out) == 0
    before = {file: file.read_bytes() for file in out.rglob("*") if file.is_file()}
    assert run(data, "--trackers", "static", "--lock", "--out", out) == 1
    assert "results of another run (boxes_of tracker there, lock now)" in capsys.readouterr().err
    write(data / "clip.txt", boxes(3).replace("8", "9"))
    assert run(data, "--trackers", "static", "--out", out) == 1
    assert "clip with other true boxes" in capsys.readouterr().err
    assert {file: file.read_bytes() for file in out.rglob("*") if file.is_file()} == before


def test_weights_of_another_checksum(data: Path, out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "peers/net.onnx", "not the weights")
    table = "trackers:\n  nanotrack3: {family: nanotrack, folder: peers, backends: [onnxruntime], files: "
    table += f"[{{graph: backbone, name: net.onnx, sha256: {'ab' * 32}}}]}}\n"
    write(tmp_path / "models/models.yaml", table)
    folders = ("--models-dir", tmp_path / "models", "--peers", tmp_path / "peers")
    assert run(data, "--trackers", "nanotrack3", *folders, "--out", out) == 1
    assert "it is damaged or another version" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_keeps_finished_sequences(tmp_path: Path, out: Path, workers: int) -> None:
    """Two sequences, the second one long; the process is stopped while it runs."""
    noise = np.random.default_rng(3).integers(0, 255, (90, 120, 3), dtype=np.uint8)
    for name, count in (("a_short", 2), ("b_long", 3000)):
        draw(tmp_path / "set" / name, range(1), "{}.png")
        cv2.imwrite(str(tmp_path / "set" / name / "0.png"), noise)
        for number in range(1, count):
            os.link(tmp_path / "set" / name / "0.png", tmp_path / "set" / name / f"{number}.png")
        write(tmp_path / "set" / name / "groundtruth.txt", "40,30,24,20\n" * count)
    arguments = ["evaluate", str(tmp_path / "set"), "--trackers", "mil", "--out", str(out)]
    arguments += ["--workers", str(workers)]
    code, error = interrupted(arguments, (out / "mil/run.json").exists)
    assert code == 130
    assert "Traceback" not in error
    assert "1 finished passes are kept" in error
    assert sorted(file.name for file in out.rglob("*.txt")) == ["a_short.txt", "a_short_time.txt"]
    assert not list(out.rglob(".partial*"))
