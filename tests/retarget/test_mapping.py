# SPDX-License-Identifier: GPL-3.0-or-later
"""Mappings as text and as files, and the one that fits a rig."""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import bodies
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.rigs import RIGS
from tests.rigs.plain import as_rig
from tmr_blender.errors import FileProblem, SkeletonProblem, TMRError
from tmr_blender.motion import humanoid
from tmr_blender.retarget import mapping, mapping_text, roles, solver
from tmr_blender.retarget.conventions import Control
from tmr_blender.retarget.mapping import Saved
from tmr_blender.retarget.mapping_text import from_text, to_text
from tmr_blender.retarget.options import Options
from tmr_blender.retarget.rig import Rig
from tmr_blender.retarget.roles import RigMap

MIXAMO = bodies.rig(bodies.MIXAMO, 40.0)
IN_NO_TABLE = {role: f"b{i:02d}" for i, role in enumerate(sorted(bodies.MIXAMO))}


def of(rig: Rig) -> RigMap:
    return roles.map_rig(rig)


def saved(rig_map: RigMap, name: str = "m.json") -> Saved:
    return Saved(rig_map, Path(name))


def changed(**keys: Any) -> str:
    """The text of a good mapping with some keys replaced."""
    return json.dumps(json.loads(to_text(of(MIXAMO))) | keys)


# There and back


@pytest.mark.parametrize("sample", RIGS.values(), ids=lambda sample: sample.name)
def test_every_convention_comes_back_from_text(sample: Any) -> None:
    rig = as_rig(sample)
    found = of(rig)
    text = to_text(found)
    back = from_text(text, "test")
    assert replace(back, score=found.score) == found
    assert replace(mapping.placed(rig, back), score=found.score) == found
    assert to_text(back) == text
    assert len(text) < mapping.MAX_BYTES / 4


def test_everything_that_a_mapping_can_say_comes_back() -> None:
    whole = RigMap(
        "Ünïcode 名前",
        1.0,
        {**of(MIXAMO).bones, "left_thumb1": 'quoted "bone"', "spine12": "s12"},
        "mover",
        ("hips_tweak", "chest"),
        {("torso", "neck_follow"): 1.0, ("torso", "IK.FK"): -0.25},
        "root",
        {
            "left_wrist": Control("hand_ik", "pole", {("arm", "IK_FK"): 0.0}, "toe", ("heel",)),
            "right_ankle": Control("foot_ik"),
        },
        {"left_elbow": ("twist1", "twist2")},
    )
    assert from_text(to_text(whole), "test") == replace(whole, score=mapping_text.covered(whole.bones))


def test_the_text_is_small_and_says_nothing_empty() -> None:
    text = to_text(of(MIXAMO), "Hero")
    data = json.loads(text)
    assert set(data) == {"format", "name", "roles"}
    assert data["name"] == "Hero"
    assert list(data["roles"])[:3] == ["pelvis", "spine1", "spine2"]
    assert text.endswith("}\n")
    assert text.count("\n") > len(data["roles"]), "one bone a line, for a diff to read"


# What is refused

BAD = {
    "not JSON": ("{", "not JSON"),
    "deep": ("[" * 100_000, "not JSON"),
    "a huge number": ('{"format": ' + "9" * 5000 + "}", "not JSON"),
    "a list": ("[]", "object"),
    "no format": ('{"name": "x"}', '"format"'),
    "a truth for a format": (changed(format=True), '"format"'),
    "newer": (changed(format=2), "update the extension"),
    "an unknown key": (changed(bones={}), "bones"),
    "an unknown role": (changed(roles={"left_wing": "x"}), "left_wing"),
    "no roles": (changed(roles=None), "roles"),
    "no name": (changed(name=" "), '"name"'),
    "a number for a bone": (changed(roles={"pelvis": 3}), "pelvis"),
    "a bone of nothing": (changed(roles={"pelvis": ""}), "pelvis"),
    "too long a name": (changed(roles={"pelvis": "x" * 300}), "Blender could hold"),
    "half a character": (changed(roles={"pelvis": "\ud800"}), "Blender could hold"),
    "a bone twice": (changed(roles={"pelvis": "a", "head": "a"}), "both pelvis and head"),
    "a key twice": ('{"format": 1, "name": "x", "roles": {"head": "a", "head": "b"}}', "twice"),
    "held and keyed": (changed(held=["mixamorig:Hips"]), "both pelvis and held"),
    "held twice": (changed(held=["a", "a"]), "twice"),
    "held and travelling": (changed(travel="t", held=["t"]), "travels"),
    "too many held": (changed(held=[str(i) for i in range(501)]), "500"),
    "a switch without value": (changed(switches=[{"bone": "a", "property": "b"}]), "number"),
    "a switch of not a number": (changed(switches=[{"bone": "a", "property": "b", "value": float("nan")}]), "number"),
    "a switch out of bounds": (changed(switches=[{"bone": "a", "property": "b", "value": 10**400}]), "number"),
    "a switch twice": (changed(switches=[{"bone": "a", "property": "b", "value": 1}] * 2), "twice"),
    "a control of the head": (changed(controls={"head": {"bone": "x"}}), "head"),
    "a control without bone": (changed(controls={"left_wrist": {"pole": "x"}}), "left_wrist"),
    "twists of the head": (changed(twists={"head": ["x"]}), "head"),
    "too many twists": (changed(twists={"left_elbow": [str(i) for i in range(17)]}), "16"),
}


@pytest.mark.parametrize(("text", "words"), BAD.values(), ids=BAD)
def test_what_is_wrong_is_one_sentence_that_names_it(text: str, words: str) -> None:
    with pytest.raises(FileProblem) as caught:
        from_text(text, "hero.json")
    sentence = str(caught.value)
    assert sentence.startswith("hero.json: ")
    assert words in sentence
    assert len(sentence) < 400
    assert "\n" not in sentence


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
BONE = st.sampled_from(["a", "b", "mixamorig:Hips", "名", "x" * 64]) | st.text(max_size=5)
SWITCH = st.fixed_dictionaries({"bone": BONE, "property": BONE, "value": st.floats() | st.integers() | JSON})
LIKELY = st.fixed_dictionaries(
    {"format": st.sampled_from([1, 1, 1, 0, 2, "1"]), "name": BONE},
    optional={
        "roles": st.dictionaries(st.sampled_from(mapping_text.ROLES) | st.text(max_size=4), BONE | JSON, max_size=6) | JSON,
        "travel": BONE | JSON,
        "root": BONE | JSON,
        "held": st.lists(BONE | JSON, max_size=3) | JSON,
        "switches": st.lists(SWITCH, max_size=3) | JSON,
        "controls": st.dictionaries(
            st.sampled_from(mapping_text.LIMB_ENDS),
            st.fixed_dictionaries(
                {"bone": BONE}, optional={"pole": BONE | JSON, "switches": st.lists(SWITCH, max_size=2) | JSON}
            ),
            max_size=2,
        )
        | JSON,
        "twists": st.dictionaries(st.sampled_from(mapping_text.SEGMENTS), st.lists(BONE, max_size=3) | JSON, max_size=2) | JSON,
    },
)


@settings(max_examples=400, deadline=None)
@given(st.text(max_size=60) | JSON.map(json.dumps) | LIKELY.map(json.dumps))
def test_any_text_is_a_sentence_or_a_mapping(text: str) -> None:
    try:
        found = from_text(text, "fuzz")
    except TMRError as problem:
        assert str(problem).startswith("fuzz: ")
        return
    assert from_text(to_text(found), "again") == found
    # On a rig it is nothing but names that the rig has.
    there = mapping.placed(MIXAMO, found)
    names = {*there.bones.values(), *there.held, there.root, there.travel} - {""}
    assert names <= set(MIXAMO.names)


# Files


def test_files_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "large.json").write_bytes(b" " * (mapping.MAX_BYTES + 1))
    (tmp_path / "latin.json").write_bytes(b'{"name": "\xe9"}')
    (tmp_path / "folder.json").mkdir()
    os.mkfifo(tmp_path / "pipe.json")
    for name, words in (
        ("large", "larger"),
        ("latin", "UTF-8"),
        ("folder", "not a file"),
        ("pipe", "not a file"),
        ("gone", "can't"),
    ):
        with pytest.raises(FileProblem, match=f"{name}.json.*{words}"):
            mapping.read(tmp_path / f"{name}.json")


def test_a_folder_gives_what_is_good_and_tells_the_rest(tmp_path: Path) -> None:
    (tmp_path / "good.json").write_text(to_text(of(MIXAMO)), encoding="utf-8")
    (tmp_path / "broken.json").write_text("{", encoding="utf-8")
    (tmp_path / "part.json").write_text(changed(roles={"pelvis": "a"}), encoding="utf-8")
    (tmp_path / "notes.txt").write_text("not a mapping", encoding="utf-8")
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "other.json").write_text(to_text(of(MIXAMO)), encoding="utf-8")
    shelf = mapping.read_folder(tmp_path)
    assert [one.path.name for one in shelf.saved] == ["good.json"]
    assert len(shelf.problems) == 2
    assert any("broken.json" in problem for problem in shelf.problems)
    assert any("part.json" in problem and "not found" in problem for problem in shelf.problems)


def test_a_folder_that_is_gone_is_one_sentence(tmp_path: Path) -> None:
    shelf = mapping.read_folder(tmp_path / "gone")
    assert not shelf.saved
    assert len(shelf.problems) == 1
    assert "gone" in shelf.problems[0]


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("Hero", "Hero.json"),
        ("../../etc/passwd", "etc_passwd.json"),
        ("C:\\Windows", "C_Windows.json"),
        ("con", "con_.json"),
        ("Üben 2", "Üben 2.json"),
        (".hidden", "hidden.json"),
        ("x" * 300, "x" * 60 + ".json"),
    ],
)
def test_file_names_stay_in_their_folder(name: str, file: str) -> None:
    assert mapping.file_name(name) == file


@pytest.mark.parametrize("name", ["", "..", "///", " "])
def test_a_name_of_nothing_is_refused(name: str) -> None:
    with pytest.raises(SkeletonProblem, match="name"):
        mapping.file_name(name)


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "hero.json"
    mapping.write(path, to_text(of(MIXAMO)))
    assert [item.name for item in tmp_path.iterdir()] == ["hero.json"]
    with pytest.raises(FileProblem, match=r"gone.*hero\.json"):
        mapping.write(tmp_path / "gone" / "hero.json", "text")


# Which one fits


def test_without_files_it_is_what_the_tables_say() -> None:
    assert mapping.for_rig(MIXAMO) == of(MIXAMO)
    with pytest.raises(SkeletonProblem):
        mapping.for_rig(replace(MIXAMO, parents=MIXAMO.parents * 0 - 1))


def test_a_saved_mapping_goes_before_the_tables() -> None:
    edited = replace(of(MIXAMO), convention="Hero", bones={k: v for k, v in of(MIXAMO).bones.items() if "foot" not in k})
    found = mapping.for_rig(MIXAMO, [[saved(edited)]])
    assert found.convention == "Hero"
    assert "left_foot" not in found.bones
    assert found.score == pytest.approx(0.9)


def test_a_body_bone_that_the_rig_lacks_is_another_rig() -> None:
    other = bodies.rig(bodies.UNREAL)
    assert mapping.choose(MIXAMO, [[saved(of(other))]]) is None
    one_off = replace(of(MIXAMO), bones={**of(MIXAMO).bones, "spine1": "Bauch"})
    assert mapping.choose(MIXAMO, [[saved(one_off)]]) is None


def test_fingers_and_controls_that_the_rig_lacks_are_left_out() -> None:
    more = replace(
        of(MIXAMO),
        bones={**of(MIXAMO).bones, "left_thumb1": "Thumb"},
        held=("tweak", "mixamorig:Head_end"),
        switches={("mixamorig:Hips", "absent"): 1.0},
        controls={"left_wrist": Control("hand_ik")},
        twists={"left_elbow": ("twist",)},
        root="master",
    )
    found = mapping.for_rig(MIXAMO, [[saved(more)]])
    assert replace(found, score=of(MIXAMO).score) == of(MIXAMO)


def test_the_users_go_first_then_the_one_with_most_bones() -> None:
    full = of(MIXAMO)
    fewer = replace(full, convention="fewer", bones={k: v for k, v in full.bones.items() if k != "head"})
    whole = replace(full, convention="whole")
    assert mapping.for_rig(MIXAMO, [[saved(fewer), saved(whole)], []]).convention == "whole"
    assert mapping.for_rig(MIXAMO, [[saved(fewer)], [saved(whole)]]).convention == "fewer"
    assert mapping.for_rig(MIXAMO, [[], [saved(whole)]]).convention == "whole"


def test_namespaces_do_not_keep_a_mapping_from_a_rig() -> None:
    other = bodies.rig({role: name.replace("mixamorig:", "Anna:mixamorig7:") for role, name in bodies.MIXAMO.items()}, 40.0)
    found = mapping.for_rig(other, [[saved(replace(of(MIXAMO), convention="Hero"))]])
    assert found.convention == "Hero"
    assert found.bones["left_elbow"] == "Anna:mixamorig7:LeftForeArm"


def test_hips_that_are_held_by_their_parent_travel_by_it() -> None:
    connected = MIXAMO.connected.copy()
    spine = MIXAMO.index("mixamorig:Spine")
    connected[spine] = True
    rig = replace(MIXAMO, connected=connected)
    odd = {**of(MIXAMO).bones, "pelvis": "mixamorig:Spine"}
    del odd["spine1"]
    assert mapping.for_rig(rig, [[saved(replace(of(MIXAMO), bones=odd, travel="mixamorig:Spine"))]]).travel == "mixamorig:Hips"


def test_a_rig_with_names_in_no_table_moves_by_a_mapping_alone() -> None:
    """The same rig, its names scrambled: by the mapping its keys are those of the known one."""
    rig = bodies.rig(IN_NO_TABLE, 40.0)
    by_hand = replace(
        of(MIXAMO),
        convention="Scrambled",
        bones={role: IN_NO_TABLE[role.replace("neck1", "neck")] for role in of(MIXAMO).bones},
        travel=IN_NO_TABLE["pelvis"],
    )
    text = to_text(by_hand)
    found = mapping.for_rig(rig, [[saved(from_text(text, "x"))]])
    clip = bodies.clip(12)
    body_map = humanoid.recognise(clip)
    ours = solver.retarget(clip, body_map, rig, found, Options(fps=30.0))
    theirs = solver.retarget(clip, body_map, MIXAMO, of(MIXAMO), Options(fps=30.0))
    for role, name in found.bones.items():
        known = of(MIXAMO).bones[role]
        assert (ours.bones[name].rotation == theirs.bones[known].rotation).all(), role


def test_the_mapping_that_is_documented_is_one() -> None:
    text = (Path(__file__).parents[2] / "docs" / "mappings.md").read_text(encoding="utf-8")
    found = from_text(text.split("```json")[1].split("```")[0], "docs")
    assert found.controls["left_wrist"].pole == "elbow_pole.L"
    assert found.switches == {("arm_settings.L", "fk_ik"): 1.0}
