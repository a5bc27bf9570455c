"""Whatever is asked, speed, acceleration, jerk and turning stay bounded; a legal stream is not touched."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uav_tracker_ros.flight import Limits
from uav_tracker_ros.vehicle.shaping import LAG_S, MARGIN, VelocityShaper, YawShaper, ramp_to_zero, wrap

LIMITS = Limits()
DT = 0.02
speeds = st.floats(-1e3, 1e3)
velocities = st.tuples(speeds, speeds, speeds)
steps = st.floats(0.001, 0.25)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(velocities, steps), min_size=2, max_size=60))
def test_velocity_stays_bounded(asked: list[tuple[tuple[float, float, float], float]]) -> None:
    shaper = VelocityShaper(LIMITS)
    before = (0.0, 0.0, 0.0)
    for wanted, dt in asked:
        out = shaper.shape(wanted, dt)
        assert math.hypot(*out[:2]) <= LIMITS.max_speed + LAG_S * LIMITS.max_accel + 1e-9
        assert abs(out[2]) <= LIMITS.max_speed_z + 1e-9
        # What the vehicle answers with, a first-order lag, cannot accelerate or jerk beyond the limits.
        jerk_share = LAG_S * LIMITS.max_jerk * dt
        allowed = MARGIN * MARGIN * (LIMITS.max_accel * dt + jerk_share)
        assert math.dist(out[:2], before[:2]) <= allowed + 1e-6
        before = out


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(velocities, st.integers(1, 40)), min_size=1, max_size=8))
def test_vehicle_never_accelerates_harder_than_allowed(asked: list[tuple[tuple[float, float, float], int]]) -> None:
    """A vehicle that answers like PX4's velocity loop, flown by nonsense."""
    shaper = VelocityShaper(LIMITS)
    north = east = 0.0
    for wanted, ticks in asked:
        for _ in range(ticks):
            out = shaper.shape(wanted, DT)
            accel = ((out[0] - north) / LAG_S, (out[1] - east) / LAG_S)
            assert math.hypot(*accel) <= MARGIN * LIMITS.max_accel * 1.05
            north += accel[0] * DT
            east += accel[1] * DT
            assert math.hypot(north, east) <= LIMITS.max_speed * 1.07


def legal_stream(lead: float) -> list[tuple[float, float, float]]:
    """A controller at its limits: 0 to 5 m/s and to a standstill, jerk-limited, with its lead."""
    speed = accel = 0.0
    out = []
    for index in range(400):
        wanted = 3.6 if index < 75 else (0.0 if index < 200 else -3.6)
        wanted = 0.0 if speed < 0.2 and index > 200 else wanted
        accel += max(-LIMITS.max_jerk * DT, min(LIMITS.max_jerk * DT, wanted - accel))
        speed += accel * DT
        out.append((speed + lead * accel, 0.0, 0.0))
    return out


@pytest.mark.parametrize("lead", [0.0, 0.56], ids=["no_lead", "lead"])
def test_legal_stream_passes_unchanged(lead: float) -> None:
    shaper = VelocityShaper(LIMITS)
    for wanted in legal_stream(lead):
        assert shaper.shape(wanted, DT) == pytest.approx(wanted, abs=0.02)


def test_step_is_reached() -> None:
    shaper = VelocityShaper(LIMITS)
    for _ in range(300):
        out = shaper.shape((4.0, -2.0, 0.5), DT)
    assert out == pytest.approx((4.0, -2.0, 0.5), abs=0.01)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.floats(-10, 10), steps), min_size=2, max_size=60))
def test_yaw_stays_bounded(asked: list[tuple[float, float]]) -> None:
    shaper = YawShaper(LIMITS)
    before, rate = 0.0, 0.0
    for wanted, dt in asked:
        out = shaper.shape(wanted, dt)
        new_rate = wrap(out - before) / dt
        assert abs(new_rate) <= MARGIN * LIMITS.max_yaw_rate + 1e-6
        assert abs(new_rate - rate) <= MARGIN * LIMITS.max_yaw_accel * dt + 1e-6
        before, rate = out, new_rate


@pytest.mark.parametrize("step_deg", [5, 45, 179, -90])
def test_yaw_step_is_reached_without_a_swing(step_deg: float) -> None:
    shaper = YawShaper(LIMITS)
    target = math.radians(step_deg)
    seen = [shaper.shape(target, DT) for _ in range(500)]
    assert wrap(seen[-1] - target) == pytest.approx(0.0, abs=1e-3)
    overshoot = max(math.copysign(1.0, target) * wrap(yaw - target) for yaw in seen[100:])
    assert overshoot <= math.radians(2.0)


def test_legal_slew_passes_unchanged() -> None:
    shaper = YawShaper(LIMITS)
    yaw = rate = 0.0
    for index in range(300):
        wanted_rate = LIMITS.max_yaw_rate if index < 150 else 0.0
        step = LIMITS.max_yaw_accel * DT
        rate += max(-step, min(step, wanted_rate - rate))
        yaw = wrap(yaw + rate * DT)
        assert wrap(shaper.shape(yaw, DT) - yaw) == pytest.approx(0.0, abs=1e-6)


def test_ramp_goes_straight_to_zero() -> None:
    seen = [(3.0, 4.0, 0.0)]
    while seen[-1] != (0.0, 0.0, 0.0):
        seen.append(ramp_to_zero(seen[-1], 0.08))
    assert len(seen) == 64  # 5 m/s at 4 m/s^2, 20 ms a step
    assert all(math.dist(a, b) <= 0.08 + 1e-12 for a, b in pairwise(seen))
    assert all(v[1] == pytest.approx(v[0] * 4 / 3) for v in seen)
