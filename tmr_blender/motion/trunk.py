# SPDX-License-Identifier: GPL-3.0-or-later
"""What follows once the limbs are found: sides, pelvis, spine, neck, head, fingers."""

from itertools import pairwise

import numpy as np

from .limbs import NAME_WEIGHT, Limb, Limbs, head_chain
from .names import FINGER_PARTS, Reading
from .tree import Tree

_TIP = 0.55
"""A last foot joint farther from the ankle than this share of the shank is the tip of the toes, not their base."""

_MIDFOOT = 0.22
"""A joint nearer to the ankle than this share of the shank is in the middle of the foot."""

_PALM = 0.33
"""A joint of a finger nearer to the wrist than this share of the finger's reach lies in the palm, not at the knuckle."""

_HEAD_HEIGHT = 0.15
"""Base of the skull over the line of the shoulders, in leg lengths: 0.11 to 0.17 in three conventions, 0.2 in SMPL."""


def sided(tree: Tree, readings: list[Reading], limbs: Limbs) -> tuple[tuple[Limb, Limb], tuple[Limb, Limb]]:
    """Legs and arms as (left, right): by their names, else by where the toes and knees point."""
    legs, arms = limbs.legs, limbs.arms
    leg_vote, arm_vote = _vote(readings, legs), _vote(readings, arms)
    if not leg_vote:
        leg_vote = arm_vote * _same_side(tree, legs, arms) or _side_by_shape(tree, limbs)
    if not arm_vote:
        arm_vote = leg_vote * _same_side(tree, legs, arms)
    return (legs if leg_vote > 0 else (legs[1], legs[0])), (arms if arm_vote > 0 else (arms[1], arms[0]))


def _vote(readings: list[Reading], limbs: tuple[Limb, Limb]) -> int:
    """1 where names say that the first is left, -1 right, 0 where they don't agree."""
    first, second = (sum(readings[j].side for j in limb.joints) for limb in limbs)
    return int(np.sign(first - second)) if first * second < 0 else 0


def _same_side(tree: Tree, legs: tuple[Limb, Limb], arms: tuple[Limb, Limb]) -> int:
    """1 where the first arm is on the side of the first leg, else -1."""
    x = tree.positions
    hips = x[:, legs[0].joints[0]] - x[:, legs[1].joints[0]]
    shoulders = x[:, arms[0].joints[0]] - x[:, arms[1].joints[0]]
    return 1 if float((hips * shoulders).sum()) >= 0.0 else -1


def _side_by_shape(tree: Tree, limbs: Limbs) -> int:
    """1 where the first leg is the left one.

    Toes point forward and knees bend forward; forward, up and left are a right-handed frame. A stick figure with
    neither is taken to face +Z with its left at +X.
    """
    x = tree.positions
    up = x[:, limbs.arms_from] - x[:, limbs.legs_from]
    across = x[:, limbs.legs[0].joints[0]] - x[:, limbs.legs[1].joints[0]]
    forward = np.zeros_like(up)
    for limb in limbs.legs:
        hip, knee, ankle = (x[:, j] for j in limb.joints)
        if limb.after:
            forward += x[:, limb.after[0][0]] - ankle
        forward += knee - (hip + ankle) / 2.0
    votes = (np.cross(up, forward) * across).sum(axis=-1)
    vote = float(votes.sum()) or float(across[:, 0].sum())
    return 1 if vote >= 0.0 else -1


def pelvis(tree: Tree, readings: list[Reading], limbs: Limbs) -> int:
    """The joint that carries legs and spine: their common ancestor, or one at its place that is named so."""
    leg = (limbs.legs[0].length + limbs.legs[1].length) / 2.0
    common = tree.common(limbs.legs_from, limbs.arms_from)
    if common < 0 or tree.spread(common, limbs.legs_from) > 0.4 * leg:
        # A root on the floor that holds legs and spine apart.
        return limbs.legs_from
    if readings[common].says("hips") > 0:
        return common
    near = [j for j in (*tree.ancestors(common), limbs.legs_from) if tree.spread(j, common) < 0.25 * leg]
    named = [j for j in near if readings[j].says("hips") > 0]
    return named[0] if named else common


def spine(tree: Tree, readings: list[Reading], top: int, bottom: int) -> dict[str, int]:
    """spine1 (lowest) to spine3 (which carries the arms); one joint is spine3, two are spine1 and spine3."""
    way = []
    for joint in tree.ancestors(top):
        if joint == bottom or readings[joint].says("hips") > 0:
            break
        way.append(joint)
    way.reverse()
    if not way:
        return {}
    found = {"spine3": way[-1]}
    if len(way) > 1:
        found["spine1"] = way[0]
    if len(way) > 2:
        found["spine2"] = way[(len(way) - 1) // 2]
    return found


def neck_and_head(tree: Tree, readings: list[Reading], limbs: Limbs) -> dict[str, int]:
    """Neck (its first joint off the spine) and head (base of the skull) where there are any."""
    leg = (limbs.legs[0].length + limbs.legs[1].length) / 2.0
    taken = {j for limb in limbs.arms for j in (*limb.before, *limb.joints)} | set(tree.ancestors(limbs.legs_from))
    start, _ = head_chain(tree, readings, limbs.arms_from, taken, leg)
    if start < 0:
        return {}
    way = [start]
    for joint in tree.longest_way(start)[1:]:
        way.append(joint)
        if readings[joint].says("head") == 1.0:
            break
    scores = []
    for step, (joint, height) in enumerate(zip(way, heights(tree, limbs, way), strict=True)):
        shape = -0.5 * ((height - _HEAD_HEIGHT) / 0.07) ** 2 - 1.5 * (step == 0)
        # A joint at the place of the one before it, or a last one beside others, is more often of the face.
        shape -= 2.0 * (tree.lengths[joint] < 0.02 * leg)
        shape -= 0.5 * (not tree.children[joint] and len(tree.children[tree.parents[joint]]) > 1)
        scores.append(shape + 2.0 * NAME_WEIGHT * readings[joint].says("head"))
    head = way[int(np.argmax(scores))]
    # A joint at the place of the one before it is a helper; the first that stands off the spine is the neck's base.
    necks = [j for j in way[: way.index(head)] if tree.lengths[j] > 0.02 * leg]
    return {"head": head, **({"neck": necks[0]} if necks else {})}


def heights(tree: Tree, limbs: Limbs, joints: list[int]) -> list[float]:
    """How far each joint is above the line of the shoulders, along the back, in leg lengths; mean of the poses."""
    x = tree.positions
    leg = (limbs.legs[0].length + limbs.legs[1].length) / 2.0
    middle = (x[:, limbs.arms[0].joints[0]] + x[:, limbs.arms[1].joints[0]]) / 2.0
    up = middle - (x[:, limbs.legs[0].joints[0]] + x[:, limbs.legs[1].joints[0]]) / 2.0
    up /= np.maximum(np.linalg.norm(up, axis=-1, keepdims=True), 1e-12)
    return [float(np.mean(((x[:, joint] - middle) * up).sum(axis=-1))) / leg for joint in joints]


def leg_roles(tree: Tree, readings: list[Reading], limb: Limb, side: str) -> dict[str, int]:
    """hip, knee, ankle, and foot (the ball, where toes begin) where there is a joint for it."""
    found = dict(zip((f"{side}_hip", f"{side}_knee", f"{side}_ankle"), limb.joints, strict=True))
    if limb.after:
        shank = tree.spread(limb.joints[1], limb.joints[2])
        ball = _ball(tree, readings, limb, shank)
        far = tree.spread(limb.joints[2], ball) > _TIP * shank
        named = readings[ball].parts[:1] == ("toe",) and not tree.names[ball].lower().endswith(("_end", "end"))
        if tree.below[ball] > 0.0 or named or not far:
            found[f"{side}_foot"] = ball
    return found


def _ball(tree: Tree, readings: list[Reading], limb: Limb, shank: float) -> int:
    """Where the toes begin: the first joint that is not still in the middle of the foot, or the first that is named so."""
    joints = [joint for point in limb.after for joint in point]
    named = [joint for joint in joints if readings[joint].parts[:1] == ("toe",) and not readings[joint].helper]
    far = [point for point in limb.after if tree.spread(limb.joints[2], point[0]) > _MIDFOOT * shank]
    point = next((point for point in limb.after if named and named[0] in point), (far or limb.after)[0])
    ball = max(point, key=lambda joint: readings[joint].says("toe"))
    beside = [j for j in tree.children[tree.parents[ball]] if tree.spread(limb.joints[2], j) > _MIDFOOT * shank]
    if named or len(beside) < 3:
        return ball
    # Of the roots of several toes, the middle one.
    return min(beside, key=lambda j: max(tree.spread(j, other) for other in beside))


def arm_roles(tree: Tree, readings: list[Reading], limb: Limb, side: str) -> dict[str, int]:
    """collar where there is one, shoulder, elbow and wrist."""
    found = dict(zip((f"{side}_shoulder", f"{side}_elbow", f"{side}_wrist"), limb.joints, strict=True))
    if limb.before:
        # Of joints at one place the last is the collar, as those above it are its helpers.
        places = [*limb.before[1:], limb.joints[0]]
        apart = [tree.lengths[after] > 1e-3 * limb.length for after in places]
        rank = {joint: (readings[joint].says("collar"), own) for joint, own in zip(limb.before, apart, strict=True)}
        found[f"{side}_collar"] = max(limb.before, key=lambda joint: rank[joint])
    return found


def fingers(tree: Tree, readings: list[Reading], wrist: int, side: str) -> dict[str, int]:
    """Up to three joints of each finger that has two or more, told by names or as five alike chains with the thumb nearest."""
    chains = _finger_chains(tree, readings, wrist)
    found: dict[str, int] = {}
    for finger, chain in chains.items():
        for part, joint in enumerate(chain[:3], 1):
            found[f"{side}_{finger}{part}"] = joint
    return found


def _finger_chains(tree: Tree, readings: list[Reading], wrist: int) -> dict[str, list[int]]:
    chains: dict[str, list[int]] = {}
    for joint in tree.subtree(wrist)[1:]:
        reading = readings[joint]
        if not reading.helper and reading.parts and reading.parts[0] in FINGER_PARTS and tree.lengths[joint] > 0.0:
            chains.setdefault(reading.parts[0], []).append(joint)
    known = any(reading.parts for reading in (readings[j] for j in tree.subtree(wrist)[1:]))
    if chains or known:
        return {finger: chain for finger, chain in chains.items() if len(chain) > 1 and _one_chain(tree, chain)}
    ways = _ways_to_tips(tree, wrist)
    if len(ways) != 5:
        return {}
    # The thumb points away from the others, and has no bone in the palm that is counted.
    x = tree.positions
    toward = np.stack([x[:, way[-1]] - x[:, wrist] for way in ways])
    toward /= np.maximum(np.linalg.norm(toward, axis=-1, keepdims=True), 1e-12)
    thumb = ways[int(np.argmin((toward * toward.mean(axis=0)).sum(axis=-1).mean(axis=-1)))]
    others = [_from_knuckle(tree, wrist, way) for way in ways if way is not thumb]
    others.sort(key=lambda way: tree.spread(way[0], thumb[0]))
    return dict(zip(FINGER_PARTS, (thumb, *others), strict=True))


def _ways_to_tips(tree: Tree, wrist: int) -> list[list[int]]:
    """Chains of three joints and more below the wrist, each from where it leaves the others: two may share one in the palm."""
    long = {j for j in tree.subtree(wrist)[1:] if len(tree.longest_way(j)) >= 3}
    ways: list[list[int]] = []
    starts = [child for child in tree.children[wrist] if child in long]
    for start in starts:
        way = [start]
        while len(forks := [child for child in tree.children[way[-1]] if child in long]) == 1:
            way.append(forks[0])
        if forks:
            starts.extend(forks)
        else:
            ways.append(way[:-1] + tree.longest_way(way[-1]))
    return ways


def _from_knuckle(tree: Tree, wrist: int, way: list[int]) -> list[int]:
    """A finger without its bone in the palm, if it has one."""
    reach = tree.spread(wrist, way[-1])
    return way[1:] if len(way) > 3 and tree.spread(wrist, way[0]) < _PALM * reach else way


def _one_chain(tree: Tree, chain: list[int]) -> bool:
    """Whether each joint is the parent of the next."""
    return all(tree.parents[b] == a for a, b in pairwise(chain))
