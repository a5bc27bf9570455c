"""Figures of honest loss: data in, a matplotlib ``Figure`` out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from uav_tracker_ros.evaluation.plots import BLACK, BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILLION
from uav_tracker_ros.evaluation.reliability import Bin, Roc

_COLORS = (BLUE, ORANGE, GREEN, VERMILLION, SKY, PURPLE, BLACK)


def reliability_figure(bins: Mapping[str, Sequence[Bin]]) -> Figure:
    """Share of right boxes over confidence, a line a tracker; marks are as large as their share of the frames."""
    figure = Figure(figsize=(5.2, 5.0), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="0.6", linestyle=":", label="a probability")
    for (name, points), color in zip(sorted(bins.items()), _repeated(len(bins)), strict=True):
        total = sum(point.frames for point in points) or 1
        confidence, right = [point.confidence for point in points], [point.correct for point in points]
        axes.plot(confidence, right, color=color, label=name)
        axes.scatter(confidence, right, [400 * point.frames / total + 4 for point in points], color=color, alpha=0.5)
    axes.set(xlabel="confidence", ylabel="share of boxes with IoU >= 0.5", xlim=(0, 1), ylim=(0, 1))
    axes.legend(loc="upper left", frameon=False)
    return figure


def roc_figure(curves: Mapping[str, Roc]) -> Figure:
    """Losses told over false alarms, a line a tracker, the best first."""
    figure = Figure(figsize=(5.2, 5.0), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="0.6", linestyle=":")
    colors = dict(zip(sorted(curves), _repeated(len(curves)), strict=True))  # a tracker's colour is that of the others
    for name in sorted(curves, key=lambda name: -curves[name].area):
        curve = curves[name]
        axes.plot(curve.false_alarm, curve.detected, color=colors[name], label=f"{name} ({curve.area:.3f})")
    axes.set(
        xlabel="false alarms, share of frames without loss",
        ylabel="losses told, share of frames with IoU < 0.1",
        xlim=(0, 1),
        ylim=(0, 1),
    )
    axes.legend(loc="lower right", frameon=False, title="tracker (AUROC)")
    return figure


def _repeated(count: int) -> list[str]:
    return [_COLORS[number % len(_COLORS)] for number in range(count)]
