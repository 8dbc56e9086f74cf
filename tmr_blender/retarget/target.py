# SPDX-License-Identifier: GPL-3.0-or-later
"""A rig seen as a standing body, and the way back from a body's motion to the rig's own space."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..errors import SkeletonProblem
from ..motion import quaternion
from ..motion.quaternion import Array
from . import rest
from .rest import Stance
from .rig import Rig
from .roles import RigMap

# Cosine of the most that the last joint of a finger is bent at rest.
STRAIGHT_ON = 0.6


@dataclass(frozen=True)
class Target:
    """The rig at rest, in the armature's space and as a stance.

    heads: role -> (3,) joint at rest in the armature's space; the end of a limb without a bone of its own is its
        last bone's tail.
    bones: role -> bone index.
    stretch: (3, 3) symmetric: the object's scale along the armature's axes, so that an uneven one is allowed for. The
        object's turn is left out: it turns the motion together with the rig.
    turn: (4,) from the stretched armature to the stance's space (Y up, facing +Z).
    stance: the rig standing.
    crown: metres from the head's joint to the top of what hangs on it; 0 without a head.
    """

    heads: Mapping[str, Array]
    bones: Mapping[str, int]
    stretch: Array
    turn: Array
    stance: Stance
    crown: float = 0.0

    def to_armature(self, vectors: Array) -> Array:
        """Vectors or points (..., 3) of the stance's space in the armature's."""
        return quaternion.rotate(quaternion.inverse(self.turn), vectors) @ np.linalg.inv(self.stretch)

    def turn_to_armature(self, rotations: Array) -> Array:
        """Rotations (..., 4) of the stance's space in the armature's; exact where the scale is even."""
        return quaternion.multiply(quaternion.multiply(quaternion.inverse(self.turn), rotations), self.turn)

    def turn_to_stance(self, rotations: Array) -> Array:
        """Rotations (..., 4) of the armature's space in the stance's; exact where the scale is even."""
        return quaternion.multiply(quaternion.multiply(self.turn, rotations), quaternion.inverse(self.turn))


@dataclass(frozen=True)
class Way:
    """The way of a body over the ground, in the stance's space, and what receives it.

    carrier: the rig's root bone, or its object.
    places: (frames, 3) where the point on the floor below the hips at rest goes; the height is 0.
    heading: (frames,) radians about Y from +Z, unwrapped.
    """

    carrier: Literal["bone", "object"]
    places: Array
    heading: Array


@dataclass(frozen=True)
class Motion:
    """What the body of a rig does.

    turns: role -> (frames, 4) turn of the bone from rest, in the armature's space.
    hips: (frames, 3) where the point between the hip joints is, in the stance's space.
    way: the part of it that is not for the hips' own bone (`root.chosen`); turns and hips tell where the body is in any case.
    """

    turns: Mapping[str, Array]
    hips: Array
    way: Way | None = None


def target(rig: Rig, rig_map: RigMap) -> Target:
    """The rig with its mapped bones. Raises SkeletonProblem where it lacks a limb or has no size."""
    rest.require(rig_map.bones, rig.name)
    order = {name: i for i, name in enumerate(rig.names)}
    bones = {role: order[name] for role, name in rig_map.bones.items()}
    heads = {role: rig.rest[i, :3, 3] for role, i in bones.items()}
    for before, after in (("elbow", "wrist"), ("knee", "ankle")):
        for side in ("left", "right"):
            if f"{side}_{after}" not in heads:
                heads[f"{side}_{after}"] = _tail(rig, bones[f"{side}_{before}"])
    heads.update(_tips(rig, bones))
    stretch = _stretch(rig)
    rows = np.stack(list(heads.values())) @ stretch
    up = _turn_up(dict(zip(heads, rows, strict=True)))
    heading = rest.facing(dict(zip(heads, quaternion.rotate(up, rows), strict=True)))
    turn = quaternion.multiply(rest.along_axis(heading), up)
    placed = dict(zip(heads, quaternion.rotate(turn, rows), strict=True))
    stance = Stance(placed, dict.fromkeys(placed, quaternion.IDENTITY))
    if stance.leg < 1e-6:
        raise SkeletonProblem(f"The legs of “{rig.name}” have no length: its scale or its rest pose is broken.")
    return Target(heads, bones, stretch, turn, stance, _crown(rig, bones, quaternion.to_matrix(turn)[1] @ stretch))


def _crown(rig: Rig, bones: Mapping[str, int], up: Array) -> float:
    """How far up the head's bone and those on it reach from its joint, metres. up: (3,) in the armature's space."""
    if "head" not in bones:
        return 0.0
    head = bones["head"]
    on = [head]
    for bone, parent in enumerate(rig.parents.tolist()):
        if parent in on:
            on.append(bone)
    ends = np.concatenate([rig.rest[on, :3, 3], _tail(rig, head)[None]])
    return float(((ends - rig.rest[head, :3, 3]) @ up).max())


def _tail(rig: Rig, bone: int) -> Array:
    return rig.rest[bone, :3, 3] + rig.rest[bone, :3, 1] * rig.lengths[bone]


def _tips(rig: Rig, bones: Mapping[str, int]) -> dict[str, Array]:
    """Where the fingers of a rig end: at a bone on the last one, or at its tail if that goes on the way the finger goes."""
    out: dict[str, Array] = {}
    for tip in rest.TIPS:
        last, before = bones.get(f"{tip[:-1]}3"), bones.get(f"{tip[:-1]}2")
        if last is None or before is None:
            continue
        here = rig.rest[last, :3, 3]
        ends = [*rig.rest[np.flatnonzero(rig.parents == last), :3, 3], _tail(rig, last)]
        way = here - rig.rest[before, :3, 3]
        on = [end for end in ends if (end - here) @ way > STRAIGHT_ON * np.linalg.norm(end - here) * np.linalg.norm(way)]
        out.update({tip: on[0]} if on else {})
    return out


def rigid(matrices: Array) -> Array:
    """The nearest rotations of (..., 3, 3) matrices: rounding, scale and shear left out."""
    u, _, v = np.linalg.svd(matrices)
    out: Array = np.matmul(u, v)
    return out


def _stretch(rig: Rig) -> Array:
    """The symmetric factor of the polar decomposition of the object's matrix."""
    _, scales, v = np.linalg.svd(rig.world[:3, :3])
    if scales[-1] < 1e-9:
        raise SkeletonProblem(f"“{rig.name}” is scaled to nothing along an axis: give the object a scale first.")
    out: Array = np.matmul(v.T * scales, v)
    return out


def _turn_up(positions: Mapping[str, Array]) -> Array:
    """The turn that brings the armature's axis nearest to the body's up onto +Y."""
    ankles = (positions["left_ankle"] + positions["right_ankle"]) / 2
    top = positions.get("head", (positions["left_shoulder"] + positions["right_shoulder"]) / 2)
    body = top - ankles
    axis = int(np.argmax(np.abs(body)))
    return quaternion.between(np.eye(3)[axis] * np.sign(body[axis]), rest.UP)
