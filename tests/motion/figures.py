# SPDX-License-Identifier: GPL-3.0-or-later
"""Skeletons and BVH files built in code."""

from dataclasses import dataclass, field

import numpy as np

from tmr_blender.motion import quaternion
from tmr_blender.motion.clip import Clip
from tmr_blender.motion.skeleton import Skeleton

# Name, parent, offset in metres: a person of 1.75 m in a T pose, Y up, facing +Z.
PERSON: tuple[tuple[str, str, tuple[float, float, float]], ...] = (
    ("Hips", "", (0.0, 0.95, 0.0)),
    ("LeftUpLeg", "Hips", (0.09, -0.06, 0.0)),
    ("LeftLeg", "LeftUpLeg", (0.0, -0.42, 0.01)),
    ("LeftFoot", "LeftLeg", (0.0, -0.40, -0.02)),
    ("LeftToeBase", "LeftFoot", (0.01, -0.06, 0.13)),
    ("RightUpLeg", "Hips", (-0.09, -0.06, 0.0)),
    ("RightLeg", "RightUpLeg", (0.0, -0.42, 0.01)),
    ("RightFoot", "RightLeg", (0.0, -0.40, -0.02)),
    ("RightToeBase", "RightFoot", (-0.01, -0.06, 0.13)),
    ("Spine", "Hips", (0.0, 0.11, -0.01)),
    ("Spine1", "Spine", (0.0, 0.13, 0.0)),
    ("Spine2", "Spine1", (0.0, 0.12, 0.0)),
    ("Neck", "Spine2", (0.0, 0.16, 0.0)),
    ("Head", "Neck", (0.0, 0.10, 0.02)),
    ("LeftShoulder", "Spine2", (0.06, 0.10, 0.0)),
    ("LeftArm", "LeftShoulder", (0.12, 0.0, 0.0)),
    ("LeftForeArm", "LeftArm", (0.28, 0.0, 0.0)),
    ("LeftHand", "LeftForeArm", (0.25, 0.0, 0.0)),
    ("RightShoulder", "Spine2", (-0.06, 0.10, 0.0)),
    ("RightArm", "RightShoulder", (-0.12, 0.0, 0.0)),
    ("RightForeArm", "RightArm", (-0.28, 0.0, 0.0)),
    ("RightHand", "RightForeArm", (-0.25, 0.0, 0.0)),
)

ROLES = {
    "pelvis": "Hips",
    "left_hip": "LeftUpLeg",
    "left_knee": "LeftLeg",
    "left_ankle": "LeftFoot",
    "left_foot": "LeftToeBase",
    "right_hip": "RightUpLeg",
    "right_knee": "RightLeg",
    "right_ankle": "RightFoot",
    "right_foot": "RightToeBase",
    "spine1": "Spine",
    "spine2": "Spine1",
    "spine3": "Spine2",
    "neck": "Neck",
    "head": "Head",
    "left_collar": "LeftShoulder",
    "left_shoulder": "LeftArm",
    "left_elbow": "LeftForeArm",
    "left_wrist": "LeftHand",
    "right_collar": "RightShoulder",
    "right_shoulder": "RightArm",
    "right_elbow": "RightForeArm",
    "right_wrist": "RightHand",
}


def skeleton(parts: tuple[tuple[str, str, tuple[float, float, float]], ...] = PERSON) -> Skeleton:
    names = [name for name, _, _ in parts]
    parents = np.array([names.index(parent) if parent else -1 for _, parent, _ in parts], dtype=np.int64)
    rest = np.tile(quaternion.IDENTITY, (len(parts), 1))
    return Skeleton(tuple(names), parents, np.array([offset for _, _, offset in parts], dtype=np.float64), rest)


def moving(body: Skeleton, frames: int = 20, fps: float = 30.0, amount: float = 0.4, seed: int = 0) -> Clip:
    """A clip in which every joint sways and the root travels."""
    random = np.random.default_rng(seed)
    phase = random.uniform(0.0, 2.0 * np.pi, (1, body.count, 3))
    time = np.linspace(0.0, 2.0 * np.pi, frames)[:, None, None]
    sway = amount * np.sin(time + phase) * random.uniform(0.2, 1.0, (1, body.count, 1))
    sway[:, body.parents < 0] *= 0.3
    rotations = quaternion.multiply(body.rest, quaternion.from_rotation_vector(sway))
    translations = np.repeat(body.offsets[None], frames, axis=0)
    translations[:, body.parents < 0] += np.linspace(0.0, 0.5, frames)[:, None, None] * np.array([0.3, 0.0, 1.0])
    return Clip("swaying", body, fps, rotations, translations)


@dataclass
class Bvh:
    """A small BVH file, piece by piece, for tests that break it."""

    header: str = (
        "HIERARCHY\nROOT Hips\n{\n\tOFFSET 0 0 0\n\tCHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation\n"
        "\tJOINT Chest\n\t{\n\t\tOFFSET 0 10 0\n\t\tCHANNELS 3 Zrotation Xrotation Yrotation\n"
        "\t\tEnd Site\n\t\t{\n\t\t\tOFFSET 0 5 0\n\t\t}\n\t}\n}\n"
    )
    frames: str = "Frames: 3"
    time: str = "Frame Time: 0.05"
    rows: list[str] = field(default_factory=lambda: ["1 2 3 0 0 0 0 0 0", "1 2 4 10 20 30 0 90 0", "1 2 5 0 0 0 45 0 0"])
    newline: str = "\n"

    def bytes(self) -> bytes:
        lines = [*self.header.splitlines(), "MOTION", self.frames, self.time, *self.rows, ""]
        return self.newline.join(lines).encode("utf-8")
