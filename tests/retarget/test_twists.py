# SPDX-License-Identifier: GPL-3.0-or-later
"""Twist bones: how roll is shared along a segment, and that nothing else changes by it."""

from dataclasses import replace

import bodies
import numpy as np
import pytest

from tests.rigs import RIGS, plain
from tmr_blender.motion import quaternion
from tmr_blender.motion.humanoid import BodyMap
from tmr_blender.retarget import rest, roles, twists
from tmr_blender.retarget.options import Options
from tmr_blender.retarget.rig import Keys, Rig
from tmr_blender.retarget.roles import RigMap
from tmr_blender.retarget.solver import retarget
from tmr_blender.retarget.target import target

OPTIONS = Options(fps=30.0)
TWISTED = sorted(name for name, sample in RIGS.items() if sample.twists)


def mapped(name: str) -> tuple[Rig, RigMap]:
    """A sample rig, mapped as its makers mean it, whatever the tables of conventions know."""
    sample = RIGS[name]
    rig = plain.as_rig(sample)
    return rig, RigMap(sample.convention, 1.0, sample.expected, sample.travel, twists=sample.twists)


def put(rig: Rig, where: RigMap, wild: float = 0.8) -> Keys:
    clip = bodies.clip(frames=60, seed=3, wild=wild)
    found = BodyMap({name: i for i, name in enumerate(clip.skeleton.names)}, 1.0, "")
    return retarget(clip, found, rig, where, OPTIONS)


@pytest.mark.parametrize("name", TWISTED)
def test_nothing_else_changes(name: str) -> None:
    """Where every joint is, and how hands, feet and fingers are turned, is the same with twist bones as without."""
    rig, where = mapped(name)
    with_them, without = (bodies.pose(rig, put(rig, each)) for each in (where, replace(where, twists={})))
    size = np.ptp(rig.rest[:, :3, 3])
    for role, bone in where.bones.items():
        i = rig.index(bone)
        assert np.abs(with_them[:, i, :3, 3] - without[:, i, :3, 3]).max() < 2e-3 * size, role
        if role.split("_")[-1] not in {"shoulder", "elbow", "hip", "knee"}:
            assert np.abs(with_them[:, i, :3, :3] - without[:, i, :3, :3]).max() < 1e-6, role


@pytest.mark.parametrize("name", TWISTED)
def test_skin_is_wrung_along_the_segment(name: str) -> None:
    """From the shoulder or hip towards the elbow or knee, and from there to the hand or foot, the roll only ever grows.

    In line, the bone that bends doesn't roll and the last one takes it all.
    """
    rig, where = mapped(name)
    goal = target(rig, where)
    frames = 40
    angle = np.linspace(0.2, 2.0, frames)
    for segment, names in where.twists.items():
        end = rest.NEXT[segment]
        axis = goal.heads[end] - goal.heads[segment]
        axis = axis / np.linalg.norm(axis)
        upper = segment.endswith(twists.UPPER)
        turns = dict.fromkeys(goal.bones, np.tile(quaternion.IDENTITY, (frames, 1)))
        turns[segment if upper else end] = quaternion.from_axis_angle(np.broadcast_to(axis, (frames, 3)), angle)
        found = twists.goals(rig, replace(where, twists={segment: names}), goal, turns)
        shares = [float(np.median(twists.twist(found[rig.index(name)], axis) / angle)) for name in names]
        in_line = rig.index(names[-1]) in roles.ancestors(rig, goal.bones[end])
        assert shares == sorted(shares)
        assert -1e-6 <= shares[0] <= shares[-1] <= 1 + 1e-6
        if in_line:
            assert shares[-1] == pytest.approx(1.0, abs=1e-3)
            assert np.abs(twists.twist(found[goal.bones[segment]], axis)).max() < 1e-3
        else:
            assert goal.bones[segment] not in found


def test_shares_are_places_along_the_segment() -> None:
    rig, where = mapped("UE5 mannequin")
    goal = target(rig, where)
    frames = 50
    still = np.tile(quaternion.IDENTITY, (frames, 1))
    turns = dict.fromkeys(goal.bones, still)
    axis = goal.heads["left_wrist"] - goal.heads["left_elbow"]
    length = np.linalg.norm(axis)
    axis = axis / length
    angle = np.linspace(0.0, 1.2, frames)
    turns["left_wrist"] = quaternion.from_axis_angle(np.broadcast_to(axis, (frames, 3)), angle)
    found = twists.goals(rig, where, goal, turns)
    for name in where.twists["left_elbow"]:
        bone = rig.index(name)
        share = (rig.rest[bone, :3, 3] - goal.heads["left_elbow"]) @ axis / length
        assert 0.05 < share < 0.95
        assert twists.twist(found[bone], axis) == pytest.approx(angle * share, abs=1e-9)


def test_swing_is_no_twist() -> None:
    """A bone that is merely pointed elsewhere isn't twisted, however far, short of right round."""
    axis = np.array([1.0, 0.0, 0.0])
    angle = np.linspace(0.0, 2.6, 60)
    for square in ([0, 1.0, 0], [0, 0.6, 0.8]):
        turn = quaternion.from_axis_angle(np.broadcast_to(square, (60, 3)), angle)
        assert np.abs(twists.twist(turn, axis)).max() < 1e-9


def test_twist_goes_on_beyond_half_a_turn() -> None:
    axis = np.array([0.0, 1.0, 0.0])
    angle = np.linspace(-0.5, 4.5, 200)
    swing = quaternion.from_axis_angle(np.array([1.0, 0.0, 0.0]), 0.6 * np.sin(angle))
    turn = quaternion.multiply(swing, quaternion.from_axis_angle(np.broadcast_to(axis, (200, 3)), angle))
    signs = np.where(np.random.default_rng(0).random(200) < 0.5, -1.0, 1.0)[:, None]
    assert twists.twist(turn * signs, axis) == pytest.approx(angle, abs=1e-9)


def test_twist_fades_where_it_means_nothing() -> None:
    """Swung through right round, where swing and twist can't be told apart, no bone spins."""
    axis = np.array([1.0, 0.0, 0.0])
    angle = np.linspace(2.4, 3.9, 400)
    turn = quaternion.from_axis_angle(np.broadcast_to([0.0, 1.0, 0.0], (400, 3)), angle)
    wobble = quaternion.from_axis_angle(np.broadcast_to(axis, (400, 3)), 0.1 * np.ones(400))
    found = twists.twist(quaternion.multiply(turn, wobble), axis)
    assert np.abs(np.diff(found)).max() < 0.1


def test_locked_twist_bones_are_left_alone() -> None:
    rig, where = mapped("UE5 mannequin")
    locks = rig.rotation_locks.copy()
    locks[rig.index("lowerarm_twist_01_l")] = True
    keys = put(replace(rig, rotation_locks=locks), where)
    assert "lowerarm_twist_01_l" not in keys.bones
    assert "lowerarm_twist_02_l" in keys.bones


def test_bones_that_the_rig_twists_itself_are_left_alone() -> None:
    rig, where = mapped("Daz Genesis 8")
    own = replace(rig, driven=frozenset(name for names in where.twists.values() for name in names))
    with_them, without = put(own, where), put(rig, replace(where, twists={}))
    assert set(with_them.bones) == set(without.bones)
    for name, channels in without.bones.items():
        assert np.array_equal(channels.rotation, with_them.bones[name].rotation)  # type: ignore[arg-type]
