"""The tracker around hand-made maps: what moves, what stays, and what a broken map does."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scenes import frame

from uav_tracker_ros.errors import ModelFileMissing
from uav_tracker_ros.geometry import Box
from uav_tracker_ros.trackers import registry
from uav_tracker_ros.trackers.adaptation import AdaptationSettings
from uav_tracker_ros.trackers.box_offset import Look, OffsetSettings
from uav_tracker_ros.trackers.decoding import SiameseSettings
from uav_tracker_ros.trackers.search_region import SETTINGS
from uav_tracker_ros.trackers.siamese import SiameseTracker
from uav_tracker_ros.trackers.siamfcpp import decoding


class Scripted:
    """A backend that answers with the maps it was given."""

    name = "scripted"

    def __init__(self) -> None:
        self.distances = np.full((1, 4, 17, 17), 30.0, np.float32)
        self.score = np.full((1, 1, 17, 17), 0.01, np.float32)
        self.score[0, 0, 8, 9] = 1.0
        self.templates = 0

    def run(self, graph: str, *arrays: np.ndarray) -> dict[str, np.ndarray]:
        if graph == "template":
            assert arrays[0].shape == (1, 127, 127, 3)
            self.templates += 1
            return {"kernel0": np.zeros((1, 4, 4, 4), np.float32)}
        assert arrays[0].shape == (1, 303, 303, 3)
        return {"score": self.score, "centerness": np.ones_like(self.score), "distances": self.distances}


def tracker(backend: Scripted, settings: SiameseSettings = decoding.SETTINGS) -> SiameseTracker:
    made = SiameseTracker("ps_siamfcpp", backend, SETTINGS["siamfcpp"], decoding.decode, settings)
    image, box = frame(100, 80)
    made.initialize(image, box)
    return made


def test_the_cell_beside_the_middle_is_eight_crop_px_to_the_right() -> None:
    found = tracker(Scripted()).update(frame(100, 80)[0])
    # 32 px box: template side 64 px, search window 153 px of the image
    window_px = round(64 * 303 / 127)
    assert found.box.center[0] == pytest.approx(116 + 8 * window_px / 303, abs=0.51)  # the window is snapped
    assert found.box.center[1] == pytest.approx(96, abs=0.51)
    assert found.score == pytest.approx(1.0)


def test_size_follows_by_penalty_score_and_rate_only() -> None:
    still = tracker(Scripted(), SiameseSettings(0.23, 0.05, size_rate=0.0)).update(frame(100, 80)[0])
    assert (still.box.w, still.box.h) == (32, 32)
    moved = tracker(Scripted(), SiameseSettings(0.23, 0.0, size_rate=0.5)).update(frame(100, 80)[0])
    assert moved.box.w == pytest.approx((32 + 60 * 153 / 303) / 2)


def test_a_broken_map_moves_nothing_and_says_lost() -> None:
    backend = Scripted()
    followed = tracker(backend)
    backend.distances[0, 2, 3, 3] = np.nan
    found = followed.update(frame(100, 80)[0])
    assert found.box == Box(100, 80, 32, 32)
    assert found.score == 0.0


@pytest.mark.parametrize(("believed", "templates"), [(True, 2), (False, 1)])
def test_a_newer_view_is_taken_in_unless_its_box_was_not_believed(believed: bool, templates: int) -> None:
    backend = Scripted()
    region, choice = SETTINGS["siamfcpp"], SiameseSettings(0.0, 0.0, size_rate=0.0)
    made = SiameseTracker("any", backend, region, decoding.decode, choice, AdaptationSettings(frames=1))
    image, box = frame(100, 80)
    made.initialize(image, box)
    made.update(image)
    if not believed:
        made.move_to(box)
    made.settle()
    assert backend.templates == templates


def test_boxes_become_those_of_the_selection_from_the_first_frame_on() -> None:
    backend = Scripted()  # always 60 px of the crop, 30 px of the image, for a target of 32
    region, choice = SETTINGS["siamfcpp"], SiameseSettings(0.0, 0.0, size_rate=1.0)
    backend.score[:] = 0.01
    backend.score[0, 0, 8, 8] = 1.0
    one_look = OffsetSettings(share=1.0, looks=(Look(1.0, 0.0, 0.0),))
    image, box = frame(100, 80)
    made = SiameseTracker("any", backend, region, decoding.decode, choice, offset=one_look)
    made.initialize(image, box)
    assert tuple(made.update(image).box) == pytest.approx(tuple(box))
    backend.distances *= 1.1
    assert made.update(image).box.w == pytest.approx(1.1 * box.w)
    bare = SiameseTracker("any", backend, region, decoding.decode, choice)
    bare.initialize(image, box)
    assert bare.update(image).box.w == pytest.approx(66 * 153 / 303)


def test_the_offset_of_the_target_before_is_forgotten() -> None:
    backend = Scripted()
    made = SiameseTracker("any", backend, SETTINGS["siamfcpp"], decoding.decode, decoding.SETTINGS,
                          offset=OffsetSettings())  # fmt: skip
    image, box = frame(100, 80)
    made.initialize(image, box)
    backend.distances[:] = 200.0  # no answer that hits
    made.initialize(image, box)
    bare = tracker(backend)
    assert made.update(image) == bare.update(image)


@pytest.mark.parametrize("name", ["siamfcpp", "p_siamfcpp", "ps_siamfcpp", "siamcar", "p_siamcar", "ps_siamcar"])
def test_names_without_weights_say_so(name: str, tmp_path: Path) -> None:
    (tmp_path / "models.yaml").write_text(f"trackers: {{{name}: {{family: siamese, needs_weights: true}}}}")
    with pytest.raises(ModelFileMissing, match=f"{name}: its weights are not part of this release"):
        registry.create(name, models_dir=tmp_path)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table with one pruned tracker of each family, with seeded weights in each form."""
    pytest.importorskip("torch", reason="exporting networks needs torch: pip install -e .[train]")
    from seeded import seeded

    from uav_tracker_ros.backends.export import write_onnx
    from uav_tracker_ros.trackers.network_weights import write_weights
    from uav_tracker_ros.trackers.siamcar import network as car
    from uav_tracker_ros.trackers.siamfcpp import network as fcpp
    from uav_tracker_ros.trackers.siamfcpp.graphs import flight_graphs

    folder, rows = tmp_path_factory.mktemp("models"), []
    for name, network, search_px in (
        ("ps_siamfcpp", fcpp.SiamFCpp(fcpp.WIDTHS["ps_siamfcpp"]), fcpp.SEARCH_PX),
        ("ps_siamcar", car.SiamCar(car.WIDTHS["ps_siamcar"]), car.SEARCH_PX),
    ):
        seeded(network)
        files = write_onnx(flight_graphs(network, search_px), folder, name)
        files["weights"] = folder / f"{name}.safetensors"
        write_weights(network, files["weights"])
        entries = ", ".join(
            f"{{graph: {graph}, name: {file.name}, sha256: {hashlib.sha256(file.read_bytes()).hexdigest()}}}"
            for graph, file in files.items()
        )
        rows.append(f"  {name}: {{family: siamese, backends: [torch, onnxruntime, openvino], files: [{entries}]}}")
    (folder / "models.yaml").write_text("trackers:\n" + "\n".join(rows))
    return folder


@pytest.mark.parametrize("name", ["ps_siamfcpp", "ps_siamcar"])
def test_backends_give_the_same_boxes(models: Path, name: str) -> None:
    boxes = []
    for backend in ("onnxruntime", "torch"):
        made = registry.create(name, backend=backend, models_dir=models, threads=1)
        image, box = frame(100, 80)
        made.initialize(image, box)
        boxes.append([made.update(frame(100 + 2 * step, 80 + step)[0]).box for step in range(1, 4)])
    # the weights of torch's file are rounded to fp16, and random networks put no peak anywhere
    assert np.allclose(boxes[0], boxes[1], atol=1.0)


def test_a_row_without_the_file_that_a_backend_needs(tmp_path: Path) -> None:
    (tmp_path / "models.yaml").write_text("trackers: {ps_siamfcpp: {family: siamfcpp, backends: [torch, onnxruntime]}}")
    for backend, graph in (("torch", "weights"), ("onnxruntime", "template")):
        with pytest.raises(ModelFileMissing, match=f"no file '{graph}', which {backend} needs"):
            registry.create("ps_siamfcpp", backend=backend, models_dir=tmp_path)


def test_the_process_of_a_tracker_has_one_backend_and_little_memory(models: Path) -> None:
    script = f"""
import sys
from pathlib import Path
import numpy as np
from uav_tracker_ros.geometry import Box
from uav_tracker_ros.trackers import registry
tracker = registry.create("ps_siamfcpp", backend="onnxruntime", models_dir=Path({str(models)!r}), threads=1)
image = np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8)
tracker.initialize(image, Box(200, 200, 60, 40))
for _ in range(3):
    tracker.update(image)
others = [name for name in ("torch", "openvino", "onnx", "safetensors", "matplotlib") if name in sys.modules]
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
print(others, int(status["VmHWM"].split()[0]) // 1024)
"""
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=90, check=True)
    others, resident_mb = answer.stdout.rsplit(maxsplit=1)
    assert others == "[]"
    assert int(resident_mb) <= 250
