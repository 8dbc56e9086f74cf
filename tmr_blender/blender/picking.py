# SPDX-License-Identifier: GPL-3.0-or-later
"""Which rig is under the pointer: by a ray on what it moves, and by its bones' distance on the screen."""

from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np
from bpy_extras import view3d_utils
from mathutils import Vector

from ..motion.quaternion import Array
from .language import told

REACH = 18.0
"""Pixels, at a user interface scale of 1, from the pointer to a bone that counts as under it."""
MOST_LAYERS = 16
"""Objects behind each other that a ray goes through, where the view does not show them."""
BEYOND = 1e-4
"""By how much of its way a ray goes on behind what it has hit."""


@dataclass(frozen=True)
class View:
    """A 3D view as it projects: the window's region, and `RegionView3D`; space: None for all of the scene, else for what a
    local view shows. region: anything with a width and a height in pixels."""

    region: Any
    data: Any
    space: bpy.types.SpaceView3D | None = None

    def pixels(self, points: Array) -> tuple[Array, Array]:
        """Points (n, 3) of the world on the screen: (n, 2) pixels of the region, and (n,) how deep; nan if behind."""
        matrix = np.array(self.data.perspective_matrix, np.float64)
        clip = points @ matrix[:, :3].T + matrix[:, 3]
        w = np.where(clip[:, 3] > 1e-9, clip[:, 3], np.nan)
        half = np.array([self.region.width, self.region.height]) / 2.0
        return (clip[:, :2] / w[:, None] + 1.0) * half, clip[:, 2] / w

    def shows(self, object: bpy.types.Object, layer: bpy.types.ViewLayer) -> bool:
        """Whether an object is seen in this view."""
        if self.space is None:
            return object.visible_get(view_layer=layer)
        return object.visible_get(view_layer=layer, viewport=self.space)


def under(
    scene: bpy.types.Scene, layer: bpy.types.ViewLayer, view: View, at: tuple[float, float], scale: float = 1.0
) -> tuple[bpy.types.Object | None, str]:
    """The rig under a point of the region, and where there is none, the sentence that says what to do instead.

    A mesh that a rig deforms or carries counts as the rig; else the bone nearest to the point, within `REACH`.
    """
    rig, name = by_ray(scene, layer, view, at)
    if rig is None:
        rig = by_bones(layer, view, at, REACH * scale)
    if rig is not None:
        return rig, ""
    if not any(item.type == "ARMATURE" and view.shows(item, layer) for item in layer.objects):
        return None, told("There is no rig in this view: add or append a character first")
    if name:
        return None, told("{name} has no armature: drop the motion on a rig", name=name)
    return None, told("There is no rig under the pointer: drop the motion on a character or on its bones")


def by_ray(
    scene: bpy.types.Scene, layer: bpy.types.ViewLayer, view: View, at: tuple[float, float]
) -> tuple[bpy.types.Object | None, str]:
    """The armature of the nearest surface at a point, None where that has none; and the name of what the surface is of."""
    graph = layer.depsgraph
    graph.update()
    origin = view3d_utils.region_2d_to_origin_3d(view.region, view.data, at)
    way: Vector = view3d_utils.region_2d_to_vector_3d(view.region, view.data, at)
    for _ in range(MOST_LAYERS):
        hit, place, _, _, object, _ = scene.ray_cast(graph, origin, way)
        if not hit or object is None:
            break
        original = object.original
        if view.shows(original, layer) or original.name not in layer.objects:  # the latter: an instance
            return armature_of(original), original.name
        origin = place + way * max((place - origin).length, 1.0) * BEYOND
    return None, ""


def armature_of(object: bpy.types.Object) -> bpy.types.Object | None:
    """The rig that an object is, is deformed by, or hangs on, as a prop in a hand does."""
    seen = 0
    while object is not None and seen < MOST_LAYERS:
        if object.type == "ARMATURE":
            return object
        found = object.find_armature()
        if found is not None:
            return found
        object, seen = object.parent, seen + 1
    return None


def by_bones(layer: bpy.types.ViewLayer, view: View, at: tuple[float, float], reach: float) -> bpy.types.Object | None:
    """The armature with the bone nearest to a point, within `reach` pixels. Of two that cross there, the nearer one."""
    best, found = (np.inf, np.inf), None
    for item in layer.objects:
        if item.type != "ARMATURE" or not view.shows(item, layer):
            continue
        heads, tails = bones(item.evaluated_get(layer.depsgraph))
        if not len(heads):
            continue
        ends, depth = view.pixels(np.concatenate([heads, tails]))
        distance = to_segments(np.array(at, np.float64), *np.split(ends, 2))
        if np.isnan(distance).all():
            continue
        nearest = int(np.nanargmin(distance))
        # Within half the reach all are "on" the bone: then depth decides.
        rank = (max(float(distance[nearest]), reach / 2), float(np.split(depth, 2)[0][nearest]))
        if distance[nearest] <= reach and rank < best:
            best, found = rank, item
    return found


def bones(rig: bpy.types.Object, deforming: bool = False) -> tuple[Array, Array]:
    """Heads and tails (n, 3) of a rig's bones in the world. deforming: only of those that deform, if any does."""
    if rig.pose is None:
        return np.zeros((0, 3)), np.zeros((0, 3))
    posed = rig.pose.bones
    ends = np.empty((2, len(posed), 3), np.float32)
    posed.foreach_get("head", ends[0].reshape(-1))
    posed.foreach_get("tail", ends[1].reshape(-1))
    if deforming:
        chosen = np.array([bone.bone.use_deform for bone in posed], bool)
        ends = ends[:, chosen] if chosen.any() else ends
    world = np.array(rig.matrix_world, np.float64)
    heads, tails = ends.astype(np.float64) @ world[:3, :3].T + world[:3, 3]
    return heads, tails


def to_segments(point: Array, starts: Array, ends: Array) -> Array:
    """Distances (n,) from a point (2,) to segments between `starts` and `ends` (n, 2)."""
    along = ends - starts
    length = np.maximum((along**2).sum(1), 1e-12)
    share = np.clip(((point - starts) * along).sum(1) / length, 0.0, 1.0)
    return np.linalg.norm(starts + share[:, None] * along - point, axis=1)
