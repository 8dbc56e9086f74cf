# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures of a hierarchy in some of its poses: lengths, reaches, paths."""

from functools import cached_property

import numpy as np

from .quaternion import Array
from .skeleton import Skeleton


def median(values: Array) -> Array:
    """`np.median` along the first axis, in a fraction of its time for the few poses that are looked at here."""
    ordered, half = np.sort(values, axis=0), len(values) // 2
    return ordered[half] if len(values) % 2 else (ordered[half - 1] + ordered[half]) / 2.0


class Tree:
    """A skeleton with the positions it takes.

    positions: (poses, joints, 3). children, reach and paths are by joint index.
    """

    def __init__(self, skeleton: Skeleton, positions: Array) -> None:
        self.names = skeleton.names
        self.parents: list[int] = skeleton.parents.tolist()
        self.positions = positions
        self.children: list[list[int]] = [[] for _ in self.parents]
        for joint, parent in enumerate(self.parents):
            if parent >= 0:
                self.children[parent].append(joint)
        bones = positions - positions[:, np.maximum(skeleton.parents, 0)]
        lengths = np.sqrt((bones * bones).sum(axis=-1))
        middle = median(lengths)
        # How a root moves is no bone, nor is the way of hips under a root that stays behind.
        travels = (skeleton.parents < 0) | (np.ptp(lengths, axis=0) > 0.5 * middle)
        self.lengths: list[float] = np.where(travels, 0.0, middle).tolist()

    @cached_property
    def below(self) -> list[float]:
        """Length of the longest way down from each joint."""
        out = [0.0] * len(self.parents)
        for joint in range(len(self.parents) - 1, 0, -1):
            parent = self.parents[joint]
            if parent >= 0:
                out[parent] = max(out[parent], out[joint] + self.lengths[joint])
        return out

    def reach(self, joint: int) -> float:
        """Length of the longest way down from the joint's parent through it."""
        return self.lengths[joint] + self.below[joint]

    def longest_way(self, joint: int) -> list[int]:
        """From a joint down to the leaf that is farthest along the bones."""
        way = [joint]
        while self.children[way[-1]]:
            # Where all are equally far (a leaf at no distance), a child that has children goes on.
            way.append(max(self.children[way[-1]], key=lambda c: (self.reach(c), len(self.children[c]))))
        return way

    def ancestors(self, joint: int) -> list[int]:
        """The joint, its parent, and so on to the root."""
        way = [joint]
        while self.parents[way[-1]] >= 0:
            way.append(self.parents[way[-1]])
        return way

    def common(self, a: int, b: int) -> int:
        """The lowest common ancestor of two joints, -1 where they have none."""
        above = set(self.ancestors(a))
        return next((joint for joint in self.ancestors(b) if joint in above), -1)

    def subtree(self, joint: int) -> list[int]:
        """The joint and everything below it, parents first."""
        out = [joint]
        for member in out:
            out.extend(self.children[member])
        return out

    def spread(self, a: int, b: int) -> float:
        """Median distance of two joints."""
        d = self.positions[:, a] - self.positions[:, b]
        return float(median(np.sqrt((d * d).sum(axis=-1))))
