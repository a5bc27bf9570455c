"""The recorder: everything of a flight into one MCAP file, images (if wanted) into one beside it.

A process of its own: a slow disk must not delay a setpoint. Messages are written as they
travelled, without being decoded. A recorder that fails says so and lets the flight go on.
"""

from __future__ import annotations

import datetime
import importlib
import importlib.metadata
import os
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import TwistStamped
from nav_msgs.msg import Odometry
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.qos import DurabilityPolicy, QoSProfile, qos_profile_sensor_data
from rclpy.serialization import serialize_message
from sensor_msgs.msg import CameraInfo, CompressedImage
from sensor_msgs.msg import Image as ImageMessage
from std_msgs.msg import String
from visualization_msgs.msg import MarkerArray

from uav_tracker_ros.errors import InvalidImage, OutputUnwritable
from uav_tracker_ros.following.settings import setting
from uav_tracker_ros.msg import FollowState, TrackedTarget
from uav_tracker_ros.nodes.diagnostics import Diagnostics, Health
from uav_tracker_ros.nodes.image_settings import ImageSettings
from uav_tracker_ros.nodes.node_main import reporting, run
from uav_tracker_ros.nodes.parameters import declare
from uav_tracker_ros.nodes.qos import JOURNAL, JOURNAL_TOPIC, ImageSubscription
from uav_tracker_ros.nodes.recording_definitions import message_definition
from uav_tracker_ros.nodes.recording_file import RecordingFile, new_record

QUEUE = 100  # messages of one topic; a flush of the disk takes longer than a cycle
RELIABLE = QoSProfile(depth=QUEUE)
KEPT = QoSProfile(depth=QUEUE, durability=DurabilityPolicy.TRANSIENT_LOCAL)
TOPICS: tuple[tuple[str, Any, QoSProfile], ...] = (
    (JOURNAL_TOPIC, String, JOURNAL),
    ("follow/state", FollowState, KEPT),
    ("follow/cmd_vel", TwistStamped, RELIABLE),
    ("follow/target_odometry", Odometry, RELIABLE),
    ("follow/vehicle_odometry", Odometry, RELIABLE),
    ("follow/markers", MarkerArray, RELIABLE),
    ("target", TrackedTarget, RELIABLE),
    ("camera_info", CameraInfo, qos_profile_sensor_data),
    ("simulation/true_target", TrackedTarget, qos_profile_sensor_data),
    ("diagnostics", DiagnosticArray, RELIABLE),
)
TRANSFORMS = (("/tf", RELIABLE), ("/tf_static", KEPT))
PACKAGES = ("uav_tracker_ros", "numpy", "opencv-contrib-python-headless", "onnxruntime", "mavsdk", "rclpy")
IMAGES_SUFFIX = "-images"


@dataclass(frozen=True)
class RecorderSettings:
    """Where the record goes (ROS parameters ``record.*``)."""

    to: str = setting("", "folder of the records, or a file that ends in .mcap; empty: flights/ in ROS's home, ~/.ros")
    images: bool = setting(False, "record the images too, as JPEG, in a file of their own")
    options: str = setting("", "how the flight was started, kept as a text in the record")

    def path(self, now: datetime.datetime) -> Path:
        """The file of a record that begins now."""
        if self.to.endswith(".mcap"):
            return Path(self.to)
        home = Path(os.environ.get("ROS_HOME") or Path.home() / ".ros")
        return new_record(Path(self.to).expanduser() if self.to else home / "flights", now)


class RecorderNode(LifecycleNode):
    """Configured it has the file open; active it records."""

    def __init__(self) -> None:
        super().__init__("recorder")
        self.settings = declare(self, "record", RecorderSettings)
        self._images = declare(self, "", ImageSettings)
        self._files: list[RecordingFile] = []
        self._problem = ""
        self._image_subscription: ImageSubscription | None = None

    @reporting
    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Make the file."""
        path = self.settings.path(datetime.datetime.now().astimezone())
        metadata = {**versions(), "options": self.settings.options, "namespace": self.get_namespace()}
        self._files = [RecordingFile(path, metadata)]
        if self.settings.images:
            self._files.append(RecordingFile(path.with_name(path.stem + IMAGES_SUFFIX + path.suffix), metadata))
        self._diagnostics = Diagnostics(self, self._health)
        self.get_logger().info(f"recording to {path}")
        return super().on_configure(state)

    @reporting
    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Subscribe to everything."""
        record = self._files[0]
        self._taken = [self._record(record, self.resolve_topic_name(topic), kind, qos) for topic, kind, qos in TOPICS]
        try:
            kind = importlib.import_module("tf2_msgs.msg").TFMessage
        except ImportError:  # the ROS wheels have none, and nobody publishes any then
            return self._activate_images(state)
        self._taken += [self._record(record, topic, kind, qos) for topic, qos in TRANSFORMS]
        return self._activate_images(state)

    @reporting
    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Record no more."""
        for subscription in self._taken:
            self.destroy_subscription(subscription)
        if self._image_subscription is not None:
            self._image_subscription.close()
        return super().on_deactivate(state)

    @reporting
    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Finish the file."""
        self._diagnostics.close()
        self._close()
        return super().on_cleanup(state)

    def destroy_node(self) -> None:
        """Finish the file, then end the node."""
        self._close()
        super().destroy_node()

    def _record(self, file: RecordingFile, topic: str, kind: Any, qos: QoSProfile) -> Any:
        self._announce(file, topic, kind)
        return self.create_subscription(kind, topic, self._writer(file, topic), qos, raw=True)

    def _announce(self, file: RecordingFile, topic: str, kind: Any) -> None:
        package = kind.__module__.partition(".")[0]
        name = f"{package}/msg/{kind.__name__}"
        file.add_topic(topic, name, message_definition(name))

    def _writer(self, file: RecordingFile, topic: str) -> Callable[[bytes], None]:
        return lambda data: self._write(file, topic, data)

    def _write(self, file: RecordingFile, topic: str, data: bytes) -> None:
        try:
            file.write(topic, self.get_clock().now().nanoseconds, data)
        except OutputUnwritable as error:
            self._problem = str(error)
            self.get_logger().error(self._problem)
            self._close()

    def _activate_images(self, state: LifecycleState) -> TransitionCallbackReturn:
        if self.settings.images:
            topic = self.resolve_topic_name("image_raw") + "/compressed"
            self._announce(self._files[1], topic, CompressedImage)
            compressed = self._images.image_transport == "compressed"
            self._image_subscription = ImageSubscription(
                self,
                CompressedImage if compressed else ImageMessage,
                "image_raw/compressed" if compressed else "image_raw",
                lambda message: self._write_image(topic, message),
                image_qos=self._images.image_qos,
            )
        return super().on_activate(state)

    def _write_image(self, topic: str, message: ImageMessage | CompressedImage) -> None:
        from uav_tracker_ros.nodes import conversions  # OpenCV: 40 MB that a record without images does not need

        try:
            if isinstance(message, ImageMessage):
                image = conversions.image_from_message(message)
                message = conversions.compressed_from_image(image, message.header)
        except InvalidImage as error:
            self.get_logger().warning(f"not recorded: {error}", throttle_duration_sec=2.0)
            return
        self._write(self._files[1], topic, serialize_message(message))

    def _close(self) -> None:
        for file in self._files:
            file.close()

    def _health(self) -> Health:
        values = {topic: count for file in self._files for topic, count in file.messages.items()}
        return Health(self._problem, bool(self._problem), values)


def versions() -> dict[str, str]:
    """Of this package and of what decides about its numbers, without importing any of it."""
    found = {"python": platform.python_version(), "ros": os.environ.get("ROS_DISTRO", "")}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:  # not installed by pip: under colcon, or absent
            continue
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Run the node."""
    return run(RecorderNode, argv)


if __name__ == "__main__":
    raise SystemExit(main())
