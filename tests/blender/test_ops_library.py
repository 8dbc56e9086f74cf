# SPDX-License-Identifier: GPL-3.0-or-later
import os
import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import bpy
import parts
import pytest

places, preferences = parts.ours("blender.places"), parts.ours("blender.preferences")
libraries, summaries = parts.ours("blender.libraries"), parts.ours("blender.summaries")


def listed() -> list[str]:
    return [item.folder for item in preferences.preferences(bpy.context).libraries]


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_add_refresh_remove(factory_scene: None, tmp_path: Path) -> None:
    folder = tmp_path / "motions"
    parts.write_bvh(folder / "one.bvh", "waves", "a person waves")
    before = files(folder)
    assert bpy.ops.tmr.add_library(directory=str(folder)) == {"FINISHED"}
    index = places.library_for(folder)
    assert index.is_relative_to(places.user_folder("libraries"))
    assert listed().count(str(folder)) == 1
    assert files(folder) == before

    parts.write_bvh(folder / "two.bvh", "walks", "a person walks")
    assert bpy.ops.tmr.refresh_library(directory=str(folder)) == {"FINISHED"}
    bpy.ops.tmr.search(query="a person", library=str(index))
    assert {hit.name for hit in bpy.context.window_manager.tmr.hits} == {"one", "two"}
    assert listed().count(str(folder)) == 1

    after = files(folder)
    assert bpy.ops.tmr.remove_library(directory=str(folder)) == {"FINISHED"}
    assert str(folder) not in listed()
    assert not index.exists()
    assert files(folder) == after


def test_an_empty_folder_changes_nothing(factory_scene: None, tmp_path: Path) -> None:
    before = listed()
    with pytest.raises(RuntimeError, match="holds no motion file"):
        bpy.ops.tmr.add_library(directory=str(tmp_path))
    assert listed() == before
    assert not places.library_for(tmp_path).exists()


def test_a_folder_of_broken_files_changes_nothing(factory_scene: None, tmp_path: Path) -> None:
    (tmp_path / "bad.bvh").write_text("HIERARCHY\nROOT Hips\n{ nonsense", encoding="utf-8")
    before = listed()
    with pytest.raises(RuntimeError, match=r"No motion in .* could be read"):
        bpy.ops.tmr.add_library(directory=str(tmp_path))
    assert listed() == before
    assert not places.library_for(tmp_path).exists()


def test_a_broken_file_among_good_ones_is_told_and_left_out(
    factory_scene: None, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    parts.write_bvh(tmp_path / "good.bvh", "waves")
    (tmp_path / "bad.bvh").write_text("HIERARCHY\nROOT Hips\n{ nonsense", encoding="utf-8")
    assert bpy.ops.tmr.add_library(directory=str(tmp_path)) == {"FINISHED"}
    output = capfd.readouterr().out
    assert "bad.bvh" in output
    assert "1 could not be read" in output
    index = str(places.library_for(tmp_path))
    bpy.ops.tmr.search(query="a person", library=index)
    assert [hit.name for hit in bpy.context.window_manager.tmr.hits] == ["good"]
    bpy.ops.tmr.remove_library(directory=str(tmp_path))


def test_a_missing_folder_is_a_sentence(factory_scene: None, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="There is no folder"):
        bpy.ops.tmr.add_library(directory=str(tmp_path / "nowhere"))


def test_only_listed_libraries_can_be_removed(factory_scene: None, tmp_path: Path) -> None:
    parts.write_bvh(tmp_path / "one.bvh", "waves")
    (tmp_path / "precious").mkdir()
    bpy.ops.tmr.add_library(directory=str(tmp_path))
    with pytest.raises(RuntimeError, match="not one of the libraries"):
        bpy.ops.tmr.remove_library(directory=str(tmp_path / "precious"))
    assert (tmp_path / "precious").is_dir()
    bpy.ops.tmr.remove_library(directory=str(tmp_path))
    if not listed():
        assert not bpy.ops.tmr.remove_library.poll()


def make_foreign(index: Path) -> None:
    """As if other networks had indexed it."""
    with closing(sqlite3.connect(index / "library.sqlite")) as database, database:
        database.execute("UPDATE meta SET value = 'of an earlier model' WHERE key = 'model'")


def test_an_index_of_other_networks_is_left_out_until_it_is_encoded_anew(
    factory_scene: None, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "motions"
    parts.write_bvh(folder / "one.bvh", "waves")
    bpy.ops.tmr.add_library(directory=str(folder))
    index = places.library_for(folder)
    settings = preferences.preferences(bpy.context)
    starter, settings.use_starter = settings.use_starter, False
    try:
        make_foreign(index)
        assert summaries.outdated(summaries.read(index))
        with pytest.raises(RuntimeError, match="no library to search"):
            bpy.ops.tmr.search(query="a person")
        assert "re-encode it" in capfd.readouterr().out
        folder.rename(tmp_path / "unmounted")  # its files are not needed
        assert bpy.ops.tmr.reencode_library(directory=str(folder)) == {"FINISHED"}
        (tmp_path / "unmounted").rename(folder)
        assert places.library_for(folder) == index
        assert not summaries.outdated(summaries.read(index))
        assert bpy.ops.tmr.search(query="a person") == {"FINISHED"}

        make_foreign(index)
        parts.write_bvh(folder / "two.bvh", "walks")
        assert bpy.ops.tmr.refresh_library(directory=str(folder)) == {"FINISHED"}
        assert not summaries.outdated(summaries.read(index))
        assert summaries.read(index).takes == 2
    finally:
        settings.use_starter = starter
        bpy.ops.tmr.remove_library(directory=str(folder))
    assert not index.parent.exists()


def test_an_index_that_cannot_be_deleted_stays_listed_and_says_so(
    factory_scene: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts.write_bvh(tmp_path / "one.bvh", "waves")
    bpy.ops.tmr.add_library(directory=str(tmp_path))

    def held(path: Path) -> None:
        raise PermissionError(13, "It is in use", str(path))

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", held)
        with pytest.raises(RuntimeError, match="can't be deleted: It is in use"):
            bpy.ops.tmr.remove_library(directory=str(tmp_path))
    assert str(tmp_path) in listed()
    assert bpy.ops.tmr.remove_library(directory=str(tmp_path)) == {"FINISHED"}
    assert str(tmp_path) not in listed()


def test_what_an_earlier_version_kept_is_found_and_gone_on_with(factory_scene: None, tmp_path: Path) -> None:
    """It had a folder for each model."""
    parts.write_bvh(tmp_path / "one.bvh", "waves")
    bpy.ops.tmr.add_library(directory=str(tmp_path))
    index = places.library_for(tmp_path)
    assert index.name == "library"
    shutil.copytree(index, index.with_name("older"))
    os.utime(index.with_name("older") / "library.sqlite", (1.0, 1.0))
    index.rename(index.with_name("newer"))
    assert places.library_for(tmp_path) == index.with_name("newer")
    bpy.ops.tmr.refresh_library(directory=str(tmp_path))
    assert [path.name for path in index.parent.iterdir() if path.is_dir()] == ["newer"]
    bpy.ops.tmr.remove_library(directory=str(tmp_path))
    assert not index.parent.exists()


def test_the_list_tells_what_a_library_holds_and_what_could_not_be_read(factory_scene: None, tmp_path: Path) -> None:
    folder = tmp_path / "motions"
    parts.write_bvh(folder / "good.bvh", "waves")
    for i in range(3):
        (folder / f"bad_{i}.bvh").write_text("HIERARCHY nonsense", encoding="utf-8")
    bpy.ops.tmr.add_library(directory=str(folder))
    known = summaries.read(places.library_for(folder))
    assert (known.takes, known.failed, len(known.sentences)) == (1, 3, 3)
    assert "bad_1.bvh" in known.sentences[1]
    assert "1 takes" in libraries.described(known)[0]
    settings = preferences.preferences(bpy.context)
    settings.active = preferences.place_of(bpy.context, str(folder))
    assert bpy.ops.tmr.list_unread() == {"FINISHED"}
    text = bpy.data.texts["motions: not read"].as_string()
    assert all(f"bad_{i}.bvh" in text for i in range(3))
    (folder / "good.bvh").unlink()
    bpy.ops.tmr.remove_library(directory=str(folder))
    assert summaries.read(places.library_for(folder)).problem


def test_checking(factory_scene: None, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "motions"
    parts.write_bvh(folder / "one.bvh", "waves")
    bpy.ops.tmr.add_library(directory=str(folder))
    parts.write_bvh(folder / "one.bvh", "walks")
    assert bpy.ops.tmr.check_library(directory=str(folder)) == {"FINISHED"}
    assert "motions is whole: 1 files, 1 changed" in capfd.readouterr().out
    with closing(sqlite3.connect(places.library_for(folder) / "library.sqlite")) as database, database:
        database.execute("DELETE FROM details")
    with pytest.raises(RuntimeError, match="lack their facts"):
        bpy.ops.tmr.check_library(directory=str(folder))
    bpy.ops.tmr.remove_library(directory=str(folder))


def test_our_processes_know_this_blender(factory_scene: None) -> None:
    named = places.variables()["TMR_BLENDER"]
    assert named == (bpy.app.binary_path or sys.executable) and Path(named).exists()
