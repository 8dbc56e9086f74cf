# SPDX-License-Identifier: GPL-3.0-or-later
"""From where the bones of a rig should be to the channels that bring them there."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from ..motion import body, quaternion
from ..motion.quaternion import Array
from . import channels, controls, root, standing, twists
from .rig import BoneKeys, Keys, Rig
from .roles import RigMap
from .target import Motion, Target, rigid


@dataclass
class Goals:
    """Where bones should be, all in the armature's space. Each kind of control adds what it is responsible for.

    turns: bone -> (frames, 4) turn from rest. heads: bone -> (frames, 3) place of its head, for those that receive a
    location; one that isn't among the turns is carried along as it is.
    """

    turns: dict[int, Array] = field(default_factory=dict)
    heads: dict[int, Array] = field(default_factory=dict)


def keys(rig: Rig, rig_map: RigMap, goal: Target, motion: Motion, limbs: Literal["fk", "ik"] = "fk") -> Keys:
    """The channels that make the rig's body do what the motion says, and hold what could disturb it.

    limbs: as in `options.Options`. Raises SkeletonProblem where what should receive the motion's way over the ground can't.
    """
    way = motion.way
    motion = root.without(motion, goal)
    goals = _of_body(rig, rig_map, goal, motion)
    goals.turns.update(twists.goals(rig, rig_map, goal, motion.turns))
    if limbs_ := controls.limbs(rig, rig_map):
        turns, heads = controls.goals(rig, limbs_, goal, _posed(rig, goal, goals))
        goals.turns.update(turns)
        goals.heads.update(heads)
    if way is not None and way.carrier == "bone":
        bone = root.bone(rig, rig_map)
        turn, goals.heads[bone] = root.turn_and_head(rig, bone, goal, way)
        if not rig.rotation_locks[bone].all():
            goals.turns[bone] = turn
    written = _written(rig, rig_map, goals, len(motion.hips))
    written = standing.bound(rig, root.received(rig, rig_map, goal, way, written))
    return replace(written, switches=controls.switches(rig_map, limbs))


def _of_body(rig: Rig, rig_map: RigMap, goal: Target, motion: Motion) -> Goals:
    """The mapped bones turn; one of them travels."""
    turns = {goal.bones[role]: turn for role, turn in motion.turns.items() if not rig.rotation_locks[goal.bones[role]].all()}
    travel = rig.index(rig_map.travel)
    # A control of the whole body, such as Rigify's torso, turns with the hips; a bone that merely has to travel in place
    # of hips that are held at its tail does not.
    if travel not in turns and not rig.connected[goal.bones["pelvis"]] and not rig.rotation_locks[travel].all():
        turns[travel] = motion.turns["pelvis"]
    return Goals(turns, {travel: _travel(rig, travel, turns, goal, goal.to_armature(motion.hips))})


def _travel(rig: Rig, travel: int, turns: Mapping[int, Array], goal: Target, places: Array) -> Array:
    """(frames, 3) where the head of the travelling bone has to be for the point between the hips to be at its places."""
    point = (goal.heads["left_hip"] + goal.heads["right_hip"]) / 2
    bone = holder(rig, goal.bones["left_hip"], turns)
    # From the hips down to the travelling bone, each bone carries the point about its own head.
    out = places.copy()
    while bone >= 0 and bone != travel:
        head = rig.rest[bone, :3, 3]
        out -= quaternion.rotate(turns[bone], np.broadcast_to(point - head, places.shape))
        point = head
        bone = holder(rig, bone, turns)
    arm = np.broadcast_to(point - rig.rest[travel, :3, 3], places.shape)
    return out - (quaternion.rotate(turns[travel], arm) if travel in turns else arm)


def _written(rig: Rig, rig_map: RigMap, goals: Goals, frames: int) -> Keys:
    """The channels for the goals, and keys of rest for what has to be held."""
    turned = set(goals.turns)
    turns = {**goals.turns, **{bone: np.tile(quaternion.IDENTITY, (frames, 1)) for bone in goals.heads if bone not in turned}}
    for bone in carried_order(rig, turns):
        above = carrier(rig, bone, turns)
        if bone not in turned and above >= 0:
            turns[bone] = turns[above]
    rotations = _rotations(rig, turns, turned)
    locations = _locations(rig, turns, goals.heads, frames)
    out: dict[str, BoneKeys] = {}
    for bone in _held(rig, rig_map, turns):
        mode = rig.modes[bone]
        still = channels.from_quaternions(quaternion.IDENTITY[None], mode)
        out[rig.names[bone]] = BoneKeys(mode, still, np.zeros((1, 3)), _size(rig, bone))
    for bone in turns:
        place = locations.get(bone, np.zeros((1, 3)) if rig.displaced[bone] else None)
        out[rig.names[bone]] = BoneKeys(rig.modes[bone], rotations.get(bone), place, _size(rig, bone))
    return Keys(frames, out, rig_map.switches)


def _size(rig: Rig, bone: int) -> Array | None:
    """One key of natural size for a bone that something else has moved or scaled; None for the others."""
    return np.ones((1, 3)) if rig.displaced[bone] else None


def _posed(rig: Rig, goal: Target, goals: Goals) -> controls.Posed:
    """The rig's body as its forward kinematics pose it."""
    frames = len(next(iter(goals.turns.values())))
    still = np.tile(quaternion.IDENTITY, (frames, 1))
    turns, joints = {}, {}
    heads = _Heads(rig, goals.turns, goals.heads, frames)
    for role, bone in goal.bones.items():
        turning = bone if bone in goals.turns else carrier(rig, bone, goals.turns)
        turns[role] = goals.turns.get(turning, still)
        joints[role] = heads.of(bone)
    return controls.Posed(turns, joints)


def carrier(rig: Rig, bone: int, turns: Mapping[int, object]) -> int:
    """The nearest turned bone that carries a bone, -1 for none: those between stay at rest."""
    return _nearest(rig.carriers, bone, turns)


def holder(rig: Rig, bone: int, turns: Mapping[int, object]) -> int:
    """The nearest turned bone that carries the head of a bone, -1 for none."""
    return _nearest(rig.parents if rig.holders is None else rig.holders, bone, turns)


def _nearest(above: np.ndarray, bone: int, turns: Mapping[int, object]) -> int:
    bone = int(above[bone])
    while bone >= 0 and bone not in turns:
        bone = int(above[bone])
    return bone


def carried_order(rig: Rig, turns: Mapping[int, object]) -> list[int]:
    """The turned bones, those that carry before those that are carried."""

    def depth(bone: int) -> int:
        above = carrier(rig, bone, turns)
        return 0 if above < 0 else 1 + depth(above)

    return sorted(turns, key=depth)


def _rotations(rig: Rig, turns: dict[int, Array], turned: set[int]) -> dict[int, Array]:
    """Channels of each turned bone: what its turn adds to that of its carrier, along its own axes.

    Locked Euler channels stay at zero; `turns` then becomes what the bone really does, so that the bones it carries
    make up for it.
    """
    for bone in carried_order(rig, turns):
        if bone in turned and rig.rotation_locks[bone].any() and len(rig.modes[bone]) == len("XYZ"):
            rows = channels.from_quaternions(_own(rig, turns, [bone])[:, 0], rig.modes[bone])
            rows[:, rig.rotation_locks[bone, 1:]] = 0.0
            above = carrier(rig, bone, turns)
            rest = quaternion.from_matrix(rigid(rig.rest[bone, :3, :3]))
            kept = quaternion.multiply(
                quaternion.multiply(rest, channels.to_quaternions(rows, rig.modes[bone])), quaternion.inverse(rest)
            )
            turns[bone] = kept if above < 0 else quaternion.multiply(turns[above], kept)
    bones = [bone for bone in turns if bone in turned]
    own = quaternion.continuous(_own(rig, turns, bones))
    out = {bone: channels.from_quaternions(own[:, i], rig.modes[bone]) for i, bone in enumerate(bones)}
    for bone, rows in out.items():
        if rows.shape[1] == len("XYZ"):
            rows[:, rig.rotation_locks[bone, 1:]] = 0.0
    return out


def _own(rig: Rig, turns: Mapping[int, Array], bones: list[int]) -> Array:
    """(frames, bones, 4) turns of bones along their own rest axes: (carrier * rest)^-1 * turn * rest.

    Rolling a rest matrix about its bone only changes the axes that this is told in.
    """
    rests = quaternion.from_matrix(rigid(rig.rest[bones, :3, :3]))
    goal = np.stack([turns[bone] for bone in bones], axis=1)
    carriers = [carrier(rig, bone, turns) for bone in bones]
    still = np.broadcast_to(quaternion.IDENTITY, goal[:, 0].shape)
    base = np.stack([still if above < 0 else turns[above] for above in carriers], axis=1)
    turned = quaternion.multiply(quaternion.multiply(quaternion.inverse(base), goal), rests)
    return quaternion.multiply(quaternion.inverse(rests), turned)


class _Heads:
    """Where the heads of bones are, what carries them included.

    turns: of the bones that are turned. wanted: places (frames, 3) of heads that are moved by locations of their own, as far
    as no lock keeps them; what these are is found in `channels`.
    """

    def __init__(self, rig: Rig, turns: Mapping[int, Array], wanted: Mapping[int, Array], frames: int) -> None:
        self._rig, self._turns, self._wanted, self._frames = rig, turns, wanted, frames
        self._known: dict[int, Array] = {}
        self.channels: dict[int, Array] = {}

    def of(self, bone: int) -> Array:
        """(frames, 3)."""
        if bone not in self._known:
            carried = self._carried(bone)
            self._known[bone] = self._moved(bone, carried) if bone in self._wanted else carried
        return self._known[bone]

    def _carried(self, bone: int) -> Array:
        rig, at = self._rig, self._rig.rest[bone, :3, 3]
        above = holder(rig, bone, {**self._turns, **self._wanted})
        if above < 0:
            return np.broadcast_to(at, (self._frames, 3))
        arm = np.broadcast_to(at - rig.rest[above, :3, 3], (self._frames, 3))
        turn = self._turn(above)
        return self.of(above) + (arm if turn is None else quaternion.rotate(turn, arm))

    def _moved(self, bone: int, carried: Array) -> Array:
        rig = self._rig
        above = carrier(rig, bone, self._turns)
        moved = self._wanted[bone] - carried
        own = moved if above < 0 else quaternion.rotate(quaternion.inverse(self._turns[above]), moved)
        axes = rigid(rig.rest[bone, :3, :3]) if rig.local_location[bone] else np.eye(3)
        rows = own @ axes
        rows[:, rig.location_locks[bone]] = 0.0
        self.channels[bone] = rows
        kept = rows @ axes.T
        return carried + (kept if above < 0 else quaternion.rotate(self._turns[above], kept))

    def _turn(self, bone: int) -> Array | None:
        """Of a bone or of what carries it."""
        turning = bone if bone in self._turns else carrier(self._rig, bone, self._turns)
        return self._turns.get(turning)


def _locations(rig: Rig, turns: Mapping[int, Array], wanted: Mapping[int, Array], frames: int) -> dict[int, Array]:
    """(frames, 3) location channels that bring heads where they are wanted."""
    heads = _Heads(rig, turns, wanted, frames)
    for bone in wanted:
        heads.of(bone)
    return heads.channels


def _held(rig: Rig, rig_map: RigMap, turns: Mapping[int, Array]) -> list[int]:
    """Bones to keep at rest: those the convention names, mapped ones the clip has nothing for, and those in between."""
    names = {
        *rig_map.held,
        *controls.held(controls.limbs(rig, rig_map)),
        *(name for role, name in rig_map.bones.items() if role not in body.FINGERS),
    }
    held = {rig.index(name) for name in names if name in rig.names}
    for bone in turns:
        above = int(rig.carriers[bone])
        between: set[int] = set()
        while above >= 0 and above not in turns:
            between.add(above)
            above = int(rig.carriers[above])
        # What lies above the whole body, such as a root bone, is the animator's to place, and what hangs between the two.
        if above >= 0 and (rig.names[bone], rig.names[above]) != (rig_map.travel, rig_map.root):
            held |= between
    locked = {bone for bone in held if rig.rotation_locks[bone].all()}
    return sorted(held - locked - set(turns))
