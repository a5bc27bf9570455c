"""What the autopilot's mode means for the gate: who flies, and when Hold may be commanded.

PX4 keeps two modes: the one that is flown, and the one that the user intends. After a lost
stream it flies Hold (or Position) while OFFBOARD stays intended, and goes back to OFFBOARD with
the first setpoint that arrives. Commanding Hold clears the intention; commanding it over a mode
that the autopilot or a pilot chose would take the vehicle out of their hands.
"""

from __future__ import annotations

import math

from uav_tracker_ros.flight import Quaternion, Telemetry, VehicleMode

FRESH_S = 0.48  # s without telemetry; with one turn of the loop: braking within 0.5 s
# s; at whatever rate it is asked for, PX4 sends CURRENT_MODE on a change and every 0.5 s of its clock (0.55 s were
# seen in simulation). Two may be lost.
MODE_FRESH_S = 1.2
RESEND_S = 0.2  # s between repetitions of a mode or arming command

# Modes in which a pilot or the autopilot waits for nothing: engaging may start here.
RESTING = frozenset({VehicleMode.HOLD, VehicleMode.POSITION})


def intended(telemetry: Telemetry) -> VehicleMode:
    """The mode that the user intends; the flown one where the autopilot does not say."""
    if telemetry.intended_mode == VehicleMode.UNKNOWN:
        return telemetry.vehicle_mode
    return telemetry.intended_mode


def lost_stream(telemetry: Telemetry) -> bool:
    """Whether PX4 waits in Hold or Position, ready to return to OFFBOARD by itself."""
    return telemetry.vehicle_mode in RESTING and intended(telemetry) == VehicleMode.OFFBOARD


def hold_is_due(telemetry: Telemetry) -> bool:
    """Whether Hold may be commanded: OFFBOARD is flown, or would be flown again."""
    return telemetry.vehicle_mode == VehicleMode.OFFBOARD or lost_stream(telemetry)


def may_engage(telemetry: Telemetry) -> bool:
    """Whether the vehicle rests in a mode from which OFFBOARD may be asked."""
    return telemetry.vehicle_mode in RESTING and intended(telemetry) in RESTING


def offboard_free(telemetry: Telemetry) -> bool:
    """Whether OFFBOARD is neither flown nor intended."""
    return VehicleMode.OFFBOARD not in (telemetry.vehicle_mode, intended(telemetry))


def yaw_of(quaternion: Quaternion) -> float:
    """Heading, rad from north, of a body_frd -> ned quaternion (w, x, y, z)."""
    w, x, y, z = quaternion
    return math.atan2(2.0 * (w * z + x * y), 1.0 - 2.0 * (y * y + z * z))
