# SPDX-License-Identifier: GPL-3.0-or-later
"""glTF 2.0, .glb and .gltf (Khronos): one clip for each animation and each character that moves in it.

Characters are the connected skeletons of skins' joints; in a file without skins, the animated hierarchies of nodes in which
a human body is recognised. The format is in metres and Y up; a unit that can't be true is seen (`units.plausible`).

The rest pose is the one to which the skin is bound, by the inverse bind matrices: the pose in which the body was modelled,
nearly always a T or A pose, while the nodes' own transforms are whatever pose was current when the file was written, often
the first frame of a motion. The nodes' own are taken where there are no such matrices (no skin, or one without), and where
these contradict the nodes in the lengths of bones, as those do that some tools leave at identity.
"""

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import FileProblem, SkeletonProblem
from .. import humanoid, quaternion
from ..clip import Clip
from ..quaternion import Array
from . import keys, nodes, units
from .gltf_data import Document
from .limits import MAX_CELLS, MAX_CLIPS, MAX_JOINTS, check_size, unique
from .nodes import Scene

log = logging.getLogger(__name__)

_MAX_NODES = 16 * MAX_JOINTS
_MAX_DEPTH = 512
_PATHS = {"translation": 0, "rotation": 1, "scale": 2}
_PLAIN = ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0), (1.0, 1.0, 1.0))
_SPARSE_CELLS, _SPARSE_RATIO = 1_000_000, 64
"""Cells of a clip that any file may ask for, and how many more for each key: sparse keys are few bytes for long motions."""
_BONES_DIFFER = 0.1
"""Median difference of the lengths of bones, as a share, above which a bind pose is not that of these nodes."""


@dataclass(frozen=True)
class _Animation:
    """channels: (node in the file, 0 | 1 | 2 of T, R and S) -> accessors of times and values, and the interpolation."""

    name: str
    channels: dict[tuple[int, int], tuple[int, int, str]]


def read(path: Path) -> list[Clip]:
    """Clips in metres and Y up. Raises FileProblem, also for a file in which nothing like a body moves."""
    document = Document(path)
    scene = _scene(document)
    animations = _animations(document, len(scene.names))
    if not animations:
        raise FileProblem(f"{path.name} holds no animation of its nodes.")
    groups = _skinned(document, scene)
    if groups.any():
        clips = _clips(document, scene, nodes.closed(groups, scene.parents), animations)
        if not clips:
            raise FileProblem(f"{path.name} has a skeleton but no animation of it.")
        return clips
    for joint in _hierarchies(scene, animations):
        clips = [clip for clip in _clips(document, scene, joint, animations) if _is_human(clip)]
        if clips:
            return clips
    raise FileProblem(f"{path.name} has neither a skin nor moving nodes in which a human body can be recognised.")


def _is_human(clip: Clip) -> bool:
    try:
        humanoid.recognise(clip)
    except SkeletonProblem:
        return False
    return True


# Nodes


def _scene(document: Document) -> Scene:
    found = document.items(document.root, "nodes")
    count = len(found)
    if count > _MAX_NODES:
        raise FileProblem(f"{document.path.name} has {count} nodes; the limit is {_MAX_NODES}.")
    if not count:
        raise FileProblem(f"{document.path.name} holds no nodes.")
    above = np.full(count, -1, dtype=np.int64)
    for number, node in enumerate(found):
        for child in document.indices(node, "children", count):
            if above[child] >= 0 or child == number:
                raise document.fault(f"node {child} hangs in two places")
            above[child] = number
    order = _order(document, found, above)
    row = {number: at for at, number in enumerate(order)}
    local = [_local(document, found[number]) for number in order]
    rest = tuple(np.array([part[kind] for part in local])[None] for kind in range(3))
    names = [document.name(found[number], f"node {number}") for number in order]
    parents = np.array([row.get(int(above[number]), -1) for number in order], dtype=np.int64)
    return Scene(names, parents, row, (rest[0], rest[1], rest[2]))


def _order(document: Document, found: list[dict[str, Any]], above: np.ndarray) -> list[int]:
    """The nodes, each followed by what is below it."""
    order: list[int] = []
    waiting = [(number, 1) for number in np.flatnonzero(above < 0)[::-1].tolist()]
    while waiting:
        number, depth = waiting.pop()
        if depth > _MAX_DEPTH:
            raise FileProblem(f"{document.path.name} has nodes more than {_MAX_DEPTH} deep.")
        order.append(number)
        waiting += [(child, depth + 1) for child in reversed(found[number].get("children", []))]
    if len(order) < len(found):
        raise document.fault("nodes hang in a circle")
    return order


def _local(document: Document, node: dict[str, Any]) -> tuple[Array, Array, Array]:
    """Translation, rotation (w x y z) and scale of a node."""
    if "matrix" in node:
        matrix = np.array(document.numbers(node, "matrix", tuple(np.eye(4).ravel()))).reshape(4, 4).T
        moved, turned, scaled = _decomposed(matrix[None])
        return moved[0], turned[0], scaled[0]
    moved, turned, scaled = (np.array(document.numbers(node, key, plain)) for key, plain in zip(_PATHS, _PLAIN, strict=True))
    return moved, quaternion.normalise(turned[[3, 0, 1, 2]]), scaled


def _decomposed(matrices: Array) -> tuple[Array, Array, Array]:
    """T (n, 3), R (n, 4) and S (n, 3) of matrices (n, 4, 4) that act on columns; those that mirror do so along x."""
    linear = matrices[:, :3, :3]
    scales = np.linalg.norm(linear, axis=1)
    scales[:, 0] *= np.where(np.linalg.det(linear) < 0.0, -1.0, 1.0)
    turns = np.where(np.abs(scales[:, None]) > 1e-12, linear / np.where(scales == 0.0, 1.0, scales)[:, None], np.eye(3))
    return matrices[:, :3, 3], quaternion.from_matrix(turns), scales


def _matrices(moved: Array, turned: Array, scaled: Array) -> Array:
    """Matrices (n, 4, 4) of T (n, 3), R (n, 4) and S (n, 3)."""
    out = np.zeros((len(moved), 4, 4))
    out[:, :3, :3] = quaternion.to_matrix(turned) * scaled[:, None, :]
    out[:, :3, 3], out[:, 3, 3] = moved, 1.0
    return out


# Characters


def _skinned(document: Document, scene: Scene) -> np.ndarray:
    """Whether each node is a joint of a skin, or joins the parts of one."""
    joint = np.zeros(len(scene.names), dtype=bool)
    total = 0
    for skin in document.items(document.root, "skins"):
        rows = [scene.row[i] for i in document.indices(skin, "joints", len(scene.names))]
        total += len(rows)
        if total > _MAX_NODES:
            raise FileProblem(f"{document.path.name} has more than {_MAX_NODES} joints in its skins.")
        joint[rows] = True
        joint[_joining(scene.parents, set(rows))] = True
    return joint


def _joining(parents: np.ndarray, rows: set[int]) -> list[int]:
    """The nodes that join the tops of a skin's joints, up to the lowest that all are under; none for a single top.

    Tools leave bones out of a skin that move no vertex, be it the hips.
    """
    tops = sorted(row for row in rows if int(parents[row]) not in rows)
    if len(tops) < 2:
        return []
    ways = [[top, *nodes.ancestors(parents, top)] for top in tops]
    common = set(ways[0])
    for way in ways[1:]:
        common &= set(way)
    return [node for way in ways for node in way if node not in common] + ([max(common)] if common else [])


def _hierarchies(scene: Scene, animations: list[_Animation]) -> list[np.ndarray]:
    """Two ideas, in a file without skins, of which nodes are joints: all at and below each highest animated node, or all."""
    animated = np.zeros(len(scene.names), dtype=bool)
    for animation in animations:
        animated[[scene.row[node] for node, _ in animation.channels]] = True
    for node, parent in enumerate(scene.parents.tolist()):
        animated[node] |= parent >= 0 and animated[parent]
    return [animated, np.ones(len(animated), dtype=bool)]


def _bound(document: Document, scene: Scene) -> nodes.Transforms:
    """T, R and S of the rest pose, (1, nodes, ...): see the head of this file."""
    moved, turned, scaled = (part[0].copy() for part in scene.rest)
    world = _matrices(moved, turned, scaled)
    for node, parent in enumerate(scene.parents.tolist()):
        if parent >= 0:
            world[node] = world[parent] @ world[node]
    done = np.zeros(len(scene.names), dtype=bool)
    holders = {str(node.get("skin")): number for number, node in enumerate(document.items(document.root, "nodes"))}
    for number, skin in enumerate(document.items(document.root, "skins")):
        found = _bind_pose(document, scene, skin)
        if found is None:
            continue
        rows, inverse, bind = found
        place = {row: i for i, row in enumerate(rows)}
        for row, i in place.items():
            above = int(scene.parents[row])
            if done[row]:
                continue
            if above in place:
                local = inverse[place[above]] @ bind[i]
            else:
                holder = scene.row.get(holders.get(str(number), -1), -1)
                local = _placed(bind[i], world, row, above, holder)
            if local is not None and np.abs(local).max() < nodes.LARGEST:
                moved[row], turned[row], scaled[row] = (part[0] for part in _decomposed(local[None]))
                done[row] = True
    return moved[None], turned[None], scaled[None]


def _bind_pose(document: Document, scene: Scene, skin: dict[str, Any]) -> tuple[list[int], Array, Array] | None:
    """Joints (rows of the scene), their inverse bind matrices (n, 4, 4) and the inverses of these, where they can be used."""
    rows = [scene.row[i] for i in skin.get("joints", []) if i in scene.row]
    if "inverseBindMatrices" not in skin or not rows or len(rows) != len(skin["joints"]):
        return None
    matrices = document.accessor(document.integer(skin, "inverseBindMatrices"), "MAT4")
    if len(matrices) < len(rows):
        raise document.fault("a skin has fewer bind matrices than joints")
    inverse = matrices[: len(rows)].reshape(-1, 4, 4).swapaxes(1, 2)
    try:
        bind = np.linalg.inv(inverse)
    except np.linalg.LinAlgError:
        return None
    if not (np.isfinite(inverse).all() and np.abs(bind).max() < nodes.LARGEST):
        return None
    place = {row: i for i, row in enumerate(rows)}
    pairs = [(i, place[above]) for row, i in place.items() if (above := int(scene.parents[row])) in place]
    if pairs:
        child, parent = np.array(pairs).T
        bones = np.linalg.norm((inverse[parent] @ bind[child])[:, :3, 3], axis=-1)
        own = np.linalg.norm(scene.rest[0][0, np.array(rows)[child]], axis=-1)
        longer = np.maximum(bones, own)
        if np.median(np.abs(bones - own) / np.maximum(longer, 1e-9)) > _BONES_DIFFER:
            return None
    return rows, inverse, bind


def _placed(bind: Array, world: Array, row: int, above: int, holder: int) -> Array | None:
    """The local matrix at rest of the highest joint of a skin, or None where its place can't be told.

    Bind matrices may be in the scene's space, the mesh's, or that of the node above the skeleton: of those in which the
    joint has the size that its node has, the one in which it is turned least from its node.
    """
    spaces = [np.eye(4)] + [world[node] for node in (holder, above) if node >= 0]
    size = np.linalg.norm(world[row, :3, :3])
    best, least = None, np.inf
    for space in spaces:
        placed = space @ bind
        its = np.linalg.norm(placed[:3, :3])
        if size > 1e-12 and abs(its / size - 1.0) < _BONES_DIFFER:
            difference = float(np.linalg.norm(placed[:3, :3] - world[row, :3, :3]))
            if difference < least - 1e-6:
                best, least = placed, difference
    if best is None or above < 0:
        return best
    try:
        return np.linalg.inv(world[above]) @ best
    except np.linalg.LinAlgError:
        return None


# Animations


def _animations(document: Document, count: int) -> list[_Animation]:
    found = document.items(document.root, "animations")
    if len(found) > MAX_CLIPS:
        raise FileProblem(f"{document.path.name} holds {len(found)} animations; the limit is {MAX_CLIPS}.")
    out = []
    for number, animation in enumerate(found):
        samplers, channels = document.items(animation, "samplers"), {}
        for channel in document.items(animation, "channels"):
            target = document.mapping(channel.get("target"), "the target of a channel")
            part = str(target.get("path"))
            if part not in _PATHS or "node" not in target:
                continue  # weights of shapes, and what extensions animate
            (node,) = document.indices({"node": [target["node"]]}, "node", count)
            (chosen,) = document.indices({"sampler": [channel.get("sampler")]}, "sampler", len(samplers))
            sampler = samplers[chosen]
            how = sampler.get("interpolation", "LINEAR")
            if how not in keys.INTERPOLATIONS:
                raise document.fault("a sampler has an unknown interpolation")
            accessors = document.integer(sampler, "input"), document.integer(sampler, "output")
            channels.setdefault((node, _PATHS[part]), (*accessors, how))
        if channels:
            out.append(_Animation(document.name(animation, f"animation {number + 1}"), channels))
    return out


def _clips(document: Document, scene: Scene, joint: np.ndarray, animations: list[_Animation]) -> list[Clip]:
    """The clips of the skeletons that the joints (nodes,) make, in each animation in which they move."""
    kept = nodes.carrying(joint, scene.parents)
    scene, joint = scene.only(kept), joint[kept]
    groups = nodes.skeletons(joint, scene.parents)
    if len(groups) > MAX_CLIPS:
        raise FileProblem(f"{document.path.name} holds {len(groups)} skeletons; the limit is {MAX_CLIPS}.")
    bound = replace(scene, rest=_bound(document, scene))
    labels = unique(scene.names[group[0]] for group in groups)
    clips: list[Clip] = []
    cells = 0
    for animation in animations:
        taken = _sampled(document, scene, animation)
        if taken is None:
            log.info("%s: nothing moves in the animation %s.", document.path.name, animation.name)
            continue
        moving, moves, fps = taken
        cells += moving[0].shape[0] * len(scene.names)
        if cells > MAX_CELLS:
            raise FileProblem(f"{document.path.name} holds more animation than can be read at once. Export it in parts.")
        for group, label in zip(groups, labels, strict=True):
            if not moves[[*group, *nodes.ancestors(scene.parents, int(group[0]))]].any():
                continue
            check_size(document.path, moving[0].shape[0], len(group))
            name = document.path.stem + (f" {animation.name}" if len(animations) > 1 else "")
            name += f" {label}" if len(groups) > 1 else ""
            clip = nodes.clip(document.path, name, fps, bound, group, moving)
            clips.append(units.plausible(clip))
            if len(clips) > MAX_CLIPS:
                raise FileProblem(f"{document.path.name} holds more than {MAX_CLIPS} motions. Export it in parts.")
    return clips


def _sampled(document: Document, scene: Scene, animation: _Animation) -> tuple[nodes.Transforms, np.ndarray, float] | None:
    """T, R and S of all nodes in each frame, which nodes (nodes,) move, and the frame rate; None where none moves."""
    channels = {(scene.row[n], part): rest for (n, part), rest in animation.channels.items() if n in scene.row}
    stamps = {times: keys.checked(document, times) for times, _, _ in channels.values()}
    if not stamps or all(len(found) < 2 for found in stamps.values()):
        return None
    start, end = min(found[0] for found in stamps.values()), max(found[-1] for found in stamps.values())
    fps = keys.rate(list(stamps.values()))
    count, total = len(scene.names), sum(len(stamps[times]) for times, _, _ in channels.values())
    frames = int(min((end - start) * fps, 1e12) + 0.5) + 1
    check_size(document.path, frames, count)
    if frames * count > _SPARSE_CELLS + _SPARSE_RATIO * total:
        raise FileProblem(f"{document.path.name} spreads {total} keys over {end - start:.0f} seconds: export it sampled.")
    if frames < 2:
        return None
    return (*keys.tracks(document, scene.rest, channels, stamps, start + np.arange(frames) / fps), fps)
