# SPDX-License-Identifier: GPL-3.0-or-later
"""How the rigs of the world name their bones: one row per convention, and nothing but data.

`{s}` stands for the side, `{n}` counts 1, 2, ... in chains. Names are compared without namespace ("character:Hips")
and case. Where a bone was renamed between versions of a rig, the names are alternatives, the first that exists counts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Control:
    """What moves the end of a limb by inverse kinematics.

    bone: the control that the hand or foot follows. pole: the control that the elbow or knee points at; empty for none.
    switches: (bone, custom property) -> value that puts the limb under these controls.
    toe: what turns the toes under inverse kinematics, if it isn't the bone that turns them otherwise.
    held: further controls of the limb, which have to be at rest.
    """

    bone: str
    pole: str = ""
    switches: Mapping[tuple[str, str], float] = field(default_factory=dict)
    toe: str = ""
    held: tuple[str, ...] = ()


@dataclass(frozen=True)
class Convention:
    """One way of naming a human rig.

    sides: what `{s}` stands for on the left and on the right.
    pelvis, head: names, alternatives separated by "|".
    spine, neck: names from the pelvis upwards; as many as exist are used.
    pairs: role without its side -> name.
    fingers: role without side and number ("thumb") -> names of its bones outwards.
    travel: the bone that receives the location, if it is not the pelvis.
    root: names of the bone on the floor that carries the whole body, if there is one: it can receive the way over the ground.
    held: bones that have to be at rest.
    switches: (bone, custom property) -> value.
    controls: "wrist" and "ankle" -> the controls of that limb under inverse kinematics.
    twists: role without its side ("shoulder", "elbow", "hip", "knee": the segment that starts there) -> names of the
        segment's own twist bones, from its start to its end.
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
    root: str = ""
    held: tuple[str, ...] = ()
    switches: Mapping[tuple[str, str], float] = field(default_factory=dict)
    controls: Mapping[str, Control] = field(default_factory=dict)
    twists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


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


def rigify_ik(parent: str) -> dict[tuple[str, str], float]:
    """The switches of one limb of a generated rig: inverse kinematics, with the pole in use."""
    return {(parent, "IK_FK"): 0.0, (parent, "pole_vector"): 1.0}


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
        root="root",
        held=("hips", "chest", *(name.replace(".{s}", "_master.{s}") for name, *_ in RIGIFY_FINGERS.values())),
        switches={
            ("upper_arm_parent.{s}", "IK_FK"): 1.0,
            ("thigh_parent.{s}", "IK_FK"): 1.0,
            # At any value between, neck and head follow a blend of two bones.
            ("torso", "neck_follow"): 1.0,
            ("torso", "head_follow"): 1.0,
        },
        controls={
            "wrist": Control(
                "hand_ik.{s}", "upper_arm_ik_target.{s}", rigify_ik("upper_arm_parent.{s}"), held=("upper_arm_ik.{s}",)
            ),
            "ankle": Control(
                "foot_ik.{s}",
                "thigh_ik_target.{s}",
                rigify_ik("thigh_parent.{s}"),
                toe="toe_ik.{s}",
                held=("thigh_ik.{s}", "foot_heel_ik.{s}", "foot_spin_ik.{s}"),
            ),
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
        name="CMU",
        sides=("Left", "Right"),
        pelvis="Hips",
        head="Head",
        spine=("LowerBack", "Spine", "Spine1"),
        neck=("Neck", "Neck1"),
        pairs=pairs("{s}Shoulder", "{s}Arm", "{s}ForeArm", "{s}Hand", "{s}UpLeg", "{s}Leg", "{s}Foot", "{s}ToeBase"),
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
        root="root",
        twists={
            "shoulder": ("upperarm_twist_01_{s}", "upperarm_twist_02_{s}"),
            "elbow": ("lowerarm_twist_02_{s}", "lowerarm_twist_01_{s}"),
            "hip": ("thigh_twist_01_{s}", "thigh_twist_02_{s}"),
            "knee": ("calf_twist_02_{s}", "calf_twist_01_{s}"),
        },
    ),
    Convention(
        name="MakeHuman",
        sides=("L", "R"),
        pelvis="root",
        head="head",
        spine=("spine05", "spine04", "spine03", "spine02", "spine01"),
        neck=("neck01", "neck02", "neck03"),
        pairs=pairs(
            "clavicle.{s}",
            "upperarm01.{s}",
            "lowerarm01.{s}",
            "wrist.{s}",
            "upperleg01.{s}",
            "lowerleg01.{s}",
            "foot.{s}",
            "toe2-1.{s}",
        ),
        fingers=fingers("finger{f}-{n}.{s}", "1", "2", "3", "4", "5"),
    ),
    Convention(
        name="Character Creator",
        sides=("L", "R"),
        pelvis="CC_Base_Hip",
        head="CC_Base_Head",
        spine=("CC_Base_Waist", "CC_Base_Spine01", "CC_Base_Spine02"),
        neck=("CC_Base_NeckTwist01", "CC_Base_NeckTwist02"),
        pairs=pairs(
            "CC_Base_{s}_Clavicle",
            "CC_Base_{s}_Upperarm",
            "CC_Base_{s}_Forearm",
            "CC_Base_{s}_Hand",
            "CC_Base_{s}_Thigh",
            "CC_Base_{s}_Calf",
            "CC_Base_{s}_Foot",
            "CC_Base_{s}_ToeBase",
        ),
        fingers=fingers("CC_Base_{s}_{f}{n}", "Thumb", "Index", "Mid", "Ring", "Pinky"),
    ),
    Convention(
        name="VRM",
        sides=("L", "R"),
        pelvis="J_Bip_C_Hips",
        head="J_Bip_C_Head",
        spine=("J_Bip_C_Spine", "J_Bip_C_Chest", "J_Bip_C_UpperChest"),
        neck=("J_Bip_C_Neck",),
        pairs=pairs(
            "J_Bip_{s}_Shoulder",
            "J_Bip_{s}_UpperArm",
            "J_Bip_{s}_LowerArm",
            "J_Bip_{s}_Hand",
            "J_Bip_{s}_UpperLeg",
            "J_Bip_{s}_LowerLeg",
            "J_Bip_{s}_Foot",
            "J_Bip_{s}_ToeBase",
        ),
        fingers=fingers("J_Bip_{s}_{f}{n}", "Thumb", "Index", "Middle", "Ring", "Little"),
    ),
    Convention(
        name="Daz Genesis 8",
        sides=("l", "r"),
        pelvis="hip",
        head="head",
        spine=("abdomenLower", "abdomenUpper", "chestLower", "chestUpper"),
        neck=("neckLower", "neckUpper"),
        pairs=pairs("{s}Collar", "{s}ShldrBend", "{s}ForearmBend", "{s}Hand", "{s}ThighBend", "{s}Shin", "{s}Foot", "{s}Toe"),
        fingers=fingers("{s}{f}{n}", "Thumb", "Index", "Mid", "Ring", "Pinky"),
    ),
    Convention(
        name="SMPL-X",
        sides=("left", "right"),
        pelvis="pelvis",
        head="head",
        spine=("spine1", "spine2", "spine3"),
        neck=("neck",),
        pairs=pairs("{s}_collar", "{s}_shoulder", "{s}_elbow", "{s}_wrist", "{s}_hip", "{s}_knee", "{s}_ankle", "{s}_foot"),
        fingers=fingers("{s}_{f}{n}", "thumb", "index", "middle", "ring", "pinky"),
    ),
)
