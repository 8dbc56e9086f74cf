# SPDX-License-Identifier: GPL-3.0-or-later
"""Assets as Blender itself reads them back, and catalogues that keep what others have written."""

import json
from pathlib import Path
from typing import Any

import bpy
import numpy as np
import parts
import pytest

assets = parts.ours("blender.assets")
catalogues = parts.ours("blender.catalogues")
errors = parts.ours("errors")

OTHERS = (
    "# made by hand\nVERSION 1\n\n"
    "11111111-2222-4333-8444-555555555555:Props/Chairs:Props-Chairs\n"
    "not a line that anyone knows\n"
    "66666666-7777-4888-8999-aaaaaaaaaaaa:Motions/Walks:"
)


@pytest.fixture
def rig(factory_scene: None) -> Any:
    """A rig that waves."""
    made = parts.human()
    parts.move(made, "waves")
    made.animation_data.action.name = "Wave"
    return made


def contents(path: Path) -> list[Any]:
    """(name, catalogue, description, author, tags, preview, fake user) of the assets of a file, and whether it plays."""
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    with bpy.data.libraries.load(str(path), assets_only=True) as (found, wanted):
        wanted.actions = found.actions
    out = []
    for action in bpy.data.actions:
        data, preview = action.asset_data, action.preview
        pixels = np.empty(4 * preview.image_size[0] * preview.image_size[1], np.float32)
        preview.image_pixels_float.foreach_get(pixels)
        row = (action.name, data.catalog_id, data.description, data.author, sorted(tag.name for tag in data.tags))
        out.append((*row, pixels.reshape(preview.image_size[1], preview.image_size[0], 4), action.use_fake_user))
    return out


def test_an_exported_action_is_read_back_as_an_asset(rig: Any, tmp_path: Path) -> None:
    action = rig.animation_data.action
    count = len(parts.curves(action))
    done = bpy.ops.tmr.export_assets(directory=str(tmp_path), catalogue="Motions/Waves", description="waves", tags="arm, hello")
    assert done == {"FINISHED"}
    assert action.asset_data is None, "this file's action is no asset because of it"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["Wave.blend", catalogues.NAME]
    line = (tmp_path / catalogues.NAME).read_text(encoding="utf-8").splitlines()[-1]
    found = contents(tmp_path / "Wave.blend")
    assert len(found) == 1
    name, catalogue, description, author, tags, pixels, kept = found[0]
    assert (name, description, author, tags, kept) == ("Wave", "waves", "", ["arm", "hello"], True)
    assert line == f"{catalogue}:Motions/Waves:Motions-Waves"
    assert pixels.shape[0] == pixels.shape[1] >= 128
    assert len(np.unique(pixels.round(2).reshape(-1, 4), axis=0)) > 20, "a body on a floor, not one colour"
    again = parts.human()
    data = again.animation_data_create()
    data.action = bpy.data.actions["Wave"]
    if hasattr(data, "action_slot"):
        data.action_slot = data.action.slots[0]
    for bone in again.pose.bones:
        bone.rotation_mode = "XYZ"
    assert len(parts.curves(data.action)) == count
    low, high = (parts.heads(again, frame)["LeftHand"][2] for frame in (1, 6))
    assert abs(high - low) > 0.05, "it plays on a rig of the same bones"


def test_the_picture_stands_upright(rig: Any) -> None:
    """Rows of a preview go upwards: the head is in the upper half, feet below, the raised arm to one side."""
    image = assets.portrait(bpy.context.scene, rig, rig.animation_data.action)
    assets.show(rig.animation_data.action, image)
    preview = rig.animation_data.action.preview
    pixels = np.empty(4 * image.shape[0] * image.shape[1], np.float32)
    preview.image_pixels_float.foreach_get(pixels)
    shown = pixels.reshape(*image.shape[:2], 4)[::-1, :, :3]
    np.testing.assert_allclose(shown, image / 255.0, atol=0.01)
    background = image[2, 2].astype(int)
    body = np.abs(image.astype(int) - background).sum(axis=-1) > 60
    rows = np.flatnonzero(body.any(axis=1))
    assert rows[0] < 0.3 * len(image)


def test_a_name_that_is_taken_gets_a_number(rig: Any, tmp_path: Path) -> None:
    for _ in range(3):
        bpy.ops.tmr.export_assets(directory=str(tmp_path), filename="mine.blend")
    names = sorted(path.name for path in tmp_path.glob("*.blend"))
    assert names == ["mine.001.blend", "mine.002.blend", "mine.blend"]
    bpy.ops.tmr.export_assets(directory=str(tmp_path), filename="../../out")
    assert (tmp_path / "out.blend").is_file(), "a name leads nowhere else"
    lines = (tmp_path / catalogues.NAME).read_text(encoding="utf-8").splitlines()
    assert sum("Motions:" in line for line in lines) == 1


def test_what_an_asset_says_in_this_file_stays(rig: Any, tmp_path: Path) -> None:
    action = rig.animation_data.action
    action.asset_mark()
    data = action.asset_data
    data.author, data.description, data.catalog_id = "Ada", "mine", "11111111-2222-4333-8444-555555555555"
    data.tags.new("own")
    assets.show(action, np.full((64, 64, 3), 77, np.uint8))
    bpy.ops.tmr.export_assets(directory=str(tmp_path), description="other", tags="more")
    data = action.asset_data
    assert (data.author, data.description, data.catalog_id) == ("Ada", "mine", "11111111-2222-4333-8444-555555555555")
    assert [tag.name for tag in data.tags] == ["own"]
    assert tuple(action.preview.image_size) == (64, 64)
    (row,) = contents(tmp_path / "Wave.blend")
    assert row[2:5] == ("other", "Ada", ["more", "own"])


def test_marking_in_the_open_file(rig: Any, tmp_path: Path) -> None:
    action = rig.animation_data.action
    action["tmr_description"] = "someone waves with one arm"
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    (tmp_path / catalogues.NAME).write_text(OTHERS, encoding="utf-8")
    bpy.ops.ed.undo_push(message="before")
    assert bpy.ops.tmr.mark_asset("EXEC_DEFAULT", True, catalogue="Motions/Walks", tags="wave") == {"FINISHED"}
    data = action.asset_data
    assert data.description == "someone waves with one arm"
    assert data.catalog_id == "66666666-7777-4888-8999-aaaaaaaaaaaa", "the one that is there already"
    assert (tmp_path / catalogues.NAME).read_text(encoding="utf-8") == OTHERS
    assert rig.animation_data.action == action
    bpy.ops.ed.undo()
    assert bpy.data.actions["Wave"].asset_data is None


def test_strips_and_named_actions(rig: Any, tmp_path: Path) -> None:
    parts.move(rig, "walks")
    data = rig.animation_data
    first = data.action
    second = first.copy()
    second.name, second.use_fake_user = "Other", True
    data.action = None
    data.nla_tracks.new().strips.new("Wave", 1, first)
    assert bpy.ops.tmr.mark_asset() == {"FINISHED"}
    assert first.asset_data is not None
    assert second.asset_data is None
    assert bpy.ops.tmr.mark_asset(actions=json.dumps(["Other"])) == {"FINISHED"}
    assert second.asset_data is not None
    assert data.action is None
    assert data.use_nla
    for wrong in ("Other", "[]", "[1]", '["gone"]'):
        with pytest.raises(RuntimeError, match=r"such as|no action gone"):
            bpy.ops.tmr.mark_asset(actions=wrong)


def test_what_shows_no_body_goes_without_a_picture(rig: Any, tmp_path: Path) -> None:
    still = bpy.data.actions.new("Still")
    still.use_fake_user = True
    assert bpy.ops.tmr.export_assets(directory=str(tmp_path), actions='["Still"]') == {"FINISHED"}
    assert rig.animation_data.action.name == "Wave"


def test_a_folder_that_can_t_be_written_leaves_nothing(rig: Any, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="no folder"):
        bpy.ops.tmr.export_assets(directory=str(tmp_path / "gone"))
    (tmp_path / catalogues.NAME).write_text("VERSION 2\n", encoding="utf-8")
    with pytest.raises(RuntimeError, match="VERSION 2"):
        bpy.ops.tmr.export_assets(directory=str(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == [catalogues.NAME]
    assert (tmp_path / catalogues.NAME).read_text(encoding="utf-8") == "VERSION 2\n"
    assert rig.animation_data.action.asset_data is None
    with pytest.raises(RuntimeError, match="needs a name"):
        bpy.ops.tmr.export_assets(directory=str(tmp_path), catalogue=" / ")


def test_a_failed_write_leaves_file_and_folder(rig: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    (tmp_path / catalogues.NAME).write_text(OTHERS, encoding="utf-8")
    with pytest.raises(RuntimeError, match="No space left"):
        bpy.ops.tmr.export_assets(directory=str(tmp_path), catalogue="Motions/Walks")
    assert [path.name for path in tmp_path.iterdir()] == [catalogues.NAME]
    assert rig.animation_data.action.asset_data is None
    with pytest.raises(RuntimeError, match="No space left"):
        bpy.ops.tmr.export_assets(directory=str(tmp_path), catalogue="Motions/New")
    assert (tmp_path / catalogues.NAME).read_text(encoding="utf-8") == OTHERS


def test_without_an_action_there_is_a_reason(factory_scene: None) -> None:
    assert not bpy.ops.tmr.mark_asset.poll()
    parts.human()
    bpy.data.actions.new("x").use_fake_user = True
    with pytest.raises(RuntimeError, match="has no action"):
        bpy.ops.tmr.mark_asset()


# The list of catalogues, which is a file of other people's.


def test_lines_of_others_stay_byte_for_byte(tmp_path: Path) -> None:
    file = tmp_path / catalogues.NAME
    file.write_bytes(OTHERS.encode().replace(b"\n", b"\r\n"))
    before = file.read_bytes()
    made = catalogues.ensure(tmp_path, "Motions/New")
    assert file.read_bytes() == before + f"\n{made}:Motions/New:Motions-New\n".encode()
    assert catalogues.ensure(tmp_path, "Motions/New") == made
    assert catalogues.ensure(tmp_path, " Motions / Walks ") == "66666666-7777-4888-8999-aaaaaaaaaaaa"
    assert file.read_bytes().count(b"Motions/New") == 1
    inner = tmp_path / "deep" / "er"
    inner.mkdir(parents=True)
    assert catalogues.ensure(inner, "Motions/New") == made, "a folder inside belongs to the library"
    assert not (inner / catalogues.NAME).exists()


def test_a_catalogue_that_was_renamed_is_still_ours(tmp_path: Path) -> None:
    made = catalogues.ensure(tmp_path, "Motions")
    file = tmp_path / catalogues.NAME
    file.write_text(file.read_text(encoding="utf-8").replace(":Motions:Motions", ":Mocap:Mocap"), encoding="utf-8")
    before = file.read_bytes()
    assert catalogues.ensure(tmp_path, "Motions") == made
    assert file.read_bytes() == before


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"VERSION 7\n", b"\x00" * 10])
def test_what_is_no_list_of_catalogues_is_left_alone(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / catalogues.NAME
    file.write_bytes(content)
    with pytest.raises(errors.FileProblem):
        catalogues.ensure(tmp_path, "Motions")
    assert file.read_bytes() == content


@pytest.mark.parametrize(("path", "wanted"), [("a/b", "a/b"), ("/a//b/", "a/b"), ("a:b\nc", "a-b-c"), ("..\\x", "..-x")])
def test_paths_of_catalogues(path: str, wanted: str) -> None:
    assert catalogues.clean(path) == wanted
