from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from uav_tracker_ros.errors import InputUnreadable, InvalidParameter
from uav_tracker_ros.evaluation.calibration_clips import in_words, training_clips


def listed(folder: Path, *entries: tuple[str, str, str]) -> Path:
    folder.mkdir(exist_ok=True)
    rows = [{"name": name, "split": split, "origin": origin} for name, split, origin in entries]
    (folder / "clips.json").write_text(json.dumps(rows))
    return folder


def test_only_training_clips_and_so_many_of_a_source(tmp_path: Path) -> None:
    entries = [(f"davis_{number}", "train", "DAVIS 2016") for number in range(6)]
    one = listed(tmp_path / "one", *entries, ("otb_Dragon", "val", "OTB-100 Dragon"))
    two = listed(tmp_path / "two", ("foda_0", "train", "FOD-A"))
    clips = training_clips([one, two], 4, seed=0)
    assert in_words(clips) == "4 davis, 1 foda"
    assert clips == training_clips([one, two], 4, seed=0)
    others = [training_clips([one, two], 4, seed=seed) for seed in range(1, 6)]
    assert any(clips != other for other in others)
    assert clips[0].video == one / "clips" / f"{clips[0].name}.mp4"


BENCHMARKS = """UAV123_10fps car10; UAVDT S0601; OTB-100 DragonBaby; DTB70 Surfing06; VOT2018 ball; VisDrone2018-SOT x;
LaSOT bird-1 (test); GOT-10k val 12"""


@pytest.mark.parametrize("origin", BENCHMARKS.split(";"))
def test_what_benchmarks_judge_by_is_refused(tmp_path: Path, origin: str) -> None:
    folder = listed(tmp_path / "data", ("a_0", "train", "DAVIS"), ("b_0", "train", origin))
    with pytest.raises(InvalidParameter, match="judge trackers"):
        training_clips([folder], 4, seed=0)


@pytest.mark.parametrize(
    "origin", ["GOT-10k train 000001", "LaSOT training bird-3", "DAVIS 2016/2017 goat", "my drone"]
)
def test_what_judges_nothing_is_taken(tmp_path: Path, origin: str) -> None:
    assert len(training_clips([listed(tmp_path / "data", ("a_0", "train", origin))], 4, seed=0)) == 1


def test_without_a_list_nobody_knows_what_the_clips_judge(tmp_path: Path) -> None:
    with pytest.raises(InputUnreadable, match="without an origin"):
        training_clips([tmp_path], 4, seed=0)
    (tmp_path / "clips.json").write_text('[{"name": "a", "split": "train"}]')
    with pytest.raises(InputUnreadable, match="origin"):
        training_clips([tmp_path], 4, seed=0)
    listed(tmp_path, ("a_0", "val", "mine"))
    with pytest.raises(InvalidParameter, match="no clip of split 'train'"):
        training_clips([tmp_path], 4, seed=0)


def test_a_clip_needs_one_box_a_frame(tmp_path: Path) -> None:
    folder = listed(tmp_path / "data", ("a_0", "train", "mine"))
    (clip,) = training_clips([folder], 4, seed=0)
    with pytest.raises(InputUnreadable, match="complete the folder"):
        clip.read()
    clip.video.parent.mkdir()
    writer = cv2.VideoWriter(str(clip.video), cv2.VideoWriter.fourcc(*"mp4v"), 10, (64, 48))
    for value in (0, 100, 200):
        writer.write(np.full((48, 64, 3), value, np.uint8))
    writer.release()
    clip.truth.write_text("1,2,3,4\nNaN,NaN,NaN,NaN\n")
    with pytest.raises(InputUnreadable, match="2 boxes for 3 frames"):
        clip.read()
    clip.truth.write_text("1,2,3,4\nNaN,NaN,NaN,NaN\n5,6,7,8\n")
    images, boxes = clip.read()
    assert (len(images), images[0].shape, boxes.shape) == (3, (48, 64, 3), (3, 4))
