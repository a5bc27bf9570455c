"""Figures that compare trackers: success and precision curves, bars by sequence. Data in, a ``Figure`` out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from uav_tracker_ros.evaluation.plots import BLACK, BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILLION, Floats

_COLORS = (BLUE, ORANGE, GREEN, VERMILLION, SKY, PURPLE, BLACK)
_STYLES = ("-", "--", ":", "-.")
_BAR_WIDTH = 0.85  # of the room of one sequence


class Curve(NamedTuple):
    """One tracker's curve and the number that ranks it."""

    tracker: str
    values: Floats  # (N,) shares, 0 to 1
    score: float


class Look(NamedTuple):
    """How a tracker is drawn."""

    color: str
    style: str


def looks(trackers: Iterable[str]) -> dict[str, Look]:
    """The same look for a tracker in every figure of one run, whatever its rank."""
    return {
        name: Look(_COLORS[number % len(_COLORS)], _STYLES[number // len(_COLORS) % len(_STYLES)])
        for number, name in enumerate(sorted(trackers))
    }


def curves_figure(curves: Sequence[Curve], thresholds: Floats, *, title: str, x_label: str, y_label: str) -> Figure:
    """Share of frames over a threshold, one line a tracker, the legend sorted by score.

    Args:
        curves: one a tracker.
        thresholds: (N,) of all of them.
        title: above the figure.
        x_label: what the threshold is, with its unit.
        y_label: what the share is of.
    """
    figure = Figure(figsize=(6.4, 5.2), layout="constrained")
    axes = figure.subplots()
    look = looks(curve.tracker for curve in curves)
    for curve in sorted(curves, key=lambda each: -each.score):
        color, style = look[curve.tracker]
        axes.plot(thresholds, curve.values, color=color, linestyle=style, label=f"{curve.tracker} [{curve.score:.3f}]")
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    axes.set_xlim(thresholds[0], thresholds[-1])
    axes.set_ylim(0, 1.02)
    axes.grid(True, linewidth=0.4, alpha=0.5)
    axes.legend(fontsize=8, framealpha=0.8)
    figure.suptitle(title)
    return figure


def sequence_bars_figure(scores: Mapping[str, Mapping[str, float]], *, title: str, x_label: str) -> Figure:
    """One group of bars a sequence, the hardest (lowest mean) at the bottom.

    Args:
        scores: by tracker, then by sequence, 0 to 1.
        title: above the figure.
        x_label: what the score is.
    """
    sequences = sorted({name for each in scores.values() for name in each}, key=lambda name: _mean(scores, name))
    height = max(2.5, 0.6 + len(sequences) * max(0.3, 0.12 * len(scores)))
    figure = Figure(figsize=(8, min(height, 300)), layout="constrained")
    axes = figure.subplots()
    look = looks(scores)
    ranked = sorted(scores, key=lambda name: -float(np.mean(list(scores[name].values()))))
    width = _BAR_WIDTH / len(ranked)
    places = np.arange(len(sequences), dtype=float)
    for number, tracker in enumerate(ranked):
        offset = (len(ranked) - 1) / 2 - number  # the best is the uppermost of its group
        values = [scores[tracker].get(name, math.nan) for name in sequences]
        color, style = look[tracker]
        axes.barh(
            places + offset * width, values, width, color=color, label=tracker, hatch="" if style == "-" else "//"
        )
    axes.set_yticks(places, sequences, fontsize=8)
    axes.set_ylim(-0.6, len(sequences) - 0.4)
    axes.set_xlim(0, 1)
    axes.set_xlabel(x_label)
    axes.grid(True, axis="x", linewidth=0.4, alpha=0.5)
    figure.legend(loc="outside lower center", ncols=min(len(ranked), 6), fontsize=8, frameon=False)
    figure.suptitle(title)
    return figure


def _mean(scores: Mapping[str, Mapping[str, float]], sequence: str) -> float:
    return float(np.mean([each[sequence] for each in scores.values() if sequence in each]))
