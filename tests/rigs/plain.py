# SPDX-License-Identifier: GPL-3.0-or-later
"""Samples as the arrays that the retarget room works on, without Blender."""

import numpy as np

from tmr_blender.retarget.rig import Rig

from .build import unrolled
from .sample import Bone, Sample

TO_Y_UP = np.array([[1, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1.0]])


def matrix(bone: Bone) -> np.ndarray:
    """(4, 4) at rest in the armature's space."""
    along = np.subtract(bone.tail, bone.head)
    c, s = np.cos(bone.roll), np.sin(bone.roll)
    out = np.eye(4)
    out[:3, :3] = unrolled(along / np.linalg.norm(along)) @ np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
    out[:3, 3] = bone.head
    return out


def as_rig(sample: Sample) -> Rig:
    """The rig as its hierarchy says; its constraints are left aside."""
    names = tuple(bone.name for bone in sample.bones)
    index = {name: i for i, name in enumerate(names)}
    parents = np.array([index[bone.parent] if bone.parent else -1 for bone in sample.bones], dtype=np.int64)
    count = len(names)
    return Rig(
        name=sample.name,
        names=names,
        parents=parents,
        rest=np.array([matrix(bone) for bone in sample.bones]).reshape(count, 4, 4),
        lengths=np.array([np.linalg.norm(np.subtract(bone.tail, bone.head)) for bone in sample.bones]),
        world=TO_Y_UP @ sample.world,
        modes=("QUATERNION",) * count,
        carriers=np.where([bone.inherit_rotation for bone in sample.bones], parents, -1),
        connected=np.array([bone.connected for bone in sample.bones], dtype=bool),
        local_location=np.ones(count, dtype=bool),
        rotation_locks=np.zeros((count, 4), dtype=bool),
        location_locks=np.zeros((count, 3), dtype=bool),
        displaced=np.zeros(count, dtype=bool),
        properties=frozenset(sample.properties),
    )
