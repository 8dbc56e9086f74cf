# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a ghost stands: beside the active rig, as tall as it, facing as it does. Nothing is changed or evaluated for that."""

from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np

from ..errors import TMRError
from ..motion import ghost, quaternion
from ..motion.quaternion import Array
from ..retarget.target import Target
from ..retarget.target import target as target_of
from . import mapping
from . import rig as rig_reader
from .apply import target

APART = 0.35
"""Of the ghost's size: free space between what is widest of the rig and the ghost's middle, besides half an arm span."""
NEAR_GROUND = 0.2
"""Of a leg's length: feet at rest so near to the height of the object's origin stand on that height."""
FROM_Y_UP: Array = rig_reader.TO_Y_UP[:3, :3].T


@dataclass(frozen=True)
class Place:
    """A ghost's place. turn: (3, 3) its axes, Y up, in the world, scale included. origin: (3,) the floor below its start."""

    turn: Array
    origin: Array

    def points(self, points: Array) -> Array:
        """Points (..., 3) of a staged motion in the world."""
        out: Array = points @ self.turn.T + self.origin
        return out

    def local(self, vectors: Array) -> Array:
        """Directions (..., 3) of the world as unit vectors along the ghost's axes."""
        turned = vectors @ self.turn
        out: Array = turned / np.maximum(np.linalg.norm(turned, axis=-1, keepdims=True), 1e-9)
        return out


def place(context: bpy.types.Context, motion: ghost.Motion, on: bool) -> Place:
    """Beside the rig that Apply would go to, or on it; at the world's origin where there is none that is understood."""
    scale = context.scene.unit_settings.scale_length or 1.0
    try:
        rig = target(context)
        outline = rig_reader.plain(rig)
        goal = target_of(outline, mapping.of(rig, outline, context.scene))
    except TMRError:
        return Place(FROM_Y_UP / scale, np.zeros(3))
    world = outline.world
    # Of the object's matrix, what stretches the armature is in the stance; its turn and place are left.
    turned = world[:3, :3] @ np.linalg.inv(goal.stretch) @ quaternion.to_matrix(goal.turn).T
    at = _floor(goal) + (0.0 if on else _aside(goal, motion)) * np.array([1.0, 0.0, 0.0])
    size = _size(goal) / max(motion.size, 1e-6)
    return Place(FROM_Y_UP @ turned * (size / scale), FROM_Y_UP @ (turned @ at + world[:3, 3]) / scale)


def stamp(context: bpy.types.Context) -> tuple[Any, ...]:
    """What a place depends on besides the motion: it changes when another rig is active or the rig is moved."""
    try:
        rig = target(context)
    except TMRError:
        return ()
    return (rig.session_uid, *(value for row in rig.matrix_world for value in row))


def _size(goal: Target) -> float:
    """`ghost.size_of` of the rig at rest."""
    joints = goal.stance.positions
    shoulders = (joints["left_shoulder"] + joints["right_shoulder"]) / 2.0
    return goal.stance.leg + float(np.linalg.norm(shoulders - goal.stance.hips))


def _floor(goal: Target) -> Array:
    """(3,) of the stance's space: below the hips, where the feet stand."""
    joints = goal.stance.positions
    lowest = min(joint[1] for joint in joints.values())
    floor = 0.0 if abs(lowest) < NEAR_GROUND * goal.stance.leg else lowest
    return np.array([goal.stance.hips[0], floor, goal.stance.hips[2]])


def _aside(goal: Target, motion: ghost.Motion) -> float:
    """Metres to the rig's left, or to its right where the motion goes there: away from the rig."""
    across = [abs(joint[0] - goal.stance.hips[0]) for joint in goal.stance.positions.values()]
    side = -1.0 if float(np.mean(motion.positions[:, 0, 0])) < -0.1 else 1.0
    return side * (max(across) + APART * _size(goal))
