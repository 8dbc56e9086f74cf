# SPDX-License-Identifier: GPL-3.0-or-later
"""Twist bones and hands as Blender evaluates them."""

import sys
from pathlib import Path
from typing import Any

import bpy
import numpy as np
import pytest
from bl_ext.user_default.tmr_blender.blender import action, rig
from bl_ext.user_default.tmr_blender.motion import humanoid, readers
from bl_ext.user_default.tmr_blender.retarget import hands, performance, rest, roles, solver, target
from bl_ext.user_default.tmr_blender.retarget.options import Options

# The samples are shared with the tests in plain Python; the repository itself must stay off the path here.
sys.path.append(str(Path(__file__).resolve().parents[1]))
from rigs import RIGS, in_blender

FPS = 24.0
# Twist bones beside the limbs, in line with them, and beside them again in centimetres with Y up.
TWISTED = ("UE5 mannequin", "Daz Genesis 8", "MakeHuman default", "Character Creator")


def mapped(name: str) -> roles.RigMap:
    sample = RIGS[name]
    return roles.RigMap(sample.convention, 1.0, sample.expected, sample.travel, twists=sample.twists)


def take(shared: Path, name: str) -> tuple[Any, Any]:
    clip = readers.read(shared / "mocap" / f"{name}.bvh")[0].cut(0.1, 3.0)
    return clip, humanoid.recognise(clip)


def seen(armature: Any, frames: int) -> dict[str, np.ndarray]:
    """Bone -> (frames, 4, 4) as evaluated, in the armature's space."""
    names = [bone.name for bone in armature.pose.bones]
    out = np.empty((frames, len(names), 4, 4))
    for frame in range(frames):
        bpy.context.scene.frame_set(frame + 1)
        posed = armature.evaluated_get(bpy.context.evaluated_depsgraph_get()).pose.bones
        out[frame] = [posed[name].matrix.copy() for name in names]
    return {name: out[:, i] for i, name in enumerate(names)}


def applied(shared: Path, armature: Any, where: roles.RigMap, **options: Any) -> dict[str, np.ndarray]:
    clip, found = take(shared, "bandai/dataset-1_slash_normal_001")
    keys = solver.retarget(clip, found, rig.read(armature, where), where, Options(fps=FPS, **options))
    action.write(armature, keys, "take")
    return seen(armature, keys.frames)


@pytest.mark.parametrize("name", TWISTED)
def test_twist_bones_show_and_nothing_else_moves(name: str, shared: Path, factory_scene: None) -> None:
    where = mapped(name)
    armature = in_blender.build(RIGS[name])
    twisted = applied(shared, armature, where)
    bpy.data.objects.remove(armature)
    armature = in_blender.build(RIGS[name])
    plain = applied(shared, armature, roles.RigMap(where.convention, 1.0, where.bones, where.travel))
    size = float(np.ptp([bone.head_local[:] for bone in armature.data.bones], axis=0).max())
    for role, bone in where.bones.items():
        assert np.abs(twisted[bone] - plain[bone])[..., :3, 3].max() < 2e-3 * size, role
        if role.split("_")[-1] not in {"shoulder", "elbow", "hip", "knee"}:
            assert np.abs(twisted[bone] - plain[bone])[..., :3, :3].max() < 1e-4, role
    forearms = [bone for segment, bones in where.twists.items() if segment.endswith("elbow") for bone in bones]
    assert forearms
    for bone in forearms:
        assert np.abs(twisted[bone] - plain[bone])[..., :3, :3].max() > 0.02, bone


def test_a_rig_that_twists_by_itself_is_left_to_it(shared: Path, factory_scene: None) -> None:
    """Constraints and drivers keep what they turn, and limbs still point where they should."""
    where = mapped("Daz Genesis 8")
    armature = in_blender.build(RIGS["Daz Genesis 8"])
    for side in "lr":
        copied = armature.pose.bones[f"{side}ForearmTwist"].constraints.new("COPY_ROTATION")
        copied.target, copied.subtarget = armature, f"{side}Hand"
        copied.use_x = copied.use_z = False
        copied.target_space = copied.owner_space = "LOCAL"
        copied.influence = 0.5
        armature.pose.bones[f"{side}ShldrTwist"].rotation_mode = "XYZ"
        armature.pose.bones[f"{side}ShldrTwist"].driver_add("rotation_euler", 1).driver.expression = "0.0"
    read = rig.read(armature, where)
    own = {f"{side}{name}Twist" for side in "lr" for name in ("Forearm", "Shldr")}
    assert read.driven == own
    clip, found = take(shared, "bandai/dataset-1_slash_normal_001")
    keys = solver.retarget(clip, found, read, where, Options(fps=FPS))
    turned = {name for name, channels in keys.bones.items() if channels.rotation is not None and len(channels.rotation) > 1}
    assert not own & turned
    assert {"lThighTwist", "rThighTwist"} <= turned


def test_hands_kept_to_the_body(shared: Path, factory_scene: None) -> None:
    """On a rig of broad shoulders hands that are together in the take are so as evaluated."""
    armature = in_blender.build(RIGS["Mixamo"])
    bpy.ops.object.mode_set(mode="EDIT")
    for bone in armature.data.edit_bones:
        if any(part in bone.name for part in ("Arm", "Hand")):
            for end in (bone.head, bone.tail):
                end.x += np.sign(end.x) * 10.0
    bpy.ops.object.mode_set(mode="OBJECT")
    clip, found = take(shared, "bandai/dataset-1_bow_normal_001")
    read = rig.read(armature)
    where = roles.map_rig(read)
    goal = target.target(read, where)
    gaps = {}
    for kept in ("free", "body"):
        options = Options(fps=FPS, hands=kept)
        keys = solver.retarget(clip, found, read, where, options)
        action.write(armature, keys, kept)
        shown = seen(armature, keys.frames)
        heads = [shown[where.bones[f"{side}_wrist"]][:, :3, 3] @ goal.stretch for side in ("left", "right")]
        gaps[kept] = np.linalg.norm(heads[0] - heads[1], axis=-1)
        motion = solver.solve(clip, found, goal, options)
        ours = hands.of_rig(goal, motion.turns, motion.hips).points
        assert gaps[kept] == pytest.approx(np.linalg.norm(ours["left_wrist"] - ours["right_wrist"], axis=-1), abs=2e-3)
    actor = hands.of_actor(performance.perform(clip, found, Options(fps=FPS))).points
    met = np.linalg.norm(actor["left_palm"] - actor["right_palm"], axis=-1) < 0.1
    assert met.any()
    wanted = np.linalg.norm(actor["left_wrist"] - actor["right_wrist"], axis=-1)[met]
    assert np.abs(gaps["body"][met] - wanted).mean() < 0.5 * np.abs(gaps["free"][met] - wanted).mean()
    assert set(rest.NEEDED) <= set(where.bones)
