"""Every recipe: from a folder of pictures to weights, through the bare entry's own function."""

import time
from dataclasses import replace
from pathlib import Path

import cv2
import made_up_pictures
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch: pip install -e .[train]")

from safetensors.torch import load_file  # noqa: E402 - after the check for torch

from uav_tracker_ros.errors import InvalidParameter, UnknownName  # noqa: E402
from uav_tracker_ros.trackers.dsatrack.rows import ROWS, Row  # noqa: E402
from uav_tracker_ros.trackers.network_weights import write_weights  # noqa: E402
from uav_tracker_ros.trackers.siamcar.network import CarWidths, SiamCar  # noqa: E402
from uav_tracker_ros.trackers.siamfcpp.lite0_network import SiamFCppLite0  # noqa: E402
from uav_tracker_ros.trackers.siamfcpp.network import SiamFCpp, Widths  # noqa: E402
from uav_tracker_ros.training import session  # noqa: E402
from uav_tracker_ros.training.options import TrainOptions  # noqa: E402
from uav_tracker_ros.training.recipes import dsatrack, dsatrack_trunk, siamcar, siamfcpp  # noqa: E402
from uav_tracker_ros.training.scenes.pictures import Pictures  # noqa: E402

SMALL_CAR = CarWidths((12, 16, 16, 16, 16), (16, 16, 16, 16))
SMALL = Widths((12, 16, 16, 16, 16), 16, (16, 16, 16))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_up_pictures.make(tmp_path_factory.mktemp("data") / "made")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A teacher and pruned weights, random."""
    folder = tmp_path_factory.mktemp("files")
    torch.manual_seed(0)
    torch.save(SiamFCppLite0().trunk.state_dict(), folder / "teacher.pth")
    write_weights(SiamFCpp(SMALL), folder / "pruned.safetensors")
    write_weights(SiamCar(SMALL_CAR), folder / "pruned_car.safetensors")
    return folder


@pytest.mark.parametrize(
    ("recipe", "given", "first"),
    [
        ("siamfcpp_trunk", {"teacher": "teacher.pth"}, "conv1.conv.weight"),
        ("p_siamfcpp_trunk", {"init": "pruned.safetensors", "teacher": "teacher.pth"}, "trunk.conv1.conv.weight"),
        ("ps_siamfcpp", {"init": "pruned.safetensors"}, "trunk.conv1.conv.weight"),
        ("ps_siamcar", {"init": "pruned_car.safetensors"}, "trunk.conv1.conv.weight"),
        ("siamfcpp_lite0", {"teacher": "teacher.pth"}, "trunk._conv_stem.weight"),
        ("dsatrack_trunk", {"teacher": "teacher.pth"}, "patch_embed.proj.weight"),
        ("eatrack", {}, "backbone.patch_embed.proj.weight"),
    ],
)
def test_a_recipe_gives_weights_and_figures(
    data: Path,
    files: Path,
    tmp_path: Path,
    recipe: str,
    given: dict[str, str],
    first: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in (siamfcpp, dsatrack_trunk):
        monkeypatch.setattr(module, "_JUDGED_CROPS", 4)
    paths = {name: files / file for name, file in given.items()}
    options = TrainOptions((data,), tmp_path, samples=4, batch=2, device="cpu", piece_mb=1000, **paths)
    figures = session.train(recipe, options)
    weights = load_file(tmp_path / "last.safetensors")
    assert weights[first].dtype == torch.float16
    assert all(torch.isfinite(value.float()).all() for value in weights.values())
    assert figures["samples"] == 4
    assert np.isfinite(figures["figure"])
    assert (tmp_path / "best.safetensors").is_file()


def test_a_trunk_s_weights_start_the_whole_network(data: Path, tmp_path: Path) -> None:
    network = SiamFCpp(SMALL)
    write_weights(network.trunk, tmp_path / "trunk.safetensors")
    other = SiamFCpp(SMALL)
    session._start_from(other, tmp_path / "trunk.safetensors")
    assert torch.allclose(other.trunk.conv3.conv.weight, network.trunk.conv3.conv.weight, atol=1e-3)
    assert not torch.equal(other.head.score_search.conv.weight, network.head.score_search.conv.weight)


@pytest.mark.parametrize(
    ("recipe", "given", "learns"),
    [
        ("p_siamfcpp_trunk", {"teacher": "teacher.pth"}, {"trunk.conv1", "trunk.conv4", "trunk.conv5"}),
        ("p_siamfcpp", {"frugal": True}, {"trunk.conv5", "head.score_search"}),
    ],
)
def test_what_is_kept_does_not_move(
    data: Path, files: Path, tmp_path: Path, recipe: str, given: dict, learns: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(siamfcpp, "_JUDGED_CROPS", 4)
    if "teacher" in given:
        given = {"teacher": files / given["teacher"]}
    options = TrainOptions((data,), tmp_path, samples=4, batch=2, device="cpu", rate=0.1, **given)
    session.train(recipe, replace(options, init=files / "pruned.safetensors"))
    before, after = load_file(files / "pruned.safetensors"), load_file(tmp_path / "last.safetensors")
    changed = {name.rsplit(".", 2)[0] for name, value in after.items() if not torch.equal(value, before[name])}
    blocks = {"trunk.conv1", "trunk.conv4", "trunk.conv5", "head.score_search"}
    assert changed & blocks == learns


@pytest.mark.parametrize("frugal", [False, True])
def test_ranks_need_not_wait_for_what_a_trunk_does_not_train(data: Path, files: Path, frugal: bool) -> None:
    """Several ranks wait for the gradient of all that is trained, at every step."""
    lesson = dsatrack_trunk.TrunkLesson("dsatrack_vit_t", files / "teacher.pth", Pictures(), frugal=frugal).train()
    side = 128 if frugal else 256
    lesson({"crop": torch.randint(0, 256, (2, side, side, 3)).float()})[0].backward()
    without = [name for name, value in lesson.named_parameters() if value.requires_grad and value.grad is None]
    assert not without
    assert lesson.backbone.pos_embed_z.requires_grad == frugal


def test_a_frugal_trunk_learns_the_positions_of_both_streams(data: Path, files: Path, tmp_path: Path) -> None:
    options = TrainOptions((data,), tmp_path, files / "teacher.pth", samples=16, batch=2, device="cpu", frugal=True)
    session.train("dsatrack_trunk", options)
    weights = load_file(tmp_path / "last.safetensors")
    assert weights["pos_embed_x"].any()
    assert weights["pos_embed_z"].any()


def test_frugal_is_refused_where_nothing_would_be_smaller(data: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidParameter, match="--frugal with eatrack"):
        session.train("eatrack", TrainOptions((data,), tmp_path, frugal=True))


def test_frugal_crops_are_smaller_at_the_same_scale() -> None:
    full, small = siamfcpp.family().batches.cut, siamfcpp.family(siamfcpp.FRUGAL_PX).batches.cut
    assert (full.search_px, small.search_px) == (303, 255)
    assert small.search_unit_px == pytest.approx(full.search_unit_px)


def test_a_row_s_second_stage_goes_on_from_its_first(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = Row("dsatrack_vit_t", 64, (1, 2), ((1, 172),), head_channels=16)
    monkeypatch.setitem(ROWS, "dsatrack_vit_t", row)
    first = TrainOptions((data,), tmp_path / "first", samples=2, batch=2, device="cpu", form="static")
    session.train("dsatrack_vit_t", first)
    second = replace(first, out=tmp_path / "second", samples=4)
    with pytest.raises(InvalidParameter, match="train dsatrack_vit_t first"):
        session.train("dsatrack_vit_t_memory", second)
    figures = session.train("dsatrack_vit_t_memory", replace(second, init=tmp_path / "first" / "last.safetensors"))
    assert figures["samples"] == 4
    assert np.isfinite(figures["figure"])
    before, after = (load_file(tmp_path / stage / "last.safetensors") for stage in ("first", "second"))
    assert before.keys() == after.keys()
    assert "backbone.blocks.1.attn.dsa.conv.weight" in after
    moved = {name for name, value in after.items() if not torch.equal(value, before[name])}
    assert {"backbone.blocks.1.attn.dsa.rank.0.weight", "head.score.0.weight"} <= moved
    with pytest.raises(InvalidParameter, match="holds a run of dsatrack_vit_t --form static; expected one of dsatrack"):
        session.train("dsatrack_vit_t", replace(first, form="hybrid"))


def test_only_a_row_that_starts_anew_keeps_its_tokens_at_first(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ROWS, "dsatrack_vit_t", Row("dsatrack_vit_t", 64, (1, 2), ((1, 172),), head_channels=16))
    anew = TrainOptions((data,), tmp_path / "anew", samples=2, batch=2, device="cpu")
    session.train("dsatrack_vit_t", anew)
    session.train("dsatrack_vit_t", replace(anew, out=tmp_path / "on", init=tmp_path / "anew" / "last.safetensors"))
    steps = [
        int(torch.load(tmp_path / run / "state.pt", weights_only=True)["lesson"]["steps"]) for run in ("anew", "on")
    ]
    assert steps == [1, dsatrack.RAMP + 1]


def test_show_pairs_draws_and_trains_nothing(data: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.png"
    session.train("eatrack", TrainOptions((data,), tmp_path / "out", device="cpu", show_pairs=sheet))
    picture = cv2.imread(str(sheet))
    assert picture.shape[1] > 8 * 3 * 100  # eight columns of two templates and a search region
    assert picture.std() > 20
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("recipe", "changes", "error", "message"),
    [
        ("siamfcpq", {}, UnknownName, "siamfcpp"),
        ("siamfcpp_lite0", {}, InvalidParameter, "--teacher FILE.pth"),
        ("p_siamfcpp", {}, InvalidParameter, "prune"),
        ("eatrack", {"minutes": -1.0}, InvalidParameter, "--minutes"),
        ("eatrack", {"form": "hybrit"}, UnknownName, "did you mean 'hybrid'"),
        ("eatrack", {"device": "tpu"}, InvalidParameter, "auto, cpu or cuda"),
    ],
)
def test_what_is_missing_is_said(
    data: Path, tmp_path: Path, recipe: str, changes: dict, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        session.train(recipe, TrainOptions((data,), tmp_path, **changes), time.monotonic())


def test_siamcar_counts_the_middle_of_the_box_and_a_perfect_answer_costs_little() -> None:
    points = siamcar.family().points
    box = torch.tensor([[100.0, 110.0, 180.0, 170.0]])
    batch = {"box": box, "box_weight": torch.ones(1)}
    inside = (points[0] - 140).abs().lt(16) & (points[1] - 140).abs().lt(12)
    classes = torch.where(inside, 20.0, -20.0)[None, None] * torch.tensor([-1.0, 1.0]).view(1, 2, 1, 1)
    distances = torch.cat([points - box[0, :2, None, None], box[0, 2:, None, None] - points])[None]
    ratio = distances.unflatten(1, (2, 2))
    central = (ratio.amin(1) / ratio.amax(1)).prod(1).clamp(1e-6, 1 - 1e-6).sqrt()
    loss, figures = siamcar.pair_loss((classes, torch.logit(central)[:, None], distances), batch, points)
    assert figures["iou"] == pytest.approx(1.0, abs=1e-4)
    assert float(loss) == pytest.approx(0.0, abs=1e-3)
    assert siamcar.pair_loss((-classes, torch.logit(central)[:, None], distances), batch, points)[0] > 10
