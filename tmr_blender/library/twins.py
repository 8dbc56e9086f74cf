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

Floats = NDArray[np.float64]
Stored = NDArray[Any]
Alike = Literal["same", "mirrored"]

TIMES = 16
"""Poses that are compared, evenly spaced from the beginning to the end of the shorter take."""
DURATION, ENDS = 0.02, 0.1
"""Twins differ in duration by this share of the longer at most, or by these seconds: exporters cut ends."""
APART = 0.1
"""Greatest mean distance of the directions (the length of the difference of unit vectors). Another skeleton holds its limbs
otherwise all the time; how they move tells more, and may differ less:"""
SHARE, LITTLE, OF_LITTLE = 0.12, 0.03, 0.25
"""Greatest mean distance of the directions less their means over time: this share of how far they move, or if that is more this
distance, but no more than the other share."""
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


def alike(one: Stored, other: Stored) -> Alike | None:
    """How two takes, (n,) of `poses.POSE` each, are twins; None where they are not, or one has no poses."""
    if not len(one) or not len(other) or not lasting(len(one) / FPS, len(other) / FPS):
        return None
    seconds = (min(len(one), len(other)) - 1) / FPS
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


def figure(stored: Stored, seconds: float) -> Figure:
    """Of (n,) of `poses.POSE`, at times up to `seconds`; not from 0, because many files begin with a bind pose."""
    at = np.minimum(np.linspace(min(ENDS, seconds / 4.0), seconds, TIMES) * FPS, len(stored) - 1)
    low = at.astype(np.int64)
    both = unpack(stored[np.concatenate([low, np.minimum(low + 1, len(stored) - 1)])])
    share = (at - low)[:, None, None]
    joints = both[:TIMES] * (1.0 - share) + both[TIMES:] * share
    hips, shoulders = joints[:, _LEFT_HIP] + joints[:, _RIGHT_HIP], joints[:, _LEFT_SHOULDER] + joints[:, _RIGHT_SHOULDER]
    bones = np.concatenate([joints[:, _TO] - joints[:, _FROM], (shoulders - hips)[:, None]], axis=1)
    lengths = np.maximum(np.linalg.norm(bones, axis=-1, keepdims=True), 1e-9)
    leg = float(np.median(lengths[:, :4].sum(axis=1))) / 2.0
    across = joints[:, _LEFT_HIP] - joints[:, _RIGHT_HIP] + joints[:, _LEFT_SHOULDER] - joints[:, _RIGHT_SHOULDER]
    width = np.maximum(np.hypot(across[:, 0], across[:, 2]), 1e-9)
    cos, sin = (across[:, 0] / width)[:, None], (-across[:, 2] / width)[:, None]
    x, y, z = np.moveaxis(bones / lengths, -1, 0)
    path = hips / (2.0 * leg)
    return Figure(np.stack([cos * x - sin * z, y, sin * x + cos * z], axis=-1), path - path.mean(axis=0))


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
