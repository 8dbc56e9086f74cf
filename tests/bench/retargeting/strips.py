# SPDX-License-Identifier: GPL-3.0-or-later
"""Film strips to look at: the take, what Blender's own means make of it, and ours, one under the other."""

from pathlib import Path
from typing import Any

import figures
import numpy as np

PANELS = 6


class Strip:
    """Rows of one picture, all at the same moments. The take's own body is drawn at the size of its file, in metres."""

    def __init__(self, frames: int, fps: float) -> None:
        self.frames = [round(v) for v in np.linspace(1, frames, PANELS)]
        self.times = [(frame - 1) / fps for frame in self.frames]
        self.rows: dict[str, np.ndarray] = {}

    def add(self, name: str, armature: Any, shift: int = 0, stands: bool = True) -> None:
        """A row: the armature as it is animated now, its take starting `shift` frames later.

        stands: whether it stands on its floor at rest, as rigs do and skeletons of takes don't.
        """
        samples = figures.ours("blender.sample").figures(armature, [frame + shift for frame in self.frames])
        picture, ground = figures.ours("motion.picture"), samples.floor if stands else None
        self.rows[name] = picture.strip(samples.figures, self.times, trail=samples.trail, ground=ground)

    def write(self, path: Path) -> None:
        """The rows that there are, in the order of their names' adding."""
        rows: list[np.ndarray] = []
        for row in self.rows.values():
            rows += [row, np.full((3, row.shape[1], 3), 255, np.uint8)]
        if rows:
            path.parent.mkdir(parents=True, exist_ok=True)
            figures.ours("motion.png").write(path, np.concatenate(rows[:-1]))
