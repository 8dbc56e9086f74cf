# SPDX-License-Identifier: GPL-3.0-or-later
"""glTF: containers, accessors, samplers, scenes and hostile files built here; exports of Blender against what it showed."""

import json
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.interpolate import CubicHermiteSpline
from scipy.spatial.transform import Rotation, Slerp

from tests.motion import figures
from tests.motion.readers.gltf_file import File
from tmr_blender.errors import FileProblem
from tmr_blender.motion import humanoid, quaternion, readers
from tmr_blender.motion.clip import Clip
from tmr_blender.motion.readers import keys

PERSON = figures.moving(figures.skeleton(), frames=21, fps=30.0)
Change = Callable[[File], object]


def matrices(rotations: np.ndarray, translations: np.ndarray) -> np.ndarray:
    out = np.tile(np.eye(4), (*rotations.shape[:-1], 1, 1))
    out[..., :3, :3], out[..., :3, 3] = quaternion.to_matrix(rotations), translations
    return out


def performed(clip: Clip = PERSON, skin: bool = True) -> File:
    """A file in which the clip is performed."""
    file = File()
    joints = file.nodes(clip)
    if skin:
        file.skin(joints, np.linalg.inv(matrices(*clip.skeleton.rest_globals())))
    file.play(clip, joints)
    return file


def read_one(path: Path) -> Clip:
    (clip,) = readers.read(path)
    return clip


def same(clip: Clip, expected: np.ndarray, atol: float = 2e-6) -> None:
    np.testing.assert_allclose(clip.globals()[1], expected, atol=atol)


# Containers


@pytest.mark.parametrize("name", ["take.glb", "take.gltf", "TAKE.GLTF"])
def test_containers(tmp_path: Path, name: str) -> None:
    clip = read_one(performed().write(tmp_path / name))
    assert (clip.name, clip.fps, clip.frames) == (Path(name).stem, 30.0, 21)
    assert clip.skeleton.names == PERSON.skeleton.names
    same(clip, PERSON.globals()[1])
    apart = quaternion.multiply(quaternion.inverse(clip.rotations), PERSON.rotations)
    assert np.abs(quaternion.to_rotation_vector(apart)).max() < 1e-5


def test_buffer_beside(tmp_path: Path) -> None:
    file = performed()
    (tmp_path / "in side").mkdir()
    (tmp_path / "in side" / "données.bin").write_bytes(file.data)
    same(read_one(file.write(tmp_path / "take.gltf", beside="in%20side/donn%C3%A9es.bin")), PERSON.globals()[1])


@pytest.mark.parametrize(
    "address",
    [
        "../out.bin",
        "%2e%2e/out.bin",
        "a/../../out.bin",
        "{out}",
        "file://{out}",
        "http://example.org/a.bin",
        "..\\out.bin",
        "link.bin",
    ],
)
def test_buffers_outside_are_refused(tmp_path: Path, address: str) -> None:
    """Wherever the address leads out of the folder, though a good buffer lies there."""
    file, folder = performed(), tmp_path / "folder"
    folder.mkdir()
    (tmp_path / "out.bin").write_bytes(file.data)
    (folder / "a").mkdir()
    (folder / "link.bin").symlink_to(tmp_path / "out.bin")
    path = file.write(folder / "take.gltf", beside=address.format(out=tmp_path / "out.bin"))
    with pytest.raises(FileProblem, match=r"^take\.gltf asks for .*: only files beside it are read\.$"):
        readers.read(path)


def test_buffers_missing_or_short(tmp_path: Path) -> None:
    file = performed()
    path = file.write(tmp_path / "take.gltf", beside="gone.bin")
    with pytest.raises(FileProblem, match=r"needs gone\.bin, which is not there"):
        readers.read(path)
    (tmp_path / "gone.bin").write_bytes(file.data[:-100])
    with pytest.raises(FileProblem, match="cut short"):
        readers.read(path)


def test_other_chunks_and_textures_are_not_read(tmp_path: Path) -> None:
    """Only what animations and skins need: an image far beyond the end of the file harms nothing."""
    file = performed()
    file.root["bufferViews"].append({"buffer": 7, "byteLength": 2**40})
    file.root["images"] = [{"bufferView": len(file.root["bufferViews"]) - 1}]
    same(read_one(file.write(tmp_path / "take.glb")), PERSON.globals()[1])


# Accessors


@pytest.mark.parametrize(("kind", "scale", "atol"), [("i1", 127, 0.05), ("i2", 32767, 2e-4)])
def test_normalised_rotations(tmp_path: Path, kind: str, scale: int, atol: float) -> None:
    file = performed()
    for sampler in file.root["animations"][0]["samplers"][:-1]:
        joint = file.root["animations"][0]["samplers"].index(sampler)
        values = np.round(PERSON.rotations[:, joint, [1, 2, 3, 0]] * scale)
        sampler["output"] = file.accessor(values, kind, normalized=True)
    same(read_one(file.write(tmp_path / "take.glb")), PERSON.globals()[1], atol)


def test_unsigned_rotations(tmp_path: Path) -> None:
    file = File()
    joints = file.nodes(PERSON)
    file.skin(joints)
    turn = np.stack([np.linspace(0, 1, 5), 0 * np.arange(5), 0 * np.arange(5), 1 - np.linspace(0, 1, 5)], axis=-1)
    times = file.accessor(np.arange(5) / 30)
    for kind, most in (("u1", 255), ("u2", 65535)):
        file.channel(file.animation(kind), 0, "rotation", times, file.accessor(np.round(turn * most), kind, normalized=True))
    for clip in readers.read(file.write(tmp_path / "take.glb")):
        angle = np.linalg.norm(quaternion.to_rotation_vector(clip.rotations[:, 0]), axis=-1)
        np.testing.assert_allclose(angle, 2 * np.arctan2(turn[:, 0], turn[:, 3]), atol=0.01)


def test_interleaved(tmp_path: Path) -> None:
    """Rotations of two joints in one view with a stride."""
    file = performed()
    both = np.concatenate([PERSON.rotations[:, joint][:, [1, 2, 3, 0]] for joint in (3, 4)], axis=1).astype("<f4")
    view = file.view(both.tobytes(), byteStride=32)
    for joint, offset in ((3, 0), (4, 16)):
        file.root["accessors"].append(
            {"bufferView": view, "byteOffset": offset, "componentType": 5126, "count": len(both), "type": "VEC4"}
        )
        file.root["animations"][0]["samplers"][joint]["output"] = len(file.root["accessors"]) - 1
    same(read_one(file.write(tmp_path / "take.glb")), PERSON.globals()[1])


@pytest.mark.parametrize("based", [True, False])
def test_sparse(tmp_path: Path, based: bool) -> None:
    """Some of the root's places put over others, or over zeros that are nowhere stored."""
    file = performed()
    where = np.array([0, 3, 4, 20])
    sparse = {
        "count": len(where),
        "indices": {"bufferView": file.view(where.astype("<u2").tobytes()), "componentType": 5123},
        "values": {"bufferView": file.view(PERSON.translations[where, 0].astype("<f4").tobytes())},
    }
    base = np.full((21, 3), 2.0)
    stored = file.root["accessors"][file.accessor(base)] if based else {"componentType": 5126, "count": 21, "type": "VEC3"}
    if not based:
        file.root["accessors"].append(stored)
        base[:] = 0.0
    stored["sparse"] = sparse
    file.root["animations"][0]["samplers"][-1]["output"] = file.root["accessors"].index(stored)
    base[where] = PERSON.translations[where, 0]
    np.testing.assert_allclose(read_one(file.write(tmp_path / "take.glb")).translations[:, 0], base, atol=1e-6)


# Samplers


def test_samplers(tmp_path: Path) -> None:
    """LINEAR, STEP and CUBICSPLINE with keys at uneven times, against SciPy, at the 30 frames a second of sparse keys."""
    random = np.random.default_rng(3)
    at = np.array([0.5, 0.9, 1.7, 2.0])
    turns, places = Rotation.from_rotvec(random.normal(size=(4, 3))), random.normal(size=(4, 3))
    tangents = random.normal(size=(4, 2, 3))
    q = turns.as_quat() * np.array([1, -1, 1, -1])[:, None]
    slopes = random.normal(size=(4, 2, 4))
    file = File()
    joints = file.nodes(PERSON)
    file.skin(joints)
    times = file.accessor(at)
    for how in keys.INTERPOLATIONS:
        take = file.animation(how)
        spline = how == "CUBICSPLINE"
        moved = np.stack([tangents[:, 0], places, tangents[:, 1]], axis=1).reshape(-1, 3) if spline else places
        turned = np.stack([slopes[:, 0], q, slopes[:, 1]], axis=1).reshape(-1, 4) if spline else q
        file.channel(take, 0, "translation", times, file.accessor(moved), how)
        file.channel(take, 1, "rotation", times, file.accessor(turned), how)
    linear, step, cubic = readers.read(file.write(tmp_path / "a.glb"))
    t = 0.5 + np.arange(46) / 30
    assert (linear.fps, linear.frames, linear.name) == (30.0, 46, "a LINEAR")

    def turned_by(clip: Clip, expected: Rotation) -> None:
        seen = Rotation.from_quat(clip.rotations[:, 1][:, [1, 2, 3, 0]])
        assert (seen.inv() * expected).magnitude().max() < 1e-5

    expected = np.stack([np.interp(t, at, places[:, axis]) for axis in range(3)], axis=-1)
    np.testing.assert_allclose(linear.translations[:, 0], expected, atol=1e-5)
    turned_by(linear, Slerp(at, turns)(np.clip(t, 0.5, 2.0)))
    held = np.searchsorted(at, t + 1e-5, side="right") - 1
    np.testing.assert_allclose(step.translations[:, 0], places[held], atol=1e-6)
    turned_by(step, Rotation.from_quat(turns.as_quat()[held]))
    low, high = np.minimum(held, 2), np.minimum(held, 2) + 1

    def hermite(values: np.ndarray, slope: np.ndarray) -> np.ndarray:
        return np.array(
            [
                CubicHermiteSpline(at[[a, b]], values[[a, b]], np.stack([slope[a, 1], slope[b, 0]]))(min(x, 2.0))
                for a, b, x in zip(low, high, t, strict=True)
            ]
        )

    np.testing.assert_allclose(cubic.translations[:, 0], hermite(places, tangents), atol=1e-5)
    turned_by(cubic, Rotation.from_quat(hermite(q, slopes)))


def grid(fps: float, seconds: float, start: float = 0.0) -> np.ndarray:
    return (start + np.arange(round(seconds * fps) + 1) / fps).astype(np.float32).astype(np.float64)


@pytest.mark.parametrize("fps", [12.0, 24.0, 25.0, 29.97, 30.0, 50.0, 59.94, 60.0, 100.0, 120.0, 240.0])
@pytest.mark.parametrize("start", [0.0, 1 / 24, 90.0])
def test_rate(fps: float, start: float) -> None:
    assert keys.rate([grid(fps, 20.0, start)]) == pytest.approx(fps, rel=1e-4)


def test_rate_of_thinned_keys() -> None:
    """Each channel lost most of its keys; together they still show the grid. Few keys show none."""
    random = np.random.default_rng(0)
    full = grid(24.0, 10.0)
    thinned = [full[np.sort(random.choice(len(full), 30, replace=False))] for _ in range(20)]
    assert keys.rate(thinned) == pytest.approx(24.0, rel=1e-4)
    assert keys.rate([np.array([0.0, 0.7, 1.9])]) == 30.0
    assert keys.rate([np.array([1.0])]) == 30.0
    assert keys.rate([np.array([0.0, 1e-6, 2e-6])]) == 30.0


# Scenes


@pytest.mark.parametrize("scale", [(0.5, 0.5, 0.5), (1.0, 1.0, -1.0), (-0.8, 0.8, 0.8), (0.7, 1.1, 0.9)])
@pytest.mark.parametrize("as_matrix", [True, False])
def test_holders(tmp_path: Path, scale: tuple[float, float, float], as_matrix: bool) -> None:
    """A turned, moved, scaled or mirrored node above: in the positions, not in the skeleton, and bones stay rigid."""
    file = performed()
    turn, move = Rotation.from_euler("xyz", (10, 50, 5), degrees=True), np.array([2.0, 0.1, -1.0])
    holder: dict[str, Any] = {"name": "Armature", "children": [0]}
    linear = turn.as_matrix() * np.array(scale)
    if as_matrix:
        matrix = np.eye(4)
        matrix[:3, :3], matrix[:3, 3] = linear, move
        holder["matrix"] = matrix.T.ravel().tolist()
    else:
        holder |= {"translation": move.tolist(), "rotation": turn.as_quat().tolist(), "scale": scale}
    file.root["nodes"].append(holder)
    clip = read_one(file.write(tmp_path / "take.glb"))
    assert set(clip.skeleton.names) == set(PERSON.skeleton.names)
    order = [PERSON.skeleton.names.index(name) for name in clip.skeleton.names]
    same(clip, (PERSON.globals()[1] @ linear.T + move)[:, order], 5e-6)
    if len({abs(x) for x in scale}) == 1:
        assert np.ptp(clip.translations[:, 1:], axis=0).max() < 5e-6
        np.testing.assert_allclose(clip.translations[0, 1:], clip.skeleton.offsets[1:], atol=5e-6)


def test_scale_in_joints_and_in_keys(tmp_path: Path) -> None:
    """Against products of 4 by 4 matrices."""
    file = performed()
    file.root["nodes"][9]["scale"] = [1.2, 0.9, 1.1]
    sizes = np.linspace(0.5, 1.5, 21)[:, None] * np.array([1.0, 1.0, 1.0])
    animation = file.root["animations"][0]
    file.channel(animation, 10, "scale", animation["samplers"][0]["input"], file.accessor(sizes))
    clip = read_one(file.write(tmp_path / "take.glb"))
    local = matrices(PERSON.rotations, PERSON.translations)
    local[:, 9, :3, :3] *= np.array([1.2, 0.9, 1.1])
    local[:, 10, :3, :3] *= sizes[:, None]
    for joint, parent in enumerate(PERSON.skeleton.parents):
        if parent >= 0:
            local[:, joint] = local[:, parent] @ local[:, joint]
    order = [PERSON.skeleton.names.index(name) for name in clip.skeleton.names]
    same(clip, local[:, order][..., :3, 3], 5e-6)


def test_holder_that_moves(tmp_path: Path) -> None:
    """Root motion on a node above still bones is motion."""
    file = File()
    joints = file.nodes(PERSON)
    file.skin(joints)
    file.root["nodes"].append({"name": "mover", "children": [0]})
    path = np.linspace(0, 1, 9)[:, None] * np.array([1.0, 0.0, 2.0])
    file.channel(file.animation(), len(joints), "translation", file.accessor(np.arange(9) / 30), file.accessor(path))
    clip = read_one(file.write(tmp_path / "take.glb"))
    still = PERSON.skeleton.rest_globals()[1]
    same(clip, still + path[:, None])


def test_animations_and_characters(tmp_path: Path) -> None:
    """Two people in two animations, one of whom rests in the second; a prop with a skin is dropped."""
    other = figures.moving(figures.skeleton(), frames=15, fps=60.0, seed=8)
    file = File()
    first, second = file.nodes(PERSON), file.nodes(other, translation=[3.0, 0.95, 0.0])
    door = len(file.root["nodes"])
    file.root["nodes"] += [{"name": "door", "children": [door + 1]}, {"name": "handle", "translation": [0.8, 1.0, 0.0]}]
    for joints in (first, second, [door, door + 1]):
        file.skin(joints)
    file.play(PERSON, first, "walk")
    file.play(PERSON, second, "walk")
    file.play(other, second, "run")
    turn = np.array([[0, 0, 0, 1], [0, 1, 0, 0]])
    file.channel(file.root["animations"][0], door, "rotation", file.accessor([0.0, 0.6]), file.accessor(turn))
    clips = readers.read(file.write(tmp_path / "a.glb"))
    assert [clip.name for clip in clips] == ["a walk Hips", "a walk Hips.001", "a run Hips.001"]
    assert [(clip.fps, clip.frames) for clip in clips] == [(30.0, 21), (30.0, 21), (60.0, 15)]
    same(clips[2], other.globals()[1])


def test_joints_that_no_skin_names(tmp_path: Path) -> None:
    """Hips and one spine that move no vertex: the skeleton is whole all the same."""
    file = performed()
    joints = file.root["skins"][0]["joints"]
    file.root["skins"][0] = {"joints": [joint for joint in joints if joint not in (0, 10)]}
    clip = read_one(file.write(tmp_path / "take.glb"))
    assert clip.skeleton.names == PERSON.skeleton.names
    same(clip, PERSON.globals()[1])


def test_without_a_skin(tmp_path: Path) -> None:
    """A hierarchy of nodes that looks human counts, also where its hips and holder have no keys; a machine doesn't."""
    file = performed(skin=False)
    file.root["nodes"].append({"name": "scene", "children": [0]})
    same(read_one(file.write(tmp_path / "take.glb")), PERSON.globals()[1])
    still = figures.moving(figures.skeleton(), frames=21)
    file = performed(still, skin=False)
    channels = file.root["animations"][0]["channels"]
    file.root["animations"][0]["channels"] = [channel for channel in channels if channel["target"]["node"] > 0]
    clip = read_one(file.write(tmp_path / "take.glb"))
    assert set(humanoid.recognise(clip).joints) == set(humanoid.recognise(still).joints)
    file = File()
    file.root["nodes"] = [{"name": "wheel", "children": [1]}, {"name": "axle"}]
    file.channel(file.animation(), 0, "translation", file.accessor([0.0, 1.0]), file.accessor(np.eye(3)[:2]))
    with pytest.raises(FileProblem, match=r"^wheel\.glb has neither a skin nor moving nodes"):
        readers.read(file.write(tmp_path / "wheel.glb"))


def test_rest_is_the_bind_pose(tmp_path: Path) -> None:
    """Nodes as in the first frame, bind matrices of the T pose; then with matrices that say nothing."""
    rest = PERSON.skeleton
    binds = np.linalg.inv(matrices(*rest.rest_globals()))
    for given, expected in ((binds, rest.rest), (np.tile(np.eye(4), (rest.count, 1, 1)), PERSON.rotations[5])):
        file = File()
        joints = file.nodes(PERSON)
        file.skin(joints, given)
        file.play(PERSON, joints)
        for joint in joints:
            file.root["nodes"][joint]["rotation"] = PERSON.rotations[5, joint, [1, 2, 3, 0]].tolist()
        clip = read_one(file.write(tmp_path / "take.glb"))
        apart = quaternion.to_rotation_vector(quaternion.multiply(quaternion.inverse(clip.skeleton.rest), expected))
        assert np.abs(apart).max() < 1e-5
        np.testing.assert_allclose(clip.skeleton.offsets, rest.offsets, atol=1e-5)
        same(clip, PERSON.globals()[1])


def test_wrong_unit_is_seen(tmp_path: Path) -> None:
    clip = figures.moving(figures.skeleton(tuple((n, p, (x * 100, y * 100, z * 100)) for n, p, (x, y, z) in figures.PERSON)))
    same(read_one(performed(clip).write(tmp_path / "take.glb")), clip.globals()[1] / 100.0, 1e-5)


# What can't be read


def changed(where: str, value: Any) -> Change:
    """Put a value at a place such as nodes.3.children; None takes it away."""

    def change(file: File) -> None:
        *way, last = [int(part) if part.isdigit() else part for part in where.split(".")]
        holder: Any = file.root
        for part in way:
            holder = holder[part]
        if value is None:
            del holder[last]
        else:
            holder[last] = value

    return change


FAULTS: list[tuple[Change, str]] = [
    (changed("asset.version", "1.0"), "version 1.0"),
    (changed("asset", 3), "asset"),
    (changed("nodes", []), "no nodes"),
    (changed("nodes", {"0": {}}), "nodes is not a list"),
    (changed("nodes.3", 7), "nodes is not a list"),
    (changed("animations", []), "no animation"),
    (changed("animations.0.channels", []), "no animation"),
    (changed("nodes.4.children", [1]), "two places"),
    (changed("nodes.4.children", [4]), "two places"),
    (changed("nodes.4.children", [99]), "children leads"),
    (changed("nodes.4.children", [-1]), "children leads"),
    (changed("nodes.4.children", [True]), "children leads"),
    (changed("nodes.4.children", "1"), "children leads"),
    (lambda file: file.root["nodes"].extend([{"children": [23]}, {"children": [22]}]), "circle"),
    (changed("nodes.2.translation", [1, 2]), "translation"),
    (changed("nodes.2.translation", [1, 2, float("nan")]), "translation"),
    (changed("nodes.2.translation", [1, 2, 10**400]), "translation"),
    (changed("nodes.2.rotation", [0, 0, "0", 1]), "rotation"),
    (changed("nodes.2.matrix", [float("inf")] * 16), "matrix"),
    (changed("nodes.2.scale", [1e20, 1e20, 1e20]), "farther away"),
    (changed("skins.0.joints", [1000]), "joints leads"),
    (changed("skins.0.inverseBindMatrices", 1000), "accessors has no number"),
    (changed("skins.0.inverseBindMatrices", 1), "MAT4"),
    (changed("animations.0.samplers.2.interpolation", "BEZIER"), "interpolation"),
    (changed("animations.0.samplers.2.interpolation", ["LINEAR"]), "interpolation"),
    (changed("animations.0.samplers.2.input", None), "input"),
    (changed("animations.0.samplers.2.output", -1), "output"),
    (changed("animations.0.samplers.2.output", 1.5), "output"),
    (changed("animations.0.samplers.2.output", 1), "type"),
    (changed("animations.0.channels.2.sampler", 400), "sampler leads"),
    (changed("animations.0.channels.2.target", None), "target"),
    (changed("animations.0.channels.2.target.node", 400), "node leads"),
    (changed("accessors.1.count", 2**40), "buffer view|numbers"),
    (changed("accessors.1.count", 10**30), "count"),
    (changed("accessors.1.bufferView", None), "no animation"),
    (changed("accessors.1.componentType", 5124), "component"),
    (changed("accessors.1.componentType", 1e400), "component"),
    (changed("accessors.1.byteOffset", 4), "buffer view"),
    (changed("accessors.2.count", 20), "value for each key"),
    (changed("accessors.2.bufferView", 4000), "bufferViews has no number"),
    (changed("bufferViews.1.byteStride", 1), "buffer view"),
    (changed("bufferViews.1.byteOffset", 10**15), "cut short"),
    (changed("bufferViews.1.buffer", 3), "buffers has no number"),
    (changed("bufferViews.1.extensions", {"EXT_meshopt_compression": {}}), "meshopt"),
    (changed("accessors.1.sparse", {"count": 1}), "indices"),
    (
        changed(
            "accessors.1.sparse", {"count": 1, "indices": {"bufferView": 2, "componentType": 5125}, "values": {"bufferView": 1}}
        ),
        "leads out",
    ),
]


@pytest.mark.parametrize(("change", "reason"), FAULTS)
def test_faults(tmp_path: Path, change: Change, reason: str) -> None:
    file = performed()
    change(file)
    with pytest.raises(FileProblem, match=rf"^take\.glb .*({reason}).*\.$"):
        readers.read(file.write(tmp_path / "take.glb"))


def test_values_that_are_no_numbers(tmp_path: Path) -> None:
    for accessor, reason in ((1, "order"), (2, "finite")):
        file = performed()
        start = file.root["bufferViews"][accessor]["byteOffset"]
        file.data = file.data[:start] + struct.pack("<f", float("nan")) + file.data[start + 4 :]
        with pytest.raises(FileProblem, match=reason):
            readers.read(file.write(tmp_path / "take.glb"))


@pytest.mark.parametrize(
    "content",
    [
        b"glTF",
        b"glTF\1\0\0\0" + bytes(12),
        b"glTF\2\0\0\0\xff\xff\xff\xff\xff\xff\xff\x7fJSON{}",
        b"glTF\2\0\0\0\x20\0\0\0\2\0\0\0JSON{}",
        b"glTF\2\0\0\0\x20\0\0\0\2\0\0\0BIN\0{}",
        b"[" * 200_000,
        b'{"asset":' * 50_000,
        b'{"asset": {"version": "2.0"}, "nodes": ' + b"9" * 9000 + b"}",
        b"[0]",
        b"null",
        b"\xff\xfe\xfd",
        b'{"asset": {"version": "2.0"}, "nodes": [' + b"{}," * 5_000_000 + b"{}]}",
    ],
)
def test_no_gltf(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "take.gltf"
    path.write_bytes(content)
    with pytest.raises(FileProblem, match=r"^take\.gltf .*\.$"):
        readers.read(path)


def test_requests_beyond_measure(tmp_path: Path) -> None:
    """Ten keys over a year; accessors that all share one array; nodes too deep: told before memory is taken."""
    file = performed()
    far = file.accessor(np.linspace(0, 3e7, 21))
    for sampler in file.root["animations"][0]["samplers"]:
        sampler["input"] = far
    with pytest.raises(FileProblem, match="limit is"):
        readers.read(file.write(tmp_path / "year.glb"))
    file = performed()
    long = file.accessor(np.linspace(0, 9000, 21))
    for sampler in file.root["animations"][0]["samplers"]:
        sampler["input"] = long
    with pytest.raises(FileProblem, match="export it sampled"):
        readers.read(file.write(tmp_path / "hours.glb"))
    file = performed()
    shared = {"bufferView": file.view(bytes(4 << 20)), "componentType": 5121, "count": 1 << 20, "type": "VEC4"}
    file.root["accessors"] += [shared] * 2000
    file.root["skins"] = [{"joints": [0]}]
    take = file.animation()
    for node in range(20):
        file.channel(take, node, "rotation", 1, len(file.root["accessors"]) - 1 - node)
    with pytest.raises(FileProblem, match=r"value for each key|more numbers"):
        readers.read(file.write(tmp_path / "shared.glb"))
    file = performed()
    first = len(file.root["nodes"])
    file.root["nodes"] += [{"children": [first + i + 1]} for i in range(3000)] + [{}]
    with pytest.raises(FileProblem, match="deep"):
        readers.read(file.write(tmp_path / "deep.glb"))


def test_mutations(tmp_path: Path) -> None:
    """Damaged bytes and damaged JSON: clips or a FileProblem, soon."""
    random = np.random.default_rng(11)
    whole = performed(figures.moving(figures.skeleton(), frames=4)).glb()
    path, seen = tmp_path / "take.glb", {True: 0, False: 0}
    words = [b"0", b"-1", b"1e999", b"null", b"{}", b"[]", b'""', b"4294967296", b"true", b"NaN"]
    for _ in range(400):
        data = bytearray(whole)
        for _ in range(int(random.integers(1, 6))):
            at = int(random.integers(len(data)))
            match int(random.integers(4)):
                case 0:
                    data[at] = int(random.integers(256))
                case 1:
                    del data[at : at + int(random.integers(1, 40))]
                case 2:
                    data[at:at] = data[at // 2 : at // 2 + 20]
                case _:
                    digits = [i for i in range(20, len(data) - 1) if 48 <= data[i] < 58][:3000]
                    at = int(random.choice(digits))
                    word = words[int(random.integers(len(words)))]
                    data[at : at + 1] = word
        if random.random() < 0.7 and len(data) > 20:
            length = struct.unpack_from("<I", whole, 12)[0] + len(data) - len(whole)
            data[12:16] = struct.pack("<I", max(length, 0))
            data[8:12] = struct.pack("<I", len(data))
        path.write_bytes(data)
        began = time.perf_counter()
        try:
            clips = readers.read(path)
        except FileProblem as problem:
            assert "take.glb" in str(problem)
            seen[False] += 1
        else:
            assert all(np.isfinite(clip.globals()[1]).all() for clip in clips)
            seen[True] += 1
        assert time.perf_counter() - began < 5.0
    assert min(seen.values()) > 10


def test_broken_json_of_every_kind(tmp_path: Path) -> None:
    """Each value in turn replaced by values of other kinds."""
    sound = performed(figures.moving(figures.skeleton(figures.PERSON[:9]), frames=3))
    sound.write(tmp_path / "take.glb")
    ways: list[list[Any]] = []

    def walk(value: Any, way: list[Any]) -> None:
        ways.append(way)
        if isinstance(value, dict | list):
            for key, part in value.items() if isinstance(value, dict) else enumerate(value[:3]):
                walk(part, [*way, key])

    walk(sound.root, [])
    problems = 0
    for way in ways[1:]:
        for value in (None, True, -1, 3.5, 2**70, "x", [], {}, [None], [[0]], {"x": 1}):
            file = File()
            file.root, file.data = json.loads(json.dumps(sound.root)), sound.data
            holder: Any = file.root
            for part in way[:-1]:
                holder = holder[part]
            holder[way[-1]] = value
            try:
                readers.read(file.write(tmp_path / "take.glb"))
            except FileProblem:
                problems += 1
    assert problems > 500


# Real files


def test_sample_with_a_motion(shared: Path) -> None:
    clip = read_one(shared / "rigs" / "m2m_sample.glb")
    found = humanoid.recognise(clip)
    assert found.convention == "Unreal"
    x = humanoid.body_positions(clip)
    assert 1.4 < np.ptp(x[0, :, 1]) < 1.8 and abs(x[..., 1].min()) < 0.1
    for name in ("human_male", "ue_names"):
        with pytest.raises(FileProblem, match="no animation"):
            readers.read(shared / "rigs" / f"{name}.glb")
