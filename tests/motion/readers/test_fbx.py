# SPDX-License-Identifier: GPL-3.0-or-later
"""FBX: units, axes, takes and characters on files built here, positions against Blender's importer on real ones."""

import gc
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from tests.motion.figures import PERSON
from tests.motion.readers.fbx_text import Limb, text
from tmr_blender.errors import FileProblem
from tmr_blender.motion import humanoid, readers
from tmr_blender.motion.clip import Clip

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


@pytest.mark.parametrize(("unit", "size"), [(1.0, 100.0), (2.54, 100 / 2.54), (100.0, 1.0), (0.1, 1000.0)])
def test_units(tmp_path: Path, unit: float, size: float) -> None:
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


@pytest.mark.parametrize(
    "name", ["mocap/cmu_fbx/91_48.fbx", "mocap/cmu_fbx/91_52.fbx", "fbx/maya_kenney_character_7700_binary.fbx"]
)
def test_positions_equal_those_of_blender(shared: Path, name: str) -> None:
    """Every joint in eight frames, within 0.01 mm; the CMU files state a unit a hundred times too large."""
    bpy = pytest.importorskip("bpy")
    clips = readers.read(shared / name)
    assert len(clips) == 1
    clip = clips[0]
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.import_scene.fbx(filepath=str(shared / name))
    scene = bpy.context.scene
    armature = next(item for item in scene.objects if item.type == "ARMATURE")
    first = round(armature.animation_data.action.frame_range[0])
    unit = 100.0 if "cmu_fbx" in name else 1.0
    x = clip.globals()[1]
    for frame in np.linspace(0, clip.frames - 1, 8).astype(int).tolist():
        scene.frame_set(first + frame)
        for joint, bone in enumerate(clip.skeleton.names):
            at = armature.matrix_world @ armature.pose.bones[bone].head
            np.testing.assert_allclose(x[frame, joint], np.array([at.x, at.z, -at.y]) / unit, atol=1e-5, err_msg=bone)
