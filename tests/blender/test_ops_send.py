# SPDX-License-Identifier: GPL-3.0-or-later
"""Results and files as assets of an asset library, as Blender reads them back."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bpy
import numpy as np
import parts
import pytest

origin = parts.ours("blender.origin")
sending = parts.ours("blender.sending")
ops_send = parts.ours("blender.ops_send")
preferences = parts.ours("blender.preferences")
errors = parts.ours("errors")


@pytest.fixture(scope="module")
def motions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """walk.bvh, which goes 2 m ahead, and wave.bvh, 40 frames at 24 a second."""
    folder = tmp_path_factory.mktemp("motions")
    parts.write_bvh(folder / "walk.bvh", "walks")
    parts.write_bvh(folder / "wave.bvh", "waves")
    return folder


def show(motions: Path, *names: str, searched: str = "someone walks") -> Any:
    state = bpy.context.window_manager.tmr
    state.hits.clear()
    state.searched, state.like = searched, False
    for name in names:
        hit = state.hits.add()
        hit.name, hit.path, hit.caption = name, str(motions / f"{name}.bvh"), f"a person {name}s forward quickly"
        hit.start, hit.end, hit.duration = 0.0, 0.0, 40 / 24
    return state


def ids() -> set[tuple[str, str]]:
    """Everything in the open file, by kind and name."""
    return {(item.bl_rna.identifier, item.name) for item in bpy.data.user_map()}


def contents(path: Path) -> dict[str, Any]:
    """Assets of a file by name, loaded into the open file."""
    with bpy.data.libraries.load(str(path), assets_only=True) as (found, wanted):
        wanted.actions = found.actions
    return {action.name: action for action in wanted.actions}


def test_a_query_becomes_assets_and_the_open_file_stays(factory_scene: None, motions: Path, tmp_path: Path) -> None:
    rig = parts.human()
    show(motions, "walk", "wave")
    bpy.data.actions.new("walk").use_fake_user = True
    before = ids()
    assert bpy.ops.tmr.send_to_assets(directory=str(tmp_path), which="ALL") == {"FINISHED"}
    assert ids() == before
    assert rig.animation_data is None or rig.animation_data.action is None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["blender_assets.cats.txt", "someone walks.blend"]
    line = (tmp_path / "blender_assets.cats.txt").read_text(encoding="utf-8").splitlines()[-1]
    bpy.ops.wm.read_homefile(use_empty=True)
    bpy.ops.preferences.addon_enable(module=parts.MODULE)
    found = contents(tmp_path / "someone walks.blend")
    assert set(found) == {"walk", "wave"}, "their own names, though the open file had one of them"
    for name, action in found.items():
        data = action.asset_data
        assert line == f"{data.catalog_id}:Motions/someone walks:Motions-someone walks"
        assert data.description == f"a person {name}s forward quickly"
        assert {"forward", "quickly"} <= {tag.name for tag in data.tags}
        pixels = np.empty(4 * 256 * 256, np.float32)
        assert tuple(action.preview.image_size) == (256, 256)
        action.preview.image_pixels_float.foreach_get(pixels)
        assert len(np.unique(pixels.round(2).reshape(-1, 4), axis=0)) > 20, "a body on a floor"
        for holder in (action, data):
            noted = origin.read(holder)
            assert noted == origin.Origin(str(motions / f"{name}.bvh"), 0, 0.0, 0.0, False, name, data.description)
        assert len(parts.curves(action)) > 40
    assert "walk" in {tag.name for tag in found["walk"].asset_data.tags}, "what was measured"


def test_without_a_rig_a_plain_figure_is_solved_on(factory_scene: None, motions: Path, tmp_path: Path) -> None:
    show(motions, "walk")
    cube = bpy.data.objects.new("Cube", None)
    bpy.context.collection.objects.link(cube)
    bpy.context.view_layer.objects.active = cube
    cube.select_set(True)
    before = ids()
    assert bpy.ops.tmr.send_to_assets(directory=str(tmp_path), which="SELECTED") == {"FINISHED"}
    assert ids() == before
    assert bpy.context.view_layer.objects.active == cube
    assert cube.select_get()
    found = contents(tmp_path / "someone walks.blend")
    bpy.ops.tmr.add_rig()
    rig = bpy.context.active_object
    data = rig.animation_data_create()
    data.action = found["walk"]
    if hasattr(data, "action_slot"):
        data.action_slot = data.action.slots[0]
    hips = [parts.heads(rig, frame)["Hips"] for frame in (1, 39)]
    assert 1.6 < hips[0][1] - hips[1][1] < 2.3, "it walks ahead on such a figure"


class Space:
    show_region_asset_shelf = False


class Panel:
    """A panel whose layout notes which properties are drawn."""

    def __init__(self) -> None:
        self.layout, self.drawn = self, []

    def prop(self, data: Any, name: str, **options: Any) -> None:
        self.drawn.append(name)


def test_the_shelf_is_offered_while_it_is_hidden_and_told_once_it_is_shown(
    factory_scene: None, motions: Path, tmp_path: Path
) -> None:
    ops_send = parts.ours("blender.ops_send")
    context = SimpleNamespace(space_data=Space(), window_manager=bpy.context.window_manager)
    drawn = Panel()
    ops_send._draw_shelf(drawn, context)
    assert not drawn.drawn, "nothing was sent yet"
    show(motions, "walk")
    bpy.ops.tmr.send_to_assets(directory=str(tmp_path), which="ALL")
    ops_send._draw_shelf(drawn, context)
    assert drawn.drawn == ["show_region_asset_shelf"]
    context.space_data.show_region_asset_shelf = True
    ops_send._tell(False)
    ops_send._draw_shelf(drawn, context)
    assert bpy.app.timers.is_registered(ops_send._refresh)
    assert drawn.drawn == ["show_region_asset_shelf"], "it is there, so it is not offered"
    ops_send._refresh()
    assert ops_send._stale, "there is no window, so nobody was told"
    bpy.app.timers.unregister(ops_send._refresh)


def test_a_dropped_asset_is_solved_anew_for_another_rig(factory_scene: None, motions: Path, tmp_path: Path) -> None:
    show(motions, "walk")
    bpy.ops.tmr.send_to_assets(directory=str(tmp_path), which="ALL")
    noted = origin.read(contents(tmp_path / "someone walks.blend")["walk"].asset_data)
    rig = parts.human("Another")
    with pytest.raises(errors.FileProblem, match="none of your libraries"):
        origin.checked(bpy.context, noted)
    preferences.remember(bpy.context, motions)
    assert origin.checked(bpy.context, noted) == motions / "walk.bvh"
    assert bpy.ops.tmr.drop_on(rig="Another", **noted.arguments()) == {"FINISHED"}
    hips = [parts.heads(rig, frame)["Hips"] for frame in (1, 39)]
    assert 1.6 < hips[0][1] - hips[1][1] < 2.3
    assert rig.animation_data.action["tmr_description"] == "a person walks forward quickly"


def test_stopped_it_leaves_nothing(factory_scene: None, motions: Path, tmp_path: Path) -> None:
    rig = parts.human()
    before = ids()
    origins = [origin.Origin(str(motions / f"{name}.bvh"), name=name) for name in ("walk", "wave")]
    sent = sending.Sending(origins, tmp_path, "x", "Motions/x")
    placement = parts.ours("blender.apply").Placement(1)
    work = sent.work(bpy.context, rig, placement)
    function, arguments = next(work)
    work.send(function(*arguments))
    assert len(bpy.data.actions) == 1
    work.close()
    assert ids() == before
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_read_is_told_and_the_rest_sent(factory_scene: None, motions: Path, tmp_path: Path) -> None:
    parts.human()
    clips = json.dumps([str(motions / "walk.bvh"), str(motions / "gone.bvh")])
    assert bpy.ops.tmr.send_to_assets(directory=str(tmp_path), clips=clips, catalogue="A/B") == {"FINISHED"}
    assert set(contents(tmp_path / "B.blend")) == {"walk"}
    with pytest.raises(RuntimeError, match=r"gone\.bvh"):
        bpy.ops.tmr.send_to_assets(directory=str(tmp_path), clips=json.dumps([str(motions / "gone.bvh")]))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "blender_assets.cats.txt").write_text("VERSION 9\n", encoding="utf-8")
    with pytest.raises(RuntimeError, match="VERSION 9"):
        bpy.ops.tmr.send_to_assets(directory=str(tmp_path / "other"), clips=clips)
    assert len(list((tmp_path / "other").iterdir())) == 1


def test_a_library_is_made_only_when_asked(factory_scene: None, motions: Path) -> None:
    parts.human()
    show(motions, "walk")
    libraries = bpy.context.preferences.filepaths.asset_libraries
    for item in list(libraries):
        libraries.remove(item)
    with pytest.raises(RuntimeError, match="No asset library"):
        bpy.ops.tmr.send_to_assets()
    assert len(libraries) == 0
    assert bpy.ops.tmr.send_to_assets(make_library=True) == {"FINISHED"}
    assert [item.name for item in libraries] == ["Motions"]
    folder = Path(libraries[0].path)
    assert libraries[0].import_method == "APPEND"
    made = [path for path in folder.iterdir() if path.suffix == ".blend"]
    assert made
    for path in folder.iterdir():
        path.unlink()
    libraries.remove(libraries[0])


# What is read from assets of strangers.


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"tmr_path": 3},
        {"tmr_path": "/a\n.bvh"},
        {"tmr_path": "/" + "a" * 5000},
        {"tmr_path": "/a.bvh", "tmr_take": -1},
        {"tmr_path": "/a.bvh", "tmr_take": 0.5},
        {"tmr_path": "/a.bvh", "tmr_take": "1"},
        {"tmr_path": "/a.bvh", "tmr_start": float("nan")},
        {"tmr_path": "/a.bvh", "tmr_end": float("inf")},
        {"tmr_path": "/a.bvh", "tmr_end": [1.0]},
    ],
)
def test_what_is_no_origin_is_none(wrong: dict[str, Any]) -> None:
    assert origin.read(wrong) is None


def test_a_path_leads_into_the_users_libraries_alone(factory_scene: None, motions: Path, tmp_path: Path) -> None:
    preferences.remember(bpy.context, motions)
    (tmp_path / "secret.bvh").write_text("HIERARCHY", encoding="utf-8")
    link = motions / "link.bvh"
    link.symlink_to(tmp_path / "secret.bvh")
    for path, why in (
        (str(tmp_path / "secret.bvh"), "none of your libraries"),
        (str(motions / ".." / tmp_path.name / "secret.bvh"), "none of your libraries"),
        ("//server/share/a.bvh", "none of your libraries"),
        ("walk.bvh", "none of your libraries"),
        (str(motions / "walk.py"), "no kind of motion file"),
        (str(motions / "gone.bvh"), "is gone"),
        (str(link), "link that leads out"),
    ):
        with pytest.raises(errors.FileProblem, match=why):
            origin.checked(bpy.context, origin.Origin(path))
    link.unlink()
