# SPDX-License-Identifier: GPL-3.0-or-later
"""A small copy of many unit vectors that bounds their cosines with any other.

The vectors are turned so that they differ most along the first coordinates (principal axes, about the origin), and only
those are kept, with the length of what is left out. For v = head + rest and q = head' + rest', the cosine v.q lies within
|rest| |rest'| of head.head' (Cauchy and Schwarz), whatever the vectors: a sketch whose axes fit badly costs time, never
a result.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .vectors import Vectors

Floats = NDArray[np.float32]

DIRECTIONS = 64
"""Coordinates kept, of 256. Of 706 windows of CMU and Bandai takes they hold 99.9 % of the squared length."""
SAMPLE = 8192
"""Vectors from which the axes are found."""
BLOCK = 16_384
ROUNDING = 1e-5
"""More than the rounding of a cosine in float32."""


@dataclass(frozen=True)
class Sketch:
    """axes: (d, k), orthonormal columns. head: (windows, k), coordinates along them.

    rest: (entries,) the greatest length that is left out among the entry's windows, 0 without any.
    """

    axes: Floats
    head: Floats
    rest: Floats

    @staticmethod
    def of(vectors: Vectors, rows: NDArray[np.int64], first: NDArray[np.int64]) -> "Sketch":
        """Of the windows whose vectors are `rows` (windows,); the i-th entry has those from first[i] to first[i + 1]."""
        sample = vectors[np.sort(rows[:: max(len(rows) // SAMPLE, 1)])].astype(np.float64)
        axes = np.linalg.eigh(sample.T @ sample)[1][:, ::-1][:, :DIRECTIONS].astype(np.float32)
        head = np.empty((len(rows), axes.shape[1]), np.float32)
        left = np.empty(len(rows), np.float32)
        for start in range(0, len(rows), BLOCK):
            part = slice(start, start + BLOCK)
            block = vectors[rows[part]]
            head[part] = block @ axes
            left[part] = _rest((block**2).sum(axis=1), (head[part] ** 2).sum(axis=1))
        rest = np.zeros(len(first) - 1, np.float32)
        has = np.flatnonzero(np.diff(first))
        rest[has] = np.maximum.reduceat(left, first[has])
        return Sketch(axes, head, rest)

    def estimate(self, latent: Floats) -> tuple[Floats, Floats]:
        """About the cosine of every window with a unit vector (d,), and (entries,) by how much it can be wrong."""
        mine = latent @ self.axes
        return self.head @ mine, self.rest * _rest((latent**2).sum(), (mine**2).sum()) + np.float32(ROUNDING)


def _rest(whole: NDArray[np.float32], kept: NDArray[np.float32]) -> Floats:
    """Length of what is left out, from squared lengths; a little too long rather than too short."""
    return np.sqrt(np.maximum(whole - kept, 0.0) + np.float32(1e-6))
