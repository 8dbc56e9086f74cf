# SPDX-License-Identifier: GPL-3.0-or-later
"""Mappings edited, saved and shared in real Blender; the rig itself is never touched."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy
import numpy as np
import parts
import pytest

mapping = parts.ours("blender.mapping")
panel = parts.ours("blender.panel_mapping")
editing = parts.ours("retarget.editing")
rig_reader = parts.ours("blender.rig")
preferences = parts.ours("blender.preferences")


@pytest.fixture(autouse=True)
def nothing_saved() -> Iterator[None]:
    """No mapping of an earlier test in the user's folder, and no studio."""
    _clear()
    yield
    _clear()


def _clear() -> None:
    for path in mapping.folder().iterdir():
        path.unlink()
    preferences.preferences(bpy.context).mappings = ""
    mapping.forget()


@pytest.fixture
def walk(tmp_path: Path) -> str:
    """A BVH of a walk, 40 frames; the scene is emptied."""
    return str(parts.write_bvh(tmp_path / "walk.bvh", "walks"))


def fields() -> Any:
    return bpy.context.scene.tmr_mapping


def source(rig: bpy.types.Object) -> str:
    return mapping.seen(rig, bpy.context.scene).source


def scrambled(name: str = "Scrambled") -> tuple[bpy.types.Object, dict[str, str]]:
    """The human with bones called b00, b01, ... and what each was called before."""
    rig = parts.human(name)
    names = {bone.name: f"b{i:02d}" for i, bone in enumerate(sorted(rig.data.bones, key=lambda bone: bone.name))}
    for old, new in names.items():
        rig.data.bones[old].name = new
    return rig, names


def contents(rig: bpy.types.Object) -> list[Any]:
    """All that a mapping must leave alone."""
    bones = [(bone.name, bone.parent and bone.parent.name, tuple(map(tuple, bone.matrix_local))) for bone in rig.data.bones]
    return [bones, list(rig.keys()), list(rig.data.keys()), [list(bone.keys()) for bone in rig.pose.bones]]


def test_the_fields_show_and_edit_the_active_rig(factory_scene: None) -> None:
    rig = parts.human()
    before = contents(rig)
    assert fields().left_elbow == "LeftForeArm"
    assert fields().travel == "Hips"
    assert fields().root == ""
    assert source(rig) == "found"
    fields().left_elbow = "LeftHand"
    assert (fields().left_elbow, fields().left_wrist) == ("LeftHand", "")
    assert source(rig) == "edited"
    other = parts.human("Other")
    assert fields().left_elbow == "LeftForeArm", "edits are one rig's"
    bpy.context.view_layer.objects.active = rig
    assert fields().left_elbow == "LeftHand"
    assert contents(rig) == before == contents(other)


def test_an_edit_is_undone_in_one_step(factory_scene: None) -> None:
    parts.human()
    bpy.ops.ed.undo_push(message="before")
    assert bpy.ops.tmr.mapping_set("EXEC_DEFAULT", True, role="left_foot", bone="") == {"FINISHED"}
    assert fields().left_foot == ""
    bpy.ops.ed.undo()
    assert fields().left_foot == "LeftToeBase"


def test_edits_are_kept_in_the_file_that_is_saved(factory_scene: None, tmp_path: Path) -> None:
    parts.human()
    bpy.ops.tmr.mapping_set(role="left_foot", bone="")
    path = str(tmp_path / "shot.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.read_homefile(use_empty=True)
    bpy.ops.wm.open_mainfile(filepath=path)
    assert fields().left_foot == ""
    assert fields().right_foot == "RightToeBase"


def test_an_edit_stays_with_a_rig_that_is_renamed(factory_scene: None) -> None:
    rig = parts.human()
    fields().left_foot = ""
    rig.name = "Hero"
    assert (fields().left_foot, source(rig)) == ("", "edited")
    other = parts.human()
    assert source(other) == "found", "another rig of the former name"
    bpy.context.view_layer.objects.active = rig
    fields().right_foot = ""
    assert [item.name for item in fields().drafts] == ["Hero"]


def test_a_rig_in_which_no_body_is_recognised_is_begun_by_hand(factory_scene: None) -> None:
    rig = parts.armature("Snake", [(f"b{i}", f"b{i - 1}" if i else None, (0, i, 0), (0, i + 1, 0)) for i in range(6)])
    assert source(rig) == "none"
    fields().pelvis = "b2"
    assert (fields().pelvis, fields().travel, source(rig)) == ("b2", "b2", "edited")
    bpy.ops.tmr.mapping_detect()
    assert source(rig) == "none"


def test_a_rig_that_is_misread_is_mapped_by_hand_and_moves(factory_scene: None, walk: str) -> None:
    """Unknown names, and legs on a control of their own that copies the hips."""
    known = parts.human("Known")
    assert bpy.ops.tmr.apply(path=walk, whole="TAKE", at="START") == {"FINISHED"}
    roles = dict(mapping.seen(known, bpy.context.scene).rig_map.bones)
    wanted = [parts.heads(known, frame) for frame in (1, 14, 40)]
    rig, names = scrambled()
    give_legs_a_control(rig, names)
    right = {role: names[bone] for role, bone in roles.items()}
    assert mapping.seen(rig, bpy.context.scene).rig_map.bones != right
    for role, bone in roles.items():
        assert bpy.ops.tmr.mapping_set(role=role, bone=names[bone]) == {"FINISHED"}
    for role in set(mapping.seen(rig, bpy.context.scene).rig_map.bones) - set(right):
        bpy.ops.tmr.mapping_set(role=role)
    assert bpy.ops.tmr.mapping_save(name="Scrambled") == {"FINISHED"}
    assert source(rig) == "user"
    assert mapping.seen(rig, bpy.context.scene).rig_map.bones == right
    assert not fields().drafts
    bpy.ops.tmr.apply(path=walk, whole="TAKE", at="START")
    for frame, heads in zip((1, 14, 40), wanted, strict=True):
        found = parts.heads(rig, frame)
        for bone, place in heads.items():
            np.testing.assert_allclose(found[names[bone]], place, atol=1e-4, err_msg=f"{bone} at {frame}")


def give_legs_a_control(rig: bpy.types.Object, names: dict[str, str]) -> None:
    bpy.ops.object.mode_set(mode="EDIT")
    bones = rig.data.edit_bones
    made = bones.new("legs")
    made.matrix, made.length = bones[names["Hips"]].matrix.copy(), bones[names["Hips"]].length
    for side in ("Left", "Right"):
        bones[names[f"{side}UpLeg"]].parent = made
    bpy.ops.object.mode_set(mode="OBJECT")
    copied = rig.pose.bones["legs"].constraints.new("COPY_TRANSFORMS")
    copied.target, copied.subtarget = rig, names["Hips"]


def test_apply_goes_by_an_edit(factory_scene: None, walk: str) -> None:
    rig = parts.human()
    fields().left_shoulder = ""
    with pytest.raises(RuntimeError, match="left shoulder"):
        bpy.ops.tmr.apply(path=walk, whole="TAKE", at="START")
    assert rig.animation_data is None
    fields().left_shoulder = "LeftArm"
    fields().head = ""
    assert bpy.ops.tmr.apply(path=walk, whole="TAKE", at="START") == {"FINISHED"}
    keyed = {curve.data_path for curve in curves(rig.animation_data)}
    assert any("LeftArm" in path for path in keyed)
    assert not any('"Head"' in path for path in keyed)


def curves(data: Any) -> list[Any]:
    action = data.action
    if not hasattr(action, "layers"):
        return list(action.fcurves)
    return [curve for layer in action.layers for strip in layer.strips for curve in strip.channelbag(data.action_slot).fcurves]


def test_what_is_saved_outlives_the_scene_and_fits_its_kind(factory_scene: None) -> None:
    parts.human()
    fields().left_foot = fields().right_foot = ""
    assert bpy.ops.tmr.mapping_save(name="No toes/…") == {"FINISHED"}
    saved = list(mapping.folder().iterdir())
    assert [path.suffix for path in saved] == [".json"]
    assert json.loads(saved[0].read_text(encoding="utf-8"))["name"] == "No toes/…"
    bpy.ops.wm.read_homefile(use_empty=True)
    again = parts.human("Another")
    assert source(again) == "user"
    assert fields().left_foot == ""
    assert editing.summary(mapping.seen(again, bpy.context.scene).rig_map).startswith("No toes/…, 90 %")


def test_detecting_again_drops_edits_and_sets_a_saved_mapping_aside(factory_scene: None) -> None:
    rig = parts.human()
    fields().left_foot = ""
    bpy.ops.tmr.mapping_detect()
    assert (source(rig), fields().left_foot) == ("found", "LeftToeBase")
    fields().left_foot = ""
    bpy.ops.tmr.mapping_save()
    assert (source(rig), fields().left_foot) == ("user", "")
    bpy.ops.tmr.mapping_detect()
    assert (source(rig), fields().left_foot) == ("edited", "LeftToeBase")
    bpy.ops.tmr.mapping_detect(saved=True)
    assert (source(rig), fields().left_foot) == ("user", "")
    bpy.ops.tmr.mapping_delete()
    assert source(rig) == "found"
    assert not list(mapping.folder().iterdir())


def test_saving_again_replaces_and_says_what_goes_before_it(factory_scene: None) -> None:
    rig = parts.human()
    bpy.ops.tmr.mapping_save(name="Whole")
    fields().left_foot = ""
    bpy.ops.tmr.mapping_save()
    assert [path.name for path in mapping.folder().iterdir()] == ["Whole.json"]
    assert fields().left_foot == ""
    fields().right_foot = ""
    bpy.ops.tmr.mapping_save(name="Less")
    assert source(rig) == "edited", "Whole has more bones and goes first elsewhere; this scene keeps what was saved"
    assert fields().right_foot == ""


def test_mirroring_and_picking(factory_scene: None) -> None:
    rig = parts.human()
    for role in ("shoulder", "elbow", "wrist"):
        setattr(fields(), f"right_{role}", "")
    assert not bpy.ops.tmr.mapping_pick.poll()
    bpy.ops.tmr.mapping_mirror()
    assert (fields().right_elbow, source(rig)) == ("RightForeArm", "edited")
    bpy.ops.object.mode_set(mode="POSE")
    rig.data.bones.active = rig.data.bones["Spine1"]
    assert bpy.ops.tmr.mapping_pick(role="spine1") == {"FINISHED"}
    assert (fields().spine1, fields().spine2) == ("Spine1", "")
    bpy.ops.object.mode_set(mode="OBJECT")


def test_a_mapping_is_exported_and_loaded(factory_scene: None, tmp_path: Path) -> None:
    rig, names = scrambled()
    for role, bone in (("pelvis", "Hips"), ("left_hip", "LeftUpLeg")):
        bpy.ops.tmr.mapping_set(role=role, bone=names[bone])
    known = parts.human("Known")
    path = tmp_path / "shared.json"
    assert bpy.ops.tmr.mapping_export(filepath=str(path)) == {"FINISHED"}
    data = json.loads(path.read_text(encoding="utf-8"))
    assert data["name"] == "Known"
    data["roles"] = {role: names[bone] for role, bone in data["roles"].items() if role != "left_foot"}
    path.write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(RuntimeError, match="is of another rig than Known"):
        bpy.ops.tmr.mapping_load(filepath=str(path))
    assert source(known) == "found"
    bpy.context.view_layer.objects.active = rig
    assert bpy.ops.tmr.mapping_load(filepath=str(path)) == {"FINISHED"}
    assert (fields().right_foot, fields().left_foot) == (names["RightToeBase"], "")
    assert source(rig) == "edited"


def test_a_studio_shares_mappings_and_the_users_own_go_first(factory_scene: None, tmp_path: Path) -> None:
    rig = parts.human()
    bpy.ops.tmr.mapping_export(filepath=str(tmp_path / "studio.json"))
    (tmp_path / "broken.json").write_text('{"format": 9}', encoding="utf-8")
    preferences.preferences(bpy.context).mappings = str(tmp_path)
    assert source(rig) == "studio"
    assert panel.source_of(mapping.seen(rig, bpy.context.scene)) == "The studio's mapping “Human”"
    assert len(mapping.problems()) == 1
    assert "update the extension" in mapping.problems()[0]
    assert not bpy.ops.tmr.mapping_delete.poll(), "a studio's file is not the user's to delete"
    bpy.ops.tmr.mapping_save(name="Mine")
    assert source(rig) == "user"
    bpy.ops.tmr.mapping_delete()
    assert (tmp_path / "studio.json").is_file()
    preferences.preferences(bpy.context).mappings = str(tmp_path / "gone")
    assert source(rig) == "found"
    assert "gone" in mapping.problems()[0]


def test_broken_and_hostile_files_cost_a_sentence_only(factory_scene: None, walk: str) -> None:
    rig = parts.human()
    folder = mapping.folder()
    (folder / "deep.json").write_text("[" * 200_000, encoding="utf-8")
    (folder / "text.json").write_bytes(b"\xff\xfe\0")
    (folder / "huge.json").write_bytes(b"[" + b"0," * 200_000 + b"0]")
    os.mkfifo(folder / "pipe.json")
    mapping.forget()
    assert bpy.ops.tmr.apply(path=walk, whole="TAKE", at="START") == {"FINISHED"}
    assert len(mapping.problems()) == 4
    assert source(rig) == "found"


def test_a_switch_that_is_no_number_is_left_alone(factory_scene: None, walk: str, tmp_path: Path) -> None:
    rig = parts.human()
    rig.pose.bones["Hips"]["label"] = "text"
    rig.pose.bones["Hips"]["list"] = [1.0, 2.0]
    rig.pose.bones["Hips"]["blend"] = 0.0
    path = tmp_path / "m.json"
    bpy.ops.tmr.mapping_export(filepath=str(path))
    data = json.loads(path.read_text(encoding="utf-8"))
    data["switches"] = [{"bone": "Hips", "property": key, "value": 1.0} for key in ("label", "list", "blend", "absent")]
    path.write_text(json.dumps(data), encoding="utf-8")
    bpy.ops.tmr.mapping_load(filepath=str(path))
    assert dict(mapping.seen(rig, bpy.context.scene).rig_map.switches) == {("Hips", "blend"): 1.0}
    assert bpy.ops.tmr.apply(path=walk, whole="TAKE", at="START") == {"FINISHED"}
    assert rig.pose.bones["Hips"]["label"] == "text"


def test_a_draft_that_someone_wrote_into_the_scene_is_no_trap(factory_scene: None, walk: str) -> None:
    rig = parts.human()
    fields().left_foot = ""
    fields().drafts[rig.name].text = "{"
    assert source(rig) == "none"
    with pytest.raises(RuntimeError, match="not JSON"):
        bpy.ops.tmr.apply(path=walk, whole="TAKE", at="START")
    bpy.ops.tmr.mapping_detect()
    assert source(rig) == "found"


def test_a_renamed_bone_is_noticed(factory_scene: None) -> None:
    rig = parts.human()
    assert mapping.seen(rig, bpy.context.scene).rig_map.bones["head"] == "Head"
    rig.data.bones["Head"].name = "HEAD"
    assert mapping.seen(rig, bpy.context.scene).rig_map.bones["head"] == "HEAD"


def test_why_it_is_greyed_out(factory_scene: None, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="no armature"):
        bpy.ops.tmr.mapping_detect()
    rig = parts.human()
    bpy.ops.object.mode_set(mode="EDIT")
    with pytest.raises(RuntimeError, match="edit mode"):
        bpy.ops.tmr.mapping_set(role="head", bone="Head")
    bpy.ops.object.mode_set(mode="OBJECT")
    with pytest.raises(RuntimeError, match="pose mode"):
        bpy.ops.tmr.mapping_pick(role="head")
    path = str(tmp_path / "lib.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.read_homefile(use_empty=True)
    with bpy.data.libraries.load(path, link=True) as (there, here):
        here.objects = list(there.objects)
    linked = here.objects[0]
    bpy.context.scene.collection.objects.link(linked)
    bpy.context.view_layer.objects.active = linked
    with pytest.raises(RuntimeError, match="linked"):
        bpy.ops.tmr.mapping_save()
    assert rig is not None
    empty = parts.armature("Empty", [])
    bpy.context.view_layer.objects.active = empty
    with pytest.raises(RuntimeError, match="no bones"):
        bpy.ops.tmr.mapping_save()


@pytest.mark.parametrize("arguments", [{"role": "left_wing", "bone": "Head"}, {"role": "head", "bone": "Gone"}])
def test_what_there_is_not_is_refused(factory_scene: None, arguments: dict[str, str]) -> None:
    rig = parts.human()
    with pytest.raises(RuntimeError, match=r"left_wing|Gone"):
        bpy.ops.tmr.mapping_set(**arguments)
    assert source(rig) == "found"


def test_an_incomplete_mapping_is_not_saved(factory_scene: None) -> None:
    parts.human()
    fields().left_hip = ""
    with pytest.raises(RuntimeError, match="left thigh"):
        bpy.ops.tmr.mapping_save()
    assert not list(mapping.folder().iterdir())


def test_drawing_measures_nothing(factory_scene: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The panel reads hundreds of fields; the rig is read as arrays once, and never posed."""
    rig = parts.human()
    mapping.seen(rig, bpy.context.scene)

    def forbidden(*arguments: Any) -> None:
        raise AssertionError("the rig was read while the panel was drawn")

    monkeypatch.setattr(rig_reader, "plain", forbidden)
    monkeypatch.setattr(rig_reader, "read", forbidden)
    assert mapping.seen(rig, bpy.context.scene).source == "found"
    assert all(getattr(fields(), field) is not None for field in editing.FIELDS)
