# SPDX-License-Identifier: GPL-3.0-or-later
"""Rotations as the channels of each of Blender's rotation modes, continuous over frames."""

import numpy as np

from ..motion import quaternion
from ..motion.quaternion import Array

AXES = {"X": 0, "Y": 1, "Z": 2}
# Steps (radians a frame) below which Euler angles need no choice between their two sets.
CALM = 0.5


def from_quaternions(q: Array, mode: str) -> Array:
    """Rotations (frames, 4) as (frames, 4) for QUATERNION and AXIS_ANGLE, (frames, 3) for an order of Euler angles."""
    if mode == "QUATERNION":
        return quaternion.continuous(q)
    if mode == "AXIS_ANGLE":
        return axis_angles(q)
    return eulers(q, mode)


def to_quaternions(channels: Array, mode: str) -> Array:
    """The rotations (frames, 4) that channels stand for."""
    if mode == "QUATERNION":
        return quaternion.normalise(channels)
    if mode == "AXIS_ANGLE":
        axis = channels[:, 1:]
        length = np.linalg.norm(axis, axis=-1, keepdims=True)
        return quaternion.from_axis_angle(axis / np.maximum(length, 1e-12), channels[:, 0])
    out = np.broadcast_to(quaternion.IDENTITY, (len(channels), 4))
    for letter in mode:
        axis = np.broadcast_to(np.eye(3)[AXES[letter]], (len(channels), 3))
        out = quaternion.multiply(quaternion.from_axis_angle(axis, channels[:, AXES[letter]]), out)
    return out


def near(channels: Array, before: Array, mode: str) -> Array:
    """The same rotations told by those numbers that begin nearest to what was there before: no full turns in between.

    channels: (frames, n), continuous; before: (n,) of the same mode.
    """
    turn = 2 * np.pi
    if mode == "QUATERNION":
        return -channels if channels[0] @ before < 0.0 else channels
    if mode == "AXIS_ANGLE":
        out = -channels if channels[0, 1:] @ before[1:] < 0.0 else channels.copy()
        out[:, 0] += turn * np.round((before[0] - out[0, 0]) / turn)
        return out
    middle = AXES[mode[1]]
    other = channels + np.pi
    other[:, middle] = np.pi - channels[:, middle]
    both = [rows + turn * np.round((before - rows[0]) / turn) for rows in (channels, other)]
    return min(both, key=lambda rows: float(np.abs(rows[0] - before).sum()))


def axis_angles(q: Array) -> Array:
    """Angle, x, y, z (frames, 4); the axis never flips, so angles may pass half a turn."""
    q = quaternion.continuous(q)
    if q[0, 0] < 0:
        q = -q
    sine = np.linalg.norm(q[:, 1:], axis=-1)
    axis = q[:, 1:] / np.maximum(sine, 1e-12)[:, None]
    # Near no rotation the axis is noise: the last one that meant something stays.
    known = np.where(sine > 1e-6, np.arange(len(q)), -1)
    at = np.maximum.accumulate(known)
    first = int(np.argmax(known >= 0)) if (known >= 0).any() else -1
    at = np.where(at < 0, first, at)
    axis = axis[at] if first >= 0 else np.broadcast_to([0.0, 1.0, 0.0], axis.shape)
    flips = np.cumprod(np.where(np.sum(axis[1:] * axis[:-1], axis=-1) < 0, -1.0, 1.0))
    signs = np.concatenate([[1.0], flips])
    angle = np.unwrap(2 * np.arctan2(sine * signs, q[:, 0]))
    out = np.empty((len(q), 4))
    out[:, 0], out[:, 1:] = angle, axis * signs[:, None]
    return out


def eulers(q: Array, order: str) -> Array:
    """Euler angles x, y, z (frames, 3) radians of the order as Blender spells it: the first letter turns first.

    Of the two sets of angles for each rotation, and of their full turns, the one nearest to the frame before is taken.
    """
    i, j, k = (AXES[letter] for letter in order)
    parity = 1.0 if (j - i) % 3 == 1 else -1.0
    m = quaternion.to_matrix(q)
    cosine = np.hypot(m[:, i, i], m[:, j, i])
    plain = cosine > 1e-7
    first = np.where(plain, np.arctan2(m[:, k, j], m[:, k, k]), np.arctan2(-m[:, j, k], m[:, j, j]))
    second = np.arctan2(-m[:, k, i], cosine)
    third = np.where(plain, np.arctan2(m[:, j, i], m[:, i, i]), 0.0)
    one = np.stack([first, second, third], axis=-1) * parity
    two = np.stack([first + np.pi, np.pi - second, third + np.pi], axis=-1) * parity
    out = np.empty_like(one)
    smooth = np.unwrap(one, axis=0)
    # The other set is about half a turn away, so a set without leaps is the one that stepping would choose.
    calm = np.abs(np.diff(smooth, axis=0)).max(initial=0.0) < CALM
    out[:, [i, j, k]] = smooth if calm else _nearest(one, two)
    return out


def _nearest(one: Array, two: Array) -> Array:
    """Frame by frame, whichever of two sets of angles lies nearer to the last, give or take full turns."""
    turn = 2 * np.pi
    both = np.stack([one, two], axis=1)
    both -= turn * np.round(both / turn)
    start = int(np.abs(both[0]).sum(axis=-1).argmin())
    out = np.empty_like(one)
    last = out[0] = both[0, start]
    for frame in range(1, len(one)):
        near = both[frame] - turn * np.round((both[frame] - last) / turn)
        last = out[frame] = near[int(np.abs(near - last).sum(axis=-1).argmin())]
    return out
