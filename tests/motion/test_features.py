# SPDX-License-Identifier: GPL-3.0-or-later
"""Features against the genuine files of HumanML3D, and on bodies built here."""

from pathlib import Path

import numpy as np
import pytest

from tmr_blender.errors import TMRError
from tmr_blender.motion import body, features, quaternion

GENUINE = ("007005", "009548", "012314")
GROUPS = {"yaw": (0, 1), "root": (1, 4), "joints": (4, 67), "rotations": (67, 193), "steps": (193, 259), "contacts": (259, 263)}


def rest_body(leg: float = 1.0) -> np.ndarray:
    """(22, 3): a standing body on the floor that faces +Z, `leg` times the size of the genuine skeleton."""
    direction = features.REST.copy()
    direction[[1, 2], 1] = -0.3
    direction[[16, 17]] = features.REST[[13, 14]]
    direction[1:] /= np.linalg.norm(direction[1:], axis=-1, keepdims=True)
    joints = np.zeros((22, 3))
    for joint in range(1, 22):
        joints[joint] = joints[body.PARENTS[joint]] + features.BONES[joint] * direction[joint]
    joints[:, 1] -= joints[:, 1].min()
    return joints * leg


def yaw(angle: float | np.ndarray) -> np.ndarray:
    return quaternion.from_axis_angle(np.array([0.0, 1.0, 0.0]), np.asarray(angle, dtype=np.float64))


def walk(frames: int, fps: float, leg: float = 1.0, turn: float = 0.0) -> np.ndarray:
    """(frames, 22, 3): the rest body carried at 1.2 m/s along an arc of `turn` radians a second, its stiff legs swinging."""
    time = np.arange(frames) / fps
    body_now = np.repeat(rest_body(leg)[None], frames, axis=0)
    swing = 0.35 * np.sin(2 * np.pi * 0.8 * time)
    for hip, below, sign in ((1, [4, 7, 10], 1.0), (2, [5, 8, 11], -1.0)):
        turned = quaternion.from_axis_angle(np.array([1.0, 0.0, 0.0]), sign * swing)
        body_now[:, below] = body_now[:, [hip]] + quaternion.rotate(turned[:, None], body_now[:, below] - body_now[:, [hip]])
    body_now[..., 1] -= body_now[..., 1].min()
    rate = turn or 1e-6
    path = 1.2 * leg / rate * np.stack([1.0 - np.cos(rate * time), 0.0 * time, np.sin(rate * time)], axis=-1)
    return quaternion.rotate(yaw(turn * time)[:, None], body_now) + path[:, None]


def genuine(shared: Path, name: str) -> tuple[np.ndarray, np.ndarray]:
    folder = shared / "features"
    if not (folder / f"{name}_features.npy").is_file():
        pytest.skip(f"{folder / name}_features.npy is missing")
    return np.load(folder / f"{name}_features.npy"), np.load(folder / f"{name}_joints.npy")


def with_last_pose(rows: np.ndarray) -> np.ndarray:
    """The poses the features were made from: the joint files lack the last one, but the last row holds the step to it."""
    joints = features.recover(rows)
    half = rows[:-1, 0].astype(np.float64).sum()
    last = joints[-1] + quaternion.rotate(yaw(-2.0 * half), rows[-1, 193:259].reshape(22, 3).astype(np.float64))
    return np.concatenate([joints, last[None]])


@pytest.mark.parametrize("name", GENUINE)
def test_recovers_the_genuine_joints(shared: Path, name: str) -> None:
    rows, joints = genuine(shared, name)
    assert np.abs(features.recover(rows) - joints).max() < 1e-6


@pytest.mark.parametrize("name", GENUINE)
def test_equals_the_genuine_features(shared: Path, name: str) -> None:
    rows, _ = genuine(shared, name)
    mine = features.extract(with_last_pose(rows), 20.0)
    assert mine.shape == rows.shape and mine.dtype == np.float32
    for group, (start, end) in GROUPS.items():
        # 1e-5: the files were made in float32, where an arcsine of a small turn keeps five digits.
        assert np.abs(mine[:, start:end] - rows[:, start:end]).max() < 1e-5, group


@pytest.mark.parametrize("name", GENUINE)
def test_joint_files_miss_only_the_smoothing_of_the_last_heading(shared: Path, name: str) -> None:
    """The joint files hold one pose less, so the Gaussian over the heading (80 frames a side) ends one frame early."""
    rows, joints = genuine(shared, name)
    mine = features.extract(joints, 20.0)
    assert len(mine) == len(rows) - 1
    assert np.abs(mine[:-80] - rows[:-81]).max() < 1e-5
    assert np.abs(mine - rows[:-1]).max() < 0.03


def test_round_trip_of_a_body_with_the_target_bones() -> None:
    poses = walk(100, 20.0, turn=0.4)
    rows = features.extract(poses, 20.0)
    back = features.recover(rows)
    assert np.abs(back - poses[:-1]).max() < 1e-4


def test_place_heading_and_size_do_not_matter() -> None:
    poses = walk(80, 20.0, turn=-0.3)
    moved = quaternion.rotate(yaw(2.1), poses * 0.4) + np.array([3.0, -7.0, 11.0])
    assert np.abs(features.extract(moved, 20.0) - features.extract(poses, 20.0)).max() < 1e-4


@pytest.mark.parametrize("fps", [6.0, 12.0, 23.976, 25.0, 30.0, 60.0, 100.0, 120.0, 240.0])
def test_any_rate_gives_the_same_motion_in_time(fps: float) -> None:
    seconds = 6.0
    rows = features.extract(walk(int(seconds * fps) + 1, fps, turn=0.3), fps)
    same = features.extract(walk(int(seconds * 20) + 1, 20.0, turn=0.3), 20.0)
    assert abs(len(rows) - len(same)) <= 1
    count = min(len(rows), len(same))
    # At 6 fps a swing of 0.8 Hz is sampled seven times: the spline stays within a centimetre of it.
    assert np.abs(features.recover(rows)[:count] - features.recover(same)[:count]).max() < (0.02 if fps == 6.0 else 5e-3)


def test_spline_is_exact_for_lines_and_close_for_sines() -> None:
    time = np.arange(13) / 12.0
    values = np.stack([2.0 + 3.0 * time, np.sin(2 * np.pi * time)], axis=-1)
    out = features.resampled(values, 12.0)
    at = np.arange(len(out)) / 20.0
    assert len(out) == 21
    assert np.abs(out[:, 0] - (2.0 + 3.0 * at)).max() < 1e-10
    assert np.abs(out[:, 1] - np.sin(2 * np.pi * at)).max() < 2e-3
    assert np.array_equal(features.resampled(values, 12.0, 6.0), values[::2])


@pytest.mark.parametrize("frames", [1, 2, 3, 5])
@pytest.mark.parametrize("fps", [6.0, 20.0, 240.0])
def test_short_clips_give_at_least_one_row(frames: int, fps: float) -> None:
    rows = features.extract(walk(frames, fps), fps)
    assert len(rows) >= 1 and np.isfinite(rows).all()


def test_bones_without_length_point_as_at_rest() -> None:
    poses = walk(40, 20.0, turn=0.5)
    usual = features.recover(features.extract(poses, 20.0))
    for collar, shoulder in ((13, 16), (14, 17)):
        poses[:, shoulder:22:2] -= (poses[:, collar] - poses[:, 9])[:, None]
        poses[:, collar] = poses[:, 9]
    rows = features.extract(poses, 20.0)
    assert np.isfinite(rows).all()
    # In the body built here the collars point sideways at rest, so nothing changes but for the heading's lag.
    assert np.abs(features.recover(rows) - usual).max() < 0.02


def test_a_bind_pose_in_the_first_frame_is_left_out() -> None:
    poses = walk(60, 60.0)
    marred = poses.copy()
    marred[0] = rest_body() + np.array([4.0, 1.0, -2.0])
    marred[0, [18, 20]] = marred[0, 16] + np.array([[0.26, 0.0, 0.0], [0.53, 0.0, 0.0]])
    marred[0, [19, 21]] = marred[0, 17] - np.array([[0.26, 0.0, 0.0], [0.53, 0.0, 0.0]])
    assert features.begins_with_bind_pose(marred) and not features.begins_with_bind_pose(poses)
    marred_rows, rows = features.extract(marred, 60.0), features.extract(poses, 60.0)
    # Nothing but the repeated pose remains of it: the first step is a frame shorter.
    assert np.abs(marred_rows - rows)[1:].max() < 0.02
    assert np.abs(marred_rows - rows)[0].max() < 0.06


def test_contacts_follow_the_speed_of_the_feet() -> None:
    still = np.repeat(rest_body()[None], 10, axis=0)
    assert features.extract(still, 20.0)[:, 259:].min() == 1.0
    moving = still + np.arange(10.0)[:, None, None] * np.array([0.0, 0.0, 0.046])
    assert features.extract(moving, 20.0)[:, 259:].max() == 0.0


@pytest.mark.parametrize(
    ("positions", "fps"),
    [
        (np.zeros((0, 22, 3)), 20.0),
        (np.zeros((5, 20, 3)), 20.0),
        (np.zeros((5, 22, 3)), 20.0),
        (np.full((5, 22, 3), np.nan), 20.0),
        (np.full((5, 22, 3), np.inf), 20.0),
        (np.zeros((5, 22, 3)), 0.0),
        (np.zeros((5, 22, 3)), float("nan")),
    ],
)
def test_useless_positions_are_refused(positions: np.ndarray, fps: float) -> None:
    with pytest.raises(TMRError):
        features.extract(positions, fps)


def test_useless_features_are_refused() -> None:
    with pytest.raises(TMRError):
        features.recover(np.zeros((4, 251)))
