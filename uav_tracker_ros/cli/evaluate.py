"""``uav-tracker evaluate``: one-pass evaluation of any trackers over any sequences."""

from __future__ import annotations

import functools
import sys
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from uav_tracker_ros.cli.evaluate_report import Report, print_report, write_reports
from uav_tracker_ros.cli.folders import ModelsFolder, PeersFolder
from uav_tracker_ros.cli.output_folder import JsonOutput
from uav_tracker_ros.errors import InvalidParameter, unknown_name
from uav_tracker_ros.evaluation.comparison_video import write_comparison
from uav_tracker_ros.evaluation.datasets import LAYOUTS, Sequence, open_dataset
from uav_tracker_ros.evaluation.metrics import CONVENTIONS
from uav_tracker_ros.evaluation.passes import Pass, TrackerSetup, make_tracker, run_passes
from uav_tracker_ros.evaluation.results import ResultFolder, publish
from uav_tracker_ros.evaluation.running import FrameRecord
from uav_tracker_ros.evaluation.summary import TrackerSummary, summarize_sequence
from uav_tracker_ros.trackers import registry

Records = dict[tuple[str, str], list[FrameRecord]]  # by tracker and sequence


def evaluate(
    data: Annotated[
        list[Path], typer.Argument(help="Data sets, folders of videos or pictures, videos; each with true boxes.")
    ],
    *,
    trackers: Annotated[
        str,
        typer.Option(help="Names of `uav-tracker models`, with commas; or all that can run here.", metavar="A,B|all"),
    ] = registry.DEFAULT_TRACKER,
    sequences: Annotated[
        str | None, typer.Option(help="Only these, with commas.", metavar="A,B", show_default="all")
    ] = None,
    layout: Annotated[str, typer.Option(help=f"auto, {', '.join(LAYOUTS)}.")] = "auto",
    convention: Annotated[
        str, typer.Option(help=f"What is counted: {', '.join(CONVENTIONS)} (docs/evaluation.md).")
    ] = "default",
    lock: Annotated[
        bool, typer.Option("--lock", help="Judge what the lock publishes (re-detection, states), not the bare tracker.")
    ] = False,
    latency_aware: Annotated[
        bool, typer.Option("--latency-aware", help="Frames arrive at their rate; a slow tracker skips.")
    ] = False,
    update_ms: Annotated[
        float | None,
        typer.Option(help="Time of each update, latency-aware; repeats exactly.", show_default="as measured"),
    ] = None,
    video: Annotated[bool, typer.Option("--video", help="Also videos with the trackers' boxes side by side.")] = False,
    out: Annotated[Path, typer.Option(help="Folder for the results; finished sequences in it are kept.")] = Path(
        "out/evaluate"
    ),
    restart: Annotated[bool, typer.Option("--restart", help="Forget these trackers' results in the folder.")] = False,
    workers: Annotated[int, typer.Option(help="Sequences at a time; more share the machine: lower fps.", min=1)] = 1,
    backend: Annotated[str, typer.Option(help="auto, onnxruntime, openvino, tensorrt or torch.")] = "auto",
    threads: Annotated[int, typer.Option(help="Of each network.", min=1)] = 1,
    json: Annotated[
        str | None,
        typer.Option(help="Write the summary as JSON to a file, or - for standard output.", metavar="FILE|-"),
    ] = None,
    peers: PeersFolder = None,
    models_dir: ModelsFolder = None,
    seed: Annotated[int, typer.Option(help="For trackers that draw random numbers.")] = 0,
) -> None:
    """Score trackers on sequences with true boxes: first box given, one pass.

    Success AUC, precision, robustness, attributes and speed as tables, CSV, JSON and plots; boxes as
    TRACKER/SEQUENCE.txt. Stopped runs go on where they were.

    Example:  uav-tracker evaluate ~/UAV123 --trackers csrt,siamfcpp_lite0 --workers 4
    """
    summary_output = JsonOutput(json)
    if convention not in CONVENTIONS:
        raise unknown_name("convention", convention, CONVENTIONS)
    if update_ms is not None and not latency_aware:
        raise InvalidParameter("--update-ms is given without --latency-aware; expected both; add --latency-aware")
    setups = [
        TrackerSetup(
            name,
            lock=lock,
            latency_aware=latency_aware,
            update_seconds=None if update_ms is None else update_ms / 1e3,
            backend=backend,
            threads=threads,
            seed=seed,
            models_dir=models_dir,
            peers_dir=peers,
        )
        for name in _names(trackers, models_dir, peers)
    ]
    layouts, chosen = _sequences(data, layout, sequences)
    for setup in setups:
        make_tracker(setup)  # what cannot run is said before anything does
    with ResultFolder(out) as folder:
        records = _run(setups, chosen, folder, restart=restart, workers=workers)
        report = Report(
            convention=CONVENTIONS[convention],
            setup=setups[0],
            data={str(path): name for path, name in zip(data, layouts, strict=True)},
            trackers=[_summary(setup, chosen, records, convention) for setup in setups],
            workers=workers,
        )
        files = write_reports(report, out)
        files += _videos(chosen, setups, records, out) if video else []
    summary_output.write(report.as_json())
    print_report(report, files, to=sys.stderr if summary_output.to_stdout else sys.stdout)


def _names(trackers: str, models_dir: Path | None, peers: Path | None) -> list[str]:
    if trackers == "all":
        return registry.usable(models_dir=models_dir, peers_dir=peers)
    names = [name for name in (part.strip() for part in trackers.split(",")) if name]
    if not names:
        raise InvalidParameter(
            f"--trackers '{trackers}' names none; expected names with commas; see `uav-tracker models`"
        )
    return list(dict.fromkeys(names))


def _sequences(data: list[Path], layout: str, chosen: str | None) -> tuple[list[str], list[Sequence]]:
    """The layouts of the data sets, and the sequences of all of them that were asked for."""
    opened = [open_dataset(path, layout) for path in data]
    found = [sequence for _, each in opened for sequence in each]
    twice = [name for name, count in Counter(sequence.name for sequence in found).items() if count > 1]
    if twice:
        raise InvalidParameter(
            f"{len(twice)} sequences are there twice ({', '.join(twice[:3])}); expected each name once; "
            "evaluate the data sets one by one"
        )
    if chosen is not None:
        by_name = {sequence.name: sequence for sequence in found}
        names = list(dict.fromkeys(part.strip() for part in chosen.split(",") if part.strip()))
        for name in names:
            if name not in by_name:
                raise unknown_name("sequence", name, by_name)
        found = [by_name[name] for name in names]
    if not found:
        raise InvalidParameter("--sequences names none; expected names with commas; leave it out for all")
    return [name for name, _ in opened], found


def _run(
    setups: list[TrackerSetup], sequences: list[Sequence], folder: ResultFolder, *, restart: bool, workers: int
) -> Records:
    """What is still to do, each pass kept as soon as it is finished."""
    stores = {setup.name: folder.of(setup.name, setup.identity(), restart=restart) for setup in setups}
    records: Records = {}
    jobs = []
    for setup in setups:
        for sequence in sequences:
            finished = stores[setup.name].finished(sequence)
            if finished is None:
                jobs.append(Pass(setup, sequence))
            else:
                records[setup.name, sequence.name] = finished
    console = Console(stderr=True)
    if records:
        console.print(f"{len(records)} of {len(records) + len(jobs)} passes are there already", highlight=False)
    total = sum(len(job.sequence.truth) for job in jobs)
    try:
        with Progress(console=console, transient=True) as progress:
            task = progress.add_task("", total=total)
            for number, (job, found) in enumerate(
                run_passes(jobs, workers=workers, on_frame=lambda: progress.advance(task)), 1
            ):
                stores[job.setup.name].save(job.sequence, found)
                records[job.setup.name, job.sequence.name] = found
                progress.update(task, description=f"{number}/{len(jobs)} {job.setup.name} on {job.sequence.name}")
    except KeyboardInterrupt:
        kept = sum(folder.of(setup.name, setup.identity()).count for setup in setups)
        console.print(f"{kept} finished passes are kept in {folder.path}: the same command goes on")
        raise
    return records


def _summary(setup: TrackerSetup, sequences: list[Sequence], records: Records, convention: str) -> TrackerSummary:
    rows = [
        summarize_sequence(sequence, records[setup.name, sequence.name], CONVENTIONS[convention])
        for sequence in sequences
    ]
    return TrackerSummary(setup.name, tuple(rows))


def _videos(sequences: list[Sequence], setups: list[TrackerSetup], records: Records, out: Path) -> list[Path]:
    files = []
    for sequence in sequences:
        shown = {setup.name: records[setup.name, sequence.name] for setup in setups}
        write = functools.partial(write_comparison, sequence=sequence, records=shown)
        files.append(publish(out / "videos" / f"{sequence.name}.mp4", write))
    return files
