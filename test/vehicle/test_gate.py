"""The gate's state table, row by row, and the faults that matter most."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import pytest
from gate_flight import TICK, GateFlight

from uav_tracker_ros.flight import Command, GateState, Limits, VehicleMode
from uav_tracker_ros.vehicle.gate import GateSettings
from uav_tracker_ros.vehicle.velocity_guard import Bounds

NO_LINK, SILENT, ENTRY, STREAMING, BRAKING, TAKEN = GateState
HOLD, POSITION, OFFBOARD, RETURN = (
    VehicleMode.HOLD,
    VehicleMode.POSITION,
    VehicleMode.OFFBOARD,
    VehicleMode.RETURN,
)

STATES: dict[GateState, Callable[[GateFlight], object]] = {
    NO_LINK: lambda flight: None,
    SILENT: GateFlight.settle,
    ENTRY: GateFlight.enter,
    STREAMING: GateFlight.stream,
    BRAKING: GateFlight.brake,
    TAKEN: GateFlight.taken,
}


def _nan(flight: GateFlight) -> None:
    flight.gate.send(flight.setpoint(yaw_ned=math.nan))


def _silence(flight: GateFlight) -> None:
    flight.link.silent = True


def _stall(flight: GateFlight) -> None:
    flight.velocity = None


def _nothing(flight: GateFlight) -> None:
    pass


# Event -> what it does, how long the state is watched, and the state it ends in from each state.
# "None": not a meaningful pair (nothing is heard in NO_LINK).
EVENTS: dict[str, tuple[Callable[[GateFlight], object], float, dict[GateState, GateState | None]]] = {
    "a moment": (
        _nothing,
        TICK,
        {NO_LINK: SILENT, SILENT: SILENT, ENTRY: ENTRY, STREAMING: STREAMING, BRAKING: BRAKING, TAKEN: TAKEN},
    ),
    "engage": (
        lambda flight: flight.gate.engage(),
        TICK,
        {NO_LINK: SILENT, SILENT: ENTRY, ENTRY: ENTRY, STREAMING: STREAMING, BRAKING: BRAKING, TAKEN: TAKEN},
    ),
    "stop": (
        lambda flight: flight.gate.stop("test"),
        TICK,
        # in ENTRY the vehicle never left Hold, so the braking is over at once
        {NO_LINK: SILENT, SILENT: SILENT, ENTRY: SILENT, STREAMING: BRAKING, BRAKING: BRAKING, TAKEN: TAKEN},
    ),
    "bad setpoint": (
        _nan,
        TICK,
        {NO_LINK: SILENT, SILENT: SILENT, ENTRY: SILENT, STREAMING: BRAKING, BRAKING: BRAKING, TAKEN: TAKEN},
    ),
    "setpoints end": (
        _stall,
        0.29,
        {NO_LINK: SILENT, SILENT: SILENT, ENTRY: SILENT, STREAMING: BRAKING, BRAKING: BRAKING, TAKEN: TAKEN},
    ),
    "telemetry ends": (
        _silence,
        0.6,
        {NO_LINK: NO_LINK, SILENT: SILENT, ENTRY: BRAKING, STREAMING: BRAKING, BRAKING: BRAKING, TAKEN: TAKEN},
    ),
    "pilot flies Position": (
        lambda flight: flight.link.fly(POSITION),
        TICK,
        {NO_LINK: SILENT, SILENT: SILENT, ENTRY: TAKEN, STREAMING: TAKEN, BRAKING: TAKEN, TAKEN: TAKEN},
    ),
    "autopilot returns home": (
        lambda flight: flight.link.fly(RETURN, OFFBOARD),
        TICK,
        {NO_LINK: SILENT, SILENT: SILENT, ENTRY: TAKEN, STREAMING: TAKEN, BRAKING: TAKEN, TAKEN: TAKEN},
    ),
    "somebody commands Hold": (
        lambda flight: flight.link.fly(HOLD),
        TICK,
        {NO_LINK: SILENT, SILENT: SILENT, ENTRY: ENTRY, STREAMING: TAKEN, BRAKING: SILENT, TAKEN: TAKEN},
    ),
    "autopilot lost the stream": (
        lambda flight: flight.link.fly(HOLD, OFFBOARD),
        2 * TICK,
        {NO_LINK: SILENT, SILENT: SILENT, ENTRY: TAKEN, STREAMING: SILENT, BRAKING: SILENT, TAKEN: TAKEN},
    ),
    "another sender": (
        lambda flight: flight.link.fly(OFFBOARD),
        TICK,
        {NO_LINK: SILENT, SILENT: SILENT, ENTRY: TAKEN, STREAMING: STREAMING, BRAKING: BRAKING, TAKEN: TAKEN},
    ),
    "land is asked": (
        lambda flight: flight.gate.command(Command.LAND),
        TICK,
        {NO_LINK: SILENT, SILENT: SILENT, ENTRY: SILENT, STREAMING: BRAKING, BRAKING: BRAKING, TAKEN: TAKEN},
    ),
    "operator clears": (
        lambda flight: flight.gate.reset_takeover(),
        TICK,
        {NO_LINK: SILENT, SILENT: SILENT, ENTRY: ENTRY, STREAMING: STREAMING, BRAKING: BRAKING, TAKEN: TAKEN},
    ),
}
ROWS = [
    pytest.param(state, event, id=f"{state.name}-{event.replace(' ', '_')}") for event in EVENTS for state in GateState
]


@pytest.mark.parametrize(("state", "event"), ROWS)
def test_state_table(state: GateState, event: str) -> None:
    act, seconds, ends = EVENTS[event]
    flight = GateFlight()
    STATES[state](flight)
    assert flight.state is state

    started = flight.now
    act(flight)
    flight.run(seconds - TICK / 2)

    assert flight.state is ends[state]
    if flight.state in (NO_LINK, SILENT, TAKEN) and state in (NO_LINK, SILENT, TAKEN):
        assert flight.sent_since(started) == []


def test_entry_streams_a_second_before_the_switch() -> None:
    flight = GateFlight().settle()
    flight.velocity = (0.0, 0.0, 0.0)
    flight.gate.engage()
    flight.until(lambda: OFFBOARD in flight.asked_since(0.0), 2.0)
    stream = [at for at, _ in flight.link.setpoints]
    assert flight.link.requests[-1][0] - stream[0] >= 1.0
    assert max(b - a for a, b in pairwise(stream)) < 0.05
    flight.until(lambda: flight.state is STREAMING, 0.1)


def test_entry_gives_up_after_two_seconds() -> None:
    flight = GateFlight()
    flight.link.obeys = False
    flight.enter()
    assert flight.until(lambda: flight.state is not ENTRY, 2.1) <= 1.75
    assert "GATE_STOPPED: OFFBOARD did not show" in flight.warnings[0]
    asked = [at for at, what in flight.link.requests if what is OFFBOARD]
    assert len(asked) >= 4  # repeated, as nothing showed it
    assert min(b - a for a, b in pairwise(asked)) >= 0.199


def test_late_switch_is_taken_back() -> None:
    """The autopilot carries out the switch after the gate has given it up."""
    flight = GateFlight()
    flight.link.obeys = False
    flight.enter()
    flight.until(lambda: flight.state is SILENT, 2.5)
    flight.link.fly(OFFBOARD)
    flight.link.obeys = True
    started = flight.now
    flight.run(0.1)
    assert flight.asked_since(started) == [HOLD]
    assert flight.link.mode is HOLD


def test_each_setpoint_goes_out_once() -> None:
    flight = GateFlight().stream()
    started = flight.now
    for _ in range(50):
        flight.tick()
    assert len(flight.sent_since(started)) == 50
    flight.velocity = None
    flight.tick()
    before = len(flight.link.setpoints)
    flight.run(0.1)  # the last one is still valid; nobody repeats it
    assert len(flight.link.setpoints) == before


def test_hung_controller_is_ramped_down_and_held() -> None:
    flight = GateFlight().stream((3.0, 0.0, 0.0))
    flight.yaw = 0.0
    flight.velocity = None
    last = flight.now
    flight.until(lambda: flight.state is BRAKING, 0.3)
    assert flight.now - last <= 0.25 + 2 * TICK
    flight.until(lambda: HOLD in flight.asked_since(last), 1.0)
    assert flight.now - last <= 0.8 + 2 * TICK
    ramp = [math.hypot(*setpoint.velocity_ned) for setpoint in flight.sent_since(last)]
    assert ramp[0] < 3.0
    assert all(a - b <= 4.0 * 0.021 for a, b in pairwise(ramp))  # never faster than max_accel
    assert ramp == sorted(ramp, reverse=True)
    flight.until(lambda: flight.state is SILENT, 0.1)
    quiet = flight.now
    flight.run(2.0)
    assert flight.sent_since(quiet) == []


def test_slow_vehicle_is_held_when_at_zero() -> None:
    flight = GateFlight().stream((0.4, 0.0, 0.0))
    flight.velocity = None
    flight.gate.stop("test")
    started = flight.now
    flight.until(lambda: HOLD in flight.asked_since(started), 0.3)
    assert flight.link.setpoints[-1][1].velocity_ned == (0.0, 0.0, 0.0)


def test_old_setpoints_are_void_after_braking() -> None:
    flight = GateFlight().stream()
    old = flight.engagement
    flight.gate.stop("test")
    flight.until(lambda: flight.state is SILENT, 1.0)
    flight.link.fly(HOLD)
    flight.velocity = None
    flight.run(0.2)
    assert flight.engagement > old
    flight.gate.engage()
    flight.tick()
    started = flight.now
    for _ in range(10):
        flight.gate.send(flight.setpoint(engagement=old))
        flight.tick()
    assert flight.sent_since(started) == []
    assert flight.gate.dropped["of another engagement"] == 10


def test_takeover_is_latched_until_the_operator_clears_it() -> None:
    flight = GateFlight().taken()
    started = flight.now
    flight.link.fly(HOLD)
    flight.run(1.0)
    flight.gate.engage()
    flight.run(1.0)
    assert flight.state is TAKEN
    assert any(text.startswith("TAKEOVER_LATCHED") for text in flight.blockers)
    assert flight.sent_since(started) == []
    assert flight.asked_since(started) == []  # no mode command either
    flight.run(0.5)
    flight.gate.reset_takeover()
    flight.tick()
    assert flight.state is SILENT


def test_latch_outlives_the_gate() -> None:
    flight = GateFlight(taken=True)
    flight.run(3.0)
    flight.gate.engage()
    flight.tick()
    assert flight.state is TAKEN


def test_reset_is_refused_while_offboard_is_intended() -> None:
    flight = GateFlight().taken()
    flight.link.fly(POSITION, OFFBOARD)
    flight.run(3.0)
    flight.gate.reset_takeover()
    flight.tick()
    assert flight.state is TAKEN
    assert any("reset_takeover refused" in text for text in flight.warnings)


def test_automatic_return_finds_no_setpoint() -> None:
    """PX4 goes back to OFFBOARD by itself: the gate, silent or taken, sends nothing."""
    flight = GateFlight().taken()
    started = flight.now
    flight.link.fly(OFFBOARD)
    flight.run(2.0)
    assert flight.sent_since(started) == []
    assert any(text.startswith("VEHICLE_MODE: OFFBOARD is flown") for text in flight.blockers)


def test_blind_stop_commands_no_mode_until_it_sees() -> None:
    flight = GateFlight().stream()
    flight.link.silent = True
    started = flight.now
    flight.until(lambda: flight.state is SILENT, 3.0)
    assert flight.asked_since(started) == []  # the pilot may fly: no mode command blind
    flight.link.silent = False
    flight.link.fly(HOLD, OFFBOARD)  # PX4's failsafe acted meanwhile
    flight.run(0.1)
    assert flight.asked_since(started) == [HOLD]
    assert flight.link.intended is HOLD


def test_blind_stop_then_pilot_flies() -> None:
    flight = GateFlight().stream()
    flight.link.silent = True
    flight.until(lambda: flight.state is SILENT, 3.0)
    started = flight.now
    flight.link.silent = False
    flight.link.fly(POSITION)
    flight.run(0.1)
    assert flight.state is TAKEN
    assert flight.asked_since(started) == []


@pytest.mark.parametrize("gap", [0.4, 5.0])
def test_wake_up_sends_nothing_old(gap: float) -> None:
    """The gate itself was stopped; what waited for it may not fly."""
    flight = GateFlight().stream()
    engagement = flight.engagement
    flight.gate.send(flight.setpoint())
    flight.gate.engage()
    flight.velocity = None
    started = flight.now
    flight.link.fly(HOLD, OFFBOARD)
    flight.tick(gap)
    assert flight.sent_since(started) == []
    assert flight.asked_since(started) == []  # what was heard may have waited in a buffer
    flight.run(0.5)
    assert flight.sent_since(started) == []
    assert flight.asked_since(started)[0] is HOLD
    assert flight.engagement > engagement
    flight.until(lambda: flight.state is SILENT, 1.0)


def test_leftover_offboard_is_cleared_on_the_ground() -> None:
    """After landing PX4 returns to the mode before, which may be OFFBOARD."""
    flight = GateFlight()
    flight.link.fly(OFFBOARD)
    flight.link.armed = flight.link.in_air = False
    flight.run(0.9)
    assert flight.link.requests == []
    flight.run(0.3)
    assert [what for _, what in flight.link.requests] == [HOLD]


def test_other_senders_offboard_in_the_air_is_left_alone() -> None:
    flight = GateFlight()
    flight.link.fly(OFFBOARD)
    flight.run(3.0)
    assert flight.link.requests == []
    assert any(text.startswith("VEHICLE_MODE: OFFBOARD is flown") for text in flight.blockers)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        pytest.param({"armed": False}, "NOT_IN_AIR", id="disarmed"),
        pytest.param({"in_air": False}, "NOT_IN_AIR", id="landed"),
        pytest.param({"battery": 0.1}, "BATTERY", id="battery"),
        pytest.param({"mode": VehicleMode.MISSION}, "VEHICLE_MODE", id="mission"),
        pytest.param({"intended": OFFBOARD}, "VEHICLE_MODE", id="offboard_intended"),
        pytest.param({"blockers": ("PARAM_UNSAFE: x",)}, "PARAM_UNSAFE", id="parameters"),
    ],
)
def test_engage_is_refused(change: dict[str, object], code: str) -> None:
    flight = GateFlight().settle()
    for name, value in change.items():
        setattr(flight.link, name, value)
    flight.tick()
    flight.gate.engage()
    flight.run(0.1)
    assert flight.state is SILENT
    assert [text.partition(":")[0] for text in flight.blockers] == [code]


def test_engage_needs_permission() -> None:
    flight = GateFlight(GateSettings(allow_engage=False))
    flight.run(1.5)
    flight.gate.engage()
    flight.tick()
    assert flight.state is SILENT
    assert flight.blockers[0].startswith("ENGAGE_OFF")


def test_dry_run_sends_nothing() -> None:
    flight = GateFlight(GateSettings(allow_engage=True, dry_run=True))
    flight.link.armed = flight.link.in_air = False  # on the bench
    flight.settle()
    flight.velocity = (0.0, 0.0, 0.0)
    flight.gate.engage()
    flight.until(lambda: flight.state is STREAMING, 2.0)
    flight.run(1.0)
    assert flight.state is STREAMING
    flight.gate.stop("test")
    flight.run(1.0)
    assert flight.state is SILENT
    assert flight.link.setpoints == []
    assert flight.link.requests == []


def test_landing_out_of_a_stream() -> None:
    flight = GateFlight().stream()
    started = flight.now
    flight.gate.command(Command.LAND)
    flight.until(lambda: flight.state is SILENT, 1.0)
    assert flight.asked_since(started) == [Command.LAND]
    assert flight.link.mode is VehicleMode.LAND


def test_arming_and_take_off_need_permission() -> None:
    flight = GateFlight().settle()
    for command in (Command.ARM, Command.TAKEOFF, Command.DISARM):
        flight.gate.command(command)
    flight.run(0.5)
    assert flight.link.requests == []
    assert "DISARM refused" in flight.warnings[0]


def test_arming_sets_hold_first() -> None:
    flight = GateFlight(GateSettings(allow_engage=True, allow_arm=True))
    flight.link.armed = flight.link.in_air = False
    flight.run(1.2)
    flight.link.fly(OFFBOARD)
    flight.gate.command(Command.ARM)
    flight.run(0.2)
    assert [what for _, what in flight.link.requests] == [HOLD, Command.ARM]
    flight.gate.command(Command.TAKEOFF)
    flight.run(0.2)
    assert flight.link.mode is VehicleMode.TAKEOFF


def test_command_is_repeated_and_given_up() -> None:
    flight = GateFlight().settle()
    flight.link.obeys = False
    flight.gate.command(Command.RETURN)
    flight.run(5.0)
    times = [at for at, what in flight.link.requests if what is Command.RETURN]
    assert len(times) in range(13, 18)
    assert times[-1] - times[0] <= 3.0


@pytest.mark.parametrize(
    ("velocity", "yaw"),
    [
        pytest.param((math.nan, 0.0, 0.0), 0.0, id="nan"),
        pytest.param((math.inf, 0.0, 0.0), 0.0, id="inf"),
        pytest.param((9.0, 0.0, 0.0), 0.0, id="too_fast"),
        pytest.param((0.0, 0.0, 2.0), 0.0, id="too_fast_down"),
        pytest.param((-3.0, 0.0, 0.0), 0.0, id="velocity_step"),
        pytest.param((3.0, 0.0, 0.0), 3.0, id="yaw_step"),
    ],
)
def test_bad_setpoint_brakes_within_a_tick(velocity: tuple[float, float, float], yaw: float) -> None:
    flight = GateFlight().stream((3.0, 0.0, 0.0))
    started = flight.now
    flight.velocity = None
    flight.gate.send(flight.setpoint(velocity, yaw_ned=yaw, valid_until=flight.now + 0.26))
    flight.tick()
    assert flight.state is BRAKING
    assert all(math.hypot(*s.velocity_ned) < 3.0 for s in flight.sent_since(started))


def test_fence_takes_the_outward_part_away() -> None:
    limits = Limits()
    flight = GateFlight(GateSettings(limits, Bounds(3.0, 60.0, 80.0), allow_engage=True)).stream((3.0, 3.0, 0.0))
    flight.link.position = (80.5, 0.0, -6.0)
    flight.run(2.0)
    north, east, _ = flight.link.setpoints[-1][1].velocity_ned
    assert north <= 0.01
    assert east == pytest.approx(3.0, abs=0.05)


def test_a_mode_told_every_half_second_is_enough_to_fly_on():
    """A real PX4 tells a mode that stays at 2 Hz, however often it is asked for."""
    flight = GateFlight().stream()
    flight.run(3.0)
    assert flight.state is STREAMING
    assert len([at for at, _ in flight.link.setpoints if at > flight.now - 3.0]) >= 149


def test_a_mode_not_told_any_more_ends_the_flight_though_the_link_lives():
    flight = GateFlight().stream()
    flight.link.mode_told = False
    assert flight.until(lambda: flight.state is BRAKING, 1.3) > 0.6
