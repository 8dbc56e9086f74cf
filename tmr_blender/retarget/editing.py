# SPDX-License-Identifier: GPL-3.0-or-later
"""Changing a mapping by hand: one bone, or all of the right side; and what people read about a mapping."""

import re
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from ..errors import SkeletonProblem
from ..motion import body
from ..motion.quaternion import Array
from . import rest
from .conventions import PAIRS, Control
from .mapping_text import LIMB_ENDS, NECK, ROLES, SPINE
from .rig import Rig
from .roles import RigMap, covered

CONTROLS: tuple[str, ...] = tuple(f"{end}_{what}" for end in LIMB_ENDS for what in ("control", "pole"))
FIELDS: tuple[str, ...] = (*ROLES, "travel", "root", *CONTROLS)
"""What can be given a bone by hand: the roles, the bones that travel and carry, and the controls of limbs."""

BY_HAND = RigMap("By hand", 0.0, {}, "")
"""What the mapping of a rig starts from in which no body is recognised."""

PARTS: Mapping[str, str] = {
    "pelvis": "Hips",
    "head": "Head",
    "collar": "Collar",
    "shoulder": "Upper Arm",
    "elbow": "Forearm",
    "wrist": "Hand",
    "hip": "Thigh",
    "knee": "Shin",
    "ankle": "Foot",
    "foot": "Toes",
    "wrist_control": "Hand Control",
    "wrist_pole": "Elbow Pole",
    "ankle_control": "Foot Control",
    "ankle_pole": "Knee Pole",
    "travel": "Travels",
    "root": "Root",
}
"""What animators call the bone of a role without its side: roles are named after joints."""

SAME_PLACE = 0.02
"""Bones are mirror images of each other if their ends are within this, in heights of the rig."""


def get(rig_map: RigMap, field: str) -> str:
    """The bone in one of `FIELDS`, or ""."""
    if field in ("travel", "root"):
        return getattr(rig_map, field)
    if field in CONTROLS:
        end, what = field.rsplit("_", 1)
        control = rig_map.controls.get(end)
        return "" if control is None else control.bone if what == "control" else control.pole
    return rig_map.bones.get(field, "")


def assign(rig: Rig, rig_map: RigMap, field: str, bone: str) -> RigMap:
    """The mapping with another bone in one of `FIELDS`, or none ("").

    A bone plays one part: it is taken from the role that it had (see `holder`), and is no longer held at rest or a twist.
    Raises SkeletonProblem for a bone or field that there isn't.
    """
    if field not in FIELDS:
        raise SkeletonProblem(f"There is no role “{field}”: roles are such as pelvis, spine1, head, left_elbow, travel, root.")
    if bone and bone not in rig.names:
        raise SkeletonProblem(f"“{rig.name}” has no bone “{bone}”.")
    if field == "root":
        return replace(rig_map, root=bone)
    if field == "travel":
        return replace(rig_map, travel=bone or rig_map.bones.get("pelvis", ""), held=_without(rig_map.held, bone))
    if field in CONTROLS:
        return _with_control(rig_map, field, bone)
    bones = {role: name for role, name in rig_map.bones.items() if role != field and name != bone}
    if bone:
        bones[field] = bone
    follows = rig_map.travel in ("", rig_map.bones.get("pelvis"))
    return replace(
        rig_map,
        bones=bones,
        score=covered(bones),
        # The hips travel by themselves unless another bone is named for it.
        travel=bones.get("pelvis", "") if follows else rig_map.travel,
        held=_without(rig_map.held, bone),
        twists=_filled({segment: _without(names, bone) for segment, names in rig_map.twists.items()}),
    )


def holder(rig_map: RigMap, field: str, bone: str) -> str:
    """The other role that a bone plays, which it loses when it is given to a field; "" for none."""
    if field not in ROLES:
        return ""
    return next((role for role, name in rig_map.bones.items() if name == bone and role != field), "")


def _with_control(rig_map: RigMap, field: str, bone: str) -> RigMap:
    end, what = field.rsplit("_", 1)
    control = rig_map.controls.get(end)
    others = {key: value for key, value in rig_map.controls.items() if key != end}
    if what == "control":
        if not bone:
            return replace(rig_map, controls=others)
        return replace(rig_map, controls={**others, end: replace(control, bone=bone) if control else Control(bone)})
    if control is None:
        raise SkeletonProblem(f"A pole goes with a control: choose the {in_words(f'{end}_control')} first.")
    return replace(rig_map, controls={**others, end: replace(control, pole=bone)})


def _without(names: tuple[str, ...], bone: str) -> tuple[str, ...]:
    return tuple(name for name in names if name != bone)


def _filled(table: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    return {key: names for key, names in table.items() if names}


# Left to right


def mirror(rig: Rig, rig_map: RigMap) -> tuple[RigMap, list[str]]:
    """The mapping with the right side made from the left one, and the left bones that have no counterpart on the rig.

    A right role stays as it is where the counterpart isn't found, and is emptied where the left one is empty.
    """
    lost: list[str] = []

    def other(name: str) -> str:
        found = counterpart(rig, name, rig_map.bones.get("pelvis", "")) if name else ""
        if name and not found:
            lost.append(name)
        return found

    found = rig_map
    for role in ROLES:
        if role.startswith("left_"):
            bone = rig_map.bones.get(role, "")
            opposite = other(bone)
            if opposite or not bone:
                found = assign(rig, found, body.mirrored(role), opposite)
    controls = {end: control for end, control in found.controls.items() if not end.startswith("right_")}
    twists = {segment: names for segment, names in found.twists.items() if not segment.startswith("right_")}
    for end, control in rig_map.controls.items():
        if end.startswith("left_") and (bone := other(control.bone)):
            keys = {(other(name), key): value for (name, key), value in control.switches.items()}
            switches = {switch: value for switch, value in keys.items() if switch in rig.properties}
            held = tuple(name for name in map(other, control.held) if name)
            controls[body.mirrored(end)] = Control(bone, other(control.pole), switches, other(control.toe), held)
    for segment, names in rig_map.twists.items():
        if segment.startswith("left_"):
            twists[body.mirrored(segment)] = tuple(name for name in map(other, names) if name)
    return replace(found, controls=controls, twists=_filled(twists)), list(dict.fromkeys(lost))


def counterpart(rig: Rig, name: str, pelvis: str = "") -> str:
    """The bone of the other side: by its name, or else the only one whose ends lie where this one's do in a mirror; or "".

    pelvis: a bone in the middle of the body, for the mirror's place.
    """
    names = frozenset(rig.names)
    by_name = (candidate for candidate in _other_names(name) if candidate in names)
    return next(by_name, "") or _by_place(rig, name, pelvis)


_MARKS = (
    re.compile(r"left|right|左|右", re.IGNORECASE),
    re.compile(r"(?<![A-Za-z])[lr](?![A-Za-z])", re.IGNORECASE),  # hand.L, L_hand, CC_Base_L_Hand
    re.compile(r"(?<![A-Za-z])[lr](?=[A-Z])"),  # lThighBend
    re.compile(r"(?<=[a-z0-9])[LR](?![a-z])"),  # handL
    re.compile(r"(?<![A-Za-z])[lr](?=[a-z])"),  # lhand
)
_OTHER = {"left": "right", "right": "left", "l": "r", "r": "l", "左": "右", "右": "左"}


def _other_names(name: str) -> list[str]:
    """What the bone of the other side could be called, likeliest first."""
    out = []
    for mark in _MARKS:
        for match in mark.finditer(name):
            word = match.group()
            swapped = _OTHER[word.lower()]
            swapped = swapped.upper() if word.isupper() else swapped.capitalize() if word.istitle() else swapped
            out.append(name[: match.start()] + swapped + name[match.end() :])
    return out


def _by_place(rig: Rig, name: str, pelvis: str) -> str:
    heads = rig.rest[:, :3, 3]
    ends: Array = np.concatenate([heads, heads + rig.rest[:, :3, 1] * rig.lengths[:, None]], axis=1)
    near = SAME_PLACE * max(float(np.ptp(heads, axis=0).max()), 1e-9)
    middle = heads[rig.index(pelvis)] if pelvis in rig.names else heads.mean(axis=0)
    own = ends[rig.index(name)]
    best: list[int] = []
    for axis in range(3):
        image = own.copy()
        image[[axis, axis + 3]] = 2.0 * middle[axis] - image[[axis, axis + 3]]
        # A bone that is its own image lies in the middle of that axis; another axis may still be the one across.
        if np.abs(image - own).max() > near:
            best += list(np.flatnonzero(np.abs(ends - image).max(axis=1) < near))
    return rig.names[best[0]] if len(best) == 1 else ""


# Words


def in_words(field: str) -> str:
    """What animators call the bone of a field, such as "Left Forearm"."""
    side, _, part = field.partition("_")
    if side in ("left", "right"):
        return f"{side.capitalize()} {_part(part)}"
    return _part(field)


def _part(part: str) -> str:
    if part in PARTS:
        return PARTS[part]
    bare = part.rstrip("0123456789")
    return f"{bare.capitalize()} {part[len(bare) :]}"


def missing(rig_map: RigMap) -> list[str]:
    """What a whole body has and the mapping doesn't, in words."""
    out = [
        _part(part).lower().removesuffix(" 1") for part in ("pelvis", "spine1", "neck1", "head") if part not in rig_map.bones
    ]
    for part in PAIRS:
        out += _lost_sides({side: f"{side}_{part}" in rig_map.bones for side in ("left", "right")}, _part(part).lower())
    hands = {side: any(role in rig_map.bones for role in body.FINGERS if role.startswith(side)) for side in ("left", "right")}
    return out + (["fingers"] if not any(hands.values()) else _lost_sides(hands, "fingers"))


def _lost_sides(there: Mapping[str, bool], word: str) -> list[str]:
    sides = [side for side, found in there.items() if not found]
    return [f"{' and '.join(sides)} {word}"] if sides else []


def summary(rig_map: RigMap) -> str:
    """One line for people: what was recognised, how well, and what is missing."""
    name = "Recognised by its shape" if rig_map.convention == "shape" else rig_map.convention
    lacking = missing(rig_map)
    told = f": {', '.join(lacking)} not found" if lacking else ": all parts found"
    return f"{name}, {100.0 * rig_map.score:.0f} %{told}"


def lacks(rig_map: RigMap) -> str:
    """What keeps a mapping from being used, in words; "" for nothing."""
    needed = [in_words(role).lower() for role in ("pelvis", *rest.NEEDED) if role not in rig_map.bones]
    if not needed:
        return ""
    rest_of_them = f" and {len(needed) - 3} more" if len(needed) > 3 else ""
    return f"A motion needs hips, arms and legs. Choose bones for: {', '.join(needed[:3])}{rest_of_them}"


def groups(rig_map: RigMap) -> dict[str, list[str]]:
    """Heading -> the fields below it, in the order of the body. Spine and neck end with the next free field."""

    def chain(names: tuple[str, ...]) -> list[str]:
        last = max((i for i, name in enumerate(names) if name in rig_map.bones), default=-1)
        return list(names[: last + 2])

    def side(prefix: str, parts: tuple[str, ...]) -> list[str]:
        return [f"{prefix}_{part}" for part in parts]

    out = {"Hips and Spine": ["pelvis", *chain(SPINE)], "Neck and Head": [*chain(NECK), "head"]}
    for prefix in ("left", "right"):
        out[f"{prefix.capitalize()} Arm"] = side(prefix, PAIRS[:4])
    for prefix in ("left", "right"):
        out[f"{prefix.capitalize()} Leg"] = side(prefix, PAIRS[4:])
    out["Travel and Root"] = ["travel", "root"]
    for prefix in ("left", "right"):
        out[f"{prefix.capitalize()} Fingers"] = [role for role in body.FINGERS if role.startswith(prefix)]
    out["IK Controls"] = list(CONTROLS)
    return out
