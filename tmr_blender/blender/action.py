# SPDX-License-Identifier: GPL-3.0-or-later
"""Writing keys as an action, in the API of each Blender version."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import bpy
import numpy as np

from ..errors import SkeletonProblem
from ..motion.quaternion import Array
from ..retarget.rig import Keys
from .placed import rotation_channel

# The values of Keyframe.interpolation and of its handles' types for foreach_set.
LINEAR, BEZIER = 1, 2
ALIGNED = 3
# What Blender calls the group of an object's own channels.
OBJECT_GROUP = "Object Transforms"
# The custom property of an action that keeps `Keys.stance`: the next motion on that rig goes by the same.
STANCE = "tmr_stance"


class Named(Protocol):
    """What a new action has to know of the object that it is for."""

    @property
    def name(self) -> str:
        """Of the object."""
        ...


def write(object: bpy.types.Object, keys: Keys, name: str, frame: int = 1) -> bpy.types.Action:
    """Make a new action of the keys and give it to the object, the first key at `frame`.

    The object's former action is left as it is, and kept in the file by a fake user if nothing else uses it.
    Raises SkeletonProblem where the object can't take an action (linked without an override, NLA strip being tweaked).
    """
    check(object)
    action, slot = make(object, keys, name, frame)
    assign(object, action, slot)
    return action


def check(object: bpy.types.Object) -> None:
    """Raise SkeletonProblem where the object can't take an action (linked without an override, NLA strip being tweaked)."""
    if not object.is_editable:
        raise SkeletonProblem(f"“{object.name}” is linked from another file: make a library override of it first.")
    if object.animation_data is not None and object.animation_data.use_tweak_mode:
        raise SkeletonProblem(f"An NLA strip of “{object.name}” is being tweaked: leave tweak mode (Tab) first.")


def make(object: Named, keys: Keys, name: str, frame: int = 1) -> tuple[bpy.types.Action, Any]:
    """A new action of the keys, the first key at `frame`, and the slot for the object (None before Blender 4.4).

    The object is left as it is.
    """
    action = bpy.data.actions.new(name)
    curves = _Curves(action, object)
    for path, group, rows in _channels(keys):
        curves.add(path, group, rows, frame)
    for (bone, key), value in keys.switches.items():
        curves.add(f'{bone_path(bone)}["{bpy.utils.escape_identifier(key)}"]', bone, _Rows(np.array([[value]])), frame)
    if keys.stance:
        action[STANCE] = {bone: rows.tolist() for bone, rows in keys.stance.items()}
    return action, curves.slot


def assign(object: bpy.types.Object, action: bpy.types.Action, slot: Any) -> None:
    """Give the object an action; the former one is kept in the file."""
    data = object.animation_data or object.animation_data_create()
    former = data.action
    data.action = action
    if slot is not None:
        # Blender picks a slot by itself only if its name matches the object's.
        data.action_slot = slot
    if former is not None and former.users == 0 and former.is_editable:
        former.use_fake_user = True


def curves_of(action: bpy.types.Action, slot: Any = None) -> list[bpy.types.FCurve]:
    """The F-curves of an action. slot: only those of one, which holds what moves one object since Blender 4.4."""
    if not hasattr(action, "layers"):
        return list(action.fcurves)
    strips = [strip for layer in action.layers for strip in layer.strips]
    bags = [bag for strip in strips for bag in strip.channelbags if slot is None or bag.slot_handle == slot.handle]
    return [curve for bag in bags for curve in bag.fcurves]


@dataclass(frozen=True)
class _Rows:
    """Keys of a channel: values (keys, n) and, where there isn't one a frame, their frames and slopes (keys, n)."""

    values: Array
    frames: np.ndarray | None = None
    slopes: Array | None = None

    def points(self, frame: int) -> np.ndarray:
        """(3, n, keys, 2) float32: of each curve the keys, then their left and their right handles.

        Handles lie a third of the way to the next key: along the slope, or on the straight line where there is none, as
        Blender itself would put them once somebody makes such a key a Bezier one.
        """
        count, curves = self.values.shape
        at = np.arange(count) if self.frames is None or count == 1 else self.frames
        out = np.empty((3, curves, count, 2), dtype=np.float32)
        out[..., 0], out[..., 1] = at + frame, self.values.T
        gaps = np.diff(at) / 3 if count > 1 else np.full(1, 1 / 3)
        reach = np.concatenate([gaps[:1], gaps])[-count:], np.concatenate([gaps, gaps[-1:]])[:count]
        for row, sign, width in ((1, -1, reach[0]), (2, 1, reach[1])):
            out[row, ..., 0] += sign * width
            if self.slopes is not None and count > 1:
                out[row, ..., 1] += sign * (self.slopes.T * width)
        if self.slopes is None and count > 1:
            rises = np.diff(self.values.T, axis=1) / 3
            out[1, :, 1:, 1] -= rises
            out[2, :, :-1, 1] += rises
        return out


class _Curves:
    """The F-curves of a new action: in a slot's channelbag since Blender 4.4, on the action itself before."""

    def __init__(self, action: bpy.types.Action, object: Named) -> None:
        self.slot = None
        holder = action
        if hasattr(action, "layers"):
            self.slot = action.slots.new(id_type="OBJECT", name=object.name)
            strip = action.layers.new("Layer").strips.new(type="KEYFRAME")
            holder = strip.channelbag(self.slot, ensure=True)
        self.curves, self.groups = holder.fcurves, holder.groups

    def add(self, path: str, group: str, rows: _Rows, frame: int) -> None:
        """The curves of one channel: linear with a key a frame, or Bezier."""
        grouped = self.groups.get(group) or self.groups.new(group)
        kind = np.full(len(rows.values), LINEAR if rows.slopes is None else BEZIER, dtype=np.int32)
        for index, (keys, left, right) in enumerate(rows.points(frame).swapaxes(0, 1)):
            curve = self.curves.new(path, index=index)
            curve.group = grouped
            points = curve.keyframe_points
            points.add(len(keys))
            points.foreach_set("co", keys.ravel())
            points.foreach_set("interpolation", kind)
            # With its handles in place a curve needs no update(), which costs more than all of this.
            points.foreach_set("handle_left", left.ravel())
            points.foreach_set("handle_right", right.ravel())
            if rows.slopes is not None:
                for side in ("left", "right"):
                    points.foreach_set(f"handle_{side}_type", np.full(len(keys), ALIGNED, dtype=np.int32))


def _channels(keys: Keys) -> Iterator[tuple[str, str, _Rows]]:
    """Data path, group and keys of everything that is keyed."""
    each = [(f"{bone_path(name)}.", name, bone) for name, bone in keys.bones.items()]
    if keys.object is not None:
        each.insert(0, ("", OBJECT_GROUP, keys.object))
    for path, group, bone in each:
        if bone.location is not None:
            yield f"{path}location", group, _Rows(bone.location, bone.frames, bone.location_slopes)
        if bone.rotation is not None:
            yield f"{path}{rotation_channel(bone.mode)}", group, _Rows(bone.rotation, bone.frames, bone.rotation_slopes)
        if bone.scale is not None:
            yield f"{path}scale", group, _Rows(bone.scale)


def bone_path(name: str) -> str:
    """The data path of a pose bone."""
    return f'pose.bones["{bpy.utils.escape_identifier(name)}"]'
