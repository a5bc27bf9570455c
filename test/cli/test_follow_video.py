"""The video keeps time and draws each image with its own box."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from uav_tracker_ros.cli.follow_video import Caption, FollowVideo
from uav_tracker_ros.errors import OutputUnwritable
from uav_tracker_ros.evaluation.overlay import STATE_COLORS
from uav_tracker_ros.geometry import Box, TargetState

EPOCH = 1_790_000_000.0
GREY = np.full((120, 160, 3), 90, np.uint8)
CAPTION = Caption("", ())


def _frames(path: Path) -> list[np.ndarray]:
    video, frames = cv2.VideoCapture(str(path)), []
    while (answer := video.read())[0]:
        frames.append(answer[1])
    return frames


def _has_box(frame: np.ndarray, box: Box) -> bool:
    """Whether the left edge has the colour of TRACKING, as far as a lossy codec keeps it."""
    edge = frame[int(box.y + box.h / 2), int(box.x)].astype(int)
    return bool(np.abs(edge - STATE_COLORS[TargetState.TRACKING]).max() < 60)


@pytest.mark.parametrize("rate", [30.0, 15.0, 7.0])
def test_two_seconds_last_two_seconds_whatever_the_camera(tmp_path: Path, rate: float) -> None:
    with FollowVideo(tmp_path / "a.mp4", rate_hz=15) as video:
        for number in range(round(2 * rate)):
            video.add_image(EPOCH + number / rate, GREY, CAPTION)
    assert video.dropped == 0
    assert len(_frames(tmp_path / "a.mp4")) == pytest.approx(30, abs=2)


def test_boxes_that_come_late_are_drawn_on_their_image(tmp_path: Path) -> None:
    boxes = [Box(20 + 4 * number, 40, 20, 40) for number in range(20)]
    with FollowVideo(tmp_path / "a.mp4", rate_hz=15) as video:
        for number in range(20):
            video.add_image(EPOCH + number / 15, GREY, CAPTION)
            if number >= 5:
                video.add_box(EPOCH + (number - 5) / 15, boxes[number - 5], TargetState.TRACKING, 0.9)
        for number in range(15, 20):
            video.add_box(EPOCH + number / 15, boxes[number], TargetState.TRACKING, 0.9)
    frames = _frames(tmp_path / "a.mp4")
    assert len(frames) == 20
    assert all(_has_box(frame, box) for frame, box in zip(frames, boxes, strict=True))


def test_without_boxes_images_are_still_written(tmp_path: Path) -> None:
    with FollowVideo(tmp_path / "a.mp4", rate_hz=15) as video:
        for number in range(15):
            video.add_image(EPOCH + number / 15, GREY, CAPTION)
    assert len(_frames(tmp_path / "a.mp4")) == 15


def test_images_after_the_end_are_ignored(tmp_path: Path) -> None:
    video = FollowVideo(tmp_path / "a.mp4")
    video.add_image(EPOCH, GREY, CAPTION)
    video.close()
    video.add_image(EPOCH + 1, GREY, CAPTION)
    video.close()
    assert len(_frames(tmp_path / "a.mp4")) == 1


def test_a_video_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    video = FollowVideo(tmp_path / "missing" / "a.mp4")
    video.add_image(EPOCH, GREY, CAPTION)
    with pytest.raises(OutputUnwritable, match="mp4"):
        video.close()
