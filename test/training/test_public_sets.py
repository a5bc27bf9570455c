"""Readers of public training sets, on trees of three small pictures; test sequences stay out."""

import json
from pathlib import Path

import numpy as np
import pytest
from made_up_sets import boxes, draw, write

torch = pytest.importorskip("torch", reason="training needs torch: pip install -e .[train]")

from uav_tracker_ros.errors import InputUnreadable  # noqa: E402 - after the check for torch
from uav_tracker_ros.training.scenes import pictures  # noqa: E402
from uav_tracker_ros.training.scenes.pairs import PairSampler  # noqa: E402


def _got10k(root: Path) -> None:
    write(root / "train/list.txt", "GOT-10k_Train_000001\n")
    home = root / "train/GOT-10k_Train_000001"
    draw(home, range(1, 8), "{:08d}.jpg")
    write(home / "groundtruth.txt", boxes(7))
    write(home / "absence.label", "0\n0\n0\n1\n0\n0\n0\n")
    write(root / "test/list.txt", "GOT-10k_Test_000001\n")


def _lasot(root: Path) -> None:
    for name in ("cat-1", "cat-2"):
        home = root / "cat" / name
        draw(home / "img", range(1, 8), "{:08d}.jpg")
        write(home / "groundtruth.txt", boxes(7))
        write(home / "full_occlusion.txt", "0,0,0,1,0,0,0")
        write(home / "out_of_view.txt", "0,0,0,0,0,0,0")
    write(root / "training_set.txt", "cat-2\n")


def _trackingnet(root: Path) -> None:
    draw(root / "TRAIN_0/frames/abc_0", range(7), "{}.jpg")
    write(root / "TRAIN_0/anno/abc_0.txt", boxes(7))
    write(root / "TEST/anno/xyz_0.txt", boxes(1))


def _coco(root: Path) -> None:
    draw(root / "train2017", range(2), "{:012d}.jpg")
    annotations = [
        {"image_id": 0, "category_id": 3, "bbox": [2, 3, 14, 15], "iscrowd": 0},
        {"image_id": 0, "category_id": 3, "bbox": [0, 0, 20, 20], "iscrowd": 1},
        {"image_id": 1, "category_id": 3, "bbox": [2, 3, 4, 5], "iscrowd": 0},
    ]
    images = [{"id": number, "file_name": f"{number:012d}.jpg"} for number in range(2)]
    table = {"categories": [{"id": 3, "name": "car"}], "images": images, "annotations": annotations}
    write(root / "annotations/instances_train2017.json", json.dumps(table))


@pytest.mark.parametrize(
    ("make", "name", "first_x", "absent"),
    [
        (_got10k, "got10k_GOT-10k_Train_000001", 1.0, 1),
        (_lasot, "lasot_cat-2", 0.0, 1),
        (_trackingnet, "trackingnet_abc_0", 1.0, None),
    ],
)
def test_clips_of_a_public_set(tmp_path: Path, make, name: str, first_x: float, absent: int | None) -> None:
    make(tmp_path)
    clips = pictures.load([tmp_path]).clips
    assert [clip.name for clip in clips] == [name]
    assert len(clips[0].frames) == 3  # every third of seven
    assert clips[0].boxes[0].x == first_x
    assert [number for number, box in enumerate(clips[0].boxes) if box is None] == ([absent] if absent else [])
    pair = PairSampler(pictures.load([tmp_path]), 0).draw()
    assert np.isfinite(pair.box).all() or pair.box_weight == 1.0


def test_stills_of_coco_leave_out_crowds_and_small_ones(tmp_path: Path) -> None:
    _coco(tmp_path)
    stills = pictures.load([tmp_path]).stills
    assert [(still.name, still.classes, still.boxes[0].w) for still in stills] == [
        ("coco2017_000000000000.jpg", ("car",), 14)
    ]
    assert pictures.decode(stills[0].encoded).shape == (24, 32, 3)


def test_lasot_without_its_list_is_refused(tmp_path: Path) -> None:
    _lasot(tmp_path)
    (tmp_path / "training_set.txt").unlink()
    with pytest.raises(InputUnreadable, match=r"training_set\.txt"):
        pictures.load([tmp_path])


def test_a_lost_picture_is_named(tmp_path: Path) -> None:
    _coco(tmp_path)
    still = pictures.load([tmp_path]).stills[0]
    still.encoded.unlink()
    with pytest.raises(InputUnreadable, match="000000000000"):
        pictures.decode(still.encoded)
