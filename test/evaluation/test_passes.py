from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from made_up_sets import plain

from uav_tracker_ros.errors import InputUnreadable, ModelFileMissing
from uav_tracker_ros.evaluation.datasets import open_dataset
from uav_tracker_ros.evaluation.passes import Pass, TrackerSetup, run_passes


@pytest.fixture
def sequences(tmp_path: Path) -> list:
    plain(tmp_path / "set")
    return open_dataset(tmp_path / "set")[1]


def boxes(jobs: list[Pass], workers: int) -> dict[tuple[str, str], list]:
    done = run_passes(jobs, workers=workers)
    return {(job.setup.name, job.sequence.name): [record.box for record in records] for job, records in done}


def test_processes_give_what_one_gives(sequences: list) -> None:
    jobs = [Pass(TrackerSetup(name), sequence) for name in ("static", "kcf") for sequence in sequences]
    assert boxes(jobs, workers=2) == boxes(jobs, workers=1)


def test_lock_and_latency(sequences: list) -> None:
    setups = [
        TrackerSetup("static"),
        TrackerSetup("static", lock=True),
        TrackerSetup("static", latency_aware=True, update_seconds=0.1),
        TrackerSetup("static", latency_aware=True),
        TrackerSetup("csrt"),
    ]
    identities = [setup.identity() for setup in setups]
    assert all(identities.count(identity) == 1 for identity in identities[:4])
    records = [next(run_passes([Pass(setup, sequences[0])]))[1] for setup in setups[:3]]
    assert [len(each) for each in records] == [3, 3, 3]
    assert np.isfinite([record.seconds for record in records[0]]).all()
    assert np.isnan([record.seconds for record in records[2][1:]]).any()  # 25 Hz, 10 updates a second


@pytest.mark.parametrize("workers", [1, 2])
def test_the_failing_pass_is_named(sequences: list, tmp_path: Path, workers: int) -> None:
    (tmp_path / "set/walk/9.png").write_bytes(b"")
    with pytest.raises(InputUnreadable, match=r"static on walk: .*9\.png"):
        boxes([Pass(TrackerSetup("static"), sequence) for sequence in sequences], workers)


def test_absent_weights(sequences: list) -> None:
    with pytest.raises(ModelFileMissing, match="dsatrack_d7"):
        boxes([Pass(TrackerSetup("dsatrack_d7"), sequences[0])], 1)


@pytest.mark.parametrize("workers", [1, 2])
def test_frames_are_counted(sequences: list, workers: int) -> None:
    ticks: list[int] = []
    jobs = [Pass(TrackerSetup("static"), sequence) for sequence in sequences]
    assert len(list(run_passes(jobs, workers=workers, on_frame=lambda: ticks.append(1)))) == 2
    assert len(ticks) == 6
