"""follow.png: axes with units, every phase in the legend, gaps survived."""

import dataclasses
import io

import numpy as np
import pytest

from uav_tracker_ros.evaluation.plots import FollowTrace, Phase, Series, follow_figure


@pytest.fixture
def trace() -> FollowTrace:
    time = np.arange(0, 20, 0.1)
    wave = np.sin(time)
    return FollowTrace(
        title="sinusoid, csrt, seed 0",
        end=20.0,
        phases=(Phase(-1.5, "ENGAGING"), Phase(3.0, "FOLLOWING"), Phase(12.0, "COASTING"), Phase(13.0, "FOLLOWING")),
        distance=Series(time, 10 + wave),
        wanted_distance=10.0,
        position_error=Series(time, np.abs(wave)),
        bearing_error=Series(time, np.radians(3 * wave)),
        confidence=Series(time, 0.7 + 0.2 * wave),
        velocity_ned=Series(time, np.stack([wave, 2 * wave, 0 * wave], axis=1)),
        yaw_ned=Series(time, np.where(wave > 0, np.pi - 0.05, -np.pi + 0.05)),
    )


def test_every_axis_has_its_unit(trace: FollowTrace) -> None:
    figure = follow_figure(trace)
    labels = [panel.get_ylabel() for panel in figure.axes]
    assert labels == [
        "distance (m)", "bearing error (deg)", "confidence (-)", "velocity setpoint (m/s)", "yaw setpoint (deg)",
    ]  # fmt: skip
    assert figure.axes[-1].get_xlabel() == "time since the target began to move (s)"


def test_each_phase_is_named_once(trace: FollowTrace) -> None:
    names = [text.get_text() for text in follow_figure(trace).legends[0].get_texts()]
    assert names == ["ENGAGING", "FOLLOWING", "COASTING"]


def test_angles_are_drawn_in_degrees_without_jumps(trace: FollowTrace) -> None:
    figure = follow_figure(trace)
    bearing = figure.axes[1].lines[0].get_ydata()
    assert np.max(bearing) == pytest.approx(3, abs=0.01)
    yaw = figure.axes[4].lines[0].get_ydata()
    assert np.max(np.abs(np.diff(yaw))) == pytest.approx(np.degrees(0.1), abs=0.01)


@pytest.mark.parametrize("gap", ["nan", "empty"])
def test_unknown_values_leave_gaps(trace: FollowTrace, gap: str) -> None:
    missing = Series(np.array([0.0, 1.0]), np.array([np.nan, 2.0]))
    if gap == "empty":
        missing = Series(np.empty(0), np.empty(0))
    sparse = dataclasses.replace(
        trace,
        phases=(),
        distance=missing,
        position_error=missing,
        bearing_error=missing,
        confidence=missing,
        velocity_ned=Series(np.empty(0), np.empty((0, 3))),
        yaw_ned=missing,
    )
    picture = io.BytesIO()
    follow_figure(sparse).savefig(picture, format="png", dpi=30)
    assert picture.getvalue().startswith(b"\x89PNG")
