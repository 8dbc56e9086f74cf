# SPDX-License-Identifier: GPL-3.0-or-later
"""What a window shows of a motion that is kept: its film strip."""

import numpy as np

from ..errors import QueryProblem
from ..motion import features, picture, png
from ..motion.quaternion import Array

PANELS, MOST_PANELS = 4, 16
MOST_POINTS = 48
"""Of the path on the floor: each is painted in every panel."""
SIDE = 112
"""Pixels of a panel's sides."""


def panels(poses: Array, start: float = 0.0, count: int = PANELS) -> list[bytes]:
    """The panels of a film strip as PNG files, `SIDE` pixels square, at even distances from the first frame to the last.

    poses: (n, 22, 3) metres, at `features.FPS`. start: seconds in the take of the first, for the times below the panels.
    Raises QueryProblem for fewer than one or more than `MOST_PANELS`.
    """
    if not 1 <= count <= MOST_PANELS:
        raise QueryProblem(f"A film strip has 1 to {MOST_PANELS} panels.")
    frames = np.unique(np.linspace(0, len(poses) - 1, count).round().astype(np.int64))
    ground = float(poses[..., 1].min())
    way = np.linspace(0, len(poses) - 1, min(len(poses), MOST_POINTS)).round().astype(np.int64)
    trail = poses[way, 0] * [1.0, 0.0, 1.0] + [0.0, ground, 0.0]
    figures = [picture.body(poses[frame]) for frame in frames]
    times = [start + frame / features.FPS for frame in frames]
    shown = picture.panels(figures, times, (SIDE, SIDE), trail if len(trail) > 1 else None, ground)
    return [png.encode(panel) for panel in shown]
