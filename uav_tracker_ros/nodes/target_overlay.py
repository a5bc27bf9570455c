"""The operator's picture ``target/image``, and clicks on it and on the camera's image."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import cv2
from geometry_msgs.msg import Point
from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node
from sensor_msgs.msg import Image as ImageMessage

from uav_tracker_ros.evaluation.overlay import as_bgr, draw_overlay
from uav_tracker_ros.following.report import FollowPhase, Limit
from uav_tracker_ros.geometry import Box
from uav_tracker_ros.msg import FollowState, TrackedTarget
from uav_tracker_ros.nodes import conversions
from uav_tracker_ros.nodes.qos import LATCHED
from uav_tracker_ros.nodes.recent_images import StampedImage
from uav_tracker_ros.nodes.tracking_worker import Selection
from uav_tracker_ros.trackers.lock import LockedTarget

PERIOD_S = 0.1  # 10 Hz
WIDTH = 480  # px; a picture to look at, a quarter of the bytes of 960
SILENT_S = 1.0  # the controller speaks ten times a second; what it said longer ago is not shown
PREDICTION_S = 0.3  # a predicted box older than this is not drawn
WORDS = 44  # characters of a blocker that fit beside each other on the picture
CLICKED = "_mouse_left"  # rqt_image_view publishes clicks on IMAGE as IMAGE_mouse_left


class TargetOverlay:
    """Draws on a small copy, at most ten times a second, and only for listeners.

    Args:
        node: gets the publisher and the subscriptions.
        on_click: told what the operator clicked on, in px of the camera's image.
        listening: callback group of the controller's state.
        calls: callback group of the clicks; ``on_click`` may take its time.
    """

    def __init__(
        self, node: Node, on_click: Callable[[Selection], None], *, listening: CallbackGroup, calls: CallbackGroup
    ) -> None:
        self._node, self._on_click = node, on_click
        self._state: tuple[float, FollowState] | None = None
        self._predicted: tuple[float, TrackedTarget] | None = None
        self._due = 0.0
        self._shown: tuple[int, float] = (0, 1.0)  # stamp (ns) and scale of the newest picture
        self._publisher = node.create_publisher(ImageMessage, "target/image", 1)
        self._subscriptions = [
            node.create_subscription(FollowState, "follow/state", self._on_state, LATCHED, callback_group=listening),
            node.create_subscription(
                TrackedTarget, "follow/predicted", self._on_predicted, 1, callback_group=listening
            ),
        ]
        for topic, callback in (("image_raw", self._on_image_click), ("target/image", self._on_overlay_click)):
            name = node.resolve_topic_name(topic) + CLICKED  # a remapped image takes its clicks along
            self._subscriptions.append(node.create_subscription(Point, name, callback, 5, callback_group=calls))

    @property
    def wanted(self) -> bool:
        """Somebody looks, and the next picture is due."""
        return time.monotonic() >= self._due and self._publisher.get_subscription_count() > 0

    def publish(self, frame: StampedImage, target: LockedTarget, latency: float) -> None:
        """One picture, with what the controller said last; ``latency`` in s."""
        now = time.monotonic()
        self._due = now + PERIOD_S
        scale = min(1.0, WIDTH / frame.image.shape[1])
        small = cv2.resize(as_bgr(frame.image), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        state = self._state[1] if self._state is not None and now - self._state[0] < SILENT_S else None
        predicted = self._predicted
        known = predicted is not None and now - predicted[0] < PREDICTION_S
        drawn = draw_overlay(
            small,
            box=_scaled(target.box, scale),
            state=target.state,
            confidence=target.confidence,
            predicted=_scaled(_box(predicted[1]), scale) if predicted is not None and known else None,
            lines=words(target, state, latency),
            headline=FollowPhase(state.state).name if state is not None else "",
        )
        self._shown = (frame.stamp, scale)
        self._publisher.publish(conversions.message_from_image(drawn, frame.header))

    def close(self) -> None:
        """Publish and listen no more."""
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)
        self._node.destroy_publisher(self._publisher)

    def _on_state(self, message: FollowState) -> None:
        self._state = (time.monotonic(), message)

    def _on_predicted(self, message: TrackedTarget) -> None:
        self._predicted = (time.monotonic(), message)

    def _on_image_click(self, place: Point) -> None:
        self._on_click(Selection(0, Box(place.x, place.y, 0.0, 0.0), ""))

    def _on_overlay_click(self, place: Point) -> None:
        """On the picture that was published last: the operator saw that one, not the newest image."""
        stamp, scale = self._shown
        self._on_click(Selection(stamp, Box(place.x / scale, place.y / scale, 0.0, 0.0), ""))


def words(target: LockedTarget, state: FollowState | None, latency: float) -> list[str]:
    """The lines of the picture: image and score, then what the controller flies, its limits, the first blocker.

    Args:
        target: of this image.
        state: the controller's; None: it is silent.
        latency: s from the image's stamp to now.
    """
    score = "" if math.isnan(target.score) else f"  score {target.score:.2f}"
    lines = [f"{latency * 1e3:.0f} ms{score}"]
    if state is None:
        return lines
    if math.isfinite(state.distance):
        lines.append(f"{state.distance:.1f} m of {state.wanted_distance:.1f} m")
    velocity = state.velocity_ned
    lines.append(f"{math.hypot(velocity.x, velocity.y):.1f} m/s  {state.vehicle_mode.lower()}")
    if limits := Limit(state.limits):
        lines.append("limit: " + " ".join(str(bit.name).lower() for bit in Limit if bit and bit in limits))
    lines += [text[:WORDS] for text in [*state.blockers, *state.warnings][:1]]
    return lines


def _box(target: TrackedTarget) -> Box:
    return Box.from_center(target.center_x, target.center_y, target.size_x, target.size_y)


def _scaled(box: Box, scale: float) -> Box:
    return Box(*(part * scale for part in box))
