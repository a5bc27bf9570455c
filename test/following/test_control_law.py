import numpy as np
import pytest

from uav_tracker_ros.following.control_law import ControlLaw, OwnState, Task
from uav_tracker_ros.following.settings import FollowSettings
from uav_tracker_ros.following.target_estimator import Estimate

HOME = np.zeros(3)
OWN = OwnState(10.0, np.array([-10.0, 0.0, -6.0]), np.zeros(3), 0.0)


def task(mode="hold_offset"):
    return Task(mode, np.array([-10.0, 0.0]), OWN.position_ned[:2], HOME, 1.0, 1.0, None, 1.0)


def target(velocity=(0.0, 0.0), ground_z=0.0):
    return Estimate(10.0, np.zeros(2), np.array(velocity), np.zeros(2), 0.01 * np.eye(2), 1.7, ground_z)


def step(seen, mode="hold_offset", seconds=0.02, **settings):
    law = ControlLaw(FollowSettings(mode=mode, **settings))
    law.reset(OWN)
    for k in range(round(seconds / 0.02)):
        motion = law.step(10.0 + 0.02 * k, 0.02, OWN, seen, seen, task(mode), None)
    return motion


def test_a_smaller_reference_gain_is_softer():
    slow = target(velocity=(0.05, 0.0))
    hard, soft = (step(slow, gain=0.1, reference_gain=gain).acceleration_ne[0] for gain in (3.0, 1.5))
    # 0.05 m/s times the gain, and the 0.1 1/s of the position's gain on the same speed.
    assert soft / hard == pytest.approx((1.5 + 0.1) / (3.0 + 0.1), rel=0.01)


@pytest.mark.parametrize("velocity_gain", [1.8, 2.5])
def test_who_is_not_believed_any_more_is_answered_with_zero_velocity(velocity_gain):
    law = ControlLaw(FollowSettings(mode="hold_offset"))
    law.velocity_gain = velocity_gain
    moving = OWN._replace(velocity_ned=np.array([1.0, 0.0, 0.0]))
    law.reset(moving)
    gone = task()._replace(weight=0.0)
    motions = [law.step(10.0 + 0.02 * k, 0.02, moving, target(), target(), gone, None) for k in range(100)]
    assert motions[20].reference_ne[0] > 0.2  # the vehicle itself still moves, and its reference with it
    assert max(abs(motion.velocity_ned[0]) for motion in motions[20:]) < 0.05


@pytest.mark.parametrize(("ground_z", "down"), [(-1.0, -1), (1.0, 1), (0.0, 0)])
def test_the_height_refers_to_the_ground_below_the_target(ground_z, down):
    assert np.sign(round(step(target(ground_z=ground_z), seconds=0.5).velocity_ned[2], 3)) == down


def test_an_absurd_ground_moves_the_height_by_six_metres_at_most():
    # 6 m below home's ground the vehicle's wanted place is at 0 m, and the floor is in between.
    deep, deeper = (step(target(ground_z=z), seconds=1.0).velocity_ned[2] for z in (6.0, 60.0))
    assert deep == pytest.approx(deeper)


def test_orbit_asks_for_the_speed_around_and_for_its_curve():
    motion = step(target(), mode="orbit", seconds=1.5, orbit_speed=1.0)
    assert motion.velocity_ned[1] < -0.5  # from the south, clockwise seen from above: to the west
    assert motion.acceleration_ne[0] > 0  # inwards
