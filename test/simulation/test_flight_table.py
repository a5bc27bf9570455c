import dataclasses
import json

import numpy as np
import pytest

from uav_tracker_ros.following.settings import FollowSettings
from uav_tracker_ros.simulation import flight_table, scenarios
from uav_tracker_ros.simulation.closed_loop import OPEN_FIELD_M
from uav_tracker_ros.simulation.flight_table import Flight, Plan

PLAN = Plan(FollowSettings(fence_radius=OPEN_FIELD_M), "design", None)


def test_scenarios_that_are_not_about_latency_fly_at_the_middle_one():
    planned = flight_table.flights(["stand", "wind"], (0.3, 0.05, 0.15), (4, 5))
    assert {flight.latency_s for flight in planned if flight.scenario == "stand"} == {0.05, 0.15, 0.3}
    assert {flight.latency_s for flight in planned if flight.scenario == "wind"} == {0.15}
    assert len(planned) == 8


def test_directions_turn_path_and_start_alike():
    planned = flight_table.flights(["fence"], (0.15,), (0,))
    assert len(planned) == 16
    for flight in planned:
        scenario = flight_table.turned(flight)
        (north, east, _), yaw = scenario.vehicle_start
        start, later = scenario.path.at(0.0), scenario.path.at(5.0)
        away = np.array([later.north - start.north, later.east - start.east])
        sight = np.array([start.north - north, start.east - east])
        assert away @ sight == pytest.approx(np.linalg.norm(away) * np.linalg.norm(sight))
        assert yaw == pytest.approx(np.arctan2(sight[1], sight[0]))


def test_the_same_seed_gives_the_same_table(monkeypatch):
    short = dataclasses.replace(scenarios.get("stand"), seconds=2.0)
    monkeypatch.setattr(scenarios, "get", lambda name: short)
    flight = Flight("stand", 0, 0.05, 3)
    first, second = (flight_table.fly_all([flight], PLAN, jobs=1) for _ in range(2))
    assert json.dumps(first) == json.dumps(second)
    assert first[0]["given_latency_ms"] == 50.0


def run(**values):
    return {"seconds": 30.0, "position_error_m": {"p95": values.pop("p95", 0.1)}, **values}


def test_errors_count_by_their_mean_and_the_rest_by_the_worst_seed():
    planned = flight_table.flights(["circle"], (0.15,), (0, 1))
    runs = [run(p95=1.0, in_frame=1.0, jerk_rms=5.0), run(p95=2.0, in_frame=0.98, jerk_rms=7.0)]
    (row,) = flight_table.rows(planned, runs, PLAN)
    bars = {bar["name"]: bar for bar in row.bars}
    assert bars["p95"]["value"] == pytest.approx(1.5)
    assert bars["p95"]["ok"]
    assert bars["in_frame_min"]["value"] == 0.98
    assert not bars["in_frame_min"]["ok"]
    assert (row.flights, row.seconds) == (2, 60.0)


def test_a_tracker_flies_what_pictures_can_show():
    with_pictures = set(flight_table.table_names(true_boxes=False))
    assert {"sinusoid", "car", "motorcycle", "light_step", "look_alike", "occlusion_4s"} <= with_pictures
    assert not any(scenarios.get(name).conditions.slope for name in with_pictures)
