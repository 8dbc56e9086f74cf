# SPDX-License-Identifier: GPL-3.0-or-later
"""What a rig does in a frame, as a motion that another one can go on from."""

from dataclasses import dataclass

import bpy
import numpy as np

from ..motion import quaternion
from ..motion.quaternion import Array
from ..retarget import feet
from ..retarget.roles import RigMap
from ..retarget.target import Motion, Target, rigid
from . import rig as rig_reader
from .scenes import alone

STILL = 1e-3
"""Of a matrix (Blender units, and about radians): a pose shown that is further from the animated one was made by hand."""


@dataclass(frozen=True)
class Present:
    """The pose of a rig, and how it comes about.

    motion: two frames, the one before and the pose itself, as the character shows it, whichever of its controls pose it.
    rotations: bone -> its rotation channels (n,) in its mode.
    """

    motion: Motion
    rotations: dict[str, Array]


def read(scene: bpy.types.Scene, rig: bpy.types.Object, goal: Target, rig_map: RigMap, frame: int) -> Present:
    """The pose at a scene frame. At the frame shown that is the pose shown, keyed or not, which then is taken to be still.

    Nothing changes: other frames are evaluated in a scene of their own.
    """
    shown = rig_reader.deforming(rig, rig_map.bones)
    names = tuple(dict.fromkeys(shown.values()))
    with alone(rig, (scene.render.fps, scene.render.fps_base)) as own:
        matrices = []
        posed = rig
        for at in (frame - 1, frame):
            own.frame_set(at)
            posed = rig.evaluated_get(own.view_layers[0].depsgraph)
            matrices.append(_matrices(posed, names))
        rotations = _rotations(posed)
    if frame == scene.frame_current and not scene.frame_subframe:
        bpy.context.view_layer.update()
        posed = rig.evaluated_get(bpy.context.evaluated_depsgraph_get())
        now, rotations = _matrices(posed, names), _rotations(posed)
        if np.abs(now - matrices[1]).max() > STILL * max(float(np.abs(now[:, :3, 3]).max()), 1.0):
            matrices = [now, now]
    placed = dict(zip(names, np.stack(matrices, axis=1), strict=True))
    return Present(_motion(rig, goal, {role: placed[name] for role, name in shown.items()}, shown), rotations)


def _motion(rig: bpy.types.Object, goal: Target, placed: dict[str, Array], shown: dict[str, str]) -> Motion:
    """placed: role -> (2, 4, 4) of the bone that shows it, in the armature's space."""
    turns = {}
    for role, matrices in placed.items():
        rest = np.array(rig.data.bones[shown[role]].matrix_local, np.float64)[:3, :3]
        turns[role] = quaternion.from_matrix(rigid(matrices[:, :3, :3]) @ rigid(rest).T)
    hips = (placed["left_hip"][:, :3, 3] + placed["right_hip"][:, :3, 3]) / 2
    return Motion(turns, feet.to_stance(goal, hips))


def _matrices(posed: bpy.types.Object, names: tuple[str, ...]) -> Array:
    """(bones, 4, 4) in the armature's space."""
    return np.array([posed.pose.bones[name].matrix for name in names], np.float64)


def _rotations(posed: bpy.types.Object) -> dict[str, Array]:
    out = {}
    for bone in posed.pose.bones:
        channel = {"QUATERNION": "rotation_quaternion", "AXIS_ANGLE": "rotation_axis_angle"}.get(
            bone.rotation_mode, "rotation_euler"
        )
        out[bone.name] = np.array(getattr(bone, channel), np.float64)
    return out
