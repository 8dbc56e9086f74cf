# SPDX-License-Identifier: GPL-3.0-or-later
"""What is written as BVH comes back."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.motion.figures import PERSON, moving, skeleton
from tmr_blender.motion import quaternion, readers
from tmr_blender.motion.clip import Clip
from tmr_blender.motion.writers import write_bvh


def again(clip: Clip, path: Path) -> Clip:
    write_bvh(clip, path)
    (back,) = readers.read(path)
    at = [back.skeleton.names.index(name) for name in clip.skeleton.names]
    np.testing.assert_allclose(back.globals()[1][:, at], clip.globals()[1], atol=2e-7)
    turned = np.abs((back.rotations[:, at] * clip.rotations).sum(axis=-1))
    np.testing.assert_allclose(turned, 1.0, atol=1e-9)
    return back


@pytest.mark.parametrize("amount", [0.0, 0.5, 3.0])
def test_round_trip(tmp_path: Path, amount: float) -> None:
    clip = moving(skeleton(), amount=amount, fps=120.0)
    back = again(clip, tmp_path / "a.bvh")
    assert (back.fps, back.frames, back.skeleton.names) == (120.0, clip.frames, clip.skeleton.names)
    np.testing.assert_array_equal(back.skeleton.parents, clip.skeleton.parents)


def test_gimbal_lock_and_whole_turns(tmp_path: Path) -> None:
    clip = moving(skeleton(), frames=73)
    rotations = clip.rotations.copy()
    rotations[:, 16] = quaternion.from_axis_angle(np.array([0.0, 1.0, 0.0]), np.full(73, np.pi / 2))
    rotations[:, 10] = quaternion.from_axis_angle(np.array([0.0, 0.0, 1.0]), np.linspace(0.0, 4.0 * np.pi, 73))
    again(replace(clip, rotations=rotations), tmp_path / "a.bvh")
    # Two turns about Z are written as 720 degrees and not as jumps back by 360.
    assert " 720.000000 " in (tmp_path / "a.bvh").read_text().splitlines()[-1] + " "


def test_moving_inner_joints(tmp_path: Path) -> None:
    clip = moving(skeleton())
    translations = clip.translations.copy()
    translations[:, 5] += np.linspace(0.0, 0.05, clip.frames)[:, None]
    again(replace(clip, translations=translations), tmp_path / "a.bvh")


def test_end_sites(tmp_path: Path) -> None:
    parts = skeleton((*PERSON, ("Head_end", "Head", (0.0, 0.2, 0.0))))
    clip = moving(parts)
    clip.rotations[:, -1] = quaternion.IDENTITY
    again(clip, tmp_path / "a.bvh")
    assert "Head_end" not in (tmp_path / "a.bvh").read_text()
