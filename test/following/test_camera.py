import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uav_tracker_ros.errors import InvalidParameter
from uav_tracker_ros.following.camera import Camera, geometry_problem
from uav_tracker_ros.frames import quaternion_from_euler
from uav_tracker_ros.geometry import Box, Intrinsics

INTRINSICS = Intrinsics.from_hfov(640, 480, math.radians(70))
CAMERA = Camera(INTRINSICS, math.radians(-30))
LEVEL = quaternion_from_euler(0, 0, 0)
AT_6M = np.array([0.0, 0.0, -6.0])


def hull(pose, feet, height=1.7, half_depth=0.2):
    return CAMERA.hulls(pose, np.array([feet], float), 0.0, np.array([height]), half_depth)[0]


def test_nose_north_target_right_of_image_is_east():
    pose = CAMERA.pose(AT_6M, LEVEL)
    assert CAMERA.ray_ned(pose, 500, 240)[1] > 0.2
    left, _, right, _ = hull(pose, (10, 3))
    assert (left + right) / 2 > 400


def test_nose_up_lowers_the_target_in_the_image():
    level, up = CAMERA.pose(AT_6M, LEVEL), CAMERA.pose(AT_6M, quaternion_from_euler(0, math.radians(10), 0))
    assert hull(up, (10, 0))[3] > hull(level, (10, 0))[3] + 50


def test_optical_axis_meets_the_ground_where_trigonometry_says():
    ray = CAMERA.ray_ned(CAMERA.pose(AT_6M, LEVEL), 320, 240)
    assert ray[0] / ray[2] * 6 == pytest.approx(6 / math.tan(math.radians(30)))


def test_lever_arm_turns_with_the_body():
    camera = Camera(INTRINSICS, 0.0, (0.1, 0.0, 0.0))
    assert camera.pose(AT_6M, quaternion_from_euler(0, 0, math.pi / 2)).position_ned == pytest.approx([0, 0.1, -6])


@settings(max_examples=100, deadline=None)
@given(st.floats(-0.3, 0.3), st.floats(-0.3, 0.3), st.floats(-3, 3), st.floats(6, 25), st.floats(-3, 3))
def test_rays_through_a_projected_point_lead_back(roll, pitch, yaw, ahead, aside):
    pose = CAMERA.pose(AT_6M, quaternion_from_euler(roll, pitch, yaw))
    feet = np.array([ahead * math.cos(yaw) - aside * math.sin(yaw), ahead * math.sin(yaw) + aside * math.cos(yaw)])
    left, _, right, bottom = hull(pose, feet, height=1e-6, half_depth=1e-6)
    ray = CAMERA.ray_ned(pose, (left + right) / 2, bottom)
    assert ray[:2] / ray[2] * 6 == pytest.approx(feet, abs=1e-3)


def test_a_bent_lens_is_straightened():
    import cv2

    bent = INTRINSICS._replace(distortion=(-0.25, 0.08, 0.0, 0.0, 0.0))
    matrix = np.array([[bent.fx, 0, bent.cx], [0, bent.fy, bent.cy], [0, 0, 1]])
    ideal = np.array([[150.0, 120.0, 1.0]])
    rays = (np.linalg.inv(matrix) @ ideal.T).T
    (seen,), _ = cv2.projectPoints(rays, np.zeros(3), np.zeros(3), matrix, np.array(bent.distortion))
    box = Box.from_center(*seen[0], 1e-6, 1e-6)
    edges = Camera(bent, 0.0).ideal_edges(box)
    assert edges == pytest.approx([150, 120, 150, 120], abs=0.05)
    assert abs(seen[0][0] - 150) > 3


@pytest.mark.parametrize("focal", [0.0, -1.0, math.nan, math.inf])
def test_a_camera_without_focal_length_is_refused(focal):
    with pytest.raises(InvalidParameter, match="calibrate"):
        Camera(INTRINSICS._replace(fx=focal), 0.0)


@pytest.mark.parametrize(
    ("distance", "height", "fine"),
    [(10, 6, True), (4, 15, False), (60, 6, False)],  # default; too steep; too flat for a -30 deg mount
)
def test_geometry_that_cannot_hold_the_target_in_view(distance, height, fine):
    problem = geometry_problem(CAMERA, distance, height, "person")
    assert (problem == "") is fine
    assert fine or "camera_pitch_deg" in problem


def test_margins_of_the_default_geometry():
    feet, head = math.atan2(6, 10), math.atan2(4.3, 10)
    up, down = (math.degrees(margin) for margin in CAMERA.tilt_margins(feet, head))
    assert up == pytest.approx(22.7, abs=0.2)
    assert down == pytest.approx(16.9, abs=0.3)


def test_depressions_are_the_margins_turned_round():
    least, most = CAMERA.least_depression(math.radians(12)), CAMERA.most_depression(math.radians(9))
    up, down = CAMERA.tilt_margins(most, least)
    assert (math.degrees(up), math.degrees(down)) == pytest.approx((9.0, 12.0))
