# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of joints as tools write them, and names that look like something they aren't."""

import pytest

from tmr_blender.motion.names import convention, read_name

L, R, M = 1, -1, 0


@pytest.mark.parametrize(
    ("name", "part", "side"),
    [
        ("Hips", "hips", M),
        ("CC_Base_Hip", "hips", M),
        ("mixamorig5:LeftUpLeg", "upleg", L),
        ("LeftHip", "upleg", L),
        ("R_Hip", "upleg", R),
        ("lfemur", "upleg", L),
        ("Bip01 L Thigh", "upleg", L),
        ("Bip001_R_Calf", "leg", R),
        ("J_Bip_L_UpperLeg", "upleg", L),
        ("DEF-thigh.L.001", "upleg", L),
        ("bn_thigh_l01", "upleg", L),
        ("lThighBend", "upleg", L),
        ("leftupleg", "upleg", L),
        ("l_knee_jnt", "leg", L),
        ("leg_joint_R_1", "leg", R),
        ("rShldr", "collar", R),
        ("ValveBiped.Bip01_L_UpperArm", "arm", L),
        ("B-upperArm.L", "arm", L),
        ("lowerarm_l", "forearm", L),
        ("rForearmBend", "forearm", R),
        ("QuickRigCharacter_LeftArm", "arm", L),
        ("LThumb", "thumb", L),
        ("f_index.01.L", "index", L),
        ("CC_Base_L_PinkyToe1", "toe", L),
        ("ball_r", "toe", R),
        ("spine.001", "spine", M),
        ("LowerBack", "spine", M),
        ("abdomenUpper", "spine", M),
        ("Neck1", "neck", M),
        ("右ひじ", "forearm", R),
        ("左足首", "foot", L),
        # Words that begin or end with a letter or a word of a side, or hold a part's word.
        ("radius", "forearm", M),
        ("leg", "leg", M),
        ("lowerleg", "leg", M),
        ("Ring1", "ring", M),
        ("upperChest", "spine", M),
    ],
)
def test_parts_and_sides(name: str, part: str, side: int) -> None:
    reading = read_name(name)
    assert (reading.parts[0], reading.side, reading.helper) == (part, side, False)


HELPERS = (
    "CC_Base_L_ThighTwist01 upperarm_twist_01_l LeftForeArmRoll CC_Base_L_KneeShareBone ik_foot_l HandIK.R 左足IK Head_end "
    "LeftToe_End Bip01_L_Toe0Nub heel.02.L eye.L LeftBreast rib_l palm.01.L J_Sec_Hair1"
)


@pytest.mark.parametrize("name", HELPERS.split())
def test_helpers(name: str) -> None:
    assert read_name(name).helper


@pytest.mark.parametrize("name", ["joint_17", "Bone.003", "Root", "", "ы", "ValveBiped", "Line", "Rig"])
def test_unknown(name: str) -> None:
    reading = read_name(name)
    assert (reading.parts, reading.side, reading.helper) == ((), 0, False)


def test_says() -> None:
    assert read_name("LeftLeg").says("leg") == 1.0
    assert read_name("LeftLeg").says("upleg") == 0.6
    assert read_name("LeftLeg").says("foot") == -1.0
    assert read_name("joint_17").says("leg") == 0.0
    assert read_name("CC_Base_L_CalfTwist01").says("leg") == -1.0
    assert read_name("CC_Base_NeckTwist01").says("neck") == 0.5


def test_convention() -> None:
    assert convention([f"mixamorig:{name}" for name in ("Hips", "Spine", "Neck", "Head", "LeftArm", "LeftLeg")]) == "Mixamo"
    assert convention([f"{part}_{side}" for part in ("thigh", "calf", "upperarm", "lowerarm") for side in "lr"]) == "Unreal"
    assert convention([f"joint_{i}" for i in range(30)]) == ""
