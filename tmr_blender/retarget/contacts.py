# SPDX-License-Identifier: GPL-3.0-or-later
"""When heels and balls of the feet stand on the floor, told from how low and how slow they are.

Both points lie level in a standing foot: the ball is its joint, the heel a point as low as that, below and behind the
ankle. A foot that lands heel first and leaves over its toes shows as heel, both, ball.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ..motion import quaternion
from ..motion.quaternion import Array
from .rest import UP, Stance

SIDES = ("left", "right")
# Speeds in legs a second and heights over the floor in legs below which a point is surely down, and above which it surely
# has left: between the two it stays what it was (hysteresis).
SLOW, FAST = 0.15, 0.25
LOW, HIGH = 0.05, 0.09
# Of a body that travels fast, a standing foot is seen to move faster: the share of the speed of the hips that is allowed for.
EASE = 0.08
# A point that wanders further than the first (legs) from the middle of a contact, or drifts further than the second over the
# ground and on the average faster than the third (legs a second), slides; it doesn't stand. Slower is a creeping of markers.
WANDER, DRIFT, CREEP = 0.04, 0.045, 0.09
# On stairs, chairs and slopes a point stands above the floor, if it is still for some seconds, and for some of them the lowest
# of both feet, within LOW, and this far (legs) below the hips.
RESTS, LOWEST, BELOW = 0.2, 0.1, 0.4
# Of a body that lies, feet are as high as the hips; of one that stands on its hands they are higher (legs).
ABOVE = 0.2
# Seconds: shorter contacts are none, shorter gaps are noise; and the time over which speed is taken.
LEAST, GAP, SPAN = 0.06, 0.06, 1 / 30
# The floor is found in frames in which the lowest point is slower than this (legs a second).
RESTING = 0.3
# A foot without a ball: how far that lies before and below the ankle, and the heel behind it as a share of that.
BALL_AHEAD, BALL_BELOW, HEEL_BEHIND = 0.15, 0.08, 0.25


def sole(stance: Stance, side: str) -> dict[str, Array]:
    """Heel and ball of a standing foot from its ankle, (3,) each, metres in the stance's space."""
    ankle, ball = stance.positions[f"{side}_ankle"], stance.positions.get(f"{side}_foot")
    ahead = np.array([0.0, -BALL_BELOW, BALL_AHEAD]) * stance.leg if ball is None else ball - ankle
    level = ahead * [1.0, 0.0, 1.0]
    return {"heel": ahead - (1.0 + HEEL_BEHIND) * level, "ball": ahead}


def points(stance: Stance, deltas: Mapping[str, Array], positions: Mapping[str, Array], side: str) -> dict[str, Array]:
    """Where heel and ball are, (frames, 3) each, of a body that turns by `deltas` from its stance."""
    ankle, turn = positions[f"{side}_ankle"], deltas[f"{side}_ankle"]
    out = {name: ankle + quaternion.rotate(turn, np.broadcast_to(v, ankle.shape)) for name, v in sole(stance, side).items()}
    if f"{side}_foot" in positions:
        out["ball"] = positions[f"{side}_foot"]
    return out


def detect(
    stance: Stance, deltas: Mapping[str, Array], positions: Mapping[str, Array], fps: float
) -> dict[str, dict[str, NDArray[np.bool_]]]:
    """side -> "heel" and "ball" -> (frames,) whether that point stands on the floor.

    stance, deltas, positions: of a `performance.Performance`.
    """
    places = {side: points(stance, deltas, positions, side) for side in SIDES}
    size = max(stance.leg, 1e-6)
    each = [place for side in SIDES for place in places[side].values()]
    floor = _floor(np.stack([place @ UP for place in each]), np.stack([speed(place, fps) for place in each]), size)
    travel = speed((positions["left_hip"] + positions["right_hip"]) / 2, fps) / size

    lowest = np.min([place @ UP for place in each], axis=0)
    hips = (positions["left_hip"] + positions["right_hip"]) @ UP / 2

    def down(place: Array) -> NDArray[np.bool_]:
        level = place @ UP
        height, pace = (level - floor) / size, speed(place, fps) / size - EASE * travel
        standing = lasting((height < LOW) & (pace < SLOW), (height < HIGH) & (pace < FAST), fps)
        bearing = (level < lowest + LOW * size) & (level < hips - BELOW * size)
        standing |= _raised(pace < SLOW, bearing, fps) & (height >= LOW)
        standing &= level < hips + ABOVE * size
        return lasting(standing, standing & _in_place(place, standing, size, fps), fps)

    return {side: {name: down(place) for name, place in places[side].items()} for side in SIDES}


def speed(place: Array, fps: float) -> Array:
    """Metres a second (frames,) of a point (frames, 3), taken over `SPAN` to either side."""
    step = max(1, round(fps * SPAN))
    at = np.arange(len(place))
    after, before = np.minimum(at + step, len(place) - 1), np.maximum(at - step, 0)
    out: Array = np.linalg.norm(place[after] - place[before], axis=-1) * fps / np.maximum(after - before, 1)
    return out


def _floor(heights: Array, speeds: Array, size: float) -> float:
    """Level of standing points, from (points, frames): that of the lowest one in frames in which it rests."""
    lowest = np.argmin(heights, axis=0)
    height, pace = (np.take_along_axis(v, lowest[None], axis=0)[0] for v in (heights, speeds))
    resting = height[pace < RESTING * size]
    return float(np.percentile(resting, 10)) if len(resting) else float(np.percentile(height, 2))


def _raised(still: NDArray[np.bool_], bearing: NDArray[np.bool_], fps: float) -> NDArray[np.bool_]:
    """(frames,) whether a point that may be above the floor stands: long enough still, and bearing the body for a while."""
    out = np.zeros(len(still), dtype=bool)
    for start, end in spans(still):
        out[start:end] = end - start >= RESTS * fps and bearing[start:end].sum() >= LOWEST * fps
    return out


def _in_place(place: Array, standing: NDArray[np.bool_], size: float, fps: float) -> NDArray[np.bool_]:
    """(frames,) whether a point stays where it is throughout the contact that the frame belongs to.

    A contact that wanders is taken apart: into what is near its middle, and the same again of what is before and after that.
    Parts that drift from end to end slide.
    """
    out = np.zeros(len(standing), dtype=bool)
    parts = spans(standing)
    while parts:
        start, end = parts.pop()
        part = place[start:end]
        near = np.linalg.norm(part - np.median(part, axis=0), axis=-1) < WANDER * size
        kept = [(start, end)] if near.all() else [(start + a, start + b) for a, b in spans(near)]
        for first, last in kept:
            quarter = max(1, (last - first) // 4)
            drift = place[last - quarter : last].mean(axis=0) - place[first : first + quarter].mean(axis=0)
            way = np.linalg.norm(drift - (drift @ UP) * UP) / size
            out[first:last] = way < max(DRIFT, CREEP * (last - first - quarter) / fps)
        if not near.all():
            parts += [(start + a, start + b) for a, b in spans(~near) if b - a >= RESTS * fps]
    return out


def lasting(sure: NDArray[np.bool_], possible: NDArray[np.bool_], fps: float) -> NDArray[np.bool_]:
    """Spans of `possible` frames in which at least one is `sure`, (frames,) bool; short gaps closed, short spans dropped."""
    out = np.zeros(len(sure), dtype=bool)
    for start, end in spans(possible):
        out[start:end] = sure[start:end].any()
    for start, end in spans(~out):
        if start > 0 and end < len(out) and end - start < GAP * fps:
            out[start:end] = True
    for start, end in spans(out):
        if end - start < max(2.0, LEAST * fps):
            out[start:end] = False
    return out


def spans(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Half-open spans of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]
