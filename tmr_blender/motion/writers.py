# SPDX-License-Identifier: GPL-3.0-or-later
"""Writing clips as BVH files."""

import io
import re
from pathlib import Path

import numpy as np

from . import quaternion
from .clip import Clip
from .quaternion import Array

CENTIMETRES = 100.0


def write_bvh(clip: Clip, path: Path | str) -> None:
    """Write a clip as BVH, in centimetres and Y up.

    Every joint gets rotation channels (Z, Y, X), roots and joints that move in their parent's frame position channels,
    too. A leaf named NAME_end that never turns becomes the End Site of NAME. BVH has no rest rotations: the file's
    rest pose is that of the offsets alone, its motion is the clip's. Raises OSError where the file can't be written.
    """
    ends = _ends(clip)
    moving = _moving(clip)
    lines = ["HIERARCHY"]
    channels: list[int] = []
    for root in np.flatnonzero(clip.skeleton.parents < 0):
        _write_joints(clip, int(root), ends, moving, lines, channels)
    lines += ["MOTION", f"Frames: {clip.frames}", f"Frame Time: {1.0 / clip.fps:.9f}"]
    text = io.StringIO()
    np.savetxt(text, _table(clip, channels, moving), fmt="%.6f")
    Path(path).write_text("\n".join(lines) + "\n" + text.getvalue(), encoding="utf-8", newline="\n")


def _ends(clip: Clip) -> set[int]:
    """The leaves that are End Sites: named so, and still."""
    skeleton = clip.skeleton
    found: dict[int, int] = {}
    for joint, parent in enumerate(skeleton.parents):
        if parent < 0 or skeleton.children(joint) or skeleton.names[joint] != f"{skeleton.names[parent]}_end":
            continue
        still = np.ptp(clip.translations[:, joint], axis=0).max() < 1e-9
        if still and np.abs(clip.rotations[:, joint, 1:]).max() < 1e-9:
            found[int(parent)] = joint
    return set(found.values())


def _moving(clip: Clip) -> np.ndarray:
    """Which joints need position channels."""
    away = np.abs(clip.translations - clip.skeleton.offsets).max(axis=(0, 2))
    return (clip.skeleton.parents < 0) | (away > 1e-7)


def _write_joints(clip: Clip, root: int, ends: set[int], moving: np.ndarray, lines: list[str], channels: list[int]) -> None:
    """The hierarchy under a root, depth first; the order of the joints is added to `channels`."""
    skeleton = clip.skeleton
    todo: list[tuple[int, int]] = [(root, 0)]  # joint, or -1 to close a brace, and its depth
    while todo:
        joint, depth = todo.pop()
        pad = "\t" * depth
        if joint < 0:
            lines.append(pad + "}")
            continue
        offset = " ".join(f"{value:.6f}" for value in skeleton.offsets[joint] * CENTIMETRES)
        kind = "End Site" if joint in ends else ("JOINT " if depth else "ROOT ") + _plain(skeleton.names[joint])
        lines += [pad + kind, pad + "{", f"{pad}\tOFFSET {offset}"]
        todo.append((-1, depth))
        if joint in ends:
            continue
        places = "Xposition Yposition Zposition " if moving[joint] else ""
        lines.append(f"{pad}\tCHANNELS {6 if places else 3} {places}Zrotation Yrotation Xrotation")
        channels.append(joint)
        children = skeleton.children(joint)
        if not children:
            lines += [f"{pad}\tEnd Site", pad + "\t{", f"{pad}\t\tOFFSET 0.000000 0.000000 0.000000", pad + "\t}"]
        todo += [(child, depth + 1) for child in reversed(children)]


def _plain(name: str) -> str:
    """A name that survives as one word of a BVH file."""
    return re.sub(r"[\s{}]+", "_", name.strip()) or "joint"


def _table(clip: Clip, channels: list[int], moving: np.ndarray) -> Array:
    """The motion block, (frames, columns)."""
    columns = []
    for joint in channels:
        if moving[joint]:
            columns.append(clip.translations[:, joint] * CENTIMETRES)
        columns.append(_euler_zyx(clip.rotations[:, joint]))
    return np.concatenate(columns, axis=1)


def _euler_zyx(q: Array) -> Array:
    """Degrees about Z, then the new Y, then the new X, (frames, 3); without jumps of a whole turn between frames."""
    m = quaternion.to_matrix(q)
    pitch = np.arcsin(np.clip(-m[:, 2, 0], -1.0, 1.0))
    locked = np.abs(m[:, 2, 0]) > 1.0 - 1e-10
    # Where Y is square, Z and X turn about the same axis: X is kept at zero.
    yaw = np.where(locked, np.arctan2(-m[:, 0, 1], m[:, 1, 1]), np.arctan2(m[:, 1, 0], m[:, 0, 0]))
    roll = np.where(locked, 0.0, np.arctan2(m[:, 2, 1], m[:, 2, 2]))
    return np.degrees(np.unwrap(np.stack([yaw, pitch, roll], axis=-1), axis=0))
