"""What is really so in the simulated world; nothing that flies may read it."""

from __future__ import annotations

from typing import NamedTuple

from uav_tracker_ros.flight import Quaternion, Vector3
from uav_tracker_ros.geometry import Box


class VehicleTruth(NamedTuple):
    """The vehicle at one moment."""

    stamp: float  # s, the simulation's clock
    position_ned: Vector3  # m
    velocity_ned: Vector3  # m/s
    quaternion: Quaternion  # body_frd -> ned
    rates_frd: Vector3  # rad/s


class TargetTruth(NamedTuple):
    """A target (or look-alike) at one moment; its feet stand on the ground plane."""

    stamp: float  # s
    position_ned: Vector3  # m, the feet
    velocity_ned: Vector3  # m/s
    heading: float  # rad from north
    height: float  # m
    width: float  # m, across
    length: float  # m, along the heading
    target_class: str  # person, car, motorcycle


class FrameTruth(NamedTuple):
    """Where the target is in one image."""

    stamp: float  # s of the exposure
    box: Box  # px, amodal: as if nothing stood before it; may leave the image
    visible_box: Box  # px, the part that can be seen; area 0 when none
    visible_fraction: float  # 0 to 1, seen share of the amodal silhouette
