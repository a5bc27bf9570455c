"""``uav-tracker calibrate``: make a tracker's confidence a probability."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import cv2
import typer
from rich.console import Console
from rich.progress import Progress

from uav_tracker_ros.cli.folders import ModelsFolder, PeersFolder
from uav_tracker_ros.cli.output_folder import JsonOutput
from uav_tracker_ros.errors import OutputExists
from uav_tracker_ros.evaluation.calibration import (
    Outcomes,
    Validation,
    fingerprint,
    fit_confidence,
    observe_clip,
)
from uav_tracker_ros.evaluation.calibration_clips import Clip, in_words, training_clips
from uav_tracker_ros.evaluation.calibration_entry import store
from uav_tracker_ros.trackers import registry
from uav_tracker_ros.trackers.contract import Tracker
from uav_tracker_ros.trackers.model_table import TABLE, default_models_dir

ENOUGH_FRAMES, ENOUGH_WRONG = 2000, 0.2  # fewer: the fit says little
GOOD_AUROC, GOOD_ECE = 0.85, 0.05

app = typer.Typer(help="Fit what a tracker publishes to what is true.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Fit what a tracker publishes to what is true."""


@app.command()
def confidence(
    *,
    data: Annotated[
        list[Path], typer.Option(help="Folder with clips.json and clips/; may be given again.", metavar="DIR")
    ],
    tracker: Annotated[str, typer.Option(help="A name of `uav-tracker models`.")] = registry.DEFAULT_TRACKER,
    clips: Annotated[int, typer.Option(help="Most clips of one source, drawn by seed.", min=1)] = 16,
    frames: Annotated[int, typer.Option(help="Most frames of one pass over a clip.", min=30)] = 70,
    seed: Annotated[int, typer.Option(help="Draws clips, moves and folds.")] = 0,
    threads: Annotated[
        int | None, typer.Option(help="Of the network.", min=1, show_default="cores - 1, at most 4")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the calibration that is stored.")] = False,
    json: Annotated[
        str | None, typer.Option(help="Write the result as JSON to a file, or - for standard output.", metavar="FILE|-")
    ] = None,
    peers: PeersFolder = None,
    models_dir: ModelsFolder = None,
) -> None:
    """Fit the published confidence on training clips and store it in models.yaml.

    Confidence is the probability that the box overlaps the target by half. Each clip is run plain, with
    the target covered now and then, and with the tracker moved off it once. Clips that a benchmark judges
    trackers by are refused. AUROC and calibration error are of clips that the fit has not seen.

    Example:  uav-tracker calibrate confidence --tracker csrt --data data/train --overwrite
    """
    output = JsonOutput(json)
    table = (models_dir or default_models_dir()) / TABLE
    if registry.calibration(tracker, models_dir=models_dir) is not None and not overwrite:
        raise OutputExists(f"{table} has a calibration of {tracker}; expected none; add --overwrite to replace it")
    cv2.setRNGSeed(seed)
    subject = registry.create(tracker, models_dir=models_dir, peers_dir=peers, threads=threads)
    chosen = training_clips(data, clips, seed)
    outcomes = _observe(subject, tracker, chosen, frames, seed)
    fitted, validation = fit_confidence(outcomes, seed)
    used = [clip for clip, outcome in zip(chosen, outcomes, strict=True) if len(outcome.correct)]
    fitted = dataclasses.replace(
        fitted,
        data=(
            f"{validation.frames} frames of {len(used)} training clips ({in_words(used)}), {validation.wrong:.0%} "
            f"wrong: plain, covered for 20 of 40 frames, moved off once; seed {seed}"
        ),
        data_sha256=fingerprint(outcomes),
    )
    store(table, tracker, fitted)
    _report(tracker, fitted.data, validation, table, to=sys.stderr if output.to_stdout else sys.stdout)
    output.write(
        {
            "schema": 1,
            "tracker": tracker,
            "auroc": validation.auroc,
            "ece_15": validation.ece,
            "frames": validation.frames,
            "wrong": validation.wrong,
            "clips": [clip.name for clip in used],
            "calibration": dataclasses.asdict(fitted),
        }
    )


def _observe(subject: Tracker, name: str, chosen: Sequence[Clip], frames: int, seed: int) -> list[Outcomes]:
    outcomes = []
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(name, total=len(chosen))
        for clip in chosen:
            images, truth = clip.read()
            outcomes.append(observe_clip(subject, images, truth, frames, clip.seed(seed)))
            progress.advance(task)
    return outcomes


def _report(name: str, data: str, validation: Validation, table: Path, to: Any) -> None:
    print(f"{name}: {data}", file=to)
    print(
        f"on clips left out of the fit: AUROC {validation.auroc:.3f}, calibration error {validation.ece:.3f} (15 bins)",
        file=to,
    )
    if validation.frames < ENOUGH_FRAMES or validation.wrong < ENOUGH_WRONG:
        print(
            f"few examples: {ENOUGH_FRAMES} frames with {ENOUGH_WRONG:.0%} wrong are wanted; give more clips", file=to
        )
    if validation.auroc < GOOD_AUROC or validation.ece > GOOD_ECE:
        print(f"weak: an AUROC of {GOOD_AUROC} and an error of {GOOD_ECE} or better are wanted", file=to)
    print(f"stored in {table}", file=to)
