# SPDX-License-Identifier: GPL-3.0-or-later
from collections.abc import Iterator
from math import pi
from pathlib import Path
from types import SimpleNamespace

import bpy
import numpy as np
import parts
import pytest

beside, ghost, motions = parts.ours("blender.beside"), parts.ours("blender.ghost"), parts.ours("motion.ghost")
body = parts.ours("motion.body")


def standing(lean: float = 0.0) -> np.ndarray:
    """A motion (3, 22, 3) of a person of the size of `parts.human`, gliding 1 m ahead and `lean` m to the left."""
    joints = np.zeros((22, 3))
    places = {"pelvis": (0, 0.95, 0), "spine1": (0, 1.05, 0), "spine2": (0, 1.15, 0), "spine3": (0, 1.25, 0)}
    places |= {"neck": (0, 1.45, 0), "head": (0, 1.55, 0)}
    for name, x in (("left", 1.0), ("right", -1.0)):
        places |= {f"{name}_hip": (0.1 * x, 0.93, 0), f"{name}_knee": (0.1 * x, 0.5, 0), f"{name}_ankle": (0.1 * x, 0.09, 0)}
        places |= {f"{name}_foot": (0.1 * x, 0.0, 0.12), f"{name}_collar": (0.08 * x, 1.4, 0)}
        places |= {
            f"{name}_shoulder": (0.16 * x, 1.42, 0),
            f"{name}_elbow": (0.2 * x, 1.14, 0),
            f"{name}_wrist": (0.2 * x, 0.9, 0),
        }
    for name, place in places.items():
        joints[body.INDEX[name]] = place
    return joints[None] + np.linspace(0.0, 1.0, 3)[:, None, None] * [lean, 0.0, 1.0]


def placed(on: bool = True, lean: float = 0.0) -> np.ndarray:
    """Where the joints (3, 22, 3) of the ghost are in the world."""
    motion = motions.staged(standing(lean), 20.0)
    return beside.place(bpy.context, motion, on).points(motion.positions)


def test_without_a_rig_it_stands_at_the_origin_and_faces_as_blenders_figures_do(factory_scene: None) -> None:
    joints = placed()
    np.testing.assert_allclose(joints[0, 0], [0.0, 0.0, 0.95], atol=1e-6)
    np.testing.assert_allclose(joints[-1, 0], [0.0, -1.0, 0.95], atol=1e-6)
    assert joints[0, body.INDEX["left_hip"], 0] > 0.05


@pytest.mark.parametrize(("size", "x", "stands"), [(1.0, 0.0, 1.0), (20.0, 0.0, 0.0), (1.0, 5.0, 0.0)])
def test_without_a_rig_it_stands_beside_what_stands_at_the_origin(
    factory_scene: None, size: float, x: float, stands: float
) -> None:
    """A cube of 2 m, as of a new file; not a set that one stands in, nor what stands elsewhere."""
    cube = bpy.data.meshes.new("Cube")
    cube.from_pydata([(a, b, c) for a in (-1, 1) for b in (-1, 1) for c in (-1, 1)], [], [])
    solid = bpy.data.objects.new("Cube", cube)
    bpy.context.scene.collection.objects.link(solid)
    solid.scale, solid.location.x = (size, size, size), x
    bpy.context.view_layer.update()
    joints = placed()
    assert (joints[..., 0] > stands).all() if stands else abs(joints[0, 0, 0]) < 1e-6


def test_it_stands_on_the_rig_is_as_tall_and_faces_as_it_does(factory_scene: None) -> None:
    rig = parts.human()
    rig.location, rig.rotation_euler, rig.scale = (3.0, 4.0, 0.5), (0.0, 0.0, pi / 2), (2.0, 2.0, 2.0)
    bpy.context.view_layer.update()
    joints = placed()
    for ours, theirs in (("left_knee", "LeftLeg"), ("right_shoulder", "RightArm"), ("left_ankle", "LeftFoot")):
        expected = np.array(rig.matrix_world @ rig.data.bones[theirs].head_local)
        np.testing.assert_allclose(joints[0, body.INDEX[ours]], expected, atol=0.06)
    # The rig faces -Y, turned by 90 degrees about Z that is +X; a body twice as tall goes twice as far.
    np.testing.assert_allclose(joints[-1, 0] - joints[0, 0], [2.0, 0.0, 0.0], atol=0.05)


def test_beside_it_keeps_clear_of_the_rig_on_the_side_that_the_motion_goes_to(factory_scene: None) -> None:
    parts.human()
    for lean, side in ((0.0, 1.0), (1.0, 1.0), (-1.0, -1.0)):
        joints = placed(on=False, lean=lean)
        assert (side * joints[..., 0] > 0.85).all(), lean


class SeenFrom:
    """The context of a view of 1000 x 700 pixels from the front, 10 m wide, whose middle is at `x`."""

    def __init__(self, x: float) -> None:
        self.region = SimpleNamespace(type="WINDOW", alignment="NONE", x=0, y=0, width=1000, height=700)
        self.area = SimpleNamespace(regions=[self.region], as_pointer=lambda: 1)
        rows = [[0.2, 0.0, 0.0, -0.2 * x], [0.0, 0.0, 0.2, -0.2], [0.0, 0.1, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]]
        self.region_data, self.space_data = SimpleNamespace(perspective_matrix=rows), None

    def __getattr__(self, name: str) -> object:
        return getattr(bpy.context, name)


@pytest.mark.parametrize(("middle", "lean", "side"), [(0.0, 0.0, 1.0), (0.0, -1.0, -1.0), (-5.0, 0.0, -1.0), (5.0, -1.0, 1.0)])
def test_beside_it_stands_where_the_view_shows_it(factory_scene: None, middle: float, lean: float, side: float) -> None:
    parts.human()
    motion = motions.staged(standing(lean), 20.0)
    joints = beside.place(SeenFrom(middle), motion, False).points(motion.positions)
    assert (side * joints[0, :, 0] > 0.85).all()


def test_beside_a_rig_that_moves_it_stands_by_the_body_as_shown_and_on_it_where_apply_puts_it(factory_scene: None) -> None:
    rig = parts.human()
    parts.move(rig, "walks")  # 2 m ahead in 40 frames
    still = placed(on=False)[0, 0]
    bpy.context.scene.frame_set(40)
    np.testing.assert_allclose(placed(on=False)[0, 0] - still, [0.0, -2.0, 0.0], atol=0.1)
    np.testing.assert_allclose(placed(on=True)[0, 0, :2], [0.0, 0.0], atol=0.05)
    rig.pose.bones["Hips"].rotation_euler = (0.0, pi / 2, 0.0)  # about its own Y, which points up
    bpy.context.view_layer.update()
    turned = placed(on=False)
    way = turned[-1, 0] - turned[0, 0]
    assert abs(way[0]) > 0.9 and abs(way[1]) < 0.2, way


def test_on_the_rig_it_stands_where_apply_then_puts_the_motion(factory_scene: None, tmp_path: Path) -> None:
    path = parts.write_bvh(tmp_path / "walk.bvh", "walks")
    rig = parts.human()
    rig.location, rig.rotation_euler = (3.0, -1.0, 0.0), (0.0, 0.0, 1.0)
    bpy.context.view_layer.update()
    expected = placed()[:, 0]
    assert bpy.ops.tmr.apply(path=str(path), whole="TAKE") == {"FINISHED"}
    first, last = (np.array(parts.heads(rig, frame)["LeftUpLeg"]) for frame in (1, 40))
    np.testing.assert_allclose(first[:2], expected[0, :2], atol=0.15)
    along = (last - first)[:2] / np.linalg.norm((last - first)[:2])
    ahead = (expected[-1] - expected[0])[:2]
    assert along @ ahead / np.linalg.norm(ahead) > 0.98


def test_a_scene_in_other_units(factory_scene: None) -> None:
    bpy.context.scene.unit_settings.scale_length = 0.01
    np.testing.assert_allclose(placed()[-1, 0], [0.0, -100.0, 95.0], atol=1e-3)


def test_a_rig_that_is_no_human_leaves_it_at_the_origin(factory_scene: None) -> None:
    parts.armature("Box", [("One", None, (0, 0, 0), (0, 0, 1))]).location = (9.0, 9.0, 9.0)
    bpy.context.view_layer.update()
    np.testing.assert_allclose(placed()[0, 0], [0.0, 0.0, 0.95], atol=1e-6)


def test_the_place_is_found_anew_only_where_the_rig_has_changed(factory_scene: None) -> None:
    assert beside.stamp(bpy.context) == ()
    rig = parts.human()
    bpy.context.view_layer.update()
    before = beside.stamp(bpy.context)
    assert before == beside.stamp(bpy.context) != ()
    rig.location.x = 1.0
    bpy.context.view_layer.update()
    assert beside.stamp(bpy.context) != before


def counts() -> dict[str, int]:
    return {name: len(getattr(bpy.data, name)) for name in ("objects", "meshes", "actions", "armatures", "texts", "images")}


def test_placing_leaves_the_scene_as_it_is(factory_scene: None) -> None:
    rig = parts.human()
    parts.move(rig, "walks")
    bpy.context.view_layer.update()
    before = counts(), rig.matrix_world.copy(), [bone.matrix.copy() for bone in rig.pose.bones]
    evaluated = []

    def watch(*_: object) -> None:
        evaluated.append(1)

    bpy.app.handlers.depsgraph_update_post.append(watch)
    try:
        placed(on=False)
    finally:
        bpy.app.handlers.depsgraph_update_post.remove(watch)
    assert (counts(), rig.matrix_world.copy(), [bone.matrix.copy() for bone in rig.pose.bones]) == before
    assert not evaluated


def test_without_a_window_nothing_is_started(factory_scene: None) -> None:
    shown = bpy.context.window_manager.tmr
    shown.hits.clear()
    with pytest.raises(RuntimeError, match="Search first"):
        bpy.ops.tmr.preview()
    shown.hits.add().name = "one"
    shown.hits.add().name = "two"
    assert bpy.ops.tmr.preview(index=1) == {"FINISHED"}
    assert shown.active == 1 and ghost.playing is None
    assert not bpy.app.timers.is_registered(ghost._tick)
    assert bpy.ops.tmr.preview(step=-1) == {"FINISHED"} and shown.active == 0
    assert bpy.ops.tmr.preview(step=-1) == {"FINISHED"} and shown.active == 0
    with pytest.raises(RuntimeError, match="no result 7"):
        bpy.ops.tmr.preview(index=7)
    with pytest.raises(RuntimeError, match="being previewed"):
        bpy.ops.tmr.end_preview()
    shown.hits.clear()


class Answer:
    """A reply of the search process that is there at once."""

    def __init__(self, value: dict) -> None:
        self.value, self.kind = value, "result"

    def poll(self) -> "Answer":
        return self


def test_only_what_is_selected_last_is_asked_for_once_and_played(monkeypatch: pytest.MonkeyPatch) -> None:
    wire, asked = parts.ours("library.wire"), []

    class Client:
        def request(self, method: str, params: dict) -> Answer:
            asked.append((method, params["entry"]))
            return Answer({"positions": wire.to_text(standing()), "fps": 20.0})

    monkeypatch.setattr(ghost.jobs, "client", Client)
    monkeypatch.setattr(ghost.bpy.types.SpaceView3D, "draw_handler_add", lambda *_: object())
    monkeypatch.setattr(ghost.bpy.types.SpaceView3D, "draw_handler_remove", lambda *_: None)
    span = ("library", 5, 0.0, 1.0)
    try:
        monkeypatch.setattr(ghost, "_wanted", (span, "five", ghost.time.monotonic() + 1.0))
        assert ghost._tick() == ghost.TICK and not asked  # it may be passed by yet
        monkeypatch.setattr(ghost, "_wanted", (span, "five", ghost.time.monotonic()))
        for _ in range(5):
            ghost._tick()
        assert asked == [("motion", 5)]
        assert ghost.playing[0] == span and ghost.playing[2] == "five"
        ghost.stop()
        assert ghost.playing is None and not ghost._handlers
        assert ghost._tick() is None
    finally:
        ghost.stop()
        ghost._motions.clear()


@pytest.fixture
def window(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """As if there were a window: the entries that the search process is asked for. Three results are listed, none selected."""
    wire, asked = parts.ours("library.wire"), []

    class Client:
        def request(self, method: str, params: dict) -> Answer:
            asked.append(params["entry"])
            return Answer({"positions": wire.to_text(standing()), "fps": 20.0})

    class App:
        background = False
        timers, handlers = bpy.app.timers, bpy.app.handlers

    class Window:
        app, context, types = App, bpy.context, bpy.types

    monkeypatch.setattr(ghost, "bpy", Window)
    monkeypatch.setattr(ghost.jobs, "client", Client)
    monkeypatch.setattr(bpy.types.SpaceView3D, "draw_handler_add", lambda *_: object())
    monkeypatch.setattr(bpy.types.SpaceView3D, "draw_handler_remove", lambda *_: None)
    hits = bpy.context.window_manager.tmr.hits
    hits.clear()
    for number in range(3):
        row = hits.add()
        row.name, row.entry, row.end = str(number), number, 1.0
    yield asked
    ghost.stop()
    ghost._motions.clear()
    hits.clear()


def ticks(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """The timer, so long."""
    start = ghost.time.monotonic()
    for count in range(1, round(seconds / ghost.TICK) + 1):
        monkeypatch.setattr(ghost.time, "monotonic", lambda count=count: start + count * ghost.TICK)
        ghost._tick()


def test_what_the_pointer_rests_on_plays_and_then_the_selected_one_again(
    factory_scene: None, window: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    bpy.context.window_manager.tmr.active = 0
    ghost.select()
    ticks(monkeypatch, 0.4)
    assert window == [0] and ghost.playing[2] == "0"
    there = [True]
    for passed in (1, 2, 1):  # on the way
        ghost.hover(passed, lambda: there[0])
        ticks(monkeypatch, 0.1)
    assert window == [0] and ghost.playing[2] == "0"
    ticks(monkeypatch, 0.4)
    assert window == [0, 1] and ghost.playing[2] == "1"
    there[0] = False
    ticks(monkeypatch, 0.1)
    assert window == [0, 1] and ghost.playing[2] == "0"


def test_where_nothing_played_nothing_plays_when_the_pointer_has_gone(
    factory_scene: None, window: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    ghost.hover(2)
    ticks(monkeypatch, 0.5)
    assert window == [2] and ghost.playing[2] == "2"
    ghost.hover(None)
    assert ghost.playing is None and not bpy.app.timers.is_registered(ghost._tick) and not ghost._handlers
    bpy.context.window_manager.tmr.preview = False
    try:
        ghost.hover(1)
        assert not bpy.app.timers.is_registered(ghost._tick)
    finally:
        bpy.context.window_manager.tmr.preview = True


def test_another_file_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ghost, "playing", (("library", 5, 0.0, 1.0), motions.staged(standing(), 20.0), "five"))
    bpy.ops.wm.read_homefile(use_empty=True)
    assert ghost.playing is None
