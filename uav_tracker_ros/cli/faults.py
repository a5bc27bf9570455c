"""``uav-tracker follow --faults``: break a flight in each way of the safety table, measure the reaction on the wire."""

from __future__ import annotations

import math
import sys
from typing import Any

from rich.console import Console

from uav_tracker_ros.cli.fault_topics import FAULTS, inject_over_topics
from uav_tracker_ros.cli.output_folder import JsonOutput
from uav_tracker_ros.errors import UavTrackerError
from uav_tracker_ros.simulation import fault_table
from uav_tracker_ros.simulation.fault_rows import FaultResult

ALL = "all"


def run_faults(asked: str, document: JsonOutput) -> None:
    """Inject, tell each result as it comes, write the document.

    Args:
        asked: ``all``, or names separated by commas.
        document: where the numbers go.

    Raises:
        UnknownName: no such fault; nothing was started.
        UavTrackerError: a bound was not held.
    """
    over_topics = tuple(FAULTS)
    every = (*fault_table.names(), *over_topics)
    wanted = every if asked == ALL else tuple(name.strip() for name in asked.split(","))
    for name in wanted:
        fault_table.check(name, (*over_topics, ALL))
    console = Console(stderr=True, highlight=False)

    def tell(result: FaultResult) -> None:
        console.print(line(result), markup=False, soft_wrap=True)

    results = [
        *fault_table.inject_stepped(wanted, tell),
        *fault_table.inject_in_processes(wanted, tell),
        *inject_over_topics(wanted, tell),
    ]
    document.write({"schema": 1, "faults": [row(result) for result in results]})
    broken = [result.name for result in results if not result.held]
    print(f"{len(results) - len(broken)} of {len(results)} held", file=sys.stderr if document.to_stdout else sys.stdout)
    if broken:
        raise UavTrackerError(
            f"not held: {', '.join(broken)}; expected a reaction within the bounds: do not fly with this installation"
        )


def line(result: FaultResult) -> str:
    """One result for people."""
    verdict = "held" if result.held else "NOT HELD"
    text = f"{result.name:26} {result.measured_s:6.3f} s, bound {result.bound_s:5.3f} s  {verdict}"
    return "; ".join((text, *result.problems))


def row(result: FaultResult) -> dict[str, Any]:
    """One result for programs; a reaction that never came has no time."""
    measured = round(result.measured_s, 4) if math.isfinite(result.measured_s) else None
    numbers = {
        "name": result.name,
        "bound_s": round(result.bound_s, 4),
        "measured_s": measured,
        "held": result.held,
    }
    return {**numbers, "problems": list(result.problems)} if result.problems else numbers
