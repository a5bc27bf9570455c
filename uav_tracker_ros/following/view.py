"""What keeps the target in the picture of a camera that leans with its vehicle.

Thrust makes the lean: what the vehicle gains in speed, and what drag and wind take from it meanwhile. Forward is the
direction in which the camera looks; all accelerations are along it.
"""

from __future__ import annotations

import math

from uav_tracker_ros.following.camera import GRAVITY, PICTURE_MARGIN, Camera

BRAKING_FLOOR = 2.5  # m/s^2: braking is never limited below it, distance comes before sight
CHASE_FLOOR = 1.6  # m/s^2: the chase is not limited below it while CHASE_MARGIN is left
CHASE_MARGIN = PICTURE_MARGIN / 2
CHASE_RESERVE = 1.5  # m/s^2 of chase that the height leaves in the picture
NOSE_UP_RESERVE = math.radians(8)  # for braking, that the height leaves
HEIGHTS = (0.7, 3.0)  # times the wanted height: how far the view may lower and raise it
NEAREST = 0.1  # m


def forward_accelerations(
    camera: Camera, distance: float, feet: float, target_height: float, holding: float
) -> tuple[float, float]:
    """The least and the most acceleration, m/s^2, with which the target stays in the picture.

    Args:
        camera: on the body.
        distance: to the target over ground, m.
        feet: of the target below the camera, m.
        target_height: m.
        holding: m/s^2 of thrust that keeps the present speed up against drag and wind.
    """
    distance = max(distance, NEAREST)
    up, down = camera.tilt_margins(math.atan2(feet, distance), math.atan2(feet - target_height, distance))
    least = -max(GRAVITY * math.tan(max(up, 0.0)) + holding, BRAKING_FLOOR)
    edge = GRAVITY * math.tan(max(down + CHASE_MARGIN, 0.0)) - holding
    most = max(GRAVITY * math.tan(max(down, 0.0)) - holding, min(CHASE_FLOOR, edge))
    return least, most


def height(
    camera: Camera, wanted: float, distance: float, target_height: float, holding: tuple[float, float], turned: float
) -> float:
    """Height, m above the target's ground, from which the lean that keeps its speed leaves it in the picture.

    From higher up the target is lower in the picture: a nose that drag and wind hold down does not lift it out. Flying
    backwards it is the other way round. A target may turn round sooner than the vehicle comes down: the room for the
    chase gives way where it would hide the target then.

    Args:
        camera: on the body.
        wanted: height where the view asks for no other, m.
        distance: to the target over ground, m.
        target_height: m.
        holding: m/s^2 of thrust that keeps the speed up against drag and wind, the present one and the target's.
        turned: the same at the target's speed if it comes towards the vehicle.
    """

    def lowest(thrust: float) -> float:
        depression = camera.least_depression(math.atan(thrust / GRAVITY))
        return target_height + distance * math.tan(max(depression, 0.0))

    def highest(thrust: float) -> float:
        depression = camera.most_depression(NOSE_UP_RESERVE - math.atan(min(thrust, 0.0) / GRAVITY))
        return distance * math.tan(max(depression, 0.0))

    with_chase = min(lowest(max(holding) + CHASE_RESERVE), max(highest(turned), lowest(max(holding))))
    low, high = (share * wanted for share in HEIGHTS)
    return max(low, min(max(wanted, with_chase), highest(min(holding)), high))
