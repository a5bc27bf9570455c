"""What can stand in the simulated world: person, car, motorcycle, tree, wall, bridge.

Each fills its nominal cuboid (height, width, length) and is stretched to the asked one.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from uav_tracker_ros.errors import unknown_name
from uav_tracker_ros.simulation.solids import Colour, Sculptor, Solid, disc, rectangle, ring

# height, width, length, m
SIZES: dict[str, tuple[float, float, float]] = {
    "person": (1.75, 0.5, 0.5),
    "car": (1.5, 1.8, 4.2),
    "motorcycle": (1.5, 0.8, 2.0),
}

# BGR of what catches the eye first: shirt, paint
LOOKS: dict[str, Colour] = {
    "red": (40, 40, 215),
    "blue": (190, 90, 30),
    "white": (232, 234, 236),
    "yellow": (40, 200, 240),
    "green": (60, 130, 40),
    "black": (42, 40, 40),
}
_GLASS: Colour = (60, 48, 40)
_RUBBER: Colour = (34, 32, 32)
_SKIN: Colour = (140, 170, 220)
_STEEL: Colour = (165, 165, 160)
_CONCRETE: Colour = (168, 172, 174)


@lru_cache(maxsize=32)
def target_solid(target_class: str, look: str = "red") -> Solid:
    """The body of a class of target.

    Raises:
        UnknownName: no such class or look.
    """
    builders = {"person": _person, "car": _car, "motorcycle": _motorcycle}
    if target_class not in builders:
        raise unknown_name("target class", target_class, builders)
    if look not in LOOKS:
        raise unknown_name("look", look, LOOKS)
    return builders[target_class](LOOKS[look])


def _person(shirt: Colour) -> Solid:
    body = Sculptor()
    trousers, shoes, pack = (92, 62, 48), (28, 28, 30), (40, 170, 210)
    for side, stride in ((-0.11, 0.12), (0.11, -0.12)):
        body.part(0)
        body.loft(
            rectangle((-0.10, 0.15), (side - 0.06, side + 0.06), 0.0),
            rectangle((-0.09, 0.10), (side - 0.06, side + 0.06), -0.10),
            shoes,
            stride=(stride, stride * 0.9),
        )
        body.part(0)
        body.loft(
            rectangle((-0.08, 0.08), (side - 0.065, side + 0.065), -0.09),
            rectangle((-0.11, 0.10), (side - 0.085, side + 0.085), -0.88),
            trousers,
            stride=(stride * 0.9, 0.0),
        )
        body.part(1)
        arm = 0.205 if side > 0 else -0.205
        body.loft(
            rectangle((-0.05, 0.06), (arm - 0.04, arm + 0.04), -0.78),
            rectangle((-0.05, 0.05), (arm - 0.045, arm + 0.045), -1.43),
            shirt,
            top=shirt,
            stride=(-stride * 0.9, 0.0),
        )
        body.ball((0.0, arm, -0.77), 0.05, _SKIN, 0)
    body.part(1)
    body.loft(ring(0.12, 0.17, -0.84), ring(0.13, 0.19, -1.20), shirt)
    body.part(1)
    body.loft(ring(0.13, 0.19, -1.16), ring(0.10, 0.17, -1.47), shirt)
    body.part(1)
    body.loft(
        rectangle((-0.25, -0.10), (-0.13, 0.13), -1.02),
        rectangle((-0.23, -0.10), (-0.12, 0.12), -1.42),
        pack,
    )
    body.part(2)
    body.loft(ring(0.05, 0.05, -1.45), ring(0.05, 0.05, -1.54), _SKIN)
    body.ball((0.03, 0.0, -1.615), 0.112, _SKIN, 3)
    body.ball((-0.015, 0.0, -1.635), 0.115, (30, 38, 52), 3)
    return body.finish()


def _car(paint: Colour) -> Solid:
    body = Sculptor()
    # Shell: sill, belt line and roof of an estate car.
    body.part(0)
    sill, belt = rectangle((-2.1, 2.1), (-0.88, 0.88), -0.22), rectangle((-2.08, 2.02), (-0.9, 0.9), -0.62)
    body.loft(sill, belt, _darker(paint, 0.85))
    body.part(1)
    body.loft(belt, rectangle((-2.0, 1.9), (-0.84, 0.84), -0.90), paint)
    for x in (-1.32, 1.32):
        for y, right in ((-0.905, False), (0.905, True)):
            body.part(2)
            body.face(disc(x, y, -0.33, 0.33, right=right), _RUBBER)
            body.face(disc(x, y + (0.005 if right else -0.005), -0.33, 0.19, right=right), _STEEL)
    body.part(2)
    front = np.array([[2.09, -0.55, -0.35], [2.09, 0.55, -0.35], [2.06, 0.55, -0.55], [2.06, -0.55, -0.55]])
    body.face(front[::-1], _RUBBER)
    for inner, outer in ((-0.86, -0.58), (0.58, 0.86)):
        body.part(2)
        body.face(_upright(2.03, inner, outer, -0.62, -0.80, front=True), (235, 245, 250))
        body.part(2)
        body.face(_upright(-2.08, inner, outer, -0.60, -0.82, front=False), (30, 30, 225))
    body.part(2)
    body.face(_upright(-2.10, -0.27, 0.27, -0.40, -0.52, front=False), (235, 238, 240))
    body.part(2)  # the bonnet's crease, a dark line before the windscreen
    body.face(rectangle((1.12, 1.20), (-0.70, 0.70), -0.905), _darker(paint, 0.6))
    _cabin(body, paint)
    return body.finish()


def _cabin(body: Sculptor, paint: Colour) -> None:
    body.part(3)
    body.loft(
        rectangle((-2.00, 1.10), (-0.80, 0.80), -0.89),
        rectangle((-1.80, 0.45), (-0.66, 0.66), -1.46),
        _GLASS,
    )
    body.part(4)
    body.loft(
        rectangle((-1.85, 0.50), (-0.68, 0.68), -1.44),
        rectangle((-1.80, 0.42), (-0.64, 0.64), -1.50),
        paint,
    )
    for foot, head in ((0.92, 0.42), (-0.42, -0.48), (-1.85, -1.72)):  # pillars
        for y_low, y_high, right in ((-0.805, -0.665, False), (0.805, 0.665, True)):
            body.part(4)
            pillar = np.array(
                [
                    [foot - 0.05, y_low, -0.89],
                    [foot + 0.05, y_low, -0.89],
                    [head + 0.05, y_high, -1.46],
                    [head - 0.05, y_high, -1.46],
                ]
            )
            body.face(pillar if right else pillar[::-1], paint)


def _upright(x: float, left: float, right: float, low: float, high: float, *, front: bool) -> np.ndarray:
    points = np.array([[x, left, low], [x, right, low], [x, right, high], [x, left, high]])
    return points[::-1] if front else points


def _motorcycle(paint: Colour) -> Solid:
    body = Sculptor()
    for x in (-0.68, 0.68):
        body.part(0)
        for y, right in ((-0.07, False), (0.07, True)):
            body.face(disc(x, y, -0.32, 0.32, right=right), _RUBBER)
            body.face(disc(x, y * 1.05, -0.32, 0.17, right=right), _STEEL)
        for angle in np.arange(12) * np.pi / 6:  # the tread
            corners = [angle, angle + np.pi / 6]
            low = [[x + 0.32 * np.cos(a), -0.07, -0.32 - 0.32 * np.sin(a)] for a in corners]
            high = [[x + 0.32 * np.cos(a), 0.07, -0.32 - 0.32 * np.sin(a)] for a in corners]
            body.face(np.array([low[0], high[0], high[1], low[1]])[::-1], _RUBBER)
    body.part(1)
    body.loft(rectangle((-0.45, 0.40), (-0.14, 0.14), -0.25), rectangle((-0.50, 0.45), (-0.16, 0.16), -0.62), _STEEL)
    body.part(2)
    body.loft(rectangle((0.0, 0.55), (-0.17, 0.17), -0.62), rectangle((0.05, 0.45), (-0.13, 0.13), -0.88), paint)
    body.part(2)
    body.loft(rectangle((-0.95, 0.02), (-0.14, 0.14), -0.66), rectangle((-0.98, 0.0), (-0.13, 0.13), -0.80), _RUBBER)
    body.part(2)
    body.face(_upright(-0.99, -0.10, 0.10, -0.66, -0.76, front=False), (30, 30, 230))
    body.part(2)
    body.loft(rectangle((0.52, 0.72), (-0.08, 0.08), -0.60), rectangle((0.42, 0.58), (-0.12, 0.12), -1.02), paint)
    body.part(3)
    body.loft(rectangle((0.38, 0.46), (-0.40, 0.40), -0.96), rectangle((0.38, 0.46), (-0.40, 0.40), -1.01), _RUBBER)
    _rider(body)
    return body.finish()


def _rider(body: Sculptor) -> None:
    jacket, jeans = (60, 58, 56), (120, 84, 56)
    for side in (-0.21, 0.21):
        body.part(2)
        body.loft(
            rectangle((-0.05, 0.15), (side - 0.06, side + 0.06), -0.30),
            rectangle((0.05, 0.25), (side - 0.07, side + 0.07), -0.78),
            jeans,
        )
        body.part(3)
        body.loft(
            rectangle((-0.35, 0.25), (side - 0.08, side + 0.08), -0.70),
            rectangle((-0.35, 0.20), (side - 0.07, side + 0.07), -0.84),
            jeans,
        )
        body.part(4)
        body.loft(
            rectangle((0.18, 0.42), (side * 1.5 - 0.05, side * 1.5 + 0.05), -0.96),
            rectangle((-0.10, 0.06), (side * 1.1 - 0.05, side * 1.1 + 0.05), -1.26),
            jacket,
        )
    body.part(4)
    body.loft(ring(0.14, 0.19, -0.80, at=(-0.28, 0.0)), ring(0.13, 0.22, -1.26, at=(-0.06, 0.0)), jacket)
    body.part(5)
    body.face(rectangle((-0.30, -0.22), (-0.15, 0.15), -1.05), (60, 220, 235))
    body.ball((0.02, 0.0, -1.365), 0.135, (230, 232, 234), 6)


def _darker(colour: Colour, factor: float) -> Colour:
    return int(colour[0] * factor), int(colour[1] * factor), int(colour[2] * factor)


@lru_cache(maxsize=64)
def tree(height: float, crown: float, seed: int) -> Solid:
    """A leafy tree.

    Args:
        height: m.
        crown: radius of the crown, m.
        seed: of leaves and tones.
    """
    rng = np.random.default_rng((seed, 301))
    body = Sculptor()
    body.part(0)
    body.loft(ring(0.16, 0.16, 0.0, corners=6), ring(0.10, 0.10, -0.7 * height, corners=6), (44, 62, 84))
    tone = rng.uniform(0.8, 1.15)
    middle = -height + crown
    for _ in range(32):
        direction = rng.standard_normal(3)
        x, y, z = direction / np.linalg.norm(direction) * crown * rng.uniform(0.25, 0.8)
        z = middle + z * 0.85
        light = tone * (0.62 + 0.3 * (-(z - middle) / crown) + 0.25 * rng.random())
        colour = (int(40 * light), int(128 * light), int(78 * light))
        body.ball((float(x), float(y), float(z)), crown * float(rng.uniform(0.26, 0.42)), colour, 1)
    return body.finish()


@lru_cache(maxsize=64)
def wall(height: float, length: float) -> Solid:
    """A piece of brick wall along x, 0.3 m thick."""
    body = Sculptor()
    body.part(0)
    half = length / 2
    body.loft(
        rectangle((-half, half), (-0.15, 0.15), 0.0),
        rectangle((-half, half), (-0.15, 0.15), -height),
        (72, 88, 150),
        top=_CONCRETE,
    )
    for course in np.arange(0.4, height, 0.4):
        for y, right in ((-0.151, False), (0.151, True)):
            line = np.array([[-half, y, 0.04], [half, y, 0.04], [half, y, 0.0], [-half, y, 0.0]]) - (0, 0, course)
            body.face(line if right else line[::-1], (120, 135, 170))
    return body.finish()


@lru_cache(maxsize=16)
def bridge_deck(clearance: float, length: float, depth: float) -> Solid:
    """The carriageway of a bridge: ``length`` along x, ``depth`` along y, its underside ``clearance`` up (m)."""
    body = Sculptor()
    half, edge, top = length / 2, depth / 2, -clearance - 0.5
    body.part(0)
    body.loft(
        rectangle((-half, half), (-edge, edge), -clearance),
        rectangle((-half, half), (-edge, edge), top),
        _CONCRETE,
        top=(104, 102, 100),
        bottom=True,
    )
    body.part(1)
    for x in np.arange(-half + 1.0, half - 2.0, 6.0):
        body.face(rectangle((x, x + 3.0), (-0.08, 0.08), top - 0.005), (225, 230, 232))
    for side in (-edge + 0.1, edge - 0.1):
        body.part(2)
        body.loft(
            rectangle((-half, half), (side - 0.1, side + 0.1), top),
            rectangle((-half, half), (side - 0.1, side + 0.1), top - 0.5),
            (190, 194, 196),
        )
    return body.finish()


@lru_cache(maxsize=8)
def bridge_pillar(clearance: float) -> Solid:
    """What carries a bridge."""
    body = Sculptor()
    body.part(0)
    body.loft(ring(0.5, 0.5, 0.0), ring(0.5, 0.5, -clearance), _CONCRETE)
    return body.finish()
