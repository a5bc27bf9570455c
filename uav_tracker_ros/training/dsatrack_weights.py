"""Initial weights of DSATrack's rows: a plain vision transformer's, or a larger row's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - torch's own idiom

from uav_tracker_ros.errors import BackendUnavailable, ModelFileDamaged
from uav_tracker_ros.trackers.dsatrack.network import Backbone, DsaTrack
from uav_tracker_ros.trackers.dsatrack.rows import MAP, ROWS, SLOT, Row
from uav_tracker_ros.trackers.network_weights import COUNTER, read_weights
from uav_tracker_ros.trackers.weights import array_shapes

_UNUSED = ("cls_token", "dist_token", "head.", "head_dist.", "fc_norm.")
_TIMM = "timm:"
_SHOWN = 4  # names in a message


def start_from(network: DsaTrack, file: Path) -> str:
    """Start a row from a plain vision transformer or a larger row.

    Args:
        network: gets the weights.
        file: ``timm:NAME`` (downloads where timm is installed), or a .safetensors file.

    Returns:
        What was found, in words; empty where the file is neither of the two.

    Raises:
        BackendUnavailable: timm is asked for and cannot be imported.
        ModelFileMissing: no such file.
        ModelFileDamaged: not safetensors, or a transformer or row that does not fit.
    """
    if str(file).startswith(_TIMM):
        load_trunk(network.backbone, _timm(str(file)[len(_TIMM) :]))
        return f"the vision transformer {file}"
    shapes = array_shapes(file)
    if "pos_embed" in shapes or "pos_embed_x" in shapes:
        from safetensors.torch import load_file

        load_trunk(network.backbone, load_file(file))
        return "a vision transformer"
    larger = _row_of(shapes)
    if larger is None or larger.layers == network.row.layers:
        return ""
    load_teacher(network, read_row(file))
    return f"blocks {', '.join(map(str, network.row.layers))} of {larger.name}"


def read_row(file: Path) -> DsaTrack:
    """The network whose weights a file holds, in eval mode; rows are told apart by their arrays.

    Raises:
        ModelFileMissing: no such file.
        ModelFileDamaged: not safetensors, or no row's weights.
    """
    shapes = array_shapes(file)
    row = _row_of(shapes)
    if row is None:
        raise ModelFileDamaged(
            f"{file.name} holds {len(shapes)} arrays that are no row's; expected whole weights of {', '.join(ROWS)}; "
            "give such a file"
        )
    return read_weights(DsaTrack(row), file)


def _row_of(shapes: Mapping[str, tuple[int, ...]]) -> Row | None:
    found = {name: shape for name, shape in shapes.items() if not name.endswith(COUNTER)}
    size = found.get("backbone.norm.weight"), sum(name.endswith("norm1.weight") for name in found)
    for row in ROWS.values():
        if size != ((row.width,), len(row.layers)):
            continue
        with torch.device("meta"):
            state = DsaTrack(row).state_dict()
        if found == {name: tuple(value.shape) for name, value in state.items() if not name.endswith(COUNTER)}:
            return row
    return None


def _timm(name: str) -> dict[str, Tensor]:
    try:
        import timm  # type: ignore[import-not-found]
    except (ImportError, RuntimeError) as error:
        raise BackendUnavailable(
            f"timm cannot be imported ({error}); --init {_TIMM}{name} needs it and a torchvision that matches torch; "
            "pip install timm, or give a state dict as .safetensors"
        ) from error
    state: dict[str, Tensor] = timm.create_model(name, pretrained=True).state_dict()
    return state


def load_trunk(backbone: Backbone, weights: Mapping[str, Tensor]) -> None:
    """Take the weights of a vision transformer with timm's names; blocks that the row has not are left out.

    Positions are resized from the trunk's grid to 16x16 and 8x8 by bicubic interpolation; a trunk of this project, as
    the recipe dsatrack_trunk leaves it, has both already. Its modules that model the correlation were not trained.

    Args:
        backbone: of a row; what models the correlation keeps its own weights.
        weights: state dict of a ViT of 12 blocks with 16 px patches, e.g. ``vit_tiny_patch16_224``.

    Raises:
        ModelFileDamaged: arrays that are missing, unknown or of another shape.
    """
    layers = {f"blocks.{layer - 1}.": f"blocks.{index}." for index, layer in enumerate(backbone.row.layers)}
    found: dict[str, Tensor] = {}
    for name, value in weights.items():
        if name.startswith("blocks."):
            old = ".".join(name.split(".")[:2]) + "."
            if old in layers and ".dsa." not in name:
                found[layers[old] + name[len(old) :]] = value.float()
        elif name == "pos_embed":
            found["pos_embed_x"] = resized_positions(value.float(), MAP)
            found["pos_embed_z"] = resized_positions(value.float(), int(SLOT**0.5))
        elif not name.startswith(_UNUSED):
            found[name] = value.float()
    own = backbone.state_dict()
    expected = {name for name in own if ".dsa." not in name}
    wrong = {
        "missing": sorted(expected - found.keys()),
        "unexpected": sorted(found.keys() - expected),
        "of another shape": sorted(n for n in expected & found.keys() if own[n].shape != found[n].shape),
    }
    if any(wrong.values()):
        named = "; ".join(f"{len(names)} {kind}: {', '.join(names[:_SHOWN])}" for kind, names in wrong.items() if names)
        raise ModelFileDamaged(
            f"trunk weights do not fit {backbone.row.name} ({named}); expected a vision transformer of width "
            f"{backbone.row.width} with patches of 16 px and timm's names, e.g. {backbone.row.trunk}; give such a file"
        )
    backbone.load_state_dict(found, strict=False)


def resized_positions(positions: Tensor, side: int) -> Tensor:
    """(1, tokens before the grid + g^2, D) -> (1, side^2, D)."""
    grid = int(positions.shape[1] ** 0.5)
    square = positions[:, -grid * grid :].reshape(1, grid, grid, -1).permute(0, 3, 1, 2)
    resized = F.interpolate(square, size=(side, side), mode="bicubic", align_corners=False)
    return resized.permute(0, 2, 3, 1).reshape(1, side * side, -1)


def load_teacher(network: DsaTrack, teacher: DsaTrack) -> list[str]:
    """Copy from a larger row of the same width what this row keeps of it.

    A graph over template tokens is copied where both rows have one at the same layer of the trunk.

    Returns:
        Names of the arrays that the teacher does not have and that stay as they were.

    Raises:
        ModelFileDamaged: another width, or a block that the teacher lacks.
    """
    row, larger = network.row, teacher.row
    missing = sorted(set(row.layers) - set(larger.layers))
    if row.width != larger.width or row.head_channels != larger.head_channels or missing:
        raise ModelFileDamaged(
            f"{larger.name} (width {larger.width}, layers {larger.layers}) cannot start {row.name} (width "
            f"{row.width}, layers {row.layers}); expected the same width and all these layers; choose a larger row"
        )
    source = teacher.state_dict()
    copied, kept = {}, []
    for name in network.state_dict():
        parts = name.split(".")
        origin = name
        if parts[:2] == ["backbone", "blocks"]:
            parts[2] = str(larger.layers.index(row.layers[int(parts[2])]))
            origin = ".".join(parts)
        if origin in source:
            copied[name] = source[origin]
        else:
            kept.append(name)
    network.load_state_dict(copied, strict=False)
    return kept
