# SPDX-License-Identifier: GPL-3.0-or-later
"""Rigs whose rest pose is no body: solved from the pose in which they stand, or from what their own motion shows of it."""

from collections.abc import Mapping
from dataclasses import replace

import bodies
import numpy as np
import pytest

from tmr_blender.motion import quaternion
from tmr_blender.motion.clip import Clip
from tmr_blender.motion.humanoid import BodyMap
from tmr_blender.motion.quaternion import Array
from tmr_blender.retarget import keying, reduce, rest, roles, solver, standing
from tmr_blender.retarget.options import Options
from tmr_blender.retarget.rig import Keys, Rig
from tmr_blender.retarget.roles import RigMap
from tmr_blender.retarget.target import Target, target

OPTIONS = Options(fps=30.0)
NAMES = bodies.MIXAMO
MAP = roles.map_rig(bodies.rig(NAMES))
BONES = list(MAP.bones.values())
Y_UP = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
RIGS: Mapping[str, Rig] = {
    "T": bodies.rig(NAMES, rolls=1),
    "A, Euler angles": bodies.rig(NAMES, 45.0, rolls=2, modes={"left_shoulder": "XYZ", "right_hip": "ZXY", "pelvis": "YZX"}),
    "Y up, in centimetres": bodies.rig(
        NAMES,
        rolls=3,
        size=100.0,
        axes=Y_UP,
        world=np.array([[0.01, 0, 0, 0], [0, 0, -0.01, 0], [0, 0.01, 0, 0], [0, 0, 0, 1]]),
    ),
}


def collapsed(rig: Rig, seed: int, lowered: float = 0.0) -> Rig:
    """The same rig with a rest pose in which every bone is turned at random against its parent, and the hips lie lower."""
    random = np.random.default_rng(seed)
    now = rig.rest.copy()
    for bone, parent in enumerate(rig.parents):
        if parent >= 0:
            now[bone] = now[parent] @ np.linalg.inv(rig.rest[parent]) @ rig.rest[bone]
        else:
            now[bone, :3, 3] -= lowered * np.linalg.inv(rig.world[:3, :3])[:, 1]
        now[bone, :3, :3] = now[bone, :3, :3] @ quaternion.to_matrix(quaternion.normalise(random.normal(size=4)))
    return replace(rig, rest=now)


def solved(clip: Clip, rig: Rig) -> tuple[Target, Keys]:
    goal = target(rig, MAP)
    body_map = BodyMap({name: i for i, name in enumerate(clip.skeleton.names)}, 1.0, "")
    return goal, keying.keys(rig, MAP, goal, solver.solve(clip, body_map, goal, OPTIONS))


def posed(rig: Rig, keys: Keys) -> Array:
    """(frames, bones, 4, 4) of the mapped bones, in the armature's space, from the rest pose that the armature really has."""
    return bodies.pose(standing.lying(rig), keys)[:, [rig.index(name) for name in BONES]]


def found(made: Rig | None) -> Rig:
    assert made is not None
    return made


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", RIGS)
def test_a_pose_that_stands_takes_the_place_of_the_rest_pose(name: str, seed: int) -> None:
    """Matrix for matrix the same motion as on the rig that has that pose for its rest."""
    rig, clip = RIGS[name], bodies.clip(seed=seed)
    lying = collapsed(rig, seed)
    stood = found(standing.by_pose(lying, MAP, rig.rest))
    _, expected = solved(clip, rig)
    _, keys = solved(clip, stood)
    size = float(np.ptp(rig.rest[:, :3, 3]))
    assert np.abs(posed(stood, keys) - posed(rig, expected)).max() / size < 1e-6
    assert standing.needed(target(lying, MAP))
    assert not standing.needed(target(rig, MAP))


def test_locations_along_other_axes_bring_the_hips_to_the_same_place() -> None:
    rig, clip = RIGS["T"], bodies.clip(seed=4)
    lying = replace(collapsed(rig, 4), local_location=np.zeros(rig.count, dtype=bool))
    stood = found(standing.by_pose(lying, MAP, rig.rest))
    _, keys = solved(clip, stood)
    _, expected = solved(clip, rig)
    # `bodies.pose` applies locations along the bone's own axes: told in those, they are the same.
    own = keys.bones[NAMES["pelvis"]]
    assert own.location is not None
    local = own.location @ standing.lying(stood).rest[rig.index(NAMES["pelvis"]), :3, :3]
    told = replace(keys, bones={**keys.bones, NAMES["pelvis"]: replace(own, location=local)})
    assert np.abs(posed(stood, told) - posed(rig, expected)).max() < 1e-6


def test_hips_that_rest_elsewhere_are_lifted_to_where_the_pose_has_them() -> None:
    rig, clip = RIGS["T"], bodies.clip(seed=5)
    stood = found(standing.by_pose(collapsed(rig, 5, lowered=0.95), MAP, rig.rest))
    assert np.abs(posed(stood, solved(clip, stood)[1]) - posed(rig, solved(clip, rig)[1])).max() < 1e-6


def test_a_pose_that_is_no_standing_body_is_none() -> None:
    rig = RIGS["T"]
    lying = collapsed(rig, 6)
    assert standing.by_pose(lying, MAP, lying.rest) is None
    assert standing.by_pose(lying, MAP, collapsed(rig, 7).rest) is None


def mostly(map: RigMap, motion: Array, expected: Array, role: str) -> float:
    """Degrees, the median over frames, by which a bone is turned otherwise."""
    at = BONES.index(map.bones[role])
    turns = [quaternion.from_matrix(rows[:, at, :3, :3]) for rows in (motion, expected)]
    away = quaternion.to_rotation_vector(quaternion.multiply(turns[0], quaternion.inverse(turns[1])))
    return float(np.degrees(np.median(np.linalg.norm(away, axis=-1))))


@pytest.mark.parametrize("name", ["T", "Y up, in centimetres"])
def test_motion_of_its_own_shows_how_a_rig_stands(name: str) -> None:
    """Limbs exactly as in the clip; what is told from anatomy, within what people differ by: knees, hips and the head."""
    rig = RIGS[name]
    own, other = bodies.clip(200, seed=8, wild=0.25), bodies.clip(seed=9)
    shown = bodies.pose(rig, solved(own, rig)[1])
    stood = found(standing.by_motion(collapsed(rig, 8), MAP, shown, 30.0))
    motion, expected = posed(stood, solved(other, stood)[1]), posed(rig, solved(other, rig)[1])
    for a, b in ((a, b) for limb in rest.LIMBS for a, b in ((limb[0], limb[1]), (limb[1], limb[2]))):
        ways = [rows[:, BONES.index(NAMES[b]), :3, 3] - rows[:, BONES.index(NAMES[a]), :3, 3] for rows in (motion, expected)]
        assert bodies.angle(ways[0], ways[1]).max() < 0.01
    for role in ("pelvis", "head", "left_knee", "right_knee", "left_elbow", "right_elbow"):
        assert mostly(MAP, motion, expected, role) < 20.0


def test_motion_that_never_stands_shows_nothing() -> None:
    rig = RIGS["T"]
    lying = collapsed(rig, 10)
    assert standing.by_motion(lying, MAP, np.tile(lying.rest, (50, 1, 1, 1)), 30.0) is None


def test_fewer_keys_of_a_rig_that_stands_keep_their_error() -> None:
    rig = RIGS["A, Euler angles"]
    stood = found(standing.by_pose(collapsed(rig, 11), MAP, rig.rest))
    _, keys = solved(bodies.clip(60, seed=11), stood)
    fewer = reduce.reduce(keys, stood, 1.0, 0.01)
    assert sum(bone.frames is not None for bone in fewer.bones.values()) > 10
    dense = replace(fewer, bones={name: reduce.dense(bone, keys.frames) for name, bone in fewer.bones.items()})
    a, b = posed(stood, keys), posed(stood, dense)
    assert np.linalg.norm(a[..., :3, 3] - b[..., :3, 3], axis=-1).max() < 0.0101
