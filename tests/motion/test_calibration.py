# SPDX-License-Identifier: GPL-3.0-or-later
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tmr_blender.motion import quaternion, readers
from tmr_blender.motion.calibration import LOOK_AHEAD, without_calibration
from tmr_blender.motion.clip import Clip
from tmr_blender.motion.skeleton import Skeleton


def swinging(first_angle: float, frames: int = 40) -> Clip:
    """An arm of three joints that swings slowly about Z, after one frame at `first_angle`."""
    skeleton = Skeleton(
        ("root", "arm", "hand"),
        np.array([-1, 0, 1]),
        np.array([[0.0, 1.0, 0.0], [0.2, 0.0, 0.0], [0.6, 0.0, 0.0]]),
        np.tile(quaternion.IDENTITY, (3, 1)),
    )
    angles = -1.2 + 0.1 * np.sin(np.arange(frames) / 10.0)
    angles[0] = first_angle
    rotations = np.tile(quaternion.IDENTITY, (frames, 3, 1))
    rotations[:, 1] = quaternion.from_axis_angle(np.array([0.0, 0.0, 1.0]), angles)
    return Clip("swing", skeleton, 60.0, rotations, np.tile(skeleton.offsets, (frames, 1, 1)))


def test_drops_one_frame_of_t_pose() -> None:
    clip = swinging(0.0)
    cut = without_calibration(clip)
    assert cut.frames == clip.frames - 1
    np.testing.assert_array_equal(cut.rotations, clip.rotations[1:])
    assert without_calibration(cut) is cut


def test_keeps_a_motion_that_starts_like_it_goes_on() -> None:
    clip = swinging(-1.2)
    assert without_calibration(clip) is clip


def test_keeps_a_jump_within_fast_motion() -> None:
    """A first step of 70 degrees is no calibration pose where every step is as large."""
    clip = swinging(0.0)
    turned = clip.rotations.copy()
    turned[:, 1] = quaternion.from_axis_angle(np.array([0.0, 0.0, 1.0]), 1.2 * (np.arange(clip.frames) % 2))
    fast = replace(clip, rotations=turned)
    assert without_calibration(fast) is fast


def test_keeps_clips_too_short_to_tell() -> None:
    clip = swinging(0.0, LOOK_AHEAD)
    assert without_calibration(clip) is clip


@pytest.mark.parametrize(("folder", "expected"), [("cmu", True), ("cmu_iclone", False), ("bandai", False)])
def test_real_takes(shared: Path, folder: str, expected: bool) -> None:
    """The conversions in `cmu` all begin with a T-pose, the others never do."""
    files = sorted((shared / "mocap" / folder).glob("*.bvh"))[:6]
    assert len(files) == 6
    for path in files:
        clip = readers.read(path)[0]
        assert (without_calibration(clip) is not clip) == expected, path.name
