# SPDX-License-Identifier: GPL-3.0-or-later
from pathlib import Path
from typing import Any

import bpy
import parts
import pytest

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
