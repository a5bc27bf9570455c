"""The target as ``vision_msgs/Detection2DArray``, where that package is installed."""

from __future__ import annotations

import importlib
from typing import Any

from rclpy.node import Node

from uav_tracker_ros.geometry import TargetState
from uav_tracker_ros.msg import TrackedTarget


class DetectionPublisher:
    """Publishes ``target/detections``; does nothing without ``vision_msgs`` or without a listener."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._publisher: Any = None
        try:
            self._kinds: Any = importlib.import_module("vision_msgs.msg")
        except ImportError:
            return
        self._publisher = node.create_publisher(self._kinds.Detection2DArray, "target/detections", 1)

    def publish(self, target: TrackedTarget) -> None:
        """One array an image: the target, or nothing while it is lost."""
        if self._publisher is not None and self._publisher.get_subscription_count():
            self._publisher.publish(detection_array(target, self._kinds))

    def close(self) -> None:
        """Publish no more."""
        if self._publisher is not None:
            self._node.destroy_publisher(self._publisher)
            self._publisher = None


def detection_array(target: TrackedTarget, kinds: Any) -> Any:
    """A Detection2DArray of one target.

    The layout differs between distributions (``center`` is a Pose2D with x and y, or one with
    ``position``; a hypothesis holds ``id`` and ``score``, or ``hypothesis``): attributes decide.

    Args:
        target: of one image.
        kinds: the module ``vision_msgs.msg``.
    """
    array = kinds.Detection2DArray()
    array.header = target.header
    if target.state not in (int(TargetState.TRACKING), int(TargetState.UNCERTAIN)):
        return array
    detection = kinds.Detection2D()
    detection.header = target.header
    center = detection.bbox.center
    place = getattr(center, "position", center)
    place.x, place.y = target.center_x, target.center_y
    detection.bbox.size_x, detection.bbox.size_y = target.size_x, target.size_y
    if hasattr(detection, "id"):
        detection.id = target.target_id
    result = kinds.ObjectHypothesisWithPose()
    hypothesis = getattr(result, "hypothesis", result)
    name = "class_id" if hasattr(hypothesis, "class_id") else "id"
    setattr(hypothesis, name, target.target_class or "target")
    hypothesis.score = float(target.confidence)
    detection.results.append(result)
    array.detections.append(detection)
    return array
