# SPDX-License-Identifier: GPL-3.0-or-later
"""From a clip to the keys of a rig."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np

from ..errors import SkeletonProblem
from ..motion import body, quaternion
from ..motion.clip import Clip
from ..motion.humanoid import BodyMap
from ..motion.quaternion import Array
from ..motion.skeleton import Skeleton
from . import channels, contacts, feet, rest, source
from .rest import Stance
from .rig import BoneKeys, Keys, Rig
from .roles import RigMap
from .target import Target, rigid, target

# An ankle that is never lower than this, in legs, belongs to a body that doesn't stand in this clip (a jump, a swing).
STANDING = 0.3
# Height of a standing ankle, in legs, above a floor at zero, where the clip doesn't show it.
ANKLE = 0.09


@dataclass(frozen=True)
class Options:
    """How a motion is put on a rig.

    fps: of the scene; the clip is resampled in time to it.
    heading: "rig" turns the motion so that it starts out facing where the rig faces at rest; "take" keeps the
        directions of the file, +Z being where the rig faces.
    place: "rig" starts the motion where the rig stands; "take" keeps the distance from the file's origin.
    travel: False keeps the body over its starting point ("in place"); heights remain.
    feet: True holds the feet in place on the rig while they stand in the clip; legs are then bent as that takes, so that
        they no longer point exactly where the clip's do.
    mirror: True exchanges left and right.
    loop: True for a clip whose last frame is its first one, further on (`motion.edits.loop`): feet that stand at the end
        are held where they stand at the beginning.
    """

    fps: float = 24.0
    heading: Literal["rig", "take"] = "rig"
    place: Literal["rig", "take"] = "rig"
    travel: bool = True
    feet: bool = False
    mirror: bool = False
    loop: bool = False


@dataclass(frozen=True)
class Performance:
    """What the clip's body does, facing as the options say.

    stance: of the body.
    deltas: role -> (frames, 4) turn from the stance.
    positions: role -> (frames, 3) metres.
    """

    stance: Stance
    deltas: Mapping[str, Array]
    positions: Mapping[str, Array]

    def mirrored(self) -> "Performance":
        """The same with left and right exchanged, whatever the skeleton's rest pose and axes: only turns are reflected."""

        def turns(table: Mapping[str, Array]) -> dict[str, Array]:
            return {body.mirrored(role): q * [1.0, 1.0, -1.0, -1.0] for role, q in table.items()}

        def places(table: Mapping[str, Array]) -> dict[str, Array]:
            return {body.mirrored(role): v * [-1.0, 1.0, 1.0] for role, v in table.items()}

        stance = Stance(places(self.stance.positions), turns(self.stance.rotations))
        return Performance(stance, turns(self.deltas), places(self.positions))


def retarget(clip: Clip, body_map: BodyMap, rig: Rig, rig_map: RigMap, options: Options) -> Keys:
    """The keys that make the rig move as the clip does.

    Every limb of the rig points where the clip's does, the hips rise and travel in proportion to the legs. The result
    does not depend on how the rig's bones are rolled, nor on its rest pose being T, A or anything else upright.
    Raises SkeletonProblem where clip or rig lack the parts of a body that a motion needs.
    """
    performance = perform(clip, body_map, options)
    goal = target(rig, rig_map)
    turns = goal_turns(performance, goal)
    hips = hips_path(performance, goal.stance, options)
    if options.feet:
        held = contacts.detect(performance.stance, performance.deltas, performance.positions, options.fps)
        planting = feet.plant_loop if options.loop else feet.plant
        turns, hips = planting(held, goal, turns, hips, options.fps)
    if not options.travel:
        hips[:, [0, 2]] = hips[0, [0, 2]]
    return _keys(rig, rig_map, goal, turns, hips)


def perform(clip: Clip, body_map: BodyMap, options: Options) -> Performance:
    """The clip's body in every frame of the scene."""
    rest.require(body_map.joints, clip.name)
    pruned, joints = prune(clip, body_map.joints)
    sampled = pruned.resampled(options.fps)
    rotations, positions = sampled.globals()
    stance = source.stance(sampled.skeleton, rotations, positions, options.fps, joints)
    placed = {role: positions[:, i] for role, i in joints.items()}
    if options.heading == "rig":
        heading = rest.facing({role: v[0] for role, v in placed.items()})
        placed = {role: quaternion.rotate(heading, v) for role, v in placed.items()}
        rotations = quaternion.multiply(heading, rotations)
    roles = list(joints)
    back = quaternion.inverse(np.stack([stance.rotations[role] for role in roles]))
    deltas = quaternion.multiply(rotations[:, [joints[role] for role in roles]], back)
    performance = Performance(stance, {role: deltas[:, i] for i, role in enumerate(roles)}, placed)
    return performance.mirrored() if options.mirror else performance


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


def goal_turns(performance: Performance, goal: Target) -> dict[str, Array]:
    """role -> (frames, 4) turn of each of the rig's bones from rest, in the armature's space.

    Roles the clip's body doesn't have are left out: those bones stay as they are on whatever carries them.
    """
    aligned = rest.align(performance.stance, goal.stance)
    deltas = {role: _delta(role, performance.deltas, goal.bones) for role in rest.hierarchy(goal.bones)}
    found = {role: delta for role, delta in deltas.items() if delta is not None}
    roles = list(found)
    turns = quaternion.multiply(np.stack(list(found.values()), axis=1), np.stack([aligned[role] for role in roles]))
    turns = goal.turn_to_armature(turns)
    # Exact also where the clip stretches its bones or the rig's object is scaled unevenly.
    limbs = [(roles.index(a), a, b) for limb in rest.LIMBS for a, b in pairwise(limb)]
    at = [i for i, _, _ in limbs]
    way = goal.to_armature(np.stack([performance.positions[b] - performance.positions[a] for _, a, b in limbs], axis=1))
    now = quaternion.rotate(turns[:, at], np.broadcast_to([goal.heads[b] - goal.heads[a] for _, a, b in limbs], way.shape))
    turns[:, at] = quaternion.multiply(quaternion.between(now, way), turns[:, at])
    return {role: turns[:, i] for i, role in enumerate(roles)}


def _delta(role: str, deltas: Mapping[str, Array], bones: Mapping[str, int]) -> Array | None:
    """What the clip's body does at a role, (frames, 4); spines and necks of other lengths share out the same bend."""
    for part, above in (("spine", None), ("neck", "head")):
        if role.startswith(part):
            own, theirs = rest.chain(bones, part), rest.chain(deltas, part)
            base = "pelvis" if part == "spine" else (rest.chain(deltas, "spine") or ["pelvis"])[-1]
            if not theirs:
                theirs = [above] if above and above in deltas else [base]
                # Without a neck of its own, the clip's head bends the rig's neck with it, not all of it at its top.
                at = (own.index(role) + 1) / (len(own) + (above is not None))
            else:
                at = (own.index(role) + 1) / len(own)
            return _along([deltas[base], *(deltas[name] for name in theirs)], at)
    return deltas.get(role)


def _along(turns: list[Array], share: float) -> Array:
    """Rotation at a share (0..1) of the way along a chain of rotations, each (frames, 4)."""
    at = share * (len(turns) - 1)
    low = min(int(at), len(turns) - 2)
    if at - low > 1 - 1e-9:
        return turns[low + 1]
    return quaternion.slerp(turns[low], turns[low + 1], np.full(len(turns[low]), at - low))


def hips_path(performance: Performance, standing: Stance, options: Options) -> Array:
    """Where the point between the rig's hip joints goes, travelling, (frames, 3) in the stance's space.

    Heights are counted from where the ankles stand, so that feet that stand do so on the rig as well.
    """
    places = performance.positions
    hips = (places["left_hip"] + places["right_hip"]) / 2
    leg = _leg(places)
    ratio = standing.leg / leg
    ankles = np.minimum(places["left_ankle"][:, 1], places["right_ankle"][:, 1])
    lowest = float(np.percentile(ankles, 2))
    if lowest > STANDING * leg:
        lowest = ANKLE * leg
    floor = (standing.positions["left_ankle"][1] + standing.positions["right_ankle"][1]) / 2
    path = hips * ratio
    if options.place == "rig":
        path += (standing.hips - path[0]) * [1.0, 0.0, 1.0]
    path[:, 1] = floor + (hips[:, 1] - lowest) * ratio
    return path


def _leg(places: Mapping[str, Array]) -> float:
    """Length of thigh and shin, mean over frames and both legs; SkeletonProblem if there is none."""
    parts = [(f"{side}_{a}", f"{side}_{b}") for side in ("left", "right") for a, b in (("hip", "knee"), ("knee", "ankle"))]
    length = sum(float(np.mean(np.linalg.norm(places[a] - places[b], axis=-1))) for a, b in parts) / 2
    if length < 1e-6:
        raise SkeletonProblem("The legs of the clip's skeleton have no length.")
    return length


def _keys(rig: Rig, rig_map: RigMap, goal: Target, turns: Mapping[str, Array], hips: Array) -> Keys:
    """Turns in the armature's space as channels of the bones."""
    deltas = {goal.bones[role]: turn for role, turn in turns.items() if not rig.rotation_locks[goal.bones[role]].all()}
    travel = rig.index(rig_map.travel)
    # A control of the whole body, such as Rigify's torso, turns with the hips; a bone that merely has to travel in place
    # of hips that are held at its tail does not.
    if travel not in deltas and not rig.connected[goal.bones["pelvis"]] and not rig.rotation_locks[travel].all():
        deltas[travel] = turns["pelvis"]
    written = _rotations(rig, deltas)
    location = _location(rig, travel, deltas, goal, hips)
    out: dict[str, BoneKeys] = {}
    for bone in _held(rig, rig_map, deltas, travel):
        mode = rig.modes[bone]
        still = channels.from_quaternions(quaternion.IDENTITY[None], mode)
        out[rig.names[bone]] = BoneKeys(mode, still, np.zeros((1, 3)), _size(rig, bone))
    for bone, rotation in written.items():
        place = location if bone == travel else np.zeros((1, 3)) if rig.displaced[bone] else None
        out[rig.names[bone]] = BoneKeys(rig.modes[bone], rotation, place, _size(rig, bone))
    if travel not in written:
        out[rig.names[travel]] = BoneKeys(rig.modes[travel], None, location, _size(rig, travel))
    return Keys(len(hips), out, rig_map.switches)


def _size(rig: Rig, bone: int) -> Array | None:
    """One key of natural size for a bone that something else has moved or scaled; None for the others."""
    return np.ones((1, 3)) if rig.displaced[bone] else None


def carrier(rig: Rig, bone: int, deltas: Mapping[int, object]) -> int:
    """The nearest turned bone that carries a bone, -1 for none: those between stay at rest."""
    bone = int(rig.carriers[bone])
    while bone >= 0 and bone not in deltas:
        bone = int(rig.carriers[bone])
    return bone


def _rotations(rig: Rig, deltas: dict[int, Array]) -> dict[int, Array]:
    """Channels of each turned bone: what its delta adds to that of its carrier, along its own axes.

    Locked Euler channels stay at zero; `deltas` then becomes what the bone really does, so that the bones it carries
    make up for it.
    """
    for bone in carried_order(rig, deltas):
        if rig.rotation_locks[bone].any() and len(rig.modes[bone]) == len("XYZ"):
            rows = channels.from_quaternions(_own(rig, deltas, [bone])[:, 0], rig.modes[bone])
            rows[:, rig.rotation_locks[bone, 1:]] = 0.0
            above = carrier(rig, bone, deltas)
            turn = quaternion.from_matrix(rigid(rig.rest[bone, :3, :3]))
            kept = quaternion.multiply(
                quaternion.multiply(turn, channels.to_quaternions(rows, rig.modes[bone])), quaternion.inverse(turn)
            )
            deltas[bone] = kept if above < 0 else quaternion.multiply(deltas[above], kept)
    bones = list(deltas)
    own = quaternion.continuous(_own(rig, deltas, bones))
    out = {bone: channels.from_quaternions(own[:, i], rig.modes[bone]) for i, bone in enumerate(bones)}
    for bone, rows in out.items():
        if rows.shape[1] == len("XYZ"):
            rows[:, rig.rotation_locks[bone, 1:]] = 0.0
    return out


def _own(rig: Rig, deltas: Mapping[int, Array], bones: list[int]) -> Array:
    """(frames, bones, 4) turns of bones along their own rest axes: (carrier * rest)^-1 * delta * rest.

    Rolling a rest matrix about its bone only changes the axes that this is told in.
    """
    rests = quaternion.from_matrix(rigid(rig.rest[bones, :3, :3]))
    goal = np.stack([deltas[bone] for bone in bones], axis=1)
    carriers = [carrier(rig, bone, deltas) for bone in bones]
    still = np.broadcast_to(quaternion.IDENTITY, goal[:, 0].shape)
    base = np.stack([still if above < 0 else deltas[above] for above in carriers], axis=1)
    turned = quaternion.multiply(quaternion.multiply(quaternion.inverse(base), goal), rests)
    return quaternion.multiply(quaternion.inverse(rests), turned)


def carried_order(rig: Rig, deltas: Mapping[int, object]) -> list[int]:
    """The turned bones, those that carry before those that are carried."""

    def depth(bone: int) -> int:
        above = carrier(rig, bone, deltas)
        return 0 if above < 0 else 1 + depth(above)

    return sorted(deltas, key=depth)


def _location(rig: Rig, travel: int, deltas: Mapping[int, Array], goal: Target, hips: Array) -> Array:
    """(frames, 3) location channels that bring the point between the hips where it belongs."""
    places = goal.to_armature(hips)
    point = (goal.heads["left_hip"] + goal.heads["right_hip"]) / 2
    bone = carrier(rig, goal.bones["left_hip"], deltas)
    # From the hips down to the travelling bone, each bone carries the point about its own head.
    reach = np.zeros_like(places)
    while bone >= 0 and bone != travel:
        head = rig.rest[bone, :3, 3]
        reach += quaternion.rotate(deltas[bone], np.broadcast_to(point - head, places.shape))
        point = head
        bone = carrier(rig, bone, deltas)
    head = rig.rest[travel, :3, 3]
    arm = np.broadcast_to(point - head, places.shape)
    moved = places - reach - (quaternion.rotate(deltas[travel], arm) if travel in deltas else arm) - head
    if rig.local_location[travel]:
        moved = moved @ rigid(rig.rest[travel, :3, :3])
    moved[:, rig.location_locks[travel]] = 0.0
    return moved


def _held(rig: Rig, rig_map: RigMap, deltas: Mapping[int, Array], travel: int) -> list[int]:
    """Bones to keep at rest: those the convention names, mapped ones the clip has nothing for, and those in between."""
    names = {*rig_map.held, *(name for role, name in rig_map.bones.items() if role not in body.FINGERS)}
    held = {rig.index(name) for name in names if name in rig.names}
    for bone in deltas:
        above = int(rig.carriers[bone])
        between: set[int] = set()
        while above >= 0 and above not in deltas:
            between.add(above)
            above = int(rig.carriers[above])
        # What lies above the whole body, such as a root bone, is the animator's to place.
        if above >= 0:
            held |= between
    locked = {bone for bone in held if rig.rotation_locks[bone].all()}
    return sorted(held - locked - set(deltas) - {travel})
