"""Images, camera parameters and targets between ROS messages and the core's types.

Own code comes first; an encoding that it lacks goes to ``cv_bridge`` where that imports.
"""

from __future__ import annotations

import array
import math
import sys
from typing import Any

import cv2
import numpy as np
from builtin_interfaces.msg import Time
from numpy.typing import NDArray
from sensor_msgs.msg import CameraInfo, CompressedImage
from sensor_msgs.msg import Image as ImageMessage
from std_msgs.msg import Header

from uav_tracker_ros.errors import InvalidImage, InvalidParameter
from uav_tracker_ros.geometry import Image, Intrinsics
from uav_tracker_ros.msg import TrackedTarget
from uav_tracker_ros.trackers.lock import LockedTarget

CAMERA_FRAME = "camera_optical"
JPEG_QUALITY = 90  # of 100; below it block edges move with the target and disturb correlation trackers
# encoding -> (channels, bytes a channel, OpenCV's code to BGR; None: taken as it is)
_ENCODINGS: dict[str, tuple[int, int, int | None]] = {
    "bgr8": (3, 1, None),
    "8UC3": (3, 1, None),
    "mono8": (1, 1, None),
    "8UC1": (1, 1, None),
    "mono16": (1, 2, None),
    "16UC1": (1, 2, None),
    "rgb8": (3, 1, cv2.COLOR_RGB2BGR),
    "bgra8": (4, 1, cv2.COLOR_BGRA2BGR),
    "rgba8": (4, 1, cv2.COLOR_RGBA2BGR),
    "yuv422": (2, 1, cv2.COLOR_YUV2BGR_UYVY),
    "uyvy": (2, 1, cv2.COLOR_YUV2BGR_UYVY),
    "yuv422_yuy2": (2, 1, cv2.COLOR_YUV2BGR_YUY2),
    "yuyv": (2, 1, cv2.COLOR_YUV2BGR_YUY2),
    # OpenCV names a pattern by its second row's middle pixels: ROS's rggb is OpenCV's BG.
    "bayer_rggb8": (1, 1, cv2.COLOR_BayerBG2BGR),
    "bayer_bggr8": (1, 1, cv2.COLOR_BayerRG2BGR),
    "bayer_gbrg8": (1, 1, cv2.COLOR_BayerGR2BGR),
    "bayer_grbg8": (1, 1, cv2.COLOR_BayerGB2BGR),
}
_OWN_ENCODINGS = {np.dtype(np.uint8): {2: "mono8", 3: "bgr8"}, np.dtype(np.uint16): {2: "mono16"}}


def image_from_message(message: ImageMessage) -> Image:
    """The pixels of an Image message.

    Returns:
        (H, W, 3) uint8 BGR, or (H, W) uint8/uint16. A view of the message's data where neither
        colours nor byte order have to change: keep it unchanged.

    Raises:
        InvalidImage: zero size, a step or an amount of data that does not fit, or an encoding that
            neither this package nor ``cv_bridge`` knows.
    """
    if message.encoding not in _ENCODINGS:
        return _from_cv_bridge(message)
    channels, depth, code = _ENCODINGS[message.encoding]
    row = message.width * channels * depth
    _check_layout(message, row)
    rows = np.frombuffer(message.data, np.uint8).reshape(message.height, message.step)[:, :row]
    if depth == 2:
        return _sixteen_bit(rows, big_endian=bool(message.is_bigendian))
    shape = (message.height, message.width, channels) if channels > 1 else (message.height, message.width)
    pixels = rows.reshape(shape)
    return pixels if code is None else np.asarray(cv2.cvtColor(pixels, code), np.uint8)


def message_from_image(image: Image, header: Header) -> ImageMessage:
    """An Image message (``bgr8``, ``mono8`` or ``mono16``) with a copy of the pixels.

    Raises:
        InvalidImage: empty, or neither (H, W, 3) uint8 nor (H, W) uint8/uint16.
    """
    encoding = _OWN_ENCODINGS.get(image.dtype, {}).get(image.ndim)
    if encoding is None or not image.size or (image.ndim == 3 and image.shape[2] != 3):
        raise InvalidImage(
            f"image of shape {image.shape}, {image.dtype}; expected (H, W, 3) uint8 or (H, W) uint8/uint16, not empty: "
            "convert it first"
        )
    pixels = np.ascontiguousarray(image)
    message = ImageMessage(header=header, encoding=encoding)
    message.height, message.width = pixels.shape[:2]
    message.step = pixels.strides[0]
    message.is_bigendian = int(pixels.dtype.itemsize > 1 and sys.byteorder == "big")
    message.data = _bytes(pixels)
    return message


def image_from_compressed(message: CompressedImage) -> Image:
    """The pixels of a CompressedImage (JPEG or PNG); shape and type as :func:`image_from_message`.

    Raises:
        InvalidImage: empty, truncated or no picture.
    """
    data = np.frombuffer(message.data, np.uint8)
    flags = cv2.IMREAD_ANYDEPTH | (0 if _is_mono(message.format) else cv2.IMREAD_COLOR)
    try:
        image = cv2.imdecode(data, flags) if data.size else None
    except cv2.error:
        image = None
    if image is None:
        raise InvalidImage(
            f"{data.size} bytes of '{message.format}' cannot be decoded; expected a JPEG or PNG: "
            "check the camera's driver"
        )
    pixels: NDArray[Any] = np.asarray(image)
    return pixels


def compressed_from_image(image: Image, header: Header) -> CompressedImage:
    """A JPEG of the image as CompressedImage (16-bit images: PNG).

    Raises:
        InvalidImage: OpenCV cannot encode it.
    """
    deep = image.dtype == np.uint16
    ok, data = False, np.empty(0, np.uint8)
    if image.size:
        ok, data = cv2.imencode(
            ".png" if deep else ".jpg", image, [] if deep else [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
        )
    if not ok:
        raise InvalidImage(f"image of shape {image.shape} cannot be encoded; expected one that is not empty")
    raw = "mono16" if deep else "mono8" if image.ndim == 2 else "bgr8"
    kind = "png" if deep else "jpeg"
    message = CompressedImage(header=header, format=f"{raw}; {kind} compressed {raw}")
    message.data = _bytes(data)
    return message


def camera_info_from_intrinsics(intrinsics: Intrinsics, header: Header) -> CameraInfo:
    """CameraInfo of a camera without rectification.

    ROS and OpenCV put pixel centres at integer coordinates, this package at + 0.5.
    """
    message = CameraInfo(header=header, width=intrinsics.width, height=intrinsics.height)
    fx, fy, cx, cy = (float(part) for part in (intrinsics.fx, intrinsics.fy, intrinsics.cx - 0.5, intrinsics.cy - 0.5))
    message.distortion_model = "plumb_bob"
    message.d = [float(part) for part in intrinsics.distortion or (0.0,) * 5]
    message.k = [fx, 0.0, cx, 0.0, fy, cy, 0.0, 0.0, 1.0]
    message.r = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
    message.p = [fx, 0.0, cx, 0.0, 0.0, fy, cy, 0.0, 0.0, 0.0, 1.0, 0.0]
    return message


def intrinsics_from_camera_info(message: CameraInfo) -> Intrinsics:
    """The pinhole camera of a CameraInfo.

    Raises:
        InvalidParameter: no size, a focal length that is not above 0, or a distortion model that
            is not ``plumb_bob``.
    """
    fx, fy, cx, cy = (float(message.k[index]) for index in (0, 4, 2, 5))
    numbers = (fx, fy, cx, cy, *message.d)
    if not all(math.isfinite(number) for number in numbers) or fx <= 0 or fy <= 0:
        raise InvalidParameter(
            f"camera_info has focal lengths {fx:g}, {fy:g} px; expected finite values above 0: calibrate the camera"
        )
    if not message.width or not message.height:
        raise InvalidParameter(
            f"camera_info says {message.width}x{message.height} px; expected the image's size: correct the driver"
        )
    distortion = tuple(float(part) for part in message.d)
    if any(distortion) and message.distortion_model != "plumb_bob":
        raise InvalidParameter(
            f"camera_info has the distortion model '{message.distortion_model}'; expected plumb_bob: "
            "publish rectified images"
        )
    # A binned or cropped image keeps the calibration of the full sensor in k.
    bin_x, bin_y = max(1, message.binning_x), max(1, message.binning_y)
    left, top = message.roi.x_offset, message.roi.y_offset
    return Intrinsics(
        (message.roi.width or message.width) // bin_x,
        (message.roi.height or message.height) // bin_y,
        fx / bin_x,
        fy / bin_y,
        (cx + 0.5 - left) / bin_x,
        (cy + 0.5 - top) / bin_y,
        distortion if any(distortion) else (),
    )


def stamp_from_nanoseconds(nanoseconds: int) -> Time:
    """A ROS time from ns."""
    return Time(sec=nanoseconds // 1_000_000_000, nanosec=nanoseconds % 1_000_000_000)


def nanoseconds(stamp: Time) -> int:
    """A ROS time in ns; exact, so that equal stamps stay equal."""
    return int(stamp.sec) * 1_000_000_000 + int(stamp.nanosec)


def target_message(
    target: LockedTarget, header: Header, image: Image, *, latency: float, tracker: str, target_class: str
) -> TrackedTarget:
    """What the tracker says of one image.

    Args:
        target: box, state and scores.
        header: the image's.
        image: for its size.
        latency: s from the image's stamp to now.
        tracker: its name.
        target_class: as given at the selection.
    """
    message = TrackedTarget(header=header, state=int(target.state), lock=target.lock)
    message.center_x, message.center_y = (float(part) for part in target.box.center)
    message.size_x, message.size_y = float(target.box.w), float(target.box.h)
    message.score, message.confidence = float(target.score), float(target.confidence)
    message.similarity, message.latency = float(target.similarity), latency
    message.image_height, message.image_width = image.shape[:2]
    message.tracker, message.target_class = tracker, target_class
    message.target_id = f"{target.lock}" if target.lock else ""
    return message


def _check_layout(message: ImageMessage, row: int) -> None:
    size = f"{message.encoding} image of {message.width}x{message.height} px"
    if not message.width or not message.height:
        raise InvalidImage(f"{size}; expected at least one pixel: check the camera")
    if message.step < row:
        raise InvalidImage(f"{size} with a step of {message.step} bytes; expected at least {row}: correct the driver")
    if len(message.data) != message.step * message.height:
        raise InvalidImage(
            f"{size} with {len(message.data)} bytes; expected step times height, {message.step * message.height}: "
            "it is truncated or its step is wrong"
        )
    if message.encoding.startswith(("yuv", "uyvy", "yuyv")) and message.width % 2:
        raise InvalidImage(f"{size}; expected an even width, two pixels share their colour: correct the driver")


def _sixteen_bit(rows: NDArray[np.uint8], *, big_endian: bool) -> NDArray[np.uint16]:
    wide = np.ascontiguousarray(rows).view(">u2" if big_endian else "<u2")
    return wide.astype(np.uint16, copy=False)


def _bytes(pixels: NDArray[Any]) -> array.array[int]:
    # A typed array passes the message's setter in 0.1 ms; bytes or a list take 300 ms where every
    # element is checked, as Humble always does (640x480).
    data = array.array("B")
    data.frombytes(pixels.data.cast("B"))
    return data


def _is_mono(text: str) -> bool:
    return text.split(";")[0].strip().startswith(("mono", "8UC1", "16UC1"))


def _from_cv_bridge(message: ImageMessage) -> Image:
    known = ", ".join(_ENCODINGS)
    try:
        from cv_bridge import CvBridge
    except Exception as error:
        # A cv_bridge that was built for another NumPy fails with more than ImportError.
        raise InvalidImage(
            f"image encoding '{message.encoding}'; expected one of {known}: "
            f"choose another in the camera's driver, or install cv_bridge ({error})"
        ) from error
    try:
        image: NDArray[Any] = np.asarray(CvBridge().imgmsg_to_cv2(message, desired_encoding="bgr8"))
    except Exception as error:
        raise InvalidImage(
            f"image encoding '{message.encoding}' cannot be converted ({error}); expected one of {known}"
        ) from error
    return image
