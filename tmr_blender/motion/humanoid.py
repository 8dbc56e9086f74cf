# SPDX-License-Identifier: GPL-3.0-or-later
"""From any humanoid skeleton to the 22 joints of `body.JOINTS`.

Conventions place spines and collars so differently that one performance written by two of them would look like
two bodies. So these joints are always laid out by the same rule (`filled`) from what every convention knows:
the hips, the point where the arms leave the spine ("chest"), the head and the shoulders.
"""

import numpy as np

from . import body
from .quaternion import Array

# Where SMPL's spine joints lie on the way from the pelvis to the chest, its neck on the way from the chest to
# the head, and its collars on the way from the chest to the shoulders, measured on SMPL's mean body.
SPINE1, SPINE2, SPINE3 = 0.30, 0.68, 0.83
NECK = 0.60
COLLAR = 0.40

# Index in the 20 joints of a CMU take (see `from_cmu20`) of the joints that have a role of their own.
CMU20: dict[str, int] = {
    "pelvis": 0,
    "head": 2,
    "left_shoulder": 4,
    "left_elbow": 5,
    "left_wrist": 6,
    "right_shoulder": 8,
    "right_elbow": 9,
    "right_wrist": 10,
    "left_hip": 12,
    "left_knee": 13,
    "left_ankle": 14,
    "left_foot": 15,
    "right_hip": 16,
    "right_knee": 17,
    "right_ankle": 18,
    "right_foot": 19,
}
CMU20_CHEST = 1


def from_cmu20(joints: Array) -> Array:
    """The 22 joints of CMU takes stored as 20 joint positions.

    joints: (frames, 20, 3): hips, neck base, head, head top; shoulder, elbow, wrist and hand of the left arm, then
    of the right; hip, knee, ankle and toe of the left leg, then of the right. Any unit.
    Returns (frames, 22, 3) float64 in the same unit and space, joints of `body.JOINTS`.
    """
    joints = np.asarray(joints, dtype=np.float64)
    if joints.ndim != 3 or joints.shape[1:] != (20, 3):
        raise ValueError(f"expected (frames, 20, 3), got {joints.shape}")
    return filled({role: joints[:, i] for role, i in CMU20.items()}, joints[:, CMU20_CHEST])


def filled(known: dict[str, Array], chest: Array) -> Array:
    """All 22 joints from the limbs, the pelvis, the head and the chest.

    known: role -> (frames, 3) for every role but spines, neck and collars; chest: (frames, 3).
    Returns (frames, 22, 3).
    """
    out = np.empty((len(chest), len(body.JOINTS), 3))
    pelvis, head = known["pelvis"], known["head"]
    made = {
        "spine1": pelvis + SPINE1 * (chest - pelvis),
        "spine2": pelvis + SPINE2 * (chest - pelvis),
        "spine3": pelvis + SPINE3 * (chest - pelvis),
        "neck": chest + NECK * (head - chest),
        "left_collar": chest + COLLAR * (known["left_shoulder"] - chest),
        "right_collar": chest + COLLAR * (known["right_shoulder"] - chest),
    }
    for i, role in enumerate(body.JOINTS):
        out[:, i] = made[role] if role in made else known[role]
    return out
