"""Where the simulated camera is: on the stand-in autopilot, or on the vehicle that the controller sees."""

from __future__ import annotations

import math
import threading
import time
from typing import Protocol

from nav_msgs.msg import Odometry
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data

from uav_tracker_ros import frames
from uav_tracker_ros.errors import InvalidParameter
from uav_tracker_ros.flight import Quaternion, Vector3
from uav_tracker_ros.nodes.conversions import nanoseconds
from uav_tracker_ros.simulation.mavlink_server import MavlinkServer
from uav_tracker_ros.simulation.placing import placed
from uav_tracker_ros.simulation.scenario import Scenario
from uav_tracker_ros.simulation.scenario_autopilot import scenario_autopilot
from uav_tracker_ros.simulation.truth import VehicleTruth

EXTRAPOLATION_S = 0.5  # a vehicle that was not heard of for longer is drawn where it was then
# A report is 20 to 60 ms old when it is drawn, and braking turns the body by 100 deg/s: without its rates a picture
# would show another attitude than the one that the controller takes it to have. They predict it for this long.
TURN_S = 0.1


class SimulatedVehicle(Protocol):
    """Something that carries the camera."""

    def truth_at(self, monotonic_s: float) -> VehicleTruth:
        """Place and attitude at a moment of the last 2 s."""
        ...

    def placed_scenario(self) -> Scenario | None:
        """The scenario where this vehicle can see it; None: not known yet."""
        ...

    def close(self) -> None:
        """Let go of threads and sockets."""


class StandInVehicle:
    """The stand-in autopilot, flying in this process and speaking MAVLink to the gate.

    Args:
        target: ``HOST:PORT`` where the gate listens.
        scenario: says where the vehicle hovers at the start, and in which air.
        response: name of the flight model.
        seed: of gusts and noise.

    Raises:
        InvalidParameter: the target is not HOST:PORT.
        VehicleUnreachable: it cannot be sent to.
    """

    def __init__(self, target: str, scenario: Scenario, *, response: str, seed: int) -> None:
        host, colon, port = target.rpartition(":")
        if not (colon and host and port.isdigit()):
            raise InvalidParameter(
                f"simulation.autopilot_target is '{target}'; expected HOST:PORT such as 127.0.0.1:14540: correct it"
            )
        self._server = MavlinkServer(scenario_autopilot(scenario, response, seed), host, int(port))
        self._server.start()
        self.truth_at = self._server.truth_at
        self._scenario = scenario

    def placed_scenario(self) -> Scenario:
        """As it is: the vehicle was put where the scenario wants it."""
        return self._scenario

    def close(self) -> None:
        """Land nobody: the vehicle ends with the world."""
        self._server.stop()


class ReportedVehicle:
    """A vehicle flown by another simulator, as ``follow/vehicle_odometry`` reports it."""

    def __init__(self, node: Node, scenario: Scenario) -> None:
        self._node = node
        self._lock = threading.Lock()
        self._scenario = scenario
        self._newest: VehicleTruth | None = None
        self._subscription = node.create_subscription(
            Odometry, "follow/vehicle_odometry", self._on_odometry, qos_profile_sensor_data
        )

    def placed_scenario(self) -> Scenario | None:
        """The scenario before the vehicle where it is now; None before its first report."""
        with self._lock:
            newest = self._newest
        if newest is None:
            return None
        yaw = frames.euler_from_quaternion(newest.quaternion)[2]
        return placed(self._scenario, newest.position_ned[0], newest.position_ned[1], yaw)

    def truth_at(self, monotonic_s: float) -> VehicleTruth:
        """The newest report, moved and turned on with its own velocity; where the scenario starts before the first."""
        with self._lock:
            newest = self._newest
        if newest is None:
            position, yaw = self._scenario.vehicle_start
            level = frames.quaternion_from_euler(0.0, 0.0, yaw)
            return VehicleTruth(monotonic_s, position, (0.0, 0.0, 0.0), level, (0.0, 0.0, 0.0))
        age = monotonic_s - newest.stamp
        step = min(max(age, 0.0), EXTRAPOLATION_S) if age < float("inf") else 0.0
        north, east, down = (p + step * v for p, v in zip(newest.position_ned, newest.velocity_ned, strict=True))
        quaternion = turned(newest.quaternion, newest.rates_frd, min(step, TURN_S))
        return newest._replace(stamp=monotonic_s, position_ned=(north, east, down), quaternion=quaternion)

    def close(self) -> None:
        """Unsubscribe."""
        self._node.destroy_subscription(self._subscription)

    def _on_odometry(self, message: Odometry) -> None:
        age = (self._node.get_clock().now().nanoseconds - nanoseconds(message.header.stamp)) * 1e-9
        truth = truth_from_odometry(message, time.monotonic() - age)
        with self._lock:
            self._newest = truth


def turned(quaternion: Quaternion, rates_frd: Vector3, seconds: float) -> Quaternion:
    """``body_frd -> ned`` after turning for so long with constant body rates (rad/s)."""
    rate = math.hypot(*rates_frd)
    if rate == 0:
        return quaternion
    half = rate * seconds / 2
    x, y, z = (math.sin(half) * part / rate for part in rates_frd)
    return frames.quaternion_multiply(quaternion, (math.cos(half), x, y, z))


def truth_from_odometry(message: Odometry, stamp: float) -> VehicleTruth:
    """Odometry (pose in ``map``, ENU; twist in ``base_link``, FLU) in the core's frames.

    Args:
        message: as it came.
        stamp: its moment, monotonic s.
    """
    position, orientation = message.pose.pose.position, message.pose.pose.orientation
    linear, angular = message.twist.twist.linear, message.twist.twist.angular
    quaternion = frames.quaternion_frd_ned_to_flu_enu((orientation.w, orientation.x, orientation.y, orientation.z))
    velocity_frd = frames.swap_frd_flu((linear.x, linear.y, linear.z))
    north, east, down = (float(part) for part in frames.rotation_from_quaternion(quaternion) @ velocity_frd)
    return VehicleTruth(
        stamp,
        frames.swap_ned_enu((position.x, position.y, position.z)),
        (north, east, down),
        quaternion,
        frames.swap_frd_flu((angular.x, angular.y, angular.z)),
    )
