"""Listens to a running follower's topics and keeps what a report and a video need."""

from __future__ import annotations

import math
import time
from collections import deque
from typing import Any

from geometry_msgs.msg import TwistStamped
from nav_msgs.msg import Odometry

from uav_tracker_ros.cli.flight_log import (
    BoxSample,
    FlightLog,
    PoseSample,
    SetpointSample,
    StateSample,
    TruthSample,
)
from uav_tracker_ros.cli.follow_video import Caption, FollowVideo
from uav_tracker_ros.cli.live_status import Status
from uav_tracker_ros.errors import InvalidImage
from uav_tracker_ros.following.report import FollowPhase, Limit
from uav_tracker_ros.frames import euler_from_quaternion, quaternion_frd_ned_to_flu_enu, swap_ned_enu, wrap_angle
from uav_tracker_ros.geometry import Box, TargetState
from uav_tracker_ros.nodes.client import FollowerClient
from uav_tracker_ros.nodes.conversions import image_from_message
from uav_tracker_ros.nodes.messages import seconds

RATE_WINDOW = 60  # boxes; 2 s at 30 Hz
SILENCE_S = 1.0  # without a box there is no rate


class FlightRecorder:
    """Callbacks for a :class:`FollowerClient`; they run in the client's thread.

    Args:
        video: gets every image with what was said of it; None: none is made.
    """

    def __init__(self, video: FollowVideo | None) -> None:
        self.log = FlightLog()
        self.first_box_at = math.nan  # monotonic s, when the tracker first said TRACKING
        self._video = video
        self._arrivals: deque[float] = deque(maxlen=RATE_WINDOW)
        self._state: Any = None
        self._newest_box: BoxSample | None = None
        self._yaw_setpoint = 0.0
        self.filming = False  # whether images go into the video

    @property
    def callbacks(self) -> dict[str, Any]:
        """For ``FollowerClient(callbacks=...)``."""
        return {"image": self._on_image, "target": self._on_target, "truth": self._on_truth, "state": self._on_state}

    def listen(self, client: FollowerClient, *, simulated: bool) -> None:
        """Subscribe to what the client does not offer itself."""
        client.node.create_subscription(TwistStamped, "follow/cmd_vel", self._on_velocity, 50)
        names = ("simulation/vehicle_odometry" if simulated else "follow/vehicle_odometry", "vehicle")
        for topic, kept in (names, ("simulation/target_odometry", "target")):
            samples: list[PoseSample] = getattr(self.log, kept)
            client.node.create_subscription(
                Odometry, topic, lambda message, into=samples: into.append(_pose(message)), 50
            )

    def status(self, seconds_asked: float) -> Status:
        """The newest of everything."""
        state, box = self._state, self._newest_box
        return Status(
            elapsed=max(0.0, time.time() - self.log.start) if self.log.start > self.log.engaged else 0.0,
            seconds=seconds_asked,
            phase=FollowPhase(state.state).name if state else "WAITING",
            vehicle_mode=state.vehicle_mode if state else "-",
            distance=state.distance if state else math.nan,
            wanted_distance=state.wanted_distance if state else math.nan,
            confidence=box.confidence if box else math.nan,
            latency=box.latency if box else math.nan,
            rate=self._rate(),
            notes=tuple(dict.fromkeys((*state.blockers, *state.warnings)))[:3] if state else (),
        )

    def _rate(self) -> float:
        arrivals = list(self._arrivals)
        if len(arrivals) < 2 or time.monotonic() - arrivals[-1] > SILENCE_S:
            return math.nan
        return (len(arrivals) - 1) / max(1e-3, arrivals[-1] - arrivals[0])

    def _on_image(self, message: Any) -> None:
        if self._video is None or not self.filming:
            return
        try:
            image = image_from_message(message)
        except InvalidImage:
            return  # the tracker reports it; a video can do without
        self._video.add_image(seconds(message.header.stamp), image, self._caption())

    def _on_target(self, message: Any) -> None:
        stamp, state = seconds(message.header.stamp), TargetState(message.state)
        self._arrivals.append(time.monotonic())
        if state is TargetState.NONE:
            self._newest_box = None
            return
        if state is TargetState.TRACKING and math.isnan(self.first_box_at):
            self.first_box_at = time.monotonic()
        box = Box.from_center(message.center_x, message.center_y, message.size_x, message.size_y)
        self._newest_box = BoxSample(stamp, box, state, message.confidence, message.lock, message.latency)
        self.log.boxes.append(self._newest_box)
        if self._video is not None:
            self._video.add_box(stamp, box, state, message.confidence)

    def _on_truth(self, message: Any) -> None:
        stamp = seconds(message.header.stamp)
        box = Box.from_center(message.center_x, message.center_y, message.size_x, message.size_y)
        self.log.truths.append(TruthSample(stamp, box, message.confidence, message.image_width, message.image_height))
        if self._video is not None:
            self._video.add_true_box(stamp, box)

    def _on_state(self, message: Any) -> None:
        self._state = message
        self.log.states.append(
            StateSample(
                seconds(message.header.stamp),
                FollowPhase(message.state).name,
                message.vehicle_mode,
                message.gate_state,
                message.distance,
                message.wanted_distance,
                message.yaw_ned,
                message.limits,
                message.parameters_sha256,
            )
        )

    def _on_velocity(self, message: Any) -> None:
        stamp, linear = seconds(message.header.stamp), message.twist.linear
        velocity = swap_ned_enu((linear.x, linear.y, linear.z))
        if self.log.setpoints:  # the message carries the slew of the angle: add it up
            self._yaw_setpoint -= message.twist.angular.z * (stamp - self.log.setpoints[-1].stamp)
        self.log.setpoints.append(SetpointSample(stamp, velocity, self._yaw_setpoint))

    def _caption(self) -> Caption:
        status = self.status(0.0)
        if self._state is None:
            return Caption(status.phase, ())
        lines = [
            f"{status.elapsed:.1f} s" if status.elapsed else "",
            f"distance {status.distance:.1f} / {status.wanted_distance:.0f} m",
            f"latency {status.latency * 1000:.0f} ms",
        ]
        velocity = self._state.velocity_ned
        if status.phase in ("ENGAGING", "FOLLOWING", "COASTING", "SEARCHING"):
            lines.append(f"speed {math.hypot(velocity.x, velocity.y):.1f} m/s")
        if limits := [limit.name.lower() for limit in Limit if limit & self._state.limits and limit.name]:
            lines.append(f"limits {' '.join(limits)}")
        if self._state.blockers and status.phase in ("IDLE", "HOLD", "TAKEOVER"):
            lines.append(self._state.blockers[0].partition(":")[0])
        return Caption(status.phase, tuple(line for line in lines if line and "nan" not in line))


def _pose(message: Any) -> PoseSample:
    """ENU, FLU odometry as NED."""
    pose = message.pose.pose
    position = swap_ned_enu((pose.position.x, pose.position.y, pose.position.z))
    rotation = (pose.orientation.w, pose.orientation.x, pose.orientation.y, pose.orientation.z)
    yaw = euler_from_quaternion(quaternion_frd_ned_to_flu_enu(rotation))[2]
    return PoseSample(seconds(message.header.stamp), position, wrap_angle(yaw))
