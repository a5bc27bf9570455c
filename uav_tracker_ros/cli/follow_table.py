"""``uav-tracker follow --scenario all --direct``: many flights, one table of bars, one figure."""

from __future__ import annotations

import csv
import dataclasses
import math
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from uav_tracker_ros.cli.live_status import LiveStatus
from uav_tracker_ros.cli.output_folder import OutputFolder
from uav_tracker_ros.errors import InvalidParameter
from uav_tracker_ros.nodes.launch_options import LaunchOptions
from uav_tracker_ros.nodes.variants import follow_settings, variant_layers
from uav_tracker_ros.simulation import scenarios

if TYPE_CHECKING:
    from uav_tracker_ros.simulation.flight_table import Row

ALL = "all"
LATENCY_MAX_MS = 1000.0
OWN = ("mode", "distance", "height")  # what each scenario sets for itself
DPI = 110


class TableRequest(NamedTuple):
    """What to fly."""

    scenario: str  # all, or names with commas
    latencies_s: tuple[float, ...]
    seeds: tuple[int, ...]
    jobs: int
    tracker: str  # empty: true boxes


def is_table(scenario: str, latencies_s: Sequence[float], seeds: int) -> bool:
    """More than one flight was asked for."""
    return scenario == ALL or "," in scenario or len(latencies_s) > 1 or seeds > 1


def parse_latencies(text: str) -> tuple[float, ...]:
    """Seconds from ``50,150,300`` (ms).

    Raises:
        InvalidParameter: not numbers from 0 to 1000, or none.
    """
    try:
        found = [float(part) for part in text.split(",")]
    except ValueError:
        found = [math.nan]
    if not all(0 <= number <= LATENCY_MAX_MS for number in found):
        raise InvalidParameter(
            f"--latency-ms is '{text}'; expected numbers from 0 to {LATENCY_MAX_MS:.0f} with commas: "
            "try --latency-ms 50,150,300"
        )
    return tuple(number / 1e3 for number in found)


def chosen_scenarios(text: str, *, true_boxes: bool) -> list[str]:
    """Names from ``all`` or a list with commas.

    Raises:
        UnknownName: one that does not exist.
    """
    from uav_tracker_ros.simulation.flight_table import table_names

    if text == ALL:
        return table_names(true_boxes=true_boxes)
    return [scenarios.get(name.strip()).name for name in text.split(",")]


def fly_table(
    request: TableRequest, options: LaunchOptions, output: OutputFolder, status: LiveStatus
) -> tuple[list[dict[str, Any]], list[Row]]:
    """Fly everything and write table.md, table.csv and table.png.

    Returns:
        The numbers of every flight, and the rows of the table.

    Raises:
        InvalidParameter: an option was given that each scenario sets for itself.
        UnknownName: a scenario that does not exist.
    """
    from uav_tracker_ros.evaluation.bar_plot import bars_figure
    from uav_tracker_ros.simulation import flight_table
    from uav_tracker_ros.simulation.closed_loop import OPEN_FIELD_M

    for name in OWN:
        if getattr(options, name) is not None:
            raise InvalidParameter(
                f"--{name} was given for a table; each scenario has its own: leave it out, or fly one scenario"
            )
    names = chosen_scenarios(request.scenario, true_boxes=not request.tracker)
    if options.fence_radius is None:
        options = dataclasses.replace(options, fence_radius=OPEN_FIELD_M)
    settings = follow_settings(options, variant_layers(options))
    plan = flight_table.Plan(settings, options.response, request.tracker or None)
    planned = flight_table.flights(names, request.latencies_s, request.seeds)
    tenth = max(1, len(planned) // 10)

    def progress(done: int) -> None:
        if done % tenth == 0 or done == len(planned):
            status.say(f"flight {done} of {len(planned)}")

    runs = flight_table.fly_all(planned, plan, request.jobs, progress)
    rows = flight_table.rows(planned, runs, plan)
    output.partial("table.md").write_text("\n".join(markdown(rows)) + "\n", encoding="utf-8")
    with output.partial("table.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("scenario", "latency_ms", "bar", "value", "limit", "ok"))
        for row in rows:
            for bar in row.bars:
                numbers = f"{bar['value']:.6g}", f"{bar['limit']:.6g}"
                writer.writerow((row.scenario, f"{row.latency_s * 1e3:.0f}", bar["name"], *numbers, int(bar["ok"])))
    bars_figure(
        [(f"{row.scenario} {row.latency_s * 1e3:.0f} ms: {bar['name']}", bar) for row in rows for bar in row.bars]
    ).savefig(output.partial("table.png"), dpi=DPI)
    return runs, rows


def default_jobs() -> int:
    """As many processes as there are cores."""
    return os.cpu_count() or 1


def lines(table: Sequence[Row]) -> list[str]:
    """The table in words: one line a bar, scenario and latency in front of the first."""
    found = []
    for row in table:
        head = f"{row.scenario:22}{row.latency_s * 1e3:4.0f} ms"
        for bar in row.bars:
            verdict = "ok" if bar["ok"] else "NOT MET"
            found.append(f"{head:30}{bar['name']:24}{bar['value']:9.3g}  limit {bar['limit']:<8.3g}{verdict}")
            head = ""
    missed = sum(not bar["ok"] for row in table for bar in row.bars)
    total = sum(len(row.bars) for row in table)
    flown, seconds = sum(row.flights for row in table), sum(row.seconds for row in table)
    found.append(f"{total - missed} of {total} bars met; {flown} flights, {seconds / 60:.0f} minutes in the air")
    return found


def markdown(table: Sequence[Row]) -> list[str]:
    """The same as a Markdown table, one line a scenario and latency; missed bars are bold."""
    found = ["| scenario | latency | value (limit) of each bar | |", "|---|---|---|---|"]
    for row in table:
        bars = []
        for bar in row.bars:
            text = f"{bar['name']} {bar['value']:.3g} ({bar['limit']:.3g})"
            bars.append(text if bar["ok"] else f"**{text}**")
        verdict = "ok" if all(bar["ok"] for bar in row.bars) else "NOT MET"
        found.append(f"| {row.scenario} | {row.latency_s * 1e3:.0f} ms | {', '.join(bars)} | {verdict} |")
    return found


def plain(table: Sequence[Row]) -> list[dict[str, Any]]:
    """The rows as data for JSON."""
    return [
        {
            "scenario": row.scenario,
            "latency_ms": round(row.latency_s * 1e3, 3),
            "flights": row.flights,
            "bars": row.bars,
        }
        for row in table
    ]
