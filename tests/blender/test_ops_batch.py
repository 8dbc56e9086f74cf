# SPDX-License-Identifier: GPL-3.0-or-later
"""Sequences, many rigs and many motions, in the Blender that runs this."""

import json
import shutil
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bpy
import numpy as np
import parts
import pytest

background = parts.ours("blender.background")
batch = parts.ours("blender.ops_batch")
jobs = parts.ours("blender.jobs")
errors = parts.ours("errors")

BONES = ("Hips", "Head", "LeftHand", "RightHand", "LeftFoot", "RightFoot")


@pytest.fixture(scope="module")
def motions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """walk.bvh, which goes 2 m ahead, and wave.bvh, 40 frames at 24 a second."""
    folder = tmp_path_factory.mktemp("motions")
    parts.write_bvh(folder / "walk.bvh", "walks")
    parts.write_bvh(folder / "wave.bvh", "waves")
    return folder


def rows(motions: Path, *names: str) -> str:
    return json.dumps([str(motions / f"{name}.bvh") for name in names])


def placed(rig: bpy.types.Object, frame: int) -> np.ndarray:
    found = parts.heads(rig, frame)
    return np.array([found[bone] for bone in BONES])


def show_hits(motions: Path, *names: str) -> Any:
    hits = bpy.context.window_manager.tmr.hits
    hits.clear()
    for name in names:
        hit = hits.add()
        hit.name, hit.path, hit.duration = name, str(motions / f"{name}.bvh"), 40 / 24
        hit.start, hit.end = 0.0, 40 / 24
    return hits


def test_motions_follow_each_other_over_the_floor(factory_scene: None, motions: Path) -> None:
    """A walk, a wave, a walk: the body goes on where it has come to, and nothing leaps."""
    rig = parts.human()
    scene = bpy.context.scene
    scene.frame_set(11)
    assert bpy.ops.tmr.apply_sequence(clips=rows(motions, "walk", "wave", "walk"), overlap=0.25, markers=True) == {"FINISHED"}
    action = rig.animation_data.action
    assert action.name == "walk, wave, walk"
    assert tuple(action.frame_range) == (11, 11 + 3 * 40 - 2 * 6 - 1)
    assert [(m.name, m.frame) for m in scene.timeline_markers] == [("walk", 11), ("wave", 45), ("walk", 79)]
    path = np.stack([placed(rig, frame) for frame in range(11, 119)])
    way = path[:, 0, :2] - path[0, 0, :2]
    # Blender's Y looks backwards: each walk goes 2 m ahead, less what its last frames share with the wave.
    assert -4.0 < way[-1, 1] < -3.4
    assert np.abs(way[:, 0]).max() < 0.05
    steps = np.linalg.norm(np.diff(path[:, 0], axis=0), axis=-1)
    assert steps.max() < 1.3 * 2.0 / 39
    scene.frame_set(11)
    bpy.ops.tmr.apply(path=str(motions / "walk.bvh"), whole="TAKE")
    np.testing.assert_allclose(np.stack([placed(rig, frame) for frame in range(11, 44)]), path[:33], atol=1e-4)


def test_marked_results_go_on_in_the_order_of_marking(factory_scene: None, motions: Path) -> None:
    rig = parts.human()
    hits = show_hits(motions, "walk", "wave")
    with pytest.raises(RuntimeError, match="tick the boxes"):
        bpy.ops.tmr.apply_sequence()
    for index in (1, 0):
        bpy.ops.tmr.mark_result(index=index)
    assert [hit.mark for hit in hits] == [2, 1]
    bpy.ops.tmr.apply_sequence()
    assert rig.animation_data.action.name == "wave, walk"
    bpy.ops.tmr.mark_result(index=1)
    assert [hit.mark for hit in hits] == [1, 0], "those after it move up"
    bpy.ops.tmr.mark_result(index=-1)
    assert not any(hit.mark for hit in hits)
    bpy.ops.tmr.apply_sequence(results="0, 1,0")
    assert rig.animation_data.action.name == "walk, wave, walk"
    for wrong in ("0,7", "first"):
        with pytest.raises(RuntimeError, match=r"no result 7|not “first”"):
            bpy.ops.tmr.apply_sequence(results=wrong)


def test_an_action_of_the_rig_is_a_part_like_others(factory_scene: None, motions: Path) -> None:
    """Taken from the rig as it plays it; what the rig has meanwhile stays, and it comes out as it went in."""
    rig = parts.human()
    bpy.ops.tmr.apply(path=str(motions / "walk.bvh"), whole="TAKE", at="START", extent="KEEP")
    first = rig.animation_data.action
    wanted = np.stack([placed(rig, frame) for frame in (1, 12, 30)])
    bpy.ops.tmr.apply(path=str(motions / "wave.bvh"), whole="TAKE", at="START")
    assert bpy.ops.tmr.apply_sequence(clips=json.dumps([{"action": first.name}, str(motions / "wave.bvh")]), at="START") == {
        "FINISHED"
    }
    np.testing.assert_allclose(np.stack([placed(rig, frame) for frame in (1, 12, 30)]), wanted, atol=1e-3)
    assert placed(rig, 60)[2][2] > 1.5, "then the arm goes up"
    with pytest.raises(RuntimeError, match="no action gone"):
        bpy.ops.tmr.apply_sequence(clips='[{"action": "gone"}]')


@pytest.mark.parametrize(
    "clips",
    [
        "walk.bvh",
        "[]",
        "{}",
        "[3]",
        '[{"path": 3}]',
        '[{"path": "a.bvh", "take": "1"}]',
        '[{"name": "a"}]',
        '[{"path": "a.bvh", "action": "b"}]',
        '[{"path": "a.bvh", "clips": 1}]',
    ],
)
def test_a_list_of_no_motions_says_what_one_looks_like(factory_scene: None, clips: str) -> None:
    rig = parts.human()
    with pytest.raises(RuntimeError, match=r"such as|is no such thing"):
        bpy.ops.tmr.apply_sequence(clips=clips)
    assert rig.animation_data is None


def test_a_sequence_is_one_undo_step_and_fails_whole(factory_scene: None, motions: Path, tmp_path: Path) -> None:
    rig = parts.human()
    (tmp_path / "bad.bvh").write_text("nonsense", encoding="utf-8")
    with pytest.raises(RuntimeError, match=r"bad\.bvh"):
        bpy.ops.tmr.apply_sequence(clips=json.dumps([str(motions / "walk.bvh"), str(tmp_path / "bad.bvh")]), markers=True)
    assert rig.animation_data is None
    assert not bpy.data.actions
    assert not bpy.context.scene.timeline_markers
    bpy.ops.ed.undo_push(message="before")
    assert bpy.ops.tmr.apply_sequence("EXEC_DEFAULT", True, clips=rows(motions, "walk", "wave"), markers=True) == {"FINISHED"}
    bpy.ops.ed.undo()
    assert not bpy.data.actions
    assert not bpy.context.scene.timeline_markers


def test_one_motion_goes_to_all_selected_rigs(factory_scene: None, motions: Path) -> None:
    """Each where it stands; one that can't take it is named, the others get it; all in one step."""
    rigs = [parts.human(name) for name in ("A", "B")]
    rigs[1].location = (3.0, 0.0, 0.0)
    snake = parts.armature("Snake", [(f"b{i}", f"b{i - 1}" if i else None, (0, i, 0), (0, i + 1, 0)) for i in range(6)])
    mesh = bpy.data.objects.new("Skin", bpy.data.meshes.new("Skin"))
    bpy.context.scene.collection.objects.link(mesh)
    mesh.modifiers.new("Armature", "ARMATURE").object = rigs[1]
    for item in bpy.context.scene.objects:
        item.select_set(item in (rigs[0], mesh, snake))
    bpy.ops.ed.undo_push(message="before")
    assert bpy.ops.tmr.apply_to_selected("EXEC_DEFAULT", True, path=str(motions / "walk.bvh"), whole="TAKE", at="START") == {
        "FINISHED"
    }
    assert [rig.animation_data.action.name for rig in rigs] == ["walk", "walk.001"]
    assert snake.animation_data is None
    np.testing.assert_allclose(placed(rigs[1], 20) - placed(rigs[0], 20), np.tile((3.0, 0, 0), (len(BONES), 1)), atol=1e-4)
    bpy.ops.ed.undo()
    assert not bpy.data.actions


def test_where_no_rig_takes_it_the_reasons_are_told(factory_scene: None, motions: Path) -> None:
    assert not bpy.ops.tmr.apply_to_selected.poll()
    snake = parts.armature("Snake", [(f"b{i}", f"b{i - 1}" if i else None, (0, i, 0), (0, i + 1, 0)) for i in range(6)])
    snake.select_set(True)
    with pytest.raises(RuntimeError, match="Snake"):
        bpy.ops.tmr.apply_to_selected(path=str(motions / "walk.bvh"))
    assert not bpy.data.actions


def test_each_motion_becomes_an_action_that_is_kept(factory_scene: None, motions: Path) -> None:
    rig = parts.human()
    show_hits(motions, "walk", "wave")
    bpy.context.scene.frame_set(5)
    assert bpy.ops.tmr.apply_each(results="0,1,1") == {"FINISHED"}
    assert sorted(action.name for action in bpy.data.actions) == ["walk", "wave", "wave.001"]
    assert all(action.use_fake_user and tuple(action.frame_range) == (5, 44) for action in bpy.data.actions)
    assert rig.animation_data.action.name == "walk", "a rig without an action gets the first"
    bpy.ops.tmr.apply_each(results="1")
    assert rig.animation_data.action.name == "walk"
    assert len(bpy.data.actions) == 4
    rig.animation_data.action = bpy.data.actions["wave"]
    if hasattr(rig.animation_data, "action_slot"):
        rig.animation_data.action_slot = bpy.data.actions["wave"].slots[0]
    assert placed(rig, 20)[2][2] > 1.5, "the actions in the list play on this rig"


@pytest.mark.parametrize("blend", [0, 8])
def test_strips_in_a_row(factory_scene: None, motions: Path, blend: int) -> None:
    rig = parts.human()
    assert bpy.ops.tmr.apply_each(
        clips=rows(motions, "walk", "wave", "walk"), arrange="STRIPS", blend_in=blend, at="START"
    ) == {"FINISHED"}
    strips = [strip for track in rig.animation_data.nla_tracks for strip in track.strips]
    step = 40 - blend
    assert [(strip.name, strip.frame_start) for strip in strips] == [
        ("walk", 1),
        ("wave", 1 + step),
        ("walk.001", 1 + 2 * step),
    ]
    assert len(rig.animation_data.nla_tracks) == (3 if blend else 1)
    way = np.stack([placed(rig, frame) for frame in range(1, 1 + 3 * step)])
    steps = np.linalg.norm(np.diff(way, axis=0), axis=-1).max(axis=1)
    if blend:
        assert way[-1, 0, 1] < -3.0, "one goes on where the other ends"
        assert steps.max() < 0.25
    else:
        assert steps.max() > 0.5, "without a blend each starts where the rig stands"


def test_a_folder_of_files_with_a_bad_one(factory_scene: None, motions: Path, tmp_path: Path) -> None:
    rig = parts.human()
    inner = tmp_path / "inner"
    inner.mkdir()
    shutil.copy(motions / "walk.bvh", inner)
    shutil.copy(motions / "wave.bvh", tmp_path)
    (tmp_path / "bad.bvh").write_text("nonsense", encoding="utf-8")
    (tmp_path / "notes.txt").write_text("nothing", encoding="utf-8")
    bpy.ops.ed.undo_push(message="before")
    assert bpy.ops.tmr.apply_folder("EXEC_DEFAULT", True, directory=str(tmp_path)) == {"FINISHED"}
    assert sorted(action.name for action in bpy.data.actions) == ["walk", "wave"]
    assert rig.animation_data.action is not None
    bpy.ops.ed.undo()
    assert not bpy.data.actions
    with pytest.raises(RuntimeError, match="no folder"):
        bpy.ops.tmr.apply_folder(directory=str(tmp_path / "gone"))


class Operator(background.SlicedOperator):
    """What Blender would make of one, driven by hand."""

    def __init__(self) -> None:
        self.reports: list[tuple[set[str], str]] = []
        self.finished = 0

    def report(self, kind: set[str], sentence: str) -> None:
        self.reports.append((kind, sentence))

    def describe(self) -> tuple[float, str]:
        return 0.5, "half"

    def finish(self, context: Any) -> set[str]:
        self.finished += 1
        return {"FINISHED"}


class _Window:
    """A window manager that counts timers and handlers."""

    def __init__(self) -> None:
        self.timers = 0
        self.tmr = bpy.context.window_manager.tmr
        self.windows: list[Any] = []

    def event_timer_add(self, seconds: float, window: Any) -> object:
        self.timers += 1
        return object()

    def event_timer_remove(self, timer: object) -> None:
        self.timers -= 1

    def modal_handler_add(self, operator: Any) -> None:
        pass


@pytest.fixture
def window(factory_scene: None, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(background.jobs, "waits", lambda context: False)
    return SimpleNamespace(window_manager=_Window(), window=object(), scene=bpy.context.scene)


def drive(operator: Any, window: Any, most: int = 400) -> set[str]:
    """Ticks until the operator ends."""
    for _ in range(most):
        answer = operator.modal(window, SimpleNamespace(type="TIMER", value="NOTHING"))
        if answer & {"FINISHED", "CANCELLED"}:
            return answer
        time.sleep(0.01)
    raise AssertionError("it never ends")


def work(seen: list[Any], count: int) -> Any:
    def double(value: int) -> int:
        if value == 2:
            raise errors.SkeletonProblem("not two")
        return 2 * value

    try:
        for number in range(count):
            try:
                seen.append((yield double, (number,)))
            except errors.SkeletonProblem as problem:
                seen.append(str(problem))
    finally:
        seen.append("closed")


def test_slices_run_in_a_thread_and_problems_come_back(window: Any) -> None:
    seen: list[Any] = []
    operator = Operator()
    assert operator.begin(window, work(seen, 4)) == {"RUNNING_MODAL"}
    assert window.window_manager.timers == 1
    assert jobs.running()
    assert drive(operator, window) == {"FINISHED"}
    assert seen == [0, 2, "not two", 6, "closed"]
    assert operator.finished == 1
    assert window.window_manager.timers == 0
    assert not jobs.running()


def test_esc_keeps_what_is_done(window: Any) -> None:
    seen: list[Any] = []
    operator = Operator()
    operator.begin(window, work(seen, 1000))
    while len(seen) < 3:
        operator.modal(window, SimpleNamespace(type="TIMER", value="NOTHING"))
    assert operator.modal(window, SimpleNamespace(type="ESC", value="PRESS")) == {"RUNNING_MODAL"}
    assert drive(operator, window) == {"FINISHED"}
    assert seen[-1] == "closed"
    assert len(seen) < 20
    assert window.window_manager.timers == 0


def test_a_file_loaded_meanwhile_ends_it(window: Any) -> None:
    seen: list[Any] = []
    operator = Operator()
    operator.begin(window, work(seen, 1000))
    operator.cancel(window)
    assert seen == ["closed"]
    assert operator.finished == 0
    assert window.window_manager.timers == 0
    assert not jobs.running()


def test_a_rig_that_goes_away_meanwhile_is_a_problem(factory_scene: None, motions: Path) -> None:
    rig = parts.human()
    operator = SimpleNamespace(problems=[], done=[], read=0)
    sources = [batch.Source("walk", str(motions / "walk.bvh")), batch.Source("wave", str(motions / "wave.bvh"))]
    placement = parts.ours("blender.apply").Placement(1)
    steps = batch._each(operator, bpy.context, rig.session_uid, sources, placement)
    function, arguments = next(steps)
    bpy.data.objects.remove(rig)
    with pytest.raises(StopIteration):
        while True:
            function, arguments = steps.send(function(*arguments))
    assert len(operator.problems) == 2
    assert "removed" in operator.problems[0]
    assert not bpy.data.actions
