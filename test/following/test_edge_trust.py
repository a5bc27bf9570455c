import math

import numpy as np
import pytest

from uav_tracker_ros.following.class_prior import class_prior
from uav_tracker_ros.following.edge_trust import EdgeTrust
from uav_tracker_ros.geometry import Box

PERSON = class_prior("person")
SIZE = (640, 480)
STEEP, FLAT = math.radians(30), math.radians(4)
CENTER, LEFT, RIGHT, TOP, BOTTOM, LENGTH = (
    (0.5, 0, 0.5, 0),
    (1, 0, 0, 0),
    (0, 0, 1, 0),
    (0, 1, 0, 0),
    (0, 0, 0, 1),
    (0, -1, 0, 1),
)


def judge(box, depression=STEEP, *, trust=None, blur=0.0, uncertain=False):
    return (trust or EdgeTrust(PERSON)).judge(box, SIZE, depression, blur, uncertain=uncertain)


@pytest.mark.parametrize(
    ("box", "depression", "rows"),
    [
        pytest.param(Box(300, 200, 20, 60), STEEP, [CENTER, TOP, BOTTOM], id="inside"),
        pytest.param(Box(0, 200, 20, 60), STEEP, [RIGHT, TOP, BOTTOM], id="at the left border"),
        pytest.param(Box(620, 200, 20, 60), STEEP, [LEFT, TOP, BOTTOM], id="at the right border"),
        pytest.param(Box(300, 430, 20, 50), STEEP, [CENTER, TOP], id="at the bottom"),
        pytest.param(Box(300, 0, 20, 60), STEEP, [CENTER, BOTTOM], id="at the top"),
        pytest.param(Box(300, 200, 20, 60), FLAT, [CENTER, LENGTH], id="near the horizon"),
        pytest.param(Box(300, 430, 20, 50), FLAT, [CENTER], id="near the horizon and cut"),
    ],
)
def test_rows_that_count(box, depression, rows):
    assert judge(box, depression).rows.tolist() == [list(row) for row in rows]


@pytest.mark.parametrize("box", [Box(0, 0, 640, 300), Box(20, 20, 600, 440)], ids=["three edges", "60 % of the image"])
def test_a_target_that_fills_the_image_is_too_close(box):
    trusted = judge(box)
    assert trusted.too_close
    assert len(trusted.rows) == 0


def test_uncertain_boxes_give_bearing_only_with_threefold_noise():
    box = Box(300, 200, 20, 60)
    sure, unsure = judge(box), judge(box, uncertain=True)
    assert unsure.rows.tolist() == [list(CENTER)]
    assert unsure.bearing_only
    assert unsure.height_frozen
    assert unsure.noise == pytest.approx(9 * sure.noise)


def test_the_height_is_learnt_from_whole_boxes_only():
    assert not judge(Box(300, 200, 20, 60)).height_frozen
    assert judge(Box(0, 200, 20, 60)).height_frozen


def test_feet_that_vanish_are_not_a_far_target():
    trust = EdgeTrust(PERSON)
    for _ in range(4):
        judge(Box(300, 200, 20, 60), trust=trust)
    hidden = judge(Box(300, 200, 20, 35), trust=trust)
    assert hidden.rows.tolist() == [list(CENTER), list(TOP)]
    assert judge(Box(300, 201, 20, 36), trust=trust).height_frozen
    back = judge(Box(300, 200, 20, 58), trust=trust)
    assert back.rows.tolist() == [list(CENTER), list(TOP), list(BOTTOM)]


def test_a_sudden_change_of_shape_is_trusted_less():
    trust = EdgeTrust(PERSON)
    calm = judge(Box(300, 200, 20, 60), trust=trust).noise
    jump = judge(Box(290, 200, 40, 60), trust=trust).noise
    assert jump[1, 1] == pytest.approx(9 * calm[1, 1])


def test_turning_blurs_every_edge_alike():
    still, turning = judge(Box(300, 200, 20, 60)).noise, judge(Box(300, 200, 20, 60), blur=457.0).noise
    assert turning[0, 0] - still[0, 0] == pytest.approx((457 * 0.004) ** 2)
    assert np.linalg.eigvalsh(turning).min() > 0


def test_the_size_of_a_turning_car_is_trusted_less_than_a_persons():
    box = Box(300, 200, 60, 60)
    size = np.array([0, -1, 0, 1])
    car, person = (judge(box, trust=EdgeTrust(class_prior(name))).noise for name in ("car", "person"))
    assert size @ car @ size > 4 * (size @ person @ size)
    common = np.array([0, 0.5, 0, 0.5])
    assert common @ car @ common == pytest.approx(common @ person @ common)
