# SPDX-License-Identifier: GPL-3.0-or-later
"""Motion of a skeleton, as read from a file."""

from dataclasses import dataclass, replace

import numpy as np

from . import quaternion
from .quaternion import Array
from .skeleton import Skeleton, forward


@dataclass(frozen=True)
class Clip:
    """Local transforms of every joint in every frame.

    Space: right-handed, Y up, metres, whatever the file used.
    name: of the take, for people.
    fps: frames a second, as stated by the file.
    rotations: (frames, joints, 4) in the parent's frame (the rest rotation is included, not on top of it).
    translations: (frames, joints, 3) in the parent's frame; equals the offsets where nothing moves them.
    """

    name: str
    skeleton: Skeleton
    fps: float
    rotations: Array
    translations: Array

    @property
    def frames(self) -> int:
        """How many frames."""
        return self.rotations.shape[0]

    @property
    def duration(self) -> float:
        """Seconds from the first frame to the end of the last."""
        return self.frames / self.fps

    def globals(self) -> tuple[Array, Array]:
        """Rotations (frames, joints, 4) and positions (frames, joints, 3) in the skeleton's space."""
        return forward(self.skeleton.parents, self.rotations, self.translations)

    def cut(self, start: float, end: float) -> "Clip":
        """The frames from `start` to `end` seconds; at least one frame, bounds outside the clip are clamped."""
        first = min(max(round(start * self.fps), 0), self.frames - 1)
        last = min(max(round(end * self.fps), first + 1), self.frames)
        return replace(self, rotations=self.rotations[first:last], translations=self.translations[first:last])

    def excerpt(self, start: float, end: float) -> "Excerpt":
        """As `cut`, of a take that stays known."""
        part = self.cut(start, end)
        return Excerpt(part.name, part.skeleton, part.fps, part.rotations, part.translations, self)

    def resampled(self, fps: float) -> "Clip":
        """The same motion at another rate, interpolated in time (never by skipping frames)."""
        if fps == self.fps or self.frames < 2:
            return replace(self, fps=fps)
        at = resample_times(self.frames, self.fps, fps)
        low = np.minimum(at.astype(np.int64), self.frames - 2)
        share = at - low
        turned = quaternion.slerp(self.rotations[low], self.rotations[low + 1], share[:, None])
        moved = self.translations[low] + (self.translations[low + 1] - self.translations[low]) * share[:, None, None]
        return replace(self, fps=fps, rotations=turned, translations=moved)


@dataclass(frozen=True)
class Excerpt(Clip):
    """A part of a take. whole: the take, on which the body is recognised: a second may show too little."""

    whole: Clip


def resample_times(frames: int, source_fps: float, target_fps: float) -> Array:
    """Positions, in source frames, of the target's samples; the first and the span are kept."""
    count = int(np.floor((frames - 1) / source_fps * target_fps + 1e-6)) + 1
    return np.minimum(np.arange(count) * (source_fps / target_fps), frames - 1.0)
