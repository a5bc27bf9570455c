"""The simulator: pictures with their truth over DDS, and poses from messages."""

from __future__ import annotations

import math
import socket

import pytest
from nav_msgs.msg import Odometry
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header
from std_srvs.srv import Trigger
from uav_tracker_ros.msg import TrackedTarget

from uav_tracker_ros import frames
from uav_tracker_ros.errors import InvalidParameter
from uav_tracker_ros.nodes import truth_output
from uav_tracker_ros.nodes.conversions import nanoseconds
from uav_tracker_ros.nodes.simulated_vehicle import ReportedVehicle, StandInVehicle, truth_from_odometry
from uav_tracker_ros.nodes.simulator_node import SimulatorNode
from uav_tracker_ros.simulation.scenarios import get
from uav_tracker_ros.simulation.truth import TargetTruth, VehicleTruth

SMALL = ("-p", "camera.width:=160", "-p", "camera.height:=120", "-p", "camera.rate_hz:=10.0")


class Audience(Node):
    """Hears everything that the simulator says."""

    def __init__(self) -> None:
        super().__init__("audience", use_global_arguments=False)
        self.heard: dict[str, list] = {}
        for topic, kind in (
            ("image_raw", Image),
            ("camera_info", CameraInfo),
            ("simulation/true_target", TrackedTarget),
            ("simulation/vehicle_odometry", Odometry),
            ("simulation/target_odometry", Odometry),
        ):
            self.heard[topic] = []
            self.create_subscription(kind, topic, self.heard[topic].append, qos_profile_sensor_data)
        self.start_client = self.create_client(Trigger, "simulation/start")
        self.odometry = self.create_publisher(Odometry, "follow/vehicle_odometry", 10)

    def newest(self, topic: str):
        return self.heard[topic][-1]


@pytest.fixture
def simulate(ros, until):
    def start(*arguments: str):
        simulator = ros(SimulatorNode, *SMALL, *arguments)
        audience = ros(Audience)
        simulator.trigger_configure()
        simulator.trigger_activate()
        until(lambda: all(audience.heard.values()), "not every topic was heard")
        return simulator, audience

    return start


@pytest.mark.dds
def test_every_picture_comes_with_its_truth(simulate):
    _, audience = simulate()
    stamps = [{nanoseconds(message.header.stamp) for message in messages} for messages in audience.heard.values()]
    assert set.intersection(*stamps)
    truth = audience.newest("simulation/true_target")
    assert (truth.state, truth.image_width, truth.target_class) == (TrackedTarget.STATE_TRACKING, 160, "person")
    assert truth.confidence == 1.0
    vehicle = audience.newest("simulation/vehicle_odometry").pose.pose.position
    target = audience.heard["simulation/target_odometry"][0].pose.pose.position
    assert math.hypot(vehicle.x - target.x, vehicle.y - target.y) == pytest.approx(10.0, abs=8)
    assert vehicle.z == pytest.approx(6.0, abs=0.5)


@pytest.mark.dds
def test_the_target_waits_for_the_start(simulate, until):
    _, audience = simulate("-p", "simulation.wait_for_start:=true")
    places = audience.heard["simulation/target_odometry"]
    until(lambda: len(places) > 5, "no odometry")
    assert len({(message.pose.pose.position.x, message.pose.pose.position.y) for message in places}) == 1
    assert places[-1].twist.twist.linear.x == 0
    future = audience.start_client.call_async(Trigger.Request())
    until(future.done, "no answer")
    assert future.result().success
    until(lambda: places[-1].twist.twist.linear.x > 1, "the target does not run")
    again = audience.start_client.call_async(Trigger.Request())
    until(again.done, "no answer")
    assert not again.result().success


@pytest.mark.dds
def test_without_a_stand_in_the_camera_is_where_the_controller_says(simulate, until):
    _, audience = simulate("-p", "simulation.scenario:=stand", "-p", "follow.distance:=15.0")
    start = audience.heard["simulation/vehicle_odometry"][0]
    message = Odometry()
    message.pose.pose.position.x, message.pose.pose.position.z = 3.0, 20.0
    message.pose.pose.orientation.w = 1.0
    message.header.stamp = audience.get_clock().now().to_msg()

    def moved() -> bool:
        audience.odometry.publish(message)
        return audience.newest("simulation/vehicle_odometry").pose.pose.position.z == pytest.approx(20.0)

    assert start.pose.pose.position.y == pytest.approx(-15.0)  # south of the target, ENU
    until(moved, "the camera does not follow the odometry")
    assert audience.newest("simulation/vehicle_odometry").pose.pose.position.x == pytest.approx(3.0)


@pytest.mark.dds
def test_as_a_process_it_speaks_mavlink_and_ends_cleanly(start_node, until):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gate:
        gate.bind(("127.0.0.1", 0))
        gate.settimeout(30)
        child = start_node(
            "simulator_node", *SMALL, "-p", f"simulation.autopilot_target:=127.0.0.1:{gate.getsockname()[1]}"
        )
        packet = gate.recv(2048)
    assert packet[0] == 0xFD  # MAVLink 2
    assert child.interrupt() == 0
    assert "Traceback" not in child.text


@pytest.mark.dds
@pytest.mark.parametrize(
    ("argument", "says"),
    [
        ("simulation.scenario:=sinusoit", "did you mean 'sinusoid'"),
        ("simulation.autopilot_target:=here", "expected HOST:PORT"),
    ],
)
def test_wrong_settings_end_with_words_and_an_exit_code(start_node, argument, says):
    child = start_node("simulator_node", "-p", argument)
    assert child.wait() == 1
    assert says in child.text
    assert "Traceback" not in child.text


@pytest.mark.parametrize("target", ["", "14540", "host:", ":14540", "host:port"])
def test_an_autopilot_target_without_host_or_port_is_refused(target):
    with pytest.raises(InvalidParameter, match="HOST:PORT"):
        StandInVehicle(target, get("stand"), response="sih", seed=0)


def test_odometry_there_and_back():
    attitude = frames.quaternion_from_euler(0.1, -0.2, 2.0)
    vehicle = VehicleTruth(5.0, (1.0, 2.0, -6.0), (3.0, -1.0, 0.5), attitude, (0.1, 0.2, 0.3))
    message = truth_output.vehicle_odometry(Header(), vehicle)
    assert (message.pose.pose.position.x, message.pose.pose.position.y) == (2.0, 1.0)  # east, north
    back = truth_from_odometry(message, 5.0)
    for field in ("position_ned", "velocity_ned", "rates_frd"):
        assert getattr(back, field) == pytest.approx(getattr(vehicle, field))
    sign = math.copysign(1.0, sum(a * b for a, b in zip(back.quaternion, attitude, strict=True)))
    assert [sign * part for part in back.quaternion] == pytest.approx(list(attitude))


def test_the_targets_odometry_looks_along_its_heading():
    east = TargetTruth(0.0, (4.0, 7.0, 0.0), (0.0, 3.0, 0.0), math.pi / 2, 1.7, 0.5, 0.4, "person")
    message = truth_output.target_odometry(Header(), east)
    assert (message.pose.pose.position.x, message.pose.pose.position.y) == (7.0, 4.0)
    assert message.twist.twist.linear.x == pytest.approx(3.0)
    assert message.twist.twist.linear.y == pytest.approx(0.0)


@pytest.mark.dds
def test_a_silent_vehicle_stays_where_it_was(ros):
    vehicle = ReportedVehicle(ros(Audience), get("stand"))
    vehicle._newest = VehicleTruth(100.0, (0.0, 0.0, -6.0), (2.0, 0.0, 0.0), (1.0, 0.0, 0.0, 0.0), (0.0, 0.0, 0.0))
    assert vehicle.truth_at(100.25).position_ned == (0.5, 0.0, -6.0)
    assert vehicle.truth_at(160.0).position_ned == (1.0, 0.0, -6.0)


@pytest.mark.dds
def test_a_reported_vehicle_is_drawn_turned_on_by_its_rates(ros):
    vehicle = ReportedVehicle(ros(Audience), get("stand"))
    pitching = frames.quaternion_from_euler(0.0, -0.2, 1.0)
    vehicle._newest = VehicleTruth(100.0, (0.0, 0.0, -6.0), (0.0, 0.0, 0.0), pitching, (0.0, 1.5, 0.0))
    drawn = frames.euler_from_quaternion(vehicle.truth_at(100.04).quaternion)
    assert drawn == pytest.approx((0.0, -0.14, 1.0))
    late = frames.euler_from_quaternion(vehicle.truth_at(101.0).quaternion)
    assert late == pytest.approx((0.0, -0.05, 1.0))  # rates of long ago turn nothing for long
