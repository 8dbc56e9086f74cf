# SPDX-License-Identifier: GPL-3.0-or-later
"""What Apply must leave alone: the rig's other actions, its rest pose, its constraints, its place, and all other rigs."""

from pathlib import Path
from typing import Any

import bpy
import numpy as np
import parts
import pytest


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A BVH file of 40 frames."""
    return str(parts.write_bvh(tmp_path_factory.mktemp("motions") / "walk.bvh", "walks"))


def keys(action: bpy.types.Action) -> dict[str, bytes]:
    """Every byte of every key."""
    out = {}
    for curve in parts.curves(action):
        rows = []
        for name, width in (("co", 2), ("handle_left", 2), ("handle_right", 2)):
            rows.append(np.empty(width * len(curve.keyframe_points), dtype=np.float32))
            curve.keyframe_points.foreach_get(name, rows[-1])
        kinds = [(key.interpolation, key.handle_left_type, key.easing, key.type) for key in curve.keyframe_points]
        out[f"{curve.data_path}[{curve.array_index}]"] = b"".join(row.tobytes() for row in rows) + str(kinds).encode()
    return out


def state(rig: bpy.types.Object) -> dict[str, Any]:
    """Of a rig, all that a motion has no business with."""
    data = rig.animation_data
    return {
        "rest": [(bone.name, tuple(map(tuple, bone.matrix_local)), bone.use_connect) for bone in rig.data.bones],
        "modes": [(bone.name, bone.rotation_mode, tuple(bone.lock_rotation)) for bone in rig.pose.bones],
        "constraints": [
            (bone.name, item.type, item.mute, item.influence) for bone in rig.pose.bones for item in bone.constraints
        ],
        "place": (tuple(map(tuple, rig.matrix_basis)), rig.parent, tuple(rig.scale), rig.rotation_mode),
        "properties": {bone.name: dict(bone.items()) for bone in rig.pose.bones},
        "users": (rig.data.users, len(bpy.data.armatures), len(bpy.data.objects), len(bpy.data.meshes)),
        "drivers": len(data.drivers) if data else 0,
        "tracks": [(track.name, [strip.name for strip in track.strips]) for track in data.nla_tracks] if data else [],
    }


@pytest.mark.parametrize("feet", [False, True])
def test_other_actions_and_the_rest_stay_as_they_are(factory_scene: None, walk: str, feet: bool) -> None:
    rig = parts.human()
    rig.location, rig.scale = (1.0, 2.0, 0.5), (1.1, 0.9, 1.3)
    parts.move(rig, "waves")
    former = rig.animation_data.action
    limit = rig.pose.bones["LeftHand"].constraints.new("LIMIT_SCALE")
    limit.influence = 0.25
    before, known = state(rig), keys(former)
    assert bpy.ops.tmr.apply(path=walk, whole="TAKE", feet=feet) == {"FINISHED"}
    assert rig.animation_data.action != former
    assert keys(former) == known
    assert state(rig) == before
    assert former.use_fake_user, "or it would be lost when the file is saved"


def test_an_action_that_another_rig_uses_goes_on_there(factory_scene: None, walk: str) -> None:
    other, rig = parts.human("Other"), parts.human("Rig")
    parts.move(other, "waves")
    shared = other.animation_data.action
    data = rig.animation_data_create()
    data.action = shared
    if hasattr(data, "action_slot"):
        data.action_slot = other.animation_data.action_slot
    before, known = parts.heads(other, 17), keys(shared)
    bpy.context.view_layer.objects.active = rig
    assert bpy.ops.tmr.apply(path=walk, whole="TAKE") == {"FINISHED"}
    assert other.animation_data.action == shared and keys(shared) == known
    assert parts.heads(other, 17) == before
    assert rig.animation_data.action.name == "walk"


def test_strips_stay(factory_scene: None, walk: str) -> None:
    rig = parts.human()
    parts.move(rig, "waves")
    data = rig.animation_data
    stored = data.action
    data.nla_tracks.new().strips.new("stored", 60, stored)
    data.action = None
    known, before = keys(stored), state(rig)
    assert bpy.ops.tmr.apply(path=walk, whole="TAKE") == {"FINISHED"}
    assert keys(stored) == known and state(rig)["tracks"] == before["tracks"]


def test_locked_channels_receive_nothing_but_rest(factory_scene: None, walk: str) -> None:
    """A lock that an animator has set means: not this one."""
    rig = parts.human()
    parts.move(rig, "waves")
    neck, hips = rig.pose.bones["Neck"], rig.pose.bones["Hips"]
    neck.lock_rotation = (True, True, True)
    neck.lock_rotation_w = True
    hips.lock_location = (False, True, False)
    assert bpy.ops.tmr.apply(path=walk, whole="TAKE") == {"FINISHED"}
    found = {(curve.data_path, curve.array_index): curve for curve in parts.curves(rig.animation_data.action)}
    assert not any('"Neck"' in path and "rotation" in path for path, _ in found)
    held = found['pose.bones["Hips"].location', 1]
    assert {key.co[1] for key in held.keyframe_points} == {0.0}
    assert len({round(key.co[1], 3) for key in found['pose.bones["Hips"].location', 2].keyframe_points}) > 10


def linked_rig(folder: Path) -> bpy.types.Object:
    """A rig linked from another file, alone in the open scene."""
    rig = parts.human("Linked")
    file = folder / "rig.blend"
    bpy.data.libraries.write(str(file), {rig})
    bpy.ops.wm.read_homefile(use_empty=True)
    with bpy.data.libraries.load(str(file), link=True) as (inside, wanted):
        wanted.objects = inside.objects
    rig = bpy.data.objects["Linked"]
    bpy.context.scene.collection.objects.link(rig)
    bpy.context.view_layer.objects.active = rig
    return rig


def test_a_linked_rig_is_refused_with_what_to_do(factory_scene: None, walk: str, tmp_path: Path) -> None:
    rig = linked_rig(tmp_path)
    with pytest.raises(RuntimeError, match="library override"):
        bpy.ops.tmr.apply(path=walk, whole="TAKE")
    assert rig.animation_data is None and not bpy.data.actions


def test_an_overridden_rig_moves(factory_scene: None, walk: str, tmp_path: Path) -> None:
    linked = linked_rig(tmp_path)
    rig = linked.override_create(remap_local_usages=True)
    bpy.context.view_layer.objects.active = rig
    plain = parts.human("Plain")
    assert bpy.ops.tmr.apply(path=walk, whole="TAKE", at="START") == {"FINISHED"}
    bpy.context.view_layer.objects.active = rig
    assert bpy.ops.tmr.apply(path=walk, whole="TAKE", at="START") == {"FINISHED"}
    for frame in (1, 20, 40):
        wanted, found = parts.heads(plain, frame), parts.heads(rig, frame)
        for bone in ("Head", "LeftHand", "RightToeBase"):
            np.testing.assert_allclose(found[bone], wanted[bone], atol=1e-4)
    assert rig.override_library is not None and rig.data.library is not None


@pytest.mark.parametrize("kind", ["snake", "nothing"])
def test_what_is_no_human_is_left_as_it_is(factory_scene: None, walk: str, kind: str) -> None:
    rows = [(f"Bone{i}", f"Bone{i - 1}" if i else None, (0, i, 0), (0, i + 1, 0)) for i in range(9 if kind == "snake" else 0)]
    rig = parts.armature("Odd", rows)
    action = bpy.data.actions.new("mine")
    rig.animation_data_create().action = action
    before = state(rig)
    with pytest.raises(RuntimeError, match="Odd") as caught:
        bpy.ops.tmr.apply(path=walk, whole="TAKE")
    assert "Traceback" not in str(caught.value) and len(str(caught.value)) < 250
    assert state(rig) == before and list(bpy.data.actions) == [action] and rig.animation_data.action == action
