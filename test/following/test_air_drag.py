"""Drag and wind from lean and speed, on vehicles whose drag and wind are known."""

import math

import numpy as np
import pytest

from uav_tracker_ros.flight import Attitude, LocalPosition
from uav_tracker_ros.following.air_drag import DRAG, MOST_DRAG, AirDrag
from uav_tracker_ros.following.camera import GRAVITY
from uav_tracker_ros.frames import quaternion_from_euler

STEP_S = 0.02


def flown(
    drag: float, wind=(0.0, 0.0), *, yaw: float = 0.0, noise: float = 0.0, seconds: float = 20.0, speed: float = 3.0
):
    """Speeds up and slows down to the north and to the east, at a heading; the lean that this takes."""
    air, random = AirDrag(), np.random.default_rng(5)
    velocity = np.zeros(2)
    for k in range(round(seconds / STEP_S)):
        t = k * STEP_S
        accel = speed * np.array([0.6 * math.cos(0.6 * t), 0.4 * math.cos(0.4 * t)])
        velocity = velocity + STEP_S * accel
        thrust = accel + drag * (velocity - np.array(wind))
        forward = thrust @ [math.cos(yaw), math.sin(yaw)]
        right = thrust @ [-math.sin(yaw), math.cos(yaw)]
        pitch = -math.atan2(forward, GRAVITY)
        roll = math.atan2(right * math.cos(pitch), GRAVITY)
        quaternion = quaternion_from_euler(roll, pitch, yaw)
        told = velocity + noise * random.standard_normal(2)
        air.add(Attitude(t, quaternion, (0.0,) * 3), LocalPosition(t, (0.0, 0.0, -6.0), (*told, 0.0), 0))
    return air, velocity


@pytest.mark.parametrize("yaw", [0.0, 1.0, -2.5])
@pytest.mark.parametrize("drag", [0.15, 0.5, 1.0])
def test_drag_is_found_at_every_heading(drag, yaw):
    air, velocity = flown(drag, yaw=yaw)
    assert air.drag == pytest.approx(drag, abs=0.05)
    assert air.holding(velocity) == pytest.approx(drag * velocity, abs=0.15)


def test_wind_is_held_against_while_standing():
    air, _ = flown(0.3, wind=(-5.0, 2.0))
    assert air.holding(np.zeros(2)) == pytest.approx([1.5, -0.6], abs=0.2)


def test_noise_of_the_velocity_does_not_hide_it():
    air, _ = flown(1.0, noise=0.1)
    assert air.drag == pytest.approx(1.0, abs=0.12)


def test_a_vehicle_that_stands_says_nothing_about_its_drag():
    air, _ = flown(1.0, speed=0.0)
    assert air.drag == pytest.approx(DRAG, abs=1e-6)


def test_what_cannot_be_is_bounded():
    air, _ = flown(4.0)
    assert air.drag == MOST_DRAG


def test_gaps_and_a_moved_origin_are_left_out():
    air, _ = flown(0.5)
    before = air.drag
    level = quaternion_from_euler(0.0, 0.0, 0.0)
    for k, counter in enumerate((0, 1, 1, 2, 2)):  # half a second apart, with resets: no window is whole
        stamp, speed = 100.0 + 0.5 * k, 5.0 * k
        air.add(Attitude(stamp, level, (0.0,) * 3), LocalPosition(stamp, (0.0,) * 3, (speed, 0.0, 0.0), counter))
    assert air.drag == before
