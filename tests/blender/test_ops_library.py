# SPDX-License-Identifier: GPL-3.0-or-later
from pathlib import Path

import bpy
import parts
import pytest

places, preferences = parts.ours("blender.places"), parts.ours("blender.preferences")


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
    (tmp_path / "precious").mkdir()
    with pytest.raises(RuntimeError, match="not one of the libraries"):
        bpy.ops.tmr.remove_library(directory=str(tmp_path / "precious"))
    assert (tmp_path / "precious").is_dir()


def test_an_index_of_other_networks_is_left_out_until_refreshed(
    factory_scene: None, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    parts.write_bvh(tmp_path / "one.bvh", "waves")
    bpy.ops.tmr.add_library(directory=str(tmp_path))
    index = places.library_for(tmp_path)
    settings = preferences.preferences(bpy.context)
    starter, settings.use_starter = settings.use_starter, False
    try:
        index.rename(index.with_name("of_an_earlier_model"))
        with pytest.raises(RuntimeError, match="no library to search"):
            bpy.ops.tmr.search(query="a person")
        assert "refresh it" in capfd.readouterr().out
        bpy.ops.tmr.refresh_library(directory=str(tmp_path))
        assert [path.name for path in index.parent.iterdir()] == [index.name]
        assert bpy.ops.tmr.search(query="a person") == {"FINISHED"}
    finally:
        settings.use_starter = starter
        bpy.ops.tmr.remove_library(directory=str(tmp_path))
    assert not index.parent.exists()
