"""The graphs that fly, of networks of the kind ``SiamFCpp`` and ``SiamCar``."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from uav_tracker_ros.backends.graph import Graph
from uav_tracker_ros.trackers.siamfcpp.folding import folded
from uav_tracker_ros.trackers.siamfcpp.network import TEMPLATE_PX

OUTPUTS = ("score", "centerness", "distances")


class Siamese(Protocol):
    """What both networks have."""

    def template(self, crop: Tensor) -> tuple[Tensor, ...]:
        """Crop -> kernels."""
        ...

    def track(self, crop: Tensor, kernels: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Crop and kernels -> maps."""
        ...


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
