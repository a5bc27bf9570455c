"""Rules that only ever make the motion smaller, or end it. Pure functions of numbers."""

from __future__ import annotations

import math
from collections import deque

import numpy as np
from numpy.typing import NDArray

from uav_tracker_ros.fence import Polygon, limited
from uav_tracker_ros.following.report import TargetMeasurement
from uav_tracker_ros.geometry import TargetState

Array = NDArray[np.float64]

BRAKING = 2.5  # m/s^2, what braking can be counted on
BRAKING_Z = 0.75  # m/s^2, vertical; half of what the law may ask, whose jerk limit delays it
REACTION_S = 0.5  # s, from the clamp to the braking vehicle
REACTION_Z_S = 0.5  # s, vertical
FENCE_MARGIN = 2.0  # m
RETURN_GAIN, RETURN_SPEED = 0.5, 0.5  # 1/s, m/s: back inside floor and ceiling
ALTITUDE_MARGIN = 0.3  # m, of the altitude's own wander
FUTURE_S = 0.05  # s, a stamp later than this is another clock's
LARGEST_BOX = 4.0  # image sizes; a tracker's box may reach over the border, but not like this
BAD_PER_SECOND = 10  # invalid messages a second that end the flight
TTC_MIN = 2.0  # s, time to collision
RETREAT_SPEED = 2.0  # m/s
BATTERY_WARN, BATTERY_LOW, BATTERY_CRITICAL = 0.3, 0.2, 0.1  # share left
COVARIANCE_MAX = 25.0  # m^2, of a position worth flying to
TARGET_SPEED_MAX = 20.0  # m/s
NIS_MEAN_MAX = 5.0  # per degree of freedom; 1 is right


def measurement_problem(measurement: TargetMeasurement, now: float, frame_id: str, size: tuple[int, int]) -> str:
    """What is wrong with a message of the tracker; empty if nothing is.

    Args:
        measurement: as received.
        now: monotonic s.
        frame_id: of the camera in use.
        size: width and height of its images, px.
    """
    m = measurement
    checks = [
        (math.isfinite(m.stamp) and math.isfinite(m.confidence), "stamp or confidence is NaN or infinite"),
        (m.frame_id == frame_id, f"frame '{m.frame_id}', expected '{frame_id}'"),
        (
            (m.image_width, m.image_height) == size,
            f"image {m.image_width}x{m.image_height} px, expected {size[0]}x{size[1]}",
        ),
        (0 <= m.confidence <= 1, f"confidence {m.confidence}"),
        (m.stamp <= now + FUTURE_S, f"stamp {m.stamp - now:.3f} s in the future"),
    ]
    if m.state in (TargetState.TRACKING, TargetState.UNCERTAIN):  # otherwise the box means nothing
        checks += [
            (m.box.is_finite, "box with NaN or infinity"),
            (m.box.w > 0 and m.box.h > 0, f"box of {m.box.w:.1f}x{m.box.h:.1f} px"),
            (max(m.box.w, m.box.h) <= LARGEST_BOX * max(size), f"box of {m.box.w:.3g}x{m.box.h:.3g} px"),
            (m.box.clipped(*size).area > 0, "box outside the image"),
        ]
    return next((problem for fine, problem in checks if not fine), "")


class BadMessages:
    """Counts invalid messages; ten within a second are a fault."""

    def __init__(self) -> None:
        self._times: deque[float] = deque(maxlen=BAD_PER_SECOND)
        self.total = 0
        self.last = ""

    def add(self, now: float, problem: str) -> None:
        """One more at ``now`` (s)."""
        self._times.append(now)
        self.total += 1
        self.last = problem

    def too_many(self, now: float) -> bool:
        """Ten within the last second."""
        return len(self._times) == BAD_PER_SECOND and now - self._times[0] < 1.0


def stopping_speed(distance: float, braking: float, reaction: float) -> float:
    """Largest speed (m/s) from which ``distance`` (m) suffices: d = v^2 / 2a + v t."""
    if distance <= 0:
        return 0.0
    return braking * (math.sqrt(reaction**2 + 2 * distance / braking) - reaction)


def fenced(velocity_ne: Array, from_home_ne: Array, radius: float, polygon: Polygon = ()) -> tuple[Array, bool]:
    """Remove the outward part of a wanted velocity that could not stop at the fence; keep the tangent.

    Args:
        velocity_ne: (2,) m/s.
        from_home_ne: (2,) m, own place from home.
        radius: m.
        polygon: a second fence.

    Returns:
        The velocity, and whether the rule acted.
    """
    away = math.hypot(*from_home_ne)
    acted = False
    if away >= 1e-6:
        outward = from_home_ne / away
        excess = float(velocity_ne @ outward) - _towards_fence(radius - away)
        if excess > 0:
            velocity_ne, acted = velocity_ne - excess * outward, True
    place, wanted = from_home_ne.tolist(), velocity_ne.tolist()
    kept, at_polygon = limited(polygon, (place[0], place[1]), (wanted[0], wanted[1]), _towards_fence)
    return (np.array(kept), True) if at_polygon else (velocity_ne, acted)


def _towards_fence(room: float) -> float:
    """Largest speed (m/s) towards a fence so many m away."""
    return stopping_speed(room - FENCE_MARGIN, BRAKING, REACTION_S)


def _vertical_speed(room: float) -> float:
    """Largest speed (m/s) towards a bound; beyond it back, since the altitude drifts at zero speed."""
    return stopping_speed(room, BRAKING_Z, REACTION_Z_S) if room > 0 else max(-RETURN_SPEED, RETURN_GAIN * room)


def altitude_bounded(velocity_up: float, altitude: float, floor: float, ceiling: float) -> tuple[float, bool]:
    """A wanted climb rate (m/s, up) that can stop before floor and ceiling (m above home)."""
    most = _vertical_speed(ceiling - ALTITUDE_MARGIN - altitude)
    least = -_vertical_speed(altitude - floor - ALTITUDE_MARGIN)
    bounded = max(least, min(most, velocity_up))
    return bounded, bounded != velocity_up


def too_close(separation_ned: Array, closing_ned: Array, min_distance: float) -> bool:
    """The target is nearer than allowed, or will be hit within two seconds.

    Args:
        separation_ned: (3,) m, target minus vehicle.
        closing_ned: (3,) m/s, vehicle's velocity minus target's.
        min_distance: m, 3-D.
    """
    distance = math.hypot(*separation_ned)
    if distance < min_distance:
        return True
    closing = float(separation_ned @ closing_ned) / distance
    return closing > 0 and (distance - min_distance) / closing < TTC_MIN and distance < 2 * min_distance


def latency_scale(latency: float) -> float:
    """Share of ``max_speed`` that the images' latency (s) leaves."""
    return 0.5 if latency > 0.4 else 1.0


def diverged(covariance_ne: Array, velocity_ne: Array, nis_mean: float) -> bool:
    """The estimate is not worth flying to."""
    (nn, ne), (_, ee) = covariance_ne.tolist()
    largest = (nn + ee) / 2 + math.hypot((nn - ee) / 2, ne)  # eigenvalue of a symmetric 2 x 2
    return largest > COVARIANCE_MAX or math.hypot(*velocity_ne) > TARGET_SPEED_MAX or nis_mean > NIS_MEAN_MAX
