# SPDX-License-Identifier: GPL-3.0-or-later
"""Assets that are clicked and dragged in the shelf: what their operators do with the references that Blender hands them."""

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bpy
import parts
import pytest

origin = parts.ours("blender.origin")
preferences = parts.ours("blender.preferences")
shelf = parts.ours("blender.shelf")

REFERENCE = {"asset_library_identifier": "Test", "relative_asset_identifier": "walks.blend/Action/walk"}


@pytest.fixture
def library(factory_scene: None, tmp_path: Path) -> Iterator[Path]:
    """An asset library with walks.blend, whose one asset has been seen in the shelf; motions/walk.bvh is its file."""
    parts.write_bvh(tmp_path / "motions" / "walk.bvh", "walks")
    bpy.ops.preferences.addon_enable(module=parts.MODULE)
    assets = tmp_path / "assets"
    assets.mkdir()
    parts.human()
    clips = json.dumps([str(tmp_path / "motions" / "walk.bvh")])
    bpy.ops.tmr.send_to_assets(directory=str(assets), clips=clips, catalogue="walks")
    bpy.data.objects.remove(bpy.data.objects["Human"])
    libraries = bpy.context.preferences.filepaths.asset_libraries
    libraries.new(name="Test", directory=str(assets))
    with bpy.data.libraries.load(str(assets / "walks.blend"), assets_only=True) as (_, wanted):
        wanted.actions = ["walk"]
    action = bpy.data.actions["walk"]
    seen(assets / "walks.blend", action.asset_data)
    bpy.data.actions.remove(action)
    yield tmp_path
    libraries.remove(libraries["Test"])
    shelf._seen.clear()


def seen(file: Path, metadata: Any) -> bool:
    asset = SimpleNamespace(id_type="ACTION", metadata=metadata, name="walk", full_library_path=str(file))
    return shelf.TMR_AST_motions.asset_poll(asset)


def way(rig: Any) -> float:
    first, last = (parts.heads(rig, frame)["Hips"] for frame in (1, 39))
    return first[1] - last[1]


def test_a_click_solves_the_motion_for_the_active_rig(library: Path) -> None:
    preferences.remember(bpy.context, library / "motions")
    rig = parts.human("Ada")
    assert bpy.ops.tmr.apply_asset(**REFERENCE) == {"FINISHED"}
    assert 1.6 < way(rig) < 2.3
    assert rig.animation_data.action.asset_data is None


def test_where_the_file_is_gone_the_assets_own_keys_are_used(library: Path) -> None:
    preferences.remember(bpy.context, library / "motions")
    (library / "motions" / "walk.bvh").unlink()
    rig = parts.human("Ada")
    assert bpy.ops.tmr.apply_asset(**REFERENCE) == {"FINISHED"}
    assert 1.6 < way(rig) < 2.3
    assert rig.animation_data.action.asset_data is None
    other = parts.armature("Other", [("bone", None, (0, 0, 0), (0, 0, 1))])
    count = len(bpy.data.actions)
    with pytest.raises(RuntimeError, match=r"walk\.bvh is gone. It has no keys for the bones of Other"):
        bpy.ops.tmr.apply_asset(**REFERENCE)
    assert other.animation_data is None
    assert len(bpy.data.actions) == count


def test_a_path_outside_the_libraries_is_not_read(library: Path) -> None:
    """The file is there, but in no library of the user's: the asset's keys are used."""
    rig = parts.human("Ada")
    assert bpy.ops.tmr.apply_asset(**REFERENCE) == {"FINISHED"}
    assert "tmr_path" in rig.animation_data.action, "loaded as it is, not solved"


@pytest.mark.parametrize(
    "wrong",
    [
        {"relative_asset_identifier": "../out.blend/Action/walk"},
        {"relative_asset_identifier": "/etc/out.blend/Action/walk"},
        {"relative_asset_identifier": "walks.blend/Object/walk"},
        {"relative_asset_identifier": "walks.txt/Action/walk"},
        {"asset_library_identifier": "Gone"},
    ],
)
def test_references_that_lead_nowhere_say_so(library: Path, wrong: dict[str, str]) -> None:
    parts.human("Ada")
    with pytest.raises(RuntimeError, match="no action of one of your asset libraries"):
        bpy.ops.tmr.apply_asset(**REFERENCE | wrong)


def test_only_actions_with_an_origin_are_listed(library: Path) -> None:
    assert seen(Path("/x.blend"), {"tmr_path": "/a.bvh"})
    assert not seen(Path("/x.blend"), {"is_single_frame": 1})
    assert not shelf.TMR_AST_motions.asset_poll(SimpleNamespace(id_type="OBJECT", metadata={"tmr_path": "/a.bvh"}))
