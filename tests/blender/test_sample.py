# SPDX-License-Identifier: GPL-3.0-or-later
import bpy
import numpy as np
import parts
import pytest

sample = parts.ours("blender.sample")


def test_bones_are_where_the_rig_is_posed(factory_scene: None) -> None:
    rig = parts.human()
    parts.move(rig, "walks")
    rig.location = (3.0, 0.0, 0.0)
    bpy.context.scene.frame_set(7)
    taken = sample.figures(rig, [1, 40])
    figures, trail = taken.figures, taken.trail
    assert taken.floor == 0.0
    assert bpy.context.scene.frame_current == 7
    # Blender's -Y, where the body walks to, is +Z in the picture's space.
    assert trail[1][2] - trail[0][2] == pytest.approx(2.0, abs=0.1)
    assert trail[0][0] == pytest.approx(3.0, abs=0.05)
    low, high = figures[0].bounds()[0].min(axis=0), figures[0].bounds()[0].max(axis=0)
    assert low[1] == pytest.approx(0.02, abs=0.05)
    assert 1.5 < high[1] < 1.8
    left = figures[0].heads[figures[0].sides == 1].mean(axis=0)
    right = figures[0].heads[figures[0].sides == -1].mean(axis=0)
    assert left[0] > right[0]


def test_a_rig_in_centimetres_looks_the_same(factory_scene: None) -> None:
    rig = parts.human()
    rig.scale = (100.0, 100.0, 100.0)
    bpy.context.view_layer.update()
    figures = sample.figures(rig, [1]).figures
    assert np.ptp(figures[0].bounds()[0][:, 1]) == pytest.approx(1.75, abs=0.2)


def test_a_skin_is_sampled_where_it_is_deformed(factory_scene: None) -> None:
    rig = parts.human()
    bpy.ops.mesh.primitive_cube_add(size=0.2, location=(0.57, 0.0, 1.42))
    cube = bpy.context.object
    cube.vertex_groups.new(name="LeftForeArm").add(range(8), 1.0, "REPLACE")
    cube.modifiers.new("Armature", "ARMATURE").object = rig
    rig.pose.bones["LeftArm"].rotation_mode = "XYZ"
    for frame, angle in ((1, 0.0), (10, 1.5)):
        rig.pose.bones["LeftArm"].rotation_euler = (angle, 0, 0)
        rig.pose.bones["LeftArm"].keyframe_insert("rotation_euler", frame=frame)
    figures = sample.figures(rig, [1, 10]).figures
    first, last = figures
    assert first.points.shape == (sample.SAMPLES, 3)
    np.testing.assert_allclose(first.points.mean(axis=0), [0.57, 1.42, 0.0], atol=0.01)
    np.testing.assert_allclose(np.linalg.norm(first.normals, axis=1), 1.0, atol=1e-6)
    assert (first.sides == 1).all()
    assert np.linalg.norm(last.points.mean(axis=0) - first.points.mean(axis=0)) > 0.1
    # The arm's length is what it was: the same points have turned.
    shoulder = np.array([0.16, 1.42, 0.0])
    np.testing.assert_allclose(
        np.linalg.norm(last.points - shoulder, axis=1), np.linalg.norm(first.points - shoulder, axis=1), atol=1e-3
    )


def test_hidden_meshes_are_left_out(factory_scene: None) -> None:
    rig = parts.human()
    bpy.ops.mesh.primitive_cube_add()
    cube = bpy.context.object
    cube.modifiers.new("Armature", "ARMATURE").object = rig
    cube.hide_render = True
    figures = sample.figures(rig, [1]).figures
    assert hasattr(figures[0], "heads")


def test_toes_are_made_up_ahead_of_the_ankles_and_turn_with_the_feet(factory_scene: None) -> None:
    rig = parts.human()
    bpy.ops.object.mode_set(mode="EDIT")
    for side in ("Left", "Right"):
        rig.data.edit_bones.remove(rig.data.edit_bones[f"{side}ToeBase"])
        # Importers of FBX files let such bones point anywhere.
        rig.data.edit_bones[f"{side}Foot"].tail += rig.data.edit_bones[f"{side}Foot"].vector * 4.0
    bpy.ops.object.mode_set(mode="OBJECT")
    bones = sample.figures(rig, [1]).figures[0]
    feet = [place for place in range(len(bones.heads)) if np.allclose(bones.heads[place][1], 0.09)]
    assert len(feet) == 2
    for foot in feet:
        across, down, ahead = bones.tails[foot] - bones.heads[foot]
        assert abs(across) < 0.01
        assert -0.1 < down < 0.0
        assert 0.1 < ahead < 0.2
