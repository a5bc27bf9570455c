"""``uav-tracker benchmark``: time and memory of trackers, side by side."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
from rich import box
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from uav_tracker_ros.backends.threads import default_threads
from uav_tracker_ros.cli.folders import ModelsFolder, PeersFolder
from uav_tracker_ros.cli.output_folder import JsonOutput
from uav_tracker_ros.errors import InvalidParameter
from uav_tracker_ros.evaluation.benchmark import (
    BUDGET_MS,
    BUSY_FROM,
    TURN,
    Clock,
    Subject,
    Summary,
    measure,
    ratios,
    summarise,
)
from uav_tracker_ros.evaluation.benchmark_machine import Machine, this_machine
from uav_tracker_ros.evaluation.benchmark_memory import Memory, resident_memory
from uav_tracker_ros.evaluation.benchmark_scene import Scene
from uav_tracker_ros.trackers import registry

PEERS = ("csrt", "kcf", "mosse", "mil", "nanotrack2", "nanotrack3", "vittrack")
COMPARED = ("csrt", "kcf", "nanotrack3")  # beside the default tracker, where no tracker is named
CLOCK = Clock(time.perf_counter, time.process_time, time.sleep)


class _Run(NamedTuple):
    """One size and pace."""

    size: tuple[int, int]
    rate: float | None
    summaries: dict[str, Summary]
    memory: dict[str, Memory]


def benchmark(
    *,
    tracker: Annotated[
        list[str] | None,
        typer.Option(help="A name of `uav-tracker models`; may be given again.", show_default="its peers too"),
    ] = None,
    size: Annotated[
        list[str] | None,
        typer.Option(help="Of the frames; may be given again.", metavar="WxH", show_default="1280x720 and 1920x1080"),
    ] = None,
    rate: Annotated[float, typer.Option(help="Of the camera in the paced run, frames/s.", min=1.0, max=1000.0)] = 30.0,
    calls: Annotated[int, typer.Option(help="Updates of each tracker in each run.", min=50)] = 60,
    threads: Annotated[
        int | None, typer.Option(help="Of the networks.", min=1, show_default="cores - 1, at most 4")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the order in which trackers take turns.")] = 0,
    json: Annotated[
        str | None, typer.Option(help="Write the result as JSON to a file, or - for standard output.", metavar="FILE|-")
    ] = None,
    peers: PeersFolder = None,
    models_dir: ModelsFolder = None,
) -> None:
    """Time whole updates, from a BGR frame to a box, of several trackers in one interleaved run.

    Back to back and at a camera's pace; percentiles, each stage, memory, and ratios to the peers.
    Milliseconds are of this machine at this moment: quote the ratios.

    Example:  uav-tracker benchmark --tracker siamfcpp_lite0 --tracker csrt --size 1280x720
    """
    output = JsonOutput(json)
    sizes = [_parse_size(text) for text in size or ("1280x720", "1920x1080")]
    used_threads = threads or default_threads()
    names = list(dict.fromkeys(tracker or _defaults(models_dir, peers)))
    machine = this_machine()
    console = Console(stderr=True)
    runs = []
    with Progress(console=console, transient=True) as progress:
        per_run = -(-calls // TURN) * TURN * len(names)
        task = progress.add_task("benchmark", total=2 * len(sizes) * per_run)
        for each in sizes:
            scene = Scene(*each)
            memory = {
                name: resident_memory(name, *each, threads=used_threads, models_dir=models_dir, peers_dir=peers)
                for name in names
            }
            for pace in (None, rate):
                subjects = {
                    name: Subject(
                        registry.create(name, models_dir=models_dir, peers_dir=peers, threads=used_threads), CLOCK
                    )
                    for name in names
                }
                samples = measure(
                    subjects,
                    scene,
                    calls=calls,
                    rate=pace,
                    seed=seed,
                    clock=CLOCK,
                    on_call=lambda: progress.advance(task),
                )
                summaries = {name: summarise(values) for name, values in samples.items()}
                runs.append(_Run(each, pace, summaries, memory))
    rows = {name: registry.describe(name, models_dir=models_dir, peers_dir=peers) for name in names}
    output.write(_document(runs, rows, machine, used_threads))
    _print(runs, rows, machine, used_threads, Console(file=sys.stderr if output.to_stdout else sys.stdout))


def _defaults(models_dir: Path | None, peers: Path | None) -> list[str]:
    usable = registry.usable(models_dir=models_dir, peers_dir=peers)
    return [name for name in (registry.DEFAULT_TRACKER, *COMPARED) if name in usable]


def _parse_size(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d{2,5})x(\d{2,5})", text)
    if found is None:
        raise InvalidParameter(f"--size {text}; expected WIDTHxHEIGHT in px, as 1280x720; correct it")
    return int(found.group(1)), int(found.group(2))


def _busy(run: _Run, threads: int) -> bool:
    """Whether wall time was lost to others: only one thread's wall and CPU time compare."""
    return threads == 1 and any(summary.wall_over_cpu > BUSY_FROM for summary in run.summaries.values())


def _document(runs: Sequence[_Run], rows: Mapping[str, Any], machine: Machine, threads: int) -> dict[str, Any]:
    document: dict[str, Any] = {"schema": 1, "machine": machine._asdict(), "threads": threads, "runs": []}
    for run in runs:
        compared = ratios(run.summaries, [name for name in run.summaries if name in PEERS])
        trackers = {}
        for name, summary in run.summaries.items():
            fields = {
                key: value._asdict() if hasattr(value, "_asdict") else value for key, value in summary._asdict().items()
            }
            fields |= {"memory_mib": run.memory[name]._asdict(), "cpu_ratio": compared[name]}
            fields |= {"params": rows[name].params, "macs": rows[name].macs}
            trackers[name] = {key: value for key, value in fields.items() if value is not None}
        document["runs"].append(
            {
                "width": run.size[0],
                "height": run.size[1],
                "frames_per_s": run.rate or "back to back",
                "ranked": not _busy(run, threads),
                "trackers": trackers,
            }
        )
    return document


def _print(runs: Sequence[_Run], rows: Mapping[str, Any], machine: Machine, threads: int, console: Console) -> None:
    versions = ", ".join(f"{name} {version}" for name, version in machine.libraries.items())
    console.print(
        f"{machine.processor}, {machine.cores} cores ({' '.join(machine.flags)}), load {machine.load:.1f}; "
        f"{threads} thread(s) a network; {versions}",
        highlight=False,
    )
    for run in runs:
        console.print(_table(run, rows, threads))
        over = [
            name
            for name, summary in run.summaries.items()
            if summary.beside_network is not None and summary.beside_network.p50 > BUDGET_MS
        ]
        if over:
            console.print(f"more than {BUDGET_MS} ms of CPU time beside the network: {', '.join(over)}")
        if _busy(run, threads):
            console.print(
                f"wall time is more than {BUSY_FROM} times the CPU time: the machine is busy with other things, and "
                "the rows are not ranked"
            )


def _table(run: _Run, rows: Mapping[str, Any], threads: int) -> Table:
    peers = [name for name in run.summaries if name in PEERS]
    pace = f"at {run.rate:g} frames/s" if run.rate else "back to back"
    table = Table(
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        title=f"{run.size[0]}x{run.size[1]}, {pace}: ms of one update; stages are medians of CPU time",
        title_justify="left",
    )
    table.add_column("tracker", no_wrap=True)
    titles = [
        "p50",
        "p95",
        "p99",
        "CPU p50",
        "crop",
        "network",
        "decode",
        "lock",
        "beside network",
        "after",
        "params",
        "MACs",
        "MiB",
    ]
    for title in [*titles, *(f"/ {peer}" for peer in peers)]:
        table.add_column(title, justify="right")
    compared = ratios(run.summaries, peers)
    names = list(run.summaries)
    if not _busy(run, threads):
        names.sort(key=lambda name: run.summaries[name].cpu.p50)
    for name in names:
        summary, memory = run.summaries[name], run.memory[name]
        stages = (summary.crop, summary.network, summary.decode, summary.lock, summary.beside_network)
        cells = [name, *(f"{value:.2f}" for value in summary.wall), f"{summary.cpu.p50:.2f}"]
        cells += [f"{stage.p50:.2f}" if stage else "" for stage in stages]
        cells += [f"{summary.after:.2f}" if summary.after else ""]
        cells += [_count(rows[name].params), _count(rows[name].macs), f"{memory.after:.0f}"]
        table.add_row(*cells, *(f"{compared[name][peer]:.2f}" for peer in peers))
    return table


def _count(number: int | None) -> str:
    return "" if number is None else f"{number / 1e6:.2f} M"
