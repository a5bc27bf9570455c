"""The stand-in as a stepped link: what the gate sees, and when."""

import pytest

from uav_tracker_ros.flight import Command, Setpoint, VehicleMode
from uav_tracker_ros.simulation.autopilot import Autopilot, AutopilotSettings
from uav_tracker_ros.simulation.autopilot_link import AutopilotLink
from uav_tracker_ros.simulation.px4_parameters import PX4_DEFAULTS


class Flight:
    def __init__(self, **settings):
        self.autopilot = Autopilot(AutopilotSettings(**{"noise": 0.0, "gust": 0.0, **settings}), seed=2)
        self.link = AutopilotLink(self.autopilot)
        self.now = 50.0
        self.autopilot.step(self.now)
        self.heard = []

    def fly(self, seconds, north=None):
        """Returns what came meanwhile, with the moment at which it was in hand."""
        came = []
        for _ in range(round(seconds / 0.01)):
            if north is not None:
                self.link.send_setpoint(Setpoint((north, 0.0, 0.0), 0.0, self.now + 0.25, 1))
            self.now += 0.01
            self.autopilot.step(self.now)
            came += [(self.now, telemetry) for telemetry in self.link.poll()]
        self.heard += came
        return came

    @property
    def last(self):
        return self.heard[-1][1]


def test_rate_delay_and_order_of_stamps():
    came = Flight().fly(4.0)
    assert len(came) == pytest.approx(200, abs=2)
    stamps = [telemetry.attitude.stamp for _, telemetry in came]
    assert stamps == sorted(stamps)
    for arrival, telemetry in came:
        assert 0.010 <= telemetry.stamp - telemetry.attitude.stamp <= 0.020
        assert telemetry.stamp <= arrival + 1e-9


def test_mode_change_is_seen_within_its_interval():
    flight = Flight()
    flight.fly(1.0, 0.0)
    asked = flight.now
    flight.link.request(VehicleMode.OFFBOARD)
    came = flight.fly(0.5, 0.0)
    seen = next(arrival for arrival, telemetry in came if telemetry.vehicle_mode is VehicleMode.OFFBOARD)
    assert seen - asked <= 0.13


def test_lost_stream_shows_hold_with_offboard_intended():
    flight = Flight()
    flight.fly(1.0, 2.0)
    flight.link.request(VehicleMode.OFFBOARD)
    flight.fly(2.0, 2.0)
    flight.fly(2.0)
    assert flight.last.vehicle_mode is VehicleMode.HOLD
    assert flight.last.intended_mode is VehicleMode.OFFBOARD
    assert flight.last.failsafe
    assert flight.last.armed


def test_what_is_told_of_the_vehicle():
    flight = Flight(position_ned=(1.0, 2.0, -6.0), battery=0.8)
    flight.fly(1.0)
    told = flight.last
    assert told.position.position_ned == pytest.approx((1.0, 2.0, -6.0), abs=0.01)
    assert told.in_air
    assert told.battery == pytest.approx(0.8, abs=0.01)
    assert (told.velocity_gain, told.yaw_gain) == (1.8, 2.8)
    assert told.clock_error is not None


def test_unsafe_parameters_are_blockers():
    flight = Flight()
    flight.fly(1.0)
    assert flight.last.blockers == ()
    assert flight.last.warnings == ()
    flight.autopilot.inject("parameters", values={"COM_RC_OVERRIDE": 1, "COM_OBL_RC_ACT": 0})
    flight.fly(1.1)
    assert len(flight.last.blockers) == 2
    assert all("PARAM_UNSAFE" in text for text in flight.last.blockers)


def test_factory_parameters_are_refused():
    flight = Flight(parameters=PX4_DEFAULTS)
    flight.fly(0.1)
    named = " ".join(flight.last.blockers)
    assert all(name in named for name in ("COM_OBL_RC_ACT", "COM_RC_OVERRIDE", "COM_LOW_BAT_ACT"))


def test_reset_counter_comes_with_a_jump_of_the_position():
    flight = Flight()
    flight.fly(1.0)
    flight.autopilot.inject("ekf_reset", jump_ned=(3.0, 0.0, 0.0))
    flight.fly(0.2)
    assert flight.last.position.position_ned[0] == pytest.approx(3.0, abs=0.05)
    assert flight.last.position.reset_count == 1


def test_cut_downlink_is_silent_and_cut_uplink_is_deaf():
    flight = Flight()
    flight.fly(1.0)
    flight.autopilot.inject("cut_downlink", seconds=1.0)
    assert flight.fly(0.95) == []
    assert flight.fly(0.5)
    flight.autopilot.inject("cut_uplink", seconds=1.0)
    flight.fly(0.5, 1.0)
    flight.link.request(VehicleMode.OFFBOARD)
    flight.fly(0.4, 1.0)
    assert flight.last.vehicle_mode is VehicleMode.HOLD


def test_lost_position_keeps_the_last_sample():
    flight = Flight()
    flight.fly(1.0)
    before = flight.last.position.stamp
    flight.autopilot.inject("position_invalid")
    flight.fly(1.0)
    assert flight.last.position.stamp < before + 0.1
    assert flight.last.attitude.stamp > before + 0.9


def test_commands():
    flight = Flight(flying=False)
    flight.fly(0.5)
    flight.link.request(Command.ARM)
    flight.link.request(Command.TAKEOFF)
    flight.fly(4.0)
    assert flight.last.armed
    assert flight.last.in_air
    flight.link.request(Command.LAND)
    flight.fly(0.3)
    assert flight.last.vehicle_mode is VehicleMode.LAND
    flight.link.request(Command.RETURN)
    flight.fly(0.3)
    assert flight.last.vehicle_mode is VehicleMode.RETURN
