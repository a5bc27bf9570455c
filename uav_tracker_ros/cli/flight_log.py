"""What a running follower's topics said during one flight, sample by sample."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import NamedTuple

from uav_tracker_ros.flight import Vector3
from uav_tracker_ros.geometry import Box, TargetState


class BoxSample(NamedTuple):
    """The tracker's word on one image."""

    stamp: float  # s, the image's exposure
    box: Box  # px
    state: TargetState
    confidence: float
    lock: int
    latency: float  # s, image stamp to publishing


class TruthSample(NamedTuple):
    """Where the target is in one image."""

    stamp: float  # s, the image's exposure
    box: Box  # px, amodal
    visible_fraction: float
    image_width: int  # px
    image_height: int  # px


class PoseSample(NamedTuple):
    """The vehicle or the target at one moment."""

    stamp: float  # s
    position_ned: Vector3  # m
    yaw: float  # rad from north


class StateSample(NamedTuple):
    """What the follower said it does."""

    stamp: float  # s
    phase: str  # FOLLOWING, ...
    vehicle_mode: str
    gate_state: int
    distance: float  # m, estimated
    wanted_distance: float  # m
    yaw_ned: float  # rad, the setpoint
    limits: int
    parameters_sha256: str


class SetpointSample(NamedTuple):
    """What was asked of the vehicle."""

    stamp: float  # s
    velocity_ned: Vector3  # m/s
    turned: float  # rad, how far the yaw setpoint has turned since the first one


@dataclass
class FlightLog:
    """Samples in the order of their coming; all stamps on the ROS clock."""

    boxes: list[BoxSample] = field(default_factory=list)
    truths: list[TruthSample] = field(default_factory=list)
    vehicle: list[PoseSample] = field(default_factory=list)
    target: list[PoseSample] = field(default_factory=list)
    states: list[StateSample] = field(default_factory=list)
    setpoints: list[SetpointSample] = field(default_factory=list)
    engaged: float = math.nan  # s, when the goal was given
    start: float = math.nan  # s, when the target began to move, or following began
    end: float = math.nan  # s, when the goal was ended
