from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from uav_tracker_ros.errors import InputUnreadable
from uav_tracker_ros.evaluation.frame_source import open_source, read_boxes, read_picture


def picture(value: int) -> np.ndarray:
    return np.full((24, 32, 3), value, np.uint8)


def test_folder_in_natural_order(tmp_path: Path) -> None:
    for number in (10, 9, 1):
        cv2.imwrite(str(tmp_path / f"{number}.png"), picture(number))
    (tmp_path / "notes.md").write_text("no picture")
    (tmp_path / "groundtruth.txt").write_text("1,2,3,4\n")
    source = open_source(str(tmp_path))
    assert [int(image[0, 0, 0]) for image in source] == [1, 9, 10]
    assert (source.count, source.is_live, source.truth_file) == (3, False, tmp_path / "groundtruth.txt")


def test_pictures_below_img(tmp_path: Path) -> None:
    (tmp_path / "img").mkdir()
    cv2.imwrite(str(tmp_path / "img" / "0001.png"), picture(5))
    assert [image.shape for image in open_source(str(tmp_path))] == [(24, 32, 3)]


def test_depth_is_kept(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "thermal.png"), np.full((8, 9), 40_000, np.uint16))
    cv2.imwrite(str(tmp_path / "alpha.png"), np.full((8, 9, 4), 200, np.uint8))
    thermal = read_picture(tmp_path / "thermal.png")
    assert (thermal.dtype, thermal.shape, int(thermal[0, 0])) == (np.uint16, (8, 9), 40_000)
    assert read_picture(tmp_path / "alpha.png").shape == (8, 9, 3)


def test_video_with_truth(tmp_path: Path) -> None:
    writer = cv2.VideoWriter(str(tmp_path / "clip.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 12.5, (32, 24))
    for value in (20, 120, 220):
        writer.write(picture(value))
    writer.release()
    (tmp_path / "clip.txt").write_text("1,1,5,5\n" * 3)
    source = open_source(str(tmp_path / "clip.mp4"))
    assert (source.name, source.count, source.rate) == ("clip", 3, 12.5)
    assert source.truth_file == tmp_path / "clip.txt"
    assert [round(float(image.mean()) / 10) for image in source] == [2, 12, 22]
    source.close()


@pytest.mark.parametrize(
    ("make", "said"),
    [
        pytest.param(lambda path: None, "is not there", id="absent"),
        pytest.param(lambda path: path.write_bytes(b"no video at all"), "cannot be read as a video", id="garbage"),
        pytest.param(lambda path: path.touch(), "cannot be read as a video", id="empty file"),
        pytest.param(lambda path: path.mkdir(), "holds no picture", id="empty folder"),
    ],
)
def test_unreadable_sources(tmp_path: Path, make, said: str) -> None:
    path = tmp_path / "input.mp4"
    make(path)
    with pytest.raises(InputUnreadable, match=said):
        list(open_source(str(path)))


def test_unreadable_picture_is_named(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "1.png"), picture(3))
    (tmp_path / "2.png").write_bytes(b"")
    with pytest.raises(InputUnreadable, match=r"2\.png"):
        list(open_source(str(tmp_path)))


def test_camera_that_is_not_there() -> None:
    with pytest.raises(InputUnreadable, match="V4L2"):
        open_source("/dev/video987")


def test_boxes_in_every_spelling(tmp_path: Path) -> None:
    file = tmp_path / "truth.txt"
    file.write_text("1,2,3,4\n1.5\t2\t3\t4\n\nNaN,NaN,NaN,NaN\n7 8 9 10\n")
    boxes = read_boxes(file)
    assert boxes.shape == (4, 4)
    assert np.isnan(boxes[2]).all()
    assert boxes[3].tolist() == [7, 8, 9, 10]
    file.write_text("1,2,3,4\n1,2,three,4\n")
    with pytest.raises(InputUnreadable, match="line 2"):
        read_boxes(file)
