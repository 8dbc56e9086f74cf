# SPDX-License-Identifier: GPL-3.0-or-later
"""Which bone of a rig plays which part of the body."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np

from ..errors import SkeletonProblem
from ..motion import body, humanoid, quaternion
from ..motion.clip import Clip
from ..motion.skeleton import Skeleton
from . import rest
from .conventions import TABLE, Control, Convention
from .rig import Rig


@dataclass(frozen=True)
class RigMap:
    """The parts of a rig that are keyed.

    convention: name of the table row that fitted, or "shape" where none did.
    score: 0..1, the share of the row's bones that were found in their place.
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
    return _sided(rig, replace(best, travel=_free(rig, best.travel)))


def plain(name: str) -> str:
    """A bone's name without namespace and case, letters and digits in their usual width."""
    return _folded(name.rsplit(":", 1)[-1].rsplit("|", 1)[-1])


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()


def _fullness(found: RigMap) -> tuple[int, int, int]:
    """How much of a rig a row explains: the body first, then fingers, then what else it knows."""
    fingers = sum(role in body.FINGERS for role in found.bones)
    more = bool(found.root) + len(found.controls) + sum(map(len, found.twists.values()))
    return len(found.bones) - fingers, fingers, more


def _match(rig: Rig, row: Convention, known: Mapping[str, str]) -> RigMap | None:
    """The row's bones as found on the rig; None if limbs are missing or hang together differently."""

    names = _Names(rig, known)
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
    core = [role for role in wanted if role not in body.FINGERS]
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
    return RigMap(
        convention=row.name,
        score=sum(role in bones for role in core) / len(core),
        bones=bones,
        travel=names.find(row.travel) or bones["pelvis"],
        held=tuple(dict.fromkeys(held)),
        switches=switches,
        root=names.find(row.root) or "",
        controls=controls,
        twists=twists,
    )


@dataclass(frozen=True)
class _Names:
    """The bones of a rig by the names that a convention uses. known: plain name -> the rig's own."""

    rig: Rig
    known: Mapping[str, str]

    def find(self, names: str, side: str = "") -> str | None:
        """The first of the alternatives that exists."""
        candidates = (self.known.get(_folded(name.replace("{s}", side).replace("{i}", side[:1]))) for name in names.split("|"))
        return next((name for name in candidates if name), None)

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
    """Recognised as a file's skeleton would be."""
    found = humanoid.recognise(as_clip(rig))
    bones: dict[str, str] = {}
    for part in ("spine", "neck"):
        for i, role in enumerate(rest.chain(found.joints, part), 1):
            bones[f"{part}{i}"] = rig.names[found.joints[role]]
    bones.update({role: rig.names[i] for role, i in found.joints.items() if not role.startswith(("spine", "neck"))})
    rest.require(bones, rig.name)
    return RigMap("shape", found.score, bones, bones["pelvis"])


def as_clip(rig: Rig) -> Clip:
    """The rest pose as a motion of one frame, in the world's space."""
    # Positions are taken to the world as they are; under an uneven scale its turns are those of the nearest rotation.
    u, _, v = np.linalg.svd(rig.world[:3, :3])
    turned = quaternion.from_matrix((u @ v) @ rig.rest[:, :3, :3])
    placed = rig.rest[:, :3, 3] @ rig.world[:3, :3].T + rig.world[:3, 3]
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
