# SPDX-License-Identifier: GPL-3.0-or-later
"""Reduced keys as Blender evaluates their curves, put on by the operator."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy
import numpy as np
import parts
import pytest
from bl_ext.user_default.tmr_blender.blender import default_rig, rig
from bl_ext.user_default.tmr_blender.retarget import rest, roles

RIGS: dict[str, Callable[[Path], Any]] = {
    "Mixamo": lambda shared: parts.human(),
    "Unreal": lambda shared: default_rig.load(shared / "rigs" / "ue_names.glb"),
    "Rigify": lambda shared: default_rig.rigify_human(),
}


def posed(armature: Any, frames: range) -> tuple[np.ndarray, np.ndarray]:
    """Heads (frames, bones, 3) in the world and turns (frames, bones, 3, 3), as evaluated, of what deforms the limbs."""
    found = roles.map_rig(rig.read(armature)).bones
    names = [found[role] for limb in rest.LIMBS for role in limb]
    names = [deforming if (deforming := "DEF-" + name.replace("_fk", "")) in armature.data.bones else name for name in names]
    heads, turns = [], []
    for frame in frames:
        bpy.context.scene.frame_set(frame)
        seen = armature.evaluated_get(bpy.context.evaluated_depsgraph_get())
        heads.append([seen.matrix_world @ seen.pose.bones[name].head for name in names])
        turns.append([seen.pose.bones[name].matrix.to_3x3().normalized() for name in names])
    return np.array(heads), np.array(turns)


@pytest.mark.parametrize("name", RIGS)
def test_evaluated_bones_keep_to_the_tolerance(factory_scene: None, name: str, shared: Path) -> None:
    armature = RIGS[name](shared)
    path = str(shared / "mocap" / "cmu" / "07_01.bvh")
    seen, counts = [], []
    for tolerance in (0.0, 2.0):
        chosen = {"path": path, "start": 0.1, "end": 2.5, "at": "START", "feet": True, "tolerance": tolerance}
        assert bpy.ops.tmr.apply(**chosen) == {"FINISHED"}
        action = armature.animation_data.action
        counts.append(sum(len(curve.keyframe_points) for curve in parts.curves(action)))
        first, last = (round(frame) for frame in action.frame_range)
        seen.append(posed(armature, range(first, last + 1, 3)))
    moved = np.linalg.norm(seen[0][0] - seen[1][0], axis=-1)
    traces = np.einsum("fbij,fbij->fb", seen[0][1], seen[1][1])
    turned = np.degrees(np.arccos(np.clip((traces - 1) / 2, -1, 1)))
    assert counts[1] < 0.6 * counts[0]
    assert 0 < moved.max() < 0.0105
    assert turned.max() < 2.05
