# SPDX-License-Identifier: GPL-3.0-or-later
"""A small software renderer: rounded bones or surface points, a ground with a grid and soft shadows. NumPy only.

The camera is orthographic. View space is x to the right, y up, z towards the viewer, in metres; an image is
painted at `OVERSAMPLE` times its size and averaged down, which smooths every edge.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from .png import Image
from .quaternion import Array

OVERSAMPLE = 2
BACKGROUND: Array = np.array([0.93, 0.935, 0.945])
GRID_COLOUR: Array = np.array([0.70, 0.72, 0.75])
TRAIL_COLOUR: Array = np.array([0.45, 0.49, 0.55])
PALETTE: Array = np.array([[0.62, 0.65, 0.70], [0.95, 0.50, 0.13], [0.12, 0.42, 0.80]])
"""Colours of the middle, left and right of a body; `sides` (0, 1, -1) indexes it directly."""

_KEY_LIGHT: Array = np.array([-0.45, 0.75, 0.60]) / np.linalg.norm([-0.45, 0.75, 0.60])
_GRID_STEP = 0.5
_HIDDEN = -np.inf


@dataclass(frozen=True)
class Bones:
    """A body of rounded cones, in metres, Y up.

    heads, tails: (n, 3). radii: (n, 2) at head and tail. sides: (n,) int, 1 left, -1 right, 0 middle.
    """

    heads: Array
    tails: Array
    radii: Array
    sides: NDArray[np.int64]

    def bounds(self) -> tuple[Array, Array]:
        """Points (2n, 3) and the radius (2n,) about each that hold the whole body."""
        return np.concatenate([self.heads, self.tails]), self.radii.T.reshape(-1)


@dataclass(frozen=True)
class Surface:
    """A body as points of its skin, in metres, Y up.

    points, normals: (n, 3), unit normals pointing out. sides: (n,) int, 1 left, -1 right, 0 middle.
    """

    points: Array
    normals: Array
    sides: NDArray[np.int64]

    def bounds(self) -> tuple[Array, Array]:
        """Points (n, 3) and the radius (n,) about each that hold the whole body."""
        return self.points, np.zeros(len(self.points))


Figure = Bones | Surface


@dataclass(frozen=True)
class Camera:
    """An orthographic view. axes: (3, 3), rows right, up and towards the viewer. scale: pixels a metre.

    centre: (2,) the view coordinates in the middle of the image. size: (width, height) in pixels.
    """

    axes: Array
    scale: float
    centre: Array
    size: tuple[int, int]

    def view(self, points: Array) -> Array:
        """View coordinates (..., 3) of points (..., 3)."""
        return points @ self.axes.T


@dataclass
class _Layers:
    """What has been painted so far, at the oversampled size: depth, normals and sides of the nearest surface."""

    x: Array
    y: Array
    depth: Array
    normal: Array
    side: NDArray[np.int64]

    @classmethod
    def blank(cls, camera: Camera) -> "_Layers":
        width, height = (side * OVERSAMPLE for side in camera.size)
        step = 1.0 / (camera.scale * OVERSAMPLE)
        x = camera.centre[0] + (np.arange(width) + 0.5 - width / 2.0) * step
        y = camera.centre[1] - (np.arange(height) + 0.5 - height / 2.0) * step
        shape = (height, width)
        return cls(x, y, np.full(shape, _HIDDEN), np.zeros((*shape, 3)), np.zeros(shape, np.int64))


def axes(azimuth: Array, elevation: float) -> Array:
    """Camera axes (3, 3) of a viewer in the horizontal direction `azimuth` (3,), `elevation` radians above the ground."""
    flat = np.array([azimuth[0], 0.0, azimuth[2]])
    flat = flat / max(float(np.linalg.norm(flat)), 1e-9)
    towards = flat * np.cos(elevation) + np.array([0.0, np.sin(elevation), 0.0])
    right = np.cross([0.0, 1.0, 0.0], flat)
    return np.stack([right, np.cross(towards, right), towards])


def render(figure: Figure, camera: Camera, ground: float, trail: Array | None = None) -> Image:
    """Paint one image (height, width, 3) uint8.

    ground: height of the floor. trail: (k, 3) points of a path to draw on the floor, k >= 2.
    """
    layers = _Layers.blank(camera)
    if isinstance(figure, Bones):
        _paint_bones(layers, figure, camera)
    else:
        _paint_points(layers, figure, camera)
    picture = _paint_ground(layers, figure, camera, ground, trail)
    covered = layers.depth > _HIDDEN
    if covered.any():
        picture[covered] = _shade(layers, covered, 1.0 / (camera.scale * OVERSAMPLE))
    height, width = camera.size[1], camera.size[0]
    small = picture.reshape(height, OVERSAMPLE, width, OVERSAMPLE, 3).mean(axis=(1, 3))
    return np.round(np.clip(small, 0.0, 1.0) * 255.0).astype(np.uint8)


def _paint_bones(layers: _Layers, bones: Bones, camera: Camera) -> None:
    heads, tails = camera.view(bones.heads), camera.view(bones.tails)
    for head, tail, radii, side in zip(heads, tails, bones.radii, bones.sides, strict=True):
        rows, columns = _window(layers, np.stack([head, tail]), radii)
        if rows.stop > rows.start and columns.stop > columns.start:
            _paint_bone(layers, rows, columns, head, tail, radii, int(side))


def _window(layers: _Layers, ends: Array, radii: Array) -> tuple[slice, slice]:
    """The rows and columns of the image that a bone can touch."""
    low, high = (ends[:, :2] - radii[:, None]).min(axis=0), (ends[:, :2] + radii[:, None]).max(axis=0)
    columns = slice(int(np.searchsorted(layers.x, low[0])), int(np.searchsorted(layers.x, high[0])))
    # y falls along the rows.
    rows = slice(int(np.searchsorted(-layers.y, -high[1])), int(np.searchsorted(-layers.y, -low[1])))
    return rows, columns


def _paint_bone(layers: _Layers, rows: slice, columns: slice, head: Array, tail: Array, radii: Array, side: int) -> None:
    """Paint the union of the spheres between both ends, radius and centre interpolated by s in 0..1.

    Seen along z the sphere of s shows, at a pixel, the depth z(s) = head_z + s dz + sqrt(q(s)) with
    q(s) = q0 + 2 q1 s + q2 s^2 = radius(s)^2 - distance(s)^2; the surface is the largest depth. For q2 < 0, z is concave
    where q >= 0: its maximum is in closed form, clamped to that interval and to 0..1. Otherwise one end hides the other.
    """
    x, y = np.meshgrid(layers.x[columns] - head[0], layers.y[rows] - head[1])
    dx, dy, dz = tail - head
    widening = radii[1] - radii[0]
    q0 = radii[0] ** 2 - x * x - y * y
    q1 = radii[0] * widening + x * dx + y * dy
    q2 = widening**2 - dx * dx - dy * dy
    if q2 < -1e-9:
        middle, peak = -q1 / q2, q0 - q1 * q1 / q2
        reach = np.sqrt(np.maximum(peak, 0.0) / -q2)
        best = middle + dz * reach / np.sqrt(dz * dz - q2)
        s = np.clip(np.clip(best, middle - reach, middle + reach), 0.0, 1.0)
    else:
        s = np.full_like(x, 0.0 if radii[0] >= radii[1] else 1.0)
    q = q0 + 2.0 * q1 * s + q2 * s * s
    lift = np.sqrt(np.maximum(q, 0.0))
    depth = np.where(q > 0.0, head[2] + s * dz + lift, _HIDDEN)
    nearer = depth > layers.depth[rows, columns]
    normal = np.stack([x - s * dx, y - s * dy, lift], axis=-1) / (radii[0] + s * widening)[..., None]
    layers.depth[rows, columns][nearer] = depth[nearer]
    layers.normal[rows, columns][nearer] = normal[nearer]
    layers.side[rows, columns][nearer] = side


def _paint_points(layers: _Layers, surface: Surface, camera: Camera) -> None:
    """Paint the points from far to near, each over a square of pixels, so that the nearest stays on top."""
    seen = camera.view(surface.points)
    normals = camera.view(surface.normals)
    order = np.argsort(seen[:, 2])
    seen, normals, sides = seen[order], normals[order], surface.sides[order]
    # A normal that looks away belongs to an open or inverted mesh: light it from its front all the same.
    normals = np.where(normals[:, 2:] < 0.0, -normals, normals)
    step = layers.x[1] - layers.x[0]
    column = np.floor((seen[:, 0] - layers.x[0]) / step).astype(np.int64)
    row = np.floor((layers.y[0] - seen[:, 1]) / step).astype(np.int64)
    height, width = layers.depth.shape
    for down in (0, 1, -1):
        for across in (0, 1, -1):
            r, c = row + down, column + across
            kept = np.flatnonzero((r >= 0) & (r < height) & (c >= 0) & (c < width))
            flat = r[kept] * width + c[kept]
            # The last of equal indices wins an assignment: the points are sorted, so that is the nearest.
            nearest = np.full(height * width, -1, np.int64)
            nearest[flat] = kept
            nearest = nearest.reshape(height, width)
            depth = np.where(nearest >= 0, seen[nearest, 2], _HIDDEN)
            # A neighbour's point covers only pixels clearly behind it, so that it never blurs its own surface.
            won = depth > layers.depth + (0.0 if down == across == 0 else 2.0 * step)
            layers.depth[won] = depth[won]
            layers.normal[won] = normals[nearest[won]]
            layers.side[won] = sides[nearest[won]]


def _shade(layers: _Layers, covered: NDArray[np.bool_], pixel: float) -> Array:
    """Colours (k, 3) of the covered pixels: key light, sky light, a dark contour, and haze with depth."""
    normal = layers.normal[covered]
    colour = PALETTE[layers.side[covered]]
    key = np.maximum(normal @ _KEY_LIGHT, 0.0)
    sky = 0.5 + 0.5 * normal[:, 1]
    shaded = colour * (0.38 + 0.27 * sky + 0.50 * key)[:, None]
    shaded *= np.where(_contour(layers.depth, pixel)[covered], 0.45, 1.0)[:, None]
    depth = layers.depth[covered]
    span = max(float(np.ptp(depth)), 0.3)
    haze = 0.30 * (depth.max() - depth)[:, None] / span
    return shaded * (1.0 - haze) + BACKGROUND * haze


def _contour(depth: Array, pixel: float) -> NDArray[np.bool_]:
    """Pixels (height, width) just in front of a drop: a limb's edge against another limb or the background.

    pixel: metres. A surface falls by many pixels a pixel only where it turns away, so 4 cm or 12 pixels count as a drop.
    """
    padded = np.pad(depth, 1, mode="edge")
    behind = np.minimum.reduce([padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:]])
    return behind < depth - max(0.04, 12.0 * pixel)


def _paint_ground(layers: _Layers, figure: Figure, camera: Camera, ground: float, trail: Array | None) -> Array:
    """The floor (height, width, 3): a grid that fades out round the figure, its shadow, and the path it took."""
    right, up, towards = camera.axes
    # The floor point seen at view (x, y): right * x + up * y + towards * z with its height equal to `ground`.
    z = (ground - layers.y * up[1]) / towards[1]
    floor_x = (layers.x[None, :] * right[0]) + (layers.y * up[0] + z * towards[0])[:, None]
    floor_z = (layers.x[None, :] * right[2]) + (layers.y * up[2] + z * towards[2])[:, None]
    points, radii = figure.bounds()
    if len(points) > 400:
        chosen = np.linspace(0, len(points) - 1, 400).astype(np.int64)
        points, radii = points[chosen], radii[chosen]
    centre = points.mean(axis=0)
    far = np.hypot(floor_x - centre[0], floor_z - centre[2])
    near = np.clip(1.0 - (far / 2.2) ** 2, 0.0, 1.0)
    lines = np.maximum(_lines(floor_x, camera.scale), _lines(floor_z, camera.scale))
    picture = BACKGROUND + (GRID_COLOUR - BACKGROUND) * (lines * near)[..., None]
    if trail is not None:
        mark = _path(floor_x, floor_z, trail, camera.scale) * 0.8
        picture += (TRAIL_COLOUR - picture) * mark[..., None]
    shadow = _shadow(floor_x[::4, ::4], floor_z[::4, ::4], points, radii, ground)
    return picture * (1.0 - _enlarged(shadow, picture.shape[:2]))[..., None]


def _lines(coordinate: Array, scale: float) -> Array:
    """How much of each pixel a grid line covers, 0..1; lines every `_GRID_STEP` metres, about a pixel wide."""
    away = np.abs(coordinate - np.round(coordinate / _GRID_STEP) * _GRID_STEP) * scale
    return np.clip(1.0 - away, 0.0, 1.0)


def _path(floor_x: Array, floor_z: Array, trail: Array, scale: float) -> Array:
    """How much of each pixel the path on the floor covers, 0..1."""
    cover = np.zeros(floor_x.shape)
    reach = 1.6 / scale
    for (ax, _, az), (bx, _, bz) in pairwise(trail):
        # Only the pixels round this piece of the path: the floor is many times larger.
        close = (floor_x > min(ax, bx) - reach) & (floor_x < max(ax, bx) + reach)
        close &= (floor_z > min(az, bz) - reach) & (floor_z < max(az, bz) + reach)
        x, z, dx, dz = floor_x[close] - ax, floor_z[close] - az, bx - ax, bz - az
        share = np.clip((x * dx + z * dz) / max(dx * dx + dz * dz, 1e-12), 0.0, 1.0)
        away = np.hypot(x - share * dx, z - share * dz) * scale
        cover[close] = np.maximum(cover[close], np.clip(1.6 - away, 0.0, 1.0))
    return cover


def _shadow(floor_x: Array, floor_z: Array, points: Array, radii: Array, ground: float) -> Array:
    """Darkness 0..0.5 of the floor under the body: every point blurs and weakens with its height above the floor."""
    height = np.maximum(points[:, 1] - ground - radii, 0.0)
    width = 0.05 + 0.5 * radii + 0.35 * height
    # Every point holds a share of the body; the sum of their blurred discs saturates under a foot or a lying body.
    weight = 14.0 / len(points) * (0.05 / width) ** 2 * 8.0
    amount = np.zeros(floor_x.shape)
    for point, spread, share in zip(points, width, weight, strict=True):
        squared = (floor_x - point[0]) ** 2 + (floor_z - point[2]) ** 2
        amount += share * np.exp(-squared / (2.0 * spread**2))
    return 0.5 * (1.0 - np.exp(-amount))


def _enlarged(small: Array, shape: tuple[int, int]) -> Array:
    """Stretch (h, w) linearly to a larger shape."""
    for axis, length in enumerate(shape):
        at = np.clip((np.arange(length) + 0.5) / 4.0 - 0.5, 0.0, small.shape[axis] - 1.0)
        low = np.minimum(at.astype(np.int64), small.shape[axis] - 2)
        share = (at - low).reshape((-1, 1) if axis == 0 else (1, -1))
        small = np.take(small, low, axis) * (1.0 - share) + np.take(small, low + 1, axis) * share
    return small
