"""The camera's settings, real or simulated, and what they say of its lens."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from uav_tracker_ros.errors import InputUnreadable, InvalidParameter
from uav_tracker_ros.following.settings import setting
from uav_tracker_ros.geometry import Intrinsics

SOURCES = ("video", "folder", "v4l2", "gst")


@dataclass(frozen=True)
class CameraSettings:
    """Where images come from and how they were taken (ROS parameters ``camera.*``)."""

    source: str = setting("", "video:FILE, folder:FOLDER, v4l2:DEVICE or gst:PIPELINE; the simulator needs none")
    loop: bool = setting(True, "start a video or folder again at its end; false: end the node")
    hfov_deg: float = setting(
        70.0, "horizontal field of view, used without a calibration", unit="deg", low=10, high=150
    )
    width: int = setting(640, "width of simulated images, and asked of a V4L2 device", unit="px", low=32, high=7680)
    height: int = setting(480, "height of simulated images, and asked of a V4L2 device", unit="px", low=32, high=4320)
    rate_hz: float = setting(30.0, "images a second", unit="Hz", low=1, high=240)
    calibration: str = setting("", "file of camera_calibration (YAML); empty: hfov_deg without distortion")

    def intrinsics(self, width: int, height: int) -> Intrinsics:
        """The lens for images of this size (px).

        Raises:
            InputUnreadable: the calibration file cannot be read.
            InvalidParameter: the calibration was made for another shape of image.
        """
        if not self.calibration:
            return Intrinsics.from_hfov(width, height, math.radians(self.hfov_deg))
        return read_calibration(Path(self.calibration), width, height)

    def split_source(self) -> tuple[str, str]:
        """Kind and place of the source.

        Raises:
            InvalidParameter: neither of the known kinds.
        """
        kind, colon, place = self.source.partition(":")
        if kind not in SOURCES or not colon or not place:
            raise InvalidParameter(
                f"camera.source is '{self.source}'; expected video:FILE, folder:FOLDER, v4l2:DEVICE or "
                "gst:PIPELINE: set it"
            )
        return kind, place


def read_calibration(path: Path, width: int, height: int) -> Intrinsics:
    """A file of ROS's ``camera_calibration``, scaled to images of this size (px).

    Raises:
        InputUnreadable: missing, or without the keys of such a file.
        InvalidParameter: made for images of another aspect ratio.
    """
    try:
        content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
        made_width, made_height = int(content["image_width"]), int(content["image_height"])
        matrix = [float(part) for part in content["camera_matrix"]["data"]]
        distortion = tuple(float(part) for part in content["distortion_coefficients"]["data"])
        fx, fy, cx, cy = matrix[0], matrix[4], matrix[2], matrix[5]
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError, IndexError) as error:
        raise InputUnreadable(
            f"{path} is no calibration ({type(error).__name__}: {error}); expected the YAML of camera_calibration "
            "with image_width, camera_matrix and distortion_coefficients: make it anew"
        ) from error
    scale = width / made_width
    if abs(scale * made_height - height) > 1:
        raise InvalidParameter(
            f"{path.name} is for {made_width}x{made_height} px, images have {width}x{height} px; "
            "expected the same aspect ratio: calibrate at this size"
        )
    # The file counts pixels from the middle of the first one, this package from its corner.
    return Intrinsics(
        width,
        height,
        fx * scale,
        fy * scale,
        (cx + 0.5) * scale,
        (cy + 0.5) * scale,
        distortion if any(distortion) else (),
    )
