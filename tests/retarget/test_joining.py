# SPDX-License-Identifier: GPL-3.0-or-later
"""Motions one after another: where they meet, how fast bones go there, what feet do."""

from dataclasses import replace
from pathlib import Path

import bodies
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tmr_blender.motion import humanoid, quaternion, readers
from tmr_blender.motion.clip import Clip
from tmr_blender.motion.quaternion import Array
from tmr_blender.retarget import channels, contacts, joining, keying, reduce, rest, roles, solver
from tmr_blender.retarget.joining import Part
from tmr_blender.retarget.options import Options
from tmr_blender.retarget.rig import BoneKeys, Keys
from tmr_blender.retarget.target import Motion, Target, target

OPTIONS = Options(fps=30.0)
PLANTED = replace(OPTIONS, feet=True)
RIG = bodies.rig(bodies.UNREAL, 45.0, rolls=1)
MAP = roles.map_rig(RIG)
UNEVEN = np.array([[1.3, 0, 0, 0], [0, 0.8, 0, 0], [0, 0, 1.1, 0], [0, 0, 0, 1.0]])
# Pairs of takes from skeletons of three conventions and two frame rates.
PAIRS = [
    ("cmu/02_01", "bandai/dataset-1_kick_normal_001"),
    ("cmu_iclone/006_04", "cmu/16_58"),
    ("bandai/dataset-1_kick_normal_001", "cmu/49_02"),
]


@pytest.fixture(scope="module")
def goal() -> Target:
    return target(RIG, MAP)


def made(goal: Target, seed: int = 0, options: Options = OPTIONS) -> Part:
    clip = bodies.clip(seed=seed)
    return joining.part(clip, humanoid.recognise(clip), goal, options)


def read(shared: Path, take: str, goal: Target, options: Options = PLANTED) -> Part:
    clip = readers.read(shared / "mocap" / f"{take}.bvh")[0]
    return joining.part(clip, humanoid.recognise(clip), goal, options)


def turned(motion: Motion, angle: float, shift: Array, goal: Target) -> Motion:
    turn = quaternion.from_axis_angle(rest.UP, np.array(angle))
    own = goal.turn_to_armature(turn)
    hips = quaternion.rotate(turn, motion.hips) + shift
    return Motion({role: quaternion.multiply(own, q) for role, q in motion.turns.items()}, hips)


def apart(a: Array, b: Array) -> float:
    """Degrees."""
    between = quaternion.to_rotation_vector(quaternion.multiply(quaternion.inverse(a), b))
    return float(np.degrees(np.linalg.norm(between, axis=-1)).max())


def difference(a: Motion, b: Motion) -> tuple[float, float]:
    """Degrees and metres by which two motions differ at most."""
    return max(apart(q, b.turns[role]) for role, q in a.turns.items()), float(np.abs(a.hips - b.hips).max())


def frames(motion: Motion, span: slice) -> Motion:
    return Motion({role: q[span] for role, q in motion.turns.items()}, motion.hips[span])


def steps(motion: Motion) -> Array:
    """Degrees a frame by which each bone turns relative to what carries it, (roles, frames - 1)."""
    tree = rest.hierarchy(motion.turns)
    local = [
        q if tree[role] is None else quaternion.multiply(quaternion.inverse(motion.turns[tree[role] or ""]), q)
        for role, q in motion.turns.items()
    ]
    return np.array(
        [
            np.degrees(
                np.linalg.norm(quaternion.to_rotation_vector(quaternion.multiply(quaternion.inverse(q[:-1]), q[1:])), axis=-1)
            )
            for q in local
        ]
    )


@settings(max_examples=25, deadline=None)
@given(st.floats(-3.1, 3.1), st.floats(-9, 9), st.floats(-9, 9))
def test_a_motion_cut_in_two_is_joined_to_itself(angle: float, x: float, z: float) -> None:
    """However the second half is turned and placed: aligned and blended with the same, it is what it was."""
    goal = target(RIG, MAP)
    whole = made(goal)
    first, second = frames(whole.motion, slice(0, 25)), frames(whole.motion, slice(15, None))
    moved = turned(second, angle, np.array([x, 0.0, z]), goal)
    out = joining.join([replace(whole, motion=first), replace(whole, motion=moved)], goal, 10)
    assert out.starts == (0, 15)
    degrees, metres = difference(out.part.motion, whole.motion)
    assert degrees < 1e-4
    assert metres < 1e-6


def test_each_starts_where_and_facing_as_the_one_before_ends(goal: Target) -> None:
    a, b = made(goal, 1), made(goal, 2)
    away = turned(b.motion, 2.0, np.array([5.0, 0.0, -3.0]), goal)
    for overlap in (1, 2, 9):
        out = joining.join([a, replace(b, motion=away)], goal, overlap).part.motion
        assert len(out.hips) == a.frames + b.frames - overlap
        degrees, metres = difference(frames(out, slice(0, a.frames - overlap)), frames(a.motion, slice(0, a.frames - overlap)))
        assert degrees < 1e-6
        assert metres < 1e-9
        assert np.linalg.norm(np.diff(out.hips, axis=0), axis=-1).max() < 0.1, "no leap over the floor"


def test_speeds_meet_at_both_ends_of_a_blend(goal: Target) -> None:
    """In no frame of a blend does a bone turn faster than in both motions, but for what they differ by, spread smoothly."""
    a, b = made(goal, 3), made(goal, 4)
    overlap = 12
    out = joining.join([a, b], goal, overlap).part.motion
    where = a.frames - overlap
    moves = steps(out)
    # Into the blend and out of it the steps change hardly more than they do in the motions themselves.
    changes = np.abs(np.diff(moves, axis=1))
    usual = max(float(np.abs(np.diff(steps(part.motion), axis=1)).max()) for part in (a, b))
    apart_by = max(apart(a.motion.turns[role][where], b.motion.turns[role][0]) for role in a.motion.turns)
    assert apart_by > 20
    assert changes[:, [where - 1, where + overlap - 1]].max() < usual + 0.3 * apart_by / overlap
    hard = joining.join([a, b], goal, 1).part.motion
    assert moves.max() < 0.5 * steps(hard).max(), "blended, nothing jerks as it does in a cut"


def test_a_part_that_one_clip_lacks_is_at_rest_there(goal: Target) -> None:
    a, b = made(goal, 1), made(goal, 2)
    bare = Motion({role: q for role, q in b.motion.turns.items() if role != "head"}, b.motion.hips)
    out = joining.join([a, replace(b, motion=bare)], goal, 6).part.motion
    neck = rest.chain(out.turns, "neck")[-1]
    assert apart(out.turns["head"][a.frames :], out.turns[neck][a.frames :]) < 1e-6
    assert apart(out.turns["head"][: a.frames - 6], a.motion.turns["head"][: a.frames - 6]) < 1e-6


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_feet_stay_planted_over_a_joint(shared: Path, first: str, second: str) -> None:
    """Real takes of different skeletons and rates, 0.4 s of blend, on a plain and on an unevenly scaled rig."""
    for world in (None, UNEVEN):
        rig = bodies.rig(bodies.MIXAMO, 20.0, rolls=3, world=world)
        goal = target(rig, roles.map_rig(rig))
        parts = [read(shared, take, goal) for take in (first, second)]
        out = joining.join(parts, goal, 12)
        motion = joining.finish(out.part, goal, PLANTED)
        moved = seconds = 0.0
        for side in contacts.SIDES:
            for name, place in joining.soles(motion, goal, side).items():
                both = out.part.held[side][name][1:] & out.part.held[side][name][:-1]
                moved += float(np.linalg.norm(np.diff(place, axis=0), axis=-1)[both].sum())
                seconds += both.sum() / PLANTED.fps
        assert seconds > 1
        assert moved / seconds * 1000 * 0.87 / goal.stance.leg < 5.0
        before = max(float(steps(joining.finish(p, goal, PLANTED)).max()) for p in parts)
        near = slice(out.starts[1] - 6, out.starts[1] + 18)
        assert steps(motion)[:, near].max() < 1.2 * before, "no pop at the joint"


def test_what_stands_in_both_at_one_spot_stays(goal: Target) -> None:
    a = made(goal)
    still = Motion(
        {role: np.repeat(q[:1], 30, axis=0) for role, q in a.motion.turns.items()}, np.repeat(a.motion.hips[:1], 30, 0)
    )
    always = {side: {name: np.ones(30, dtype=bool) for name in ("heel", "ball")} for side in contacts.SIDES}
    part = Part(still, always, {side: np.zeros(30) for side in contacts.SIDES})
    out = joining.join([part, part], goal, 10).part
    assert all(mask.all() for foot in out.held.values() for mask in foot.values())
    degrees, _ = difference(frames(out.motion, slice(0, 30)), still)
    assert degrees < 1e-4, "nobody steps on the spot"


def test_a_foot_that_has_to_go_elsewhere_steps(goal: Target) -> None:
    """Feet apart, then together: they stand in both motions, so they are lifted in between, not slid."""
    a = made(goal)
    still = Motion(
        {role: np.repeat(q[:1], 30, axis=0) for role, q in a.motion.turns.items()}, np.repeat(a.motion.hips[:1], 30, 0)
    )
    always = {side: {name: np.ones(30, dtype=bool) for name in ("heel", "ball")} for side in contacts.SIDES}
    part = Part(still, always, {side: np.zeros(30) for side in contacts.SIDES})
    spread = goal.turn_to_armature(quaternion.from_axis_angle(np.array([0.0, 0.0, 1.0]), np.array(0.3)))
    wide = dict(still.turns)
    for role in ("hip", "knee", "ankle", "foot"):
        wide[f"left_{role}"] = quaternion.multiply(spread, wide[f"left_{role}"])
    out = joining.join([part, replace(part, motion=replace(still, turns=wide))], goal, 12).part
    place = joining.soles(out.motion, goal, "left")["ball"]
    assert np.linalg.norm(place[-1] - place[0]) > 0.1
    ends = max(place[0, 1], place[-1, 1])
    assert 0.01 < place[18:30, 1].max() - ends < 0.15
    right = joining.soles(out.motion, goal, "right")["ball"]
    np.testing.assert_allclose(right, np.broadcast_to(right[0], right.shape), atol=1e-6)


def present(a: Part, at: int) -> Motion:
    """The last two frames before a motion takes over, of another."""
    return frames(a.motion, slice(at - 1, at + 1))


def test_a_motion_takes_over_from_a_pose(goal: Target) -> None:
    a, b = made(goal, 5), made(goal, 6)
    before = present(a, 20)
    place = joining.aligned(b.motion, 0, before, -1, goal)
    out = joining.taken_over(replace(b, motion=place), before, 10, goal).motion
    degrees, metres = difference(frames(out, slice(0, 1)), frames(before, slice(1, 2)))
    assert degrees < 1e-4
    assert metres < 1e-9
    degrees, metres = difference(frames(out, slice(10, None)), frames(place, slice(10, None)))
    assert degrees < 1e-6
    assert metres < 1e-9
    # At the speed it had: the first step goes on as the last one before.
    last, first = steps(before)[:, 0], steps(out)[:, 0]
    assert np.abs(first - last).max() < 3.0
    standing = frames(before, slice(1, 2))
    twice = Motion({role: q[[0, 0]] for role, q in standing.turns.items()}, standing.hips[[0, 0]])
    halted = joining.taken_over(replace(b, motion=place), twice, 10, goal).motion
    assert steps(halted)[:, 0].max() < 3.0, "from a pose that is still it starts slowly"


def test_in_the_body_s_place_nothing_slides(goal: Target) -> None:
    a, b = made(goal, 5), made(goal, 6)
    far = turned(a.motion, 2.5, np.array([4.0, 0.0, 7.0]), goal)
    before = frames(far, slice(19, 21))
    out = joining.taken_over(replace(b, motion=joining.aligned(b.motion, 0, before, -1, goal)), before, 10, goal).motion
    assert np.linalg.norm(out.hips[10] - far.hips[20]) < 0.5


def test_a_blend_longer_than_the_motion_begins_with_the_pose(goal: Target) -> None:
    a, b = made(goal, 5), made(goal, 6)
    out = joining.taken_over(b, present(a, 20), 500, goal).motion
    degrees, _ = difference(frames(out, slice(0, 1)), frames(a.motion, slice(20, 21)))
    assert degrees < 1e-4
    single = frames(b.motion, slice(0, 1))
    lone = joining.taken_over(
        replace(b, motion=single, slides={s: np.zeros(1) for s in contacts.SIDES}), present(a, 20), 5, goal
    )
    assert lone.frames == 1


def test_reduced_keys_hold_a_joined_motion(goal: Target) -> None:
    motion = joining.finish(joining.join([made(goal, 1), made(goal, 2)], goal, 8).part, goal, OPTIONS)
    keys = keying.keys(RIG, MAP, goal, motion)
    fewer = reduce.reduce(keys, RIG, 1.0, 0.005)
    assert reduce.count(fewer) < 0.8 * reduce.count(keys)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_reduced_keys_keep_to_the_sign_before(sign: float) -> None:
    """A strip is blended in number by number: on Bezier curves, too, a quaternion goes on from the sign that it has before."""
    name = MAP.bones["left_elbow"]
    turns = np.linspace(0.0, 1.5, 60)[:, None] * [1.0, 0.0, 0.0]
    q = quaternion.from_rotation_vector(turns + 0.02 * np.sin(np.arange(60))[:, None])
    keys = Keys(60, {name: BoneKeys("QUATERNION", -sign * q)})  # the same turns, told with the other sign
    before = sign * q[0]
    fewer = reduce.reduce(joining.near(keys, {name: before}), RIG, 1.0, 0.005)
    curves = reduce.dense(fewer.bones[name], 60).rotation
    assert curves is not None and reduce.count(fewer) < reduce.count(keys)
    assert (np.sum(curves * (sign * q), axis=1) > 0.0).all() and np.sum(curves[0] * before) > 0.99
    assert (np.linalg.norm(np.diff(curves, axis=0), axis=1) < 0.1).all()
    apart = quaternion.to_rotation_vector(quaternion.multiply(quaternion.inverse(q), curves))
    assert np.degrees(np.linalg.norm(apart, axis=1)).max() < 1.001


def test_in_place_and_without_options_it_is_the_solver_s(goal: Target) -> None:
    clip = bodies.clip(seed=8)
    body_map = humanoid.recognise(clip)
    for options in (OPTIONS, replace(OPTIONS, travel=False), PLANTED, replace(PLANTED, mirror=True)):
        found = joining.finish(joining.part(clip, body_map, goal, options), goal, options)
        degrees, metres = difference(found, solver.solve(clip, body_map, goal, options))
        assert degrees < 1e-6
        assert metres < 1e-9


@given(st.integers(-3, 3), st.sampled_from(["XYZ", "ZXY"]))
@settings(max_examples=20, deadline=None)
def test_channels_near_those_before(turns: int, order: str) -> None:
    """The same rotations, told by the numbers that are nearest to the present ones."""
    q = quaternion.from_rotation_vector(np.array([[0.3, 0.2, -0.1], [0.5, 0.1, 0.0]]))
    rows = channels.from_quaternions(q, order)
    keys = Keys(2, {"arm": BoneKeys(order, rows), "leg": BoneKeys("QUATERNION", q), "free": BoneKeys("QUATERNION", q)})
    before = {"arm": rows[0] + 2 * np.pi * turns + 0.5, "leg": -q[0]}
    out = joining.near(keys, before).bones
    assert out["arm"].rotation is not None
    assert out["leg"].rotation is not None
    np.testing.assert_allclose(out["arm"].rotation, rows + 2 * np.pi * turns, atol=1e-9)
    np.testing.assert_allclose(out["leg"].rotation, -q)
    assert out["free"].rotation is q


def test_no_motions_are_refused(goal: Target) -> None:
    with pytest.raises(ValueError, match="no motions"):
        joining.join([], goal, 5)


def test_clips_of_other_rates_and_bodies_join(goal: Target) -> None:
    """120 and 30 frames a second, one body half as tall as the other: each keeps its seconds."""
    clips: list[Clip] = [bodies.clip(frames=80, fps=120.0, seed=1), bodies.clip(frames=40, fps=30.0, seed=2, size=0.5)]
    parts = [joining.part(c, humanoid.recognise(c), goal, OPTIONS) for c in clips]
    assert [p.frames for p in parts] == [20, 40]
    out = joining.join(parts, goal, 5).part
    assert out.frames == 55
    assert np.abs(np.diff(out.motion.hips[:, 1])).max() < 0.05
