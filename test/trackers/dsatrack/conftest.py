"""Small networks of the family with every part at work: six blocks of width 128, random weights, no zero scales."""

from __future__ import annotations

import pytest
from dsatrack_small import SMALL

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
        network = DsaTrack(row, form)
        generator = torch.Generator().manual_seed(5)
        with torch.no_grad():
            for name, value in network.state_dict().items():
                if not value.is_floating_point() or "running" in name:
                    continue
                spread = 0.05 if name.startswith("head") else 0.6 if ".dsa." in name else 0.12
                noise = torch.randn(value.shape, generator=generator) * spread
                value.copy_(1 + noise if ("norm" in name or ".gn." in name) and name.endswith("weight") else noise)
        return network.eval()

    return make


@pytest.fixture(scope="session")
def crops(torch):
    """Three template crops and a search crop, (2, 3, 128, 128, 3) and (2, 256, 256, 3) uint8."""
    generator = torch.Generator().manual_seed(6)

    def smooth(*shape: int):
        coarse = torch.rand(*shape[:-3], shape[-3] // 8, shape[-2] // 8, 3, generator=generator)
        fine = coarse.repeat_interleave(8, -3).repeat_interleave(8, -2)
        return ((0.8 * fine + 0.2 * torch.rand(*shape, generator=generator)) * 255).to(torch.uint8)

    return smooth(2, 3, 128, 128, 3), smooth(2, 256, 256, 3)
