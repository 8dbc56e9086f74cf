# SPDX-License-Identifier: GPL-3.0-or-later
"""From a clip to the keys of a rig."""

from collections.abc import Mapping
from itertools import pairwise

import numpy as np

from ..errors import SkeletonProblem
from ..motion import body, quaternion
from ..motion.clip import Clip
from ..motion.humanoid import BodyMap
from ..motion.quaternion import Array
from . import contacts, feet, hands, keying, necks, rest, root
from .options import Options
from .performance import Performance, perform
from .rest import Stance
from .rig import Keys, Rig
from .roles import RigMap
from .target import Motion, Target, target

# An ankle that is never lower than this, in legs, belongs to a body that doesn't stand in this clip (a jump, a swing).
STANDING = 0.3
# Height of a standing ankle, in legs, above a floor at zero, where the clip doesn't show it.
ANKLE = 0.09
# The last joint of a finger bends by about this share of the middle one, which it can't do without (they share a tendon).
FINGERTIP = 2 / 3


def retarget(clip: Clip, body_map: BodyMap, rig: Rig, rig_map: RigMap, options: Options) -> Keys:
    """The keys that make the rig move as the clip does.

    Every limb of the rig points where the clip's does, the hips rise and travel in proportion to the legs. The result
    does not depend on how the rig's bones are rolled, nor on its rest pose being T, A or anything else upright.
    Raises SkeletonProblem where clip or rig lack the parts of a body that a motion needs.
    """
    goal = target(rig, rig_map)
    return keying.keys(rig, rig_map, goal, solve(clip, body_map, goal, options), options.limbs)


def solve(clip: Clip, body_map: BodyMap, goal: Target, options: Options) -> Motion:
    """What the rig's body does. Raises SkeletonProblem as `retarget`."""
    performance = perform(clip, body_map, options)
    turns = goal_turns(performance, goal)
    hips = hips_path(performance, goal.stance, options)
    if options.feet:
        held = contacts.detect(performance.stance, performance.deltas, performance.positions, options.fps)
        planting = feet.plant_loop if options.loop else feet.plant
        turns, hips = planting(held, goal, turns, hips, options.fps)
    if options.hands == "body":
        turns = hands.keep(performance, goal, turns, hips, options.fps, options.loop)
    if not options.travel:
        hips[:, [0, 2]] = hips[0, [0, 2]]
    return root.chosen(Motion(turns, hips), goal, options)


def goal_turns(performance: Performance, goal: Target) -> dict[str, Array]:
    """role -> (frames, 4) turn of each of the rig's bones from rest, in the armature's space.

    Roles the clip's body doesn't have are left out: those bones stay as they are on whatever carries them.
    """
    aligned = rest.align(performance.stance, goal.stance)
    deltas = {role: _delta(role, performance, goal) for role in rest.hierarchy(goal.bones)} | necks.deltas(performance, goal)
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


def _delta(role: str, performance: Performance, goal: Target) -> Array | None:
    """What the clip's body does at a role, (frames, 4); spines and necks of other lengths share out the same bend."""
    deltas, bones = performance.deltas, goal.bones
    if role.startswith("spine") and len(rest.chain(deltas, "spine")) > 1:
        return _spine(role, performance, goal)
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
    if role in body.FINGERS and role.endswith("3") and role not in deltas:
        return _fingertip([deltas.get(f"{role[:-1]}{n}") for n in (1, 2)])
    return deltas.get(role)


def _spine(role: str, performance: Performance, goal: Target) -> Array:
    """What the clip's spine does, (frames, 4), at the height in the trunk at which the middle of a rig's bone is.

    The highest one carries arms and head, and does exactly what the clip's highest does.
    """
    own = ["pelvis", *rest.chain(goal.bones, "spine")]
    theirs = ["pelvis", *rest.chain(performance.deltas, "spine")]
    at = _middles(goal.stance, own)[own.index(role)] if role != own[-1] else 1.0
    knots = _middles(performance.stance, theirs)
    above = min(max(int(np.searchsorted(knots, at)), 1), len(theirs) - 1)
    share = float(np.clip((at - knots[above - 1]) / max(knots[above] - knots[above - 1], 1e-9), 0.0, 1.0))
    first, second = (performance.deltas[name] for name in theirs[above - 1 : above + 1])
    if share > 1 - 1e-9:
        return second
    return quaternion.slerp(first, second, np.full(len(first), share))


def _middles(stance: Stance, line: list[str]) -> Array:
    """Heights of the middle of each bone of a trunk, from 0 at the hips to 1 at the shoulders, ascending."""
    top = (stance.positions["left_shoulder"] + stance.positions["right_shoulder"]) / 2
    way = top - stance.hips
    starts = [0.0, *(float((stance.positions[name] - stance.hips) @ way / (way @ way)) for name in line[1:]), 1.0]
    ends = np.maximum.accumulate(np.clip(starts, 0.0, 1.0))
    out: Array = (ends[1:] + ends[:-1]) / 2
    return out


def _fingertip(before: list[Array | None]) -> Array | None:
    """The last joint of a finger, from the two before: it bends with the middle one, and less."""
    first, second = before
    if first is None or second is None:
        return None
    bend = quaternion.to_rotation_vector(quaternion.multiply(quaternion.inverse(first), second))
    return quaternion.multiply(second, quaternion.from_rotation_vector(FINGERTIP * bend))


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
