# SPDX-License-Identifier: GPL-3.0-or-later
from pathlib import Path
from typing import Any

import bpy
import parts
import pytest
from test_ops_moments import laid

told, moments = parts.ours("blender.told"), parts.ours("blender.moments")

SENTENCE = "A person walks forward with both arms hanging down, then turns around."


def described(action: bpy.types.Action | None, *captions: str) -> Any:
    """The state after a description of the action."""
    shown = bpy.context.window_manager.tmr
    said = [{"text": text, "score": 0.9, "name": "Take_01"} for text in captions or (SENTENCE,)]
    name = action.name if action is not None else "Take_02"
    told.keep(
        shown, {"name": name, "sentences": ["a person walks"], "captions": said}, 0 if action is None else action.session_uid
    )
    return shown


@pytest.fixture
def action(factory_scene: None) -> bpy.types.Action:
    rig = parts.human()
    parts.move(rig, "walks", 4)
    return rig.animation_data.action


def test_an_action_is_renamed_by_a_sentence(action: bpy.types.Action) -> None:
    shown = described(action)
    assert bpy.ops.tmr.rename_action(text=SENTENCE) == {"FINISHED"}
    assert action.name == "Walks forward with both arms hanging down"
    # It is still the one described, under whatever name.
    assert told.described(shown) == action
    assert bpy.ops.tmr.rename_action(text=SENTENCE, action_name="  Walk 01 ") == {"FINISHED"}
    assert action.name == "Walk 01"


def test_one_undo_takes_the_name_back(action: bpy.types.Action) -> None:
    action.name = "Before"
    described(action)
    bpy.ops.ed.undo_push(message="before")
    bpy.ops.tmr.rename_action(text=SENTENCE)
    bpy.ops.ed.undo_push(message="Rename the Action")
    bpy.ops.ed.undo()
    assert [one.name for one in bpy.data.actions] == ["Before"]
    # And it can be renamed again, though undo has read the file anew.
    assert bpy.ops.tmr.rename_action(text="someone limps") == {"FINISHED"}
    assert [one.name for one in bpy.data.actions] == ["Limps"]


def test_names_that_cannot_be(action: bpy.types.Action) -> None:
    action.name = "Kept"
    described(action)
    for sentence in ("", "  ", "…?!"):
        with pytest.raises(RuntimeError, match="no word"):
            bpy.ops.tmr.rename_action(text=sentence)
    assert action.name == "Kept"
    bpy.data.actions.new("Limps")
    bpy.ops.tmr.rename_action(text="someone limps")
    assert action.name == "Limps.001"
    bpy.ops.tmr.rename_action(action_name="語" * 100)
    assert 0 < len(action.name.encode()) <= 63


def test_what_speaks_of_it_by_name_follows(action: bpy.types.Action) -> None:
    scene = bpy.context.scene
    moments.put(
        scene,
        "walks",
        moments.source_of(bpy.data.objects["Human"], 1),
        {"step": 0.1, "scores": [0.5, 0.9], "moments": [{"start": 0.0, "end": 0.1, "score": 0.9}]},
    )
    described(action)
    bpy.ops.tmr.rename_action(text="someone strolls")
    assert moments.of(scene).action == "Strolls"
    assert bpy.ops.tmr.keep_moment(index=0) == {"FINISHED"}


def test_only_a_described_action_can_be_renamed(action: bpy.types.Action) -> None:
    described(None)
    assert not bpy.ops.tmr.rename_action.poll()
    described(action)
    assert bpy.ops.tmr.rename_action.poll()
    bpy.data.actions.remove(action)
    with pytest.raises(RuntimeError, match="Describe the action"):
        bpy.ops.tmr.rename_action(text=SENTENCE)


def test_a_linked_action_keeps_its_name(action: bpy.types.Action, tmp_path: Path) -> None:
    action.name = "Linked"
    file = tmp_path / "linked.blend"
    bpy.data.libraries.write(str(file), {action}, fake_user=True)
    bpy.ops.wm.read_homefile(use_empty=True)
    with bpy.data.libraries.load(str(file), link=True) as (there, here):
        here.actions = list(there.actions)
    (linked,) = here.actions
    described(linked)
    with pytest.raises(RuntimeError, match="linked from another file"):
        bpy.ops.tmr.rename_action(text=SENTENCE)
    assert linked.name == "Linked"


def test_an_asset_and_one_in_use_are_renamed_too(action: bpy.types.Action) -> None:
    action.asset_mark()
    other = parts.human("Other")
    other.animation_data_create().action = action
    described(action)
    bpy.ops.tmr.rename_action(text="someone strolls")
    assert other.animation_data.action.name == "Strolls"
    assert told._besides(action, "Strolls") == f" (it is used in {action.users - 1} places; as an asset, too)"


def strips(rig: bpy.types.Object, *starts: int) -> list[str]:
    """A strip of 4 frames at each of the frames, all on tracks of their own and of other actions; the actions' names."""
    data: Any = rig.animation_data
    original = data.action
    data.action = None
    for start in starts:
        laid(rig, original.copy(), start)
    return [track.strips[0].action.name for track in data.nla_tracks]


def named(rig: bpy.types.Object, frame: int) -> str:
    """What a description at the frame could rename, or why nothing."""
    uid, why = told.nameable(rig, frame)
    assert bool(uid) != bool(why)
    return why or next(one.name for one in bpy.data.actions if one.session_uid == uid)


def test_of_strips_the_one_that_plays_is_renamed(action: bpy.types.Action) -> None:
    rig = bpy.data.objects["Human"]
    assert named(rig, 1000) == action.name
    first, second, third = strips(rig, 1, 20, 22)
    assert (named(rig, 2), named(rig, 20), named(rig, 25)) == (first, second, third)
    assert "No strip" in named(rig, 12)
    assert "Several actions" in named(rig, 23)
    tracks = rig.animation_data.nla_tracks
    tracks[2].mute = True
    assert named(rig, 23) == second
    tracks[1].mute = True
    # One alone is meant wherever the frame is.
    assert named(rig, 500) == first
    shown = bpy.context.window_manager.tmr
    said = {"name": "Human", "sentences": ["a person walks"], "captions": []}
    told.keep(shown, said, *told.nameable(rig, 500))
    assert bpy.ops.tmr.rename_action(text="someone strolls") == {"FINISHED"}
    assert tracks[0].strips[0].action.name == "Strolls"
    tracks[1].mute = tracks[2].mute = False
    told.keep(shown, said, *told.nameable(rig, 23))
    with pytest.raises(RuntimeError, match="mute all but one"):
        bpy.ops.tmr.rename_action(text="someone strolls")
