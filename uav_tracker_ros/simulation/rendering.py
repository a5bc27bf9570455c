"""Pictures of the simulated world as the vehicle's camera takes them, and the truth about each."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from uav_tracker_ros.frames import rotation_optical_to_frd
from uav_tracker_ros.geometry import Box, Intrinsics
from uav_tracker_ros.simulation import drawing, textures
from uav_tracker_ros.simulation.backdrop import Backdrop
from uav_tracker_ros.simulation.drawing import Sketch
from uav_tracker_ros.simulation.projection import Lens, View, view_from
from uav_tracker_ros.simulation.truth import FrameTruth, VehicleTruth
from uav_tracker_ros.simulation.world import Placement, World

Picture = NDArray[np.uint8]

_NOISE_SIGMA = 2.5  # grey levels of 8 bits, a small camera by day
_SHADOW_REACH = 70.0  # m; shadows farther away are a pixel high
_OBJECT_REACH = 160.0  # m; a tree is 15 px high there
_MAX_SMEAR = 31  # px; longer smears are cut: no exposure here gets there in steady flight


class Renderer:
    """A camera bolted to the vehicle's centre.

    ``render`` is a function of its arguments: the same seed, moment and vehicle give the same
    picture to the bit, in any order of calls.

    Args:
        world: what is seen.
        intrinsics: of the camera; with distortion the picture is bent as the lens does.
        camera_pitch: of the mount, rad; negative looks down.
        seed: of the sensor's noise alone.
    """

    def __init__(self, world: World, intrinsics: Intrinsics, camera_pitch: float, seed: int) -> None:
        self.world = world
        self.intrinsics = intrinsics
        self.camera_pitch = camera_pitch
        self._seed = seed
        self._lens = Lens(intrinsics) if any(intrinsics.distortion) else None
        self._pinhole = self._lens.pinhole if self._lens else intrinsics
        # Made when first needed: a flight on true boxes never pays for textures.
        self._backdrop: Backdrop | None = None
        self._noise: NDArray[np.int16] | None = None
        fixed = (*world.occluders, *world.scenery)
        self._fixed_shadows = {id(place): drawing.shadow_outlines(place) for place in fixed}

    def truth(self, t: float, vehicle: VehicleTruth) -> FrameTruth:
        """Where the target is in the image exposed at ``t``; draws no picture."""
        view = view_from(vehicle, self._pinhole, self.camera_pitch)
        placements = self.world.placements(t)
        target = drawing.sketch(placements[0], view)
        order = _painter_order(placements, view)
        nearer = order[order.index(0) + 1 :]
        if target is None:
            nearer = []
        sketches = (drawing.sketch(placements[i], view) for i in nearer if _may_cover(placements[i], view))
        return self._truth_of(t, view, placements[0], target, [body for body in sketches if body is not None])

    def render(self, t: float, vehicle: VehicleTruth) -> tuple[Picture, FrameTruth]:
        """The picture exposed at ``t`` and the truth about it.

        Args:
            t: s since the start.
            vehicle: true place and attitude at ``t``.

        Returns:
            (height, width, 3) uint8 BGR, and the target's boxes in it.
        """
        view = view_from(vehicle, self._pinhole, self.camera_pitch)
        placements = self.world.placements(t)
        image = self._ground(t, view, vehicle, placements)
        bodies: list[tuple[int, Sketch]] = []
        for i in _painter_order(placements, view):
            if not _may_cover(placements[i], view):
                continue
            body = drawing.sketch(placements[i], view)
            if body is None:
                continue
            bodies.append((i, body))
            smear = self._smear(view, vehicle, placements[i])
            drawing.paint(image, body, smear)
        indices = [i for i, _ in bodies]
        target = bodies[indices.index(0)][1] if 0 in indices else None
        nearer = [body for _, body in bodies[indices.index(0) + 1 :]] if target else []
        truth = self._truth_of(t, view, placements[0], target, nearer)
        return self._expose(t, image), truth

    def _truth_of(
        self, t: float, view: View, placement: Placement, target: Sketch | None, nearer: list[Sketch]
    ) -> FrameTruth:
        if target is None:
            nowhere = Box(0.0, 0.0, 0.0, 0.0)
            return FrameTruth(t, nowhere, nowhere, 0.0)
        width, height = self._pinhole.width, self._pinhole.height
        box = drawing.amodal_box(placement, view)
        seen = drawing.visibility(target, nearer, width, height)
        visible = box if seen.fraction == 1.0 else seen.box
        if self._lens is None:
            return FrameTruth(t, box, visible, seen.fraction)
        size = self.intrinsics.width, self.intrinsics.height
        return FrameTruth(t, self._bent(box), self._bent(visible).clipped(*size), seen.fraction)

    def _bent(self, box: Box) -> Box:
        """The box around a pinhole box seen through the lens."""
        if self._lens is None or box.area == 0.0:
            return box
        x0, y0, x1, y1 = box.xyxy
        middle_x, middle_y = box.center
        edges = np.array([[x0, middle_y], [x1, middle_y], [middle_x, y0], [middle_x, y1]])
        bent = self._lens.bend_points(edges)
        return Box.from_xyxy(float(bent[0, 0]), float(bent[2, 1]), float(bent[1, 0]), float(bent[3, 1]))

    def _ground(self, t: float, view: View, vehicle: VehicleTruth, placements: tuple[Placement, ...]) -> Picture:
        if self._backdrop is None:
            self._backdrop = Backdrop(self.world.seed)
        image = self._backdrop.ground(view)
        light = np.full(image.shape[:2], 255, np.uint8)
        for place in placements:
            if math.hypot(place.north - view.position[0], place.east - view.position[1]) < _SHADOW_REACH:
                outlines = self._fixed_shadows.get(id(place)) or drawing.shadow_outlines(place)
                drawing.fill_ground(light, view, outlines, 140)
        light = np.asarray(cv2.blur(light, (3, 3)), np.uint8)
        if self.world.scenario.clouds:
            light = np.asarray(cv2.min(light, self._backdrop.cloud_light(view, t)), np.uint8)
        image = np.asarray(cv2.multiply(image, cv2.cvtColor(light, cv2.COLOR_GRAY2BGR), scale=1 / 255), np.uint8)
        self._backdrop.add_sky(image, view)
        flow = _flow(view, vehicle, self.camera_pitch, _ground_point(view), (0.0, 0.0))
        kernel = smear_kernel(flow[0] * self.world.scenario.exposure, flow[1] * self.world.scenario.exposure)
        if kernel is not None:
            image = np.asarray(cv2.filter2D(image, -1, kernel), np.uint8)
        return image

    def _smear(self, view: View, vehicle: VehicleTruth, place: Placement) -> NDArray[np.float64] | None:
        point = np.array([place.north, place.east, 0.0])
        flow = _flow(view, vehicle, self.camera_pitch, point, place.velocity)
        exposure = self.world.scenario.exposure
        return smear_kernel(flow[0] * exposure, flow[1] * exposure)

    def _expose(self, t: float, image: Picture) -> Picture:
        """Lens, brightness and the sensor's noise."""
        if self._lens is not None:
            image = self._lens.bend(image)
        gain = self.world.gain(t)
        if gain != 1.0:
            image = np.asarray(cv2.LUT(image, np.clip(np.arange(256) * gain, 0, 255).astype(np.uint8)), np.uint8)
        height, width = image.shape[:2]
        if self._noise is None:
            self._noise = textures.sensor_noise(self._seed, height, width, _NOISE_SIGMA)
        # The offset depends on the moment alone, so that frames can be drawn in any order.
        draw = np.random.default_rng((self._seed, 104, round(abs(t) * 1e6)))
        down, right = draw.integers(0, 96, 2)
        noise = self._noise[down : down + height, right : right + width]
        return np.asarray(cv2.add(image, noise, dtype=cv2.CV_8U), np.uint8)


def smear_kernel(across: float, down: float) -> NDArray[np.float64] | None:
    """Directional blur of something that moves so many px during the exposure; None below 1 px."""
    length = math.hypot(across, down)
    if length < 1.0:
        return None
    shrink = min(1.0, (_MAX_SMEAR - 1) / length)
    half_x, half_y = across * shrink / 2, down * shrink / 2
    reach = math.ceil(max(abs(half_x), abs(half_y)))
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1))
    taps = max(3, 2 * math.ceil(length))
    for share in np.linspace(-1.0, 1.0, taps):
        x, y = reach + share * half_x, reach + share * half_y
        column, row = int(x), int(y)
        for d_row, d_column in ((0, 0), (0, 1), (1, 0), (1, 1)):
            weight = (1 - abs(y - row - d_row)) * (1 - abs(x - column - d_column))
            if weight > 0:
                kernel[row + d_row, column + d_column] += weight
    return np.asarray(kernel / kernel.sum())


def _flow(
    view: View,
    vehicle: VehicleTruth,
    camera_pitch: float,
    point_ned: NDArray[np.float64],
    velocity: tuple[float, float],
) -> tuple[float, float]:
    """Speed in the picture (px/s) of a point that moves on the ground, from speed and rates of the vehicle."""
    point = view.rotation @ (point_ned - view.position)
    if point[2] < 1.0:
        return 0.0, 0.0
    relative = np.array((*velocity, 0.0)) - np.array(vehicle.velocity_ned)
    rates = rotation_optical_to_frd(camera_pitch).T @ np.array(vehicle.rates_frd)
    moved = view.rotation @ relative - np.cross(rates, point)
    k = view.intrinsics
    u = k.fx * (moved[0] - point[0] * moved[2] / point[2]) / point[2]
    v = k.fy * (moved[1] - point[1] * moved[2] / point[2]) / point[2]
    return float(u), float(v)


def _ground_point(view: View) -> NDArray[np.float64]:
    """Where the optical axis meets the ground, at most 30 m away along the axis."""
    axis = view.rotation[2]
    distance = -view.position[2] / axis[2] if axis[2] > 0.05 else 30.0
    return np.asarray(view.position + axis * min(max(distance, 1.0), 30.0))


def _may_cover(placement: Placement, view: View) -> bool:
    """Near enough to be drawn at all."""
    distance = math.hypot(placement.north - view.position[0], placement.east - view.position[1])
    return distance < _OBJECT_REACH


def _painter_order(placements: tuple[Placement, ...], view: View) -> list[int]:
    """Indices, far to near; a deck that the camera looks down upon covers all that is below it."""
    north, east, down = view.position.tolist()

    def key(i: int) -> float:
        place = placements[i]
        distance = math.hypot(place.north - north, place.east - east)
        return distance - 1e6 if place.overhead and -down > place.overhead else distance

    return sorted(range(len(placements)), key=key, reverse=True)
