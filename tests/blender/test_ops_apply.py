# SPDX-License-Identifier: GPL-3.0-or-later
from pathlib import Path

import bpy
import numpy as np
import parts
import pytest


@pytest.fixture(scope="module")
def motions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """walk.bvh and wave.bvh, 40 frames at 24 a second."""
    folder = tmp_path_factory.mktemp("motions")
    parts.write_bvh(folder / "walk.bvh", "walks")
    parts.write_bvh(folder / "wave.bvh", "waves")
    return folder


def range_of(action: bpy.types.Action) -> tuple[float, float]:
    return tuple(action.frame_range)


def test_a_motion_comes_back_as_it_was(factory_scene: None, motions: Path) -> None:
    """From Blender's own BVH onto a rig of the same bones: every joint is where it was, frame by frame."""
    source = parts.human("Source")
    parts.move(source, "walks")
    rig = parts.human("Target")
    assert bpy.ops.tmr.apply(path=str(motions / "walk.bvh"), whole="TAKE", at="START") == {"FINISHED"}
    for frame in (1, 11, 27, 40):
        wanted, found = parts.heads(source, frame), parts.heads(rig, frame)
        for bone in ("Hips", "Head", "LeftHand", "RightHand", "LeftFoot", "RightFoot"):
            np.testing.assert_allclose(found[bone], wanted[bone], atol=0.02, err_msg=f"{bone} at {frame}")


def test_a_bind_pose_in_the_first_frame_is_left_out(factory_scene: None, motions: Path, tmp_path: Path) -> None:
    """Conversions of the CMU takes begin with one frame of T-pose."""
    lines = (motions / "wave.bvh").read_text(encoding="utf-8").splitlines()
    first = next(place for place, line in enumerate(lines) if line.startswith("Frame Time")) + 1
    pose = " ".join(lines[first].split()[:3] + ["0"] * (len(lines[first].split()) - 3))
    frames = next(place for place, line in enumerate(lines) if line.startswith("Frames"))
    lines[frames] = "Frames: 41"
    marred = tmp_path / "marred.bvh"
    marred.write_text("\n".join([*lines[:first], pose, *lines[first:]]) + "\n", encoding="utf-8")
    rig = parts.human()
    assert bpy.ops.tmr.apply(path=str(marred), whole="TAKE", at="START") == {"FINISHED"}
    assert range_of(rig.animation_data.action) == (1, 40)
    assert parts.heads(rig, 1)["RightHand"][2] < 1.1, "the right arm hangs from the start"


def test_the_action_is_named_and_placed_and_the_former_one_kept(factory_scene: None, motions: Path) -> None:
    rig = parts.human()
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 1, 20
    scene.frame_set(11)
    bpy.ops.tmr.apply(path=str(motions / "wave.bvh"), whole="TAKE")
    first = rig.animation_data.action
    assert first.name == "wave"
    assert range_of(first) == (11, 50)
    assert (scene.frame_start, scene.frame_end) == (1, 50)
    bpy.ops.tmr.apply(path=str(motions / "walk.bvh"), whole="TAKE", at="START", extent="KEEP")
    assert rig.animation_data.action.name == "walk"
    assert range_of(rig.animation_data.action) == (1, 40)
    assert bpy.data.actions["wave"] == first
    assert scene.frame_end == 50
    bpy.ops.tmr.apply(path=str(motions / "walk.bvh"), whole="TAKE", at="START", extent="FIT")
    assert (scene.frame_start, scene.frame_end) == (1, 40)


def test_a_moment_is_cut_in_time(factory_scene: None, motions: Path) -> None:
    rig = parts.human()
    bpy.ops.tmr.apply(path=str(motions / "walk.bvh"), start=0.5, end=1.0, at="START")
    first, last = range_of(rig.animation_data.action)
    assert first == 1
    assert last == pytest.approx(12, abs=1)


def test_a_short_moment_goes_by_what_the_whole_take_shows(factory_scene: None, shared: Path) -> None:
    """Half a second of a skeleton whose rest pose is no body does not show what its joints are."""
    path = shared / "mocap" / "bandai" / "dataset-1_walk-back_angry_001.bvh"
    rig = parts.human()
    assert bpy.ops.tmr.apply(path=str(path), start=0.0, end=0.5, at="START") == {"FINISHED"}
    assert range_of(rig.animation_data.action)[1] == pytest.approx(12, abs=1)


def test_in_place_removes_the_travel(factory_scene: None, motions: Path) -> None:
    rig = parts.human()
    bpy.ops.tmr.apply(path=str(motions / "walk.bvh"), whole="TAKE", at="START", in_place=True)
    start, end = (np.array(parts.heads(rig, frame)["Hips"]) for frame in (1, 40))
    assert np.linalg.norm((end - start)[:2]) < 0.01


def test_undo_is_one_step(factory_scene: None, motions: Path) -> None:
    parts.human()
    bpy.context.scene.frame_end = 20
    bpy.ops.ed.undo_push(message="before")
    assert bpy.ops.tmr.apply("EXEC_DEFAULT", True, path=str(motions / "wave.bvh"), whole="TAKE") == {"FINISHED"}
    assert "wave" in bpy.data.actions
    bpy.ops.ed.undo()
    rig = bpy.data.objects["Human"]
    assert rig.animation_data is None or rig.animation_data.action is None
    assert "wave" not in bpy.data.actions
    assert bpy.context.scene.frame_end == 20


def test_no_armature_is_a_reason(factory_scene: None) -> None:
    assert not bpy.ops.tmr.apply.poll()
    with pytest.raises(RuntimeError, match="There is no armature"):
        bpy.ops.tmr.apply()


def test_the_only_armature_needs_no_click_and_two_do(factory_scene: None, motions: Path) -> None:
    rig = parts.human()
    bpy.context.view_layer.objects.active = None
    assert bpy.ops.tmr.apply(path=str(motions / "wave.bvh"), whole="TAKE") == {"FINISHED"}
    assert rig.animation_data.action.name == "wave"
    parts.human("Second")
    bpy.context.view_layer.objects.active = None
    assert bpy.ops.tmr.apply.poll(), "a click asks which one"
    with pytest.raises(RuntimeError, match="2 armatures"):
        bpy.ops.tmr.apply(path=str(motions / "wave.bvh"))


def test_without_a_rig_one_is_added_and_the_motion_is_put_on_it(factory_scene: None, motions: Path) -> None:
    assert not bpy.ops.tmr.apply.poll()
    bpy.ops.tmr.add_rig()
    assert bpy.ops.tmr.apply(path=str(motions / "wave.bvh"), whole="TAKE") == {"FINISHED"}
    assert bpy.context.active_object.animation_data.action.name == "wave"


def test_a_mesh_stands_for_its_rig(factory_scene: None, motions: Path) -> None:
    parts.human("Other")
    rig = parts.human("Skinned")
    mesh = bpy.data.objects.new("Skin", bpy.data.meshes.new("Skin"))
    bpy.context.scene.collection.objects.link(mesh)
    mesh.modifiers.new("Armature", "ARMATURE").object = rig
    bpy.context.view_layer.objects.active = mesh
    bpy.ops.tmr.apply(path=str(motions / "wave.bvh"), whole="TAKE")
    assert rig.animation_data.action.name == "wave"
    assert bpy.data.objects["Other"].animation_data is None


@pytest.mark.parametrize("content", ["", "HIERARCHY\nROOT Hips\n{ nonsense", "\0\1\2 binary"])
def test_a_broken_file_changes_nothing(factory_scene: None, tmp_path: Path, content: str) -> None:
    rig = parts.human()
    bad = tmp_path / "bad.bvh"
    bad.write_text(content, encoding="utf-8")
    with pytest.raises(RuntimeError, match=r"bad\.bvh"):
        bpy.ops.tmr.apply(path=str(bad))
    assert rig.animation_data is None
    assert not bpy.data.actions


def test_a_rig_without_limbs_changes_nothing(factory_scene: None, motions: Path) -> None:
    rig = parts.armature("Snake", [(f"b{i}", f"b{i - 1}" if i else None, (0, i, 0), (0, i + 1, 0)) for i in range(6)])
    end = bpy.context.scene.frame_end
    with pytest.raises(RuntimeError, match="Snake"):
        bpy.ops.tmr.apply(path=str(motions / "walk.bvh"))
    assert rig.animation_data is None
    assert not bpy.data.actions
    assert bpy.context.scene.frame_end == end


def test_a_take_that_has_gone_is_a_sentence(factory_scene: None, motions: Path) -> None:
    parts.human()
    with pytest.raises(RuntimeError, match="Refresh its library"):
        bpy.ops.tmr.apply(path=str(motions / "walk.bvh"), take=3)
    with pytest.raises(RuntimeError, match=r"gone\.bvh"):
        bpy.ops.tmr.apply(path=str(motions / "gone.bvh"))


def test_apply_without_results_says_so(factory_scene: None) -> None:
    parts.human()
    with pytest.raises(RuntimeError, match="Search first"):
        bpy.ops.tmr.apply()


def test_import_a_clip_straight_from_a_file(factory_scene: None, motions: Path) -> None:
    rig = parts.human()
    assert bpy.ops.tmr.import_clip(filepath=str(motions / "walk.bvh")) == {"FINISHED"}
    assert rig.animation_data.action.name == "walk"


def test_mirror_speed_and_loop(factory_scene: None, motions: Path) -> None:
    rig = parts.human()
    path = str(motions / "walk.bvh")
    assert bpy.ops.tmr.apply(path=path, whole="TAKE", at="START") == {"FINISHED"}
    plain = {frame: parts.heads(rig, frame) for frame in (5, 11, 21)}
    bpy.ops.tmr.apply(path=path, whole="TAKE", at="START", mirror=True)
    for frame, heads in plain.items():
        seen = parts.heads(rig, frame)
        for bone in ("LeftLeg", "LeftFoot", "LeftHand"):
            x, y, z = heads[bone.replace("Left", "Right")]
            np.testing.assert_allclose(seen[bone], (-x, y, z), atol=1e-4)
    bpy.ops.tmr.apply(path=path, whole="TAKE", at="START", speed=2.0)
    assert range_of(rig.animation_data.action) == (1, 20)
    np.testing.assert_allclose(parts.heads(rig, 11)["LeftFoot"], plain[21]["LeftFoot"], atol=1e-3)
    bpy.ops.tmr.apply(path=path, whole="TAKE", at="START", loop=True, in_place=True)
    action = rig.animation_data.action
    assert action.use_cyclic
    first, last = (parts.heads(rig, round(frame)) for frame in range_of(action))
    for bone, place in first.items():
        np.testing.assert_allclose(last[bone], place, atol=1e-3)


def test_too_short_for_a_loop_changes_nothing(factory_scene: None, motions: Path) -> None:
    rig = parts.human()
    with pytest.raises(RuntimeError, match="too short to find a loop"):
        bpy.ops.tmr.apply(path=str(motions / "walk.bvh"), start=0.2, end=0.5, loop=True)
    assert rig.animation_data is None
