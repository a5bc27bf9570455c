import math
import time

import cv2
import numpy as np
import pytest

from uav_tracker_ros.errors import InvalidParameter
from uav_tracker_ros.frames import quaternion_from_euler
from uav_tracker_ros.geometry import Box, Intrinsics
from uav_tracker_ros.simulation import scenarios, textures
from uav_tracker_ros.simulation.backdrop import Backdrop
from uav_tracker_ros.simulation.camera import CameraTiming, SimulatedCamera
from uav_tracker_ros.simulation.projection import Lens, clip_near, view_from
from uav_tracker_ros.simulation.rendering import Renderer, smear_kernel
from uav_tracker_ros.simulation.truth import VehicleTruth
from uav_tracker_ros.simulation.world import World

K = Intrinsics.from_hfov(640, 480, math.radians(70))
PITCH = math.radians(-30)


def _vehicle(position=(-10.0, 0.0, -6.0), euler=(0.0, 0.0, 0.0), velocity=(0.0, 0.0, 0.0), rates=(0.0, 0.0, 0.0)):
    return VehicleTruth(0.0, position, velocity, quaternion_from_euler(*euler), rates)


def _project_by_hand(point, position, euler, pitch):
    """Pixel of a point in ned: yaw, pitch, roll and mount undone one angle after the other."""
    roll, nose, yaw = euler
    n, e, d = (p - q for p, q in zip(point, position, strict=True))
    n, e = n * math.cos(yaw) + e * math.sin(yaw), -n * math.sin(yaw) + e * math.cos(yaw)
    n, d = n * math.cos(nose) - d * math.sin(nose), n * math.sin(nose) + d * math.cos(nose)
    e, d = e * math.cos(roll) + d * math.sin(roll), -e * math.sin(roll) + d * math.cos(roll)
    n, d = n * math.cos(pitch) - d * math.sin(pitch), n * math.sin(pitch) + d * math.cos(pitch)
    focal = 320 / math.tan(math.radians(35))
    return 320 + focal * e / n, 240 + focal * d / n


POSES = [
    pytest.param((-10.0, 0.0, -6.0), (0.0, 0.0, 0.0), id="level"),
    pytest.param((-10.0, 1.0, -6.0), (0.3, -0.1, 0.1), id="banked, nose down"),
    pytest.param((3.0, -12.0, -8.0), (-0.25, 0.1, 1.7), id="from the west, nose up"),
    pytest.param((-40.0, 10.0, -20.0), (0.1, 0.05, -0.2), id="far"),
]


@pytest.mark.parametrize(("position", "euler"), POSES)
@pytest.mark.parametrize("name", ["stand", "car", "motorcycle"])
def test_feet_and_head_agree_with_a_projection_by_hand(name, position, euler):
    target = World(scenarios.get(name), 0).target(0.0)
    view = view_from(_vehicle(position, euler), K, PITCH)
    north, east, _ = target.position_ned
    for point in ((north, east, 0.0), (north, east, -target.height)):
        pixel = view.to_pixels(view.to_camera(np.array([point])))[0]
        assert pixel == pytest.approx(_project_by_hand(point, position, euler, PITCH), abs=0.01)


@pytest.mark.parametrize(("position", "euler"), POSES)
@pytest.mark.parametrize("name", ["stand", "car", "motorcycle"])
def test_true_box_fills_the_hull_of_the_targets_cuboid(name, position, euler):
    world = World(scenarios.get(name), 0)
    target = world.target(0.0)
    corners = []
    for x in (-target.length / 2, target.length / 2):
        for y in (-target.width / 2, target.width / 2):
            for z in (0.0, -target.height):
                north = target.position_ned[0] + x * math.cos(target.heading) - y * math.sin(target.heading)
                east = target.position_ned[1] + x * math.sin(target.heading) + y * math.cos(target.heading)
                corners.append(_project_by_hand((north, east, z), position, euler, PITCH))
    low, high = np.min(corners, axis=0), np.max(corners, axis=0)
    hull = Box.from_xyxy(low[0], low[1], high[0], high[1])
    box = Renderer(world, K, PITCH, 0).truth(0.0, _vehicle(position, euler)).box
    # Corners of the cuboid stay empty: a bonnet is lower than a roof, a motorcycle narrower than its bar.
    left, right = (box.x - hull.x) / hull.w, (hull.xyxy[2] - box.xyxy[2]) / hull.w
    top, bottom = (box.y - hull.y) / hull.h, (hull.xyxy[3] - box.xyxy[3]) / hull.h
    assert min(left, right, top, bottom) > -0.02
    assert max(left, right) < 0.27
    assert top < 0.23
    assert bottom < 0.14  # the edge that says how far away the target is


@pytest.mark.parametrize(("position", "euler"), POSES)
def test_true_box_lies_around_the_drawn_pixels(position, euler):
    """The box is compared with where the picture with target differs from the one without."""
    near, away = (World(scenarios.get("stand"), 0) for _ in range(2))
    placements = away.placements
    gone = 5000.0
    away.placements = lambda t: (placements(t)[0]._replace(north=gone), *placements(t)[1:])
    vehicle = _vehicle(position, euler)
    image, truth = Renderer(near, K, PITCH, 0).render(0.0, vehicle)
    empty, _ = Renderer(away, K, PITCH, 0).render(0.0, vehicle)
    shirt = (np.abs(image.astype(int) - empty).max(axis=2) > 25).astype(np.uint8)
    x0, y0, x1, y1 = truth.box.xyxy
    # The shadow falls beside the body; above the feet, left and top edge are the body's own.
    columns = np.flatnonzero(shirt[int(y0) - 3 : int(y0 + 0.6 * (y1 - y0)), int(x0) - 5 : int(x1) + 5].any(axis=0))
    rows = np.flatnonzero(shirt[:, int(x0) : int(x1) + 1].any(axis=1))
    assert rows[0] == pytest.approx(y0, abs=2.0)
    assert columns[0] + int(x0) - 5 >= x0 - 1.5


def test_same_seed_same_bits_in_any_order():
    first, second = (Renderer(World(scenarios.get("crossing"), 7), K, PITCH, 3) for _ in range(2))
    vehicle = _vehicle(velocity=(4.0, 0.0, 0.0), rates=(0.0, 0.1, 0.3))
    moments = [0.0, 0.5, 7.25]
    forwards = [first.render(t, vehicle) for t in moments]
    backwards = [second.render(t, vehicle) for t in reversed(moments)][::-1]
    for (image, truth), (other_image, other_truth) in zip(forwards, backwards, strict=True):
        assert np.array_equal(image, other_image)
        assert truth == other_truth


def test_noise_seed_changes_the_picture_but_not_the_truth():
    world = World(scenarios.get("sinusoid"), 0)
    (image, truth), (other, other_truth) = (Renderer(world, K, PITCH, seed).render(2.0, _vehicle()) for seed in (1, 2))
    assert truth == other_truth
    difference = image.astype(int) - other
    assert 2.0 < difference.std() < 6.0


@pytest.mark.parametrize("name", ["occlusion_2s", "crossing", "car"])
def test_truth_without_a_picture_is_the_same(name):
    scenario = scenarios.get(name)
    world = World(scenario, 0)
    renderer = Renderer(world, K, PITCH, 0)
    for t in (0.0, 10.0, 12.0):
        north, east, _ = world.target(t).position_ned
        vehicle = _vehicle((north - 10.0, east, -6.0))
        assert renderer.render(t, vehicle)[1] == renderer.truth(t, vehicle)


def test_target_that_leaves_over_the_border_is_seen_less_and_less():
    renderer = Renderer(World(scenarios.get("stand"), 0), K, PITCH, 0)
    yaws = np.radians(np.arange(30.0, 46.0, 0.25))
    truths = [renderer.truth(0.0, _vehicle(euler=(0.0, 0.0, float(yaw)))) for yaw in yaws]
    fractions = [truth.visible_fraction for truth in truths]
    assert fractions[0] == 1.0
    assert fractions[-1] == 0.0
    assert any(0.2 < fraction < 0.8 for fraction in fractions)
    assert fractions == sorted(fractions, reverse=True)
    for truth in truths:
        assert truth.visible_box.x >= 0.0
        assert (truth.visible_box.area > 0.0) == (truth.visible_fraction > 0.0)
        if 0.0 < truth.visible_fraction < 1.0:
            assert truth.box.x < 0.0


def test_target_behind_the_camera_has_no_box():
    renderer = Renderer(World(scenarios.get("stand"), 0), K, PITCH, 0)
    truth = renderer.truth(0.0, _vehicle(euler=(0.0, 0.0, math.pi)))
    assert truth.box == truth.visible_box == Box(0.0, 0.0, 0.0, 0.0)
    assert truth.visible_fraction == 0.0


def test_nose_up_shows_the_sky_and_light_changes_the_mean():
    renderer = Renderer(World(scenarios.get("light_step"), 0), K, PITCH, 0)
    sky, _ = renderer.render(0.0, _vehicle(euler=(0.0, math.radians(30), 0.0)))
    top, bottom = sky[:40].reshape(-1, 3).mean(axis=0), sky[-40:].reshape(-1, 3).mean(axis=0)
    assert top[0] > top[2] + 20  # blue
    assert bottom[0] < top[0]
    bright, dark = (renderer.render(t, _vehicle())[0].mean() for t in (7.9, 8.1))
    assert dark == pytest.approx(0.45 * bright, rel=0.05)


def test_clouds_move_and_come_again_whatever_the_clock():
    backdrop = Backdrop(0)
    view = view_from(_vehicle(), K, PITCH)
    period = textures.CLOUD_PIXELS * textures.CLOUD_RESOLUTION
    now, later, ages = (backdrop.cloud_light(view, t).astype(int) for t in (1.0, 21.0, 1.0 + 3000 * period))
    assert np.abs(now - later).max() > 20
    assert np.abs(now - ages).max() <= 2


def test_fast_turn_smears_the_picture():
    renderer = Renderer(World(scenarios.get("blur"), 0), K, PITCH, 0)
    still, _ = renderer.render(1.0, _vehicle())
    turning, _ = renderer.render(1.0, _vehicle(rates=(0.0, 0.0, 1.0)))
    across = [np.abs(np.diff(cv2.blur(image, (1, 3)).astype(int), axis=1)).mean() for image in (still, turning)]
    assert across[1] < 0.8 * across[0]


@pytest.mark.parametrize("motion", [(4.0, 0.0), (0.0, -7.0), (5.0, 5.0), (200.0, 3.0)])
def test_smear_kernel_is_centred_and_keeps_the_light(motion):
    kernel = smear_kernel(*motion)
    assert kernel is not None
    assert kernel.sum() == pytest.approx(1.0)
    assert kernel.shape[0] % 2 == 1
    assert kernel.shape[0] <= 33
    assert np.allclose(kernel, kernel[::-1, ::-1])
    assert smear_kernel(0.5, 0.5) is None


def test_lens_bends_boxes_as_it_bends_pictures():
    bent = K._replace(distortion=(-0.25, 0.05, 0.0, 0.0, 0.0))
    world = World(scenarios.get("stand"), 0)
    vehicle = _vehicle(euler=(0.0, 0.0, math.radians(25)))
    image, truth = Renderer(world, bent, PITCH, 0).render(0.0, vehicle)
    _, straight = Renderer(world, K, PITCH, 0).render(0.0, vehicle)
    assert image.shape == (480, 640, 3)
    lens = Lens(bent)
    point = np.array([straight.box.center]) + lens.shift
    assert truth.box.center == pytest.approx(tuple(lens.bend_points(point)[0]), abs=1.5)
    assert abs(truth.box.center[0] - K.cx) < abs(straight.box.center[0] - K.cx) - 3


def test_clip_near_cuts_at_the_plane():
    square = np.array([[0.0, 0.0, -1.0], [0.0, 1.0, -1.0], [0.0, 1.0, 1.0], [0.0, 0.0, 1.0]])
    clipped = clip_near(square)
    assert len(clipped) == 4
    assert clipped[:, 2].min() == pytest.approx(0.2)
    assert len(clip_near(square - (0.0, 0.0, 5.0))) == 0


def test_ground_wraps_without_a_seam():
    finest = textures.ground_levels(0)[0].astype(int)
    inside = np.abs(finest[:, 100] - finest[:, 101]).mean()
    assert np.abs(finest[:, 0] - finest[:, -1]).mean() < 3 * inside
    assert [level.shape[0] for level in textures.ground_levels(0)] == [4096, 2048, 1024, 512, 256]


def test_a_frame_costs_less_than_a_thirtieth_of_a_second():
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    renderer = Renderer(World(scenarios.get("blur"), 0), K, PITCH, 0)
    vehicle = _vehicle(velocity=(4.0, 1.0, 0.0), rates=(0.0, 0.0, 0.4))
    renderer.render(0.0, vehicle)
    costs = []
    for k in range(1, 16):
        start = time.process_time()
        renderer.render(k / 30, vehicle)
        costs.append(time.process_time() - start)
    cv2.setNumThreads(threads)
    # 10 ms on a free core; the quickest of many frames does not see what else runs on the machine.
    assert min(costs) < 0.033


def _camera(timing, seed=0, **options):
    renderer = Renderer(World(scenarios.get("sinusoid"), 0), K, PITCH, 0)
    return SimulatedCamera(renderer, timing, lambda _: _vehicle(), seed, pictures=False, **options)


def _frames(camera, seconds=10.0):
    frames = []
    for k in range(int(seconds * 100)):
        arrived = camera.step(k / 100)
        assert all(frame.arrival <= k / 100 for frame in arrived)
        frames += arrived
    return frames


def test_camera_delivers_late_and_in_order():
    frames = _frames(_camera(CameraTiming(latency=0.1, jitter=0.05)))
    stamps, arrivals = np.array([f.stamp for f in frames]), np.array([f.arrival for f in frames])
    assert np.diff(stamps) == pytest.approx(np.full(len(stamps) - 1, 1 / 30))
    assert np.all(np.diff(arrivals) >= 0)
    assert np.mean(arrivals - stamps) == pytest.approx(0.1, abs=0.03)
    assert np.all(arrivals >= stamps)


def test_camera_drops_bursts_and_clock():
    frames = _frames(_camera(CameraTiming(drop=0.3)))
    assert 150 < len(frames) < 260
    piled = _frames(_camera(CameraTiming(burst=0.05, burst_length=0.3, jitter=0.0)))
    gaps = np.diff([f.arrival for f in piled])
    assert gaps.max() > 0.2
    assert np.sum(gaps == 0.0) > 5
    shifted = _frames(_camera(CameraTiming(clock_offset=0.02, clock_drift=0.001)))
    for frame in shifted:
        assert frame.stamp == pytest.approx(frame.truth.stamp * 1.001 + 0.02)


def test_frozen_camera_repeats_its_content_with_new_stamps():
    frames = _frames(_camera(CameraTiming(freezes=((3.0, 1.0),))))
    frozen = [f for f in frames if 3.0 <= f.stamp < 4.0 - 1e-9]
    assert len(frozen) == 30
    assert len({f.truth.stamp for f in frozen}) == 1
    assert frozen[0].truth.stamp < 3.0


def test_camera_faults_do_not_move_each_other():
    plain, dropping = (_frames(_camera(CameraTiming(drop=drop), seed=5)) for drop in (0.0, 0.2))
    latency = {f.stamp: f.arrival for f in plain}
    same = [f for f in dropping if f.arrival == latency[f.stamp]]
    assert len(same) > 0.95 * len(dropping)


@pytest.mark.parametrize(("field", "value"), [("rate_hz", 0.0), ("latency", -0.1), ("drop", 1.5), ("jitter", math.nan)])
def test_bad_timing_names_field_and_range(field, value):
    with pytest.raises(InvalidParameter, match=field):
        CameraTiming(**{field: value})
