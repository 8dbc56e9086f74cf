# SPDX-License-Identifier: GPL-3.0-or-later
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bpy
import numpy as np
import parts
import pytest

jobs, places, preferences = parts.ours("blender.jobs"), parts.ours("blender.places"), parts.ours("blender.preferences")
ops_similar, told, sampled = parts.ours("blender.ops_similar"), parts.ours("blender.told"), parts.ours("blender.sampled")

CAPTIONS = {"waves": "a person waves hello with one arm", "walks": "someone strolls straight ahead"}
TIMER = SimpleNamespace(type="TIMER", value="NOTHING")
ESCAPE = SimpleNamespace(type="ESC", value="PRESS")


@pytest.fixture
def library(factory_scene: None, tmp_path: Path) -> Iterator[Path]:
    """Two takes, "waves" and "walks", in a library that is the only one ticked; the folder of their files."""
    folder = tmp_path / "motions"
    for kind, caption in CAPTIONS.items():
        parts.write_bvh(folder / f"{kind}.bvh", kind, caption)
    assert bpy.ops.tmr.add_library(directory=str(folder)) == {"FINISHED"}
    with only_these(1):
        yield folder
    bpy.ops.tmr.remove_library(directory=str(folder))


class only_these:  # noqa: N801 (reads as a sentence)
    """The last libraries of the list are ticked, no other is."""

    def __init__(self, count: int) -> None:
        self._settings, self._count = preferences.preferences(bpy.context), count

    def __enter__(self) -> None:
        items = self._settings.libraries
        self._ticks = [item.use for item in items], self._settings.use_starter
        self._settings.use_starter = False
        for place, item in enumerate(items):
            item.use = place >= len(items) - self._count

    def __exit__(self, *_: object) -> None:
        self._settings.use_starter = self._ticks[1]
        for item, use in zip(self._settings.libraries, self._ticks[0], strict=True):
            item.use = use


def shown() -> Any:
    return bpy.context.window_manager.tmr


@pytest.mark.parametrize("kind", ["waves", "walks"])
def test_an_applied_take_is_found_by_its_action(library: Path, kind: str) -> None:
    rig = parts.human()
    bpy.ops.tmr.apply(path=str(library / f"{kind}.bvh"), whole="TAKE")
    action = rig.animation_data.action
    bpy.context.scene.frame_set(5)
    shown().query = ""
    assert bpy.ops.tmr.find_similar() == {"FINISHED"}
    assert shown().searched == f"like {kind}"
    assert shown().query == ""
    assert shown().hits[0].name == kind
    assert len(shown().hits) == 2
    assert shown().hits[0].score > shown().hits[1].score + 0.02
    assert shown().like
    assert rig.animation_data.action == action
    assert bpy.context.scene.frame_current == 5
    assert bpy.ops.tmr.find_similar(limit=1) == {"FINISHED"}
    assert len(shown().hits) == 1
    assert bpy.ops.tmr.find_similar(filters='{"duration": {"min": 100}}') == {"FINISHED"}
    assert len(shown().hits) == 0


def test_a_motion_made_by_hand_needs_no_file(library: Path) -> None:
    rig = parts.human("Somebody")
    parts.move(rig, "walks", 50)
    rig.rotation_euler = (0.0, 0.0, 2.0)
    rig.scale = (0.7, 0.7, 0.7)
    assert bpy.ops.tmr.find_similar() == {"FINISHED"}
    assert shown().hits[0].name == "walks"
    # Its name is the action's: Blender's own choice.
    assert shown().searched == f"like {rig.animation_data.action.name}"


def test_the_part_between_selected_keys(library: Path) -> None:
    rig = parts.human()
    parts.move(rig, "walks")
    bpy.context.scene.frame_start, bpy.context.scene.frame_end = 1, 1
    with pytest.raises(RuntimeError, match="Nothing moves"):
        bpy.ops.tmr.find_similar(frames="SCENE")
    body = parts.ours("blender.body")
    for curve in body._curves(rig.animation_data):
        for key in curve.keyframe_points:
            key.select_control_point = False
    with pytest.raises(RuntimeError, match="Select two keys"):
        bpy.ops.tmr.find_similar(frames="KEYS")
    assert not shown().hits


def test_more_like_a_result_leaves_it_out(library: Path) -> None:
    assert not bpy.ops.tmr.more_like_this.poll()
    bpy.ops.tmr.search(query=CAPTIONS["waves"])
    assert shown().hits[0].name == "waves"
    assert bpy.ops.tmr.more_like_this(index=0) == {"FINISHED"}
    assert shown().searched == "like waves"
    assert [hit.name for hit in shown().hits] == ["walks"]
    assert bpy.ops.tmr.more_like_this(whole="TAKE") == {"FINISHED"}
    assert [hit.name for hit in shown().hits] == ["waves"]
    with pytest.raises(RuntimeError, match="no result 7"):
        bpy.ops.tmr.more_like_this(index=7)


def test_an_action_is_described(library: Path) -> None:
    rig = parts.human()
    bpy.ops.tmr.apply(path=str(library / "walks.bvh"), whole="TAKE")
    assert bpy.ops.tmr.describe_action() == {"FINISHED"}
    rows = list(shown().told)
    assert shown().told_of == rig.animation_data.action.name
    measured = [row.text for row in rows if row.kind == "measured"]
    assert any("walk" in text or "forward" in text for text in measured), measured
    captions = {row.text: row for row in rows if row.kind == "caption"}
    assert set(captions) == set(CAPTIONS.values())
    best = captions[CAPTIONS["walks"]]
    assert best.source == "walks"
    assert best.score > captions[CAPTIONS["waves"]].score
    line = told.summary(shown())
    assert line.startswith("walks: ")
    assert measured[0] in line
    assert CAPTIONS["walks"] in line
    # What the buttons of the popup and the panel do.
    assert bpy.ops.tmr.search(query=best.text) == {"FINISHED"}
    assert shown().hits[0].name == "walks"
    assert not shown().like


def test_a_result_is_described_from_the_library_alone(library: Path) -> None:
    bpy.ops.tmr.search(query=CAPTIONS["waves"])
    (library / "waves.bvh").unlink()
    assert bpy.ops.tmr.describe_result(index=0) == {"FINISHED"}
    assert shown().told_of == "waves"
    assert [row.text for row in shown().told if row.kind == "caption"] == [CAPTIONS["walks"]]
    assert any(row.kind == "measured" for row in shown().told)
    assert bpy.ops.tmr.describe_result(index=0, limit=0) == {"FINISHED"}
    assert all(row.kind == "measured" for row in shown().told)


def test_without_a_library_measures_are_still_told(factory_scene: None) -> None:
    rig = parts.human()
    parts.move(rig, "walks")
    with only_these(0):
        assert bpy.ops.tmr.describe_action() == {"FINISHED"}
        assert {row.kind for row in shown().told} == {"measured"}
        with pytest.raises(RuntimeError, match="tick one"):
            bpy.ops.tmr.find_similar()


def test_reasons_for_which_nothing_can_be_done(factory_scene: None) -> None:
    for operator in (bpy.ops.tmr.find_similar, bpy.ops.tmr.describe_action):
        assert not operator.poll()
        with pytest.raises(RuntimeError, match="There is no armature"):
            operator()
    parts.human()
    bpy.ops.object.mode_set(mode="EDIT")
    with pytest.raises(RuntimeError, match="Leave the edit mode"):
        bpy.ops.tmr.find_similar()
    bpy.ops.object.mode_set(mode="OBJECT")
    for operator in (bpy.ops.tmr.more_like_this, bpy.ops.tmr.describe_result):
        with pytest.raises(RuntimeError, match="Search first"):
            operator()


class Probe(ops_similar.OfTheRig, ops_similar.Similar):
    """The operator of a window, without Blender around it."""

    frames, limit = "ACTION", 20
    method = "similar"

    def __init__(self) -> None:
        self.reports: list[str] = []
        self.results: list[Any] = []

    def report(self, kind: set[str], sentence: str) -> None:
        self.reports.append(sentence)

    def finish(self, context: bpy.types.Context, result: Any) -> set[str]:
        self.results.append(result)
        return {"FINISHED"}

    def start(self, rig: bpy.types.Object, params: dict[str, Any]) -> None:
        sampled.forget()
        scene = bpy.context.scene
        body = parts.ours("blender.body")
        self.asked = params
        self.reading = sampled.Reading(rig, body.Sampling(rig, body.span_of(rig, scene, self.frames), scene))
        jobs._running.append(self)


def test_in_a_window_it_samples_in_slices_then_asks(library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ops_similar, "SLICE", 0.0)
    rig = parts.human()
    parts.move(rig, "walks")
    probe = Probe()
    probe.start(rig, {"libraries": [str(places.library_for(library))], "limit": 1})
    answers = [probe.modal(bpy.context, TIMER)]
    assert shown().work == "Reading the rig"
    assert 0.0 < shown().progress < 0.5
    assert probe.modal(bpy.context, SimpleNamespace(type="MOUSEMOVE", value="NOTHING")) == {"PASS_THROUGH"}
    while probe.request is None:
        answers.append(probe.modal(bpy.context, TIMER))
    assert len(answers) > 10
    assert set(map(frozenset, answers)) == {frozenset({"PASS_THROUGH"})}
    while (answer := probe.modal(bpy.context, TIMER)) == {"PASS_THROUGH"}:
        pass
    assert answer == {"FINISHED"}
    assert [hit["name"] for hit in probe.results[0]] == ["walks"]
    assert jobs._running == []
    assert shown().work == ""


@pytest.mark.parametrize("way", ["escape", "button"])
def test_sampling_can_be_stopped(factory_scene: None, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    monkeypatch.setattr(ops_similar, "SLICE", 0.0)
    rig = parts.human()
    parts.move(rig, "walks")
    probe = Probe()
    probe.start(rig, {})
    probe.modal(bpy.context, TIMER)
    if way == "button":
        bpy.ops.tmr.cancel()
    assert probe.modal(bpy.context, ESCAPE if way == "escape" else TIMER) == {"CANCELLED"}
    assert jobs._running == []
    assert shown().work == ""
    assert probe.request is None
    assert len(bpy.data.scenes) == 1


def test_a_rig_that_is_removed_meanwhile_is_a_sentence(factory_scene: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ops_similar, "SLICE", 0.0)
    rig = parts.human()
    parts.move(rig, "walks")
    probe = Probe()
    probe.start(rig, {})
    probe.modal(bpy.context, TIMER)
    bpy.data.objects.remove(rig)
    assert probe.modal(bpy.context, TIMER) == {"CANCELLED"}
    assert "search again" in probe.reports[0]
    assert jobs._running == []


def test_real_takes_are_found_again_from_a_rig(factory_scene: None, shared: Path) -> None:
    """20 takes of all in the folder, put on a rig of another kind than theirs at 24 frames a second."""
    folder = (shared / "mocap" / "cmu").resolve()
    if not folder.is_dir():
        pytest.skip("needs shared/mocap/cmu")
    files = sorted(folder.glob("*.bvh"))
    chosen = [files[i] for i in np.random.default_rng(3).choice(len(files), min(20, len(files)), replace=False)]
    assert bpy.ops.tmr.add_library(directory=str(folder)) == {"FINISHED"}
    ranks = []
    try:
        with only_these(1):
            for path in chosen:
                bpy.ops.wm.read_homefile(use_empty=True)
                parts.human()
                bpy.ops.tmr.apply(path=str(path), whole="TAKE")
                bpy.ops.tmr.find_similar(limit=10)
                found = [Path(hit.path) for hit in shown().hits]
                ranks.append(found.index(path) + 1 if path in found else 11)
    finally:
        bpy.ops.tmr.remove_library(directory=str(folder))
    assert sum(rank == 1 for rank in ranks) >= 0.85 * len(ranks), ranks
    assert max(ranks) <= 5, ranks
