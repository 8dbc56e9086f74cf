# SPDX-License-Identifier: GPL-3.0-or-later
"""Rotation modes: the same rotations, without jumps."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tmr_blender.motion import quaternion
from tmr_blender.retarget import channels

ORDERS = ["XYZ", "XZY", "YXZ", "YZX", "ZXY", "ZYX"]


def wander(seed: int, frames: int = 300, step: float = 0.05) -> np.ndarray:
    """Smooth rotations (frames, 4) all over the sphere."""
    random = np.random.default_rng(seed)
    steps = quaternion.from_rotation_vector(random.normal(size=(frames, 3)) * step)
    out = [quaternion.normalise(random.normal(size=4))]
    for turn in steps[1:]:
        out.append(quaternion.multiply(out[-1], turn))
    return np.array(out)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), mode=st.sampled_from([*ORDERS, "QUATERNION", "AXIS_ANGLE"]))
def test_channels_are_the_rotations(seed: int, mode: str) -> None:
    q = wander(seed)
    back = channels.to_quaternions(channels.from_quaternions(q, mode), mode)
    assert np.abs(np.abs(np.sum(q * back, axis=-1)) - 1).max() < 1e-9


@pytest.mark.parametrize("order", ORDERS)
def test_eulers_follow_many_turns(order: str) -> None:
    """Three turns about each axis are three turns in its channel, never a jump back."""
    angles = np.linspace(0, 6 * np.pi, 400)
    for letter, axis in channels.AXES.items():
        q = quaternion.from_axis_angle(np.broadcast_to(np.eye(3)[axis], (400, 3)), angles)
        rows = channels.eulers(q, order)
        assert np.abs(np.diff(rows, axis=0)).max() < 0.1 or letter == order[1]
        assert np.abs(np.diff(rows, axis=0)[:, [channels.AXES[order[0]], channels.AXES[order[2]]]]).max() < np.pi + 0.1
        if letter != order[1]:
            assert rows[-1, axis] - rows[0, axis] == pytest.approx(6 * np.pi)


@pytest.mark.parametrize("order", ORDERS)
def test_gimbal_lock_is_still_the_rotation(order: str) -> None:
    axis = np.eye(3)[channels.AXES[order[1]]]
    q = quaternion.multiply(
        quaternion.from_axis_angle(axis, np.array([np.pi / 2])), quaternion.from_axis_angle(np.eye(3)[0], np.array([0.3]))
    )
    back = channels.to_quaternions(channels.eulers(q, order), order)
    assert np.abs(np.sum(q * back)) == pytest.approx(1, abs=1e-9)


def test_quaternions_stay_in_one_hemisphere() -> None:
    q = wander(3)
    flipped = q * np.where(np.arange(len(q)) % 3 == 0, -1.0, 1.0)[:, None]
    rows = channels.from_quaternions(flipped, "QUATERNION")
    assert np.abs(np.diff(rows, axis=0)).max() < 0.3


def test_axis_angle_without_rotation_has_an_axis() -> None:
    rows = channels.axis_angles(np.tile(quaternion.IDENTITY, (5, 1)))
    assert np.abs(rows[:, 0]).max() == 0.0
    assert np.linalg.norm(rows[:, 1:], axis=-1) == pytest.approx(1.0)


def test_axis_angle_through_zero_does_not_flip() -> None:
    angles = np.linspace(-1, 1, 41)
    q = quaternion.from_axis_angle(np.broadcast_to([0.0, 0.6, 0.8], (41, 3)), angles)
    rows = channels.axis_angles(q)
    assert np.abs(np.diff(rows[:, 0])).max() < 0.06
    assert np.ptp(rows[:, 1:], axis=0).max() < 1e-6
