"""The family's doors in the registry. torch is imported only for the backend of that name."""

from __future__ import annotations

from uav_tracker_ros.backends.choice import load_onnx
from uav_tracker_ros.backends.contract import Backend
from uav_tracker_ros.trackers.adaptation import AdaptationSettings
from uav_tracker_ros.trackers.box_offset import OffsetSettings
from uav_tracker_ros.trackers.contract import Tracker
from uav_tracker_ros.trackers.registry import Build, register
from uav_tracker_ros.trackers.search_region import SETTINGS as REGIONS
from uav_tracker_ros.trackers.siamese import SiameseTracker
from uav_tracker_ros.trackers.siamfcpp import decoding, lite0_decoding

GRAPHS = ("template", "track")


@register("siamfcpp_lite0")
def make_lite0(build: Build) -> Tracker:
    """Two ONNX graphs, ``template`` and ``track``."""
    backend = load_onnx(build.backend, {graph: build.file(graph) for graph in GRAPHS}, build.threads)
    region, choice = REGIONS["siamfcpp_lite0"], lite0_decoding.SETTINGS
    offset = OffsetSettings(share=0.5)  # flown more steadily than 0.7: docs/decisions/0015
    return SiameseTracker(build.name, backend, region, lite0_decoding.decode, choice, AdaptationSettings(), offset)


def make(build: Build) -> Tracker:
    """Two ONNX graphs, or the network with its weights for torch."""
    region, choice = REGIONS["siamfcpp"], decoding.SETTINGS
    return SiameseTracker(build.name, _backend(build), region, decoding.decode, choice, offset=OffsetSettings())


def _backend(build: Build) -> Backend:
    if build.backend != "torch":
        return load_onnx(build.backend, {graph: build.file(graph) for graph in GRAPHS}, build.threads)
    from uav_tracker_ros.backends import torch_backend
    from uav_tracker_ros.trackers.network_weights import read_weights
    from uav_tracker_ros.trackers.siamfcpp.graphs import flight_graphs
    from uav_tracker_ros.trackers.siamfcpp.network import SEARCH_PX, WIDTHS, SiamFCpp

    network = read_weights(SiamFCpp(WIDTHS[build.name]), build.file("weights"))
    return torch_backend.load(flight_graphs(network, SEARCH_PX), build.threads)


for _name in ("siamfcpp", "p_siamfcpp", "ps_siamfcpp", "ps_siamfcpp_lite"):
    register(_name)(make)
