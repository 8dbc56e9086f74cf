# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests in Blender are made from: a human armature, motions on it, and BVH files written by Blender itself."""

import importlib
from collections.abc import Sequence
from math import pi, sin
from pathlib import Path
from typing import Any

import bpy

MODULE = "bl_ext.user_default.tmr_blender"


def ours(name: str) -> Any:
    """A module of the installed extension, such as "blender.jobs"."""
    return importlib.import_module(f"{MODULE}.{name}")


# Bone, its parent, head and tail in metres: Z up, facing -Y, left at +X, arms straight out.
_MIDDLE = (
    ("Hips", None, (0, 0, 0.95), (0, 0, 1.05)),
    ("Spine", "Hips", (0, 0, 1.05), (0, 0, 1.2)),
    ("Spine1", "Spine", (0, 0, 1.2), (0, 0, 1.42)),
    ("Neck", "Spine1", (0, 0, 1.45), (0, 0, 1.55)),
    ("Head", "Neck", (0, 0, 1.55), (0, 0, 1.75)),
)
_SIDE = (
    ("Shoulder", "Spine1", (0.03, 0, 1.42), (0.16, 0, 1.42)),
    ("Arm", "Shoulder", (0.16, 0, 1.42), (0.44, 0, 1.42)),
    ("ForeArm", "Arm", (0.44, 0, 1.42), (0.7, 0, 1.42)),
    ("Hand", "ForeArm", (0.7, 0, 1.42), (0.85, 0, 1.42)),
    ("UpLeg", "Hips", (0.1, 0, 0.93), (0.1, -0.01, 0.5)),
    ("Leg", "UpLeg", (0.1, -0.01, 0.5), (0.1, 0.01, 0.09)),
    ("Foot", "Leg", (0.1, 0.01, 0.09), (0.1, -0.12, 0.02)),
    ("ToeBase", "Foot", (0.1, -0.12, 0.02), (0.1, -0.2, 0.02)),
)


def human(name: str = "Human") -> bpy.types.Object:
    """An armature with Mixamo's names in the open scene, active."""
    rows: list[tuple[Any, ...]] = list(_MIDDLE)
    for side, sign in (("Left", 1), ("Right", -1)):
        for bone, parent, head, tail in _SIDE:
            above = parent if parent in {"Hips", "Spine1"} else side + parent
            rows.append((side + bone, above, (sign * head[0], *head[1:]), (sign * tail[0], *tail[1:])))
    return armature(name, rows)


def armature(name: str, rows: Sequence[tuple]) -> bpy.types.Object:
    """An armature of (bone, parent, head, tail) in the open scene, active."""
    data = bpy.data.armatures.new(name)
    rig = bpy.data.objects.new(name, data)
    bpy.context.scene.collection.objects.link(rig)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    for bone, parent, head, tail in rows:
        made = data.edit_bones.new(bone)
        made.head, made.tail = head, tail
        made.parent = data.edit_bones[parent] if parent else None
    bpy.ops.object.mode_set(mode="OBJECT")
    return rig


def move(rig: bpy.types.Object, kind: str, frames: int = 40) -> None:
    """Key a motion: "waves" lifts and swings the left arm, "walks" travels 2 m forward on swinging legs."""
    for bone in rig.pose.bones:
        bone.rotation_mode = "XYZ"
    for frame in range(1, frames + 1):
        phase = sin((frame - 1) / frames * 4 * pi)
        turns = {"LeftArm": (-1.2, 0, 0), "RightArm": (-1.2, 0, 0)}
        if kind == "waves":
            turns["LeftArm"] = (0.8 + 0.4 * phase, 0, 0)
        else:
            turns |= {"LeftUpLeg": (0.5 * phase, 0, 0), "RightUpLeg": (-0.5 * phase, 0, 0)}
            # The hips' bone points up, so its own Z looks forward.
            rig.pose.bones["Hips"].location = (0, 0, 2.0 * (frame - 1) / (frames - 1))
            rig.pose.bones["Hips"].keyframe_insert("location", frame=frame)
        for name, turn in turns.items():
            rig.pose.bones[name].rotation_euler = turn
            rig.pose.bones[name].keyframe_insert("rotation_euler", frame=frame)


def curves(action: bpy.types.Action) -> list[Any]:
    """All F-curves of an action, whichever way this Blender keeps them."""
    if not hasattr(action, "layers"):
        return list(action.fcurves)
    return [curve for layer in action.layers for strip in layer.strips for bag in strip.channelbags for curve in bag.fcurves]


def without(action: bpy.types.Action, *words: str) -> None:
    """Take away the curves with one of these in their paths."""
    layered = [bag for layer in getattr(action, "layers", ()) for strip in layer.strips for bag in strip.channelbags]
    for kept in [bag.fcurves for bag in layered] if hasattr(action, "layers") else [action.fcurves]:
        for curve in [one for one in kept if any(word in one.data_path for word in words)]:
            kept.remove(curve)


def heads(rig: bpy.types.Object, frame: int) -> dict[str, tuple[float, float, float]]:
    """Where the head of every bone is in the world at a frame, as evaluated."""
    bpy.context.scene.frame_set(frame)
    posed = rig.evaluated_get(bpy.context.evaluated_depsgraph_get())
    return {bone.name: tuple(posed.matrix_world @ bone.head) for bone in posed.pose.bones}


def write_bvh(path: Path, kind: str, caption: str = "", frames: int = 40) -> Path:
    """A take of `move`, written by Blender's own exporter, with its caption beside it; the scene is emptied."""
    bpy.ops.wm.read_homefile(use_empty=True)
    move(human(), kind, frames)
    path.parent.mkdir(parents=True, exist_ok=True)
    bpy.ops.export_anim.bvh(filepath=str(path), frame_start=1, frame_end=frames, root_transform_only=True)
    if caption:
        path.with_suffix(".txt").write_text(caption + "\n", encoding="utf-8")
    bpy.ops.wm.read_homefile(use_empty=True)
    return path
