"""A video to write results into."""

from __future__ import annotations

from pathlib import Path

import cv2

from uav_tracker_ros.errors import OutputUnwritable
from uav_tracker_ros.geometry import Image


def open_video(file: Path, rate: float, picture: Image) -> cv2.VideoWriter:
    """A writer of mp4 for pictures of this one's size.

    Args:
        file: .mp4, in a folder that is there.
        rate: Hz.
        picture: (H, W, 3) uint8 BGR.

    Raises:
        OutputUnwritable: this OpenCV has no encoder for it.
    """
    height, width = picture.shape[:2]
    writer = cv2.VideoWriter(str(file), cv2.VideoWriter.fourcc(*"mp4v"), rate, (width, height))
    if not writer.isOpened():
        raise OutputUnwritable(
            f"{file.name} cannot be written as mp4 of {width} x {height}; expected an OpenCV with a video encoder; "
            "install opencv-contrib-python-headless"
        )
    return writer
