# SPDX-License-Identifier: GPL-3.0-or-later
"""What a rig looks like in a frame, as figures for `motion.picture`: its skin where it has one, else its deforming bones."""

from collections.abc import Sequence
from dataclasses import dataclass

import bpy
import numpy as np
from mathutils import Vector
from numpy.typing import NDArray

from ..motion import humanoid, picture
from ..motion.quaternion import Array
from ..motion.render import Bones, Figure, Surface
from ..retarget import rest
from . import mapping
from . import rig as rig_reader

SAMPLES = 120_000
"""Points on the skin: about two for every pixel that a body covers in a panel."""

_HEIGHT = 1.75
"""Metres; rigs of another unit are brought to it, so that the grid on the floor means the same everywhere."""


@dataclass(frozen=True)
class Samples:
    """A rig at some frames. Space: right-handed, Y up, in metres of a body of ordinary height.

    trail: (frames, 3) the way that it goes. floor: the height on which it stands at rest.
    """

    figures: list[Figure]
    trail: Array
    floor: float


def figures(rig: bpy.types.Object, frames: Sequence[float]) -> Samples:
    """The rig at scene frames; the frame shown is put back. Raises SkeletonProblem for a rig without limbs."""
    scene = bpy.context.scene
    shown = scene.frame_current, scene.frame_subframe
    skeleton = _Skeleton(rig)
    skins = _skins(rig)
    made: list[Figure] = []
    skin: _Skin | None = None
    try:
        for frame in frames:
            scene.frame_set(int(frame), subframe=frame % 1.0)
            graph = bpy.context.evaluated_depsgraph_get()
            bones = skeleton.bones(graph)
            if skins and not made:
                skin = _Skin.of(skins, graph, bones, skeleton.scale)
            made.append(skin.at(graph, skeleton.scale) if skin else bones)
    finally:
        scene.frame_set(shown[0], subframe=shown[1])
    return Samples(made, np.stack([figure.bounds()[0].mean(axis=0) for figure in made]), skeleton.floor)


def _to_y_up(points: Array) -> Array:
    """From Blender's Z up, facing -Y, to Y up, facing +Z."""
    return np.stack([points[..., 0], points[..., 2], -points[..., 1]], axis=-1)


class _Skeleton:
    """The deforming bones of a rig that stand where the joints of a body are."""

    def __init__(self, rig: bpy.types.Object) -> None:
        self._rig = rig
        self._bones = rig_reader.deforming(rig, mapping.read(rig, bpy.context.scene)[1].bones)
        heights = np.array([(rig.matrix_world @ rig.data.bones[name].head_local).z for name in self._bones.values()])
        height = max(float(np.ptp(heights)), 1e-6)
        self.scale = 1.0 if 0.5 < height < 3.0 else _HEIGHT / height
        self._toes = {side: self._toe(side) for side in ("left", "right") if f"{side}_foot" not in self._bones}
        # A rig that stands near the world's floor is meant to stand on it.
        self.floor = 0.0 if abs(heights.min()) < 0.1 * height else float(heights.min()) * self.scale

    def _toe(self, side: str) -> Vector:
        """Where the toes would be on a rig without them, in the space of its foot: ahead of the ankle and lower."""
        bones, world = self._rig.data.bones, self._rig.matrix_world
        hip, knee, ankle, other = (
            world @ bones[self._bones[role]].head_local
            for role in (f"{side}_hip", f"{side}_knee", f"{side}_ankle", "left_hip" if side == "right" else "right_hip")
        )
        leg = (hip - knee).length + (knee - ankle).length
        leftward = (hip - other) * (1.0 if side == "left" else -1.0)
        ahead = leftward.cross(Vector((0.0, 0.0, 1.0))).normalized()
        toe = ankle + leg * (0.18 * ahead - 0.06 * Vector((0.0, 0.0, 1.0)))
        return (world @ bones[self._bones[f"{side}_ankle"]].matrix_local).inverted() @ toe

    def bones(self, graph: bpy.types.Depsgraph) -> Bones:
        """A body drawn from joint to joint, as the evaluated rig poses them."""
        rig = self._rig.evaluated_get(graph)
        world = np.array(rig.matrix_world, np.float64)

        def placed(point: Sequence[float]) -> Array:
            return _to_y_up(world[:3, :3] @ np.array(point, np.float64) + world[:3, 3])[None] * self.scale

        posed = {role: rig.pose.bones[name] for role, name in self._bones.items()}
        known = {role: placed(bone.head) for role, bone in posed.items()}
        known |= {f"{side}_foot": placed(posed[f"{side}_ankle"].matrix @ toe) for side, toe in self._toes.items()}
        spine, neck = rest.chain(posed, "spine"), rest.chain(posed, "neck")
        shoulders = (known["left_shoulder"] + known["right_shoulder"]) / 2.0
        chest = known[neck[0]] if neck else shoulders
        top = neck or spine
        known.setdefault("head", placed(posed[top[-1]].tail) if top else 2.0 * shoulders - known["pelvis"])
        return picture.body(humanoid.filled(known, chest)[0])


def _skins(rig: bpy.types.Object) -> list[bpy.types.Object]:
    """The meshes that the rig deforms and that would be rendered."""
    return [
        item
        for item in bpy.context.scene.objects
        if item.type == "MESH"
        and not item.hide_render
        and any(modifier.type == "ARMATURE" and modifier.object == rig for modifier in item.modifiers)
    ]


_Pick = tuple[NDArray[np.int64], Array]
"""Of one mesh: the triangle (n,) and the place in it (n, 3), barycentric, of every point."""


class _Skin:
    """Points spread over the skin, the same in every frame."""

    def __init__(self, objects: Sequence[bpy.types.Object], picks: list[_Pick], sides: NDArray[np.int64]) -> None:
        self._objects, self._picks, self._sides = objects, picks, sides

    @classmethod
    def of(cls, objects: Sequence[bpy.types.Object], graph: bpy.types.Depsgraph, bones: Bones, scale: float) -> "_Skin | None":
        """Choose triangles by their area and points within them; None where the meshes are empty."""
        corners = [_triangles(item, graph, scale) for item in objects]
        areas = [np.linalg.norm(np.cross(c[:, 1] - c[:, 0], c[:, 2] - c[:, 0]), axis=-1) for c in corners]
        total = sum(float(area.sum()) for area in areas)
        if total <= 0.0:
            return None
        random = np.random.default_rng(0)
        picks: list[_Pick] = []
        for area in areas:
            count = round(SAMPLES * float(area.sum()) / total)
            chosen = random.choice(len(area), count, p=area / area.sum()) if count else np.zeros(0, np.int64)
            # Uniform in a triangle: fold the unit square along its diagonal.
            share = random.random((count, 2))
            share = np.where(share.sum(axis=1, keepdims=True) > 1.0, 1.0 - share, share)
            picks.append((chosen, np.concatenate([1.0 - share.sum(axis=1, keepdims=True), share], axis=1)))
        skin = cls(objects, picks, np.zeros(0, np.int64))
        skin._sides = bones.sides[_nearest(skin.at(graph, scale).points, bones)]
        return skin

    def at(self, graph: bpy.types.Depsgraph, scale: float) -> Surface:
        """The points where the evaluated meshes have them."""
        points, normals = [], []
        for item, (chosen, share) in zip(self._objects, self._picks, strict=True):
            corners = _triangles(item, graph, scale)
            # A modifier may change the mesh from frame to frame; what has vanished is left where the last triangle is.
            corner = corners[np.minimum(chosen, len(corners) - 1)]
            points.append(np.einsum("nc,ncj->nj", share, corner))
            across = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
            normals.append(across / np.maximum(np.linalg.norm(across, axis=-1, keepdims=True), 1e-12))
        return Surface(np.concatenate(points), np.concatenate(normals), self._sides)


def _triangles(item: bpy.types.Object, graph: bpy.types.Depsgraph, scale: float) -> Array:
    """Corners (triangles, 3, 3) of an evaluated mesh, Y up."""
    evaluated = item.evaluated_get(graph)
    mesh = evaluated.to_mesh()
    mesh.calc_loop_triangles()
    places = np.empty(len(mesh.vertices) * 3, np.float32)
    mesh.vertices.foreach_get("co", places)
    corners = np.empty(len(mesh.loop_triangles) * 3, np.int32)
    mesh.loop_triangles.foreach_get("vertices", corners)
    world = np.array(evaluated.matrix_world)
    points = places.reshape(-1, 3).astype(np.float64) @ world[:3, :3].T + world[:3, 3]
    evaluated.to_mesh_clear()
    return (_to_y_up(points) * scale)[corners.reshape(-1, 3)]


def _nearest(points: Array, bones: Bones) -> NDArray[np.int64]:
    """The bone (points,) whose line is nearest to each point."""
    best = np.full(len(points), np.inf)
    which = np.zeros(len(points), np.int64)
    for number, (head, tail) in enumerate(zip(bones.heads, bones.tails, strict=True)):
        along = tail - head
        share = np.clip((points - head) @ along / max(float(along @ along), 1e-12), 0.0, 1.0)
        away = np.linalg.norm(points - head - share[:, None] * along, axis=-1)
        nearer = away < best
        best[nearer], which[nearer] = away[nearer], number
    return which
