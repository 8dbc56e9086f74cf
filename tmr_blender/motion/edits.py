# SPDX-License-Identifier: GPL-3.0-or-later
"""What an editor does to clips: another speed, a loop, several clips one after another (`Clip.cut` trims)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..errors import SkeletonProblem
from . import humanoid, quaternion
from .clip import Clip
from .humanoid import BodyMap
from .quaternion import Array

UP: Array = np.array([0.0, 1.0, 0.0])
# Frames looked at to find the best cut, spread over the clip: their pairs are compared.
LOOKED_AT = 400
# Seconds for which velocities count: two frames are as far apart as they will have drifted after that time.
FORESIGHT = 0.15
# Among cuts this near to the best one (share, and metres) the one that keeps most of the clip is taken.
NEARLY, CLOSE = 1.25, 0.005


@dataclass(frozen=True)
class Loop:
    """A clip whose last frame is its first one again, further on by what the body travels in between.

    start, end: seconds in the original. seam: how far joints were apart before the blend, metres, mean over joints.
    """

    clip: Clip
    start: float
    end: float
    seam: float


def speed(clip: Clip, factor: float) -> Clip:
    """The clip played `factor` times as fast. Raises ValueError unless that is above zero."""
    if not factor > 0.0:
        raise ValueError(f"a speed above zero is needed, not {factor}")
    return replace(clip, fps=clip.fps * factor)


def loop(
    clip: Clip, body_map: BodyMap | None = None, fps: float | None = None, least: float = 0.5, blend: float = 0.25
) -> Loop:
    """The part of a clip that repeats best, its end blended into its beginning.

    Every pair of frames at least `least` seconds apart is compared: where joints are and how they move, seen from the
    body. The last `blend` seconds before the cut fade into those before the start, so that place and speed both meet.
    fps: the rate at which it will be shown: it is then played a trace faster or slower, to last for whole frames of that.
    Raises SkeletonProblem where no body is recognised or the clip is shorter than `least` and `blend` together.
    """
    fade = max(1, round(blend * clip.fps))
    if clip.frames < fade + max(2, round(least * clip.fps)) + 1:
        raise SkeletonProblem(
            f"{clip.name} lasts {clip.duration:.1f} s, which is too short to find a loop in: {least + blend:.1f} s are needed."
        )
    view = _View.of(clip, body_map or humanoid.recognise(clip))
    start, end, seam = _best_cut(view, fade, max(2, round(least * clip.fps)))
    lead = _frames(clip, start - fade + 1, start + 1)
    lead = moved(lead, *view.between(start, end))
    body = _frames(clip, start, end - fade + 1)
    tail = _mixed(_frames(clip, end - fade + 1, end + 1), lead)
    closed = _joined(clip, [body, tail])
    if fps is not None:
        shown = max(1, round((end - start) / clip.fps * fps))
        closed = replace(closed, fps=(end - start) * fps / shown)
    return Loop(closed, start / clip.fps, end / clip.fps, seam)


def sequence(clips: Sequence[Clip], blend: float = 0.3) -> Clip:
    """Clips of one skeleton after another, each starting where and facing as the one before ends.

    The last `blend` seconds of each overlap the first ones of the next (less where a clip is shorter than twice that).
    They play at the first one's frame rate. Raises SkeletonProblem where joints differ or no body is recognised, ValueError
    for no clips at all.
    """
    if not clips:
        raise ValueError("no clips to put in sequence")
    first = clips[0]
    body_map = humanoid.recognise(first)
    out = first
    for clip in clips[1:]:
        same = clip.skeleton.names == first.skeleton.names and np.array_equal(clip.skeleton.parents, first.skeleton.parents)
        if not same:
            raise SkeletonProblem(
                f"{clip.name} and {first.name} have different joints: only clips of one skeleton can be joined."
            )
        added = clip.resampled(first.fps)
        fade = max(1, min(round(blend * first.fps), out.frames // 2, added.frames // 2))
        where = out.frames - fade
        turn, shift = _View.of(out, body_map).to(where, _View.of(added, body_map), 0)
        added = moved(added, turn, shift)
        tail = _mixed(_frames(out, where, out.frames), _frames(added, 0, fade))
        out = _joined(first, [_frames(out, 0, where), tail, _frames(added, fade, added.frames)])
    return out


def moved(clip: Clip, turn: Array, shift: Array) -> Clip:
    """The whole body turned about the origin by `turn` (4,), then shifted by (3,) metres."""
    roots = clip.skeleton.parents < 0
    rotations, translations = clip.rotations.copy(), clip.translations.copy()
    rotations[:, roots] = quaternion.multiply(turn, clip.rotations[:, roots])
    translations[:, roots] = quaternion.rotate(turn, clip.translations[:, roots]) + shift
    return replace(clip, rotations=rotations, translations=translations)


@dataclass(frozen=True)
class _View:
    """A clip as seen from the body.

    heading: (frames,) radians about Y; spot: (frames, 3) metres on the floor below the hips; local: (frames, joints, 3)
    joints from there, turned to face +Z; velocity: of the joints, turned likewise, (frames, joints, 3) m/s.
    """

    heading: Array
    spot: Array
    local: Array
    velocity: Array

    @classmethod
    def of(cls, clip: Clip, body_map: BodyMap) -> "_View":
        _, positions = clip.globals()
        at = {role: positions[:, joint] for role, joint in body_map.joints.items()}
        across = at["left_hip"] - at["right_hip"] + at["left_shoulder"] - at["right_shoulder"]
        heading = np.unwrap(-np.arctan2(across[:, 2], across[:, 0]))
        spot = (at["left_hip"] + at["right_hip"]) / 2 * [1.0, 0.0, 1.0]
        joints = positions[:, list(body_map.joints.values())]
        rates = np.gradient(joints, axis=0) * clip.fps if clip.frames > 1 else np.zeros_like(joints)
        back = _about_up(-heading)[:, None]
        return cls(heading, spot, quaternion.rotate(back, joints - spot[:, None]), quaternion.rotate(back, rates))

    def between(self, start: int, end: int) -> tuple[Array, Array]:
        """The turn and shift on the floor that bring frame `start` to frame `end`."""
        return self.to(end, self, start)

    def to(self, frame: int, other: "_View", start: int) -> tuple[Array, Array]:
        """The turn and shift on the floor that bring another clip's frame to one of this."""
        turn = _about_up(self.heading[frame] - other.heading[start])
        return turn, self.spot[frame] - quaternion.rotate(turn, other.spot[start])


def _about_up(angle: Array) -> Array:
    return quaternion.from_axis_angle(np.broadcast_to(UP, (*np.shape(angle), 3)), np.asarray(angle))


def _best_cut(view: _View, first: int, least: int) -> tuple[int, int, float]:
    """Frames between which the clip repeats best, and how far joints are apart there (metres, mean)."""
    step = max(1, len(view.heading) // LOOKED_AT)
    starts = np.arange(first, len(view.heading) - least, step)
    coarse = _apart(view, starts, np.arange(first + least, len(view.heading), step), least)
    good = coarse <= max(NEARLY * float(coarse.min()), float(coarse.min()) + CLOSE)
    rows, columns = np.nonzero(good)
    longest = int(np.argmax(columns - rows))
    start, end = first + int(rows[longest]) * step, first + least + int(columns[longest]) * step
    # Between the frames looked at there may be a better pair.
    near = [np.arange(max(at - step, low), min(at + step + 1, len(view.heading))) for at, low in ((start, first), (end, 0))]
    fine = _apart(view, near[0], near[1], least)
    row, column = np.unravel_index(int(np.argmin(fine)), fine.shape)
    start, end = int(near[0][row]), int(near[1][column])
    seam = np.linalg.norm(view.local[start] - view.local[end], axis=-1)
    return start, end, float(seam.mean())


def _apart(view: _View, starts: np.ndarray, ends: np.ndarray, least: int) -> Array:
    """(starts, ends) metres, root mean square over joints, by which two frames differ now and soon; inf if too near."""
    state = np.concatenate([view.local, FORESIGHT * view.velocity], axis=-1)
    rows = state.reshape(len(state), -1)
    a, b = rows[starts], rows[ends]
    square = np.sum(a * a, axis=1)[:, None] + np.sum(b * b, axis=1) - 2.0 * a @ b.T
    out = np.sqrt(np.maximum(square, 0.0) / state.shape[1])
    out[ends[None, :] - starts[:, None] < least] = np.inf
    return out


def _frames(clip: Clip, start: int, end: int) -> Clip:
    return replace(clip, rotations=clip.rotations[start:end], translations=clip.translations[start:end])


def _mixed(before: Clip, after: Clip) -> Clip:
    """From one clip to another of as many frames; the last frame is wholly the second's."""
    share = np.arange(1, before.frames + 1) / before.frames
    share = share * share * (3.0 - 2.0 * share)
    rotations = quaternion.slerp(before.rotations, after.rotations, share[:, None])
    translations = before.translations + (after.translations - before.translations) * share[:, None, None]
    return replace(before, rotations=rotations, translations=translations)


def _joined(clip: Clip, parts: Sequence[Clip]) -> Clip:
    return replace(
        clip,
        rotations=np.concatenate([part.rotations for part in parts]),
        translations=np.concatenate([part.translations for part in parts]),
    )
