# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the limbs of a human are in a hierarchy: two alike chains below (legs), two above (arms), one between (head).

Every choice is scored by how well lengths, angles and names fit a human. Terms are minus half the square of a
deviation over its usual spread (a log-likelihood up to a constant), so scores add. Lengths are relative to the leg
(hip to ankle); their expected values are those of adults and the spreads leave room for children and cartoons.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import combinations

import numpy as np

from .names import Reading
from .quaternion import Array
from .tree import Tree, median

NAME_WEIGHT = 1.5
LEG = ("upleg", "leg", "foot")
ARM = ("arm", "forearm", "hand")
_WORST = 8.0
_MAX_POINTS = 12
_MAX_PAIRS = 10


@dataclass(frozen=True)
class Limb:
    """A leg (hip, knee, ankle, toe base) or an arm (shoulder, elbow, wrist), as joint indices.

    before: joints of the chain above the first, outermost last (collars); after: those behind the last but one.
    length: from the first joint over the second to the third.
    """

    joints: tuple[int, int, int]
    before: tuple[int, ...]
    after: tuple[tuple[int, ...], ...]
    length: float
    score: float


@dataclass(frozen=True)
class Pair:
    """Two chains of about the same length that leave a joint."""

    branch: int
    first: int
    second: int


@dataclass(frozen=True)
class Limbs:
    """legs and arms: two each, in no order of sides, with the joints they branch from."""

    legs: tuple[Limb, Limb]
    arms: tuple[Limb, Limb]
    legs_from: int
    arms_from: int
    score: float


def off(value: Array | float, expected: float, spread: float) -> Array:
    """Score of lengths by the logarithm of their ratio to what is expected."""
    return np.maximum(-0.5 * (np.log(np.maximum(value, 1e-9) / expected) / spread) ** 2, -_WORST)


def find(tree: Tree, readings: list[Reading]) -> Limbs | None:
    """The best pair of legs and pair of arms, or None where there are no two pairs of chains."""
    pairs = _pairs(tree, readings)
    starts = {(p.branch, c) for p in pairs for c in (p.first, p.second)}
    chains = {start: _Chain(tree, readings, *start) for start in starts}
    best: Limbs | None = None
    for low in pairs:
        legs = _both(chains[low.branch, low.first], chains[low.branch, low.second], None)
        if legs is None:
            continue
        leg = (legs[0].length + legs[1].length) / 2.0
        for high in pairs:
            if high.branch == low.branch or not _apart(tree, low, high):
                continue
            arms = _both(chains[high.branch, high.first], chains[high.branch, high.second], leg)
            if arms is None:
                continue
            score = sum(limb.score for limb in (*legs, *arms)) + _build(tree, readings, low, high, legs, arms)
            if best is None or score > best.score:
                best = Limbs(legs, arms, low.branch, high.branch, score)
    return best


def _pairs(tree: Tree, readings: list[Reading]) -> list[Pair]:
    """Pairs of children of one joint that reach about as far, the farthest first."""
    size = max(tree.below)
    found: list[tuple[float, Pair]] = []
    for branch, children in enumerate(tree.children):
        long = [c for c in children if tree.reach(c) > 0.2 * size]
        limbs = [c for c in long[:24] if _jointed(tree, c)]
        for a, b in combinations(limbs, 2):
            if not _part(tree, a, b):
                continue
            opposite = readings[a].side * readings[b].side < 0 and readings[a].parts == readings[b].parts
            if opposite or abs(np.log(tree.reach(a) / tree.reach(b))) < 0.2 or _start_alike(tree, a, b):
                named = 1.0 + 0.5 * opposite
                found.append((min(tree.reach(a), tree.reach(b)) * named, Pair(branch, a, b)))
    found.sort(key=lambda item: -item[0])
    return [pair for _, pair in found[:_MAX_PAIRS]]


def _jointed(tree: Tree, child: int) -> bool:
    """Whether the way down through a child has three joints at three places: a control that stands far off has not."""
    return sum(tree.lengths[joint] > 0.02 * tree.reach(child) for joint in tree.longest_way(child)) >= 3


def _part(tree: Tree, a: int, b: int) -> bool:
    """Whether two chains lead to different places: copies of one limb (posed by controls, say) do not."""
    ends = [[j for j in tree.longest_way(child) if tree.lengths[j] > 0.02 * tree.reach(child)][2] for child in (a, b)]
    return tree.spread(*ends) > 0.02 * tree.reach(a)


def _start_alike(tree: Tree, a: int, b: int) -> bool:
    """Whether two chains begin with three bones of the same lengths, whatever hangs from their ends."""
    lengths = []
    for child in (a, b):
        bones = [tree.lengths[joint] for joint in tree.longest_way(child)]
        lengths.append([bone for bone in bones if bone > 0.02 * tree.reach(child)][:3])
    return len(lengths[0]) == len(lengths[1]) == 3 and bool(np.all(np.abs(np.log(np.divide(*lengths))) < 0.1))


def _apart(tree: Tree, low: Pair, high: Pair) -> bool:
    """Whether no chain of one pair holds the other pair's branch."""
    above_high, above_low = tree.ancestors(high.branch), tree.ancestors(low.branch)
    return not {low.first, low.second} & set(above_high) and not {high.first, high.second} & set(above_low)


def head_chain(tree: Tree, readings: list[Reading], arms_from: int, taken: set[int], leg: float) -> tuple[int, float]:
    """The child of the arms' branch that leads to the head (-1 if none), and its score."""
    best, best_score = -1, -4.0
    for child in tree.children[arms_from]:
        if child in taken:
            continue
        named = max(readings[child].says("neck"), readings[child].says("head"))
        score = float(off(tree.reach(child) / leg, 0.35, 0.6))
        if tree.reach(child) > 0.35 * leg:
            # Hair may hang down to the floor.
            score = max(score, -1.5)
        score += NAME_WEIGHT * named - 3.0 * _has_twin(tree, arms_from, child)
        if score > best_score:
            best, best_score = child, score
    return best, best_score


def _has_twin(tree: Tree, branch: int, child: int) -> bool:
    """Whether another child of the branch, elsewhere, begins with the same length and reaches as far: breasts, not a head."""
    reach, length = tree.reach(child), tree.lengths[child]
    return any(
        abs(tree.reach(other) - reach) < 0.02 * reach
        and abs(tree.lengths[other] - length) < 0.02 * reach
        and tree.spread(other, child) > 0.1 * reach
        for other in tree.children[branch]
        if other != child
    )


def _build(
    tree: Tree, readings: list[Reading], low: Pair, high: Pair, legs: tuple[Limb, Limb], arms: tuple[Limb, Limb]
) -> float:
    """How well legs and arms are placed to each other."""
    leg = (legs[0].length + legs[1].length) / 2.0
    torso = float(off(tree.spread(low.branch, high.branch) / leg, 0.55, 0.5))
    taken = {high.first, high.second, *tree.ancestors(low.branch)}
    head, head_score = head_chain(tree, readings, high.branch, taken, leg)
    # Legs point away from the chest, and the head lies beyond it, in most poses of most people.
    x = tree.positions
    up = x[:, high.branch] - x[:, low.branch]
    down = x[:, [limb.joints[2] for limb in legs]].sum(axis=1) - x[:, [limb.joints[0] for limb in legs]].sum(axis=1)
    bent = _cosine(up, down) + 1.0
    lean = bent + (0.0 if head < 0 else 1.0 - _cosine(up, x[:, head] - x[:, low.branch]))
    # People crawl, but on arms that are shorter than their legs: alike limbs square to the back are a quadruped's.
    arm = (arms[0].length + arms[1].length) / 2.0
    fourfooted = np.clip((arm / leg - 0.8) / 0.15, 0.0, 1.0) * np.clip(bent / 0.8, 0.0, 1.0)
    return torso + head_score - 1.5 * lean - 25.0 * float(fourfooted)


def _cosine(a: Array, b: Array) -> float:
    """Mean over the poses of the cosine between two vectors."""
    return float(_cosines(a, b).mean())


def _cosines(a: Array, b: Array) -> Array:
    """Cosines (...) between vectors (..., 3)."""
    lengths = np.sqrt((a * a).sum(axis=-1)) * np.sqrt((b * b).sum(axis=-1))
    return (a * b).sum(axis=-1) / np.maximum(lengths, 1e-12)


@lru_cache(maxsize=_MAX_POINTS)
def _triples(count: int) -> np.ndarray:
    """All (i, j, k) with i < j < k < count, (n, 3)."""
    return np.array(list(combinations(range(count), 3)))


def _both(one: "_Chain", other: "_Chain", leg: float | None) -> tuple[Limb, Limb] | None:
    """Both legs, or both arms of a body with legs of length `leg`; alike where the chains have as many points."""
    if not (one.ready and other.ready):
        return None
    parts = LEG if leg is None else ARM
    scores = [chain.leg_scores if leg is None else chain.arm_scores(leg) for chain in (one, other)]
    if len(one.points) == len(other.points):
        first = second = int(np.argmax(scores[0] + scores[1]))
    else:
        first, second = int(np.argmax(scores[0])), int(np.argmax(scores[1]))
    return one.limb(scores[0], first, parts), other.limb(scores[1], second, parts)


class _Chain:
    """The longest way from a branch through one child, as points: joints at one place are one point."""

    def __init__(self, tree: Tree, readings: list[Reading], branch: int, child: int) -> None:
        self.tree, self.readings = tree, readings
        way = tree.longest_way(child)
        small = 0.02 * tree.reach(child)
        self.lead: list[int] = []  # joints still at the branch
        self.points: list[list[int]] = []
        self.along: list[float] = []
        at = 0.0
        for joint in way:
            at += tree.lengths[joint]
            if tree.lengths[joint] > small:
                self.points.append([joint])
                self.along.append(at)
            elif self.points:
                self.points[-1].append(joint)
            else:
                self.lead.append(joint)
        self.total = at
        del self.points[_MAX_POINTS:], self.along[_MAX_POINTS:]
        self.ready = len(self.points) >= 3
        if self.ready:
            self._measure()

    def _measure(self) -> None:
        x = self.tree.positions[:, [point[0] for point in self.points]]
        apart = x[:, :, None] - x[:, None, :]
        self.distance = median(np.sqrt((apart * apart).sum(axis=-1)))
        self.combos = _triples(len(self.points))
        i, j, k = self.combos.T
        along = np.array(self.along)
        self.a, self.b = self.distance[i, j], self.distance[j, k]
        self.start, self.rest = along[i], self.total - along[k]
        # Joints left out between two chosen ones must lie in line with them (halves of a bone, twist joints).
        bow = (along[j] - along[i]) / np.maximum(self.a, 1e-9) + (along[k] - along[j]) / np.maximum(self.b, 1e-9) - 2.0
        self.in_line = np.maximum(-((bow / 0.01) ** 2), -_WORST)
        after = np.minimum(k + 1, len(self.points) - 1)
        shank, foot = x[:, k] - x[:, j], x[:, after] - x[:, k]
        turn = _cosines(shank, foot).mean(axis=0)
        self.ankle = np.where(after > k, -0.5 * ((turn - 0.25) / 0.45) ** 2, -1.5)

    def _named(self, parts: tuple[str, str, str]) -> Array:
        """Score of the names for each combination."""
        said = np.array([[max(self.readings[j].says(part) for j in point) for point in self.points] for part in parts])
        i, j, k = self.combos.T
        return NAME_WEIGHT * (said[0, i] + said[1, j] + said[2, k])

    @cached_property
    def leg_scores(self) -> Array:
        """Of each combination as hip, knee and ankle."""
        length = self.a + self.b
        score = off(self.b / self.a, 1.0, 0.2) + off(self.rest / length + 0.01, 0.26, 0.6)
        score += off(self.start / length + 0.02, 0.17, 0.8) + self.ankle + self.in_line
        return score + self._named(LEG)

    @cached_property
    def _arm_scores(self) -> Array:
        length = self.a + self.b
        # What a hand holds may reach far: a long rest counts little.
        score = off(self.b / self.a, 0.8, 0.3) + np.maximum(off(self.rest / length + 0.12, 0.4, 0.7), -2.0)
        score += off(self.start / length + 0.05, 0.38, 0.6) + self.in_line
        branching = np.array([sum(len(self.tree.children[j]) for j in point) - len(point) for point in self.points])
        # Fingers, or at least a thumb, leave from the wrist.
        score += 0.8 * np.clip(branching[self.combos[:, 2]], 0, 2)
        return score + self._named(ARM)

    def arm_scores(self, leg: float) -> Array:
        """Of each combination as shoulder, elbow and wrist of a body with legs of the given length."""
        return self._arm_scores + off((self.a + self.b) / leg, 0.66, 0.25)

    def limb(self, scores: Array, best: int, parts: tuple[str, str, str]) -> Limb:
        """The limb of a combination."""
        chosen = self.combos[best]
        # What stands above a hip or shoulder at its place is a helper; what stands below a knee at its place is one too.
        picks = zip(chosen, parts, (True, False, False), strict=True)
        joints = [self._pick(int(point), part, last) for point, part, last in picks]
        before = [*self.lead, *(j for point in self.points[: chosen[0]] for j in point)]
        first = self.points[chosen[0]]
        before += first[: first.index(joints[0])]
        after = tuple(tuple(point) for point in self.points[chosen[2] + 1 :])
        length = float(self.a[best] + self.b[best])
        return Limb((joints[0], joints[1], joints[2]), tuple(before), after, length, float(scores[best]))

    def _pick(self, point: int, part: str, last: bool) -> int:
        """Of joints at one place, the best named, then the last or the uppermost."""
        joints = self.points[point][::-1] if last else self.points[point]
        return max(joints, key=lambda joint: self.readings[joint].says(part))
