import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uav_tracker_ros.following.limiter import YAW_LEASH, VelocityLimiter, YawLimiter
from uav_tracker_ros.following.report import Limit
from uav_tracker_ros.frames import wrap_angle

SPEED, ACCEL, JERK = 6.0, 4.0, 15.0
wishes = st.lists(
    st.tuples(st.floats(-40, 40), st.floats(-40, 40), st.floats(0.002, 0.1), st.floats(0.0, 1.0)), max_size=120
)


@settings(max_examples=150, deadline=None)
@given(wishes, st.floats(0, 6), st.floats(-math.pi, math.pi))
def test_speed_acceleration_and_jerk_are_never_exceeded(steps, speed, direction):
    limiter = VelocityLimiter(SPEED, ACCEL, JERK)
    limiter.reset(speed * np.array([math.cos(direction), math.sin(direction)]))
    for north, east, dt, scale in steps:
        velocity, acceleration = limiter.velocity.copy(), limiter.acceleration.copy()
        limiter.step(np.array([north, east]), dt, scale)
        assert np.linalg.norm(limiter.velocity) <= SPEED + 1e-6
        assert np.linalg.norm(limiter.acceleration) <= ACCEL + 1e-9
        assert np.linalg.norm(limiter.acceleration - acceleration) <= JERK * dt + 1e-9
        assert limiter.velocity == pytest.approx(velocity + limiter.acceleration * dt)


def test_full_speed_is_reached_and_said():
    limiter = VelocityLimiter(SPEED, ACCEL, JERK)
    flags = Limit.NONE
    for _ in range(200):
        flags |= limiter.step(np.array([100.0, 0.0]), 0.02)
    assert limiter.velocity == pytest.approx([SPEED, 0], abs=0.05)
    assert flags == Limit.SPEED | Limit.ACCEL | Limit.JERK


def test_a_lowered_limit_does_not_let_the_speed_rise():
    limiter = VelocityLimiter(SPEED, ACCEL, JERK)
    limiter.reset(np.array([5.0, 0.0]))
    for _ in range(50):
        limiter.step(np.array([10.0, 0.0]), 0.02, 0.3)
        assert limiter.velocity[0] <= 5.0 + 1e-9


def test_a_faster_start_is_slowed_down():
    limiter = VelocityLimiter(SPEED, ACCEL, JERK)
    limiter.reset(np.array([8.0, 0.0]))
    for _ in range(100):
        limiter.step(np.array([-3.0, 0.0]), 0.02)
    assert limiter.velocity[0] < SPEED


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.floats(-10, 10), st.floats(-0.3, 0.3), st.floats(0.002, 0.1)), max_size=150),
    st.floats(-math.pi, math.pi),
)
def test_yaw_rate_and_acceleration_are_never_exceeded(steps, start):
    rate, accel = math.radians(45), math.radians(60)
    limiter = YawLimiter(rate, accel)
    limiter.reset(start)
    for wanted, off, dt in steps:
        yaw, before = limiter.yaw, limiter.rate
        limiter.step(wanted, limiter.yaw + off, dt)
        assert abs(limiter.rate) <= rate + 1e-9
        assert abs(limiter.rate - before) <= accel * dt + 1e-9
        assert wrap_angle(limiter.yaw - yaw) == pytest.approx(limiter.rate * dt, abs=1e-9)


def test_yaw_arrives_without_overshoot():
    limiter = YawLimiter(math.radians(45), math.radians(60))
    limiter.reset(math.radians(170))
    goal = math.radians(-120)  # 70 deg further, across the wrap
    furthest = 0.0
    for _ in range(400):
        limiter.step(goal, limiter.yaw, 0.02)
        furthest = max(furthest, wrap_angle(limiter.yaw - goal))
    assert wrap_angle(limiter.yaw - goal) == pytest.approx(0, abs=math.radians(0.5))
    assert furthest < math.radians(1)


def test_setpoint_stays_near_a_yaw_that_does_not_follow():
    limiter = YawLimiter(math.radians(45), math.radians(60))
    limiter.reset(0.0)
    for _ in range(400):
        limiter.step(math.pi / 2, 0.0, 0.02)
    assert limiter.yaw == pytest.approx(YAW_LEASH, abs=math.radians(1))
