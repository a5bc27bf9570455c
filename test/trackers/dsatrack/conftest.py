from __future__ import annotations

import numpy as np
import pytest
from dsatrack_small import SMALL, filled, picture

from uav_tracker_ros.trackers.dsatrack.rows import Form, Row


@pytest.fixture(scope="session")
def torch():
    module = pytest.importorskip("torch", reason="the network's module needs torch: pip install -e .[train]")
    module.set_num_threads(1)
    return module


@pytest.fixture(scope="session")
def small_network(torch):
    """Makes a network of the small row in a form; the same weights for the same row, in eval mode."""
    from uav_tracker_ros.trackers.dsatrack.network import DsaTrack

    def make(form: Form | None = None, row: Row = SMALL):
        return filled(DsaTrack(row, form))

    return make


@pytest.fixture(scope="session")
def crops(torch):
    """Three template crops and a search crop of two samples, (2, 3, 128, 128, 3) and (2, 256, 256, 3) uint8."""
    templates = np.stack([np.concatenate([picture(128, 10 * sample + k) for k in range(3)]) for sample in range(2)])
    return torch.from_numpy(templates), torch.from_numpy(np.concatenate([picture(256, 7), picture(256, 8)]))
