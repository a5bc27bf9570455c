"""What ``uav-tracker evaluate`` says and leaves: tables, CSV, JSON, plots."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.table import Table

from uav_tracker_ros.evaluation.metrics import DISTANCES, THRESHOLDS, Convention
from uav_tracker_ros.evaluation.passes import TrackerSetup
from uav_tracker_ros.evaluation.reliability import correct, lost, pooled, reliability_bins, roc
from uav_tracker_ros.evaluation.results import publish, publish_text
from uav_tracker_ros.evaluation.summary import (
    TrackerSummary,
    as_json,
    attributes_csv,
    curves_csv,
    sequences_csv,
    trackers_csv,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_FILE_WIDTH = 160  # columns, where no terminal says its own: nothing is cut


@dataclass(frozen=True)
class Report:
    """Everything that one evaluation found."""

    convention: Convention
    setup: TrackerSetup  # of the first tracker; the way of running is that of all
    data: dict[str, str]  # layout by path
    trackers: list[TrackerSummary]
    workers: int

    def as_json(self) -> dict[str, Any]:
        """The summary; numbers that were not measured are absent."""
        document: dict[str, Any] = {
            "schema": 1,
            "convention": {**self.convention._asdict(), "text": str(self.convention)},
            "boxes_of": "lock" if self.setup.lock else "tracker",
            "data": self.data,
        }
        if self.setup.latency_aware:
            seconds = self.setup.update_seconds
            document["latency"] = {"update_ms": "measured" if seconds is None else seconds * 1e3}
        return document | {"trackers": as_json(self.trackers)}

    @property
    def ranked(self) -> list[TrackerSummary]:
        """Best success first."""
        return sorted(self.trackers, key=lambda each: -each.mean("success_auc"))

    @property
    def footnotes(self) -> list[str]:
        """What the numbers mean."""
        notes = [f"Convention: {self.convention}."]
        notes.append(
            "Boxes are what the lock publishes."
            if self.setup.lock
            else "Boxes are the bare tracker's, without the lock."
        )
        if self.setup.latency_aware:
            given = self.setup.update_seconds
            took = "as measured" if given is None else f"taken as {given * 1e3:g} ms"
            notes.append(f"Latency-aware: each frame is judged by the newest box that was ready; updates {took}.")
        shared = f", {self.workers} workers sharing the machine" if self.workers > 1 else ""
        notes.append(
            f"robust: share of frames with IoU > 0; losses: times that it fell to 0; fps: whole updates, decoding left "
            f"out{shared}."
        )
        notes.append(
            "AUROC: how well confidence tells IoU < 0.1 or an absent target (raw: the score itself); ECE: its error as "
            "a probability of IoU >= 0.5; false follow: TRACKING said of a lost target."
        )
        return notes


def write_reports(report: Report, out: Path) -> list[Path]:
    """Tables, curves and figures into the folder; returns the files.

    Raises:
        OutputUnwritable: one cannot be written.
    """
    trackers = report.ranked
    texts = {
        "summary.json": json.dumps(report.as_json(), indent=2, allow_nan=False) + "\n",
        "trackers.csv": trackers_csv(trackers),
        "sequences.csv": sequences_csv(trackers),
        "success.csv": curves_csv(trackers, "success", THRESHOLDS),
        "precision.csv": curves_csv(trackers, "precision", DISTANCES),
    }
    if any(each.attributes for each in trackers):
        texts["attributes.csv"] = attributes_csv(trackers)
    files = [publish_text(out / name, text) for name, text in texts.items()]
    return files + [_save(out / name, figure) for name, figure in _figures(report).items()]


def _figures(report: Report) -> dict[str, Figure]:
    # Here and not above: matplotlib's import takes a third of a second, and every command would wait for it.
    from uav_tracker_ros.evaluation.comparison_plots import Curve, curves_figure, sequence_bars_figure

    count = len(report.trackers[0].sequences)
    title = f"{', '.join(Path(path).name for path in report.data)}: {count} sequence{'s' if count > 1 else ''}"

    def curves(kind: str, score: str) -> list[Curve]:
        return [Curve(each.name, each.curve(kind), each.mean(score)) for each in report.trackers]

    by_sequence = {each.name: {s.name: s.scores.success_auc for s in each.sequences} for each in report.trackers}
    return {
        "success.png": curves_figure(
            curves("success", "success_auc"),
            THRESHOLDS,
            title=f"Success, {title} [AUC]",
            x_label="threshold of IoU (-)",
            y_label="share of frames above",
        ),
        "precision.png": curves_figure(
            curves("precision", "precision_20px"),
            DISTANCES,
            title=f"Precision, {title} [at 20 px]",
            x_label="distance of the centres (px)",
            y_label="share of frames within",
        ),
        **_confidence_figures(report),
        "sequences.png": sequence_bars_figure(by_sequence, title=f"Success by sequence, {title}", x_label="AUC (-)"),
    }


def _confidence_figures(report: Report) -> dict[str, Figure]:
    from uav_tracker_ros.evaluation.reliability_plots import reliability_figure, roc_figure

    judged = {each.name: pooled([s.confidence for s in each.sequences]) for each in report.trackers}
    return {
        "reliability.png": reliability_figure(
            {name: reliability_bins(confidence, correct(overlap)) for name, (confidence, overlap) in judged.items()}
        ),
        "roc.png": roc_figure({name: roc(confidence, lost(overlap)) for name, (confidence, overlap) in judged.items()}),
    }


def _save(file: Path, figure: Figure) -> Path:
    return publish(file, lambda partial: figure.savefig(partial, dpi=150))


def print_report(report: Report, files: list[Path], to: Any) -> None:
    """The tables for people."""
    console = Console(file=to, highlight=False)
    if not console.is_terminal:
        console.width = _FILE_WIDTH
    console.print(_scores(report.ranked))
    console.print(_confidence(report.ranked))
    if any(each.attributes for each in report.trackers):
        console.print(_attributes(report.ranked))
    for note in report.footnotes:
        console.print(note, soft_wrap=True)
    console.print("wrote " + ", ".join(str(file) for file in files), soft_wrap=True)


def _scores(trackers: list[TrackerSummary]) -> Table:
    table = _table("tracker", "AUC", "P20", "norm. P", "robust", "losses", "fps")
    for each in trackers:
        means = [each.mean(name) for name in ("success_auc", "precision_20px", "normalized_precision", "robustness")]
        table.add_row(each.name, *(_cell(mean, ".3f") for mean in means), str(each.losses), _cell(each.fps, ".0f"))
    return table


def _confidence(trackers: list[TrackerSummary]) -> Table:
    table = _table("confidence of", "AUROC", "raw AUROC", "ECE", "lost frames", "false follow s", "longest s")
    for each in trackers:
        honest = each.honest
        told = [_cell(value, ".3f") for value in (honest.auroc, each.score_auroc, honest.ece)]
        seconds = [f"{value:.1f}" for value in (honest.false_follow_s, honest.longest_false_follow_s)]
        table.add_row(each.name, *told, str(honest.lost_frames), *seconds)
    return table


def _cell(value: float, form: str) -> str:
    return format(value, form) if math.isfinite(value) else ""


def _attributes(trackers: list[TrackerSummary]) -> Table:
    """Success AUC, a line an attribute, with its number of sequences."""
    table = _table("AUC of", "sequences", *(each.name for each in trackers))
    for name, count in trackers[0].attributes.items():
        table.add_row(name, str(count), *(_cell(each.mean("success_auc", name), ".3f") for each in trackers))
    return table


def _table(*titles: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for number, title in enumerate(titles):
        table.add_column(title, justify="right" if number else "left", no_wrap=True)
    return table
