"""What RViz shows of the follower: target and where it would coast, wanted point, error, stopping arc, view, fence."""

from __future__ import annotations

import math

import numpy as np
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Point
from numpy.typing import NDArray
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker, MarkerArray

from uav_tracker_ros import frames
from uav_tracker_ros.flight import Telemetry, Vector3
from uav_tracker_ros.following import safety
from uav_tracker_ros.following.report import FollowPhase, FollowReport
from uav_tracker_ros.following.settings import FollowSettings
from uav_tracker_ros.geometry import Intrinsics
from uav_tracker_ros.nodes.messages import MAP_FRAME, covariance_en, point

LIFETIME_S = 1  # a dead controller's picture fades
FENCE_POINTS = 49
SLOW = 0.3  # m/s; below it a direction says nothing
ARC, ARC_POINTS = math.radians(30), 9  # half angle
HORIZON_RANGE_M = 100.0  # rays above the horizon are drawn this long
# Okabe and Ito's colours: told apart by colour-blind people too.
_ORANGE, _BLUE, _GREEN, _RED, _GREY = (
    (0.90, 0.62, 0.0),
    (0.0, 0.45, 0.70),
    (0.0, 0.62, 0.45),
    (0.84, 0.37, 0.0),
    (0.6, 0.6, 0.6),
)


def marker_array(
    report: FollowReport,
    telemetry: Telemetry,
    settings: FollowSettings,
    intrinsics: Intrinsics | None,
    stamp: Time,
) -> MarkerArray:
    """All markers that are known now, in ``map``; unknown ones are left out and fade by their lifetime."""
    markers = _fence(settings, stamp)
    own = telemetry.position.position_ned if telemetry.position else None
    if all(math.isfinite(part) for part in report.target_position_ned):
        markers += _target(report, stamp)
        markers += _coast(report, settings, stamp)
    if own is not None and all(math.isfinite(part) for part in report.error_ned):
        markers += _wanted(own, report, stamp)
    if own is not None and telemetry.position is not None:
        markers += _stopping_arc(own, telemetry.position.velocity_ned, stamp)
    if own is not None and telemetry.attitude is not None and intrinsics is not None:
        rotation = frames.rotation_from_quaternion(telemetry.attitude.quaternion)
        markers.append(_field_of_view(own, rotation, settings, intrinsics, stamp))
    return MarkerArray(markers=markers)


def ellipse(covariance: tuple[float, float, float, float]) -> tuple[float, float, float]:
    """Half axes at 2 sigma (m, longer first) and angle of the longer one from x (rad) of a 2x2 covariance."""
    matrix = np.array(covariance).reshape(2, 2)
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    minor, major = 2 * np.sqrt(np.maximum(values, 0.0))
    return float(major), float(minor), float(math.atan2(vectors[1, 1], vectors[0, 1]))


def ground_footprint(
    own_ned: Vector3,
    body_to_ned: NDArray[np.float64],
    settings: FollowSettings,
    intrinsics: Intrinsics,
) -> list[Vector3]:
    """Where the rays of the image's corners meet the ground plane (NED, m), clockwise from top left."""
    mount = frames.rotation_optical_to_frd(math.radians(settings.camera_pitch_deg))
    rotation = body_to_ned @ mount
    lever = np.array([settings.camera_x, settings.camera_y, settings.camera_z])
    eye = np.asarray(own_ned) + body_to_ned @ lever
    corners = ((0, 0), (intrinsics.width, 0), (intrinsics.width, intrinsics.height), (0, intrinsics.height))
    footprint = []
    for u, v in corners:
        ray = rotation @ np.array([(u - intrinsics.cx) / intrinsics.fx, (v - intrinsics.cy) / intrinsics.fy, 1.0])
        down = settings.ground_z - eye[2]
        reach = down / ray[2] if ray[2] > 1e-6 and down > 0 else math.inf
        north, east, depth = eye + ray * min(reach, HORIZON_RANGE_M / float(np.linalg.norm(ray)))
        footprint.append((float(north), float(east), float(depth)))
    return footprint


def _marker(number: int, kind: int, colour: tuple[float, float, float], stamp: Time, alpha: float = 1.0) -> Marker:
    marker = Marker(ns="follow", id=number, type=kind, action=Marker.ADD)
    marker.header.frame_id = MAP_FRAME
    marker.header.stamp = stamp
    marker.pose.orientation.w = 1.0
    marker.scale.x = marker.scale.y = marker.scale.z = 0.1
    red, green, blue = colour
    marker.color = ColorRGBA(r=red, g=green, b=blue, a=alpha)
    marker.lifetime.sec = LIFETIME_S
    return marker


def _fence(settings: FollowSettings, stamp: Time) -> list[Marker]:
    marker = _marker(0, Marker.LINE_STRIP, _RED, stamp)
    angles = np.linspace(0.0, 2 * math.pi, FENCE_POINTS)
    radius = settings.fence_radius
    marker.points = [Point(x=radius * math.cos(angle), y=radius * math.sin(angle), z=0.0) for angle in angles]
    if not settings.polygon:
        return [marker]
    second = _marker(9, Marker.LINE_STRIP, _RED, stamp)
    second.points = [Point(x=east, y=north, z=0.0) for north, east in (*settings.polygon, settings.polygon[0])]
    return [marker, second]


def _target(report: FollowReport, stamp: Time) -> list[Marker]:
    seen = report.phase in (FollowPhase.FOLLOWING, FollowPhase.ENGAGING, FollowPhase.READY)
    position = point(frames.swap_ned_enu(report.target_position_ned))
    body = _marker(1, Marker.CYLINDER, _GREEN if seen else _ORANGE, stamp)
    body.pose.position = Point(x=position.x, y=position.y, z=position.z + 0.85)
    body.scale.x = body.scale.y = 0.5
    body.scale.z = 1.7
    markers = [body]
    if all(math.isfinite(part) for part in report.covariance_ne):
        major, minor, angle = ellipse(covariance_en(report.covariance_ne))
        spread = _marker(2, Marker.CYLINDER, _ORANGE, stamp, alpha=0.3)
        spread.pose.position = position
        spread.pose.orientation.z, spread.pose.orientation.w = math.sin(angle / 2), math.cos(angle / 2)
        spread.scale.x, spread.scale.y, spread.scale.z = 2 * major + 0.01, 2 * minor + 0.01, 0.02
        markers.append(spread)
    return markers


def _wanted(own: Vector3, report: FollowReport, stamp: Time) -> list[Marker]:
    wanted = tuple(a + b for a, b in zip(own, report.error_ned, strict=True))
    place = point(frames.swap_ned_enu((wanted[0], wanted[1], wanted[2])))
    sphere = _marker(3, Marker.SPHERE, _BLUE, stamp)
    sphere.pose.position = place
    sphere.scale.x = sphere.scale.y = sphere.scale.z = 0.5
    line = _marker(4, Marker.LINE_LIST, _BLUE, stamp)
    line.points = [point(frames.swap_ned_enu(own)), place]
    arrow = _marker(5, Marker.ARROW, _ORANGE, stamp)
    ahead = tuple(a + b for a, b in zip(own, report.velocity_ned, strict=True))
    arrow.points = [point(frames.swap_ned_enu(own)), point(frames.swap_ned_enu((ahead[0], ahead[1], ahead[2])))]
    arrow.scale.y = 0.25
    return [sphere, line, arrow]


def _coast(report: FollowReport, settings: FollowSettings, stamp: Time) -> list[Marker]:
    """The way that an unseen target is believed to go: full speed first, then fading to none."""
    north, east, _ = report.target_velocity_ned
    if not math.hypot(north, east) > SLOW:
        return []
    seconds = (settings.coast_full + settings.coast_max) / 2
    begin = report.target_position_ned
    end = (begin[0] + north * seconds, begin[1] + east * seconds, begin[2])
    marker = _marker(7, Marker.LINE_STRIP, _ORANGE, stamp, alpha=0.6)
    marker.points = [point(frames.swap_ned_enu(begin)), point(frames.swap_ned_enu(end))]
    return [marker]


def _stopping_arc(own: Vector3, velocity_ned: Vector3, stamp: Time) -> list[Marker]:
    """Where the vehicle would stand after braking from its speed now."""
    speed = math.hypot(velocity_ned[0], velocity_ned[1])
    if not speed > SLOW:
        return []
    reach = speed**2 / (2 * safety.BRAKING) + speed * safety.REACTION_S
    course = math.atan2(velocity_ned[1], velocity_ned[0])
    marker = _marker(8, Marker.LINE_STRIP, _RED, stamp)
    marker.points = [
        point(frames.swap_ned_enu((own[0] + reach * math.cos(angle), own[1] + reach * math.sin(angle), own[2])))
        for angle in course + np.linspace(-ARC, ARC, ARC_POINTS)
    ]
    return [marker]


def _field_of_view(
    own: Vector3,
    body_to_ned: NDArray[np.float64],
    settings: FollowSettings,
    intrinsics: Intrinsics,
    stamp: Time,
) -> Marker:
    marker = _marker(6, Marker.LINE_LIST, _GREY, stamp)
    eye = point(frames.swap_ned_enu(own))
    corners = [
        point(frames.swap_ned_enu(corner)) for corner in ground_footprint(own, body_to_ned, settings, intrinsics)
    ]
    lines = []
    for index, corner in enumerate(corners):
        lines += [eye, corner, corner, corners[(index + 1) % len(corners)]]
    marker.points = lines
    return marker
