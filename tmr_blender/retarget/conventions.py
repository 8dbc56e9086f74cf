# SPDX-License-Identifier: GPL-3.0-or-later
"""How the rigs of the world name their bones: one row per convention, and nothing but data.

`{s}` stands for the side, `{i}` for its first letter. Names are compared without namespace ("character:Hips"), case and the
width of letters. Where a bone was renamed between versions of a rig, the names are alternatives parted by "|": the first that
exists counts.
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


PAIRS = ("collar", "shoulder", "elbow", "wrist", "hip", "knee", "ankle", "foot")
FINGERS = ("thumb", "index", "middle", "ring", "pinky")


def pairs(pattern: str, names: str) -> dict[str, str]:
    """The bones that come in twos: `*` in the pattern stands for each of the names, in the order of `PAIRS`."""
    return {role: _woven(pattern, name) for role, name in zip(PAIRS, names.split(", "), strict=True)}


def fingers(pattern: str, names: str, numbers: str = "1, 2, 3") -> dict[str, tuple[str, ...]]:
    """Bones of the fingers: `{f}` in the pattern stands for the finger, in the order of `FINGERS`, `*` for the number."""
    return {
        role: tuple(_woven(pattern.replace("{f}", name), number) for number in numbers.split(", "))
        for role, name in zip(FINGERS, names.split(", "), strict=False)
    }


def _woven(pattern: str, names: str) -> str:
    """Each alternative of the pattern with each of the names."""
    return "|".join(p.replace("*", name) for p in pattern.split("|") for name in names.split("|"))


def rigify_ik(parent: str) -> dict[tuple[str, str], float]:
    """The switches of one limb of a generated rig: inverse kinematics, with the pole in use."""
    return {(parent, "IK_FK"): 0.0, (parent, "pole_vector"): 1.0}


def mmd(name: str, sides: tuple[str, str], middle: str, paired: str, digits: str) -> Convention:
    """MMD's standard bones in one of the spellings they come in.

    middle: lower body, head, upper bodies, neck, center, mother, and the groove and waist between. paired: a pattern and the
    eight limbs' bones; then leg IK, its parent and toe IK; then the twist bones of upper and forearm, and the parent of the
    shoulder. digits: the fingers' names.
    Legs stand under inverse kinematics always, unless the toggle of the bone that pulls them is off.
    """
    pelvis, head, spine, neck, center, mother, groove, waist = middle.split(", ")
    pattern, *rest = paired.split(", ")
    leg, parent, toe, arm_twist, hand_twist, raised = (_woven(pattern, word) for word in rest[len(PAIRS) :])
    thumb, *others = digits.split(", ")
    on, off = ({(bone, "mmd_ik_toggle"): value for bone in (leg, toe)} for value in (1.0, 0.0))
    return Convention(
        name=name,
        sides=sides,
        pelvis=pelvis,
        head=head,
        spine=(spine, f"{spine}2", f"{spine}3"),
        neck=(neck,),
        pairs=pairs(pattern, ", ".join(rest[: len(PAIRS)])),
        fingers={"thumb": tuple(_woven(pattern, f"{thumb}{n}") for n in (0, 1, 2))}
        | {
            role: tuple(_woven(pattern, f"{word}{n}") for n in (1, 2, 3))
            for role, word in zip(FINGERS[1:], others, strict=True)
        },
        travel=center,
        root=mother,
        held=(groove, waist, raised, parent),
        switches=off,
        controls={"ankle": Control(leg, switches=on, held=(toe, parent))},
        twists={"shoulder": (arm_twist,), "elbow": (hand_twist,)},
    )


RIGIFY_FINGERS = fingers("{f}.0*.{s}", "thumb, f_index, f_middle, f_ring, f_pinky")
HIK_PAIRS = pairs("{s}*", "Shoulder, Arm, ForeArm, Hand, UpLeg, Leg, Foot, ToeBase")
HIK_FINGERS = fingers("{s}Hand{f}*", "Thumb, Index, Middle, Ring, Pinky")

TABLE: tuple[Convention, ...] = (
    Convention(
        name="Rigify",
        sides=("L", "R"),
        pelvis="spine_fk",
        head="head",
        spine=("spine_fk.001", "spine_fk.002", "spine_fk.003", "spine_fk.004", "spine_fk.005"),
        neck=("neck",),
        pairs=pairs("*.{s}", "shoulder, upper_arm_fk, forearm_fk, hand_fk, thigh_fk, shin_fk, foot_fk, toe_fk|toe"),
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
        pairs=pairs("*.{s}", "shoulder, upper_arm, forearm, hand, thigh, shin, foot, toe"),
        fingers=RIGIFY_FINGERS,
    ),
    Convention(
        name="Auto-Rig Pro",
        sides=("l", "r"),
        pelvis="c_root_master.x",
        head="c_head.x",
        spine=tuple(f"c_spine_0{n}.x" for n in (1, 2, 3, 4, 5, 6)),
        neck=("c_subneck_1.x", "c_neck.x"),
        pairs=pairs("c_*.{s}", "shoulder, arm_fk, forearm_fk, hand_fk, thigh_fk, leg_fk, foot_fk, toes_fk"),
        fingers=fingers("c_{f}*.{s}", "thumb, index, middle, ring, pinky"),
        root="c_traj|c_pos",
        held=("c_root.x", "c_thigh_b.{s}", *(f"c_{finger}1_base.{{s}}" for finger in FINGERS)),
        switches={("c_hand_ik.{s}", "ik_fk_switch"): 1.0, ("c_foot_ik.{s}", "ik_fk_switch"): 1.0},
        controls={
            "wrist": Control("c_hand_ik.{s}", "c_arms_pole.{s}", {("c_hand_ik.{s}", "ik_fk_switch"): 0.0}),
            "ankle": Control(
                "c_foot_ik.{s}",
                "c_leg_pole.{s}",
                {("c_foot_ik.{s}", "ik_fk_switch"): 0.0},
                toe="c_toes_ik.{s}",
                held=("c_foot_roll_cursor.{s}", "c_foot_01.{s}"),
            ),
        },
    ),
    Convention(
        name="Auto-Rig Pro export",
        sides=("l", "r"),
        pelvis="root.x",
        head="head.x",
        spine=tuple(f"spine_0{n}.x" for n in (1, 2, 3, 4, 5, 6)),
        neck=("subneck_1.x", "neck.x"),
        pairs=pairs(
            "*.{s}",
            "shoulder, arm_stretch|arm, forearm_stretch|forearm, hand, thigh_stretch|thigh, leg_stretch|leg, foot, toes_01",
        ),
        fingers=fingers("{f}*.{s}|c_{f}*.{s}", "thumb, index, middle, ring, pinky"),
        root="root",
        twists={
            "shoulder": ("arm_twist.{s}",),
            "elbow": ("forearm_twist.{s}",),
            "hip": ("thigh_twist.{s}",),
            "knee": ("leg_twist.{s}",),
        },
    ),
    Convention(
        name="Mixamo",
        sides=("Left", "Right"),
        pelvis="Hips",
        head="Head",
        spine=("Spine", "Spine1", "Spine2", "Spine3"),
        neck=("Neck", "Neck1"),
        pairs=HIK_PAIRS,
        fingers=HIK_FINGERS,
        root="Root",
    ),
    Convention(
        name="MotionBuilder",
        sides=("Left", "Right"),
        pelvis="Hips",
        head="Head",
        spine=("Spine", *(f"Spine{n}" for n in range(1, 10))),
        neck=("Neck", *(f"Neck{n}" for n in range(1, 10))),
        pairs=HIK_PAIRS,
        fingers=HIK_FINGERS,
        root="Reference",
        twists={
            "shoulder": ("{s}ArmRoll|Leaf{s}ArmRoll1",),
            "elbow": ("{s}ForeArmRoll|Leaf{s}ForeArmRoll1",),
            "hip": ("{s}UpLegRoll|Leaf{s}UpLegRoll1",),
            "knee": ("{s}LegRoll|Leaf{s}LegRoll1",),
        },
    ),
    Convention(
        name="CMU",
        sides=("Left", "Right"),
        pelvis="Hips",
        head="Head",
        spine=("LowerBack", "Spine", "Spine1"),
        neck=("Neck", "Neck1"),
        pairs=HIK_PAIRS,
    ),
    Convention(
        name="ASF",
        sides=("l", "r"),
        pelvis="root",
        head="head",
        spine=("lowerback", "upperback", "thorax"),
        neck=("lowerneck", "upperneck"),
        pairs=pairs("{s}*", "clavicle, humerus, radius, wrist|hand, femur, tibia, foot, toes"),
    ),
    Convention(
        name="Rokoko",
        sides=("Left", "Right"),
        pelvis="Hips",
        head="Head",
        spine=("Spine1", "Spine2", "Spine3", "Spine4"),
        neck=("Neck",),
        pairs=pairs("{s}*", "Shoulder, Arm, ForeArm, Hand, Thigh, Shin, Foot, Toe"),
        fingers=fingers("{s}{f}*", "Finger1, Finger2, Finger3, Finger4, Finger5", "Proximal, Medial, Distal")
        | {"thumb": ("{s}Finger1Metacarpal", "{s}Finger1Proximal", "{s}Finger1Distal")},
        root="Root",
    ),
    Convention(
        name="Xsens MVN",
        sides=("Left", "Right"),
        pelvis="Pelvis",
        head="Head",
        spine=("L5", "L3", "T12", "T8"),
        neck=("Neck",),
        pairs=pairs(
            "{s} *|{s}*|{s}_*",
            "Shoulder, Upper Arm|UpperArm, Forearm, Hand, Upper Leg|UpperLeg, Lower Leg|LowerLeg, Foot, Toe",
        ),
        root="Reference|Root",
    ),
    Convention(
        name="Xsens BVH",
        sides=("Left", "Right"),
        pelvis="Hips",
        head="Head",
        spine=("Chest", "Chest2", "Chest3", "Chest4"),
        neck=("Neck",),
        pairs=pairs("{s}*", "Collar, Shoulder, Elbow, Wrist, Hip, Knee, Ankle, Toe"),
    ),
    Convention(
        name="Bandai Namco",
        sides=("L", "R"),
        pelvis="Hips",
        head="Head",
        spine=("Spine", "Chest"),
        neck=("Neck",),
        pairs=pairs("*_{s}", "Shoulder, UpperArm, LowerArm, Hand, UpperLeg, LowerLeg, Foot, Toes"),
        root="joint_Root",
    ),
    Convention(
        name="Unreal",
        sides=("l", "r"),
        pelvis="pelvis",
        head="head",
        spine=("spine_01", "spine_02", "spine_03", "spine_04", "spine_05"),
        neck=("neck_01", "neck_02"),
        pairs=pairs("*_{s}", "clavicle, upperarm, lowerarm, hand, thigh, calf, foot, ball"),
        fingers=fingers("{f}_0*_{s}", "thumb, index, middle, ring, pinky"),
        root="root",
        twists={
            "shoulder": ("upperarm_twist_01_{s}", "upperarm_twist_02_{s}"),
            "elbow": ("lowerarm_twist_02_{s}", "lowerarm_twist_01_{s}"),
            "hip": ("thigh_twist_01_{s}", "thigh_twist_02_{s}"),
            "knee": ("calf_twist_02_{s}", "calf_twist_01_{s}"),
        },
    ),
    Convention(
        name="Unity humanoid",
        sides=("Left", "Right"),
        pelvis="Hips",
        head="Head",
        spine=("Spine", "Chest", "UpperChest"),
        neck=("Neck",),
        pairs=pairs("{s}*", "Shoulder, UpperArm, LowerArm, Hand, UpperLeg, LowerLeg, Foot, Toes"),
        fingers=fingers("{s}{f}*", "Thumb, Index, Middle, Ring, Little", "Proximal, Intermediate, Distal")
        # VRM 1 counts the thumb's bones from the palm.
        | {"thumb": ("{s}ThumbMetacarpal|{s}ThumbProximal", "{s}ThumbIntermediate|{s}ThumbProximal", "{s}ThumbDistal")},
        root="Root",
    ),
    Convention(
        name="VRChat",
        sides=("Left", "Right"),
        pelvis="Hips",
        head="Head",
        spine=("Spine", "Chest", "Upper Chest"),
        neck=("Neck",),
        pairs=pairs("{s} *", "shoulder, arm, elbow, wrist, leg, knee, ankle, toe"),
        fingers=fingers("{f}*_{i}", "Thumb, IndexFinger, MiddleFinger, RingFinger, LittleFinger")
        | {"thumb": ("Thumb0_{i}", "Thumb1_{i}", "Thumb2_{i}")},
    ),
    Convention(
        name="VRM",
        sides=("L", "R"),
        pelvis="J_Bip_C_Hips",
        head="J_Bip_C_Head",
        spine=("J_Bip_C_Spine", "J_Bip_C_Chest", "J_Bip_C_UpperChest"),
        neck=("J_Bip_C_Neck",),
        pairs=pairs("J_Bip_{s}_*", "Shoulder, UpperArm, LowerArm, Hand, UpperLeg, LowerLeg, Foot, ToeBase"),
        fingers=fingers("J_Bip_{s}_{f}*", "Thumb, Index, Middle, Ring, Little"),
        root="Root",
    ),
    Convention(
        name="Biped",
        sides=("L", "R"),
        pelvis="Bip01 Pelvis|Bip001 Pelvis",
        head="Bip01 Head|Bip001 Head",
        spine=tuple(f"Bip01 Spine{n}|Bip001 Spine{n}" for n in ("", "1", "2", "3", "4")),
        neck=tuple(f"Bip01 Neck{n}|Bip001 Neck{n}" for n in ("", "1", "2")),
        pairs=pairs("Bip01 {s} *|Bip001 {s} *", "Clavicle, UpperArm, Forearm, Hand, Thigh, Calf, Foot, Toe0"),
        fingers=fingers("Bip01 {s} Finger{f}*|Bip001 {s} Finger{f}*", "0, 1, 2, 3, 4", ", 1, 2"),
        # A Biped's pelvis has no location of its own: its centre of mass has.
        travel="Bip01|Bip001",
        twists={
            "shoulder": ("Bip01 {s}UpArmTwist|Bip001 {s}UpArmTwist",),
            "elbow": ("Bip01 {s} ForeTwist|Bip001 {s} ForeTwist", "Bip01 {s} ForeTwist1|Bip001 {s} ForeTwist1"),
            "hip": ("Bip01 {s}ThighTwist|Bip001 {s}ThighTwist",),
            "knee": ("Bip01 {s}CalfTwist|Bip001 {s}CalfTwist",),
        },
    ),
    Convention(
        name="Valve",
        sides=("L", "R"),
        pelvis="ValveBiped.Bip01_Pelvis",
        head="ValveBiped.Bip01_Head1|ValveBiped.Bip01_Head",
        spine=tuple(f"ValveBiped.Bip01_Spine{n}" for n in ("", "1", "2", "3", "4")),
        neck=("ValveBiped.Bip01_Neck1|ValveBiped.Bip01_Neck",),
        pairs=pairs("ValveBiped.Bip01_{s}_*", "Clavicle, UpperArm, Forearm, Hand, Thigh, Calf, Foot, Toe0"),
        fingers=fingers("ValveBiped.Bip01_{s}_Finger{f}*", "0, 1, 2, 3, 4", ", 1, 2"),
        root="ValveBiped.Bip01",
        twists={
            "shoulder": ("ValveBiped.Bip01_{s}_Bicep",),
            "elbow": ("ValveBiped.Bip01_{s}_Ulna", "ValveBiped.Bip01_{s}_Wrist"),
        },
    ),
    Convention(
        name="MakeHuman",
        sides=("L", "R"),
        pelvis="root",
        head="head",
        spine=("spine05", "spine04", "spine03", "spine02", "spine01"),
        neck=("neck01", "neck02", "neck03"),
        pairs=pairs("*.{s}", "clavicle, upperarm01, lowerarm01, wrist, upperleg01, lowerleg01, foot, toe2-1"),
        fingers=fingers("{f}-*.{s}", "finger1, finger2, finger3, finger4, finger5"),
        twists={
            "shoulder": ("upperarm02.{s}",),
            "elbow": ("lowerarm02.{s}",),
            "hip": ("upperleg02.{s}",),
            "knee": ("lowerleg02.{s}",),
        },
    ),
    Convention(
        name="Character Creator",
        sides=("L", "R"),
        pelvis="CC_Base_Hip",
        head="CC_Base_Head",
        spine=("CC_Base_Waist", "CC_Base_Spine01", "CC_Base_Spine02"),
        neck=("CC_Base_NeckTwist01", "CC_Base_NeckTwist02"),
        pairs=pairs("CC_Base_{s}_*", "Clavicle, Upperarm, Forearm, Hand, Thigh, Calf, Foot, ToeBase"),
        fingers=fingers("CC_Base_{s}_{f}*", "Thumb, Index, Mid, Ring, Pinky"),
        root="RL_BoneRoot|CC_Base_BoneRoot|BoneRoot",
        twists={
            "shoulder": ("CC_Base_{s}_UpperarmTwist01", "CC_Base_{s}_UpperarmTwist02"),
            "elbow": ("CC_Base_{s}_ForearmTwist01", "CC_Base_{s}_ForearmTwist02"),
            "hip": ("CC_Base_{s}_ThighTwist01", "CC_Base_{s}_ThighTwist02"),
            "knee": ("CC_Base_{s}_CalfTwist01", "CC_Base_{s}_CalfTwist02"),
        },
    ),
    Convention(
        name="Daz Genesis 8",
        sides=("l", "r"),
        pelvis="hip",
        head="head",
        spine=("abdomenLower|abdomen", "abdomenUpper|abdomen2", "chestLower|chest", "chestUpper"),
        neck=("neckLower|neck", "neckUpper"),
        # The second names are those of Genesis 1 and 2.
        pairs=pairs("{s}*", "Collar, ShldrBend|Shldr, ForearmBend|ForeArm, Hand, ThighBend|Thigh, Shin, Foot, Toe"),
        fingers=fingers("{s}{f}*", "Thumb, Index, Mid, Ring, Pinky"),
        twists={"shoulder": ("{s}ShldrTwist",), "elbow": ("{s}ForearmTwist",), "hip": ("{s}ThighTwist",)},
    ),
    Convention(
        name="Daz Genesis 9",
        sides=("l", "r"),
        pelvis="hip",
        head="head",
        spine=("spine1", "spine2", "spine3", "spine4"),
        neck=("neck1", "neck2"),
        pairs=pairs("{s}_*", "shoulder, upperarm, forearm, hand, thigh, shin, foot, toes"),
        fingers=fingers("{s}_{f}*", "thumb, index, mid, ring, pinky"),
        twists={
            "shoulder": ("{s}_upperarmtwist1", "{s}_upperarmtwist2"),
            "elbow": ("{s}_forearmtwist1", "{s}_forearmtwist2"),
            "hip": ("{s}_thightwist1", "{s}_thightwist2"),
        },
    ),
    Convention(
        name="SMPL-X",
        sides=("left", "right"),
        pelvis="pelvis",
        head="head",
        spine=("spine1", "spine2", "spine3"),
        neck=("neck",),
        pairs=pairs("{s}_*", "collar, shoulder, elbow, wrist, hip, knee, ankle, foot"),
        fingers=fingers("{s}_{f}*", "thumb, index, middle, ring, pinky"),
        root="root",
    ),
    mmd(
        "MMD",
        ("L", "R"),
        "下半身, 頭, 上半身, 首, センター, 全ての親, グルーブ, 腰",
        "*.{s}, 肩, 腕, ひじ, 手首, 足, ひざ, 足首, つま先, 足IK, 足IK親, つま先IK, 腕捩, 手捩, 肩P",
        "親指, 人指, 中指, 薬指, 小指",
    ),
    mmd(
        "MMD as in the file",
        ("左", "右"),
        "下半身, 頭, 上半身, 首, センター, 全ての親, グルーブ, 腰",
        "{s}*, 肩, 腕, ひじ, 手首, 足, ひざ, 足首, つま先, 足IK, 足IK親, つま先IK, 腕捩, 手捩, 肩P",
        "親指, 人指, 中指, 薬指, 小指",
    ),
    mmd(
        "MMD in English",
        ("L", "R"),
        "lower body, head, upper body, neck, center, motherbone|mother, groove, waist",
        "*_{s}|*.{s}, shoulder, arm, elbow, wrist, leg, knee, ankle, toe, leg IK, leg IKP, toe IK, arm twist, wrist twist, "
        "shoulder_raise",
        "thumb, fore, middle, third, little",
    ),
)
