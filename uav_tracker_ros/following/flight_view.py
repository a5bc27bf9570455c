"""The report of one step: everything that FollowState.msg shows."""

from __future__ import annotations

import math
from typing import NamedTuple

from uav_tracker_ros.flight import GateState, Setpoint, Vector3, VehicleMode
from uav_tracker_ros.following import readiness
from uav_tracker_ros.following.readiness import Situation
from uav_tracker_ros.following.report import NAN, EndCode, FollowPhase, FollowReport, Limit
from uav_tracker_ros.following.setpoint_maker import SetpointMaker
from uav_tracker_ros.following.target_watch import TargetWatch

HEIGHT_TOLD = 0.5  # m that the height for the view differs from the wanted one before it is a warning


class FlightView(NamedTuple):
    """What only the follower knows of this step."""

    phase: FollowPhase
    gate_state: GateState
    setpoint: Setpoint | None
    setpoint_time: float  # monotonic s, of the last one
    blockers: tuple[str, ...]
    end_code: EndCode
    end_message: str


def report(view: FlightView, situation: Situation, watch: TargetWatch, maker: SetpointMaker) -> FollowReport:
    """Put the report together."""
    s, now, telemetry = situation.settings, situation.now, situation.telemetry
    flying = view.phase in (FollowPhase.ENGAGING, FollowPhase.FOLLOWING, FollowPhase.COASTING, FollowPhase.SEARCHING)
    motion = maker.motion if flying else None
    found = list(readiness.warnings(situation, watch))
    if motion is not None and motion.fov_saturated:
        found.append("FOV_SATURATED: the wanted acceleration would tilt the target out of the picture")
    if motion is not None and motion.speed_saturated:
        found.append("SPEED_SATURATED: the target moves faster than the limit")
    if motion is not None and abs(motion.height - s.height) > HEIGHT_TOLD:
        found.append(f"HEIGHT_FOR_VIEW: {motion.height:.1f} m, not {s.height:.1f} m: the lean would hide the target")
    velocity: Vector3 = (0.0, 0.0, 0.0)
    yaw = NAN
    if view.setpoint is not None:
        velocity, yaw = view.setpoint.velocity_ned, view.setpoint.yaw_ned
    elif motion is not None:  # a dry run shows what it would send
        velocity, yaw = motion.velocity_ned, motion.yaw
    known = FollowReport(
        phase=view.phase,
        gate_state=view.gate_state,
        mode=maker.mode if flying else s.mode,
        vehicle_mode=telemetry.vehicle_mode if telemetry is not None else VehicleMode.UNKNOWN,
        blockers=() if flying else view.blockers,
        warnings=tuple(found),
        wanted_distance=s.distance,
        velocity_ned=velocity,
        yaw_ned=yaw,
        nis=watch.nis,
        target_age=_finite(now - watch.seen),
        latency=watch.latency,
        telemetry_age=_finite(situation.attitude_age),
        setpoint_age=_finite(now - view.setpoint_time),
        limits=motion.limits if motion is not None else Limit.NONE,
        end_code=view.end_code,
        end_message=view.end_message,
    )
    if situation.position_ned is None:
        return known
    known = known._replace(height=float(s.ground_z - situation.position_ned[2]))
    if not flying and now - watch.seen > s.coast_max:
        return known  # nobody looks for it any more, and a guess would move away for ever
    return _with_target(known, situation, maker, flying=flying)


def _with_target(known: FollowReport, situation: Situation, maker: SetpointMaker, *, flying: bool) -> FollowReport:
    estimate = maker.estimate(situation.now, known.phase)
    if estimate is None or situation.position_ned is None:
        return known
    s, own = situation.settings, situation.position_ned
    away = estimate.position_ne - own[:2]
    error_down = s.ground_z - s.height - float(own[2])
    error = (NAN, NAN, NAN)
    if maker.motion is not None and flying:
        error = (float(maker.motion.error_ne[0]), float(maker.motion.error_ne[1]), error_down)
    nn, ne, en, ee = (float(part) for part in estimate.covariance_ne.ravel())
    return known._replace(
        distance=math.hypot(*away),
        bearing=math.atan2(away[1], away[0]),
        error_ned=error,
        covariance_ne=(nn, ne, en, ee),
        target_position_ned=(float(estimate.position_ne[0]), float(estimate.position_ne[1]), s.ground_z),
        target_velocity_ned=(float(estimate.velocity_ne[0]), float(estimate.velocity_ne[1]), 0.0),
    )


def _finite(value: float) -> float:
    return value if math.isfinite(value) else NAN
