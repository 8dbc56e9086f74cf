# SPDX-License-Identifier: GPL-3.0-or-later
"""Feet that stay where they stand, on joint positions of the common body.

For motions whose contacts are known from elsewhere (the last four of the 263 features). A standing foot is moved as a whole
to one place, the leg follows, and the change fades out before and after. On a rig, `retarget.feet` does this with heel and
ball.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from . import body, features
from .quaternion import Array

SIDES = ("left", "right")
RELEASE = 0.25
"""Seconds over which a foot comes to where it will stand, and is let go."""
LEAST = 0.1
"""Seconds: shorter contacts are none, shorter gaps between contacts of a foot are closed."""
STRAIGHT = 0.998
"""Legs are not held straighter than this share of their length."""

STILL = 0.4
"""Metres a second: the features call a foot planted below 0.89, which is where steps of a slow walk are."""
_ENDS = [body.INDEX[name] for name in ("left_ankle", "left_foot", "right_ankle", "right_foot")]

Contacts = Mapping[str, NDArray[np.bool_]]
"""Of "left" and "right": (frames,) whether the foot stands."""


def contacts(rows: np.ndarray, fps: float = features.FPS) -> dict[str, NDArray[np.bool_]]:
    """When either end of each foot stands: features (frames, 263) say so, and it hardly moves."""
    joints = features.recover(rows)[:, _ENDS]
    step = np.linalg.norm(np.diff(joints, axis=0, append=joints[-1:]), axis=-1) * fps
    near = (np.asarray(rows)[:, 259:263] > 0.5) & (step < STILL)
    either = {"left": near[:, 0] | near[:, 1], "right": near[:, 2] | near[:, 3]}
    return {side: _lasting(stands, max(round(LEAST * fps), 1)) for side, stands in either.items()}


def drift(positions: Array, held: Contacts, fps: float) -> float:
    """Mean speed (m/s) over the floor of the balls of the feet from one standing frame to the next; 0 if none stand."""
    speeds = [np.zeros(0)]
    for side in SIDES:
        ball = positions[:, body.INDEX[f"{side}_foot"]][:, [0, 2]]
        both = held[side][1:] & held[side][:-1]
        speeds.append(np.linalg.norm(np.diff(ball, axis=0), axis=1)[both] * fps)
    every = np.concatenate(speeds)
    return float(every.mean()) if len(every) else 0.0


def lock(positions: Array, held: Contacts, fps: float) -> Array:
    """Positions (frames, 22, 3) in which feet stand still, level with the floor's height 0 or above, while they are held.

    Bones keep their lengths. A foot that is out of a leg's reach comes as near as the leg allows.
    """
    out = np.array(positions, dtype=np.float64)
    for side in SIDES:
        ankle, ball = body.INDEX[f"{side}_ankle"], body.INDEX[f"{side}_foot"]
        move = _offsets(out[:, ball], held[side], fps)
        # A sole under the floor is lifted, standing or not.
        move[:, 1] += np.maximum(-np.minimum(out[:, ankle, 1], out[:, ball, 1]), 0.0)
        reached = _bend(out, side, out[:, ankle] + move)
        out[:, ball] += reached - out[:, ankle]
        out[:, ankle] = reached
    return out


def anchored(positions: Array, held: Contacts, share: float = 1.0) -> Array:
    """The whole body (frames, 22, 3) moved over the floor so that the feet that stand slip less.

    A decoded path and decoded steps seldom agree; here the steps decide, by `share`: while feet stand, their mean slip is
    taken from the path. In between the path goes on as it was.
    """
    count, slip = np.zeros(len(positions) - 1), np.zeros((len(positions), 3))
    for side in SIDES:
        both = held[side][1:] & held[side][:-1]
        count += both
        slip[1:] += np.diff(positions[:, body.INDEX[f"{side}_foot"]], axis=0) * both[:, None]
    slip[1:] /= np.maximum(count, 1.0)[:, None]
    slip[:, 1] = 0.0
    return positions - share * np.cumsum(slip, axis=0)[:, None]


def _lasting(stands: NDArray[np.bool_], least: int) -> NDArray[np.bool_]:
    """Without gaps and then without spans of fewer than `least` frames."""
    out = stands.copy()
    for value in (False, True):
        for start, end in spans(out == value):
            inner = start > 0 and end < len(out)
            if end - start < least and (inner or value):
                out[start:end] = not value
    return out


def spans(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Half-open spans of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _offsets(ball: Array, stands: NDArray[np.bool_], fps: float) -> Array:
    """Moves over the floor (frames, 3) that bring the ball of a foot to the middle of where it stands, fading in and out."""
    total, weight = np.zeros_like(ball), np.zeros(len(ball))
    at = np.arange(len(ball))
    for start, end in spans(stands):
        place = np.median(ball[start:end], axis=0)
        inside = np.clip(at, start, end - 1)
        share = np.clip(1.0 - np.abs(at - inside) / (RELEASE * fps), 0.0, 1.0)
        share = share * share * (3.0 - 2.0 * share)
        # A contact has no say in another one.
        share = np.where(stands & (inside != at), 0.0, share)
        total += share[:, None] * (place - ball[inside])
        weight += share
    total /= np.maximum(weight, 1.0)[:, None]
    total[:, 1] = 0.0
    return total


def _bend(joints: Array, side: str, wanted: Array) -> Array:
    """Moves the knee so that the ankle comes to `wanted` (frames, 3); returns where it can come to. Changes `joints`."""
    hip, knee, ankle = (joints[:, body.INDEX[f"{side}_{name}"]] for name in ("hip", "knee", "ankle"))
    thigh, shin = _length(knee - hip), _length(ankle - knee)
    way = wanted - hip
    far = _length(way)
    ahead = way / np.maximum(far, 1e-9)
    far = np.clip(far, np.abs(thigh - shin) + 1e-3, STRAIGHT * (thigh + shin))
    far = np.where(_length(wanted - ankle) < 1e-9, _length(ankle - hip), far)
    out = knee - hip
    out = out - np.sum(out * ahead, axis=-1, keepdims=True) * ahead
    out = out / np.maximum(_length(out), 1e-9)
    along = (thigh**2 - shin**2 + far**2) / (2.0 * far)
    joints[:, body.INDEX[f"{side}_knee"]] = hip + along * ahead + np.sqrt(np.maximum(thigh**2 - along**2, 0.0)) * out
    return hip + far * ahead


def _length(v: Array) -> Array:
    return np.linalg.norm(v, axis=-1, keepdims=True)
