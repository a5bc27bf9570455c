import math

import numpy as np
import pytest

from uav_tracker_ros.following import view
from uav_tracker_ros.following.camera import GRAVITY, PICTURE_MARGIN, Camera
from uav_tracker_ros.following.control_law import ControlLaw, OwnState, Task
from uav_tracker_ros.following.settings import FollowSettings
from uav_tracker_ros.following.target_estimator import Estimate
from uav_tracker_ros.geometry import Intrinsics

HOME = np.zeros(3)
OWN = OwnState(10.0, np.array([-10.0, 0.0, -6.0]), np.zeros(3), 0.0, np.zeros(2), 0.25)
CAMERA = Camera(Intrinsics.from_hfov(640, 480, math.radians(70)), math.radians(-30))


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


def leaning(holding: float, speed: float = 4.0, drag: float = 1.0) -> OwnState:
    """Flies north at ``speed``, which takes ``holding`` m/s^2 of thrust."""
    return OWN._replace(velocity_ned=np.array([speed, 0.0, 0.0]), holding_ne=np.array([holding, 0.0]), drag=drag)


def accelerated(own: OwnState, seen: Estimate, seconds: float = 0.6):
    law = ControlLaw(FollowSettings(mode="hold_offset"))
    law.reset(own)
    for k in range(round(seconds / 0.02)):
        motion = law.step(10.0 + 0.02 * k, 0.02, own, seen, seen, task(), CAMERA)
    return motion


@pytest.mark.parametrize("holding", [0.0, 1.0, 2.0, 3.0, 4.0, 5.0])
def test_lean_for_the_speed_and_for_more_of_it_stays_in_the_picture(holding):
    """10 m away and 6 m up the head is 23.3 deg down, the picture's upper edge 2.3 deg: 21 deg of lean are left."""
    edge = math.radians(-30) + CAMERA.intrinsics.vfov / 2 + math.atan2(6.0 - 1.7, 10.0)
    runner = target(velocity=(9.0, 0.0))  # faster than anything allowed
    motion = accelerated(leaning(holding), runner)
    lean = math.atan2(holding + motion.acceleration_ne[0], GRAVITY)
    assert motion.fov_saturated
    assert lean <= edge - PICTURE_MARGIN / 2 + 1e-3
    assert lean >= edge - PICTURE_MARGIN - 1e-3  # and no more is given away than the margin


@pytest.mark.parametrize(("holding", "velocity", "way"), [(4.0, 4.0, "up"), (0.0, 4.0, "up"), (-4.0, -4.0, "down")])
def test_height_gives_room_for_the_lean_that_the_targets_speed_needs(holding, velocity, way):
    own = leaning(holding, speed=holding)  # drag 1: what the speed takes; 0: not under way yet
    down = accelerated(own, target(velocity=(velocity, 0.0))).velocity_ned[2]
    assert down < -0.3 if way == "up" else down > 0.3


@pytest.mark.parametrize("distance", [8.0, 10.0, 14.0])
def test_no_higher_than_the_lean_needs_where_a_target_that_turns_round_would_be_lost(distance):
    """Drag 1: 22 deg of lean at 4 m/s. With 1.5 m/s^2 of chase more, a nose held up would leave the feet out."""
    height = view.height(CAMERA, 6.0, distance, 1.7, (4.0, 4.0), -4.0)
    head, feet = math.atan2(height - 1.7, distance), math.atan2(height, distance)
    lean = math.atan2(4.0, GRAVITY)
    assert CAMERA.tilt_margins(feet, head)[1] >= lean - 1e-9
    assert height < view.height(CAMERA, 6.0, distance, 1.7, (4.0, 4.0), 0.0) - 0.5


def test_a_target_that_can_turn_round_in_the_picture_leaves_the_room_for_the_chase():
    assert view.height(CAMERA, 6.0, 10.0, 1.7, (3.0, 3.0), -0.5) == view.height(CAMERA, 6.0, 10.0, 1.7, (3.0, 3.0), 0.0)


def test_little_drag_leaves_the_height_alone():
    own = leaning(0.25 * 4.0, drag=0.25)
    assert accelerated(own, target(velocity=(4.0, 0.0))).velocity_ned[2] == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize(
    ("mode", "weight", "told"), [("hold_offset", 1.0, True), ("hold_offset", 0.0, False), ("spotlight", 1.0, False)]
)
def test_another_height_is_told_only_where_it_is_flown(mode, weight, told):
    """Searching and in spotlight the vehicle keeps its height, whatever the lean would need."""
    law = ControlLaw(FollowSettings(mode=mode))
    law.reset(leaning(4.0))
    seen = target(velocity=(4.0, 0.0))
    motion = law.step(10.0, 0.02, leaning(4.0), seen, seen, task(mode)._replace(weight=weight), CAMERA)
    assert (motion.height != FollowSettings().height) is told
