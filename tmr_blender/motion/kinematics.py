# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be read off a moving body frame by frame: the ground for the rules in `postures`, `gait` and `gestures`.

Everything is brought to 20 fps and to an adult's size (legs of `LEG` metres), so that the rules can be written in metres and
seconds. Angles turn to the left when positive: about +Y, seen from above counter-clockwise.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..errors import TMRError
from . import body, features
from .quaternion import Array

FPS = features.FPS
LEG = 0.816
"""Upper and lower leg of the HumanML3D skeleton, metres."""
STANDING = 0.93
"""Height of its pelvis above the floor when it stands upright, metres (mean over walks 0.92)."""
ARM = 0.53
"""Upper arm and forearm, metres."""

HEAD = 0.09
"""From the head joint to the middle of the head, metres; the top is as far again."""

_FEW = 4
"""Columns up to which one correlation each is quicker than products of windows."""

J = body.INDEX
SIDES = ("left", "right")


def smooth(values: Array, seconds: float) -> Array:
    """Gaussian over time, standard deviation in seconds, of (frames, ...); ends repeat."""
    sigma = seconds * FPS
    radius = max(1, int(3.0 * sigma + 0.5))
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    kernel /= kernel.sum()
    flat = values.reshape(len(values), -1)
    padded = np.concatenate([np.repeat(flat[:1], radius, axis=0), flat, np.repeat(flat[-1:], radius, axis=0)])
    if flat.shape[1] <= _FEW:
        columns = [np.correlate(column, kernel, "valid") for column in np.ascontiguousarray(padded.T)]
        return np.stack(columns, axis=-1).reshape(values.shape)
    return (np.lib.stride_tricks.sliding_window_view(padded, len(kernel), axis=0) @ kernel).reshape(values.shape)


def rate(values: Array) -> Array:
    """Change per second of (frames, ...), central differences."""
    return np.gradient(values, 1.0 / FPS, axis=0) if len(values) > 1 else np.zeros_like(values)


def spans(mask: np.ndarray, shortest: float = 0.0, gap: float = 0.0) -> list[tuple[int, int]]:
    """Half-open frame spans where the mask (frames,) holds; gaps up to `gap` s are closed, then shorter ones are dropped."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], np.asarray(mask, dtype=np.int8), [0]])))
    found: list[tuple[int, int]] = []
    for start, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        if found and start - found[-1][1] <= gap * FPS:
            found[-1] = (found[-1][0], end)
        else:
            found.append((start, end))
    return [(start, end) for start, end in found if end - start >= shortest * FPS]


def extremum(values: Array, seconds: float, largest: bool) -> Array:
    """Rolling maximum or minimum of (frames,) over a window that reaches `seconds` to either side."""
    reach = max(1, round(seconds * FPS))
    fill = -np.inf if largest else np.inf
    padded = np.concatenate([np.full(reach, fill), values, np.full(reach, fill)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1)
    return windows.max(axis=1) if largest else windows.min(axis=1)


def peaks(values: Array, height: float, apart: float, prominence: float) -> list[int]:
    """Frames of maxima above `height`, `prominence` out of the valleys around them; of two within `apart` s, the larger."""
    if len(values) < 3 or values.max() <= height:
        return []
    # A valley before the first and after the last sample lets maxima near the ends count.
    padded = np.concatenate([[values.min()], values, [values.min()]])
    highs = [f - 1 for f in swings(padded, prominence) if padded[f] > height]
    chosen: list[int] = []
    for frame in sorted(highs, key=lambda i: -values[i]):
        if all(abs(frame - other) >= apart * FPS for other in chosen):
            chosen.append(frame)
    return sorted(chosen)


def swings(values: Array, prominence: float) -> list[int]:
    """Frames of alternating highs and lows of (frames,), each at least `prominence` from the one before (hysteresis)."""
    turns: list[int] = []
    high = low = 0
    direction = 0
    listed = values.tolist()
    for frame, value in enumerate(listed):
        if value > listed[high]:
            high = frame
        if value < listed[low]:
            low = frame
        if direction >= 0 and listed[high] - value >= prominence:
            turns.append(high)
            direction, low = -1, frame
        elif direction <= 0 and value - listed[low] >= prominence:
            turns.append(low)
            direction, high = 1, frame
    return turns


def _unit(v: Array) -> Array:
    return v / np.maximum(np.linalg.norm(v, axis=-1, keepdims=True), 1e-9)


@dataclass(frozen=True)
class Body:
    """A motion at 20 fps and an adult's size, its lowest point (nearly) at zero.

    joints: (frames, 22, 3) metres, Y up. scale: what the original was multiplied with.
    """

    joints: Array
    scale: float

    @classmethod
    def of(cls, positions: Array, fps: float) -> "Body":
        """From joint positions (frames, 22, 3) at any size and rate; raises TMRError for useless ones."""
        joints = features.resampled(features.checked(positions, fps), fps)
        thighs = np.linalg.norm(
            joints[:, [J["left_knee"], J["right_knee"]]] - joints[:, [J["left_hip"], J["right_hip"]]], axis=-1
        )
        shins = np.linalg.norm(
            joints[:, [J["left_ankle"], J["right_ankle"]]] - joints[:, [J["left_knee"], J["right_knee"]]], axis=-1
        )
        leg = float(np.median((thighs + shins).mean(axis=1)))
        if leg < 1e-3:
            raise TMRError("The body has no legs: the upper and lower leg have no length.")
        joints = joints * (LEG / leg)
        # Not the very lowest point: a single bad frame would lift the floor of the whole take.
        joints[..., 1] -= np.percentile(joints[..., 1].min(axis=1), 1.0)
        return cls(joints, LEG / leg)

    def at(self, name: str) -> Array:
        """Positions (frames, 3) of one joint."""
        return self.joints[:, J[name]]

    @property
    def frames(self) -> int:
        """How many, at 20 fps."""
        return len(self.joints)

    @cached_property
    def root(self) -> Array:
        """Path (frames, 3) of the pelvis without the bobbing of single steps."""
        return smooth(self.at("pelvis"), 0.2)

    @cached_property
    def ground(self) -> Array:
        """Height (frames,) of what carries the body: the lowest joint of the last and next second."""
        return extremum(self.joints[..., 1].min(axis=1), 1.0, largest=False)

    @cached_property
    def above(self) -> Array:
        """Height (frames, 22) of every joint above the ground."""
        return self.joints[..., 1] - self.ground[:, None]

    @cached_property
    def height(self) -> Array:
        """Height (frames,) of the pelvis above the ground; 1 when standing upright."""
        return self.above[:, 0] / STANDING

    @cached_property
    def torso(self) -> Array:
        """Unit vectors (frames, 3) from the pelvis to the upper spine."""
        return _unit(self.at("spine3") - self.at("pelvis"))

    @cached_property
    def across(self) -> Array:
        """Unit vectors (frames, 3) from the right to the left side, hips and shoulders together."""
        hips = self.at("left_hip") - self.at("right_hip")
        return _unit(hips + self.at("left_shoulder") - self.at("right_shoulder"))

    @cached_property
    def front(self) -> Array:
        """Unit vectors (frames, 3) that the chest faces, whatever way up the body is."""
        return _unit(np.cross(self.across, self.torso))

    @cached_property
    def heading(self) -> Array:
        """Yaw (frames,) of the facing in radians, unwrapped, smoothed over 0.15 s; held where the body isn't upright."""
        across = self.across
        facing = np.stack([-across[:, 2], across[:, 0]], axis=-1)  # across x up, as (x, z)
        yaw = np.arctan2(facing[:, 0], facing[:, 1])
        # Lying on a side or upside down, a yaw means nothing.
        good = (np.hypot(across[:, 0], across[:, 2]) > 0.5) & (self.torso[:, 1] > 0.2)
        if not good.any():
            return np.zeros(self.frames)
        known = np.flatnonzero(good)
        unwrapped = np.unwrap(yaw[known])
        return smooth(np.interp(np.arange(self.frames), known, unwrapped), 0.15)

    @cached_property
    def local(self) -> Array:
        """Joints (frames, 22, 3) from the pelvis, in the heading: x to the left, y up, z to the front."""
        return self.turned(self.joints - self.joints[:, :1])

    def turned(self, vectors: Array) -> Array:
        """World vectors (frames, ..., 3) in the heading of their frame: x to the left, z to the front."""
        shape = (self.frames,) + (1,) * (vectors.ndim - 2)
        c, s = (part.reshape(shape) for part in self._facing)
        x, z = vectors[..., 0], vectors[..., 2]
        return np.stack([c * x - s * z, vectors[..., 1], s * x + c * z], axis=-1)

    @cached_property
    def _facing(self) -> tuple[Array, Array]:
        """Cosine and sine (frames,) of the heading."""
        return np.cos(self.heading), np.sin(self.heading)

    @cached_property
    def velocity(self) -> Array:
        """Velocity (frames, 3) of the pelvis's path in the heading, m/s: to the left, up, to the front."""
        return self.turned(rate(smooth(self.root, 0.15)))

    @cached_property
    def speed(self) -> Array:
        """Horizontal speed (frames,) of the pelvis's path, m/s."""
        return np.hypot(self.velocity[:, 0], self.velocity[:, 2])

    @cached_property
    def limb_velocity(self) -> Array:
        """Velocity (frames, 22, 3) of every joint relative to the pelvis, in the heading, m/s."""
        return rate(self.local)

    @cached_property
    def limb_speed(self) -> Array:
        """Speed (frames, 22) of every joint relative to the pelvis, m/s."""
        return np.linalg.norm(self.limb_velocity, axis=-1)

    @cached_property
    def steps(self) -> list[int]:
        """Frames where one foot is furthest in front of the other, once per step."""
        apart = self.at("left_ankle") - self.at("right_ankle")
        path = smooth(self.turned(rate(self.root)), 0.3)
        path[:, 1] = 0.0
        length = np.linalg.norm(path, axis=-1, keepdims=True)
        ahead = np.where(length > 0.15, path / np.maximum(length, 1e-6), np.array([0.0, 0.0, 1.0]))
        along = np.sum(self.turned(apart) * ahead, axis=-1)
        return swings(smooth(along, 0.05), 0.12)

    @cached_property
    def feet(self) -> Array:
        """Height (frames, 2) of the left and right foot above where it is when it stands: the lower of ankle and ball."""
        heights = []
        for side in SIDES:
            pair = []
            for joint in (J[f"{side}_ankle"], J[f"{side}_foot"]):
                above = self.above[:, joint]
                slow = np.linalg.norm(rate(self.joints[:, joint]), axis=-1) < 0.3
                lowest = float(np.percentile(above, 5.0))
                # Skeletons put the ball anywhere from the sole to 7 cm above it, and its markers dip at every push-off.
                standing = float(np.percentile(above[slow], 30.0)) if slow.sum() > 4 else lowest
                pair.append(above - min(standing, lowest + 0.06))
            heights.append(np.minimum(*pair))
        return np.stack(heights, axis=-1)

    @cached_property
    def face(self) -> Array:
        """Middle of the head (frames, 3), in the heading, from the pelvis: the head joint of SMPL lies at the jaw."""
        neck, head = self.local[:, J["neck"]], self.local[:, J["head"]]
        return head + HEAD * _unit(head - neck)

    @cached_property
    def lift(self) -> Array:
        """Vertical acceleration (frames,) of the pelvis, m/s^2: about -9.8 in flight, within 3 of zero in a walk."""
        return rate(rate(smooth(self.joints[:, 0, 1], 0.05)))

    @cached_property
    def inverted(self) -> np.ndarray:
        """Whether (frames,) both feet are above the pelvis and the pelvis is above the head."""
        pelvis, head = self.at("pelvis")[:, 1], self.at("head")[:, 1]
        ankles = np.minimum(self.at("left_ankle")[:, 1], self.at("right_ankle")[:, 1])
        return (pelvis > head + 0.1) & (ankles > head + 0.35)

    @cached_property
    def balance(self) -> Array:
        """How far (frames,) the centre of mass is in front of the ankles, metres; far behind, something else carries it."""
        local = self.local
        # Segment masses after Winter: trunk 0.50, head 0.08, arms 0.05 each, thighs 0.10, shins 0.06 each.
        mass = 0.50 * local[:, J["spine2"], 2] + 0.08 * local[:, J["head"], 2]
        for s in SIDES:
            knee, ankle = local[:, J[f"{s}_knee"], 2], local[:, J[f"{s}_ankle"], 2]
            mass = (
                mass
                + 0.05 * local[:, J[f"{s}_elbow"], 2]
                + 0.05 * knee
                + 0.06 * (knee + ankle) / 2
                + 0.05 * local[:, J[f"{s}_hip"], 2]
            )
        ankles = np.minimum(local[:, J["left_ankle"], 2], local[:, J["right_ankle"], 2])
        return mass / 0.99 - ankles

    def extension(self, side: str) -> Array:
        """Distance (frames,) from shoulder to wrist as a share of the stretched arm."""
        return self._extensions[side]

    @cached_property
    def _extensions(self) -> dict[str, Array]:
        return {side: self._extension(side) for side in SIDES}

    def _extension(self, side: str) -> Array:
        reach = np.linalg.norm(self.at(f"{side}_wrist") - self.at(f"{side}_shoulder"), axis=-1)
        upper = np.linalg.norm(self.at(f"{side}_elbow") - self.at(f"{side}_shoulder"), axis=-1)
        lower = np.linalg.norm(self.at(f"{side}_wrist") - self.at(f"{side}_elbow"), axis=-1)
        return reach / np.maximum(np.median(upper + lower), 1e-6)
