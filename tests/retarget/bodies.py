# SPDX-License-Identifier: GPL-3.0-or-later
"""Rigs and clips made in code: bodies of any pose, names, rolls and axes, and the way Blender poses a rig."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from tmr_blender.motion import quaternion
from tmr_blender.motion.clip import Clip
from tmr_blender.motion.quaternion import Array
from tmr_blender.motion.skeleton import Skeleton, forward
from tmr_blender.retarget import channels
from tmr_blender.retarget.rig import Keys, Rig

# role: (parent, place in a T pose facing +Z with Y up, metres); the left side only.
MIDDLE: dict[str, tuple[str | None, tuple[float, float, float]]] = {
    "pelvis": (None, (0, 0.95, 0)),
    "spine1": ("pelvis", (0, 1.05, -0.01)),
    "spine2": ("spine1", (0, 1.20, -0.02)),
    "spine3": ("spine2", (0, 1.33, -0.01)),
    "neck": ("spine3", (0, 1.50, -0.03)),
    "head": ("neck", (0, 1.60, 0.01)),
}
SIDE: dict[str, tuple[str, tuple[float, float, float]]] = {
    "collar": ("spine3", (0.03, 1.45, 0.0)),
    "shoulder": ("collar", (0.17, 1.45, -0.03)),
    "elbow": ("shoulder", (0.44, 1.45, -0.03)),
    "wrist": ("elbow", (0.70, 1.45, -0.03)),
    "hip": ("pelvis", (0.09, 0.90, 0)),
    "knee": ("hip", (0.10, 0.49, 0.01)),
    "ankle": ("knee", (0.10, 0.08, -0.02)),
    "foot": ("ankle", (0.11, 0.02, 0.11)),
}
TIPS = {"head": (0, 0.2, 0), "wrist": (0.1, 0, 0), "foot": (0, 0, 0.07)}

MIXAMO = {
    "pelvis": "mixamorig:Hips",
    "spine1": "mixamorig:Spine",
    "spine2": "mixamorig:Spine1",
    "spine3": "mixamorig:Spine2",
    "neck": "mixamorig:Neck",
    "head": "mixamorig:Head",
} | {
    f"{side}_{role}": f"mixamorig:{side.capitalize()}{name}"
    for side in ("left", "right")
    for role, name in {
        "collar": "Shoulder",
        "shoulder": "Arm",
        "elbow": "ForeArm",
        "wrist": "Hand",
        "hip": "UpLeg",
        "knee": "Leg",
        "ankle": "Foot",
        "foot": "ToeBase",
    }.items()
}
UNREAL = {
    "pelvis": "pelvis",
    "spine1": "spine_01",
    "spine2": "spine_02",
    "spine3": "spine_03",
    "neck": "neck_01",
    "head": "head",
} | {
    f"{side}_{role}": f"{name}_{side[0]}"
    for side in ("left", "right")
    for role, name in {
        "collar": "clavicle",
        "shoulder": "upperarm",
        "elbow": "lowerarm",
        "wrist": "hand",
        "hip": "thigh",
        "knee": "calf",
        "ankle": "foot",
        "foot": "ball",
    }.items()
}


def body(arms: float = 0.0, size: float = 1.0, legs: float = 1.0) -> tuple[list[str], np.ndarray, Array]:
    """Roles, parents and places of a standing body.

    arms: degrees by which they hang from a T pose; size: of the whole; legs: of the legs alone.
    """
    table: dict[str, tuple[str | None, tuple[float, float, float]]] = dict(MIDDLE)
    for side, sign in (("left", 1.0), ("right", -1.0)):
        for role, (parent, (x, y, z)) in SIDE.items():
            table[f"{side}_{role}"] = (parent if parent in MIDDLE else f"{side}_{parent}", (x * sign, y, z))
    roles = list(table)
    parents = np.array([roles.index(p) if p else -1 for p, _ in table.values()])
    places = np.array([place for _, place in table.values()], dtype=np.float64)
    for side, sign in (("left", 1.0), ("right", -1.0)):
        shoulder = places[roles.index(f"{side}_shoulder")]
        turn = quaternion.from_axis_angle(np.array([0, 0, -sign]), np.radians(arms))
        for role in ("elbow", "wrist"):
            i = roles.index(f"{side}_{role}")
            places[i] = shoulder + quaternion.rotate(turn, places[i] - shoulder)
    low = places[:, 1] < 0.92
    places[low, 1] *= legs
    places[~low, 1] += 0.9 * (legs - 1)
    return roles, parents, places * size


def rig(
    names: Mapping[str, str],
    arms: float = 0.0,
    rolls: int | None = 0,
    modes: Mapping[str, str] | None = None,
    world: Array | None = None,
    axes: Array | None = None,
    **shape: float,
) -> Rig:
    """A rig as Blender has it: Z up, facing -Y, bones along Y, rolled at random (rolls: the seed).

    modes: role -> rotation mode. world: (4, 4) of the object, Blender's axes. axes: (3, 3) that turns the armature's own
    space, as importers of other programs do.
    """
    roles, parents, places = body(arms, **shape)
    places = places[:, [0, 2, 1]] * [1, -1, 1]
    axes = np.eye(3) if axes is None else axes
    places = places @ axes.T
    random = np.random.default_rng(rolls)
    rest = np.tile(np.eye(4), (len(roles), 1, 1))
    lengths = np.zeros(len(roles))
    for i, role in enumerate(roles):
        below = [j for j in range(len(roles)) if parents[j] == i]
        tip = TIPS.get(role.split("_")[-1])
        if tip is not None:
            sign = -1.0 if role.startswith("right") else 1.0
            along = axes @ (np.array([tip[0] * sign, -tip[2], tip[1]]))
        else:
            along = places[below[0]] - places[i]
        lengths[i] = np.linalg.norm(along)
        roll = random.uniform(-np.pi, np.pi) if rolls is not None else 0.0
        rest[i, :3, :3] = bone_axes(along, roll)
        rest[i, :3, 3] = places[i]
    to_y_up = np.array([[1, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1.0]])
    count = len(roles)
    return Rig(
        name="rig",
        names=tuple(names[role] for role in roles),
        parents=parents,
        rest=rest,
        lengths=lengths,
        world=to_y_up @ (np.eye(4) if world is None else world),
        modes=tuple((modes or {}).get(role, "QUATERNION") for role in roles),
        carriers=parents.copy(),
        connected=np.zeros(count, dtype=bool),
        local_location=np.ones(count, dtype=bool),
        rotation_locks=np.zeros((count, 4), dtype=bool),
        location_locks=np.zeros((count, 3), dtype=bool),
        displaced=np.zeros(count, dtype=bool),
    )


def from_table(path: Path) -> Rig:
    """A rig of MPFB's JSON tables: heads, tails and rolls in Blender's space."""
    table = json.loads(path.read_text(encoding="utf-8"))
    bones = table.get("bones", table)
    names: list[str] = []
    while len(names) < len(bones):
        names += [n for n in bones if n not in names and (not bones[n]["parent"] or bones[n]["parent"] in names)]
    count = len(names)
    ends = np.array([[bones[name][end]["default_position"] for end in ("head", "tail")] for name in names])
    rest = np.tile(np.eye(4), (count, 1, 1))
    rest[:, :3, 3] = ends[:, 0]
    rest[:, :3, :3] = [bone_axes(tail - head, bones[n]["roll"]) for n, (head, tail) in zip(names, ends, strict=True)]
    parents = np.array([names.index(bones[name]["parent"]) if bones[name]["parent"] else -1 for name in names])
    return Rig(
        name=path.stem,
        names=tuple(names),
        parents=parents,
        rest=rest,
        lengths=np.linalg.norm(ends[:, 1] - ends[:, 0], axis=-1),
        world=np.array([[1, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1.0]]),
        modes=("QUATERNION",) * count,
        carriers=parents.copy(),
        connected=np.zeros(count, dtype=bool),
        local_location=np.ones(count, dtype=bool),
        rotation_locks=np.zeros((count, 4), dtype=bool),
        location_locks=np.zeros((count, 3), dtype=bool),
        displaced=np.zeros(count, dtype=bool),
    )


def bone_axes(along: Array, roll: float) -> Array:
    """(3, 3) with Y along a direction, turned about it by a roll."""
    turn = quaternion.between(np.array([0.0, 1.0, 0.0]), along)
    rolled = quaternion.from_axis_angle(np.array([0.0, 1.0, 0.0]), np.array(roll))
    return quaternion.to_matrix(quaternion.multiply(turn, rolled))


def pose(rig: Rig, keys: Keys) -> Array:
    """What Blender makes of the keys: (frames, bones, 4, 4) in the armature's space."""
    out = np.tile(rig.rest, (keys.frames, 1, 1, 1))
    for bone in range(rig.count):
        parent = rig.parents[bone]
        space = rig.rest[bone]
        if parent >= 0:
            space = out[:, parent] @ np.linalg.inv(rig.rest[parent]) @ rig.rest[bone]
        basis = np.tile(np.eye(4), (keys.frames, 1, 1))
        written = keys.bones.get(rig.names[bone])
        if written is not None and written.rotation is not None:
            basis[:, :3, :3] = quaternion.to_matrix(channels.to_quaternions(written.rotation, written.mode))
        if written is not None and written.location is not None:
            basis[:, :3, 3] = written.location
        out[:, bone] = space @ basis
    return out


def heads(rig: Rig, keys: Keys, names: Mapping[str, str]) -> dict[str, Array]:
    """role -> (frames, 3) in the world, Y up."""
    placed = pose(rig, keys)[..., :3, 3] @ rig.world[:3, :3].T + rig.world[:3, 3]
    return {role: placed[:, rig.index(name)] for role, name in names.items()}


def clip(frames: int = 40, seed: int = 0, fps: float = 30.0, wild: float = 0.6, **shape: float) -> Clip:
    """A body that moves smoothly and at random, standing in a T pose at rest, every joint named after its role.

    Knees and elbows bend as hinges do, elbows upward a little as people's do; shins and forearms have no other freedom.
    """
    roles, parents, places = body(**shape)
    offsets = places.copy()
    for i, parent in enumerate(parents):
        if parent >= 0:
            offsets[i] = places[i] - places[parent]
    random = np.random.default_rng(seed)
    time = np.arange(frames) / fps
    rotations = np.empty((frames, len(roles), 4))
    for i, role in enumerate(roles):
        waves = [
            wild * random.normal() * 0.5 * np.sin(2 * np.pi * random.uniform(0.2, 1) * time + random.uniform(0, 6))
            for _ in range(3)
        ]
        vector = np.stack(waves, axis=-1)
        bend = 0.7 + 0.5 * np.sin(time * 3 + i)
        if role.endswith("knee"):
            vector = np.outer(bend, [1.0, 0, 0])
        elif role.endswith("elbow"):
            vector = np.outer(bend, np.array([0, -np.cos(0.5), np.sin(0.5)]) * (1 if role.startswith("left") else -1))
        elif role not in ("pelvis",) and not role.endswith(("shoulder", "hip")):
            vector *= 0.3
        rotations[:, i] = quaternion.from_rotation_vector(vector)
    translations = np.tile(offsets, (frames, 1, 1))
    translations[:, 0] += np.stack([0.5 * time, 0.05 * np.sin(4 * time), 1.2 * time], axis=-1)
    rest = np.tile(quaternion.IDENTITY, (len(roles), 1))
    return Clip("made", Skeleton(tuple(roles), parents, offsets, rest), fps, rotations, translations)


def along_x(source: Clip) -> Clip:
    """The same performance written as some exporters do: in the zero pose every limb lies along its local X axis."""
    turned, placed = source.globals()
    s = source.skeleton
    own = np.tile(quaternion.IDENTITY, (s.count, 1))
    _, rest = s.rest_globals()
    for i, name in enumerate(s.names):
        parent = int(s.parents[i])
        ends = [rest[j] - rest[i] for j in s.children(i) if np.linalg.norm(rest[j] - rest[i]) > 1e-6]
        along = np.array([0, 1.0, 0]) if parent < 0 else ends[0] if ends else None
        if along is None:
            own[i] = own[parent]
        elif "shoulder" in name.lower() or "collar" in name.lower() or parent < 0:
            own[i] = quaternion.between(np.array([1.0, 0, 0]), along)
        else:
            # In line with the parent, so that zero means unbent and untwisted.
            carried = quaternion.rotate(own[parent], np.array([1.0, 0, 0]))
            own[i] = quaternion.multiply(quaternion.between(carried, along), own[parent])
    turned = quaternion.multiply(turned, own)
    rotations, translations = turned.copy(), placed.copy()
    for i, parent in enumerate(s.parents):
        if parent >= 0:
            back = quaternion.inverse(turned[:, parent])
            rotations[:, i] = quaternion.multiply(back, turned[:, i])
            translations[:, i] = quaternion.rotate(back, placed[:, i] - placed[:, parent])
    rest_pose = np.tile(quaternion.IDENTITY, (s.count, 1))
    skeleton = replace(s, offsets=translations[0], rest=rest_pose)
    assert np.allclose(forward(s.parents, rotations, translations)[1], placed)
    return replace(source, skeleton=skeleton, rotations=rotations, translations=translations)


def angle(a: Array, b: Array) -> Array:
    """Degrees between vectors (..., 3)."""
    return np.degrees(
        2 * np.arctan2(np.linalg.norm(_unit(a) - _unit(b), axis=-1), np.linalg.norm(_unit(a) + _unit(b), axis=-1))
    )


def _unit(v: Array) -> Array:
    return v / np.linalg.norm(v, axis=-1, keepdims=True)
