"""The family's doors in the registry."""

from __future__ import annotations

from uav_tracker_ros.backends import onnxruntime_backend
from uav_tracker_ros.trackers.contract import Tracker
from uav_tracker_ros.trackers.registry import Build, register
from uav_tracker_ros.trackers.siamfcpp.lite0_tracker import Lite0Tracker


@register("siamfcpp_lite0")
def make_lite0(build: Build) -> Tracker:
    """Two ONNX graphs, ``template`` and ``track``."""
    return Lite0Tracker(onnxruntime_backend.load(build.files, build.threads))
