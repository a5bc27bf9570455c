"""The family's doors in the registry. torch is imported only for the backend of that name."""

from __future__ import annotations

from uav_tracker_ros.backends.choice import load_onnx
from uav_tracker_ros.backends.contract import Backend
from uav_tracker_ros.trackers.box_offset import OffsetSettings
from uav_tracker_ros.trackers.contract import Tracker
from uav_tracker_ros.trackers.dsatrack.memory import MemorySettings, flown_rule
from uav_tracker_ros.trackers.dsatrack.memory_tracker import MemoryTracker
from uav_tracker_ros.trackers.dsatrack.rows import ROWS
from uav_tracker_ros.trackers.registry import Build, register

GRAPHS = ("template", "track", "update")


def make(build: Build) -> Tracker:
    """Three ONNX graphs, or the network with its weights for torch."""
    rule = flown_rule(keeps_tokens=bool(ROWS[build.name].keep), learnt=build.row.memory_learnt)
    return MemoryTracker(build.name, _backend(build), MemorySettings(rule=rule), OffsetSettings())


def _backend(build: Build) -> Backend:
    if build.backend != "torch":
        return load_onnx(build.backend, {graph: build.files[graph] for graph in GRAPHS}, build.threads)
    from uav_tracker_ros.backends import torch_backend
    from uav_tracker_ros.trackers.dsatrack.graphs import flight_graphs
    from uav_tracker_ros.trackers.dsatrack.network import DsaTrack
    from uav_tracker_ros.trackers.network_weights import read_weights

    network = read_weights(DsaTrack(ROWS[build.name]), build.files["weights"])
    return torch_backend.load(flight_graphs(network), build.threads)


for _name in ROWS:
    register(_name)(make)
