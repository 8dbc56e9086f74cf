# SPDX-License-Identifier: GPL-3.0-or-later
"""The calibration pose that some files begin with: one frame of T-pose before the performance.

Conversions of the CMU takes for motion editors have it, so that the editor finds the rest pose. Left in, a rig would
snap from it into the motion, and the motion's heading would be taken from it.
"""

from dataclasses import replace

import numpy as np

from .clip import Clip
from .quaternion import Array
from .skeleton import forward

LEAST_JUMP = 0.05
"""Share of the body's extent by which the joints, on the whole, have to move from the first frame to the second..."""
LEAST_RATIO = 4.0
"""... and how many times as far as between any two of the frames that follow."""
LOOK_AHEAD = 12


def without_calibration(clip: Clip) -> Clip:
    """The clip without its first frame if no body could get from there to the second; otherwise the clip itself."""
    if clip.frames <= LOOK_AHEAD:
        return clip
    first = slice(0, LOOK_AHEAD + 1)
    _, placed = forward(clip.skeleton.parents, clip.rotations[first], clip.translations[first])
    moved = _moves(placed)
    extent = float(np.ptp(placed[0], axis=0).max())
    if moved[0] < LEAST_JUMP * extent or moved[0] < LEAST_RATIO * moved[1:].max():
        return clip
    return replace(clip, rotations=clip.rotations[1:], translations=clip.translations[1:])


def _moves(placed: Array) -> Array:
    """How far (frames - 1,) the joints, on average, move about their middle between frames; placed: (frames, joints, 3)."""
    gathered = placed - placed.mean(axis=1, keepdims=True)
    return np.linalg.norm(gathered[1:] - gathered[:-1], axis=-1).mean(axis=-1)
