# SPDX-License-Identifier: GPL-3.0-or-later
"""Motion carried over: directions, rolls, scales, rest poses, channels."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import bodies
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tmr_blender.errors import SkeletonProblem
from tmr_blender.motion import body, humanoid, quaternion, readers
from tmr_blender.motion.clip import Clip
from tmr_blender.motion.humanoid import BodyMap
from tmr_blender.motion.quaternion import Array
from tmr_blender.retarget import performance, rest, roles
from tmr_blender.retarget.options import Options
from tmr_blender.retarget.rig import Keys, Rig
from tmr_blender.retarget.solver import retarget
from tmr_blender.retarget.target import target

OPTIONS = Options(fps=30.0)
AS_FILED = Options(fps=30.0, heading="take", place="take")
SEGMENTS = [(a, b) for limb in rest.LIMBS for a, b in pairwise(limb)]


def by_role(clip: Clip) -> BodyMap:
    return BodyMap({name: i for i, name in enumerate(clip.skeleton.names)}, 1.0, "")


def put(clip: Clip, rig: Rig, options: Options = AS_FILED) -> Keys:
    return retarget(clip, by_role(clip), rig, roles.map_rig(rig), options)


def worst(clip: Clip, placed: dict[str, Array]) -> float:
    """The largest angle, in degrees, between limbs of the clip and of the rig."""
    source = dict(zip(clip.skeleton.names, np.moveaxis(clip.globals()[1], 1, 0), strict=True))
    return max(float(bodies.angle(source[b] - source[a], placed[b] - placed[a]).max()) for a, b in SEGMENTS)


RIGS = {
    "Mixamo T": (bodies.MIXAMO, bodies.rig(bodies.MIXAMO, 0.0)),
    "Mixamo in centimetres, Y up": (
        bodies.MIXAMO,
        bodies.rig(
            bodies.MIXAMO,
            size=100.0,
            axes=np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]]),
            world=np.array([[0.01, 0, 0, 0], [0, 0, -0.01, 0], [0, 0.01, 0, 0], [0, 0, 0, 1]]),
        ),
    ),
    "Unreal A": (bodies.UNREAL, bodies.rig(bodies.UNREAL, 45.0, rolls=1)),
    "Unreal arms down, short legs": (bodies.UNREAL, bodies.rig(bodies.UNREAL, 80.0, rolls=2, legs=0.7)),
}


@pytest.mark.parametrize("name", RIGS)
@pytest.mark.parametrize("written", ["T pose", "along X"])
def test_limbs_point_where_the_clips_do(name: str, written: str) -> None:
    names, rig = RIGS[name]
    clip = bodies.clip()
    source = clip if written == "T pose" else bodies.along_x(clip)
    assert worst(clip, bodies.heads(rig, put(source, rig), names)) < 1e-3


@settings(max_examples=15, deadline=None)
@given(rolls=st.integers(1, 10**6), arms=st.floats(0, 85), seed=st.integers(0, 1000))
def test_rolls_do_not_matter(rolls: int, arms: float, seed: int) -> None:
    clip = bodies.clip(frames=12, seed=seed)
    plain, rolled = bodies.rig(bodies.UNREAL, arms, rolls=None), bodies.rig(bodies.UNREAL, arms, rolls=rolls)
    a, b = (bodies.pose(rig, put(clip, rig)) @ np.linalg.inv(rig.rest) for rig in (plain, rolled))
    assert np.abs(a - b).max() < 1e-9


@pytest.mark.parametrize("arms", [20.0, 45.0, 80.0])
def test_rest_poses_do_not_matter(arms: float) -> None:
    """A rig built in A pose ends up as the same rig built in T pose: places, and the turn of every bone from T."""
    clip = bodies.clip()
    flat, hanging = bodies.rig(bodies.MIXAMO, 0.0), bodies.rig(bodies.MIXAMO, arms)
    a, b = (bodies.heads(rig, put(clip, rig), bodies.MIXAMO) for rig in (flat, hanging))
    assert max(float(np.abs(a[role] - b[role]).max()) for role in a) < 1e-6
    sign = {"left": 1.0, "right": -1.0}
    turned_a, turned_b = (bodies.pose(rig, put(clip, rig)) @ np.linalg.inv(rig.rest) for rig in (flat, hanging))
    for side in ("left", "right"):
        hang = quaternion.to_matrix(quaternion.from_axis_angle(np.array([0, 1.0, 0]), np.radians(arms) * sign[side]))
        for role in ("shoulder", "elbow", "wrist"):
            bone = flat.index(bodies.MIXAMO[f"{side}_{role}"])
            assert np.abs(turned_a[:, bone, :3, :3] - turned_b[:, bone, :3, :3] @ hang).max() < 1e-6


def test_uneven_scale_of_the_object() -> None:
    rig = bodies.rig(bodies.MIXAMO, 30.0, world=np.diag([1.3, 0.8, 1.1, 1.0]))
    clip = bodies.clip()
    assert worst(clip, bodies.heads(rig, put(clip, rig), bodies.MIXAMO)) < 1e-3


def test_same_performance_in_two_conventions() -> None:
    """Turns about the bones, which directions don't show, agree too when the zero pose is no body."""
    clip = bodies.clip(frames=90)
    rig = bodies.rig(bodies.MIXAMO)
    a, b = (bodies.pose(rig, put(source, rig)) for source in (clip, bodies.along_x(clip)))
    apart = quaternion.to_rotation_vector(quaternion.from_matrix(np.swapaxes(a, -1, -2)[..., :3, :3] @ b[..., :3, :3]))
    degrees = np.degrees(np.linalg.norm(apart, axis=-1)).mean(axis=0)
    limbs = [rig.index(bodies.MIXAMO[role]) for pair in SEGMENTS for role in pair[:1]]
    assert degrees[limbs].max() < 3.0
    # Nothing in a clip says where its feet, hands and spine are neutral but the way they are held.
    assert degrees.max() < 25.0


@pytest.mark.parametrize("take", ["cmu/02_01", "cmu/49_02", "cmu/05_05", "cmu/16_22"])
def test_real_takes_in_two_conventions(take: str, shared: Path) -> None:
    clip = readers.read(shared / "mocap" / f"{take}.bvh")[0]
    found = humanoid.recognise(clip)
    rig = bodies.rig(bodies.MIXAMO, 45.0)
    where = roles.map_rig(rig)
    clip = clip.resampled(30.0)
    a, b = (bodies.pose(rig, retarget(c, found, rig, where, OPTIONS)) for c in (clip, bodies.along_x(clip)))
    apart = quaternion.to_rotation_vector(quaternion.from_matrix(np.swapaxes(a, -1, -2)[..., :3, :3] @ b[..., :3, :3]))
    degrees = np.degrees(np.linalg.norm(apart, axis=-1)).mean(axis=0)
    limbs = [rig.index(bodies.MIXAMO[role]) for pair in SEGMENTS for role in pair[:1]]
    assert degrees[limbs].max() < 6.0
    trunk = [rig.index(bodies.MIXAMO[role]) for role in ("pelvis", "spine1", "spine2", "spine3", "head")]
    assert degrees[trunk].max() < 10.0


TABLES = {
    "mpfb_cmu_mb": "CMU",
    "mpfb_default": "MakeHuman",
    "mpfb_game_engine": "Unreal",
    "mpfb_mixamo": "Mixamo",
    "mpfb_mixamo_unity": "Mixamo",
    "mpfb_rigify_metarig": "Rigify metarig",
}


@pytest.mark.parametrize("name", TABLES)
def test_real_rigs(name: str, shared: Path) -> None:
    rig = bodies.from_table(shared / "rigs" / f"{name}.json")
    where = roles.map_rig(rig)
    assert where.convention == TABLES[name]
    clip = readers.read(shared / "mocap" / "cmu" / "49_07.bvh")[0]
    found = humanoid.recognise(clip)
    options = replace(AS_FILED, fps=clip.fps)
    placed = bodies.heads(
        rig, retarget(clip, found, rig, where, options), {r: where.bones[r] for pair in SEGMENTS for r in pair}
    )
    _, positions = clip.globals()
    source = {role: positions[:, i] for role, i in found.joints.items()}
    assert max(float(bodies.angle(source[b] - source[a], placed[b] - placed[a]).max()) for a, b in SEGMENTS) < 1e-3
    standing = target(rig, where).stance
    low = np.percentile(np.minimum(placed["left_ankle"], placed["right_ankle"])[:, 1], 2)
    assert abs(low - standing.positions["left_ankle"][1]) < 0.02 * standing.leg


def test_height_and_travel_follow_the_legs() -> None:
    clip = bodies.clip(wild=0.0)
    travelled = {}
    for legs in (1.0, 0.5):
        rig = bodies.rig(bodies.MIXAMO, legs=legs)
        placed = bodies.heads(rig, put(clip, rig, OPTIONS), bodies.MIXAMO)
        hips = (placed["left_hip"] + placed["right_hip"]) / 2
        travelled[legs] = hips[-1] - hips[0]
        low = min(placed["left_ankle"][:, 1].min(), placed["right_ankle"][:, 1].min())
        assert low == pytest.approx(0.08 * legs, abs=0.02)
    assert np.linalg.norm(travelled[0.5]) == pytest.approx(0.5 * np.linalg.norm(travelled[1.0]), rel=0.03)


def test_starts_where_and_as_the_rig_stands() -> None:
    turned = np.eye(4)
    turned[:3, :3] = quaternion.to_matrix(quaternion.from_axis_angle(np.array([0, 0, 1.0]), np.array(2.0)))
    turned[:3, 3] = [3, 4, 0]
    rig = bodies.rig(bodies.UNREAL, world=turned)
    clip = bodies.clip(wild=0.2)
    spun = replace(clip, rotations=clip.rotations.copy(), translations=clip.translations.copy())
    spin = quaternion.from_axis_angle(rest.UP, np.array(1.0))
    spun.rotations[:, 0] = quaternion.multiply(spin, spun.rotations[:, 0])
    spun.translations[:, 0] = quaternion.rotate(spin, spun.translations[:, 0])
    a, b = (bodies.heads(rig, put(source, rig, OPTIONS), bodies.UNREAL) for source in (clip, spun))
    assert max(float(np.abs(a[role] - b[role]).max()) for role in a) < 1e-6
    across = a["left_hip"][0] - a["right_hip"][0]
    facing = rig.world[:3, :3] @ [0, -1, 0]
    assert abs(np.degrees(np.arcsin(across @ facing / np.linalg.norm(across)))) < 10
    hips = (a["left_hip"] + a["right_hip"])[0] / 2
    assert hips[[0, 2]] == pytest.approx(rig.world[[0, 2], 3], abs=0.02)


@pytest.mark.parametrize("degrees", [90.0, 180.0, -90.0, 37.0])
def test_rigs_may_face_anywhere(degrees: float) -> None:
    """Built facing another way, the whole motion is turned with the rig, whatever way the take goes."""
    about_z = quaternion.to_matrix(quaternion.from_axis_angle(np.array([0, 0, 1.0]), np.radians(degrees)))
    about_y = quaternion.from_axis_angle(rest.UP, np.radians(degrees))
    clip = bodies.clip()
    plain, turned = bodies.rig(bodies.UNREAL), bodies.rig(bodies.UNREAL, axes=about_z)
    a, b = (bodies.heads(rig, put(clip, rig, OPTIONS), bodies.UNREAL) for rig in (plain, turned))
    assert max(float(np.abs(quaternion.rotate(about_y, a[role]) - b[role]).max()) for role in a) < 1e-6


def test_a_rig_scaled_to_nothing_is_refused() -> None:
    rig = bodies.rig(bodies.UNREAL, world=np.diag([1.0, 0.0, 1.0, 1.0]))
    clip = bodies.clip()
    where = roles.map_rig(bodies.rig(bodies.UNREAL))
    with pytest.raises(SkeletonProblem, match="scale"):
        retarget(clip, by_role(clip), rig, where, OPTIONS)


def test_held_bones_between_are_kept_at_rest() -> None:
    """A bone without a role inside a limb, such as a first twist bone, gets one key at rest."""
    rig = bodies.rig(bodies.UNREAL)
    where = roles.map_rig(rig)
    fewer = replace(where, bones={role: name for role, name in where.bones.items() if role != "left_collar"})
    clip = bodies.clip()
    keys = retarget(clip, by_role(clip), rig, fewer, AS_FILED)
    held = keys.bones["clavicle_l"].rotation
    assert held is not None
    assert held == pytest.approx(np.array([[1.0, 0, 0, 0]]))
    assert worst(clip, bodies.heads(rig, keys, bodies.UNREAL)) < 1e-3


def test_in_place() -> None:
    rig = bodies.rig(bodies.UNREAL)
    placed = bodies.heads(rig, put(bodies.clip(), rig, replace(OPTIONS, travel=False)), bodies.UNREAL)
    hips = (placed["left_hip"] + placed["right_hip"]) / 2
    assert np.ptp(hips[:, [0, 2]], axis=0).max() < 1e-9
    assert np.ptp(hips[:, 1]) > 0.01


def test_resampled_in_time() -> None:
    rig = bodies.rig(bodies.UNREAL)
    clip = bodies.clip(frames=61, fps=60.0)
    fine, coarse = (put(clip, rig, replace(AS_FILED, fps=fps)) for fps in (60.0, 25.0))
    assert (fine.frames, coarse.frames) == (61, 26)
    a, b = (bodies.heads(rig, keys, bodies.UNREAL)["left_wrist"] for keys in (fine, coarse))
    assert a[60] == pytest.approx(b[25], abs=1e-3)
    assert a[12] == pytest.approx(b[5], abs=1e-3)


@pytest.mark.parametrize("mode", ["XYZ", "ZXY", "YXZ", "AXIS_ANGLE"])
def test_every_rotation_mode_shows_the_same(mode: str) -> None:
    clip = bodies.clip()
    plain = bodies.rig(bodies.MIXAMO)
    other = bodies.rig(bodies.MIXAMO, modes=dict.fromkeys(bodies.MIXAMO, mode))
    keys = put(clip, other)
    a, b = bodies.heads(plain, put(clip, plain), bodies.MIXAMO), bodies.heads(other, keys, bodies.MIXAMO)
    assert max(float(np.abs(a[role] - b[role]).max()) for role in a) < 1e-9
    widths = {k.rotation.shape[1] for k in keys.bones.values() if k.rotation is not None}
    assert widths == {4 if mode == "AXIS_ANGLE" else 3}


def test_without_collars_neck_and_toes() -> None:
    left_out = ("collar", "neck", "foot", "spine2")
    full = bodies.rig(bodies.UNREAL, 30.0)
    keep = [
        i
        for i, name in enumerate(full.names)
        if not any(name == bodies.UNREAL[r] for r in bodies.UNREAL if r.endswith(left_out))
    ]
    parents = []
    for i in keep:
        parent = int(full.parents[i])
        while parent >= 0 and parent not in keep:
            parent = int(full.parents[parent])
        parents.append(keep.index(parent) if parent >= 0 else -1)
    rig = replace(
        full,
        names=tuple(full.names[i] for i in keep),
        parents=np.array(parents),
        carriers=np.array(parents),
        rest=full.rest[keep],
        lengths=full.lengths[keep],
        modes=tuple(full.modes[i] for i in keep),
        connected=full.connected[keep],
        local_location=full.local_location[keep],
        rotation_locks=full.rotation_locks[keep],
        location_locks=full.location_locks[keep],
        displaced=full.displaced[keep],
    )
    names = {role: name for role, name in bodies.UNREAL.items() if name in rig.names}
    clip = bodies.clip()
    assert worst(clip, bodies.heads(rig, put(clip, rig), names)) < 1e-3


def test_locked_bones_are_left_alone_and_made_up_for() -> None:
    clip = bodies.clip()
    rig = bodies.rig(bodies.MIXAMO, modes={"spine2": "XYZ"})
    locks = rig.rotation_locks.copy()
    locks[rig.index("mixamorig:Spine1"), 2] = True
    locks[rig.index("mixamorig:LeftShoulder")] = True
    locked = replace(rig, rotation_locks=locks)
    keys = put(clip, locked)
    spine = keys.bones["mixamorig:Spine1"].rotation
    assert spine is not None
    assert np.abs(spine[:, 1]).max() == 0.0
    assert np.abs(spine[:, 0]).max() > 0.01
    assert "mixamorig:LeftShoulder" not in keys.bones
    assert worst(clip, bodies.heads(locked, keys, bodies.MIXAMO)) < 1e-3


def test_one_frame() -> None:
    clip = bodies.clip(frames=1)
    rig = bodies.rig(bodies.MIXAMO)
    keys = put(clip, rig)
    assert keys.frames == 1
    assert worst(clip, bodies.heads(rig, keys, bodies.MIXAMO)) < 1e-3


def test_a_clip_without_legs_is_refused() -> None:
    clip = bodies.clip()
    rig = bodies.rig(bodies.MIXAMO)
    found = by_role(clip)
    armless = replace(found, joints={role: i for role, i in found.joints.items() if "knee" not in role})
    with pytest.raises(SkeletonProblem, match="left knee"):
        retarget(clip, armless, rig, roles.map_rig(rig), OPTIONS)


def test_pruning_keeps_the_motion() -> None:
    clip = bodies.clip()
    wanted = {"left_wrist": clip.skeleton.names.index("left_wrist")}
    small, joints = performance.prune(clip, wanted)
    assert small.skeleton.count == 8
    assert small.globals()[1][:, joints["left_wrist"]] == pytest.approx(clip.globals()[1][:, wanted["left_wrist"]])


@pytest.mark.parametrize("written", ["T pose", "along X"])
def test_mirroring_exchanges_the_sides(written: str) -> None:
    """What the left arm did the right arm does, on a rig whose sides are mirrored only in where their joints are."""
    names, rig = RIGS["Unreal A"]
    clip = bodies.clip() if written == "T pose" else bodies.along_x(bodies.clip())
    plain, mirrored = (bodies.heads(rig, put(clip, rig, replace(OPTIONS, mirror=mirror)), names) for mirror in (False, True))
    for role, place in plain.items():
        assert np.abs(mirrored[body.mirrored(role)] - place * [-1, 1, 1]).max() < 1e-6


def test_mirrored_twice_is_as_before(shared: Path) -> None:
    clip = readers.read(shared / "mocap" / "bandai" / "dataset-1_kick_normal_001.bvh")[0].cut(0.1, 2.0)
    performed = performance.perform(clip, humanoid.recognise(clip), OPTIONS)
    again = performed.mirrored().mirrored()
    for role, delta in performed.deltas.items():
        assert np.array_equal(again.deltas[role], delta)
        assert np.array_equal(again.positions[role], performed.positions[role])
