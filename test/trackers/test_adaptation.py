"""When a newer view counts, how far the template follows it, and that the first view stays."""

from __future__ import annotations

import numpy as np
import pytest
from scenes import frame

from uav_tracker_ros.errors import InvalidParameter
from uav_tracker_ros.geometry import Box
from uav_tracker_ros.trackers import registry
from uav_tracker_ros.trackers.adaptation import AdaptationSettings, AdaptiveTemplate


def template(value: float) -> tuple[np.ndarray, ...]:
    return (np.full((1, 2), value, np.float32), np.full((1, 1), 10 * value, np.float32))


def test_half_of_the_template_is_the_selected_view_for_ever() -> None:
    adaptive = AdaptiveTemplate(template(1.0), AdaptationSettings(share=0.5, rate=0.3))
    adaptive.take(template(0.0))
    assert adaptive.state[0][0, 0] == pytest.approx(0.5 + 0.5 * 0.7)
    assert adaptive.state[1][0, 0] == pytest.approx(10 * (0.5 + 0.5 * 0.7))
    for _ in range(100):
        adaptive.take(template(0.0))
    assert adaptive.state[0][0, 0] == pytest.approx(0.5)
    assert adaptive.state[0].dtype == np.float32


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_a_view_that_is_not_finite_is_left_out(broken: float) -> None:
    adaptive = AdaptiveTemplate(template(1.0), AdaptationSettings(share=0.5, rate=0.3))
    adaptive.take((template(0.0)[0], template(broken)[1]))
    assert adaptive.state[0][0, 0] == 1.0
    adaptive.take(template(0.0))
    assert adaptive.state[1][0, 0] == pytest.approx(10 * (0.5 + 0.5 * 0.7))


def test_a_view_is_wanted_every_tenth_frame() -> None:
    adaptive = AdaptiveTemplate(template(1.0), AdaptationSettings())
    wanted = [adaptive.wants(0.9, cut=False) for _ in range(30)]
    assert [number for number, want in enumerate(wanted, start=1) if want] == [10, 20, 30]


@pytest.mark.parametrize(
    ("score", "cut"), [(0.49, False), (0.62, False), (0.9, True)], ids=["low", "lower than usual", "cut"]
)
def test_a_doubtful_view_waits_for_the_next_good_frame(score: float, cut: bool) -> None:
    """Usual is 0.9, so 0.63 is needed."""
    adaptive = AdaptiveTemplate(template(1.0), AdaptationSettings())
    assert not any(adaptive.wants(0.9, cut=False) for _ in range(9))
    assert not adaptive.wants(score, cut=cut)
    assert adaptive.wants(0.9, cut=False)
    assert not adaptive.wants(0.9, cut=False)


@pytest.mark.parametrize("wrong", [{"share": 1.1}, {"rate": -0.1}, {"frames": 0}, {"window": 0}])
def test_impossible_settings_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InvalidParameter, match="expected shares of 0 to 1"):
        AdaptationSettings(**wrong)


def turning(number: int) -> np.ndarray:
    """A target that is another one after fifty frames, by slow steps."""
    red, (image, box) = min(1.0, number / 50), frame(100, 80)
    x, y, w, h = (int(value) for value in box)
    inside = image[y : y + h, x : x + w].astype(np.float32)
    image = image.copy()
    image[y : y + h, x : x + w] = ((1 - red) * inside + red * inside[::-1, :, ::-1]).astype(np.uint8)
    return image


def test_lite0_follows_how_the_target_looks_and_selecting_again_begins_anew() -> None:
    tracker = registry.create("siamfcpp_lite0")
    box = frame(100, 80)[1]

    def last_score() -> float:
        tracker.initialize(turning(0), box)
        return [tracker.update(turning(number)).score for number in range(60)][-1]

    first = last_score()
    fixed = registry.create("siamfcpp_lite0")
    fixed._adaptation = AdaptationSettings(share=0.0)
    fixed.initialize(turning(0), box)
    without = [fixed.update(turning(number)).score for number in range(60)][-1]
    assert first > without
    assert last_score() == first


def test_settling_after_the_box_changes_no_box() -> None:
    boxes: list[list[Box]] = []
    for settles in (False, True):
        tracker = registry.create("siamfcpp_lite0")
        tracker.initialize(turning(0), frame(100, 80)[1])
        boxes.append([])
        for number in range(25):
            boxes[-1].append(tracker.update(turning(number)).box)
            if settles:
                tracker.settle()
    assert boxes[0] == boxes[1]
