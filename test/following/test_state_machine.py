import pytest

from uav_tracker_ros.following.report import FollowPhase as Phase
from uav_tracker_ros.following.state_machine import DWELL_S, SAFER, TRANSITIONS, Event, StateMachine

FLYING = {Phase.ENGAGING, Phase.FOLLOWING, Phase.COASTING, Phase.SEARCHING}


def machine_in(phase):
    machine = StateMachine()
    machine.phase = phase
    return machine


@pytest.mark.parametrize("event", Event)
@pytest.mark.parametrize("phase", Phase)
def test_every_state_and_event(phase, event):
    machine = machine_in(phase)
    moved = machine.handle(event, now=10.0)
    after = machine.phase
    assert moved == (after is not phase)
    if event is Event.TAKEN:
        assert after is Phase.TAKEOVER
    elif phase is Phase.TAKEOVER:
        assert after is (Phase.IDLE if event is Event.RESET else Phase.TAKEOVER)
    if event is Event.STOP and phase in FLYING:
        assert after is Phase.HOLD
    if after in FLYING and phase not in FLYING:
        assert (phase, event) == (Phase.READY, Event.GOAL)  # nothing begins to fly by itself
    if moved and phase in (Phase.HOLD, Phase.LANDING):
        assert after in SAFER


def test_every_state_can_be_reached_and_left():
    assert set(TRANSITIONS.values()) == set(Phase)
    assert {phase for phase, _ in TRANSITIONS} == set(Phase)


@pytest.mark.parametrize(
    ("phase", "event", "early"),
    [
        (Phase.COASTING, Event.REACQUIRED, False),  # towards more motion: waits
        (Phase.COASTING, Event.STOP, True),  # towards safety: at once
        (Phase.FOLLOWING, Event.LOST, True),
        (Phase.ENGAGING, Event.LOST, True),
        (Phase.IDLE, Event.CLEAR, False),
    ],
)
def test_dwell_time_binds_only_away_from_safety(phase, event, early):
    machine = machine_in(phase)
    machine.since = 10.0
    assert machine.handle(event, 10.0 + DWELL_S / 2) is early
    machine = machine_in(phase)
    machine.since = 10.0
    assert machine.handle(event, 10.0 + DWELL_S * 1.01)
