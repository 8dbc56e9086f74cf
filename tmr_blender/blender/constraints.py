# SPDX-License-Identifier: GPL-3.0-or-later
"""The inverse kinematics on an armature: which constraints bend its limbs, and by what they are moved."""

from collections.abc import Iterator
from dataclasses import dataclass

import bpy
import numpy as np

from ..errors import SkeletonProblem
from ..motion.quaternion import Array
from ..retarget import rest, roles
from ..retarget.rig import Chain, Rig
from ..retarget.roles import RigMap
from ..retarget.target import Target, target

# A chain bends a limb if its joints lie within this share of the limb's length of the limb's own.
NEAR = 0.1


@dataclass(frozen=True)
class _Found:
    """An IK constraint, and the bones that it bends: the last one first."""

    bone: bpy.types.PoseBone
    constraint: bpy.types.Constraint
    bends: list[bpy.types.PoseBone]

    @property
    def tip(self) -> Array:
        """(3,) at rest."""
        end = self.bone.bone.tail_local if self.constraint.use_tail else self.bone.bone.head_local
        return np.array(end, np.float64)


def chains(object: bpy.types.Object, rig: Rig, rig_map: RigMap) -> tuple[Chain, ...]:
    """The chains that end in a keyed bone, and those that lie along a limb beside it; one for each bone.

    A constraint that is switched off for good (muted or without influence, and no driver on it) counts for nothing.
    Raises SkeletonProblem where a keyed bone is bent by something that no bone of the rig moves: a target that is another
    object, or a curve.
    """
    goal = target(rig, rig_map)
    tree = rest.hierarchy(goal.bones)
    keyed = {name for role, name in rig_map.bones.items() if role in tree}
    wanted = {control.pole for control in rig_map.controls.values()}
    body = _carrying(rig, rig_map)
    best: dict[str, tuple[int, Chain]] = {}
    for found in _constraints(object, keyed):
        if found.bone.name not in keyed and not _along_a_limb(goal, found):
            continue
        chain = _chain(object, body, found)
        # Where a bone has one with a pole and one without, it is the map's, or the pole's.
        rank = 2 if chain.pole in wanted else 1 if chain.pole else 0
        if found.bone.name not in best or rank > best[found.bone.name][0]:
            best[found.bone.name] = rank, chain
    return tuple(chain for _, chain in best.values())


def _constraints(object: bpy.types.Object, keyed: set[str]) -> Iterator[_Found]:
    """All IK constraints that are or may be on and have a bone of this rig as their target."""
    drivers = [driver.data_path for driver in object.animation_data.drivers] if object.animation_data else []
    for bone in object.pose.bones:
        for constraint in bone.constraints:
            if constraint.type not in {"IK", "SPLINE_IK"}:
                continue
            path = constraint.path_from_id()
            driven = any(driver.startswith(path + ".") for driver in drivers)
            if (constraint.mute or constraint.influence <= 0.0) and not driven:
                continue
            if constraint.type == "IK" and constraint.target == object and constraint.subtarget in object.pose.bones:
                yield _Found(bone, constraint, _bends(bone, constraint))
            elif bone.name in keyed and not constraint.mute and constraint.influence > 0.0:
                raise SkeletonProblem(_outside(object, bone, constraint))


def _outside(object: bpy.types.Object, bone: bpy.types.PoseBone, constraint: bpy.types.Constraint) -> str:
    """What is to be done about a constraint that no key on a bone can move."""
    what = f"“{bone.name}” of “{object.name}” follows"
    if constraint.type == "SPLINE_IK":
        return f"{what} a curve (Spline IK), so that keys on it wouldn't show: mute the constraint “{constraint.name}”."
    goal = f"“{constraint.target.name}”" if constraint.target else "nothing"
    return f"{what} {goal}, which is no bone of the rig: mute the constraint “{constraint.name}”, or make its target a bone."


def _bends(bone: bpy.types.PoseBone, constraint: bpy.types.Constraint) -> list[bpy.types.PoseBone]:
    """The bones of the chain, the last one first."""
    out = [bone, *bone.parent_recursive]
    if not constraint.use_tail:
        out = out[1:]
    return out[: constraint.chain_count] if constraint.chain_count else out


def _along_a_limb(goal: Target, found: _Found) -> bool:
    """Whether the chain is as long as an arm or a leg and lies where that does."""
    if len(found.bends) < 2:
        return False
    places = [np.array(found.bends[-1].bone.head_local), np.array(found.bends[-1].bone.tail_local), found.tip]
    for limb in rest.LIMBS:
        joints = [goal.heads[role] for role in limb]
        length = float(np.linalg.norm(joints[1] - joints[0]) + np.linalg.norm(joints[2] - joints[1]))
        if all(np.linalg.norm(a - b) < NEAR * length for a, b in zip(joints, places, strict=True)):
            return True
    return False


def _chain(object: bpy.types.Object, body: set[str], found: _Found) -> Chain:
    constraint = found.constraint
    has_pole = constraint.pole_target == object and constraint.pole_subtarget in object.pose.bones
    root = found.bends[-1] if found.bends else found.bone
    # What Blender turns towards the pole: the root's X axis, turned by the pole's angle.
    axes = np.array(root.bone.matrix_local, np.float64)[:3, :3]
    angle = constraint.pole_angle
    return Chain(
        bone=found.bone.name,
        root=root.name,
        tip=found.tip,
        target=constraint.subtarget,
        control=_control(object, body, constraint.subtarget),
        pole=constraint.pole_subtarget if has_pole else "",
        axis=np.cos(angle) * axes[:, 0] + np.sin(angle) * axes[:, 2],
    )


def _carrying(rig: Rig, rig_map: RigMap) -> set[str]:
    """The keyed bones and those above them."""
    out: set[str] = set()
    for name in rig_map.bones.values():
        if name not in out:
            out.update(rig.names[bone] for bone in (rig.index(name), *roles.ancestors(rig, rig.index(name))))
    return out


def _control(object: bpy.types.Object, body: set[str], name: str) -> str:
    """The bone that an animator takes to move a target: the highest above it that moves nothing of the body.

    Bones with constraints of their own are part of the mechanism.
    """
    out, above = name, object.pose.bones[name]
    while above is not None and above.name not in body:
        if not len(above.constraints):
            out = above.name
        above = above.parent
    return out


def bent(object: bpy.types.Object, chain: Chain) -> tuple[Array, Array, Array, Array]:
    """Where, as posed now, a chain begins, its first bone ends, its tip is, and its pole; (3,) each in the armature's space."""
    bones = object.pose.bones
    last = bones[chain.bone]
    moved = np.array(last.matrix, np.float64) @ np.linalg.inv(np.array(last.bone.matrix_local, np.float64))
    tip = moved[:3, :3] @ chain.tip + moved[:3, 3]
    root, corner, pole = (
        np.array(place, np.float64) for place in (bones[chain.root].head, bones[chain.root].tail, bones[chain.pole].head)
    )
    return root, corner, tip, pole
