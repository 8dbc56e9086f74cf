# SPDX-License-Identifier: GPL-3.0-or-later
"""Feet held in place: how far they slide, how fast joints move, what legs and hips do for it."""

from dataclasses import replace
from pathlib import Path

import bodies
import numpy as np
import pytest

from tmr_blender.motion import edits, humanoid, quaternion, readers
from tmr_blender.motion.quaternion import Array
from tmr_blender.retarget import contacts, feet, performance, rest, roles, solver, sway
from tmr_blender.retarget.options import Options
from tmr_blender.retarget.rig import Keys, Rig
from tmr_blender.retarget.target import target

OPTIONS = Options(fps=30.0)
LEGS = [f"{side}_{joint}" for side in contacts.SIDES for joint in ("hip", "knee", "ankle", "foot")]
UNEVEN = np.array([[1.3, 0, 0, 0], [0, 0.8, 0, 0], [0, 0, 1.1, 0], [0, 0, 0, 1.0]])
RIGS = {
    "Mixamo T": bodies.rig(bodies.MIXAMO),
    "Unreal A, short legs": bodies.rig(bodies.UNREAL, 45.0, rolls=1, legs=0.7),
    "long legs, Euler": bodies.rig(bodies.UNREAL, 45.0, rolls=2, legs=1.2, modes=dict.fromkeys(LEGS, "XYZ")),
    "scaled unevenly": bodies.rig(bodies.MIXAMO, 20.0, rolls=3, world=UNEVEN),
}
# A walk, a run, a dance, kicks, and walking on the spot; three conventions of files.
TAKES = ["cmu/02_01", "cmu/16_58", "cmu/49_02", "bandai/dataset-1_kick_normal_001", "cmu_iclone/006_04"]


def points(rig: Rig, keys: Keys, side: str) -> dict[str, Array]:
    """Heel and ball of the rig in the world, (frames, 3) each, rigid parts of the posed foot bone."""
    goal = target(rig, roles.map_rig(rig))
    bone = goal.bones[f"{side}_ankle"]
    local = np.linalg.inv(rig.rest[bone])
    moved = rig.world @ bodies.pose(rig, keys)[:, bone] @ local
    out = {}
    for name, v in contacts.sole(goal.stance, side).items():
        out[name] = (moved @ np.append(goal.heads[f"{side}_ankle"] + goal.to_armature(v), 1.0))[:, :3]
    return out


def slide(rig: Rig, keys: Keys, held: dict) -> float:
    """Millimetres a second that standing points of the foot move, for a body of 1.8 m."""
    moved, seconds = 0.0, 0.0
    for side in contacts.SIDES:
        for name, place in points(rig, keys, side).items():
            both = held[side][name][1:] & held[side][name][:-1]
            moved += float(np.linalg.norm(np.diff(place, axis=0), axis=-1)[both].sum())
            seconds += both.sum() / OPTIONS.fps
    assert seconds > 1
    return moved / seconds * 1000 * 0.87 / target(rig, roles.map_rig(rig)).stance.leg


def speeds(places: dict[str, Array]) -> Array:
    return np.concatenate([np.linalg.norm(np.diff(places[r], axis=0), axis=-1) * OPTIONS.fps for r in LEGS])


@pytest.mark.parametrize("take", TAKES)
@pytest.mark.parametrize("name", RIGS)
def test_standing_feet_stay(name: str, take: str, shared: Path) -> None:
    rig = RIGS[name]
    clip = readers.read(shared / "mocap" / f"{take}.bvh")[0].cut(0.1, 8.0)
    body_map, rig_map = humanoid.recognise(clip), roles.map_rig(rig)
    performed = performance.perform(clip, body_map, OPTIONS)
    held = contacts.detect(performed.stance, performed.deltas, performed.positions, OPTIONS.fps)
    free, planted = (solver.retarget(clip, body_map, rig, rig_map, replace(OPTIONS, feet=on)) for on in (False, True))
    before, after = slide(rig, free, held), slide(rig, planted, held)
    assert after < 1.0
    assert after < before / 20
    fast = np.percentile(speeds(dict(performed.positions)), 99.9) * target(rig, rig_map).stance.leg / performed.stance.leg
    was, now = (speeds(bodies.heads(rig, keys, rig_map.bones)).max() for keys in (free, planted))
    assert now < max(1.2 * fast, 1.05 * was)


def knees(rig: Rig, keys: Keys) -> dict[str, Array]:
    """How far the knees are before the line from hip to ankle, along where the thigh's front points."""
    goal = target(rig, roles.map_rig(rig))
    places = bodies.heads(rig, keys, roles.map_rig(rig).bones)
    posed = bodies.pose(rig, keys)
    out = {}
    for side in contacts.SIDES:
        bone = goal.bones[f"{side}_hip"]
        turn = quaternion.from_matrix(posed[:, bone, :3, :3] @ np.linalg.inv(rig.rest[bone, :3, :3]))
        ahead = quaternion.rotate(quaternion.inverse(goal.turn), rest.FORWARD)
        front = quaternion.rotate(turn, np.broadcast_to(ahead, (keys.frames, 3))) @ rig.world[:3, :3].T
        hip, knee, ankle = (places[f"{side}_{role}"] for role in ("hip", "knee", "ankle"))
        out[side] = np.sum((knee - (hip + ankle) / 2) * front, axis=-1)
    return out


@pytest.mark.parametrize("take", TAKES)
def test_knees_never_flip(take: str, shared: Path) -> None:
    rig = RIGS["Unreal A, short legs"]
    clip = readers.read(shared / "mocap" / f"{take}.bvh")[0].cut(0.1, 8.0)
    keys = solver.retarget(clip, humanoid.recognise(clip), rig, roles.map_rig(rig), replace(OPTIONS, feet=True))
    for ahead in knees(rig, keys).values():
        assert ahead.min() > -0.03


def test_hips_come_down_where_a_leg_is_too_short() -> None:
    """The lock is asked to lie further away than the leg is long. Before, the body draws up its knees: it isn't a stiff one."""
    rig = RIGS["Mixamo T"]
    goal = target(rig, roles.map_rig(rig))
    frames = 90
    turns = {role: np.tile(quaternion.IDENTITY, (frames, 1)) for role in goal.bones}
    bend = np.zeros((frames, 3))
    bend[:20, 0] = 0.5 * np.sin(np.linspace(0.0, np.pi, 20)) ** 2
    for side in contacts.SIDES:
        turns[f"{side}_hip"] = goal.turn_to_armature(quaternion.from_rotation_vector(-bend))
        turns[f"{side}_knee"] = goal.turn_to_armature(quaternion.from_rotation_vector(bend))
    hips = np.tile(goal.stance.hips, (frames, 1))
    hips[50:70, 1] += 0.04
    on = np.arange(frames) >= 30
    held = {side: {"heel": on, "ball": on} for side in contacts.SIDES}
    _, path = feet.plant(held, goal, turns, hips, 30.0)
    lowered = hips[:, 1] - path[:, 1]
    assert lowered[55:65].min() > 0.02
    assert lowered.max() < sway.MOST_DROP * goal.stance.leg
    assert np.abs(np.diff(lowered)).max() < 0.012, "they come down smoothly"
    assert np.abs(path - hips)[:, [0, 2]].max() < 0.001, "and hardly to any side"


def test_nothing_held_changes_nothing() -> None:
    rig = RIGS["Mixamo T"]
    clip = bodies.clip()
    body_map = humanoid.BodyMap({name: i for i, name in enumerate(clip.skeleton.names)}, 1.0, "")
    goal = target(rig, roles.map_rig(rig))
    performed = performance.perform(clip, body_map, OPTIONS)
    turns, hips = solver.goal_turns(performed, goal), solver.hips_path(performed, goal.stance, OPTIONS)
    off = np.zeros(len(hips), dtype=bool)
    held = {side: {"heel": off, "ball": off} for side in contacts.SIDES}
    after, path = feet.plant(held, goal, turns, hips, OPTIONS.fps)
    assert np.array_equal(path, hips)
    for role, turn in turns.items():
        apart = quaternion.to_rotation_vector(quaternion.multiply(quaternion.inverse(turn), after[role]))
        assert np.abs(apart).max() < 1e-6


def test_fading_meets_values_and_speeds() -> None:
    known = np.zeros(60, dtype=bool)
    known[20:30], known[33:40] = True, True
    values = np.zeros((60, 1))
    values[:, 0] = np.where(np.arange(60) < 31, 0.1 + 0.002 * np.arange(60), 0.05)
    out = feet.fade(values, known, 30.0)[:, 0]
    assert np.array_equal(out[known], values[known, 0])
    assert not out[:11].any() and not out[49:].any()
    assert np.abs(np.diff(out, 2)).max() < 0.03
    assert np.abs(out).max() < 1.2 * np.abs(values[known]).max()


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_very_short_clips(frames: int) -> None:
    clip = bodies.clip(frames=frames)
    rig = RIGS["Mixamo T"]
    body_map = humanoid.BodyMap({name: i for i, name in enumerate(clip.skeleton.names)}, 1.0, "")
    keys = solver.retarget(clip, body_map, rig, roles.map_rig(rig), replace(OPTIONS, feet=True))
    assert all(np.isfinite(bone.rotation).all() for bone in keys.bones.values() if bone.rotation is not None)


@pytest.mark.parametrize("take", ["cmu/07_01", "cmu/16_58", "bandai/dataset-1_walk-right_angry_001"])
def test_planted_loops_still_close(take: str, shared: Path) -> None:
    """The last pose is the first one further on, and joints pass from one round to the next without a jump."""
    rig = RIGS["Unreal A, short legs"]
    clip = readers.read(shared / "mocap" / f"{take}.bvh")[0].cut(0.1, 8.0)
    body_map, rig_map = humanoid.recognise(clip), roles.map_rig(rig)
    closed = edits.loop(clip, body_map, OPTIONS.fps).clip
    apart = []
    for loop in (False, True):
        keys = solver.retarget(closed, body_map, rig, rig_map, replace(OPTIONS, feet=True, loop=loop))
        posed = bodies.pose(rig, keys)
        root = rig.index(rig_map.bones["pelvis"])
        seen = np.linalg.inv(posed[:, None, root]) @ posed
        apart.append(np.abs(seen[0] - seen[-1])[..., :3, 3].max())
        if loop:
            steps = np.linalg.norm(np.diff(seen[..., :3, 3], axis=0), axis=-1)
            over = np.linalg.norm(seen[1, :, :3, 3] - seen[-1, :, :3, 3], axis=-1)
            assert np.abs(over - steps[0]).max() < 1e-6
    assert apart[1] < 1e-6
    assert apart[0] > 1e-3, "without knowing that it is a loop it wouldn't"
