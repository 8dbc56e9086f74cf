# SPDX-License-Identifier: GPL-3.0-or-later
"""Putting a take on a rig, against what one does with Blender alone: import, constrain bone by bone, `nla.bake`.

Both start from the same file and end in keys on the same rig in the same scene. The baseline is given our own bone map and
binds as the retargeting add-ons do: a helper bone for each of the rig's bones, turned as that one is at rest and carried by
the take's bone, and Copy Rotation from it. That respects bone roll; it can't know that an A-pose isn't a T-pose. Angles are
between upper arms, forearms, thighs and shins of the imported take and of the rig's deforming bones, in the world.
"""

import contextlib
import io
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import figures
import numpy as np
from figures import SHARED, Figure

LIMBS = [(f"{side}_{a}", f"{side}_{b}") for side in ("left", "right") for a, b in (("shoulder", "elbow"), ("elbow", "wrist"))]
LIMBS += [(f"{side}_{a}", f"{side}_{b}") for side in ("left", "right") for a, b in (("hip", "knee"), ("knee", "ankle"))]
MOST_FRAMES = 60
"""Frames in which angles are measured, spread over the take."""

Heads = Mapping[str, str]
"""Role -> the bone whose head is at that joint."""


def take_file(folder: Path) -> Path:
    """A take of middling length."""
    shared = SHARED / "mocap" / "cmu"
    place = shared if shared.is_dir() else folder / "starter"
    files = sorted(place.rglob("*.bvh"), key=lambda path: path.stat().st_size)
    return files[len(files) // 2]


def rig_files() -> list[Path | None]:
    """Rigify's human (None), and a rig with UE's names where the shared folder has it."""
    path = SHARED / "rigs" / "ue_names.glb"
    return [None, path] if path.is_file() else [None]


def deforming(rig: Any, controls: Heads) -> Heads:
    """Rigify's deforming bones are named after their controls; other rigs are keyed directly."""
    found = {}
    for role, name in controls.items():
        candidate = "DEF-" + name.replace("_fk", "")
        found[role] = candidate if candidate in rig.pose.bones else name
    return found


def directions(bpy: Any, armature: Any, heads: Heads, frames: list[int]) -> np.ndarray:
    """(frames, limbs, 3): unit vectors along the limbs, in the world."""
    out = np.empty((len(frames), len(LIMBS), 3))
    for row, frame in enumerate(frames):
        bpy.context.scene.frame_set(frame)
        posed = armature.evaluated_get(bpy.context.evaluated_depsgraph_get())
        for column, (start, end) in enumerate(LIMBS):
            a, b = (posed.matrix_world @ posed.pose.bones[heads[role]].head for role in (start, end))
            out[row, column] = (b - a).normalized()
    return out


def angles(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Degrees between unit vectors."""
    return np.degrees(np.arccos(np.clip((first * second).sum(-1), -1.0, 1.0))).ravel()


def imported(bpy: Any, path: Path) -> Any:
    """The take as Blender's importer brings it in, at its own frame rate."""
    with contextlib.redirect_stdout(io.StringIO()):
        bpy.ops.import_anim.bvh(filepath=str(path), update_scene_fps=True, update_scene_duration=True)
    return bpy.context.object


def bind(bpy: Any, source: Any, rig: Any, pairs: list[tuple[str, str]]) -> None:
    """Give the take's armature a bone for each of the rig's: carried by the take's bone, at rest turned as the rig's is."""
    bpy.context.view_layer.objects.active = source
    bpy.ops.object.mode_set(mode="EDIT")
    to_source = source.matrix_world.inverted() @ rig.matrix_world
    for theirs, own in pairs:
        made = source.data.edit_bones.new(f"bind {own}")
        made.tail = (0.0, 0.1, 0.0)
        made.matrix = to_source @ rig.data.bones[own].matrix_local
        made.parent = source.data.edit_bones[theirs]
    bpy.ops.object.mode_set(mode="OBJECT")


def constrain(bpy: Any, source: Any, rig: Any, pairs: list[tuple[str, str]], travel: tuple[str, str]) -> None:
    """The baseline: bind bones, constraints from them to the rig's, baked to keys."""
    bind(bpy, source, rig, pairs)
    for _, own in pairs:
        made = rig.pose.bones[own].constraints.new("COPY_ROTATION")
        made.target, made.subtarget = source, f"bind {own}"
    made = rig.pose.bones[travel[1]].constraints.new("COPY_LOCATION")
    made.target, made.subtarget = source, travel[0]
    for item in bpy.context.selected_objects:
        item.select_set(False)
    rig.select_set(True)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="POSE")
    keyed = {own for _, own in pairs} | {travel[1]}
    for bone in rig.pose.bones:
        # Blender 5 moved the selection from the armature's bones to the pose's.
        holder = bone if hasattr(bone, "select") else bone.bone
        holder.select = bone.name in keyed
    scene = bpy.context.scene
    bpy.ops.nla.bake(
        frame_start=scene.frame_start,
        frame_end=scene.frame_end,
        visual_keying=True,
        clear_constraints=True,
        bake_types={"POSE"},
    )
    bpy.ops.object.mode_set(mode="OBJECT")


def compare(bpy: Any, path: Path, rig_file: Path | None) -> list[Figure]:
    """Time and angles for one rig."""
    default_rig, apply = figures.ours("blender.default_rig"), figures.ours("blender.apply")
    humanoid, roles = figures.ours("motion.humanoid"), figures.ours("retarget.roles")
    rig_reader = figures.ours("blender.rig")
    rig = default_rig.load(rig_file) if rig_file else default_rig.rigify_human()
    start = time.perf_counter()
    source = imported(bpy, path)
    importing = time.perf_counter() - start
    bpy.context.scene.frame_set(bpy.context.scene.frame_start)
    scene = bpy.context.scene
    count = scene.frame_end - scene.frame_start + 1
    frames = list(range(scene.frame_start, scene.frame_end, max(1, count // MOST_FRAMES)))

    start = time.perf_counter()
    clip = apply.read_take(path)
    apply.apply(bpy.context, rig, clip, "ours", apply.Placement(scene.frame_start, "KEEP", "take"))
    own_time = time.perf_counter() - start

    joints = humanoid.recognise(clip).joints
    names = {role: clip.skeleton.names[i] for role, i in joints.items()}
    truth = directions(bpy, source, names, frames)
    # The importer puts the rest pose in front of the take; ours starts with the take.
    own_truth = directions(bpy, source, names, [frame + count - clip.frames for frame in frames])
    rig_map = roles.map_rig(rig_reader.read(rig))
    heads = deforming(rig, rig_map.bones)
    own = angles(directions(bpy, rig, heads, frames), own_truth)

    rig.animation_data.action = None
    for bone in rig.pose.bones:
        bone.matrix_basis.identity()
    for (bone, key), value in rig_map.switches.items():
        rig.pose.bones[bone][key] = value
    rig.update_tag()  # a property set from Python reaches the drivers only so
    scene.frame_set(scene.frame_start)
    pairs = [(names[role], name) for role, name in rig_map.bones.items() if role in joints]
    start = time.perf_counter()
    constrain(bpy, source, rig, pairs, (names["pelvis"], rig_map.travel))
    baking = time.perf_counter() - start
    theirs = angles(directions(bpy, rig, heads, frames), truth)

    name = f"{rig_file.stem if rig_file else 'Rigify human'}, {count} frames"
    mean, tail = float(theirs.mean()), float(np.percentile(theirs, 95))
    return [
        Figure(f"{name}: time (import + constraints + bake)", own_time, "s", importing + baking, (importing + baking) / 5),
        Figure(f"{name}: limb angle, mean", float(own.mean()), "degrees", mean, min(1.0, mean)),
        Figure(f"{name}: limb angle, 95th percentile", float(np.percentile(own, 95)), "degrees", tail, min(3.0, tail)),
    ]


def main() -> int:
    """Measure and report."""
    bpy, folder = figures.enable()
    bpy.ops.preferences.addon_enable(module="io_anim_bvh")
    path = take_file(folder)
    rows = [row for rig_file in rig_files() for row in compare(bpy, path, rig_file)]
    return figures.finish(rows, f"{path.name}, at its own frame rate; the baseline in brackets.")


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    os._exit(status)  # Blender 4.5 as a module hangs at a normal exit
