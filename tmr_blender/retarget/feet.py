# SPDX-License-Identifier: GPL-3.0-or-later
"""Feet that stay where they stand.

What stands on the floor in the clip (`contacts`) is held in place on the rig. A foot held at heel or ball keeps the
turn that it has, smoothed, and moves as a whole; held at both it is turned a little, so that both stay. The change fades in
before the foot comes down and out after it has left (`fade`), the hips go along (`sway`), and the legs follow (`legs`).
Where that makes a joint too fast, contacts are let go of (`haste`): rather a foot that slides than a leg that jumps.

Done in the armature's space, in which the rig's bones are rigid however the object is scaled.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..motion import quaternion
from ..motion.quaternion import Array
from . import contacts, haste, legs, rest, sway
from .contacts import SIDES, spans
from .legs import Leg
from .rest import UP
from .target import Target

# Seconds over which a held foot is let go, and is led to where it will be held.
RELEASE = 0.3
# No faster than this (legs a second) where that is possible in this time.
HURRY, LONGEST = 0.12, 1.0
# Share of the speed at which a held foot and the clip's part that is taken over into the release: with all of it, the foot
# falls behind further and has to hurry afterwards.
TAKEN_OVER = 0.5
# A point within this (legs) of where it stands at rest is brought to that height.
NEAR_FLOOR = 0.025
# Seconds to either side over which the turn of a standing foot is smoothed.
STEADY = 0.1
# A leg the knee of which is too fast is bent by as many times more, and again, so often.
SLACKEN, BENDINGS = 2.5, 3
# A motion in which after so many tries a joint is still too fast is left as it is.
MOST_TRIES = 40
# Seconds by which what stands further on can matter to a frame, at most.
LOOK = 2.5

Held = Mapping[str, NDArray[np.bool_]]
"""Of one foot: "heel" and "ball" -> (frames,)."""


@dataclass(frozen=True)
class Ground:
    """What of a rig at rest says where its feet stand, in the armature's space.

    soles: side -> "heel" and "ball" -> (3,) from the ankle. levels: the same -> height over the floor, in the stance's space.
    up: (3,) one unit of that. height: (3,) of which the product with a point is its height. leg: its length, and `tall` that
    in the stance's space.
    """

    soles: Mapping[str, Mapping[str, Array]]
    levels: Mapping[str, Mapping[str, float]]
    up: Array
    height: Array
    leg: float
    tall: float

    @classmethod
    def of(cls, goal: Target) -> "Ground":
        """Of a rig."""
        soles = {side: contacts.sole(goal.stance, side) for side in SIDES}
        ankles = {side: goal.stance.positions[f"{side}_ankle"] for side in SIDES}
        return cls(
            {side: {name: goal.to_armature(v) for name, v in sole.items()} for side, sole in soles.items()},
            {side: {name: float((ankles[side] + v)[1]) for name, v in sole.items()} for side, sole in soles.items()},
            goal.to_armature(UP),
            goal.stretch @ quaternion.rotate(quaternion.inverse(goal.turn), UP),
            _size(goal),
            goal.stance.leg,
        )


@dataclass
class Planting:
    """How feet are to be held, which changes until no joint is too fast.

    held: of each foot. shares: side -> (frames,) how much of what holding asks for is done. most: side -> (frames,) share of
    its length that a leg may be long. tries: side -> (frames,) how often something has been let go of.
    """

    held: Mapping[str, Held]
    shares: dict[str, Array]
    most: dict[str, Array]
    tries: dict[str, NDArray[np.int_]]

    @classmethod
    def of(cls, held: Mapping[str, Held]) -> "Planting":
        """As they stand in the clip."""
        stands = planted(held)
        shares = {side: np.ones(len(mask)) for side, mask in stands.items()}
        most = {side: np.where(mask, sway.STRAIGHT, np.inf) for side, mask in stands.items()}
        return cls(held, shares, most, {side: np.zeros(len(mask), dtype=np.int_) for side, mask in stands.items()})

    @property
    def nothing(self) -> bool:
        """Whether nothing is held any more."""
        return not any((mask & (self.shares[side] > 0.0)).any() for side, mask in planted(self.held).items())

    def slacken(self, fast: Mapping[str, NDArray[np.bool_]]) -> None:
        """Bend legs further where knees are too fast."""
        for side, rows in fast.items():
            bent = np.where(np.isinf(self.most[side]), sway.STRAIGHT, self.most[side])
            self.most[side] = np.where(rows, 1.0 - (1.0 - bent) * SLACKEN, self.most[side])

    def let_go(self, fast: Mapping[str, NDArray[np.bool_]], fps: float) -> None:
        """Hold less around where joints are too fast."""
        for side, share in haste.let_go(planted(self.held), fast, self.tries, fps).items():
            self.shares[side] = self.shares[side] * share
            self.most[side] = np.where(self.shares[side] < 0.5, np.inf, self.most[side])


def plant(
    held: Mapping[str, Held], goal: Target, turns: Mapping[str, Array], hips: Array, fps: float, own: slice | None = None
) -> tuple[dict[str, Array], Array]:
    """Turns and path of the hips with which the feet of a rig stay in place while they are held.

    held: of each foot, as `contacts.detect` finds it. turns: role -> (frames, 4) from rest in the armature's space, as
    `solver.goal_turns` makes them. hips: (frames, 3) in the stance's space, travelling. own: one round, first and last frame
    the same, of a motion that repeats itself. Returns both, changed. No joint of the legs is faster than `haste.limits` says.
    """
    ground, places = Ground.of(goal), goal.to_armature(hips)
    bodies = {side: leg_of(goal, turns, places, side) for side in SIDES}
    most = haste.limits(haste.speeds(_joints(bodies, turns, ground), fps), ground.leg, fps)
    planting = Planting.of(held)
    for tries in range(MOST_TRIES):
        if planting.nothing:
            break
        out, shift, joints = _planted(planting, bodies, turns, ground, fps)
        over = haste.over(haste.speeds(joints, fps), most)
        fast, knees = (_repeated(rows, own) for rows in (over.joints, over.knees))
        if not any(rows.any() for rows in fast.values()):
            return out, hips + to_stance(goal, shift)
        if tries < BENDINGS:
            planting.slacken(knees)
            fast = {side: rows & ~knees[side] for side, rows in fast.items()}
        planting.let_go(fast, fps)
    return dict(turns), hips


def _planted(
    planting: Planting, bodies: Mapping[str, Leg], turns: Mapping[str, Array], ground: Ground, fps: float
) -> tuple[dict[str, Array], Array, Array]:
    """Turns, the way of the hips from where they were (frames, 3), and joints (see `_joints`) of a rig so held."""
    out = dict(turns)
    wanted: dict[str, Array] = {}
    for side in SIDES:
        bend, wanted[side] = _foot(planting, ground, turns[f"{side}_ankle"], bodies[side].ankle, side, fps)
        for role in (f"{side}_ankle", f"{side}_foot"):
            if role in turns:
                out[role] = quaternion.multiply(bend, turns[role])
    shift, solved = sway.carried(bodies, wanted, planting.most, ground.up, fps)
    now = {}
    for side, solution in solved.items():
        leg = bodies[side]
        thigh, shin = _in_part(solution, leg, planting.shares[side])
        out[f"{side}_hip"] = quaternion.multiply(thigh, turns[f"{side}_hip"])
        out[f"{side}_knee"] = quaternion.multiply(shin, turns[f"{side}_knee"])
        bones = quaternion.rotate(thigh, leg.thigh), quaternion.rotate(shin, leg.shin)
        now[side] = Leg(leg.hip + shift, *bones, leg.hinge)
    return out, shift, _joints(now, out, ground)


def _in_part(solution: tuple[Array, Array], leg: Leg, share: Array) -> tuple[Array, Array]:
    """Turns of thigh and shin without what solving does to a leg of which nothing is asked, where it is let go of.

    The knee of a nearly straight leg is led to its hinge by `legs.solve`.
    """
    if share.min() >= 1.0:
        return solution
    idle = legs.solve(leg, leg.hip, leg.ankle)
    back = [quaternion.from_rotation_vector((share - 1.0)[:, None] * quaternion.to_rotation_vector(turn)) for turn in idle]
    return quaternion.multiply(solution[0], back[0]), quaternion.multiply(solution[1], back[1])


def _joints(bodies: Mapping[str, Leg], turns: Mapping[str, Array], ground: Ground) -> Array:
    """(2, 4, frames, 3) hips, knees, ankles and balls of the feet of both sides."""
    out = []
    for side in SIDES:
        leg = bodies[side]
        knee, ankle = leg.hip + leg.thigh, leg.ankle
        out.append([leg.hip, knee, ankle, ankle + quaternion.rotate(turns[f"{side}_ankle"], ground.soles[side]["ball"])])
    return np.array(out)


def _repeated(rows: Mapping[str, NDArray[np.bool_]], own: slice | None) -> dict[str, NDArray[np.bool_]]:
    """What is found in one round of a motion that repeats itself, in all of them."""
    if own is None:
        return dict(rows)
    return {side: _around(mask[own], own.start // (own.stop - own.start - 1)) for side, mask in rows.items()}


def planted(held: Mapping[str, Held]) -> dict[str, NDArray[np.bool_]]:
    """Side -> (frames,) whether any of the foot is held."""
    return {side: points["heel"] | points["ball"] for side, points in held.items()}


def plant_loop(
    held: Mapping[str, Held], goal: Target, turns: Mapping[str, Array], hips: Array, fps: float
) -> tuple[dict[str, Array], Array]:
    """As `plant`, for a motion whose last frame is its first one, further on: it still is afterwards.

    The motion is seen as it comes after and before itself, as often as planting looks ahead, so that contacts go on over its
    ends.
    """
    span = len(hips) - 1
    if span < 1:
        return plant(held, goal, turns, hips, fps)
    rounds = math.ceil(LOOK * fps / span)
    on = quaternion.multiply(turns["pelvis"][-1], quaternion.inverse(turns["pelvis"][0]))
    way = quaternion.multiply(quaternion.multiply(goal.turn, on), quaternion.inverse(goal.turn))
    shift = hips[-1] - quaternion.rotate(way, hips[0])
    longer, path = dict(turns), hips
    for _ in range(rounds):
        back = quaternion.inverse(on)
        longer = {
            role: np.concatenate([quaternion.multiply(back, turn[:span]), turn, quaternion.multiply(on, turn[-span:])], axis=0)
            for role, turn in longer.items()
        }
        before = quaternion.rotate(quaternion.inverse(way), path[:span] - shift)
        path = np.concatenate([before, path, quaternion.rotate(way, path[-span:]) + shift])
    stays = {side: {name: _around(mask, rounds) for name, mask in points.items()} for side, points in held.items()}
    own = slice(rounds * span, (rounds + 1) * span + 1)
    out, path = plant(stays, goal, longer, path, fps, own)
    return {role: turn[own] for role, turn in out.items()}, path[own]


def _around(mask: NDArray[np.bool_], rounds: int) -> NDArray[np.bool_]:
    """A mask with so many more before and after itself, its first and last frame being the same one."""
    once = mask[:-1].copy()
    once[0] |= mask[-1]
    return np.concatenate([np.tile(once, 2 * rounds + 1), once[:1]])


def leg_of(goal: Target, turns: Mapping[str, Array], places: Array, side: str) -> Leg:
    """One of the rig's legs as it moves. places: (frames, 3) of the point between the hips."""

    def vector(start: Array, end: Array, role: str) -> Array:
        return quaternion.rotate(turns[role], np.broadcast_to(end - start, places.shape))

    hip, knee, ankle = (goal.heads[f"{side}_{role}"] for role in ("hip", "knee", "ankle"))
    middle = (goal.heads["left_hip"] + goal.heads["right_hip"]) / 2
    thigh, shin = vector(hip, knee, f"{side}_hip"), vector(knee, ankle, f"{side}_knee")
    usual = quaternion.rotate(quaternion.inverse(goal.turn), rest.LEFT)
    axis = legs.hinge(thigh, shin, turns[f"{side}_hip"], usual)
    return Leg(places + vector(middle, hip, "pelvis"), thigh, shin, axis)


def _foot(planting: Planting, ground: Ground, turn: Array, ankle: Array, side: str, fps: float) -> tuple[Array, Array]:
    """How much further a foot is turned, (frames, 4), and where its ankle goes, (frames, 3)."""
    held, share = planting.held[side], planting.shares[side][:, None]
    planted = held["heel"] | held["ball"]
    calm = _calm(turn, planted, share, fps)
    turn = quaternion.multiply(calm, turn)
    arms = {name: quaternion.rotate(turn, v) for name, v in ground.soles[side].items()}
    places = {name: ankle + arm for name, arm in arms.items()}
    locks = _locks(held, places, ground, side)
    both = held["heel"] & held["ball"]
    rolls = quaternion.to_rotation_vector(
        quaternion.between(places["ball"] - places["heel"], np.nan_to_num(locks["ball"] - locks["heel"]))
    )
    bend = quaternion.from_rotation_vector(share * fade(rolls, both, fps))
    moves = np.zeros_like(ankle)
    for name in ("heel", "ball"):
        to_lock = locks[name] - ankle - quaternion.rotate(bend, arms[name])
        moves = np.where(held[name][:, None], to_lock, moves)
    return quaternion.multiply(bend, calm), ankle + share * fade(moves, planted, fps, HURRY * ground.leg)


def _calm(turn: Array, planted: NDArray[np.bool_], share: Array, fps: float) -> Array:
    """What smooths the turn of a standing foot, (frames, 4).

    Markers on toes shake most; where the ball is held, that would shake the ankle instead.
    """
    width = max(1, round(STEADY * fps))
    window = np.hanning(2 * width + 3)[1:-1]
    padded = np.pad(quaternion.continuous(turn), ((width, width), (0, 0)), mode="edge")
    mean = np.stack([np.convolve(column, window, mode="valid") for column in padded.T], axis=-1)
    change = quaternion.multiply(quaternion.normalise(mean), quaternion.inverse(turn))
    return quaternion.from_rotation_vector(share * fade(quaternion.to_rotation_vector(change), planted, fps))


def _locks(held: Held, places: Mapping[str, Array], ground: Ground, side: str) -> dict[str, Array]:
    """Where heel and ball are held, (frames, 3) each, NaN where they are not.

    Each contact is held where the point is on the average. What comes down while the other end stands keeps the length of
    the foot, so that both can be held.
    """
    locks = {name: np.full_like(place, np.nan) for name, place in places.items()}
    length = float(np.linalg.norm(places["ball"][0] - places["heel"][0]))
    order = sorted((start, end, name) for name in places for start, end in spans(held[name]))
    for start, end, name in order:
        spot = _on_floor(np.mean(places[name][start:end], axis=0), ground, ground.levels[side][name])
        other = locks["ball" if name == "heel" else "heel"][start:end]
        standing = ~np.isnan(other[:, 0])
        if standing.any():
            anchor = other[standing][0]
            spot = anchor + (spot - anchor) * length / max(float(np.linalg.norm(spot - anchor)), 1e-9)
        locks[name][start:end] = spot
    return locks


def _on_floor(place: Array, ground: Ground, level: float) -> Array:
    """A point (3,) of the armature at the level it has at rest, if it is near that."""
    off = level - float(place @ ground.height)
    return place + off * ground.up if abs(off) < NEAR_FLOOR * ground.tall else place


def _size(goal: Target) -> float:
    """Length of a leg in the armature's unit."""
    hip, knee, ankle = (goal.heads[f"left_{joint}"] for joint in ("hip", "knee", "ankle"))
    return float(np.linalg.norm(knee - hip) + np.linalg.norm(ankle - knee))


def to_stance(goal: Target, place: Array) -> Array:
    """Points (..., 3) of the armature in the stance's space."""
    return quaternion.rotate(goal.turn, place @ goal.stretch)


def fade(values: Array, known: NDArray[np.bool_], fps: float, pace: float = np.inf) -> Array:
    """Values (frames, n) where they are known, fading to zero and rising from it in the frames between.

    pace: a change a second that is kept to where LONGEST allows it. The curves are cubic Hermite ones that take over part of
    the speeds at their ends. A gap too short for two is bridged.
    """
    out = np.where(known[:, None], values, 0.0)

    def length(value: Array) -> int:
        # The steepest part of the curve is half as steep again as the line from end to end.
        seconds = min(max(1.5 * float(np.linalg.norm(value)) / pace, RELEASE), LONGEST)
        return max(1, round(seconds * fps))

    filled = spans(known)
    least = max(1, round(RELEASE * fps))
    nothing = (np.zeros(values.shape[1]), np.zeros(values.shape[1]))
    bridges = []
    for (_, start), (end, _) in zip([(0, -1), *filled], [*filled, (len(known), 0)], strict=True):
        opens = _ending(values, known, start - 1, -1) if start > 0 else None
        closes = _ending(values, known, end, 1) if end < len(known) else None
        before, after = (length(ends[0]) if ends else 0 for ends in (opens, closes))
        if opens and closes and end - start >= 2 * least:
            before, after = min(before, (end - start) // 2), min(after, (end - start) // 2)
        if opens and closes and end - start < 2 * least:
            bridges.append((start - 1, end, *opens, *closes))
            continue
        if opens:
            bridges.append((start - 1, start + before, *opens, *nothing))
        if closes:
            bridges.append((end - after - 1, end, *nothing, *closes))
    _bridge(out, bridges)
    return out


def _ending(values: Array, known: NDArray[np.bool_], at: int, inwards: int) -> tuple[Array, Array]:
    """Value and slope a frame, over time, at the end of what is known."""
    beside = at + inwards
    if not 0 <= beside < len(known) or not known[beside]:
        return values[at], np.zeros_like(values[at])
    return values[at], (values[beside] - values[at]) * inwards * TAKEN_OVER


def _bridge(out: Array, bridges: list[tuple[int, int, Array, Array, Array, Array]]) -> None:
    """Fill the frames strictly between pairs, which may lie outside, with cubic Hermite curves.

    bridges: first and last frame, value and slope a frame at the first, the same at the last.
    """
    if not bridges:
        return
    starts, ends, *knots = (np.array(column) for column in zip(*bridges, strict=True))
    which = np.repeat(np.arange(len(starts)), ends - starts - 1)
    inside = starts[which] + 1 + np.arange(len(which)) - np.searchsorted(which, which)
    there = (inside >= 0) & (inside < len(out))
    which, inside = which[there], inside[there]
    span = (ends - starts)[which, None]
    t = (inside - starts[which])[:, None] / span
    a, slope_a, b, slope_b = (knot[which] for knot in knots)
    rise, back = t * t, (1 - t) ** 2
    out[inside] = (1 + 2 * t) * back * a + t * back * span * slope_a + rise * (3 - 2 * t) * b + rise * (t - 1) * span * slope_b
