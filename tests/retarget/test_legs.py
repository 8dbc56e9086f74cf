# SPDX-License-Identifier: GPL-3.0-or-later
"""Two-bone inverse kinematics: reach, the plane of the knee, straight and overstretched legs."""

import bodies
import numpy as np
import pytest

from tmr_blender.motion import quaternion
from tmr_blender.motion.quaternion import Array
from tmr_blender.retarget import legs
from tmr_blender.retarget.legs import Leg

LEFT = np.array([1.0, 0.0, 0.0])


def leg(bend: Array, thigh: float = 0.45, shin: float = 0.42, swing: Array | None = None) -> Leg:
    """Knees bent by radians (frames,), the thigh pointing down and a little ahead; the hinge is to the left."""
    count = len(bend)
    axis = np.broadcast_to(LEFT, (count, 3))
    down = np.array([0.0, -1.0, 0.0])
    upper = quaternion.rotate(quaternion.from_axis_angle(axis, -bend / 2), np.broadcast_to(down * thigh, (count, 3)))
    lower = quaternion.rotate(quaternion.from_axis_angle(axis, bend / 2), np.broadcast_to(down * shin, (count, 3)))
    turn = np.tile(quaternion.IDENTITY, (count, 1)) if swing is None else swing
    made = [quaternion.rotate(turn, v) for v in (upper, lower, axis)]
    return Leg(np.tile([0.1, 0.9, 0.0], (count, 1)), *made)


def solved(made: Leg, hip: Array, ankle: Array) -> tuple[Array, Array]:
    """Knee and ankle after solving."""
    thigh, shin = legs.solve(made, hip, ankle)
    knee = hip + quaternion.rotate(thigh, made.thigh)
    return knee, knee + quaternion.rotate(shin, made.shin)


def test_the_ankle_goes_where_it_should() -> None:
    random = np.random.default_rng(0)
    swing = quaternion.from_rotation_vector(random.normal(size=(200, 3)) * 0.7)
    made = leg(random.uniform(0.3, 1.8, 200), swing=swing)
    hip = made.hip + random.normal(size=(200, 3)) * 0.02
    ankle = made.ankle + random.normal(size=(200, 3)) * 0.04
    near = np.linalg.norm(ankle - hip, axis=-1) < made.reach + made.room / 2
    assert near.mean() > 0.7
    _, found = solved(made, hip, ankle)
    assert np.abs(found - ankle)[near].max() < 1e-9


def test_nothing_to_do_leaves_everything() -> None:
    made = leg(np.linspace(0.25, 2.0, 50))
    thigh, shin = legs.solve(made, made.hip, made.ankle)
    assert np.abs(quaternion.to_rotation_vector(thigh)).max() < 1e-6
    assert np.abs(quaternion.to_rotation_vector(shin)).max() < 1e-6


def test_the_knee_stays_in_its_plane() -> None:
    made = leg(np.full(40, 0.8))
    knee, _ = solved(made, made.hip, made.ankle + np.linspace(0, 0.15, 40)[:, None] * [0, 1.0, 0])
    assert np.abs(knee[:, 0] - 0.1).max() < 1e-9
    assert (knee[:, 2] > 0.1).all(), "it bends forward, as it did"


@pytest.mark.parametrize("bend", [0.0, 1e-9, -0.02])
def test_a_straight_leg_bends_forward(bend: float) -> None:
    """Straight or overstretched a little by noise: the knee never goes backward."""
    made = leg(np.full(30, bend))
    knee, ankle = solved(made, made.hip, made.ankle + np.linspace(0.01, 0.2, 30)[:, None] * [0, 1.0, 0])
    assert (knee[:, 2] > 0.02).all()
    assert np.abs(ankle[:, 2] - made.ankle[:, 2]).max() < 1e-9


def test_out_of_reach_is_approached_without_a_snap() -> None:
    """The foot is drawn away beyond the leg's end at a steady speed; the knee never moves many times faster."""
    made = leg(np.full(200, 0.6))
    away = np.linspace(0, 0.2, 200)[:, None] * [0.0, -1.0, 0.0]
    knee, ankle = solved(made, made.hip, made.ankle + away)
    reach = np.linalg.norm(ankle - made.hip, axis=-1)
    assert reach.max() < made.length
    assert (np.diff(reach) > -1e-12).all()
    steps = np.linalg.norm(np.diff(knee, axis=0), axis=-1)
    assert steps.max() < 6 * 0.2 / 199
    assert bodies.angle(ankle - made.hip, made.ankle + away - made.hip).max() < 1e-3


def test_the_hinge_is_that_of_the_bent_frames() -> None:
    turns = quaternion.from_rotation_vector(np.random.default_rng(1).normal(size=(50, 3)) * 0.5)
    twisted = quaternion.multiply(turns, quaternion.from_axis_angle(np.array([0.0, 1.0, 0.0]), np.array(0.3)))
    made = leg(np.linspace(0, 1, 50), swing=twisted)
    found = legs.hinge(made.thigh, made.shin, turns, LEFT)
    assert bodies.angle(found, made.hinge).max() < 2.5
