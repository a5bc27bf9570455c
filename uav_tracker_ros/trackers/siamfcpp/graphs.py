"""Between files and networks of the kind ``SiamFCpp`` and ``SiamCar``: weights, and the graphs that fly."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn

from uav_tracker_ros.backends.graph import Graph
from uav_tracker_ros.errors import OutputUnwritable
from uav_tracker_ros.trackers.siamfcpp.folding import folded
from uav_tracker_ros.trackers.siamfcpp.network import TEMPLATE_PX
from uav_tracker_ros.trackers.weights import load_state

_COUNTER = "num_batches_tracked"  # of batch normalisation; says nothing at flight time
OUTPUTS = ("score", "centerness", "distances")


class Siamese(Protocol):
    """What both networks have."""

    def template(self, crop: Tensor) -> tuple[Tensor, ...]:
        """Crop -> kernels."""
        ...

    def track(self, crop: Tensor, kernels: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Crop and kernels -> maps."""
        ...


def read_weights(network: nn.Module, file: Path) -> nn.Module:
    """The network with the weights of a .safetensors file, in eval mode; floats of any precision become fp32.

    Raises:
        ModelFileMissing: no such file.
        ModelFileDamaged: not safetensors, or arrays that are not this network's.
    """
    state = network.state_dict()
    counters = [name for name in state if name.endswith(_COUNTER)]
    expected = {name: tuple(value.shape) for name, value in state.items() if name not in counters}
    found = load_state(file, expected, ignore=counters)
    network.load_state_dict({name: torch.from_numpy(value).float() for name, value in found.items()}, strict=False)
    return network.eval()


def write_weights(network: nn.Module, file: Path) -> None:
    """Kernels of convolutions as fp16, the few other numbers as fp32; the file appears whole or not at all.

    Raises:
        OutputUnwritable: the file cannot be made there.
    """
    from safetensors.torch import save

    state = {
        name: value.detach().cpu().half() if value.ndim == 4 else value.detach().cpu().float()
        for name, value in network.state_dict().items()
        if not name.endswith(_COUNTER)
    }
    partial = file.with_name(f".{file.name}.partial")
    try:
        partial.write_bytes(save({name: value.contiguous() for name, value in state.items()}))
        partial.replace(file)
    except OSError as error:
        with suppress(OSError):
            partial.unlink()
        raise OutputUnwritable(
            f"cannot write weights to '{file}': {error.strerror or error}; expected a folder with write access: "
            "choose another"
        ) from error


def flight_graphs(network: Siamese, search_px: int) -> dict[str, Graph]:
    """``template`` and ``track`` of a folded copy: (1, S, S, 3) uint8 BGR in, fp32 out."""
    ready = folded(network)
    crop = torch.zeros(1, TEMPLATE_PX, TEMPLATE_PX, 3, dtype=torch.uint8)
    search = torch.zeros(1, search_px, search_px, 3, dtype=torch.uint8)
    with torch.no_grad():  # not inference_mode: the exporter traces with these tensors
        kernels = ready.template(crop)
    names = [f"kernel{number}" for number in range(len(kernels))]
    return {
        "template": Graph(ready, ready.template, {"crop": crop}, tuple(names)),
        "track": Graph(
            ready,
            lambda crop, *state: ready.track(crop, state),
            {"crop": search, **dict(zip(names, kernels, strict=True))},
            OUTPUTS,
        ),
    }
