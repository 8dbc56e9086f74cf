# SPDX-License-Identifier: GPL-3.0-or-later
"""How the hips go along with feet that are held in place, so that knees have little to make up for."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ..motion import quaternion
from ..motion.quaternion import Array
from . import legs
from .legs import Leg

# Legs are not held straighter than this share of their length: near the end a knee moves far for every millimetre.
STRAIGHT = 0.997
# Most that the hips are lowered (legs), and the seconds to either side in which they come and go.
MOST_DROP, SETTLE = 0.15, 0.5
# What moving the hips costs, against what a change of length costs a bent leg; and by how much a straight one costs more.
COST, EASE = 5.0, 0.02
# A knee that is this many times as fast as any joint of its leg is around then, and as this share of the fastest joints of
# the take, snaps. Its leg is then bent by as many times more as SLACKEN says, and again, so often.
SNAP, FASTEST, SLACKEN, ROUNDS = 1.1, 0.6, 2.5, 3
AROUND = 0.1
SWAY = 0.15

Turns = dict[str, tuple[Array, Array]]
"""Side -> turns (frames, 4) of thigh and shin, on top of what they do."""


def carried(
    bodies: Mapping[str, Leg], ankles: Mapping[str, Array], planted: Mapping[str, NDArray[np.bool_]], up: Array, fps: float
) -> tuple[Array, Turns]:
    """By how much the hips are moved, (frames, 3), and the turns of the legs with which the ankles are where they should be."""
    shift = _smooth(_shift(bodies, ankles), SWAY, fps)
    allowed = _allowed(bodies, fps)
    straight = {side: np.full(len(mask), STRAIGHT) for side, mask in planted.items()}
    wary = dict(planted)
    best: tuple[float, Array, Turns] | None = None
    for _ in range(1 + ROUNDS):
        moved = shift - _lowering(bodies, shift, ankles, straight, wary, up, fps)[:, None] * up
        solved = {side: legs.solve(leg, leg.hip + moved, ankles[side]) for side, leg in bodies.items()}
        haste = {side: _haste(leg, leg.hip + moved, solved[side][0], allowed[side], fps) for side, leg in bodies.items()}
        worst = max(float(rows.max(initial=0.0)) for rows in haste.values())
        if best is None or worst < best[0]:
            best = worst, moved, solved
        if worst <= 1.0:
            break
        for side, rows in haste.items():
            straight[side] = np.where(rows > 1.0, 1.0 - (1.0 - straight[side]) * SLACKEN, straight[side])
            wary[side] = wary[side] | (rows > 1.0)
    return best[1:]


def _lowering(
    bodies: Mapping[str, Leg],
    shift: Array,
    ankles: Mapping[str, Array],
    straight: Mapping[str, Array],
    wary: Mapping[str, NDArray[np.bool_]],
    up: Array,
    fps: float,
) -> Array:
    """By how much (frames,) hips have to come down, so that legs reach where they are asked to."""
    needed = [
        np.where(wary[side], _drop(leg, leg.hip + shift, ankles[side], straight[side], up), 0.0) for side, leg in bodies.items()
    ]
    most = MOST_DROP * max(leg.length for leg in bodies.values())
    return _eased(np.minimum(np.maximum(*needed), most), fps)


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


def _drop(leg: Leg, hip: Array, ankle: Array, straight: Array, up: Array) -> Array:
    """By how much (frames,) the hip has to come down along `up` for a leg to reach an ankle without strain."""
    way = ankle - hip
    most = np.minimum(leg.reach + leg.room / 2.0, straight * leg.length)
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


def _allowed(bodies: Mapping[str, Leg], fps: float) -> dict[str, Array]:
    """Side -> the speed (frames - 1,) from which on a knee snaps."""
    each = {side: np.stack([_speed(v, fps) for v in (leg.hip, leg.hip + leg.thigh, leg.ankle)]) for side, leg in bodies.items()}
    speeds = np.concatenate(list(each.values()), axis=None)
    if not len(speeds):
        return {side: np.zeros(0) for side in bodies}
    fastest = np.percentile(speeds, 99.9)
    width = max(1, round(AROUND * fps))
    out = {}
    for side, rows in each.items():
        padded = np.pad(rows[1], width, mode="edge")
        around = np.lib.stride_tricks.sliding_window_view(padded, 2 * width + 1).max(axis=-1)
        calm = np.minimum(SNAP * around, np.maximum(around, fastest))
        out[side] = np.maximum(calm, FASTEST * fastest)
    return out


def _haste(leg: Leg, hip: Array, thigh: Array, allowed: Array, fps: float) -> Array:
    """(frames,) how many times as fast as is allowed a knee moves, to or from a frame."""
    fast = _speed(hip + quaternion.rotate(thigh, leg.thigh), fps) / np.maximum(allowed, 1e-9 * leg.length)
    padded = np.concatenate([[0.0], fast, [0.0]])
    return np.maximum(padded[:-1], padded[1:])


def _speed(place: Array, fps: float) -> Array:
    out: Array = np.linalg.norm(np.diff(place, axis=0), axis=-1) * fps
    return out
