"""Figures: one function a figure, data in, a matplotlib ``Figure`` out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Okabe and Ito's palette: told apart by colour-blind eyes too.
BLUE, ORANGE, GREEN, VERMILLION, SKY, PURPLE, BLACK = (
    "#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7", "#000000",
)  # fmt: skip
PHASE_COLORS = {
    "IDLE": "#FFFFFF",
    "READY": "#DDDDDD",
    "ENGAGING": SKY,
    "FOLLOWING": GREEN,
    "COASTING": ORANGE,
    "SEARCHING": VERMILLION,
    "HOLD": PURPLE,
    "LANDING": PURPLE,
    "TAKEOVER": BLACK,
}
_BAND_ALPHA = 0.18
CONFIDENCE_TRACKING = 0.5  # the tracker says TRACKING from here on
CONFIDENCE_USABLE = 0.3  # below: not a measurement for the follower


class Series(NamedTuple):
    """One quantity over time; NaN where it was not known."""

    time: Floats  # (N,) s since the target began to move
    value: Floats  # (N,), or (N, K) for K quantities


class Phase(NamedTuple):
    """What the follower was doing from one moment on, until the next phase."""

    start: float  # s since the target began to move
    name: str  # FOLLOWING, COASTING, ...


@dataclass(frozen=True)
class FollowTrace:
    """One flight, as :func:`follow_figure` draws it."""

    title: str
    end: float  # s since the target began to move
    phases: Sequence[Phase]
    distance: Series  # m, horizontal, vehicle to target
    wanted_distance: float  # m
    position_error: Series  # m, horizontal, from the wanted place
    bearing_error: Series  # rad, camera axis to target
    confidence: Series
    velocity_ned: Series  # (N, 3) m/s, the setpoints
    yaw_ned: Series  # rad, the setpoints


def follow_figure(trace: FollowTrace) -> Figure:
    """Distance, bearing error, confidence and setpoints of one flight, over its phases.

    Args:
        trace: the flight; any series may be empty.

    Returns:
        Five panels over one time axis; the phases colour the background.
    """
    figure = Figure(figsize=(10, 10), layout="constrained")
    panels = figure.subplots(5, 1, sharex=True)
    _draw_distance(panels[0], trace)
    _draw_line(panels[1], trace.bearing_error, "bearing error (deg)", BLUE, np.degrees)
    panels[1].axhline(0, color=BLACK, linewidth=0.6)
    _draw_confidence(panels[2], trace.confidence)
    _draw_velocity(panels[3], trace.velocity_ned)
    _draw_line(panels[4], trace.yaw_ned, "yaw setpoint (deg)", PURPLE, _unwrapped_degrees)
    for panel in panels:
        _draw_phases(panel, trace)
        panel.grid(True, linewidth=0.4, alpha=0.5)
        panel.set_xmargin(0)
    panels[-1].set_xlabel("time since the target began to move (s)")
    figure.suptitle(trace.title)
    names = list(dict.fromkeys(phase.name for phase in trace.phases))
    if names:
        patches = [Patch(color=PHASE_COLORS.get(name, BLACK), alpha=2 * _BAND_ALPHA, label=name) for name in names]
        figure.legend(handles=patches, loc="outside lower center", ncols=len(names), frameon=False)
    return figure


def _draw_distance(panel: Axes, trace: FollowTrace) -> None:
    panel.plot(*trace.distance, color=BLUE, label="distance")
    panel.axhline(trace.wanted_distance, color=BLACK, linewidth=0.8, linestyle="--", label="wanted distance")
    panel.plot(*trace.position_error, color=VERMILLION, label="position error")
    panel.set_ylabel("distance (m)")
    panel.set_ymargin(0.35)  # room for the legend
    panel.legend(loc="upper right", fontsize=8, ncols=3, framealpha=0.8)
    panel.set_ylim(bottom=0)


def _draw_confidence(panel: Axes, confidence: Series) -> None:
    panel.plot(*confidence, color=GREEN)
    for level, text in ((CONFIDENCE_TRACKING, "tracking"), (CONFIDENCE_USABLE, "usable")):
        panel.axhline(level, color=BLACK, linewidth=0.6, linestyle=":")
        panel.annotate(text, (0.005, level), xycoords=("axes fraction", "data"), va="bottom", fontsize=8)
    panel.set_ylim(-0.02, 1.02)
    panel.set_ylabel("confidence (-)")


def _draw_velocity(panel: Axes, velocity_ned: Series) -> None:
    for column, (name, color) in enumerate((("north", BLUE), ("east", ORANGE), ("down", GREEN))):
        panel.plot(velocity_ned.time, velocity_ned.value[:, column], color=color, label=name)
    panel.axhline(0, color=BLACK, linewidth=0.6)
    panel.set_ylabel("velocity setpoint (m/s)")
    panel.margins(y=0.2)  # room for the legend
    panel.legend(loc="upper right", fontsize=8, ncols=3, framealpha=0.8)


def _draw_line(panel: Axes, series: Series, label: str, color: str, convert: Callable[[Floats], Floats]) -> None:
    panel.plot(series.time, convert(series.value), color=color)
    panel.set_ylabel(label)


def _unwrapped_degrees(angle: Floats) -> Floats:
    """Degrees without the jump at 180; NaN stays NaN."""
    known = np.isfinite(angle)
    result = np.full(angle.shape, np.nan)
    result[known] = np.degrees(np.unwrap(angle[known]))
    return result


def _draw_phases(panel: Axes, trace: FollowTrace) -> None:
    ends = [*(phase.start for phase in trace.phases[1:]), trace.end]
    for phase, end in zip(trace.phases, ends, strict=False):  # no phases: one end too many
        panel.axvspan(phase.start, end, color=PHASE_COLORS.get(phase.name, BLACK), alpha=_BAND_ALPHA, linewidth=0)
