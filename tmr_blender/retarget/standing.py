# SPDX-License-Identifier: GPL-3.0-or-later
"""Rigs whose rest pose is no body: armatures of motion files, with every bone along one axis or the legs upwards.

Nothing can be told from such a rest pose about which way knees bend or soles lie. What the rig shows can: a pose in which it
stands, or a motion of its own, from which `source` puts a stance together by anatomy. The rig is then solved as if that
stance were its rest pose, and the channels that lead from the one to the other are put before those of the motion.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from ..errors import SkeletonProblem
from ..motion import quaternion
from ..motion.quaternion import Array
from ..motion.skeleton import Skeleton
from . import channels, rest, source
from .rest import UP, Stance
from .rig import BoneKeys, Keys, Rig
from .roles import RigMap
from .target import Target, rigid, target

# Of a motion of the rig's own, frames in which it has to be seen standing upright.
LEAST_UPRIGHT = 5
# Cosine of the most that limbs are bent, or legs slanted, in a pose to start from; heights of ankles are the same within this
# share of the leg.
STRAIGHT, LEVEL = 0.9, 0.05
# Of a matrix (the armature's unit, and about radians): below this a bone is as it is at rest.
SAME = 1e-9
# Share of heights of the lower ankle that are taken to be below the floor.
LOWEST = 2


def needed(goal: Target) -> bool:
    """Whether the rest pose of a rig is no body."""
    return not rest.upright(goal.stance.positions)


def refusal(rig: Rig) -> SkeletonProblem:
    """What to say where nothing shows how the rig stands."""
    return SkeletonProblem(
        f"The rest pose of “{rig.name}” is no standing body, so nothing tells which way its joints bend: "
        "pose the rig in a T or A pose, then Apply again."
    )


def by_pose(rig: Rig, rig_map: RigMap, matrices: Array) -> Rig | None:
    """The rig with a pose for its rest, as far as its mapped bones go; None where that is no T or A pose or the like.

    matrices: (bones, 4, 4) in the armature's space.
    """
    turned = {role: quaternion.from_matrix(rigid(matrices[rig.index(name), :3, :3])) for role, name in rig_map.bones.items()}
    out = _stood(rig, rig_map, turned)
    thigh = rig.index(rig_map.bones["left_hip"])
    out = _raised(out, rig, rig_map, matrices[thigh, :3, 3] - out.rest[thigh, :3, 3])
    return out if _deliberate(target(out, rig_map).stance) else None


def by_motion(rig: Rig, rig_map: RigMap, matrices: Array, fps: float) -> Rig | None:
    """The rig with the stance for its rest that its own motion shows; None where that is never seen standing upright.

    matrices: (frames, bones, 4, 4) in the armature's space. The stance faces as files do: +Z of an armature with Y up,
    -Y of one with Z up.
    """
    joints = {role: rig.index(name) for role, name in rig_map.bones.items()}
    if any(role not in joints for role in rest.NEEDED):
        return None
    up = _upward(rig)
    placed = quaternion.rotate(up, matrices[:, :, :3, 3])
    if _upright({role: placed[:, i] for role, i in joints.items()}) < LEAST_UPRIGHT:
        return None
    turned = quaternion.multiply(up, quaternion.from_matrix(rigid(matrices[:, :, :3, :3])))
    found = source.stance(_skeleton(rig, up), turned, placed, fps, joints)
    back = quaternion.inverse(up)
    out = _stood(rig, rig_map, {role: quaternion.multiply(back, q) for role, q in found.rotations.items()})
    ankles = [joints[f"{side}_ankle"] for side in ("left", "right")]
    floor = float(np.percentile(placed[:, ankles, 1].min(axis=1), LOWEST))
    height = float(np.mean(quaternion.rotate(up, out.rest[ankles, :3, 3])[:, 1]))
    return _raised(out, rig, rig_map, quaternion.rotate(back, (floor - height) * UP))


def by_channels(rig: Rig, rig_map: RigMap, stance: Mapping[str, Array]) -> Rig | None:
    """The rig with a stance for its rest that keys were told from before; None where that is no body on this rig.

    stance: as in `rig.Keys`.
    """
    now = rig.rest.copy()
    for bone, name in enumerate(rig.names):
        now[bone] = _carried(rig, rig.rest, now, bone)
        if name in stance:
            own = np.eye(4)
            own[:3, :3] = quaternion.to_matrix(quaternion.normalise(stance[name][:4]))
            own[:3, 3] = stance[name][4:]
            now[bone] = now[bone] @ own
    out = _with_rest(rig, now)
    return None if needed(target(out, rig_map)) else out


def bound(rig: Rig, keys: Keys) -> Keys:
    """Keys for a rig that stands, told from the armature's own rest pose, and the stance beside them."""
    if rig.bind is None:
        return keys
    first = np.array([_first(rig, bone) for bone in range(rig.count)])
    moved = np.flatnonzero(np.abs(first - np.eye(4)).max(axis=(1, 2)) > SAME)
    turns = quaternion.from_matrix(rigid(first[:, :3, :3]))
    return replace(
        keys,
        bones={name: _bound(rig, rig.index(name), bone) for name, bone in keys.bones.items()},
        stance={rig.names[bone]: np.concatenate([turns[bone], first[bone, :3, 3]]) for bone in moved},
    )


def lying(rig: Rig) -> Rig:
    """The rig with the rest pose that the armature really has."""
    return rig if rig.bind is None else replace(rig, rest=rig.bind, bind=None)


def _bound(rig: Rig, bone: int, keys: BoneKeys) -> BoneKeys:
    assert rig.bind is not None
    first, carried = _first(rig, bone), _carried(rig, rig.bind, rig.rest, bone)
    turn = quaternion.from_matrix(rigid(first[:3, :3]))
    rotation, location = keys.rotation, keys.location
    if rotation is not None:
        own = quaternion.multiply(turn, channels.to_quaternions(rotation, keys.mode))
        rotation = channels.from_quaternions(own, keys.mode)
    if location is not None and rig.local_location[bone]:
        location = quaternion.rotate(turn, location) + first[:3, 3]
    elif location is not None:
        # Along the axes of what carries the bone, which is turned from its own rest.
        back = rig.bind[bone, :3, :3] @ np.linalg.inv(carried[:3, :3])
        location = (location + rig.rest[bone, :3, 3] - carried[:3, 3]) @ rigid(back).T
    return replace(keys, rotation=rotation, location=location)


def _first(rig: Rig, bone: int) -> Array:
    """(4, 4) what a bone does along its own axes in the stance."""
    assert rig.bind is not None
    out: Array = np.linalg.inv(_carried(rig, rig.bind, rig.rest, bone)) @ rig.rest[bone]
    return out


def _carried(rig: Rig, from_rest: Array, now: Array, bone: int) -> Array:
    """(4, 4) where a bone is that is at rest itself, on what carries it now. from_rest, now: (bones, 4, 4)."""
    parent = int(rig.parents[bone])
    if parent < 0:
        return from_rest[bone]
    out: Array = now[parent] @ np.linalg.inv(from_rest[parent]) @ from_rest[bone]
    if rig.carriers[bone] < 0:
        out[:3, :3] = from_rest[bone, :3, :3]
    return out


def _stood(rig: Rig, rig_map: RigMap, turned: Mapping[str, Array]) -> Rig:
    """The rig with its mapped bones turned as they should be, (4,) in the armature's space, and the others carried along."""
    goals = {rig.index(name): turned[role] for role, name in rig_map.bones.items() if role in turned}
    now = rig.rest.copy()
    for bone in range(rig.count):
        now[bone] = _carried(rig, rig.rest, now, bone)
        if bone in goals and not rig.rotation_locks[bone].all():
            now[bone, :3, :3] = quaternion.to_matrix(goals[bone])
    return _with_rest(rig, now)


def _with_rest(rig: Rig, now: Array) -> Rig:
    """The rig with other matrices for its rest."""
    chains = []
    for chain in rig.chains:
        moved, root = (now[i] @ np.linalg.inv(rig.rest[i]) for i in (rig.index(chain.bone), rig.index(chain.root)))
        chains.append(replace(chain, tip=moved[:3, :3] @ chain.tip + moved[:3, 3], axis=root[:3, :3] @ chain.axis))
    return replace(rig, rest=now, bind=rig.rest, chains=tuple(chains))


def _raised(stood: Rig, rig: Rig, rig_map: RigMap, way: Array) -> Rig:
    """The rig that stands, lifted by the part of a way (3,) that is upwards: by the bone that carries its body."""
    travel = rig.index(rig_map.travel)
    if rig.connected[travel]:
        return stood
    up = quaternion.rotate(quaternion.inverse(_upward(rig)), UP)
    on = {travel}
    for bone, parent in enumerate(rig.parents):
        if int(parent) in on:
            on.add(bone)
    now = stood.rest.copy()
    now[sorted(on), :3, 3] += (way @ up) * up
    lifted = [replace(chain, tip=chain.tip + (way @ up) * up) for chain in stood.chains]
    return replace(stood, rest=now, chains=tuple(lifted))


def _deliberate(stance: Stance) -> bool:
    """Whether a pose is meant for one to start from, and not a moment of a motion: limbs straight, legs down, feet level."""
    if not rest.stands(stance.positions):
        return False
    straight = min(float(stance.toward(a, b) @ stance.toward(b, c)) for a, b, c in rest.LIMBS)
    down = min(float(-stance.toward(hip, ankle) @ UP) for hip, _, ankle in rest.LIMBS[1::2])
    apart = float((stance.positions["left_ankle"] - stance.positions["right_ankle"]) @ UP)
    return straight > STRAIGHT and down > STRAIGHT and abs(apart) < LEVEL * stance.leg


def _upward(rig: Rig) -> Array:
    """The turn (4,) that brings the armature's axis that is upwards in the world onto +Y."""
    axis = int(np.argmax(np.abs(rig.world[1, :3])))
    return quaternion.between(np.eye(3)[axis] * np.sign(rig.world[1, axis]), UP)


def _upright(places: Mapping[str, Array]) -> int:
    """In how many frames a body stands upright. places: role -> (frames, 3)."""
    heading = rest.facing(places)
    faced = {role: quaternion.rotate(heading, place) for role, place in places.items()}
    return sum(rest.upright({role: place[i] for role, place in faced.items()}) for i in range(len(heading)))


def _skeleton(rig: Rig, up: Array) -> Skeleton:
    """The bones at rest as a skeleton, turned by `up`."""
    turned = quaternion.multiply(up, quaternion.from_matrix(rigid(rig.rest[:, :3, :3])))
    placed = quaternion.rotate(up, rig.rest[:, :3, 3])
    roots = rig.parents < 0
    back = quaternion.inverse(turned[rig.parents])
    offsets = np.where(roots[:, None], placed, quaternion.rotate(back, placed - placed[rig.parents]))
    local = np.where(roots[:, None], turned, quaternion.multiply(back, turned))
    return Skeleton(rig.names, rig.parents, offsets, local)
