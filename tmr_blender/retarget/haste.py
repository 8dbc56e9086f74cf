# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast the joints of legs may be once feet are planted: hardly faster than they ever are without.

Contacts that can't be held within that are let go of (`let_go`): in part, altogether, and in ever more time around what is
too fast, so that in the end either nothing is, or the legs move as they would with nothing held.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..motion.quaternion import Array
from .contacts import SIDES, spans

# How much faster than nearly always (the share of frames) a joint may be, and than it is around a frame as it is.
MARGIN, NEARLY, ABOUT = 1.15, 0.999, 1.02
# Seconds to either side that are around a frame.
AROUND = 0.1
# Legs a second: slower than this nothing is too fast in the space, and as seen from the hips.
UNSEEN = (0.15,) * 4 + (0.5,) * 2
# How far what makes a joint too fast is let go of, time after time, and the seconds on both sides within which this is done and
# in which it comes and goes. At the last, what is held elsewhere matters no more: neither fading nor swaying reaches so far.
PARTS = ((0.35, 0.07), (0.35, 0.15), (0.7, 0.15), (1.0, 0.15), (1.0, 0.3), (1.0, 0.6), (1.0, 1.2), (1.0, 2.5))
# How often this has been done before it is done on both sides of the body, wherever contacts are.
BOTH = 4
# Seconds from which on a contact is too far off to be what makes a joint fast.
FAR = 1.0
# Of the six speeds of `speeds`, those of knees.
KNEES = (1, 4)


@dataclass(frozen=True)
class Over:
    """Side -> (frames,) whether a joint of its leg is too fast to or from a frame: any joint, and the knee."""

    joints: Mapping[str, NDArray[np.bool_]]
    knees: Mapping[str, NDArray[np.bool_]]


def speeds(joints: Array, fps: float) -> Array:
    """(2, 6, frames - 1) units a second of hips, knees, ankles and balls, and of knees and ankles as seen from the hips.

    joints: (2, 4, frames, 3) of both sides.
    """
    steps = np.diff(np.concatenate([joints, joints[:, 1:3] - joints[:, :1]], axis=1), axis=2)
    out: Array = np.sqrt(np.einsum("...i,...i->...", steps, steps)) * fps
    return out


def limits(free: Array, leg: float, fps: float) -> Array:
    """(2, 6, frames - 1) speeds above which something is too fast. free: `speeds` of legs with nothing planted.

    In the space a joint counts with its kind (hips, knees, feet), of both sides, and with all joints together; seen from the
    hip by itself.
    """
    if not free.shape[-1]:
        return free
    hips, knees, feet = (_nearly_all(free[:, kind]) for kind in (slice(0, 1), slice(1, 2), slice(2, 4)))
    kinds = np.minimum([hips, knees, feet, feet], _nearly_all(free[:, :4]))
    usual = np.concatenate([np.tile(kinds, (2, 1)), [[_nearly_all(rows) for rows in side[4:]] for side in free]], axis=1)
    width = max(1, round(AROUND * fps))
    padded = np.pad(free, ((0, 0), (0, 0), (width, width)), mode="edge")
    around = np.lib.stride_tricks.sliding_window_view(padded, 2 * width + 1, axis=-1).max(axis=-1)
    return np.maximum(np.maximum(MARGIN * usual[..., None], ABOUT * around), leg * np.array(UNSEEN)[:, None])


def _nearly_all(values: Array) -> float:
    """The 99.9th percentile, or the value nearest to it."""
    at = round(NEARLY * (values.size - 1))
    return float(np.partition(values, at, axis=None)[at])


def over(found: Array, most: Array) -> Over:
    """What of `speeds` is above the `limits`."""
    fast = found > most

    def frames(rows: NDArray[np.bool_]) -> NDArray[np.bool_]:
        steps = np.pad(rows.any(axis=0), 1)
        return steps[:-1] | steps[1:]

    return Over(
        {side: frames(rows) for side, rows in zip(SIDES, fast, strict=True)},
        {side: frames(rows[list(KNEES)]) for side, rows in zip(SIDES, fast, strict=True)},
    )


def let_go(
    planted: Mapping[str, NDArray[np.bool_]],
    fast: Mapping[str, NDArray[np.bool_]],
    tries: Mapping[str, NDArray[np.int_]],
    fps: float,
) -> dict[str, Array]:
    """Side -> (frames,) share to which feet are still led to where they stand.

    planted: where they are held. fast: where a leg is too fast. tries: how often something has been let go of there, which is
    counted on: first the contacts nearest to that are let go of in part, at last both feet altogether.
    """
    out = {side: np.ones(len(mask)) for side, mask in planted.items()}
    for side, other in zip(SIDES, SIDES[::-1], strict=True):
        before = tries[side].copy()
        for start, end in spans(fast[side]):
            done = min(int(before[start:end].max()), len(PARTS) - 1)
            part, seconds = PARTS[done]
            reach = max(2, round(seconds * fps))
            gaps = {each: _distance(planted[each], start, end) for each in SIDES}
            tries[side][max(0, start - reach) : end + reach] = np.maximum(
                tries[side][max(0, start - reach) : end + reach], done + 1
            )
            for each in SIDES:
                near = each == side or gaps[other] < gaps[side] or done >= BOTH
                if near and gaps[each] <= FAR * fps + reach:
                    flank = np.clip(2.0 - _off(len(out[each]), start - gaps[each], end + gaps[each]) / reach, 0.0, 1.0)
                    out[each] = np.minimum(out[each], 1.0 - part * flank * flank * (3.0 - 2.0 * flank))
    return out


def _off(count: int, start: int, end: int) -> Array:
    """(count,) by how many frames each is before or after a half-open span."""
    at = np.arange(count)
    return np.maximum(np.maximum(start - at, at - end + 1), 0).astype(float)


def _distance(mask: NDArray[np.bool_], start: int, end: int) -> int:
    """Frames from a span to the nearest that is True; more than there are where none is."""
    there = np.flatnonzero(mask)
    if not len(there):
        return 2 * len(mask)
    return int(np.maximum(np.maximum(start - there, there - end + 1), 0).min())
