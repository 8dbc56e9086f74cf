# SPDX-License-Identifier: GPL-3.0-or-later
"""The way of a body over the ground, for a root bone or the rig's object to receive.

The way is where the point on the floor below the hips goes, and the body's heading, both smoothed: a root that sways with
every step is of no use to a game engine, nor to who edits it. What is left of the motion stays with the hips, so that the
character moves exactly as it does without.

The character goes on from where it stands: root bone and object keep the place, turn and size that they have, and the way
is added to it.
"""

from dataclasses import replace
from itertools import pairwise

import numpy as np

from ..errors import SkeletonProblem
from ..motion import quaternion
from ..motion.quaternion import Array
from . import channels, rest
from .options import Options
from .rest import UP
from .rig import BoneKeys, Keys, Placed, Rig
from .roles import RigMap
from .target import Motion, Target, Way, rigid

# Hertz at which a sway keeps half of its power in the way: people make about one double step a second, and sway with it.
CUT_OFF = 0.35
# How far out the bell of the filter is followed, in standard deviations.
REACH = 3.5
# A body is upright while its trunk leans by less than the angle of this cosine.
UPRIGHT = 0.5
# Of the line across the body, the share that is level, below which it says nothing about the heading.
LEVEL = 0.5
# Seconds in which the way comes to the body where a motion begins away from where the rig stands, in a pose taken over.
CATCH_UP = 1.0
# Turns (1 is a right angle) and places (armature's units) are the same within this.
SAME = 1e-4


def chosen(motion: Motion, goal: Target, options: Options) -> Motion:
    """The motion with the way that the options want to be given to a root bone or the object.

    Raises SkeletonProblem where an object is scaled so that turning it would deform the body otherwise than turning its bones.
    """
    if options.root == "hips" or not options.travel:
        return replace(motion, way=None)
    if options.root == "object" and options.feet and not _turns_freely(goal):
        raise SkeletonProblem(
            "The rig is scaled unevenly over the ground, so planted feet can't be held while the object turns: "
            "give the motion to the hips or a root bone instead, or apply the scale."
        )
    floor = [1.0, 0.0, 1.0]
    home = goal.stance.hips * floor
    places, angles = motion.hips * floor, heading(*_across(motion, goal))
    smoothed = _smooth_loop if options.loop else smooth
    rows = smoothed(np.concatenate([places, angles[:, None]], axis=1), options.fps)
    start = np.concatenate([home, [0.0]])
    kept = np.array([options.place == "take"] * 3 + [options.heading == "take"])
    start[kept] = rows[0, kept]
    rows = _from(rows, start) if options.loop else rows - _fading(len(rows), options.fps)[:, None] * (rows[0] - start)
    return replace(motion, way=Way(options.root, rows[:, :3], rows[:, 3]))


def _across(motion: Motion, goal: Target) -> tuple[Array, Array]:
    """The lines across the body and up the trunk, (frames, 3) each in the stance's space: the means of hips and chest."""
    parts = [motion.turns[role] for role in ("pelvis", (rest.chain(motion.turns, "spine") or ["pelvis"])[-1])]
    both = quaternion.multiply(goal.turn, np.stack(parts))
    own = quaternion.rotate(quaternion.inverse(goal.turn), np.stack([rest.LEFT, UP]))
    left, up = (np.sum(quaternion.rotate(both, np.broadcast_to(v, both[..., :3].shape)), axis=0) for v in own)
    return left, up


def heading(across: Array, trunk: Array) -> Array:
    """Where a body faces, (frames,) radians about Y from +Z, continuous over full turns.

    across: (frames, 3) from its right to its left, trunk: up its back; Y up, any length. While the body is bent over, lies, or
    is upside down, only the line across counts and not which end of it is the left one, so that neither a cartwheel nor
    rolling on the floor turns it over; where that line is upright as well, the heading goes over to the next one that is known.
    If the body then rises another way round, the difference is spread over that time.
    """
    angle = -np.arctan2(across[:, 2], across[:, 0])
    level = np.hypot(across[:, 0], across[:, 2]) > LEVEL * np.linalg.norm(across, axis=-1)
    level[0] = True
    upright = level & (trunk[:, 1] > UPRIGHT * np.linalg.norm(trunk, axis=-1))
    upright[0] = True
    at = np.arange(len(angle))
    out: Array = np.interp(at, at[level], np.unwrap(angle[level], period=np.pi))
    # By how much the line has led astray when it is known again.
    wrong = np.unwrap(np.unwrap(angle[upright]) - out[upright])
    out += np.interp(at, at[upright], wrong)
    return out


def smooth(values: Array, fps: float) -> Array:
    """Values (frames, n) without what is faster than `CUT_OFF`: convolved with a Gaussian, so without lag or overshoot.

    Beyond its ends the motion is taken to go on point-symmetrically, which leaves the first and the last value as they are.
    """
    weights = _bell(fps)
    if len(values) < 2:
        return values.copy()
    reach = len(weights) // 2
    return _convolved(np.pad(values, ((reach, reach), (0, 0)), mode="reflect", reflect_type="odd"), weights)


def _smooth_loop(rows: Array, fps: float) -> Array:
    """A way (frames, 4), x y z and heading, whose end is its beginning further on, smoothed as if it went on for ever."""
    weights = _bell(fps)
    frames = len(rows) - 1
    if frames < 1:
        return rows.copy()
    rounds = -(-(len(weights) // 2) // frames)
    step = _after(rows[-1], _undone(rows[0]))
    longer = [rows[:-1]]
    for _ in range(rounds):
        longer = [_after(_undone(step), longer[0]), *longer, _after(step, longer[-1])]
    longer.append(_after(step, longer[-1])[:1])
    reach = len(weights) // 2
    whole = np.concatenate(longer)
    first = rounds * frames - reach
    return _convolved(whole[first : first + len(rows) + 2 * reach], weights)


def _from(rows: Array, start: Array) -> Array:
    """A way (frames, 4) seen from a point of the body at which it begins at `start`."""
    return _after(rows, _after(_undone(rows[0]), start))


def _after(second: Array, first: Array) -> Array:
    """Ways or steps (..., 4), x y z and heading, one after the other as turns and shifts of the floor."""
    turned = quaternion.rotate(_about_up(second[..., 3]), first[..., :3])
    return np.concatenate([turned + second[..., :3], (second[..., 3] + first[..., 3])[..., None]], axis=-1)


def _undone(step: Array) -> Array:
    """The step (4,) back."""
    return np.concatenate([-quaternion.rotate(_about_up(-step[3]), step[:3]), [-step[3]]])


def _about_up(angle: Array) -> Array:
    return quaternion.from_axis_angle(np.broadcast_to(UP, (*np.shape(angle), 3)), np.asarray(angle))


def _fading(frames: int, fps: float) -> Array:
    """(frames,) from 1 to 0 within `CATCH_UP`."""
    share = np.minimum(np.arange(frames) / (CATCH_UP * fps), 1.0)
    out: Array = 1.0 - share * share * (3.0 - 2.0 * share)
    return out


def _bell(fps: float) -> Array:
    deviation = np.sqrt(np.log(2.0)) / (2 * np.pi * CUT_OFF) * fps
    reach = max(1, int(np.ceil(REACH * deviation)))
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / deviation) ** 2)
    out: Array = weights / weights.sum()
    return out


def _convolved(values: Array, weights: Array) -> Array:
    return np.stack([np.convolve(column, weights, mode="valid") for column in values.T], axis=-1)


def without(motion: Motion, goal: Target) -> Motion:
    """What is left of a motion for the bones where the object goes the way."""
    way = motion.way
    if way is None or way.carrier != "object":
        return motion
    home = goal.stance.hips * [1.0, 0.0, 1.0]
    back = _about_up(-way.heading)
    own = goal.turn_to_armature(back)
    turns = {role: quaternion.multiply(own, turn) for role, turn in motion.turns.items()}
    if not _turns_freely(goal):
        # Bones don't deform with the object's scale as the ground would have them: limbs are pointed once more.
        for a, b in (pair for limb in rest.LIMBS for pair in pairwise(limb)):
            bone = np.broadcast_to(goal.heads[b] - goal.heads[a], motion.hips.shape)
            pointed = quaternion.rotate(goal.turn, quaternion.rotate(motion.turns[a], bone) @ goal.stretch)
            wanted = goal.to_armature(quaternion.rotate(back, pointed))
            turns[a] = quaternion.multiply(quaternion.between(quaternion.rotate(turns[a], bone), wanted), turns[a])
    return replace(motion, turns=turns, hips=quaternion.rotate(back, motion.hips - way.places) + home)


def _turns_freely(goal: Target) -> bool:
    """Whether the object's scale is the same in all directions over the ground."""
    turned = quaternion.to_matrix(goal.turn) @ goal.stretch @ quaternion.to_matrix(goal.turn).T
    quarter = quaternion.to_matrix(_about_up(np.array(np.pi / 2)))
    return bool(np.abs(quarter @ turned @ quarter.T - turned).max() < SAME * np.abs(turned).max())


def bone(rig: Rig, rig_map: RigMap) -> int:
    """The root bone. Raises SkeletonProblem where the rig has none, or has one that does not carry the body."""
    if not rig_map.root or rig_map.root in (rig_map.travel, *rig_map.bones.values()):
        raise SkeletonProblem(
            f"“{rig.name}” has no root bone below its hips: give the motion to the hips or to the object instead."
        )
    index = rig.index(rig_map.root)
    if index not in _above(rig, rig.index(rig_map.travel)):
        raise SkeletonProblem(
            f"The bone “{rig_map.root}” of “{rig.name}” does not carry “{rig_map.travel}”: "
            "give the motion to the hips or to the object instead."
        )
    return index


def turn_and_head(rig: Rig, index: int, goal: Target, way: Way) -> tuple[Array, Array]:
    """Where a root bone has to be, in the armature's space: its turn from rest (frames, 4) and its head (frames, 3)."""
    step = _about_up(way.heading)
    arm = quaternion.rotate(goal.turn, goal.stretch @ rig.rest[index, :3, 3]) - goal.stance.hips * [1.0, 0.0, 1.0]
    head = quaternion.rotate(step, np.broadcast_to(arm, way.places.shape)) + way.places
    return goal.turn_to_armature(step), goal.to_armature(head)


def received(rig: Rig, rig_map: RigMap, goal: Target, way: Way | None, keys: Keys) -> Keys:
    """The keys with what the way adds: a root bone keyed from rest goes on from where it is posed, or the object moves.

    Raises SkeletonProblem where locks, constraints or scales keep it from that.
    """
    if way is None:
        return keys
    if way.carrier == "object":
        return replace(keys, object=_on_object(rig, rig_map, goal, way))
    return replace(keys, bones={**keys.bones, rig_map.root: _on_bone(rig, rig_map, keys.bones[rig_map.root])})


def _on_bone(rig: Rig, rig_map: RigMap, keys: BoneKeys) -> BoneKeys:
    """The keys of a root bone that go on from its pose, where these are from its rest."""
    index = rig.index(rig_map.root)
    frames = max(len(rows) for rows in (keys.rotation, keys.location) if rows is not None)
    still = rig.posed.get(
        rig.names[index], Placed(keys.mode, channels.from_quaternions(quaternion.IDENTITY[None], keys.mode)[0])
    )
    own = np.tile(np.eye(4), (frames, 1, 1))
    if keys.rotation is not None:
        own[:, :3, :3] = quaternion.to_matrix(channels.to_quaternions(keys.rotation, keys.mode))
    axes = np.eye(3) if rig.local_location[index] else rigid(rig.rest[index, :3, :3]).T
    if keys.location is not None:
        own[:, :3, 3] = keys.location @ axes.T
    step = _of_body(rig, rig_map, rig.rest[index] @ own @ np.linalg.inv(rig.rest[index]))
    under = _displacement(rig, int(rig.carriers[index])) @ rig.rest[index]
    step = np.linalg.inv(under) @ step @ under
    turn = quaternion.from_matrix(rigid(step[:, :3, :3]))
    turn = quaternion.multiply(turn, channels.to_quaternions(still.rotation[None], keys.mode))
    places = (step @ _matrix(rig, index))[:, :3, 3] @ axes
    out = _rows(still, turn, places, f"The bone “{rig_map.root}”")
    return out if keys.rotation is not None else replace(out, rotation=None)


def _on_object(rig: Rig, rig_map: RigMap, goal: Target, way: Way) -> BoneKeys:
    """The keys of the object: from where it stands it goes the way."""
    still = rig.object
    if still.obstacle:
        raise SkeletonProblem(
            f"“{rig.name}” is moved by {still.obstacle}, which keys on the object would not get past: "
            "give the motion to the hips or a root bone instead."
        )
    step = _about_up(way.heading)
    flat = np.tile(np.eye(4), (len(step), 1, 1))
    # In the armature's space, in which the object may be scaled.
    turn, stretch = quaternion.to_matrix(goal.turn), goal.stretch
    flat[:, :3, :3] = np.linalg.inv(stretch) @ turn.T @ quaternion.to_matrix(step) @ turn @ stretch
    home = goal.stance.hips * [1.0, 0.0, 1.0]
    flat[:, :3, 3] = goal.to_armature(way.places - quaternion.rotate(step, np.broadcast_to(home, way.places.shape)))
    moved = _of_body(rig, rig_map, flat)
    scaled = still.scale[:, None] * moved[:, :3, :3] / still.scale
    if np.abs(rigid(scaled) - scaled).max() > SAME:
        raise SkeletonProblem(
            f"“{rig.name}” is scaled unevenly by its parent or by a posed bone, and would be deformed if the object turned: "
            "give the motion to the hips or a root bone instead."
        )
    now = channels.to_quaternions(still.rotation[None], still.mode)
    axes = quaternion.to_matrix(quaternion.multiply(still.before, now[0])) * still.scale
    return _rows(
        still,
        quaternion.multiply(now, quaternion.from_matrix(rigid(scaled))),
        still.location + moved[:, :3, 3] @ axes.T,
        f"The object “{rig.name}”",
    )


def _rows(still: Placed, turns: Array, places: Array, what: str) -> BoneKeys:
    """Channels that begin with the very numbers that are there now. Raises SkeletonProblem for those that are locked."""
    rotation = channels.near(channels.from_quaternions(turns, still.mode), still.rotation, still.mode)
    euler = rotation.shape[1] == len("XYZ")
    locks = still.rotation_locks[1:] if euler else np.full(4, still.rotation_locks[1:].all())
    for rows, now, locked in ((rotation, still.rotation, locks), (places, still.location, still.location_locks)):
        if np.abs(rows - now)[:, locked].max(initial=0.0) > SAME:
            raise SkeletonProblem(
                f"{what} has locked channels that the motion needs: unlock them, or give it to the hips instead."
            )
        rows[:, locked] = now[locked]
    return BoneKeys(still.mode, rotation, places)


def _of_body(rig: Rig, rig_map: RigMap, step: Array) -> Array:
    """Steps (frames, 4, 4) of a body at rest, in the armature's space, for the body where posed bones above it have put it."""
    where = _displacement(rig, int(rig.carriers[rig.index(rig_map.travel)]))
    out: Array = where @ step @ np.linalg.inv(where)
    return out


def _above(rig: Rig, index: int) -> list[int]:
    """The bones that carry a bone, nearest first."""
    out: list[int] = []
    while (index := int(rig.carriers[index])) >= 0:
        out.append(index)
    return out


def _displacement(rig: Rig, index: int) -> Array:
    """(4, 4) what a bone (-1 for none) does to what it carries, in the armature's space, as it and those above are posed."""
    out = np.eye(4)
    for each in reversed([index, *_above(rig, index)] if index >= 0 else []):
        at_rest = rig.rest[each]
        out = out @ at_rest @ _matrix(rig, each) @ np.linalg.inv(at_rest)
    return out


def _matrix(rig: Rig, index: int) -> Array:
    """(4, 4) the pose of a bone along its rest axes."""
    out = np.eye(4)
    still = rig.posed.get(rig.names[index])
    if still is not None:
        out[:3, :3] = quaternion.to_matrix(channels.to_quaternions(still.rotation[None], still.mode)[0]) * still.scale
        local = rig.local_location[index]
        out[:3, 3] = still.location if local else rigid(rig.rest[index, :3, :3]).T @ still.location
    return out
