# SPDX-License-Identifier: GPL-3.0-or-later
"""What ufbx bakes, keys of one node and channel at a time, as arrays of all nodes at the times that are wanted."""

from collections.abc import Callable
from itertools import chain
from typing import Any

import numpy as np

from .. import quaternion
from ..quaternion import Array

SAME = 1e-6
"""How far, as a share, scales may differ and count as one, and times between two keys may be from one of them."""

_WXYZ = [3, 0, 1, 2]
"""Where ufbx has w, x, y and z."""

Keyed = tuple[int, tuple[float, ...], list[Any]]
"""A node's place, and the times and values of its keys in one channel."""


def table(values: list[Any], width: int) -> Array:
    """Named tuples as (n, width); several times faster than `np.array`, which looks for the shape."""
    return np.fromiter(chain.from_iterable(values), np.float64, len(values) * width).reshape(-1, width)


def wxyz(q: Array) -> Array:
    """From ufbx's x y z w (..., 4), made of unit length."""
    return quaternion.normalise(q[..., _WXYZ])


def keyed(at: int, keys: Any, constant: bool) -> Keyed:
    """The keys of a channel of the node at place `at`: a list of ufbx's, of which a constant one needs the first."""
    items = [keys[0]] if constant else list(keys)
    return at, tuple([key.time for key in items]), [key.value for key in items]


def straight(a: Array, b: Array, share: Array) -> Array:
    """Vectors (n, 3 or 4) between a and b, by shares (n,) of the way."""
    return a + (b - a) * share[..., None]


def turned(a: Array, b: Array, share: Array) -> Array:
    """Rotations (n, 4) between a and b, by shares (n,) of the way.

    Where they are less than a tenth of a degree apart, a straight line serves.
    """
    out = quaternion.normalise(straight(a, b, share))
    far = np.flatnonzero((a * b).sum(axis=-1) < 1.0 - 4e-7)
    if len(far):
        out[far] = quaternion.slerp(a[far], b[far], share[far])
    return out


def sampled(rest: Array, times: Array, moving: list[Keyed], between: Callable[[Array, Array, Array], Array]) -> Array:
    """One channel of all nodes at the times, (frames, nodes, 3 or 4): as at rest (nodes, 3 or 4) where it has no keys.

    Before its first key and after its last a node stays as it is in them.
    """
    out = np.empty((len(times), *rest.shape))
    out[:] = rest
    if not moving:
        return out
    counts = np.array([len(stamps) for _, stamps, _ in moving])
    last = np.cumsum(counts) - 1
    first = last + 1 - counts
    stamps = np.fromiter(chain.from_iterable(stamps for _, stamps, _ in moving), np.float64, int(counts.sum()))
    values = table([value for _, _, values in moving for value in values], rest.shape[-1])
    if rest.shape[-1] == 4:
        values = values[:, _WXYZ]
    # All nodes are looked up at once, each in a span of time of its own.
    span = 2.0 * float(max(np.abs(stamps).max(), np.abs(times).max())) + 1.0
    apart = span * np.arange(len(moving))
    low = np.searchsorted(stamps + np.repeat(apart, counts), (times + apart[:, None]).ravel()).reshape(len(moving), -1) - 1
    low = np.clip(low, first[:, None], np.maximum(last - 1, first)[:, None])
    high = np.minimum(low + 1, last[:, None])
    share = np.clip((times - stamps[low]) / np.maximum(stamps[high] - stamps[low], 1e-12), 0.0, 1.0)
    found = values[np.where(share > 0.5, high, low)]
    inside = (share > SAME) & (share < 1.0 - SAME)
    if inside.any():
        found[inside] = between(values[low[inside]], values[high[inside]], share[inside])
    out[:, [at for at, _, _ in moving]] = found.swapaxes(0, 1)
    return out
