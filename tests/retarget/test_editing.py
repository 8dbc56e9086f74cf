# SPDX-License-Identifier: GPL-3.0-or-later
"""Mappings changed by hand, and what is said about them."""

from dataclasses import replace
from typing import Any

import bodies
import pytest

from tests.rigs import RIGS
from tests.rigs.plain import as_rig
from tmr_blender.errors import SkeletonProblem
from tmr_blender.motion import body
from tmr_blender.retarget import editing, mapping_text, roles
from tmr_blender.retarget.conventions import Control
from tmr_blender.retarget.rig import Rig
from tmr_blender.retarget.roles import RigMap

UNREAL = bodies.rig(bodies.UNREAL, 40.0)
FOUND = roles.map_rig(UNREAL)


def without_right(found: RigMap) -> RigMap:
    def left(table: Any) -> Any:
        return {key: value for key, value in table.items() if not key.startswith("right_")}

    return replace(found, bones=left(found.bones), controls=left(found.controls), twists=left(found.twists))


def test_a_bone_is_given_and_taken() -> None:
    given = editing.assign(UNREAL, FOUND, "left_foot", "head")
    assert editing.holder(FOUND, "left_foot", "head") == "head"
    assert editing.get(given, "left_foot") == "head"
    assert editing.get(given, "head") == ""
    assert given.score == pytest.approx(FOUND.score - 0.05)
    cleared = editing.assign(UNREAL, given, "left_foot", "")
    assert "left_foot" not in cleared.bones
    assert editing.assign(UNREAL, cleared, "left_foot", "ball_l").bones["left_foot"] == "ball_l"


def test_the_hips_travel_by_themselves_unless_another_bone_is_named() -> None:
    moved = editing.assign(UNREAL, FOUND, "pelvis", "spine_01")
    assert moved.travel == "spine_01"
    named = editing.assign(UNREAL, editing.assign(UNREAL, FOUND, "travel", "spine_02"), "pelvis", "spine_01")
    assert named.travel == "spine_02"
    assert editing.assign(UNREAL, named, "travel", "").travel == "spine_01"


def test_what_is_held_or_twisted_is_no_more_when_it_plays_a_part() -> None:
    held = replace(FOUND, held=("hand_l", "x"), twists={"left_elbow": ("hand_l",)})
    bones = {role: name for role, name in held.bones.items() if name != "hand_l"}
    given = editing.assign(UNREAL, replace(held, bones=bones), "left_wrist", "hand_l")
    assert given.held == ("x",)
    assert given.twists == {}
    mapping_text.to_text(given)


def test_controls_are_given_and_taken() -> None:
    with pytest.raises(SkeletonProblem, match="control"):
        editing.assign(UNREAL, FOUND, "left_wrist_pole", "head")
    given = editing.assign(UNREAL, FOUND, "left_wrist_control", "hand_l")
    given = editing.assign(UNREAL, given, "left_wrist_pole", "head")
    assert given.controls == {"left_wrist": Control("hand_l", "head")}
    assert editing.get(given, "left_wrist_control") == "hand_l"
    assert editing.get(given, "left_wrist_pole") == "head"
    switched = replace(given, controls={"left_wrist": Control("hand_l", "head", {("a", "b"): 1.0})})
    assert editing.assign(UNREAL, switched, "left_wrist_control", "hand_r").controls["left_wrist"].switches == {("a", "b"): 1.0}
    assert editing.assign(UNREAL, given, "left_wrist_control", "").controls == {}


@pytest.mark.parametrize(("field", "bone"), [("left_wing", "head"), ("head", "gone")])
def test_what_there_is_not_is_a_sentence(field: str, bone: str) -> None:
    with pytest.raises(SkeletonProblem, match=f"{field if bone == 'head' else bone}"):
        editing.assign(UNREAL, FOUND, field, bone)


@pytest.mark.parametrize("field", editing.FIELDS)
def test_every_field_can_be_given_read_and_cleared(field: str) -> None:
    start = editing.assign(UNREAL, FOUND, field.replace("_pole", "_control"), "head") if field.endswith("_pole") else FOUND
    given = editing.assign(UNREAL, start, field, "spine_02")
    assert editing.get(given, field) == "spine_02"
    mapping_text.to_text(given)
    cleared = editing.assign(UNREAL, given, field, "")
    assert editing.get(cleared, field) == (cleared.bones["pelvis"] if field == "travel" else "")


# Left to right


@pytest.mark.parametrize("sample", RIGS.values(), ids=lambda sample: sample.name)
def test_the_right_side_of_every_convention_is_found_from_the_left(sample: Any) -> None:
    rig = as_rig(sample)
    found = roles.map_rig(rig)
    mirrored, lost = editing.mirror(rig, without_right(found))
    for role in found.bones:
        if role.startswith("left_") and body.mirrored(role) in found.bones:
            assert mirrored.bones.get(body.mirrored(role)) == found.bones[body.mirrored(role)], (role, lost)
    assert {end: control.bone for end, control in mirrored.controls.items()} == {
        end: control.bone for end, control in found.controls.items()
    }
    assert mirrored.twists == found.twists


def scrambled() -> tuple[Rig, dict[str, str]]:
    names = {role: f"b{i:02d}" for i, role in enumerate(sorted(bodies.UNREAL))}
    return bodies.rig(names, 40.0, rolls=None), names


def test_names_that_tell_no_side_are_mirrored_by_place() -> None:
    rig, names = scrambled()
    assert editing.counterpart(rig, names["left_elbow"], names["pelvis"]) == names["right_elbow"]
    assert editing.counterpart(rig, names["right_foot"], names["pelvis"]) == names["left_foot"]
    assert editing.counterpart(rig, names["spine2"], names["pelvis"]) == ""


def test_a_cleared_left_clears_the_right_and_a_lost_one_is_told() -> None:
    cleared = editing.assign(UNREAL, FOUND, "left_foot", "")
    assert "right_foot" not in editing.mirror(UNREAL, cleared)[0].bones
    odd = editing.assign(UNREAL, FOUND, "left_collar", "spine_03")
    mirrored, lost = editing.mirror(UNREAL, odd)
    assert lost == ["spine_03"]
    assert mirrored.bones["right_collar"] == FOUND.bones["right_collar"]


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("hand.L", "hand.R"),
        ("hand_l", "hand_r"),
        ("L_hand", "R_hand"),
        ("LeftHand", "RightHand"),
        ("left_hand", "right_hand"),
        ("CC_Base_L_Hand", "CC_Base_R_Hand"),
        ("lThighBend", "rThighBend"),
        ("J_Bip_L_UpperArm", "J_Bip_R_UpperArm"),
        ("handL", "handR"),
        ("upperarm_twist_01_l", "upperarm_twist_01_r"),
        ("Leftover_Hand_L", "Leftover_Hand_R"),
    ],
)
def test_sides_in_names(left: str, right: str) -> None:
    names = {**bodies.UNREAL, "left_wrist": left, "right_wrist": right}
    rig = bodies.rig(names)
    assert editing.counterpart(rig, left) == right
    assert editing.counterpart(rig, right) == left


# Words


def test_what_is_missing_is_told_in_words_of_animators() -> None:
    lacking = {"left_foot", "right_foot", "left_collar", "neck1", *body.FINGERS}
    found = replace(FOUND, bones={role: name for role, name in FOUND.bones.items() if role not in lacking})
    assert editing.missing(found) == ["neck", "left collar", "left and right toes", "fingers"]
    assert (
        editing.summary(replace(found, score=0.804))
        == "Unreal, 80 %: neck, left collar, left and right toes, fingers not found"
    )
    assert editing.lacks(found) == ""


def test_what_a_motion_needs_is_told() -> None:
    found = replace(FOUND, bones={role: name for role, name in FOUND.bones.items() if not role.startswith("left_")})
    assert editing.lacks(found).endswith("left upper arm, left forearm, left hand and 3 more")
    assert "hips" in editing.lacks(editing.BY_HAND)


def test_every_field_has_a_place_and_words() -> None:
    shown = [field for fields in editing.groups(FOUND).values() for field in fields]
    assert set(FOUND.bones) <= set(shown)
    assert {"travel", "root", *body.FINGERS, *editing.CONTROLS} <= set(shown)
    assert len(shown) == len(set(shown))
    assert "spine4" in shown, "the next free bone of the spine can be chosen"
    words = [editing.in_words(field) for field in editing.FIELDS]
    assert len(set(words)) == len(words)
    assert editing.in_words("left_elbow") == "Left Forearm"
    assert editing.in_words("right_thumb2") == "Right Thumb 2"
