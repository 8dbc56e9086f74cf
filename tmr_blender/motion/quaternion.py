# SPDX-License-Identifier: GPL-3.0-or-later
"""Quaternion arithmetic on arrays of any leading shape.

A rotation is `(..., 4)` as w, x, y, z of unit length, and acts on column vectors: `rotate(multiply(a, b), v)`
applies b first. Matrices are `(..., 3, 3)`.
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

IDENTITY: Array = np.array([1.0, 0.0, 0.0, 0.0])


def normalise(q: Array) -> Array:
    """Scale `(..., 4)` to unit length; a zero quaternion becomes the identity."""
    length = _length(q)
    if np.min(length, initial=1.0) > 1e-12:
        return q / length
    return np.where(length > 1e-12, q / np.maximum(length, 1e-12), IDENTITY)


def _length(v: Array) -> Array:
    """Of the last axis, which is kept with a single element."""
    return np.sqrt(np.einsum("...i,...i->...", v, v))[..., None]


# Products are written out by components into one array: np.cross, np.stack and np.moveaxis cost several times as much, and
# this is where the time of a retarget goes.


def multiply(a: Array, b: Array) -> Array:
    """Hamilton product `(..., 4)`; b is applied first."""
    aw, ax, ay, az = a[..., 0], a[..., 1], a[..., 2], a[..., 3]
    bw, bx, by, bz = b[..., 0], b[..., 1], b[..., 2], b[..., 3]
    w = aw * bw - ax * bx - ay * by - az * bz
    out = np.empty((*w.shape, 4))
    out[..., 0] = w
    out[..., 1] = aw * bx + ax * bw + ay * bz - az * by
    out[..., 2] = aw * by - ax * bz + ay * bw + az * bx
    out[..., 3] = aw * bz + ax * by - ay * bx + az * bw
    return out


def inverse(q: Array) -> Array:
    """Inverse rotation of unit quaternions `(..., 4)`."""
    return q * np.array([1.0, -1.0, -1.0, -1.0])


def rotate(q: Array, v: Array) -> Array:
    """Rotate vectors `(..., 3)` by unit quaternions `(..., 4)`."""
    w, x, y, z = q[..., 0], q[..., 1], q[..., 2], q[..., 3]
    a, b, c = v[..., 0], v[..., 1], v[..., 2]
    r, s, t = 2.0 * (y * c - z * b), 2.0 * (z * a - x * c), 2.0 * (x * b - y * a)
    first = a + w * r + y * t - z * s
    out = np.empty((*first.shape, 3))
    out[..., 0] = first
    out[..., 1] = b + w * s + z * r - x * t
    out[..., 2] = c + w * t + x * s - y * r
    return out


def cross(a: Array, b: Array) -> Array:
    """Vector product `(..., 3)`."""
    first = a[..., 1] * b[..., 2] - a[..., 2] * b[..., 1]
    out = np.empty((*first.shape, 3))
    out[..., 0] = first
    out[..., 1] = a[..., 2] * b[..., 0] - a[..., 0] * b[..., 2]
    out[..., 2] = a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    return out


def from_axis_angle(axis: Array, angle: Array) -> Array:
    """Rotation about the unit vectors `axis` (..., 3) by `angle` (...) radians."""
    half = np.asarray(angle)[..., None] / 2.0
    return np.concatenate([np.cos(half), np.sin(half) * axis], axis=-1)


def from_rotation_vector(v: Array) -> Array:
    """Rotation about `v` (..., 3) by its length in radians."""
    angle = np.linalg.norm(v, axis=-1, keepdims=True)
    # sin(x/2)/x tends to 1/2: the series keeps tiny rotations exact.
    scale = np.where(angle > 1e-8, np.sin(angle / 2.0) / np.maximum(angle, 1e-8), 0.5 - angle**2 / 48.0)
    return normalise(np.concatenate([np.cos(angle / 2.0), scale * v], axis=-1))


def to_rotation_vector(q: Array) -> Array:
    """Rotation vector `(..., 3)` in radians, of length at most pi."""
    q = np.where(q[..., :1] < 0.0, -q, q)
    sine = np.linalg.norm(q[..., 1:], axis=-1, keepdims=True)
    angle = 2.0 * np.arctan2(sine, q[..., :1])
    return np.where(sine > 1e-12, angle / np.maximum(sine, 1e-12), 2.0) * q[..., 1:]


def between(a: Array, b: Array) -> Array:
    """The smallest rotation that takes direction a to direction b, both `(..., 3)` and of any length.

    Opposite directions give half a turn about an axis square to them; a zero vector gives the identity.
    """
    a, b = a / np.maximum(_length(a), 1e-12), b / np.maximum(_length(b), 1e-12)
    dot = np.einsum("...i,...i->...", a, b)[..., None]
    q = np.concatenate([1.0 + dot, cross(a, b)], axis=-1)
    opposite = dot < -1.0 + 1e-9
    if opposite.any():
        # Any axis square to a serves for the half turn; the unit vector least along a is never parallel to it.
        other = np.eye(3)[np.argmin(np.abs(a), axis=-1)]
        q = np.where(opposite, np.concatenate([np.zeros_like(dot), cross(a, other)], axis=-1), q)
    return normalise(q)


def to_matrix(q: Array) -> Array:
    """Rotation matrices `(..., 3, 3)`."""
    w, x, y, z = np.moveaxis(q, -1, 0)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def from_matrix(m: Array) -> Array:
    """Unit quaternions `(..., 4)`, w >= 0, of rotation matrices `(..., 3, 3)` (Shepperd's method)."""
    xx, yy, zz = m[..., 0, 0], m[..., 1, 1], m[..., 2, 2]
    # The four squared components; dividing by the largest one is the stable choice.
    squares = np.stack([1 + xx + yy + zz, 1 + xx - yy - zz, 1 - xx + yy - zz, 1 - xx - yy + zz], axis=-1)
    a, b, c = m[..., 2, 1] - m[..., 1, 2], m[..., 0, 2] - m[..., 2, 0], m[..., 1, 0] - m[..., 0, 1]
    d, e, f = m[..., 1, 0] + m[..., 0, 1], m[..., 0, 2] + m[..., 2, 0], m[..., 2, 1] + m[..., 1, 2]
    s0, s1, s2, s3 = np.moveaxis(squares, -1, 0)
    table = np.stack([np.stack(r, axis=-1) for r in ([s0, a, b, c], [a, s1, d, e], [b, d, s2, f], [c, e, f, s3])], axis=-2)
    best = np.argmax(squares, axis=-1)[..., None, None]
    q = normalise(np.take_along_axis(table, best, axis=-2)[..., 0, :])
    return np.where(q[..., :1] < 0.0, -q, q)


def continuous(q: Array) -> Array:
    """Flip signs along the first axis (frames) so that neighbours lie in the same hemisphere."""
    flips = np.einsum("...i,...i->...", q[1:], q[:-1]) < 0.0
    if not flips.any():
        return q.copy()
    signs = np.cumprod(np.where(flips, -1.0, 1.0), axis=0)
    return np.concatenate([q[:1], q[1:] * signs[..., None]], axis=0)


def slerp(a: Array, b: Array, t: Array) -> Array:
    """Spherical interpolation along the shorter arc; `t` (...) in 0..1."""
    step = to_rotation_vector(multiply(inverse(a), b))
    return normalise(multiply(a, from_rotation_vector(step * np.asarray(t)[..., None])))
