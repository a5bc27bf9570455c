"""The polygon fence: places, velocities, and vehicles that fly at it from all directions."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uav_tracker_ros.errors import InvalidParameter
from uav_tracker_ros.fence import contains, limited, parse_polygon

FIELD = parse_polygon("-20,-20 40,-20 40,30 -20,30")
# A notch in the east: the vehicle can see the other arm across what it may not enter.
ELL = parse_polygon("-20,-20 40,-20 40,0 0,0 0,40 -20,40")
# An acute corner in the north.
WEDGE = parse_polygon("-30,-30 60,0 -30,30")
BRAKING, REACTION = 2.5, 0.5


def stopping(room: float) -> float:
    """Largest speed that stops within the room, as the follower has it, 1 m before the fence."""
    left = room - 1.0
    return BRAKING * (math.sqrt(REACTION**2 + 2 * left / BRAKING) - REACTION) if left > 0 else 0.0


@pytest.mark.parametrize(
    ("polygon", "place", "inside"),
    [
        (FIELD, (0, 0), True),
        (FIELD, (39.9, 29.9), True),
        (FIELD, (40.1, 0), False),
        (ELL, (-10, 35), True),
        (ELL, (20, 20), False),  # in the notch
        (ELL, (35, -10), True),
        ((), (1e6, 0), True),
    ],
)
def test_places(polygon, place, inside):
    assert contains(polygon, *place) is inside


def test_the_order_of_corners_does_not_matter():
    assert set(parse_polygon("0,0 0,40 40,40 40,0")) == set(parse_polygon("0,0 40,0 40,40 0,40"))
    for text in ("0,0 0,40 40,40 40,0", "0,0 40,0 40,40 0,40"):
        velocity, acted = limited(parse_polygon(text), (40.0, 20.0), (3.0, 2.0), stopping)
        assert acted
        assert velocity == pytest.approx((0.0, 2.0))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("0,0 10,0", "has 2 corners"),
        ("0,0 10,0 a,5", "no pair of numbers"),
        ("0,0 10,0 5", "no pair of numbers"),
        ("0,0 10,0 nan,5", "more than 1000 m"),
        ("0,0 2000,0 0,50", "more than 1000 m"),
        ("0,0 50,50 50,0 0,50", "edges that cross"),
        ("0,0 50,0 50,50 0,0 0,50", "edges that cross"),
        ("0,0 5,0 5,5 0,5", "area of 25 m"),
        ("0,0 50,0 90,0", "area of 0"),
        (" ".join(f"{math.cos(i):.3f},{math.sin(i):.3f}" for i in range(51)), "has 51 corners"),
    ],
)
def test_what_is_no_fence_is_refused(text, says):
    with pytest.raises(InvalidParameter, match=says):
        parse_polygon(text)


@pytest.mark.parametrize("text", ["", "  "])
def test_an_empty_text_is_no_fence(text):
    assert parse_polygon(text) == ()
    assert limited((), (0.0, 0.0), (9.0, 0.0), stopping) == ((9.0, 0.0), False)


def test_outside_only_the_way_back_is_left():
    back, _ = limited(FIELD, (45.0, 0.0), (-2.0, 1.0), stopping)
    assert back == (-2.0, 1.0)
    away, acted = limited(FIELD, (45.0, 0.0), (2.0, 1.0), stopping)
    assert acted
    assert away == pytest.approx((0.0, 1.0))


speeds = st.floats(-8, 8)


@given(
    polygon=st.sampled_from([FIELD, ELL, WEDGE]),
    place=st.tuples(st.floats(-40, 70), st.floats(-40, 50)),
    velocity=st.tuples(speeds, speeds),
)
def test_it_never_makes_faster_and_repeating_changes_nothing(polygon, place, velocity):
    once, _ = limited(polygon, place, velocity, stopping)
    assert math.hypot(*once) <= math.hypot(*velocity) + 1e-9
    twice, _ = limited(polygon, place, once, stopping)
    assert math.dist(once, twice) < 0.01


@pytest.mark.parametrize("polygon", [FIELD, ELL, WEDGE], ids=["field", "ell", "wedge"])
@pytest.mark.parametrize("degrees", range(0, 360, 30))
def test_a_vehicle_that_lags_never_leaves(polygon, degrees):
    """From inside, at 6 m/s in each direction; the velocity follows 0.2 s late with a lag of 0.3 s."""
    place, velocity, dt = [-10.0, -5.0], [0.0, 0.0], 0.02
    course = math.radians(degrees)
    wanted = (6 * math.cos(course), 6 * math.sin(course))
    waiting = [(0.0, 0.0)] * 10
    for _ in range(900):
        waiting.append(limited(polygon, (place[0], place[1]), wanted, stopping)[0])
        asked = waiting.pop(0)
        for axis in (0, 1):
            velocity[axis] += (asked[axis] - velocity[axis]) * dt / 0.3
            place[axis] += velocity[axis] * dt
        assert contains(polygon, *place), place
