# SPDX-License-Identifier: GPL-3.0-or-later
"""Necks lead where the clip's leads, whatever bends within it.

A neck is told from the line from its base to the head. The first bone of a skeleton with several of them may bend far more
than that: CMU's bend forward at the lower joint and back at the upper one. A rig's neck of one bone that did as that first
one does would bow, and its head would look up from it.
"""

from itertools import pairwise

import numpy as np

from ..motion import quaternion
from ..motion.quaternion import Array
from . import rest
from .performance import Performance
from .target import Target


def deltas(performance: Performance, goal: Target) -> dict[str, Array]:
    """role -> (frames, 4) turn from the stance, for the rig's bones of the neck; none where the clip shows no neck.

    The line of the rig's neck swings as the clip's does, each from where it leads at rest: how far necks slope forward is a
    matter of build. Several bones share out the bend between what carries them and the head.
    """
    own = rest.chain(goal.bones, "neck")
    theirs = rest.chain(performance.deltas, "neck")
    if not own or not theirs or "head" not in performance.deltas:
        return {}
    whole = _whole(performance, theirs[0])
    if len(own) == 1 or "head" not in goal.bones:
        return dict.fromkeys(own, whole)
    below = performance.deltas[(rest.chain(performance.deltas, "spine") or ["pelvis"])[-1]]
    joints = [goal.stance.positions[role] for role in (*own, "head")]
    places = [float(np.linalg.norm(joint - joints[0])) for joint in joints]
    middles = [(a + b) / 2 / max(places[-1], 1e-9) for a, b in pairwise(places)]
    turns = [_shared(below, whole, performance.deltas["head"], middle) for middle in middles]
    ways = [b - a for a, b in pairwise(joints)]
    now = np.sum(
        [quaternion.rotate(turn, np.broadcast_to(v, (len(turn), 3))) for turn, v in zip(turns, ways, strict=True)], axis=0
    )
    wanted = quaternion.rotate(whole, np.broadcast_to(joints[-1] - joints[0], now.shape))
    swing = quaternion.between(now, wanted)
    return {role: quaternion.multiply(swing, turn) for role, turn in zip(own, turns, strict=True)}


def _whole(performance: Performance, first: str) -> Array:
    """(frames, 4) what the clip's neck does as a whole: twisted as its first bone is, and swung as the line of it."""
    turn, places, stance = performance.deltas[first], performance.positions, performance.stance.positions
    base = rest.NAPE if rest.NAPE in places else first
    at_rest = stance["head"] - stance[base]
    if np.linalg.norm(at_rest) < 1e-6:
        return turn
    way = places["head"] - places[base]
    return quaternion.multiply(quaternion.between(quaternion.rotate(turn, np.broadcast_to(at_rest, way.shape)), way), turn)


def _shared(below: Array, whole: Array, head: Array, share: float) -> Array:
    """(frames, 4) at a share of the way up a neck that goes over from what carries it to the head, and is itself half-way."""
    first, second, at = (below, whole, 2.0 * share) if share < 0.5 else (whole, head, 2.0 * share - 1.0)
    return quaternion.slerp(first, second, np.full(len(first), at))
