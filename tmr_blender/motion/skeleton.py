# SPDX-License-Identifier: GPL-3.0-or-later
"""A hierarchy of joints in its rest pose."""

from dataclasses import dataclass

import numpy as np

from . import quaternion
from .quaternion import Array


@dataclass(frozen=True)
class Skeleton:
    """Joints, parents before children, with the rest pose as the file states it.

    names: one per joint, unique, in the spelling of the file.
    parents: (joints,) int64, index of the parent, -1 for a root.
    offsets: (joints, 3) metres, rest position in the parent's frame.
    rest: (joints, 4) rest rotation in the parent's frame; identity throughout for BVH.

    The rest pose of a stranger's file need not look like a body: some exporters write every offset along one
    local axis. Nothing here assumes that it does.
    """

    names: tuple[str, ...]
    parents: np.ndarray
    offsets: Array
    rest: Array

    @property
    def count(self) -> int:
        """How many joints."""
        return len(self.names)

    def children(self, joint: int) -> list[int]:
        """The direct children of a joint, in file order."""
        return [int(i) for i in np.flatnonzero(self.parents == joint)]

    def rest_globals(self) -> tuple[Array, Array]:
        """Rest rotations (joints, 4) and positions (joints, 3) in the skeleton's space."""
        rotations, positions = forward(self.parents, self.rest[None], self.offsets[None])
        return rotations[0], positions[0]


_FRAMES = 2048
"""Frames placed at a time: what is held of them fits a processor's cache."""


def forward(parents: np.ndarray, rotations: Array, translations: Array) -> tuple[Array, Array]:
    """Forward kinematics.

    rotations: (frames, joints, 4) and translations: (frames, joints, 3), both in the parent's frame.
    Returns the same shapes in the skeleton's space.
    """
    # Frames lie innermost in memory: every step below then runs over neighbours, which is several times as fast.
    turned = np.array(rotations.transpose(2, 1, 0), dtype=np.float64, order="C")
    placed = np.array(translations.transpose(2, 1, 0), dtype=np.float64, order="C")
    levels = [(joints, parents[joints]) for joints in _levels(parents)]
    for first in range(0, turned.shape[2], _FRAMES):
        part = slice(first, first + _FRAMES)
        for joints, above in levels:
            carrier = turned[:, above, part]
            placed[:, joints, part] = placed[:, above, part] + _rotated(carrier, placed[:, joints, part])
            turned[:, joints, part] = _product(carrier, turned[:, joints, part])
    return turned.transpose(2, 1, 0), placed.transpose(2, 1, 0)


def _product(a: Array, b: Array) -> Array:
    """`quaternion.multiply` of (4, ...) arrays."""
    aw, ax, ay, az = a
    bw, bx, by, bz = b
    out = np.empty_like(b)
    out[0] = aw * bw - ax * bx - ay * by - az * bz
    out[1] = aw * bx + ax * bw + ay * bz - az * by
    out[2] = aw * by - ax * bz + ay * bw + az * bx
    out[3] = aw * bz + ax * by - ay * bx + az * bw
    return out


def _rotated(q: Array, v: Array) -> Array:
    """`quaternion.rotate` of (4, ...) and (3, ...) arrays."""
    w, x, y, z = q
    a, b, c = v
    r, s, t = 2.0 * (y * c - z * b), 2.0 * (z * a - x * c), 2.0 * (x * b - y * a)
    out = np.empty_like(v)
    out[0] = a + w * r + y * t - z * s
    out[1] = b + w * s + z * r - x * t
    out[2] = c + w * t + x * s - y * r
    return out


def places(parents: np.ndarray, rotations: Array, translations: Array) -> Array:
    """The positions of `forward` alone, (frames, joints, 3): quicker for a few frames, where calls cost more than numbers."""
    frames, joints = rotations.shape[:2]
    # One more joint, which stands still, is above the roots: each round doubles the steps towards it.
    local = np.zeros((frames, joints + 1, 4, 4))
    local[:, :joints, :3, :3] = quaternion.to_matrix(rotations)
    local[:, :joints, :3, 3] = translations
    local[:, :, 3, 3] = 1.0
    local[:, joints, :3, :3] = np.eye(3)
    above = np.append(np.where(parents < 0, joints, parents), joints)
    while np.any(above < joints):
        local = local[:, above] @ local
        above = above[above]
    return local[:, :joints, :3, 3]


def _levels(parents: np.ndarray) -> list[np.ndarray]:
    """The joints below the roots, those of one depth together: all of them can be placed at once."""
    depth: list[int] = []
    for parent in parents.tolist():
        depth.append(depth[parent] + 1 if parent >= 0 else 0)
    of = np.array(depth)
    return [np.flatnonzero(of == level) for level in range(1, max(depth, default=0) + 1)]
