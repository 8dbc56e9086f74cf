# SPDX-License-Identifier: GPL-3.0-or-later
"""Twist bones: the roll of a limb's segment shared out along it, so that skin doesn't wring like a candy wrapper.

A turn splits into a swing, which moves the bone's direction, and a twist about it (Dobrowolski, "Swing-twist
decomposition in Clifford algebra", 2015, arXiv 1506.05481). Upper arms and thighs twist against what carries them: their
skin follows that at the start of the segment and the bone at its end. Forearms and shins have to follow the twist of the
hand or foot towards their end.

Twist bones beside the limb's bone each take the share of their place along the segment. Where they lie in line, and carry
the rest of the limb, the segment's first bone bends and the last one twists; what is carried makes up for them (`keying`).
"""

from collections.abc import Mapping

import numpy as np

from ..motion import quaternion
from ..motion.quaternion import Array
from . import rest
from .rig import Rig
from .roles import RigMap, ancestors
from .target import Target

UPPER = ("shoulder", "hip")
# Cosine of half the swing: between these the twist fades out, as it means nothing for a bone swung right round.
ROUND, FAR = 0.08, 0.3


def goals(rig: Rig, rig_map: RigMap, goal: Target, turns: Mapping[str, Array]) -> dict[int, Array]:
    """bone -> (frames, 4) turn from rest in the armature's space, for twist bones and the segments that they continue.

    turns: role -> (frames, 4), as in `target.Motion`. Bones that can't be turned, or that the rig itself turns, are left out.
    """
    out: dict[int, Array] = {}
    for segment, names in rig_map.twists.items():
        bones = [rig.index(name) for name in names if name in rig.names and name not in rig.driven]
        if bones and segment in turns and segment in goal.bones:
            out.update(_segment(rig, goal, turns, segment, bones))
    return {bone: turn for bone, turn in out.items() if not rig.rotation_locks[bone].all()}


def _segment(rig: Rig, goal: Target, turns: Mapping[str, Array], segment: str, bones: list[int]) -> dict[int, Array]:
    """The turns of one segment's bones."""
    end = rest.NEXT[segment]
    way = goal.heads[end] - goal.heads[segment]
    length = float(np.linalg.norm(way))
    upper = segment.endswith(UPPER)
    other = _carrier(goal, turns, segment) if upper else end
    if other not in turns or length < 1e-9:
        return {}
    axis = way / length
    against = quaternion.multiply(quaternion.inverse(turns[segment]), turns[other])
    # Told in the segment's own rest: by how much what carries it, or what it carries, is twisted against it.
    angle = twist(against, axis)
    in_line = end in goal.bones and all(bone in ancestors(rig, goal.bones[end]) for bone in bones)
    if in_line:
        shares = {bone: (i + 1) / len(bones) for i, bone in enumerate(bones)}
        shares[goal.bones[segment]] = 0.0
    else:
        along = {bone: float((rig.rest[bone, :3, 3] - goal.heads[segment]) @ axis) / length for bone in bones}
        shares = {bone: float(np.clip(share, 0.0, 1.0)) for bone, share in along.items()}
    axes = np.broadcast_to(axis, (len(angle), 3))
    out = {
        bone: quaternion.multiply(turns[segment], quaternion.from_axis_angle(axes, angle * (1.0 - share if upper else share)))
        for bone, share in shares.items()
    }
    return (
        _pointed(rig, goal, out, [goal.bones[segment], *bones], end, quaternion.rotate(turns[segment], axes))
        if in_line
        else out
    )


def _pointed(rig: Rig, goal: Target, turns: dict[int, Array], chain: list[int], end: str, way: Array) -> dict[int, Array]:
    """The bones of a chain turned as a whole, so that it ends where it should: they are never quite in line."""
    places = [*rig.rest[chain, :3, 3], goal.heads[end]]
    now = sum(
        quaternion.rotate(turns[bone], np.broadcast_to(after - before, way.shape))
        for bone, before, after in zip(chain, places, places[1:], strict=False)
    )
    swing = quaternion.between(np.asarray(now), way)
    return {bone: quaternion.multiply(swing, turn) for bone, turn in turns.items()}


def _carrier(goal: Target, turns: Mapping[str, Array], segment: str) -> str:
    """The role whose turn carries a segment."""
    below = rest.hierarchy(goal.bones)
    role = below[segment]
    while role is not None and role not in turns:
        role = below[role]
    return role or ""


def twist(turns: Array, axis: Array) -> Array:
    """The angle (frames,) by which turns (frames, 4) twist about a unit axis (3,), radians; continuous over frames."""
    along = turns[:, 1:] @ axis
    angle = np.unwrap(2.0 * np.arctan2(along, turns[:, 0]), period=2.0 * np.pi)
    # Of the angles that mean the same, those nearest to none.
    angle = angle - 2.0 * np.pi * np.round(np.median(angle) / (2.0 * np.pi))
    share = np.clip((np.hypot(along, turns[:, 0]) - ROUND) / (FAR - ROUND), 0.0, 1.0)
    out: Array = angle * share * share * (3.0 - 2.0 * share)
    return out
