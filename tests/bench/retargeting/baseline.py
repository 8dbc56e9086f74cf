# SPDX-License-Identifier: GPL-3.0-or-later
"""What one does with Blender alone, as the add-ons for it do: import the take, constrain bone by bone, `nla.bake`.

Given the true bone map of both sides and the take in metres, a helper bone ("bind") is made in the take's armature for each
of the rig's bones: carried by the take's bone of that role, at rest turned as the rig's bone is. The rig's bones get Copy
Rotation from their helpers in world space, the travelling bone Copy Location from the take's hips, and `nla.bake` with visual
keying makes keys of it and clears the constraints. That is what Rokoko's and Expy Kit's retargeting amount to. It respects
bone roll, and does not know an A pose from a T pose.

"Matched by hand" is the most that a patient user gets out of the same: the take's rest pose is first posed so that every
limb points as the rig's does at rest, exactly, and the take's armature is scaled to the rig's legs.
"""

import importlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from .metrics import Array, Recording, unit
from .rigs import Subject
from .sampling import proper

ENDS: Mapping[str, tuple[str, ...]] = {
    "shoulder": ("elbow",),
    "elbow": ("wrist",),
    "hip": ("knee",),
    "knee": ("ankle",),
    "ankle": ("foot",),
    "collar": ("shoulder",),
}
"""Where a limb's part points to."""


def put(bpy: Any, source: Any, joints: Mapping[str, str], rig: Any, subject: Subject, match: bool) -> int:
    """Constrain and bake; how many bones were keyed. The scene's range is what is baked."""
    pairs = {role: (joints[role], bone) for role, bone in both(joints, subject.keyed).items()}
    poses = matched(source, joints, rig, subject.keyed) if match else {}
    bind(bpy, source, rig, pairs, poses)
    for _, own in pairs.values():
        made = rig.pose.bones[own].constraints.new("COPY_ROTATION")
        made.target, made.subtarget = source, f"bind {own}"
    made = rig.pose.bones[subject.travel].constraints.new("COPY_LOCATION")
    made.target, made.subtarget = source, joints["pelvis"]
    _select(bpy, rig, {own for _, own in pairs.values()} | {subject.travel})
    scene = bpy.context.scene
    bpy.ops.nla.bake(
        frame_start=scene.frame_start,
        frame_end=scene.frame_end,
        visual_keying=True,
        clear_constraints=False,
        bake_types={"POSE"},
    )
    bpy.ops.object.mode_set(mode="OBJECT")
    # Its own way to clear them would take the rig's own ones, too.
    for own in {own for _, own in pairs.values()} | {subject.travel}:
        for constraint in list(rig.pose.bones[own].constraints):
            if getattr(constraint, "target", None) == source:
                rig.pose.bones[own].constraints.remove(constraint)
    return len(pairs)


def both(joints: Mapping[str, str], keyed: Mapping[str, str]) -> dict[str, str]:
    """The rig's bones whose roles the take's skeleton has; a neck and spines of other lengths are paired as far as they go."""
    return {role: bone for role, bone in keyed.items() if role in joints or (role == "neck1" and "neck" in joints)}


def named(joints: Mapping[str, str]) -> dict[str, str]:
    """The take's joints, its neck under both names."""
    return {**joints, **({"neck1": joints["neck"]} if "neck" in joints else {})}


def bind(bpy: Any, source: Any, rig: Any, pairs: Mapping[str, tuple[str, str]], poses: Mapping[str, Array]) -> None:
    """Give the take's armature its helper bones. poses: role -> (3, 3) turn of the take's part in the matched pose."""
    matrix = importlib.import_module("mathutils").Matrix  # there once bpy is
    bpy.context.view_layer.objects.active = source
    bpy.ops.object.mode_set(mode="EDIT")
    to_source = np.array(source.matrix_world.inverted(), np.float64)
    for role, (theirs, own) in pairs.items():
        made = source.data.edit_bones.new(f"bind {own}")
        made.tail = (0.0, 0.1, 0.0)
        rest = np.array(rig.matrix_world @ rig.data.bones[own].matrix_local, np.float64)
        turn = np.eye(4)
        # In the matched pose the helper is as the rig's bone; at rest it is turned back with the part.
        turn[:3, :3] = proper(to_source[:3, :3]) @ poses.get(role, np.eye(3)).T @ proper(rest[:3, :3])
        made.matrix = matrix(turn.tolist())
        made.parent = source.data.edit_bones[theirs]
    bpy.ops.object.mode_set(mode="OBJECT")


def matched(source: Any, joints: Mapping[str, str], rig: Any, keyed: Mapping[str, str]) -> dict[str, Array]:
    """role -> (3, 3), the turn in the world that takes each part of the take's rest pose to the rig's.

    Hips and chest by the lines between the limbs, the limbs by their direction, each with the least turn on top of what
    carries it.
    """
    here = {role: _head(source, name) for role, name in joints.items()}
    there = {role: _head(rig, name) for role, name in keyed.items()}
    hips, chest = (_girdle(here, there, part) for part in ("hip", "shoulder"))
    turns: dict[str, Array] = {}
    for role in keyed:
        turns[role] = hips if role == "pelvis" or role.startswith("spine1") else chest
    for side in ("left", "right"):
        for row, base in ((("collar", "shoulder", "elbow", "wrist"), chest), (("hip", "knee", "ankle", "foot"), hips)):
            turn = base
            for part in row:
                role, ends = f"{side}_{part}", [f"{side}_{end}" for end in ENDS.get(part, ())]
                if ends and all(r in here and r in there for r in (role, *ends)):
                    turn = _swing(turn @ (here[ends[0]] - here[role]), there[ends[0]] - there[role]) @ turn
                turns[role] = turn
            turns |= {r: turn for r in keyed if r.startswith(f"{side}_") and r[-1] == "1" and row[0] == "collar"}
    return turns


def _girdle(here: Mapping[str, Array], there: Mapping[str, Array], part: str) -> Array:
    """The turn of hips or chest: the line between the limbs exactly, up the trunk as nearly as can be."""
    frames = []
    for at in (here, there):
        across = unit(at[f"left_{part}"] - at[f"right_{part}"])
        up = at["left_shoulder"] + at["right_shoulder"] - at["left_hip"] - at["right_hip"]
        up = unit(up - across * (up @ across))
        frames.append(np.stack([across, up, np.cross(across, up)], axis=1))
    return frames[1] @ frames[0].T


def _swing(a: Array, b: Array) -> Array:
    """The least turn from one direction to another."""
    a, b = unit(a), unit(b)
    axis, cosine = np.cross(a, b), float(a @ b)
    if cosine < -0.999999:
        axis = unit(np.cross(a, np.eye(3)[int(np.argmin(np.abs(a)))]))
        return 2.0 * np.outer(axis, axis) - np.eye(3)
    k = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    return np.eye(3) + k + k @ k / (1.0 + cosine)


def _head(armature: Any, bone: str) -> Array:
    """(3,) where a bone starts at rest, in the world."""
    return np.array(armature.matrix_world @ armature.data.bones[bone].head_local, np.float64)


def scale_to(source: Any, recording: Recording, leg: float) -> None:
    """Scale the take's armature so that its legs are as long as the rig's."""
    source.scale = [value * leg / recording.leg for value in source.scale]


def _select(bpy: Any, rig: Any, bones: set[str]) -> None:
    """The rig's bones to be baked, in pose mode."""
    for item in bpy.context.selected_objects:
        item.select_set(False)
    rig.select_set(True)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="POSE")
    for bone in rig.pose.bones:
        # Blender 5 moved the selection from the armature's bones to the pose's.
        holder = bone if hasattr(bone, "select") else bone.bone
        holder.select = bone.name in bones
