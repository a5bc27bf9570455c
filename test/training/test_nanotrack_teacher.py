"""NanoTrack V3 as a tutor: the same maps as its authors' graphs, and boxes at their places on the shared crops."""

from pathlib import Path

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch: pip install -e .[train]")

from uav_tracker_ros.backends import onnxruntime_backend  # noqa: E402 - after the check for torch
from uav_tracker_ros.errors import ModelFileDamaged, ModelFileMissing  # noqa: E402
from uav_tracker_ros.trackers.dsatrack.head import HeadMaps  # noqa: E402
from uav_tracker_ros.training.distillation.answers import SHARED_PX  # noqa: E402
from uav_tracker_ros.training.distillation.nanotrack_network import NanoTrack3, cell_points  # noqa: E402
from uav_tracker_ros.training.distillation.teachers import NanoTeacher, read_teacher  # noqa: E402
from uav_tracker_ros.training.dsatrack_losses import boxes_at  # noqa: E402
from uav_tracker_ros.training.losses import paired_iou  # noqa: E402


@pytest.fixture(scope="module")
def teacher(peers_dir: Path) -> NanoTeacher:
    found = read_teacher(peers_dir / "teachers" / "nanotrackv3_state_dict.pth")
    assert isinstance(found, NanoTeacher)
    return found


def picture(side: int, seed: int) -> np.ndarray:
    """Soft coloured patches."""
    coarse = np.random.default_rng(seed).integers(0, 256, (9, 9, 3), np.uint8)
    return cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC)


def test_it_has_its_published_parameters() -> None:
    """541 k, the neck of the authors' training left out."""
    assert round(sum(value.numel() for value in NanoTrack3().parameters()) / 1000) == 541


def test_its_maps_are_those_of_its_graphs(teacher: NanoTeacher, peers_dir: Path) -> None:
    files = {part: peers_dir / f"nanotrack3_{part}.onnx" for part in ("backbone", "head")}
    graphs = onnxruntime_backend.load(files, 1, free_size=("backbone",))
    crops = np.stack([picture(127, 0), picture(127, 1)]), np.stack([picture(255, 2), picture(255, 3)])
    logits, distances = teacher.network(*(torch.from_numpy(crop) for crop in crops))
    for number in range(2):
        own, seen = (
            graphs.run("backbone", np.ascontiguousarray(crop[number : number + 1].transpose(0, 3, 1, 2), np.float32))
            for crop in crops
        )
        maps = graphs.run("head", own["output"], seen["output"])
        assert np.abs(logits[number].numpy() - maps["output1"][0]).max() < 1e-3
        assert np.allclose(distances[number].numpy(), maps["output2"][0], rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("place", [(128, 128), (84, 150), (160, 100)])
def test_it_points_at_the_target_on_the_shared_crop(teacher: NanoTeacher, place: tuple[int, int]) -> None:
    """A coloured patch of 64 px, the template's size, moved over plain ground."""
    patch, half = picture(64, 5), 32
    template, search = (np.full((side, side, 3), 120, np.uint8) for side in (SHARED_PX // 2, SHARED_PX))
    template[half : 3 * half, half : 3 * half] = patch
    x, y = place
    search[y - half : y + half, x - half : x + half] = patch
    said = teacher.answer(torch.from_numpy(template)[None, None], torch.from_numpy(search)[None], None)
    cell = said.score.flatten(1).argmax(1)
    maps = HeadMaps(said.prediction.logit, said.score[:, None], *said.prediction[1:])
    box = boxes_at(maps, cell) * SHARED_PX
    overlap, _ = paired_iou(box, torch.tensor([[x - half, y - half, x + half, y + half]], dtype=torch.float32))
    assert float(overlap) > 0.6


def test_its_middle_cell_stands_for_the_crop_s_middle() -> None:
    points = cell_points()
    assert points[:, 7, 7].tolist() == [127.5, 127.5]
    assert points[:, 0, 14].tolist() == [239.5, 15.5]


def test_a_file_that_is_not_its_own_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelFileMissing, match="NanoTrack V3"):
        read_teacher(tmp_path / "nobody.pth")
    torch.save({"backbone.weight": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(ModelFileDamaged, match="NanoTrack V3"):
        read_teacher(tmp_path / "other.pth")
    (tmp_path / "text.pth").write_text("no arrays")
    with pytest.raises(ModelFileDamaged, match="NanoTrack V3"):
        read_teacher(tmp_path / "text.pth")
