# SPDX-License-Identifier: GPL-3.0-or-later
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy
import numpy as np
import parts
import pytest

ops_drag = parts.ours("blender.ops_drag")


@pytest.fixture
def wave(factory_scene: None, tmp_path: Path) -> Iterator[Path]:
    """A take of a wave, as the only hit of a search; two rigs and a cube that is active."""
    path = parts.write_bvh(tmp_path / "wave.bvh", "waves")
    shown = bpy.context.window_manager.tmr
    shown.hits.clear()
    hit = shown.hits.add()
    hit.name, hit.path, hit.caption, hit.end, hit.duration = "wave", str(path), "a person waves", 1.0, 1.6
    for name, x in (("Left", -1.0), ("Right", 1.0)):
        parts.human(name).location.x = x
    cube = bpy.data.objects.new("Cube", None)
    bpy.context.scene.collection.objects.link(cube)
    bpy.context.view_layer.objects.active = cube
    yield path
    shown.hits.clear()


def action_of(name: str) -> Any:
    data = bpy.data.objects[name].animation_data
    return data.action if data is not None else None


@pytest.mark.parametrize("name", ["Left", "Right"])
def test_the_rig_that_was_named_moves_and_no_other(wave: Path, name: str) -> None:
    other = {"Left": "Right", "Right": "Left"}[name]
    assert bpy.ops.tmr.drop_on(rig=name, index=0) == {"FINISHED"}
    assert action_of(other) is None
    action = action_of(name)
    assert action["tmr_description"] == "a person waves"
    rig = bpy.data.objects[name]
    high = [parts.heads(rig, frame)["LeftHand"][2] for frame in range(1, 20)]
    assert np.ptp(high) > 0.05
    still = [parts.heads(bpy.data.objects[other], frame)["LeftHand"][2] for frame in range(1, 20)]
    assert np.ptp(still) == 0.0
    assert bpy.context.active_object == rig
    assert [item.name for item in bpy.context.selected_objects] == [name]


def test_it_does_what_apply_does(wave: Path) -> None:
    bpy.ops.tmr.drop_on(rig="Left", index=0)
    bpy.context.view_layer.objects.active = bpy.data.objects["Right"]
    bpy.ops.tmr.apply(index=0)
    dropped, applied = action_of("Left"), action_of("Right")
    assert dropped != applied
    assert len(parts.curves(dropped)) == len(parts.curves(applied)) > 10
    for mine, yours in zip(parts.curves(dropped), parts.curves(applied), strict=True):
        ours, theirs = ([key.co[1] for key in curve.keyframe_points] for curve in (mine, yours))
        np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_choices_of_the_redo_panel_count(wave: Path) -> None:
    bpy.ops.tmr.drop_on(rig="Left", index=0, whole="TAKE", speed=2.0)
    bpy.ops.tmr.drop_on(rig="Right", index=0)
    # From the first to the last: 40 frames at double speed, and the 24 of the moment.
    assert [round(np.ptp(action_of(name).frame_range)) for name in ("Left", "Right")] == [19, 23]


def test_in_pose_mode_another_rig_takes_it_and_the_mode_stays(wave: Path) -> None:
    bpy.context.view_layer.objects.active = bpy.data.objects["Left"]
    bpy.ops.object.mode_set(mode="POSE")
    assert bpy.ops.tmr.drop_on(rig="Right", index=0) == {"FINISHED"}
    assert action_of("Right") is not None
    assert bpy.context.mode == "POSE"
    assert bpy.context.active_object.name == "Left"


@pytest.mark.parametrize(("rig", "sentence"), [("Nobody", "no rig Nobody"), ("Cube", "no rig Cube"), ("", "no rig")])
def test_what_is_no_rig_is_a_sentence(wave: Path, rig: str, sentence: str) -> None:
    with pytest.raises(RuntimeError, match=sentence):
        bpy.ops.tmr.drop_on(rig=rig, index=0)
    assert not bpy.data.actions


def test_a_rig_that_is_no_body_stays_as_it_was(wave: Path) -> None:
    parts.armature("Crane", [("Base", None, (0, 0, 0), (0, 0, 1)), ("Jib", "Base", (0, 0, 1), (1, 0, 1))])
    with pytest.raises(RuntimeError, match="Crane"):
        bpy.ops.tmr.drop_on(rig="Crane", index=0)
    assert action_of("Crane") is None


def test_edit_mode_is_left_first(wave: Path) -> None:
    bpy.context.view_layer.objects.active = bpy.data.objects["Left"]
    bpy.ops.object.mode_set(mode="EDIT")
    with pytest.raises(RuntimeError, match="Leave the edit mode"):
        bpy.ops.tmr.drop_on(rig="Right", index=0)
    bpy.ops.object.mode_set(mode="OBJECT")


def test_the_calling_operator_says_what_went_wrong(wave: Path) -> None:
    said: list[tuple[set[str], str]] = []

    class Operator:
        def report(self, kind: set[str], text: str) -> None:
            said.append((kind, text))

    bpy.context.window_manager.tmr.hits[0].path = str(wave.with_name("gone.bvh"))
    assert ops_drag.put_on(Operator(), bpy.data.objects["Left"], index=0) == {"CANCELLED"}
    ((kind, text),) = said
    assert kind == {"ERROR"}
    assert text.startswith("gone.bvh")


def test_corners_surround_all_points() -> None:
    points = np.array([[10.0, 20.0], [50.0, 90.0], [30.0, 25.0]])
    strokes = ops_drag.corners(points, 5.0, 8.0)
    assert strokes.shape == (16, 2)
    assert strokes.min(axis=0).tolist() == [5.0, 15.0]
    assert strokes.max(axis=0).tolist() == [55.0, 95.0]
    assert np.allclose(np.linalg.norm(strokes[::2] - strokes[1::2], axis=1), 8.0)
