# SPDX-License-Identifier: GPL-3.0-or-later
"""How the hips go along with feet that are held in place, so that knees have little to make up for."""

from collections.abc import Mapping

import numpy as np

from ..motion.quaternion import Array
from . import legs
from .legs import Leg

# Legs are not held straighter than this share of their length: near the end a knee moves far for every millimetre.
STRAIGHT = 0.997
# Most that the hips are lowered (legs), and the seconds to either side in which they come and go.
MOST_DROP, SETTLE = 0.15, 0.5
# What moving the hips costs, against what a change of length costs a bent leg; and by how much a straight one costs more.
COST, EASE = 5.0, 0.02
# Seconds to either side over which what the feet ask of the hips is smoothed.
SWAY = 0.15

Carried = tuple[Array, dict[str, tuple[Array, Array]]]
"""Of the hips (frames, 3), and side -> turns (frames, 4) of thigh and shin, on top of what they do."""


def carried(
    bodies: Mapping[str, Leg], ankles: Mapping[str, Array], most: Mapping[str, Array], up: Array, fps: float
) -> Carried:
    """By how much the hips are moved, (frames, 3), and the turns of the legs with which the ankles are where they should be.

    most: side -> (frames,) share of a leg's length that it may be long, infinite where that doesn't matter.
    """
    shift = _smooth(_shift(bodies, ankles), SWAY, fps)
    needed = [_drop(leg, leg.hip + shift, ankles[side], most[side], up) for side, leg in bodies.items()]
    deepest = MOST_DROP * max(leg.length for leg in bodies.values())
    moved = shift - _eased(np.minimum(np.maximum(*needed), deepest), fps)[:, None] * up
    return moved, {side: legs.solve(leg, leg.hip + moved, ankles[side]) for side, leg in bodies.items()}


def _shift(bodies: Mapping[str, Leg], ankles: Mapping[str, Array]) -> Array:
    """The displacement of the hips (frames, 3) that changes the lengths of both legs least.

    The least of COST |s|^2 + sum of a (u . (w - s))^2 over the legs: w is how far the ankle is moved, u the direction from
    hip to ankle, and a counts more the straighter a leg is.
    """
    count = len(next(iter(ankles.values())))
    matrix = np.tile(COST * np.eye(3), (count, 1, 1))
    right = np.zeros((count, 3))
    for side, leg in bodies.items():
        way = leg.ankle - leg.hip
        along = way / np.maximum(leg.reach, 1e-12)[:, None]
        weight = 1.0 / (1.0 - np.minimum(leg.reach / leg.length, 1.0) ** 2 + EASE)
        moved = np.sum(along * (ankles[side] - leg.ankle), axis=-1)
        matrix += (weight[:, None] * along)[:, :, None] * along[:, None, :]
        right += (weight * moved)[:, None] * along
    return np.linalg.solve(matrix, right[..., None])[..., 0]


def _smooth(shift: Array, seconds: float, fps: float) -> Array:
    width = max(1, round(seconds * fps))
    window = np.hanning(2 * width + 3)[1:-1]
    padded = np.pad(shift, ((width, width), (0, 0)), mode="edge")
    return np.stack([np.convolve(column, window / window.sum(), mode="valid") for column in padded.T], axis=-1)


def _drop(leg: Leg, hip: Array, ankle: Array, share: Array, up: Array) -> Array:
    """By how much (frames,) the hip has to come down along `up` for a leg to reach an ankle without strain."""
    way = ankle - hip
    most = np.where(np.isinf(share), np.inf, np.minimum(leg.reach + leg.room / 2.0, share * leg.length))
    # |way + drop * up|^2 = most^2, the smaller root.
    a, b, c = up @ up, way @ up, np.sum(way * way, axis=-1) - most**2
    root = np.sqrt(np.maximum(b * b - a * c, 0.0))
    return np.where(c > 0.0, np.maximum((-b - root) / a, 0.0), 0.0)


def _eased(needed: Array, fps: float) -> Array:
    """A smooth curve (frames,) that is never below what is needed: the highest around, averaged over as wide a span."""
    width = max(1, round(SETTLE * fps))
    padded = np.pad(needed, 2 * width, mode="edge")
    highest = np.lib.stride_tricks.sliding_window_view(padded, 2 * width + 1).max(axis=-1)
    window = np.hanning(2 * width + 3)[1:-1]
    out: Array = np.convolve(highest, window / window.sum(), mode="valid")
    return out
