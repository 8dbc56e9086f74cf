# SPDX-License-Identifier: GPL-3.0-or-later
"""The rigs that the benchmark puts takes on: Rigify's, those of the shared folder, and every sample of `tests/rigs`."""

import importlib
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import figures
from figures import SHARED

TESTS = Path(__file__).resolve().parents[2]
FINGERS = ("index", "middle", "pinky")


@dataclass(frozen=True)
class Subject:
    """A rig to put takes on.

    load: opens an empty file with it and gives the object. keyed: role -> bone that the baseline constrains. watched: role
    -> bone that is looked at: a deforming one. travel: the bone that carries the body over the ground. switches: (bone,
    custom property) -> value under which the keyed bones drive the body. inverse: the same for its controls under inverse
    kinematics; empty where there are none.
    """

    name: str
    load: Callable[[], Any]
    keyed: Mapping[str, str]
    watched: Mapping[str, str]
    travel: str
    switches: Mapping[tuple[str, str], float] = field(default_factory=dict)
    inverse: Mapping[tuple[str, str], float] = field(default_factory=dict)


def sided(names: Mapping[str, str], sides: tuple[str, str]) -> dict[str, str]:
    """role -> bone, where `{s}` in the bone means that there is one on either side."""
    table: dict[str, str] = {}
    for role, name in names.items():
        if "{s}" not in name:
            table[role] = name
            continue
        table |= {f"{side}_{role}": name.replace("{s}", word) for side, word in zip(("left", "right"), sides, strict=True)}
    return table


UNREAL = {
    **{
        "pelvis": "pelvis",
        "spine1": "spine_01",
        "spine2": "spine_02",
        "spine3": "spine_03",
        "neck1": "neck_01",
        "head": "head",
    },
    **{"collar": "clavicle_{s}", "shoulder": "upperarm_{s}", "elbow": "lowerarm_{s}", "wrist": "hand_{s}"},
    **{"hip": "thigh_{s}", "knee": "calf_{s}", "ankle": "foot_{s}", "foot": "ball_{s}"},
    **{f"{f}1": f"{f}_01_{{s}}" for f in FINGERS},
}
METARIG = {
    **{"pelvis": "spine", "spine1": "spine.001", "spine2": "spine.002", "spine3": "spine.003", "neck1": "spine.004"},
    **{"head": "spine.006", "collar": "shoulder.{s}", "shoulder": "upper_arm.{s}", "elbow": "forearm.{s}"},
    **{"wrist": "hand.{s}", "hip": "thigh.{s}", "knee": "shin.{s}", "ankle": "foot.{s}", "foot": "toe.{s}"},
    **{f"{f}1": f"f_{f}.01.{{s}}" for f in FINGERS},
}
RIGIFY = {
    **{"pelvis": "spine_fk", "spine1": "spine_fk.001", "spine2": "spine_fk.002", "spine3": "spine_fk.003", "neck1": "neck"},
    **{"head": "head", "collar": "shoulder.{s}", "shoulder": "upper_arm_fk.{s}", "elbow": "forearm_fk.{s}"},
    **{"wrist": "hand_fk.{s}", "hip": "thigh_fk.{s}", "knee": "shin_fk.{s}", "ankle": "foot_fk.{s}", "foot": "toe_fk.{s}"},
}
_LIMBS = [f"{limb}_parent.{side}" for limb in ("upper_arm", "thigh") for side in ("L", "R")]


def rigify(metarig: bool) -> Subject:
    """The generated human, or the metarig it comes from."""
    sides = ("L", "R")
    bones = sided(METARIG, sides)
    default_rig = figures.ours("blender.default_rig")
    if metarig:
        return Subject("Rigify metarig", _metarig, bones, bones, "spine")
    switches = {(bone, "IK_FK"): 1.0 for bone in _LIMBS} | {("torso", "neck_follow"): 1.0, ("torso", "head_follow"): 1.0}
    inverse = {(bone, "IK_FK"): 0.0 for bone in _LIMBS} | {(bone, "pole_vector"): 1.0 for bone in _LIMBS}
    watched = {role: f"DEF-{name}" for role, name in bones.items()}
    return Subject("Rigify human", default_rig.rigify_human, sided(RIGIFY, sides), watched, "torso", switches, inverse)


def _metarig() -> Any:
    """Rigify's human metarig in an empty file."""
    bpy, default_rig = _empty(), figures.ours("blender.default_rig")
    with default_rig._rigify_enabled():
        bpy.ops.object.armature_human_metarig_add()
        return bpy.context.object


def _empty() -> Any:
    bpy = importlib.import_module("bpy")
    bpy.ops.wm.read_homefile(use_empty=True)
    return bpy


def from_file(path: Path) -> Subject:
    """A rig of the shared folder, all of which have Unreal's names."""
    bones = sided(UNREAL, ("l", "r"))
    return Subject(path.stem, lambda: figures.ours("blender.default_rig").load(path), bones, bones, "pelvis")


def samples() -> list[Any]:
    """Every sample of `tests/rigs`."""
    if str(TESTS) not in sys.path:
        sys.path.append(str(TESTS))
    return list(importlib.import_module("rigs").RIGS.values())


def from_sample(sample: Any) -> Subject:
    """A rig of `tests/rigs`."""
    build = importlib.import_module("rigs.in_blender").build

    def load() -> Any:
        _empty()
        return build(sample)

    keyed = {role: bone for role, bone in sample.expected.items() if role[-1] not in "123" or _shown(role)}
    there = {bone.name for bone in sample.bones}
    watched = {role: _deforming(bone, there) for role, bone in keyed.items()}
    forward = {switch: value for switch, value in FORWARD.items() if switch in sample.properties}
    inverse = {switch: 1.0 - value for switch, value in forward.items()}
    return Subject(sample.name, load, keyed, watched, sample.travel, forward, inverse)


FORWARD = {
    **{(f"c_{limb}_ik.{side}", "ik_fk_switch"): 1.0 for limb in ("hand", "foot") for side in "lr"},
    **{(f"{bone}.{side}", "mmd_ik_toggle"): 0.0 for bone in ("足ＩＫ", "つま先ＩＫ") for side in "LR"},
}
"""The switches of samples with controls, at forward kinematics; at inverse kinematics they are 1 minus that."""

DEFORMING = (
    # Auto-Rig Pro's controls, and the chains that follow them or those under inverse kinematics.
    (r"^c_toes_fk\.", "toes_01."),
    (r"^c_(\w+)_fk\.", r"\1."),
    # MMD's legs: those that deform copy those that are posed.
    (r"^([左右]?(?:足|ひざ|足首))(\.[LR])?$", r"\1D\2"),
    (r"^(leg|knee|ankle)(_[LR])$", r"\1_D\2"),
)


def _deforming(bone: str, there: set[str]) -> str:
    """The bone that deforms a character where this one is keyed."""
    names = (re.sub(pattern, new, bone) for pattern, new in DEFORMING)
    return next((name for name in names if name != bone and name in there), bone)


def _shown(role: str) -> bool:
    """Whether a numbered role is compared: the trunk, and the knuckles."""
    return role.startswith(("spine", "neck")) or role.endswith(tuple(f"_{finger}1" for finger in FINGERS))


def subjects() -> list[Subject]:
    """All of them, by the names that `--rigs` knows."""
    out = [rigify(False), rigify(True)]
    files = [SHARED / "rigs" / f"{name}.glb" for name in ("ue_names", "human_male", "m2m_sample")]
    out += [from_file(path) for path in files if path.is_file()]
    return out + [from_sample(sample) for sample in samples()]
