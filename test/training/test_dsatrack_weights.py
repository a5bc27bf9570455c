"""Trunks with timm's names, and larger rows, as a start."""

import importlib.util
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="training needs torch: pip install -e .[train]")

from safetensors.torch import save_file  # noqa: E402 - after the check for torch

from uav_tracker_ros.errors import BackendUnavailable, ModelFileDamaged, ModelFileMissing  # noqa: E402 - after the check for torch
from uav_tracker_ros.trackers.dsatrack.network import DsaTrack  # noqa: E402
from uav_tracker_ros.trackers.dsatrack.rows import FORMS, ROWS, Row  # noqa: E402
from uav_tracker_ros.trackers.network_weights import write_weights  # noqa: E402
from uav_tracker_ros.training.dsatrack_weights import (  # noqa: E402
    load_teacher,
    load_trunk,
    read_row,
    resized_positions,
    start_from,
)

TWELVE = Row("twelve", 64, tuple(range(1, 13)), ((3, 172), (6, 153), (9, 134)), head_channels=16)
SEVEN = Row("seven", 64, ROWS["dsatrack_d7"].layers, ((3, 172),), head_channels=16)


def vision_transformer(width: int = 64) -> dict[str, torch.Tensor]:
    """A state dict as timm names it."""
    trunk = DsaTrack(replace(TWELVE, width=width, keep=())).backbone
    weights = {name: torch.randn_like(value) for name, value in trunk.state_dict().items() if "pos_embed" not in name}
    return weights | {
        "cls_token": torch.zeros(1, 1, width),
        "pos_embed": torch.randn(1, 197, width),
        "head.weight": torch.zeros(10, width),
        "head.bias": torch.zeros(10),
    }


def test_a_trunk_loads_strictly_and_blocks_go_where_the_row_has_them() -> None:
    weights, backbone = vision_transformer(), DsaTrack(SEVEN).backbone
    dsa = backbone.blocks[3].attn.dsa.rank[0].weight.clone()
    load_trunk(backbone, weights)
    for index, layer in enumerate((1, 2, 3, 4, 5, 11, 12)):
        for part in ("norm1.weight", "attn.qkv.weight", "attn.proj.bias", "mlp.fc2.weight"):
            own = backbone.state_dict()[f"blocks.{index}.{part}"]
            assert torch.equal(own, weights[f"blocks.{layer - 1}.{part}"])
    assert torch.equal(backbone.norm.weight, weights["norm.weight"])
    assert torch.equal(backbone.patch_embed.proj.weight, weights["patch_embed.proj.weight"])
    assert torch.equal(backbone.blocks[3].attn.dsa.rank[0].weight, dsa)


def test_positions_lose_the_class_token_and_are_resized() -> None:
    flat = torch.cat([torch.full((1, 1, 4), 99.0), torch.ones(1, 196, 4)], 1)
    assert torch.allclose(resized_positions(flat, 16), torch.ones(1, 256, 4))
    assert torch.allclose(resized_positions(flat, 8), torch.ones(1, 64, 4))
    ramp = torch.arange(14.0).repeat(14).reshape(1, 196, 1)  # the column
    wide = resized_positions(ramp, 16).reshape(16, 16)
    assert torch.allclose(wide[0], wide[9])
    assert (wide[0].diff() > 0).all()
    distilled = torch.cat([torch.full((1, 2, 4), 99.0), torch.ones(1, 196, 4)], 1)
    assert torch.allclose(resized_positions(distilled, 16), torch.ones(1, 256, 4))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w.pop("blocks.0.attn.qkv.weight"), r"1 missing: blocks\.0\.attn\.qkv\.weight"),
        (lambda w: w.update(gain=torch.zeros(1)), "1 unexpected: gain"),
        (lambda w: w.update({"norm.weight": torch.zeros(5)}), r"1 of another shape: norm\.weight"),
        (lambda w: w.pop("pos_embed"), "2 missing: pos_embed_x, pos_embed_z"),
    ],
    ids=["missing", "unexpected", "shape", "positions"],
)
def test_other_trunks_are_refused_by_name(change, message: str) -> None:
    weights = vision_transformer()
    change(weights)
    with pytest.raises(ModelFileDamaged, match=message):
        load_trunk(DsaTrack(SEVEN).backbone, weights)


def test_a_pruned_row_takes_its_teachers_blocks_with_their_graph() -> None:
    teacher, student = DsaTrack(TWELVE), DsaTrack(SEVEN)
    assert load_teacher(student, teacher) == []
    for index, layer in enumerate((1, 2, 3, 4, 5, 11, 12)):
        own, theirs = student.backbone.blocks[index].state_dict(), teacher.backbone.blocks[layer - 1].state_dict()
        assert own.keys() == theirs.keys()
        assert all(torch.equal(own[name], theirs[name]) for name in own)
    assert torch.equal(student.head.size[0].weight, teacher.head.size[0].weight)


def test_a_graph_that_the_teacher_lacks_keeps_its_start() -> None:
    student = DsaTrack(replace(SEVEN, keep=((0, 172),)))
    assert all(name.startswith("backbone.blocks.0.attn.dsa.") for name in load_teacher(student, DsaTrack(TWELVE)))


def test_a_teacher_of_another_width_is_refused() -> None:
    with pytest.raises(ModelFileDamaged, match="choose a larger row"):
        load_teacher(DsaTrack(SEVEN), DsaTrack(replace(TWELVE, width=128)))
    with pytest.raises(ModelFileDamaged, match="choose a larger row"):
        load_teacher(DsaTrack(TWELVE), DsaTrack(SEVEN))


def test_a_file_tells_its_row(tmp_path) -> None:
    write_weights(DsaTrack(ROWS["eatrack"]), tmp_path / "w.safetensors")
    assert read_row(tmp_path / "w.safetensors").row == ROWS["eatrack"]


def test_files_that_are_no_row_s_are_refused(tmp_path) -> None:
    write_weights(DsaTrack(SEVEN), tmp_path / "w.safetensors")
    with pytest.raises(ModelFileDamaged, match="arrays that are no row's"):
        read_row(tmp_path / "w.safetensors")
    (tmp_path / "text.safetensors").write_text("no")
    with pytest.raises(ModelFileDamaged, match="copy the file again"):
        read_row(tmp_path / "text.safetensors")
    with pytest.raises(ModelFileMissing, match="give another file"):
        read_row(tmp_path / "none.safetensors")


def test_a_row_starts_from_a_vision_transformer_or_a_larger_row(tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(ROWS, "twelve", TWELVE)
    save_file(vision_transformer(), tmp_path / "vit.safetensors")
    torch.manual_seed(0)
    teacher = DsaTrack(TWELVE)
    write_weights(teacher, tmp_path / "twelve.safetensors")
    student = DsaTrack(SEVEN)
    assert start_from(student, tmp_path / "vit.safetensors") == "a vision transformer"
    assert start_from(student, tmp_path / "twelve.safetensors") == "blocks 1, 2, 3, 4, 5, 11, 12 of twelve"
    own, theirs = student.backbone.blocks[6].mlp.fc1.weight, teacher.backbone.blocks[11].mlp.fc1.weight
    assert torch.allclose(own, theirs, atol=1e-3)
    assert start_from(DsaTrack(TWELVE), tmp_path / "twelve.safetensors") == ""  # its own: loaded as a whole


@pytest.mark.parametrize("form", FORMS)
def test_a_distilled_trunk_starts_every_form_and_shorter_rows(tmp_path, form: str) -> None:
    torch.manual_seed(0)
    trunk = DsaTrack(TWELVE).backbone
    write_weights(trunk, tmp_path / "trunk.safetensors")
    student = DsaTrack(SEVEN, FORMS[form])
    before = {name: value.clone() for name, value in student.state_dict().items() if ".dsa." in name}
    assert start_from(student, tmp_path / "trunk.safetensors") == "a vision transformer"
    theirs = trunk.blocks[11].mlp.fc1.weight
    assert torch.allclose(student.backbone.blocks[6].mlp.fc1.weight, theirs, atol=1e-3)
    assert torch.allclose(student.backbone.pos_embed_z, trunk.pos_embed_z, atol=1e-3)
    assert all(torch.equal(student.state_dict()[name], value) for name, value in before.items())


@pytest.mark.skipif(importlib.util.find_spec("timm") is not None, reason="timm is installed")
def test_timm_s_weights_need_timm() -> None:
    with pytest.raises(BackendUnavailable, match="a torchvision that matches torch"):
        start_from(DsaTrack(SEVEN), Path("timm:vit_tiny_patch16_224"))


@pytest.mark.skipif(importlib.util.find_spec("timm") is None, reason="timm needs a torchvision that matches torch")
def test_plain_blocks_equal_timms() -> None:
    from timm.models.vision_transformer import VisionTransformer

    other = VisionTransformer(img_size=224, patch_size=16, embed_dim=64, depth=12, num_heads=1, num_classes=0).eval()
    network = DsaTrack(replace(TWELVE, keep=())).eval()
    load_trunk(network.backbone, other.state_dict())
    x = torch.randn(2, 10, 64)
    with torch.inference_mode():
        for own, theirs in zip(network.backbone.blocks, other.blocks, strict=True):
            q, k, v = own.attn.split(own.norm1(x))
            mine = own.finish(x, torch.softmax(q @ k.transpose(2, 3), -1) @ v)
            assert torch.allclose(mine, theirs(x), atol=1e-5)
            x = mine
