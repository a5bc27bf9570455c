"""``uav-tracker replay``: a recorded flight through estimator and law again."""

from __future__ import annotations

import math
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from uav_tracker_ros.cli.output_folder import JsonOutput
from uav_tracker_ros.errors import InputUnreadable, UavTrackerError
from uav_tracker_ros.following.replay import VELOCITY_TOLERANCE, Replay, ReplayResult
from uav_tracker_ros.nodes.recording_file import journal_of, read_record

PROGRESS_S = 1.0


def replay(
    record: Annotated[Path, typer.Argument(help="The MCAP file that a flight left.", metavar="FILE")],
    json: Annotated[
        str | None,
        typer.Option(help="Write the numbers as JSON to a file, or - for standard output.", metavar="FILE|-"),
    ] = None,
) -> None:
    """Compute a recorded flight again: its setpoints must come out to 1 mm/s.

    Exit code 0 when they do. A difference means that estimator or law have changed since the flight.

    Example:  uav-tracker replay follow-out/flight.mcap
    """
    document = JsonOutput(json)
    begun = time.monotonic()
    result = _run(record)
    if not result.cycles:
        raise InputUnreadable(
            f"'{record}' holds no control cycle; expected the record of a flight: record with the controller running"
        )
    took = time.monotonic() - begun
    document.write({"schema": 1, "replay": _numbers(record, result)})
    to = sys.stderr if document.to_stdout else sys.stdout
    print(
        f"{result.seconds:.1f} s of flight, {result.cycles} cycles, {result.setpoints} setpoints in {took:.1f} s",
        file=to,
    )
    if not result.agrees:
        raise UavTrackerError(_difference(result))
    print(f"all setpoints agree within {result.velocity_difference * 1e3:.3g} mm/s", file=to)


def _run(record: Path) -> ReplayResult:
    run, said, watched = Replay(), time.monotonic(), sys.stderr.isatty()
    for batch in journal_of(read_record(record)):
        run.add(batch)
        if watched and time.monotonic() - said > PROGRESS_S:
            said = time.monotonic()
            print(f"{run.result().seconds:.0f} s", end="\r", file=sys.stderr)
    return run.result()


def _numbers(record: Path, result: ReplayResult) -> dict[str, Any]:
    numbers: dict[str, Any] = {
        "record": record.name,
        "seconds": round(result.seconds, 3),
        "cycles": result.cycles,
        "setpoints": result.setpoints,
        "agrees": result.agrees,
        "disagreeing_cycles": result.disagreeing,
        "phases_disagreeing": result.phases_disagreeing,
    }
    largest = {
        "velocity_difference_mps": result.velocity_difference,
        "yaw_difference_deg": math.degrees(result.yaw_difference),
    }
    return numbers | {name: value for name, value in largest.items() if math.isfinite(value)}


def _difference(result: ReplayResult) -> str:
    where = ""
    if result.first is not None:
        where = f", first after {result.first.time:.2f} s in {result.first.phase.name}"
    return (
        f"{result.disagreeing} setpoints and {result.phases_disagreeing} states of {result.cycles} cycles differ"
        f"{where}, by up to {result.velocity_difference:.3g} m/s; expected {VELOCITY_TOLERANCE * 1e3:g} mm/s: "
        "estimator or law have changed since this flight"
    )
