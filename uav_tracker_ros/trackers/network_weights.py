"""Between a torch network and its file of weights; the same for every family, in training and in flight.

torch is imported in the functions: the registry loads every module of this folder, and flies without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from uav_tracker_ros.errors import OutputUnwritable
from uav_tracker_ros.trackers.weights import load_state

if TYPE_CHECKING:
    from torch import Tensor, nn

COUNTER = "num_batches_tracked"  # of batch normalisation; says nothing at flight time
N = TypeVar("N", bound="nn.Module")


def read_weights(network: N, file: Path) -> N:
    """The network with the weights of a .safetensors file, in eval mode; floats of any precision become fp32.

    Raises:
        ModelFileMissing: no such file.
        ModelFileDamaged: not safetensors, or arrays that are not this network's.
    """
    import torch

    state = network.state_dict()
    counters = [name for name in state if name.endswith(COUNTER)]
    expected = {name: tuple(value.shape) for name, value in state.items() if name not in counters}
    found = load_state(file, expected, ignore=counters)
    network.load_state_dict({name: torch.from_numpy(value).float() for name, value in found.items()}, strict=False)
    network.eval()
    return network


def write_weights(network: nn.Module, file: Path) -> None:
    """What :func:`write_state` does, of a network without its counters."""
    write_state({name: value for name, value in network.state_dict().items() if not name.endswith(COUNTER)}, file)


def write_state(state: Mapping[str, Tensor], file: Path) -> None:
    """Matrices and kernels as fp16, the few other numbers as fp32; the file appears whole or not at all.

    Raises:
        OutputUnwritable: the file cannot be made there.
    """
    from safetensors.torch import save

    arrays = {
        name: (value.half() if value.ndim > 1 else value.float()).detach().cpu().contiguous()
        for name, value in state.items()
    }
    partial = file.with_name(f".{file.name}.partial")
    try:
        partial.write_bytes(save(arrays))
        partial.replace(file)
    except OSError as error:
        with suppress(OSError):
            partial.unlink()
        raise OutputUnwritable(
            f"cannot write weights to '{file}': {error.strerror or error}; expected a folder with write access: "
            "choose another"
        ) from error
