"""All scenarios, at several latencies and seeds, as one table of bars: met or not met."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from uav_tracker_ros.following.settings import FollowSettings
from uav_tracker_ros.processes import worker_pool
from uav_tracker_ros.simulation import scenarios
from uav_tracker_ros.simulation.closed_loop import fly, scenario_settings
from uav_tracker_ros.simulation.run_metrics import ERROR_BARS, judge, values
from uav_tracker_ros.simulation.scenario import Scenario

MEAN_BARS = (*ERROR_BARS[:1], "end", "jerk", "bearing_p95")  # over the seeds; of all others the worst counts


class Flight(NamedTuple):
    """One flight of the table."""

    scenario: str
    direction: int  # of ``Scenario.directions``
    latency_s: float
    seed: int


class Plan(NamedTuple):
    """What all flights of a table have in common."""

    settings: FollowSettings  # mode, distance and height are the scenario's
    response: str
    tracker: str | None  # None: true boxes


class Row(NamedTuple):
    """One scenario at one latency, all seeds and directions."""

    scenario: str
    latency_s: float
    flights: int
    seconds: float  # of flight
    bars: list[dict[str, Any]]  # name, value, limit, ok


def flights(names: Sequence[str], latencies_s: Sequence[float], seeds: Sequence[int]) -> list[Flight]:
    """Every flight of a table, in its order.

    Args:
        names: of scenarios.
        latencies_s: s; scenarios that are not about latency fly at the middle one.
        seeds: of every random part.
    """
    planned = []
    middle = sorted(latencies_s)[len(latencies_s) // 2]
    for name in names:
        scenario = scenarios.get(name)
        for latency in latencies_s if scenario.all_latencies else (middle,):
            planned += [Flight(name, k, latency, seed) for seed in seeds for k in range(scenario.directions)]
    return planned


def table_names(*, true_boxes: bool) -> list[str]:
    """The scenarios that the table has, with true boxes or with a tracker on pictures."""
    return [
        name
        for name, scenario in ((name, scenarios.get(name)) for name in scenarios.names())
        if (scenario.true_boxes if true_boxes else scenario.pictures)
    ]


def fly_one(flight: Flight, plan: Plan) -> dict[str, Any]:
    """The numbers of one flight; a function of its arguments alone."""
    scenario = turned(flight)
    record = fly(
        scenario,
        tracker=plan.tracker,
        seed=flight.seed,
        settings=scenario_settings(scenario, plan.settings, plan.response),
        response=plan.response,
        latency_s=flight.latency_s,
    )
    run = record.metrics | {"given_latency_ms": round(flight.latency_s * 1e3, 3)}
    if scenario.directions > 1:
        run["direction_deg"] = flight.direction * 360.0 / scenario.directions
    return run


def turned(flight: Flight) -> Scenario:
    """The scenario of a flight, in its direction."""
    scenario = scenarios.get(flight.scenario)
    if flight.direction == 0:
        return scenario
    return scenario.turned(flight.direction * 2 * math.pi / scenario.directions)


def fly_all(
    planned: Sequence[Flight], plan: Plan, jobs: int, progress: Callable[[int], None] = lambda done: None
) -> list[dict[str, Any]]:
    """The numbers of all flights, in their order, flown by ``jobs`` processes."""
    runs: list[dict[str, Any]] = []
    for run in _flown(planned, plan, jobs):
        runs.append(run)
        progress(len(runs))
    return runs


def _flown(planned: Sequence[Flight], plan: Plan, jobs: int) -> Iterator[dict[str, Any]]:
    if jobs == 1:
        yield from (fly_one(flight, plan) for flight in planned)
        return
    with worker_pool(jobs) as pool:
        yield from pool.map(fly_one, planned, [plan] * len(planned))


def rows(planned: Sequence[Flight], runs: Sequence[dict[str, Any]], plan: Plan) -> list[Row]:
    """One row a scenario and latency: errors as their mean over the seeds, everything else the worst."""
    grouped: dict[tuple[str, float], list[dict[str, Any]]] = {}
    for flight, run in zip(planned, runs, strict=True):
        grouped.setdefault((flight.scenario, flight.latency_s), []).append(run)
    found = []
    for (name, latency), group in grouped.items():
        numbers = [values(run) for run in group]
        merged = {key: _merged(key, [row[key] for row in numbers]) for key in numbers[0]}
        bars = judge(scenarios.get(name).bars, merged, latency, plan.response)
        found.append(Row(name, latency, len(group), sum(run["seconds"] for run in group), bars))
    return found


def _merged(name: str, parts: Sequence[float | None]) -> float | None:
    known = [part for part in parts if part is not None]
    if not known:
        return None
    if name in MEAN_BARS:
        return statistics.fmean(known)
    return min(known) if name.endswith("_min") else max(known)
