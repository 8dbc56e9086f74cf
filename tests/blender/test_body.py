# SPDX-License-Identifier: GPL-3.0-or-later
from pathlib import Path
from typing import Any

import bpy
import numpy as np
import parts
import pytest

body, joints = parts.ours("blender.body"), parts.ours("motion.body")
errors = parts.ours("errors")

OWN = {
    "left_hip": "LeftUpLeg",
    "right_knee": "RightLeg",
    "left_ankle": "LeftFoot",
    "right_foot": "RightToeBase",
    "left_shoulder": "LeftArm",
    "right_elbow": "RightForeArm",
    "left_wrist": "LeftHand",
    "head": "Head",
}
"""Roles whose place is that of a bone; pelvis, spine and collars are laid out anew."""


def sampled(rig: bpy.types.Object, frames: str = "ACTION") -> Any:
    scene = bpy.context.scene
    sampling = body.Sampling(rig, body.span_of(rig, scene, frames), scene)
    assert sampling.run()
    return sampling.body()


def place(motion: Any, role: str, frame: int) -> np.ndarray:
    """Where a joint is at an index, in Blender's axes."""
    x, y, z = motion.positions[frame, joints.INDEX[role]]
    return np.array([x, -z, y])


def test_joints_are_where_the_bones_are(factory_scene: None) -> None:
    rig = parts.human()
    parts.move(rig, "walks")
    rig.location = (3.0, 1.0, 0.5)
    rig.rotation_euler = (0.0, 0.0, 0.7)
    motion = sampled(rig)
    assert motion.positions.shape == (40, 22, 3)
    assert np.isfinite(motion.positions).all()
    assert motion.fps == 24.0
    for frame in (1, 17, 40):
        heads = parts.heads(rig, frame)
        for role, bone in OWN.items():
            np.testing.assert_allclose(place(motion, role, frame - 1), heads[bone], atol=1e-5, err_msg=role)


@pytest.mark.parametrize("scale", [0.01, 100.0, 5.0])
def test_units_and_scale(factory_scene: None, scale: float) -> None:
    rig = parts.human()
    parts.move(rig, "walks")
    plain = sampled(rig).positions
    rig.scale = (scale, scale, scale)
    # No human is of that size: it is brought to an ordinary one, whatever the unit was meant to be.
    np.testing.assert_allclose(sampled(rig).positions, plain * body.LEG / 0.8407, atol=1e-3)
    bpy.context.scene.unit_settings.scale_length = 1.0 / scale
    np.testing.assert_allclose(sampled(rig).positions, plain, atol=1e-4)


@pytest.mark.parametrize(
    ("fps", "base", "rate", "frames"), [(30, 1.001, 30 / 1.001, 40), (60, 1.0, 30.0, 20), (12, 1.0, 12.0, 40)]
)
def test_the_scenes_rate_counts(factory_scene: None, fps: int, base: float, rate: float, frames: int) -> None:
    rig = parts.human()
    parts.move(rig, "walks")
    bpy.context.scene.render.fps, bpy.context.scene.render.fps_base = fps, base
    motion = sampled(rig)
    assert motion.fps == pytest.approx(rate)
    assert len(motion.positions) == frames


def test_nothing_is_left_behind(factory_scene: None) -> None:
    rig = parts.human()
    parts.move(rig, "waves")
    scene = bpy.context.scene
    scene.frame_set(7)
    # Moved by hand and not keyed: a change of frame would take it away.
    rig.pose.bones["LeftArm"].rotation_euler = (0.123, 0.0, 0.0)
    before = len(bpy.data.scenes), rig.users, list(rig.users_collection)
    sampled(rig)
    assert rig.pose.bones["LeftArm"].rotation_euler[0] == pytest.approx(0.123)
    assert scene.frame_current == 7
    assert bpy.context.scene == scene
    assert (len(bpy.data.scenes), rig.users, list(rig.users_collection)) == before


def test_slices_give_the_same(factory_scene: None) -> None:
    rig = parts.human()
    parts.move(rig, "walks")
    scene = bpy.context.scene
    sampling = body.Sampling(rig, body.span_of(rig, scene, "ACTION"), scene)
    seen = []
    while not sampling.run(0.0):
        seen.append(sampling.progress)
    assert len(seen) > 3
    assert seen == sorted(seen)
    np.testing.assert_array_equal(sampling.body().positions, sampled(rig).positions)


def test_a_rig_that_goes_meanwhile(factory_scene: None) -> None:
    rig = parts.human()
    parts.move(rig, "walks")
    scene = bpy.context.scene
    sampling = body.Sampling(rig, body.span_of(rig, scene, "ACTION"), scene)
    sampling.run(0.0)
    bpy.data.objects.remove(rig)
    with pytest.raises(errors.SkeletonProblem, match=r"Human.*search again"):
        sampling.run()
    assert len(bpy.data.scenes) == 1


def test_constraints_count(factory_scene: None) -> None:
    leader = parts.human("Leader")
    parts.move(leader, "walks")
    rig = parts.human("Follower")
    for bone in rig.pose.bones:
        for kind in ("COPY_ROTATION", "COPY_LOCATION"):
            made = bone.constraints.new(kind)
            made.target, made.subtarget = leader, bone.name
    bpy.context.scene.frame_end = 40
    with pytest.raises(errors.QueryProblem, match=r"Follower.*scene's frames"):
        sampled(rig)
    motion = sampled(rig, "SCENE")
    assert motion.name == "Follower"
    np.testing.assert_allclose(motion.positions, sampled(leader).positions, atol=1e-5)


def test_strips_play_as_they_are_placed(factory_scene: None) -> None:
    rig = parts.human()
    parts.move(rig, "walks")
    plain = sampled(rig).positions
    action = rig.animation_data.action
    track = rig.animation_data.nla_tracks.new()
    strip = track.strips.new("stroll", 101, action)
    strip.scale = 2.0
    rig.animation_data.action = None
    span = body.span_of(rig, bpy.context.scene, "ACTION")
    assert (span.first, span.last, span.name) == (101, 179, "stroll")
    np.testing.assert_allclose(sampled(rig).positions[::2], plain, atol=1e-4)
    other = rig.animation_data.nla_tracks.new()
    other.strips.new("again", 300, action)
    assert body.span_of(rig, bpy.context.scene, "ACTION").name == "Human"
    other.mute = True
    assert body.span_of(rig, bpy.context.scene, "ACTION") == span
    track.mute = True
    with pytest.raises(errors.QueryProblem, match="no action and no NLA strips"):
        body.span_of(rig, bpy.context.scene, "ACTION")


def strip_of(rig: bpy.types.Object, action: Any) -> Any:
    """An action as a strip on a track of its own above the others, from frame 1 on."""
    data: Any = rig.animation_data
    strip = data.nla_tracks.new().strips.new(action.name, 1, action)
    if hasattr(strip, "action_slot"):
        strip.action_slot = action.slots[0]
    return strip


@pytest.mark.parametrize("blend", ["ADD", "COMBINE"])
def test_strips_on_each_other_are_one_motion(factory_scene: None, blend: str) -> None:
    """Arms on one track, legs and the way mixed in by another."""
    rig = parts.human()
    parts.move(rig, "walks")
    plain = sampled(rig).positions
    data: Any = rig.animation_data
    arms, legs = data.action, data.action.copy()
    data.action = None
    parts.without(arms, "Leg", "Hips")
    parts.without(legs, "Arm")
    strip_of(rig, arms)
    strip_of(rig, legs).blend_type = blend
    np.testing.assert_allclose(sampled(rig, "SCENE").positions[:40], plain, atol=1e-5)


def test_a_strip_played_backwards(factory_scene: None) -> None:
    rig = parts.human()
    parts.move(rig, "walks")
    plain = sampled(rig).positions
    data: Any = rig.animation_data
    action, data.action = data.action, None
    strip_of(rig, action).use_reverse = True
    np.testing.assert_allclose(sampled(rig).positions, plain[::-1], atol=1e-5)


def test_spans(factory_scene: None) -> None:
    rig = parts.human()
    parts.move(rig, "waves")
    scene, action = bpy.context.scene, rig.animation_data.action

    def span(frames: str) -> tuple[int, int]:
        found = body.span_of(rig, scene, frames)
        assert found.name == action.name
        return found.first, found.last

    assert span("ACTION") == (1, 40)
    scene.frame_start, scene.frame_end = 5, 99
    assert span("SCENE") == (5, 99)
    scene.use_preview_range = True
    scene.frame_preview_start, scene.frame_preview_end = 8, 20
    assert span("SCENE") == (8, 20)
    for curve in body._curves(rig.animation_data):
        for key in curve.keyframe_points:
            key.select_control_point = 10 <= key.co.x <= 30
    assert span("KEYS") == (10, 30)
    action.use_frame_range = True
    action.frame_start, action.frame_end = 3, 33
    assert span("ACTION") == (3, 33)
    for curve in body._curves(rig.animation_data):
        for key in curve.keyframe_points:
            key.select_control_point = False
    with pytest.raises(errors.QueryProblem, match="Select two keys"):
        span("KEYS")


def test_only_the_rigs_own_slot_counts(factory_scene: None) -> None:
    if bpy.app.version < (4, 4):
        pytest.skip("actions have slots since Blender 4.4")
    rig = parts.human()
    parts.move(rig, "waves")
    other = parts.human("Other")
    other.animation_data_create().action = rig.animation_data.action
    action = rig.animation_data.action
    other.animation_data.action_slot = action.slots.new(id_type="OBJECT", name="Other")
    other.keyframe_insert("location", frame=500)
    assert body.span_of(rig, bpy.context.scene, "ACTION").last == 40
    assert body.span_of(other, bpy.context.scene, "ACTION").last == 500


def test_what_shows_no_motion_is_a_sentence(factory_scene: None) -> None:
    rig = parts.human()
    rig.pose.bones["LeftArm"].keyframe_insert("rotation_euler", frame=1)
    rig.pose.bones["LeftArm"].keyframe_insert("rotation_euler", frame=20)
    with pytest.raises(errors.QueryProblem, match=r"Nothing moves in .* from frame 1 to 20"):
        sampled(rig)
    rig.pose.bones["LeftArm"].keyframe_insert("rotation_euler", frame=100_000)
    with pytest.raises(errors.QueryProblem, match="longer than 30 minutes"):
        sampled(rig)
    rig.data.pose_position = "REST"
    with pytest.raises(errors.SkeletonProblem, match="rest position"):
        sampled(rig)
    snake = parts.armature("Snake", [(f"b{i}", f"b{i - 1}" if i else None, (0, i, 0), (0, i + 1, 0)) for i in range(6)])
    with pytest.raises(errors.SkeletonProblem):
        sampled(snake, "SCENE")


def test_a_mirrored_object_is_a_mirrored_body(factory_scene: None) -> None:
    rig = parts.human()
    parts.move(rig, "waves")
    plain = sampled(rig).positions
    rig.scale = (-1.0, 1.0, 1.0)
    swapped = [joints.INDEX[joints.mirrored(name)] for name in joints.JOINTS]
    np.testing.assert_allclose(sampled(rig).positions, (plain * (-1.0, 1.0, 1.0))[:, swapped], atol=1e-4)


def test_inverse_kinematics_move_the_body(factory_scene: None) -> None:
    rig = parts.ours("blender.default_rig").rigify_human()
    control = rig.pose.bones["hand_ik.L"]
    for frame, height in ((1, 0.0), (20, 0.25)):
        control.location = (0.0, 0.0, height)
        control.keyframe_insert("location", frame=frame)
    motion = sampled(rig)
    moved = motion.positions[-1] - motion.positions[0]
    assert np.linalg.norm(moved[joints.INDEX["left_wrist"]]) > 0.1
    assert np.abs(moved[joints.INDEX["right_wrist"]]).max() < 1e-4
    heads = parts.heads(rig, 20)
    np.testing.assert_allclose(place(motion, "left_wrist", -1), heads["DEF-hand.L"], atol=1e-4)


def test_a_linked_rig_can_be_read(factory_scene: None, tmp_path: Path) -> None:
    rig = parts.human()
    parts.move(rig, "walks")
    plain = sampled(rig).positions
    path = str(tmp_path / "rig.blend")
    bpy.data.libraries.write(path, {rig})
    bpy.ops.wm.read_homefile(use_empty=True)
    with bpy.data.libraries.load(path, link=True) as (source, wanted):
        wanted.objects = source.objects
    linked = wanted.objects[0]
    bpy.context.scene.collection.objects.link(linked)
    np.testing.assert_allclose(sampled(linked).positions, plain, atol=1e-5)
