# SPDX-License-Identifier: GPL-3.0-or-later
"""The extension's side: apply a take, say where the time went, look at the keys, and at what must not have changed."""

import hashlib
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from typing import Any

import figures
import numpy as np

from . import metrics
from .metrics import Array, Recording

STEPS = (
    ("motion.humanoid", "recognise"),
    ("blender.rig", "read"),
    ("retarget.roles", "map_rig"),
    ("retarget.performance", "perform"),
    ("retarget.solver", "solve"),
    ("retarget.keying", "keys"),
    ("blender.action", "make"),
    ("blender.action", "assign"),
)
"""The functions between which time is split, as module and name."""


def apply(bpy: Any, rig: Any, clip: Any, **wanted: object) -> Any:
    """The action that the extension makes of a clip, from frame 1 on."""
    module = figures.ours("blender.apply")
    known = {field.name for field in fields(module.Placement)}
    placement = {"at": 1, "extent": "KEEP", "heading": "take", "feet": False, "hands": "free", **wanted}
    unknown = set(placement) - known
    if unknown:
        raise KeyError(f"Placement has no {', '.join(sorted(unknown))}")
    return module.apply(bpy.context, rig, clip, "ours", module.Placement(**placement))


@contextmanager
def timed() -> Iterator[dict[str, float]]:
    """Milliseconds by step, exclusive of the steps inside, of what is applied meanwhile."""
    spent: dict[str, float] = {}
    inside: list[float] = []
    undo = []

    def clocked(function: Callable[..., Any], name: str) -> Callable[..., Any]:
        def call(*arguments: object, **named: object) -> object:
            inside.append(0.0)
            start = time.perf_counter()
            result = function(*arguments, **named)
            taken = (time.perf_counter() - start) * 1000.0
            spent[name] = spent.get(name, 0.0) + taken - inside.pop()
            if inside:
                inside[-1] += taken
            return result

        return call

    for path, name in STEPS:
        former = getattr(figures.ours(path), name)
        new = clocked(former, name)
        # Modules that have imported the function by name hold it as well.
        for module in [module for key, module in sys.modules.items() if key.startswith(figures.MODULE)]:
            for attribute in [key for key, value in vars(module).items() if value is former]:
                undo.append((module, attribute, former))
                setattr(module, attribute, new)
    try:
        yield spent
    finally:
        for module, attribute, former in undo:
            setattr(module, attribute, former)


def curves_of(action: Any, animated: Any) -> Any:
    """The F-curves of an action that move an object."""
    if not hasattr(action, "layers"):
        return action.fcurves
    bags = [strip.channelbag(animated.animation_data.action_slot) for layer in action.layers for strip in layer.strips]
    return [curve for bag in bags if bag is not None for curve in bag.fcurves]


def keys(curve: Any) -> Array:
    """(keys, 2) frames and values."""
    values = np.empty(2 * len(curve.keyframe_points), np.float32)
    curve.keyframe_points.foreach_get("co", values)
    return values.reshape(-1, 2).astype(np.float64)


def broken_keys(action: Any, rig: Any) -> tuple[int, int, str]:
    """Over all bones that are turned: how many keys there are, how many go the long way round, and of which bone the most."""
    found: dict[str, dict[int, Array]] = {}
    for curve in curves_of(action, rig):
        if curve.data_path.endswith(("rotation_quaternion", "rotation_euler")):
            found.setdefault(curve.data_path, {})[curve.array_index] = keys(curve)[:, 1]
    total, broken, who, most = 0, 0, "", 0
    for path, channels in found.items():
        values = np.stack([channels[i] for i in sorted(channels)], axis=1)
        count = metrics.breaks(values, "QUATERNION" if path.endswith("quaternion") else "EULER")
        total, broken = total + values.size, broken + count
        if count > most:
            most, who = count, path.split('"')[1]
    return total, broken, who


def unset(bpy: Any, rig: Any, action: Any, switches: Mapping[tuple[str, str], float]) -> list[str]:
    """Switches that don't have their value while the action plays."""
    bpy.context.scene.frame_set(round(action.frame_range[0]))
    return [f"{bone}[{key}]" for (bone, key), value in switches.items() if abs(rig.pose.bones[bone][key] - value) > 1e-6]


def other_action(bpy: Any, rig: Any) -> Any:
    """An action of the rig's own that something else plays: an NLA strip of another object holds on to it."""
    bone = rig.pose.bones[0]
    bone.location = (0.1, 0.2, 0.3)
    bone.keyframe_insert("location", frame=3)
    bone.location = (0.3, -0.2, 0.1)
    bone.keyframe_insert("location", frame=9)
    action = rig.animation_data.action
    action.use_fake_user = True
    rig.animation_data.action = None
    bone.location = (0.0, 0.0, 0.0)
    return action


SETTINGS = ("mute", "influence", "subtarget", "pole_subtarget", "target_space", "owner_space", "mix_mode", "use_x", "use_y")
"""Of a constraint; those that a driver sets follow the switches."""


def fingerprint(rig: Any, action: Any) -> dict[str, str]:
    """What must stay as it is, each as a hash: another action's keys, the bones at rest, the object, its constraints."""
    curves: list[bytes] = []
    holders = [action.fcurves] if not hasattr(action, "layers") else []
    if not holders:
        holders = [bag.fcurves for layer in action.layers for strip in layer.strips for bag in strip.channelbags]
    for curve in (curve for holder in holders for curve in holder):
        points = [(*p.co, *p.handle_left, *p.handle_right, p.interpolation, p.handle_left_type) for p in curve.keyframe_points]
        curves.append(repr((curve.data_path, curve.array_index, points)).encode())
    bones = rig.data.bones
    rest = [(b.name, *(v for row in b.matrix_local for v in row), b.length, b.use_connect, b.inherit_scale) for b in bones]
    placed = [tuple(row) for row in (*rig.matrix_world, *rig.matrix_basis, *rig.matrix_parent_inverse)]
    modes = [(b.name, b.rotation_mode, *b.lock_location, *b.lock_rotation, *b.lock_scale) for b in rig.pose.bones]
    driven = {driver.data_path for driver in rig.animation_data.drivers}
    constraints = [
        (b.name, c.type, c.name, *(getattr(c, key, "") for key in SETTINGS if f"{c.path_from_id()}.{key}" not in driven))
        for b in rig.pose.bones
        for c in b.constraints
    ]
    drivers = [(d.data_path, d.array_index, d.driver.expression) for d in rig.animation_data.drivers]
    parts = {
        "another action": curves,
        "rest pose": rest,
        "object": placed,
        "modes and locks": modes,
        "constraints": constraints,
        "drivers": drivers,
    }
    return {name: hashlib.sha256(repr(part).encode()).hexdigest() for name, part in parts.items()}


def as_clip(recording: Recording, name: str) -> Any:
    """What was recorded, as a clip of a skeleton with the roles as names, its rest pose the rig's: for the way back."""
    quaternion, clip = figures.ours("motion.quaternion"), figures.ours("motion.clip")
    skeleton = figures.ours("motion.skeleton")
    parents = np.array([_above(role, recording.roles) for role in recording.roles])
    order = sorted(range(len(parents)), key=lambda i: _depth(parents, i))
    new = {old: i for i, old in enumerate(order)}
    parents = np.array([new[int(parents[i])] if parents[i] >= 0 else -1 for i in order])
    to_y_up = np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0.0]])
    turned = quaternion.from_matrix(to_y_up @ recording.turns[:, order])
    placed = recording.positions[:, order] @ to_y_up.T
    rest_turned = quaternion.from_matrix(to_y_up @ recording.rest_turns[order])
    rest_placed = recording.rest_positions[order] @ to_y_up.T
    rotations, translations = _local(quaternion, parents, turned, placed)
    rest, offsets = _local(quaternion, parents, rest_turned[None], rest_placed[None])
    names = tuple(recording.roles[i] for i in order)
    return clip.Clip(name, skeleton.Skeleton(names, parents, offsets[0], rest[0]), recording.fps, rotations, translations)


def _local(quaternion: Any, parents: np.ndarray, turned: Array, placed: Array) -> tuple[Array, Array]:
    """From global to the parent's frame."""
    rotations, translations = turned.copy(), placed.copy()
    for joint, parent in enumerate(parents):
        if parent >= 0:
            back = quaternion.inverse(turned[:, parent])
            rotations[:, joint] = quaternion.multiply(back, turned[:, joint])
            translations[:, joint] = quaternion.rotate(back, placed[:, joint] - placed[:, parent])
    return rotations, translations


def _depth(parents: np.ndarray, joint: int) -> int:
    depth = 0
    while parents[joint] >= 0:
        joint, depth = int(parents[joint]), depth + 1
    return depth


def _above(role: str, roles: tuple[str, ...]) -> int:
    """The index of the nearest role below it in the body; -1 for the pelvis."""
    spine = sorted((r for r in roles if r.startswith("spine")), key=lambda r: int(r[5:]))
    neck = sorted((r for r in roles if r.startswith("neck")), key=lambda r: int(r[4:] or 1))
    trunk = ["pelvis", *spine]
    if role in trunk:
        line = trunk
    elif role in neck or role == "head":
        line = [trunk[-1], *neck, *(["head"] if "head" in roles else [])]
    else:
        side, part = role.split("_")
        leg = part in ("hip", "knee", "ankle", "foot")
        row = ("hip", "knee", "ankle", "foot") if leg else ("collar", "shoulder", "elbow", "wrist")
        line = ["pelvis" if leg else trunk[-1], *(f"{side}_{p}" for p in row if f"{side}_{p}" in roles)]
        line += [role] if role not in line else []
    place = line.index(role)
    return roles.index(line[place - 1]) if place else -1
