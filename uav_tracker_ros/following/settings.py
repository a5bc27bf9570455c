"""Every setting of the follower: the one place of a default, its unit, range and meaning.

ROS parameters (``follow.<name>``), launch arguments, command-line options and the gate's limits
are all read from :class:`FollowSettings`.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Any

from uav_tracker_ros.errors import InvalidParameter
from uav_tracker_ros.fence import Polygon, parse_polygon
from uav_tracker_ros.flight import Limits

MODES = ("spotlight", "follow", "hold_offset", "orbit")


def setting(
    default: Any,
    description: str,
    *,
    unit: str = "",
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
) -> Any:
    """A dataclass field with what a user must know of it (``field.metadata``)."""
    metadata = {"description": description, "unit": unit, "low": low, "high": high, "choices": choices}
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class FollowSettings:
    """How to follow. Checked when made.

    Raises:
        InvalidParameter: a value outside its range; the message names value and range.
    """

    mode: str = setting(
        "spotlight",
        "way of following: spotlight turns only, follow keeps the distance along the "
        "line of sight, hold_offset keeps a fixed north/east offset, orbit circles around the target",
        choices=MODES,
    )
    distance: float = setting(10.0, "horizontal distance to the target", unit="m", low=4, high=60)
    height: float = setting(6.0, "height above the ground plane", unit="m", low=3, high=60)
    offset_bearing_deg: float = setting(
        math.nan, "bearing from target to vehicle in hold_offset; NaN: as at engaging", unit="deg", low=-180, high=180
    )
    orbit_speed: float = setting(
        2.0, "speed around the target in orbit, positive clockwise seen from above", unit="m/s", low=-6, high=6
    )
    max_speed: float = setting(6.0, "largest horizontal speed", unit="m/s", low=0.5, high=15)
    max_speed_z: float = setting(1.0, "largest vertical speed", unit="m/s", low=0.2, high=3)
    max_accel: float = setting(4.0, "largest acceleration", unit="m/s^2", low=0.5, high=6)
    max_jerk: float = setting(15.0, "largest jerk", unit="m/s^3", low=2, high=30)
    max_yaw_rate_deg: float = setting(45.0, "largest yaw rate", unit="deg/s", low=5, high=90)
    max_yaw_accel_deg: float = setting(60.0, "largest yaw acceleration", unit="deg/s^2", low=20, high=180)
    min_altitude: float = setting(3.0, "altitude floor above home", unit="m", low=2, high=20)
    max_altitude: float = setting(60.0, "altitude ceiling above home", unit="m", low=5, high=120)
    fence_radius: float = setting(80.0, "radius of the fence around home", unit="m", low=10, high=1000)
    fence_polygon: str = setting(
        "", "corners of a second fence, 'NORTH,EAST NORTH,EAST ...' in m from home; empty: the radius alone"
    )
    min_distance: float = setting(4.0, "smallest 3-D distance to the target", unit="m", low=3, high=60)
    camera_pitch_deg: float = setting(
        -30.0, "camera's pitch on the body, negative looks down", unit="deg", low=-90, high=20
    )
    camera_x: float = setting(0.0, "camera's place on the body, forward", unit="m", low=-2, high=2)
    camera_y: float = setting(0.0, "camera's place on the body, right", unit="m", low=-2, high=2)
    camera_z: float = setting(0.0, "camera's place on the body, down", unit="m", low=-2, high=2)
    time_offset: float = setting(0.0, "image clock minus attitude clock", unit="s", low=-0.2, high=0.2)
    ground_z: float = setting(0.0, "down-coordinate of the ground plane, 0 at home", unit="m", low=-200, high=200)
    gain: float = setting(1.2, "position error to speed", unit="1/s", low=0.1, high=2)
    reference_gain: float = setting(
        2.2, "speed error to acceleration; smaller films softer", unit="1/s", low=0.5, high=4
    )
    actuation_delay: float = setting(
        0.20, "from a setpoint to the first change of speed, as the vehicle was identified", unit="s", low=0, high=0.6
    )
    coast_full: float = setting(
        1.0, "time that the target's speed is kept after it was last seen", unit="s", low=0, high=3
    )
    coast_max: float = setting(3.0, "time after which coasting has faded to zero speed", unit="s", low=0, high=6)
    search_max: float = setting(15.0, "time of searching by yaw before Hold", unit="s", low=0, high=60)
    reid_on: float = setting(0.6, "smallest similarity of a re-acquired target", low=0, high=1)
    reacquire_auto: bool = setting(False, "resume translation after more than 5 s unseen without asking the operator")
    allow_engage: bool = setting(False, "let the action switch the autopilot to OFFBOARD")
    allow_arm: bool = setting(False, "let the action arm and take off (simulation)")
    dry_run: bool = setting(False, "compute and publish everything, send nothing to the vehicle")

    def __post_init__(self) -> None:
        for item in dataclasses.fields(self):
            _check(item, getattr(self, item.name))
        parse_polygon(self.fence_polygon)
        if self.min_altitude >= self.max_altitude:
            raise InvalidParameter(
                f"min_altitude {self.min_altitude} m is not below max_altitude {self.max_altitude} m; lower the floor"
            )
        if self.coast_full > self.coast_max:
            raise InvalidParameter(
                f"coast_full {self.coast_full} s is longer than coast_max {self.coast_max} s; shorten coast_full"
            )

    @property
    def polygon(self) -> Polygon:
        """The second fence."""
        return parse_polygon(self.fence_polygon)

    @property
    def limits(self) -> Limits:
        """What the gate enforces on its own."""
        return Limits(
            max_speed=self.max_speed,
            max_speed_z=self.max_speed_z,
            max_accel=self.max_accel,
            max_jerk=self.max_jerk,
            max_yaw_rate=math.radians(self.max_yaw_rate_deg),
            max_yaw_accel=math.radians(self.max_yaw_accel_deg),
        )


def _check(item: dataclasses.Field[Any], value: object) -> None:
    low, high, choices = (item.metadata[key] for key in ("low", "high", "choices"))
    if choices and value not in choices:
        raise InvalidParameter(f"{item.name} is '{value}'; expected one of {', '.join(choices)}")
    if low is None:
        return
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InvalidParameter(f"{item.name} is {value!r}; expected a number, {low} to {high} {item.metadata['unit']}")
    if math.isnan(value) and isinstance(item.default, float) and math.isnan(item.default):
        return  # NaN is this setting's "decide when engaging"
    if not low <= value <= high:
        raise InvalidParameter(
            f"{item.name} is {value} {item.metadata['unit']}; expected {low} to {high}: choose a value inside"
        )
