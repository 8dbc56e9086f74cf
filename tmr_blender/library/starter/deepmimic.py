# SPDX-License-Identifier: GPL-3.0-or-later
"""Clips in the format of DeepMimic (Peng et al. 2018), as pybullet carries them, and the humanoid they move.

Their space has Y up, a body at rest faces +X and has its right at +Z. The humanoid's URDF is four times life size.
"""

import json
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass

import numpy as np

from ...errors import FileProblem
from ...motion import quaternion
from ...motion.clip import Clip
from ...motion.quaternion import Array
from ...motion.skeleton import Skeleton

SCALE = 0.25

# URDF link, our joint name, our parent, and how many numbers of a frame turn it, in the order of a frame's numbers.
JOINTS = (
    ("root", "Hips", "", 4),
    ("chest", "Spine", "Hips", 4),
    ("neck", "Neck", "Spine", 4),
    ("right_hip", "RightUpLeg", "Hips", 4),
    ("right_knee", "RightLeg", "RightUpLeg", 1),
    ("right_ankle", "RightFoot", "RightLeg", 4),
    ("right_shoulder", "RightArm", "Spine", 4),
    ("right_elbow", "RightForeArm", "RightArm", 1),
    ("left_hip", "LeftUpLeg", "Hips", 4),
    ("left_knee", "LeftLeg", "LeftUpLeg", 1),
    ("left_ankle", "LeftFoot", "LeftLeg", 4),
    ("left_shoulder", "LeftArm", "Spine", 4),
    ("left_elbow", "LeftForeArm", "LeftArm", 1),
)
FRAME = 4 + sum(size for *_, size in JOINTS)
"""Numbers of a frame: its duration, the root's position, and the rotations."""
HINGE = np.array([0.0, 0.0, 1.0])
"""The axis of knees and elbows, in DeepMimic's space."""
STRAIGHT = np.radians(15.0)
"""A loop that turns by less in one cycle was meant to go straight."""
BALL = 0.75
"""Where the toes begin, as a share of the way from the ankle to the front of the foot's box."""


@dataclass(frozen=True)
class Motion:
    """A file's content. loop: whether it repeats ("wrap"). times: (frames,) seconds. numbers: (frames, 43)."""

    loop: bool
    times: Array
    numbers: Array


def parse(text: str, name: str) -> Motion:
    """Read the JSON of a motion file. Raises FileProblem, naming it, for anything else than a humanoid's frames."""
    try:
        data = json.loads(text)
        frames = np.array(data["Frames"], np.float64)
    except (ValueError, KeyError, TypeError) as error:
        raise FileProblem(f"{name} is not a DeepMimic motion ({error}).") from error
    if frames.ndim != 2 or frames.shape[1] != FRAME or len(frames) < 2 or not np.isfinite(frames).all():
        raise FileProblem(f"{name} does not hold frames of {FRAME} numbers, as the humanoid's motions do.")
    # The last frame's duration is never played: it is where the motion arrives.
    if frames[:-1, 0].min() <= 1e-3:
        raise FileProblem(f"{name} has frames without duration.")
    return Motion(data.get("Loop") == "wrap", np.concatenate([[0.0], np.cumsum(frames[:-1, 0])]), frames[:, 1:])


def skeleton(urdf: str) -> Skeleton:
    """The humanoid of `humanoid.urdf`, with heads, hands and toes where the URDF has only shapes. Raises FileProblem."""
    try:
        root = ElementTree.fromstring(urdf.rstrip("\0"))  # pybullet's file ends with a zero byte
        offsets = {
            link: _numbers(root, f"joint[@name='{link}']/origin", "xyz")
            for link in [row[0] for row in JOINTS] + ["left_wrist", "right_wrist"]
        }
        foot = _numbers(root, "link[@name='left_ankle']/collision/origin", "xyz")
        box = _numbers(root, "link[@name='left_ankle']/collision/geometry/box", "size")
        head = _numbers(root, "link[@name='neck']/collision/origin", "xyz")
    except (ElementTree.ParseError, AttributeError, KeyError, ValueError) as error:
        raise FileProblem(f"humanoid.urdf is not the humanoid that was expected ({error}).") from error
    toe = np.array([foot[0] + box[0] / 2.0, foot[1] - box[1] / 2.0, 0.0])
    rows = [(name, parent, offsets[link]) for link, name, parent, _ in JOINTS]
    rows.append(("Head", "Neck", head))
    for side, link in (("Right", "right_wrist"), ("Left", "left_wrist")):
        rows.append((f"{side}Hand", f"{side}ForeArm", offsets[link]))
        rows.append((f"{side}ToeBase", f"{side}Foot", BALL * toe))
    names = tuple(row[0] for row in rows)
    parents = np.array([names.index(row[1]) if row[1] else -1 for row in rows])
    places = SCALE * turned(np.array([row[2] for row in rows]))
    return Skeleton(names, parents, places, np.tile(quaternion.IDENTITY, (len(names), 1)))


def _numbers(root: ElementTree.Element, path: str, attribute: str) -> Array:
    """Three numbers of an attribute of the element at `path`."""
    element = root.find(path)
    if element is None:
        raise KeyError(path)
    return np.array([float(part) for part in element.attrib[attribute].split()]).reshape(3)


def turned(vectors: Array) -> Array:
    """From DeepMimic's space to ours: forward +X becomes +Z, right +Z becomes -X."""
    return np.stack([-vectors[..., 2], vectors[..., 1], vectors[..., 0]], axis=-1)


def clip(motion: Motion, body: Skeleton, name: str, cycles: int = 1) -> Clip:
    """The motion on the body, in our space; a looping one `cycles` times in a row, travelling on."""
    rotations = np.tile(quaternion.IDENTITY, (len(motion.numbers), body.count, 1))
    at = 3
    for joint, (*_, size) in enumerate(JOINTS):
        part = motion.numbers[:, at : at + size]
        if size == 1:
            part = quaternion.from_axis_angle(HINGE, part[:, 0])
        rotations[:, joint] = np.concatenate([part[:, :1], turned(part[:, 1:])], axis=-1)
        at += size
    rotations = quaternion.normalise(rotations)
    translations = np.tile(body.offsets, (len(rotations), 1, 1))
    translations[:, 0] = turned(motion.numbers[:, :3])
    step = float(np.median(np.diff(motion.times)))
    rotations, translations = evened(motion.times, rotations, translations, step)
    rotations, translations = repeated(rotations, translations, cycles)
    return Clip(name, body, round(1.0 / step, 2), rotations, translations)


def evened(times: Array, rotations: Array, translations: Array, step: float) -> tuple[Array, Array]:
    """The same motion with a frame every `step` seconds (one file has a frame of double length)."""
    at = np.arange(round(times[-1] / step) + 1) * step
    low = np.clip(np.searchsorted(times, at + 1e-6) - 1, 0, len(times) - 2)
    share = np.clip((at - times[low]) / np.diff(times)[low], 0.0, 1.0)
    turned_joints = quaternion.slerp(rotations[low], rotations[low + 1], share[:, None])
    moved = translations[low] + (translations[low + 1] - translations[low]) * share[:, None, None]
    return turned_joints, moved


def repeated(rotations: Array, translations: Array, cycles: int) -> tuple[Array, Array]:
    """Local rotations (frames, joints, 4) and translations (frames, joints, 3) of a loop played `cycles` times.

    A loop's last frame is the pose of its first, further on and turned about the vertical: the next cycle begins there.
    Recorded steps never match to the degree, so what is missing is spread over the cycle.
    """
    if cycles == 1:
        return rotations, translations
    turn = _heading(quaternion.multiply(rotations[-1, 0], quaternion.inverse(rotations[0, 0])))
    if np.linalg.norm(quaternion.to_rotation_vector(turn)) < STRAIGHT:
        turn = quaternion.IDENTITY
    rotations = _closed(rotations, turn)
    level = np.array([1.0, 0.0, 1.0])
    path = translations[:, 0] - translations[0, 0] * level
    path[:, 1] -= np.linspace(0.0, path[-1, 1] - path[0, 1], len(path))
    heading, place = quaternion.IDENTITY, translations[0, 0] * level
    turns, moves = [], []
    for cycle in range(cycles):
        last = len(rotations) if cycle == cycles - 1 else len(rotations) - 1
        turned_joints, moved = rotations[:last].copy(), translations[:last].copy()
        turned_joints[:, 0] = quaternion.multiply(heading, rotations[:last, 0])
        moved[:, 0] = place + quaternion.rotate(heading, path[:last])
        turns.append(turned_joints)
        moves.append(moved)
        place = place + quaternion.rotate(heading, path[-1] * level)
        heading = quaternion.multiply(turn, heading)
    return np.concatenate(turns), np.concatenate(moves)


def _heading(rotation: Array) -> Array:
    """The part of a rotation (4,) that turns about the vertical."""
    return quaternion.normalise(rotation * np.array([1.0, 0.0, 1.0, 0.0]))


def _closed(rotations: Array, turn: Array) -> Array:
    """The rotations of a cycle whose last frame is exactly its first, the root turned by `turn` (4,)."""
    end = rotations[0].copy()
    end[0] = quaternion.multiply(turn, end[0])
    missing = quaternion.to_rotation_vector(quaternion.multiply(quaternion.inverse(rotations[-1]), end))
    share = np.linspace(0.0, 1.0, len(rotations))[:, None, None]
    return quaternion.multiply(rotations, quaternion.from_rotation_vector(share * missing))
