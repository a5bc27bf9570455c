"""How far a backend's maps are from those of the network as it was trained."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from uav_tracker_ros.backends.contract import Backend
from uav_tracker_ros.trackers.siamfcpp.graphs import Siamese
from uav_tracker_ros.trackers.siamfcpp.network import TEMPLATE_PX

PROBABILITY = 2e-5  # largest accepted difference of score and centre-ness, fp32 backends
DISTANCE_PX, DISTANCE_SHARE = 1e-2, 2e-4  # of a distance: either may hold


class Parity(NamedTuple):
    """The worst of all crops."""

    probability: float  # difference of score or centre-ness
    distance: float  # difference of a distance over what is accepted: 1 is the limit
    same_cell: float  # share of crops with the same best cell

    @property
    def holds(self) -> bool:
        """The backend computes the same network."""
        return self.probability <= PROBABILITY and self.distance <= 1.0 and self.same_cell == 1.0


def measure(network: Siamese, backend: Backend, search_px: int, *, crops: int = 32, seed: int = 0) -> Parity:
    """Compare on pictures of smooth noise, half of them with another template: one baked into a graph shows.

    Args:
        network: in eval mode, batch normalisation as trained.
        backend: with graphs ``template`` and ``track`` of it.
        search_px: side of the search crop.
        crops: search crops in all.
        seed: of the pictures.
    """
    rng = np.random.default_rng(seed)
    probability = distance = 0.0
    same = 0
    for number in range(crops):
        if number in (0, crops // 2):
            template = _picture(rng, TEMPLATE_PX)
            state = tuple(backend.run("template", template).values())
            with torch.inference_mode():
                kernels = network.template(torch.from_numpy(template))
        search = _picture(rng, search_px)
        found = list(backend.run("track", search, *state).values())
        with torch.inference_mode():
            expected = [map_.numpy() for map_ in network.track(torch.from_numpy(search), kernels)]
        probability = max(probability, *(float(np.abs(found[k] - expected[k]).max()) for k in range(2)))
        accepted = np.maximum(DISTANCE_PX, DISTANCE_SHARE * expected[2])
        distance = max(distance, float((np.abs(found[2] - expected[2]) / accepted).max()))
        score = expected[0] * expected[1]
        best = score.flat[int(np.argmax(found[0] * found[1]))]
        same += int(best >= score.max() - PROBABILITY)  # ties are not told apart
    return Parity(probability, distance, same / crops)


def _picture(rng: np.random.Generator, size: int) -> NDArray[np.uint8]:
    """(1, size, size, 3) uint8: coarse colours with noise on them."""
    cells = size // 9 + 2
    coarse = rng.integers(0, 256, (1, cells, cells, 3)).astype(np.float64).repeat(9, 1).repeat(9, 2)
    fine = coarse[:, :size, :size] + rng.normal(0, 12, (1, size, size, 3))
    return np.clip(fine, 0, 255).astype(np.uint8)
