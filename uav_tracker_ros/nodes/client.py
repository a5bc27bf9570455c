"""A running follower as a Python object: what the command line and tests talk to.

with FollowerClient() as client:
    client.wait_ready(timeout=15)
    client.select(Box(300, 200, 40, 80), client.image.header.stamp, "person")
    end = client.follow(Goal(mode="follow")).result(timeout=60)
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from types import TracebackType
from typing import Any, NamedTuple

import rclpy
from builtin_interfaces.msg import Time
from rclpy.action import ActionClient
from rclpy.context import Context
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image
from std_srvs.srv import Trigger

from uav_tracker_ros.action import FollowTarget
from uav_tracker_ros.errors import UavTrackerError
from uav_tracker_ros.following.report import EndCode, FollowPhase, Goal
from uav_tracker_ros.geometry import Box
from uav_tracker_ros.msg import FollowState, TrackedTarget
from uav_tracker_ros.nodes.qos import LATCHED, NEWEST_IMAGE
from uav_tracker_ros.srv import SelectTarget

CALL_TIMEOUT_S = 10.0
TOPICS: dict[str, tuple[str, Any, Any]] = {
    "state": ("follow/state", FollowState, LATCHED),
    "target": ("target", TrackedTarget, 10),
    "image": ("image_raw", Image, NEWEST_IMAGE),
    "truth": ("simulation/true_target", TrackedTarget, qos_profile_sensor_data),
}


class Selection(NamedTuple):
    """The tracker's answer to a selection."""

    accepted: bool
    message: str
    stamp: Time  # of the image that was used
    box: Box  # px, as taken
    target_id: str


class GoalEnd(NamedTuple):
    """Why a goal ended."""

    code: EndCode
    message: str


class FollowerClient:
    """Subscribes, calls and sends goals from a thread of its own.

    ``state``, ``target``, ``image`` and ``truth`` are the newest messages, None before the first.
    Callbacks run in the client's thread and must return soon.

    Args:
        namespace: the vehicle's.
        domain_id: ROS domain; None: ``ROS_DOMAIN_ID``.
        callbacks: name (``state``, ``target``, ``image``, ``truth``) to a function of the message.
        topics: which of these are subscribed; leave ``image`` out where nobody looks.
    """

    def __init__(
        self,
        namespace: str = "",
        *,
        domain_id: int | None = None,
        callbacks: Mapping[str, Callable[[Any], None]] | None = None,
        topics: tuple[str, ...] = ("state", "target", "image", "truth"),
    ) -> None:
        self.state: FollowState | None = None
        self.target: TrackedTarget | None = None
        self.image: Image | None = None
        self.truth: TrackedTarget | None = None
        self._callbacks = dict(callbacks or {})
        self._topics = topics
        self._context = Context()
        rclpy.init(context=self._context, domain_id=domain_id)
        self.node = rclpy.create_node(
            "follower_client", namespace=namespace, context=self._context, start_parameter_services=False
        )
        for name in topics:
            topic, kind, qos = TOPICS[name]
            self.node.create_subscription(kind, topic, self._keeper(name), qos)
        self._select = self.node.create_client(SelectTarget, "select_target")
        self._stop = self.node.create_client(Trigger, "follow/stop")
        self._reset = self.node.create_client(Trigger, "follow/reset_takeover")
        self._goals = ActionClient(self.node, FollowTarget, "follow_target")
        self._goal_handle: Any = None  # both: only in the client's thread
        self._cancel_wanted = False
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)
        self._closing: Future[None] = Future()
        self._thread = threading.Thread(target=self._spin, name="follower-client", daemon=True)
        self._thread.start()

    def __enter__(self) -> FollowerClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def wait_ready(self, timeout: float, *, controller: bool = True, image: bool = True) -> None:
        """Wait until tracker and controller answer and an image has come.

        Args:
            timeout: s.
            controller: False where only a tracker runs.
            image: an image must have come (it must be subscribed).

        Raises:
            UavTrackerError: they did not in time; the message says which.
        """
        deadline = time.monotonic() + timeout
        missing: list[str] = []
        while time.monotonic() < deadline:
            missing = self._missing(controller=controller, image=image)
            if not missing:
                return
            self._wait_a_little()
        raise UavTrackerError(
            f"after {timeout:g} s there is no {', no '.join(missing)}; expected all: look into the processes' logs"
        )

    def wait_for(self, condition: Callable[[FollowerClient], bool], timeout: float) -> bool:
        """Wait until a condition on the newest messages holds; False when it did not in time (s)."""
        deadline = time.monotonic() + timeout
        while not condition(self):
            if time.monotonic() > deadline:
                return False
            self._wait_a_little()
        return True

    def select(self, box: Box, stamp: Time | None = None, target_class: str = "") -> Selection:
        """Tell the tracker what to follow.

        Args:
            box: px of the image with this stamp; size 0: a point.
            stamp: the image that the operator saw; None: the newest.
            target_class: person, car, motorcycle or empty.

        Raises:
            UavTrackerError: the tracker does not answer.
        """
        center_x, center_y = box.center
        request = SelectTarget.Request(
            stamp=stamp or Time(),
            center_x=float(center_x),
            center_y=float(center_y),
            size_x=float(box.w),
            size_y=float(box.h),
            target_class=target_class,
        )
        answer = self._call(self._select, request, "select_target")
        taken = Box.from_center(answer.center_x, answer.center_y, answer.size_x, answer.size_y)
        return Selection(answer.accepted, answer.message, answer.stamp, taken, answer.target_id)

    def follow(self, goal: Goal, on_feedback: Callable[[FollowState], None] | None = None) -> Future[GoalEnd]:
        """Send a goal; the future's result is its end.

        Args:
            goal: what to do; NaN and empty: the controller's parameters.
            on_feedback: called with each FollowState of the feedback.
        """
        end: Future[GoalEnd] = Future()
        request = FollowTarget.Goal(
            mode=goal.mode, distance=goal.distance, height=goal.height, bearing=goal.bearing, timeout=goal.timeout
        )

        def send() -> None:
            self._goal_handle, self._cancel_wanted = None, False
            self._goals.send_goal_async(request, feedback_callback=feedback).add_done_callback(accepted)

        def accepted(sent: Any) -> None:
            self._goal_handle = sent.result()
            if not self._goal_handle.accepted:
                end.set_result(GoalEnd(EndCode.REFUSED, "the controller did not take the goal"))
                return
            self._goal_handle.get_result_async().add_done_callback(ended)
            if self._cancel_wanted:
                self._goal_handle.cancel_goal_async()

        def ended(result: Any) -> None:
            answer = result.result().result
            known = answer.error_code in EndCode._value2member_map_
            end.set_result(GoalEnd(EndCode(answer.error_code) if known else EndCode.UNKNOWN, answer.message))

        if not self._goals.wait_for_server(timeout_sec=CALL_TIMEOUT_S):
            end.set_result(GoalEnd(EndCode.REFUSED, "no controller answers; start it"))
            return end
        feedback = None if on_feedback is None else (lambda message: on_feedback(message.feedback.state))
        # In the thread that spins: rclpy drops an answer that comes before it has written down the question.
        self._executor.create_task(send)
        return end

    def cancel(self) -> None:
        """Cancel the goal that was sent last, if any; also one that has not been answered yet."""
        self._executor.create_task(self._cancel)

    def _cancel(self) -> None:
        self._cancel_wanted = True
        if self._goal_handle is not None:
            self._goal_handle.cancel_goal_async()

    def stop(self) -> str:
        """Brake and hold; the controller's words.

        Raises:
            UavTrackerError: the controller does not answer.
        """
        return str(self._call(self._stop, Trigger.Request(), "follow/stop").message)

    def reset_takeover(self) -> str:
        """Allow asking again after a pilot's take-over; empty: done, else why not.

        Raises:
            UavTrackerError: the controller does not answer.
        """
        return str(self._call(self._reset, Trigger.Request(), "follow/reset_takeover").message)

    @property
    def phase(self) -> FollowPhase | None:
        """The controller's phase; None before the first state."""
        return None if self.state is None else FollowPhase(self.state.state)

    def close(self) -> None:
        """End the thread and leave ROS."""
        self._closing.set_result(None)
        self._thread.join(timeout=CALL_TIMEOUT_S)
        self._executor.shutdown(timeout_sec=0)  # only now: it destroys what the thread waits on
        self._goals.destroy()
        self.node.destroy_node()  # else others count its publishers until the lease runs out
        self._context.try_shutdown()

    def _missing(self, *, controller: bool, image: bool) -> list[str]:
        # Its first message shows that the tracker gets images: before that it has none to select on.
        silent = "target" in self._topics and image and self.target is None
        missing = [] if self._select.service_is_ready() and not silent else ["tracker"]
        if controller and not (self._goals.server_is_ready() and self.state is not None):
            missing.append("controller")
        if image and self.image is None:
            missing.append("image")
        return missing

    def _call(self, client: Any, request: Any, name: str) -> Any:
        if not client.wait_for_service(timeout_sec=CALL_TIMEOUT_S):
            raise UavTrackerError(f"service {name} is not there; expected a running node: start it")
        done = threading.Event()
        future = client.call_async(request)
        future.add_done_callback(lambda _future: done.set())
        if not done.wait(CALL_TIMEOUT_S):
            client.remove_pending_request(future)
            raise UavTrackerError(
                f"service {name} did not answer within {CALL_TIMEOUT_S:g} s; look into its node's log"
            )
        return future.result()

    def _keeper(self, name: str) -> Callable[[Any], None]:
        callback = self._callbacks.get(name)

        def keep(message: Any) -> None:
            setattr(self, name, message)
            if callback is not None:
                callback(message)

        return keep

    def _wait_a_little(self) -> None:
        time.sleep(0.02)
        if not self._thread.is_alive():
            raise UavTrackerError("the client's thread has ended; expected it to run: a callback raised, see above")

    def _spin(self) -> None:
        try:
            self._executor.spin_until_future_complete(self._closing)
        except ExternalShutdownException:
            return  # close() had waited for long enough
