# SPDX-License-Identifier: GPL-3.0-or-later
"""Controls of inverse kinematics: where they have to be for limbs to be where forward kinematics puts them.

A limb's control is where its wrist or ankle is, turned as hand or foot is. Its pole is beyond the elbow or knee, on the side
to which this should bend. All in the armature's space.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from ..motion import quaternion
from ..motion.quaternion import Array
from . import legs, rest, roles
from .conventions import Control
from .rig import Chain, Rig
from .roles import RigMap
from .target import Target, target

# Of the limb's length: how far a pole stays from the elbow or knee at least.
APART = 0.5
# Of the limb's length: offsets of the elbow from the line that are noise, and how far behind it a joint that is overstretched
# may be before it counts as bent that way.
NOISE, BEHIND = 0.01, 0.1
# A joint this near (of the limb's length) to the line from its limb's beginning to its end shows no plane of bending.
LEAST = 0.02


@dataclass(frozen=True)
class Limb:
    """A part of the body under inverse kinematics.

    chain: what bends. part: role of the bone whose end comes to the target; start: of the first bone that bends.
    end: role whose turn the control takes, or empty. own: whether the bones that bend are those that forward kinematics
    key: a solver such as Blender's starts from their keys, so that it finds the very pose, twist included.
    toe, held: as in `conventions.Control`.
    """

    chain: Chain
    part: str
    start: str
    end: str = ""
    own: bool = False
    toe: str = ""
    held: tuple[str, ...] = ()


@dataclass(frozen=True)
class Posed:
    """A rig's body in the armature's space.

    turns: role -> (frames, 4) from rest, of itself or of what carries it. joints: role -> (frames, 3) the bone's head.
    """

    turns: Mapping[str, Array]
    joints: Mapping[str, Array]


def limbs(rig: Rig, rig_map: RigMap) -> list[Limb]:
    """Those whose controls the map names, and those that constraints on the rig show."""
    if not rig.chains and not rig_map.controls:
        return []
    goal = target(rig, rig_map)
    body = rest.hierarchy(goal.bones)
    owners = {name: role for role, name in rig_map.bones.items() if role in body}
    left = list(rig.chains)
    out = []
    for upper, part, end in rest.LIMBS:
        control = rig_map.controls.get(end)
        chain = _fitting(rig, goal, left, owners, (upper, part, end), control)
        if chain is not None:
            left.remove(chain)
        if control is not None:
            named = chain or Chain(rig_map.bones[part], rig_map.bones[upper], goal.heads[end], control.bone, control.bone)
            named = replace(named, control=control.bone, pole=control.pole or named.pole)
            toe, held = control.toe, control.held
        elif chain is not None:
            named, toe, held = chain, "", ()
        else:
            continue
        own = chain is not None and chain.bone in owners and chain.root in owners
        start = owners[chain.root] if chain is not None and own else upper
        out.append(Limb(named, owners[named.bone] if own else part, start, end, own, toe, held))
    for chain in left:
        if chain.bone in owners and chain.root in owners:
            out.append(Limb(chain, owners[chain.bone], owners[chain.root], own=True))
    return out


def _fitting(
    rig: Rig, goal: Target, chains: list[Chain], owners: Mapping[str, str], limb: tuple[str, str, str], control: Control | None
) -> Chain | None:
    """The chain that bends a limb: the one with the named pole or control, or one that ends where the limb does."""
    end = goal.heads[limb[2]]
    length = float(np.linalg.norm(goal.heads[limb[1]] - goal.heads[limb[0]]) + np.linalg.norm(end - goal.heads[limb[1]]))

    def rank(chain: Chain) -> int:
        carried = {rig.names[i] for i in roles.ancestors(rig, rig.index(chain.target))} | {chain.target}
        if control is not None and (control.bone in carried or (control.pole and chain.pole == control.pole)):
            return 2
        near = float(np.linalg.norm(chain.tip - end)) < LEAST * length
        return int(near and (chain.bone not in owners or owners[chain.bone] == limb[1]))

    best = max(chains, key=rank, default=None)
    return best if best is not None and rank(best) > 0 else None


def auxiliary(rig_map: RigMap) -> dict[tuple[str, str], float]:
    """Switches of the controls that leave open which kinematics show, such as whether a pole is in use."""
    wanted = {key: value for control in rig_map.controls.values() for key, value in control.switches.items()}
    return {key: value for key, value in wanted.items() if key not in rig_map.switches}


def switches(rig_map: RigMap, shown: Literal["fk", "ik"]) -> dict[tuple[str, str], float]:
    """What has to be set for either kind of kinematics to show."""
    if shown == "fk":
        return {**auxiliary(rig_map), **rig_map.switches}
    return {**rig_map.switches, **{key: value for c in rig_map.controls.values() for key, value in c.switches.items()}}


def held(limbs_: list[Limb]) -> tuple[str, ...]:
    """Bones that have to be at rest."""
    return tuple(name for limb in limbs_ for name in limb.held)


def goals(rig: Rig, found: list[Limb], goal: Target, body: Posed) -> tuple[dict[int, Array], dict[int, Array]]:
    """Turns and heads (see `keying.Goals`) of all controls of inverse kinematics."""
    turns: dict[int, Array] = {}
    heads: dict[int, Array] = {}
    for limb in found:
        control = rig.index(limb.chain.control)
        tip = body.joints[limb.part] + _turned(body.turns[limb.part], limb.chain.tip - goal.heads[limb.part])
        carried = body.turns[limb.end if limb.end in body.turns else limb.part]
        away = rig.rest[control, :3, 3] - rig.rest[rig.index(limb.chain.target), :3, 3]
        heads[control] = tip + _turned(carried, away)
        if limb.end in body.turns and not rig.rotation_locks[control].all():
            turns[control] = carried
        if limb.chain.pole:
            heads[rig.index(limb.chain.pole)] = _pole(rig, goal, limb, body, tip)
        toes = limb.end.replace("_ankle", "_foot")
        if limb.toe and toes in body.turns:
            turns[rig.index(limb.toe)] = body.turns[toes]
    return turns, heads


def _pole(rig: Rig, goal: Target, limb: Limb, body: Posed, tip: Array) -> Array:
    """(frames, 3) where the pole has to be."""
    start, corner, turns = body.joints[limb.start], body.joints[limb.part], body.turns[limb.start]
    along = _unit(tip - start)
    foot = start + along * _dot(corner - start, along)
    if limb.own:
        up = _turned(turns, limb.chain.axis)
        side = _unit(up - along * _dot(up, along))
    else:
        side = towards_pole(along, bend(goal, limb, turns, corner - start, tip - corner), limb.chain.angle)
    at = rig.rest[rig.index(limb.chain.pole), :3, 3]
    length = float(np.linalg.norm(corner[0] - start[0]) + np.linalg.norm(tip[0] - corner[0]))
    apart = max(float(np.linalg.norm(at - goal.heads[limb.part])), APART * length)
    return foot + side * (apart + np.linalg.norm(corner - foot, axis=-1, keepdims=True))


def towards_pole(along: Array, bend: Array, angle: float) -> Array:
    """Square to a limb, the direction (frames, 3) in which its pole is for it to bend as it should.

    along: (frames, 3) from the limb's beginning to its end; bend: to the elbow or knee, square to that. angle: of `Chain`.
    """
    return np.cos(angle) * bend + np.sin(angle) * np.cross(along, bend)


def measured_angle(start: Array, corner: Array, tip: Array, pole: Array) -> float:
    """`Chain.angle` of a limb that was seen to bend, (3,) points; 0 where it hardly did.

    A solver first turns a limb, bent as it is at rest, about the line between its ends, and then bends it in its plane: the
    angle between elbow and pole stays what it was.
    """
    along = _unit(tip - start)
    bend, aim = ((v - start) - along * _dot(v - start, along) for v in (corner, pole))
    length = np.linalg.norm(corner - start) + np.linalg.norm(tip - corner)
    if min(np.linalg.norm(bend), np.linalg.norm(aim)) < LEAST * length:
        return 0.0
    return float(np.arctan2(np.cross(bend, aim) @ along, bend @ aim))


def bend(goal: Target, limb: Limb, turns: Array, upper: Array, lower: Array) -> Array:
    """Units (frames, 3), square to a limb, in which its elbow or knee lies.

    turns: (frames, 4) of the upper bone; upper, lower: (frames, 3) from joint to joint.

    Where the limb is straight or overstretched its hinge alone tells, which is fixed in the upper bone: noise must not swing
    the pole, and a pole on the other side would twist the limb about itself.
    """
    length = float(np.linalg.norm(upper[0]) + np.linalg.norm(lower[0]))
    along = _unit(upper + lower)
    hinge = legs.hinge(upper, lower, turns, _usual(goal, limb))
    ahead = _unit(np.cross(along, hinge))
    across = np.cross(along, ahead)
    offset = upper - along * _dot(upper, along)
    forward, aside = _dot(offset, ahead), _dot(offset, across)
    behind = BEHIND * length
    forward = np.sqrt(forward**2 + (NOISE * length) ** 2) * np.clip(4.0 * (forward + behind) / behind, -1.0, 1.0)
    return _unit(forward * ahead + aside * across)


def _usual(goal: Target, limb: Limb) -> Array:
    """(3,) the axis at rest about which an elbow or knee is expected to bend: as it is bent, or as people's do."""
    start, corner, tip = goal.heads[limb.start], goal.heads[limb.part], limb.chain.tip
    upper, lower = _unit(corner - start), _unit(tip - corner)
    ahead = goal.to_armature(rest.FORWARD if limb.part.endswith("elbow") else -rest.FORWARD)
    people = _unit(np.cross(upper, _unit(ahead)))
    return _unit(np.cross(upper, lower) + LEAST * people)


def _turned(turns: Array, vector: Array) -> Array:
    return quaternion.rotate(turns, np.broadcast_to(vector, (len(turns), 3)))


def _dot(a: Array, b: Array) -> Array:
    return np.sum(a * b, axis=-1, keepdims=True)


def _unit(v: Array) -> Array:
    return v / np.maximum(np.linalg.norm(v, axis=-1, keepdims=True), 1e-12)
