# SPDX-License-Identifier: GPL-3.0-or-later
"""FBX files, ASCII and binary, through ufbx: one clip for each take that moves and each character.

ufbx evaluates what FBX hides in a node (pivots, pre- and post-rotation, animation layers, ways of inheriting scale),
in metres and Y up. What is left is T, R and S per node and frame. A Clip has no scale, so positions are worked out with
it and local translations are taken back from them: positions stay exact under any scale.

ufbx 0.0.5 counts references wrongly in two places, and each of them ends in a crash of the whole process:
- A list of elements (nodes, takes, curves) gives a member away without counting the reference: see `_elements`.
- Its objects don't survive Python's cycle collector once it has found them. So a scene and a bake are closed by `with`,
  which breaks their own cycles, and no exception that leaves this module keeps a frame in which one of them lives:
  `_scene_data` returns arrays or raises, and `read` raises anew.
"""

import ctypes
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
import ufbx

from ...errors import FileProblem
from .. import quaternion
from ..clip import Clip
from ..quaternion import Array
from ..skeleton import Skeleton
from . import units
from .limits import MAX_CLIPS, MAX_FPS, MAX_JOINTS, check_size, unique

log = logging.getLogger(__name__)

DEFAULT_FPS = 30.0
_MAX_NODES = 16 * MAX_JOINTS
_LARGEST = 1e7
_T = TypeVar("_T", covariant=True)


class _List(Protocol[_T]):
    """ufbx's lists, which have a length and members and nothing else."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: int) -> _T: ...


@dataclass(frozen=True)
class _Nodes:
    """All nodes of the scene, parents before children.

    joint: whether the node is part of a skeleton; rest: local translation, rotation (w x y z) and scale of each.
    """

    names: list[str]
    parents: np.ndarray
    joint: np.ndarray
    row: dict[int, int]
    rest: tuple[Array, Array, Array]


@dataclass(frozen=True)
class _Take:
    """Local translation, rotation and scale, (frames, nodes, 3 | 4 | 3)."""

    name: str
    transforms: tuple[Array, Array, Array]
    moves: np.ndarray


@dataclass(frozen=True)
class _Data:
    """What is taken from a scene."""

    nodes: _Nodes
    takes: list[_Take]
    fps: float


def read(path: Path) -> list[Clip]:
    """Clips in metres and Y up. Raises FileProblem, also for a file without a moving skeleton."""
    try:
        data = _scene_data(path)
    except FileProblem as problem:
        reason = str(problem)
    except OSError as problem:
        reason = f"{path.name} can't be read: {problem.strerror or problem}."
    except (ufbx.UfbxError, RuntimeError) as problem:
        reason = f"{path.name} is not an FBX file, or it is damaged ({problem})."
    else:
        clips = [clip for take in data.takes for clip in _clips(path, data, take)]
        if clips:
            return clips
        reason = f"{path.name} has a skeleton but no animation of it."
    # Outside of the handlers: no traceback of theirs may stay alive.
    raise FileProblem(reason)


_OPTIONS: dict[str, Any] = {
    "ignore_geometry": True,
    "ignore_embedded": True,
    "target_axes": ufbx.axes_right_handed_y_up,
    "target_unit_meters": 1.0,
    "space_conversion": ufbx.SpaceConversion.ADJUST_TRANSFORMS,
    "inherit_mode_handling": ufbx.InheritModeHandling.HELPER_NODES,
    "node_depth_limit": 512,
    "file_format": ufbx.FileFormat.FBX,
}


def _scene_data(path: Path) -> _Data:
    with ufbx.load_memory(path.read_bytes(), **_OPTIONS) as scene:
        nodes = _nodes(path, scene)
        if not nodes.joint.any():
            raise FileProblem(f"{path.name} holds no skeleton.")
        fps = scene.settings.frames_per_second
        fps = float(fps) if 0.0 < fps <= MAX_FPS else DEFAULT_FPS
        return _Data(nodes, _takes(path, scene, nodes, fps), fps)


def _elements(items: _List[_T]) -> list[_T]:
    """The members of a list of elements.

    Each access returns a reference that was never counted and is given back all the same. It is counted here. With
    a later ufbx that does so itself, this would leak a small object and harm nothing.
    """
    out = []
    for i in range(len(items)):
        member = items[i]
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(member))
        out.append(member)
    return out


def _nodes(path: Path, scene: ufbx.Scene) -> _Nodes:
    if len(scene.nodes) > _MAX_NODES:
        raise FileProblem(f"{path.name} has {len(scene.nodes)} nodes; the limit is {_MAX_NODES}.")
    found = sorted(_elements(scene.nodes), key=lambda node: node.node_depth)
    row = {node.typed_id: i for i, node in enumerate(found)}
    parents = np.array([-1 if node.parent is None else row[node.parent.typed_id] for node in found], dtype=np.int64)
    names = [node.name for node in found]
    helper = np.array([node.is_scale_helper or node.is_geometry_transform_helper or node.is_root for node in found])
    joint = np.array([node.attrib_type == ufbx.ElementType.BONE for node in found]) & ~helper
    for cluster in _elements(scene.skin_clusters):
        if cluster.bone_node is not None:
            joint[row[cluster.bone_node.typed_id]] = True
    if not joint.any():
        # Some exporters write skeletons of nulls.
        joint = np.array([node.attrib_type in (ufbx.ElementType.EMPTY, ufbx.ElementType.UNKNOWN) for node in found]) & ~helper
    local = [node.local_transform for node in found]
    rest = (
        np.array([t.translation for t in local], dtype=np.float64),
        _wxyz(np.array([t.rotation for t in local], dtype=np.float64)),
        np.array([t.scale for t in local], dtype=np.float64),
    )
    return _Nodes(names, parents, _closed(joint, parents), row, rest)


def _wxyz(q: Array) -> Array:
    """From ufbx's x y z w."""
    return quaternion.normalise(q[..., [3, 0, 1, 2]])


def _closed(joint: np.ndarray, parents: np.ndarray) -> np.ndarray:
    """Joints, and the nodes between two joints."""
    below = joint.copy()  # has a joint at or below it
    for node in range(len(parents) - 1, 0, -1):
        if below[node] and parents[node] >= 0:
            below[parents[node]] = True
    inside = joint.copy()  # has a joint at or above it
    for node, parent in enumerate(parents):
        if parent >= 0 and inside[parent]:
            inside[node] = True
    return joint | (below & inside)


def _takes(path: Path, scene: ufbx.Scene, nodes: _Nodes, fps: float) -> list[_Take]:
    """The takes in which a node moves that is a joint or carries one."""
    curves = _elements(scene.anim_curves)
    spans = [(curve.min_time, curve.max_time) for curve in curves if len(curve.keyframes)]
    if not spans:
        return []
    longest = max(end for _, end in spans) - min(start for start, _ in spans)
    if not np.isfinite(longest):
        raise FileProblem(f"{path.name} has keys at no finite time.")
    # What a bake costs, before it is made.
    check_size(path, int(min(longest * fps, 1e12)) + 1, max(int(nodes.joint.sum()), 1))
    stacks = _elements(scene.anim_stacks)
    if len(stacks) > MAX_CLIPS:
        raise FileProblem(f"{path.name} holds {len(stacks)} takes; the limit is {MAX_CLIPS}.")
    return [take for stack in stacks if (take := _bake(path, scene, stack, nodes, fps)) is not None]


def _bake(path: Path, scene: ufbx.Scene, stack: ufbx.AnimStack, nodes: _Nodes, fps: float) -> _Take | None:
    """One take at the file's rate, or None where no joint moves in it."""
    anim = stack.anim
    with ufbx.bake_anim(scene, anim, resample_rate=fps, max_keyframe_segments=4096) as baked:
        start, end = _span(stack, baked)
        frames = round((end - start) * fps) + 1
        check_size(path, frames, int(nodes.joint.sum()))
        times = start + np.arange(frames) / fps
        carried = _carrying(nodes)
        transforms = tuple(np.repeat(part[None], frames, axis=0) for part in nodes.rest)
        moves = np.zeros(len(nodes.names), dtype=bool)
        for node in baked.nodes:
            at = nodes.row[node.typed_id]
            if not carried[at]:
                continue
            transforms[0][:, at] = _sampled(node.translation_keys, times)
            transforms[1][:, at] = _turned(node.rotation_keys, times)
            transforms[2][:, at] = _sampled(node.scale_keys, times)
            moves[at] = not (node.constant_translation and node.constant_rotation)
    if frames < 2 or not moves.any():
        log.info("%s: nothing moves in the take %s.", path.name, stack.name)
        return None
    return _Take(stack.name, (transforms[0], transforms[1], transforms[2]), moves)


def _span(stack: ufbx.AnimStack, baked: ufbx.BakedAnim) -> tuple[float, float]:
    """Seconds from the first to the last key, within what the take says of itself."""
    start, end = max(stack.time_begin, baked.key_time_min), min(stack.time_end, baked.key_time_max)
    return (start, end) if end > start else (baked.key_time_min, baked.key_time_max)


def _carrying(nodes: _Nodes) -> np.ndarray:
    """Whether a node is a joint or above one."""
    out = nodes.joint.copy()
    for node in range(len(out) - 1, 0, -1):
        if out[node] and nodes.parents[node] >= 0:
            out[nodes.parents[node]] = True
    return out


def _keys(keys: Any) -> tuple[Array, Array]:
    """Times (n,) and values (n, 3 or 4) of a baked list."""
    items = list(keys)
    return np.array([key.time for key in items]), np.array([key.value for key in items], dtype=np.float64)


def _sampled(keys: Any, times: Array) -> Array:
    """Vectors at the times, (frames, 3), straight lines between keys."""
    at, values = _keys(keys)
    return np.stack([np.interp(times, at, values[:, axis]) for axis in range(3)], axis=-1)


def _turned(keys: Any, times: Array) -> Array:
    """Rotations at the times, (frames, 4)."""
    at, values = _keys(keys)
    values = _wxyz(values)
    if len(at) == 1:
        return np.repeat(values, len(times), axis=0)
    low = np.clip(np.searchsorted(at, times + 1e-9) - 1, 0, len(at) - 2)
    share = np.clip((times - at[low]) / np.maximum(at[low + 1] - at[low], 1e-12), 0.0, 1.0)
    return quaternion.slerp(values[low], values[low + 1], share)


def _clips(path: Path, data: _Data, take: _Take) -> list[Clip]:
    """One clip for each skeleton that moves in the take, alone or with what carries it."""
    nodes = data.nodes
    with np.errstate(all="ignore"):
        positions, rotations = _globals(nodes.parents, *take.transforms)
        rest_positions, rest_rotations = _globals(nodes.parents, *(part[None] for part in nodes.rest))
    # Not-a-numbers compare as false, so this finds them, too.
    if not (np.abs(positions[:, nodes.joint]).max() <= _LARGEST and np.abs(rest_positions[:, nodes.joint]).max() <= _LARGEST):
        raise FileProblem(f"{path.name} is damaged: it puts joints farther away than {_LARGEST:g} metres.")
    clips = []
    roots = [i for i in np.flatnonzero(nodes.joint) if nodes.parents[i] < 0 or not nodes.joint[nodes.parents[i]]]
    for root in roots:
        members = _members(nodes, int(root))
        above = _above(nodes.parents, int(root))
        if not take.moves[[*members, *above]].any():
            continue
        parents = np.searchsorted(members, nodes.parents[members])
        parents[0] = -1
        turns, moved = _locals(parents, rotations[:, members], positions[:, members])
        rest, offsets = _locals(parents, rest_rotations[:, members], rest_positions[:, members])
        skeleton = Skeleton(unique(nodes.names[i] for i in members), parents, offsets[0], rest[0])
        name = path.stem + (f" {take.name}" if len(data.takes) > 1 and take.name else "")
        if len(roots) > 1:
            name += f" {nodes.names[root]}"
        clips.append(units.plausible(Clip(name, skeleton, data.fps, quaternion.continuous(turns), moved)))
    return clips


def _members(nodes: _Nodes, root: int) -> np.ndarray:
    """The joints of the skeleton under a root, in order."""
    inside = np.zeros(len(nodes.parents), dtype=bool)
    inside[root] = True
    for node in range(root + 1, len(inside)):
        inside[node] = nodes.joint[node] and nodes.parents[node] >= 0 and inside[nodes.parents[node]]
    return np.flatnonzero(inside)


def _above(parents: np.ndarray, node: int) -> list[int]:
    out = []
    while (node := int(parents[node])) >= 0:
        out.append(node)
    return out


def _globals(parents: np.ndarray, translations: Array, rotations: Array, scales: Array) -> tuple[Array, Array]:
    """Positions (frames, nodes, 3) with scale, and rotations (frames, nodes, 4) without it, in the scene."""
    positions, turns = translations.copy(), rotations.copy()
    linear = quaternion.to_matrix(rotations) * scales[..., None, :]
    for node, parent in enumerate(parents):
        if parent >= 0:
            positions[:, node] = positions[:, parent] + (linear[:, parent] @ translations[:, node, :, None])[..., 0]
            turns[:, node] = quaternion.multiply(turns[:, parent], rotations[:, node])
            linear[:, node] = linear[:, parent] @ linear[:, node]
    return positions, turns


def _locals(parents: np.ndarray, rotations: Array, positions: Array) -> tuple[Array, Array]:
    """Rotations and translations in the parents' frames; those of roots in the scene's."""
    turns, moved = rotations.copy(), positions.copy()
    below, above = np.flatnonzero(parents >= 0), parents[parents >= 0]
    back = quaternion.inverse(rotations[:, above])
    turns[:, below] = quaternion.multiply(back, rotations[:, below])
    moved[:, below] = quaternion.rotate(back, positions[:, below] - positions[:, above])
    return turns, moved
