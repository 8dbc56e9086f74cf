# SPDX-License-Identifier: GPL-3.0-or-later
"""Metres and Y up for files that state neither: both are found from the body in them."""

from dataclasses import replace

import numpy as np

from ...errors import SkeletonProblem
from .. import humanoid, quaternion
from ..clip import Clip
from ..quaternion import Array
from ..tree import Tree

UNITS: tuple[tuple[str, float, float, float], ...] = (
    ("metre", 1.0, 0.45, 1.3),
    ("centimetre", 0.01, 0.45, 1.3),
    ("millimetre", 0.001, 0.45, 1.3),
    ("inch", 0.0254, 0.6, 1.1),
    ("CMU unit", 0.0254 / 0.45, 0.6, 1.1),
    ("foot", 0.3048, 0.6, 1.1),
    ("decimetre", 0.1, 0.6, 1.1),
)
"""Name, metres, and the shortest and longest leg (hip to ankle, metres) with which it is believed.

The first that fits is taken: metric units are by far the most common, so children and giants are theirs.
CMU's skeletons are in inches divided by 0.45.
"""

LEG = 0.82
"""Where no unit fits, the body is scaled to legs of this length, an adult's."""

BELIEVED = (0.2, 4.0)
"""Metres of leg that are believed of a file which states its unit: from a toddler to a giant."""

_PLAIN_REACH = (1.0, 3.0)
"""Metres of a skeleton's longest way down with which a stated unit is believed without looking for a body.

An adult's is about 1.4 (hips to fingers), 2.3 from a root on the floor, so a body with legs outside `BELIEVED` is far
outside of this. No skeleton of anything is a hundred times as large: its centimetres are called metres.
"""

_NO_BODY_IN_METRES = 20.0
_UPRIGHT = 0.85


def standing(clip: Clip) -> Clip:
    """The clip in metres and Y up.

    Without a human body in it, Y is taken to be up, and the unit to be the metre, or the centimetre where the
    skeleton would reach farther than 20 metres.
    """
    poses = humanoid.poses(clip)
    try:
        joints = humanoid.recognise(clip, poses).joints
    except SkeletonProblem:
        reach = max(Tree(clip.skeleton, clip.skeleton.rest_globals()[1][None]).below)
        return scaled(clip, 1.0 if reach <= _NO_BODY_IN_METRES else 0.01)
    leg = _leg(poses, joints)
    clip = scaled(clip, unit(leg))
    return turned(clip, _up(clip, poses, joints, leg))


def plausible(clip: Clip) -> Clip:
    """The clip of a file that states its unit, scaled only where the stated unit can't be true.

    Tools that write a body in centimetres and call them metres are common, people ten metres tall are not.
    """
    reach = _reach(clip)
    for factor in (1.0, 0.01):
        if _PLAIN_REACH[0] <= reach * factor <= _PLAIN_REACH[1]:
            return scaled(clip, factor)
    poses = humanoid.poses(clip)
    try:
        joints = humanoid.recognise(clip, poses).joints
    except SkeletonProblem:
        return clip
    leg = _leg(poses, joints)
    shortest, longest = BELIEVED
    return clip if shortest <= leg <= longest else scaled(clip, unit(leg))


def _reach(clip: Clip) -> float:
    """Length of the longest way down from a root, by the rest pose."""
    ways = np.linalg.norm(clip.skeleton.offsets, axis=-1).tolist()
    for joint, parent in enumerate(clip.skeleton.parents.tolist()):
        ways[joint] = ways[joint] + ways[parent] if parent >= 0 else 0.0
    return max(ways)


def unit(leg: float) -> float:
    """Metres in the unit of a body whose leg has this length."""
    for _, metres, shortest, longest in UNITS:
        if shortest <= leg * metres <= longest:
            return metres
    return LEG / leg


def scaled(clip: Clip, factor: float) -> Clip:
    """The clip with all lengths multiplied."""
    if factor == 1.0:
        return clip
    skeleton = replace(clip.skeleton, offsets=clip.skeleton.offsets * factor)
    return replace(clip, skeleton=skeleton, translations=clip.translations * factor)


def turned(clip: Clip, up: Array) -> Clip:
    """The clip turned so that its direction `up` (3,) is Y."""
    if up[1] == 1.0:
        return clip
    turn = quaternion.between(up, np.array([0.0, 1.0, 0.0]))
    roots = clip.skeleton.parents < 0
    skeleton, rotations, translations = clip.skeleton, clip.rotations.copy(), clip.translations.copy()
    rotations[:, roots] = quaternion.multiply(turn, rotations[:, roots])
    translations[:, roots] = quaternion.rotate(turn, translations[:, roots])
    offsets, rest = skeleton.offsets.copy(), skeleton.rest.copy()
    offsets[roots] = quaternion.rotate(turn, offsets[roots])
    rest[roots] = quaternion.multiply(turn, rest[roots])
    return replace(clip, skeleton=replace(skeleton, offsets=offsets, rest=rest), rotations=rotations, translations=translations)


def _leg(x: Array, joints: dict[str, int]) -> float:
    """Length from hip to ankle, the mean of both legs; x: (poses, joints, 3)."""
    total = 0.0
    for side in ("left", "right"):
        hip, knee, ankle = (x[:, joints[f"{side}_{part}"]] for part in ("hip", "knee", "ankle"))
        total += float(np.median(np.linalg.norm(knee - hip, axis=-1) + np.linalg.norm(ankle - knee, axis=-1)))
    return total / 2.0


def _up(clip: Clip, poses: Array, joints: dict[str, int], leg: float) -> Array:
    """The axis, with its sign, that is up: Y unless the body clearly says otherwise.

    A body that is upright along another axis over most of the take is believed where the rest pose stands along it,
    too, or where the feet are at zero on it; not where the body lies on a floor at zero height. Where the take shows
    no axis (someone crawls), the rest pose decides if it looks like a standing body.
    """
    y_up = np.array([0.0, 1.0, 0.0])
    seen = _axis_of(poses, joints)
    if seen is not None and seen[1] > 0.0:
        return seen
    still = clip.skeleton.rest_globals()[1][None]
    rest = _axis_of(still, joints) if _is_standing(still, joints) else None
    if seen is None:
        return y_up if rest is None else rest
    if rest is not None and np.array_equal(rest, seen):
        return seen
    body = poses[:, list(joints.values())]
    feet = np.minimum(poses[:, joints["left_ankle"]] @ seen, poses[:, joints["right_ankle"]] @ seen)
    on_other_floor = np.median(np.abs(body[..., 1].min(axis=1))) < 0.08 * leg
    return seen if np.median(np.abs(feet)) < 0.25 * leg and not on_other_floor else y_up


def _back(x: Array, joints: dict[str, int]) -> tuple[Array, Array]:
    """From the ankles to the hips, and from the hips to the shoulders, (poses, 3) each."""
    ankles, hips, shoulders = (
        (x[:, joints[f"left_{part}"]] + x[:, joints[f"right_{part}"]]) / 2.0 for part in ("ankle", "hip", "shoulder")
    )
    return hips - ankles, shoulders - hips


def _axis_of(x: Array, joints: dict[str, int]) -> Array | None:
    """The axis along which the body mostly extends from feet to shoulders, or None."""
    legs, back = _back(x, joints)
    up = np.mean(legs + back, axis=0)
    up /= max(float(np.mean(np.linalg.norm(legs, axis=-1) + np.linalg.norm(back, axis=-1))), 1e-12)
    best = int(np.argmax(np.abs(up)))
    return np.sign(up[best]) * np.eye(3)[best] if abs(up[best]) > _UPRIGHT else None


def _is_standing(x: Array, joints: dict[str, int]) -> bool:
    """Whether a rest pose looks like a body: shoulders and hips apart, square to an upright back."""
    legs, back = _back(x, joints)
    up = (legs + back)[0]
    across = [x[0, joints[f"left_{part}"]] - x[0, joints[f"right_{part}"]] for part in ("hip", "shoulder", "ankle")]
    lengths = np.linalg.norm(across, axis=-1)
    square = np.abs(across @ up) < 0.3 * np.maximum(lengths, 1e-12) * np.linalg.norm(up)
    return bool(np.all(square) and np.all(lengths[:2] > 0.08 * np.linalg.norm(up)))
