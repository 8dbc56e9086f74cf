# SPDX-License-Identifier: GPL-3.0-or-later
"""Samples of every convention as real armatures: they map as they should, stand as they should, and their switches work."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy
import numpy as np
import pytest
from bl_ext.user_default.tmr_blender.blender import default_rig, rig
from bl_ext.user_default.tmr_blender.errors import SkeletonProblem
from bl_ext.user_default.tmr_blender.retarget import roles

# The samples are shared with the tests in plain Python; the repository itself must stay off the path here.
sys.path.append(str(Path(__file__).resolve().parents[1]))
samples = importlib.import_module("rigs")
in_blender = importlib.import_module("rigs.in_blender")
unrolled = importlib.import_module("rigs.build").unrolled


@pytest.fixture(autouse=True)
def nothing_open() -> Iterator[None]:
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    yield
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)


@pytest.mark.parametrize("name", samples.RIGS)
def test_samples_map(name: str) -> None:
    sample = samples.RIGS[name]
    made = in_blender.build(sample)
    found = roles.map_rig(rig.plain(made))
    assert found.convention == sample.convention
    assert found.bones == sample.expected
    assert (found.travel, found.root, found.twists) == (sample.travel, sample.root, sample.twists)
    assert found.score == 1.0
    assert not {name for name, _ in found.switches} - set(made.pose.bones.keys())
    assert set(found.switches) <= set(sample.properties)
    assert rig.read(made, found).names == rig.plain(made).names


@pytest.mark.parametrize("name", samples.RIGS)
def test_samples_stand_as_they_say(name: str) -> None:
    """Heads and axes as written, and constraints that leave the rest pose as it is."""
    sample = samples.RIGS[name]
    made = in_blender.build(sample)
    size = 1.0 / np.cbrt(np.linalg.det(sample.world[:3, :3]))
    posed = made.evaluated_get(bpy.context.evaluated_depsgraph_get())
    for bone in sample.bones:
        rest = np.array(made.data.bones[bone.name].matrix_local)
        along = np.subtract(bone.tail, bone.head)
        c, s = np.cos(bone.roll), np.sin(bone.roll)
        axes = unrolled(along / np.linalg.norm(along)) @ np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
        np.testing.assert_allclose(rest[:3, 3], bone.head, atol=1e-4 * size)
        np.testing.assert_allclose(rest[:3, :3], axes, atol=1e-4)
        np.testing.assert_allclose(np.array(posed.pose.bones[bone.name].matrix), rest, atol=1e-4 * size)


def head(made: Any, name: str) -> Any:
    """Where a bone starts, evaluated."""
    bpy.context.view_layer.update()
    return np.array(made.evaluated_get(bpy.context.evaluated_depsgraph_get()).pose.bones[name].head)


def switch(made: Any, values: Any) -> None:
    for (bone, key), value in values.items():
        made.pose.bones[bone][key] = value
    made.update_tag()


@pytest.mark.parametrize(
    ("name", "role", "deforming"),
    [
        ("Auto-Rig Pro", "left_elbow", "hand.l"),
        ("Auto-Rig Pro", "right_knee", "foot.r"),
        ("MMD with driven IK", "left_hip", "足首D.L"),
    ],
)
def test_switches_put_the_keyed_bones_in_charge(name: str, role: str, deforming: str) -> None:
    """With the map's switches a turn of the keyed bone moves the limb's end; under the limb's controls the end stays."""
    made = in_blender.build(samples.RIGS[name])
    found = roles.map_rig(rig.plain(made))
    end = role.replace("elbow", "wrist").replace("knee", "ankle").replace("hip", "ankle")
    rest = head(made, deforming)
    bone = made.pose.bones[found.bones[role]]
    bone.rotation_mode = "XYZ"
    bone.rotation_euler = (0.4, 0.0, 0.0)
    assert found.switches
    switch(made, found.switches)
    assert np.abs(head(made, deforming) - rest).max() > 0.05
    switch(made, found.controls[end].switches)
    np.testing.assert_allclose(head(made, deforming), rest, atol=5e-3)


def test_rigify_as_generated() -> None:
    made = default_rig.rigify_human()
    found = roles.map_rig(rig.plain(made))
    assert (found.convention, found.score, found.travel, found.root) == ("Rigify", 1.0, "torso", "root")
    assert {found.bones[role] for role in ("pelvis", "spine1", "head")} == {"spine_fk", "spine_fk.001", "head"}
    assert found.bones["left_elbow"] == "forearm_fk.L"
    assert set(found.controls) == {f"{side}_{end}" for side in ("left", "right") for end in ("wrist", "ankle")}
    assert ("thigh_parent.L", "IK_FK") in found.switches


def test_rigify_metarig() -> None:
    """Blender's own, from its menu; with hands and face."""
    default_rig.rigify_human()
    with default_rig._rigify_enabled():
        bpy.ops.object.armature_human_metarig_add()
    found = roles.map_rig(rig.plain(bpy.context.object))
    assert (found.convention, found.score, found.travel) == ("Rigify metarig", 1.0, "spine")
    assert found.bones["neck1"] == "spine.004"
    assert found.bones["left_index1"] == "f_index.01.L"


@pytest.mark.parametrize("name", samples.NOT_PEOPLE)
def test_what_is_no_person(name: str) -> None:
    made = in_blender.build(samples.NOT_PEOPLE[name])
    with pytest.raises(SkeletonProblem, match=f"“{name}”"):
        roles.map_rig(rig.plain(made))


def test_an_empty_armature() -> None:
    made = bpy.data.objects.new("nothing", bpy.data.armatures.new("nothing"))
    bpy.context.scene.collection.objects.link(made)
    with pytest.raises(SkeletonProblem, match="no bones"):
        rig.check(made)
