"""The tracker: images and a selection in, one TrackedTarget an image out.

A thin shell around ``trackers.lock.TargetLock``, which runs in a worker thread: nothing here ever
waits for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import CancelledError
from concurrent.futures import TimeoutError as AnswerTimeout

import cv2
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CompressedImage
from sensor_msgs.msg import Image as ImageMessage
from std_srvs.srv import Trigger

from uav_tracker_ros.errors import InvalidImage, NotInitialized, UavTrackerError
from uav_tracker_ros.geometry import Box, TargetState
from uav_tracker_ros.msg import TrackedTarget
from uav_tracker_ros.nodes import conversions
from uav_tracker_ros.nodes.detections import DetectionPublisher
from uav_tracker_ros.nodes.diagnostics import Diagnostics, Health, Percentiles, RateMeter
from uav_tracker_ros.nodes.image_settings import ImageSettings
from uav_tracker_ros.nodes.node_main import finish, reporting, run, until_shutdown
from uav_tracker_ros.nodes.parameters import declare
from uav_tracker_ros.nodes.qos import ImageSubscription
from uav_tracker_ros.nodes.recent_images import StampedImage
from uav_tracker_ros.nodes.target_overlay import TargetOverlay
from uav_tracker_ros.nodes.tracker_settings import TrackerSettings
from uav_tracker_ros.nodes.tracking_worker import Selected, Selection, TrackingWorker
from uav_tracker_ros.srv import SelectTarget
from uav_tracker_ros.trackers.lock import LockedTarget, TargetLock

SELECT_TIMEOUT_S = 4.0
SILENCE_S = 2.0  # without an image for so long: say why
THREADS = 3  # images, services, lifecycle


class TrackerNode(LifecycleNode):
    """Inactive it holds the loaded tracker; active it tracks."""

    def __init__(self) -> None:
        super().__init__("tracker")
        self.settings = declare(self, "tracker", TrackerSettings)
        self._images = declare(self, "", ImageSettings)
        self._subscription: ImageSubscription | None = None
        self._targets_out, self._images_in, self._latency = RateMeter(), RateMeter(), Percentiles()
        self._unreadable = 0
        self._newest = TrackedTarget()

    @reporting
    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load the tracker, make publishers and services."""
        settings = self.settings
        tracker = settings.create()
        self._model = settings.model()
        self._worker = TrackingWorker(
            TargetLock(tracker), self._on_target, lambda _error: finish(self, 1), point_size=settings.point_size
        )
        self.get_logger().info(f"tracker {settings.name}: {self._model}")
        self._targets = self.create_publisher(TrackedTarget, "target", QoSProfile(depth=5))
        self._detections = DetectionPublisher(self)
        self._diagnostics = Diagnostics(self, self._health)
        calls = MutuallyExclusiveCallbackGroup()
        self._overlay = TargetOverlay(self, self._on_click, listening=MutuallyExclusiveCallbackGroup(), calls=calls)
        self._calls = (
            self.create_service(SelectTarget, "select_target", self._on_select, callback_group=calls),
            self.create_service(Trigger, "cancel_target", self._on_cancel, callback_group=calls),
        )
        return super().on_configure(state)

    @reporting
    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Subscribe and start the worker."""
        self._worker.start()
        compressed = self._images.image_transport == "compressed"
        self._subscription = ImageSubscription(
            self,
            CompressedImage if compressed else ImageMessage,
            "image_raw/compressed" if compressed else "image_raw",
            self._on_image,
            image_qos=self._images.image_qos,
            group=MutuallyExclusiveCallbackGroup(),
        )
        return super().on_activate(state)

    @reporting
    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop tracking; the target is forgotten."""
        self._stop()
        return super().on_deactivate(state)

    @reporting
    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Let go of the tracker and of everything that was made for it."""
        self._diagnostics.close()
        self._detections.close()
        self._overlay.close()
        for service in self._calls:
            self.destroy_service(service)
        self.destroy_publisher(self._targets)
        del self._worker
        return super().on_cleanup(state)

    def destroy_node(self) -> None:
        """Stop the worker, then the node."""
        self._stop()
        super().destroy_node()

    def _stop(self) -> None:
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            subscription.close()
            self._worker.stop()

    def _on_image(self, message: ImageMessage | CompressedImage) -> None:
        self._images_in.count()
        try:
            image = (
                conversions.image_from_message(message)
                if isinstance(message, ImageMessage)
                else conversions.image_from_compressed(message)
            )
        except InvalidImage as error:
            self._unreadable += 1
            self.get_logger().warning(f"dropped: {error}", throttle_duration_sec=2.0)
            return
        self._worker.put(StampedImage(conversions.nanoseconds(message.header.stamp), message.header, image))

    def _on_target(self, frame: StampedImage, target: LockedTarget, target_class: str) -> None:
        """In the worker's thread."""
        with until_shutdown(self):
            self._publish(frame, target, target_class)

    def _publish(self, frame: StampedImage, target: LockedTarget, target_class: str) -> None:
        latency = (self.get_clock().now().nanoseconds - frame.stamp) * 1e-9
        message = conversions.target_message(
            target, frame.header, frame.image, latency=latency, tracker=self.settings.name, target_class=target_class
        )
        self._targets.publish(message)
        self._newest = message
        self._targets_out.count()
        self._latency.add(latency)
        self._detections.publish(message)
        if self._overlay.wanted:
            self._overlay.publish(frame, target, latency)

    def _on_select(self, request: SelectTarget.Request, response: SelectTarget.Response) -> SelectTarget.Response:
        box = Box.from_center(request.center_x, request.center_y, request.size_x, request.size_y)
        selection = Selection(conversions.nanoseconds(request.stamp), box, request.target_class)
        try:
            taken = self._ask(selection)
        except (UavTrackerError, cv2.error) as error:
            response.message = str(error)
            return response
        if taken is not None:
            response.accepted, response.message = True, "selected"
            response.stamp = conversions.stamp_from_nanoseconds(taken.stamp)
            response.center_x, response.center_y = taken.box.center
            response.size_x, response.size_y = taken.box.w, taken.box.h
            response.target_id = f"{taken.lock}"
        return response

    def _on_click(self, selection: Selection) -> None:
        try:
            self._ask(selection)
        except (UavTrackerError, cv2.error) as error:
            self.get_logger().warning(f"the click selected nothing: {error}")

    def _on_cancel(self, _request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        try:
            self._ask(None)
            response.success, response.message = True, "no target"
        except UavTrackerError as error:
            response.message = str(error)
        return response

    def _ask(self, selection: Selection | None) -> Selected | None:
        if not self._worker.running:
            raise NotInitialized("the tracker is not active; expected an active node: activate it first")
        try:
            return self._worker.select(selection, SELECT_TIMEOUT_S)
        except (AnswerTimeout, CancelledError) as error:
            raise NotInitialized(
                f"the tracker did not answer within {SELECT_TIMEOUT_S:g} s; look into its log, select again"
            ) from error

    def _health(self) -> Health:
        worker, subscription = self._worker, self._subscription
        if subscription is None:
            return Health("inactive")
        problem, is_error = worker.problem, False
        if subscription.mismatches and self._images_in.silence > SILENCE_S:
            problem, is_error = "image_qos does not match the camera's: no image arrives", True
        elif self._images_in.silence > SILENCE_S:
            problem = f"no image for {SILENCE_S:g} s from {subscription.publishers} publishers of image_raw"
        values = {
            "fps in": self._images_in.rate,
            "fps out": self._targets_out.rate,
            "latency p50 ms": self._latency.at(0.5) * 1e3,
            "latency p95 ms": self._latency.at(0.95) * 1e3,
            "dropped: tracker busy": worker.overwritten,
            "dropped: not newer": worker.out_of_order,
            "dropped: picture repeated": worker.frozen,
            "dropped: unreadable": self._unreadable,
            "state": TargetState(self._newest.state).name,
            "confidence": self._newest.confidence,
            "lock": self._newest.lock,
            "reliable": subscription.reliable,
            "qos mismatches": subscription.mismatches,
            "tracker": self.settings.chosen,
            "model": self._model,
        }
        return Health(problem, is_error, values)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the node."""
    return run(TrackerNode, argv, threads=THREADS)


if __name__ == "__main__":
    raise SystemExit(main())
