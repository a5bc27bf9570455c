from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from interrupted_command import interrupted

from uav_tracker_ros.cli.app import main
from uav_tracker_ros.cli.first_box import parse_box
from uav_tracker_ros.geometry import Box

FRAMES = 12


def draw(step: int, width: int = 120, height: int = 90) -> np.ndarray:
    image = np.random.default_rng(3).integers(60, 120, (height, width, 3), dtype=np.uint8)
    image[30 : 30 + 20, 40 + step : 64 + step] = (20, 40, 230)
    image[36:44, 46 + step : 58 + step] = (230, 230, 230)
    return image


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """A 24 x 20 px target that moves 1 px right a frame, with its truth."""
    file = tmp_path / "clip.mp4"
    writer = cv2.VideoWriter(str(file), cv2.VideoWriter.fourcc(*"mp4v"), 10, (120, 90))
    for step in range(FRAMES):
        writer.write(draw(step))
    writer.release()
    file.with_suffix(".txt").write_text("".join(f"{40 + step},30,24,20\n" for step in range(FRAMES)))
    return file


def run(*arguments: object) -> int:
    return main(["track", *map(str, arguments)])


def test_video_gives_overlay_boxes_and_table(clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert run(clip, "--box", "40,30,24,20", "--tracker", "csrt", "--out", out) == 0
    assert sorted(file.name for file in out.iterdir()) == ["clip_csrt.csv", "clip_csrt.mp4", "clip_csrt.txt"]
    video = cv2.VideoCapture(str(out / "clip_csrt.mp4"))
    assert (video.get(cv2.CAP_PROP_FRAME_COUNT), video.get(cv2.CAP_PROP_FPS)) == (FRAMES, 10)
    boxes = np.loadtxt(out / "clip_csrt.txt", delimiter=",")
    assert boxes.shape == (FRAMES, 4)
    assert abs(boxes[-1, 0] - 51) < 4
    with (out / "clip_csrt.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0]) == ["frame", "x", "y", "w", "h", "state", "lock", "score", "confidence", "similarity", "ms"]
    assert rows[0]["score"] == ""  # the given box has none
    assert all(0 <= float(row["confidence"]) <= 1 and float(row["ms"]) > 0 for row in rows[1:])
    output = capsys.readouterr()
    assert "success AUC" in output.out
    assert "wrote" in output.out


def test_json_alone_on_standard_output(clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(clip, "--box", "40,30,24,20", "--tracker", "static", "--out", tmp_path / "out", "--json", "-") == 0
    output = capsys.readouterr()
    summary = json.loads(output.out)
    assert (summary["schema"], summary["tracker"], summary["frames"], summary["locks"]) == (1, "static", FRAMES, 1)
    assert summary["states"] == {"TRACKING": FRAMES}
    assert summary["precision_20px"] == 1  # 11 px away at the end
    # Overlap of the standing box at shift s is (24 - s)/(24 + s).
    overlap = np.array([(24 - shift) / (24 + shift) for shift in range(1, FRAMES)])
    expected = np.mean([(overlap > threshold).mean() for threshold in np.linspace(0, 1, 21)])
    assert summary["success_auc"] == pytest.approx(expected)
    assert "wrote" in output.err


def test_folder_of_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for step in range(5):
        cv2.imwrite(str(folder / f"{step}.png"), draw(step)[:, :, 2])  # monochrome
    assert run(folder, "--box", "40,30,24,20", "--tracker", "kcf", "--out", tmp_path / "out") == 0
    assert len((tmp_path / "out" / "pictures_kcf.txt").read_text().splitlines()) == 5
    assert "success" not in capsys.readouterr().out  # no truth beside it


def test_results_are_not_overwritten_unless_asked(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = (clip, "--box", "40,30,24,20", "--tracker", "static", "--out", tmp_path / "out")
    assert run(*arguments) == 0
    assert run(*arguments) == 1
    assert "--overwrite" in capsys.readouterr().err
    assert run(*arguments, "--overwrite") == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(["--box", "1,2,3"], "expected x,y,w,h", id="three numbers"),
        pytest.param(["--box", "a,b,c,d"], "expected x,y,w,h", id="letters"),
        pytest.param(["--box", "nan,0,5,5"], "four finite numbers", id="NaN"),
        pytest.param(["--box", "40,30,0,20"], "no size", id="zero width"),
        pytest.param(["--box", "500,300,20,20"], "select again", id="outside"),
        pytest.param(["--box", "40,30,24,20", "--tracker", "crst"], "did you mean 'csrt'", id="unknown tracker"),
        pytest.param(["--box", "40,30,24,20", "--backend", "opnvino"], "did you mean 'openvino'", id="unknown backend"),
        pytest.param(["--box", "40,30,24,20", "--tracker", "dsatrack_d7"], "not part of this release", id="no weights"),
        pytest.param([], "no display", id="no box, no display"),
    ],
)
def test_bad_input_is_one_line_and_leaves_no_results(
    clip: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    said: str,
) -> None:
    for variable in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(variable, raising=False)
    assert run(clip, *arguments, "--out", tmp_path / "out") == 1
    error = capsys.readouterr().err.strip()
    assert error.startswith("uav-tracker: ")
    assert said in error
    assert "Traceback" not in error
    assert len(error.splitlines()) == 1
    assert not [file for file in (tmp_path / "out").rglob("*") if file.is_file()]


def test_unreadable_source_and_unwritable_output(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path / "nothing.mp4", "--box", "1,2,30,40") == 1
    assert "is not there" in capsys.readouterr().err
    (tmp_path / "file").touch()
    assert run(clip, "--box", "40,30,24,20", "--out", tmp_path / "file" / "out") == 1
    assert "cannot write" in capsys.readouterr().err


def test_truncated_video_is_said(clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = clip.read_bytes()
    clip.write_bytes(whole[: len(whole) // 3])
    assert run(clip, "--box", "40,30,24,20", "--out", tmp_path / "out") == 1
    assert "clip" in capsys.readouterr().err


def test_truth_of_another_length_gives_no_score(clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clip.with_suffix(".txt").write_text("40,30,24,20\n")
    assert run(clip, "--box", "40,30,24,20", "--tracker", "static", "--out", tmp_path / "out") == 0
    output = capsys.readouterr()
    assert "success" not in output.out
    assert "no score" in output.err


def test_ctrl_c_leaves_nothing_half_written(tmp_path: Path) -> None:
    """The process is stopped while it writes the video."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for step in range(3000):
        os.link(_first(folder), folder / f"{step}.png") if step else _first(folder)
    out = tmp_path / "out"
    arguments = ["track", str(folder), "--box", "40,30,24,20", "--tracker", "mil", "--out", str(out)]
    code, error = interrupted(arguments, lambda: list(out.glob(".partial-*/*.mp4")))
    assert code == 130
    assert "Traceback" not in error
    assert not out.exists()


def _first(folder: Path) -> Path:
    file = folder / "0.png"
    if not file.exists():
        cv2.imwrite(str(file), draw(0))
    return file


def test_box_is_parsed() -> None:
    assert parse_box("318, 139.5,23,19") == Box(318, 139.5, 23, 19)
