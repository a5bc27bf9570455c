"""Solid bodies made of flat faces and balls, and the tools that shape them.

Body frame: x along the heading, y to the right, z down; the body stands on z = 0, so that a turn by
the heading and a shift put it into ned.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Colour = tuple[int, int, int]  # BGR


@dataclass(frozen=True)
class Solid:
    """A body ready to be drawn. Faces are convex, flat and seen from one side only.

    Faces are drawn by layer, then far to near by the part they belong to: bodies are seen from
    above, so what stands on top gets the higher layer.
    """

    vertices: Floats  # (V, 3) m
    sway: Floats  # (V, 3) m, moved by this times the sine of the gait
    faces: tuple[NDArray[np.intp], ...]  # indices of vertices, anticlockwise seen from outside
    normals: Floats  # (F, 3)
    centres: Floats  # (F, 3) m
    colours: Floats  # (F, 3) BGR, lit by the sun at full
    parts: NDArray[np.intp]  # (F,) part of each face
    layers: NDArray[np.intp]  # (P,) layer of each part
    part_centres: Floats  # (P, 3) m
    balls: Floats  # (B, 4) m: centre and radius; drawn after all faces of their layer
    ball_colours: Floats  # (B, 3) BGR
    ball_layers: NDArray[np.intp]  # (B,)

    @cached_property
    def outline(self) -> Floats:
        """(N, 3) m: points whose hull holds the body at every moment of its gait."""
        moving = np.any(self.sway != 0, axis=1)
        moved = self.vertices[moving], self.sway[moving]
        return np.vstack((self.vertices[~moving], moved[0] + moved[1], moved[0] - moved[1]))

    @cached_property
    def sphere(self) -> tuple[Floats, float]:
        """Centre ((3,) m) and radius (m) of a sphere around the body at every moment of its gait."""
        reach = self.balls[:, 3:4]
        points = np.vstack((self.outline, self.balls[:, :3] - reach, self.balls[:, :3] + reach))
        centre = (points.min(axis=0) + points.max(axis=0)) / 2
        return centre, float(np.linalg.norm(points - centre, axis=1).max())

    @cached_property
    def vertices_of_parts(self) -> tuple[NDArray[np.intp], ...]:
        """Indices of the vertices of each part."""
        faces = range(len(self.faces))
        return tuple(
            np.concatenate([self.faces[f] for f in faces if self.parts[f] == p]) for p in range(len(self.layers))
        )


@dataclass
class Sculptor:
    """Collects faces and balls and makes a :class:`Solid` of them."""

    _vertices: list[Floats] = field(default_factory=list)
    _sway: list[Floats] = field(default_factory=list)
    _faces: list[NDArray[np.intp]] = field(default_factory=list)
    _colours: list[Colour] = field(default_factory=list)
    _parts: list[int] = field(default_factory=list)
    _layers: list[int] = field(default_factory=list)
    _balls: list[tuple[float, float, float, float]] = field(default_factory=list)
    _ball_colours: list[Colour] = field(default_factory=list)
    _ball_layers: list[int] = field(default_factory=list)
    _count: int = 0

    def part(self, layer: int = 0) -> int:
        """Begin a new part; following faces belong to it."""
        self._layers.append(layer)
        return len(self._layers) - 1

    def face(self, points: Floats, colour: Colour, sway: Floats | None = None) -> None:
        """One face of the newest part; ``points`` (K, 3) anticlockwise seen from outside."""
        self._vertices.append(points)
        self._sway.append(np.zeros_like(points) if sway is None else sway)
        self._faces.append(np.arange(self._count, self._count + len(points)))
        self._colours.append(colour)
        self._parts.append(len(self._layers) - 1)
        self._count += len(points)

    def ball(self, centre: tuple[float, float, float], radius: float, colour: Colour, layer: int = 0) -> None:
        """A ball; near ones cover far ones of the same layer."""
        self._balls.append((*centre, radius))
        self._ball_colours.append(colour)
        self._ball_layers.append(layer)

    def loft(
        self,
        low: Floats,
        high: Floats,
        colour: Colour,
        *,
        top: Colour | None = None,
        bottom: bool = False,
        stride: tuple[float, float] = (0.0, 0.0),
    ) -> None:
        """The convex body between two rings of equal size, added to the newest part.

        Args:
            low: (K, 3) m, anticlockwise seen from above (from -z).
            high: (K, 3) m, the same order.
            colour: of the sides.
            top: of the upper face; default: the sides'.
            bottom: also close the underside.
            stride: m that the low and the high ring swing along x.
        """
        swing_low, swing_high = ([s, 0.0, 0.0] for s in stride)
        for i in range(len(low)):
            j = (i + 1) % len(low)
            sway = np.array([swing_low, swing_low, swing_high, swing_high])
            self.face(np.array([low[i], low[j], high[j], high[i]]), colour, sway)
        self.face(high, top or colour, np.tile(np.array(swing_high), (len(high), 1)))
        if bottom:
            self.face(low[::-1], colour, np.tile(np.array(swing_low), (len(low), 1)))

    def finish(self) -> Solid:
        """The body of all parts so far."""
        vertices, sway = _stacked(self._vertices), _stacked(self._sway)
        centres = np.array([vertices[face].mean(axis=0) for face in self._faces]).reshape(-1, 3)
        normals = np.array([_normal(vertices[face]) for face in self._faces]).reshape(-1, 3)
        parts = np.array(self._parts, np.intp)
        part_centres = np.array([centres[parts == p].mean(axis=0) for p in range(len(self._layers))])
        return Solid(
            vertices,
            sway,
            tuple(self._faces),
            normals,
            centres,
            np.array(self._colours, float).reshape(-1, 3),
            parts,
            np.array(self._layers, np.intp),
            part_centres.reshape(-1, 3),
            np.array(self._balls).reshape(-1, 4),
            np.array(self._ball_colours, float).reshape(-1, 3),
            np.array(self._ball_layers, np.intp),
        )


def _stacked(blocks: list[Floats]) -> Floats:
    return np.vstack(blocks) if blocks else np.zeros((0, 3))


def _normal(polygon: Floats) -> Floats:
    normal = np.cross(polygon[1] - polygon[0], polygon[2] - polygon[0])
    return np.asarray(normal / max(float(np.linalg.norm(normal)), 1e-12))


def rectangle(x: tuple[float, float], y: tuple[float, float], z: float) -> Floats:
    """(4, 3) m: a level ring between two x and two y, anticlockwise seen from above."""
    return np.array([[x[0], y[0], z], [x[0], y[1], z], [x[1], y[1], z], [x[1], y[0], z]])


def ring(
    radius_x: float, radius_y: float, z: float, *, corners: int = 8, at: tuple[float, float] = (0.0, 0.0)
) -> Floats:
    """(corners, 3) m: a level ellipse, anticlockwise seen from above."""
    angle = -2 * math.pi * (np.arange(corners) + 0.5) / corners
    return np.column_stack(
        (at[0] + radius_x * np.cos(angle), at[1] + radius_y * np.sin(angle), np.full(corners, z)),
    )


def disc(x: float, y: float, z: float, radius: float, *, right: bool, corners: int = 12) -> Floats:
    """(corners, 3) m: an upright disc that is seen from the right, or from the left."""
    angle = 2 * math.pi * np.arange(corners) / corners * (1 if right else -1)
    return np.column_stack((x + radius * np.cos(angle), np.full(corners, y), z - radius * np.sin(angle)))
