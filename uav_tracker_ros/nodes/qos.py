"""Qualities of service, and an image subscription that finds the one that its publishers offer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.callback_groups import CallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

try:
    from rclpy.event_handler import SubscriptionEventCallbacks
except ImportError:  # Humble
    from rclpy.qos_event import SubscriptionEventCallbacks

# A late subscriber (a new terminal, RViz) gets the last message at once.
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)

# A recorder that starts some seconds later still gets the journal from its first batch: 30 s at 50 Hz.
JOURNAL_TOPIC = "follow/journal"
JOURNAL = QoSProfile(depth=1500, durability=DurabilityPolicy.TRANSIENT_LOCAL)

# Matches every publisher; with a depth of 1 a slow reader sees the newest image, not a queue of old ones
# (measured with a callback of 150 ms: 17 ms old instead of 312 ms at depth 10).
NEWEST_IMAGE = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)

# What a camera offers: reliable serves both kinds of subscriber, a depth of 1 never queues old images.
CAMERA = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)

IMAGE_QOS = ("auto", "best_effort", "reliable")
LOOK_PERIOD_S = 1.0


class ImageSubscription:
    """Subscribes to images; with ``auto`` it changes to reliable when all publishers offer that.

    Best effort matches every publisher but loses a third of the raw images of one host where
    Fast DDS has no larger shared-memory segment; reliable against a best-effort publisher hears
    nothing. What the publishers offer is known only after they were discovered, so it is looked
    up again and again.

    Args:
        node: gets the subscription.
        kind: Image or CompressedImage.
        topic: relative name.
        callback: gets every message.
        image_qos: one of :data:`IMAGE_QOS`.
        group: callback group of the messages.
    """

    def __init__(
        self,
        node: Node,
        kind: Any,
        topic: str,
        callback: Callable[[Any], None],
        *,
        image_qos: str = "auto",
        group: CallbackGroup | None = None,
    ) -> None:
        self._node, self._kind, self._topic, self._callback, self._group = node, kind, topic, callback, group
        self.mismatches = 0
        self.reliable = image_qos == "reliable"
        self._subscription = self._subscribe()
        self._timer: Any = None
        if image_qos == "auto":
            self._timer = node.create_timer(
                LOOK_PERIOD_S, self._look, callback_group=group, clock=Clock(clock_type=ClockType.STEADY_TIME)
            )

    @property
    def publishers(self) -> int:
        """How many publishers the topic has."""
        return int(self._node.count_publishers(self._topic))

    def close(self) -> None:
        """Unsubscribe."""
        if self._timer is not None:
            self._node.destroy_timer(self._timer)
        self._node.destroy_subscription(self._subscription)

    def _subscribe(self) -> Any:
        return self._node.create_subscription(
            self._kind,
            self._topic,
            self._callback,
            CAMERA if self.reliable else NEWEST_IMAGE,
            callback_group=self._group,
            event_callbacks=SubscriptionEventCallbacks(incompatible_qos=self._on_mismatch),
        )

    def _on_mismatch(self, event: Any) -> None:
        self.mismatches += event.total_count_change
        self._node.get_logger().error(
            f"a publisher of {self._topic} offers less than this node asks for (policy {event.last_policy_kind}); "
            "expected a compatible one: set image_qos to best_effort or auto"
        )

    def _look(self) -> None:
        offers = [info.qos_profile.reliability for info in self._node.get_publishers_info_by_topic(self._topic)]
        reliable = bool(offers) and all(offer == ReliabilityPolicy.RELIABLE for offer in offers)
        if offers and reliable != self.reliable:
            self.reliable = reliable
            self._node.destroy_subscription(self._subscription)
            self._subscription = self._subscribe()
