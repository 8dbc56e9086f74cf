# SPDX-License-Identifier: GPL-3.0-or-later
"""How far what a rig does is from what the take does: NumPy alone, nothing of the extension's.

Space: Blender's, Z up, metres, in the world. A `Recording` is what somebody did, role by role; roles are named as in SMPL
("left_elbow" is where the forearm begins). Angles are in degrees.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

SIDES = ("left", "right")
LIMBS: tuple[tuple[str, str], ...] = tuple(
    (f"{side}_{a}", f"{side}_{b}")
    for side in SIDES
    for a, b in (("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle"))
)
"""The segments whose directions are compared, as pairs of roles."""

TALL = 0.88
"""Metres from hip to ankle of a body of 1.80 m; what is said "on a 1.8 m body" is scaled by the leg to it."""

BENT = 12.0
"""Degrees that a knee or elbow has to be bent for its hinge to be seen."""


@dataclass(frozen=True)
class Recording:
    """What a body did.

    fps: frames a second. roles: its parts. positions: (frames, roles, 3) of their joints. turns: (frames, roles, 3, 3) their
    global rotations. rest_positions: (roles, 3), rest_turns: (roles, 3, 3) the same in its rest pose.
    """

    fps: float
    roles: tuple[str, ...]
    positions: Array
    turns: Array
    rest_positions: Array
    rest_turns: Array

    def at(self, role: str) -> Array:
        """(frames, 3) where the joint of a role was."""
        return self.positions[:, self.roles.index(role)]

    def turn(self, role: str) -> Array:
        """(frames, 3, 3) how a role was turned."""
        return self.turns[:, self.roles.index(role)]

    def rest(self, role: str) -> Array:
        """(3,) where a role's joint is at rest."""
        return self.rest_positions[self.roles.index(role)]

    def has(self, *roles: str) -> bool:
        """Whether all of these are there."""
        return all(role in self.roles for role in roles)

    @property
    def leg(self) -> float:
        """Metres from hip to ankle along the bones, at rest, mean of both legs."""
        return self.chain("left_hip", "left_knee", "left_ankle") / 2 + self.chain("right_hip", "right_knee", "right_ankle") / 2

    def chain(self, *roles: str) -> float:
        """Metres from joint to joint at rest."""
        return float(sum(np.linalg.norm(self.rest(b) - self.rest(a)) for a, b in pairwise(roles)))

    @property
    def hips(self) -> Array:
        """(frames, 3) the point between the hip joints."""
        return (self.at("left_hip") + self.at("right_hip")) / 2

    def turned(self, degrees: float) -> "Recording":
        """The whole of it turned about the vertical through the origin."""
        c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        m = np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
        return replace(
            self,
            positions=self.positions @ m.T,
            turns=m @ self.turns,
            rest_positions=self.rest_positions @ m.T,
            rest_turns=m @ self.rest_turns,
        )

    def last(self, frames: int) -> "Recording":
        """Its last frames."""
        return replace(self, positions=self.positions[-frames:], turns=self.turns[-frames:])


def unit(v: Array) -> Array:
    """Vectors (..., 3) of length one."""
    return v / np.maximum(np.linalg.norm(v, axis=-1, keepdims=True), 1e-12)


def between(a: Array, b: Array) -> Array:
    """Degrees (...,) between vectors (..., 3); exact also for small angles."""
    a, b = unit(a), unit(b)
    return np.degrees(2.0 * np.arctan2(np.linalg.norm(a - b, axis=-1), np.linalg.norm(a + b, axis=-1)))


def angle(turns: Array) -> Array:
    """Degrees (...,) by which rotations (..., 3, 3) turn; exact also for small angles."""
    away = np.linalg.norm(turns - np.eye(3), axis=(-2, -1)) / np.sqrt(8.0)
    return np.degrees(2.0 * np.arcsin(np.clip(away, 0.0, 1.0)))


def limb_angles(source: Recording, target: Recording) -> Array:
    """(frames, segments) degrees between the directions of the same limb segment."""
    return np.stack([between(source.at(b) - source.at(a), target.at(b) - target.at(a)) for a, b in LIMBS], axis=1)


def drift(source: Recording, target: Recording, role: str) -> Array:
    """(frames,) degrees by which a part's turning differs from the source's.

    The two parts may be built with any axes and be at rest in any pose: one constant turn between them, the mean over the
    frames, is taken out. What is left is motion that was lost or made up; whether the constant is the right one is asked by
    `palm`, `sole`, `gaze` and `neck`.
    """
    relative = np.swapaxes(source.turn(role), -1, -2) @ target.turn(role)
    return angle(np.swapaxes(nearest(relative.mean(axis=0)), -1, -2) @ relative)


def nearest(matrix: Array) -> Array:
    """The rotation nearest to a matrix (3, 3): of a mean of rotations, their chordal mean."""
    u, _, v = np.linalg.svd(matrix)
    return np.asarray(u @ np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ v))]) @ v, np.float64)


def carried(recording: Recording, role: str, vector: Array) -> Array:
    """(frames, 3) a direction given at rest in the world, carried by a part."""
    own = recording.rest_turns[recording.roles.index(role)].T @ vector
    return recording.turn(role) @ own


def knuckles(recording: Recording, side: str) -> tuple[Array, Array] | None:
    """At rest, (3,) each: from the wrist to the knuckles, and along the knuckles from the little finger to the index.

    None for a hand without these fingers.
    """
    names = [f"{side}_{name}" for name in ("wrist", "index1", "pinky1")]
    if not recording.has(*names):
        return None
    wrist, index, pinky = (recording.rest(name) for name in names)
    return (index + pinky) / 2 - wrist, index - pinky


def frame_of(first: Array, second: Array) -> Array:
    """(..., 3, 3) axes: the first direction, the second made square to it, and their cross product."""
    x = unit(first)
    y = unit(second - x * (second * x).sum(-1, keepdims=True))
    return np.stack([x, y, np.cross(x, y)], axis=-1)


def palm(source: Recording, target: Recording, side: str) -> Array | None:
    """(frames,) degrees between the palms: the planes of wrist and knuckles, with the way the fingers go.

    Hands are built differently, so some degrees are anatomy. None where either hand has no knuckles.
    """
    frames = []
    for each in (source, target):
        found = knuckles(each, side)
        if found is None:
            return None
        frames.append(frame_of(*(carried(each, f"{side}_wrist", v) for v in found)))
    return angle(np.swapaxes(frames[0], -1, -2) @ frames[1])


def sole(target: Recording, side: str, flat: NDArray[np.bool_]) -> Array:
    """(n,) degrees by which the rig's sole is tilted in frames in which the source's stands flat.

    A rig's sole is level at rest: rigs are built standing.
    """
    return between(carried(target, f"{side}_ankle", np.array([0.0, 0.0, 1.0]))[flat], np.array([0.0, 0.0, 1.0]))


def gaze(source: Recording, target: Recording) -> Array:
    """(frames,) degrees between where the heads look, both of which look where the body faces at rest.

    Only for sources whose rest pose stands.
    """
    return between(*(carried(each, "head", facing(each)) for each in (source, target)))


def neck(source: Recording, target: Recording) -> Array:
    """(frames,) degrees between where the necks lead, from their base to the head, counted from how each leads at rest.

    Only for sources whose rest pose stands. Recordings name the base "neck" or "neck1".
    """
    lines, rests = [], []
    for each in (source, target):
        base = "neck1" if each.has("neck1") else "neck"
        lines.append(unit(each.at("head") - each.at(base)))
        rests.append(unit(each.rest("head") - each.rest(base)))
    return between(swung(rests[0], lines[0], rests[1]), lines[1])


def swung(first: Array, second: Array, vector: Array) -> Array:
    """A vector (3,) turned by the least turn from a unit vector (3,) to others (n, 3), which are not opposite to it."""
    half = unit(first + second)
    # The turn is two reflections: across the first vector's plane and across that of the half-way one.
    mirrored = vector - 2.0 * first * (vector @ first)
    return mirrored - 2.0 * half * (half @ mirrored)[..., None]


def facing(recording: Recording) -> Array:
    """(3,) where a body at rest faces: level, square to the line between the hips."""
    across = recording.rest("left_hip") - recording.rest("right_hip")
    return unit(np.cross(across, [0.0, 0.0, 1.0]))


def heading(recording: Recording) -> float:
    """Degrees by which a body at rest is turned from facing -Y, to the nearest quarter turn if it is near one."""
    x, y, _ = facing(recording)
    degrees = float(np.degrees(np.arctan2(x, -y)))
    quarter = 90.0 * round(degrees / 90.0)
    return quarter if abs(degrees - quarter) < 12.0 else degrees


def hips_errors(source: Recording, target: Recording) -> tuple[float, float]:
    """How far the hips are from where legs of the rig's length would carry them.

    Returns the largest error of the way over the ground as a share of that way (at least one leg), and the 95th percentile
    of the error of their height, millimetres on a 1.8 m body, both from their own medians or starts.
    """
    ratio = target.leg / source.leg
    wanted, found = source.hips * ratio, target.hips
    wanted, found = wanted - wanted[0], found - found[0]
    away = np.linalg.norm((found - wanted)[:, :2], axis=-1).max()
    way = max(float(np.linalg.norm(wanted[:, :2], axis=-1).max()), target.leg)
    height = (found - np.median(found, axis=0) - wanted + np.median(wanted, axis=0))[:, 2]
    return float(away / way), float(np.percentile(np.abs(height), 95)) * 1000.0 * TALL / target.leg


CHAINS = (("hip", "knee"), ("hip", "knee", "ankle"), ("shoulder", "elbow"), ("shoulder", "elbow", "wrist"))
"""From where a limb begins to the joint whose speed is compared."""


def pops(source: Recording, target: Recording) -> tuple[float, str]:
    """The largest speed of a joint over the 99.9th percentile of the source's, and whose it is.

    Speeds are those of the hips over the ground, in legs, and of each limb's joints seen from where the limb begins, in
    lengths of the limb up to that joint: a longer arm swings its hand faster, and that is no pop.
    """
    ways = {"hips": [each.hips / each.leg for each in (source, target)]}
    for side in SIDES:
        for parts in CHAINS:
            chain = [f"{side}_{part}" for part in parts]
            ways[chain[-1]] = [(each.at(chain[-1]) - each.at(chain[0])) / each.chain(*chain) for each in (source, target)]
    worst, who = 0.0, ""
    for name, (first, second) in ways.items():
        speeds = [np.linalg.norm(np.diff(way, axis=0), axis=-1) for way in (first, second)]
        ratio = float(speeds[1].max() / max(float(np.percentile(speeds[0], 99.9)), 1e-9))
        if ratio > worst:
            worst, who = ratio, name
    return worst, who


def flips(source: Recording, target: Recording) -> int:
    """Frames in which a knee or elbow bends to the other side than the source's, where both are seen to bend."""
    count = 0
    for side in SIDES:
        for a, b, c in (("hip", "knee", "ankle"), ("shoulder", "elbow", "wrist")):
            hinges, bends = [], []
            for each in (source, target):
                upper, lower = (each.at(f"{side}_{y}") - each.at(f"{side}_{x}") for x, y in ((a, b), (b, c)))
                hinges.append(np.cross(unit(upper), unit(lower)))
                bends.append(between(upper, lower))
            seen = (bends[0] > BENT) & (bends[1] > BENT)
            count += int((between(hinges[0], hinges[1])[seen] > 90.0).sum())
    return count


def jerks(source: Recording, target: Recording, roles: Sequence[str]) -> tuple[float, str]:
    """Degrees by which a part turns further from one frame to the next than the source's does, at most, and which part."""
    worst, who = 0.0, ""
    for role in roles:
        steps = [angle(np.swapaxes(each.turn(role)[:-1], -1, -2) @ each.turn(role)[1:]) for each in (source, target)]
        more = float((steps[1] - steps[0]).max())
        if more > worst:
            worst, who = more, role
    return worst, who


def breaks(values: Array, mode: str) -> int:
    """How often keys of a rotation go the long way round: (frames, n) of one bone, a key a frame.

    Quaternions break where one and the next are on opposite sides (they would be interpolated through zero), Euler angles
    where one of them steps by more than half a turn.
    """
    if mode == "QUATERNION":
        return int(((values[:-1] * values[1:]).sum(axis=-1) < 0.0).sum())
    return int((np.abs(np.diff(values, axis=0)) > np.pi).any(axis=-1).sum())
