import math

import numpy as np
import pytest

from uav_tracker_ros.following.camera import Camera
from uav_tracker_ros.following.class_prior import class_prior
from uav_tracker_ros.following.edge_trust import EdgeTrust
from uav_tracker_ros.following.singer import SingerModel
from uav_tracker_ros.following.target_estimator import NIS_GATE, REJECTIONS_MAX, TargetEstimator
from uav_tracker_ros.following.telemetry_buffer import VehiclePose
from uav_tracker_ros.frames import quaternion_from_euler
from uav_tracker_ros.geometry import Box, Intrinsics

CAMERA = Camera(Intrinsics.from_hfov(640, 480, math.radians(70)), math.radians(-30))
PERSON = class_prior("person")
PERIOD = 1 / 30


def vehicle(t, sunk=0.0):
    """Hovers 10 m south of the origin, nodding by 4 deg at 0.5 Hz; truly ``sunk`` m lower than it believes."""
    pitch = math.radians(4) * math.sin(math.pi * t)
    return VehiclePose(
        t, np.array([-10.0, 0.0, -6.0 + sunk]), np.zeros(3), quaternion_from_euler(0, pitch, 0), np.zeros(3)
    )


class Scene:
    """True boxes of a walker, and the filter that watches."""

    def __init__(self, place, *, sunk=lambda t: 0.0, height=1.75, clock_error=0.0, noise=1.0, seed=0):
        self.sunk = sunk
        self.place, self.height, self.clock_error, self.noise = place, height, clock_error, noise
        self.rng = np.random.default_rng(seed)
        self.estimator = TargetEstimator(CAMERA, PERSON, ground_z=0.0)
        self.trust = EdgeTrust(PERSON)

    def box(self, t):
        pose = vehicle(t, self.sunk(t))
        edges = CAMERA.hulls(
            CAMERA.pose(pose.position_ned, pose.quaternion),
            np.array([self.place(t)], float),
            0.0,
            np.array([self.height]),
            PERSON.half_depth,
        )[0]
        shift = self.noise * self.rng.standard_normal(2)
        return Box.from_xyxy(*(edges + np.tile(shift, 2)))

    def run(self, start, end):
        updates = []
        for k in range(round(start / PERIOD), round(end / PERIOD)):
            t = k * PERIOD
            box, stamp = self.box(t), t + self.clock_error
            edges = CAMERA.ideal_edges(box)
            if not self.estimator.started:
                pose = vehicle(stamp)
                self.estimator.start(edges, stamp, CAMERA.pose(pose.position_ned, pose.quaternion))
                continue
            trusted = self.trust.judge(box, (640, 480), math.radians(30), 0.0)
            updates.append(self.estimator.update(stamp, edges, trusted, vehicle))
        return updates


def test_a_standing_target_is_placed_within_half_a_metre():
    scene = Scene(lambda t: (0.0, 1.0))
    updates = scene.run(0, 5)
    estimate = scene.estimator.predict(scene.estimator.stamp)
    assert estimate.position_ne == pytest.approx([0, 1], abs=0.4)
    assert np.linalg.norm(estimate.velocity_ne) < 0.3
    assert all(update.accepted for update in updates)


def test_a_walker_is_predicted_half_a_second_ahead():
    scene = Scene(lambda t: (0.8 * t - 2, 1.0 * t - 2))
    scene.run(0, 4)
    stamp = scene.estimator.stamp
    estimate = scene.estimator.predict(stamp + 0.5)
    t = stamp + 0.5
    assert estimate.position_ne == pytest.approx([0.8 * t - 2, t - 2], abs=0.6)
    assert estimate.velocity_ne == pytest.approx([0.8, 1.0], abs=0.35)


def test_the_true_height_is_learnt():
    # Seen from a place that moves up and down, the ground ray and the size tell the height apart.
    scene = Scene(lambda t: (0.0, 0.0), height=1.9, noise=0.5)
    scene.run(0, 8)
    assert scene.estimator.predict(scene.estimator.stamp).height == pytest.approx(1.9, abs=0.06)


def test_place_and_height_do_not_creep_together():
    # Without a held height they did, by 0.6 m of range: the picture stays as it is.
    scene = Scene(lambda t: (3 * math.sin(0.4 * t), 3 * math.cos(0.4 * t)), height=1.75)
    scene.run(0, 8)
    learnt = scene.estimator.predict(scene.estimator.stamp).height
    scene.run(8, 25)
    estimate = scene.estimator.predict(scene.estimator.stamp)
    assert estimate.height == pytest.approx(learnt, rel=0.01)
    t = scene.estimator.stamp
    assert estimate.position_ne == pytest.approx([3 * math.sin(0.4 * t), 3 * math.cos(0.4 * t)], abs=0.5)


def test_a_steady_curve_is_predicted_as_one():
    scene = Scene(lambda t: (8 * math.sin(0.5 * t), 8 - 8 * math.cos(0.5 * t)), noise=0.3)
    scene.run(0, 12)
    t = scene.estimator.stamp
    estimate = scene.estimator.predict(t)
    inward = np.array([-math.sin(0.5 * t), math.cos(0.5 * t)])  # towards the centre: 2 m/s^2
    assert float(estimate.acceleration_ne @ inward) == pytest.approx(2.0, abs=0.6)


def test_an_altitude_that_drifts_does_not_move_the_target():
    # 0.8 m are 1.3 m of range, were the ground believed to stay where it was.
    scene = Scene(lambda t: (0.0, 0.0), sunk=lambda t: min(0.8, 0.08 * max(0.0, t - 5)), noise=0.5)
    scene.run(0, 20)
    assert scene.estimator.predict(scene.estimator.stamp).position_ne == pytest.approx([0, 0], abs=0.5)


@pytest.mark.parametrize(
    ("top", "bottom"),
    [
        (0, 13),  # 1.7 m and 2.9 m/s off, were each edge believed as much as it says
        (12, 20),  # seen in a live flight: a white line runs through the target; 0.6 m, 0.9 m/s
        (-12, 0),  # the head is not told from what is behind it
    ],
)
def test_a_box_that_takes_in_road_or_sky_does_not_throw_the_estimate(top, bottom):
    scene = Scene(lambda t: (1.5 * t, 0.0), noise=0.3)
    scene.run(0, 4)
    true_box = scene.box

    def stretched(t):
        left, above, right, below = true_box(t).xyxy
        share = min(1.0, (t - 4) / 0.1)
        return Box.from_xyxy(left, above - share * top, right, below + share * bottom)

    scene.box = stretched
    for k in range(9):
        scene.run(4 + k * PERIOD, 4 + (k + 1) * PERIOD)
        t = scene.estimator.stamp
        estimate = scene.estimator.predict(t)
        assert abs(estimate.position_ne[0] - 1.5 * t) < 0.4
        assert abs(estimate.velocity_ne[0] - 1.5) < 0.5


def test_a_target_that_really_comes_nearer_is_believed():
    """Its box grows at the top, at the feet and in height as the place says, so nothing of it is a stretch."""
    scene = Scene(lambda t: (0.0, 0.0) if t < 4 else (-3.0 * (t - 4), 0.0), noise=0.3)
    scene.run(0, 5)
    estimate = scene.estimator.predict(scene.estimator.stamp)
    assert estimate.position_ne[0] == pytest.approx(-3.0 * (scene.estimator.stamp - 4), abs=0.5)
    assert estimate.velocity_ne[0] == pytest.approx(-3.0, abs=0.6)


def test_the_clock_error_is_learnt_from_own_pitch():
    scene = Scene(lambda t: (0.0, 0.0), clock_error=0.03, noise=0.3)
    scene.run(0, 15)
    assert scene.estimator.clock_error == pytest.approx(0.03, abs=0.01)


def test_a_teleported_box_is_rejected_again_and_again():
    scene = Scene(lambda t: (0.0, 0.0) if t < 3 else (0.0, 6.0))
    scene.run(0, 3)
    before = scene.estimator.predict(3.3).position_ne
    updates = scene.run(3, 3 + REJECTIONS_MAX * PERIOD)
    assert not any(update.accepted for update in updates)
    assert min(update.nis for update in updates) > NIS_GATE
    assert scene.estimator.rejections == REJECTIONS_MAX
    assert scene.estimator.predict(3.3).position_ne == pytest.approx(before, abs=0.2)


def test_old_stamps_are_dropped():
    scene = Scene(lambda t: (0.0, 0.0))
    scene.run(0, 1)
    edges, trusted = CAMERA.ideal_edges(scene.box(0.5)), scene.trust.judge(scene.box(0.5), (640, 480), 0.5, 0.0)
    assert not scene.estimator.update(0.5, edges, trusted, vehicle).accepted


def test_a_moved_origin_moves_the_target_alone():
    scene = Scene(lambda t: (0.0, 0.0))
    scene.run(0, 2)
    before = scene.estimator.predict(2.0)
    scene.estimator.shift(np.array([3.0, -1.0, 0.2]))
    after = scene.estimator.predict(2.0)
    assert after.position_ne - before.position_ne == pytest.approx([3, -1])
    assert after.velocity_ne == pytest.approx(before.velocity_ne)


def test_uncertainty_grows_unseen():
    scene = Scene(lambda t: (0.0, 0.0))
    scene.run(0, 2)
    areas = [np.linalg.det(scene.estimator.predict(2 + dt).covariance_ne) for dt in (0, 1, 2, 3)]
    assert areas == sorted(areas)
    assert areas[3] > 20 * areas[0]


def test_a_car_is_not_its_near_bumper():
    car = class_prior("car")
    estimator = TargetEstimator(CAMERA, car, ground_z=0.0)
    pose = CAMERA.pose(np.array([-16.0, 0.0, -9.0]), quaternion_from_euler(0, 0, 0))
    edges = CAMERA.hulls(pose, np.zeros((1, 2)), 0.0, np.array([car.height]), car.half_depth)[0]
    assert estimator.locate(edges, pose) == pytest.approx([0, 0], abs=0.1)


def test_near_the_horizon_the_size_gives_the_range():
    level = Camera(CAMERA.intrinsics, 0.0)
    estimator = TargetEstimator(level, PERSON, ground_z=0.0)
    pose = level.pose(np.array([0.0, 0.0, -3.0]), quaternion_from_euler(0, 0, 0))
    edges = level.hulls(pose, np.array([[40.0, 0.0]]), 0.0, np.array([1.7]), 0.2)[0]
    assert estimator.locate(edges, pose)[0] == pytest.approx(40, rel=0.05)


@pytest.mark.parametrize("model", [SingerModel(0.25, 0.5), SingerModel(2.1, 2.0)])
def test_singer_noise_adds_up(model):
    """Two steps gather what one step of the same length gathers; also across the two formulae."""
    for dt in (0.01, 0.033, 0.3, 1.0):
        f, q = np.array(model.transition(dt)), np.array(model.noise(dt))
        assert f @ q @ f.T + q == pytest.approx(np.array(model.noise(2 * dt)), rel=0.08, abs=1e-12)
        assert np.array(model.transition(2 * dt)) == pytest.approx(f @ f)
        assert np.linalg.eigvalsh(q).min() > -1e-12
