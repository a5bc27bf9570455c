"""The controller's messages: signs, frames, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from uav_tracker_ros.action import FollowTarget
from uav_tracker_ros.msg import TrackedTarget

from uav_tracker_ros import frames
from uav_tracker_ros.errors import InvalidBox
from uav_tracker_ros.flight import Attitude, GateState, LocalPosition, Setpoint, Telemetry, VehicleMode
from uav_tracker_ros.following.report import FollowPhase, FollowReport, Limit
from uav_tracker_ros.following.settings import FollowSettings
from uav_tracker_ros.geometry import Box, Intrinsics, TargetState
from uav_tracker_ros.nodes import messages
from uav_tracker_ros.nodes.markers import ellipse, ground_footprint, marker_array
from uav_tracker_ros.nodes.transforms import camera_mount

STAMP = Time(sec=100, nanosec=500_000_000)
NORTH_EAST_DOWN = (1.0, 2.0, -3.0)


def tracked(**changes) -> TrackedTarget:
    message = TrackedTarget(state=1, lock=3, center_x=320.0, center_y=240.0, size_x=40.0, size_y=80.0)
    message.confidence, message.similarity = 0.9, math.nan
    message.image_width, message.image_height = 640, 480
    message.header.frame_id, message.header.stamp = "camera_optical", STAMP
    for name, value in changes.items():
        setattr(message, name, value)
    return message


def measured(message, stamp=10.0, now=10.1, frame_id="camera_optical"):
    return messages.measurement(message, stamp=stamp, now=now, frame_id=frame_id)


def test_a_target_becomes_a_measurement():
    result = measured(tracked(target_class="person"))
    assert result.box == Box(300.0, 200.0, 40.0, 80.0)
    assert (result.stamp, result.state, result.lock, result.target_class) == (10.0, TargetState.TRACKING, 3, "person")
    assert math.isnan(result.similarity)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"center_x": math.nan}, "expected numbers"),
        ({"size_y": math.inf}, "expected numbers"),
        ({"confidence": math.nan}, "expected numbers"),
        ({"size_x": -1.0}, "expected more"),
        ({"size_x": 0.0}, "expected more"),
        ({"image_width": 0}, "expected more"),
        ({"state": 9}, "expected 0 to 3"),
    ],
)
def test_senseless_targets_are_refused(changes, words):
    with pytest.raises(InvalidBox, match=words):
        measured(tracked(**changes))


def test_a_lost_target_needs_no_box():
    assert measured(tracked(state=3, size_x=0.0)).state is TargetState.LOST


def test_stamps_and_frames_are_checked():
    with pytest.raises(InvalidBox, match="future"):
        measured(tracked(), stamp=10.2, now=10.1)
    with pytest.raises(InvalidBox, match="frame 'camera_optical'; expected 'other'"):
        measured(tracked(), frame_id="other")
    message = tracked()
    message.header.stamp = Time()
    with pytest.raises(InvalidBox, match="without a stamp"):
        measured(message)


def test_zero_in_a_goal_means_the_parameter():
    goal = messages.goal(FollowTarget.Goal(mode="follow", distance=0.0, height=8.0, bearing=math.nan))
    assert math.isnan(goal.distance)
    assert (goal.mode, goal.height, goal.timeout) == ("follow", 8.0, 0.0)


def test_the_setpoint_is_shown_in_enu():
    setpoint = Setpoint(NORTH_EAST_DOWN, 0.0, 0.0, 1)
    twist = messages.command_velocity(setpoint, yaw_rate_ned=0.5, stamp=STAMP).twist
    assert (twist.linear.x, twist.linear.y, twist.linear.z) == (2.0, 1.0, 3.0)
    assert twist.angular.z == -0.5  # clockwise from above is negative in ENU


def test_a_vehicle_that_flies_east_with_its_nose_east_goes_forward():
    heading_east = frames.quaternion_from_euler(0.0, 0.0, math.pi / 2)
    telemetry = Telemetry(
        stamp=1.0,
        attitude=Attitude(1.0, heading_east, (0.0, 0.0, 0.2)),
        position=LocalPosition(1.0, NORTH_EAST_DOWN, (0.0, 4.0, 0.0), 0),
    )
    odometry = messages.vehicle_odometry(telemetry, stamp=STAMP)
    position, linear = odometry.pose.pose.position, odometry.twist.twist.linear
    assert (position.x, position.y, position.z) == (2.0, 1.0, 3.0)
    assert (linear.x, linear.y, linear.z) == pytest.approx((4.0, 0.0, 0.0), abs=1e-9)
    assert odometry.twist.twist.angular.z == pytest.approx(-0.2)
    turned = odometry.pose.pose.orientation
    assert abs(turned.w) == pytest.approx(1.0)  # east is x in ENU: no turn


def test_no_odometry_before_the_pose_is_known():
    assert messages.vehicle_odometry(Telemetry(stamp=1.0), stamp=STAMP) is None


def report(**changes) -> FollowReport:
    made = FollowReport(FollowPhase.FOLLOWING, GateState.STREAMING, "follow", VehicleMode.OFFBOARD, ("A: b",), ())
    return made._replace(**changes)


def test_the_state_message_carries_numbers_and_names():
    message = messages.follow_state(
        report(limits=Limit.SPEED | Limit.FOV, error_ned=NORTH_EAST_DOWN), stamp=STAMP, parameters_sha256="ab"
    )
    assert (message.state, message.gate_state, message.limits) == (message.FOLLOWING, message.GATE_STREAMING, 17)
    assert (message.vehicle_mode, list(message.blockers)) == ("OFFBOARD", ["A: b"])
    assert (message.error_ned.x, message.error_ned.z) == (1.0, -3.0)
    assert math.isnan(message.distance)


def test_covariance_changes_order_with_the_axes():
    odometry = messages.target_odometry(
        report(
            target_position_ned=NORTH_EAST_DOWN, target_velocity_ned=(0.5, 0.0, 0.0), covariance_ne=(4.0, 1.0, 1.0, 9.0)
        ),
        stamp=STAMP,
    )
    assert [odometry.pose.covariance[i] for i in (0, 1, 6, 7)] == [9.0, 1.0, 1.0, 4.0]
    assert odometry.twist.twist.linear.y == 0.5


def test_ellipse_of_a_covariance():
    major, minor, angle = ellipse((1.0, 0.0, 0.0, 9.0))
    assert (major, minor) == pytest.approx((6.0, 2.0))
    assert abs(angle) == pytest.approx(math.pi / 2)


def test_footprint_of_a_camera_that_looks_straight_down():
    settings = FollowSettings(camera_pitch_deg=-90.0)
    camera = Intrinsics(200, 100, 100.0, 100.0, 100.0, 50.0)
    corners = ground_footprint((0.0, 0.0, -10.0), np.eye(3), settings, camera)
    assert corners[0] == pytest.approx((5.0, -10.0, 0.0), abs=1e-9)  # top left: ahead, left, on the ground
    assert corners[2] == pytest.approx((-5.0, 10.0, 0.0), abs=1e-9)


def test_markers_without_knowledge_are_left_out():
    camera = Intrinsics.from_hfov(640, 480, 1.2)
    none = marker_array(report(), Telemetry(stamp=0.0), FollowSettings(), camera, STAMP)
    assert [marker.id for marker in none.markers] == [0]
    telemetry = Telemetry(
        stamp=1.0,
        attitude=Attitude(1.0, (1.0, 0.0, 0.0, 0.0), (0.0, 0.0, 0.0)),
        position=LocalPosition(1.0, (0.0, 0.0, -6.0), (0.0, 0.0, 0.0), 0),
    )
    known = report(target_position_ned=(10.0, 0.0, 0.0), error_ned=(1.0, 0.0, 0.0), covariance_ne=(1.0, 0.0, 0.0, 1.0))
    full = marker_array(known, telemetry, FollowSettings(), camera, STAMP)
    assert [marker.id for marker in full.markers] == [0, 1, 2, 3, 4, 5, 6]


def test_the_second_fence_is_drawn_closed():
    settings = FollowSettings(fence_polygon="0,0 30,0 30,20 0,20")
    shown = marker_array(report(), Telemetry(stamp=0.0), settings, None, STAMP)
    corners = [(corner.x, corner.y) for corner in shown.markers[1].points]
    assert corners[0] == corners[-1]
    assert set(corners) == {(0.0, 0.0), (0.0, 30.0), (20.0, 30.0), (20.0, 0.0)}


def test_a_moving_vehicle_shows_its_stopping_arc_and_a_moving_target_its_coast():
    position = LocalPosition(1.0, (0.0, 0.0, -6.0), (0.0, 5.0, 0.0), 0)  # flies east
    known = report(target_position_ned=(10.0, 0.0, 0.0), target_velocity_ned=(2.0, 0.0, 0.0))
    shown = marker_array(known, Telemetry(stamp=1.0, position=position), FollowSettings(), None, STAMP)
    by_id = {marker.id: marker for marker in shown.markers}
    coast, arc = by_id[7].points, by_id[8].points
    assert (coast[1].y - coast[0].y, coast[1].x) == pytest.approx((2.0 * 2.0, 0.0))  # 1 s full, 2 s fading, north is y
    ahead = arc[len(arc) // 2]
    assert (ahead.x, ahead.y, ahead.z) == pytest.approx((25 / 5 + 2.5, 0.0, 6.0))


def test_the_camera_mount_looks_forward_and_down():
    rotation = camera_mount(FollowSettings(camera_pitch_deg=-30.0)).transform.rotation
    forward, _left, up = frames.rotation_from_quaternion((rotation.w, rotation.x, rotation.y, rotation.z)) @ [
        0.0,
        0.0,
        1.0,
    ]
    assert (forward, up) == pytest.approx((math.cos(math.pi / 6), -0.5))
