"""The predicted box of an unseen target: where the estimator's own camera has it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from builtin_interfaces.msg import Time

from uav_tracker_ros.flight import Attitude, GateState, LocalPosition, Telemetry, VehicleMode
from uav_tracker_ros.following.report import FollowPhase, FollowReport
from uav_tracker_ros.following.settings import FollowSettings
from uav_tracker_ros.frames import quaternion_from_euler
from uav_tracker_ros.geometry import Intrinsics
from uav_tracker_ros.nodes.prediction import predicted_target

CAMERA = Intrinsics.from_hfov(640, 480, math.radians(70))
STAMP = Time(sec=5)


def predicted(phase=FollowPhase.COASTING, target=(0.0, 0.0, 0.0), yaw=0.0, camera=CAMERA, **changes):
    report = FollowReport(
        phase, GateState.STREAMING, "follow", VehicleMode.OFFBOARD, (), (), target_position_ned=target
    )
    telemetry = Telemetry(
        stamp=1.0,
        attitude=Attitude(1.0, quaternion_from_euler(0, 0, yaw), (0.0, 0.0, 0.0)),
        position=LocalPosition(1.0, (-10.0, 0.0, -6.0), (0.0, 0.0, 0.0), 0),
    )._replace(**changes)
    return predicted_target(report, telemetry, FollowSettings(), camera, target_class="person", stamp=STAMP)


def test_a_person_ten_metres_ahead_stands_in_the_middle():
    box = predicted()
    assert box.center_x == pytest.approx(320.0)
    # feet: 31.0 deg below the horizon, 1.0 deg below the axis of a camera that looks 30 deg down
    half_depth, focal = 0.2, CAMERA.fy
    feet = 240 + focal * math.tan(math.atan2(6.0, 10.0 - half_depth) - math.radians(30))
    assert box.center_y + box.size_y / 2 == pytest.approx(feet, abs=0.5)
    assert (box.header.stamp, box.header.frame_id, box.target_class) == (STAMP, "camera_optical", "person")
    assert np.isnan(box.confidence)


def test_a_target_on_the_right_of_a_vehicle_that_turns_left_goes_out():
    turn, pitch = math.radians(20), math.radians(30)
    depth = 10 * math.cos(turn) * math.cos(pitch) + (6.0 - 0.85) * math.sin(pitch)  # of the middle of the body
    right = 320 + CAMERA.fx * 10 * math.sin(turn) / depth
    assert predicted(yaw=-turn).center_x == pytest.approx(right, abs=3)
    assert predicted(yaw=math.radians(-60)) is None


@pytest.mark.parametrize(
    "case",
    [
        {"phase": FollowPhase.FOLLOWING},
        {"target": (math.nan, 0.0, 0.0)},
        {"target": (-30.0, 0.0, 0.0)},
        {"camera": None},
        {"attitude": None},
        {"position": None},
    ],
    ids=["seen", "never placed", "behind", "no camera", "no attitude", "no position"],
)
def test_no_box_where_none_can_be(case):
    assert predicted(**case) is None
