"""Draws bodies into a picture: projection of faces, painter's order, soft edges, shadows, hidden parts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from uav_tracker_ros.geometry import Box
from uav_tracker_ros.simulation.projection import NEAR, View, clip_near
from uav_tracker_ros.simulation.solids import Solid
from uav_tracker_ros.simulation.world import Placement

Floats = NDArray[np.float64]
Picture = NDArray[np.uint8]

SUN_NED = np.array([0.45, -0.50, -0.74])  # direction to the sun, unit length: south-east shadows
_AMBIENT = 0.58  # share of light on faces turned away from the sun
_SHIFT = 4  # fractional bits of OpenCV's drawing coordinates
_LIMIT = 1e6  # px; keeps drawing coordinates inside int32


class Shape(NamedTuple):
    """A convex polygon, or a ball, of a sketch."""

    start: int  # index of its first point
    stop: int
    radius: float  # px; 0: a polygon
    colour: tuple[float, float, float]  # BGR


@dataclass(frozen=True)
class Sketch:
    """A body as seen in one view."""

    points: Floats  # (N, 2) px: corners of polygons, centres of balls
    shapes: list[Shape]  # in drawing order
    box: Box  # px, hull of the shapes

    def fill(self, canvas: Picture, origin: tuple[float, float], scale: float, value: float | None) -> None:
        """Draw all shapes.

        Args:
            canvas: (H, W, 4) BGRA, or (H, W) where ``value`` is written.
            origin: px of the view at the canvas's top-left corner.
            scale: canvas pixels per px of the view.
            value: of a mask; None: the shapes' own colours with full alpha.
        """
        fixed = _fixed(self.points, origin, scale)
        for start, stop, radius, colour in self.shapes:
            paint = (value,) if value is not None else (*colour, 255.0)
            if radius > 0.0:
                u, v = fixed[start].tolist()
                cv2.circle(canvas, (u, v), round(radius * scale * (1 << _SHIFT)), paint, -1, cv2.LINE_8, _SHIFT)
            else:
                cv2.fillConvexPoly(canvas, fixed[start:stop], paint, cv2.LINE_8, _SHIFT)


def _fixed(pixels: Floats, origin: tuple[float, float], scale: float) -> NDArray[np.int32]:
    # OpenCV's pixel centres lie at integers, this package's at integers + 0.5.
    points = (pixels - origin) * scale - 0.5
    return np.rint(np.clip(points, -_LIMIT, _LIMIT) * (1 << _SHIFT)).astype(np.int32)


def _pose(placement: Placement, view: View) -> tuple[Floats, Floats]:
    """Rotation and translation from the body frame to camera_optical."""
    cos, sin = math.cos(placement.heading), math.sin(placement.heading)
    turn = np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])
    place = np.array([placement.north, placement.east, placement.down])
    return view.rotation @ turn, view.rotation @ (place - view.position)


class _Seen(NamedTuple):
    """A shape with what decides when it is drawn."""

    layer: int
    depth: float  # m
    points: Floats  # (K, 2) px
    radius: float  # px
    colour: tuple[float, float, float]


class Spheres(NamedTuple):
    """Bounding spheres of bodies, to leave out early what a view does not show."""

    centres: Floats  # (N, 3) m, ned
    radii: Floats  # (N,) m
    smallest: float  # px of radius; smaller ones are not drawn

    @classmethod
    def around(cls, placements: tuple[Placement, ...], smallest: float) -> Spheres:
        """One sphere a body."""
        centres, radii = np.zeros((len(placements), 3)), np.zeros(len(placements))
        for i, place in enumerate(placements):
            (x, y, z), radii[i] = place.solid.sphere
            cos, sin = math.cos(place.heading), math.sin(place.heading)
            centres[i] = place.north + x * cos - y * sin, place.east + x * sin + y * cos, place.down + z
        return cls(centres, radii, smallest)

    def in_view(self, view: View, reach: float = 1.0) -> NDArray[np.bool_]:
        """(N,) whether some of the sphere, made ``reach`` times larger, is in the picture and not tiny."""
        x, y, z = view.to_camera(self.centres).T
        radii = self.radii * reach
        k = view.intrinsics
        # Distance to a plane of the frustum is the offset from it times the cosine of its angle.
        reach_x, reach_y = radii * math.hypot(1.0, k.width / k.fx), radii * math.hypot(1.0, k.height / k.fy)
        inside = (x > -k.cx / k.fx * z - reach_x) & (x < (k.width - k.cx) / k.fx * z + reach_x)
        inside &= (y > -k.cy / k.fy * z - reach_y) & (y < (k.height - k.cy) / k.fy * z + reach_y)
        large = k.fx * self.radii > self.smallest * z
        return np.asarray((z + radii > NEAR) & ((z < radii) | (inside & large)))


def sketch(placement: Placement, view: View) -> Sketch | None:
    """The body in this view; None where nothing of it lies before the camera."""
    solid = placement.solid
    rotation, translation = _pose(placement, view)
    vertices = (solid.vertices + placement.gait * solid.sway) @ rotation.T + translation
    balls = solid.balls[:, :3] @ rotation.T + translation
    seen = _seen_faces(solid, view, vertices, rotation, translation) + _seen_balls(solid, view, balls)
    if not seen:
        return None
    seen.sort(key=lambda shape: (shape.layer, -shape.depth))  # stable: decals stay on their part's faces
    points = np.vstack([shape.points for shape in seen])
    shapes, radii, start = [], [], 0
    for shape in seen:
        stop = start + len(shape.points)
        shapes.append(Shape(start, stop, shape.radius, shape.colour))
        radii += [shape.radius] * (stop - start)
        start = stop
    reach = np.array(radii)[:, None]
    low, high = (points - reach).min(axis=0).tolist(), (points + reach).max(axis=0).tolist()
    return Sketch(points, shapes, Box.from_xyxy(low[0], low[1], high[0], high[1]))


def _seen_faces(solid: Solid, view: View, vertices: Floats, rotation: Floats, translation: Floats) -> list[_Seen]:
    normals, centres = solid.normals @ rotation.T, solid.centres @ rotation.T + translation
    facing = np.flatnonzero(np.einsum("ij,ij->i", normals, centres) < 0)
    sun = view.rotation @ SUN_NED
    colours = (solid.colours * (_AMBIENT + (1 - _AMBIENT) * np.maximum(0.0, normals @ sun))[:, None]).tolist()
    depths = np.linalg.norm(solid.part_centres @ rotation.T + translation, axis=1)
    pixels = view.to_pixels(np.maximum(vertices, (-np.inf, -np.inf, NEAR)))
    near = vertices[:, 2] < NEAR
    any_near = bool(near.any())
    seen = []
    for f in facing.tolist():
        face, part = solid.faces[f], solid.parts[f]
        polygon = pixels[face]
        if any_near and near[face].any():
            clipped = clip_near(vertices[face])
            if len(clipped) == 0:
                continue
            polygon = view.to_pixels(clipped)
        blue, green, red = colours[f]
        seen.append(_Seen(2 * int(solid.layers[part]), float(depths[part]), polygon, 0.0, (blue, green, red)))
    return seen


def _seen_balls(solid: Solid, view: View, balls: Floats) -> list[_Seen]:
    kept = np.flatnonzero(balls[:, 2] > NEAR)
    depths = balls[kept, 2]
    pixels = view.to_pixels(balls[kept])
    radii = np.maximum(view.intrinsics.fx * solid.balls[kept, 3] / depths, 0.1).tolist()
    colours, layers = solid.ball_colours[kept].tolist(), solid.ball_layers[kept].tolist()
    return [
        _Seen(2 * layer + 1, depth, pixels[i : i + 1], radius, (blue, green, red))
        for i, (layer, depth, radius, (blue, green, red)) in enumerate(
            zip(layers, depths.tolist(), radii, colours, strict=True)
        )
    ]


def amodal_box(placement: Placement, view: View) -> Box:
    """Hull of the body's silhouette, px, as if nothing stood before it; it may leave the image.

    Limbs count at the ends of their swing, so the box does not beat with the gait. Parts behind the
    camera are left out; a body wholly behind it has the box (0, 0, 0, 0).
    """
    solid = placement.solid
    rotation, translation = _pose(placement, view)
    points = solid.outline @ rotation.T + translation
    balls = solid.balls[:, :3] @ rotation.T + translation
    points, seen = points[points[:, 2] > NEAR], balls[:, 2] > NEAR
    corners = [view.to_pixels(points)]
    if seen.any():
        reach = view.intrinsics.fx * solid.balls[seen, 3:4] / balls[seen, 2:3]
        centres = view.to_pixels(balls[seen])
        corners += [centres - reach, centres + reach]
    pixels = np.vstack(corners)
    if len(pixels) == 0:
        return Box(0.0, 0.0, 0.0, 0.0)
    (x0, y0), (x1, y1) = pixels.min(axis=0).tolist(), pixels.max(axis=0).tolist()
    return Box.from_xyxy(x0, y0, x1, y1)


def rough_box(placement: Placement, view: View) -> Box:
    """A box around the body's bounding sphere, px; the whole plane where the sphere reaches the camera."""
    (x, y, z), radius = placement.solid.sphere
    cos, sin = math.cos(placement.heading), math.sin(placement.heading)
    centre = (placement.north + x * cos - y * sin, placement.east + x * sin + y * cos, placement.down + z)
    across, down, depth = view.to_camera(np.array([centre]))[0].tolist()
    if depth - radius < NEAR:
        return Box(-_LIMIT, -_LIMIT, 2 * _LIMIT, 2 * _LIMIT)
    k = view.intrinsics
    # The sphere's outline is widest for its near side seen from beside: a bound, not the hull.
    reach = radius / (depth - radius)
    slant_x, slant_y = 1 + abs(across) / depth, 1 + abs(down) / depth
    wide, high = k.fx * reach * slant_x, k.fy * reach * slant_y
    u, v = k.cx + k.fx * across / depth, k.cy + k.fy * down / depth
    return Box(u - wide, v - high, 2 * wide, 2 * high)


def overlap(a: Box, b: Box) -> bool:
    """Whether two boxes share some area."""
    return a.x < b.x + b.w and b.x < a.x + a.w and a.y < b.y + b.h and b.y < a.y + a.h


def paint(image: Picture, body: Sketch, kernel: Floats | None) -> None:
    """Draw a body over the image with soft edges, smeared by ``kernel`` where it moves fast."""
    height, width = image.shape[:2]
    margin = 2 if kernel is None else 2 + kernel.shape[0] // 2
    x0, y0 = math.floor(body.box.x) - margin, math.floor(body.box.y) - margin
    x1, y1 = math.ceil(body.box.x + body.box.w) + margin, math.ceil(body.box.y + body.box.h) + margin
    x0, y0, x1, y1 = max(x0, -margin), max(y0, -margin), min(x1, width + margin), min(y1, height + margin)
    left, top, right, bottom = max(x0, 0), max(y0, 0), min(x1, width), min(y1, height)
    if left >= right or top >= bottom:
        return
    area = (x1 - x0) * (y1 - y0)
    scale = 4 if area < 6_000 else 3 if area < 20_000 else 2 if area < 60_000 else 1
    canvas = np.zeros(((y1 - y0) * scale, (x1 - x0) * scale, 4), np.uint8)
    body.fill(canvas, (x0, y0), scale, None)
    if scale > 1:
        canvas = np.asarray(cv2.resize(canvas, (x1 - x0, y1 - y0), interpolation=cv2.INTER_AREA), np.uint8)
    if kernel is not None:
        canvas = np.asarray(cv2.filter2D(canvas, -1, kernel, borderType=cv2.BORDER_CONSTANT), np.uint8)
    canvas = canvas[top - y0 : bottom - y0, left - x0 : right - x0]
    region = image[top:bottom, left:right]
    through = cv2.cvtColor(255 - canvas[..., 3], cv2.COLOR_GRAY2BGR)
    # Undrawn canvas is black, so the averaged colours are already weighted by their alpha.
    region[:] = cv2.add(cv2.multiply(region, through, scale=1 / 255), np.ascontiguousarray(canvas[..., :3]))


def shadow_outlines(placement: Placement) -> list[Floats]:
    """Convex outlines, (N, 2) m north and east, of the body's shadow on the ground."""
    solid = placement.solid
    cos, sin = math.cos(placement.heading), math.sin(placement.heading)
    turn = np.array([[cos, sin], [-sin, cos]])
    slope = SUN_NED[:2] / SUN_NED[2]  # m north and east per m of height
    vertices = solid.vertices + placement.gait * solid.sway
    ground = vertices[:, :2] @ turn - vertices[:, 2:3] * slope + (placement.north, placement.east)
    groups = [ground[part] for part in solid.vertices_of_parts if len(part)]
    if len(solid.balls):
        angles = np.arange(8) * math.pi / 4
        rims = np.column_stack((np.cos(angles), np.sin(angles)))
        centres = solid.balls[:, :2] @ turn - solid.balls[:, 2:3] * slope + (placement.north, placement.east)
        groups.append((centres[:, None, :] + solid.balls[:, 3, None, None] * rims).reshape(-1, 2))
    return [cv2.convexHull(group.astype(np.float32)).reshape(-1, 2).astype(float) for group in groups]


def fill_ground(mask: Picture, view: View, outlines: list[Floats], value: int) -> None:
    """Fill convex outlines on the ground, (N, 2) m north and east, in a mask of the view's size."""
    if not outlines:
        return
    stacked = np.vstack(outlines)
    points = view.to_camera(np.column_stack((stacked, np.zeros(len(stacked)))))
    fixed = _fixed(view.to_pixels(np.maximum(points, (-np.inf, -np.inf, NEAR))), (0.0, 0.0), 1.0)
    near = points[:, 2] < NEAR
    start = 0
    for outline in outlines:
        part = slice(start, start + len(outline))
        start += len(outline)
        polygon = fixed[part]
        if near[part].any():
            clipped = clip_near(points[part])
            if len(clipped) == 0:
                continue
            polygon = _fixed(view.to_pixels(clipped), (0.0, 0.0), 1.0)
        cv2.fillConvexPoly(mask, polygon, (value,), cv2.LINE_AA, _SHIFT)


class Visibility(NamedTuple):
    """What can be seen of a body."""

    box: Box  # px; area 0 when nothing
    fraction: float  # of the silhouette


_MASK_SIDE = 96.0  # px; a silhouette is counted at this size at most


def visibility(body: Sketch, nearer: list[Sketch], width: int, height: int) -> Visibility:
    """What is left of a body inside the image and behind nearer ones."""
    inside = body.box.clipped(width, height)
    covering = [other for other in nearer if overlap(other.box, inside)]
    if inside.area == 0.0:
        return Visibility(Box(0.0, 0.0, 0.0, 0.0), 0.0)
    if inside == body.box and not covering:
        return Visibility(body.box, 1.0)
    scale = min(2.0, _MASK_SIDE / max(body.box.w, body.box.h))
    x0, y0 = body.box.x, body.box.y
    mask = np.zeros((math.ceil(body.box.h * scale) + 1, math.ceil(body.box.w * scale) + 1), np.uint8)
    body.fill(mask, (x0, y0), scale, 255.0)
    whole = cv2.countNonZero(mask)
    for other in covering:
        other.fill(mask, (x0, y0), scale, 0.0)
    columns = (np.arange(mask.shape[1]) + 0.5) / scale + x0
    rows = (np.arange(mask.shape[0]) + 0.5) / scale + y0
    mask[:, (columns < 0) | (columns > width)] = 0
    mask[(rows < 0) | (rows > height)] = 0
    seen = cv2.countNonZero(mask)
    if seen == 0 or whole == 0:
        return Visibility(Box(0.0, 0.0, 0.0, 0.0), 0.0)
    left, top, wide, high = cv2.boundingRect(mask)
    box = Box(x0 + left / scale, y0 + top / scale, wide / scale, high / scale)
    x0, y0, x1, y1 = box.clipped(width, height).xyxy
    x1, y1 = min(x1, body.box.x + body.box.w), min(y1, body.box.y + body.box.h)
    return Visibility(Box.from_xyxy(x0, y0, x1, y1), seen / whole)
