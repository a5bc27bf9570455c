"""Bars of many flights in one figure: how much of each limit was used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from uav_tracker_ros.evaluation.plots import BLACK, BLUE, VERMILLION

ROW_IN = 0.17  # inches a bar
LEAST = 0.02  # so that a zero can be seen
MOST = 3.0  # times the limit; longer bars are cut


def bars_figure(rows: Sequence[tuple[str, Mapping[str, Any]]]) -> Figure:
    """One horizontal bar a limit, in the order given; 1 is the limit itself.

    Args:
        rows: label, and a bar with ``name``, ``value``, ``limit`` and ``ok``.

    Returns:
        The figure; what missed its limit is drawn in another colour.
    """
    figure = Figure(figsize=(10, max(2.0, ROW_IN * len(rows) + 1.0)), layout="constrained")
    panel = figure.subplots()
    used = [_used(bar) for _, bar in rows]
    colors = [BLUE if bar["ok"] else VERMILLION for _, bar in rows]
    panel.barh(range(len(rows)), used, color=colors, height=0.75)
    panel.axvline(1.0, color=BLACK, linewidth=0.8)
    panel.set_yticks(range(len(rows)), [label for label, _ in rows], fontsize=6)
    panel.set_ylim(len(rows) - 0.5, -0.5)
    panel.set_xlim(0, MOST)
    panel.set_xlabel("share of the limit that was used (-); beyond 1: not met")
    return figure


def _used(bar: Mapping[str, Any]) -> float:
    value, limit = float(bar["value"]), float(bar["limit"])
    least = str(bar["name"]).endswith("_min")
    top, bottom = (limit, value) if least else (value, limit)
    if bottom <= 0:  # a limit of zero is kept or it is not
        return LEAST if bar["ok"] else MOST
    return max(LEAST, min(MOST, top / bottom))
