"""Journal and replay: a flight computed again gives the setpoints that were flown."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from ideal_flight import INTRINSICS, IdealFlight

from uav_tracker_ros.errors import InputUnreadable
from uav_tracker_ros.flight import Attitude, GateState, LocalPosition, Telemetry, VehicleMode
from uav_tracker_ros.following.journal import JournaledFollower, built, plain
from uav_tracker_ros.following.replay import replay
from uav_tracker_ros.following.report import FollowPhase
from uav_tracker_ros.following.settings import FollowSettings
from uav_tracker_ros.geometry import TargetState


def flown(manoeuvres) -> tuple[IdealFlight, list[str]]:
    """A flight whose follower keeps a journal, and its batches, one a cycle."""
    flight = IdealFlight()
    flight.follower = JournaledFollower(FollowSettings(allow_engage=True, mode="hold_offset"))
    flight.follower.set_camera(INTRINSICS, "camera_optical")
    batches = []
    step = flight.follower.step

    def stepped(now):
        output = step(now)
        batches.append(flight.follower.batch())
        return output

    flight.follower.step = stepped
    flight.follow()
    manoeuvres(flight)
    return flight, batches


def walk_and_lose(flight: IdealFlight) -> None:
    """Follow a walk, lose the target for a second, find it, and stop."""
    flight.target_velocity = np.array([2.0, 1.0])
    flight.run(3.0)
    flight.state, flight.images = TargetState.LOST, False
    flight.run(1.2)
    flight.follower.fault("TWO_PUBLISHERS", "2 publishers", True)
    flight.follower.fault("TWO_PUBLISHERS", "", False)
    flight.state, flight.images, flight.lock = TargetState.TRACKING, True, 2
    flight.run(1.5)
    flight.follower.stop("enough", flight.now)
    flight.run(0.5)


@pytest.fixture(scope="module")
def walk():
    return flown(walk_and_lose)


def test_the_setpoints_come_out_again_to_the_last_bit(walk):
    flight, batches = walk
    result = replay(batches)
    assert result.agrees
    assert result.setpoints == len(flight.setpoints) > 200
    assert result.cycles == len(batches)
    assert (result.velocity_difference, result.yaw_difference) == (0.0, 0.0)
    assert result.seconds == pytest.approx(0.02 * (len(batches) - 1))
    assert result.first is None


def changed(batches: list[str], change) -> list[str]:
    """The journal with every entry as ``change(name, arguments)`` leaves it."""
    made = []
    for batch in batches:
        content = json.loads(batch)
        for entry in content["entries"]:
            change(entry[0], entry)
        made.append(json.dumps(content))
    return made


def test_another_setting_is_seen(walk):
    def slower(name, entry):
        if name == "start":
            entry[1]["gain"] = 0.4

    result = replay(changed(walk[1], slower))
    assert not result.agrees
    assert result.velocity_difference > 0.001
    assert result.first.phase in (FollowPhase.ENGAGING, FollowPhase.FOLLOWING)


def test_a_setpoint_that_was_not_the_laws_is_seen(walk):
    count = 0

    def pushed(name, entry):
        nonlocal count
        if name == "step" and entry[2]["setpoint"] is not None:
            count += 1
            if count == 100:
                entry[2]["setpoint"]["velocity_ned"][0] += 0.002

    result = replay(changed(walk[1], pushed))
    assert result.disagreeing == 1
    assert result.velocity_difference == pytest.approx(0.002)


def test_a_setpoint_that_is_missing_is_seen(walk):
    def dropped(name, entry):
        if name == "step" and entry[1] > 55.0:
            entry[2]["setpoint"] = None

    result = replay(changed(walk[1], dropped))
    assert math.isinf(result.velocity_difference)
    assert not result.agrees


def test_two_controllers_in_one_journal(walk):
    once, twice = replay(walk[1]), replay([*walk[1], *walk[1]])
    assert twice.agrees
    assert twice.setpoints == 2 * once.setpoints


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda batches: batches[1:], "every batch from 0 on"),
        (lambda batches: batches[:5] + batches[6:], "batch 6 after 4"),
        (lambda batches: ["{", *batches], "cannot be read"),
        (lambda batches: ["[]"], "cannot be read"),
        (lambda batches: changed(batches, lambda _name, entry: entry.__setitem__(0, "fly")), "'fly' is no call"),
        (
            lambda batches: changed(batches, lambda name, entry: name == "start" and entry[1].update(speed=1)),
            "use the version that wrote it",
        ),
        (
            lambda batches: changed(batches, lambda name, entry: name == "on_target" and entry[1].update(size=1)),
            "use the version that wrote it",
        ),
    ],
    ids=["no start", "gap", "no json", "no batch", "unknown call", "unknown setting", "unknown field"],
)
def test_what_cannot_be_replayed_is_said(walk, damage, says):
    with pytest.raises(InputUnreadable, match=says):
        replay(damage(list(walk[1][:200])))


def test_types_of_the_border_survive_json():
    telemetry = Telemetry(
        1.0000000000000002,
        Attitude(0.1, (1.0, 0.0, 0.0, 0.0), (0.1, 0.2, 0.3)),
        LocalPosition(0.2, (1.0, 2.0, -3.0), (0.0, 0.0, 0.0), 3),
        vehicle_mode=VehicleMode.OFFBOARD,
        gate_state=GateState.STREAMING,
        blockers=("A: b", "C: d"),
    )
    again = built(Telemetry, json.loads(json.dumps(plain(telemetry))))
    assert again == telemetry
    assert type(again.gate_state) is GateState
    assert type(again.attitude) is Attitude
    assert again.mode_stamp == -math.inf
