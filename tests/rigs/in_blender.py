# SPDX-License-Identifier: GPL-3.0-or-later
"""Samples as real armatures."""

import bpy
from mathutils import Matrix

from .sample import Constraint, Sample


def build(sample: Sample) -> bpy.types.Object:
    """The armature in the open scene, active, with its constraints, drivers and custom properties."""
    data = bpy.data.armatures.new(sample.name)
    rig = bpy.data.objects.new(sample.name, data)
    bpy.context.scene.collection.objects.link(rig)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    for bone in sample.bones:
        made = data.edit_bones.new(bone.name)
        if made.name != bone.name:
            raise ValueError(f"Blender names {bone.name!r} {made.name!r}")
        made.head, made.tail, made.roll = bone.head, bone.tail, bone.roll
        made.parent = data.edit_bones[bone.parent] if bone.parent else None
        made.use_connect = bone.connected
        made.use_inherit_rotation = bone.inherit_rotation
    bpy.ops.object.mode_set(mode="OBJECT")
    rig.matrix_world = Matrix(sample.world.tolist())
    for (name, key), value in sample.properties.items():
        rig.pose.bones[name][key] = value
    for constraint in sample.constraints:
        _constrain(rig, constraint)
    bpy.context.view_layer.update()
    return rig


def _pole_angle(rig: bpy.types.Object, made: bpy.types.Constraint, end: str) -> float:
    """The angle at which the limb at rest is what the pole asks for."""
    last = rig.data.bones[end]
    base = last.parent
    pole = rig.data.bones[made.pole_subtarget].head_local
    square = (last.tail_local - base.head_local).cross(pole - base.head_local)
    along = base.tail_local - base.head_local
    wanted = square.cross(along)
    x = base.matrix_local.col[0].to_3d()
    angle = x.angle(wanted)
    return -angle if x.cross(wanted).angle(along) < 1.0 else angle


def _constrain(rig: bpy.types.Object, wanted: Constraint) -> None:
    made = rig.pose.bones[wanted.bone].constraints.new(wanted.kind)
    if wanted.subtarget:
        made.target, made.subtarget = rig, wanted.subtarget
    for key, value in wanted.settings.items():
        if key == "pole_subtarget":
            made.pole_target = rig
        setattr(made, key, value)
    if wanted.kind == "IK" and made.pole_subtarget:
        made.pole_angle = _pole_angle(rig, made, wanted.bone)
    if not isinstance(wanted.influence, tuple):
        made.influence = wanted.influence
        return
    bone, key, opposite = wanted.influence
    driver = made.driver_add("influence").driver
    variable = driver.variables.new()
    variable.name = "switch"
    variable.targets[0].id = rig
    variable.targets[0].data_path = f'pose.bones["{bone}"]["{key}"]'
    driver.type = "SCRIPTED"
    driver.expression = "1 - switch" if opposite else "switch"
