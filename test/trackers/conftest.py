from __future__ import annotations

import pytest
from peers import find_peers

from uav_tracker_ros.trackers import registry


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
