# SPDX-License-Identifier: GPL-3.0-or-later
"""Loops that close, sequences that join, speeds: on made clips and real walks."""

from dataclasses import replace
from pathlib import Path

import figures
import numpy as np
import pytest

from tmr_blender.errors import SkeletonProblem
from tmr_blender.motion import edits, humanoid, quaternion, readers
from tmr_blender.motion.clip import Clip
from tmr_blender.motion.humanoid import BodyMap
from tmr_blender.motion.quaternion import Array

BODY = figures.skeleton()
MAP = BodyMap({role: BODY.names.index(name) for role, name in figures.ROLES.items()}, 1.0, "")
UP = np.array([0.0, 1.0, 0.0])


def swaying(period: float, seconds: float, fps: float = 30.0, turning: float = 0.0) -> Clip:
    """Arms and legs swing with a period; the body travels at 1 m/s and turns (radians a second)."""
    time = np.arange(round(seconds * fps)) / fps
    rotations = np.tile(BODY.rest, (len(time), 1, 1))
    for name, sign in (("LeftUpLeg", 1), ("RightUpLeg", -1), ("LeftArm", -1), ("RightArm", 1)):
        angle = 0.5 * sign * np.sin(2 * np.pi * time / period)
        rotations[:, BODY.names.index(name)] = quaternion.from_axis_angle(np.broadcast_to([1.0, 0, 0], (len(time), 3)), angle)
    translations = np.repeat(BODY.offsets[None], len(time), axis=0)
    clip = Clip("swaying", BODY, fps, rotations, translations)
    turn = quaternion.from_axis_angle(np.broadcast_to(UP, (len(time), 3)), turning * time)
    way = np.cumsum(quaternion.rotate(turn, np.broadcast_to([0, 0, 1.0 / fps], (len(time), 3))), axis=0)
    clip.rotations[:, 0] = quaternion.multiply(turn, clip.rotations[:, 0])
    clip.translations[:, 0] = clip.translations[:, 0] + way
    return clip


def twice(clip: Clip, body_map: BodyMap) -> Array:
    """Joints (frames, joints, 3) of a loop played twice, the second time from where the first one ended."""
    view = edits._View.of(clip, body_map)
    again = edits.moved(clip, *view.between(0, clip.frames - 1))
    first, second = clip.globals()[1], again.globals()[1]
    assert np.abs(second[0] - first[-1]).max() < 1e-6, "the last frame is the first one, further on"
    return np.concatenate([first[:-1], second])[:, list(body_map.joints.values())]


@pytest.mark.parametrize("turning", [0.0, 0.4])
def test_the_period_is_found(turning: float) -> None:
    found = edits.loop(swaying(1.2, 5.0, turning=turning), MAP)
    length = found.end - found.start
    assert length / 1.2 == pytest.approx(round(length / 1.2), abs=0.03)
    assert length > 3.5, "as much as repeats is kept"
    assert found.seam < 0.005
    assert found.clip.frames == round(length * 30) + 1


@pytest.mark.parametrize("take", ["cmu/07_01", "cmu/35_22", "cmu_iclone/006_10", "bandai/dataset-1_walk-right_angry_001"])
def test_real_walks_and_runs_close_without_a_jerk(take: str, shared: Path) -> None:
    clip = readers.read(shared / "mocap" / f"{take}.bvh")[0].cut(0.1, 12.0)
    body_map = humanoid.recognise(clip)
    found = edits.loop(clip, body_map)
    joints = twice(found.clip, body_map)
    pace = np.linalg.norm(np.diff(joints, axis=0), axis=-1)
    jerk = np.linalg.norm(np.diff(joints, 2, axis=0), axis=-1)
    seam = found.clip.frames - 1
    assert pace[seam - 2 : seam + 2].max() < 1.2 * pace.max()
    assert jerk[seam - 3 : seam + 2].max() < 1.1 * np.linalg.norm(np.diff(clip.globals()[1], 2, axis=0), axis=-1).max()
    assert found.seam < 0.05


def test_too_short_for_a_loop_is_a_sentence() -> None:
    with pytest.raises(SkeletonProblem, match="too short"):
        edits.loop(swaying(1.0, 0.5), MAP)


def test_sequences_go_on_where_the_last_clip_ended() -> None:
    first, second = swaying(1.2, 2.0, turning=0.8), swaying(1.2, 3.0, fps=60.0)
    second = edits.moved(second, quaternion.from_axis_angle(UP, np.array(2.0)), np.array([5.0, 0.0, -3.0]))
    joined = edits.sequence([first, second], blend=0.3)
    assert joined.fps == 30.0
    assert joined.frames == 60 + 90 - 9
    path = joined.translations[:, 0]
    steps = np.linalg.norm(np.diff(path, axis=0), axis=-1)
    assert steps.max() < 1.3 / 30 and steps.min() > 0.7 / 30, "1 m/s throughout"
    heading = edits._View.of(joined, MAP).heading
    assert heading[-1] == pytest.approx(0.8 * 51 / 30, abs=0.06), "facing as the first one when the second took over"
    assert np.abs(np.diff(heading)).max() < 0.06


def test_one_clip_is_its_own_sequence() -> None:
    clip = swaying(1.0, 1.0)
    assert np.array_equal(edits.sequence([clip]).rotations, clip.rotations)
    with pytest.raises(ValueError, match="no clips"):
        edits.sequence([])


def test_other_skeletons_are_refused() -> None:
    clip = swaying(1.0, 1.0)
    renamed = replace(BODY, names=tuple(f"b{i}" for i in range(BODY.count)))
    with pytest.raises(SkeletonProblem, match="different joints"):
        edits.sequence([clip, replace(clip, skeleton=renamed)])


def test_speed() -> None:
    clip = swaying(1.0, 2.0)
    assert edits.speed(clip, 2.0).duration == pytest.approx(1.0)
    assert edits.speed(clip, 0.5).resampled(30.0).frames == 119
    for wrong in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="above zero"):
            edits.speed(clip, wrong)


@pytest.mark.parametrize("fps", [24.0, 29.97, 30.0])
def test_loops_last_for_whole_frames_of_the_scene(fps: float) -> None:
    """Otherwise the last key would miss the closing pose by up to a frame."""
    found = edits.loop(swaying(1.13, 4.0), MAP, fps)
    shown = found.clip.resampled(fps)
    assert np.abs(shown.rotations[-1] - found.clip.rotations[-1]).max() < 1e-6
    assert found.clip.fps == pytest.approx(30.0, rel=0.02)
