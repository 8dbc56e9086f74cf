# SPDX-License-Identifier: GPL-3.0-or-later
"""No joint of a leg gets much faster by planting, whatever is asked to be held; where nothing is too fast, feet are held."""

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.retarget import proportions
from tmr_blender.motion import quaternion
from tmr_blender.motion.quaternion import Array
from tmr_blender.retarget import contacts, feet, haste, roles
from tmr_blender.retarget.target import Target, target

FPS = 30.0
GOALS: dict[str, Target] = {
    name: target(rig, roles.map_rig(rig))
    for name, rig in ((name, proportions.RIGS[name]()) for name in ("Mixamo", "short legs", "wide hips", "high heels"))
}


def smooth(random: np.random.Generator, frames: int, columns: int, size: float) -> Array:
    """Noise (frames, columns) that changes over about a third of a second."""
    window = np.hanning(12)[1:-1]
    noise = random.normal(size=(frames + len(window) - 1, columns)) * size
    return np.stack([np.convolve(column, window / np.linalg.norm(window), mode="valid") for column in noise.T], axis=1)


def made(goal: Target, seed: int, frames: int, wild: float) -> tuple[dict[str, Array], Array, dict[str, feet.Held]]:
    """A motion of hips and legs, and contacts at any time, most of which no leg can keep to."""
    random = np.random.default_rng(seed)
    turns = {role: np.tile(quaternion.IDENTITY, (frames, 1)) for role in goal.bones}
    for side in contacts.SIDES:
        swing = smooth(random, frames, 3, wild)
        bend = np.zeros((frames, 3))
        bend[:, 0] = np.abs(smooth(random, frames, 1, 2.0 * wild)[:, 0])
        for role, vector in (("hip", swing), ("knee", swing + bend), ("ankle", swing / 2)):
            turns[f"{side}_{role}"] = goal.turn_to_armature(quaternion.from_rotation_vector(vector))
    hips = goal.stance.hips + smooth(random, frames, 3, 0.5 * wild * goal.stance.leg)
    held: dict[str, feet.Held] = {}
    for side in contacts.SIDES:
        held[side] = {name: smooth(random, frames, 1, 1.0)[:, 0] > 0.3 for name in ("heel", "ball")}
    return turns, hips, held


def speeds(goal: Target, turns: dict[str, Array], hips: Array) -> Array:
    """As `haste.speeds`, from what comes out: forward kinematics of its own."""
    out = []
    middle = (goal.heads["left_hip"] + goal.heads["right_hip"]) / 2
    for side in contacts.SIDES:
        names = [f"{side}_{part}" for part in ("hip", "knee", "ankle")]
        places = [goal.to_armature(hips) + quaternion.rotate(turns["pelvis"], goal.heads[names[0]] - middle)]
        for a, b in pairwise(names):
            places.append(places[-1] + quaternion.rotate(turns[a], goal.heads[b] - goal.heads[a]))
        ball = goal.to_armature(contacts.sole(goal.stance, side)["ball"])
        out.append([*places, places[-1] + quaternion.rotate(turns[names[-1]], ball)])
    return haste.speeds(np.array(out), FPS)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(sorted(GOALS)), st.integers(0, 10**6), st.integers(2, 150), st.sampled_from([0.05, 0.2, 0.5]))
def test_planting_makes_no_joint_too_fast(name: str, seed: int, frames: int, wild: float) -> None:
    goal = GOALS[name]
    turns, hips, held = made(goal, seed, frames, wild)
    free = speeds(goal, turns, hips)
    after = speeds(goal, *feet.plant(held, goal, turns, hips, FPS))
    for kinds, least in ((slice(0, 1), 0.15), (slice(1, 2), 0.15), (slice(2, 4), 0.15), (slice(4, 6), 0.5)):
        most = max(1.15 * float(free[:, kinds].max()), least * feet.Ground.of(goal).leg)
        assert after[:, kinds].max() <= most * (1 + 1e-6)


def test_what_can_be_held_is_held() -> None:
    """The guarantee isn't kept by holding nothing: slow steps a little out of place are put in place."""
    goal = GOALS["short legs"]
    turns, hips, _ = made(goal, 3, 150, 0.05)
    hips = goal.stance.hips + (hips - goal.stance.hips) * 0.2
    on = np.zeros(150, dtype=bool)
    on[40:80] = True
    held = {side: {"heel": on, "ball": on} for side in contacts.SIDES}
    free, after = speeds(goal, turns, hips), speeds(goal, *feet.plant(held, goal, turns, hips, FPS))
    assert free[:, 3, 41:78].mean() > 0.02
    assert after[:, 3, 41:78].max() < 1e-6 * FPS


def test_ever_more_is_let_go_of_and_only_there() -> None:
    stands = np.zeros(600, dtype=bool)
    stands[100:200], stands[450:500] = True, True
    fast = np.zeros(600, dtype=bool)
    fast[95] = True
    planted, hasty = {"left": stands, "right": stands}, {"left": fast, "right": np.zeros(600, dtype=bool)}
    tries = {side: np.zeros(600, dtype=np.int_) for side in contacts.SIDES}
    kept = [haste.let_go(planted, hasty, tries, FPS) for _ in haste.PARTS]
    for now, later in pairwise(each["left"] for each in kept):
        assert (later <= now).all() and later.sum() < now.sum()
    for each in kept:
        assert each["left"][95] < 1.0 and np.abs(np.diff(each["left"])).max() < 0.8, "it fades out and in"
        assert (each["left"][400:] == 1.0).all(), "another contact, far off, is held as before"
    assert (kept[0]["right"] == 1.0).all() and kept[-1]["right"][95] == 0.0


def test_what_is_let_go_of_moves_as_before() -> None:
    """Also legs that are nearly straight, the knees of which solving would lead to their hinges."""
    goal = GOALS["Mixamo"]
    turns, hips, held = made(goal, 5, 90, 0.01)
    bodies = {side: feet.leg_of(goal, turns, goal.to_armature(hips), side) for side in contacts.SIDES}
    planting = feet.Planting.of(held)
    planting.shares = {side: np.zeros(90) for side in contacts.SIDES}
    planting.most = {side: np.full(90, np.inf) for side in contacts.SIDES}
    out, shift, _ = feet._planted(planting, bodies, turns, feet.Ground.of(goal), FPS)
    assert np.abs(shift).max() < 1e-9
    assert np.abs(speeds(goal, out, hips) - speeds(goal, turns, hips)).max() < 1e-6
