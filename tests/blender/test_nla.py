# SPDX-License-Identifier: GPL-3.0-or-later
"""Strips and blends, by what Blender evaluates: where joints are, frame by frame."""

import sys
from pathlib import Path
from typing import Any

import bpy
import numpy as np
import parts
import pytest

# The samples are shared with the tests in plain Python; the repository itself must stay off the path here.
sys.path.append(str(Path(__file__).resolve().parents[1]))
from rigs import RIGS, in_blender

nla = parts.ours("blender.nla")
apply = parts.ours("blender.apply")
errors = parts.ours("errors")

BONES = ("Hips", "Head", "LeftHand", "RightHand", "LeftFoot", "RightFoot", "LeftLeg", "RightForeArm")


@pytest.fixture(scope="module")
def motions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """walk.bvh and wave.bvh, 40 frames at 24 a second."""
    folder = tmp_path_factory.mktemp("motions")
    parts.write_bvh(folder / "walk.bvh", "walks")
    parts.write_bvh(folder / "wave.bvh", "waves")
    return folder


def put(path: Path, frame: int, **choices: Any) -> bpy.types.Object:
    bpy.context.scene.frame_set(frame)
    assert bpy.ops.tmr.apply(path=str(path), whole="TAKE", **choices) == {"FINISHED"}
    rig = bpy.context.active_object
    assert rig is not None
    return rig


def placed(rig: bpy.types.Object, frame: int) -> np.ndarray:
    found = parts.heads(rig, frame)
    return np.array([found[bone] for bone in BONES])


def strips(rig: bpy.types.Object) -> list[bpy.types.NlaStrip]:
    """Lowest track first."""
    return [strip for track in rig.animation_data.nla_tracks for strip in track.strips]


def keys(action: bpy.types.Action) -> Any:
    return [(c.data_path, c.array_index, [tuple(key.co) for key in c.keyframe_points]) for c in parts.curves(action)]


def snapshot(rig: bpy.types.Object) -> Any:
    """All that a failure must leave as it was."""
    data = rig.animation_data
    actions = sorted((action.name, action.users, action.use_fake_user) for action in bpy.data.actions)
    if data is None:
        return None, actions
    slot = getattr(data, "action_slot", None)
    rows = [
        (track.name, [(s.name, s.frame_start, s.frame_end, s.action.name, s.extrapolation) for s in track.strips])
        for track in data.nla_tracks
    ]
    return data.action, slot and slot.handle, data.use_tweak_mode, rows, actions


@pytest.mark.parametrize("mode", ["QUATERNION", "ZXY", "AXIS_ANGLE"])
def test_a_strip_starts_as_the_pose_before_and_becomes_the_motion(factory_scene: None, motions: Path, mode: str) -> None:
    rig = parts.human()
    put(motions / "walk.bvh", 1)
    for bone in rig.pose.bones:
        bone.rotation_mode = mode
    put(motions / "walk.bvh", 1)
    walk = rig.animation_data.action
    walked = [placed(rig, frame) for frame in (30, 40)]
    put(motions / "wave.bvh", 30, place="body")
    waved = {frame: placed(rig, frame) for frame in (40, 50, 69)}
    rig.animation_data.action = walk
    if hasattr(rig.animation_data, "action_slot"):
        rig.animation_data.action_slot = walk.slots[0]
    put(motions / "wave.bvh", 30, goes="strip", blend_in=10)
    assert rig.animation_data.action is None
    low, high = strips(rig)
    assert low.action == walk
    assert (high.frame_start, high.frame_end, high.blend_in, high.blend_type) == (30, 69, 10, "REPLACE")
    assert high.extrapolation == "HOLD_FORWARD", "nothing below plays longer"
    np.testing.assert_allclose(placed(rig, 30), walked[0], atol=1e-4)
    for frame, wanted in waved.items():
        np.testing.assert_allclose(placed(rig, frame), wanted, atol=2e-3, err_msg=str(frame))
    # Nothing turns over on the way: no joint goes faster than a blend of both has to.
    path = np.stack([placed(rig, frame) for frame in range(28, 44)])
    assert np.linalg.norm(np.diff(path, axis=0), axis=-1).max() < 0.2


def test_where_other_strips_play_on_it_gives_way_again(factory_scene: None, motions: Path) -> None:
    rig = parts.human()
    put(motions / "walk.bvh", 1)
    walked = {frame: placed(rig, frame) for frame in (5, 40)}
    put(motions / "wave.bvh", 8, goes="strip", blend_in=4, trim_start=0.2, trim_end=0.5)
    strip = strips(rig)[1]
    assert strip.extrapolation == "NOTHING"
    assert (strip.frame_start, strip.blend_in, strip.blend_out) == (8, 4, 4)
    assert 25 < strip.frame_end < 35
    for frame, wanted in walked.items():
        np.testing.assert_allclose(placed(rig, frame), wanted, atol=1e-4)
    assert placed(rig, 20)[2][2] > 1.5, "in between the arm is up"


def test_a_pushed_down_action_plays_as_before(factory_scene: None, motions: Path) -> None:
    """Also one that is repeated by modifiers, which a strip of its keys alone would not show."""
    rig = parts.human()
    put(motions / "walk.bvh", 1)
    action = rig.animation_data.action
    before = keys(action)
    for curve in parts.curves(action):
        curve.modifiers.new("CYCLES")
    bpy.context.scene.frame_end = 200
    wanted = {frame: placed(rig, frame) for frame in (1, 33, 77, 150)}
    put(motions / "wave.bvh", 180, goes="strip")
    assert rig.animation_data.action is None
    assert keys(action) == before
    for frame, heads in wanted.items():
        np.testing.assert_allclose(placed(rig, frame), heads, atol=1e-4, err_msg=str(frame))


def test_a_posed_rig_without_animation_is_left_from_its_pose(factory_scene: None, motions: Path) -> None:
    """A strip has nothing to blend with there, so the blend is in its keys; and so for an action."""
    for goes in ("strip", "action"):
        rig = parts.human(goes)
        bpy.context.scene.frame_set(5)
        rig.pose.bones["RightArm"].rotation_mode = "QUATERNION"
        rig.pose.bones["RightArm"].rotation_quaternion = (0.8, 0.6, 0.0, 0.0)
        rig.pose.bones["Hips"].location = (0.4, 0.1, 0.3)
        bpy.context.view_layer.update()
        posed = np.array([tuple(rig.matrix_world @ rig.pose.bones[bone].head) for bone in BONES])
        put(motions / "wave.bvh", 5, goes=goes, blend_in=8)
        np.testing.assert_allclose(placed(rig, 5), posed, atol=1e-4)
        away = placed(rig, 13)[:, :2].mean(axis=0) - posed[:, :2].mean(axis=0)
        assert np.linalg.norm(away) < 0.3, "it goes on where the body is"


def test_a_new_action_takes_over_from_the_motion_before(factory_scene: None, motions: Path) -> None:
    """First frame: the pose; speed: as it was; after the blend: the motion itself, where the body has come to."""
    rig = parts.human()
    put(motions / "walk.bvh", 1)
    before = np.stack([placed(rig, frame) for frame in (29, 30)])
    put(motions / "wave.bvh", 30, blend_in=10)
    blended = np.stack([placed(rig, frame) for frame in range(30, 44)])
    np.testing.assert_allclose(blended[0], before[1], atol=1e-4)
    # The hand has 1.3 m to go: by a straight blend it would leave at 0.13 m a frame.
    np.testing.assert_allclose(blended[1] - blended[0], before[1] - before[0], atol=0.05)
    rig.animation_data_clear()
    put(motions / "walk.bvh", 1)
    put(motions / "wave.bvh", 30, place="body")
    np.testing.assert_allclose(blended[10:], np.stack([placed(rig, frame) for frame in range(40, 44)]), atol=1e-3)


def test_a_pose_by_hand_over_an_action_counts(factory_scene: None, motions: Path) -> None:
    """What is shown is what the blend starts from, even if it isn't keyed; another frame keeps it as it is."""
    rig = parts.human()
    put(motions / "walk.bvh", 1)
    bpy.context.scene.frame_set(20)
    rig.pose.bones["LeftArm"].rotation_quaternion = (0.7, 0.7, 0.0, 0.1)
    bpy.context.view_layer.update()
    posed = np.array([tuple(rig.matrix_world @ rig.pose.bones[bone].head) for bone in BONES])
    assert bpy.ops.tmr.apply(path=str(motions / "wave.bvh"), whole="TAKE", blend_in=6) == {"FINISHED"}
    np.testing.assert_allclose(placed(rig, 20), posed, atol=1e-4)


def test_the_free_track_on_top_is_used_without_a_blend(factory_scene: None, motions: Path) -> None:
    rig = parts.human()
    put(motions / "walk.bvh", 1, goes="strip")
    put(motions / "wave.bvh", 60, goes="strip")
    assert [len(track.strips) for track in rig.animation_data.nla_tracks] == [2]
    put(motions / "wave.bvh", 80, goes="strip")
    put(motions / "walk.bvh", 200, goes="strip", blend_in=5)
    assert [len(track.strips) for track in rig.animation_data.nla_tracks] == [2, 1, 1]
    assert [strip.name for strip in strips(rig)] == ["walk", "wave", "wave.001", "walk.001"]
    assert all(strip.action_slot is not None for strip in strips(rig) if hasattr(strip, "action_slot"))


def test_undo_takes_strip_and_push_down_back(factory_scene: None, motions: Path) -> None:
    rig = parts.human()
    put(motions / "walk.bvh", 1)
    before = snapshot(rig)[3]
    bpy.ops.ed.undo_push(message="before")
    assert bpy.ops.tmr.apply("EXEC_DEFAULT", True, path=str(motions / "wave.bvh"), whole="TAKE", goes="strip") == {"FINISHED"}
    bpy.ops.ed.undo()
    rig = bpy.data.objects["Human"]
    assert rig.animation_data.action.name == "walk"
    assert snapshot(rig)[3] == before
    assert "wave" not in bpy.data.actions


def test_what_would_not_show_is_refused(factory_scene: None, motions: Path) -> None:
    rig = parts.human()
    put(motions / "walk.bvh", 1, goes="strip")
    rig.animation_data.nla_tracks[0].is_solo = True
    before = snapshot(rig)
    with pytest.raises(RuntimeError, match="plays alone"):
        put(motions / "wave.bvh", 60, goes="strip")
    assert snapshot(rig) == before
    rig.animation_data.nla_tracks[0].is_solo = False
    rig.animation_data.use_nla = False
    with pytest.raises(RuntimeError, match="switched off"):
        put(motions / "wave.bvh", 60, goes="strip")
    assert snapshot(rig)[3] == before[3]


def test_tweak_mode_is_refused_with_a_reason(factory_scene: None, motions: Path) -> None:
    rig = parts.human()
    put(motions / "walk.bvh", 1, goes="strip")
    track = rig.animation_data.nla_tracks[0]
    track.select = track.strips[0].select = True
    rig.animation_data.use_tweak_mode = True
    if not rig.animation_data.use_tweak_mode:
        pytest.skip("this Blender enters tweak mode only in the NLA editor")
    before = snapshot(rig)
    assert not bpy.ops.tmr.apply.poll()
    with pytest.raises(RuntimeError, match="tweaked"):
        put(motions / "wave.bvh", 60, goes="strip")
    assert snapshot(rig) == before


@pytest.mark.parametrize("goes", ["action", "strip"])
@pytest.mark.parametrize("start", ["nothing", "action", "strips"])
def test_what_fails_half_way_is_as_it_was(
    factory_scene: None, motions: Path, monkeypatch: pytest.MonkeyPatch, goes: str, start: str
) -> None:
    """A failure after the action is made and the former one pushed down: a full disk, a curve that Blender refuses."""
    rig = parts.human()
    if start != "nothing":
        put(motions / "walk.bvh", 1, goes="strip" if start == "strips" else "action")
    before = snapshot(rig)

    def fail(*_: Any) -> None:
        if goes == "strip":
            nla.push_down(rig, bpy.context.scene)
        raise errors.SkeletonProblem("as if Blender refused")

    monkeypatch.setattr(apply.nla, "lay", fail)
    monkeypatch.setattr(apply.action_writer, "assign", fail)
    with pytest.raises(RuntimeError, match="as if Blender refused"):
        put(motions / "wave.bvh", 30, goes=goes)
    assert snapshot(rig) == before


def test_trimming_everything_is_refused(factory_scene: None, motions: Path) -> None:
    rig = parts.human()
    with pytest.raises(RuntimeError, match="leaves nothing"):
        put(motions / "walk.bvh", 1, trim_start=1.0, trim_end=1.0)
    assert rig.animation_data is None
    rig = put(motions / "walk.bvh", 1, trim_start=0.5, trim_end=0.5)
    first, last = rig.animation_data.action.frame_range
    assert last - first == pytest.approx(40 - 24, abs=1)


def test_the_frame_and_what_plays_elsewhere_stay(factory_scene: None, motions: Path) -> None:
    other = parts.human("Other")
    rig = parts.human("Rig")
    put(motions / "walk.bvh", 1)
    bpy.context.scene.frame_set(17)
    scenes = len(bpy.data.scenes)
    assert bpy.ops.tmr.apply(path=str(motions / "wave.bvh"), whole="TAKE", at="START", blend_in=5, goes="strip") == {"FINISHED"}
    assert bpy.context.scene.frame_current == 17
    assert len(bpy.data.scenes) == scenes
    assert other.animation_data is None
    assert strips(rig)[1].frame_start == 1


@pytest.mark.parametrize("root", ["hips", "bone", "object"])
def test_a_moved_root_carries_what_goes_on_from_its_pose(factory_scene: None, motions: Path, root: str) -> None:
    """The root bone and the object stand elsewhere, turned: the first frame is still the pose before, in the world."""
    rig = parts.human()
    bpy.ops.object.mode_set(mode="EDIT")
    bone = rig.data.edit_bones.new("root")
    bone.tail = (0, -0.3, 0)
    rig.data.edit_bones["Hips"].parent = bone
    bpy.ops.object.mode_set(mode="OBJECT")
    rig.location, rig.rotation_euler = (1.0, -2.0, 0.0), (0.0, 0.0, 0.7)
    rig.pose.bones["root"].location = (0.5, 0.2, 0.0)
    rig.pose.bones["root"].rotation_quaternion = (0.9, 0.0, 0.0, 0.436)
    bpy.context.view_layer.update()
    put(motions / "walk.bvh", 1, root=root)
    before = np.stack([placed(rig, frame) for frame in (29, 30)])
    put(motions / "wave.bvh", 30, blend_in=10, root=root)
    np.testing.assert_allclose(placed(rig, 30), before[1], atol=1e-3)
    np.testing.assert_allclose(placed(rig, 31) - placed(rig, 30), before[1] - before[0], atol=0.05)


@pytest.mark.parametrize("name", ["Auto-Rig Pro", "MMD", "Character Creator", "UE5 mannequin"])
@pytest.mark.parametrize(("first", "second"), [("fk", "ik"), ("ik", "fk")])
def test_what_the_character_shows_goes_on_whichever_controls_pose_it(
    factory_scene: None, motions: Path, name: str, first: str, second: str
) -> None:
    """From one set of controls to the other: the switches leap at the first frame, the deforming bones do not."""
    rig = in_blender.build(RIGS[name])
    rig_map = parts.ours("blender.mapping").read(rig, bpy.context.scene)[1]
    bones = parts.ours("blender.rig").deforming(rig, rig_map.bones)
    limbs = [bones[f"{side}_{part}"] for side in ("left", "right") for part in ("elbow", "wrist", "knee", "ankle")]

    def shown(frame: int) -> np.ndarray:
        found = parts.heads(rig, frame)
        return np.array([found[bone] for bone in limbs])

    put(motions / "walk.bvh", 1, limbs=first)
    before = shown(30)
    put(motions / "wave.bvh", 30, limbs=second, blend_in=10)
    path = np.stack([shown(frame) for frame in range(30, 44)])
    # Blender finds the elbow of a nearly straight arm within a millimetre.
    np.testing.assert_allclose(path[0], before, atol=1e-3 * np.ptp(before[:, 2]))
    assert np.linalg.norm(np.diff(path, axis=0), axis=-1).max() < 0.2 * np.ptp(before[:, 2])
