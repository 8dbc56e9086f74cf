# SPDX-License-Identifier: GPL-3.0-or-later
"""A cubic Bezier segment of an animation curve, cut in two without a change of shape."""

import numpy as np

from .quaternion import Array

HALVINGS = 60
"""Of the parameter's range: to the last bit of a float."""


def monotone(points: Array) -> Array:
    """A segment (4, 2), start, its handle, the end's handle, end, as Blender plays it.

    A handle that reaches beyond the other end is shortened, along with its height, so that every frame has one value.
    """
    start, first, second, end = np.asarray(points, np.float64)
    length = end[0] - start[0]

    def held(key: Array, handle: Array) -> Array:
        reach = abs(handle[0] - key[0])
        return key + (handle - key) * (length / reach) if reach > length > 0.0 else handle

    return np.stack([start, held(start, first), held(end, second), end])


def split(points: Array, x: float) -> Array:
    """(7, 2): the two segments, joined in the fourth point, into which one (4, 2) falls at x (de Casteljau's construction)."""
    points = monotone(points)
    low, high = 0.0, 1.0
    for _ in range(HALVINGS):
        t = (low + high) / 2.0
        low, high = (t, high) if _at(points[:, 0], t) < x else (low, t)
    t = (low + high) / 2.0
    levels = [points]
    while len(levels[-1]) > 1:
        levels.append(levels[-1][:-1] + t * (levels[-1][1:] - levels[-1][:-1]))
    made = np.stack([*(level[0] for level in levels), *(level[-1] for level in levels[-2::-1])])
    made[3, 0] = x
    return made


def _at(values: Array, t: float) -> float:
    """A cubic Bezier polynomial (4,) at t."""
    s = 1.0 - t
    return float(s**3 * values[0] + 3.0 * s * s * t * values[1] + 3.0 * s * t * t * values[2] + t**3 * values[3])
