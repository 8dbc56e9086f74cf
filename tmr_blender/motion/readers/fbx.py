# SPDX-License-Identifier: GPL-3.0-or-later
"""FBX files, ASCII and binary, through ufbx: one clip for each take that moves and each character.

ufbx evaluates what FBX hides in a node (pivots, pre- and post-rotation, animation layers, ways of inheriting scale),
in metres and Y up. What is left is T, R and S per node and frame. A Clip has no scale, so the translations below a
scaled node take it in (`_without_scale`): positions stay exact under any scale.

Reading a key costs more than all arithmetic on it, and NumPy costs by the call: so ufbx leaves out what keys it can, a
still channel gives one, and the keys of all nodes are worked on together.

ufbx 0.0.5 counts references wrongly in two places, and each of them ends in a crash of the whole process:
- A list of elements (nodes, takes, curves) gives a member away without counting the reference: see `_elements`.
- Its objects don't survive Python's cycle collector once it has found them. So a scene and a bake are closed by `with`,
  which breaks their own cycles, and no exception that leaves this module keeps a frame in which one of them lives:
  `_scene_data` returns arrays or raises, and `read` raises anew.
"""

import ctypes
import logging
from collections import Counter
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
from . import fbx_keys as keys
from . import units
from .fbx_arrays import check_arrays
from .limits import MAX_CLIPS, MAX_FPS, MAX_JOINTS, check_duration, check_size, unique
from .nodes import ancestors, carrying, closed, rooted, skeletons, without_scale

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
    """The nodes that are part of a skeleton or carry one, parents before children.

    joint: whether the node is part of a skeleton; row: ufbx's number of a node -> its place here; rest: local
    translation, rotation (w x y z) and scale of each.
    """

    names: list[str]
    parents: np.ndarray
    joint: np.ndarray
    row: dict[int, int]
    rest: tuple[Array, Array, Array]


@dataclass(frozen=True)
class _Take:
    """Local translation, rotation and scale, (frames, nodes, 3 | 4 | 3), with scale in one frame where it never changes.

    moves: (nodes,), whether a node does.
    """

    name: str
    transforms: tuple[Array, Array, Array]
    moves: np.ndarray


@dataclass(frozen=True)
class _Data:
    """What is taken from a scene."""

    nodes: _Nodes
    takes: list[_Take]
    fps: float


class Refused(FileProblem):
    """A file that ufbx can't read; another reader might."""


def read(path: Path) -> list[Clip]:
    """Clips in metres and Y up. Raises Refused, and FileProblem for a file without a moving skeleton or beyond the limits."""
    kind = FileProblem
    try:
        data = _scene_data(path)
    except FileProblem as problem:
        reason = str(problem)
    except OSError as problem:
        reason = f"{path.name} can't be read: {problem.strerror or problem}."
    except (ufbx.UfbxError, RuntimeError) as problem:
        reason, kind = f"{path.name} is not an FBX file, or it is damaged ({problem}).", Refused
    else:
        clips = [clip for take in data.takes for clip in _clips(path, data, take)]
        if clips:
            return clips
        reason = f"{path.name} has a skeleton but no animation of it."
    # Outside of the handlers: no traceback of theirs may stay alive.
    raise kind(reason)


_OPTIONS: dict[str, Any] = {
    "ignore_geometry": True,
    "ignore_embedded": True,
    "skip_skin_vertices": True,
    "target_axes": ufbx.axes_right_handed_y_up,
    "target_unit_meters": 1.0,
    "space_conversion": ufbx.SpaceConversion.ADJUST_TRANSFORMS,
    "inherit_mode_handling": ufbx.InheritModeHandling.HELPER_NODES,
    "node_depth_limit": 512,
    "file_format": ufbx.FileFormat.FBX,
}


_BAKING: dict[str, Any] = {
    "max_keyframe_segments": 4096,
    # Exporters key what stands still, in every frame and with noise: keys on a straight line, within a millionth, are left out.
    "key_reduction_enabled": True,
    "key_reduction_threshold": 1e-6,
    "key_reduction_passes": 16,
}


def _scene_data(path: Path) -> _Data:
    content = path.read_bytes()
    check_arrays(path, content)
    with ufbx.load_memory(content, **_OPTIONS) as scene:
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
    joint = closed(joint, parents)
    keep = np.flatnonzero(carrying(joint, parents))
    local = [found[i].local_transform for i in keep]
    rest = (
        keys.table([t.translation for t in local], 3),
        keys.wxyz(keys.table([t.rotation for t in local], 4)),
        keys.table([t.scale for t in local], 3),
    )
    place = np.full(len(found) + 1, -1)  # one more, so that the parent -1 stays -1
    place[keep] = np.arange(len(keep))
    row = {found[i].typed_id: int(place[i]) for i in keep}
    return _Nodes([names[i] for i in keep], place[parents[keep]], joint[keep], row, rest)


def _takes(path: Path, scene: ufbx.Scene, nodes: _Nodes, fps: float) -> list[_Take]:
    """The takes in which a node moves that is a joint or carries one."""
    curves = _elements(scene.anim_curves)
    spans = [(curve.min_time, curve.max_time) for curve in curves if len(curve.keyframes)]
    if not spans:
        return []
    keyed = min(start for start, _ in spans), max(end for _, end in spans)
    longest = keyed[1] - keyed[0]
    if not np.isfinite(longest):
        raise FileProblem(f"{path.name} has keys at no finite time.")
    # What a bake costs, before it is made.
    check_size(path, int(min(longest * fps, 1e12)) + 1, max(len(nodes.names), 1))
    stacks = _elements(scene.anim_stacks)
    if len(stacks) > MAX_CLIPS:
        raise FileProblem(f"{path.name} holds {len(stacks)} takes; the limit is {MAX_CLIPS}.")
    takes: list[_Take] = []
    for stack in stacks:
        if (take := _bake(path, scene, stack, nodes, fps, keyed)) is not None:
            takes.append(take)
            check_duration(path, sum(len(done.transforms[0]) for done in takes) / fps)
    return takes


def _bake(
    path: Path, scene: ufbx.Scene, stack: ufbx.AnimStack, nodes: _Nodes, fps: float, keyed: tuple[float, float]
) -> _Take | None:
    """One take at the file's rate, or None where no joint moves in it; keyed: first and last key of all takes."""
    anim = stack.anim
    with ufbx.bake_anim(scene, anim, resample_rate=fps, **_BAKING) as baked:
        found = [(nodes.row[node.typed_id], node) for node in baked.nodes if node.typed_id in nodes.row]
        moves = np.zeros(len(nodes.names), dtype=bool)
        moves[[at for at, node in found if not (node.constant_translation and node.constant_rotation)]] = True
        moved = [keys.keyed(at, node.translation_keys, node.constant_translation) for at, node in found]
        turns = [keys.keyed(at, node.rotation_keys, node.constant_rotation) for at, node in found]
        sizes = [keys.keyed(at, node.scale_keys, node.constant_scale) for at, node in found]
    start, end = _span(stack, [*moved, *turns, *sizes], keyed)
    frames = int((end - start) * fps + 1e-3) + 1
    if frames < 2 or not moves.any():
        log.info("%s: nothing moves in the take %s.", path.name, stack.name)
        return None
    check_size(path, frames, len(nodes.names))
    times = start + np.arange(frames) / fps
    still = all(len(stamps) == 1 for _, stamps, _ in sizes)
    transforms = (
        keys.sampled(nodes.rest[0], times, moved, keys.straight),
        keys.sampled(nodes.rest[1], times, turns, keys.turned),
        keys.sampled(nodes.rest[2], times[:1] if still else times, sizes, keys.straight),
    )
    return _Take(stack.name, transforms, moves)


def _span(stack: ufbx.AnimStack, channels: list[keys.Keyed], keyed: tuple[float, float]) -> tuple[float, float]:
    """Seconds from the first to the last key that changes something, within what the take says of itself.

    A channel that changes by next to nothing is baked from end to end of the take, beyond its keys: hence `keyed`.
    """
    times = [time for _, stamps, _ in channels if len(stamps) > 1 for time in (stamps[0], stamps[-1])] or [0.0]
    first, last = max(min(times), keyed[0]), min(max(times), keyed[1])
    start, end = max(stack.time_begin, first), min(stack.time_end, last)
    return (start, end) if end > start else (first, last)


def _clips(path: Path, data: _Data, take: _Take) -> list[Clip]:
    """One clip for each skeleton that moves in the take, alone or with what carries it."""
    nodes = data.nodes
    with np.errstate(all="ignore"):
        moved, turns = without_scale(nodes.parents, *take.transforms), take.transforms[1]
        offsets, rest = without_scale(nodes.parents, *(part[None] for part in nodes.rest)), nodes.rest[1][None]
    # Not-a-numbers compare as false, so this finds them, too.
    if not (max(np.abs(moved).max(), np.abs(offsets).max()) <= _LARGEST and np.abs(turns).max() <= 1.0 + keys.SAME):
        raise FileProblem(f"{path.name} is damaged: it puts joints farther away than {_LARGEST:g} metres.")
    clips = []
    groups = skeletons(nodes.joint, nodes.parents)
    roots = [int(members[0]) for members in groups]
    for members, label in zip(groups, _labels(nodes, roots), strict=True):
        above = ancestors(nodes.parents, int(members[0]))
        used = [*reversed(above), *members.tolist()]
        if not take.moves[used].any():
            continue
        parents = np.searchsorted(members, nodes.parents[members])
        parents[0] = -1
        rotations, translations = rooted(moved[:, used], turns[:, used], len(above))
        rotations[:, 0] = quaternion.continuous(rotations[:, 0])  # the others are so, from ufbx
        still, places = rooted(offsets[:, used], rest[:, used], len(above))
        skeleton = Skeleton(unique(nodes.names[i] for i in members), parents, places[0], still[0])
        name = path.stem + (f" {take.name}" if len(data.takes) > 1 and take.name else "")
        if len(roots) > 1:
            name += f" {label}"
        clips.append(units.plausible(Clip(name, skeleton, data.fps, rotations, translations)))
    return clips


def _labels(nodes: _Nodes, roots: list[int]) -> list[str]:
    """What to call each skeleton: the name of its root, after that of the node above where others share it."""
    shared = Counter(nodes.names[root] for root in roots)
    above = [nodes.names[nodes.parents[root]] if nodes.parents[root] >= 0 else "" for root in roots]
    own = [nodes.names[root] for root in roots]
    return [name if shared[name] == 1 else f"{over} {name}".strip() for name, over in zip(own, above, strict=True)]
