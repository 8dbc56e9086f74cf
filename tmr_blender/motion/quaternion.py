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
    length = np.linalg.norm(q, axis=-1, keepdims=True)
    return np.where(length > 1e-12, q / np.maximum(length, 1e-12), IDENTITY)


def multiply(a: Array, b: Array) -> Array:
    """Hamilton product `(..., 4)`; b is applied first."""
    aw, ax, ay, az = np.moveaxis(a, -1, 0)
    bw, bx, by, bz = np.moveaxis(b, -1, 0)
    return np.stack(
        [
            aw * bw - ax * bx - ay * by - az * bz,
            aw * bx + ax * bw + ay * bz - az * by,
            aw * by - ax * bz + ay * bw + az * bx,
            aw * bz + ax * by - ay * bx + az * bw,
        ],
        axis=-1,
    )


def inverse(q: Array) -> Array:
    """Inverse rotation of unit quaternions `(..., 4)`."""
    return q * np.array([1.0, -1.0, -1.0, -1.0])


def rotate(q: Array, v: Array) -> Array:
    """Rotate vectors `(..., 3)` by unit quaternions `(..., 4)`."""
    # Written out by components: np.cross costs several times as much, and this is where time goes.
    w, x, y, z = np.moveaxis(q, -1, 0)
    a, b, c = np.moveaxis(v, -1, 0)
    r, s, t = 2.0 * (y * c - z * b), 2.0 * (z * a - x * c), 2.0 * (x * b - y * a)
    return np.stack([a + w * r + y * t - z * s, b + w * s + z * r - x * t, c + w * t + x * s - y * r], axis=-1)


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
    a = a / np.maximum(np.linalg.norm(a, axis=-1, keepdims=True), 1e-12)
    b = b / np.maximum(np.linalg.norm(b, axis=-1, keepdims=True), 1e-12)
    dot = np.sum(a * b, axis=-1, keepdims=True)
    q = np.concatenate([1.0 + dot, np.cross(a, b)], axis=-1)
    # Any axis square to a serves for the half turn; the unit vector least along a is never parallel to it.
    other = np.eye(3)[np.argmin(np.abs(a), axis=-1)]
    flip = np.concatenate([np.zeros_like(dot), np.cross(a, other)], axis=-1)
    return normalise(np.where(dot < -1.0 + 1e-9, flip, q))


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
    dots = np.sum(q[1:] * q[:-1], axis=-1)
    signs = np.cumprod(np.where(dots < 0.0, -1.0, 1.0), axis=0)
    return np.concatenate([q[:1], q[1:] * signs[..., None]], axis=0)


def slerp(a: Array, b: Array, t: Array) -> Array:
    """Spherical interpolation along the shorter arc; `t` (...) in 0..1."""
    step = to_rotation_vector(multiply(inverse(a), b))
    return normalise(multiply(a, from_rotation_vector(step * np.asarray(t)[..., None])))
