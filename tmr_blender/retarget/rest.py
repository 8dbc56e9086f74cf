# SPDX-License-Identifier: GPL-3.0-or-later
"""Bringing two bodies into the same pose, so that a turn of one means the same turn of the other.

A stance is a body standing upright: where its joints are and how far each is turned from the coordinates its motion is
given in. For a rig that is the rest pose. For a clip it is the rest pose too, if that looks like a body; many files
write every offset along one local axis, and then the stance is put together from anatomy instead: limbs from the axis
their hinge bends about, hips from the line between the legs, feet from the frames in which they stand on the floor.

Space: Y up, facing +Z, left at +X.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ..errors import SkeletonProblem
from ..motion import body, quaternion
from ..motion.quaternion import Array

UP: Array = np.array([0.0, 1.0, 0.0])
LEFT: Array = np.array([1.0, 0.0, 0.0])
FORWARD: Array = np.array([0.0, 0.0, 1.0])

LIMBS: tuple[tuple[str, str, str], ...] = tuple(
    (f"{side}_{a}", f"{side}_{b}", f"{side}_{c}")
    for side in ("left", "right")
    for a, b, c in (("shoulder", "elbow", "wrist"), ("hip", "knee", "ankle"))
)
NEEDED: tuple[str, ...] = tuple(joint for limb in LIMBS for joint in limb)
"""Without these a motion can't be carried over at all."""


# A body at rest that faces this near an axis (radians) is meant to face along it.
SKEW = 0.2


@dataclass(frozen=True)
class Stance:
    """A body standing upright.

    positions: role -> (3,) metres.
    rotations: role -> (4,) global rotation of the joint in this pose.
    """

    positions: Mapping[str, Array]
    rotations: Mapping[str, Array]

    def toward(self, start: str, end: str) -> Array:
        """Unit vector from one role's joint to another's; zero if they coincide."""
        v = self.positions[end] - self.positions[start]
        return v / max(float(np.linalg.norm(v)), 1e-9)

    @property
    def hips(self) -> Array:
        """The point midway between the hip joints."""
        return (self.positions["left_hip"] + self.positions["right_hip"]) / 2

    @property
    def leg(self) -> float:
        """Length of thigh and shin, metres, mean of both legs."""
        p = self.positions
        parts = [
            np.linalg.norm(p[f"{s}_{a}"] - p[f"{s}_{b}"])
            for s in ("left", "right")
            for a, b in (("hip", "knee"), ("knee", "ankle"))
        ]
        return float(sum(parts)) / 2


def chain(roles: Mapping[str, object], part: str) -> list[str]:
    """The roles "part1", "part2", ... (or just "part") that are there, upwards."""
    numbered = sorted((r for r in roles if r.startswith(part) and r[len(part) :].isdigit()), key=lambda r: int(r[len(part) :]))
    return numbered or [r for r in (part,) if r in roles]


def _parents() -> dict[str, str]:
    table: dict[str, str] = {}
    for side in ("left", "right"):
        limb = ("collar", "shoulder", "elbow", "wrist")
        leg = ("hip", "knee", "ankle", "foot")
        table[f"{side}_collar"], table[f"{side}_hip"] = "chest", "pelvis"
        for row in (limb, leg):
            table.update({f"{side}_{b}": f"{side}_{a}" for a, b in pairwise(row)})
    for role in body.FINGERS:
        base, part = role[:-1], int(role[-1])
        table[role] = f"{base}{part - 1}" if part > 1 else role.split("_")[0] + "_wrist"
    return table


PARENT: Mapping[str, str] = _parents()

TIPS: tuple[str, ...] = tuple(f"{role[:-1]}4" for role in body.FINGERS if role.endswith("3"))
"""Where fingers end: places of a stance that no bone of its own stands for."""
NAPE = "nape"
"""Where the neck begins, on the highest bone of the spine: likewise a place alone. Skeletons may have joints there, or one of
several of the neck, that have no role."""
NEXT: Mapping[str, str] = {a: b for limb in LIMBS for a, b in pairwise(limb)} | {
    role: f"{role[:-1]}{int(role[-1]) + 1}" for role in body.FINGERS
}
"""Role of a segment of a limb or finger -> the role at its end."""


def hierarchy(roles: Mapping[str, object]) -> dict[str, str | None]:
    """role -> the nearest role below it in the body that is there (None for the pelvis), parents before children."""
    trunk = ["pelvis", *chain(roles, "spine")]
    neck = [trunk[-1], *chain(roles, "neck")]
    out: dict[str, str | None] = {"pelvis": None}
    for row in (trunk, neck, [neck[-1], "head"] if "head" in roles else []):
        out.update({above: below for below, above in pairwise(row)})
    for role in PARENT:
        if role in roles:
            below = PARENT[role]
            while below != "chest" and below not in roles:
                below = PARENT[below]
            out[role] = trunk[-1] if below == "chest" else below
    return out


def facing(positions: Mapping[str, Array]) -> Array:
    """The turn about Y, (..., 4), that makes a body with these joints face +Z.

    positions: role -> (..., 3). The direction is square to the lines between hips and between shoulders, as in
    HumanML3D.
    """
    across = positions["left_hip"] - positions["right_hip"] + positions["left_shoulder"] - positions["right_shoulder"]
    angle = np.arctan2(across[..., 2], across[..., 0])
    return quaternion.from_axis_angle(np.broadcast_to(UP, (*angle.shape, 3)), angle)


def along_axis(heading: Array) -> Array:
    """A turn about Y rounded to a quarter turn if it is near one: a body is built along an axis, never quite symmetrically."""
    angle = float(quaternion.to_rotation_vector(heading)[1])
    quarter = np.pi / 2 * round(angle / (np.pi / 2))
    return quaternion.from_axis_angle(UP, np.array(quarter)) if abs(angle - quarter) < SKEW else heading


def require(roles: Mapping[str, object], name: str) -> None:
    """Raise SkeletonProblem if a limb is missing."""
    missing = [role for role in ("pelvis", *NEEDED) if role not in roles]
    if missing:
        words = ", ".join(role.replace("_", " ") for role in missing[:4])
        raise SkeletonProblem(f"No complete body was recognised in “{name}”: {words} not found.")


def upright(positions: Mapping[str, Array]) -> bool:
    """Whether joints facing +Z are a body at all: legs down, head up, each arm on its side, whatever else it does."""
    way = Stance(positions, {}).toward
    legs = [way(a, b) @ UP for limb in LIMBS[1::2] for a, b in pairwise(limb)]
    top = "head" if "head" in positions else "left_shoulder"
    arms = [way(f"{side}_shoulder", f"{side}_elbow") @ (sign * LEFT) for side, sign in (("left", 1.0), ("right", -1.0))]
    return bool(max(legs) < -0.8 and way("left_hip", top) @ UP > 0.7 and min(arms) > -0.3)


def stands(positions: Mapping[str, Array]) -> bool:
    """Whether joints facing +Z are a body standing upright with straight limbs: T, A, arms down or forward."""
    way = Stance(positions, {}).toward

    for hip, _, ankle in LIMBS[1::2]:
        foot = hip.replace("hip", "foot")
        if foot in positions and way(ankle, foot) @ FORWARD < 0.4:
            return False
    if not upright(positions):
        return False
    for (shoulder, elbow, wrist), side in zip(LIMBS[::2], (1.0, -1.0), strict=True):
        arm = way(shoulder, elbow)
        if arm[0] * side < -0.3 or arm[1] > 0.7 or arm @ way(elbow, wrist) < 0.3:
            return False
    return True


def turn(first: Array, second: Array, to_first: Array, to_second: Array) -> Array:
    """The rotation that takes direction `first` to `to_first` exactly, and `second` to `to_second` as nearly as it can."""
    return quaternion.multiply(
        quaternion.from_matrix(_axes(to_first, to_second)), quaternion.inverse(quaternion.from_matrix(_axes(first, second)))
    )


def _axes(first: Array, second: Array) -> Array:
    x = first / max(float(np.linalg.norm(first)), 1e-12)
    z = np.cross(x, second)
    if np.linalg.norm(z) < 1e-9:
        z = np.cross(x, np.eye(3)[int(np.argmin(np.abs(x)))])
    z = z / np.linalg.norm(z)
    return np.stack([x, np.cross(z, x), z], axis=-1)


def align(source: Stance, target: Stance) -> dict[str, Array]:
    """role -> (4,) the turn from the target's stance into the source's, for every role of the target.

    Arms and legs end up pointing exactly where the source's do. Each turn builds on the one below it in the body and
    adds the smallest one that is needed, which keeps palms and knees as they are. The spine leans as a whole. Feet turn
    about the vertical only, so that soles flat on the floor stay flat whatever the shape of the foot; hands agree in where
    their knuckles are, and fingers in how they are curled; collars, head, toes, and hands without fingers keep their rest
    relation to the part that carries them.
    """
    turns: dict[str, Array] = {}
    lean = _lean(source, target)
    for role, above in hierarchy(target.positions).items():
        carried = turns[above] if above else quaternion.IDENTITY
        end = NEXT.get(role, "")
        if role.startswith("spine"):
            turns[role] = lean
        elif role.startswith("neck") or role == "head":
            turns[role] = quaternion.IDENTITY
        elif all(name in stance.positions for name in (role, end) for stance in (source, target)):
            here = quaternion.rotate(carried, target.toward(role, end))
            turns[role] = quaternion.multiply(quaternion.between(here, source.toward(role, end)), carried)
        elif role.endswith("_ankle"):
            turns[role] = _toe_out(source, target, role)
        elif role.endswith("_wrist"):
            turns[role] = _palm(source, target, role, carried)
        else:
            turns[role] = carried
    return turns


def _lean(source: Stance, target: Stance) -> Array:
    """The turn that makes the line from the hips to the shoulders equal."""
    ways = [(s.positions["left_shoulder"] + s.positions["right_shoulder"]) / 2 - s.hips for s in (target, source)]
    return quaternion.between(ways[0], ways[1])


def _toe_out(source: Stance, target: Stance, ankle: str) -> Array:
    toe = ankle.replace("ankle", "foot")
    if toe not in source.positions or toe not in target.positions:
        return quaternion.IDENTITY
    level = np.array([1.0, 0.0, 1.0])
    return quaternion.between(target.toward(ankle, toe) * level, source.toward(ankle, toe) * level)


def _palm(source: Stance, target: Stance, wrist: str, carried: Array) -> Array:
    side = wrist.split("_")[0]
    middle, index, pinky = (f"{side}_{finger}1" for finger in ("middle", "index", "pinky"))
    if any(role not in stance.positions for stance in (source, target) for role in (middle, index, pinky)):
        return carried
    fingers = [stance.toward(wrist, middle) for stance in (target, source)]
    across = [stance.toward(pinky, index) for stance in (target, source)]
    return turn(fingers[0], across[0], fingers[1], across[1])
