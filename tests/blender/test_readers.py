# SPDX-License-Identifier: GPL-3.0-or-later
"""What the readers make of files that Blender has written, or reads as well: joints where Blender shows them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import bpy
import numpy as np
import parts
import pytest

readers = parts.ours("motion.readers")


@pytest.fixture
def importers(factory_scene: None) -> None:
    """An empty file, with Blender's importers and exporters."""
    for name in ("io_anim_bvh", "io_scene_fbx", "io_scene_gltf2"):
        bpy.ops.preferences.addon_enable(module=name)


def _import(path: Path, scale: float) -> Any:
    bpy.ops.import_anim.bvh(filepath=str(path), global_scale=scale, update_scene_fps=True)
    armature = bpy.context.active_object
    verts, faces = [], []
    for bone in armature.data.bones:
        x, y, z = bone.head_local
        faces.append((len(verts), len(verts) + 1, len(verts) + 2))
        verts += [(x, y, z), (x + 0.01, y, z), (x, y + 0.01, z)]
    mesh = bpy.data.meshes.new("skin")
    mesh.from_pydata(verts, [], faces)
    body = bpy.data.objects.new("skin", mesh)
    bpy.context.scene.collection.objects.link(body)
    body.parent = armature
    for number, bone in enumerate(armature.data.bones):
        body.vertex_groups.new(name=bone.name).add(list(faces[number]), 1.0, "REPLACE")
    body.modifiers.new("skin", "ARMATURE").object = armature
    return armature


def _shown(armature: Any, clip: Any, names: Sequence[str]) -> np.ndarray:
    """Where Blender shows the joints in every frame of the clip, (frames, joints, 3), Y up."""
    out = []
    for frame in range(clip.frames):
        bpy.context.scene.frame_set(1 + frame)
        heads = [armature.matrix_world @ armature.pose.bones[name].head for name in names]
        out.append([(x, z, -y) for x, y, z in heads])
    return np.array(out)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"export_optimize_animation_size": True},
        {"export_rest_position_armature": False},
        {"export_format": "GLTF_SEPARATE"},
        {"export_frame_step": 4},
    ],
)
def test_exports_of_blender(importers: None, shared: Path, tmp_path: Path, options: dict[str, Any]) -> None:
    """A take in Blender, exported and read: each joint within 0.01 mm of where Blender showed it."""
    armature = _import(shared / "mocap" / "cmu" / "02_01.bvh", 0.0564)
    armature.scale, armature.rotation_euler, armature.location = (0.9,) * 3, (0.0, 0.0, 1.0), (1.0, 2.0, 0.0)
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 1, 81
    scene.frame_set(40)
    path = tmp_path / ("take.gltf" if "export_format" in options else "take.glb")
    bpy.ops.export_scene.gltf(filepath=str(path), export_frame_range=True, **options)
    (clip,) = readers.read(path)
    step = options.get("export_frame_step", 1)
    # Every fourth frame of 120 is a capture at 30.
    assert (clip.fps, clip.frames) == pytest.approx((120.0 / step, 80 // step + 1), rel=1e-4)
    shown = _shown(armature, clip, clip.skeleton.names) if step == 1 else None
    if shown is not None:
        assert np.abs(clip.globals()[1] - shown).max() < 1e-5
    stands = clip.skeleton.rest_globals()[1]
    names = clip.skeleton.names
    assert abs(stands[names.index("LeftHand"), 1] - stands[names.index("LeftArm"), 1]) < 0.05, "a T pose at rest"


def test_two_people_and_their_actions(importers: None, shared: Path, tmp_path: Path) -> None:
    people = [_import(shared / "mocap" / "bandai" / f"dataset-1_{n}_normal_001.bvh", 0.01) for n in ("kick", "walk")]
    path = tmp_path / "a.glb"
    bpy.ops.export_scene.gltf(filepath=str(path), export_animation_mode="ACTIONS")
    clips = readers.read(path)
    assert len(clips) == 2
    for clip, armature in zip(clips, people, strict=True):
        named = [name.removesuffix(".001") for name in clip.skeleton.names]
        assert np.abs(clip.globals()[1] - _shown(armature, clip, named)).max() < 1e-5
        assert armature.name in clip.name


@pytest.mark.parametrize(
    "name", ["mocap/cmu_fbx/91_48.fbx", "mocap/cmu_fbx/91_52.fbx", "fbx/maya_kenney_character_7700_binary.fbx"]
)
def test_positions_equal_those_of_blender(importers: None, shared: Path, name: str) -> None:
    """Every joint in eight frames, within 0.01 mm; the CMU files state a unit a hundred times too large."""
    clips = readers.read(shared / name)
    assert len(clips) == 1
    clip = clips[0]
    bpy.ops.import_scene.fbx(filepath=str(shared / name))
    scene = bpy.context.scene
    armature = next(item for item in scene.objects if item.type == "ARMATURE")
    first = round(armature.animation_data.action.frame_range[0])
    unit = 100.0 if "cmu_fbx" in name else 1.0
    x = clip.globals()[1]
    for frame in np.linspace(0, clip.frames - 1, 8).astype(int).tolist():
        scene.frame_set(first + frame)
        for joint, bone in enumerate(clip.skeleton.names):
            at = armature.matrix_world @ armature.pose.bones[bone].head
            np.testing.assert_allclose(x[frame, joint], np.array([at.x, at.z, -at.y]) / unit, atol=1e-5, err_msg=bone)
