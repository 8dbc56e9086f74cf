# SPDX-License-Identifier: GPL-3.0-or-later
"""Which bone of a rig plays which part of the body."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np

from ..errors import SkeletonProblem
from ..motion import body, humanoid, quaternion
from ..motion.clip import Clip
from ..motion.names import read_name
from ..motion.quaternion import Array
from ..motion.skeleton import Skeleton
from . import rest
from .conventions import PAIRS, TABLE, Control, Convention
from .rig import Rig

FLOOR = 0.15
"""A root bone is at most this much higher or lower than the lowest joint of the feet, in legs."""


FACE = 3
"""A bone of neck or head with this many children is the head: they are jaw, eyes, hair."""

SKULL = 0.27
"""The base of the skull is less than this above the shoulders, in legs: 0.11 to 0.24 on a dozen rigs; the top is over 0.3."""

PARTS: tuple[str, ...] = (
    *("pelvis", "spine1", "neck1", "head"),
    *(f"{side}_{part}" for side in ("left", "right") for part in PAIRS),
)
"""The roles that a whole body has, whatever its spine and neck are made of; fingers are beyond that."""


@dataclass(frozen=True)
class RigMap:
    """The parts of a rig that are keyed.

    convention: name of the table row that fitted, or "shape" where none did.
    score: 0..1, the share of a body's parts (`PARTS`) that have a bone; where only the shape of the rig speaks, times how sure
        it is that this is a human body.
    bones: role -> bone. Roles are those of `motion.body.JOINTS` and `motion.body.FINGERS`, each named after the joint
        at the bone's head ("left_elbow" is the forearm), except that a spine or neck of any length is "spine1",
        "spine2", ... and "neck1", "neck2", ... upwards, and that "pelvis" turns the hips.
    travel: the bone that receives the location (often the pelvis itself).
    held: bones kept at rest so that a pose left on them can't disturb the motion.
    switches: (bone, custom property) -> value that makes the keyed bones drive the body.
    root: the bone on the floor that carries the whole body, or empty.
    controls: role of a limb's end ("left_wrist", "right_ankle") -> its controls under inverse kinematics.
    twists: role of a limb's segment ("left_elbow") -> its twist bones, from the segment's start to its end.
    """

    convention: str
    score: float
    bones: Mapping[str, str]
    travel: str
    held: tuple[str, ...] = ()
    switches: Mapping[tuple[str, str], float] = field(default_factory=dict)
    root: str = ""
    controls: Mapping[str, Control] = field(default_factory=dict)
    twists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def map_rig(rig: Rig) -> RigMap:
    """The best reading of a rig: every known convention is tried, then the shape of the hierarchy.

    Raises SkeletonProblem where no arms, legs and hips can be recognised.
    """
    if not rig.count:
        raise SkeletonProblem(f"“{rig.name}” has no bones: pick an armature with a human rig.")
    known = {}
    for name in rig.names:
        known.setdefault(plain(name), name)
    found = [m for m in (_match(rig, row, known) for row in TABLE) if m is not None]
    # Rows come most specific first, so the first of equals is the better one.
    best = max(found, key=_fullness, default=None) or _by_shape(rig)
    if not best.root:
        placed = heads(rig)
        best = replace(best, root=_floor_bone(rig, {role: rig.index(name) for role, name in best.bones.items()}, placed))
    return _sided(rig, replace(best, travel=_free(rig, best.travel)))


def covered(bones: Mapping[str, str]) -> float:
    """0..1, the share of a whole body's parts that have a bone."""
    return sum(role in bones for role in PARTS) / len(PARTS)


def plain(name: str) -> str:
    """A bone's name without namespace and case, letters and digits in their usual width."""
    return _folded(name.rsplit(":", 1)[-1].rsplit("|", 1)[-1])


@lru_cache(maxsize=16384)
def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()


@lru_cache(maxsize=16384)
def _spelt(names: str, side: str) -> tuple[str, ...]:
    """The alternatives that a convention gives, on one side, as `plain` would have them."""
    return tuple(_folded(name.replace("{s}", side).replace("{i}", side[:1])) for name in names.split("|"))


def _fullness(found: RigMap) -> tuple[int, int, int]:
    """How much of a rig a row explains: the body first, then fingers, then what else it knows."""
    fingers = sum(role in body.FINGERS for role in found.bones)
    more = bool(found.root) + len(found.controls) + sum(map(len, found.twists.values()))
    return len(found.bones) - fingers, fingers, more


def _match(rig: Rig, row: Convention, known: Mapping[str, str]) -> RigMap | None:
    """The row's bones as found on the rig; None if limbs are missing or hang together differently."""
    names = _Names(rig, known)
    if not all(names.find(row.pairs[role.split("_")[1]], row.sides[role.startswith("right")]) for role in rest.NEEDED):
        return None
    wanted = {"pelvis": names.find(row.pelvis), "head": names.find(row.head)}
    for part, listed in (("spine", row.spine), ("neck", row.neck)):
        there = [name for name in map(names.find, listed) if name]
        wanted.update({f"{part}{i}": name for i, name in enumerate(there, 1)})
    for side, word in zip(("left", "right"), row.sides, strict=True):
        wanted.update({f"{side}_{role}": names.find(name, word) for role, name in row.pairs.items()})
        for finger, listed in row.fingers.items():
            wanted.update({f"{side}_{finger}{i}": names.find(name, word) for i, name in enumerate(listed, 1)})
    bones = {role: name for role, name in wanted.items() if name}
    if any(role not in bones for role in ("pelvis", *rest.NEEDED)) or not _hangs_together(rig, bones):
        return None
    held = [name for listed in row.held for side in row.sides if (name := names.find(listed, side))]
    switches: dict[tuple[str, str], float] = {}
    controls: dict[str, Control] = {}
    twists: dict[str, tuple[str, ...]] = {}
    for side, word in zip(("left", "right"), row.sides, strict=True):
        switches.update(names.switches(row.switches, word))
        found = {f"{side}_{role}": names.control(control, word) for role, control in row.controls.items()}
        controls.update({role: control for role, control in found.items() if control})
        for role, listed in row.twists.items():
            there = [name for name in (names.find(name, word) for name in listed) if name]
            twists.update({f"{side}_{role}": tuple(there)} if there else {})
    root = names.find(row.root)
    return RigMap(
        convention=row.name,
        score=covered(bones),
        bones=bones,
        travel=names.find(row.travel) or bones["pelvis"],
        held=tuple(dict.fromkeys(held)),
        switches=switches,
        root=root if root and _may_carry(rig, rig.index(root), rig.index(bones["pelvis"])) else "",
        controls=controls,
        twists=twists,
    )


def _may_carry(rig: Rig, root: int, pelvis: int) -> bool:
    """Whether a bone is above the hips, or on its own: rigs of controls hang on theirs by constraints."""
    return root in ancestors(rig, pelvis) or int(rig.parents[root]) < 0


@dataclass(frozen=True)
class _Names:
    """The bones of a rig by the names that a convention uses. known: plain name -> the rig's own."""

    rig: Rig
    known: Mapping[str, str]

    def find(self, names: str, side: str = "") -> str | None:
        """The first of the alternatives that exists."""
        return next((self.known[name] for name in _spelt(names, side) if name in self.known), None)

    def switches(self, wanted: Mapping[tuple[str, str], float], side: str) -> dict[tuple[str, str], float]:
        """Those that the rig has."""
        found = {(self.find(names, side), key): value for (names, key), value in wanted.items()}
        return {(name, key): value for (name, key), value in found.items() if name and (name, key) in self.rig.properties}

    def control(self, wanted: Control, side: str) -> Control | None:
        """A limb's controls, if the rig has them."""
        bone = self.find(wanted.bone, side)
        if not bone:
            return None
        held = tuple(name for name in (self.find(name, side) for name in wanted.held) if name)
        switches = self.switches(wanted.switches, side)
        return Control(bone, self.find(wanted.pole, side) or "", switches, self.find(wanted.toe, side) or "", held)


def _hangs_together(rig: Rig, bones: Mapping[str, str]) -> bool:
    """Whether forearms hang on upper arms and so on; a table that fits by its names only is no fit."""
    for limb in rest.LIMBS:
        for above, below in pairwise(limb):
            if rig.index(bones[above]) not in ancestors(rig, rig.index(bones[below])):
                return False
    return True


def ancestors(rig: Rig, bone: int) -> list[int]:
    """The bones above a bone, nearest first."""
    out: list[int] = []
    while (bone := int(rig.parents[bone])) >= 0:
        out.append(bone)
    return out


def _by_shape(rig: Rig) -> RigMap:
    """Recognised as a file's skeleton would be, with every bone of the spine and the neck."""
    clip = as_clip(rig)
    try:
        found = humanoid.recognise(clip)
    except SkeletonProblem as problem:
        raise SkeletonProblem(
            f"No human body can be recognised in the {rig.count} bones of “{rig.name}”: two legs and two arms of three bones "
            "each are needed, and hips that carry them."
        ) from problem
    joints = found.joints
    bones = {role: rig.names[i] for role, i in joints.items() if not role.startswith(("spine", "neck"))}
    rest.require(bones, rig.name)
    placed = clip.globals()[1][0]
    if strange := _strange({role: placed[i] for role, i in joints.items()}):
        raise SkeletonProblem(
            f"“{rig.name}” has two pairs of limbs but {strange}: only rigs of people can be mapped by themselves."
        )
    if "head" in joints:
        joints = {**joints, "head": _head(rig, joints, placed)}
        bones["head"] = rig.names[joints["head"]]
    spine, neck = _trunk(rig, joints, placed)
    bones |= {f"spine{i}": rig.names[bone] for i, bone in enumerate(spine, 1)}
    bones |= {f"neck{i}": rig.names[bone] for i, bone in enumerate(neck, 1)}
    return RigMap("shape", covered(bones) * found.score, bones, bones["pelvis"])


def _strange(at: Mapping[str, Array]) -> str:
    """What in a rest pose no person's has; empty for nothing. at: role -> (3,)."""

    def way(start: str, end: str) -> Array:
        return at[end] - at[start]

    up = (at["left_shoulder"] + at["right_shoulder"] - at["left_hip"] - at["right_hip"]) / 2
    legs, arms = (
        way(f"left_{a}", f"left_{b}") + way(f"right_{a}", f"right_{b}") for a, b in (("hip", "ankle"), ("shoulder", "wrist"))
    )
    if _cosine(way("left_hip", "left_ankle"), way("right_hip", "right_ankle")) < 0.5:
        return "its legs point apart"
    if abs(_cosine(up, legs)) < 0.6 and _cosine(arms, legs) > 0.6:
        return "it stands on all four"
    if "head" in at and (at["head"] - (at["left_shoulder"] + at["right_shoulder"]) / 2) @ up < 0:
        return "its head is below its arms"
    for limb, least in zip(rest.LIMBS, (0.2, 0.6) * 2, strict=True):
        if _cosine(way(*limb[:2]), way(*limb[1:])) < least:
            return "they are folded at rest"
    return ""


def _cosine(a: Array, b: Array) -> float:
    return float(a @ b / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-12))


def _head(rig: Rig, joints: Mapping[str, int], placed: Array) -> int:
    """The base of the skull: the first bone over the chest that carries a face, or the last that isn't the top of the head.

    A bare skeleton leaves more open (its last joint may be the end of a bone), so `humanoid` doesn't go by this.
    """
    found = joints["head"]
    if read_name(rig.names[found]).says("head") > 0:
        return found
    children = [np.flatnonzero(rig.parents == bone) for bone in range(rig.count)]
    shoulders = (placed[joints["left_shoulder"]] + placed[joints["right_shoulder"]]) / 2
    hips = (placed[joints["left_hip"]] + placed[joints["right_hip"]]) / 2
    up = (shoulders - hips) / np.linalg.norm(shoulders - hips)
    leg = _length(placed, joints, "hip", "knee") + _length(placed, joints, "knee", "ankle")
    top = next((joints[role] for role in ("spine3", "spine1") if role in joints), joints["pelvis"])
    way = [found, *ancestors(rig, found)]
    way = way[: way.index(top)][::-1] if top in way else way[:1]
    while len(children[way[-1]]) == 1 and _cosine(placed[children[way[-1]][0]] - placed[way[-1]], up) > 0.5:
        way.append(int(children[way[-1]][0]))

    def apart(bone: int) -> bool:
        return float(np.linalg.norm(placed[bone] - placed[rig.parents[bone]])) > 0.005 * leg

    def fan(bone: int) -> int:
        # A bone at the place of the one before it holds a part of the face together.
        return sum(1 if apart(child) else fan(child) for child in children[bone])

    way = [bone for bone in way if apart(bone)]
    faces = [bone for bone in way if fan(bone) >= FACE]
    if faces:
        return faces[0]
    low = [bone for bone in way if (placed[bone] - shoulders) @ up < SKULL * leg]
    return low[-1] if low else found


def _trunk(rig: Rig, joints: Mapping[str, int], placed: Array) -> tuple[list[int], list[int]]:
    """The bones of the spine and of the neck, upwards. placed: (bones, 3) in the world."""
    top = next((joints[role] for role in ("spine3", "spine1") if role in joints), joints["pelvis"])

    def above(bone: int, stop: int) -> list[int]:
        way = [bone, *ancestors(rig, bone)]
        return way[: way.index(stop)][::-1] if stop in way else []

    spine = above(top, joints["pelvis"]) if top != joints["pelvis"] else []
    neck = above(int(rig.parents[joints["head"]]), top) if "head" in joints and joints["head"] != top else []
    # A joint at the place of the one before it carries nothing of its own.
    leg = _length(placed, joints, "hip", "knee") + _length(placed, joints, "knee", "ankle")
    neck = [bone for bone in neck if np.linalg.norm(placed[bone] - placed[rig.parents[bone]]) > 0.005 * leg]
    shoulders = (placed[joints["left_shoulder"]] + placed[joints["right_shoulder"]]) / 2
    if not neck and len(spine) > 1 and (placed[spine[-1]] - shoulders)[1] > 0.02 * leg:
        # Some rigs hang the arms on the neck.
        return spine[:-1], spine[-1:]
    return spine, neck


def _length(placed: Array, joints: Mapping[str, int], start: str, end: str) -> float:
    """From one joint to another, mean of both sides."""
    ways = [placed[joints[f"{side}_{start}"]] - placed[joints[f"{side}_{end}"]] for side in ("left", "right")]
    return float(np.mean(np.linalg.norm(ways, axis=-1)))


def _floor_bone(rig: Rig, joints: Mapping[str, int], placed: Array) -> str:
    """The bone that carries the whole body and stands where its feet do, between them; empty if there is none."""
    above = ancestors(rig, joints["pelvis"])
    ankles = [placed[joints[f"{side}_ankle"]] for side in ("left", "right")]
    feet = [placed[joints[f"{side}_foot"]] for side in ("left", "right") if f"{side}_foot" in joints]
    floor = min(float(place[1]) for place in (*ankles, *feet))
    leg = _length(placed, joints, "hip", "knee") + _length(placed, joints, "knee", "ankle")
    low = [bone for bone in above if abs(placed[bone][1] - floor) < FLOOR * leg]
    return rig.names[low[0]] if low else ""


def heads(rig: Rig) -> Array:
    """(bones, 3) where bones start at rest, in the world's space."""
    return rig.rest[:, :3, 3] @ rig.world[:3, :3].T + rig.world[:3, 3]


def as_clip(rig: Rig) -> Clip:
    """The rest pose as a motion of one frame, in the world's space."""
    # Positions are taken to the world as they are; under an uneven scale its turns are those of the nearest rotation.
    u, _, v = np.linalg.svd(rig.world[:3, :3])
    turned = quaternion.from_matrix((u @ v) @ rig.rest[:, :3, :3])
    placed = heads(rig)
    rotations, offsets = turned.copy(), placed.copy()
    for bone, parent in enumerate(rig.parents):
        if parent >= 0:
            back = quaternion.inverse(turned[parent])
            rotations[bone] = quaternion.multiply(back, turned[bone])
            offsets[bone] = quaternion.rotate(back, placed[bone] - placed[parent])
    skeleton = Skeleton(rig.names, np.asarray(rig.parents, dtype=np.int64), offsets, rotations)
    return Clip(rig.name, skeleton, 30.0, rotations[None], offsets[None])


def _free(rig: Rig, bone: str) -> str:
    """The bone itself if locations move it, otherwise the nearest one above that can be moved."""
    index = rig.index(bone)
    return next((rig.names[i] for i in (index, *ancestors(rig, index)) if not rig.connected[i]), bone)


def _sided(rig: Rig, found: RigMap) -> RigMap:
    """With left and right exchanged if the toes show that the rig's names mean the viewer's sides."""
    at = {role: rig.rest[rig.index(name), :3, 3] @ rig.world[:3, :3].T for role, name in found.bones.items()}
    if "left_foot" not in at or "right_foot" not in at:
        return found
    across = at["left_hip"] - at["right_hip"]
    up = (at["left_shoulder"] + at["right_shoulder"]) / 2 - at["pelvis"]
    forward = np.cross(across, up)
    if all((at[f"{side}_foot"] - at[f"{side}_ankle"]) @ forward < 0 for side in ("left", "right")):
        return replace(found, bones=_swapped(found.bones), controls=_swapped(found.controls), twists=_swapped(found.twists))
    return found


def _swapped(table: Mapping[str, Any]) -> dict[str, Any]:
    return {body.mirrored(role): value for role, value in table.items()}
