# SPDX-License-Identifier: GPL-3.0-or-later
"""Recognising a human body in any skeleton, and bringing it to the 22 joints of `body.JOINTS`.

Conventions place pelvis, spines and collars so differently that one performance written by two of them would look
like two bodies. So these joints are always laid out by the same rules, those of CMU's skeletons, on which the motion
encoder is trained (see `filled` and `body_positions`). Measured on takes that come as joint positions and as files of a
second convention; the tests state the agreement that is asked for.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ..errors import SkeletonProblem
from . import body, limbs, names, quaternion, trunk
from .clip import Clip
from .quaternion import Array
from .skeleton import Skeleton, places
from .tree import Tree

POSES = 8
"""Frames of a clip that are looked at, spread over its length."""

LEAST_SCORE = 0.3
"""Below this no body is recognised: see `BodyMap.score`."""


@dataclass(frozen=True)
class BodyMap:
    """Which joint of a skeleton plays which role.

    joints: role (of `body.JOINTS` and `body.FINGERS`) -> joint index. Limbs are always there: pelvis, hips, knees,
    ankles, shoulders, elbows, wrists; spines, neck, head, collars, feet and fingers where the skeleton has them.
    score: 0..1, how well names and shape fit a human.
    convention: of the names, where it is a known one ("Mixamo", "CMU", ...), else empty.
    """

    joints: dict[str, int]
    score: float
    convention: str


def recognise(source: Clip | Skeleton, positions: Array | None = None) -> BodyMap:
    """The human body in a skeleton, by the names of its joints and the shape of its hierarchy.

    positions: (poses, joints, 3) to judge the shape by; by default some frames of a clip, or the rest pose of a
    bare skeleton. Raises SkeletonProblem where no limbs can be told.
    """
    skeleton = source.skeleton if isinstance(source, Clip) else source
    if positions is None:
        positions = poses(source) if isinstance(source, Clip) else skeleton.rest_globals()[1][None]
    tree = Tree(skeleton, positions)
    readings = [names.read_name(name) for name in skeleton.names]
    found = limbs.find(tree, readings) if skeleton.count > 1 else None
    score = 0.0 if found is None else _score(found.score)
    if found is None or score < LEAST_SCORE:
        raise SkeletonProblem(
            f"No human body can be recognised in the {skeleton.count} joints under {skeleton.names[0][:60]!r}: "
            "two legs and two arms are needed, each of three joints."
        )
    return BodyMap(_roles(tree, readings, found), score, names.convention(skeleton.names))


def _score(total: float) -> float:
    """From the sum of `limbs` to 0..1."""
    return float(1.0 / (1.0 + np.exp(-(total + 20.0) / 5.0)))


def _roles(tree: Tree, readings: list[names.Reading], found: limbs.Limbs) -> dict[str, int]:
    legs, arms = trunk.sided(tree, readings, found)
    pelvis = trunk.pelvis(tree, readings, found)
    roles = {"pelvis": pelvis, **trunk.spine(tree, readings, found.arms_from, pelvis)}
    roles |= trunk.neck_and_head(tree, readings, found)
    for side, leg, arm in zip(("left", "right"), legs, arms, strict=True):
        roles |= trunk.leg_roles(tree, readings, leg, side) | trunk.arm_roles(tree, readings, arm, side)
        roles |= trunk.fingers(tree, readings, arm.joints[2], side)
    order = (*body.JOINTS, *body.FINGERS)
    return {role: roles[role] for role in order if role in roles}


def poses(clip: Clip) -> Array:
    """Joint positions in some frames, (poses, joints, 3)."""
    frames = np.unique(np.linspace(0, clip.frames - 1, POSES).astype(np.int64))
    return places(clip.skeleton.parents, clip.rotations[frames], clip.translations[frames])


# Where SMPL's spine joints lie on the way from the pelvis to the chest, its neck on the way from the chest to
# the head, and its collars on the way from the chest to the shoulders, measured on SMPL's mean body.
SPINE1, SPINE2, SPINE3 = 0.30, 0.68, 0.83
NECK = 0.60
COLLAR = 0.40

# Index in the 20 joints of a CMU take (see `from_cmu20`) of the joints that have a role of their own.
CMU20: dict[str, int] = {
    "pelvis": 0,
    "head": 2,
    "left_shoulder": 4,
    "left_elbow": 5,
    "left_wrist": 6,
    "right_shoulder": 8,
    "right_elbow": 9,
    "right_wrist": 10,
    "left_hip": 12,
    "left_knee": 13,
    "left_ankle": 14,
    "left_foot": 15,
    "right_hip": 16,
    "right_knee": 17,
    "right_ankle": 18,
    "right_foot": 19,
}
CMU20_CHEST = 1


def from_cmu20(joints: Array) -> Array:
    """The 22 joints of CMU takes stored as 20 joint positions.

    joints: (frames, 20, 3): hips, neck base, head, head top; shoulder, elbow, wrist and hand of the left arm, then
    of the right; hip, knee, ankle and toe of the left leg, then of the right. Any unit.
    Returns (frames, 22, 3) float64 in the same unit and space, joints of `body.JOINTS`.
    """
    joints = np.asarray(joints, dtype=np.float64)
    if joints.ndim != 3 or joints.shape[1:] != (20, 3):
        raise ValueError(f"expected (frames, 20, 3), got {joints.shape}")
    return filled({role: joints[:, i] for role, i in CMU20.items()}, joints[:, CMU20_CHEST])


def filled(known: dict[str, Array], chest: Array, spine: Array | float | None = None) -> Array:
    """All 22 joints from the limbs, the pelvis, the head and the chest.

    known: role -> (frames, 3) for every role but spines, neck and collars; chest: (frames, 3).
    spine: length from pelvis to chest by which the highest spine joint is placed below the chest; by default the
    real one. Skeletons with a short spine keep the direction of their collars that way.
    Returns (frames, 22, 3).
    """
    out = np.empty((len(chest), len(body.JOINTS), 3))
    pelvis, head = known["pelvis"], known["head"]
    along = chest - pelvis
    drop = 1.0 - SPINE3
    if spine is not None:
        drop = drop * spine / np.maximum(np.linalg.norm(along, axis=-1, keepdims=True), 1e-9)
    made = {
        "spine1": pelvis + SPINE1 * along,
        "spine2": pelvis + SPINE2 * along,
        "spine3": chest - drop * along,
        "neck": chest + NECK * (head - chest),
        "left_collar": chest + COLLAR * (known["left_shoulder"] - chest),
        "right_collar": chest + COLLAR * (known["right_shoulder"] - chest),
    }
    for i, role in enumerate(body.JOINTS):
        out[:, i] = made[role] if role in made else known[role]
    return out


# Of CMU's bodies, means of the upright frames of the takes in `from_cmu20`, in leg lengths (hip to ankle):
HEAD_HEIGHT = 0.15
"""Base of the skull over the line of the shoulders."""
CHEST_HEIGHT = -0.079
"""Chest over the line of the shoulders."""
PELVIS_HEIGHT, PELVIS_BEHIND = 0.12, 0.044
"""Pelvis over and behind the middle of the hips, where up is the way to the chest."""
PELVIS_SLACK = 0.04
"""A pelvis this near to where CMU's is stays where it is."""
SPINE = 0.41
"""Pelvis to chest."""


def body_positions(clip: Clip, body_map: BodyMap | None = None) -> Array:
    """The 22 joints of a clip, (frames, 22, 3), metres, Y up, in the order of `body.JOINTS`.

    Hips, knees, ankles, feet, shoulders, elbows, wrists and the head (base of the skull) are the skeleton's own. The
    pelvis is put where CMU's bodies have it, as a rigid part of the skeleton's (`_pelvis`); chest and neck keep to
    the skeleton's spine (`_chest`); spines and collars are laid out by `filled`. A missing ball of the foot is taken
    to lie before the ankle, a missing head above the shoulders. Raises SkeletonProblem without a body_map.
    """
    joints = (body_map or recognise(clip)).joints
    turns, x = clip.globals()
    known = {role: x[:, i] for role, i in joints.items() if role in body.INDEX}
    leg = _length(known, "left_hip", "left_knee", "left_ankle")
    middle = (known["left_shoulder"] + known["right_shoulder"]) / 2.0
    up = _unit(middle - (known["left_hip"] + known["right_hip"]) / 2.0)
    if "head" not in known:
        known["head"] = middle + HEAD_HEIGHT * leg * up
    chest = _chest(known, middle + CHEST_HEIGHT * leg * up, up)
    known["pelvis"] = _pelvis(known, turns[:, joints["pelvis"]], chest, leg)
    for side in ("left", "right"):
        if f"{side}_foot" not in known:
            known[f"{side}_foot"] = _ball(known, side)
    return filled(known, chest, SPINE * leg)


def _length(known: dict[str, Array], *roles: str) -> float:
    """Median length of the way through the roles."""
    steps = (np.linalg.norm(known[b] - known[a], axis=-1) for a, b in pairwise(roles))
    return max(float(np.median(np.sum(list(steps), axis=0))), 1e-9)


def _unit(v: Array) -> Array:
    return v / np.maximum(np.linalg.norm(v, axis=-1, keepdims=True), 1e-9)


def _chest(known: dict[str, Array], wanted: Array, up: Array) -> Array:
    """The point of the spine where a CMU skeleton's arms leave it, (frames, 3).

    Other conventions let the arms leave lower or higher. The point keeps a fixed share of the way from the joint
    that carries the arms to the base of the neck, so that it moves with the spine and not with the shoulders; the
    share is the one that brings it, over the whole clip, to the `wanted` height along `up`.
    """
    low, high = known.get("spine3", known["pelvis"]), known.get("neck", known["head"])
    span = float(np.mean(((high - low) * up).sum(axis=-1)))
    share = float(np.mean(((wanted - low) * up).sum(axis=-1))) / span if abs(span) > 1e-6 else 0.0
    return low + np.clip(share, 0.0, 1.0) * (high - low)


def _pelvis(known: dict[str, Array], turns: Array, chest: Array, leg: float) -> Array:
    """Where a CMU body has its pelvis, (frames, 3), as a rigid part of the pelvis joint, turned by turns (frames, 4).

    Many conventions put the joint between the hips and not above them, which would turn the bones to the hips by up
    to half a right angle. The place in the joint's frame is the mean over the clip of the place over the hips.
    """
    hips = (known["left_hip"] + known["right_hip"]) / 2.0
    up = _unit(chest - hips)
    behind = -_unit(np.cross(known["left_hip"] - known["right_hip"], up))
    wanted = leg * (PELVIS_HEIGHT * up + PELVIS_BEHIND * behind)
    local = np.mean(quaternion.rotate(quaternion.inverse(turns), wanted), axis=0)
    own = np.mean(quaternion.rotate(quaternion.inverse(turns), known["pelvis"] - hips), axis=0)
    if float(np.linalg.norm(own - local)) < PELVIS_SLACK * leg:
        return known["pelvis"]
    return hips + quaternion.rotate(turns, np.broadcast_to(local, hips.shape))


def _ball(known: dict[str, Array], side: str) -> Array:
    """A ball of the foot where there is no joint for it: before the ankle, square to the shank and to the hips.

    The distances are those of SMPL's mean body at rest, relative to the shank.
    """
    ankle = known[f"{side}_ankle"]
    shank = ankle - known[f"{side}_knee"]
    forward = _unit(np.cross(known["left_hip"] - known["right_hip"], -shank))
    return ankle + 0.30 * np.linalg.norm(shank, axis=-1, keepdims=True) * forward + 0.12 * shank
