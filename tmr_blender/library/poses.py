# SPDX-License-Identifier: GPL-3.0-or-later
"""The body of a take as a library keeps it: 22 joints at 20 frames a second, in 138 bytes a frame.

Features, and so the vectors of any model, are made from these poses and never from the file itself: a library can be encoded
anew by another model without its files, and gets the very vectors that indexing them would give. They also draw a hit's
picture and tell twins apart.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..motion import features
from ..motion.quaternion import Array

STEP = 1.0 / 4096.0
"""Metres between two values of a joint relative to the root: 0.24 mm, with a reach of 8 m for giants."""

POSE = np.dtype([("root", "<f4", (3,)), ("joints", "<i2", (21, 3))])
"""root: metres, Y up. joints: of `motion.body.JOINTS` without the first, relative to the root, in `STEP`s."""

Poses = NDArray[np.void]
"""(n,) of POSE."""


def pack(positions: Array, fps: float) -> Poses:
    """Poses of joint positions (frames, 22, 3), metres, at any rate. Raises TMRError as `features.extract` does."""
    positions = features.resampled(features.checked(positions, fps), fps)
    root = positions[:, 0].astype(POSE["root"].base)
    poses = np.empty(len(positions), POSE)
    poses["root"] = root
    limit = np.iinfo(np.int16).max
    poses["joints"] = np.clip(np.rint((positions[:, 1:] - root[:, None]) / STEP), -limit, limit)
    return poses


def unpack(poses: NDArray[Any]) -> Array:
    """Joint positions (n, 22, 3), metres, Y up, at `features.FPS`."""
    root = poses["root"].astype(np.float64)
    positions = np.empty((len(poses), 22, 3))
    positions[:, 0] = root
    positions[:, 1:] = poses["joints"] * STEP + root[:, None]
    return positions


def rows_of(poses: NDArray[Any]) -> NDArray[np.float32]:
    """The features (rows, 263) of poses, as `features.extract` makes them; what is encoded, wherever it comes from."""
    return features.extract(unpack(poses), features.FPS)
