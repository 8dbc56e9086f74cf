# SPDX-License-Identifier: GPL-3.0-or-later
"""Hands that stay in relation to the body, and to each other, on rigs of other proportions.

Where a hand is close to a part of the body in the clip (the head, the trunk, a thigh, the other hand), its place is told
from the nearest point of that part instead of from the shoulder: such egocentric coordinates, weighted by nearness, are
those of Molla, Debarba and Boulic, "Egocentric Mapping of Body Surface Constraints" (IEEE TVCG 2018), with segments of
some thickness in place of a surface. Arms follow by two-bone inverse kinematics (`legs`); hands keep the way they point.

Space: that of the stances (Y up, facing +Z, metres), but for the arms themselves, which are bent in the armature's.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..motion import quaternion
from ..motion.quaternion import Array
from . import feet, legs, rest
from .legs import Leg
from .performance import Performance
from .rest import UP, Stance
from .target import Target

# Distance (legs) from the surface of a part below which a hand belongs to it wholly, and above which not at all.
NEAR, FAR = 0.07, 0.24
# The same for the palms of both hands.
PAIR_NEAR, PAIR_FAR, PAIR_EASE = 0.12, 0.36, 0.25
# Seconds to either side in which a weight comes and goes: at least, at most; and the share of the palm's own speed at which it
# is led aside meanwhile.
EASE, MOST_EASE, LED = 0.16, 0.6, 0.25
# From the wrist to the middle of the palm: share of the way to the knuckles, or of the forearm where there are none.
TO_KNUCKLES, TO_PALM = 0.8, 0.3
# From the head's joint to the crown as a share of the trunk, and the least that is believed of a file: most end in the brow.
CROWN, LEAST_CROWN = 0.38, 0.3
# No part is taken to be this many times wider or narrower than the clip's.
MOST_WIDER = 2.5
# A hand beside a thigh that hangs down is there by chance; the thigh counts from this bend of the hip on (radians).
HANGING, SEATED = 0.6, 1.1
# So is one beside the hips on an arm that hangs; they count for an arm that is bent to this share of its length.
BENT, STRAIGHT = 0.88, 0.96
# How often hands are brought together and into reach in turns.
ROUNDS = 6


@dataclass(frozen=True)
class Part:
    """A segment of the body with some thickness.

    start, end: points of a `Body`. radius: in legs of the clip's body. like: what its thickness goes with.
    """

    start: str
    end: str
    radius: float
    like: str


PARTS: tuple[Part, ...] = (
    Part("head", "crown", 0.11, "head"),
    Part("hips", "shoulders", 0.13, "trunk"),
    Part("left_shoulder", "right_shoulder", 0.08, "trunk"),
    Part("left_hip", "right_hip", 0.12, "trunk"),
    Part("left_hip", "left_knee", 0.09, "thigh"),
    Part("right_hip", "right_knee", 0.09, "thigh"),
)


@dataclass(frozen=True)
class Body:
    """A body in motion: points -> (frames, 3), palms among them, and how thick its parts are (metres, in proportion)."""

    points: Mapping[str, Array]
    sizes: Mapping[str, float]

    @classmethod
    def of(cls, stance: Stance, places: Mapping[str, Array], turns: Mapping[str, Array], crown: float) -> "Body":
        """places: role -> (frames, 3); turns: role -> (frames, 4) from the stance, all in its space."""
        points = dict(places)
        points["hips"] = (places["left_hip"] + places["right_hip"]) / 2
        points["shoulders"] = (places["left_shoulder"] + places["right_shoulder"]) / 2
        sizes = _sizes(stance, crown)
        base = "head" if "head" in places else "shoulders"
        upright = turns.get("head", turns["pelvis"])
        points["head"] = points[base]
        points["crown"] = points[base] + quaternion.rotate(upright, np.broadcast_to(UP * sizes["head"], points[base].shape))
        for side in ("left", "right"):
            turn = turns.get(f"{side}_wrist", turns[f"{side}_elbow"])
            points[f"{side}_palm"] = places[f"{side}_wrist"] + quaternion.rotate(
                turn, np.broadcast_to(_palm(stance, side), points["hips"].shape)
            )
        return cls(points, sizes)


def _sizes(stance: Stance, crown: float) -> dict[str, float]:
    p = stance.positions
    trunk = float(np.linalg.norm((p["left_shoulder"] + p["right_shoulder"]) / 2 - stance.hips))
    shoulders, hips = (float(np.linalg.norm(p[f"left_{a}"] - p[f"right_{a}"])) for a in ("shoulder", "hip"))
    # How far apart joints are says little about flesh; three lengths that have to do with it say more than one.
    return {
        "head": crown if crown > LEAST_CROWN * trunk else CROWN * trunk,
        "trunk": max(trunk * shoulders * hips, 1e-12) ** (1 / 3),
        "thigh": stance.leg,
        "arm": max(float(np.mean([_arm(stance, side) for side in ("left", "right")])), 1e-9),
        "hand": max(float(np.mean([np.linalg.norm(_palm(stance, side)) for side in ("left", "right")])), 1e-9),
    }


def _arm(stance: Stance, side: str) -> float:
    """Length of upper arm and forearm, metres."""
    shoulder, elbow, wrist = (stance.positions[f"{side}_{joint}"] for joint in ("shoulder", "elbow", "wrist"))
    return float(np.linalg.norm(elbow - shoulder) + np.linalg.norm(wrist - elbow))


def _palm(stance: Stance, side: str) -> Array:
    """From the wrist to the middle of the palm, (3,) at rest."""
    wrist, knuckle = f"{side}_wrist", f"{side}_middle1"
    if knuckle in stance.positions:
        return (stance.positions[knuckle] - stance.positions[wrist]) * TO_KNUCKLES
    return (stance.positions[wrist] - stance.positions[f"{side}_elbow"]) * TO_PALM


def keep(
    performance: Performance, goal: Target, turns: Mapping[str, Array], hips: Array, fps: float, loop: bool = False
) -> dict[str, Array]:
    """Turns with which the hands of a rig are where they are in relation to the clip's body.

    turns: role -> (frames, 4) from rest in the armature's space; hips: (frames, 3) as in `target.Motion`. Where no hand is
    near anything they come back as they are. loop: the last frame is the first one, further on.
    """
    actor, rig = of_actor(performance), of_rig(goal, turns, hips)
    placed = places(goal, turns, hips)
    size = performance.stance.leg
    wanted, weight = {}, {}
    for side in ("left", "right"):
        move, weight[side] = _drawn(actor, rig, f"{side}_palm", size, fps, loop)
        wanted[side] = rig.points[f"{side}_palm"] + move
    together = _together(actor, size, fps, loop)
    wanted = _joined(goal, actor, rig, wanted, together, size)
    out = dict(turns)
    for side in ("left", "right"):
        wrist = rig.points[f"{side}_wrist"] + wanted[side] - rig.points[f"{side}_palm"]
        busy = (weight[side] > 0.0) | (together > 0.0)
        out.update(_reached(goal, turns, placed, side, goal.to_armature(wrist), busy))
    return out


def of_actor(performance: Performance) -> Body:
    """The clip's body."""
    return Body.of(performance.stance, performance.positions, performance.deltas, performance.crown)


def of_rig(goal: Target, turns: Mapping[str, Array], hips: Array) -> Body:
    """The rig's body; turns and hips as in `target.Motion`."""
    return Body.of(
        goal.stance,
        {role: feet.to_stance(goal, place) for role, place in places(goal, turns, hips).items()},
        {role: goal.turn_to_stance(turn) for role, turn in turns.items()},
        goal.crown,
    )


def places(goal: Target, turns: Mapping[str, Array], hips: Array) -> dict[str, Array]:
    """Where the joints of a rig are, role -> (frames, 3) in the armature's space, as its bones carry each other.

    turns, hips: as in `target.Motion`; what isn't turned is carried along.
    """
    middle = (goal.heads["left_hip"] + goal.heads["right_hip"]) / 2
    whole = goal.to_armature(hips)
    turned = dict(turns)
    out: dict[str, Array] = {}
    for role, above in rest.hierarchy(goal.heads).items():
        if above is None:
            arm, base = goal.heads[role] - middle, whole
            carrier = turned[role]
        else:
            arm, base = goal.heads[role] - goal.heads[above], out[above]
            carrier = turned[above]
        out[role] = base + quaternion.rotate(carrier, np.broadcast_to(arm, base.shape))
        turned.setdefault(role, carrier)
    return out


def _drawn(actor: Body, rig: Body, palm: str, size: float, fps: float, loop: bool) -> tuple[Array, Array]:
    """How far a palm is moved by the parts of the body that it is near, (frames, 3), and how near it is to any, (frames,)."""
    total = np.zeros(len(rig.points[palm]))
    away = np.ones_like(total)
    moves = np.zeros_like(rig.points[palm])
    for part in PARTS:
        place, gap = _as_seen_from(part, actor, rig, palm, size)
        weight = _nearness(gap / size - part.radius, NEAR, FAR)
        if part.like == "thigh":
            weight = weight * _seated(actor, part)
        elif part.start == "left_hip":
            weight = weight * _bent(actor, palm.split("_")[0])
        move = place - rig.points[palm]
        weight = _eased(weight, _pace(move, weight, rig.points[palm], fps), fps, loop)
        # Squared, so that what the hand touches counts for more than what is near as well.
        moves += (weight**2)[:, None] * move
        total += weight**2
        away *= 1.0 - weight
    near = 1.0 - away
    return moves * (near / np.maximum(total, 1e-9))[:, None], near


def _pace(move: Array, weight: Array, palm: Array, fps: float) -> float:
    """Seconds to either side in which a weight has to come and go for the palm to be led no faster than it moves by itself."""
    if len(palm) < 2:
        return EASE
    speed = float(np.percentile(np.linalg.norm(np.diff(palm, axis=0), axis=-1), 99)) * fps
    furthest = float((np.linalg.norm(move, axis=-1) * weight).max())
    return float(np.clip(furthest / max(LED * speed, 1e-9), EASE, MOST_EASE))


def _as_seen_from(part: Part, actor: Body, rig: Body, palm: str, size: float) -> tuple[Array, Array]:
    """Where the rig's palm is as the clip's is from the nearest point of a part, (frames, 3); and how far that is (frames,)."""
    start, way = actor.points[part.start], actor.points[part.end] - actor.points[part.start]
    to_palm = actor.points[palm] - start
    share = np.sum(to_palm * way, axis=-1) / np.maximum(np.sum(way * way, axis=-1), 1e-12)
    share = np.clip(share, 0.0, 1.0)[:, None]
    offset = to_palm - share * way
    own = rig.points[part.end] - rig.points[part.start]
    wider = float(np.clip(rig.sizes[part.like] / actor.sizes[part.like], 1 / MOST_WIDER, MOST_WIDER))
    turned = quaternion.rotate(quaternion.between(way, own), offset)
    gap = np.linalg.norm(offset, axis=-1)
    longer = rig.sizes["arm"] / actor.sizes["arm"]
    return rig.points[part.start] + share * own + _scale(gap, part.radius * size, wider, longer) * turned, gap


def _scale(gap: Array, surface: float, within: float, beyond: float) -> Array:
    """(frames, 1) by what to multiply a distance that is scaled by one factor up to a surface and by another one from there."""
    share = np.minimum(surface / np.maximum(gap, 1e-9), 1.0)
    return (beyond + (within - beyond) * share)[:, None]


def _seated(actor: Body, part: Part) -> Array:
    """(frames,) from 0 for a thigh in line with the trunk to 1 for one that is bent up as when sitting."""
    trunk = actor.points["hips"] - actor.points["shoulders"]
    thigh = actor.points[part.end] - actor.points[part.start]
    cosine = np.sum(trunk * thigh, axis=-1) / np.maximum(np.linalg.norm(trunk, axis=-1) * np.linalg.norm(thigh, axis=-1), 1e-12)
    return _nearness(-np.arccos(np.clip(cosine, -1.0, 1.0)), -SEATED, -HANGING)


def _bent(actor: Body, side: str) -> Array:
    """(frames,) from 0 for an arm that is straight to 1 for one whose elbow is bent."""
    shoulder, elbow, wrist = (actor.points[f"{side}_{joint}"] for joint in ("shoulder", "elbow", "wrist"))
    length = np.linalg.norm(elbow - shoulder, axis=-1) + np.linalg.norm(wrist - elbow, axis=-1)
    return _nearness(np.linalg.norm(wrist - shoulder, axis=-1) / np.maximum(length, 1e-12), BENT, STRAIGHT)


def _together(actor: Body, size: float, fps: float, loop: bool) -> Array:
    """(frames,) how much the hands belong to each other."""
    gap = np.linalg.norm(actor.points["left_palm"] - actor.points["right_palm"], axis=-1)
    return _eased(_nearness(gap / size, PAIR_NEAR, PAIR_FAR), PAIR_EASE, fps, loop)


def _joined(goal: Target, actor: Body, rig: Body, wanted: Mapping[str, Array], weight: Array, size: float) -> dict[str, Array]:
    """Palms as far from each other as in the clip, by the size of the hands, where they belong together."""
    apart = actor.points["left_palm"] - actor.points["right_palm"]
    ratios = [rig.sizes[name] / actor.sizes[name] for name in ("hand", "arm")]
    apart = apart * _scale(np.linalg.norm(apart, axis=-1), PAIR_NEAR * size, *ratios)
    out = dict(wanted)
    for _ in range(ROUNDS):
        middle, half = (out["left"] + out["right"]) / 2, apart / 2
        for side, sign in (("left", 1.0), ("right", -1.0)):
            out[side] = out[side] + weight[:, None] * (middle + sign * half - out[side])
        if not weight.any():
            break
        for side in ("left", "right"):
            out[side] = out[side] + weight[:, None] * (_in_reach(goal, rig, side, out[side]) - out[side])
    return out


def _in_reach(goal: Target, rig: Body, side: str, palm: Array) -> Array:
    """The point nearest to a palm's goal that an arm can reach with the hand turned as it is, (frames, 3)."""
    shoulder, hand = rig.points[f"{side}_shoulder"], rig.points[f"{side}_palm"] - rig.points[f"{side}_wrist"]
    length = _arm(goal.stance, side)
    way = palm - hand - shoulder
    far = np.linalg.norm(way, axis=-1, keepdims=True)
    return shoulder + hand + way * np.minimum(1.0, 0.97 * length / np.maximum(far, 1e-9))


def _nearness(value: Array, near: float, far: float) -> Array:
    """1 up to `near`, falling smoothly to 0 at `far`."""
    share = np.clip((far - value) / (far - near), 0.0, 1.0)
    out: Array = share * share * (3.0 - 2.0 * share)
    return out


def _eased(weight: Array, seconds: float, fps: float, loop: bool) -> Array:
    """A smooth curve (frames,): the highest weight around, averaged over as wide a span."""
    width = max(1, round(seconds * fps))
    if loop and len(weight) > 1:
        padded = np.pad(weight[:-1], (2 * width, 2 * width + 1), mode="wrap")
    else:
        padded = np.pad(weight, 2 * width, mode="edge")
    highest = np.lib.stride_tricks.sliding_window_view(padded, 2 * width + 1).max(axis=-1)
    window = np.hanning(2 * width + 3)[1:-1]
    out: Array = np.convolve(highest, window / window.sum(), mode="valid")
    return out


def _reached(
    goal: Target, turns: Mapping[str, Array], placed: Mapping[str, Array], side: str, wrist: Array, busy: Array
) -> dict[str, Array]:
    """Turns of upper arm and forearm that bring a wrist to its goal (frames, 3) in the armature's space; others as they are."""
    upper, lower = f"{side}_shoulder", f"{side}_elbow"
    # A joint that needs no bend to speak of bends as elbows do: forward, by the way that the upper arm rests.
    resting = goal.heads[lower] - goal.heads[upper]
    forward = quaternion.rotate(quaternion.inverse(goal.turn), rest.FORWARD)
    thigh, shin = placed[lower] - placed[upper], placed[f"{side}_wrist"] - placed[lower]
    axis = legs.hinge(thigh, shin, turns[upper], np.cross(resting, forward) / max(float(np.linalg.norm(resting)), 1e-9))
    arm = Leg(placed[upper], thigh, shin, axis)
    first, second = legs.solve(arm, arm.hip, wrist)
    keep = busy[:, None]
    return {
        upper: np.where(keep, quaternion.multiply(first, turns[upper]), turns[upper]),
        lower: np.where(keep, quaternion.multiply(second, turns[lower]), turns[lower]),
    }
