"""Pairs are what the tracker will see: boxes map exactly, and no source pulls the size one way."""

import math
from dataclasses import replace

import cv2
import numpy as np
import pytest

from uav_tracker_ros.geometry import Box
from uav_tracker_ros.trackers.search_region import SETTINGS, SearchRegion
from uav_tracker_ros.training.scenes.cropping import Cut, Window, context_side, crop, map_box
from uav_tracker_ros.training.scenes.pairs import PairSampler
from uav_tracker_ros.training.scenes.pictures import Clip, Cutout, Pictures, Still


def _encoded(image: np.ndarray) -> np.ndarray:
    return cv2.imencode(".png", image)[1].ravel()


@pytest.fixture(scope="module")
def pictures() -> Pictures:
    rng = np.random.default_rng(0)
    stills, frames = [], []
    box = Box(180, 140, 60, 40)
    for number in range(4):
        image = cv2.resize(rng.integers(0, 255, (30, 40, 3), np.uint8), (400, 300), interpolation=cv2.INTER_CUBIC)
        cv2.rectangle(image, (180, 140), (239, 179), (0, 0, 255), -1)
        stills.append(Still(f"made_{number}.png", _encoded(image), (box,), ("car",)))
        frames.append(_encoded(image))
    disc = np.zeros((64, 64, 4), np.uint8)
    cv2.circle(disc, (32, 32), 28, (0, 255, 0, 255), -1)
    cutouts = [Cutout("coco_1_0_ball.webp", "ball", disc), Cutout("coco_2_0_ball.webp", "ball", disc.copy())]
    clips = [Clip("made", tuple(frames), (box, box, None, box), loose=False)]
    return Pictures(stills, clips, cutouts, frames)


def test_a_turned_and_flipped_crop_keeps_the_box_on_the_object() -> None:
    image = np.zeros((300, 400, 3), np.uint8)
    cv2.ellipse(image, (210, 160), (30, 20), 0, 0, 360, (255, 255, 255), -1)
    window = Window(200, 150, 160, turn=0.4, aspect=1.1)
    out, matrix = crop(image, window, 256, flip=True)
    left, top, right, bottom = map_box(Box(180, 140, 61, 41), matrix).tolist()
    ys, xs = np.nonzero(out[:, :, 0] > 127)
    assert (xs.min(), xs.max() + 1) == pytest.approx((left, right), abs=2.5)
    assert (ys.min(), ys.max() + 1) == pytest.approx((top, bottom), abs=2.5)


def test_context_side_of_a_square_is_twice_its_side() -> None:
    assert context_side(30, 30) == pytest.approx(60)


def test_scales_are_centred_on_one(pictures: Pictures) -> None:
    sampler = PairSampler(pictures, seed=1)
    logs: dict[str, list[float]] = {}
    for _ in range(300):
        pair = sampler.draw()
        assert pair.templates[0].shape == (128, 128, 3)
        assert pair.search.shape == (256, 256, 3)
        if np.isfinite(pair.box).all():
            w, h = (pair.box[2:] - pair.box[:2]).tolist()
            logs.setdefault(pair.source, []).append(math.log(context_side(w, h) / 128))
    assert set(logs) == {"composite", "still", "clip"}
    for source, values in logs.items():
        error = np.std(values) / math.sqrt(len(values))
        assert abs(np.mean(values)) < 4 * error + 0.02, source


def _middle_of_red(crop_: np.ndarray) -> np.ndarray:
    """Where the object of the made pictures lies, px edges."""
    channels = crop_.astype(int)
    ys, xs = np.nonzero((channels[:, :, 2] > 200) & (channels[:, :, 1] < 60) & (channels[:, :, 0] < 60))
    return np.array([xs.mean() + 0.5, ys.mean() + 0.5])


def test_the_template_says_which_box_is_wanted(pictures: Pictures) -> None:
    """Whatever a sample counts to the target, the object lies in the template's box as it lies in the search's."""
    flat = cv2.imencode(
        ".png", cv2.rectangle(np.full((300, 400, 3), 90, np.uint8), (180, 140), (239, 179), (0, 0, 255), -1)
    )
    still = pictures.stills[0]._replace(encoded=flat[1].ravel())
    sampler = PairSampler(Pictures([still], [], [], []), seed=2, strength=0.0, light=False)
    aside = []
    for _ in range(150):
        pair = sampler.draw()
        box = pair.box.astype(float)
        grey = np.ptp(pair.search, axis=2).max() < 60
        if grey or not (np.isfinite(box).all() and box[:2].min() > 0 and box[2:].max() < 256):
            continue
        in_template = (_middle_of_red(pair.templates[0]) - 64) / sampler.cut.template_unit_px
        in_search = (_middle_of_red(pair.search) - (box[:2] + box[2:]) / 2) / context_side(*(box[2:] - box[:2]))
        assert in_template == pytest.approx(in_search, abs=0.035)
        aside.append(np.abs(in_template).max())
    assert len(aside) > 40
    assert 0.3 < np.mean(np.array(aside) > 0.02) < 0.8  # of most samples the box is of another kind


def test_the_same_seed_gives_the_same_pairs(pictures: Pictures) -> None:
    first, second = PairSampler(pictures, seed=5), PairSampler(pictures, seed=5)
    for _ in range(10):
        a, b = first.draw(), second.draw()
        assert np.array_equal(a.search, b.search)
        assert np.array_equal(a.box, b.box, equal_nan=True)


def test_a_sample_depends_on_seed_and_index_alone(pictures: Pictures) -> None:
    first, second = PairSampler(pictures, seed=5), PairSampler(pictures, seed=5)
    second.draw()
    for sampler in (first, second):
        sampler.seek(17)
    assert np.array_equal(first.draw().search, second.draw().search)


@pytest.mark.parametrize("distractors", [True, False])
def test_without_distractors_a_composed_scene_has_one_object(pictures: Pictures, distractors: bool) -> None:
    black = [_encoded(np.zeros((300, 400, 3), np.uint8))]
    sampler = PairSampler(replace(pictures, backgrounds=black), 3, shares=(1, 0, 0), strength=0.0, light=False,
                          distractors=distractors)  # fmt: skip
    most = 0
    for _ in range(20):
        pair = sampler.draw()
        for crop_ in (*pair.templates, pair.search):
            green = (crop_[:, :, 1] > 128).astype(np.uint8)
            most = max(most, int((cv2.connectedComponentsWithStats(green)[2][1:, 4] > 300).sum()))
    assert (most > 1) is distractors


@pytest.mark.parametrize("family", ["siamfcpp", "siamcar", "dsatrack", "siamfcpp_lite0"])
def test_the_target_has_the_size_that_the_family_s_tracker_shows(pictures: Pictures, family: str) -> None:
    settings = SETTINGS[family]
    cut = Cut.of(settings, margin_px=(16, 40))
    sampler = PairSampler(pictures, seed=3, cut=cut, moments=2, light=False)
    # what the tracker's own window makes of a 60 x 40 target
    window = SearchRegion(settings).search_window(Box(180, 140, 60, 40))
    expected = cut.target_side(60 * window.scale, 40 * window.scale)
    logs = []
    for _ in range(120):
        pair = sampler.draw()
        assert [template.shape[0] for template in pair.templates] == [cut.template_px + 32] * 2
        assert pair.search.shape[0] == cut.search_px + 80
        if np.isfinite(pair.box).all():
            w, h = (pair.box[2:] - pair.box[:2]).tolist()
            logs.append(math.log(cut.target_side(w, h) / expected))
    assert abs(np.mean(logs)) < 4 * np.std(logs) / math.sqrt(len(logs)) + 0.03
