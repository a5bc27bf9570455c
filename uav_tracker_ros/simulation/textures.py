"""The ground seen from above, clouds and sensor noise, drawn from seeds.

The ground repeats every ``GROUND_PIXELS * GROUND_RESOLUTION`` metres. Row index runs north, column
index runs east: texel (row, column) lies at north = (row + 0.5) * resolution - GROUND_HALF and
likewise east.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

Texture = NDArray[np.uint8]

GROUND_PIXELS = 4096
GROUND_RESOLUTION = 0.05  # m per texel: twice magnified when seen from 12 m with 70 deg
GROUND_HALF = GROUND_PIXELS * GROUND_RESOLUTION / 2  # m
CLOUD_PIXELS = 256
CLOUD_RESOLUTION = 1.6  # m per texel
_LEVELS = 5  # halvings; the coarsest has 0.8 m per texel

_GRASS = (58, 118, 92)  # BGR
_FIELDS = ((70, 130, 150), (52, 104, 72), (74, 112, 138), (62, 138, 112), (90, 150, 168), (48, 96, 84))
_ASPHALT = (98, 96, 94)
_PAVING = (150, 158, 162)
_MARKING = (225, 230, 232)


def wrapped_noise(rng: np.random.Generator, pixels: int, cells: int) -> NDArray[np.float32]:
    """Smooth noise that repeats: (pixels, pixels), standard deviation about 0.6, mean about 0."""
    grid = rng.standard_normal((cells, cells)).astype(np.float32)
    padded = np.pad(grid, 2, mode="wrap")
    factor = pixels // cells
    large = cv2.resize(padded, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
    return np.ascontiguousarray(large[2 * factor : 2 * factor + pixels, 2 * factor : 2 * factor + pixels])


@lru_cache(maxsize=2)
def ground_levels(seed: int) -> tuple[Texture, ...]:
    """The ground at full and halved resolutions, finest first: (N, N, 3) uint8 BGR each."""
    rng = np.random.default_rng((seed, 101))
    ground = _land(rng)
    _draw_roads(ground, rng)
    _add_grain(ground, rng)
    # The junction at the origin goes to the middle: sampling across the border costs twice the time.
    levels = [np.roll(ground, (GROUND_PIXELS // 2, GROUND_PIXELS // 2), axis=(0, 1))]
    for _ in range(_LEVELS - 1):
        size = levels[-1].shape[0] // 2
        levels.append(np.asarray(cv2.resize(levels[-1], (size, size), interpolation=cv2.INTER_AREA), np.uint8))
    return tuple(levels)


def _texels(*metres: float) -> tuple[int, ...]:
    return tuple(round(m / GROUND_RESOLUTION) for m in metres)


def _land(rng: np.random.Generator) -> Texture:
    """Grass, crops in rows and bare patches, at a quarter of the resolution first."""
    size = GROUND_PIXELS // 4
    metre = 1 / (4 * GROUND_RESOLUTION)  # texels of this coarse picture
    land = np.full((size, size, 3), _GRASS, np.uint8)
    for row in range(6):
        for column in range(6):
            colour = np.array(_FIELDS[rng.integers(len(_FIELDS))], float)
            south, west = row * size // 6, column * size // 6
            patch = land[south : south + size // 6 - 6, west : west + size // 6 - 6]
            patch[:] = colour.astype(np.uint8)
            spacing = int(rng.uniform(1.6, 4.0) * metre)
            if rng.random() < 0.55:  # crop rows along one axis
                lines = patch if rng.random() < 0.5 else patch.transpose(1, 0, 2)
                for offset in range(0, lines.shape[0], spacing):
                    lines[offset : offset + max(2, spacing // 3)] = (colour * 0.82).astype(np.uint8)
    shade = 1 + 0.10 * wrapped_noise(rng, size, 16) + 0.08 * wrapped_noise(rng, size, 64)
    land = np.clip(land * shade[..., None], 0, 255).astype(np.uint8)
    for _ in range(60):  # bare earth and bushes seen from above
        centre = (int(rng.integers(size)), int(rng.integers(size)))
        axes = (int(rng.uniform(0.5, 2.0) * metre), int(rng.uniform(0.5, 2.0) * metre))
        tone = (80, 120, 145) if rng.random() < 0.5 else (40, 78, 52)
        cv2.ellipse(land, centre, axes, float(rng.uniform(0, 180)), 0, 360, tone, -1, cv2.LINE_AA)
    return np.asarray(cv2.resize(land, (GROUND_PIXELS, GROUND_PIXELS), interpolation=cv2.INTER_LINEAR), np.uint8)


def _draw_roads(ground: Texture, rng: np.random.Generator) -> None:
    """Two roads that cross at the origin, a footpath, a car park; all wrap with the texture."""
    for view in (ground.transpose(1, 0, 2), ground):  # east-west first, the main road runs north
        _stripe(view, 0.0, 10.4, _PAVING)
        _stripe(view, 0.0, 8.0, _ASPHALT)
        for side in (-3.7, 3.7):
            _stripe(view, side, 0.15, _MARKING)
        dash, gap = _texels(3.0, 3.4)
        width = _texels(0.15)[0]
        for start in range(_texels(8.0)[0], GROUND_PIXELS - _texels(8.0)[0], dash + gap):
            view[start : start + dash, :width] = _MARKING
            view[start : start + dash, -width:] = _MARKING
    _stripe(ground, 31.0, 2.4, _PAVING)
    zebra = _texels(0.5)[0]
    reach = _texels(3.5)[0]
    for start in range(-reach, reach, 2 * zebra):  # a zebra crossing north of the junction
        rows = slice(_texels(6.0)[0], _texels(9.0)[0])
        columns = np.arange(start, start + zebra) % GROUND_PIXELS
        ground[rows, columns] = _MARKING
    for _ in range(50):  # repairs and stains of the asphalt
        north = int(rng.integers(GROUND_PIXELS))
        east = _texels(float(rng.uniform(0.3, 3.2)))[0]
        tone = (int(98 * rng.uniform(0.72, 1.22)),) * 3
        high, wide = _texels(float(rng.uniform(0.4, 3.5)), float(rng.uniform(0.3, 1.6)))
        cv2.rectangle(ground, (east, north), (east + wide, north + high), tone, -1)
    _draw_car_park(ground)


def _stripe(view: Texture, centre: float, width: float, colour: tuple[int, int, int]) -> None:
    first, last = _texels(centre - width / 2, centre + width / 2)
    view[:, np.arange(first, last) % GROUND_PIXELS] = colour


def _draw_car_park(ground: Texture) -> None:
    south, north, west, east = _texels(18.0, 46.0, 8.0, 26.0)
    ground[south:north, west:east] = (112, 110, 106)
    for row in range(south, north, _texels(2.6)[0]):
        for left in (west, east - _texels(5.0)[0]):
            ground[row : row + 3, left : left + _texels(5.0)[0]] = _MARKING


def _add_grain(ground: Texture, rng: np.random.Generator) -> None:
    """Fine texture that a tracker can hold on to; uint8 arithmetic, 50 MB are touched twice."""
    tile = 1024
    fine = 8.0 * rng.standard_normal((tile, tile), np.float32)
    coarse = 9.0 * wrapped_noise(rng, tile, 512) + 5.0 * wrapped_noise(rng, tile, 64)
    grain = np.repeat(np.clip(fine + coarse, -60, 60).astype(np.int8)[..., None], 3, axis=2)
    lighter = np.maximum(grain, 0).astype(np.uint8)
    darker = np.maximum(-grain, 0).astype(np.uint8)
    for north in range(0, GROUND_PIXELS, tile):
        for east in range(0, GROUND_PIXELS, tile):
            block = ground[north : north + tile, east : east + tile]
            block[:] = cv2.subtract(cv2.add(block, lighter), darker)


@lru_cache(maxsize=2)
def cloud_shade(seed: int) -> Texture:
    """Light that passes the clouds, (N, N) uint8: 255 is full sun, about 120 is shade."""
    rng = np.random.default_rng((seed, 102))
    noise = wrapped_noise(rng, CLOUD_PIXELS, 16) + 0.4 * wrapped_noise(rng, CLOUD_PIXELS, 32)
    return np.asarray(np.clip(190 - 170 * noise, 120, 255), np.uint8)


def sensor_noise(seed: int, height: int, width: int, sigma: float) -> NDArray[np.int16]:
    """A bank of white noise somewhat larger than the image; crops at random offsets are used."""
    rng = np.random.default_rng((seed, 103))
    noise = sigma * rng.standard_normal((height + 96, width + 96, 3), np.float32)
    return np.round(noise).astype(np.int16)
