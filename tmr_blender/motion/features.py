# SPDX-License-Identifier: GPL-3.0-or-later
"""The 263 features a frame of HumanML3D (Guo et al., CVPR 2022), at 20 frames a second, from positions of the 22 joints.

| columns | content |
|---|---|
| 0 | half the yaw step to the next frame, radians |
| 1-2 | X and Z of the root's step to the next frame, in the heading of the next frame, metres |
| 3 | height of the root above the floor, metres |
| 4-66 | joints 1..21: X and Z from the root, Y from the floor, in the heading of the frame, metres |
| 67-192 | joints 1..21: local rotation, the first two columns of its matrix |
| 193-258 | joints 0..21: step to the next frame, in the heading of the frame, metres |
| 259-262 | contact of left ankle, left foot, right ankle, right foot: 1 or 0 |

Three peculiarities of the original are kept, because networks trained on its files expect them: the heading within a
clip reads shoulders *minus* hips where the initial facing reads their sum; the rotations of both collars are relative to the
root, not to the spine; and where the heading passes straight backwards the sign of that one yaw step is reversed, so that
`recover` turns by twice that step too little there.
"""

import numpy as np

from ..errors import TMRError
from . import body, quaternion
from .clip import resample_times
from .quaternion import Array

FPS = 20.0
WIDTH = 263

BONES: Array = np.array(
    [
        [0.0, 0.103074, 0.109883, 0.131568, 0.393623, 0.390189, 0.143190, 0.432434, 0.425644, 0.057365, 0.143382],
        [0.149419, 0.219360, 0.137487, 0.143383, 0.103039, 0.131614, 0.122984, 0.256840, 0.263092, 0.266011, 0.269876],
    ]
).reshape(22)
"""Length of the bone from its parent to each joint, metres: those of the genuine joint files of HumanML3D (clips 007005, 009548
and 012314 agree to the micrometre), which all carry the skeleton of the first frame of clip 000021."""

_X, _Y, _Z = np.eye(3)
REST: Array = np.stack([0 * _Y, _X, -_X, _Y, -_Y, -_Y, _Y, -_Y, -_Y, _Y, _Z, _Z, _Y, _X, -_X, _Z, -_Y, -_Y, -_Y, -_Y, -_Y, -_Y])
"""Direction of each bone in the rest pose from which the rotations are measured (HumanML3D's raw offsets)."""

CONTACT_STEP_SQUARED = 0.002
"""A foot is planted while its step to the next frame is shorter than the root of this (m^2): 0.894 m/s at 20 fps."""

HEADING_SIGMA = 20.0
"""Standard deviation, in frames, of the Gaussian over the heading; cut at four of them, as SciPy's filter does."""

BIND_STEP, BIND_RATIO = 0.35, 6.0
"""A bind pose in the first frame is left in a step of this share of a leg and this many times the next steps; measured on
CMU's conversions: 0.55 to 0.9 m and 11 to 600 times."""

_SHORTEST_BONE = 1e-4
_PARENTS = np.array(body.PARENTS)
_PREVIOUS = np.where((_PARENTS < 0) | (_PARENTS == 9) & (np.arange(22) != 12), 0, _PARENTS)
_LEFT_HIP, _RIGHT_HIP, _LEFT_SHOULDER, _RIGHT_SHOULDER = (
    body.INDEX[name] for name in ("left_hip", "right_hip", "left_shoulder", "right_shoulder")
)
_FEET = tuple(body.INDEX[name] for name in ("left_ankle", "left_foot", "right_ankle", "right_foot"))


def extract(positions: Array, fps: float) -> np.ndarray:
    """Features (n, 263) float32 of joint positions (frames, 22, 3), metres, Y up, at any rate.

    There is one row fewer than poses at 20 fps, because rows describe steps; a clip too short for a step
    stands still for one row. The body may have any size, place and heading. Raises TMRError for positions of another shape,
    for none, for values that are not finite, for a body without legs, and for a rate that is not above zero.
    """
    positions = resampled(checked(positions, fps), fps)
    if len(positions) < 2:
        positions = np.repeat(positions[:1], 2, axis=0)
    return _features(_placed(_uniform(positions)))


def recover(features: np.ndarray) -> Array:
    """Joint positions (n, 22, 3) in metres, starting above the origin and facing +Z, of features (n, 263)."""
    features = np.asarray(features, dtype=np.float64)
    if features.ndim != 2 or features.shape[1] != WIDTH:
        raise TMRError(f"Expected motion features of shape (frames, {WIDTH}), got {features.shape}.")
    frames = len(features)
    half = np.concatenate([[0.0], np.cumsum(features[:-1, 0])])
    heading = _yaw(2.0 * half)
    step = np.zeros((frames, 3))
    step[1:, 0::2] = features[:-1, 1:3]
    root = np.cumsum(_turned(quaternion.inverse(heading), step), axis=0)
    joints = np.zeros((frames, 22, 3))
    joints[:, 0, 1] = features[:, 3]
    joints[:, 1:] = _turned(quaternion.inverse(heading), features[:, 4:67].reshape(frames, 21, 3))
    joints[:, :, 0::2] += root[:, None, 0::2]
    return joints


def checked(positions: Array, fps: float) -> Array:
    """The positions as float64, or a TMRError that says what is wrong with them."""
    positions = np.asarray(positions, dtype=np.float64)
    if positions.ndim != 3 or positions.shape[1:] != (22, 3) or not len(positions):
        raise TMRError(f"Expected joint positions of shape (frames, 22, 3) with at least one frame, got {positions.shape}.")
    if not (np.isfinite(fps) and fps > 0.0):
        raise TMRError(f"The frame rate must be above zero, not {fps}.")
    if not np.isfinite(positions).all():
        raise TMRError("The motion holds positions that are not finite numbers: export it again.")
    if begins_with_bind_pose(positions):
        positions = np.concatenate([positions[1:2], positions[1:]])
    return positions


def begins_with_bind_pose(positions: Array) -> bool:
    """Whether the first of (frames, 22, 3) is a T-pose that the motion leaves within one frame.

    CMU's takes carry one in most BVH and FBX conversions. It would decide heading and floor, and read as a leap.
    """
    if len(positions) < 8:
        return False
    pose = positions[:8] - positions[:8, :1]
    steps = np.linalg.norm(np.diff(pose, axis=0), axis=-1).max(axis=1)
    leg = np.linalg.norm(pose[1, [5, 8]] - pose[1, [2, 5]], axis=-1).sum()
    return bool(steps[0] > BIND_STEP * leg and steps[0] > BIND_RATIO * steps[1:].max())


def resampled(values: Array, fps: float, target: float = FPS) -> Array:
    """Values (frames, ...) at another rate, sampled in time from the natural cubic spline through the frames.

    No low-pass comes before down-sampling: the networks were trained on poses taken as they are, and 120 Hz mocap
    has next to nothing above 10 Hz.
    """
    if len(values) < 2 or abs(fps - target) < 1e-9 * target:
        return values
    at = resample_times(len(values), fps, target)
    low = np.minimum(at.astype(np.int64), len(values) - 2)
    share = at - low
    if np.all(np.minimum(share, 1.0 - share) < 1e-9):
        return values[np.rint(at).astype(np.int64)]
    knots = _spline_knots(values.reshape(len(values), -1))
    t = share[:, None]
    weights = ((1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3)
    total = sum(w / 6.0 * knots[low + i] for i, w in enumerate(weights))
    return np.reshape(np.asarray(total), (len(at), *values.shape[1:]))


def _spline_knots(values: Array) -> Array:
    """Coefficients (frames + 2, k) of the cubic B-spline that passes through values (frames, k), one more at either end.

    The inverse of the filter (1, 4, 1)/6 is sqrt(3) z^|i| with z = sqrt(3) - 2 (Unser 1999): 24 taps a side leave 1e-14.
    Reflecting the signal through its end points makes the second derivative vanish there, as in the natural spline.
    """
    taps = 24
    reach = np.arange(1, taps + 2)
    # A short signal is reflected more than once: the index runs to and fro, each leg adds its rise.
    padded = np.concatenate([_reflected(values, -reach[::-1]), values, _reflected(values, len(values) - 1 + reach)])
    pole = np.sqrt(3.0) - 2.0
    count = len(values) + 2
    knots = np.zeros((count, values.shape[1]))
    for i in range(-taps, taps + 1):
        knots += np.sqrt(3.0) * pole ** abs(i) * padded[taps + i : taps + i + count]
    return knots


def _reflected(values: Array, at: np.ndarray) -> Array:
    """The signal's point reflection through its ends, at indices outside it."""
    last = len(values) - 1
    lap, place = np.divmod(at, 2 * last)
    rise = 2.0 * (values[last] - values[0])
    inside = np.where((place <= last)[:, None], values[np.minimum(place, last)], 0.0)
    beyond = 2.0 * values[last] - values[np.clip(2 * last - place, 0, last)]
    return np.where((place <= last)[:, None], inside, beyond) + lap[:, None] * rise


def _yaw(angle: Array) -> Array:
    """Rotation about +Y by `angle` (...) radians."""
    return quaternion.from_axis_angle(_Y, angle)


def _turned(yaw: Array, vectors: Array) -> Array:
    """Vectors (frames, ..., 3) turned by a pure yaw (frames, 4) each: a quarter of the work of any rotation."""
    shape = (len(yaw),) + (1,) * (vectors.ndim - 2)
    cosine = (1.0 - 2.0 * yaw[:, 2] ** 2).reshape(shape)
    sine = (2.0 * yaw[:, 0] * yaw[:, 2]).reshape(shape)
    x, y, z = vectors[..., 0], vectors[..., 1], vectors[..., 2]
    return np.stack([cosine * x + sine * z, np.broadcast_to(y, np.shape(cosine * x)), cosine * z - sine * x], axis=-1)


def _facing(joints: Array, hips: float) -> Array:
    """Horizontal facing (frames, 3), as long as the across vector is level (0 to 1); hips count with the given sign."""
    across = hips * (joints[:, _RIGHT_HIP] - joints[:, _LEFT_HIP]) + (joints[:, _RIGHT_SHOULDER] - joints[:, _LEFT_SHOULDER])
    across = across / np.maximum(np.linalg.norm(across, axis=-1, keepdims=True), 1e-12)
    return np.cross(_Y, across)


def _to_front(facing: Array) -> Array:
    """Yaw (..., 4) that takes a horizontal facing (..., 3) to +Z; none where there is no facing."""
    return _yaw(-np.arctan2(facing[..., 0], facing[..., 2]))


def _uniform(joints: Array) -> Array:
    """The same pose on the target's bone lengths; the root's path is scaled by the ratio of the right legs in frame 0."""
    bones = joints - joints[:, np.maximum(_PARENTS, 0)]
    length = np.linalg.norm(bones, axis=-1, keepdims=True)
    legs = length[:, [5, 8], 0].sum(axis=1)
    leg = legs[0] if legs[0] > 1e-3 else float(np.max(length[:, [[5, 8], [4, 7]], 0].sum(axis=2)))
    if leg < 1e-3:
        raise TMRError("The body has no legs: the upper and lower leg have no length.")
    # A bone without length (an interpolated collar) points where it does at rest, turned with the body.
    rest = _turned(quaternion.inverse(_to_front(_facing(joints, 1.0))), REST[None])
    direction = np.where(length > _SHORTEST_BONE, bones / np.maximum(length, _SHORTEST_BONE), rest)
    scaled = np.empty_like(joints)
    scaled[:, 0] = joints[:, 0] * (BONES[[5, 8]].sum() / leg)
    for joint in range(1, 22):
        scaled[:, joint] = scaled[:, _PARENTS[joint]] + direction[:, joint] * BONES[joint]
    return scaled


def _placed(joints: Array) -> Array:
    """Lowest point of the clip on the floor; in frame 0 the root above the origin, facing +Z."""
    origin = np.array([joints[0, 0, 0], joints[..., 1].min(), joints[0, 0, 2]])
    return _turned(_to_front(_facing(joints[:1], 1.0)), joints - origin)


def _headings(joints: Array) -> Array:
    """Rotation (frames, 4) that takes the smoothed heading of each frame to +Z; the identity in frame 0."""
    facing = _facing(joints, -1.0)
    radius = int(4.0 * HEADING_SIGMA + 0.5)
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / HEADING_SIGMA) ** 2)
    padded = np.pad(facing, ((radius, radius), (0, 0)), mode="edge")
    smooth = np.stack([np.convolve(padded[:, i], kernel / kernel.sum(), mode="valid") for i in range(3)], axis=-1)
    headings = _to_front(smooth)
    headings[0] = quaternion.IDENTITY
    return headings


def _rotations(joints: Array, headings: Array) -> Array:
    """Local rotations (frames, 21, 6): the first two columns of each joint's matrix."""
    bones = joints - joints[:, np.maximum(_PARENTS, 0)]
    turned = quaternion.between(np.broadcast_to(REST, bones.shape), bones)
    turned[:, 0] = headings
    local = quaternion.multiply(quaternion.inverse(turned[:, _PREVIOUS]), turned)[:, 1:]
    w, x, y, z = np.moveaxis(local, -1, 0)
    first = [1 - 2 * (y * y + z * z), 2 * (x * y + w * z), 2 * (x * z - w * y)]
    second = [2 * (x * y - w * z), 1 - 2 * (x * x + z * z), 2 * (y * z + w * x)]
    return np.stack(first + second, axis=-1)


def _features(joints: Array) -> np.ndarray:
    """The features (n - 1, 263) of placed poses (n, 22, 3)."""
    rows = len(joints) - 1
    headings = _headings(joints)
    steps = joints[1:] - joints[:-1]
    out = np.empty((rows, WIDTH), dtype=np.float32)
    turn = quaternion.multiply(headings[1:], quaternion.inverse(headings[:-1]))
    out[:, 0] = np.arcsin(np.clip(turn[:, 2], -1.0, 1.0))
    out[:, 1:3] = _turned(headings[1:], steps[:, 0])[:, 0::2]
    out[:, 3] = joints[:-1, 0, 1]
    local = joints[:-1].copy()
    local[:, :, 0::2] -= joints[:-1, :1, 0::2]
    out[:, 4:67] = _turned(headings[:-1], local)[:, 1:].reshape(rows, 63)
    out[:, 67:193] = _rotations(joints[:-1], headings[:-1]).reshape(rows, 126)
    out[:, 193:259] = _turned(headings[:-1], steps).reshape(rows, 66)
    out[:, 259:263] = np.sum(steps[:, _FEET] ** 2, axis=-1) < CONTACT_STEP_SQUARED
    return out
