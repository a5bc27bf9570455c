import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from uav_tracker_ros.following import safety
from uav_tracker_ros.following.report import TargetMeasurement
from uav_tracker_ros.geometry import Box, TargetState

GOOD = TargetMeasurement(10.0, "camera_optical", TargetState.TRACKING, 1, Box(300, 200, 20, 60), 0.9, 0.9, 640, 480)


def problem(measurement):
    return safety.measurement_problem(measurement, 10.1, "camera_optical", (640, 480))


def test_beyond_floor_or_ceiling_the_way_leads_back():
    assert safety.altitude_bounded(0.5, 60.2, 3.0, 60.0) == (pytest.approx(-0.25), True)
    assert safety.altitude_bounded(-0.5, 2.8, 3.0, 60.0) == (pytest.approx(0.25), True)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"stamp": math.nan}, "NaN"),
        ({"box": Box(math.inf, 0, 1, 1)}, "NaN"),
        ({"confidence": math.nan}, "NaN"),
        ({"frame_id": "map"}, "frame 'map'"),
        ({"box": Box(0, 0, -5, 10)}, "box of -5"),
        ({"box": Box(0, 0, 0, 10)}, "box of 0"),
        ({"box": Box(0, 0, 1e200, 10)}, "box of 1e+200"),
        ({"box": Box(-50, 0, 40, 10)}, "outside"),
        ({"confidence": 1.5}, "confidence"),
        ({"stamp": 10.2}, "future"),
        ({"image_width": 320}, "image 320x480"),
    ],
)
def test_bad_measurements_are_named(change, says):
    assert problem(GOOD) == ""
    assert says in problem(GOOD._replace(**change))


@pytest.mark.parametrize("state", [TargetState.NONE, TargetState.LOST])
def test_without_a_target_the_box_does_not_matter(state):
    assert problem(GOOD._replace(state=state, box=Box(math.nan, 0, 0, 0), confidence=0.0)) == ""


def test_ten_bad_messages_within_a_second_are_too_many():
    bad = safety.BadMessages()
    for k in range(9):
        bad.add(k * 0.05, "x")
    assert not bad.too_many(0.45)
    bad.add(0.5, "x")
    assert bad.too_many(0.6)
    assert not bad.too_many(1.1)


@given(st.floats(0, 2 * math.pi), st.floats(0, 2 * math.pi), st.floats(0, 6), st.floats(0, 90))
def test_fence_removes_only_what_leads_out(place_angle, heading, speed, away):
    place = away * np.array([math.cos(place_angle), math.sin(place_angle)])
    wanted = speed * np.array([math.cos(heading), math.sin(heading)])
    velocity, acted = safety.fenced(wanted, place, 80.0)
    if not acted:
        assert velocity == pytest.approx(wanted)
        return
    outward = place / np.linalg.norm(place)
    allowed = safety.stopping_speed(78.0 - away, safety.BRAKING, safety.REACTION_S)
    assert velocity @ outward == pytest.approx(allowed, abs=1e-9)
    tangent = np.array([-outward[1], outward[0]])
    assert velocity @ tangent == pytest.approx(wanted @ tangent, abs=1e-9)


@pytest.mark.parametrize("distance", [0.5, 3.0, 20.0])
def test_stopping_speed_stops_in_the_distance(distance):
    speed = safety.stopping_speed(distance, 2.5, 0.5)
    assert speed**2 / 5.0 + 0.5 * speed == pytest.approx(distance)


def test_climb_ends_at_the_ceiling_and_descent_at_the_floor():
    assert safety.altitude_bounded(1.0, 30.0, 3, 60) == (1.0, False)
    assert safety.altitude_bounded(1.0, 59.7, 3, 60) == (pytest.approx(0.0, abs=1e-6), True)
    assert safety.altitude_bounded(-1.0, 3.3, 3, 60) == (pytest.approx(0.0, abs=1e-6), True)


@pytest.mark.parametrize(
    ("separation", "closing", "near"),
    [
        ((10, 0, 5), (0, 0, 0), False),  # far and still
        ((3, 0, 1), (0, 0, 0), True),  # nearer than 4 m
        ((6, 0, 2), (2, 0, 0), True),  # 1.2 s away from it
        ((6, 0, 2), (-2, 0, 0), False),  # going apart
    ],
)
def test_too_close(separation, closing, near):
    assert safety.too_close(np.array(separation, float), np.array(closing, float), 4.0) is near


def test_divergence():
    small, still = np.eye(2), np.zeros(2)
    assert not safety.diverged(small, still, 1.0)
    assert safety.diverged(30 * small, still, 1.0)
    assert safety.diverged(small, np.array([25.0, 0]), 1.0)
    assert safety.diverged(small, still, 6.0)
