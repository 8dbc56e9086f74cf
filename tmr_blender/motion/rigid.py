# SPDX-License-Identifier: GPL-3.0-or-later
"""Joint positions of the common body to a clip: a rigid skeleton whose bones turn.

Positions say where a bone points, not how it is turned about itself. The pelvis and the chest are fitted to their three
bones each; the spine shares out what lies between; elbows and knees are hinges, so that the bend of a limb tells how its
upper bone is turned, and where a limb is straight the turn is carried over from the frames around, for legs also from
where the foot points. Collars, neck and feet turn the shortest way. Hands and head have no bone of their own to follow.
"""

import numpy as np

from . import body, features, quaternion
from .clip import Clip
from .quaternion import Array
from .skeleton import Skeleton

_I = body.INDEX
_PARENTS = np.array(body.PARENTS, dtype=np.int64)

ENDS: dict[str, tuple[float, float, float]] = {
    "head": (0.0, 0.16, 0.02),
    "left_wrist": (0.16, 0.0, 0.0),
    "right_wrist": (-0.16, 0.0, 0.0),
    "left_foot": (0.0, 0.0, 0.06),
    "right_foot": (0.0, 0.0, 0.06),
}
"""Tips of the bones that have no joint beyond, metres from it in the rest pose."""

_AHEAD = np.radians(16.0)
_HIP, _SPINE = (0.067, -0.068, 0.044), (0.0, 0.1305, 0.0)
_COLLAR = (0.0907, 0.106, 0.002)
"""Left hip and lower spine from the pelvis, left collar from the chest, metres: means over CMU's takes, made symmetric. The
pelvis is tipped so that hips and spine both lie a little ahead of it in the rest pose."""

_HINGES: dict[str, Array] = {
    "left_elbow": np.array([0.0, -1.0, 0.0]),
    "right_elbow": np.array([0.0, 1.0, 0.0]),
    "left_knee": np.array([1.0, 0.0, 0.0]),
    "right_knee": np.array([1.0, 0.0, 0.0]),
}
"""Axis about which the lower bone bends, in the rest pose."""

CARRIED = 0.25
"""Seconds, standard deviation of the Gaussian by which frames with a bent limb tell others how its upper bone is turned."""
MOST_OFF = 0.5
"""Share of a bone's length by which it makes up for being off its place: 30 degrees."""
_FOOT_SAYS, _REST_SAYS = 0.1, 0.005
"""Weights of the foot's direction and of no turn at all, against the squared sine of the bend."""


def rest_offsets() -> Array:
    """Offsets (22, 3) of the joints from their parents in a T-pose that faces +Z, on HumanML3D's bone lengths, metres."""
    cosine, sine = np.cos(_AHEAD), np.sin(_AHEAD)
    tip = np.array([[1.0, 0.0, 0.0], [0.0, cosine, -sine], [0.0, sine, cosine]])
    direction = np.zeros((22, 3))
    direction[:, 1] = 1.0
    for name, way in {
        "left_hip": tip @ _HIP,
        "spine1": tip @ _SPINE,
        "left_knee": (0.0, -1.0, 0.0),
        "left_ankle": (0.0, -1.0, 0.0),
        "left_foot": (0.0, -0.2, 1.0),
        "left_collar": _COLLAR,
        "left_shoulder": (1.0, 0.3, 0.0),
        "left_elbow": (1.0, 0.0, 0.0),
        "left_wrist": (1.0, 0.0, 0.0),
    }.items():
        direction[_I[name]] = way
        if name.startswith("left_"):
            direction[_I[body.mirrored(name)]] = np.asarray(way) * [-1.0, 1.0, 1.0]
    return direction / np.linalg.norm(direction, axis=1, keepdims=True) * features.BONES[:, None]


def skeleton() -> Skeleton:
    """The common body in its T-pose, on HumanML3D's bone lengths, with the tips of `ENDS` as joints NAME_end."""
    names = (*body.JOINTS, *(f"{name}_end" for name in ENDS))
    parents = np.concatenate([_PARENTS, [_I[name] for name in ENDS]])
    offsets = np.concatenate([rest_offsets(), list(ENDS.values())])
    return Skeleton(names, parents, offsets, np.tile(quaternion.IDENTITY, (len(names), 1)))


def clip(positions: Array, fps: float, name: str) -> Clip:
    """A clip of `skeleton()` that follows joint positions (frames, 22, 3), metres, Y up.

    The bones keep their lengths, so that positions of a body with other or changing lengths are met in direction: each
    joint aims, from where it has come to be, at where its child should be, but turns no further for it than `MOST_OFF`
    says. Raises TMRError for positions of another shape or
    that are not finite, and for a frame rate that is not above zero.
    """
    goal = features.checked(positions, fps)
    figure = skeleton()
    frames = len(goal)
    turned = np.tile(quaternion.IDENTITY, (frames, 22, 1))
    placed = np.zeros((frames, 22, 3))
    placed[:, 0] = goal[:, 0]
    for joint, parent in enumerate(_PARENTS):
        if parent >= 0:
            placed[:, joint] = placed[:, parent] + quaternion.rotate(turned[:, parent], figure.offsets[joint])
        turned[:, joint] = _turn(joint, turned, placed, goal, figure.offsets, fps)
    above = np.maximum(_PARENTS, 0)
    local = quaternion.multiply(quaternion.inverse(turned[:, above]), turned)
    local[:, 0] = turned[:, 0]
    still = np.tile(quaternion.IDENTITY, (frames, len(ENDS), 1))
    rotations = quaternion.continuous(np.concatenate([local, still], axis=1))
    translations = np.repeat(figure.offsets[None], frames, axis=0)
    translations[:, 0] = goal[:, 0]
    return Clip(name, figure, fps, rotations, translations)


def _turn(joint: int, turned: Array, placed: Array, goal: Array, offsets: Array, fps: float) -> Array:
    """Rotation (frames, 4) of a joint in the clip's space; its parents are placed and turned already."""
    name, parent = body.JOINTS[joint], _PARENTS[joint]
    children = np.flatnonzero(joint == _PARENTS)
    if len(children) == 3:
        return _fitted(offsets[children], goal[:, children] - goal[:, joint, None])
    before = turned[:, parent]
    if not len(children):
        return before
    if name in ("spine1", "spine2"):
        chest = np.flatnonzero(_I["spine3"] == _PARENTS)
        whole = _fitted(offsets[chest], goal[:, chest] - goal[:, _I["spine3"], None])
        before = quaternion.slerp(turned[:, 0], whole, np.full(len(goal), 1.0 / 3.0 if name == "spine1" else 2.0 / 3.0))
    (child,) = children
    way = _way(goal[:, child] - goal[:, joint], goal[:, joint] - placed[:, joint])
    aimed = quaternion.multiply(quaternion.between(quaternion.rotate(before, offsets[child]), way), before)
    hinge = _HINGES.get(body.JOINTS[child])
    if hinge is None:
        return aimed
    (end,) = np.flatnonzero(child == _PARENTS)
    upper, lower = _unit(way), _unit(goal[:, end] - goal[:, child])
    toes = np.flatnonzero(end == _PARENTS)
    foot = _unit(goal[:, toes[0]] - goal[:, end]) if len(toes) else None
    angle = _twist(quaternion.rotate(aimed, hinge), upper, lower, foot, fps)
    return quaternion.multiply(quaternion.from_axis_angle(upper, angle), aimed)


def _way(seen: Array, off: Array) -> Array:
    """Where a bone points, (frames, 3): at its child's place from where it has come to be, `off` its own place.

    Where it is far off, being on longer or shorter bones than those seen, its own direction `seen` counts: from beyond its
    child's place it would point back.
    """
    most = MOST_OFF * np.linalg.norm(seen, axis=-1, keepdims=True)
    return seen + off * np.minimum(1.0, most / np.maximum(np.linalg.norm(off, axis=-1, keepdims=True), 1e-9))


def _twist(axis: Array, upper: Array, lower: Array, foot: Array | None, fps: float) -> Array:
    """Angles (frames,) by which an upper bone turns about itself, so that the hinge below it bends as seen.

    axis: (frames, 3) where the hinge's axis is without a turn. upper, lower, foot: (frames, 3) unit directions of the bones.
    """
    side = np.cross(upper, axis)

    def seen(hinge: Array) -> Array:
        """The direction of an axis as a complex number, as long as its square."""
        value = np.sum(hinge * axis, axis=-1) + 1j * np.sum(hinge * side, axis=-1)
        return value * np.abs(value)

    votes = seen(np.cross(upper, lower)) + (_REST_SAYS if foot is None else _FOOT_SAYS * seen(np.cross(foot, upper)))
    reach = max(int(4.0 * CARRIED * fps), 1)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / (CARRIED * fps)) ** 2)
    # A limb that is bent has its own say a second time: there the turn is known and must not lag.
    carried = np.convolve(votes, kernel / kernel.sum())[reach : reach + len(votes)]
    return np.unwrap(np.angle(carried + votes))


def _unit(v: Array) -> Array:
    return v / np.maximum(np.linalg.norm(v, axis=-1, keepdims=True), 1e-9)


def _fitted(rest: Array, seen: Array) -> Array:
    """Rotations (frames, 4) that bring vectors (k, 3) nearest to (frames, k, 3) in least squares (Kabsch 1976)."""
    u, _, v = np.linalg.svd(np.einsum("fki,kj->fij", seen, rest))
    v[:, 2] *= np.linalg.det(u @ v)[:, None]
    return quaternion.from_matrix(u @ v)
