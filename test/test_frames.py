import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uav_tracker_ros import frames

angles = st.floats(-math.pi, math.pi)
vectors = st.tuples(*[st.floats(-1e3, 1e3)] * 3)


@pytest.mark.parametrize(
    ("ned", "enu"),
    [
        ((1, 0, 0), (0, 1, 0)),  # north
        ((0, 1, 0), (1, 0, 0)),  # east
        ((0, 0, 1), (0, 0, -1)),  # down
    ],
)
def test_axes_of_ned_in_enu(ned, enu):
    assert frames.swap_ned_enu(ned) == enu


@given(vectors)
def test_swaps_are_their_own_inverse(vector):
    assert frames.swap_ned_enu(frames.swap_ned_enu(vector)) == vector
    assert frames.swap_frd_flu(frames.swap_frd_flu(vector)) == vector


@pytest.mark.parametrize(("ned_deg", "enu_deg"), [(0, 90), (90, 0), (180, -90), (-90, -180)])
def test_yaw_on_the_ros_side(ned_deg, enu_deg):
    assert math.degrees(frames.yaw_ned_to_enu(math.radians(ned_deg))) == pytest.approx(enu_deg)


@settings(max_examples=300)
@given(angles, st.floats(-1.5, 1.5), angles)
def test_quaternion_round_trips(roll, pitch, yaw):
    q = frames.quaternion_from_euler(roll, pitch, yaw)
    matrix = frames.rotation_from_quaternion(q)
    assert matrix @ matrix.T == pytest.approx(np.eye(3), abs=1e-9)
    back = frames.rotation_from_quaternion(frames.quaternion_from_euler(*frames.euler_from_quaternion(q)))
    assert back == pytest.approx(matrix, abs=1e-6)
    twice = frames.quaternion_frd_ned_to_flu_enu(frames.quaternion_frd_ned_to_flu_enu(q))
    assert frames.rotation_from_quaternion(twice) == pytest.approx(matrix, abs=1e-9)


@settings(max_examples=300)
@given(angles, st.floats(-1.5, 1.5), angles, vectors)
def test_attitude_turns_vectors_alike_on_both_sides(roll, pitch, yaw, vector_frd):
    q = frames.quaternion_from_euler(roll, pitch, yaw)
    ned = frames.rotation_from_quaternion(q) @ np.array(vector_frd)
    ros = frames.rotation_from_quaternion(frames.quaternion_frd_ned_to_flu_enu(q))
    enu = ros @ np.array(frames.swap_frd_flu(vector_frd))
    assert enu == pytest.approx(np.array(frames.swap_ned_enu(tuple(ned))), abs=1e-6)


def test_camera_axes_on_a_level_mount():
    level = frames.rotation_optical_to_frd(0.0)
    assert level @ [0, 0, 1] == pytest.approx([1, 0, 0])  # the optical axis points forward
    assert level @ [1, 0, 0] == pytest.approx([0, 1, 0])  # image right is the body's right
    assert level @ [0, 1, 0] == pytest.approx([0, 0, 1])  # image down is the body's down


def test_mount_that_looks_down_has_its_axis_below_the_horizon():
    axis = frames.rotation_optical_to_frd(math.radians(-30)) @ [0, 0, 1]
    assert axis == pytest.approx([math.cos(math.radians(30)), 0, 0.5])


@given(st.floats(-50, 50))
def test_wrapped_angles_lie_in_one_turn(angle):
    wrapped = frames.wrap_angle(angle)
    assert -math.pi <= wrapped < math.pi
    assert math.cos(wrapped) == pytest.approx(math.cos(angle), abs=1e-6)
