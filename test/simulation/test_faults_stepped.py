"""The safety table: faults of what the controller is told. The stand-in's clock measures, so load has no part in it."""

from __future__ import annotations

import math

import pytest

from uav_tracker_ros.errors import UnknownName
from uav_tracker_ros.flight import VehicleMode
from uav_tracker_ros.following.report import FollowPhase
from uav_tracker_ros.simulation import fault_rows, fault_table
from uav_tracker_ros.simulation.fault_rows import Fault, Measured
from uav_tracker_ros.simulation.fault_verdicts import flying
from uav_tracker_ros.simulation.mavlink_record import OnWire


@pytest.mark.parametrize("fault", [pytest.param(fault, id=fault.name) for fault in fault_table.STEPPED])
def test_the_bound_holds_on_the_wire(fault):
    result = fault.measure()
    assert result.held, f"{result.measured_s:.3f} s, bound {result.bound_s:.3f} s {result.problems}"


def test_without_a_fault_nothing_reacts():
    flight = flying()
    since = flight.now
    flight.run(2.0)
    assert flight.phase is FollowPhase.FOLLOWING
    assert fault_rows.climb_ended(flight.wire, since) == math.inf
    assert fault_rows.ramp_began(flight.wire, since) == math.inf
    assert fault_rows.hold_asked(flight.wire, since) == math.inf
    gaps = [b.at - a.at for a, b in zip(flight.wire, flight.wire[1:], strict=False) if a.at > since]
    assert max(gaps) < 0.06


def test_the_same_flight_twice_is_the_same():
    first, second = flying(), flying()
    first.run(1.0)
    second.run(1.0)
    assert first.wire == second.wire


def test_setpoints_arrive_as_ned_velocity_with_a_yaw_angle():
    flight = flying()
    newest = flight.wire[-1]
    assert newest.velocity_ned is not None
    assert 1.5 < newest.velocity_ned[0] <= flight.settings.max_speed  # north, after a target of 3 m/s
    assert newest.yaw == pytest.approx(0.0, abs=0.1)


RAMP = [OnWire(1.0, (2.0, 0.1, 0.0), 0.3), OnWire(1.1, (2.1, 0.1, 0.0), 0.3)]
RAMP += [OnWire(1.2 + 0.1 * i, (2.1 * share, 0.1 * share, 0.0), 0.3) for i, share in enumerate((0.9, 0.5, 0.0))]


def test_marks():
    assert fault_rows.ramp_began(RAMP, 0.9) == 1.2
    assert fault_rows.ramp_began(RAMP[:2], 0.9) == math.inf
    turned = [RAMP[0], *(record._replace(yaw=0.3 + 0.01 * i) for i, record in enumerate(RAMP[1:]))]
    assert fault_rows.ramp_began(turned, 0.9) == math.inf
    asked = [*RAMP, OnWire(2.0, None, mode=VehicleMode.HOLD)]
    assert fault_rows.hold_asked(asked, 0.9) == 2.0
    assert fault_rows.last_at(asked, 0.9) == pytest.approx(1.4)


@pytest.mark.parametrize(
    ("measured", "held"),
    [
        pytest.param(Measured(0.1), True, id="in time"),
        pytest.param(Measured(0.21), False, id="late"),
        pytest.param(Measured(math.inf), False, id="never"),
        pytest.param(Measured(0.1, ("Hold was not asked for",)), False, id="in time, but"),
    ],
)
def test_what_counts_as_held(measured, held):
    assert Fault("a", 0.2, "", lambda: measured).measure().held is held


def test_names_are_unique_and_checked():
    assert len(set(fault_table.names())) == len(fault_table.names())
    with pytest.raises(UnknownName, match=r"gate_kiled.*gate_killed"):
        fault_table.check("gate_kiled")
