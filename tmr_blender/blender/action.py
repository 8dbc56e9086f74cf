# SPDX-License-Identifier: GPL-3.0-or-later
"""Writing keys as an action, in the API of each Blender version."""

from collections.abc import Iterator
from dataclasses import dataclass

import bpy
import numpy as np

from ..errors import SkeletonProblem
from ..motion.quaternion import Array
from ..retarget.rig import BoneKeys, Keys

# The values of Keyframe.interpolation and of its handles' types for foreach_set.
LINEAR, BEZIER = 1, 2
ALIGNED = 3


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
        for index in range(rows.values.shape[1]):
            curves.add(path, index, group, rows.column(index), frame)
    for (bone, key), value in keys.switches.items():
        curves.add(f'{_bone(bone)}["{bpy.utils.escape_identifier(key)}"]', 0, bone, _Rows(np.array([[value]])).column(0), frame)
    _assign(data, action, curves)
    return action


@dataclass(frozen=True)
class _Rows:
    """Keys of a channel: values (keys, n) and, where there isn't one a frame, their frames and slopes (keys, n)."""

    values: Array
    frames: np.ndarray | None = None
    slopes: Array | None = None

    def column(self, index: int) -> "_Rows":
        """Of one curve: (keys,)."""
        if len(self.values) == 1:
            return _Rows(self.values[:, index])
        return _Rows(self.values[:, index], self.frames, None if self.slopes is None else self.slopes[:, index])

    @property
    def at(self) -> np.ndarray:
        """The frame of each key, from 0."""
        return np.arange(len(self.values)) if self.frames is None else self.frames

    def handles(self, side: int, slopes: Array) -> Array:
        """(keys, 2) the left (-1) or right (1) handles: a third of the way to the next key, along the slope."""
        gaps = np.diff(self.at)
        reach = side * np.concatenate([gaps[:1], gaps] if side < 0 else [gaps, gaps[-1:]]) / 3
        return np.stack([self.at + reach, self.values + slopes * reach], axis=-1)


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

    def add(self, path: str, index: int, group: str, rows: _Rows, frame: int) -> None:
        """One curve: linear with a key a frame, or Bezier."""
        curve = self.curves.new(path, index=index)
        curve.group = self.groups.get(group) or self.groups.new(group)
        points = curve.keyframe_points
        count = len(rows.values)
        points.add(count)
        shift = np.array([frame, 0.0])
        points.foreach_set("co", (np.stack([rows.at, rows.values], axis=-1) + shift).astype(np.float32).ravel())
        points.foreach_set("interpolation", np.full(count, LINEAR if rows.slopes is None else BEZIER, dtype=np.int32))
        if rows.slopes is not None:
            for name, side in (("left", -1), ("right", 1)):
                points.foreach_set(f"handle_{name}_type", np.full(count, ALIGNED, dtype=np.int32))
                points.foreach_set(f"handle_{name}", (rows.handles(side, rows.slopes) + shift).astype(np.float32).ravel())
        curve.update()


def _channels(keys: Keys) -> Iterator[tuple[str, str, _Rows]]:
    """Data path, group and keys of everything that is keyed."""
    for name, bone in keys.bones.items():
        if bone.location is not None:
            yield f"{_bone(name)}.location", name, _Rows(bone.location, bone.frames, bone.location_slopes)
        if bone.rotation is not None:
            yield f"{_bone(name)}.{_rotation_channel(bone)}", name, _Rows(bone.rotation, bone.frames, bone.rotation_slopes)
        if bone.scale is not None:
            yield f"{_bone(name)}.scale", name, _Rows(bone.scale)


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
