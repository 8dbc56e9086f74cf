# SPDX-License-Identifier: GPL-3.0-or-later
import bpy
import numpy as np
import parts
import pytest

mannequin, mapping, rig_reader = parts.ours("blender.mannequin"), parts.ours("blender.mapping"), parts.ours("blender.rig")
body, target = parts.ours("motion.body"), parts.ours("retarget.target")


def test_it_is_a_whole_human_rig_that_stands_and_is_active(factory_scene: None) -> None:
    bpy.context.scene.cursor.location = (2.0, 1.0, 0.0)
    assert bpy.ops.tmr.add_rig() == {"FINISHED"}
    rig = bpy.context.active_object
    assert rig.type == "ARMATURE" and bpy.context.selected_objects == [rig]
    assert tuple(rig.location) == (2.0, 1.0, 0.0)
    outline = rig_reader.plain(rig)
    known = mapping.of(rig, outline, bpy.context.scene)
    assert set(body.JOINTS) - set(known.bones) == {"neck"} and known.bones["neck1"] == "Neck"
    assert not parts.ours("retarget.standing").needed(target.target(outline, known))


def test_its_body_follows_every_bone_as_one_piece(factory_scene: None) -> None:
    bpy.ops.tmr.add_rig()
    rig = bpy.context.active_object
    skin = next(item for item in rig.children if item.type == "MESH")
    weights = [[(skin.vertex_groups[g.group].name, g.weight) for g in vertex.groups] for vertex in skin.data.vertices]
    assert all(len(found) == 1 and found[0][1] == 1.0 for found in weights)
    owners = {found[0][0] for found in weights}
    assert {bone.name for bone in rig.data.bones} - owners == {"LeftToeBase", "RightToeBase"}
    points = np.array([vertex.co for vertex in skin.data.vertices])
    assert 1.70 < points[:, 2].max() < 1.80 and -0.03 < points[:, 2].min() < 0.01
    above = np.array([found[0][0] == "Head" for found in weights])
    assert points[above, 1].min() < -0.12, "the nose"
    rig.pose.bones["LeftForeArm"].rotation_mode = "XYZ"
    rig.pose.bones["LeftForeArm"].rotation_euler = (0.0, 0.0, 1.0)
    bpy.context.view_layer.update()
    seen = skin.evaluated_get(bpy.context.evaluated_depsgraph_get())
    moved = np.linalg.norm(np.array([vertex.co for vertex in seen.data.vertices]) - points, axis=1) > 1e-4
    assert {weights[i][0][0] for i in np.flatnonzero(moved)} == {"LeftForeArm", "LeftHand"}


def test_in_a_scene_in_centimetres_it_is_as_tall(factory_scene: None) -> None:
    bpy.context.scene.unit_settings.scale_length = 0.01
    bpy.ops.tmr.add_rig()
    assert bpy.context.active_object.data.bones["Head"].tail_local.z == pytest.approx(174.0, abs=1e-3)


def test_a_second_one_shares_the_colours(factory_scene: None) -> None:
    bpy.ops.tmr.add_rig()
    bpy.ops.tmr.add_rig()
    assert len(bpy.data.materials) == 3 and len(bpy.data.armatures) == 2


def test_in_another_mode_it_says_why_not(factory_scene: None) -> None:
    bpy.ops.tmr.add_rig()
    bpy.ops.object.mode_set(mode="POSE")
    with pytest.raises(RuntimeError, match="object mode"):
        bpy.ops.tmr.add_rig()
