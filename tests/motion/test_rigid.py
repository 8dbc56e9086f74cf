# SPDX-License-Identifier: GPL-3.0-or-later
"""Positions become rotations of a rigid skeleton."""

from pathlib import Path

import numpy as np
import pytest

from tmr_blender.errors import TMRError
from tmr_blender.motion import body, features, humanoid, quaternion, readers, rigid
from tmr_blender.motion.clip import Clip
from tmr_blender.motion.writers import write_bvh


def swaying(frames: int = 60, seed: int = 0) -> Clip:
    """The rigid body with every joint of the 22 turning by up to half a radian, walking off to the side."""
    random = np.random.default_rng(seed)
    figure = rigid.skeleton()
    time = np.linspace(0.0, 4.0, frames)[:, None, None]
    sway = 0.5 * np.sin(time + random.uniform(0.0, 6.0, (1, figure.count, 3))) * random.uniform(0.2, 1.0, (1, figure.count, 1))
    translations = np.repeat(figure.offsets[None], frames, axis=0)
    translations[:, 0] = time[:, :, 0] * [0.5, 0.0, 0.2] + [0.0, 0.9, 0.0]
    return Clip("swaying", figure, 20.0, quaternion.from_rotation_vector(sway), translations)


def joints(clip: Clip) -> np.ndarray:
    return clip.globals()[1][:, :22]


def test_the_rest_pose_is_a_t_pose_on_the_bones_of_the_features():
    offsets = rigid.rest_offsets()
    assert np.allclose(np.linalg.norm(offsets[1:], axis=1), features.BONES[1:])
    _, placed = rigid.skeleton().rest_globals()
    at = {name: placed[i] for i, name in enumerate(body.JOINTS)}
    assert at["left_wrist"][0] > 0.6 and np.isclose(at["left_wrist"][1], at["left_shoulder"][1])
    assert at["head"][1] > 0.4 and at["left_ankle"][1] < -0.7 and at["left_foot"][2] > at["left_ankle"][2]
    for name in body.JOINTS:
        assert at[body.mirrored(name)][1] == pytest.approx(at[name][1], abs=0.02)


def test_positions_of_a_rigid_body_are_met_exactly():
    # Spine joints and the tips of limbs turn freely in `swaying`; the fit shares the spine's turn out, but meets each joint.
    made = joints(rigid.clip(joints(swaying()), 20.0, "again"))
    assert np.abs(made - joints(swaying())).max() < 0.05
    assert np.abs(joints(rigid.clip(made, 20.0, "again")) - made).max() < 1e-9


def test_bones_keep_their_length_where_those_of_the_positions_change():
    wobbling = joints(swaying()) * np.linspace(0.8, 1.2, 60)[:, None, None]
    made = rigid.clip(wobbling, 20.0, "x")
    assert np.array_equal(made.translations[:, 1:], np.repeat(rigid.skeleton().offsets[None, 1:], 60, axis=0))
    length = np.linalg.norm(joints(made)[:, 4] - joints(made)[:, 1], axis=-1)
    assert np.allclose(length, features.BONES[4])


@pytest.mark.parametrize("share", [0.3, 0.5, 0.7, 1.5])
def test_a_spine_of_another_length_points_where_it_did(share: float):
    truth = swaying()
    seen = joints(truth)
    trunk = [body.INDEX[name] for name in ("spine1", "spine2", "spine3", "neck", "head")]
    other = seen.copy()
    for joint in range(1, 22):
        parent = body.PARENTS[joint]
        bone = seen[:, joint] - seen[:, parent]
        other[:, joint] = other[:, parent] + bone * (share if joint in trunk else 1.0)
    made = joints(rigid.clip(other, 20.0, "x"))
    for joint in trunk:
        parent = body.PARENTS[joint]
        ways = [points[:, joint] - points[:, parent] for points in (seen, made)]
        cosine = np.sum(ways[0] * ways[1], axis=-1) / np.prod([np.linalg.norm(way, axis=-1) for way in ways], axis=0)
        assert np.degrees(np.arccos(cosine.min())) < 45.0, body.JOINTS[joint]


@pytest.mark.parametrize("limb", ["left", "right"])
def test_knees_and_elbows_bend_about_their_hinges(limb: str):
    figure = rigid.skeleton()
    turns = np.tile(quaternion.IDENTITY, (40, figure.count, 1))
    knee, elbow = body.INDEX[f"{limb}_knee"], body.INDEX[f"{limb}_elbow"]
    bend = np.linspace(0.3, 1.2, 40)
    side = 1.0 if limb == "left" else -1.0
    turns[:, knee] = quaternion.from_axis_angle(np.array([1.0, 0.0, 0.0]), bend)
    turns[:, elbow] = quaternion.from_axis_angle(np.array([0.0, -side, 0.0]), bend)
    # The upper arm is turned about itself by 40 degrees: only the bend of the elbow shows it.
    turns[:, elbow - 2] = quaternion.from_axis_angle(np.array([1.0, 0.0, 0.0]), np.full(40, 0.7))
    truth = Clip("bends", figure, 20.0, turns, np.repeat(figure.offsets[None], 40, axis=0))
    made = rigid.clip(joints(truth), 20.0, "again")
    for joint in (knee, elbow, elbow - 2):
        apart = quaternion.multiply(quaternion.inverse(made.rotations[:, joint]), truth.rotations[:, joint])
        assert np.degrees(np.linalg.norm(quaternion.to_rotation_vector(apart), axis=-1)).max() < 3.0


def test_a_straight_arm_keeps_the_turn_that_it_had():
    figure = rigid.skeleton()
    turns = np.tile(quaternion.IDENTITY, (60, figure.count, 1))
    elbow = body.INDEX["left_elbow"]
    turns[:, elbow - 2] = quaternion.from_axis_angle(np.array([1.0, 0.0, 0.0]), np.full(60, 0.7))
    bend = np.where(np.arange(60) < 20, 1.0, np.where(np.arange(60) < 26, 0.0, 1.0))
    turns[:, elbow] = quaternion.from_axis_angle(np.array([0.0, -1.0, 0.0]), bend)
    made = rigid.clip(joints(Clip("x", figure, 20.0, turns, np.repeat(figure.offsets[None], 60, axis=0))), 20.0, "again")
    angle = 2.0 * np.arctan2(made.rotations[:, elbow - 2, 1], made.rotations[:, elbow - 2, 0])
    assert np.allclose(angle, 0.7, atol=0.05)


def test_what_is_written_as_bvh_is_read_as_the_same_body(tmp_path: Path):
    made = rigid.clip(joints(swaying()), 20.0, "x")
    write_bvh(made, tmp_path / "a.bvh")
    (back,) = readers.read(tmp_path / "a.bvh")
    at = [back.skeleton.names.index(name) for name in body.JOINTS]
    assert np.abs(back.globals()[1][:, at] - joints(made)).max() < 1e-6
    found = humanoid.recognise(back).joints
    assert {name: back.skeleton.names[joint] for name, joint in found.items()} == {name: name for name in body.JOINTS}


@pytest.mark.parametrize("bad", [np.zeros((5, 21, 3)), np.full((5, 22, 3), np.nan), np.zeros((0, 22, 3))])
def test_what_is_no_body_is_refused(bad: np.ndarray):
    with pytest.raises(TMRError):
        rigid.clip(bad, 20.0, "x")


def test_a_real_take_is_met_within_what_its_bones_differ(shared: Path):
    files = sorted((shared / "mocap").rglob("*.bvh"))[:3]
    if not files:
        pytest.skip("needs BVH files in the folder `shared/mocap`")
    for file in files:
        take = readers.read(file)[0]
        truth = features.recover(features.extract(humanoid.body_positions(take), take.fps))[:600]
        made = joints(rigid.clip(truth, features.FPS, take.name))
        assert np.linalg.norm(made - truth, axis=-1).mean() < 0.03
