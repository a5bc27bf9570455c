"""The motion against runs of PX4 v1.16.0 (SIH, drag 0.25): what the follower was laid out for."""

import math

import numpy as np
import pytest

from uav_tracker_ros.errors import UnknownName
from uav_tracker_ros.simulation.flight_model import STEP_S, Demand, FlightModel, FlightModelSettings

HAND_S = 0.015  # s; the estimator's lag and the way to the companion, included in the measured times


def fly(velocity, seconds, *, yaw=lambda _: 0.0, response="sih", **settings):
    """Columns: time in the companion's hand, north and down velocity, pitch, yaw."""
    model = FlightModel(FlightModelSettings(response=response, gust=0.0, **settings), (0.0, 0.0, -20.0), 0.0)
    rows = []
    for step in range(round(seconds / STEP_S)):
        t = step * STEP_S
        north, down = velocity(t)
        model.step(Demand((north, 0.0), down, yaw=yaw(t)))
        hand = t + STEP_S + HAND_S
        rows.append((hand, model.velocity_ned[0], model.velocity_ned[2], model.euler[1], model.yaw))
    return np.array(rows)


def crossing(times, values, level):
    return times[np.argmax(values >= level)]


@pytest.mark.parametrize(
    ("speed", "t10", "t50", "t63", "t90", "tilt_deg"),
    [
        (1, 0.24, 0.50, 0.68, 1.33, 9),
        (3, 0.25, 0.53, 0.72, 1.40, 29),
        (5, 0.27, 0.60, 0.78, 1.47, 43),
        (8, 0.31, 0.70, 0.89, 1.70, 50),
    ],
)
def test_velocity_step_as_measured(speed, t10, t50, t63, t90, tilt_deg):
    flight = fly(lambda _: (speed, 0.0), 5.0)
    times, velocity = flight[:, 0], flight[:, 1]
    for share, measured in ((0.1, t10), (0.5, t50), (0.632, t63), (0.9, t90)):
        # 0.08 s or 10 %: one linear loop serves all four speeds, PX4 is a little quicker on small steps
        assert crossing(times, velocity, share * speed) == pytest.approx(measured, abs=max(0.08, 0.1 * measured)), share
    assert velocity.max() <= 1.03 * speed
    assert -math.degrees(flight[:, 3].min()) == pytest.approx(tilt_deg, rel=0.25)  # nose down while speeding up


@pytest.mark.parametrize(("slope", "lag"), [(2.0, 0.69), (1.0, 0.65)])
def test_ramp_lag_as_measured(slope, lag):
    flight = fly(lambda t: (min(5.0, slope * t), 0.0), 5 / slope)
    assert flight[-1, 0] - flight[-1, 1] / slope == pytest.approx(lag, abs=0.08)


@pytest.mark.parametrize(
    ("hertz", "gain", "phase_deg"), [(0.1, 0.95, -24), (0.2, 0.82, -46), (0.4, 0.61, -77), (0.7, 0.42, -107)]
)
def test_sine_as_measured(hertz, gain, phase_deg):
    flight = fly(lambda t: (math.sin(2 * math.pi * hertz * t), 0.0), 20.0)
    late = flight[flight[:, 0] >= 10]
    # Ten seconds are a whole number of periods; the time stamp is the one in the companion's hand.
    response = 2j * np.mean(late[:, 1] * np.exp(-2j * math.pi * hertz * late[:, 0]))
    assert abs(response) == pytest.approx(gain, rel=0.16)
    assert math.degrees(np.angle(response)) == pytest.approx(phase_deg, abs=10)


@pytest.mark.parametrize("climb", [-1.0, 1.0], ids=["up", "down"])
def test_vertical_step_as_measured(climb):
    flight = fly(lambda _: (0.0, climb), 2.0)
    speed = flight[:, 2] / climb
    for share, measured in ((0.1, 0.10), (0.5, 0.25), (0.632, 0.30)):
        assert crossing(flight[:, 0], speed, share) == pytest.approx(measured, abs=0.06)
    assert 0.5 <= crossing(flight[:, 0], speed, 0.9) <= 0.9


def test_yaw_step_whips_as_measured():
    flight = fly(lambda _: (0.0, 0.0), 4.0, yaw=lambda _: math.pi / 2)
    times, turned = flight[:, 0], flight[:, 4] / (math.pi / 2)
    assert crossing(times, turned, 0.632) == pytest.approx(0.74, abs=0.06)
    assert crossing(times, turned, 0.9) == pytest.approx(0.93, abs=0.07)
    assert turned.max() == pytest.approx(1.15, abs=0.04)
    assert 120 <= math.degrees(np.diff(flight[:, 4]).max() / STEP_S) <= 158


def test_high_drag_leaves_a_long_tail():
    flight = fly(lambda _: (3.0, 0.0), 8.0, drag=1.0)
    assert crossing(flight[:, 0], flight[:, 1], 0.632 * 3) == pytest.approx(1.0, abs=0.1)
    assert 1 - flight[-1, 1] / 3 == pytest.approx(0.13, abs=0.05)  # 10 to 16 % short after 8 s


def test_design_response_is_a_quick_vehicle_without_overshoot():
    flight = fly(lambda _: (1.0, 0.0), 4.0, response="design")
    assert crossing(flight[:, 0], flight[:, 1], 0.632) == pytest.approx(0.40 + 0.02 + HAND_S, abs=0.1)
    assert flight[:, 1].max() < 1.02


def test_wind_is_held_against():
    flight = fly(lambda _: (0.0, 0.0), 20.0, wind_ned=(-6.0, 0.0, 0.0))
    assert abs(flight[-1, 1]) < 0.05
    assert math.degrees(flight[-1, 3]) == pytest.approx(-math.degrees(math.atan(0.25 * 6 / 9.81)), abs=1.0)


def test_attitude_rates_are_the_derivative_of_attitude():
    model = FlightModel(FlightModelSettings(gust=0.0), (0.0, 0.0, -20.0), 0.0)
    before = model.euler
    for _ in range(100):
        before = model.euler
        model.step(Demand((3.0, 0.0), 0.0, yaw=0.0))
    assert model.rates_frd[1] == pytest.approx((model.euler[1] - before[1]) / STEP_S, abs=1e-6)


def test_unknown_response_names_the_nearest():
    with pytest.raises(UnknownName, match="did you mean 'design'"):
        FlightModelSettings(response="desgn")
