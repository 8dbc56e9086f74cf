# SPDX-License-Identifier: GPL-3.0-or-later
"""How a rig stands whose rest pose is no body: as it is posed, or as its own motion shows."""

from typing import Any

import bpy
import numpy as np

from ..errors import QueryProblem
from ..motion.quaternion import Array
from ..retarget import standing
from ..retarget.rig import Rig
from ..retarget.roles import RigMap
from . import body
from .action import STANCE
from .present import by_hand
from .scenes import alone, scene_fps

SAMPLES = 240
"""Frames of a rig's own motion that are looked at."""


def read(scene: bpy.types.Scene, object: bpy.types.Object, rig: Rig, rig_map: RigMap) -> Rig:
    """A rig whose rest pose is no body (`standing.needed`) with a stance for its rest.

    A pose made by hand goes before what is known of the rig and what its motion shows, so that one can say what is right.
    Nothing on the object is changed. Raises SkeletonProblem, with what to do, where neither is a standing body.
    """
    bpy.context.view_layer.update()
    shown = _matrices(object.evaluated_get(bpy.context.evaluated_depsgraph_get()), rig)
    frames, fps = _frames(scene, object)
    played = _played(scene, object, rig, [scene.frame_current, *frames]) if frames else np.zeros((0, *shown.shape))
    posed = standing.by_pose(rig, rig_map, shown)
    if posed is not None and (not frames or by_hand(shown, played[0])):
        return posed
    if (known := _remembered(object, rig, rig_map)) is not None:
        return known
    stood = (standing.by_motion(rig, rig_map, played[1:], fps) if frames else None) or posed
    if stood is None:
        raise standing.refusal(rig)
    return stood


def _remembered(object: bpy.types.Object, rig: Rig, rig_map: RigMap) -> Rig | None:
    """The stance that a motion was put on this rig with, if one that plays tells: a crawl would not show it."""
    data = object.animation_data
    if data is None:
        return None
    playing = [data.action, *(strip.action for track in data.nla_tracks for strip in track.strips)]
    for action in playing:
        kept: Any = action.get(STANCE) if action is not None else None
        # Whoever sends a file decides what is in it.
        found = {name: _numbers(value) for name, value in kept.to_dict().items()} if hasattr(kept, "to_dict") else {}
        stance = {name: rows for name, rows in found.items() if rows is not None}
        if stance and (known := standing.by_channels(rig, rig_map, stance)) is not None:
            return known
    return None


def _numbers(value: object) -> Array | None:
    """Seven finite numbers, of which the first four are no zero rotation; None for anything else."""
    if not isinstance(value, list) or len(value) != 7 or not all(isinstance(number, float) for number in value):
        return None
    rows = np.array(value, np.float64)
    return rows if np.isfinite(rows).all() and np.linalg.norm(rows[:4]) > 0.5 else None


def _frames(scene: bpy.types.Scene, object: bpy.types.Object) -> tuple[list[int], float]:
    """Frames of what plays on the object, evenly, and how many of them a second; none where nothing plays."""
    try:
        span = body.span_of(object, scene, "ACTION")
    except QueryProblem:
        return [], 0.0
    step = max(1, (span.last - span.first) // SAMPLES)
    return list(range(span.first, span.last + 1, step)), scene_fps(scene) / step


def _played(scene: bpy.types.Scene, object: bpy.types.Object, rig: Rig, frames: list[int]) -> Array:
    """(frames, bones, 4, 4) in the armature's space; the frame shown stays."""
    with alone(object, (scene.render.fps, scene.render.fps_base)) as own:
        out = []
        for frame in frames:
            own.frame_set(frame)
            out.append(_matrices(object.evaluated_get(own.view_layers[0].depsgraph), rig))
    return np.array(out)


def _matrices(posed: bpy.types.Object, rig: Rig) -> Array:
    """(bones, 4, 4)."""
    return np.array([posed.pose.bones[name].matrix for name in rig.names], np.float64)
