# SPDX-License-Identifier: GPL-3.0-or-later
"""Where an object or a posed bone stands by its own channels."""

import bpy
import numpy as np

from ..motion import quaternion
from ..motion.quaternion import Array
from ..retarget import channels
from ..retarget.rig import Placed

# Turns (radians), places (Blender units) and sizes below this are rest.
STILL = 1e-6
MOVING = ("location", "rotation", "delta_location", "delta_rotation")
"""What drivers' data paths begin with that decide about an object's place and turn."""


def of_object(object: bpy.types.Object) -> Placed:
    """The object in its parent."""
    return Placed(
        object.rotation_mode,
        _rotation(object),
        np.array(object.location, np.float64),
        _delta(object),
        np.array(object.scale, np.float64) * np.array(object.delta_scale, np.float64),
        np.array(object.lock_location),
        np.array([object.lock_rotation_w, *object.lock_rotation]),
        _obstacle(object),
    )


def of_bone(bone: bpy.types.PoseBone) -> Placed:
    """The bone in what carries it, along its own axes."""
    return Placed(
        bone.rotation_mode,
        _rotation(bone),
        np.array(bone.location, np.float64),
        scale=np.array(bone.scale, np.float64),
        location_locks=np.array(bone.lock_location),
        rotation_locks=np.array([bone.lock_rotation_w, *bone.lock_rotation]),
    )


def rotation_channel(mode: str) -> str:
    """The property that holds a rotation in one of Blender's modes."""
    return {"QUATERNION": "rotation_quaternion", "AXIS_ANGLE": "rotation_axis_angle"}.get(mode, "rotation_euler")


def _rotation(thing: bpy.types.Object | bpy.types.PoseBone) -> Array:
    """The channels of its rotation mode."""
    return np.array(getattr(thing, rotation_channel(thing.rotation_mode)), np.float64)


def _delta(object: bpy.types.Object) -> Array:
    """An object's delta rotation (4,). There is none as axis and angle in Blender's interface."""
    if object.rotation_mode == "QUATERNION":
        return quaternion.normalise(np.array(object.delta_rotation_quaternion, np.float64))
    if object.rotation_mode == "AXIS_ANGLE":
        return quaternion.IDENTITY
    return channels.to_quaternions(np.array(object.delta_rotation_euler, np.float64)[None], object.rotation_mode)[0]


def _obstacle(object: bpy.types.Object) -> str:
    """What else moves the object, for people; empty for nothing."""
    for constraint in object.constraints:
        if not constraint.mute and constraint.influence > 0.0:
            return f"the constraint “{constraint.name}”"
    drivers = object.animation_data.drivers if object.animation_data else ()
    driven = next((driver.data_path for driver in drivers if driver.data_path.startswith(MOVING) and not driver.mute), None)
    return f"a driver on its {driven.replace('_', ' ')}" if driven else ""
