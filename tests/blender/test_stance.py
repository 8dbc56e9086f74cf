# SPDX-License-Identifier: GPL-3.0-or-later
"""Armatures as Blender imports them from motion files, whose rest poses are no bodies: motions go onto them all the same."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import bpy
import numpy as np
import pytest
from bl_ext.user_default.tmr_blender.blender import apply, mapping, stance
from bl_ext.user_default.tmr_blender.errors import SkeletonProblem
from bl_ext.user_default.tmr_blender.motion import humanoid, quaternion
from bl_ext.user_default.tmr_blender.retarget import rest, standing
from bl_ext.user_default.tmr_blender.retarget.target import target
from mathutils import Matrix

BANDAI, ICLONE, CMU = "bandai/dataset-1_kick_normal_001", "cmu_iclone/006_04", "cmu/10_04"
SEGMENTS = [pair for limb in rest.LIMBS for pair in pairwise(limb)]


@pytest.fixture(autouse=True)
def _empty(factory_scene: None) -> Iterator[None]:
    yield


def take(shared: Path, name: str) -> Path:
    return shared / "mocap" / f"{name}.bvh"


def imported(path: Path) -> Any:
    """The armature that Blender's own importer makes of a file, in about metres."""
    scale = 0.0254 / 0.45 if path.parent.name == "cmu" else 0.01
    bpy.ops.import_anim.bvh(filepath=str(path), global_scale=scale, update_scene_fps=True, update_scene_duration=True)
    return bpy.context.object


def put(armature: Any, path: Path, **wanted: Any) -> tuple[np.ndarray, bpy.types.Action]:
    """Degrees (frames, segments) between limbs of a take and of the armature it is put on, and the action."""
    clip = apply.read_take(path)
    scene = bpy.context.scene
    clip = clip.cut(0.5, min(clip.duration, 3.5))
    action = apply.apply(bpy.context, armature, clip, "put", apply.Placement(**{"at": 1, "heading": "take", **wanted}))
    fps = scene.render.fps / scene.render.fps_base
    body_map = humanoid.recognise(clip)
    _, placed = clip.resampled(fps).globals()
    bones = mapping.read(armature, scene)[1].bones
    angles, first = [], wanted.get("at", 1)
    for frame in range(len(placed)):
        scene.frame_set(first + frame)
        world = np.array(armature.matrix_world)
        heads = {role: (world @ np.array(armature.pose.bones[name].matrix))[:3, 3] for role, name in bones.items()}
        row = []
        for a, b in SEGMENTS:
            x, y, z = map(float, heads[b] - heads[a])
            truth = placed[frame, body_map.joints[b]] - placed[frame, body_map.joints[a]]
            row.append(
                np.degrees(np.linalg.norm(quaternion.to_rotation_vector(quaternion.between(np.array([x, z, -y]), truth))))
            )
        angles.append(row)
    return np.array(angles), action


@pytest.mark.parametrize("name", [BANDAI, ICLONE])
@pytest.mark.parametrize("played", [CMU, BANDAI, ICLONE])
def test_a_take_goes_onto_the_armature_of_another_file(shared: Path, name: str, played: str) -> None:
    """Twice, as the second time only the first's action shows how the armature stands; the imported action is kept."""
    armature = imported(take(shared, name))
    rig, rig_map = mapping.read(armature, bpy.context.scene)
    assert standing.needed(target(rig, rig_map))
    imported_action = armature.animation_data.action
    for _ in range(2):
        angles, action = put(armature, take(shared, played))
        assert angles.mean() < 0.05
        assert angles.max() < 0.5
        assert armature.animation_data.action == action != imported_action


@pytest.mark.parametrize("name", [BANDAI, ICLONE])
def test_a_take_onto_its_own_armature_is_the_take(shared: Path, name: str) -> None:
    """Every bone that is mapped is turned as in the file, rolls and all; necks with more bones than are recognised apart."""
    path = take(shared, name)
    armature, scene = imported(path), bpy.context.scene
    names = list(mapping.read(armature, scene)[1].bones.values())
    clip = apply.read_take(path)
    frames = range(10, 60, 5)
    before = _sampled(armature, names, frames)
    apply.apply(bpy.context, armature, clip, "back", apply.Placement(at=1, heading="take"))
    after = _sampled(armature, names, frames)
    turned = [quaternion.from_matrix(rows[..., :3, :3]) for rows in (before, after)]
    away = np.degrees(
        np.linalg.norm(quaternion.to_rotation_vector(quaternion.multiply(turned[0], quaternion.inverse(turned[1]))), axis=-1)
    )
    limbs = [i for i, name in enumerate(names) if "eck" not in name]
    # A file of 60 frames a second plays at 59.9988 here.
    assert away[:, limbs].mean() < 0.2
    assert away[:, limbs].max() < 1.0
    heights = [rows[:, names.index(mapping.read(armature, scene)[1].bones["pelvis"]), 2, 3] for rows in (before, after)]
    assert np.abs(heights[0] - heights[1]).max() < 0.02


def _sampled(armature: Any, names: list[str], frames: Any) -> np.ndarray:
    out = []
    for frame in frames:
        bpy.context.scene.frame_set(frame)
        out.append([np.array(armature.pose.bones[name].matrix) for name in names])
    return np.array(out)


@pytest.mark.parametrize("name", [BANDAI, ICLONE])
def test_unposed_and_without_a_motion_it_is_refused_with_what_to_do(shared: Path, name: str) -> None:
    armature = imported(take(shared, name))
    armature.animation_data_clear()
    for bone in armature.pose.bones:
        bone.matrix_basis.identity()
    with pytest.raises(SkeletonProblem, match="pose the rig in a T or A pose, then Apply again"):
        put(armature, take(shared, CMU))
    assert armature.animation_data is None or armature.animation_data.action is None


def test_a_pose_made_by_hand_goes_before_the_motion(shared: Path) -> None:
    """In a standing pose, arms a little different: that very pose is the stance, with the action still there."""
    armature, scene = imported(take(shared, BANDAI)), bpy.context.scene
    scene.frame_set(1)
    rig, rig_map = mapping.read(armature, scene)
    by_motion = stance.read(scene, armature, rig, rig_map)
    # The stance that the motion shows is posed by hand, and the head turned.
    for bone in by_motion.names:
        armature.pose.bones[bone].matrix_basis.identity()
    for i, bone in enumerate(by_motion.names):
        posed = armature.pose.bones[bone]
        matrix = by_motion.rest[i].copy()
        if bone == rig_map.bones["head"]:
            matrix[:3, :3] = _about_z(40.0) @ matrix[:3, :3]
        posed.matrix = Matrix(matrix.tolist())
        bpy.context.view_layer.update()
    posed = stance.read(scene, armature, rig, rig_map)
    head = rig.index(rig_map.bones["head"])
    turn = posed.rest[head, :3, :3] @ by_motion.rest[head, :3, :3].T
    assert np.abs(turn - _about_z(40.0)).max() < 1e-3
    others = [i for i in range(rig.count) if i != head and rig.names[i] in rig_map.bones.values()]
    assert np.abs(posed.rest[others] - by_motion.rest[others]).max() < 1e-3
    # Without an action the pose alone tells.
    armature.animation_data_clear()
    angles, _ = put(armature, take(shared, CMU))
    assert angles.mean() < 0.05


def _about_z(degrees: float) -> np.ndarray:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]])


def test_looking_leaves_frame_pose_and_data_as_they_are(shared: Path) -> None:
    armature, scene = imported(take(shared, BANDAI)), bpy.context.scene
    scene.frame_set(17)
    rig, rig_map = mapping.read(armature, scene)
    counts = len(bpy.data.scenes), len(bpy.data.actions), len(bpy.data.objects)
    poses = [np.array(bone.matrix_basis) for bone in armature.pose.bones]
    stance.read(scene, armature, rig, rig_map)
    assert scene.frame_current == 17
    assert counts == (len(bpy.data.scenes), len(bpy.data.actions), len(bpy.data.objects))
    assert np.array_equal(poses, [np.array(bone.matrix_basis) for bone in armature.pose.bones])


def test_the_stance_is_kept_with_the_motion(shared: Path) -> None:
    """What has been put on may never stand: the next motion goes by the stance of the first."""
    armature, scene = imported(take(shared, BANDAI)), bpy.context.scene
    rig, rig_map = mapping.read(armature, scene)
    first = stance.read(scene, armature, rig, rig_map)
    _, action = put(armature, take(shared, CMU))
    for curve in _curves(action):
        # Lying down for good.
        if curve.data_path.startswith(f'pose.bones["{rig_map.bones["pelvis"]}"].rotation'):
            for key in curve.keyframe_points:
                key.co.y = (0.5, 0.5, -0.5, 0.5)[curve.array_index] if len(armature.pose.bones[0].rotation_mode) > 3 else 0.7
            curve.update()
    scene.frame_set(5)
    assert np.abs(stance.read(scene, armature, rig, rig_map).rest - first.rest).max() < 1e-5
    action["tmr_stance"] = {"Hips": [0.0] * 7, "Chest": "nonsense", "Spine": [float("nan")] * 7}
    with pytest.raises(SkeletonProblem, match="T or A pose"):
        stance.read(scene, armature, rig, rig_map)


def _curves(action: Any) -> list[Any]:
    if not hasattr(action, "layers"):
        return list(action.fcurves)
    return [c for layer in action.layers for strip in layer.strips for bag in strip.channelbags for c in bag.fcurves]


@pytest.mark.parametrize("name", [BANDAI, ICLONE])
def test_a_blend_begins_with_the_pose_that_is_shown(shared: Path, name: str) -> None:
    """The present pose is told from the stance as well; so are feet that are planted, and fewer keys."""
    armature, scene = imported(take(shared, name)), bpy.context.scene
    scene.frame_set(40)
    names = [
        bone
        for role, bone in mapping.read(armature, scene)[1].bones.items()
        if role[-1] not in "123" or role.startswith("spine")
    ]
    before = _sampled(armature, names, [40])[0]
    _, action = put(armature, take(shared, CMU), at=40, blend=15, feet=True, tolerance=1.0)
    after = _sampled(armature, names, [40])[0]
    away = quaternion.to_rotation_vector(
        quaternion.multiply(
            quaternion.from_matrix(before[:, :3, :3]), quaternion.inverse(quaternion.from_matrix(after[:, :3, :3]))
        )
    )
    assert np.degrees(np.linalg.norm(away, axis=-1)).max() < 2.0
    assert np.abs(before[:, :3, 3] - after[:, :3, 3]).max() < 0.02
    assert round(action.frame_range[0]) == 40
