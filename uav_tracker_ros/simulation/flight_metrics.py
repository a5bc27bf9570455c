"""Numbers of one flight, from arrays: the same for stepped flights and for flights over ROS topics."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from uav_tracker_ros.flight import Limits

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

TRANSLATING = 0.3  # m/s; slower is holding the place
WRONG_IOU = 0.1  # a box that overlaps less is on something else
_TOLERANCE = 1.02  # of a limit: sampling of a differentiated series


def position_error(mode: str, target_ne: Floats, own_ne: Floats, distance: float, bearing: float) -> Floats:
    """Horizontal distance from the wanted place, m.

    Args:
        mode: ``hold_offset``: a place beside the target; ``follow``, ``orbit``: a distance along the line of sight,
            so the error is that of the range; ``spotlight``: the first of ``own_ne``.
        target_ne: (N, 2) m.
        own_ne: (N, 2) m.
        distance: wanted, m.
        bearing: wanted, rad, from target to vehicle (hold_offset).

    Returns:
        (N,) m, not negative.
    """
    if mode == "spotlight":
        return np.asarray(np.linalg.norm(own_ne - own_ne[:1], axis=1))
    away = own_ne - target_ne
    if mode in ("follow", "orbit"):
        return np.asarray(np.abs(np.linalg.norm(away, axis=1) - distance))
    offset = distance * np.array([np.cos(bearing), np.sin(bearing)])
    return np.asarray(np.linalg.norm(away - offset, axis=1))


def bearing_error(target_ne: Floats, own_ne: Floats, yaw: Floats) -> Floats:
    """Angle from the nose to the target, rad, positive when it is to the right; (N,)."""
    away = target_ne - own_ne
    error = np.arctan2(away[:, 1], away[:, 0]) - yaw
    return np.asarray((error + np.pi) % (2 * np.pi) - np.pi)


def in_frame(boxes: Floats, size: tuple[int, int]) -> tuple[Bools, Bools]:
    """Whether the centre, and whether the whole of each true box is inside the image.

    Args:
        boxes: (M, 4) px: x, y, w, h; size 0 where the target is behind the camera.
        size: width and height of the image, px.
    """
    x, y, w, h = boxes.T
    there = (w > 0) & (h > 0)
    center_x, center_y = x + w / 2, y + h / 2
    centre = there & (center_x >= 0) & (center_x <= size[0]) & (center_y >= 0) & (center_y <= size[1])
    whole = there & (x >= 0) & (y >= 0) & (x + w <= size[0]) & (y + h <= size[1])
    return centre, whole


def error_numbers(time: Floats, error: Floats, last_s: float = 8.0) -> dict[str, float]:
    """rms, p95, max, and ``end``: the mean of the last seconds; empty without samples."""
    if not len(error):
        return {}
    return {
        "rms": float(np.sqrt(np.mean(error**2))),
        "p95": float(np.percentile(error, 95)),
        "max": float(error.max()),
        "end": float(error[time >= time[-1] - last_s].mean()),
    }


def percentiles_ms(seconds: Floats) -> dict[str, float]:
    """p50 and p95 in ms of what is finite; empty without samples."""
    known = seconds[np.isfinite(seconds)]
    if not len(known):
        return {}
    return {"p50": float(np.percentile(known, 50)) * 1e3, "p95": float(np.percentile(known, 95)) * 1e3}


def reference_motion(time: Floats, setpoint_ne: Floats, lead: float) -> tuple[Floats, Floats]:
    """Velocity and acceleration behind setpoints that lead by ``lead`` s times the acceleration.

    Args:
        time: (N,) s.
        setpoint_ne: (N, 2) m/s: velocity + lead * acceleration.
        lead: s.

    Returns:
        (N, 2) m/s and (N, 2) m/s^2.
    """
    velocity, acceleration = np.empty_like(setpoint_ne), np.zeros_like(setpoint_ne)
    velocity[0] = setpoint_ne[0]
    for k in range(1, len(time)):
        dt = time[k] - time[k - 1]
        acceleration[k] = (setpoint_ne[k] - velocity[k - 1]) / (lead + dt)
        velocity[k] = velocity[k - 1] + acceleration[k] * dt
    return velocity, acceleration


def limit_violations(time: Floats, setpoint_ned: Floats, yaw: Floats, limits: Limits, lead: float) -> int:
    """Samples of one uninterrupted stream that exceed speed, acceleration, jerk or yaw rate."""
    if len(time) < 3:
        return 0
    velocity, acceleration = reference_motion(time, setpoint_ned[:, :2], lead)
    dt = np.diff(time)
    jerk = np.linalg.norm(np.diff(acceleration, axis=0), axis=1) / dt
    turn = np.abs((np.diff(yaw) + np.pi) % (2 * np.pi) - np.pi) / dt
    broken = (
        (np.linalg.norm(velocity[1:], axis=1) > _TOLERANCE * limits.max_speed)
        | (np.linalg.norm(acceleration[1:], axis=1) > _TOLERANCE * limits.max_accel)
        | (jerk > _TOLERANCE * limits.max_jerk)
        | (turn > _TOLERANCE * limits.max_yaw_rate)
        | (np.abs(setpoint_ned[1:, 2]) > _TOLERANCE * limits.max_speed_z)
    )
    return int(broken.sum())


def jerk_rms(time: Floats, setpoint_ned: Floats, lead: float) -> float:
    """Commanded horizontal jerk, rms, m/s^3."""
    if len(time) < 3:
        return 0.0
    _, acceleration = reference_motion(time, setpoint_ned[:, :2], lead)
    jerk = np.linalg.norm(np.diff(acceleration, axis=0), axis=1) / np.diff(time)
    return float(np.sqrt(np.mean(jerk**2)))


def seconds_where(time: Floats, holds: Bools) -> float:
    """Total time of the samples where something holds, s."""
    if len(time) < 2:
        return 0.0
    return float(np.sum(np.diff(time, append=2 * time[-1] - time[-2])[holds]))
