# SPDX-License-Identifier: GPL-3.0-or-later
"""When the source's feet stand, found otherwise than the extension does, and how far the rig's slide meanwhile.

A foot stands while the ball of the foot dwells: stays within a small ball for a while (dispersion-threshold identification,
Salvucci and Goldberg 2000, there for fixations of the eye), near the lowest that it ever is. No speed is looked at.
"""

import numpy as np
from numpy.typing import NDArray

from .metrics import SIDES, TALL, Array, Recording

RADIUS, LEAST = 0.012, 0.2
"""Metres, on a 1.8 m body, that the ball of a foot may stray from its mean place, and seconds that it has to."""

LOW = 0.05
"""Metres, on a 1.8 m body, over the 5th percentile of its height, that it may be high."""

FLAT = 0.025
"""Metres, on a 1.8 m body, that the ankle may be higher over the ball than where both stand on the average."""


def dwells(place: Array, radius: float, least: int) -> list[tuple[int, int]]:
    """Half-open spans, at least `least` frames long, in which a point (frames, 3) stays within a radius of its mean."""
    out: list[tuple[int, int]] = []
    start = 0
    while start + least <= len(place):
        end = start + least
        if not _within(place[start:end], radius):
            start += 1
            continue
        while end < len(place) and _within(place[start : end + 1], radius):
            end += 1
        out.append((start, end))
        start = end
    return out


def _within(points: Array, radius: float) -> bool:
    return bool(np.linalg.norm(points - points.mean(axis=0), axis=-1).max() <= radius)


def contacts(source: Recording, side: str) -> list[tuple[int, int]]:
    """Half-open spans of frames in which a foot of the source stands."""
    size = source.leg / TALL
    ball = source.at(f"{side}_foot")
    floor = np.percentile(np.concatenate([source.at(f"{each}_foot")[:, 2] for each in SIDES]), 5)
    found = dwells(ball, RADIUS * size, max(2, round(LEAST * source.fps)))
    return [(a, b) for a, b in found if ball[a:b, 2].mean() < floor + LOW * size]


def flat(source: Recording, side: str) -> NDArray[np.bool_]:
    """(frames,) whether a foot stands with its heel down: the ankle over the ball as low as it is while standing."""
    mask = np.zeros(len(source.positions), dtype=bool)
    for start, end in contacts(source, side):
        mask[start:end] = True
    above = (source.at(f"{side}_ankle") - source.at(f"{side}_foot"))[:, 2]
    if mask.any():
        mask &= above < np.percentile(above[mask], 20) + FLAT * source.leg / TALL
    return mask


def slide(source: Recording, target: Recording, edge: int = 1) -> tuple[float, float]:
    """Millimetres that the balls of the feet wander over the ground in a second of contact, on a 1.8 m body; and the seconds.

    The way is the sum of level steps from frame to frame, over all contacts of the source. edge: frames at either end of a
    contact that don't count, in which the foot is still landing or already leaving.
    """
    way, seconds = 0.0, 0.0
    for side in SIDES:
        ball = target.at(f"{side}_foot")
        for start, end in contacts(source, side):
            inside = ball[start + edge : end - edge, :2]
            way += float(np.linalg.norm(np.diff(inside, axis=0), axis=-1).sum())
            seconds += (len(inside) - 1) / source.fps
    return way * 1000.0 * TALL / target.leg / max(seconds, 1e-9), seconds
