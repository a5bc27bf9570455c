"""The tracker around a scripted backend: where it looks, what it remembers, and when."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from uav_tracker_ros.errors import InvalidBox, InvalidImage, ModelFileMissing, NotInitialized
from uav_tracker_ros.geometry import Box
from uav_tracker_ros.nodes.launch_options import LaunchOptions
from uav_tracker_ros.nodes.variants import variant_layers
from uav_tracker_ros.trackers import registry
from uav_tracker_ros.trackers.box_offset import OffsetSettings
from uav_tracker_ros.trackers.contract import Probing, Settling
from uav_tracker_ros.trackers.dsatrack.memory import PUBLISHED, MemorySettings
from uav_tracker_ros.trackers.dsatrack.memory_tracker import MemoryTracker
from uav_tracker_ros.trackers.dsatrack.rows import ROWS
from uav_tracker_ros.trackers.lock import TargetLock

HEIGHT, WIDTH = 240, 320


class SquareFinder:
    """A backend that reads the bright square off the crop: an oracle head. Counts and keeps its calls."""

    name = "oracle"

    def __init__(self, score: float = 0.9) -> None:
        self.score, self.calls, self.broken = score, [], False

    def run(self, graph: str, *arrays):
        self.calls.append((graph, *(array.copy() for array in arrays)))
        if graph == "template":
            return {"memory": np.zeros(1), "keys": np.zeros(1), "values": np.zeros(1)}
        if graph == "update":
            version = arrays[0] + 1
            return {"new_memory": version, "keys": version, "values": version}
        weight = arrays[0][0, :, :, 1].astype(np.float64)
        score = np.full((1, 1, 16, 16), 0.05, np.float32)
        size = np.full((1, 2, 16, 16), 0.25, np.float32)
        offset = np.zeros((1, 2, 16, 16), np.float32)
        if weight.sum() > 0:
            line = np.arange(256) + 0.5
            x, y = (weight.sum(0) @ line / weight.sum(), weight.sum(1) @ line / weight.sum())
            row, column = int(y // 16), int(x // 16)
            score[0, 0, row, column] = self.score
            offset[0, :, row, column] = x / 16 - column, y / 16 - row
            size[0, :, row, column] = np.sqrt(weight.sum() / 255) / 256
        if self.broken:
            score[:] = np.nan
        return {"score": score, "size": size, "offset": offset, "mass": np.full((1, 256), 0.3, np.float32)}

    def count(self, graph: str) -> int:
        return sum(call[0] == graph for call in self.calls)


def square(x: int, y: int, side: int = 20) -> np.ndarray:
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    image[max(y, 0) : max(y + side, 0), max(x, 0) : max(x + side, 0)] = 255
    return image


def started(settings: MemorySettings | None = None, score: float = 0.9):
    backend = SquareFinder(score)
    tracker = MemoryTracker("dsatrack_vit_t", backend, settings)
    tracker.initialize(square(100, 80), Box(100, 80, 20, 20))
    return tracker, backend


def test_it_keeps_the_contracts() -> None:
    tracker, _ = started()
    assert isinstance(tracker, Probing)
    assert isinstance(tracker, Settling)


def test_a_square_is_followed_without_bias() -> None:
    """Centroids are mapped back to a hundredth of a crop pixel, on a path that crosses no border."""
    tracker, _ = started()
    errors = []
    for step in range(1, 60):
        x, y = 100 + 2 * step, 80 + int(15 * math.sin(step / 7))
        box = tracker.update(square(x, y)).box
        crop_px = 256 / math.ceil(4 * 20)
        errors.append(((box.center[0] - x - 10) * crop_px, (box.center[1] - y - 10) * crop_px))
        assert (box.w, box.h) == pytest.approx((20, 20), abs=0.1)
    assert np.abs(np.mean(errors, axis=0)).max() < 0.02


@pytest.mark.parametrize("place", [(0, 100), (300, 100), (150, 0), (150, 220), (0, 0), (300, 220)], ids=str)
def test_a_target_at_each_border(place: tuple[int, int]) -> None:
    tracker, _ = started()
    tracker.initialize(square(*place), Box(*place, 20, 20))
    observation = tracker.update(square(*place))
    assert observation.box == pytest.approx(Box(*place, 20, 20), abs=0.2)


def test_a_target_of_a_few_pixels() -> None:
    tracker, _ = started()
    tracker.initialize(square(100, 80, 2), Box(100, 80, 2, 2))
    box = tracker.update(square(101, 80, 2)).box
    assert box.center == pytest.approx((102, 81), abs=0.5)
    assert min(box.w, box.h) >= 2


def test_features_of_the_observation() -> None:
    tracker, _ = started()
    observation = tracker.update(square(104, 80))
    features = observation.features
    assert observation.score == features.peak == pytest.approx(0.9)
    assert 0 < features.penalized_peak < features.peak
    assert features.similarity == pytest.approx(0.3)
    assert features.size_change == pytest.approx(1, abs=0.02)
    assert features.border == 0
    assert features.second_ratio == pytest.approx(0.05 / 0.9)


def test_a_broken_map_moves_nothing_and_is_not_remembered() -> None:
    tracker, backend = started()
    before = tracker.update(square(102, 80)).box
    backend.broken = True
    for _ in range(8):
        observation = tracker.update(square(104, 80))
        assert observation.box == before
        assert observation.score == 0
    assert backend.count("update") == 0


def test_memory_is_updated_after_the_box_is_out() -> None:
    tracker, backend = started()
    for t in range(1, 6):
        tracker.update(square(100 + t, 80))
    assert backend.count("update") == 0  # frame 5 was due; its box is out, the work is left
    tracker.settle()
    tracker.settle()
    graph, memory, template, search = backend.calls[-1]
    assert (graph, backend.count("update")) == ("update", 1)
    assert memory[0] == 0
    assert template.shape == (1, 128, 128, 3)
    assert template[0, 60:68, 60:68].min() == 255  # the target of frame 5 in the middle
    assert np.array_equal(search, [call for call in backend.calls if call[0] == "track"][-1][1])
    tracker.update(square(106, 80))
    assert backend.calls[-1][2][0] == 1  # tracked with the new keys


def test_a_lock_passes_it_on() -> None:
    tracker, backend = started()
    lock = TargetLock(tracker)
    lock.settle()  # nothing is selected: nothing to do
    lock.select(square(100, 80), Box(100, 80, 20, 20))
    for t in range(1, 6):
        lock.update(square(100 + t, 80))
    assert backend.count("update") == 0
    lock.settle()
    assert backend.count("update") == 1


def test_boxes_do_not_depend_on_who_settles() -> None:
    answers, states = [], []
    for settling in (True, False):
        tracker, backend = started()
        boxes = []
        for t in range(1, 20):
            boxes.append(tracker.update(square(100 + t, 80)))
            if settling:
                tracker.settle()
        answers.append(boxes)
        states.append([call[2][0] for call in backend.calls if call[0] == "track"])
    assert answers[0] == answers[1]
    assert states[0] == states[1]
    assert states[0][-1] == 3


def test_published_order_ranks_the_last_view_with_the_newest_search_region() -> None:
    tracker, backend = started(PUBLISHED)
    for t in range(1, 6):
        tracker.update(square(100 + t, 80))
        tracker.settle()
    names = [call[0] for call in backend.calls]
    assert names == ["template", *["track"] * 4, "update", "track"]
    update, track = backend.calls[-2:]
    assert np.array_equal(update[3], track[1])
    assert track[2][0] == 1


def test_a_box_that_is_not_believed_is_not_remembered() -> None:
    tracker, backend = started()
    for t in range(1, 6):
        box = tracker.update(square(100 + t, 80)).box
    tracker.move_to(box)  # what a lock does while confidence is low
    tracker.settle()
    assert backend.count("update") == 0
    for t in range(6, 12):
        tracker.update(square(100 + t, 80))
    tracker.settle()
    assert backend.count("update") == 1


def test_low_scores_freeze_the_memory() -> None:
    tracker, backend = started(score=0.2)
    for t in range(1, 30):
        tracker.update(square(100 + t, 80))
    assert backend.count("update") == 0


def test_probing_looks_without_moving_or_remembering() -> None:
    tracker, _ = started()
    for t in range(1, 6):
        tracker.update(square(100 + t, 80))
    seen = tracker.probe(square(200, 150), Box.from_center(190, 150, 160, 160))
    assert math.dist(seen.box.center, (210, 160)) < 1
    assert seen.features.penalized_peak == seen.score  # no window: it may be anywhere
    assert tracker.update(square(106, 80)).box.center == pytest.approx((116, 90), abs=0.1)


def test_a_moving_average_is_not_searched_with_when_lost() -> None:
    settings = MemorySettings(rule="blend", adapt=0.25)
    tracker, backend = started(settings)
    for t in range(1, 6):
        tracker.update(square(100 + t, 80))
    tracker.settle()
    assert backend.calls[-1][0] == "update"
    assert backend.calls[-1][3].tolist() == [0.25]
    tracker.probe(square(105, 80), Box(60, 40, 100, 100))
    assert backend.calls[-1][2][0] == 0
    tracker.update(square(106, 80))
    assert backend.calls[-1][2][0] == 1


def test_a_new_target_forgets_the_memory() -> None:
    tracker, backend = started()
    for t in range(1, 8):
        tracker.update(square(100 + t, 80))
    tracker.initialize(square(50, 50), Box(50, 50, 20, 20))
    tracker.update(square(51, 50))
    assert backend.calls[-1][2][0] == 0


def test_bad_input_is_refused() -> None:
    tracker, _ = started()
    with pytest.raises(InvalidImage, match="select it again"):
        tracker.update(np.zeros((10, 10, 3), np.uint8))
    with pytest.raises(InvalidBox, match="select again"):
        tracker.initialize(square(0, 0), Box(10, 10, 1, 20))
    with pytest.raises(NotInitialized, match="dsatrack_d7: update before initialize"):
        MemoryTracker("dsatrack_d7", SquareFinder()).update(square(0, 0))


@pytest.mark.parametrize("name", ROWS)
def test_a_row_without_weights_says_so(name: str) -> None:
    row = registry.describe(name)
    assert row.params is not None
    if not row.message:
        pytest.skip(f"{name} has weights")
    with pytest.raises(ModelFileMissing, match=f"{name}: .*weights.*docs/dsatrack.md.*lists what is there"):
        registry.create(name)


def test_boxes_keep_the_kind_of_the_selection() -> None:
    """The finder's box is the square's; the operator's was a fifth wider and higher, and so are the answers."""
    tracker = MemoryTracker("dsatrack_vit_t", SquareFinder(0.9), None, OffsetSettings(share=1.0))
    tracker.initialize(square(100, 80), Box(98, 78, 24, 24))
    found = tracker.update(square(104, 83)).box
    assert (found.w, found.h) == pytest.approx((24, 24), rel=0.02)
    assert found.center == pytest.approx((114, 93), abs=0.3)
    tracker.initialize(square(100, 80), Box(100, 80, 20, 20))  # another target, another offset
    assert tracker.update(square(104, 83)).box.w == pytest.approx(20, rel=0.02)


@pytest.mark.parametrize("name", ROWS)
def test_every_row_is_a_variant_at_launch(name: str) -> None:
    layers = variant_layers(LaunchOptions(variant=name))
    assert layers[-1].parameters == (("tracker.name", name),)


def test_whole_tracker_on_the_torch_backend(torch, small_network) -> None:
    """Graphs, memory and crops together: the memory of 192 tokens keeps its first 64."""
    from uav_tracker_ros.backends import torch_backend
    from uav_tracker_ros.trackers.dsatrack.graphs import flight_graphs

    network = small_network(row=replace(small_network().row, layers=(1, 2), keep=((1, 172),)))
    backend = torch_backend.load(flight_graphs(network), threads=1)
    tracker = MemoryTracker("small", backend, MemorySettings(gated=False, least_gap=1))
    rng = np.random.default_rng(0)
    frames = [rng.integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8) for _ in range(7)]
    answers = []
    for _ in range(2):
        tracker.initialize(frames[0], Box(100, 80, 30, 24))
        first = tracker._state
        answers.append([tracker.update(frame) for frame in frames[1:]])
        memory = tracker._state[0]
        assert memory.shape == (1, 192, 128)
        assert np.array_equal(memory[:, :64], first[0][:, :64])
        assert not np.array_equal(memory, first[0])
    assert answers[0] == answers[1]
