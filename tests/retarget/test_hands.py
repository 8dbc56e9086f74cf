# SPDX-License-Identifier: GPL-3.0-or-later
"""Hands that stay in relation to the body on rigs of other proportions."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.rigs.body import Shape
from tests.rigs.build import sample
from tests.rigs.plain import as_rig
from tmr_blender.motion import humanoid, quaternion, readers
from tmr_blender.motion.clip import Clip
from tmr_blender.motion.humanoid import BodyMap
from tmr_blender.motion.quaternion import Array
from tmr_blender.motion.skeleton import Skeleton
from tmr_blender.retarget import hands, legs, performance, roles, solver
from tmr_blender.retarget.options import Options
from tmr_blender.retarget.target import Target, target

FREE = Options(fps=30.0, heading="take", place="take")
BODY = replace(FREE, hands="body")

BONES = """
mixamorig:Hips pelvis =pelvis
 mixamorig:Spine waist =spine1
  mixamorig:Spine1 chest =spine2
   mixamorig:Neck neck =neck1
    mixamorig:Head head =head
     mixamorig:HeadTop_End top
   mixamorig:{s}Shoulder collar =collar
    mixamorig:{s}Arm shoulder =shoulder
     mixamorig:{s}ForeArm elbow =elbow
      mixamorig:{s}Hand wrist =wrist >middle1
 mixamorig:{s}UpLeg hip =hip
  mixamorig:{s}Leg knee =knee
   mixamorig:{s}Foot ankle =ankle
    mixamorig:{s}ToeBase ball =foot >toe
"""
SHAPES = {
    "long arms": Shape(arms=1.3),
    "short arms": Shape(arms=0.8),
    "broad": Shape(broad=1.4),
    "narrow": Shape(broad=0.7),
    "big head": Shape(head=2.0),
    "short legs": Shape(legs=0.6),
    "long trunk": Shape(torso=1.2),
    "small and broad in an A pose": Shape(size=0.5, broad=1.3, head=1.6, hang=40),
}


def rig(shape: Shape) -> Target:
    made = as_rig(sample("made", "Mixamo", BONES, shape, sides=("Left", "Right"), axes="palm"))
    return target(made, roles.map_rig(made))


def acted(frames: int, elbows: Mapping[str, Array], shape: Shape | None = None) -> tuple[Clip, BodyMap]:
    """A body in T pose whose upper arms and forearms turn: role -> (frames, 3) rotation vector in its parent's T pose."""
    made = as_rig(sample("made", "Mixamo", BONES, shape or Shape(), sides=("Left", "Right"), axes="palm"))
    still = roles.as_clip(made)
    _, placed = still.skeleton.rest_globals()
    where = roles.map_rig(made)
    joints = {role.replace("neck1", "neck"): still.skeleton.names.index(name) for role, name in where.bones.items()}
    parents = still.skeleton.parents
    offsets = np.where(parents[:, None] >= 0, placed - placed[parents], placed)
    plain = Skeleton(still.skeleton.names, parents, offsets, np.tile(quaternion.IDENTITY, (len(parents), 1)))
    rotations = np.tile(quaternion.IDENTITY, (frames, len(parents), 1))
    for role, vectors in elbows.items():
        rotations[:, joints[role]] = quaternion.from_rotation_vector(vectors)
    return Clip("made", plain, 30.0, rotations, np.tile(offsets, (frames, 1, 1))), BodyMap(joints, 1.0, "")


def folded(frames: int, lift: Array, bend: Array, inward: Array) -> dict[str, Array]:
    """Both arms: lowered by radians, forearms bent forward, upper arms swung forward; (frames,) each."""
    out = {}
    for side, sign in (("left", 1.0), ("right", -1.0)):
        down = quaternion.from_rotation_vector(np.outer(lift, [0.0, 0.0, -sign]))
        ahead = quaternion.from_rotation_vector(np.outer(inward, [0.0, -sign, 0.0]))
        out[f"{side}_shoulder"] = quaternion.to_rotation_vector(quaternion.multiply(ahead, down))
        out[f"{side}_elbow"] = np.outer(bend, [0.0, -sign, 0.0])
    return out


def reaching(wrists: Mapping[str, Array], shape: Shape | None = None) -> dict[str, Array]:
    """As `folded`, for arms whose wrists, by side, are at (frames, 3) from where the neck begins; elbows point down."""
    at = rig(shape or Shape()).stance.positions
    out = {}
    for side, wrist in wrists.items():
        shoulder, elbow, end = (at[f"{side}_{joint}"] for joint in ("shoulder", "elbow", "wrist"))
        upper, lower = np.linalg.norm(elbow - shoulder), np.linalg.norm(end - elbow)
        way = wrist + at["neck1"] - shoulder
        far = np.linalg.norm(way, axis=-1, keepdims=True)
        along = (upper**2 - lower**2 + far**2) / (2 * far)
        down = np.array([0.0, -1.0, 0.0]) - way * (way @ [0.0, -1.0, 0.0])[:, None] / far**2
        down = down / np.linalg.norm(down, axis=-1, keepdims=True)
        bent = way / far * along + down * np.sqrt(upper**2 - along**2)
        first = quaternion.between(np.broadcast_to(elbow - shoulder, way.shape), bent)
        second = quaternion.between(np.broadcast_to(end - elbow, way.shape), way - bent)
        out[f"{side}_shoulder"] = quaternion.to_rotation_vector(first)
        out[f"{side}_elbow"] = quaternion.to_rotation_vector(quaternion.multiply(quaternion.inverse(first), second))
    return out


def clapping(frames: int = 120) -> tuple[Clip, BodyMap]:
    """Palms that meet before the chest twice a second."""
    apart = 0.5 - 0.5 * np.cos(2 * np.pi * 2 * np.arange(frames) / 30.0)
    places = {
        side: np.stack([sign * (0.06 + 0.15 * apart), np.full(frames, -0.15), np.full(frames, 0.35)], axis=-1)
        for side, sign in (("left", 1.0), ("right", -1.0))
    }
    return acted(frames, reaching(places))


def phoning(frames: int = 60, shape: Shape | None = None) -> tuple[Clip, BodyMap]:
    """The left hand rises from before the hips to beside the head."""
    share = np.linspace(0, 1, frames)[:, None]
    share = share * share * (3 - 2 * share)
    low, high = np.array([0.25, -0.35, 0.3]), np.array([0.15, 0.08, 0.08])
    return acted(frames, reaching({"left": low + share * (high - low)}, shape), shape)


def both(clip: Clip, found: BodyMap, goal: Target, options: Options) -> tuple[hands.Body, hands.Body]:
    """The clip's body and the rig's."""
    actor = performance.perform(clip, found, options)
    motion = solver.solve(clip, found, goal, options)
    return hands.of_actor(actor), hands.of_rig(goal, motion.turns, motion.hips)


def gap(body: hands.Body) -> Array:
    return np.linalg.norm(body.points["left_palm"] - body.points["right_palm"], axis=-1)


@pytest.mark.parametrize("name", SHAPES)
def test_clapping_hands_meet(name: str) -> None:
    clip, found = clapping()
    goal = rig(SHAPES[name])
    actor, free = both(clip, found, goal, FREE)
    _, kept = both(clip, found, goal, BODY)
    size = kept.sizes["hand"] / actor.sizes["hand"]
    met = gap(actor) < 0.15
    assert met.sum() > 10
    assert gap(actor).max() > 0.25
    without, after = (np.abs(gap(body) - size * gap(actor))[met].max() / goal.stance.leg for body in (free, kept))
    assert after < 0.02
    assert after < 0.5 * without or without < 0.02


@pytest.mark.parametrize("name", SHAPES)
def test_a_hand_at_the_head_stays_there(name: str) -> None:
    """A hand held beside the head is as far from its side on the rig, whatever that head's size."""
    clip, found = phoning()
    goal = rig(SHAPES[name])
    actor, free = both(clip, found, goal, FREE)
    _, kept = both(clip, found, goal, BODY)
    leg = performance.perform(clip, found, FREE).stance.leg

    def clearance(body: hands.Body) -> float:
        """From the side of the head to the palm, at the end; a head is a capsule, as wide as it is high."""
        start, end, palm = (body.points[name][-1] for name in ("head", "crown", "left_palm"))
        share = np.clip((palm - start) @ (end - start) / ((end - start) @ (end - start)), 0, 1)
        wide = hands.PARTS[0].radius * leg * body.sizes["head"] / actor.sizes["head"]
        return float(np.linalg.norm(palm - start - share * (end - start))) - wide

    wanted = clearance(actor) * goal.stance.leg / leg
    assert abs(wanted) < 0.1 * goal.stance.leg
    without, after = (abs(clearance(body) - wanted) / goal.stance.leg for body in (free, kept))
    assert after < 0.06
    assert after < 0.6 * without or without < 0.06


def test_hands_far_from_everything_are_left_alone() -> None:
    frames = 40
    swing = 0.3 * np.sin(np.arange(frames) / 6)
    clip, found = acted(frames, folded(frames, swing, np.zeros(frames) + 0.2, swing))
    for shape in SHAPES.values():
        goal = rig(shape)
        free, kept = (solver.solve(clip, found, goal, options).turns for options in (FREE, BODY))
        for role, turn in free.items():
            assert np.array_equal(turn, kept[role])


def test_hanging_arms_go_on_hanging() -> None:
    """Hands beside the thighs of somebody who stands are there by chance: broad hips don't draw them in."""
    frames = 40
    swing = 0.25 * np.sin(np.arange(frames) / 6)
    clip, found = acted(frames, folded(frames, np.full(frames, 1.35), np.full(frames, 0.25), swing))
    for shape in SHAPES.values():
        goal = rig(shape)
        _, free = both(clip, found, goal, FREE)
        _, kept = both(clip, found, goal, BODY)
        moved = np.linalg.norm(free.points["left_palm"] - kept.points["left_palm"], axis=-1)
        assert moved.max() < 0.02 * goal.stance.leg


def test_the_same_body_is_left_as_it_is() -> None:
    """With the clip's own proportions there is nothing to make up for, also with a head of any size."""
    for shape in (Shape(), Shape(head=2.0, broad=1.3)):
        clip, found = phoning(shape=shape)
        goal = rig(shape)
        _, free = both(clip, found, goal, FREE)
        _, kept = both(clip, found, goal, BODY)
        assert np.linalg.norm(free.points["left_wrist"] - kept.points["left_wrist"], axis=-1).max() < 0.01


def test_hands_keep_the_way_they_point_and_arms_their_length() -> None:
    clip, found = clapping()
    for shape in SHAPES.values():
        goal = rig(shape)
        free, kept = (solver.solve(clip, found, goal, options) for options in (FREE, BODY))
        assert {role for role in free.turns if not np.array_equal(free.turns[role], kept.turns[role])} <= {
            f"{side}_{role}" for side in ("left", "right") for role in ("shoulder", "elbow")
        }
        assert np.array_equal(free.hips, kept.hips)


def test_elbows_keep_their_side() -> None:
    """The plane in which an elbow bends turns with the arm; it never turns over."""
    clip, found = clapping()
    for shape in SHAPES.values():
        goal = rig(shape)
        bends = []
        for body in both(clip, found, goal, FREE)[1], both(clip, found, goal, BODY)[1]:
            upper = body.points["left_elbow"] - body.points["left_shoulder"]
            lower = body.points["left_wrist"] - body.points["left_elbow"]
            bends.append(np.cross(upper, lower))
        cosine = np.sum(bends[0] * bends[1], axis=-1) / np.maximum(
            np.linalg.norm(bends[0], axis=-1) * np.linalg.norm(bends[1], axis=-1), 1e-12
        )
        assert cosine.min() > 0.3


def test_in_a_loop_the_ends_still_meet() -> None:
    clip, found = clapping(frames=31)
    clip.rotations[-1] = clip.rotations[0]
    turns = solver.solve(clip, found, rig(SHAPES["broad"]), replace(BODY, loop=True)).turns
    for role, turn in turns.items():
        assert np.abs(np.abs(np.sum(turn[0] * turn[-1])) - 1) < 1e-9, role


REAL = ("bandai/dataset-1_bow_normal_001", "bandai/dataset-1_punch_normal_001", "bandai/dataset-1_call_normal_001")


@pytest.mark.parametrize("take", REAL)
@pytest.mark.parametrize("name", SHAPES)
def test_real_takes(take: str, name: str, shared: Path) -> None:
    """Hands that touch or nearly so do so on the rig, and no joint is faster than without by more than a quarter."""
    clip = readers.read(shared / "mocap" / f"{take}.bvh")[0]
    found = humanoid.recognise(clip)
    goal = rig(SHAPES[name])
    actor, free = both(clip, found, goal, FREE)
    _, kept = both(clip, found, goal, BODY)
    leg = performance.perform(clip, found, FREE).stance.leg
    met = gap(actor) < hands.PAIR_NEAR * leg
    assert met.any()
    size = kept.sizes["hand"] / actor.sizes["hand"]
    without, after = (np.abs(gap(body) - size * gap(actor))[met].mean() / goal.stance.leg for body in (free, kept))
    assert after < 0.03
    assert after < 0.3 * without or without < 0.02

    def fastest(body: hands.Body) -> float:
        joints = [np.diff(body.points[f"{side}_{role}"], axis=0) for side in ("left", "right") for role in ("elbow", "wrist")]
        return float(np.percentile(np.linalg.norm(joints, axis=-1), 99.9))

    # Short arms that are held to a broad body move with it.
    assert fastest(kept) < 1.25 * fastest(free)


def test_a_leg_and_an_arm_are_solved_alike() -> None:
    """What `hands` relies on: reaching where the wrist already is changes nothing."""
    arm = legs.Leg(
        np.zeros((3, 3)), np.tile([0.3, 0, 0], (3, 1)), np.tile([0.0, 0, 0.25], (3, 1)), np.tile([0, -1.0, 0], (3, 1))
    )
    for turn in legs.solve(arm, arm.hip, arm.ankle):
        assert np.abs(quaternion.to_rotation_vector(turn)).max() < 1e-6
