# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading an armature object into arrays, without leaving a trace on it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

import bpy
import numpy as np

from ..errors import SkeletonProblem
from ..motion import quaternion
from ..motion.quaternion import Array
from ..retarget import controls, roles
from ..retarget.channels import from_quaternions
from ..retarget.rig import Chain, Rig
from ..retarget.roles import RigMap
from ..retarget.target import rigid
from . import constraints, placed

# Blender's Z up to Y up.
TO_Y_UP: Array = np.array([[1, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1.0]])

# Turns of this size (radians) tell two bones apart and leave limbs about where they are.
PROBE_TURN = 0.1
# By this share of its length a limb is shortened by its inverse kinematics, so that its bend shows.
PROBE_BEND = 0.25
# A bone is in its place and of its size within this (Blender units).
STILL = 1e-5
# Two rotations measured in Blender's single precision are the same within this.
SAME = 2e-4


def read(object: bpy.types.Object, rig_map: RigMap | None = None) -> Rig:
    """The rig of an armature object, as it stands in the current scene.

    rig_map: an edited mapping, if the bones to be keyed are not those that `roles.map_rig` finds by itself: what
        carries a bone depends on which bones are keyed.
    Nothing on the object is changed: poses and properties set to find out what follows what are put back exactly.
    Raises SkeletonProblem for an object that is not an armature, has no bones, or can't be animated because it is linked.
    """
    check(object)
    # A script may have moved the object or posed the rig a line before.
    bpy.context.view_layer.update()
    rig = plain(object)
    if _is_plain(object):
        return rig
    rig_map = rig_map or roles.map_rig(rig)
    rig = replace(rig, chains=constraints.chains(object, rig, rig_map))
    return _measured(object, rig, rig_map)


def check(object: bpy.types.Object) -> None:
    """Raise SkeletonProblem if the object can't take a motion."""
    if object is None or object.type != "ARMATURE":
        name = f"“{object.name}” is no armature" if object else "Nothing is selected"
        raise SkeletonProblem(f"{name}: select the armature of a human rig.")
    if not object.pose or not object.pose.bones:
        raise SkeletonProblem(f"“{object.name}” has no bones: pick an armature with a human rig.")
    if not object.is_editable:
        raise SkeletonProblem(f"“{object.name}” is linked from another file: make a library override of it first.")


def plain(object: bpy.types.Object) -> Rig:
    """The rig as its hierarchy says, constraints and drivers left aside; nothing is touched to find out."""
    bones = _ordered(object)
    index = {bone.name: i for i, bone in enumerate(bones)}
    parents = np.array([index[bone.parent.name] if bone.parent else -1 for bone in bones], dtype=np.int64)
    posed = [object.pose.bones[bone.name] for bone in bones]
    displaced, moved = (rows[_order(object, index)] for rows in _off_rest(object))
    follows = np.array([bone.use_inherit_rotation for bone in bones])
    scale = bpy.context.scene.unit_settings.scale_length or 1.0
    world = TO_Y_UP @ np.array(object.matrix_world)
    world[:3] *= scale
    return Rig(
        name=object.name,
        names=tuple(index),
        parents=parents,
        rest=np.array([bone.matrix_local for bone in bones], dtype=np.float64),
        lengths=np.array([bone.length for bone in bones]),
        world=world,
        modes=tuple(bone.rotation_mode for bone in posed),
        carriers=np.where(follows, parents, -1),
        connected=np.array([bone.use_connect and bone.parent is not None for bone in bones]),
        local_location=np.array([bone.use_local_location for bone in bones]),
        rotation_locks=np.array([(bone.lock_rotation_w, *bone.lock_rotation) for bone in posed]),
        location_locks=np.array([tuple(bone.lock_location) for bone in posed]),
        displaced=displaced,
        properties=frozenset((bone.name, key) for bone in posed for key in bone.keys()),  # noqa: SIM118
        driven=_driven(object),
        object=placed.of_object(object),
        posed={posed[i].name: placed.of_bone(posed[i]) for i in np.flatnonzero(moved)},
    )


def deforming(object: bpy.types.Object, keyed: Mapping[str, str]) -> dict[str, str]:
    """For each role the deforming bone that starts where the keyed bone does at rest, or the keyed bone itself.

    A rig of controls moves its deforming bones through constraints: those show what really happens to a character.
    """
    bones = object.data.bones
    found = [bone for bone in bones if bone.use_deform]
    if not found:
        return dict(keyed)
    heads = np.array([bone.head_local for bone in found], np.float64)
    out = {}
    for role, name in keyed.items():
        control = bones[name]
        away = np.linalg.norm(heads - np.array(control.head_local), axis=1)
        # Several bones may start at one joint: the one that points the same way is the limb.
        along = np.array([bone.vector.normalized().dot(control.vector.normalized()) for bone in found])
        best = int(np.argmin(away / max(control.length, 1e-9) - 0.05 * along))
        out[role] = found[best].name if away[best] < 0.3 * control.length else name
    return out


def _driven(object: bpy.types.Object) -> frozenset[str]:
    """Names of bones with constraints, or with drivers on a rotation."""
    animated = object.animation_data
    paths = [curve.data_path for curve in animated.drivers] if animated else []
    turned = {path.rsplit(".", 1)[0] for path in paths if path.rsplit(".", 1)[-1].startswith("rotation_")}
    bones = object.pose.bones
    return frozenset(bone.name for bone in bones if len(bone.constraints) or (turned and bone.path_from_id() in turned))


def _off_rest(object: bpy.types.Object) -> tuple[np.ndarray, np.ndarray]:
    """Of every pose bone, in Blender's order, whether it is off its place or size, and whether it is posed at all."""
    bones = object.pose.bones
    channels = {"location": 3, "scale": 3, "matrix_basis": 16}
    found = {name: np.empty(len(bones) * size, dtype=np.float32) for name, size in channels.items()}
    for name, values in found.items():
        bones.foreach_get(name, values)
    location, scale, basis = (values.reshape(len(bones), -1) for values in found.values())
    displaced = (np.abs(location) > STILL).any(axis=1) | (np.abs(scale - 1.0) > STILL).any(axis=1)
    return displaced, (np.abs(basis - np.eye(4).ravel()) >= placed.STILL).any(axis=1)


def _order(object: bpy.types.Object, index: Mapping[str, int]) -> np.ndarray:
    """Where each of our bones is among the object's pose bones."""
    out = np.empty(len(index), dtype=np.int64)
    out[[index[name] for name in object.pose.bones.keys()]] = np.arange(len(index))  # noqa: SIM118
    return out


def _ordered(object: bpy.types.Object) -> list[bpy.types.Bone]:
    """The bones, parents before children."""
    out = [bone for bone in object.data.bones if bone.parent is None]
    for bone in out:
        out.extend(bone.children)
    return out


def _is_plain(object: bpy.types.Object) -> bool:
    """Whether every bone simply follows its parent."""
    animated = object.animation_data
    data = object.data.animation_data
    if (animated and len(animated.drivers)) or (data and len(data.drivers)):
        return False
    return not any(len(bone.constraints) for bone in object.pose.bones)


def _measured(object: bpy.types.Object, rig: Rig, rig_map: RigMap) -> Rig:
    """The rig with what carries each keyed bone, and how its chains point at their poles.

    Every keyed bone is turned differently and one looks whose turn, and place, it took on. Where none fits exactly (a blend
    of several, say) the nearest mapped bone above stands in. In the same pose the limbs' own controls bend them.
    """
    limbs = controls.limbs(rig, rig_map)
    moved = [rig.index(name) for limb in limbs for name in (limb.chain.control, limb.chain.pole) if name]
    also = [rig.index(limb.toe) for limb in limbs if limb.toe]
    also += [rig.index(name) for names in rig_map.twists.values() for name in names if name not in rig.driven]
    body = [rig.index(name) for name in (*rig_map.bones.values(), rig_map.travel, rig_map.root) if name]
    keyed = list(dict.fromkeys((*body, *moved, *also)))
    random = np.random.default_rng(1)
    axes = quaternion.normalise(np.concatenate([np.zeros((len(keyed), 1)), random.normal(size=(len(keyed), 3))], axis=-1))
    turns = quaternion.from_axis_angle(axes[:, 1:], np.full(len(keyed), PROBE_TURN))
    with _probing(object, {**controls.auxiliary(rig_map), **rig_map.switches}):
        for bone, turn in zip(keyed, turns, strict=True):
            posed = object.pose.bones[rig.names[bone]]
            mode = rig.modes[bone]
            _turn(posed, mode, from_quaternions(turn[None], mode)[0])
        for limb in limbs:
            _shorten(object, rig, limb.chain)
        bpy.context.view_layer.update()
        posed = [object.pose.bones[rig.names[bone]] for bone in keyed]
        matrices = np.array([bone.matrix for bone in posed], dtype=np.float64)
        basis = np.array([bone.matrix_basis for bone in posed], dtype=np.float64)
        # A location that isn't along the bone's own axes is applied as if it were turned into them.
        loose = ~rig.local_location[keyed]
        basis[loose, :3, 3] = np.einsum("bji,bj->bi", rig.rest[keyed][loose, :3, :3], basis[loose, :3, 3])
        measured = {limb.chain.bone: _angle(object, limb.chain) for limb in limbs if limb.chain.pole and not limb.own}
    chains = tuple(replace(chain, angle=measured.get(chain.bone, 0.0)) for chain in rig.chains)
    carriers, holders = _carriers(rig, keyed, matrices, basis)
    return replace(rig, chains=chains, carriers=carriers, holders=holders)


def _shorten(object: bpy.types.Object, rig: Rig, chain: Chain) -> None:
    """Move the control of a limb's end some way towards where the limb begins."""
    root, control = (rig.rest[rig.index(name)] for name in (chain.root, chain.control))
    posed = object.pose.bones[chain.control]
    way = PROBE_BEND * (root[:3, 3] - chain.tip)
    posed.location = rigid(control[:3, :3]).T @ way if posed.bone.use_local_location else way


def _angle(object: bpy.types.Object, chain: Chain) -> float:
    """See `Chain.angle`; as posed now."""
    return controls.measured_angle(*constraints.bent(object, chain))


def _carriers(rig: Rig, keyed: list[int], matrices: Array, basis: Array) -> tuple[np.ndarray, np.ndarray]:
    """(bones,) what carries the turn of each keyed bone, and what its place.

    matrices, basis: (bones, 4, 4) of the keyed bones, posed in the armature's space and by their channels.
    """
    back = np.linalg.inv(rig.rest[keyed])
    size = float(np.linalg.norm(np.ptp(rig.rest[:, :3, 3], axis=0)))
    own, carried = matrices @ back, matrices @ np.linalg.inv(basis) @ back
    own_turns, turns = rigid(own[:, :3, :3]), rigid(carried[:, :3, :3])
    if np.abs(own_turns - np.eye(3)).max() < SAME:
        raise SkeletonProblem(
            f"“{rig.name}” is hidden or not in this view layer: show it, so that its constraints can be read."
        )
    heads = rig.rest[keyed][:, :, 3]
    carriers, holders = rig.carriers.copy(), rig.parents.copy()
    for i, bone in enumerate(keyed):
        turned = np.abs(own_turns - turns[i]).max(axis=(1, 2))
        place = (carried[i] @ heads[i])[:3]
        held = np.abs((own @ heads[i])[:, :3] - place).max(axis=1) / size
        # One that carries both goes before those that happen to carry one of them.
        both = np.maximum(turned, held)
        both[i] = turned[i] = held[i] = np.inf
        carriers[bone] = _first([both, turned], np.abs(turns[i] - np.eye(3)).max(), keyed, carriers[bone])
        holders[bone] = _first([both, held], np.abs(place - heads[i, :3]).max() / size, keyed, holders[bone])
    return carriers, holders


def _first(apart: list[Array], still: float, keyed: list[int], otherwise: int) -> int:
    """The keyed bone that is as it should be by the first of several measures by which one is; -1 if none need be."""
    for each in apart:
        if each.min() < SAME:
            return keyed[int(each.argmin())]
    return -1 if still < SAME else otherwise


def _turn(bone: bpy.types.PoseBone, mode: str, rotation: Array) -> None:
    if mode == "QUATERNION":
        bone.rotation_quaternion = rotation
    elif mode == "AXIS_ANGLE":
        bone.rotation_axis_angle = rotation
    else:
        bone.rotation_euler = rotation


# Channels of a pose, their width, and what they hold at rest.
CHANNELS = {
    "location": (0.0, 0.0, 0.0),
    "rotation_quaternion": (1.0, 0.0, 0.0, 0.0),
    "rotation_euler": (0.0, 0.0, 0.0),
    "rotation_axis_angle": (0.0, 0.0, 1.0, 0.0),
    "scale": (1.0, 1.0, 1.0),
}


@contextmanager
def _probing(object: bpy.types.Object, wanted: Mapping[tuple[str, str], float]) -> Iterator[None]:
    """The whole rig at rest with its switches set as wanted; everything is put back afterwards."""
    bones = object.pose.bones
    switches = {(name, key): bones[name][key] for name, key in wanted}
    position = object.data.pose_position
    poses = {channel: np.empty(len(bones) * len(rest), dtype=np.float32) for channel, rest in CHANNELS.items()}
    for channel, values in poses.items():
        bones.foreach_get(channel, values)
    try:
        for channel, rest in CHANNELS.items():
            bones.foreach_set(channel, np.tile(np.array(rest, dtype=np.float32), len(bones)))
        for (name, key), value in wanted.items():
            bones[name][key] = type(switches[name, key])(value)
        object.data.pose_position = "POSE"
        # Neither drivers on custom properties nor poses set in bulk are noticed unless the object is tagged.
        object.update_tag()
        yield
    finally:
        for channel, values in poses.items():
            bones.foreach_set(channel, values)
        for (name, key), value in switches.items():
            bones[name][key] = value
        object.data.pose_position = position
        object.update_tag()
        bpy.context.view_layer.update()
