"""Samples of topics become the record of a stepped flight: rows, gaps, held boxes, angles."""

import math

import numpy as np
import pytest

from uav_tracker_ros.cli.flight_assembly import FlightFacts, assemble, rates
from uav_tracker_ros.cli.flight_log import (
    BoxSample,
    FlightLog,
    PoseSample,
    SetpointSample,
    StateSample,
    TruthSample,
)
from uav_tracker_ros.cli.follow_report import measure, summary, trace
from uav_tracker_ros.following.report import EndCode, FollowPhase
from uav_tracker_ros.following.settings import FollowSettings
from uav_tracker_ros.geometry import Box, TargetState

EPOCH = 1_790_000_000.0  # s; stamps of a real clock
SETTINGS = FollowSettings(mode="follow")
FACTS = FlightFacts("stand", 0, "csrt", "sih", SETTINGS, EndCode.CANCELED, "")


def _state(stamp: float, phase: str = "FOLLOWING", yaw: float = 0.0) -> StateSample:
    return StateSample(stamp, phase, "OFFBOARD", 3, 10.0, 10.0, yaw, 0, "")


@pytest.fixture
def log() -> FlightLog:
    """20 s: 10 m behind a target that walks north with 1 m/s, every box right, 60 ms late."""
    log = FlightLog(engaged=EPOCH, start=EPOCH + 2, end=EPOCH + 20)
    for step in range(1000):
        stamp = EPOCH + 0.02 * step
        log.vehicle.append(PoseSample(stamp, (0.02 * step, 0.0, -6.0), 0.0))
        log.target.append(PoseSample(stamp, (10 + 0.02 * step, 0.0, 0.0), 0.0))
        log.setpoints.append(SetpointSample(stamp, (1.0, 0.0, 0.0), 0.001 * step))
    for step in range(600):
        stamp = EPOCH + step / 30
        log.truths.append(TruthSample(stamp, Box(300, 200, 20, 60), 1.0, 640, 480))
        log.boxes.append(BoxSample(stamp, Box(300, 200, 20, 60), TargetState.TRACKING, 0.9, 1, 0.06))
    log.states += [_state(EPOCH + 0.1 * step, yaw=0.5 + 0.005 * step) for step in range(200)]
    return log


def test_a_perfect_flight(log: FlightLog) -> None:
    record = assemble(log, FACTS)
    run = measure(record, SETTINGS)
    assert run["in_frame"] == 1.0
    assert run["position_error_m"]["max"] == pytest.approx(0, abs=1e-6)
    assert run["bearing_error_deg"]["p95"] == pytest.approx(0, abs=1e-6)
    assert run["setpoints"] == 1000
    assert run["setpoint_gap_ms"]["max"] == pytest.approx(20, abs=0.1)
    assert run["limit_violations"] == 0
    assert run["lost_s"] == run["false_follow_s"] == 0
    assert 60 <= run["latency_ms"]["p50"] <= 94
    assert run["seconds"] == pytest.approx(18, abs=0.1)
    assert any("in frame 100.0 %" in line for line in summary(run))


def test_yaw_setpoints_take_their_level_from_the_state(log: FlightLog) -> None:
    yaw = assemble(log, FACTS).control.setpoint_yaw
    assert yaw[0] == pytest.approx(0.5, abs=0.002)
    assert yaw[-1] == pytest.approx(0.5 + 0.999, abs=0.002)


def test_a_pause_of_the_stream_is_filled_by_states(log: FlightLog) -> None:
    log.setpoints = [sample for sample in log.setpoints if not EPOCH + 10 < sample.stamp < EPOCH + 12]
    log.states = [
        _state(sample.stamp, "COASTING" if EPOCH + 10 < sample.stamp < EPOCH + 12 else "FOLLOWING")
        for sample in log.states
    ]
    record = assemble(log, FACTS)
    paused = np.isnan(record.control.setpoint_yaw)
    assert 15 <= paused.sum() <= 20
    assert (record.control.phase[paused] == FollowPhase.COASTING).all()
    run = measure(record, SETTINGS)
    assert run["lost_s"] == pytest.approx(2, abs=0.3)
    assert run["setpoint_gap_ms"]["max"] == pytest.approx(2000, abs=50)


def test_skipped_images_keep_the_last_box_for_a_while(log: FlightLog) -> None:
    log.boxes = [sample for sample in log.boxes if sample.stamp < EPOCH + 10]
    frames = assemble(log, FACTS).frames
    held = frames.state == TargetState.TRACKING
    assert frames.time[held].max() == pytest.approx(10 + 1 - 2, abs=0.1)
    assert np.isnan(frames.confidence[~held]).all()


def test_a_wrong_box_while_moving_is_a_false_follow(log: FlightLog) -> None:
    log.boxes = [
        sample._replace(box=Box(10, 10, 20, 60)) if EPOCH + 10 <= sample.stamp < EPOCH + 13 else sample
        for sample in log.boxes
    ]
    assert measure(assemble(log, FACTS), SETTINGS)["false_follow_s"] == pytest.approx(3, abs=0.1)


def test_without_truth_only_what_was_measured_is_said(log: FlightLog) -> None:
    log.truths.clear()
    log.target.clear()
    record = assemble(log, FACTS)
    run = measure(record, SETTINGS)
    assert run.keys() >= {"tracker", "seconds", "lost_s", "latency_ms", "setpoints"}
    assert not run.keys() & {"in_frame", "position_error_m", "bars"}
    assert not any(isinstance(value, float) and math.isnan(value) for value in run.values())
    assert trace(record).phases[0].name == "FOLLOWING"


def test_an_empty_log_is_survived() -> None:
    run = measure(assemble(FlightLog(engaged=EPOCH, start=EPOCH, end=EPOCH), FACTS), SETTINGS)
    assert run["setpoints"] == 0


def test_rates_count_what_came(log: FlightLog) -> None:
    log.boxes = log.boxes[::3]
    assert rates(log) == {"image_hz": pytest.approx(30, abs=0.1), "tracked_hz": pytest.approx(10, abs=0.1)}
    assert rates(FlightLog(engaged=EPOCH, end=EPOCH + 1)) == {}


def test_a_flight_that_ended_while_engaging(log: FlightLog) -> None:
    log.start = log.end
    run = measure(assemble(log, FACTS), SETTINGS)
    assert run["setpoints"] > 0
    assert "in_frame" not in run
    assert summary(run)
