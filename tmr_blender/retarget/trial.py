# SPDX-License-Identifier: GPL-3.0-or-later
"""A small rig made in code and the way Blender poses it: whether retargeting works on a machine can be told without Blender."""

import numpy as np

from ..motion import body, quaternion, rigid
from ..motion.clip import Clip
from ..motion.humanoid import recognise
from ..motion.quaternion import Array
from .options import Options
from .rig import Keys, Rig
from .roles import map_rig
from .solver import retarget

LIMBS = tuple(
    (f"{side}_{start}", f"{side}_{end}")
    for side in ("left", "right")
    for start, end in (("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle"))
)
HEIGHT = 0.93
"""Metres of the hips above the floor at rest."""
LAST = 0.1
"""Metres, length of a bone without a child."""
_TO_BLENDER = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])


def rig() -> Rig:
    """The common body in its T-pose as an armature in Blender's axes (Z up, facing -Y), a bone for each joint, along Y."""
    parents = np.array(body.PARENTS, dtype=np.int64)
    places = np.zeros((len(parents), 3))
    for joint, offset in enumerate(rigid.rest_offsets()):
        places[joint] = offset + places[parents[joint]] if parents[joint] >= 0 else (0.0, HEIGHT, 0.0)
    places = places @ _TO_BLENDER.T
    count = len(parents)
    rest, lengths = np.tile(np.eye(4), (count, 1, 1)), np.full(count, LAST)
    for bone in range(count):
        below = np.flatnonzero(parents == bone)
        above = places[bone] - places[parents[bone]] if parents[bone] >= 0 else np.array([0.0, 0.0, 1.0])
        along = places[below].mean(axis=0) - places[bone] if len(below) else above
        lengths[bone] = np.linalg.norm(along) if len(below) else LAST
        rest[bone, :3, :3] = quaternion.to_matrix(quaternion.between(np.array([0.0, 1.0, 0.0]), along))
        rest[bone, :3, 3] = places[bone]
    world = np.eye(4)
    world[:3, :3] = _TO_BLENDER.T
    return Rig(
        name="trial",
        names=body.JOINTS,
        parents=parents,
        rest=rest,
        lengths=lengths,
        world=world,
        modes=("QUATERNION",) * count,
        carriers=parents.copy(),
        connected=np.zeros(count, dtype=bool),
        local_location=np.ones(count, dtype=bool),
        rotation_locks=np.zeros((count, 4), dtype=bool),
        location_locks=np.zeros((count, 3), dtype=bool),
        displaced=np.zeros(count, dtype=bool),
    )


def posed(made: Rig, keys: Keys) -> Array:
    """Where the bones of `rig()` start with these keys, (frames, bones, 3), Y up, metres."""
    out = np.tile(made.rest, (keys.frames, 1, 1, 1))
    for bone, name in enumerate(made.names):
        parent, space = made.parents[bone], made.rest[bone]
        if parent >= 0:
            space = out[:, parent] @ np.linalg.inv(made.rest[parent]) @ space
        basis = np.tile(np.eye(4), (keys.frames, 1, 1))
        written = keys.bones.get(name)
        if written is not None and written.rotation is not None:
            basis[:, :3, :3] = quaternion.to_matrix(written.rotation)
        if written is not None and written.location is not None:
            basis[:, :3, 3] = written.location
        out[:, bone] = space @ basis
    return out[..., :3, 3] @ made.world[:3, :3].T


def off(clip: Clip) -> float:
    """Degrees, the most that a limb of the rig points elsewhere than the clip's does, once the clip is put on it.

    Raises SkeletonProblem where the clip shows no body.
    """
    made, seen = rig(), recognise(clip)
    keys = retarget(clip, seen, made, map_rig(made), Options(fps=clip.fps, heading="take"))
    found = posed(made, keys)
    _, placed = clip.globals()
    frames = min(len(found), len(placed))
    worst = 0.0
    for start, end in LIMBS:
        ours = found[:frames, body.INDEX[end]] - found[:frames, body.INDEX[start]]
        theirs = placed[:frames, seen.joints[end]] - placed[:frames, seen.joints[start]]
        cosine = np.sum(ours * theirs, axis=1) / (np.linalg.norm(ours, axis=1) * np.linalg.norm(theirs, axis=1))
        worst = max(worst, float(np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0))).max()))
    return worst
