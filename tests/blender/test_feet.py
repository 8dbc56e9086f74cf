# SPDX-License-Identifier: GPL-3.0-or-later
"""Planted feet as Blender evaluates them, put on by the operator as a user would."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy
import numpy as np
import parts
import pytest
from bl_ext.user_default.tmr_blender.blender import default_rig, rig
from bl_ext.user_default.tmr_blender.motion import humanoid, readers
from bl_ext.user_default.tmr_blender.retarget import contacts, performance, roles
from bl_ext.user_default.tmr_blender.retarget.options import Options

FPS = 30
LEGS = [f"{side}_{joint}" for side in contacts.SIDES for joint in ("hip", "knee", "ankle", "foot")]
RIGIFY = {"hip": "DEF-thigh.{s}", "knee": "DEF-shin.{s}", "ankle": "DEF-foot.{s}", "foot": "DEF-toe.{s}"}
RIGS: dict[str, Callable[[Path], Any]] = {
    "Mixamo": lambda shared: parts.human(),
    "Unreal": lambda shared: default_rig.load(shared / "rigs" / "ue_names.glb"),
    "human_male": lambda shared: default_rig.load(shared / "rigs" / "human_male.glb"),
    "Rigify": lambda shared: default_rig.rigify_human(),
}


def places(armature: Any, names: dict[str, str], frames: int) -> dict[str, np.ndarray]:
    """role -> (frames, 3): heads of bones in the world."""
    rows = [parts.heads(armature, frame + 1) for frame in range(frames)]
    return {role: np.array([row[name] for row in rows]) for role, name in names.items()}


@pytest.mark.parametrize("take", ["cmu/07_01", "bandai/dataset-1_walk_normal_001"])
@pytest.mark.parametrize("name", RIGS)
def test_planted_feet_stay_on_evaluated_bones(factory_scene: None, name: str, take: str, shared: Path) -> None:
    armature = RIGS[name](shared)
    bpy.context.scene.render.fps = FPS
    path = shared / "mocap" / f"{take}.bvh"
    clip = readers.read(path)[0].cut(0.1, 3.0)
    performed = performance.perform(clip, humanoid.recognise(clip), Options(fps=FPS))
    held = contacts.detect(performed.stance, performed.deltas, performed.positions, FPS)
    found = roles.map_rig(rig.read(armature)).bones
    names = {role: found[role] for role in LEGS}
    if name == "Rigify":
        names = {role: RIGIFY[role.split("_")[1]].format(s=role[0].upper()) for role in LEGS}
    slides, fastest = [], []
    for feet in (False, True):
        chosen = {"path": str(path), "start": 0.1, "end": 3.0, "at": "START", "feet": feet}
        assert bpy.ops.tmr.apply(**chosen) == {"FINISHED"}
        at = places(armature, names, len(held["left"]["ball"]))
        moved, seconds = 0.0, 0.0
        for side in contacts.SIDES:
            both = held[side]["ball"][1:] & held[side]["ball"][:-1]
            moved += np.linalg.norm(np.diff(at[f"{side}_foot"], axis=0), axis=-1)[both].sum()
            seconds += both.sum() / FPS
        assert seconds > 0.7
        slides.append(1000 * moved / seconds)
        fastest.append(max(np.linalg.norm(np.diff(v, axis=0), axis=-1).max() for v in at.values()))
    assert slides[1] < 1.0
    assert slides[1] < slides[0] / 20
    assert fastest[1] < 1.1 * fastest[0]
