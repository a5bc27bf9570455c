"""Taking off through the gate, with the stand-in on the ground."""

from __future__ import annotations

import pytest
from rich.console import Console

from uav_tracker_ros.cli.live_status import LiveStatus
from uav_tracker_ros.cli.take_off import TakeOff
from uav_tracker_ros.errors import VehicleUnreachable
from uav_tracker_ros.flight import VehicleMode
from uav_tracker_ros.nodes.launch_options import LaunchOptions
from uav_tracker_ros.simulation.autopilot import Autopilot, AutopilotSettings
from uav_tracker_ros.simulation.mavlink_server import MavlinkServer
from uav_tracker_ros.simulation.px4_parameters import FOLLOWER_SAFE
from uav_tracker_ros.vehicle.link_lock import free_port


def options(port: int, tmp_path, **changed) -> LaunchOptions:
    given = {"vehicle": f"udpin://127.0.0.1:{port}", "camera_source": "sim", "gate_socket": str(tmp_path / "gate.sock")}
    return LaunchOptions(**given, allow_arm=True, **changed)


def test_it_hovers_at_the_autopilots_own_height(tmp_path):
    port, parameters = free_port(), {**FOLLOWER_SAFE, "MIS_TAKEOFF_ALT": 3.0}
    autopilot = Autopilot(AutopilotSettings(flying=False, noise=0.0, gust=0.0, parameters=parameters))
    status = LiveStatus(Console(quiet=True))
    with MavlinkServer(autopilot, "127.0.0.1", port):
        TakeOff(options(port, tmp_path), status, tmp_path / "take_off.log", lambda: None).fly()
        assert autopilot.status.mode is VehicleMode.HOLD
        assert autopilot.truth().position_ned[2] == pytest.approx(-3.0, abs=0.4)
    assert not (tmp_path / "gate.sock").exists()


def test_nobody_answers(tmp_path, monkeypatch):
    monkeypatch.setattr("uav_tracker_ros.cli.take_off.LINK_S", 1.0)
    status = LiveStatus(Console(quiet=True))
    with pytest.raises(VehicleUnreachable, match="waited 1 s for telemetry"):
        TakeOff(options(free_port(), tmp_path), status, tmp_path / "take_off.log", lambda: None).fly()
