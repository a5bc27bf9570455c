"""From a row's trained weights to the files that fly: three graphs that share one file of weights, checked."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from uav_tracker_ros.backends import choice, torch_backend
from uav_tracker_ros.backends.contract import Backend
from uav_tracker_ros.backends.export import write_onnx
from uav_tracker_ros.backends.shared_weights import share_weights
from uav_tracker_ros.errors import ModelFileDamaged, unknown_name
from uav_tracker_ros.trackers.dsatrack import cost
from uav_tracker_ros.trackers.dsatrack.graphs import flight_graphs
from uav_tracker_ros.trackers.dsatrack.network import DsaTrack
from uav_tracker_ros.trackers.dsatrack.rows import ROWS, SEARCH_PX, TEMPLATE_PX
from uav_tracker_ros.trackers.network_weights import read_weights, write_weights

TOLERANCE = 1e-3  # of maps; one template token more or less at its rank's threshold changes them by up to 7e-4
BACKENDS = ("onnxruntime", "openvino")
_CROPS = 8


def export_row(weights: Path, name: str, folder: Path, tell: Callable[[str], None]) -> dict[str, Any]:
    """Write ``NAME`` with ``.template.onnx``, ``.track.onnx``, ``.update.onnx``, ``.weights`` and ``.safetensors``.

    The last is for further training and is not listed: what flies does not read it.

    Args:
        weights: .safetensors of the row ``name``.
        name: of a row.
        folder: for the files.
        tell: gets a line for each backend.

    Returns:
        What models.yaml needs of it, and each backend's distance from the network.

    Raises:
        UnknownName: no such row.
        ModelFileMissing: no such file.
        ModelFileDamaged: another network's weights, or a backend that gives other maps.
    """
    if name not in ROWS:
        raise unknown_name("row", name, ROWS)
    rounded = folder / f"{name}.safetensors"
    write_weights(read_weights(DsaTrack(ROWS[name]), weights), rounded)
    network = read_weights(DsaTrack(ROWS[name]), rounded)  # as rounded to half precision: every backend's numbers
    graphs = flight_graphs(network)
    files = write_onnx(graphs, folder, name)
    data = folder / f"{name}.weights"
    share_weights(files, data)
    row = ROWS[name]
    parity = {}
    for backend in BACKENDS:
        if not choice.installed(backend):
            tell(f"{backend} is not installed: not checked")
            continue
        found = _difference(torch_backend.load(graphs, 1), choice.load_onnx(backend, files, 1), blends=not row.keep)
        tell(f"{backend}: maps differ by {found:.1e}")
        if not found <= TOLERANCE:
            raise ModelFileDamaged(
                f"{backend} gives other maps than the network: they differ by {found:.1e}; expected at most "
                f"{TOLERANCE:g}; another version of {backend} may help"
            )
        parity[backend] = found
    return {
        "name": name,
        "family": "dsatrack" if row.keep else "eatrack",
        "params": sum(parameter.numel() for parameter in network.parameters()),
        "macs": cost.track(row),
        "template_macs": cost.template(row),
        "backends": list(BACKENDS),
        "files": [
            {"graph": graph, "name": file.name, "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
            for graph, file in {**files, "data": data}.items()
        ],
        "parity": parity,
    }


def _difference(network: Backend, other: Backend, *, blends: bool) -> float:
    """The largest difference of any map over several crops, with first and updated memories."""
    rng = np.random.default_rng(0)
    worst = 0.0
    for _ in range(_CROPS // 2):
        template, newer = (_crop(rng, TEMPLATE_PX) for _ in range(2))
        ranked = np.array([0.5], np.float32) if blends else _crop(rng, SEARCH_PX)
        state = list(network.run("template", template).values())
        updated = list(network.run("update", state[0], newer, ranked).values())
        for memory in (state, updated):
            search = _crop(rng, SEARCH_PX)
            maps, found = (backend.run("track", search, *memory[1:]) for backend in (network, other))
            worst = max(worst, *(float(np.abs(maps[key] - found[key]).max()) for key in maps))
        own = list(other.run("update", state[0], newer, ranked).values())
        worst = max(worst, float(np.median(np.abs(own[0] - updated[0]))))  # a token may be another; most are not
    return worst


def _crop(rng: np.random.Generator, size: int) -> Any:
    coarse = torch.from_numpy(rng.integers(0, 256, (1, 3, size // 8, size // 8)).astype(np.float32))
    fine = torch.nn.functional.interpolate(coarse, size=(size, size), mode="bilinear")
    return fine.permute(0, 2, 3, 1).to(torch.uint8).contiguous().numpy()
