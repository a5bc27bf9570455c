"""Ground, haze, horizon and sky of a view: everything that is not a body."""

from __future__ import annotations

import itertools
import math

import cv2
import numpy as np
from numpy.typing import NDArray

from uav_tracker_ros.simulation import textures
from uav_tracker_ros.simulation.projection import View

Floats = NDArray[np.float64]
Picture = NDArray[np.uint8]

_STRIPS = 4  # parts of the image, top to bottom, each drawn from the level that suits its distance
_HAZE_FROM = 40.0  # m
_HAZE_LENGTH = 300.0  # m over which 63 % of the colour is lost
_HAZE = np.array([214.0, 205.0, 196.0])  # BGR
_ZENITH = np.array([205.0, 150.0, 95.0])
_WOODS = np.array([112.0, 122.0, 104.0])  # the hazy wood at the horizon
_WOODS_FOOT = 0.012  # rad below the horizon
_COARSE = 4  # px of the image per px of the sky's and the clouds' fields
_WIND = (3.0, 2.0)  # m/s north and east, of the clouds
_PIXEL_CENTRES = np.array([[1.0, 0.0, -0.5], [0.0, 1.0, -0.5], [0.0, 0.0, 1.0]])


class Backdrop:
    """The ground plane down = 0 and what is above its horizon.

    Args:
        seed: of textures and skyline.
    """

    def __init__(self, seed: int) -> None:
        self._levels = textures.ground_levels(seed)
        self._seed = seed
        rng = np.random.default_rng((seed, 105))
        steps = np.arange(720)
        skyline = sum(
            rng.uniform(0.2, 1.0) / n * np.sin(2 * math.pi * (n * steps / 720 + rng.random())) for n in range(3, 60)
        )
        self._skyline = 0.014 + 0.010 * np.asarray(skyline)  # rad above the horizon, per half degree of azimuth

    def ground(self, view: View) -> Picture:
        """(height, width, 3) uint8 BGR; undefined above the horizon."""
        width, height = view.intrinsics.width, view.intrinsics.height
        image = np.empty((height, width, 3), np.uint8)
        to_pixels = view.ground_homography()
        edges = np.linspace(0, height, _STRIPS + 1).round().astype(int)
        for top, bottom in itertools.pairwise(edges):
            level = self._level_for(view, (top + 2 * bottom) / 3)
            size = textures.GROUND_RESOLUTION * 2**level
            # Texel (column, row) to metres (north, east); both count centres at integers.
            first = size / 2 - textures.GROUND_HALF
            to_ground = np.array([[0.0, size, first], [size, 0.0, first], [0.0, 0.0, 1.0]])
            shift = np.array([[1.0, 0.0, -0.5], [0.0, 1.0, -0.5 - top], [0.0, 0.0, 1.0]])
            cv2.warpPerspective(
                self._levels[level],
                shift @ to_pixels @ to_ground,
                (width, int(bottom - top)),
                dst=image[top:bottom],
                flags=cv2.INTER_LINEAR,
                borderMode=cv2.BORDER_WRAP,
            )
        return image

    def _level_for(self, view: View, row: float) -> int:
        """The level whose texels are about as large as the pixels in the middle of this row."""
        down = view.down_of_pixels()
        sink = float(down @ (view.intrinsics.width / 2, row, 1.0))
        if sink <= 1e-3:
            return len(self._levels) - 1
        depth = -view.position[2] / sink
        # Across the line of sight a pixel covers depth / f; along it more. The mean of both in powers
        # of two keeps the far ground from flickering without washing out the near one.
        across = depth / view.intrinsics.fx
        along = across / max(0.05, min(1.0, sink))
        level = 0.5 * math.log2(across * along / textures.GROUND_RESOLUTION**2)
        return int(min(max(round(level), 0), len(self._levels) - 1))

    def cloud_light(self, view: View, t: float) -> Picture:
        """(height, width) uint8, share of the light that the clouds let through at ``t`` s."""
        width, height = view.intrinsics.width, view.intrinsics.height
        size = textures.CLOUD_RESOLUTION
        period = textures.CLOUD_PIXELS * size  # the clock may start anywhere; OpenCV's coordinates end at 32767
        north, east = (-_WIND[0] * t) % period, (-_WIND[1] * t) % period
        to_ground = np.array([[0.0, size, -north], [size, 0.0, -east], [0.0, 0.0, 1.0]])
        coarse = np.diag([1 / _COARSE, 1 / _COARSE, 1.0])
        field = cv2.warpPerspective(
            textures.cloud_shade(self._seed),
            coarse @ _PIXEL_CENTRES @ view.ground_homography() @ to_ground,
            (width // _COARSE, height // _COARSE),
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_WRAP,
        )
        return np.asarray(cv2.resize(field, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)

    def add_sky(self, image: Picture, view: View) -> None:
        """Lay haze over the far ground and draw the sky, in place."""
        height, width = image.shape[:2]
        columns, rows = np.meshgrid(
            (np.arange(math.ceil(width / _COARSE)) + 0.5) * _COARSE,
            (np.arange(math.ceil(height / _COARSE)) + 0.5) * _COARSE,
        )
        k = view.intrinsics
        rays = np.stack(((columns - k.cx) / k.fx, (rows - k.cy) / k.fy, np.ones_like(columns)))
        north, east, down = np.tensordot(view.rotation.T, rays / np.linalg.norm(rays, axis=0), 1)
        distance = max(0.5, -float(view.position[2])) / np.maximum(down, 1e-4)
        weight = np.where(down > 0, 1 - np.exp(-np.maximum(0.0, distance - _HAZE_FROM) / _HAZE_LENGTH), 1.0)
        touched = np.flatnonzero(weight.max(axis=1) > 0.01)
        if len(touched) == 0:
            return
        band = slice(touched[0], touched[-1] + 1)
        colour = self._sky_colour(north[band], east[band], down[band])
        top, bottom = int(touched[0]) * _COARSE, min(height, (int(touched[-1]) + 1) * _COARSE)
        sky = cv2.resize(colour, (width, bottom - top), interpolation=cv2.INTER_LINEAR)
        share = cv2.resize(weight[band].astype(np.float32), (width, bottom - top), interpolation=cv2.INTER_LINEAR)
        image[top:bottom] = cv2.blendLinear(image[top:bottom], sky, 1 - share, share)

    def _sky_colour(self, north: Floats, east: Floats, down: Floats) -> Picture:
        up = np.clip(-down, 0.0, 1.0)[..., None]
        colour = _HAZE + (_ZENITH - _HAZE) * np.sqrt(up)
        if down.min() < _WOODS_FOOT:
            azimuth = np.floor(np.degrees(np.arctan2(east, north)) * 2).astype(int) % 720
            woods = (down < _WOODS_FOOT) & (-down < self._skyline[azimuth])
            colour[woods] = _WOODS
        return np.asarray(colour, np.uint8)
