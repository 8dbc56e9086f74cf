# SPDX-License-Identifier: GPL-3.0-or-later
"""The way over the ground on root bones and objects: the character, as Blender evaluates it, moves the same in any case."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy
import numpy as np
import parts
import pytest
from bl_ext.user_default.tmr_blender.blender import action, apply, default_rig, rig
from bl_ext.user_default.tmr_blender.errors import SkeletonProblem
from bl_ext.user_default.tmr_blender.motion import edits, humanoid, readers
from bl_ext.user_default.tmr_blender.retarget import reduce, roles, solver
from bl_ext.user_default.tmr_blender.retarget.options import Options
from mathutils import Euler, Matrix

FPS = 24.0
# A walk in a curve, and a cartwheel with four turns of the whole body.
TAKES = ["bandai/dataset-2_walk-turn-left_active_001", "cmu/05_06"]
RIGS: dict[str, Callable[[Path], Any]] = {
    "Rigify": lambda shared: default_rig.rigify_human(),
    "Unreal": lambda shared: default_rig.load(shared / "rigs" / "ue_names.glb"),
    "Mixamo": lambda shared: parts.human(),
}
MILLIMETRE = 1e-3


def take(shared: Path, name: str, end: float = 60.0) -> Any:
    return readers.read(shared / "mocap" / f"{name}.bvh")[0].cut(0.05, end)


def put(armature: Any, clip: Any, tolerance: float = 0.0, **chosen: Any) -> Any:
    """The keys of a clip, which are on the armature afterwards."""
    bpy.context.view_layer.update()
    read = rig.read(armature)
    keys = solver.retarget(clip, humanoid.recognise(clip), read, roles.map_rig(read), Options(fps=FPS, **chosen))
    if tolerance:
        keys = reduce.reduce(keys, read, tolerance, 0.005 * tolerance)
    action.write(armature, keys, clip.name)
    return keys


def body(armature: Any) -> list[str]:
    """What deforms the mapped parts of the body."""
    return list(rig.deforming(armature, roles.map_rig(rig.plain(armature)).bones).values())


def deformed(armature: Any, frames: int, step: int = 4) -> np.ndarray:
    """(frames, bones, 2, 3): ends of the bones that deform the body, in the world, in metres, as evaluated."""
    names = body(armature)
    out = []
    for frame in range(1, frames + 1, step):
        bpy.context.scene.frame_set(frame)
        seen = armature.evaluated_get(bpy.context.evaluated_depsgraph_get())
        posed = [seen.pose.bones[name] for name in names]
        out.append([[seen.matrix_world @ bone.head, seen.matrix_world @ bone.tail] for bone in posed])
    return np.array(out) * (bpy.context.scene.unit_settings.scale_length or 1.0)


def apart(armature: Any, clip: Any, root: str, **chosen: Any) -> float:
    """Metres between what the deforming bones do with the way on the hips and with it elsewhere."""
    first = bpy.context.scene.frame_current
    seen = []
    for kind in ("hips", root):
        keys = put(armature, clip, root=kind, **chosen)
        seen.append(deformed(armature, keys.frames))
        bpy.context.scene.frame_set(first)
    return float(np.linalg.norm(seen[0] - seen[1], axis=-1).max())


def curves(armature: Any) -> dict[tuple[str, int], Any]:
    made = armature.animation_data.action
    if hasattr(made, "layers"):
        bags = made.layers[0].strips[0].channelbags
        assert len(bags) == 1
        assert made.slots[0].target_id_type == "OBJECT"
        found = bags[0].fcurves
    else:
        found = made.fcurves
    return {(curve.data_path, curve.array_index): curve for curve in found}


def keyed(armature: Any) -> set[str]:
    return {path for path, _ in curves(armature)}


@pytest.mark.parametrize("motion", TAKES)
@pytest.mark.parametrize("feet", [False, True])
@pytest.mark.parametrize("root", ["bone", "object"])
@pytest.mark.parametrize("name", RIGS)
def test_the_character_moves_the_same(factory_scene: None, name: str, root: str, feet: bool, motion: str, shared: Path) -> None:
    armature = RIGS[name](shared)
    clip = take(shared, motion)
    if (name, root) == ("Mixamo", "bone"):
        with pytest.raises(SkeletonProblem, match=r"no root bone.*hips or to the object"):
            put(armature, clip, root=root)
        return
    assert apart(armature, clip, root, feet=feet) < 0.1 * MILLIMETRE
    expected = {"bone": 'pose.bones["root"].location', "object": "location"}
    found = [path for path in expected.values() if path in keyed(armature)]
    assert found == [expected[root]]


def child_of(armature: Any) -> None:
    """A parent that is turned, scaled and elsewhere, and was so when the rig became its child."""
    empty = bpy.data.objects.new("empty", None)
    bpy.context.scene.collection.objects.link(empty)
    empty.matrix_world = Matrix.LocRotScale((3, 1, 0.5), Euler((0.2, -0.1, 2)), (2, 2, 2))
    bpy.context.view_layer.update()
    armature.parent = empty
    armature.matrix_parent_inverse = empty.matrix_world.inverted()
    empty.scale = (1.5, 1.5, 1.5)
    empty.rotation_euler = (0, 0.3, -1)


def quaternion_mode(armature: Any) -> None:
    armature.rotation_mode = "QUATERNION"
    armature.rotation_quaternion = Euler((0, 0, 2.5)).to_quaternion()
    armature.rotation_quaternion.negate()


def axis_and_angle(armature: Any) -> None:
    armature.rotation_mode = "AXIS_ANGLE"
    armature.rotation_axis_angle = (-1.0, 0, 0, -1)


def deltas(armature: Any) -> None:
    armature.rotation_mode = "ZXY"
    armature.delta_location, armature.delta_rotation_euler = (1, 2, 3), (0.1, 0.2, 0.3)
    armature.delta_scale, armature.location = (0.5, 0.5, 0.5), (0, -1, 0)
    armature.rotation_euler = (0.3, 0.2, 7.0)


def quaternion_deltas(armature: Any) -> None:
    armature.rotation_mode = "QUATERNION"
    armature.delta_rotation_quaternion = Euler((0.1, 0.4, 1)).to_quaternion()


def lying(armature: Any) -> None:
    armature.rotation_euler, armature.location = (1.2, 0.3, -14.0), (1, 2, 3)


def tall(armature: Any) -> None:
    armature.scale = (0.8, 0.8, 1.3)


def small(armature: Any) -> None:
    armature.scale = (0.01, 0.01, 0.01)
    bpy.context.scene.unit_settings.scale_length = 100.0


STANDINGS = [child_of, quaternion_mode, axis_and_angle, deltas, quaternion_deltas, lying, tall, small]


@pytest.mark.parametrize("stand", STANDINGS, ids=lambda stand: stand.__name__)
def test_the_object_goes_on_from_where_it_stands(factory_scene: None, stand: Callable[[Any], None], shared: Path) -> None:
    armature = parts.human()
    stand(armature)
    bpy.context.view_layer.update()
    before = np.array(armature.matrix_world)
    rotation = np.array(getattr(armature, channel(armature)))
    clip = take(shared, TAKES[0])
    assert apart(armature, clip, "object") < 0.1 * MILLIMETRE
    bpy.context.scene.frame_set(1)
    assert np.abs(np.array(armature.matrix_world) - before).max() < 1e-5 * np.abs(before).max()
    assert np.abs(np.array(getattr(armature, channel(armature))) - rotation).max() < 1e-5
    bpy.context.scene.frame_set(40)
    assert np.linalg.norm(np.array(armature.matrix_world)[:3, 3] - before[:3, 3]) > 0.1 * np.linalg.norm(before[:3, :3])


def channel(thing: Any) -> str:
    return {"QUATERNION": "rotation_quaternion", "AXIS_ANGLE": "rotation_axis_angle"}.get(thing.rotation_mode, "rotation_euler")


def test_several_turns_are_counted_on(factory_scene: None, shared: Path) -> None:
    """Euler angles of an object and of a root bone of any roll, dancing: no leaps, and the turns add up."""
    armature = default_rig.load(shared / "rigs" / "ue_names.glb")
    clip = take(shared, TAKES[1])
    armature.rotation_mode = "XYZ"
    keys = put(armature, clip, root="object")
    turned = keys.object.rotation[:, 2]
    assert abs(turned[-1] - turned[0]) > 3.5 * 2 * np.pi
    assert np.abs(np.diff(turned)).max() < 1.0
    for mode in ("XYZ", "YZX", "ZXY"):
        armature.pose.bones["root"].rotation_mode = mode
        rows = put(armature, clip, root="bone").bones["root"].rotation
        assert np.abs(np.diff(rows, axis=0)).max() < 1.0
        assert np.ptp(rows, axis=0).max() > 3.5 * 2 * np.pi


def squeezed(armature: Any) -> str:
    empty = bpy.data.objects.new("empty", None)
    bpy.context.scene.collection.objects.link(empty)
    armature.parent, empty.scale = empty, (1, 2, 1)
    return "scaled unevenly by its parent"


def constrained(armature: Any) -> str:
    armature.constraints.new("LIMIT_LOCATION").name = "Stay"
    return "moved by the constraint “Stay”"


def driven(armature: Any) -> str:
    armature.driver_add("location", 0).driver.expression = "frame"
    return "moved by a driver on its location"


def locked(armature: Any) -> str:
    armature.lock_location[1] = True
    return "locked channels"


def locked_turn(armature: Any) -> str:
    armature.lock_rotation[2] = True
    return "locked channels"


@pytest.mark.parametrize("spoil", [squeezed, constrained, driven, locked, locked_turn], ids=lambda spoil: spoil.__name__)
def test_an_object_that_keys_would_not_move_is_refused(factory_scene: None, spoil: Callable[[Any], str], shared: Path) -> None:
    armature = parts.human()
    words = spoil(armature)
    with pytest.raises(SkeletonProblem, match=words):
        put(armature, take(shared, TAKES[0]), root="object")
    assert armature.animation_data is None or armature.animation_data.action is None
    put(armature, take(shared, TAKES[0]), root="hips")


def test_what_does_not_stand_in_the_way_is_put_up_with(factory_scene: None, shared: Path) -> None:
    armature = parts.human()
    armature.lock_location[2] = armature.lock_rotation[0] = True
    armature.constraints.new("LIMIT_LOCATION").mute = True
    assert apart(armature, take(shared, TAKES[0]), "object") < 0.1 * MILLIMETRE


def test_planted_feet_under_a_scale_that_would_slide_them_are_refused(factory_scene: None, shared: Path) -> None:
    armature = parts.human()
    armature.scale = (1.0, 1.5, 1.0)
    with pytest.raises(SkeletonProblem, match="scaled unevenly over the ground"):
        put(armature, take(shared, TAKES[0]), root="object", feet=True)
    # Without, limbs point where they did, though they are stretched otherwise as the body turns.
    clip = take(shared, TAKES[0])
    seen = []
    for kind in ("hips", "object"):
        keys = put(armature, clip, root=kind)
        ends = deformed(armature, keys.frames)
        names = body(armature)
        along = (ends[:, :, 1] - ends[:, :, 0])[:, [names.index(name) for name in ("LeftArm", "RightUpLeg", "LeftLeg")]]
        seen.append(along / np.linalg.norm(along, axis=-1, keepdims=True))
        bpy.context.scene.frame_set(1)
    assert np.degrees(np.arccos(np.clip(np.sum(seen[0] * seen[1], axis=-1), -1, 1))).max() < 0.1


@pytest.mark.parametrize("name", ["Rigify", "Unreal"])
def test_a_root_bone_that_is_posed_stays_the_animators(factory_scene: None, name: str, shared: Path) -> None:
    """With the root moved and turned the motion happens there, whatever receives the way."""
    armature = RIGS[name](shared)
    clip = take(shared, TAKES[0])
    keys = put(armature, clip)
    plain = deformed(armature, keys.frames)
    armature.animation_data.action = None
    bone = armature.pose.bones["root"]
    at_rest = armature.matrix_world @ bone.bone.matrix_local
    step = Matrix.Translation((2, 0, 0)) @ Matrix.Rotation(np.pi / 2, 4, "Z")
    posed = at_rest.inverted() @ step @ at_rest
    for kind in ("hips", "bone", "object"):
        bpy.context.scene.frame_set(1)
        bone.matrix_basis = posed
        keys = put(armature, clip, root=kind)
        bpy.context.scene.frame_set(1)
        assert np.abs(np.array(bone.matrix_basis) - np.array(posed)).max() < 1e-5
        assert ('pose.bones["root"].location' in keyed(armature)) == (kind == "bone")
        found = deformed(armature, keys.frames)
        moved = plain @ np.array(step)[:3, :3].T + np.array(step)[:3, 3]
        assert np.linalg.norm(found - moved, axis=-1).max() < 0.1 * MILLIMETRE
        bpy.context.scene.frame_set(1)
        armature.animation_data.action = None


def test_a_root_that_is_tilted_and_larger(factory_scene: None, shared: Path) -> None:
    armature = default_rig.load(shared / "rigs" / "ue_names.glb")
    bone = armature.pose.bones["root"]
    bone.rotation_mode = "XYZ"
    bone.location, bone.rotation_euler, bone.scale = (0.5, 0.2, -0.3), (0.3, 8.0, 0.2), (1.4, 1.4, 1.4)
    for kind in ("bone", "object"):
        assert apart(armature, take(shared, TAKES[0]), kind) < 0.1 * MILLIMETRE
        assert tuple(bone.scale) == pytest.approx((1.4, 1.4, 1.4))
        bpy.context.scene.frame_set(1)
        assert tuple(bone.rotation_euler) == pytest.approx((0.3, 8.0, 0.2), abs=1e-4)


def test_locked_channels_of_a_root_bone_leave_their_share_to_the_hips(factory_scene: None, shared: Path) -> None:
    armature = default_rig.load(shared / "rigs" / "ue_names.glb")
    bone = armature.pose.bones["root"]
    bone.rotation_mode = "XYZ"
    clip = take(shared, TAKES[0])
    for locks in ("lock_rotation", "lock_location"):
        setattr(bone, locks, (True, True, True))
        assert apart(armature, clip, "bone") < 0.1 * MILLIMETRE
        rows = put(armature, clip, root="bone").bones["root"]
        assert np.abs(rows.rotation if locks == "lock_rotation" else rows.location).max() < 1e-6
        setattr(bone, locks, (False, False, False))


def test_a_root_bone_that_does_not_carry_the_hips_is_refused(factory_scene: None, shared: Path) -> None:
    armature = default_rig.rigify_human()
    armature.pose.bones["torso"]["torso_parent"] = 0
    with pytest.raises(SkeletonProblem, match=r"“root”.*does not carry “torso”"):
        put(armature, take(shared, TAKES[0]), root="bone")


@pytest.mark.parametrize("root", ["bone", "object"])
def test_in_place_the_root_is_left_alone(factory_scene: None, root: str, shared: Path) -> None:
    armature = default_rig.load(shared / "rigs" / "ue_names.glb")
    put(armature, take(shared, TAKES[0]), root=root, travel=False)
    assert not {path for path in keyed(armature) if '"root"' in path or not path.startswith("pose")}


@pytest.mark.parametrize("root", ["bone", "object"])
def test_a_loop_repeats_on_the_bones_and_goes_on_at_the_root(factory_scene: None, root: str, shared: Path) -> None:
    armature = default_rig.load(shared / "rigs" / "ue_names.glb")
    clip = take(shared, "cmu/07_01")
    found = edits.loop(clip, humanoid.recognise(clip), FPS).clip
    keys = put(armature, found, root=root, loop=True, feet=True)
    for name, bone in keys.bones.items():
        for rows in (bone.rotation, bone.location):
            if rows is not None and name != "root":
                assert np.abs(rows[-1] - rows[0]).max() < 1e-4
    assert apart(armature, found, root, loop=True, feet=True) < 0.1 * MILLIMETRE
    moving = keys.object if root == "object" else keys.bones["root"]
    steps = np.linalg.norm(np.diff(moving.location, axis=0), axis=-1)
    # As fast where it starts again as where it ends.
    assert steps[0] == pytest.approx(steps[-1], rel=0.02)
    assert steps.sum() > 0.5


@pytest.mark.parametrize("root", ["bone", "object"])
def test_fewer_keys_stay_within_the_error(factory_scene: None, root: str, shared: Path) -> None:
    armature = default_rig.load(shared / "rigs" / "ue_names.glb")
    clip = take(shared, TAKES[0], 4.0)
    keys = put(armature, clip, root=root)
    # Fingers, which the take lacks, are carried along and may be further off.
    stays = [name in keys.bones and keys.bones[name].rotation is not None for name in body(armature)]
    dense = deformed(armature, keys.frames, 1)[:, stays, 0]
    bpy.context.scene.frame_set(1)
    fewer = put(armature, clip, root=root, tolerance=1.0)
    found = deformed(armature, keys.frames, 1)[:, stays, 0]
    assert np.linalg.norm(found - dense, axis=-1).max() < 5.05 * MILLIMETRE
    assert reduce.count(fewer) < 0.75 * reduce.count(keys)
    moving = fewer.object if root == "object" else fewer.bones["root"]
    assert len(moving.location) < 0.5 * keys.frames


@pytest.mark.parametrize("blend", [0, 12])
@pytest.mark.parametrize("first", ["hips", "bone", "object"])
@pytest.mark.parametrize("second", ["bone", "object"])
def test_the_next_motion_goes_on_where_the_last_one_has_come_to(
    factory_scene: None, first: str, second: str, blend: int, shared: Path
) -> None:
    """Applied where the first motion ends: what receives the way does not leap, nor does the body where it is blended."""
    armature = default_rig.load(shared / "rigs" / "ue_names.glb")
    context, scene = bpy.context, bpy.context.scene
    scene.render.fps = round(FPS)
    clip = take(shared, "cmu/16_22", 2.0)
    apply.apply(context, armature, clip, "one", apply.Placement(1, root=first))
    end = round(armature.animation_data.action.frame_range[1])
    scene.frame_set(end)
    bone = armature.pose.bones["root"]
    before = np.array(armature.matrix_world), np.array(bone.matrix)
    joints = deformed(armature, end, 1)[-1]
    scene.frame_set(end)
    apply.apply(context, armature, clip, "two", apply.Placement(end, root=second, blend=blend))
    scene.frame_set(end)
    assert np.abs(np.array(armature.matrix_world) - before[0]).max() < 1e-5
    assert np.abs(np.array(bone.matrix) - before[1]).max() < 1e-5
    if blend:
        assert np.linalg.norm(deformed(armature, end, 1)[-1] - joints, axis=-1).max() < 2 * MILLIMETRE
    # A second later the root bone is below the body, wherever that was; where it is posed the object carries it along.
    scene.frame_set(end + 30)
    hips = armature.matrix_world @ armature.pose.bones["pelvis"].head
    under = armature.matrix_world @ bone.head
    assert np.linalg.norm((hips - under).xy) < 0.35
