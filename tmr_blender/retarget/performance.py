# SPDX-License-Identifier: GPL-3.0-or-later
"""What the body in a clip does, whatever its skeleton: turns from its stance, and where its joints are."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..motion import body, quaternion
from ..motion.clip import Clip
from ..motion.humanoid import BodyMap
from ..motion.quaternion import Array
from ..motion.skeleton import Skeleton
from . import rest, source
from .options import Options
from .rest import Stance


@dataclass(frozen=True)
class Performance:
    """What the clip's body does, facing as the options say.

    stance: of the body.
    deltas: role -> (frames, 4) turn from the stance.
    positions: role -> (frames, 3) metres.
    crown: metres from the head's joint to the highest one on it, 0 where there is none.
    """

    stance: Stance
    deltas: Mapping[str, Array]
    positions: Mapping[str, Array]
    crown: float = 0.0

    def mirrored(self) -> "Performance":
        """The same with left and right exchanged, whatever the skeleton's rest pose and axes: only turns are reflected."""

        def turns(table: Mapping[str, Array]) -> dict[str, Array]:
            return {body.mirrored(role): q * [1.0, 1.0, -1.0, -1.0] for role, q in table.items()}

        def places(table: Mapping[str, Array]) -> dict[str, Array]:
            return {body.mirrored(role): v * [-1.0, 1.0, 1.0] for role, v in table.items()}

        stance = Stance(places(self.stance.positions), turns(self.stance.rotations))
        return Performance(stance, turns(self.deltas), places(self.positions), self.crown)


def perform(clip: Clip, body_map: BodyMap, options: Options) -> Performance:
    """The clip's body in every frame of the scene."""
    rest.require(body_map.joints, clip.name)
    places = _tips(clip.skeleton, body_map.joints) | _nape(clip.skeleton, body_map.joints)
    pruned, joints = prune(clip, {**body_map.joints, **places})
    sampled = pruned.resampled(options.fps)
    rotations, positions = sampled.globals()
    stance = source.stance(sampled.skeleton, rotations, positions, options.fps, joints)
    placed = {role: positions[:, i] for role, i in joints.items()}
    if options.heading == "rig":
        heading = rest.facing({role: v[0] for role, v in placed.items()})
        placed = {role: quaternion.rotate(heading, v) for role, v in placed.items()}
        rotations = quaternion.multiply(heading, rotations)
    roles = [role for role in joints if role not in places]
    back = quaternion.inverse(np.stack([stance.rotations[role] for role in roles]))
    deltas = quaternion.multiply(rotations[:, [joints[role] for role in roles]], back)
    crown = _crown(clip.skeleton, body_map.joints)
    performance = Performance(stance, {role: deltas[:, i] for i, role in enumerate(roles)}, placed, crown)
    return performance.mirrored() if options.mirror else performance


def _tips(skeleton: Skeleton, joints: Mapping[str, int]) -> dict[str, int]:
    """Joints at which fingers end, if they are there."""
    last = {tip: joints.get(f"{tip[:-1]}3", -1) for tip in rest.TIPS}
    found = {tip: skeleton.children(joint) for tip, joint in last.items() if joint >= 0}
    return {tip: ends[0] for tip, ends in found.items() if ends and np.linalg.norm(skeleton.offsets[ends[0]]) > 1e-6}


def _nape(skeleton: Skeleton, joints: Mapping[str, int]) -> dict[str, int]:
    """The first joint above the spine on the way to the head, if it lies near the shoulders."""
    spine = rest.chain(joints, "spine")
    if not spine or "head" not in joints:
        return {}
    joint, above = joints["head"], joints[spine[-1]]
    while joint >= 0 and int(skeleton.parents[joint]) != above:
        joint = int(skeleton.parents[joint])
    if joint < 0 or joint == joints["head"]:
        return {}
    _, placed = skeleton.rest_globals()
    shoulders = (placed[joints["left_shoulder"]] + placed[joints["right_shoulder"]]) / 2
    away = np.linalg.norm(placed[joint] - shoulders)
    return {rest.NAPE: joint} if away < np.linalg.norm(placed[joints["head"]] - placed[joint]) else {}


def _crown(skeleton: Skeleton, joints: Mapping[str, int]) -> float:
    """How far what hangs on the head reaches on from its joint, metres, the way that the neck goes."""
    below = rest.chain(joints, "neck") or rest.chain(joints, "spine")
    if "head" not in joints or not below:
        return 0.0
    _, placed = skeleton.rest_globals()
    head = joints["head"]
    way = placed[head] - placed[joints[below[-1]]]
    on = [head]
    for joint, parent in enumerate(skeleton.parents):
        if parent in on and joint not in on:
            on.append(joint)
    return float(((placed[on] - placed[head]) @ way).max()) / max(float(np.linalg.norm(way)), 1e-9)


def prune(clip: Clip, joints: Mapping[str, int]) -> tuple[Clip, dict[str, int]]:
    """The clip with only the joints that have a role and those that carry them, and their new indices."""
    parents = clip.skeleton.parents
    keep = np.zeros(clip.skeleton.count, dtype=bool)
    for joint in joints.values():
        while joint >= 0 and not keep[joint]:
            keep[joint] = True
            joint = int(parents[joint])
    old = np.flatnonzero(keep)
    new = np.full(len(keep) + 1, -1)
    new[old] = np.arange(len(old))
    s = clip.skeleton
    skeleton = Skeleton(tuple(s.names[i] for i in old), new[parents[old]], s.offsets[old], s.rest[old])
    pruned = Clip(clip.name, skeleton, clip.fps, clip.rotations[:, old], clip.translations[:, old])
    return pruned, {role: int(new[i]) for role, i in joints.items()}
