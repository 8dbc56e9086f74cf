# SPDX-License-Identifier: GPL-3.0-or-later
"""The samplers of glTF: keys in time, between which values are held, go straight, or follow cubic splines."""

from collections.abc import Mapping

import numpy as np

from .. import quaternion
from ..quaternion import Array
from .gltf_data import Document
from .nodes import Transforms

INTERPOLATIONS = ("LINEAR", "STEP", "CUBICSPLINE")
DEFAULT_FPS = 30.0
"""For keys that were thinned out, from whose times no frame rate can be told."""
SLOWEST, FASTEST = 10.0, 250.0
"""Frames a second that are believed to be those of the capture."""

_STILL = 1e-6
_ON_KEY = 2e-5
"""Seconds: times are single precision and hit the keys no better."""
_BLOCK = 1 << 18
_KINDS = ("VEC3", "VEC4", "VEC3")


def checked(document: Document, accessor: int) -> Array:
    """The times (keys,) of a sampler, in order. Raises FileProblem for others."""
    times = document.accessor(accessor, "SCALAR")[:, 0]
    if not len(times):
        raise document.fault("a sampler has no keys")
    if not (np.isfinite(times).all() and np.all(np.diff(times) >= 0.0)):
        raise document.fault("the times of keys are not in order")
    return times


def rate(stamps: list[Array]) -> float:
    """Frames a second, from the step that is most common between neighbouring keys of all samplers (keys,) together.

    Channels that were thinned out one by one still meet on one grid together: so a shorter step counts where it is a
    quarter as common. Steps of other than 10 to 250 a second are no frames: then 30.
    """
    steps = np.diff(np.unique(np.concatenate(stamps)))
    steps = steps[(steps > 0.9 / FASTEST) & (steps < 1.1 / SLOWEST)]
    if not len(steps):
        return DEFAULT_FPS
    bins, counts = np.unique(np.round(steps * 1e4), return_counts=True)
    common = bins[np.flatnonzero(counts >= 0.25 * counts.max())[0]]
    fps = 1.0 / float(np.mean(steps[np.abs(steps * 1e4 - common) < 1.5]))
    whole = float(round(fps))
    return whole if abs(fps - whole) < 2e-4 * fps else fps


def tracks(
    document: Document,
    rest: Transforms,
    channels: Mapping[tuple[int, int], tuple[int, int, str]],
    stamps: Mapping[int, Array],
    times: Array,
) -> tuple[Transforms, np.ndarray]:
    """T, R and S (frames, nodes, ...) at the times, and which nodes (nodes,) translate or turn.

    channels: (node, 0 | 1 | 2 of T, R and S) -> accessors of times and values, and the interpolation. Where no node has
    keys of its scale, S has one frame.
    """
    sized = any(part == 2 for _, part in channels)
    parts = [np.repeat(values, len(times) if part < 2 or sized else 1, axis=0) for part, values in enumerate(rest)]
    moves = np.zeros(rest[0].shape[1], dtype=bool)
    groups: dict[tuple[int, int, str], list[tuple[int, int]]] = {}
    for (node, part), (stamp, values, how) in channels.items():
        groups.setdefault((part, stamp, how), []).append((node, values))
    for (part, stamp, how), members in groups.items():
        rows = [node for node, _ in members]
        table = np.stack([_values(document, at, part, len(stamps[stamp]), how) for _, at in members], axis=2)
        step = max(_BLOCK // len(rows), 1)
        for first in range(0, len(times), step):
            block = slice(first, first + step)
            parts[part][block, rows] = _at(times[block], stamps[stamp], table, how, part == 1)
        if part < 2:
            moves[rows] |= np.ptp(parts[part][:, rows], axis=0).max(axis=-1) > _STILL
    return (parts[0], parts[1], parts[2]), moves


def _values(document: Document, accessor: int, part: int, count: int, how: str) -> Array:
    """(keys, 1 or 3, 3 or 4): of splines the tangent in, the value and the tangent out. Rotations are w x y z."""
    values = document.accessor(accessor, _KINDS[part])
    each = 3 if how == "CUBICSPLINE" else 1
    if len(values) != count * each:
        raise document.fault("a sampler does not have a value for each key")
    if not np.isfinite(values).all():
        raise document.fault("keys have values that are not finite numbers")
    values = values.reshape(count, each, -1)
    if part == 1:
        values = values[..., [3, 0, 1, 2]]
        return quaternion.normalise(values) if each == 1 else values
    return values


def _at(times: Array, stamps: Array, table: Array, how: str, turns: bool) -> Array:
    """Values (frames, nodes, 3 | 4) at the times, from the table (keys, 1 | 3, nodes, 3 | 4); the ends are held."""
    last = len(stamps) - 1
    low = np.clip(np.searchsorted(stamps, times, side="right") - 1, 0, max(last - 1, 0))
    high = np.minimum(low + 1, last)
    span = stamps[high] - stamps[low]
    near = _ON_KEY / np.maximum(span, _ON_KEY)
    share = np.clip((times - stamps[low]) / np.maximum(span, 1e-12), 0.0, 1.0)
    if how == "CUBICSPLINE":
        out = _hermite(table[low], table[high], share[:, None, None], span[:, None, None])
        return quaternion.normalise(out) if turns else out
    values = table[:, 0]
    if how == "STEP":
        return values[np.where(share > 1.0 - near, high, low)]
    out = values[np.where(share > 0.5, high, low)]
    inside = np.flatnonzero((share > near) & (share < 1.0 - near))
    if len(inside):
        a, b, t = values[low[inside]], values[high[inside]], share[inside, None]
        out[inside] = quaternion.slerp(a, b, np.repeat(t, a.shape[1], axis=1)) if turns else a + (b - a) * t[..., None]
    return out


def _hermite(a: Array, b: Array, t: Array, span: Array) -> Array:
    """Cubic Hermite splines from keys a to keys b, (frames, 3, nodes, n) each, at the shares t (frames, 1, 1) of the span."""
    start, leaving, arriving, end = a[:, 1], a[:, 2] * span, b[:, 0] * span, b[:, 1]
    return (
        (2.0 * t**3 - 3.0 * t**2 + 1.0) * start
        + (t**3 - 2.0 * t**2 + t) * leaving
        + (3.0 * t**2 - 2.0 * t**3) * end
        + (t**3 - t**2) * arriving
    )
