# SPDX-License-Identifier: GPL-3.0-or-later
"""Motions made up for a text go on a rig as actions that say so."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import bpy
import parts
import pytest

ops, encoders = parts.ours("blender.ops_synthesise"), parts.ours("tmr.encoders")
jobs = parts.ours("blender.jobs")

TEXT = "a person walks in a circle"


@pytest.fixture
def rig(factory_scene: None) -> Iterator[bpy.types.Object]:
    if reason := parts.ours("tmr.synthesis").lacking():
        pytest.skip(reason)
    ops._made.clear()
    yield parts.human()
    ops._made.clear()


@pytest.fixture
def searched() -> Iterator[bpy.types.bpy_struct]:
    """The panel's state, put back as it was."""
    shown = bpy.context.window_manager.tmr
    yield shown
    shown.hits.clear()
    shown.query = shown.asked = shown.searched = ""
    shown.like = False


def test_a_text_becomes_an_action_that_says_it_is_generated(rig: bpy.types.Object) -> None:
    assert bpy.ops.tmr.synthesise(query=TEXT, seconds=4.0, seed=3, draws=2) == {"FINISHED"}
    action = rig.animation_data.action
    assert action.name == f"{TEXT} (generated)"
    mark = action[ops.GENERATED].to_dict()
    assert (mark["query"], mark["seconds"], mark["seed"], mark["draws"]) == (TEXT, 4.0, 3, 2)
    assert parts.ours("blender.places").installed_model() in mark["model"]
    assert action["tmr_description"].startswith("Generated, not recorded")
    first, last = action.frame_range
    assert last - first == pytest.approx(3.95 * bpy.context.scene.render.fps, abs=1.0)
    # Somebody who walks: the hips travel and stay between floor and stature.
    places = [parts.heads(rig, frame)["Hips"] for frame in range(int(first), int(last), 12)]
    assert max(abs(place[0] - places[0][0]) + abs(place[1] - places[0][1]) for place in places) > 0.3
    assert all(0.5 < place[2] < 1.3 for place in places)


def test_the_seed_decides_and_redo_asks_the_worker_only_for_what_is_new(
    rig: bpy.types.Object, monkeypatch: pytest.MonkeyPatch
) -> None:
    def put(**choices: object) -> list[tuple[float, ...]]:
        bpy.context.scene.frame_set(1)
        assert bpy.ops.tmr.synthesise(query=TEXT, seconds=2.0, draws=1, **choices) == {"FINISHED"}
        return [parts.heads(rig, frame)["LeftFoot"] for frame in (1, 20, 40)]

    one, other = put(seed=1), put(seed=2)
    assert one != other
    monkeypatch.setattr(jobs, "client", lambda: pytest.fail("the worker was asked again"))
    assert put(seed=1) == one
    # Another choice about the rig is no other motion.
    assert put(seed=1, mirror=True) != one


def test_the_panels_text_is_taken_and_an_empty_one_is_a_sentence(rig: bpy.types.Object) -> None:
    with pytest.raises(RuntimeError, match="Describe the motion first"):
        bpy.ops.tmr.synthesise(query="  ")
    with pytest.raises(RuntimeError, match="Type what the motion should look like"):
        bpy.ops.tmr.synthesise(query="?!")
    assert rig.animation_data is None


def test_without_a_rig_it_is_grey_and_says_why(factory_scene: None) -> None:
    if reason := parts.ours("tmr.synthesis").lacking():
        pytest.skip(reason)
    with pytest.raises(RuntimeError, match="no armature in the scene"):
        bpy.ops.tmr.synthesise(query=TEXT)


def test_a_model_without_a_decoder_makes_it_grey(
    rig: bpy.types.Object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(encoders.model_folder() / "model.json", tmp_path)
    monkeypatch.setenv("TMR_MODEL", str(tmp_path))
    with pytest.raises(RuntimeError, match="can search but not make up motions"):
        bpy.ops.tmr.synthesise(query=TEXT)


@pytest.mark.parametrize("words", [TEXT, "läuft " * 40, "走" * 90, "a" * 500])
def test_the_remark_survives_in_the_name(words: str) -> None:
    name = ops.named(words)
    assert name.endswith(" (generated)") and len(name.encode()) <= 59
    made = bpy.data.actions.new(name)
    again = bpy.data.actions.new(name)
    assert made.name == name and "(generated)" in again.name
    for action in (made, again):
        bpy.data.actions.remove(action)


@pytest.mark.parametrize(
    ("like", "text", "score", "offered"),
    [(False, TEXT, 0.79, True), (False, TEXT, 0.81, False), (True, "like Walk", 0.5, False), (False, TEXT, None, True)],
)
def test_it_is_offered_where_nothing_is_close(
    searched: bpy.types.bpy_struct, like: bool, text: str, score: float | None, offered: bool
) -> None:
    searched.searched, searched.like = text, like
    if score is not None:
        searched.hits.add().score = score
    assert ops.offered(searched) == offered
    searched.searched = ""
    assert not ops.offered(searched)
