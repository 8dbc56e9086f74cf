# SPDX-License-Identifier: GPL-3.0-or-later
"""FBX: units, axes, takes and characters on files built here, positions against Blender's importer on real ones."""

import gc
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from tests.motion.figures import PERSON
from tests.motion.readers.fbx_text import Limb, text
from tmr_blender.errors import FileProblem
from tmr_blender.motion import humanoid, readers
from tmr_blender.motion.clip import Clip
from tmr_blender.motion.readers import units

FRAMES = 7


def person(prefix: str = "", size: float = 100.0, takes: tuple[str, ...] = ("Take 001",), parent: str = "") -> list[Limb]:
    """`figures.PERSON` in units of 1/size metres, with its arms and legs moving in every take."""
    limbs = []
    for number, (name, above, (x, y, z)) in enumerate(PERSON):
        limb = Limb(prefix + name, prefix + above if above else parent, (x * size, y * size, z * size))
        if name.endswith(("Arm", "Leg", "Hips", "Spine1")):
            for take in takes:
                seed = np.random.default_rng([number, takes.index(take)])
                limb.keys[take] = np.cumsum(seed.uniform(-8.0, 8.0, (FRAMES, 3)), axis=0)
        limbs.append(limb)
    return limbs


def expected(limbs: list[Limb], take: str) -> dict[str, np.ndarray]:
    """World positions (frames, 3) by name, in the file's units and axes."""
    places: dict[str, np.ndarray] = {"": np.zeros((FRAMES, 3))}
    turns = {"": Rotation.identity(FRAMES)}
    sizes = {"": 1.0}
    for limb in limbs:
        degrees = limb.keys.get(take, np.tile(limb.rotation, (FRAMES, 1)))
        above = limb.parent
        places[limb.name] = places[above] + turns[above].apply(sizes[above] * np.tile(limb.translation, (FRAMES, 1)))
        turns[limb.name] = turns[above] * Rotation.from_euler("xyz", degrees, degrees=True)
        sizes[limb.name] = sizes[above] * limb.scale
    return places


def check(clip: Clip, places: dict[str, np.ndarray], change: Callable[[np.ndarray], np.ndarray]) -> None:
    x = clip.globals()[1]
    for joint, name in enumerate(clip.skeleton.names):
        np.testing.assert_allclose(x[:, joint], change(places[name]), atol=2e-5)


def written(tmp_path: Path, content: str) -> list[Clip]:
    path = tmp_path / "take.fbx"
    path.write_text(content)
    return readers.read(path)


@pytest.mark.parametrize("unit", [1.0, 2.54, 30.48, 100.0, 0.1], ids=["cm", "inch", "foot", "m", "mm"])
def test_units(tmp_path: Path, unit: float) -> None:
    size = 100.0 / unit
    limbs = person(size=size)
    (clip,) = written(tmp_path, text(limbs, ["Take 001"], unit=unit))
    assert (clip.name, clip.fps, clip.frames) == ("take", 30.0, FRAMES)
    check(clip, expected(limbs, "Take 001"), lambda x: x / size)


def test_wrong_unit_is_seen(tmp_path: Path) -> None:
    """A body of centimetres in a file that says metres is no giant."""
    limbs = person(size=100.0)
    (clip,) = written(tmp_path, text(limbs, ["Take 001"], unit=100.0))
    check(clip, expected(limbs, "Take 001"), lambda x: x / 100.0)


def test_z_up(tmp_path: Path) -> None:
    limbs = person()
    limbs[0].rotation, limbs[0].keys = (90.0, 0.0, 0.0), {}
    limbs[0].translation = (0.0, 0.0, 95.0)
    (clip,) = written(tmp_path, text(limbs, ["Take 001"], z_up=True))
    check(clip, expected(limbs, "Take 001"), lambda x: np.stack([x[:, 0], x[:, 2], -x[:, 1]], -1) / 100.0)
    positions = humanoid.body_positions(clip)
    assert (positions[:, 15, 1] > positions[:, 0, 1] + 0.4).all()


def test_x_up(tmp_path: Path) -> None:
    limbs = person()
    limbs[0].rotation, limbs[0].keys = (0.0, 0.0, -90.0), {}
    limbs[0].translation = (95.0, 0.0, 0.0)
    (clip,) = written(tmp_path, text(limbs, ["Take 001"], x_up=True))
    check(clip, expected(limbs, "Take 001"), lambda x: np.stack([-x[:, 1], x[:, 0], x[:, 2]], -1) / 100.0)
    positions = humanoid.body_positions(clip)
    assert (positions[:, 15, 1] > positions[:, 0, 1] + 0.4).all()


def test_nulls_above_the_skeleton(tmp_path: Path) -> None:
    """Scaled, turned and moving: all of it is in the positions, none of it is a joint."""
    holder = Limb("Armature", "", (10.0, 0.0, 0.0), (0.0, 30.0, 0.0), 0.5, "Null")
    sway = np.linspace(0.0, 40.0, FRAMES)[:, None] * np.array([0.0, 1.0, 0.2])
    holder.keys["Take 001"] = sway
    limbs = [holder, *person(size=200.0, parent="Armature")]
    (clip,) = written(tmp_path, text(limbs, ["Take 001"]))
    assert set(clip.skeleton.names) == {name for name, _, _ in PERSON}
    check(clip, expected(limbs, "Take 001"), lambda x: x / 100.0)


def test_only_the_null_moves(tmp_path: Path) -> None:
    """Root motion on a null above still bones is motion."""
    holder = Limb(
        "Armature", "", (0.0, 0.0, 0.0), kind="Null", keys={"Take 001": np.linspace(0, 90, FRAMES)[:, None] * np.eye(3)[1]}
    )
    limbs = [holder, *person(parent="Armature", takes=())]
    (clip,) = written(tmp_path, text(limbs, ["Take 001"]))
    check(clip, expected(limbs, "Take 001"), lambda x: x / 100.0)


def test_takes(tmp_path: Path) -> None:
    """Each take that moves is a clip; empty ones are dropped."""
    limbs = person(takes=("walk", "run"))
    clips = written(tmp_path, text(limbs, ["walk", "nothing", "run"]))
    assert [clip.name for clip in clips] == ["take walk", "take run"]
    for clip, take in zip(clips, ("walk", "run"), strict=True):
        check(clip, expected(limbs, take), lambda x: x / 100.0)


def test_characters_whose_joints_have_the_same_names(tmp_path: Path) -> None:
    """As two armatures of one rig come out of Blender: told apart by what they hang from."""
    limbs = []
    for number, name in enumerate(("Anna", "Bert")):
        holder = Limb(name, "", (100.0 * number, 0.0, 0.0), kind="Null")
        limbs += [holder, *person(f"{name}:", parent=name)]
    content = text(limbs, ["Take 001"])
    for name in ("Anna", "Bert"):
        content = content.replace(f'"Model::{name}:', '"Model::')
    clips = written(tmp_path, content)
    assert [clip.name for clip in clips] == ["take Anna Hips", "take Bert Hips"]
    for clip, name in zip(clips, ("Anna", "Bert"), strict=True):
        places = {key.removeprefix(f"{name}:"): value for key, value in expected(limbs, "Take 001").items()}
        check(clip, places, lambda x: x / 100.0)


def test_uneven_scale(tmp_path: Path) -> None:
    """A null that stretches its skeleton along one axis only: positions can't be had from plain numbers then."""
    limbs = [Limb("Armature", "", (0.0, 0.0, 0.0), (0.0, 0.0, 30.0), kind="Null"), *person(parent="Armature")]
    content = text(limbs, ["Take 001"]).replace(
        'P: "Lcl Scaling", "Lcl Scaling", "", "A",1.0,1.0,1.0', 'P: "Lcl Scaling", "Lcl Scaling", "", "A",1.0,1.5,0.5', 1
    )
    (clip,) = written(tmp_path, content)
    alone = [replace(limb, parent=limb.parent.removeprefix("Armature")) for limb in limbs[1:]]
    turn = Rotation.from_euler("z", 30.0, degrees=True)
    check(clip, expected(alone, "Take 001"), lambda x: turn.apply(x * np.array([1.0, 1.5, 0.5])) / 100.0)


def test_turns_go_on(tmp_path: Path) -> None:
    """Rotations of neighbouring frames lie in one hemisphere, round after round."""
    limbs = person()
    for limb in limbs:
        if limb.keys:
            limb.keys["Take 001"] = np.linspace(0.0, 900.0, FRAMES * 6)[:, None] * np.array([0.1, 1.0, 0.05])
    (clip,) = written(tmp_path, text(limbs, ["Take 001"]))
    assert clip.frames == FRAMES * 6
    assert ((clip.rotations[1:] * clip.rotations[:-1]).sum(axis=-1) > 0.0).all()
    np.testing.assert_allclose(np.linalg.norm(clip.rotations, axis=-1), 1.0, atol=1e-9)


def test_a_take_ends_with_its_keys(tmp_path: Path) -> None:
    """A take that says it is longer than its keys has no frozen end."""
    content = text(person(), ["Take 001"])
    stop = '"LocalStop", "KTime", "Time", "",'
    longer = content.replace(f"{stop}{6 * 46186158000 // 30}", f"{stop}{9 * 46186158000 // 30}")
    assert longer != content
    (clip,) = written(tmp_path, longer)
    assert clip.frames == FRAMES


def test_characters(tmp_path: Path) -> None:
    """Two people are two clips; a moving prop with bones is none."""
    prop = [Limb("Door", "", (300.0, 0.0, 0.0), keys={"Take 001": np.linspace(0, 90, FRAMES)[:, None] * np.eye(3)[1]})]
    prop.append(Limb("Handle", "Door", (80.0, 100.0, 0.0)))
    limbs = [*person("A:"), *person("B:"), *prop]
    clips = written(tmp_path, text(limbs, ["Take 001"]))
    assert [clip.name for clip in clips] == ["take A:Hips", "take B:Hips"]
    for clip in clips:
        check(clip, expected(limbs, "Take 001"), lambda x: x / 100.0)


def test_without_motion(tmp_path: Path) -> None:
    for content, sentence in [
        (text(person(takes=()), ["Take 001"]), "take.fbx has a skeleton but no animation of it."),
        (text([], ["Take 001"]), "take.fbx holds no skeleton."),
    ]:
        with pytest.raises(FileProblem) as raised:
            written(tmp_path, content)
        assert str(raised.value) == sentence


def test_broken(tmp_path: Path) -> None:
    path = tmp_path / "take.fbx"
    for content in (
        b"nonsense",
        b"Kaydara FBX Binary  \x00\x1a\x00" + bytes(range(200)),
        text(person(), ["Take 001"])[:900].encode(),
    ):
        path.write_bytes(content)
        with pytest.raises(FileProblem, match=r"^take\.fbx .*\.$"):
            readers.read(path)


def test_joints_out_of_this_world(tmp_path: Path) -> None:
    limbs = person()
    limbs[3].scale = 1e300
    limbs[4].scale = 1e300
    with pytest.raises(FileProblem, match="farther away"):
        written(tmp_path, text(limbs, ["Take 001"]))


def test_keys_far_apart_are_refused(tmp_path: Path) -> None:
    """Keys five years apart ask for more frames than fit; that is said before they are made."""
    content = text(person(), ["Take 001"]).replace(f"{6 * 46186158000 // 30}", str(46186158000 * 3600 * 24 * 365 * 5))
    with pytest.raises(FileProblem, match="the limit is"):
        written(tmp_path, content)


REPEAT = """
import gc, sys
from pathlib import Path
from tmr_blender.errors import FileProblem
from tmr_blender.motion import readers

kept = []
for turn in range(30):
    for name in sys.argv[1:]:
        try:
            readers.read(Path(name))
        except FileProblem as problem:
            kept.append([problem])
            kept[-1].append(kept[-1])  # a cycle that only the collector frees
    gc.collect()
    kept.clear()
    gc.collect()
print("done")
"""


def test_collector_meets_no_dead_object(tmp_path: Path) -> None:
    """ufbx 0.0.5 crashes the process where its objects are left to the collector: read, fail and collect many times."""
    good, empty, broken = tmp_path / "good.fbx", tmp_path / "empty.fbx", tmp_path / "broken.fbx"
    good.write_text(text([*person("A:", takes=("walk", "run")), *person("B:")], ["walk", "run", "Take 001"]))
    empty.write_text(text(person(takes=()), ["Take 001"]))
    broken.write_text(good.read_text()[:3000])
    result = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", REPEAT, *map(str, (good, empty, broken))],
        cwd=Path(__file__).parents[3], capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert (result.returncode, result.stdout) == (0, "done\n"), result.stderr[-2000:]
    gc.collect()


EXPORTS: dict[str, dict[str, object]] = {
    "cm, y up": {"axis_up": "Y", "axis_forward": "-Z"},
    "cm, z up": {"axis_up": "Z", "axis_forward": "Y"},
    "cm, x up": {"axis_up": "X", "axis_forward": "Y"},
    "metres": {"apply_scale_options": "FBX_SCALE_UNITS"},
    "metres, axes applied": {"apply_scale_options": "FBX_SCALE_ALL", "bake_space_transform": True},
    "inches": {"scene": 0.0254, "axis_up": "Z", "axis_forward": "-Y"},
    "feet": {"scene": 0.3048},
}
"""How a BVH file is exported; scene: metres in the scene's unit."""

EXPORT = """
import json, os, sys
import bpy
source, folder, exports, metres = sys.argv[1], sys.argv[2], json.loads(sys.argv[3]), float(sys.argv[4])
for name, options in exports.items():
    bpy.ops.wm.read_factory_settings(use_empty=True)
    for module in ("io_anim_bvh", "io_scene_fbx"):
        bpy.ops.preferences.addon_enable(module=module)
    unit = options.pop("scene", 1.0)
    bpy.context.scene.unit_settings.scale_length = unit
    bpy.ops.import_anim.bvh(filepath=source, global_scale=metres / unit, update_scene_fps=True)
    bpy.context.scene.frame_start, bpy.context.scene.frame_end = map(int, bpy.data.actions[0].frame_range)
    bpy.ops.export_scene.fbx(
        filepath=f"{folder}/{name}.fbx", object_types={"ARMATURE"}, add_leaf_bones=False, bake_anim_simplify_factor=0.0,
        bake_anim_use_nla_strips=False, bake_anim_use_all_actions=False, **options,
    )
sys.stdout.flush()
os._exit(0)
"""


def test_one_performance_as_bvh_and_fbx(shared: Path, tmp_path: Path, blender: Path) -> None:
    """A real take, and what Blender exports of it as FBX in units and axes of all kinds: the same joints within 0.1 mm."""
    if not blender.name.startswith("python"):
        pytest.skip("needs Blender as a Python module")
    source = shared / "mocap" / "cmu" / "16_22.bvh"
    (clip,) = readers.read(source)
    metres = units.UNITS[[name for name, *_ in units.UNITS].index("CMU unit")][1]
    command = [str(blender), "-I", "-c", EXPORT, str(source), str(tmp_path), json.dumps(EXPORTS), str(metres)]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    x = clip.globals()[1]
    for name in EXPORTS:
        (other,) = readers.read(tmp_path / f"{name}.fbx")
        assert (other.frames, round(other.fps)) == (clip.frames, round(clip.fps)), name
        order = [clip.skeleton.names.index(joint) for joint in other.skeleton.names]
        np.testing.assert_allclose(other.globals()[1], x[:, order], atol=1e-4, err_msg=name)


def test_real_files_without_motion(shared: Path) -> None:
    """Blender's importer finds no action in them, either."""
    for name in (
        "maya_character_7500_ascii",
        "maya_character_7500_binary",
        "maya_human_ik_7400_binary",
        "motionbuilder_actor_7700_binary",
    ):
        with pytest.raises(FileProblem, match=r"no animation|no skeleton"):
            readers.read(shared / "fbx" / f"{name}.fbx")
