# SPDX-License-Identifier: GPL-3.0-or-later
"""Biovision hierarchy files (.bvh) of any hierarchy.

The format states neither units nor the up axis: `units.standing` finds both from the body. An End Site becomes a
joint NAME_end without rotation where its offset isn't zero: it is where a foot, a hand or the head ends.
"""

import logging
import re
from pathlib import Path

import numpy as np

from ...errors import FileProblem
from .. import quaternion
from ..clip import Clip
from ..quaternion import Array
from ..skeleton import Skeleton
from . import bvh_header, units
from .bvh_header import Header
from .limits import MAX_FPS, check_size, unique
from .numbers import NumberProblem, read_numbers

log = logging.getLogger(__name__)

DEFAULT_FPS = 30.0
"""Where a file states no frame time, or zero."""

_CELLS = 8192
_MOTION = re.compile(rb"^[ \t]*MOTION\b[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
_FRAMES = re.compile(rb"\s*Frames\s*:\s*([^\s:]+)", re.IGNORECASE)
_TIME = re.compile(rb"\s*Frame\s*Time\s*:[ \t]*([^\s:]*)", re.IGNORECASE)


def read(path: Path) -> list[Clip]:
    """One clip for each ROOT, in metres and Y up. Raises FileProblem."""
    try:
        data = path.read_bytes()
    except OSError as problem:
        raise FileProblem(f"{path.name} can't be read: {problem.strerror or problem}.") from problem
    found = _MOTION.search(data)
    if found is None:
        raise FileProblem(f"{path.name} has no MOTION section: it is not a BVH file, or it is cut short.")
    try:
        header = bvh_header.parse(_text(data[: found.start()]))
    except bvh_header.HeaderProblem as problem:
        raise FileProblem(f"{path.name}, line {problem.line}: {problem}.") from problem
    if not header.channels:
        raise FileProblem(f"{path.name} has no joint that moves.")
    values, fps = _read_motion(path, data, found.end(), len(header.channels))
    check_size(path, len(values), len(header.names))
    clip = _clip(path.stem, header, values, fps)
    return [units.standing(part) for part in _characters(clip)]


def _text(data: bytes) -> str:
    """UTF-8 where it is, otherwise Latin-1, which any bytes are."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _read_motion(path: Path, data: bytes, start: int, columns: int) -> tuple[Array, float]:
    """Values (frames, columns) and the frame rate."""
    stated = fps = None
    if found := _FRAMES.match(data, start):
        stated, start = _number(found[1]), found.end()
    if found := _TIME.match(data, start):
        seconds, start = _number(found[1]), found.end()
        fps = _rate(seconds) if seconds is not None and 1.0 / MAX_FPS <= seconds <= 3600.0 else None
    if fps is None:
        log.warning("%s states no frame time that can be used; %g frames a second are assumed.", path.name, DEFAULT_FPS)
    try:
        values = read_numbers(data, start, columns)
    except NumberProblem as problem:
        raise FileProblem(f"{path.name}, line {problem.line}: {problem}.") from problem
    if not len(values):
        raise FileProblem(f"{path.name} holds no frames.")
    if stated != len(values):
        log.warning(
            "%s states %s frames and holds %d, which are taken.",
            path.name,
            "no" if stated is None else f"{stated:g}",
            len(values),
        )
    return values, fps or DEFAULT_FPS


def _number(word: bytes) -> float | None:
    try:
        return float(word.replace(b",", b"."))
    except ValueError:
        return None


def _rate(seconds: float) -> float:
    """Frames a second; .0083333 means 120, while 29.97 and 23.976 stay what they are."""
    fps = 1.0 / seconds
    return float(round(fps)) if abs(fps - round(fps)) < 1e-4 * fps else fps


def _clip(name: str, header: Header, values: Array, fps: float) -> Clip:
    """The whole file as one clip, in the file's units and axes."""
    offsets = np.array(header.offsets)
    keep = [i for i, end in enumerate(header.ends) if not end or np.any(np.abs(offsets[i]) > 1e-9)]
    new_index = {old: new for new, old in enumerate(keep)}
    skeleton = Skeleton(
        names=unique(header.names[i] for i in keep),
        parents=np.array([new_index.get(header.parents[i], -1) for i in keep], dtype=np.int64),
        offsets=offsets[keep],
        rest=np.tile(quaternion.IDENTITY, (len(keep), 1)),
    )
    # Frames lie innermost in memory, as forward kinematics wants them; the arrays' shapes are those of every clip.
    columns = np.ascontiguousarray(values.T)
    translations = np.empty((3, len(keep), len(values)))
    translations[:] = skeleton.offsets.T[:, :, None]
    turns: dict[int, list[tuple[int, int]]] = {}  # joint -> its (axis, column), in order
    for column, (joint, kind, axis) in enumerate(header.channels):
        if kind == "position":
            translations[axis, new_index[joint]] = columns[column]
        elif kind == "rotation":
            turns.setdefault(new_index[joint], []).append((axis, column))
    rotations = _rotations(turns, columns, len(keep))
    return Clip(name, skeleton, fps, rotations.transpose(2, 1, 0), translations.transpose(2, 1, 0))


def _rotations(turns: dict[int, list[tuple[int, int]]], columns: Array, joints: int) -> Array:
    """Local rotations (4, joints, frames); the channels of a joint turn it one after another about its own axes."""
    frames = columns.shape[1]
    out = np.zeros((4, joints, frames))
    out[0] = 1.0
    same_axes: dict[tuple[int, ...], list[int]] = {}
    for joint, channels in turns.items():
        same_axes.setdefault(tuple(axis for axis, _ in channels), []).append(joint)
    # So many joints at once as keep the numbers of each step in a processor's cache.
    some = max(1, _CELLS // frames)
    for axes, members in same_axes.items():
        for first in range(0, len(members), some):
            chosen = members[first : first + some]
            parts: list[Array | None] = [None] * 4
            for step, axis in enumerate(axes):
                cosine, sine = _half_turn(columns[[turns[joint][step][1] for joint in chosen]])
                if step == 0:
                    parts[0], parts[axis + 1] = cosine, sine
                else:
                    parts = _turned(parts, axis, cosine, sine)
            for i, part in enumerate(parts):
                if part is not None:
                    out[i, chosen] = part
    return out


def _half_turn(degrees: Array) -> tuple[Array, Array]:
    """Cosine and sine of half the angles, which are overwritten.

    Both come from the tangent of a quarter: one function for two, and one that NumPy computes eight numbers at a time.
    They are within 5e-16 of `np.cos` and `np.sin`.
    """
    degrees *= np.pi / 720.0
    tangent = np.tan(degrees, out=degrees)
    square = tangent * tangent
    below = 1.0 / (1.0 + square)
    return (1.0 - square) * below, 2.0 * tangent * below


def _turned(q: list[Array | None], axis: int, cosine: Array, sine: Array) -> list[Array | None]:
    """The quaternion with components q, times a turn about one of its axes by twice the angle of cosine and sine.

    A component that is None is zero throughout.
    """
    a, b = (axis + 1) % 3 + 1, (axis + 2) % 3 + 1
    axis += 1
    out: list[Array | None] = [None] * 4
    out[0] = _sum_of(q[0], cosine, q[axis], -sine)
    out[axis] = _sum_of(q[axis], cosine, q[0], sine)
    out[a] = _sum_of(q[a], cosine, q[b], sine)
    out[b] = _sum_of(q[b], cosine, q[a], -sine)
    return out


def _sum_of(a: Array | None, b: Array, c: Array | None, d: Array) -> Array | None:
    """a b + c d, where None is zero."""
    if a is None:
        return None if c is None else c * d
    return a * b if c is None else a * b + c * d


def _characters(clip: Clip) -> list[Clip]:
    """One clip for each root; the file's name, and the root's where there are several."""
    parents = clip.skeleton.parents
    roots = np.flatnonzero(parents < 0)
    if len(roots) == 1:
        return [clip]
    owner = np.arange(len(parents))
    for joint, parent in enumerate(parents):
        if parent >= 0:
            owner[joint] = owner[parent]
    return [_part(clip, np.flatnonzero(owner == root)) for root in roots]


def _part(clip: Clip, joints: np.ndarray) -> Clip:
    """The clip of one root's joints."""
    whole = clip.skeleton
    parents = np.searchsorted(joints, whole.parents[joints])
    parents[0] = -1
    skeleton = Skeleton(tuple(whole.names[i] for i in joints), parents, whole.offsets[joints], whole.rest[joints])
    name = f"{clip.name} {whole.names[joints[0]]}"
    return Clip(name, skeleton, clip.fps, clip.rotations[:, joints], clip.translations[:, joints])
