# SPDX-License-Identifier: GPL-3.0-or-later
"""Writing keys as an action, in the API of each Blender version."""

from collections.abc import Iterator

import bpy
import numpy as np

from ..errors import SkeletonProblem
from ..motion.quaternion import Array
from ..retarget.rig import BoneKeys, Keys

# The value of Keyframe.interpolation for "LINEAR", as foreach_set wants it.
LINEAR = 1


def write(object: bpy.types.Object, keys: Keys, name: str, frame: int = 1) -> bpy.types.Action:
    """Make a new action of the keys and give it to the object, the first key at `frame`.

    The object's former action is left as it is, and kept in the file by a fake user if nothing else uses it.
    Raises SkeletonProblem where the object can't take an action (linked without an override, NLA strip being tweaked).
    """
    if not object.is_editable:
        raise SkeletonProblem(f"“{object.name}” is linked from another file: make a library override of it first.")
    data = object.animation_data or object.animation_data_create()
    if data.use_tweak_mode:
        raise SkeletonProblem(f"An NLA strip of “{object.name}” is being tweaked: leave tweak mode (Tab) first.")
    action = bpy.data.actions.new(name)
    curves = _Curves(action, object)
    for path, group, rows in _channels(keys):
        for index in range(rows.shape[1]):
            curves.add(path, index, group, rows[:, index], frame)
    for (bone, key), value in keys.switches.items():
        curves.add(f'{_bone(bone)}["{bpy.utils.escape_identifier(key)}"]', 0, bone, np.array([value]), frame)
    _assign(data, action, curves)
    return action


class _Curves:
    """The F-curves of a new action: in a slot's channelbag since Blender 4.4, on the action itself before."""

    def __init__(self, action: bpy.types.Action, object: bpy.types.Object) -> None:
        self.slot = None
        holder = action
        if hasattr(action, "layers"):
            self.slot = action.slots.new(id_type="OBJECT", name=object.name)
            strip = action.layers.new("Layer").strips.new(type="KEYFRAME")
            holder = strip.channelbag(self.slot, ensure=True)
        self.curves, self.groups = holder.fcurves, holder.groups

    def add(self, path: str, index: int, group: str, values: Array, frame: int) -> None:
        """One curve with a linear key a frame."""
        curve = self.curves.new(path, index=index)
        curve.group = self.groups.get(group) or self.groups.new(group)
        points = curve.keyframe_points
        points.add(len(values))
        at = np.empty((len(values), 2), dtype=np.float32)
        at[:, 0] = np.arange(frame, frame + len(values))
        at[:, 1] = values
        points.foreach_set("co", at.ravel())
        points.foreach_set("interpolation", np.full(len(values), LINEAR, dtype=np.int32))
        curve.update()


def _channels(keys: Keys) -> Iterator[tuple[str, str, Array]]:
    """Data path, group and rows (frames, channels) of everything that is keyed."""
    for name, bone in keys.bones.items():
        if bone.location is not None:
            yield f"{_bone(name)}.location", name, bone.location
        if bone.rotation is not None:
            yield f"{_bone(name)}.{_rotation_channel(bone)}", name, bone.rotation
        if bone.scale is not None:
            yield f"{_bone(name)}.scale", name, bone.scale


def _bone(name: str) -> str:
    return f'pose.bones["{bpy.utils.escape_identifier(name)}"]'


def _rotation_channel(bone: BoneKeys) -> str:
    return {"QUATERNION": "rotation_quaternion", "AXIS_ANGLE": "rotation_axis_angle"}.get(bone.mode, "rotation_euler")


def _assign(data: bpy.types.AnimData, action: bpy.types.Action, curves: _Curves) -> None:
    former = data.action
    data.action = action
    if curves.slot is not None:
        # Blender picks a slot by itself only if its name matches the object's.
        data.action_slot = curves.slot
    if former is not None and former.users == 0 and former.is_editable:
        former.use_fake_user = True
