import math

import numpy as np
import pytest

from uav_tracker_ros.errors import StaleTelemetry
from uav_tracker_ros.flight import Attitude, LocalPosition, Telemetry
from uav_tracker_ros.following.telemetry_buffer import TelemetryBuffer
from uav_tracker_ros.frames import euler_from_quaternion, quaternion_from_euler

YAW_RATE = 0.5


def packet(t, *, shift=0.0, resets=0, late=0.015):
    """A vehicle that accelerates north with 1 m/s^2 and turns right with 0.5 rad/s."""
    attitude = Attitude(t, quaternion_from_euler(0, 0, YAW_RATE * t), (0, 0, YAW_RATE))
    position = LocalPosition(t, (0.5 * t * t + shift, 0, -6), (t, 0, 0), resets)
    return Telemetry(stamp=t + late, attitude=attitude, position=position)


@pytest.fixture
def buffer():
    filled = TelemetryBuffer()
    for k in range(50):
        filled.add(packet(k * 0.02))
    return filled


def test_pose_between_two_samples_is_exact(buffer):
    pose = buffer.pose_at(0.507)
    assert pose.position_ned[0] == pytest.approx(0.5 * 0.507**2, abs=1e-9)
    assert pose.velocity_ned[0] == pytest.approx(0.507)
    assert euler_from_quaternion(pose.quaternion)[2] == pytest.approx(YAW_RATE * 0.507)


def test_a_little_after_the_newest_sample_rates_extrapolate(buffer):
    pose = buffer.pose_at(0.98 + 0.035)
    assert euler_from_quaternion(pose.quaternion)[2] == pytest.approx(YAW_RATE * 1.015)
    with pytest.raises(StaleTelemetry, match="attitude"):
        buffer.pose_at(0.98 + 0.045)


def test_before_the_oldest_sample_nothing_is_known(buffer):
    with pytest.raises(StaleTelemetry):
        buffer.pose_at(-0.01)
    with pytest.raises(StaleTelemetry):
        TelemetryBuffer().pose_at(1.0)


def test_two_seconds_are_kept():
    buffer = TelemetryBuffer()
    for k in range(250):
        buffer.add(packet(k * 0.02))
    buffer.pose_at(4.98 - 1.97)
    with pytest.raises(StaleTelemetry):
        buffer.pose_at(4.98 - 2.05)


@pytest.mark.parametrize(("shift", "resets"), [(0.4, 1), (8.0, 1), (8.0, 0)])
def test_moved_origin_is_told_and_the_past_moves_with_it(buffer, shift, resets):
    told = buffer.add(packet(1.0, shift=shift, resets=resets))
    assert told == pytest.approx([shift, 0, 0], abs=1e-6)
    assert buffer.pose_at(0.5).position_ned[0] == pytest.approx(0.125 + shift, abs=1e-6)


def test_ordinary_motion_is_no_moved_origin(buffer):
    assert not buffer.add(packet(1.0)).any()
    assert not buffer.add(packet(1.4)).any()  # after a gap


@pytest.mark.parametrize(
    ("jumped", "kept"),
    [
        pytest.param(packet(0.5), 0.5, id="time runs back"),
        pytest.param(packet(1.0, late=-0.5), -math.inf, id="a sample from later than its arrival"),
    ],
)
def test_a_clock_jump_empties_the_buffer(buffer, jumped, kept):
    buffer.add(jumped)
    assert buffer.flushes == 1
    assert buffer.attitude_stamp == kept
    with pytest.raises(StaleTelemetry):
        buffer.pose_at(0.4)
    buffer.add(packet(5.0))
    assert buffer.pose_at(5.0).position_ned[0] == pytest.approx(12.5)


def test_a_repeated_sample_changes_nothing(buffer):
    buffer.add(packet(0.98))
    assert buffer.flushes == 0
    assert buffer.pose_at(0.5).position_ned[0] == pytest.approx(0.125)


def test_slerp_takes_the_short_way():
    buffer = TelemetryBuffer()
    q = quaternion_from_euler(0, 0, 3.1)
    negative = tuple(-part for part in quaternion_from_euler(0, 0, 3.2))
    for t, quaternion in ((0.0, q), (0.02, negative)):
        position = LocalPosition(t, (0, 0, -6), (0, 0, 0), 0)
        buffer.add(Telemetry(stamp=t, attitude=Attitude(t, quaternion, (0, 0, 5)), position=position))
    yaw = euler_from_quaternion(buffer.pose_at(0.01).quaternion)[2]
    assert np.cos(yaw - 3.15) == pytest.approx(1.0, abs=1e-6)


def test_a_small_reset_is_seen_before_its_counter_comes(buffer):
    """The counter travels in another message: the step itself must tell."""
    shift = buffer.add(packet(1.0, shift=0.4))
    assert shift[0] == pytest.approx(0.4, abs=0.01)
    buffer.add(packet(1.02, shift=0.4, resets=1))
    assert buffer.pose_at(0.98).position_ned[0] == pytest.approx(0.5 * 0.98**2 + 0.4, abs=0.01)
