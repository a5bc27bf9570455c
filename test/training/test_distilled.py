"""Learning from a stronger tracker: crops and maps of other families, teachers told by their files, every recipe."""

from dataclasses import replace
from pathlib import Path

import made_up_pictures
import pytest

torch = pytest.importorskip("torch", reason="training needs torch: pip install -e .[train]")

from uav_tracker_ros.errors import InvalidParameter, ModelFileDamaged  # noqa: E402 - after the check for torch
from uav_tracker_ros.trackers.dsatrack.head import HeadMaps  # noqa: E402
from uav_tracker_ros.trackers.dsatrack.network import DsaTrack  # noqa: E402
from uav_tracker_ros.trackers.dsatrack.rows import ROWS, Row  # noqa: E402
from uav_tracker_ros.trackers.network_weights import write_weights  # noqa: E402
from uav_tracker_ros.trackers.siamcar.network import CarWidths, SiamCar  # noqa: E402
from uav_tracker_ros.trackers.siamfcpp import network as siamfcpp_network  # noqa: E402
from uav_tracker_ros.trackers.siamfcpp.lite0_network import SiamFCppLite0  # noqa: E402
from uav_tracker_ros.trackers.siamfcpp.network import SiamFCpp, Widths  # noqa: E402
from uav_tracker_ros.training import session  # noqa: E402
from uav_tracker_ros.training.distillation.answers import Answer, Frame, answer_of  # noqa: E402
from uav_tracker_ros.training.distillation.distilled import Distilled  # noqa: E402
from uav_tracker_ros.training.distillation.nanotrack_network import NanoTrack3  # noqa: E402
from uav_tracker_ros.training.distillation.teachers import (  # noqa: E402
    Lite0Teacher,
    NanoTeacher,
    PairTeacher,
    RowTeacher,
    read_teacher,
)
from uav_tracker_ros.training.dsatrack_losses import boxes_at  # noqa: E402
from uav_tracker_ros.training.options import TrainOptions  # noqa: E402
from uav_tracker_ros.training.recipes import dsatrack, siamcar, siamfcpp, siamfcpp_lite0, siamfcpp_tuning  # noqa: E402
from uav_tracker_ros.training.scenes.pictures import Pictures  # noqa: E402

SMALL = Widths((12, 16, 16, 16, 16), 16, (16, 16, 24))
SMALL_CAR = CarWidths((12, 16, 16, 16, 16), (16, 16, 16, 24))
TINY = Row("tiny", 64, (1, 2), ((1, 172),), head_channels=16)


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ROWS, "tiny", TINY)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    torch.manual_seed(0)
    lite0 = SiamFCppLite0()
    torch.save(lite0.trunk.state_dict(), folder / "teacher.pth")
    write_weights(lite0, folder / "lite0.safetensors")
    write_weights(SiamFCpp(SMALL), folder / "small.safetensors")
    write_weights(SiamCar(SMALL_CAR), folder / "small_car.safetensors")
    return folder


def answer(points: torch.Tensor, frame: Frame, probability: torch.Tensor, box: torch.Tensor) -> Answer:
    """Of maps that say the same box everywhere."""
    cells = points.shape[-1]
    return answer_of(
        probability, box[None, :, None, None].expand(1, 4, cells, cells), torch.zeros(1, 3, cells, cells), points, frame
    )


@pytest.mark.parametrize("search_px", [303, 255])
def test_maps_of_a_wider_crop_answer_where_the_shared_cells_look(search_px: int) -> None:
    """A peak and a box in the family's pixels are at the same place of the shared crop."""
    frame, points = Frame(search_px, 127), siamfcpp_network.cell_points(siamfcpp_network.map_cells(search_px))
    middle = search_px / 2 + torch.tensor([30.0, -22.0])
    box = torch.cat([middle - torch.tensor([20.0, 31.0]), middle + torch.tensor([20.0, 31.0])])
    peak = torch.exp(-((points - middle[:, None, None]) ** 2).sum(0) / 200)[None, None]
    said = answer(points, frame, peak, box)
    wanted = 128 + torch.tensor([30.0, -22.0]) * 128 / 127  # cells of 16 px
    cell = said.score.flatten(1).argmax(1)
    assert divmod(int(cell), 16) == (int(wanted[1] // 16), int(wanted[0] // 16))
    found = boxes_at(HeadMaps(said.prediction.logit, said.score[:, None], *said.prediction[1:]), cell)[0] * 256
    assert torch.allclose(found, frame.shared(box), atol=0.01)
    assert said.features[0].shape == (1, 256, 3)


def test_cells_that_the_map_does_not_reach_are_known() -> None:
    """303 px: 17 cells from 63.5 to 192.5 px of the shared crop, four more on each side; centres 72 to 184 px."""
    said = answer(siamfcpp_network.cell_points(17), Frame(303, 127), torch.full((1, 1, 17, 17), 0.5), torch.ones(4))
    assert said.there is not None
    assert torch.equal(said.there.nonzero().amin(0), torch.tensor([4, 4]))
    assert torch.equal(said.there.nonzero().amax(0), torch.tensor([11, 11]))
    assert int(said.there.sum()) == 64


def test_shared_crops_show_the_same_pixels() -> None:
    frame = Frame(303, 127)
    line = torch.arange(303) + 0.5
    picture = torch.stack([line.expand(303, 303), line[:, None].expand(303, 303), torch.zeros(303, 303)], 2)[None]
    templates, search = frame.shared_crops(picture[:, None, :127, :127], picture)
    assert templates.shape == (1, 1, 128, 128, 3)
    assert search.shape == (1, 256, 256, 3)
    place = frame.shared(search[0, 1:-1, 1:-1, :2])  # each pixel holds its place: back in the shared crop it is its own
    own = torch.arange(1, 255) + 0.5
    assert torch.allclose(place[..., 0], own.expand(254, 254), atol=0.02)
    assert torch.allclose(place[..., 1], own[:, None].expand(254, 254), atol=0.02)
    same = torch.rand(1, 2, 128, 128, 3), torch.rand(1, 256, 256, 3)
    assert all(a is b for a, b in zip(Frame().shared_crops(*same), same, strict=True))


def lesson_of(name: str, files: Path) -> torch.nn.Module:
    small, car = files / "small.safetensors", files / "small_car.safetensors"
    nothing = Pictures()
    made = {
        "row": lambda: dsatrack.DsaLesson("tiny", nothing),
        "lite0": lambda: siamfcpp_lite0.Lite0Lesson(files / "teacher.pth", nothing),
        "siamfcpp": lambda: siamfcpp.PairLesson(SiamFCpp(SMALL), siamfcpp.family(), nothing),
        "frugal": lambda: siamfcpp.PairLesson(SiamFCpp(SMALL), siamfcpp.family(255), nothing, 4),
        "siamcar": lambda: siamfcpp.PairLesson(SiamCar(SMALL_CAR), siamcar.family(), nothing),
        "ps_siamfcpp": lambda: siamfcpp_tuning.TuningLesson(
            "siamfcpp", small, siamfcpp.family(), nothing, attention=True
        ),
        "p_siamcar": lambda: siamfcpp_tuning.TuningLesson("siamcar", car, siamcar.family(), nothing, attention=False),
    }
    return made[name]()


def batch_of(lesson: Distilled) -> dict[str, torch.Tensor]:
    """Two targets in the middle."""
    frame = lesson.lesson.frame
    generator = torch.Generator().manual_seed(0)
    middle = frame.search_px / 2
    return {
        "templates": torch.rand(2, 3, frame.template_px, frame.template_px, 3, generator=generator) * 255,
        "search": torch.rand(2, frame.search_px, frame.search_px, 3, generator=generator) * 255,
        "box": torch.tensor([[middle - 30, middle - 20, middle + 30, middle + 20]]).repeat(2, 1),
        "box_weight": torch.ones(2),
    }


@pytest.mark.parametrize("teacher", ["row", "lite0", "siamfcpp", "siamcar", "nanotrack"])
@pytest.mark.parametrize("name", ["row", "lite0", "siamfcpp", "frugal", "siamcar", "ps_siamfcpp", "p_siamcar"])
def test_every_family_learns_from_every_teacher(tiny: None, files: Path, name: str, teacher: str, monkeypatch) -> None:
    torch.manual_seed(1)
    network, kind = {
        "row": lambda: (DsaTrack(replace(TINY, width=128)), RowTeacher),
        "lite0": lambda: (SiamFCppLite0(), Lite0Teacher),
        "siamfcpp": lambda: (SiamFCpp(SMALL), PairTeacher),
        "siamcar": lambda: (SiamCar(SMALL_CAR), PairTeacher),
        "nanotrack": lambda: (NanoTrack3(), NanoTeacher),
    }[teacher]()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    lesson = Distilled(lesson_of(name, files), kind(network), 10).train()
    monkeypatch.setattr(
        "uav_tracker_ros.training.distillation.dual_branch.teacher_is_right",
        lambda found, boxes: torch.ones(len(boxes)),
    )
    loss, figures = lesson(batch_of(lesson))
    loss.backward()
    assert torch.isfinite(loss)
    assert float(figures["features"]) > 0
    assert float(figures["predictions"]) > 0
    assert float(figures["teacher_right"]) == 1
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    assert all(value.grad is None for value in network.parameters())
    assert not any("teacher" in key for key in lesson.state_dict())
    assert not any("adapters" in key for key in lesson.student.state_dict())
    without = [key for key, value in lesson.named_parameters() if value.requires_grad and value.grad is None]
    assert not without  # several ranks would wait for them


def test_who_equals_the_teacher_pays_nothing(files: Path) -> None:
    lesson = Distilled(lesson_of("lite0", files), Lite0Teacher(SiamFCppLite0()), 10).eval()
    lesson._teacher[0].network.load_state_dict(lesson.student.state_dict())
    batch = batch_of(lesson)
    said = lesson.lesson.taught(batch)[2]
    cell = said.score.flatten(1).argmax(1)
    batch["box"] = boxes_at(HeadMaps(said.prediction.logit, said.score[:, None], *said.prediction[1:]), cell) * 256
    _, figures = lesson(batch)
    assert float(figures["teacher_right"]) == 1
    assert float(figures["features"]) == pytest.approx(0, abs=1e-5)
    assert float(figures["predictions"]) == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("broken", [float("nan"), float("inf")])
def test_a_teacher_that_answers_no_number_teaches_nothing(files: Path, broken: float, monkeypatch) -> None:
    """Half precision or an exponential may overflow in one sample; the others go on to teach."""
    everywhere = "uav_tracker_ros.training.distillation.dual_branch.teacher_is_right"
    monkeypatch.setattr(everywhere, lambda found, boxes: torch.ones(len(boxes)))
    lesson = Distilled(lesson_of("lite0", files), Lite0Teacher(SiamFCppLite0()), 10).train()
    answered = lesson._teacher[0].answer

    def overflowing(*crops: torch.Tensor) -> Answer:
        said = answered(*crops)
        said.prediction.size[0, 0, 3, 3] = broken
        said.features[0][0, 5] = broken
        return said

    monkeypatch.setattr(lesson._teacher[0], "answer", overflowing)
    loss, figures = lesson(batch_of(lesson))
    loss.backward()
    assert float(figures["teacher_right"]) == 0.5
    gradients = [value.grad for value in lesson.parameters() if value.grad is not None]
    assert torch.isfinite(loss)
    assert all(torch.isfinite(value).all() for value in gradients)


def test_resampled_crops_and_maps_lose_little(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """303 px to 256 and back: a twin differs by a twentieth of what a stranger does."""
    everywhere = "uav_tracker_ros.training.distillation.dual_branch.teacher_is_right"
    monkeypatch.setattr(everywhere, lambda found, boxes: torch.ones(len(boxes)))
    student = lesson_of("siamfcpp", files)
    twin, stranger = (PairTeacher(SiamFCpp(SMALL)) for _ in range(2))
    twin.network.load_state_dict(student.student.state_dict())
    paid = []
    for teacher in (twin, stranger):
        lesson = Distilled(student, teacher, 10).eval()
        batch = batch_of(lesson)
        for name in ("templates", "search"):  # no finer than what survives
            flat = batch[name].flatten(0, -4).permute(0, 3, 1, 2)
            coarse = torch.nn.functional.avg_pool2d(flat, 9, 8)
            smooth = torch.nn.functional.interpolate(coarse, size=flat.shape[2:], mode="bicubic")
            batch[name] = smooth.permute(0, 2, 3, 1).reshape(batch[name].shape)
        _, figures = lesson(batch)
        paid.append((float(figures["features"]), float(figures["predictions"])))
    assert paid[0][0] < 0.05 * paid[1][0]
    assert paid[0][1] < 0.05 * paid[1][1]


def test_teachers_are_told_by_their_arrays(tiny: None, files: Path, tmp_path: Path) -> None:
    write_weights(DsaTrack(TINY), tmp_path / "tiny.safetensors")
    row = read_teacher(tmp_path / "tiny.safetensors")
    assert isinstance(row, RowTeacher)
    assert row.network.row == TINY
    assert isinstance(read_teacher(files / "lite0.safetensors"), Lite0Teacher)
    assert isinstance(read_teacher(files / "small.safetensors").network, SiamFCpp)
    assert isinstance(read_teacher(files / "small_car.safetensors").network, SiamCar)
    write_weights(SiamFCppLite0().trunk, tmp_path / "trunk.safetensors")
    with pytest.raises(ModelFileDamaged, match="no tracker that can teach"):
        read_teacher(tmp_path / "trunk.safetensors")


def test_a_run_with_a_tutor_logs_both_branches_and_goes_on(files: Path, tmp_path: Path) -> None:
    data = made_up_pictures.make(tmp_path / "made")
    options = TrainOptions(
        (data,), tmp_path / "out", init=files / "small.safetensors", tutor=files / "lite0.safetensors",
        samples=4, batch=2, device="cpu",
    )  # fmt: skip
    session.train("ps_siamfcpp", options)
    head, last = ((tmp_path / "out" / "log.csv").read_text().splitlines()[number].split(",") for number in (0, -1))
    assert {"features", "predictions", "teacher_right"} <= set(head)
    assert len(last) == len(head)
    assert session.train("ps_siamfcpp", options)["samples"] == 4  # found, and nothing left to do
    with pytest.raises(InvalidParameter, match="--tutor with siamfcpp_trunk"):
        session.train("siamfcpp_trunk", replace(options, teacher=files / "teacher.pth"))
