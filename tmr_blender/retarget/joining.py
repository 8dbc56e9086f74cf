# SPDX-License-Identifier: GPL-3.0-or-later
"""Motions of one rig's body one after another, and a motion that takes over from the pose before it.

Clips meet here as motions of the rig, so their skeletons and rates may differ. Of two motions the second is turned about the
vertical and moved over the floor until hips and shoulders face alike, in the middle of the frames in which both play (as
Kovar, Gleicher and Pighin 2002 join motion graphs, their point clouds reduced to a body's heading and place). In those frames
each bone is blended relative to what carries it, so that joints bend as joints. A pose is left by inertialisation (Bollo
2018): what sets it apart from the motion fades to nothing, beginning at the speed that the body has.

Feet are planted after joining: what stands in both motions at one spot stays there, what has to go elsewhere takes a step.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..motion import body, quaternion
from ..motion.clip import Clip
from ..motion.humanoid import BodyMap
from ..motion.quaternion import Array
from . import channels, contacts, feet, legs, rest, root, solver
from .contacts import SIDES
from .options import Options
from .performance import perform
from .rig import BoneKeys, Keys
from .target import Motion, Target

# A foot that stands within this of where it will stand next (legs) is held; further away, it steps.
NEAR = 0.04
# How high a step is: a share of its length, and at most (legs).
LIFT, HIGHEST = 0.25, 0.1
# Radians and legs a frame: what moves faster before a motion begins than a body can is a jump, and no speed to go on with.
FASTEST_TURN, FASTEST_PLACE = 1.0, 0.5

Held = Mapping[str, Mapping[str, NDArray[np.bool_]]]
"""side -> "heel" and "ball" -> (frames,)."""


@dataclass(frozen=True)
class Part:
    """A motion of the rig's body before its feet are planted. held: when they stand; empty where nobody asked.

    slides: side -> (frames,) how high a foot is lifted that has to change its place while it would stand, in legs.
    """

    motion: Motion
    held: Held
    slides: Mapping[str, Array]

    @property
    def frames(self) -> int:
        """How many frames."""
        return len(self.motion.hips)


@dataclass(frozen=True)
class Joined:
    """Motions one after another. starts: the frame in which each begins to be seen, from 0."""

    part: Part
    starts: tuple[int, ...]


def part(clip: Clip, body_map: BodyMap, goal: Target, options: Options) -> Part:
    """What the rig's body does by a clip, travelling, and when its feet stand. Raises SkeletonProblem as `solver.solve`."""
    motion = solver.solve(clip, body_map, goal, replace(options, feet=False, travel=True, root="hips"))
    nothing = {side: np.zeros(len(motion.hips)) for side in SIDES}
    if not options.feet:
        return Part(motion, {}, nothing)
    performance = perform(clip, body_map, options)
    return Part(motion, contacts.detect(performance.stance, performance.deltas, performance.positions, options.fps), nothing)


def observed(motion: Motion, goal: Target, options: Options) -> Part:
    """What the rig's body was seen to do, as a part: when its feet stand is told from how it moves."""
    nothing = {side: np.zeros(len(motion.hips)) for side in SIDES}
    if not options.feet:
        return Part(motion, {}, nothing)
    deltas = {
        role: quaternion.multiply(quaternion.multiply(goal.turn, motion.turns[role]), quaternion.inverse(goal.turn))
        for role in (f"{side}_ankle" for side in SIDES)
    }
    places = {}
    for side in SIDES:
        leg = feet.leg_of(goal, motion.turns, goal.to_armature(motion.hips), side)
        places[f"{side}_hip"] = feet.to_stance(goal, leg.hip)
        places[f"{side}_ankle"] = feet.to_stance(goal, leg.ankle)
    return Part(motion, contacts.detect(goal.stance, deltas, places, options.fps), nothing)


def join(parts: Sequence[Part], goal: Target, overlap: int) -> Joined:
    """Motions one after another, each starting where and facing as the one before ends.

    overlap: frames in which two of them play, one fading into the next; less where one is shorter than twice that, and at
    least one. Raises ValueError for no motions at all.
    """
    if not parts:
        raise ValueError("no motions to put in sequence")
    out, starts = parts[0], [0]
    for added in parts[1:]:
        both = max(1, min(overlap, out.frames // 2, added.frames // 2))
        where = out.frames - both
        turned = aligned(added.motion, both // 2, out.motion, where + both // 2, goal)
        starts.append(where)
        out = _joined(out, replace(added, motion=turned), both, goal)
    return Joined(out, tuple(starts))


def finish(made: Part, goal: Target, options: Options) -> Motion:
    """The motion with its feet planted, in place if so chosen, and with its way for what receives it."""
    motion = made.motion
    if options.feet:
        planting = feet.plant_loop if options.loop else feet.plant
        motion = Motion(*planting(made.held, goal, motion.turns, motion.hips, options.fps))
    if not options.travel:
        hips = motion.hips.copy()
        hips[:, [0, 2]] = hips[0, [0, 2]]
        motion = replace(motion, hips=hips)
    return root.chosen(motion, goal, options)


def aligned(motion: Motion, frame: int, to: Motion, to_frame: int, goal: Target) -> Motion:
    """The motion turned and moved over the floor: in `frame` it is where and faces as another one in `to_frame`."""
    turn = quaternion.multiply(
        quaternion.inverse(heading(to, to_frame, goal)),
        heading(motion, frame, goal),
    )
    own = goal.turn_to_armature(turn)
    hips = quaternion.rotate(turn, motion.hips)
    shift = (to.hips[to_frame] - hips[frame]) * [1.0, 0.0, 1.0]
    return Motion({role: quaternion.multiply(own, q) for role, q in motion.turns.items()}, hips + shift)


def taken_over(made: Part, before: Motion, frames: int, goal: Target) -> Part:
    """The motion as it goes on from a pose: its first frame is that pose, from frame `frames` on it is the motion itself.

    before: two frames or more, the last one being the pose, and those before it telling how fast the body moves. Parts that
    only the pose has, fingers left aside, go back to rest.
    """
    count = min(frames + 1, made.frames)
    if frames < 1 or count < 1:
        return made
    kept = {role: q for role, q in before.turns.items() if role in made.motion.turns or role not in body.FINGERS}
    motion = _filled(made.motion, {**made.motion.turns, **kept})
    first = _filled(Motion(kept, before.hips), motion.turns)
    now, wanted = _local(motion), _local(first)
    ease, rush = _decay(np.arange(count) / frames, frames)
    turns: dict[str, Array] = {}
    for role, q in now.items():
        ends = _offset(wanted[role], q)
        away = quaternion.from_rotation_vector(ease[:, None] * ends[1] + rush[:, None] * _calm(ends[1] - ends[0], FASTEST_TURN))
        turns[role] = np.concatenate([quaternion.multiply(away, q[:count]), q[count:]])
    hips = motion.hips.copy()
    steps = first.hips[-2:] - _ahead(motion.hips)
    speed = _calm(steps[-1] - steps[0], FASTEST_PLACE * goal.stance.leg)
    hips[:count] += ease[:, None] * steps[-1] + rush[:, None] * speed
    eased = Motion(_whole(turns), hips)
    return _let_go(replace(made, motion=eased), made.motion, count, goal)


def near(keys: Keys, rotations: Mapping[str, Array]) -> Keys:
    """The same turns told by those numbers that are nearest to what bones have before: no sign flips, no full turns between.

    keys: one a frame. rotations: bone -> channels (n,) in the bone's mode. Blender blends strips of the NLA number by number.
    """
    return replace(keys, bones={name: _near(bone, rotations.get(name)) for name, bone in keys.bones.items()})


def _near(bone: BoneKeys, before: Array | None) -> BoneKeys:
    if bone.rotation is None or before is None or len(before) != bone.rotation.shape[1]:
        return bone
    return replace(bone, rotation=channels.near(bone.rotation, before, bone.mode))


def _joined(before: Part, after: Part, both: int, goal: Target) -> Part:
    """Two aligned parts that overlap by some frames, as one."""
    roles = {**before.motion.turns, **after.motion.turns}
    a, b = _filled(before.motion, roles), _filled(after.motion, roles)
    where = before.frames - both
    local_a, local_b = _local(a), _local(b)
    share = _smooth(np.arange(1, both + 1) / (both + 1))
    turns = {
        role: np.concatenate([q[:where], quaternion.slerp(q[where:], local_b[role][:both], share), local_b[role][both:]])
        for role, q in local_a.items()
    }
    mixed = a.hips[where:] + share[:, None] * (b.hips[:both] - a.hips[where:])
    joined = Motion(_whole(turns), np.concatenate([a.hips[:where], mixed, b.hips[both:]]))
    held, slides = {}, {}
    for side in SIDES if before.held and after.held else ():
        held[side], lift = _contacts(before, after, both, side, goal)
        slides[side] = np.concatenate([before.slides[side][:where], lift, after.slides[side][both:]])
    slides = slides or {side: np.zeros(len(joined.hips)) for side in SIDES}
    return _stepping(Part(joined, held, slides), slice(where, where + both), goal)


def _contacts(before: Part, after: Part, both: int, side: str, goal: Target) -> tuple[dict[str, NDArray[np.bool_]], Array]:
    """When heel and ball stand over a joint, and how high (both,) the foot is lifted meanwhile, in legs.

    What stands in both motions at one spot stays; elsewhere it is let go of for the frames in which both play.
    """
    where = before.frames - both
    held: dict[str, NDArray[np.bool_]] = {}
    away = 0.0
    spots = [soles(motion, goal, side) for motion in (before.motion, after.motion)]
    for name in ("heel", "ball"):
        a, b = before.held[side][name], after.held[side][name]
        stands = a[where:] & b[:both]
        apart = float(np.linalg.norm(spots[0][name][-1] - spots[1][name][0]))
        between = np.broadcast_to(bool(stands.all()) and apart < NEAR * goal.stance.leg, both)
        held[name] = np.concatenate([a[:where], between, b[both:]])
        # The first of these frames may still be the end of a stance, and the last one the beginning of the next.
        if not between.any() and a[where:].any() and b[:both].any():
            away = max(away, apart)
    height = min(LIFT * away / goal.stance.leg, HIGHEST)
    return held, height * np.sin(np.pi * np.arange(1, both + 1) / (both + 1)) ** 2


def _let_go(eased: Part, motion: Motion, count: int, goal: Target) -> Part:
    """The contacts of a motion whose first frames come from a pose elsewhere: what would slide steps."""
    if not eased.held:
        return eased
    held: dict[str, dict[str, NDArray[np.bool_]]] = {}
    slides = {side: slide.copy() for side, slide in eased.slides.items()}
    for side in SIDES:
        now, wanted = soles(eased.motion, goal, side), soles(motion, goal, side)
        held[side], away = {}, 0.0
        for name, mask in eased.held[side].items():
            apart = float(np.linalg.norm(now[name][0] - wanted[name][0]))
            held[side][name] = mask.copy()
            if apart > NEAR * goal.stance.leg:
                held[side][name][:count] = False
                away = max(away, apart * bool(mask[:count].any()))
        height = min(LIFT * away / goal.stance.leg, HIGHEST)
        slides[side][:count] = height * np.sin(np.pi * np.arange(count) / max(count - 1, 1)) ** 2
    return _stepping(replace(eased, held=held, slides=slides), slice(0, count), goal)


def _stepping(made: Part, span: slice, goal: Target) -> Part:
    """The motion with those feet lifted that would slide, in some frames."""
    motion = made.motion
    turns = dict(motion.turns)
    for side in SIDES:
        lift = made.slides[side][span]
        if not lift.any():
            continue
        part = {role: q[span] for role, q in motion.turns.items()}
        leg = feet.leg_of(goal, part, goal.to_armature(motion.hips[span]), side)
        up = goal.to_armature(rest.UP)
        thigh, shin = legs.solve(leg, leg.hip, leg.ankle + goal.stance.leg * lift[:, None] * up)
        for role, turn in ((f"{side}_hip", thigh), (f"{side}_knee", shin)):
            turns[role] = turns[role].copy()
            turns[role][span] = quaternion.multiply(turn, part[role])
    return replace(made, motion=replace(motion, turns=turns))


def soles(motion: Motion, goal: Target, side: str) -> dict[str, Array]:
    """Where heel and ball are, (frames, 3) each in the stance's space."""
    ankle = feet.leg_of(goal, motion.turns, goal.to_armature(motion.hips), side).ankle
    turn = motion.turns[f"{side}_ankle"]
    out = {}
    for name, arm in contacts.sole(goal.stance, side).items():
        place = ankle + quaternion.rotate(turn, np.broadcast_to(goal.to_armature(arm), ankle.shape))
        out[name] = feet.to_stance(goal, place)
    return out


def heading(motion: Motion, frame: int, goal: Target) -> Array:
    """The turn about the vertical (4,), in the stance's space, that makes the body of a frame face +Z."""
    chest = (rest.chain(motion.turns, "spine") or ["pelvis"])[-1]
    left = quaternion.rotate(quaternion.inverse(goal.turn), rest.LEFT)
    across = np.sum([quaternion.rotate(motion.turns[role][frame], left) for role in ("pelvis", chest)], axis=0)
    across = quaternion.rotate(goal.turn, across)
    return quaternion.from_axis_angle(rest.UP, np.arctan2(across[2], across[0]))


def _filled(motion: Motion, roles: Mapping[str, object]) -> Motion:
    """The motion with all those roles: those that it lacks are at rest on what carries them."""
    turns: dict[str, Array] = {}
    for role, below in rest.hierarchy(roles).items():
        turns[role] = motion.turns[role] if role in motion.turns else turns[below or "pelvis"]
    return replace(motion, turns=turns)


def _local(motion: Motion) -> dict[str, Array]:
    """role -> (frames, 4) turn relative to what carries it."""
    tree = rest.hierarchy(motion.turns)
    return {
        role: motion.turns[role]
        if below is None
        else quaternion.multiply(quaternion.inverse(motion.turns[below]), motion.turns[role])
        for role, below in tree.items()
    }


def _whole(local: Mapping[str, Array]) -> dict[str, Array]:
    """The way back from `_local`."""
    out: dict[str, Array] = {}
    for role, below in rest.hierarchy(local).items():
        out[role] = local[role] if below is None else quaternion.multiply(out[below], local[role])
    return out


def _offset(pose: Array, motion: Array) -> Array:
    """Rotation vectors (2, 3) from a motion to a pose, in the frame before the motion's first one and in that."""
    ahead = _ahead_turn(motion)
    ends = quaternion.to_rotation_vector(quaternion.multiply(pose[-2:], quaternion.inverse(ahead)))
    return np.broadcast_to(ends, (2, 3))


def _ahead_turn(motion: Array) -> Array:
    """(2, 4): the frame before the first one, as if the motion went on backwards, and the first."""
    if len(motion) < 2:
        return motion[[0, 0]]
    back = quaternion.inverse(quaternion.multiply(motion[1], quaternion.inverse(motion[0])))
    return np.stack([quaternion.multiply(back, motion[0]), motion[0]])


def _ahead(path: Array) -> Array:
    """(2, 3) likewise of a path."""
    return path[[0, 0]] if len(path) < 2 else np.stack([2 * path[0] - path[1], path[0]])


def _calm(speed: Array, most: float) -> Array:
    """A speed, or none where it is beyond what a body does."""
    return speed if float(np.linalg.norm(speed)) < most else np.zeros_like(speed)


def _decay(share: Array, frames: int) -> tuple[Array, Array]:
    """Cubic Hermite: what becomes of an offset of 1, and of a speed of 1 a frame, until both are nothing."""
    share = np.minimum(share, 1.0)
    return (1 + 2 * share) * (1 - share) ** 2, share * (1 - share) ** 2 * frames


def _smooth(share: Array) -> Array:
    return share * share * (3.0 - 2.0 * share)
