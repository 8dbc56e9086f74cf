# SPDX-License-Identifier: GPL-3.0-or-later
"""Motion of SMPL bodies in .npz: AMASS (Mahmood et al. 2019) of SMPL+H and SMPL-X, and files that name the parts of a pose.

The turns of all joints are the file's own. The joints that they turn are not in it: they come from the body model, whose
licence forbids to ship it. So unless `smpl_models` finds the user's copy, an approximate rest pose is used: SMPL's T pose in
directions rounded to some degrees, one adult's bone lengths (HumanML3D's, `features.BONES`) whatever `betas` say, and fingers
of an average hand. What that costs: the same turns put joints 2.8 cm (mean) and up to 7 cm from where SMPL's mean body has
them, measured on five takes of CMU. For somebody small or tall it is more, heights over the floor are off by what the legs
differ, and a standing foot slides by a share of it. Retargeting takes turns and corrects heights and standing feet.

SMPL at rest is Y up and faces +Z. AMASS files are Z up; others are Y up, or as a camera saw them: see `_up`.
"""

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...errors import FileProblem
from .. import body, features, quaternion, rigid
from ..clip import Clip
from ..quaternion import Array
from ..skeleton import Skeleton, forward
from . import npz, smpl_models
from .limits import MAX_FPS, check_size

log = logging.getLogger(__name__)

DEFAULT_FPS = 30.0
_RATES = ("mocap_framerate", "mocap_frame_rate", "framerate", "frame_rate", "fps")
_ROOTS, _BODIES = ("root_orient", "global_orient"), ("pose_body", "body_pose")
_PLACES = ("trans", "transl")
_HANDS = ("left_hand_pose", "right_hand_pose")
_WANTED = (
    *("poses", "pose_hand", "pose_jaw", "jaw_pose", "betas", "gender", "surface_model_type"),
    *(*_RATES, *_ROOTS, *_BODIES, *_PLACES, *_HANDS),
)
_JOINTS = len(body.JOINTS)
_FIRST_FINGER = {66: 0, 72: 0, 156: 22, 165: 25}
"""Width of the poses of the body alone, SMPL, SMPL+H and SMPL-X -> the joint with which the fingers begin, if any."""
_FARTHEST = 1e5
_BLOCK = 256
_SAMPLES = 512
_UPRIGHT, _ON_FLOOR = 0.85, 0.25

FINGERS = tuple(
    f"{side}_{finger}{part}"
    for side in ("left", "right")
    for finger in ("index", "middle", "pinky", "ring", "thumb")
    for part in (1, 2, 3)
)
"""The order of the fingers' joints in SMPL+H and SMPL-X."""

_PELVIS = {"smpl": (0.0, -0.22, 0.03), "smplh": (0.0, -0.22, 0.03), "smplx": (0.0, -0.35, 0.01)}
"""Where the mean bodies have their pelvis, metres: a file's translation is that of the body's origin, from which it lies so."""

_DIRECTIONS: dict[str, tuple[float, float, float]] = {
    "spine1": (0.0, 0.97, -0.24),
    "spine2": (0.0, 1.0, 0.0),
    "spine3": (0.0, 0.90, 0.43),
    "neck": (0.0, 0.98, -0.20),
    "head": (0.0, 0.80, 0.60),
    "left_hip": (0.60, -0.80, -0.05),
    "left_knee": (0.10, -0.99, -0.02),
    "left_ankle": (-0.04, -0.99, -0.11),
    "left_foot": (0.19, -0.39, 0.90),
    "left_collar": (0.54, 0.81, -0.24),
    "left_shoulder": (0.94, 0.32, -0.09),
    "left_elbow": (0.99, -0.05, -0.10),
    "left_wrist": (1.0, 0.04, 0.0),
}
"""Of the bone that ends in the joint, in SMPL's T pose."""

_FINGERS: dict[str, tuple[tuple[float, float, float], ...]] = {
    "index": ((0.095, 0.0, 0.024), (0.033, 0.0, 0.003), (0.023, 0.0, 0.001)),
    "middle": ((0.098, 0.003, 0.0), (0.034, 0.0, 0.0), (0.025, 0.0, 0.0)),
    "ring": ((0.089, 0.002, -0.021), (0.031, 0.0, -0.003), (0.024, 0.0, -0.002)),
    "pinky": ((0.075, -0.003, -0.039), (0.022, 0.0, -0.004), (0.018, 0.0, -0.003)),
    "thumb": ((0.030, -0.012, 0.030), (0.022, -0.005, 0.024), (0.021, -0.003, 0.018)),
}
"""Offsets of the left hand's joints, palm down, of an adult's hand; metres."""


@dataclass(frozen=True)
class _Motion:
    """poses: rotation vectors of the body's joints and of the fingers, where the file has them, (frames, joints, 3) each.

    places: (frames, 3) of the body's origin, in the file's axes.
    """

    model: str
    poses: list[Array]
    places: Array
    fps: float
    z_up: bool


def read(path: Path) -> list[Clip]:
    """The clip of an .npz. Raises FileProblem, also for one that holds no motion of an SMPL body."""
    found = npz.arrays(path, _WANTED)
    motion = _motion(path, found)
    frames = len(motion.places)
    rest = smpl_models.rest_joints(motion.model, found.get("gender"), found.get("betas"))
    pelvis = np.array(_PELVIS[motion.model]) if rest is None else rest[0]
    joints = sum(part.shape[1] for part in motion.poses)
    skeleton = _skeleton(_rest_offsets() if rest is None else _offsets(rest), fingers=joints > _JOINTS)
    check_size(path, frames, skeleton.count)
    rotations = _rotations(motion.poses, skeleton.count)
    translations = np.repeat(skeleton.offsets[None], frames, axis=0)
    translations[:, 0] = motion.places + pelvis
    turn = quaternion.between(_up(skeleton, rotations, translations, motion.z_up), np.array([0.0, 1.0, 0.0]))
    rotations[:, 0] = quaternion.multiply(turn, rotations[:, 0])
    translations[:, 0] = quaternion.rotate(turn, translations[:, 0])
    return [Clip(path.stem, skeleton, motion.fps, rotations, translations)]


def _rotations(poses: list[Array], joints: int) -> Array:
    """Local rotations (frames, joints, 4) of rotation vectors, in which neighbours in time lie in one hemisphere."""
    out = np.empty((len(poses[0]), joints, 4))
    out[:] = quaternion.IDENTITY
    first = 0
    for part in poses:
        # Some frames at a time stay in the processor's cache: an hour at 120 fps has 22 million of these.
        for start in range(0, len(out), _BLOCK):
            vectors = part[start : start + _BLOCK]
            half = np.sqrt(np.einsum("fji,fji->fj", vectors, vectors)) / 2.0
            quaternions = out[start : start + _BLOCK, first : first + part.shape[1]]
            quaternions[..., 0] = np.cos(half)
            quaternions[..., 1:] = vectors * (np.sinc(half / np.pi) / 2.0)[..., None]
        first += part.shape[1]
    turning = np.flatnonzero((np.einsum("fji,fji->fj", out[1:], out[:-1]) < 0.0).any(axis=0))
    out[:, turning] = quaternion.continuous(out[:, turning])
    return out


# The file


def _motion(path: Path, found: dict[str, np.ndarray]) -> _Motion:
    """What the file says. Raises FileProblem."""
    words = {name: values for name, values in found.items() if values.dtype.kind in "SU"}
    numbers = {name: values for name, values in found.items() if values.dtype.kind in "fiu"}
    poses = _whole(numbers) or _in_parts(path, numbers)
    if poses is None:
        raise FileProblem(
            f"{path.name} holds no motion of an SMPL body: that has `poses` and `trans`, or `global_orient`, `body_pose` and "
            "`transl`."
        )
    vectors, fingers = poses
    frames = len(vectors)
    check_size(path, frames, _JOINTS + len(FINGERS))
    places = next((numbers[name] for name in _PLACES if name in numbers), np.zeros((frames, 3)))
    if places.size != frames * 3:
        raise FileProblem(f"{path.name} has {places.shape} places of the body for {frames} poses.")
    places = places.reshape(frames, 3).astype(np.float64)
    if not (np.abs(places).max() < _FARTHEST and all(np.abs(part).max() < _FARTHEST for part in (vectors, *fingers))):
        raise FileProblem(f"{path.name} is damaged: it has poses or places that are not finite, or beyond all measure.")
    # AMASS names whole poses, or says of which model they are; other names are those of tools that see Y up or a camera.
    z_up = "poses" in numbers or "surface_model_type" in words or "root_orient" in numbers
    return _Motion(_model(numbers, words), [vectors, *fingers], places, _rate(path, numbers), z_up)


def _whole(numbers: dict[str, np.ndarray]) -> tuple[Array, list[Array]] | None:
    """Rotation vectors of the body (n, 22, 3) and of the fingers [(n, 30, 3)], where the file has all in one array."""
    poses = numbers.get("poses")
    if poses is None or poses.ndim < 2 or not poses.size:
        return None
    poses = poses.reshape(len(poses), -1)
    first = _FIRST_FINGER.get(poses.shape[1])
    if first is None:
        return None
    poses = poses.reshape(len(poses), -1, 3).astype(np.float64, copy=False)
    return poses[:, :_JOINTS], [poses[:, first : first + len(FINGERS)]] if first else []


def _in_parts(path: Path, numbers: dict[str, np.ndarray]) -> tuple[Array, list[Array]] | None:
    """The same where root, body and hands have arrays of their own: rotation vectors, or matrices (n, joints, 3, 3)."""
    root, trunk = (next((numbers[n] for n in names if n in numbers), None) for names in (_ROOTS, _BODIES))
    if root is None or trunk is None or trunk.ndim < 2 or not trunk.size:
        return None
    frames = len(trunk)
    if root.shape == (frames, 3, 3):
        root = root[:, None]
    root, trunk = _vectors(root, frames), _vectors(trunk, frames)
    if root is None or trunk is None or root.shape[1] != 1 or trunk.shape[1] < _JOINTS - 1:
        raise FileProblem(
            f"{path.name} does not have a turn of the root and of {_JOINTS - 1} joints for each of {frames} frames."
        )
    whole = numbers.get("pose_hand")
    hands = [whole] if whole is not None else [numbers[name] for name in _HANDS if name in numbers]
    fingers = [part for hand in hands if (part := _vectors(hand, frames)) is not None]
    if sum(part.shape[1] for part in fingers) != len(FINGERS):
        fingers = []  # coefficients of a hand's principal poses mean nothing without the model
    return np.concatenate([root, trunk[:, : _JOINTS - 1]], axis=1), fingers


def _vectors(values: np.ndarray, frames: int) -> Array | None:
    """Rotation vectors (frames, joints, 3) of an array of vectors or matrices; None for anything else."""
    if values.ndim < 2 or len(values) != frames or not values.size:
        return None
    if values.ndim == 4 and values.shape[-2:] == (3, 3):
        matrices = values.reshape(frames, -1, 3, 3).astype(np.float64)
        return quaternion.to_rotation_vector(quaternion.from_matrix(matrices))
    if values[0].size % 3:
        return None
    return values.reshape(frames, -1, 3).astype(np.float64)


def _model(numbers: dict[str, np.ndarray], words: dict[str, np.ndarray]) -> str:
    stated = words.get("surface_model_type")
    name = stated.ravel()[0] if stated is not None and stated.size else ""
    name = (name.decode("ascii", "replace") if isinstance(name, bytes) else str(name)).lower().replace("-", "")
    if name in _PELVIS:
        return name
    width = np.atleast_1d(numbers["poses"])[:1].size if "poses" in numbers else 0
    if width == 165 or "pose_jaw" in numbers or "jaw_pose" in numbers:
        return "smplx"
    return "smplh" if width == 156 or "pose_hand" in numbers or "mocap_framerate" in numbers else "smpl"


def _rate(path: Path, numbers: dict[str, np.ndarray]) -> float:
    for name in _RATES:
        if name in numbers and numbers[name].size == 1:
            fps = float(numbers[name].ravel()[0])
            if 1.0 <= fps <= MAX_FPS:
                return float(round(fps)) if abs(fps - round(fps)) < 1e-4 * fps else fps
    log.warning("%s states no frame rate that can be used; %g frames a second are assumed.", path.name, DEFAULT_FPS)
    return DEFAULT_FPS


# The body


def _rest_offsets() -> Array:
    """Offsets (52, 3) of the joints from their parents in the approximate rest pose."""
    out = np.zeros((_JOINTS + len(FINGERS), 3))
    for i, name in enumerate(body.JOINTS):
        left = _DIRECTIONS.get(body.mirrored(name) if name.startswith("right_") else name)
        if left is not None:
            out[i] = features.BONES[i] * np.array(left) / np.linalg.norm(left)
    for i, name in enumerate(FINGERS, _JOINTS):
        out[i] = _FINGERS[name.partition("_")[2][:-1]][int(name[-1]) - 1]
    out[[name.startswith("right_") for name in (*body.JOINTS, *FINGERS)]] *= (-1.0, 1.0, 1.0)
    return out


def _parents() -> list[int]:
    """Of the 52 joints."""
    parents = list(body.PARENTS)
    for i, name in enumerate(FINGERS, _JOINTS):
        parents.append(i - 1 if name[-1] != "1" else body.INDEX[name.partition("_")[0] + "_wrist"])
    return parents


def _offsets(rest: Array) -> Array:
    """Offsets (52, 3) of rest joints (52, 3)."""
    out = np.zeros_like(rest)
    out[1:] = rest[1:] - rest[_parents()[1:]]
    return out


def _skeleton(offsets: Array, fingers: bool) -> Skeleton:
    """Of the body, the fingers where wanted, and the tips of bones that have no joint beyond (`rigid.ENDS`)."""
    count = _JOINTS + (len(FINGERS) if fingers else 0)
    ends = {name: tip for name, tip in rigid.ENDS.items() if not (fingers and name.endswith("wrist"))}
    names = (*(*body.JOINTS, *FINGERS)[:count], *(f"{name}_end" for name in ends))
    parents = np.array([*_parents()[:count], *(body.INDEX[name] for name in ends)], dtype=np.int64)
    offsets = np.concatenate([offsets[:count], list(ends.values())])
    skeleton = Skeleton(names, parents, offsets, np.tile(quaternion.IDENTITY, (len(names), 1)))
    # At rest it stands on the floor.
    offsets[0] = (0.0, -float(skeleton.rest_globals()[1][:, 1].min()), 0.0)
    return skeleton


def _up(skeleton: Skeleton, rotations: Array, translations: Array, z_up: bool) -> Array:
    """The axis of the file, with its sign, that is up.

    Where the body is upright along one axis over most of the take, that is it; but in a file of AMASS another than Z is
    believed only if the feet are at zero on it, too: else somebody lies on the floor. Without an upright body it is what
    such files have, Z or Y.
    """
    some = np.unique(np.linspace(0, len(rotations) - 1, _SAMPLES).astype(np.int64))
    x = forward(skeleton.parents, rotations[some], translations[some])[1]
    ankles, hips, shoulders = (
        (x[:, body.INDEX[f"left_{part}"]] + x[:, body.INDEX[f"right_{part}"]]) / 2.0 for part in ("ankle", "hip", "shoulder")
    )
    legs, back = hips - ankles, shoulders - hips
    mean = np.mean(legs + back, axis=0) / np.mean(np.linalg.norm(legs, axis=-1) + np.linalg.norm(back, axis=-1))
    usual = np.eye(3)[2 if z_up else 1]
    best = int(np.argmax(np.abs(mean)))
    if abs(mean[best]) < _UPRIGHT:
        return usual
    seen = np.sign(mean[best]) * np.eye(3)[best]
    feet = (x[:, [body.INDEX[f"{side}_foot"] for side in ("left", "right")]] @ seen).min(axis=1)
    return seen if not z_up or abs(float(np.median(feet))) < _ON_FLOOR else usual
