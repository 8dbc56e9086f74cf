# SPDX-License-Identifier: GPL-3.0-or-later
"""Controls of inverse kinematics as Blender evaluates them: limbs are where forward kinematics puts them."""

import importlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import bpy
import numpy as np
import parts
import pytest
from bl_ext.user_default.tmr_blender.blender import action, default_rig, rig
from bl_ext.user_default.tmr_blender.errors import SkeletonProblem
from bl_ext.user_default.tmr_blender.motion import humanoid, readers
from bl_ext.user_default.tmr_blender.retarget import contacts, performance, reduce, rest, roles, solver
from bl_ext.user_default.tmr_blender.retarget.options import Options
from mathutils import Matrix, Vector

FPS = 24.0
# Walks, a kick, a dance, a bow and a slash; three conventions of files.
TAKES = [
    "cmu/07_01",
    "cmu/49_02",
    "cmu_iclone/006_04",
    "bandai/dataset-1_kick_normal_001",
    "bandai/dataset-1_bow_old_001",
    "bandai/dataset-1_slash_normal_001",
]
RIGIFY = {"shoulder": "upper_arm", "elbow": "forearm", "wrist": "hand", "hip": "thigh", "knee": "shin", "ankle": "foot"}
DEFORMING = {joint: f"DEF-{RIGIFY[joint.split('_')[1]]}.{joint[0].upper()}" for limb in rest.LIMBS for joint in limb}
DEFORMING |= {f"{side}_foot": f"DEF-toe.{side[0].upper()}" for side in contacts.SIDES}
POLES = {f"{side}_{joint}": limb for side in contacts.SIDES for joint, limb in (("elbow", "shoulder"), ("knee", "hip"))}
MIXAMO = {"shoulder": "Arm", "elbow": "ForeArm", "wrist": "Hand", "hip": "UpLeg", "knee": "Leg", "ankle": "Foot"}
PLAIN = {joint: joint.split("_")[0].capitalize() + MIXAMO[joint.split("_")[1]] for limb in rest.LIMBS for joint in limb}
ENDS = ("left_wrist", "right_wrist", "left_ankle", "right_ankle")


def put(armature: Any, shared: Path, take: str, tolerance: float = 0.0, **options: Any) -> int:
    """Put the first seconds of a take on a rig, with fewer keys if they may be off by some degrees; the number of frames."""
    clip = readers.read(shared / "mocap" / f"{take}.bvh")[0].cut(0.1, 3.0)
    read = rig.read(armature)
    keys = solver.retarget(clip, humanoid.recognise(clip), read, roles.map_rig(read), Options(fps=FPS, **options))
    if tolerance:
        keys = reduce.reduce(keys, read, tolerance, 0.005 * tolerance)
    action.write(armature, keys, take)
    return keys.frames


def seen(armature: Any, names: Mapping[str, str], frames: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """role -> heads (frames, 3) and turns (frames, 3, 3) as evaluated, in the armature's space."""
    matrices = np.empty((frames, len(names), 4, 4))
    for frame in range(frames):
        bpy.context.scene.frame_set(frame + 1)
        posed = armature.evaluated_get(bpy.context.evaluated_depsgraph_get()).pose.bones
        matrices[frame] = [posed[name].matrix.copy() for name in names.values()]
    turns = matrices[..., :3, :3] / np.linalg.norm(matrices[..., :3, :3], axis=-2, keepdims=True)
    by_role = {role: matrices[:, i, :3, 3] for i, role in enumerate(names)}
    return by_role, {role: turns[:, i] for i, role in enumerate(names)}


def degrees(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Between rotations (frames, 3, 3)."""
    # The arc cosine is blind to small angles.
    return np.degrees(2 * np.arcsin(np.clip(np.linalg.norm(first - second, axis=(1, 2)) / np.sqrt(8), 0, 1)))


def apart(first: Mapping[str, np.ndarray], second: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """role -> (frames,) millimetres."""
    return {role: 1000 * np.linalg.norm(first[role] - second[role], axis=-1) for role in first}


def _unit(v: np.ndarray) -> np.ndarray:
    return v / np.maximum(np.linalg.norm(v, axis=-1, keepdims=True), 1e-9)


@pytest.fixture(scope="module")
def rigify() -> Any:
    """Rigify's human as it is generated."""
    return default_rig.rigify_human()


def stretching(armature: Any, on: bool) -> None:
    """Rigify's limbs shorten by up to 2 % where their inverse kinematics bend them."""
    for bone in armature.pose.bones:
        for constraint in bone.constraints:
            if constraint.type == "IK":
                constraint.use_stretch = on


@pytest.mark.parametrize("take", TAKES)
def test_rigify_under_ik_is_as_under_fk(rigify: Any, take: str, shared: Path) -> None:
    """Hands and feet wholly; elbows and knees in the plane in which they bend, and wholly where bones keep their length."""
    shown = [seen(rigify, DEFORMING, put(rigify, shared, take, limbs=limbs, feet=True)) for limbs in ("fk", "ik")]
    (places, turns), (ik_places, ik_turns) = shown
    off = apart(places, ik_places)
    for role in (*ENDS, "left_foot", "right_foot"):
        assert off[role].mean() < 0.3
        assert off[role].max() < 1.0
        assert degrees(turns[role], ik_turns[role]).max() < 0.2
    for start, corner, end in rest.LIMBS:
        across = _unit(np.cross(places[corner] - places[start], places[end] - places[start]))
        aside = 1000 * np.abs(np.sum((ik_places[corner] - places[corner]) * across, axis=-1))
        aside = aside[
            np.linalg.norm(np.cross(places[corner] - places[start], _unit(places[end] - places[start])), axis=-1) > 0.02
        ]
        assert len(aside) > 20, "it bends"
        assert aside.mean() < 1.0
        assert aside.max() < 5.0
        assert off[corner].max() < 50, "Rigify's own shortening"
    stretching(rigify, False)
    names = {corner: f"{RIGIFY[limb]}_ik_target.{corner[0].upper()}" for corner, limb in POLES.items()}
    poles = seen(rigify, names, len(places["left_knee"]))[0]
    for start, corner, end in rest.LIMBS:
        along = _unit(places[end] - places[start])
        side = _unit(np.cross(np.cross(along, poles[corner] - places[start]), along))
        steps = np.degrees(2 * np.arcsin(np.linalg.norm(np.diff(side, axis=0), axis=-1) / 2))
        assert steps.max() < 40, "in a kick the limb itself swings by 30 degrees a frame"
    off = apart(places, seen(rigify, DEFORMING, len(places["left_knee"]))[0])
    stretching(rigify, True)
    for role in ("left_elbow", "right_elbow", "left_knee", "right_knee"):
        assert off[role].mean() < 1.0
        assert off[role].max() < 5.0


def test_switching_between_them_shows_no_jump(rigify: Any, shared: Path) -> None:
    """Under keys for forward kinematics, half-way through, and the other way round."""
    for limbs, other in (("fk", 0.0), ("ik", 1.0)):
        frames = put(rigify, shared, "cmu/49_02", limbs=limbs)
        before = seen(rigify, DEFORMING, frames)[0]
        stretching(rigify, False)
        for name in ("upper_arm_parent", "thigh_parent"):
            for side in "LR":
                rigify.pose.bones[f"{name}.{side}"]["IK_FK"] = other
                rigify.pose.bones[f"{name}.{side}"].keyframe_insert('["IK_FK"]', frame=frames // 2)
        after = seen(rigify, DEFORMING, frames)[0]
        stretching(rigify, True)
        assert max(off.max() for role, off in apart(before, after).items() if role in ENDS) < 1.0


@pytest.mark.parametrize("take", ["cmu/07_01", "bandai/dataset-1_walk_normal_001"])
def test_planted_feet_stay_under_ik(rigify: Any, take: str, shared: Path) -> None:
    clip = readers.read(shared / "mocap" / f"{take}.bvh")[0].cut(0.1, 3.0)
    performed = performance.perform(clip, humanoid.recognise(clip), Options(fps=FPS))
    held = contacts.detect(performed.stance, performed.deltas, performed.positions, FPS)
    slides = []
    for feet in (False, True):
        places = seen(rigify, DEFORMING, put(rigify, shared, take, limbs="ik", feet=feet))[0]
        moved, seconds = 0.0, 0.0
        for side in contacts.SIDES:
            both = held[side]["ball"][1:] & held[side]["ball"][:-1]
            moved += np.linalg.norm(np.diff(places[f"{side}_foot"], axis=0), axis=-1)[both].sum()
            seconds += both.sum() / FPS
        assert seconds > 0.7
        slides.append(1000 * moved / seconds)
    assert slides[1] < 1.0
    assert slides[1] < slides[0] / 20


@pytest.mark.parametrize(
    "options",
    [{"mirror": True}, {"travel": False}, {"loop": True, "feet": True}, {"root": "bone"}, {"root": "object"}],
    ids=lambda options: next(iter(options)) + str(next(iter(options.values()))),
)
def test_every_option_holds_under_ik(rigify: Any, options: dict, shared: Path) -> None:
    shown = []
    for limbs in ("fk", "ik"):
        shown.append(seen(rigify, DEFORMING, put(rigify, shared, "cmu/49_02", limbs=limbs, **options))[0])
        # Root bone and object go on from where they are.
        rigify.animation_data.action = None
        rigify.matrix_basis = rigify.pose.bones["root"].matrix_basis = Matrix()
    off = apart(*shown)
    assert max(off[role].max() for role in ENDS) < 1.0


def test_fewer_keys_keep_to_their_tolerance_under_ik(rigify: Any, shared: Path) -> None:
    """5 mm and a degree for each bone; hands and feet add that of what carries them, elbows and knees lie between."""
    shown, counts = [], []
    for tolerance in (0.0, 1.0):
        frames = put(rigify, shared, "cmu/49_02", tolerance, limbs="ik", feet=True)
        shown.append(seen(rigify, DEFORMING, frames))
        counts.append(sum(len(curve.keyframe_points) for curve in curves(rigify.animation_data.action)))
    off = apart(shown[0][0], shown[1][0])
    assert counts[1] < 0.6 * counts[0]
    assert 0 < max(off[role].max() for role in ENDS) < 5.5
    assert max(off[role].max() for role in off) < 15
    assert max(degrees(shown[0][1][role], shown[1][1][role]).max() for role in ENDS) < 1.05


def curves(made: bpy.types.Action) -> Any:
    if hasattr(made, "layers"):
        return made.layers[0].strips[0].channelbag(made.slots[0]).fcurves
    return made.fcurves


def test_a_disturbed_rigify_is_brought_to_rest(rigify: Any, shared: Path) -> None:
    """Poses left on controls that are not keyed a frame."""
    frames = put(rigify, shared, "cmu/49_02", limbs="ik")
    before = seen(rigify, DEFORMING, frames)[0]
    rigify.animation_data_clear()
    for name in ("foot_heel_ik", "foot_spin_ik", "thigh_ik", "upper_arm_ik"):
        bone = rigify.pose.bones[f"{name}.L"]
        bone.rotation_mode = "XYZ"
        bone.rotation_euler = (0.3, 0.2, -0.4)
    frames = put(rigify, shared, "cmu/49_02", limbs="ik")
    after = seen(rigify, DEFORMING, frames)[0]
    assert max(off.max() for off in apart(before, after).values()) < 0.5


def test_spaces_of_ik_controls_are_allowed_for(rigify: Any, shared: Path) -> None:
    """Hands and poles that follow chest, hips or shoulders instead of the root."""
    frames = put(rigify, shared, "cmu/49_02", limbs="ik")
    before = seen(rigify, DEFORMING, frames)[0]
    kept = {}
    for name in ("upper_arm_parent", "thigh_parent"):
        bone = rigify.pose.bones[f"{name}.L"]
        kept[name] = bone["IK_parent"], bone["pole_parent"]
        bone["IK_parent"], bone["pole_parent"] = 4, 2
    rigify.update_tag()
    after = seen(rigify, DEFORMING, put(rigify, shared, "cmu/49_02", limbs="ik"))[0]
    for name, values in kept.items():
        rigify.pose.bones[f"{name}.L"]["IK_parent"], rigify.pose.bones[f"{name}.L"]["pole_parent"] = values
    rigify.update_tag()
    assert max(off.max() for off in apart(before, after).values()) < 0.5


def hand_built(angle: float, rolls: int = 0, poles: bool = True, carried: bool = False) -> Any:
    """Mixamo's names, arms and legs under inverse kinematics that are always on.

    angle: pole angle (degrees); each pole is where its limb stays as it is at rest. carried: targets hang on other bones.
    """
    random = np.random.default_rng(rolls)
    made = parts.human()
    bpy.ops.object.mode_set(mode="EDIT")
    bones = made.data.edit_bones
    for side in ("Left", "Right"):
        for upper, lower in (("Arm", "ForeArm"), ("UpLeg", "Leg")):
            first, second = bones[side + upper], bones[side + lower]
            first.roll, second.roll = random.uniform(-3, 3, 2)
            turned = Matrix.Rotation(-np.radians(angle), 3, first.vector) @ first.x_axis
            _bone(bones, f"{side}{upper} pole", second.head + 0.4 * turned)
            _bone(bones, f"{side}{upper} target", second.tail)
            if carried:
                holder = _bone(bones, f"{side}{upper} control", second.tail + Vector((0, 0.05, -0.05)))
                bones[f"{side}{upper} target"].parent = holder
                bones[f"{side}{upper} pole"].parent = bones["Hips"]
    bpy.ops.object.mode_set(mode="OBJECT")
    for side in ("Left", "Right"):
        for upper, lower in (("Arm", "ForeArm"), ("UpLeg", "Leg")):
            constraint = made.pose.bones[side + lower].constraints.new("IK")
            constraint.target, constraint.subtarget, constraint.chain_count = made, f"{side}{upper} target", 2
            if poles:
                constraint.pole_target, constraint.pole_subtarget = made, f"{side}{upper} pole"
                constraint.pole_angle = np.radians(angle)
    return made


def beside(angle: float, bend: float) -> Any:
    """Mixamo's names, and beside each limb a second one under inverse kinematics.

    bend: metres by which elbows and knees are away from the line at rest. angle: degrees by which, seen along the upper bone,
    the pole is off the side to which the limb is bent at rest.
    """
    made = parts.human()
    bpy.ops.object.mode_set(mode="EDIT")
    bones = made.data.edit_bones
    chains = [(side, *pair) for side in ("Left", "Right") for pair in (("Arm", "ForeArm"), ("UpLeg", "Leg"))]
    for side, upper, lower in chains:
        ahead = Vector((0, bend if upper == "Arm" else -bend, 0))
        bones[side + lower].head += ahead
        bones[side + upper].tail += ahead
        for name in (upper, lower):
            copy = bones.new(f"IK {side}{name}")
            copy.head, copy.tail = bones[side + name].head, bones[side + name].tail
            copy.parent = bones[side + upper].parent if name == upper else bones[f"IK {side}{upper}"]
        bones[f"IK {side}{upper}"].align_roll(ahead)
        corner = bones[side + lower].head
        _bone(
            bones,
            f"{side}{upper} pole",
            corner + Matrix.Rotation(np.radians(angle), 3, bones[side + upper].vector) @ (0.4 * ahead.normalized()),
        )
        _bone(bones, f"{side}{upper} target", bones[side + lower].tail)
    bpy.ops.object.mode_set(mode="OBJECT")
    for side, upper, lower in chains:
        constraint = made.pose.bones[f"IK {side}{lower}"].constraints.new("IK")
        constraint.target, constraint.subtarget, constraint.chain_count = made, f"{side}{upper} target", 2
        constraint.pole_target, constraint.pole_subtarget = made, f"{side}{upper} pole"
        # The bone's Z axis is where the limb is bent to.
        constraint.pole_angle = np.radians(90 - angle)
    return made


@pytest.mark.parametrize("bend", [0.02, 0.1])
@pytest.mark.parametrize("angle", [0, 40, -75])
def test_limbs_beside_those_of_fk_bend_alike(factory_scene: None, angle: float, bend: float, shared: Path) -> None:
    """As in rigs whose deforming bones copy one or the other: what the pole does is measured."""
    armature = beside(angle, bend)
    frames = put(armature, shared, "cmu/49_02")
    inverse = {role: f"IK {name}" for role, name in PLAIN.items() if not role.endswith(("wrist", "ankle"))}
    places, found = seen(armature, PLAIN, frames)[0], seen(armature, inverse, frames)[0]
    off = apart(found, {role: places[role] for role in inverse})
    assert max(rows.mean() for rows in off.values()) < 1.0
    assert max(rows.max() for rows in off.values()) < 5.0


def _bone(bones: Any, name: str, head: Vector) -> Any:
    made = bones.new(name)
    made.head, made.tail = head, head + Vector((0, 0.1, 0))
    return made


def unconstrained(armature: Any, muted: bool) -> None:
    """Switch the inverse kinematics of a hand-built rig."""
    for bone in armature.pose.bones:
        for constraint in bone.constraints:
            constraint.mute = muted


@pytest.mark.parametrize("take", ["cmu/49_02", "bandai/dataset-1_kick_normal_001"])
@pytest.mark.parametrize("built", [{"angle": a} for a in (0, 90, -90, 37)] + [{"angle": -90, "carried": True}], ids=str)
def test_hand_built_ik_shows_the_pose_of_fk(factory_scene: None, built: dict, take: str, shared: Path) -> None:
    """Twist included: the pole is where it changes nothing about the pose that is keyed."""
    armature = hand_built(**built)
    shown = []
    for muted in (False, True):
        frames = put(armature, shared, take)
        unconstrained(armature, muted)
        shown.append(seen(armature, PLAIN, frames))
    (places, turns), (fk_places, fk_turns) = shown
    assert max(off.mean() for off in apart(places, fk_places).values()) < 0.3
    assert max(off.max() for off in apart(places, fk_places).values()) < 5.0
    assert max(degrees(turns[role], fk_turns[role]).max() for role in PLAIN) < 1.0
    assert np.ptp(places["left_wrist"], axis=0).max() > 0.2, "there is something to see"


def test_ik_without_poles_shows_the_pose_of_fk(factory_scene: None, shared: Path) -> None:
    armature = hand_built(0, poles=False)
    frames = put(armature, shared, "cmu/49_02")
    places, turns = seen(armature, PLAIN, frames)
    unconstrained(armature, True)
    fk_places, fk_turns = seen(armature, PLAIN, frames)
    assert max(off.max() for off in apart(places, fk_places).values()) < 1.0
    assert max(degrees(turns[role], fk_turns[role]).max() for role in PLAIN) < 1.0


def sample(name: str) -> Any:
    """A rig of `tests/rigs`, built."""
    folder = str(Path(__file__).parents[1])
    if folder not in sys.path:
        sys.path.append(folder)
    made = importlib.import_module("rigs").RIGS[name]
    return importlib.import_module("rigs.in_blender").build(made)


ARP = {
    "shoulder": "arm",
    "elbow": "forearm",
    "wrist": "hand",
    "hip": "thigh",
    "knee": "leg",
    "ankle": "foot",
    "foot": "toes_01",
}
MMD = {"hip": "足", "knee": "ひざ", "ankle": "足首", "foot": "つま先"}


@pytest.mark.parametrize("take", ["cmu/49_02", "bandai/dataset-1_kick_normal_001"])
@pytest.mark.parametrize("name", ["Auto-Rig Pro", "MMD", "MMD with driven IK"])
def test_samples_show_the_same_under_both(factory_scene: None, name: str, take: str, shared: Path) -> None:
    armature = sample(name)
    table, sides = (ARP, "lr") if name == "Auto-Rig Pro" else (MMD, "LR")
    names = {
        f"{side}_{role}": f"{bone}.{s}" for side, s in zip(contacts.SIDES, sides, strict=True) for role, bone in table.items()
    }
    shown = []
    for limbs in ("fk", "ik"):
        frames = put(armature, shared, take, limbs=limbs)
        if name == "MMD":
            unconstrained(armature, limbs == "fk")
        shown.append(seen(armature, names, frames))
    (places, turns), (ik_places, ik_turns) = shown
    off = apart(places, ik_places)
    assert max(rows.mean() for rows in off.values()) < 1.0
    assert max(rows.max() for rows in off.values()) < 5.0
    assert max(degrees(turns[role], ik_turns[role]).max() for role in names if role.endswith(("wrist", "ankle", "foot"))) < 1.0


@pytest.mark.parametrize("kind", ["object", "curve"])
def test_a_limb_that_no_bone_moves_is_refused(factory_scene: None, kind: str) -> None:
    armature = parts.human()
    other = bpy.data.objects.new("Goal", bpy.data.curves.new("c", "CURVE") if kind == "curve" else None)
    bpy.context.scene.collection.objects.link(other)
    constraint = armature.pose.bones["LeftLeg"].constraints.new("SPLINE_IK" if kind == "curve" else "IK")
    constraint.target = other
    with pytest.raises(SkeletonProblem, match=r"LeftLeg.*mute"):
        rig.read(armature)
    constraint.mute = True
    rig.read(armature)
