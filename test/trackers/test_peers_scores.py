"""Published scores of the peers, repeated by this package's own loop."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from uav_tracker_ros.evaluation.frame_source import open_source, read_boxes
from uav_tracker_ros.evaluation.metrics import score_sequence
from uav_tracker_ros.geometry import Box
from uav_tracker_ros.trackers import registry

# Success AUC and precision at 20 px of one published run.
PUBLISHED = [
    ("static", "dtb_Surfing06", 0.030, 0.067),
    ("static", "uav_truck4_2", 0.028, 0.065),
    ("kcf", "dtb_Surfing06", 0.081, 0.152),
    ("kcf", "uav_truck4_2", 0.085, 0.130),
    ("nanotrack2", "dtb_Surfing06", 0.628, 1.000),
    ("nanotrack2", "uav_boat5", 0.797, 1.000),
    ("nanotrack3", "dtb_Surfing06", 0.588, 1.000),
    ("nanotrack3", "uav_boat5", 0.854, 1.000),
    ("csrt", "dtb_Surfing06", 0.538, 1.000),
]


@pytest.mark.parametrize(("name", "sequence", "success", "precision"), PUBLISHED)
def test_scores_are_the_published_ones(
    peers_dir: Path, name: str, sequence: str, success: float, precision: float
) -> None:
    video = peers_dir.parent / "data" / "dev" / f"{sequence}.mp4"
    if not video.is_file():
        pytest.skip(f"{video.name} is not beside the peers' folder (data/dev)")
    tracker = registry.create(name, peers_dir=peers_dir, threads=1)
    source = open_source(str(video))
    assert source.truth_file is not None
    truth = read_boxes(source.truth_file)
    found = []
    for number, image in enumerate(source):
        if number == 0:
            tracker.initialize(image, Box(*truth[0]))
            found.append(truth[0])
        else:
            found.append(tracker.update(image).box)
    scores = score_sequence(np.array(found), truth)
    assert scores.success_auc == pytest.approx(success, abs=0.02)
    assert scores.precision_20px == pytest.approx(precision, abs=0.02)
