# SPDX-License-Identifier: GPL-3.0-or-later
"""How the rigs of the world name their bones: one row per convention, and nothing but data.

`{s}` stands for the side, `{n}` counts 1, 2, ... in chains. Names are compared without namespace ("character:Hips")
and case. Where a bone was renamed between versions of a rig, the names are alternatives, the first that exists counts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Convention:
    """One way of naming a human rig.

    sides: what `{s}` stands for on the left and on the right.
    pelvis, head: names, alternatives separated by "|".
    spine, neck: names from the pelvis upwards; as many as exist are used.
    pairs: role without its side -> name.
    fingers: role without side and number ("thumb") -> names of its bones outwards.
    travel: the bone that receives the location, if it is not the pelvis.
    held: bones that have to be at rest.
    switches: (bone, custom property) -> value.
    """

    name: str
    sides: tuple[str, str]
    pelvis: str
    head: str
    spine: tuple[str, ...]
    neck: tuple[str, ...]
    pairs: Mapping[str, str]
    fingers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    travel: str = ""
    held: tuple[str, ...] = ()
    switches: Mapping[tuple[str, str], float] = field(default_factory=dict)


def pairs(collar: str, shoulder: str, elbow: str, wrist: str, hip: str, knee: str, ankle: str, foot: str) -> dict[str, str]:
    """The bones that come in twos, in the order of the body."""
    return {
        "collar": collar,
        "shoulder": shoulder,
        "elbow": elbow,
        "wrist": wrist,
        "hip": hip,
        "knee": knee,
        "ankle": ankle,
        "foot": foot,
    }


def fingers(pattern: str, thumb: str, index: str, middle: str, ring: str, pinky: str) -> dict[str, tuple[str, ...]]:
    """Three bones each of five fingers named by one pattern: `{f}` the finger, `{n}` the count."""
    names = {"thumb": thumb, "index": index, "middle": middle, "ring": ring, "pinky": pinky}
    return {role: tuple(pattern.replace("{f}", name).replace("{n}", str(n)) for n in (1, 2, 3)) for role, name in names.items()}


RIGIFY_FINGERS = fingers("{f}.0{n}.{s}", "thumb", "f_index", "f_middle", "f_ring", "f_pinky")

TABLE: tuple[Convention, ...] = (
    Convention(
        name="Rigify",
        sides=("L", "R"),
        pelvis="spine_fk",
        head="head",
        spine=("spine_fk.001", "spine_fk.002", "spine_fk.003", "spine_fk.004", "spine_fk.005"),
        neck=("neck",),
        pairs=pairs(
            "shoulder.{s}",
            "upper_arm_fk.{s}",
            "forearm_fk.{s}",
            "hand_fk.{s}",
            "thigh_fk.{s}",
            "shin_fk.{s}",
            "foot_fk.{s}",
            "toe_fk.{s}|toe.{s}",
        ),
        fingers=RIGIFY_FINGERS,
        travel="torso",
        held=("hips", "chest", *(name.replace(".{s}", "_master.{s}") for name, *_ in RIGIFY_FINGERS.values())),
        switches={
            ("upper_arm_parent.{s}", "IK_FK"): 1.0,
            ("thigh_parent.{s}", "IK_FK"): 1.0,
            # At any value between, neck and head follow a blend of two bones.
            ("torso", "neck_follow"): 1.0,
            ("torso", "head_follow"): 1.0,
        },
    ),
    Convention(
        name="Rigify metarig",
        sides=("L", "R"),
        pelvis="spine",
        head="spine.006",
        spine=("spine.001", "spine.002", "spine.003"),
        neck=("spine.004", "spine.005"),
        pairs=pairs("shoulder.{s}", "upper_arm.{s}", "forearm.{s}", "hand.{s}", "thigh.{s}", "shin.{s}", "foot.{s}", "toe.{s}"),
        fingers=RIGIFY_FINGERS,
    ),
    Convention(
        name="Mixamo",
        sides=("Left", "Right"),
        pelvis="Hips",
        head="Head",
        spine=("Spine", "Spine1", "Spine2", "Spine3"),
        neck=("Neck", "Neck1"),
        pairs=pairs("{s}Shoulder", "{s}Arm", "{s}ForeArm", "{s}Hand", "{s}UpLeg", "{s}Leg", "{s}Foot", "{s}ToeBase"),
        fingers=fingers("{s}Hand{f}{n}", "Thumb", "Index", "Middle", "Ring", "Pinky"),
    ),
    Convention(
        name="Unreal",
        sides=("l", "r"),
        pelvis="pelvis",
        head="head",
        spine=("spine_01", "spine_02", "spine_03", "spine_04", "spine_05"),
        neck=("neck_01", "neck_02"),
        pairs=pairs(
            "clavicle_{s}", "upperarm_{s}", "lowerarm_{s}", "hand_{s}", "thigh_{s}", "calf_{s}", "foot_{s}", "ball_{s}"
        ),
        fingers=fingers("{f}_0{n}_{s}", "thumb", "index", "middle", "ring", "pinky"),
    ),
)
