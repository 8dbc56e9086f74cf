# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes that show the same performance: exported twice, onto another skeleton, or mirrored.

Two takes are twins if they last equally long and, at the same few times, their limbs and trunk point the same way, each body
seen in its own heading, and if their hips take the same path, in lengths of the leg; or if one's do and the other's mirror
image's. Directions of bones are compared and not places of joints, because skeletons of other proportions put the joints
elsewhere. The same performance cut differently is no twin: what one sees of it is something else.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..motion import body
from ..motion.features import FPS
from .poses import unpack
from .vectors import Reader

Floats = NDArray[np.float64]
Alike = Literal["same", "mirrored"]

TIMES = 16
"""Poses that are compared, evenly spaced from the beginning to the end of the shorter take."""
ROUGH_TIMES = (0.15, 0.5, 0.85)
"""Shares of a take's length at which it is looked at first."""
DURATION, ENDS = 0.02, 0.1
"""Twins differ in duration by this share of the longer at most, or by these seconds: exporters cut ends."""
APART = 0.1
"""Greatest mean distance of the directions (the length of the difference of unit vectors). Another skeleton holds its limbs
otherwise all the time; how they move tells more, and may differ less:"""
SHARE, LITTLE, OF_LITTLE = 0.12, 0.03, 0.25
"""Greatest mean distance of the directions less their means over time: this share of how far they move, or if that is more this
distance, but no more than the other share."""
ROUGHLY = 0.3
"""Greatest mean distance of the directions at a few of the times, which spares most pairs a closer look: of the pairs below, no
true one exceeds 0.18, and 88 % of the others do."""
PATH, PATH_SHARE = 0.05, 0.05
"""Greatest mean distance of the hips' paths, in lengths of a leg, and the share of their extent that comes on top.

Of CMU performers of even number, from whom the constants were taken, tests/bench/folding.py has 77 of 77 true pairs folded and
none of 8,038 others that last equally long; of odd number 131 of 140, and none of 8,967. The nine are one character of FBX
files, whose limbs were retargeted to point elsewhere (0.15 apart). Mirror images of 138 takes are all told."""

_BONES = [
    *[(f"{side}_{a}", f"{side}_{b}") for side in ("left", "right") for a, b in (("hip", "knee"), ("knee", "ankle"))],
    *[(f"{side}_{a}", f"{side}_{b}") for side in ("left", "right") for a, b in (("shoulder", "elbow"), ("elbow", "wrist"))],
]
_FROM = np.array([body.INDEX[a] for a, _ in _BONES])
_TO = np.array([body.INDEX[b] for _, b in _BONES])
_SWAP = np.array([2, 3, 0, 1, 6, 7, 4, 5, 8])
"""The bone of the other side; the last direction is the trunk's."""
_FLIP = np.array([-1.0, 1.0, 1.0])
_LEFT_HIP, _RIGHT_HIP, _LEFT_SHOULDER, _RIGHT_SHOULDER = (
    body.INDEX[name] for name in ("left_hip", "right_hip", "left_shoulder", "right_shoulder")
)


@dataclass(frozen=True)
class Figure:
    """A body at `TIMES` times. bones: (TIMES, 9, 3) unit vectors along the limbs' bones and the trunk, facing +Z.

    path: (TIMES, 3) of the hips about its mean, in lengths of a leg, in any heading.
    """

    bones: Floats
    path: Floats

    @property
    def mirrored(self) -> "Figure":
        """Of the mirrored take."""
        return Figure(self.bones[:, _SWAP] * _FLIP, self.path * _FLIP)


@dataclass(frozen=True)
class Stored:
    """The poses of a take: `count` rows from `first` on, of `poses.POSE`, where `reader` reads them."""

    reader: Reader
    first: int
    count: int

    @staticmethod
    def of(rows: NDArray[Any]) -> "Stored":
        """All of the rows (n,)."""
        return Stored(Reader(rows), 0, len(rows))


def alike(one: Stored, other: Stored) -> Alike | None:
    """How two takes are twins; None where they are not, or one has no poses."""
    if not one.count or not other.count or not lasting(one.count / FPS, other.count / FPS):
        return None
    seconds = (min(one.count, other.count) - 1) / FPS
    mine, theirs = figure(one, seconds), figure(other, seconds)
    if agree(mine, theirs):
        return "same"
    return "mirrored" if agree(mine, theirs.mirrored) else None


def lasting(one: float, other: float) -> bool:
    """Whether two durations, seconds, are those of twins."""
    return abs(one - other) <= max(DURATION * max(one, other), ENDS)


def agree(one: Figure, other: Figure) -> bool:
    """Whether two figures show the same."""
    if apart(one, other) > APART:
        return False
    mine, theirs = (figure.bones - figure.bones.mean(axis=0) for figure in (one, other))
    moving = (_length(mine) + _length(theirs)) / 2.0
    if _length(mine - theirs) > max(SHARE * moving, min(LITTLE, OF_LITTLE * moving)):
        return False
    return paths_apart(one, other) <= PATH + PATH_SHARE * _length(one.path)


def outlines(reader: Reader, first: NDArray[np.int64], count: NDArray[np.int64]) -> Floats:
    """(n, 3, 9, 3) directions of n takes at `ROUGH_TIMES`; infinite for one without poses. first, count: see `Stored`."""
    at = first[:, None] + np.rint(np.array(ROUGH_TIMES) * (np.maximum(count, 1) - 1)[:, None]).astype(np.int64)
    made = np.full((*at.shape, len(_FROM) + 1, 3), np.inf)
    has = np.flatnonzero(count)
    made[has] = _facing(unpack(reader.take(at[has].ravel()))).reshape(-1, *made.shape[1:])
    return made


def roughly(one: Floats, other: Floats) -> bool:
    """Whether two outlines, (3, 9, 3) each, may be those of twins."""
    if not np.isfinite(one[0, 0, 0]) or not np.isfinite(other[0, 0, 0]):
        return False
    return min(_length(one - other), _length(one - other[:, _SWAP] * _FLIP)) <= ROUGHLY


def figure(stored: Stored, seconds: float) -> Figure:
    """At times up to `seconds`; not from 0, because many files begin with a bind pose."""
    at = np.minimum(np.linspace(min(ENDS, seconds / 4.0), seconds, TIMES) * FPS, stored.count - 1)
    low = at.astype(np.int64)
    both = unpack(stored.reader.take(stored.first + np.concatenate([low, np.minimum(low + 1, stored.count - 1)])))
    share = (at - low)[:, None, None]
    joints = both[:TIMES] * (1.0 - share) + both[TIMES:] * share
    legs = np.linalg.norm(joints[:, _TO[:4]] - joints[:, _FROM[:4]], axis=-1).sum(axis=1)
    path = (joints[:, _LEFT_HIP] + joints[:, _RIGHT_HIP]) / max(float(np.median(legs)), 1e-6)
    return Figure(_facing(joints), path - path.mean(axis=0))


def _facing(joints: Floats) -> Floats:
    """(n, 9, 3) unit vectors along the limbs' bones and the trunk of (n, 22, 3), each body facing +Z."""
    hips, shoulders = joints[:, _LEFT_HIP] + joints[:, _RIGHT_HIP], joints[:, _LEFT_SHOULDER] + joints[:, _RIGHT_SHOULDER]
    bones = np.concatenate([joints[:, _TO] - joints[:, _FROM], (shoulders - hips)[:, None]], axis=1)
    bones /= np.maximum(np.linalg.norm(bones, axis=-1, keepdims=True), 1e-9)
    across = joints[:, _LEFT_HIP] - joints[:, _RIGHT_HIP] + joints[:, _LEFT_SHOULDER] - joints[:, _RIGHT_SHOULDER]
    width = np.maximum(np.hypot(across[:, 0], across[:, 2]), 1e-9)
    cos, sin = (across[:, 0] / width)[:, None], (-across[:, 2] / width)[:, None]
    x, y, z = np.moveaxis(bones, -1, 0)
    return np.stack([cos * x - sin * z, y, sin * x + cos * z], axis=-1)


def apart(one: Figure, other: Figure) -> float:
    """Mean distance of the directions of the bones."""
    return _length(one.bones - other.bones)


def paths_apart(one: Figure, other: Figure) -> float:
    """Mean distance of the paths, in legs, once one of them is turned about the vertical to meet the other best."""
    mine, theirs = (figure.path[:, 0] + 1j * figure.path[:, 2] for figure in (one, other))
    turn = np.vdot(theirs, mine)
    turn = turn / abs(turn) if abs(turn) > 1e-12 else 1.0
    return float(np.hypot(np.abs(mine - turn * theirs), one.path[:, 1] - other.path[:, 1]).mean())


def _length(vectors: Floats) -> float:
    """The mean length of vectors (..., 3)."""
    return float(np.linalg.norm(vectors, axis=-1).mean())
