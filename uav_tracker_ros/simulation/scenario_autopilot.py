"""The stand-in autopilot of a scenario: where it hovers at the start, in which air, how well it is identified."""

from __future__ import annotations

from uav_tracker_ros.simulation.autopilot import Autopilot, AutopilotSettings
from uav_tracker_ros.simulation.flight_model import RESPONSES
from uav_tracker_ros.simulation.scenario import Scenario


def scenario_autopilot(scenario: Scenario, response: str, seed: int) -> Autopilot:
    """The vehicle, hovering before the scenario's target.

    Args:
        scenario: says where, and in which conditions.
        response: name of the flight model, ``sih`` or ``design``.
        seed: of gusts and noise.
    """
    (position, yaw), air = scenario.vehicle_start, scenario.conditions
    settings = AutopilotSettings(
        position_ned=position,
        yaw=yaw,
        response=f"{response}_{air.identified}" if air.identified else response,
        drag=air.drag,
        wind_ned=air.wind_ned,
        gust=air.gust,
    )
    autopilot = Autopilot(settings, seed)
    if (gain := RESPONSES[response].gain) is not None:  # what such a vehicle says of itself
        autopilot.set_parameter("MPC_XY_VEL_P_ACC", gain)
    return autopilot
