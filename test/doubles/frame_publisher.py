"""A camera and an operator: publishes pictures of a moving square, hears targets, calls the tracker's services."""

from __future__ import annotations

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import Point
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header
from std_srvs.srv import Trigger
from uav_tracker_ros.msg import TrackedTarget
from uav_tracker_ros.srv import SelectTarget

from uav_tracker_ros.geometry import Box
from uav_tracker_ros.nodes.conversions import compressed_from_image, message_from_image

SIDE = 32


class FramePublisher(Node):
    """One image a call of :meth:`publish`; nothing happens by itself."""

    def __init__(self, reliability=ReliabilityPolicy.RELIABLE, compressed: bool = False) -> None:
        super().__init__("operator", use_global_arguments=False)
        self._compressed = compressed
        kind, topic = (CompressedImage, "image_raw/compressed") if compressed else (Image, "image_raw")
        self.images = self.create_publisher(kind, topic, QoSProfile(depth=1, reliability=reliability))
        self.targets: list[TrackedTarget] = []
        self.overlays: list[Image] = []
        self.diagnostics: list[DiagnosticArray] = []
        self.create_subscription(TrackedTarget, "target", self.targets.append, 50)
        self.create_subscription(DiagnosticArray, "diagnostics", self.diagnostics.append, 10)
        self.select_client = self.create_client(SelectTarget, "select_target")
        self.cancel_client = self.create_client(Trigger, "cancel_target")
        self.number = 0

    def box(self, number: int) -> Box:
        return Box(60.0 + 2 * number, 80.0 + number, SIDE, SIDE)

    def publish(self, size: tuple[int, int] = (240, 320)) -> Header:
        """The next picture: a textured square on a textured ground."""
        self.number += 1
        image = np.random.default_rng(1).integers(60, 120, (*size, 3), dtype=np.uint8)
        x, y, w, h = (int(part) for part in self.box(self.number))
        image[y : y + h, x : x + w] = np.random.default_rng(2).integers(120, 255, (h, w, 3), dtype=np.uint8)
        header = Header(stamp=self.get_clock().now().to_msg(), frame_id="camera_optical")
        make = compressed_from_image if self._compressed else message_from_image
        self.images.publish(make(image, header))
        return header

    def listen_to_overlays(self) -> None:
        self.create_subscription(Image, "target/image", self.overlays.append, 1)

    def click(self, topic: str, x: float, y: float, until) -> None:
        """As rqt_image_view tells a click of the mouse."""
        clicks = self.create_publisher(Point, topic, 5)
        until(clicks.get_subscription_count, f"nobody listens to {topic}")
        clicks.publish(Point(x=float(x), y=float(y)))

    def value(self, key: str) -> str | None:
        """What the tracker's newest diagnostics say."""
        for message in reversed(self.diagnostics):
            for status in message.status:
                if status.name == "tracker":
                    return {item.key: item.value for item in status.values}.get(key)
        return None
