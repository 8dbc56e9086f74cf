# SPDX-License-Identifier: GPL-3.0-or-later
"""What a rig looks like in a frame, as figures for `motion.picture`: its skin where it has one, else its deforming bones."""

import re
from collections.abc import Sequence

import bpy
import numpy as np
from numpy.typing import NDArray

from ..motion.quaternion import Array
from ..motion.render import Bones, Figure, Surface

SAMPLES = 120_000
"""Points on the skin: about two for every pixel that a body covers in a panel."""

# Words in the names of bones that are too small to see, or that only help.
_FACE = "face|brow|eyebrow|lid|eyelid|eye|ear|lip|jaw|chin|cheek|nose|nostril|mouth|tongue|teeth|temple|forehead|hair|breast"
_HAND = "thumb|index|middle|ring|pinky|finger|palm|metacarpal"
_HELPERS = "ik|pole|target|end|nub|twist|root|socket|prop|weapon"
_DETAIL = re.compile(f"{_FACE}|{_HAND}|{_HELPERS}")

_HEIGHT = 1.75
"""Metres; rigs of another unit are brought to it, so that the grid on the floor means the same everywhere."""


def figures(rig: bpy.types.Object, frames: Sequence[float]) -> tuple[list[Figure], Array]:
    """The rig at scene frames, and the way (frames, 3) that it goes; the frame shown is put back.

    Space: right-handed, Y up, in metres of a body of ordinary height.
    """
    scene = bpy.context.scene
    shown = scene.frame_current
    view = _Skeleton(rig)
    skin = _skins(rig)
    made: list[Figure] = []
    surface: _Skin | None = None
    for frame in frames:
        scene.frame_set(int(frame), subframe=frame % 1.0)
        graph = bpy.context.evaluated_depsgraph_get()
        bones = view.bones(graph)
        if skin and surface is None:
            surface = _Skin.of(skin, graph, bones, view.scale)
        made.append(surface.at(graph, view.scale) if surface else bones)
    scene.frame_set(shown)
    return made, np.stack([figure.bounds()[0].mean(axis=0) for figure in made])


def _to_y_up(points: Array) -> Array:
    """From Blender's Z up, facing -Y, to Y up, facing +Z."""
    return np.stack([points[..., 0], points[..., 2], -points[..., 1]], axis=-1)


class _Skeleton:
    """The bones of a rig that show what it does."""

    def __init__(self, rig: bpy.types.Object) -> None:
        self._rig = rig
        bones = [bone for bone in rig.data.bones if bone.use_deform and not any(map(_DETAIL.fullmatch, _words(bone.name)))]
        bones = bones or list(rig.data.bones)
        self._names = [bone.name for bone in bones]
        rest = np.array([[bone.head_local, bone.tail_local] for bone in bones], np.float64)
        rest = _to_y_up(np.einsum("ij,nkj->nki", np.array(rig.matrix_world.to_3x3()), rest))
        height = max(float(np.ptp(rest[..., 1])), 1e-6)
        self.scale = 1.0 if 0.5 < height < 3.0 else _HEIGHT / height
        middle = rest.mean(axis=1)
        centre = float(np.median(middle[:, 0]))
        self._sides = np.where(np.abs(middle[:, 0] - centre) > 0.015 * height, np.sign(middle[:, 0] - centre), 0).astype(
            np.int64
        )
        self._radii = _radii(rest, self._sides, height) * self.scale

    def bones(self, graph: bpy.types.Depsgraph) -> Bones:
        """The bones as the evaluated rig poses them."""
        rig = self._rig.evaluated_get(graph)
        posed = [rig.pose.bones[name] for name in self._names]
        ends = np.array([[bone.head, bone.tail] for bone in posed], np.float64)
        world = np.array(rig.matrix_world)
        ends = _to_y_up(ends @ world[:3, :3].T + world[:3, 3]) * self.scale
        return Bones(ends[:, 0], ends[:, 1], self._radii, self._sides)


def _words(name: str) -> list[str]:
    """The words in a bone's name: "LeftHandThumb1" -> left, hand, thumb."""
    return [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)]


def _radii(rest: Array, sides: NDArray[np.int64], height: float) -> Array:
    """How thick (bones, 2) to draw each bone: limbs by their length, the trunk by the body, the neck thin, the head round."""
    length = np.linalg.norm(rest[:, 1] - rest[:, 0], axis=-1)
    limb = np.clip(0.2 * length, 0.016 * height, 0.036 * height)
    trunk = np.full(len(rest), 0.062 * height)
    beside = rest[sides != 0]
    shoulders = float(beside[..., 1].max()) if len(beside) else np.inf
    middle = np.flatnonzero(sides == 0)
    above = middle[rest[middle].mean(axis=1)[:, 1] > shoulders - 0.01 * height]
    trunk[above] = 0.03 * height
    if len(above):
        trunk[above[np.argmax(rest[above, 1, 1])]] = 0.055 * height
    radius = np.where(sides == 0, trunk, limb)
    return np.stack([radius, np.where(sides == 0, radius, 0.8 * radius)], axis=-1)


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
