"""What is really so, published for whoever judges a flight; nothing that flies may subscribe."""

from __future__ import annotations

from nav_msgs.msg import Odometry
from rclpy.node import Node
from std_msgs.msg import Header

from uav_tracker_ros import frames
from uav_tracker_ros.flight import Attitude, LocalPosition, Telemetry
from uav_tracker_ros.geometry import Image, TargetState
from uav_tracker_ros.msg import TrackedTarget
from uav_tracker_ros.nodes import conversions, messages
from uav_tracker_ros.simulation.truth import FrameTruth, TargetTruth, VehicleTruth
from uav_tracker_ros.trackers.lock import LockedTarget


class TruthOutput:
    """``simulation/true_target``, ``simulation/vehicle_odometry`` and ``simulation/target_odometry``."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._boxes = node.create_publisher(TrackedTarget, "simulation/true_target", 5)
        self._vehicle = node.create_publisher(Odometry, "simulation/vehicle_odometry", 5)
        self._target = node.create_publisher(Odometry, "simulation/target_odometry", 5)

    def publish(
        self, header: Header, image: Image, frame: FrameTruth, vehicle: VehicleTruth, target: TargetTruth
    ) -> None:
        """The truth about one image; ``header`` is the image's."""
        self._boxes.publish(true_target(header, image, frame, target.target_class))
        self._vehicle.publish(vehicle_odometry(header, vehicle))
        self._target.publish(target_odometry(header, target))

    def close(self) -> None:
        """Publish no more."""
        for publisher in (self._boxes, self._vehicle, self._target):
            self._node.destroy_publisher(publisher)


def true_target(header: Header, image: Image, frame: FrameTruth, target_class: str) -> TrackedTarget:
    """The amodal box; confidence is the visible share; LOST when nothing can be seen."""
    seen = frame.visible_fraction
    state = TargetState.TRACKING if seen > 0 else TargetState.LOST
    truth = LockedTarget(frame.box, state, 1, seen, seen, float("nan"))
    return conversions.target_message(truth, header, image, latency=0.0, tracker="truth", target_class=target_class)


def vehicle_odometry(header: Header, vehicle: VehicleTruth) -> Odometry:
    """Pose in ``map`` (ENU), twist in ``base_link`` (FLU), at the image's stamp."""
    telemetry = Telemetry(
        vehicle.stamp,
        attitude=Attitude(vehicle.stamp, vehicle.quaternion, vehicle.rates_frd),
        position=LocalPosition(vehicle.stamp, vehicle.position_ned, vehicle.velocity_ned, 0),
    )
    odometry: Odometry = messages.vehicle_odometry(telemetry, stamp=header.stamp)
    return odometry


def target_odometry(header: Header, target: TargetTruth) -> Odometry:
    """The target's feet in ``map``; its child frame looks along its heading (FLU)."""
    message = Odometry(child_frame_id="target")
    message.header.stamp = header.stamp
    message.header.frame_id = messages.MAP_FRAME
    message.pose.pose.position = messages.point(frames.swap_ned_enu(target.position_ned))
    heading = frames.quaternion_from_euler(0.0, 0.0, target.heading)
    w, x, y, z = frames.quaternion_frd_ned_to_flu_enu(heading)
    orientation = message.pose.pose.orientation
    orientation.w, orientation.x, orientation.y, orientation.z = w, x, y, z
    north, east, down = (float(part) for part in frames.rotation_from_quaternion(heading).T @ target.velocity_ned)
    message.twist.twist.linear = messages.vector(frames.swap_frd_flu((north, east, down)))
    return message
