"""The family's doors in the registry. torch is imported only for the backend of that name."""

from __future__ import annotations

from uav_tracker_ros.backends.choice import load_onnx
from uav_tracker_ros.backends.contract import Backend
from uav_tracker_ros.trackers.contract import Tracker
from uav_tracker_ros.trackers.registry import Build, register
from uav_tracker_ros.trackers.search_region import SETTINGS as REGIONS
from uav_tracker_ros.trackers.siamcar import decoding
from uav_tracker_ros.trackers.siamese import SiameseTracker

GRAPHS = ("template", "track")


def make(build: Build) -> Tracker:
    """Two ONNX graphs, or the network with its weights for torch."""
    return SiameseTracker(build.name, _backend(build), REGIONS["siamcar"], decoding.decode, decoding.SETTINGS)


def _backend(build: Build) -> Backend:
    if build.backend != "torch":
        return load_onnx(build.backend, {graph: build.file(graph) for graph in GRAPHS}, build.threads)
    from uav_tracker_ros.backends import torch_backend
    from uav_tracker_ros.trackers.network_weights import read_weights
    from uav_tracker_ros.trackers.siamcar.network import SEARCH_PX, WIDTHS, SiamCar
    from uav_tracker_ros.trackers.siamfcpp.graphs import flight_graphs

    network = read_weights(SiamCar(WIDTHS[build.name]), build.file("weights"))
    return torch_backend.load(flight_graphs(network, SEARCH_PX), build.threads)


for _name in ("siamcar", "p_siamcar", "ps_siamcar"):
    register(_name)(make)
