from __future__ import annotations

import numpy as np
import pytest

from uav_tracker_ros.errors import InvalidParameter
from uav_tracker_ros.evaluation.calibration import Outcomes, cover, fingerprint, fit_confidence, observe_clip
from uav_tracker_ros.geometry import Box, Image
from uav_tracker_ros.trackers.confidence import FEATURE_NAMES
from uav_tracker_ros.trackers.contract import Observation, PeakFeatures

SIZE = 120


def picture(x: int) -> np.ndarray:
    """A target of 20 x 20 px at (x, 40) whose pixels say where it is; ground as bright as its column."""
    image = np.repeat(np.arange(SIZE, dtype=np.uint8)[None, :, None], SIZE, axis=0).repeat(3, axis=2)
    image[40:60, x : x + 20] = 255
    return image


class Finder:
    """Finds the bright square; keeps its last box where there is none. Remembers what it was asked."""

    def __init__(self) -> None:
        self.starts: list[Box] = []
        self.moves: list[Box] = []
        self.seen: list[bool] = []
        self.box = Box(0, 0, 0, 0)
        self.moved = False

    def initialize(self, image: Image, box: Box) -> None:
        self.starts.append(box)
        self.box, self.moved = box, False

    def update(self, image: Image) -> Observation:
        columns = np.flatnonzero(image[50, :, 0] == 255)
        self.seen.append(len(columns) > 0)
        if len(columns) and not self.moved:
            self.box = Box(float(columns[0]), 40.0, 20.0, 20.0)
        return Observation(self.box, 0.9 if len(columns) else 0.1, PeakFeatures(0.9, apce=5.0))

    def probe(self, image: Image, region: Box) -> Observation:
        return Observation(region, 0.0, PeakFeatures(0.0))

    def move_to(self, box: Box) -> None:
        self.moves.append(box)
        self.box, self.moved = box, True


def clip(frames: int = 60) -> tuple[list[np.ndarray], np.ndarray]:
    xs = [10 + number // 2 for number in range(frames)]
    return [picture(x) for x in xs], np.array([[x, 40.0, 20.0, 20.0] for x in xs])


def test_three_passes_with_losses_made_on_purpose() -> None:
    images, truth = clip()
    finder = Finder()
    outcomes = observe_clip(finder, images, truth, frames=50, seed=3)
    plain, covered, moved = outcomes.correct[:49], outcomes.correct[49:93], outcomes.correct[93:]
    assert plain.all()
    # Starts at frame 15, so 45 frames: 1 to 19 free, 20 to 39 covered, free again. The finder recovers at once.
    assert covered.tolist() == [True] * 19 + [False] * 20 + [True] * 5
    assert finder.seen[49:93] == covered.tolist()
    # Moved off at frame 12; after ten wrong frames it is started anew, which is not judged.
    assert moved.tolist() == [True] * 11 + [False] * 10 + [True] * 22
    assert len(finder.moves) == 1
    distance = np.hypot(*np.subtract(finder.moves[0].center, (truth[27, 0] + 10, 50)))
    assert distance == pytest.approx(1.6 * 20)
    assert len(finder.starts) == 4
    assert outcomes.features.shape == (len(outcomes.correct), len(FEATURE_NAMES))


def test_frames_without_truth_are_shown_but_not_judged() -> None:
    images, truth = clip()
    truth[20:30] = np.nan
    finder = Finder()
    outcomes = observe_clip(finder, images, truth, frames=50, seed=3)
    assert len(outcomes.correct) < len(finder.seen)
    assert outcomes.correct[:39].all()
    assert not observe_clip(finder, images, np.full_like(truth, np.nan), frames=50, seed=3).correct.size


@pytest.mark.parametrize("x", [0, 40, 99], ids=["left edge", "middle", "right edge"])
def test_cover_hides_the_target_with_what_is_beside_it(x: int) -> None:
    image = picture(x)
    before = image.copy()
    hidden = cover(image, Box(x, 40, 20, 20))
    assert (image == before).all()
    assert not (hidden == 255).any()
    assert (hidden[:30] == image[:30]).all()
    assert hidden[50, 50:60].std() > 0  # a piece of the ground, not one colour


def test_cover_of_a_box_as_wide_as_the_image_blurs_it() -> None:
    image = np.random.default_rng(0).integers(0, 256, (60, 60, 3), dtype=np.uint8)
    assert cover(image, Box(5, 5, 50, 50))[10:50, 10:50].std() < image.std() / 4


def made_up(clips: int, rows: int = 100, seed: int = 0) -> list[Outcomes]:
    generator = np.random.default_rng(seed)
    result = []
    for _ in range(clips):
        features = np.full((rows, len(FEATURE_NAMES)), np.nan)
        features[:, 0] = generator.normal(size=rows)
        features[:, FEATURE_NAMES.index("similarity")] = generator.normal(size=rows)
        correct = generator.random(rows) < 1 / (1 + np.exp(-3 * features[:, 0]))
        result.append(Outcomes(features, correct))
    return result


def test_fit_uses_what_was_measured_and_judges_on_clips_left_out() -> None:
    clips = made_up(10)
    calibration, validation = fit_confidence(clips, seed=1)
    assert calibration.names == ("logit_score",)
    assert calibration.weights[0] / calibration.std[0] == pytest.approx(3, rel=0.25)
    assert 0.85 < validation.auroc < 0.97
    assert validation.ece < 0.06
    assert validation.frames == 1000
    assert validation.wrong == pytest.approx(0.5, abs=0.05)
    assert fit_confidence(clips, seed=1) == (calibration, validation)


def test_a_clip_is_never_on_both_sides() -> None:
    """Each clip is wrong in its own way: what one teaches does not help on another."""
    generator = np.random.default_rng(0)
    clips = []
    for number in range(10):
        features = np.full((50, len(FEATURE_NAMES)), np.nan)
        features[:, 0] = number + generator.normal(size=50) / 100
        clips.append(Outcomes(features, np.full(50, number % 2 == 0)))
    assert fit_confidence(clips, seed=0)[1].auroc < 0.6


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_clips_are_refused(count: int) -> None:
    with pytest.raises(InvalidParameter, match="more clips"):
        fit_confidence(made_up(count), seed=0)


def test_all_right_is_refused() -> None:
    clips = [Outcomes(each.features, np.ones_like(each.correct)) for each in made_up(3)]
    with pytest.raises(InvalidParameter, match="both kinds"):
        fit_confidence(clips, seed=0)


def test_fingerprint_changes_with_the_data() -> None:
    clips = made_up(2)
    flipped = [clips[0], Outcomes(clips[1].features, ~clips[1].correct)]
    assert fingerprint(clips) == fingerprint(made_up(2)) != fingerprint(flipped)
