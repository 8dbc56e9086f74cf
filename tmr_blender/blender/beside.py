# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a ghost stands: beside the active rig, or where Apply would put it, as tall as it. Nothing is changed or evaluated."""

from dataclasses import dataclass
from itertools import islice
from typing import Any

import bpy
import numpy as np
from mathutils import Vector

from ..errors import TMRError
from ..motion import ghost, quaternion
from ..motion.quaternion import Array
from ..retarget import joining, standing
from ..retarget.rig import Rig
from ..retarget.roles import RigMap
from ..retarget.target import Target
from ..retarget.target import target as target_of
from . import mapping, picking, present, strip_place
from . import rig as rig_reader
from .apply import target

APART = 0.35
"""Of the ghost's size: free space between what is widest of the rig and the ghost's middle, besides half an arm span."""
NEAR_GROUND = 0.2
"""Of a leg's length: feet at rest so near to the height of the object's origin stand on that height."""
LOOKED_AT, MORE = 16, 0.2
"""Frames that tell whether a view shows a motion, and the share of it that counts as far more."""
SOLID = {"MESH", "CURVE", "SURFACE", "META", "FONT", "POINTCLOUD", "VOLUME"}
FEW, ARM, HIGH, SET = 200, 0.5, 1.5, 5.0
"""Objects that are looked at for what stands at the origin; half an arm span; below what it begins, and above what size it is
a set that a figure stands in; metres."""
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
    """Beside the body that the rig shows now, or `on` the rig: there Apply would put the motion, by its choices.

    Beside it on the side that the motion goes to, unless the view of the context shows far more of it on the other.
    At the world's origin where there is no rig that is understood, or beside what stands there.
    """
    scale = context.scene.unit_settings.scale_length or 1.0
    try:
        rig = target(context)
        outline = rig_reader.plain(rig)
        rig_map = mapping.of(rig, outline, context.scene)
        goal = target_of(outline, rig_map)
        if standing.needed(goal):
            outline = _stood(rig, outline, rig_map)
            goal = target_of(outline, rig_map)
    except TMRError:
        return _without_rig(context, motion, scale)
    shown, carried = present.shown(rig, outline, rig_map, goal)
    world = outline.world @ carried
    # Of the object's matrix, what stretches the armature is in the stance; its turn and place are left.
    turned = world[:3, :3] @ np.linalg.inv(goal.stretch) @ quaternion.to_matrix(goal.turn).T
    at, ahead = _floor(goal), np.eye(3)
    if not on or _continues(context):
        at = np.array([shown.hips[0, 0], at[1], shown.hips[0, 2]])
        ahead = quaternion.to_matrix(quaternion.inverse(joining.heading(shown, 0, goal)))
    turn = FROM_Y_UP @ turned @ ahead * (_size(goal) / max(motion.size, 1e-6) / scale)
    asides = (0.0,) if on else _asides(goal, motion)
    found = [Place(turn, FROM_Y_UP @ (turned @ (at + aside * ahead[:, 0]) + world[:3, 3]) / scale) for aside in asides]
    return found[0] if on else _better(context, motion, *found)


def _without_rig(context: bpy.types.Context, motion: ghost.Motion, scale: float) -> Place:
    """At the world's origin, or on the side that is seen better of what stands there, such as the cube of a new file."""
    turn = FROM_Y_UP / scale
    half = max((_reach(item, scale) for item in islice(context.view_layer.objects, FEW)), default=0.0)
    if not half:
        return Place(turn, np.zeros(3))
    way = np.array([half + (APART * motion.size + ARM) / scale, 0.0, 0.0])
    return _better(context, motion, Place(turn, way), Place(turn, -way))


def _reach(item: bpy.types.Object, scale: float) -> float:
    """How far an object that stands at the origin reaches to its sides; 0 where it stands elsewhere or is a whole set."""
    if item.type not in SOLID or not item.visible_get():
        return 0.0
    corners = np.array([item.matrix_world @ Vector(corner) for corner in item.bound_box], np.float64) * scale
    low, high = corners.min(axis=0), corners.max(axis=0)
    inside = (low < (0.0, 0.0, HIGH)).all() and (high > 0.0).all()
    return float(max(high[0], -low[0])) / scale if inside and (high - low).max() < SET else 0.0


def _better(context: bpy.types.Context, motion: ghost.Motion, wanted: Place, other: Place) -> Place:
    """The wanted place, unless the view of the context shows far more of the motion at the other."""
    if context.region_data is None:
        return wanted
    some = motion.positions[:: max(len(motion.positions) // LOOKED_AT, 1)].reshape(-1, 3)
    seen = [_seen(context, place.points(some)) for place in (wanted, other)]
    return other if seen[1] > seen[0] + MORE else wanted


def _seen(context: bpy.types.Context, points: Array) -> float:
    """0..1, the share of points (n, 3) of the world that is in the free part of the context's view."""
    pixels, _ = picking.View(context.region, context.region_data).pixels(points)
    left, lower, right, upper = strip_place.free(context)
    return float(np.mean((pixels >= (left, lower)).all(axis=1) & (pixels < (right, upper)).all(axis=1)))


def _continues(context: bpy.types.Context) -> bool:
    """Whether Apply would have the motion start where the body is: an operator keeps the choices of its last call."""
    last: Any = context.window_manager.operator_properties_last("tmr.apply")
    return last is not None and (last.place == "body" or (last.place == "auto" and last.blend_in > 0))


def _stood(rig: bpy.types.Object, outline: Rig, rig_map: RigMap) -> Rig:
    """A rig whose rest pose is no body as it is posed now. Raises SkeletonProblem where that is no body that stands."""
    matrices = np.array([rig.pose.bones[name].matrix for name in outline.names], np.float64)
    found = standing.by_pose(outline, rig_map, matrices)
    if found is None:
        raise standing.refusal(outline)
    return found


def stamp(context: bpy.types.Context) -> tuple[Any, ...]:
    """What a place depends on besides the motion: it changes when another rig is active, is moved, or shows another frame.

    While the animation plays the frame does not count: the ghost does not run along.
    """
    try:
        rig = target(context)
    except TMRError:
        return ()
    playing = context.screen is not None and context.screen.is_animation_playing
    frame = None if playing else context.scene.frame_current
    return (rig.session_uid, frame, _continues(context), *(value for row in rig.matrix_world for value in row))


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


def _asides(goal: Target, motion: ghost.Motion) -> tuple[float, float]:
    """Metres to the rig's left, or to its right where the motion goes there: away from the rig. Then the other side."""
    across = [abs(joint[0] - goal.stance.hips[0]) for joint in goal.stance.positions.values()]
    side = -1.0 if float(np.mean(motion.positions[:, 0, 0])) < -0.1 else 1.0
    aside = side * (max(across) + APART * _size(goal))
    return aside, -aside
