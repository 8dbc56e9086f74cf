# SPDX-License-Identifier: GPL-3.0-or-later
"""A span of what a rig does as keys of its own, whatever makes it: NLA strips, or constraints to other objects.

What is animated is keyed in every frame as it is evaluated: the rig's own constraints and drivers act on it as before. Bones
that follow other objects get keys of where they are, and the constraint's influence is keyed to nothing.
"""

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import bpy
import numpy as np

from ..errors import QueryProblem
from . import action as action_writer
from .action import bone_path
from .body import playing
from .cut import LINEAR, Made
from .placed import rotation_channel
from .scenes import alone

Channel = tuple[str, int]
"""Data path and index of an F-curve."""


def baked(
    rig: bpy.types.Object, scene: bpy.types.Scene, source: Made | None, first: int, last: int, name: str, shift: int = 0
) -> Made:
    """A new action of what the rig does from frame first to last, moved by `shift` frames; the rig is left as it is.

    source: the action, and its slot, that plays over the NLA strips meanwhile; None: the strips alone.
    Raises QueryProblem where nothing moves that could be keyed.
    """
    data = rig.animation_data or rig.animation_data_create()
    held = data.action, getattr(data, "action_slot", None)
    _play(data, *(source or (None, None)))
    try:
        animated, followers = _animated(data), _followers(rig)
        if not animated and not followers:
            raise QueryProblem(f"Nothing moves “{rig.name}” that could be kept: it has no keys, strips or constraints.")
        frames = range(first, last + 1)
        with alone(rig, (scene.render.fps, scene.render.fps_base)) as own:
            rows = []
            for frame in frames:
                own.frame_set(frame)
                rows.append(_values(rig.evaluated_get(own.view_layers[0].depsgraph), animated, followers))
    finally:
        _play(data, *held)
    _keep_signs(rig, rows, followers)
    table = {channel: np.array([row[channel] for row in rows]) for channel in rows[0]}
    for bone, constraints in followers.items():
        table |= {(f'{bone_path(bone)}.constraints["{_escaped(one)}"].influence', 0): np.zeros(1) for one in constraints}
    return _written(rig, table, first + shift, name)


def _play(data: bpy.types.AnimData, action: bpy.types.Action | None, slot: Any) -> None:
    former = data.action
    fake = former.use_fake_user if former is not None else False
    data.action = action
    if slot is not None:
        data.action_slot = slot
    if former is not None and former.is_editable:
        former.use_fake_user = fake


def _animated(data: bpy.types.AnimData) -> dict[str, list[int]]:
    """The channels that the action or a strip animates, by their path."""
    found: dict[str, set[int]] = {}
    for action, slot in _players(data):
        for curve in action_writer.curves_of(action, slot):
            found.setdefault(curve.data_path, set()).add(curve.array_index)
    return {path: sorted(indices) for path, indices in found.items()}


def _players(data: bpy.types.AnimData) -> Iterable[Made]:
    if data.action is not None:
        yield data.action, getattr(data, "action_slot", None)
    for strip in playing(data):
        if strip.action is not None:
            yield strip.action, getattr(strip, "action_slot", None)


def _followers(rig: bpy.types.Object) -> dict[str, list[str]]:
    """Bones whose pose depends on other objects by constraints, and the names of those of their own that do so."""
    found: dict[str, list[str]] = {}
    for bone in rig.pose.bones:
        outer = [one for one in bone.constraints if not one.mute and one.influence > 0.0 and _outside(one, rig)]
        if not outer:
            continue
        found.setdefault(bone.name, []).extend(one.name for one in outer)
        for one in outer:
            if one.type in {"IK", "SPLINE_IK"}:
                above = bone.parent_recursive
                for link in above[: one.chain_count - 1] if one.chain_count else above:
                    found.setdefault(link.name, [])
    return found


def _outside(constraint: Any, rig: bpy.types.Object) -> bool:
    """Whether a constraint has a target that is not the rig."""
    targets = [getattr(constraint, "target", None), getattr(constraint, "pole_target", None)]
    if constraint.type == "ARMATURE":
        targets = [item.target for item in constraint.targets]
    return any(target is not None and target != rig for target in targets)


def _values(rig: bpy.types.Object, animated: dict[str, list[int]], followers: Iterable[str]) -> dict[Channel, float]:
    """Of the evaluated rig: what is animated, and where the bones are that follow others."""
    found: dict[Channel, float] = {}
    for path, indices in animated.items():
        try:
            value = rig.path_resolve(path)
        except ValueError:
            continue  # a curve of something that the rig does not have moves nothing
        many = hasattr(value, "__len__")
        if isinstance(value, str):
            continue
        for index in indices:
            found[path, index] = float(value[index] if many else value)
    for name in followers:
        bone = rig.pose.bones[name]
        local = rig.convert_space(pose_bone=bone, matrix=bone.matrix, from_space="POSE", to_space="LOCAL")
        place, turn, size = local.decompose()
        for channel, values in (("location", place), (_turning(bone)[0], _turned(bone, turn)), ("scale", size)):
            found |= {(f"{bone_path(name)}.{channel}", i): float(one) for i, one in enumerate(values)}
    return found


def _turned(bone: bpy.types.PoseBone, turn: Any) -> tuple[float, ...]:
    """A quaternion as the bone's rotation mode has it."""
    if bone.rotation_mode == "QUATERNION":
        return tuple(turn)
    if bone.rotation_mode == "AXIS_ANGLE":
        axis, angle = turn.to_axis_angle()
        return (angle, *axis)
    return tuple(turn.to_euler(bone.rotation_mode))


def _turning(bone: bpy.types.PoseBone) -> tuple[str, int]:
    """The channel of a bone's rotation and its width."""
    channel = rotation_channel(bone.rotation_mode)
    return channel, 3 if channel == "rotation_euler" else 4


def _keep_signs(rig: bpy.types.Object, rows: list[dict[Channel, float]], followers: Iterable[str]) -> None:
    """One turn has two quaternions, and Euler angles any number of turns: those nearest to the frame before."""
    for name in followers:
        channel, width = _turning(rig.pose.bones[name])
        keys = [(f"{bone_path(name)}.{channel}", i) for i in range(width)]
        for before, row in pairwise(rows):
            if width == 3:
                row |= {key: row[key] - 2 * np.pi * np.round((row[key] - before[key]) / (2 * np.pi)) for key in keys}
            elif channel == "rotation_quaternion" and sum(before[key] * row[key] for key in keys) < 0.0:
                row |= {key: -row[key] for key in keys}


def _written(rig: bpy.types.Object, table: dict[Channel, np.ndarray], first: int, name: str) -> Made:
    """The values (frames,) of each channel as an action with linear keys."""
    made = bpy.data.actions.new(name)
    holder: Any = made
    slot = None
    if hasattr(made, "layers"):
        slot = made.slots.new(id_type="OBJECT", name=rig.name)
        holder = made.layers.new("Layer").strips.new(type="KEYFRAME").channelbag(slot, ensure=True)
    for (path, index), values in table.items():
        curve = holder.fcurves.new(path, index=index)
        group = _group(path)
        curve.group = holder.groups.get(group) or holder.groups.new(group)
        points = curve.keyframe_points
        points.add(len(values))
        frames = np.arange(first, first + len(values))
        points.foreach_set("co", np.stack([frames, values], axis=1).astype(np.float32).ravel())
        points.foreach_set("interpolation", np.full(len(values), LINEAR, np.int32))
        curve.update()
    return made, slot


def _group(path: str) -> str:
    """A channel's group, as Blender names it: of its bone, or of the object."""
    return path.split('"')[1] if path.startswith('pose.bones["') else action_writer.OBJECT_GROUP


def _escaped(name: str) -> str:
    return bpy.utils.escape_identifier(name)
