# SPDX-License-Identifier: GPL-3.0-or-later
"""A standing person in landmarks, in any rest pose and of any proportions, for hierarchies to be laid over.

Blender's axes: Z up, facing -Y, left at +X; metres.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from .sample import Array

# Landmarks in chains: "elbow+.5" is half-way from the elbow to the next landmark of its chain.
CHAINS: tuple[tuple[tuple[str, tuple[float, float, float]], ...], ...] = (
    (
        ("pelvis", (0, 0.01, 0.98)),
        ("waist", (0, 0.0, 1.10)),
        ("chest", (0, 0.01, 1.25)),
        ("upperchest", (0, 0.03, 1.37)),
        ("neck", (0, 0.04, 1.49)),
        ("head", (0, 0.02, 1.58)),
        ("top", (0, 0.01, 1.77)),
    ),
    (
        ("collar", (0.03, 0.0, 1.44)),
        ("shoulder", (0.17, 0.04, 1.44)),
        ("elbow", (0.45, 0.055, 1.44)),
        ("wrist", (0.71, 0.03, 1.44)),
        ("middle0", (0.745, 0.03, 1.44)),
        ("middle1", (0.805, 0.03, 1.44)),
        ("middle2", (0.85, 0.03, 1.435)),
        ("middle3", (0.88, 0.03, 1.43)),
        ("middle4", (0.905, 0.03, 1.425)),
    ),
    (
        ("thumb1", (0.735, 0.0, 1.43)),
        ("thumb2", (0.77, -0.03, 1.415)),
        ("thumb3", (0.80, -0.05, 1.41)),
        ("thumb4", (0.825, -0.065, 1.405)),
    ),
    (
        ("index0", (0.745, 0.015, 1.44)),
        ("index1", (0.805, 0.005, 1.44)),
        ("index2", (0.845, 0.0, 1.435)),
        ("index3", (0.87, -0.002, 1.43)),
        ("index4", (0.892, -0.003, 1.425)),
    ),
    (
        ("ring0", (0.743, 0.042, 1.438)),
        ("ring1", (0.80, 0.052, 1.437)),
        ("ring2", (0.84, 0.055, 1.43)),
        ("ring3", (0.868, 0.057, 1.425)),
        ("ring4", (0.89, 0.058, 1.42)),
    ),
    (
        ("pinky0", (0.74, 0.052, 1.435)),
        ("pinky1", (0.787, 0.07, 1.433)),
        ("pinky2", (0.82, 0.075, 1.428)),
        ("pinky3", (0.84, 0.077, 1.424)),
        ("pinky4", (0.857, 0.078, 1.42)),
    ),
    (
        ("hip", (0.095, 0.01, 0.93)),
        ("knee", (0.1, 0.0, 0.505)),
        ("ankle", (0.105, 0.035, 0.085)),
        ("ball", (0.115, -0.09, 0.02)),
        ("toe", (0.12, -0.165, 0.015)),
    ),
    (("heel", (0.105, 0.085, 0.0)), ("heel_end", (0.105, 0.02, 0.0))),
)
_NEXT = {a: b for chain in CHAINS for (a, _), (b, _) in pairwise(chain)}
_PLACES = {name: np.array(place, dtype=np.float64) for chain in CHAINS for name, place in chain}
_ARM = [name for chain in CHAINS[1:6] for name, _ in chain if name not in ("collar", "shoulder")]
_LEG = ["knee", "ankle", "ball", "toe", "heel", "heel_end"]


@dataclass(frozen=True)
class Shape:
    """Proportions and rest pose.

    size: of the whole. legs, arms, torso, head: lengths of these over the usual. hang: degrees by which the arms hang from a
    T pose; ahead: degrees by which they point forward; bend: degrees by which elbows are bent forward. apart: degrees by
    which each leg is turned outwards. broad: distance of shoulders and hips over the usual.
    """

    size: float = 1.0
    legs: float = 1.0
    arms: float = 1.0
    torso: float = 1.0
    head: float = 1.0
    hang: float = 0.0
    ahead: float = 0.0
    bend: float = 0.0
    apart: float = 0.0
    broad: float = 1.0


def turned(points: Array, pivot: Array, axis: int, degrees: float) -> Array:
    """Points turned about an axis through a pivot, right-handed."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    a, b = [(1, 2), (2, 0), (0, 1)][axis]
    away = points - pivot
    out = away.copy()
    out[..., a] = c * away[..., a] - s * away[..., b]
    out[..., b] = s * away[..., a] + c * away[..., b]
    return pivot + out


def landmarks(shape: Shape) -> dict[str, Array]:
    """Landmark -> (3,); of the left side where there are two. "elbow_pole" is where an elbow points to, half a metre away."""
    at = {name: place.copy() for name, place in _PLACES.items()}
    low, high = _PLACES["pelvis"], _PLACES["neck"]
    hip, shoulder = _PLACES["hip"], _PLACES["shoulder"]
    for name in _PLACES:
        if name in _LEG:
            at[name] = hip + (at[name] - hip) * [1, 1, shape.legs]
        elif name in _ARM:
            at[name] = shoulder + (at[name] - shoulder) * shape.arms
    moved = {name: np.zeros(3) for name in _PLACES}
    stretch = np.array([0, 0, (high - low)[2] * (shape.torso - 1.0)])
    for name, place in _PLACES.items():
        share = np.clip((place[2] - low[2]) / (high - low)[2], 0.0, 1.0)
        moved[name] += stretch * (1.0 if name in _ARM or name in ("collar", "shoulder") else share)
        wide = shoulder if name in _ARM or name == "shoulder" else hip if name in _LEG or name == "hip" else None
        if wide is not None:
            moved[name][0] += wide[0] * (shape.broad - 1.0)
    at = {name: place + moved[name] for name, place in at.items()}
    at["top"] = at["head"] + (at["top"] - at["head"]) * shape.head
    arm = np.array([at[name] for name in _ARM])
    arm[1:] = turned(arm[1:], arm[0], 2, -shape.bend)
    arm = turned(turned(arm, at["shoulder"], 1, shape.hang), at["shoulder"], 2, -shape.ahead)
    leg = turned(np.array([at[name] for name in _LEG]), at["hip"], 1, -shape.apart)
    at.update(zip(_ARM, arm, strict=True))
    at.update(zip(_LEG, leg, strict=True))
    for name, start, end in (("elbow", "shoulder", "wrist"), ("knee", "hip", "ankle")):
        line = at[end] - at[start]
        out = at[name] - at[start] - line * ((at[name] - at[start]) @ line / (line @ line))
        at[f"{name}_pole"] = at[name] + 0.5 * out / np.linalg.norm(out)
    # Whatever the legs' length, the soles are on the floor.
    floor = at["heel"] * [0, 0, 1]
    return {name: (place - floor) * shape.size for name, place in at.items()}


def spot(token: str, at: dict[str, Array], size: float, sign: float, parent: Array) -> Array:
    """A place by its word: "elbow", "elbow+.5", "floor", "x,y,z" of a usual body, or "^x,y,z" from the parent's head."""
    mirror = np.array([sign, 1.0, 1.0])
    if token == "floor":
        return np.zeros(3)
    if token.startswith("^"):
        return parent + np.array([float(v) for v in token[1:].split(",")]) * size * mirror
    if "," in token:
        return np.array([float(v) for v in token.split(",")]) * size * mirror
    name, _, share = token.partition("+")
    place = at[name]
    if share:
        place = place + (at[_NEXT[name]] - place) * float(share)
    return place * mirror
