# SPDX-License-Identifier: GPL-3.0-or-later
"""Armatures read and driven in real Blender: what the deforming bones do, and that nothing else changed."""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import bpy
import numpy as np
import pytest
from bl_ext.user_default.tmr_blender.blender import action, rig
from bl_ext.user_default.tmr_blender.errors import SkeletonProblem
from bl_ext.user_default.tmr_blender.motion import humanoid, quaternion, readers
from bl_ext.user_default.tmr_blender.retarget import performance, rest, roles, solver
from bl_ext.user_default.tmr_blender.retarget.options import Options
from bl_ext.user_default.tmr_blender.retarget.target import target
from mathutils import Matrix, Vector

OPTIONS = Options(fps=24.0)
JOINTS = [joint for limb in rest.LIMBS for joint in limb]
DEFORM = {
    "shoulder": "DEF-upper_arm.{s}",
    "elbow": "DEF-forearm.{s}",
    "wrist": "DEF-hand.{s}",
    "hip": "DEF-thigh.{s}",
    "knee": "DEF-shin.{s}",
    "ankle": "DEF-foot.{s}",
}
# Three conventions of files, one of them with feet off the floor and turns.
TAKES = ["cmu/49_02", "cmu_iclone/006_04", "bandai/dataset-1_kick_normal_001"]

MIXAMO = {
    # name: (parent, head, tail); metres, Z up, facing -Y; the left side, in a T pose.
    "Hips": (None, (0, 0, 0.98), (0, 0, 1.08)),
    "Spine": ("Hips", (0, 0.01, 1.08), (0, 0.02, 1.2)),
    "Spine1": ("Spine", (0, 0.02, 1.2), (0, 0.02, 1.32)),
    "Spine2": ("Spine1", (0, 0.02, 1.32), (0, 0.03, 1.48)),
    "Neck": ("Spine2", (0, 0.03, 1.48), (0, 0.02, 1.58)),
    "Head": ("Neck", (0, 0.02, 1.58), (0, 0.01, 1.76)),
    "LeftShoulder": ("Spine2", (0.06, 0.03, 1.43), (0.18, 0.05, 1.43)),
    "LeftArm": ("LeftShoulder", (0.18, 0.05, 1.43), (0.45, 0.05, 1.43)),
    "LeftForeArm": ("LeftArm", (0.45, 0.05, 1.43), (0.72, 0.05, 1.43)),
    "LeftHand": ("LeftForeArm", (0.72, 0.05, 1.43), (0.82, 0.05, 1.43)),
    "LeftUpLeg": ("Hips", (0.09, 0, 0.93), (0.09, -0.01, 0.5)),
    "LeftLeg": ("LeftUpLeg", (0.09, -0.01, 0.5), (0.09, 0.02, 0.09)),
    "LeftFoot": ("LeftLeg", (0.09, 0.02, 0.09), (0.1, -0.12, 0.03)),
    "LeftToeBase": ("LeftFoot", (0.1, -0.12, 0.03), (0.1, -0.2, 0.03)),
}


@pytest.fixture(scope="module")
def rigify() -> Iterator[bpy.types.Object]:
    """Rigify's human, generated; with a pose and a former action on it."""
    bpy.ops.wm.read_homefile(use_empty=True)
    bpy.ops.preferences.addon_enable(module="rigify")
    bpy.ops.object.armature_human_metarig_add()
    from rigify.generate import generate_rig  # pyright: ignore[reportMissingImports]

    metarig = bpy.context.object
    generate_rig(bpy.context, metarig)
    yield next(o for o in bpy.data.objects if o.type == "ARMATURE" and o != metarig)
    bpy.ops.wm.read_homefile(use_empty=True)


def mixamo(arms: float = 0.0, rolls: int = 0) -> Any:
    """An armature with Mixamo's names, arms lowered by some degrees, bones rolled at random."""
    random = np.random.default_rng(rolls)
    data = bpy.data.armatures.new("mixamo")
    made = bpy.data.objects.new("mixamo", data)
    bpy.context.scene.collection.objects.link(made)
    bpy.context.view_layer.objects.active = made
    bpy.ops.object.mode_set(mode="EDIT")
    for name, (parent, head, tail) in MIXAMO.items():
        for side, sign in (("Left", 1), ("Right", -1)) if name.startswith("Left") else (("", 1),):
            bone = data.edit_bones.new("mixamorig:" + name.replace("Left", side))
            down = Matrix.Rotation(np.radians(arms) * sign, 4, "Y")
            pivot = Vector((0.18 * sign, 0.05, 1.43))
            places = [Vector((x * sign, y, z)) for x, y, z in (head, tail)]
            if name in ("LeftArm", "LeftForeArm", "LeftHand"):
                places = [down @ (place - pivot) + pivot for place in places]
            bone.head, bone.tail = places
            bone.roll = random.uniform(-3, 3)
            if parent:
                bone.parent = data.edit_bones["mixamorig:" + parent.replace("Left", side)]
    bpy.ops.object.mode_set(mode="OBJECT")
    return made


def heads(armature: Any, names: Mapping[str, str], frames: int) -> dict[str, np.ndarray]:
    """role -> (frames, 3) evaluated, in the world."""
    out = np.empty((frames, len(names), 3))
    for frame in range(frames):
        bpy.context.scene.frame_set(frame + 1)
        posed = armature.evaluated_get(bpy.context.evaluated_depsgraph_get())
        world = np.array(posed.matrix_world)
        bones = [posed.pose.bones[name].head for name in names.values()]
        out[frame] = np.array(bones) @ world[:3, :3].T + world[:3, 3]
    return dict(zip(names, np.moveaxis(out, 1, 0), strict=True))


def angles(clip: Any, armature: Any, names: Mapping[str, str]) -> np.ndarray:
    """Degrees between limbs of the clip and of the armature as evaluated, after putting the clip on it."""
    found = humanoid.recognise(clip)
    read = rig.read(armature)
    where = roles.map_rig(read)
    keys = solver.retarget(clip, found, read, where, OPTIONS)
    action.write(armature, keys, clip.name)
    performed = performance.perform(clip, found, OPTIONS)
    goal = target(read, where)
    placed = heads(armature, names, keys.frames)
    out = []
    for limb in rest.LIMBS:
        for a, b in pairwise(limb):
            ours = quaternion.rotate(
                goal.turn, (placed[b] - placed[a]) @ np.linalg.inv(np.array(armature.matrix_world)[:3, :3]).T
            )
            theirs = performed.positions[b] - performed.positions[a]
            cosine = np.sum(ours * theirs, axis=-1) / np.linalg.norm(ours, axis=-1) / np.linalg.norm(theirs, axis=-1)
            out.append(np.degrees(np.arccos(np.clip(cosine, -1, 1))))
    return np.array(out)


def state(armature: Any) -> list[Any]:
    """Everything of a rig that reading or animating it must not change, exactly."""
    out: list[Any] = [tuple(map(tuple, armature.matrix_world)), armature.data.pose_position]
    for bone in armature.pose.bones:
        out += [tuple(getattr(bone, channel)) for channel in rig.CHANNELS]
        out += [bone.rotation_mode, [(c.name, c.influence, c.mute) for c in bone.constraints]]
        out += [(key, repr(bone[key])) for key in bone.keys() if not hasattr(bone[key], "to_list")]  # noqa: SIM118
    out += [tuple(map(tuple, bone.matrix_local)) for bone in armature.data.bones]
    return out


@pytest.mark.parametrize("take", TAKES)
def test_rigify_deforms_as_the_take_moves(rigify: Any, take: str, shared: Path) -> None:
    clip = readers.read(shared / "mocap" / f"{take}.bvh")[0].cut(0, 3)
    names = {joint: DEFORM[joint.split("_")[1]].format(s=joint[0].upper()) for joint in JOINTS}
    found = angles(clip, rigify, names)
    assert found.mean() < 0.1
    assert np.percentile(found, 95) < 0.3


def test_reading_leaves_no_trace(rigify: Any) -> None:
    random = np.random.default_rng(0)
    for name in ("torso", "chest", "upper_arm_fk.L", "foot_ik.R"):
        bone = rigify.pose.bones[name]
        bone.rotation_quaternion = random.normal(size=4)
        bone.location = random.normal(size=3)
    rigify.pose.bones["thigh_parent.L"]["IK_FK"] = 0.25
    rigify.update_tag()
    bpy.context.view_layer.update()
    before = state(rigify)
    actions = [a.name for a in bpy.data.actions]
    read = rig.read(rigify)
    assert state(rigify) == before
    assert [a.name for a in bpy.data.actions] == actions
    found = roles.map_rig(read)
    carrier = {name: read.names[read.carriers[read.index(found.bones[name])]] for name in ("left_shoulder", "left_hip", "head")}
    assert carrier == {"left_shoulder": "shoulder.L", "left_hip": "spine_fk", "head": "neck"}


def test_reading_again_gives_the_same(rigify: Any) -> None:
    first, second = rig.read(rigify), rig.read(rigify)
    assert np.array_equal(first.carriers, second.carriers)
    assert np.array_equal(first.rest, second.rest)


@pytest.mark.parametrize("take", TAKES)
@pytest.mark.parametrize("arms", [0.0, 50.0])
def test_mixamo_names_in_t_and_a_pose(factory_scene: None, take: str, arms: float, shared: Path) -> None:
    clip = readers.read(shared / "mocap" / f"{take}.bvh")[0].cut(0, 2)
    armature = mixamo(arms, rolls=5)
    armature.rotation_euler = (0, 0, 1)
    armature.scale = (2, 2, 2)
    found = angles(clip, armature, rig_names(armature))
    assert found.max() < 0.2


def rig_names(armature: Any) -> dict[str, str]:
    found = roles.map_rig(rig.read(armature)).bones
    return {joint: found[joint] for joint in JOINTS}


def test_unreal_names_from_a_file(factory_scene: None, shared: Path) -> None:
    bpy.ops.import_scene.gltf(filepath=str(shared / "rigs" / "ue_names.glb"))
    armature = next(o for o in bpy.data.objects if o.type == "ARMATURE")
    clip = readers.read(shared / "mocap" / "cmu" / "49_02.bvh")[0].cut(0, 2)
    assert roles.map_rig(rig.read(armature)).convention == "Unreal"
    assert angles(clip, armature, rig_names(armature)).max() < 0.2


def test_bones_that_do_not_inherit_rotation(factory_scene: None, shared: Path) -> None:
    armature = mixamo()
    for name in ("mixamorig:LeftArm", "mixamorig:Head", "mixamorig:RightLeg"):
        armature.data.bones[name].use_inherit_rotation = False
    clip = readers.read(shared / "mocap" / "cmu" / "49_02.bvh")[0].cut(0, 2)
    assert angles(clip, armature, rig_names(armature)).max() < 0.2


def test_constraints_in_the_chain_are_allowed_for(factory_scene: None, shared: Path) -> None:
    """A control that follows by a constraint instead of its parent."""
    armature = mixamo()
    clip = readers.read(shared / "mocap" / "cmu" / "49_02.bvh")[0].cut(0, 2)
    bpy.context.view_layer.objects.active = armature
    bpy.ops.object.mode_set(mode="EDIT")
    bones = armature.data.edit_bones
    holder = bones.new("holder")
    holder.head, holder.tail = bones["mixamorig:LeftArm"].head, bones["mixamorig:LeftArm"].head + Vector((0, 0, 0.1))
    bones["mixamorig:LeftArm"].parent = holder
    bpy.ops.object.mode_set(mode="OBJECT")
    follow = armature.pose.bones["holder"].constraints.new("ARMATURE")
    follow.targets.new().target = armature
    follow.targets[0].subtarget = "mixamorig:LeftShoulder"
    read = rig.read(armature)
    assert read.names[read.carriers[read.index("mixamorig:LeftArm")]] == "mixamorig:LeftShoulder"
    assert angles(clip, armature, rig_names(armature)).max() < 0.2


def test_a_pose_left_on_the_rig_does_not_disturb(factory_scene: None, shared: Path) -> None:
    """Places and sizes that no key of ours turns back would otherwise stay."""
    armature = mixamo()
    for name in ("mixamorig:LeftForeArm", "mixamorig:RightLeg", "mixamorig:Spine1"):
        armature.pose.bones[name].location = (0.3, 0.2, 0.1)
        armature.pose.bones[name].scale = (2, 1.5, 1)
    clip = readers.read(shared / "mocap" / "cmu" / "49_02.bvh")[0].cut(0, 2)
    assert angles(clip, armature, rig_names(armature)).max() < 0.2


def test_a_hidden_rig_of_controls_is_refused(factory_scene: None) -> None:
    armature = mixamo()
    armature.pose.bones["mixamorig:Head"].constraints.new("LIMIT_SCALE")
    armature.hide_viewport = True
    with pytest.raises(SkeletonProblem, match="hidden"):
        rig.read(armature)


@pytest.mark.parametrize("kind", ["mesh", "nothing", "empty armature"])
def test_what_is_no_rig_is_refused(factory_scene: None, kind: str) -> None:
    data = {"mesh": lambda: bpy.data.meshes.new("m"), "nothing": None, "empty armature": lambda: bpy.data.armatures.new("a")}[
        kind
    ]
    thing = bpy.data.objects.new("thing", data()) if data else None
    with pytest.raises(SkeletonProblem, match=r"armature|bones"):
        rig.read(thing)


def test_linked_rigs_need_an_override(factory_scene: None, tmp_path: Path) -> None:
    armature = mixamo()
    file = tmp_path / "rig.blend"
    bpy.data.libraries.write(str(file), {armature})
    bpy.ops.wm.read_homefile(use_empty=True)
    with bpy.data.libraries.load(str(file), link=True) as (inside, wanted):
        wanted.objects = inside.objects
    linked = bpy.data.objects["mixamo"]
    bpy.context.scene.collection.objects.link(linked)
    with pytest.raises(SkeletonProblem, match="override"):
        rig.read(linked)
    local = linked.override_create(remap_local_usages=True)
    assert roles.map_rig(rig.read(local)).convention == "Mixamo"
