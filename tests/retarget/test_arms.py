# SPDX-License-Identifier: GPL-3.0-or-later
"""The quality of poses on rigs of any rest pose: directions, rolls, fingers, gaze, spines, and joints that bend one way."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import bodies
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.rigs import RIGS
from tests.rigs.body import Shape
from tests.rigs.build import sample
from tests.rigs.parts import hand
from tests.rigs.plain import as_rig
from tmr_blender.motion import body, humanoid, quaternion, readers
from tmr_blender.motion.clip import Clip
from tmr_blender.motion.humanoid import BodyMap
from tmr_blender.motion.quaternion import Array
from tmr_blender.retarget import hands, keying, performance, rest, roles, solver
from tmr_blender.retarget.options import Options
from tmr_blender.retarget.rig import Rig
from tmr_blender.retarget.roles import RigMap
from tmr_blender.retarget.target import target

AS_FILED = Options(fps=30.0, heading="take", place="take")
WORDS = ("Thumb", "Index", "Middle", "Ring", "Pinky")


SPINES = {
    1: ["waist"],
    2: ["waist", "chest"],
    3: ["waist", "chest", "upperchest"],
    5: ["waist", "waist+.5", "chest", "chest+.5", "upperchest"],
}


def human(spines: int = 3, fingers: bool = True) -> str:
    """A hierarchy of Mixamo's names with any number of spine bones."""
    lines = ["mixamorig:Hips pelvis =pelvis"]
    for i, spot in enumerate(SPINES[spines], 1):
        lines.append(" " * i + f"mixamorig:Spine{i} {spot} =spine{i}")
    deep = " " * (spines + 1)
    lines += [deep + "mixamorig:Neck neck =neck1", deep + " mixamorig:Head head =head", deep + "  mixamorig:HeadTop_End top"]
    for i, (name, role) in enumerate((("Shoulder", "collar"), ("Arm", "shoulder"), ("ForeArm", "elbow"), ("Hand", "wrist"))):
        lines.append(deep + " " * i + f"mixamorig:{{s}}{name} {role} ={role}")
    if fingers:
        lines.append(hand(spines + 5, "mixamorig:{s}Hand{f}{n}", WORDS, ends="mixamorig:{s}Hand{f}4"))
    for i, (name, spot, role) in enumerate(
        (("UpLeg", "hip", "hip"), ("Leg", "knee", "knee"), ("Foot", "ankle", "ankle"), ("ToeBase", "ball", "foot"))
    ):
        lines.append(" " * (i + 1) + f"mixamorig:{{s}}{name} {spot} ={role}")
    lines.append("     mixamorig:{s}Toe_End toe")
    return "\n".join(lines)


def made(shape: Shape, tilt: float = 0.0, axes: str = "palm", spines: int = 3, fingers: bool = True) -> tuple[Rig, RigMap]:
    """A rig of a rest pose, its bones rolled by degrees."""
    built = sample("made", "Mixamo", human(spines, fingers), shape, sides=("Left", "Right"), axes=axes, tilt=tilt)
    return as_rig(built), RigMap("Mixamo", 1.0, built.expected, built.travel)


def curled(rig: Rig, where: RigMap, degrees: float) -> Rig:
    """The rig built with every joint of its fingers bent, square to each hand's palm."""
    out = rig.rest.copy()
    for side in ("left", "right"):
        at = {role: rig.rest[rig.index(name), :3, 3] for role, name in where.bones.items() if role.startswith(side)}
        sign = 1.0 if side == "left" else -1.0
        axis = at[f"{side}_pinky1"] - at[f"{side}_index1"]
        turn = quaternion.from_axis_angle(axis / np.linalg.norm(axis), np.radians(degrees) * sign)
        matrix = quaternion.to_matrix(turn)
        for role in body.FINGERS:
            if role.startswith(side) and "thumb" not in role:
                bone = rig.index(where.bones[role])
                below = [bone, *(i for i in range(rig.count) if bone in roles.ancestors(rig, i))]
                pivot = out[bone, :3, 3].copy()
                out[below, :3, 3] = pivot + (out[below, :3, 3] - pivot) @ matrix.T
                out[below, :3, :3] = matrix @ out[below, :3, :3]
    return replace(rig, rest=out)


def performed(rig: Rig, where: RigMap, turns: Mapping[str, Array]) -> tuple[Clip, BodyMap]:
    """A clip of a rig's own skeleton: role -> (frames, 4) turns of its joints against their parents, told in the world."""
    still = roles.as_clip(rig)
    turned, _ = still.skeleton.rest_globals()
    frames = len(next(iter(turns.values())))
    rotations = np.tile(still.skeleton.rest, (frames, 1, 1))
    joints = {role: rig.index(name) for role, name in where.bones.items()}
    for role, turn in turns.items():
        own = quaternion.multiply(quaternion.inverse(turned[joints[role]]), quaternion.multiply(turn, turned[joints[role]]))
        rotations[:, joints[role]] = quaternion.multiply(still.skeleton.rest[joints[role]], own)
    # What recognises a clip knows one neck.
    found = {("neck" if role == "neck1" else role): joint for role, joint in joints.items()}
    clip = Clip("made", still.skeleton, 30.0, rotations, np.tile(still.skeleton.offsets, (frames, 1, 1)))
    return clip, BodyMap(found, 1.0, "")


def waves(seed: int, frames: int = 40, fingers: bool = True) -> dict[str, Array]:
    """Every joint in smooth motion; elbows, knees and fingers bend as hinges."""
    random = np.random.default_rng(seed)
    time = np.arange(frames) / 30.0

    def swing(size: float) -> Array:
        columns = [
            size * random.normal() * np.sin(2 * np.pi * random.uniform(0.2, 0.8) * time + random.uniform(0, 6)) for _ in "xyz"
        ]
        return quaternion.from_rotation_vector(np.stack(columns, axis=-1))

    def hinge(axis: Sequence[float], middle: float, size: float) -> Array:
        return quaternion.from_rotation_vector(np.outer(middle + size * np.sin(4 * time + random.uniform(0, 6)), axis))

    out = {"pelvis": swing(0.2), "spine1": swing(0.1), "spine2": swing(0.1), "spine3": swing(0.1), "head": swing(0.3)}
    for side, sign in (("left", 1.0), ("right", -1.0)):
        out[f"{side}_shoulder"] = swing(0.5)
        out[f"{side}_elbow"] = hinge([0.0, -sign, 0.0], 0.9, 0.5)
        out[f"{side}_wrist"] = swing(0.2)
        out[f"{side}_hip"] = swing(0.3)
        out[f"{side}_knee"] = hinge([1.0, 0.0, 0.0], 0.8, 0.4)
        if fingers:
            out.update({role: hinge([0, 0, -sign], 0.5, 0.4) for role in body.FINGERS if role.startswith(side)})
    return out


def placed(rig: Rig, where: RigMap, clip: Clip, found: BodyMap) -> Array:
    """(frames, bones, 4, 4) of the rig in the armature's space, posed as Blender would."""
    goal = target(rig, where)
    return bodies.pose(rig, keying.keys(rig, where, goal, solver.solve(clip, found, goal, AS_FILED)))


SHAPES = st.builds(
    Shape,
    legs=st.floats(0.7, 1.3),
    arms=st.floats(0.7, 1.3),
    torso=st.floats(0.8, 1.2),
    hang=st.floats(0, 80),
    ahead=st.floats(0, 20),
    bend=st.floats(0, 30),
    apart=st.floats(0, 12),
    broad=st.floats(0.7, 1.4),
)


@settings(max_examples=20, deadline=None)
@given(
    shape=SHAPES, tilt=st.floats(-180, 180), axes=st.sampled_from(["chain", "palm", "x", "world"]), seed=st.integers(0, 10**6)
)
def test_any_rest_pose_any_roll(shape: Shape, tilt: float, axes: str, seed: int) -> None:
    """Limbs point where the clip's do; how bones are rolled changes nothing."""
    clip, found = performed(*made(Shape()), waves(seed))
    rig, where = made(shape, axes=axes)
    rolled, _ = made(shape, tilt=tilt, axes=axes)
    poses = [placed(each, where, clip, found) @ np.linalg.inv(each.rest) for each in (rig, rolled)]
    assert np.abs(poses[0] - poses[1]).max() < 1e-6
    joints = (poses[0] @ rig.rest)[..., :3, 3] @ rig.world[:3, :3].T
    at = {role: joints[:, rig.index(name)] for role, name in where.bones.items()}
    theirs = dict(zip(clip.skeleton.names, np.moveaxis(clip.globals()[1], 1, 0), strict=True))
    theirs = {role: theirs[name] for role, name in where.bones.items()}
    apart = [bodies.angle(theirs[b] - theirs[a], at[b] - at[a]) for limb in rest.LIMBS for a, b in pairwise(limb)]
    assert np.max(apart) < 0.01


@settings(max_examples=20, deadline=None)
@given(own=SHAPES, theirs=SHAPES, seed=st.integers(0, 10**6))
def test_nothing_flips(own: Shape, theirs: Shape, seed: int) -> None:
    """From any rest pose to any other, elbows and knees bend to the side to which the clip's do, in every frame."""
    clip, found = performed(*made(theirs, fingers=False), waves(seed, fingers=False))
    rig, where = made(own, fingers=False)
    assert backwards(clip, found, rig, where, AS_FILED) == []


@pytest.mark.parametrize(("actor", "character"), [(0.0, 18.0), (18.0, 0.0), (25.0, 10.0)])
def test_fingers_of_relaxed_and_straight_hands_agree(actor: float, character: float) -> None:
    """Built straight or relaxed, by degrees at every joint, fingers point where the clip's do (60 degrees off otherwise)."""
    rig, where = made(Shape())
    clip, found = performed(curled(rig, where, actor), where, waves(4))
    theirs = dict(zip(clip.skeleton.names, np.moveaxis(clip.globals()[1], 1, 0), strict=True))
    shaped, _ = made(Shape(hang=40, bend=8))
    relaxed = curled(shaped, where, character)
    joints = placed(relaxed, where, clip, found)[..., :3, 3] @ relaxed.world[:3, :3].T
    for role in body.FINGERS:
        if "thumb" in role:
            continue
        ends = where.bones[role], where.bones.get(rest.NEXT[role], where.bones[role][:-1] + "4")
        own = joints[:, rig.index(ends[1])] - joints[:, rig.index(ends[0])]
        assert bodies.angle(own, theirs[ends[1]] - theirs[ends[0]]).max() < 5.0, role


def test_palms_face_where_the_clips_do() -> None:
    clip, found = performed(*made(Shape()), waves(5))
    theirs = dict(zip(clip.skeleton.names, np.moveaxis(clip.globals()[1], 1, 0), strict=True))
    for shape in (Shape(hang=45, bend=20), Shape(hang=75), Shape(ahead=60)):
        rig, where = made(shape)
        joints = placed(rig, where, clip, found)[..., :3, 3] @ rig.world[:3, :3].T
        for side in ("left", "right"):
            wrist, index, pinky = (where.bones[f"{side}_{role}"] for role in ("wrist", "index1", "pinky1"))
            first, second = (joints[:, rig.index(name)] - joints[:, rig.index(wrist)] for name in (index, pinky))
            own = np.cross(first, second)
            first, second = (theirs[name] - theirs[wrist] for name in (index, pinky))
            wanted = np.cross(first, second)
            assert bodies.angle(own, wanted).max() < 1.0


def test_a_finger_without_a_last_joint_still_makes_a_fist() -> None:
    rig, where = made(Shape())
    bend = quaternion.from_rotation_vector(np.outer(np.linspace(0, 1.5, 20), [0.0, 0.0, -1.0]))
    turns = {"left_index1": bend, "left_index2": bend}
    clip, found = performed(rig, where, {**dict.fromkeys(where.bones, np.tile(quaternion.IDENTITY, (20, 1))), **turns})
    found = replace(found, joints={role: joint for role, joint in found.joints.items() if not role.endswith("3")})
    turned = solver.solve(clip, found, target(rig, where), AS_FILED).turns
    last = quaternion.multiply(quaternion.inverse(turned["left_index2"]), turned["left_index3"])
    angle = np.linalg.norm(quaternion.to_rotation_vector(last), axis=-1)
    assert angle == pytest.approx(np.linspace(0, 1.5, 20) * solver.FINGERTIP, abs=1e-6)


@pytest.mark.parametrize("name", RIGS)
def test_heads_look_where_the_clips_look(name: str) -> None:
    clip, found = performed(*made(Shape()), waves(6))
    actor = performance.perform(clip, found, AS_FILED)
    made_of = RIGS[name]
    rig, where = as_rig(made_of), RigMap(made_of.convention, 1.0, made_of.expected, made_of.travel)
    goal = target(rig, where)
    turned = goal.turn_to_stance(solver.solve(clip, found, goal, AS_FILED).turns["head"])
    gazes = [quaternion.rotate(turn, np.broadcast_to(rest.FORWARD, (len(turn), 3))) for turn in (turned, actor.deltas["head"])]
    assert bodies.angle(*gazes).max() < 1e-3


@pytest.mark.parametrize("own", [1, 2, 3, 5])
@pytest.mark.parametrize("theirs", [1, 2, 3, 5])
def test_a_bend_is_shared_by_any_number_of_spines(own: int, theirs: int) -> None:
    """The whole bend arrives at the top, and no joint of the rig bends by much more than its share, or the clip's joints do."""
    frames = 30
    whole = np.linspace(0, 1.2, frames)
    each = quaternion.from_rotation_vector(np.outer(whole / theirs, [1.0, 0.0, 0.0]))
    still = np.tile(quaternion.IDENTITY, (frames, 1))
    rig, where = made(Shape(), spines=theirs, fingers=False)
    turns = dict.fromkeys(where.bones, still) | {f"spine{i + 1}": each for i in range(theirs)}
    clip, found = performed(rig, where, turns)
    rig, where = made(Shape(hang=30), spines=own, fingers=False)
    goal = target(rig, where)
    turned = solver.solve(clip, found, goal, AS_FILED).turns
    line = ["pelvis", *rest.chain(goal.bones, "spine")]
    steps = [quaternion.multiply(quaternion.inverse(turned[a]), turned[b]) for a, b in pairwise(line)]
    bends = np.array([np.linalg.norm(quaternion.to_rotation_vector(step), axis=-1) for step in steps])
    assert bends.sum(axis=0) == pytest.approx(whole, abs=1e-6)
    assert bends.max() < 1.5 * 1.2 / min(own, theirs) + 1e-6


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_as_many_spines_do_the_same(count: int) -> None:
    random = np.random.default_rng(count)
    turns = {f"spine{i + 1}": quaternion.from_rotation_vector(random.normal(size=(10, 3)) * 0.2) for i in range(count)}
    rig, where = made(Shape(), spines=count, fingers=False)
    clip, found = performed(rig, where, dict.fromkeys(where.bones, np.tile(quaternion.IDENTITY, (10, 1))) | turns)
    goal = target(rig, where)
    turned = solver.solve(clip, found, goal, AS_FILED).turns
    deltas = performance.perform(clip, found, AS_FILED).deltas
    for role in turns:
        assert np.abs(np.abs(np.sum(goal.turn_to_stance(turned[role]) * deltas[role], axis=-1)) - 1).max() < 1e-6


# Bends from which it shows to which side a joint bends: the clip's, and the rig's (radians).
CLEAR, BENT = 0.35, 0.2


def backwards(clip: Clip, found: BodyMap, rig: Rig, where: RigMap, options: Options) -> list[str]:
    """Elbows and knees of a rig that bend to the other side than the clip's, or turn over in two frames where those don't."""
    actor = performance.perform(clip, found, options)
    goal = target(rig, where)
    motion = solver.solve(clip, found, goal, options)
    own, theirs = hands.of_rig(goal, motion.turns, motion.hips).points, hands.of_actor(actor).points
    wrong = []
    for start, middle, end in rest.LIMBS:
        planes = {}
        for whose, at, turn in (
            ("own", own, goal.turn_to_stance(motion.turns[start])),
            ("theirs", theirs, actor.deltas[start]),
        ):
            upper, lower = at[middle] - at[start], at[end] - at[middle]
            plane = np.cross(upper, lower) / (np.linalg.norm(upper, axis=-1) * np.linalg.norm(lower, axis=-1))[:, None]
            planes[whose] = plane, quaternion.rotate(quaternion.inverse(turn), plane)
        bends = {whose: np.arcsin(np.minimum(np.linalg.norm(plane, axis=-1), 1.0)) for whose, (plane, _) in planes.items()}
        other = np.sum(planes["own"][0] * planes["theirs"][0], axis=-1) < 0.0
        if (other & (bends["theirs"] > CLEAR) & (bends["own"] > BENT)).any():
            wrong.append(f"{middle} bends backwards")
        over = {
            whose: (np.sum(local[2:] * local[:-2], axis=-1) < 0.0) & (bends[whose][2:] > BENT) & (bends[whose][:-2] > BENT)
            for whose, (_, local) in planes.items()
        }
        if (over["own"] & ~over["theirs"]).any():
            wrong.append(f"{middle} turns over")
    return wrong


TAKES = (
    "bandai/dataset-1_kick_normal_001.bvh",
    "bandai/dataset-1_slash_normal_001.bvh",
    "bandai/dataset-2_raise-up-both-hands_active_001.bvh",
    "cmu/49_02.bvh",
    "cmu/05_05.bvh",
    "cmu_iclone/006_01.bvh",
    "cmu_fbx/91_48.fbx",
)


@pytest.mark.parametrize("take", TAKES)
def test_knees_and_elbows_bend_one_way(take: str, shared: Path) -> None:
    """On every convention, as it is and with feet and hands held."""
    clip = readers.read(shared / "mocap" / take)[0]
    found = humanoid.recognise(clip)
    for made_of in RIGS.values():
        rig, where = as_rig(made_of), RigMap(made_of.convention, 1.0, made_of.expected, made_of.travel)
        for options in (Options(fps=30.0), Options(fps=30.0, hands="body", feet=True)):
            assert backwards(clip, found, rig, where, options) == [], made_of.name
