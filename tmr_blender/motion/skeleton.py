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


def forward(parents: np.ndarray, rotations: Array, translations: Array) -> tuple[Array, Array]:
    """Forward kinematics.

    rotations: (frames, joints, 4) and translations: (frames, joints, 3), both in the parent's frame.
    Returns the same shapes in the skeleton's space.
    """
    turned = np.array(rotations, dtype=np.float64)
    placed = np.array(translations, dtype=np.float64)
    for joints in _levels(parents):
        above = parents[joints]
        turned[:, joints] = quaternion.multiply(turned[:, above], turned[:, joints])
        placed[:, joints] = placed[:, above] + quaternion.rotate(turned[:, above], placed[:, joints])
    return turned, placed


def _levels(parents: np.ndarray) -> list[np.ndarray]:
    """The joints below the roots, those of one depth together: all of them can be placed at once."""
    depth = np.zeros(len(parents), dtype=np.int64)
    for joint, parent in enumerate(parents):
        if parent >= 0:
            depth[joint] = depth[parent] + 1
    return [np.flatnonzero(depth == level) for level in range(1, int(depth.max(initial=0)) + 1)]
