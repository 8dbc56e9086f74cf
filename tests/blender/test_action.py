# SPDX-License-Identifier: GPL-3.0-or-later
"""Actions written in the API of the Blender that runs this."""

from typing import Any

import bpy
import numpy as np
import parts
import pytest
from bl_ext.user_default.tmr_blender.blender import action
from bl_ext.user_default.tmr_blender.errors import SkeletonProblem
from bl_ext.user_default.tmr_blender.retarget.rig import BoneKeys, Keys


@pytest.fixture
def armature(factory_scene: None) -> Any:
    """Two bones, one with a quote in its name, one with a switch."""
    made = bpy.data.objects.new("rig", bpy.data.armatures.new("rig"))
    bpy.context.scene.collection.objects.link(made)
    bpy.context.view_layer.objects.active = made
    bpy.ops.object.mode_set(mode="EDIT")
    for name in ('hip "a"', "arm"):
        bone = made.data.edit_bones.new(name)
        bone.tail = (0, 0, 1)
    bpy.ops.object.mode_set(mode="OBJECT")
    made.pose.bones["arm"].rotation_mode = "ZXY"
    made.pose.bones["arm"]["IK_FK"] = 0.0
    return made


def keys(frames: int = 5) -> Keys:
    ramp = np.linspace(0.0, 1.0, frames)
    quaternions = np.stack([np.cos(ramp / 2), np.sin(ramp / 2), 0 * ramp, 0 * ramp], axis=-1)
    return Keys(
        frames,
        {
            'hip "a"': BoneKeys("QUATERNION", quaternions, np.stack([ramp, 2 * ramp, 3 * ramp], axis=-1)),
            "arm": BoneKeys("ZXY", np.stack([ramp, -ramp, 0 * ramp], axis=-1)),
        },
        {("arm", "IK_FK"): 1.0},
    )


def test_the_rig_plays(armature: Any) -> None:
    made = action.write(armature, keys(), "walk", frame=10)
    assert armature.animation_data.action == made
    assert made.name == "walk"
    assert tuple(made.frame_range) == (10, 14)
    for frame, share in ((10, 0.0), (12, 0.5), (14, 1.0)):
        bpy.context.scene.frame_set(frame)
        hip, arm = armature.pose.bones['hip "a"'], armature.pose.bones["arm"]
        assert tuple(hip.location) == pytest.approx((share, 2 * share, 3 * share))
        assert hip.rotation_quaternion[1] == pytest.approx(np.sin(share / 2), abs=1e-6)
        assert tuple(arm.rotation_euler) == pytest.approx((share, -share, 0))
        assert arm["IK_FK"] == 1.0


def test_curves_are_grouped_by_bone_and_linear(armature: Any) -> None:
    found = parts.curves(action.write(armature, keys(), "walk"))
    assert len(found) == 3 + 4 + 3 + 1
    assert {curve.group.name for curve in found} == {'hip "a"', "arm"}
    assert {point.interpolation for curve in found for point in curve.keyframe_points} == {"LINEAR"}
    switch = next(curve for curve in found if "IK_FK" in curve.data_path)
    assert len(switch.keyframe_points) == 1


def contents(made: Any) -> list[Any]:
    """Every number and setting of an action."""
    return [
        (
            c.data_path,
            c.array_index,
            c.group and c.group.name,
            [(tuple(p.co), p.interpolation, tuple(p.handle_left)) for p in c.keyframe_points],
        )
        for c in parts.curves(made)
    ]


def test_the_former_action_is_kept_as_it_was(armature: Any) -> None:
    armature.pose.bones["arm"].keyframe_insert("rotation_euler", frame=3)
    former = armature.animation_data.action
    before = contents(former)
    new = action.write(armature, keys(), "walk")
    assert armature.animation_data.action == new != former
    assert contents(former) == before
    assert former.use_fake_user


def test_an_action_in_use_elsewhere_is_not_touched(armature: Any) -> None:
    armature.pose.bones["arm"].keyframe_insert("rotation_euler", frame=3)
    former = armature.animation_data.action
    other = armature.copy()
    other.animation_data.action = former
    before = contents(former)
    action.write(armature, keys(), "walk")
    assert contents(former) == before
    assert other.animation_data.action == former
    assert not former.use_fake_user


def test_two_motions_make_two_actions(armature: Any) -> None:
    first, second = (action.write(armature, keys(), "walk") for _ in range(2))
    assert first != second
    assert len(contents(first)) == len(contents(second))


def test_tweak_mode_is_refused(armature: Any) -> None:
    made = action.write(armature, keys(), "walk")
    data = armature.animation_data
    track = data.nla_tracks.new()
    track.strips.new("walk", 1, made)
    data.action = None
    track.select = True
    track.strips[0].select = True
    data.use_tweak_mode = True
    if not data.use_tweak_mode:
        pytest.skip("this Blender enters tweak mode only in the NLA editor")
    count = len(bpy.data.actions)
    with pytest.raises(SkeletonProblem, match="tweak"):
        action.write(armature, keys(), "run")
    assert len(bpy.data.actions) == count
