"""What a gate allows; fixed at its start."""

from __future__ import annotations

from dataclasses import dataclass, field

from uav_tracker_ros.flight import Limits
from uav_tracker_ros.vehicle.velocity_guard import Bounds


@dataclass(frozen=True)
class GateSettings:
    """The gate's own limits; a controller can only stay below them."""

    limits: Limits = field(default_factory=Limits)
    bounds: Bounds = field(default_factory=Bounds)
    allow_engage: bool = False  # OFFBOARD may be asked of the autopilot
    allow_arm: bool = False  # so may arming and taking off
    dry_run: bool = False  # everything is computed and nothing is sent
