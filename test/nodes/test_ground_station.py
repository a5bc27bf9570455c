"""What a ground station draws becomes the tracker's calls, and the target its picture's shares."""

from __future__ import annotations

import pytest

from uav_tracker_ros.following.report import TargetMeasurement
from uav_tracker_ros.geometry import Box, Intrinsics, TargetState
from uav_tracker_ros.nodes.ground_station import selection, target_status
from uav_tracker_ros.vehicle.camera_tracking import PictureBox

CAMERA = Intrinsics.from_hfov(640, 480, 1.2217)
BOX = Box(160, 120, 64, 48)


@pytest.mark.parametrize(
    ("drawn", "center", "size"),
    [
        (PictureBox(0.25, 0.5, 0.375, 0.75), (200.0, 300.0), (80.0, 120.0)),
        (PictureBox(0.5, 0.25, 0.5, 0.25), (320.0, 120.0), (0.0, 0.0)),
    ],
    ids=["rectangle", "point"],
)
def test_shares_become_pixels_of_the_newest_image(drawn, center, size):
    request = selection(drawn, CAMERA)
    assert (request.center_x, request.center_y) == pytest.approx(center)
    assert (request.size_x, request.size_y) == pytest.approx(size)
    assert (request.stamp.sec, request.stamp.nanosec) == (0, 0)


def measured(state: TargetState, box: Box = BOX) -> TargetMeasurement:
    return TargetMeasurement(1.0, "camera_optical", state, 1, box, 0.9, 0.9, 640, 480)


@pytest.mark.parametrize("state", [TargetState.TRACKING, TargetState.UNCERTAIN])
def test_a_target_in_view_is_shown(state):
    status = target_status(measured(state))
    assert status.box == pytest.approx((0.25, 0.25, 0.35, 0.35))
    assert (status.width, status.height) == (640, 480)


@pytest.mark.parametrize("state", [TargetState.LOST, TargetState.NONE])
def test_a_target_out_of_view_is_not(state):
    assert target_status(measured(state)).box is None


def test_a_box_over_the_edge_ends_at_it():
    assert target_status(measured(TargetState.TRACKING, Box(600, 400, 100, 100))).box[2:] == (1.0, 1.0)
