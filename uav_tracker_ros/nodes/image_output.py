"""Publishes images with their camera_info: what the camera and the simulator have in common."""

from __future__ import annotations

from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, CompressedImage
from sensor_msgs.msg import Image as ImageMessage
from std_msgs.msg import Header

from uav_tracker_ros.geometry import Image, Intrinsics
from uav_tracker_ros.nodes import conversions
from uav_tracker_ros.nodes.diagnostics import Health, Percentiles, RateMeter
from uav_tracker_ros.nodes.image_settings import ImageSettings
from uav_tracker_ros.nodes.qos import CAMERA


class ImageOutput:
    """``image_raw`` (or ``image_raw/compressed``) and ``camera_info`` with equal stamps."""

    def __init__(self, node: Node, settings: ImageSettings) -> None:
        self._node = node
        self._compressed = settings.image_transport == "compressed"
        kind, topic = (CompressedImage, "image_raw/compressed") if self._compressed else (ImageMessage, "image_raw")
        self._images = node.create_publisher(kind, topic, CAMERA)
        self._infos = node.create_publisher(CameraInfo, "camera_info", CAMERA)
        self.sent = 0
        self._rate, self._age = RateMeter(), Percentiles()

    def publish(self, image: Image, intrinsics: Intrinsics, stamp: int) -> Header:
        """One image of the moment ``stamp`` (ns, ROS time); returns its header."""
        header = Header(stamp=conversions.stamp_from_nanoseconds(stamp), frame_id=conversions.CAMERA_FRAME)
        make = conversions.compressed_from_image if self._compressed else conversions.message_from_image
        # camera_info first: who gets the image can already place it.
        self._infos.publish(conversions.camera_info_from_intrinsics(intrinsics, header))
        self._images.publish(make(image, header))
        self.sent += 1
        self._rate.count()
        self._age.add((self._node.get_clock().now().nanoseconds - stamp) * 1e-9)
        return header

    def health(self, source: str) -> Health:
        """For the diagnostics."""
        silent = self._rate.silence > 2.0
        values = {
            "fps out": self._rate.rate,
            "sent": self.sent,
            "age p50 ms": self._age.at(0.5) * 1e3,
            "age p95 ms": self._age.at(0.95) * 1e3,
            "source": source,
        }
        return Health("no image for 2 s" if silent else "", silent, values)

    def close(self) -> None:
        """Publish no more."""
        for publisher in (self._images, self._infos):
            self._node.destroy_publisher(publisher)
