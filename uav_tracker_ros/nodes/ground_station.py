"""What an operator draws at a ground station (QGroundControl), as calls of the tracker's services."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.duration import Duration
from rclpy.node import Node
from std_srvs.srv import Trigger

from uav_tracker_ros.following.report import TargetMeasurement
from uav_tracker_ros.following.settings import setting
from uav_tracker_ros.geometry import Intrinsics, TargetState
from uav_tracker_ros.srv import SelectTarget
from uav_tracker_ros.vehicle.camera_tracking import PictureBox, TargetRequest, TargetStatus

STATUS_PERIOD_S = 0.1


@dataclass(frozen=True)
class GroundStationSettings:
    """What is known of the operator's screen (ROS parameters ``ground_station.*``)."""

    video_delay: float = setting(
        0.0,
        "from exposure to the ground station's screen; its operator means the image of so long ago. 0: the newest",
        unit="s",
        low=0,
        high=1.5,
    )


class GroundStation:
    """Asks the tracker without waiting for it; the answer goes to the log, the box to the ground station.

    Args:
        node: gets the clients.
        settings: of the operator's screen.
    """

    def __init__(self, node: Node, settings: GroundStationSettings) -> None:
        self._node, self._settings = node, settings
        self._logger = node.get_logger()
        group = MutuallyExclusiveCallbackGroup()
        self._select = node.create_client(SelectTarget, "select_target", callback_group=group)
        self._cancel = node.create_client(Trigger, "cancel_target", callback_group=group)
        self._due = -math.inf

    def due(self, now: float) -> bool:
        """Whether ground stations want to be told where the target is; at most ten times a second."""
        if now < self._due:
            return False
        self._due = now + STATUS_PERIOD_S
        return True

    def select(self, request: TargetRequest, intrinsics: Intrinsics | None) -> None:
        """Select, or forget the target. It only selects: engaging is another call.

        Args:
            request: in shares of the picture.
            intrinsics: of the camera, for the picture's size; None: not known, nothing is selected.
        """
        client, message = (self._cancel, Trigger.Request())
        if request.box is not None:
            if intrinsics is None:
                self._logger.warning("a ground station selects, but there is no camera_info yet; select again")
                return
            client, message = self._select, selection(request.box, intrinsics)
            if self._settings.video_delay > 0:
                seen = self._node.get_clock().now() - Duration(seconds=self._settings.video_delay)
                message.stamp = seen.to_msg()
        if not client.service_is_ready():
            self._logger.warning("a ground station selects, but no tracker answers; start it and select again")
            return
        client.call_async(message).add_done_callback(self._say)

    def _say(self, future: Any) -> None:
        answer = future.result()
        accepted = getattr(answer, "accepted", None)
        if accepted is None:
            accepted = answer.success
        words = f"the tracker on a ground station's selection: {answer.message}"
        if accepted:
            self._logger.info(words)
        else:
            self._logger.warning(words)


def selection(box: PictureBox, intrinsics: Intrinsics) -> SelectTarget.Request:
    """The tracker's call for a box in shares of the picture; without a stamp, for MAVLink tells none."""
    width, height = intrinsics.width, intrinsics.height
    return SelectTarget.Request(
        center_x=(box.left + box.right) / 2 * width,
        center_y=(box.top + box.bottom) / 2 * height,
        size_x=(box.right - box.left) * width,
        size_y=(box.bottom - box.top) * height,
    )


def target_status(target: TargetMeasurement) -> TargetStatus:
    """Where the target is, in shares of the picture; a lost one is nowhere."""
    width, height = target.image_width, target.image_height
    if target.state not in (TargetState.TRACKING, TargetState.UNCERTAIN) or not (width and height):
        return TargetStatus(None, width, height)
    left, top, right, bottom = target.box.clipped(width, height).xyxy
    return TargetStatus(PictureBox(left / width, top / height, right / width, bottom / height), width, height)
