"""Pictures of the simulated world as the vehicle's camera takes them, and the truth about each."""

from __future__ import annotations

import math
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from uav_tracker_ros.frames import rotation_optical_to_frd
from uav_tracker_ros.geometry import Box, Intrinsics
from uav_tracker_ros.simulation import drawing, textures
from uav_tracker_ros.simulation.backdrop import Backdrop
from uav_tracker_ros.simulation.drawing import Sketch, Spheres
from uav_tracker_ros.simulation.projection import Lens, View, view_from
from uav_tracker_ros.simulation.truth import FrameTruth, VehicleTruth
from uav_tracker_ros.simulation.world import Placement, World

Picture = NDArray[np.uint8]

_NOISE_SIGMA = 2.5  # grey levels of 8 bits, a small camera by day
_SHADOW_REACH = 70.0  # m; shadows farther away are a pixel high
_SMALLEST_SCENERY = 8.0  # px of radius; most of the time went into trees that nobody sees
_SMALLEST_ACTOR = 1.0  # px
_SHADE = 140  # of 255, light in a shadow
_LEAST_SMEAR = 1.2  # px; less cannot be told from the soft edges
_MAX_SMEAR = 30.0  # px; longer smears are cut: no exposure here gets there in steady flight


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
        self._fixed_spheres = Spheres.around(fixed, _SMALLEST_SCENERY)
        self._fixed_count = len(fixed)
        self._fixed_shadows: dict[int, list[NDArray[np.float64]]] = {}

    def truth(self, t: float, vehicle: VehicleTruth, actor: int = 0) -> FrameTruth:
        """Where the target is in the image exposed at ``t``; draws no picture.

        Args:
            t: s since the start.
            vehicle: true place and attitude at ``t``.
            actor: 0: the target; 1 and on: the scenario's distractors, in their order.
        """
        view = view_from(vehicle, self._pinhole, self.camera_pitch)
        placements = self.world.placements(t)
        order = _painter_order(placements, view, self._in_view(placements, view))
        if actor not in order:
            return self._truth_of(t, view, placements[actor], None, [])
        nearer = order[order.index(actor) + 1 :]
        if self._lens is None:  # most of the time nothing stands before the target: no need to sketch it
            box = drawing.amodal_box(placements[actor], view)
            nearer = [i for i in nearer if drawing.overlap(drawing.rough_box(placements[i], view), box)]
            if not nearer and box == box.clipped(self._pinhole.width, self._pinhole.height):
                return FrameTruth(t, box, box, 1.0)
        sketches = [drawing.sketch(placements[i], view) for i in (actor, *nearer)]
        return self._truth_of(t, view, placements[actor], sketches[0], [body for body in sketches[1:] if body])

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
        for i in _painter_order(placements, view, self._in_view(placements, view)):
            body = drawing.sketch(placements[i], view)
            if body is not None:
                bodies.append((i, body))
                drawing.paint(image, body, self._smear(view, vehicle, placements[i]))
        indices = [i for i, _ in bodies]
        target = bodies[indices.index(0)][1] if 0 in indices else None
        nearer = [body for _, body in bodies[indices.index(0) + 1 :]] if target else []
        truth = self._truth_of(t, view, placements[0], target, nearer)
        return self._expose(t, image), truth

    def _truth_of(
        self, t: float, view: View, placement: Placement, target: Sketch | None, nearer: list[Sketch]
    ) -> FrameTruth:
        box = drawing.amodal_box(placement, view)
        if target is None:
            return FrameTruth(t, self._bent(box), Box(0.0, 0.0, 0.0, 0.0), 0.0)
        width, height = self._pinhole.width, self._pinhole.height
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
        north, east = view.position[:2].tolist()
        outlines: list[NDArray[np.float64]] = []
        for i in np.flatnonzero(self._in_view(placements, view, reach=3.0)).tolist():
            if math.hypot(placements[i].north - north, placements[i].east - east) < _SHADOW_REACH:
                outlines += self._shadow(placements, i)
        drawing.fill_ground(light, view, outlines, _SHADE)
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

    def _in_view(self, placements: tuple[Placement, ...], view: View, reach: float = 1.0) -> NDArray[np.bool_]:
        moving = Spheres.around(placements[: -self._fixed_count or None], _SMALLEST_ACTOR)
        return np.concatenate((moving.in_view(view, reach), self._fixed_spheres.in_view(view, reach)))

    def _shadow(self, placements: tuple[Placement, ...], i: int) -> list[NDArray[np.float64]]:
        if i < len(placements) - self._fixed_count:
            return drawing.shadow_outlines(placements[i])
        if i not in self._fixed_shadows:
            self._fixed_shadows[i] = drawing.shadow_outlines(placements[i])
        return self._fixed_shadows[i]

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
    """Directional blur of something that moves so many px during the exposure; None below 1.2 px."""
    length = math.hypot(across, down)
    if length < _LEAST_SMEAR:
        return None
    shrink = min(1.0, _MAX_SMEAR / length)
    return _line_kernel(round(across * shrink * 4), round(down * shrink * 4))


@lru_cache(maxsize=512)
def _line_kernel(across: int, down: int) -> NDArray[np.float64]:
    """A line of quarter px ``across`` and ``down``, its weights shared between neighbours; sum 1."""
    half_x, half_y = across / 8, down / 8
    reach = math.ceil(max(abs(half_x), abs(half_y)))
    kernel = np.zeros((2 * reach + 2, 2 * reach + 2))
    shares = np.linspace(-1.0, 1.0, 8 * reach + 1)
    x, y = reach + shares * half_x, reach + shares * half_y
    column, row = np.floor(x).astype(int), np.floor(y).astype(int)
    right, low = x - column, y - row
    np.add.at(kernel, (row, column), (1 - right) * (1 - low))
    np.add.at(kernel, (row, column + 1), right * (1 - low))
    np.add.at(kernel, (row + 1, column), (1 - right) * low)
    np.add.at(kernel, (row + 1, column + 1), right * low)
    kernel = kernel[:-1, :-1]  # the last row and column only ever got zeros
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


def _painter_order(placements: tuple[Placement, ...], view: View, seen: NDArray[np.bool_]) -> list[int]:
    """Indices of seen bodies, far to near; a deck that the camera looks down upon covers all below it."""
    north, east, down = view.position.tolist()

    def key(i: int) -> float:
        place = placements[i]
        distance = math.hypot(place.north - north, place.east - east)
        return distance - 1e6 if place.overhead and -down > place.overhead else distance

    return sorted(np.flatnonzero(seen).tolist(), key=key, reverse=True)
