"""The gate's command line."""

from __future__ import annotations

import argparse
import logging
import math
from collections.abc import Sequence
from typing import NamedTuple

from uav_tracker_ros.errors import InvalidParameter
from uav_tracker_ros.fence import parse_polygon
from uav_tracker_ros.flight import Limits
from uav_tracker_ros.vehicle.gate_settings import GateSettings
from uav_tracker_ros.vehicle.velocity_guard import Bounds

# The names of ROS and of Python for one thing.
LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "fatal": logging.CRITICAL,
}
_RANGES = {
    "max_speed": (0.5, 15.0),
    "max_speed_z": (0.2, 3.0),
    "max_accel": (0.5, 6.0),
    "max_jerk": (2.0, 30.0),
    "max_yaw_rate_deg": (5.0, 90.0),
    "max_yaw_accel_deg": (20.0, 180.0),
    "min_altitude": (2.0, 20.0),
    "max_altitude": (5.0, 120.0),
    "fence_radius": (10.0, 1000.0),
}


class GateOptions(NamedTuple):
    """What the command line says."""

    url: str
    socket: str
    settings: GateSettings
    log_level: int
    camera: bool  # ground stations see a camera that they can select on


def parse(arguments: Sequence[str] | None) -> GateOptions:
    """Read the command line.

    Raises:
        InvalidParameter: a limit outside its range, or a fence that is none.
        SystemExit: ``--help``, or an option that does not exist.
    """
    parser = _parser()
    given = parser.parse_args(arguments)
    for name, (low, high) in _RANGES.items():
        value = getattr(given, name)
        if value is not None and not low <= value <= high:
            raise InvalidParameter(f"{name} is {value:g}; expected {low:g} to {high:g}: choose a value inside")
    limits = Limits(
        max_speed=given.max_speed,
        max_speed_z=given.max_speed_z,
        max_accel=given.max_accel,
        max_jerk=given.max_jerk,
        max_yaw_rate=math.radians(given.max_yaw_rate_deg),
        max_yaw_accel=math.radians(given.max_yaw_accel_deg),
    )
    settings = GateSettings(
        limits=limits,
        bounds=Bounds(given.min_altitude, given.max_altitude, given.fence_radius, parse_polygon(given.fence_polygon)),
        allow_engage=given.allow_engage,
        allow_arm=given.allow_arm,
        dry_run=given.dry_run,
    )
    return GateOptions(given.url, given.socket, settings, LEVELS[given.log_level], given.camera)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gate",
        description="The only owner of the vehicle link. Sends a controller's setpoints to the autopilot, brakes and "
        "commands Hold when they end, and falls silent when a pilot takes over.",
        epilog="example: gate --url udpin://0.0.0.0:14540 --socket /run/user/1000/gate.sock --allow-engage",
    )
    defaults = Limits()
    parser.add_argument("--url", required=True, help="MAVSDK connection URL, e.g. serial:///dev/ttyTHS1:921600")
    parser.add_argument("--socket", required=True, help="path of the Unix socket for the controller")
    parser.add_argument("--max-speed", type=float, default=defaults.max_speed, help="m/s, horizontal")
    parser.add_argument("--max-speed-z", type=float, default=defaults.max_speed_z, help="m/s, vertical")
    parser.add_argument("--max-accel", type=float, default=defaults.max_accel, help="m/s^2")
    parser.add_argument("--max-jerk", type=float, default=defaults.max_jerk, help="m/s^3")
    parser.add_argument("--max-yaw-rate-deg", type=float, default=45.0, help="deg/s")
    parser.add_argument("--max-yaw-accel-deg", type=float, default=60.0, help="deg/s^2")
    parser.add_argument("--min-altitude", type=float, help="floor, m above home (default: none)")
    parser.add_argument("--max-altitude", type=float, help="ceiling, m above home (default: none)")
    parser.add_argument("--fence-radius", type=float, help="m around home (default: none)")
    parser.add_argument(
        "--fence-polygon", default="", help="corners 'NORTH,EAST NORTH,EAST ...', m from home (default: none)"
    )
    parser.add_argument("--allow-engage", action="store_true", help="OFFBOARD may be asked of the autopilot")
    parser.add_argument("--allow-arm", action="store_true", help="arming and take-off may be commanded")
    parser.add_argument("--dry-run", action="store_true", help="compute everything, send nothing")
    parser.add_argument(
        "--camera", action="store_true", help="ground stations may select a target (MAVLink camera 100)"
    )
    parser.add_argument("--log-level", choices=sorted(LEVELS), default="info")
    return parser
