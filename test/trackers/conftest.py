from __future__ import annotations

import os
from pathlib import Path

import pytest

from uav_tracker_ros.trackers import registry


def find_peers() -> Path | None:
    given = os.environ.get("UAV_TRACKER_PEERS")
    beside = Path(__file__).resolve().parents[3] / "shared" / "peers"
    if given:
        return Path(given)
    return beside if beside.is_dir() else None


@pytest.fixture(scope="session")
def peers_dir() -> Path:
    folder = find_peers()
    if folder is None:
        pytest.skip("the peers' weights are not here: set UAV_TRACKER_PEERS to their folder")
    return folder


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Parameter ``usable_name``: every tracker that can be created here, and why the others cannot."""
    if "usable_name" not in metafunc.fixturenames:
        return
    folder = find_peers()
    parameters = []
    for name in registry.names():
        row = registry.describe(name, peers_dir=folder)
        if not row.backends and row.message:
            continue  # a network without weights: nothing to run
        marks = [pytest.mark.skip(reason=f"{name}: {row.message}")] if row.message else []
        parameters.append(pytest.param(name, marks=marks))
    metafunc.parametrize("usable_name", parameters)


@pytest.fixture
def make_tracker():
    folder = find_peers()
    return lambda name: registry.create(name, peers_dir=folder, threads=1)
