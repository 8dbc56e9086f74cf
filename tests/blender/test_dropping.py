# SPDX-License-Identifier: GPL-3.0-or-later
from pathlib import Path

import bpy
import parts
import pytest

readers = parts.ours("motion.readers")
preferences = parts.ours("blender.preferences")
places = parts.ours("blender.places")


def test_every_format_that_is_read_can_be_dropped(factory_scene: None) -> None:
    handler = bpy.types.TMR_FH_motion
    assert set(handler.bl_file_extensions.split(";")) == set(readers.SUFFIXES)
    assert hasattr(bpy.ops.tmr, handler.bl_import_operator.removeprefix("tmr."))


def test_a_file_goes_on_the_rig_it_was_dropped_on(factory_scene: None, tmp_path: Path) -> None:
    path = parts.write_bvh(tmp_path / "Wave 1.bvh", "waves")
    parts.human("Left")
    parts.human("Right")
    dropped = {"directory": str(path.parent), "files": [{"name": path.name}]}
    assert bpy.ops.tmr.drop_files(rig="Left", **dropped) == {"FINISHED"}
    assert bpy.data.objects["Left"].animation_data.action.name == "Wave 1"
    assert bpy.data.objects["Right"].animation_data is None


def test_without_a_rig_the_folder_becomes_a_library(factory_scene: None, tmp_path: Path) -> None:
    path = parts.write_bvh(tmp_path / "motions" / "wave.bvh", "waves")
    folder = str(path.parent)
    try:
        assert bpy.ops.tmr.drop_files(directory=folder, files=[{"name": path.name}]) == {"FINISHED"}
        assert preferences.place_of(bpy.context, folder) >= 0
        bpy.ops.tmr.search(query="a person waves", library=str(places.library_for(path.parent)))
        assert [hit.name for hit in bpy.context.window_manager.tmr.hits] == ["wave"]
    finally:
        bpy.ops.tmr.remove_library(directory=folder)


@pytest.mark.parametrize("names", [[], ["notes.txt"], ["picture.png", "bvh"]])
def test_other_files_are_a_sentence(factory_scene: None, tmp_path: Path, names: list[str]) -> None:
    with pytest.raises(RuntimeError, match="no motion files"):
        bpy.ops.tmr.drop_files(directory=str(tmp_path), files=[{"name": name} for name in names])


def test_a_file_that_cannot_be_read_leaves_the_rig_as_it_was(factory_scene: None, tmp_path: Path) -> None:
    (tmp_path / "broken.bvh").write_text("HIERARCHY\n", encoding="utf-8")
    rig = parts.human()
    with pytest.raises(RuntimeError, match=r"broken\.bvh"):
        bpy.ops.tmr.drop_files(directory=str(tmp_path), files=[{"name": "broken.bvh"}], rig=rig.name)
    assert rig.animation_data is None or rig.animation_data.action is None
