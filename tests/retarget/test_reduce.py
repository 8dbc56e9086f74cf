# SPDX-License-Identifier: GPL-3.0-or-later
"""Fewer keys: how many, and that nothing is further off than said."""

from dataclasses import replace
from pathlib import Path

import bodies
import numpy as np
import pytest

from tmr_blender.motion import humanoid, quaternion, readers
from tmr_blender.retarget import reduce, roles, solver
from tmr_blender.retarget.options import Options
from tmr_blender.retarget.rig import BoneKeys, Keys, Rig

OPTIONS = Options(fps=30.0)
MODES = {"left_shoulder": "XYZ", "right_hip": "ZXY", "head": "AXIS_ANGLE", "pelvis": "YZX"}
RIGS = {
    "Mixamo T": bodies.rig(bodies.MIXAMO),
    "Unreal A, several modes": bodies.rig(bodies.UNREAL, 45.0, rolls=4, modes=MODES),
    "centimetres": bodies.rig(bodies.MIXAMO, rolls=2, size=100.0, world=np.diag([0.01, 0.01, 0.01, 1.0])),
}
TAKES = {"cmu/49_02": 0.6, "bandai/dataset-1_kick_normal_001": 0.5, "bandai/dataset-2_wave-left-hand_active_001": 0.5}
"""Take -> share of the keys that is enough for 1 degree and 5 mm."""


def every_frame(keys: Keys) -> Keys:
    return replace(keys, bones={name: reduce.dense(bone, keys.frames) for name, bone in keys.bones.items()})


def apart(rig: Rig, one: Keys, other: Keys) -> tuple[float, float]:
    """The largest turn (degrees) and displacement of heads (metres) between two posed rigs, by the tests' own kinematics."""
    a, b = (bodies.pose(rig, every_frame(keys)) for keys in (one, other))
    q = [quaternion.from_matrix(m[..., :3, :3]) for m in (a, b)]
    turned = quaternion.to_rotation_vector(quaternion.multiply(quaternion.inverse(q[0]), q[1]))
    moved = (a[..., :3, 3] - b[..., :3, 3]) @ rig.world[:3, :3].T
    return float(np.degrees(np.linalg.norm(turned, axis=-1).max())), float(np.linalg.norm(moved, axis=-1).max())


@pytest.mark.parametrize("take", TAKES)
@pytest.mark.parametrize("name", RIGS)
def test_within_the_stated_error_with_fewer_keys(name: str, take: str, shared: Path) -> None:
    rig = RIGS[name]
    clip = readers.read(shared / "mocap" / f"{take}.bvh")[0].cut(0.1, 6.0)
    keys = solver.retarget(clip, humanoid.recognise(clip), rig, roles.map_rig(rig), replace(OPTIONS, feet=True))
    shares = []
    for degrees in (0.5, 1.0, 3.0):
        fewer = reduce.reduce(keys, rig, degrees, 0.005 * degrees)
        turned, moved = apart(rig, keys, fewer)
        assert turned < 1.001 * degrees
        assert moved < 1.001 * 0.005 * degrees
        shares.append(reduce.count(fewer) / reduce.count(keys))
    assert shares[0] > shares[1] > shares[2]
    assert shares[1] < TAKES[take]


def test_what_is_still_needs_two_keys_and_straight_turns_few() -> None:
    rig = RIGS["Mixamo T"]
    frames = 60
    name = bodies.MIXAMO["left_shoulder"]
    still = np.tile(quaternion.IDENTITY, (frames, 1))
    turn = quaternion.from_axis_angle(np.broadcast_to([0.0, 1.0, 0.0], (frames, 3)), np.linspace(0, 0.5, frames))
    keys = Keys(frames, {name: BoneKeys("QUATERNION", turn), bodies.MIXAMO["head"]: BoneKeys("QUATERNION", still)})
    fewer = reduce.reduce(keys, rig, 0.5, 0.01)
    assert reduce.count(fewer) == 2 * 2 * 4


def test_noise_beyond_the_error_keeps_its_keys() -> None:
    rig = RIGS["Mixamo T"]
    turn = quaternion.from_rotation_vector(np.random.default_rng(0).normal(size=(50, 3)) * 0.3)
    keys = Keys(50, {bodies.MIXAMO["head"]: BoneKeys("QUATERNION", quaternion.continuous(turn))})
    fewer = reduce.reduce(keys, rig, 0.1, 0.001)
    assert apart(rig, keys, fewer)[0] < 0.1
    assert reduce.count(fewer) > 0.9 * reduce.count(keys)


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_very_short_motions(frames: int) -> None:
    rig = RIGS["Mixamo T"]
    clip = bodies.clip(frames=frames)
    body_map = humanoid.BodyMap({name: i for i, name in enumerate(clip.skeleton.names)}, 1.0, "")
    keys = solver.retarget(clip, body_map, rig, roles.map_rig(rig), OPTIONS)
    turned, moved = apart(rig, keys, reduce.reduce(keys, rig))
    assert turned < 1.0
    assert moved < 0.005


@pytest.mark.parametrize("wrong", [(0.0, 0.01), (1.0, 0.0), (float("nan"), 1.0)])
def test_errors_have_to_be_above_zero(wrong: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="above zero"):
        reduce.reduce(Keys(1, {}), RIGS["Mixamo T"], *wrong)
