# SPDX-License-Identifier: GPL-3.0-or-later
"""Controls of inverse kinematics on rigs made in code: where they are put, told from the posed body."""

from dataclasses import replace

import bodies
import numpy as np
import pytest

from tmr_blender.motion import humanoid, quaternion
from tmr_blender.motion.quaternion import Array
from tmr_blender.retarget import controls, roles, solver
from tmr_blender.retarget.conventions import Control
from tmr_blender.retarget.options import Options
from tmr_blender.retarget.rig import Chain, Keys, Rig
from tmr_blender.retarget.target import target

OPTIONS = Options(fps=30.0)
NAMES = bodies.MIXAMO
SWITCH = ("mixamorig:LeftLeg", "IK")
POLED = ("mixamorig:LeftLeg", "pole")


def controlled(carried: bool = False) -> Rig:
    """A rig with a control and a pole for the left leg. carried: the pole hangs on the hips."""
    rig = bodies.rig(NAMES, rolls=3)
    goal = target(rig, roles.map_rig(rig))
    places = {"foot control": goal.heads["left_ankle"], "knee pole": goal.heads["left_knee"] + [0.0, -0.5, 0.0]}
    rest = np.tile(np.eye(4), (len(places), 1, 1))
    rest[:, :3, 3] = list(places.values())
    parents = np.array([-1, rig.index(NAMES["pelvis"]) if carried else -1])

    def longer(rows: np.ndarray, more: object) -> np.ndarray:
        return np.concatenate([rows, np.array(more, dtype=rows.dtype)])

    return replace(
        rig,
        names=(*rig.names, *places),
        parents=longer(rig.parents, parents),
        carriers=longer(rig.carriers, parents),
        rest=longer(rig.rest, rest),
        lengths=longer(rig.lengths, [0.1, 0.1]),
        modes=(*rig.modes, "QUATERNION", "QUATERNION"),
        connected=longer(rig.connected, [False] * 2),
        local_location=longer(rig.local_location, [True] * 2),
        rotation_locks=longer(rig.rotation_locks, [[False] * 4] * 2),
        location_locks=longer(rig.location_locks, [[False] * 3] * 2),
        displaced=longer(rig.displaced, [False] * 2),
        properties=frozenset({SWITCH, POLED}),
    )


CONTROL = Control("foot control", "knee pole", {SWITCH: 0.0, POLED: 1.0})


def mapped(rig: Rig, control: Control | None = CONTROL) -> roles.RigMap:
    return replace(roles.map_rig(rig), switches={SWITCH: 1.0}, controls={"left_ankle": control} if control else {})


def put(rig: Rig, rig_map: roles.RigMap, options: Options = OPTIONS, **clip: int) -> Keys:
    made = bodies.clip(**clip)
    body_map = humanoid.BodyMap({name: i for i, name in enumerate(made.skeleton.names)}, 1.0, "")
    return solver.retarget(made, body_map, rig, rig_map, options)


def placed(rig: Rig, keys: Keys) -> dict[str, Array]:
    """bone -> (frames, 3) its head in the armature's space."""
    posed = bodies.pose(rig, keys)[..., :3, 3]
    return {name: posed[:, i] for i, name in enumerate(rig.names)}


@pytest.mark.parametrize("carried", [False, True])
def test_the_control_is_at_the_ankle_and_turns_with_the_foot(carried: bool) -> None:
    rig = controlled(carried)
    keys = put(rig, mapped(rig))
    at = placed(rig, keys)
    assert np.abs(at["foot control"] - at[NAMES["left_ankle"]]).max() < 1e-9
    posed = bodies.pose(rig, keys) @ np.linalg.inv(rig.rest)
    turned = posed[:, rig.index("foot control"), :3, :3] - posed[:, rig.index(NAMES["left_ankle"]), :3, :3]
    assert np.abs(turned).max() < 1e-9


@pytest.mark.parametrize("carried", [False, True])
def test_the_pole_lies_in_the_plane_of_the_knee(carried: bool) -> None:
    rig = controlled(carried)
    at = placed(rig, put(rig, mapped(rig)))
    hip, knee, ankle, pole = (at[name] for name in (NAMES["left_hip"], NAMES["left_knee"], NAMES["left_ankle"], "knee pole"))
    along = (ankle - hip) / np.linalg.norm(ankle - hip, axis=-1, keepdims=True)
    bend, aim = ((v - hip) - along * np.sum((v - hip) * along, axis=-1, keepdims=True) for v in (knee, pole))
    bent = np.linalg.norm(bend, axis=-1) > 0.05
    assert bent.sum() > 20
    assert bodies.angle(bend, aim)[bent].max() < 0.5
    assert np.linalg.norm(pole - knee, axis=-1) == pytest.approx(0.5, abs=1e-6), "at the distance that it has at rest"


def test_switches_are_set_for_what_is_to_show() -> None:
    """Whether the pole is in use is set in any case: so nothing jumps when somebody switches later."""
    rig = controlled()
    assert put(rig, mapped(rig)).switches == {SWITCH: 1.0, POLED: 1.0}
    assert put(rig, mapped(rig), replace(OPTIONS, limbs="ik")).switches == {SWITCH: 0.0, POLED: 1.0}


def test_constraints_show_controls_that_no_map_names() -> None:
    rig = controlled()
    goal = target(rig, roles.map_rig(rig))
    hip, knee = NAMES["left_hip"], NAMES["left_knee"]
    axis = np.array([0.0, -1.0, 0.0])
    chain = Chain(knee, hip, goal.heads["left_ankle"], "foot control", "foot control", "knee pole", axis)
    rig = replace(rig, chains=(chain,))
    (limb,) = controls.limbs(rig, mapped(rig, None))
    assert (limb.part, limb.start, limb.end, limb.own) == ("left_knee", "left_hip", "left_ankle", True)
    keys = put(rig, mapped(rig, None))
    posed = bodies.pose(rig, keys)
    at = placed(rig, keys)
    # What a solver turns towards the pole is there already, so that it changes nothing about the pose.
    i = rig.index(hip)
    up = (posed[:, i, :3, :3] @ np.linalg.inv(rig.rest[i, :3, :3])) @ axis
    along = at[NAMES["left_ankle"]] - at[hip]
    along /= np.linalg.norm(along, axis=-1, keepdims=True)
    square = [v - along * np.sum(v * along, axis=-1, keepdims=True) for v in (up, at["knee pole"] - at[hip])]
    assert bodies.angle(*square).max() < 1e-6


def bending(angles: Array) -> tuple[Array, Array, Array]:
    """Thigh, shin (frames, 3) and turns of a leg that hangs down, its knee bent forward, to -Y, by angles (radians)."""
    turns = np.tile(quaternion.IDENTITY, (len(angles), 1))
    thigh = np.tile([0.0, 0.0, -0.45], (len(angles), 1))
    bends = quaternion.from_axis_angle(np.tile([1.0, 0.0, 0.0], (len(angles), 1)), angles)
    return thigh, quaternion.rotate(bends, thigh), turns


def side(thigh: Array, shin: Array, turns: Array) -> Array:
    """Where the knee is taken to be."""
    rig = controlled()
    return controls.bend(target(rig, mapped(rig)), controls.limbs(rig, mapped(rig))[0], turns, thigh, shin)


def test_a_leg_that_is_stretched_through_keeps_its_pole_ahead() -> None:
    """From bent to a little beyond straight and back, sampled finely: the side never swings over."""
    angles = 0.5 * np.cos(np.linspace(0, 2 * np.pi, 400)) + 0.35
    assert angles.min() < -0.1
    found = side(*bending(angles))
    assert bodies.angle(found[1:], found[:-1]).max() < 1.0
    assert (found @ [0.0, -1.0, 0.0]).min() > 0.85


def test_noise_on_a_straight_leg_does_not_swing_its_pole() -> None:
    angles = np.abs(np.random.default_rng(0).normal(scale=0.004, size=100))
    thigh, shin, turns = bending(angles)
    shin = shin + np.random.default_rng(1).normal(scale=0.002, size=shin.shape)
    found = side(thigh, shin, turns)
    assert bodies.angle(found, np.broadcast_to(np.mean(found, axis=0), found.shape)).max() < 40


def test_a_measured_angle_is_the_one_that_the_pole_is_put_at() -> None:
    random = np.random.default_rng(0)
    for angle in (-2.0, -0.4, 0.0, 1.0, 3.0):
        start, along = random.normal(size=3), random.normal(size=3)
        along /= np.linalg.norm(along)
        bend = np.cross(along, random.normal(size=3))
        bend /= np.linalg.norm(bend)
        corner, tip = start + 0.3 * along + 0.1 * bend, start + 0.7 * along
        aim = controls.towards_pole(along, bend, angle)
        pole = start + 0.2 * along + 0.5 * aim
        assert controls.measured_angle(start, corner, tip, pole) == pytest.approx(angle)
    assert controls.measured_angle(start, start + 0.3 * along, tip, pole) == 0.0


def test_a_rig_without_controls_is_left_alone() -> None:
    rig = bodies.rig(NAMES)
    keys = put(rig, roles.map_rig(rig))
    assert set(keys.bones) == set(NAMES.values())
