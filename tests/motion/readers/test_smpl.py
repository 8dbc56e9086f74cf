# SPDX-License-Identifier: GPL-3.0-or-later
"""AMASS and SMPL-X files built here: turns, axes, rates, fingers; retargeting; archives that lie."""

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from tests.retarget import bodies
from tmr_blender.errors import FileProblem
from tmr_blender.motion import body, features, humanoid, quaternion, readers, rigid
from tmr_blender.motion.clip import Clip
from tmr_blender.motion.readers import npz, smpl, smpl_models
from tmr_blender.motion.skeleton import forward
from tmr_blender.retarget import roles
from tmr_blender.retarget.solver import Options, retarget

FRAMES = 40
Z_UP = Rotation.from_euler("x", 90, degrees=True)


def vectors(joints: int, frames: int = FRAMES, seed: int = 0) -> np.ndarray:
    """Swaying turns (frames, joints, 3) of somebody who stays upright and turns about."""
    random = np.random.default_rng(seed)
    phase = random.uniform(0, 6, (1, joints, 3))
    out = 0.3 * np.sin(np.linspace(0, 6, frames)[:, None, None] + phase)
    out[:, 0] = (
        Rotation.from_rotvec(0.3 * out[:, 0]) * Rotation.from_euler("y", np.linspace(0, 90, frames)[:, None], degrees=True)
    ).as_rotvec()
    return out


def walking(frames: int = FRAMES) -> np.ndarray:
    """Places (frames, 3) of the pelvis, Y up."""
    return np.linspace(0, 1, frames)[:, None] * np.array([1.0, 0.0, 2.0]) + np.array([0.4, 0.95, 3.0])


def amass(turns: np.ndarray, places: np.ndarray, **more: Any) -> dict[str, Any]:
    """A file of SMPL+H, Z up, of turns (n, 52, 3) and the pelvis's places (n, 3), which are Y up."""
    turns = turns.copy()
    turns[:, 0] = (Z_UP * Rotation.from_rotvec(turns[:, 0])).as_rotvec()
    made = {"poses": turns.reshape(len(turns), -1), "trans": Z_UP.apply(places) - smpl._PELVIS["smplh"]}
    return made | {"betas": np.zeros(16), "gender": "male", "mocap_framerate": 120.0, "dmpls": np.zeros((len(turns), 8))} | more


def read_one(tmp_path: Path, content: dict[str, Any], name: str = "take.npz") -> Clip:
    np.savez(tmp_path / name, **content)
    (clip,) = readers.read(tmp_path / name)
    return clip


def check(clip: Clip, turns: np.ndarray, places: np.ndarray) -> None:
    """The turns are the file's own, in the space of the house."""
    joints = turns.shape[1]
    apart = Rotation.from_rotvec(turns.reshape(-1, 3)).inv() * Rotation.from_quat(
        clip.rotations[:, :joints].reshape(-1, 4)[:, [1, 2, 3, 0]]
    )
    assert apart.magnitude().max() < 1e-6
    np.testing.assert_allclose(clip.translations[:, 0], places, atol=1e-9)
    np.testing.assert_allclose(
        clip.translations[:, 1:], np.broadcast_to(clip.skeleton.offsets[1:], clip.translations[:, 1:].shape)
    )


def test_amass(tmp_path: Path) -> None:
    turns, places = vectors(52), walking()
    clip = read_one(tmp_path, amass(turns, places), "02_01_poses.npz")
    assert (clip.name, clip.fps, clip.frames) == ("02_01_poses", 120.0, FRAMES)
    assert clip.skeleton.names[:52] == (*body.JOINTS, *smpl.FINGERS)
    check(clip, turns, places)


def test_recognised_with_fingers(tmp_path: Path) -> None:
    clip = read_one(tmp_path, amass(vectors(52), walking()))
    found = humanoid.recognise(clip)
    assert found.convention == "SMPL"
    assert {role: clip.skeleton.names[i] for role, i in found.joints.items()} == {n: n for n in (*body.JOINTS, *body.FINGERS)}


def test_rest_pose_is_a_body() -> None:
    """An upright T pose facing +Z with its left at +X, a hand of 17 to 21 cm."""
    x = smpl._skeleton(smpl._rest_offsets(), fingers=True).rest_globals()[1]
    at = dict(zip((*body.JOINTS, *smpl.FINGERS), x, strict=False))
    assert at["left_wrist"][0] > 0.6 and abs(at["left_wrist"][1] - at["left_shoulder"][1]) < 0.05
    np.testing.assert_allclose(at["left_knee"] * [-1, 1, 1], at["right_knee"], atol=0.01)
    assert at["left_foot"][2] > at["left_ankle"][2] + 0.08 and abs(x[:, 1].min()) < 1e-9
    assert 1.35 < at["head"][1] < 1.65
    assert 0.13 < np.linalg.norm(at["left_middle3"] - at["left_wrist"]) < 0.19
    lengths = np.linalg.norm(smpl._rest_offsets()[1:22], axis=1)
    np.testing.assert_allclose(lengths, features.BONES[1:], rtol=1e-9)


@pytest.mark.parametrize("width", [66, 72, 156, 165])
def test_widths(tmp_path: Path, width: int) -> None:
    turns, places = vectors(width // 3), walking()
    content = amass(turns, places)
    model = {66: "smpl", 72: "smpl", 156: "smplh", 165: "smplx"}[width]
    content["trans"] = Z_UP.apply(places) - smpl._PELVIS[model]
    clip = read_one(tmp_path, content)
    body_turns = turns[:, :22]
    if width >= 156:
        first = 22 if width == 156 else 25
        body_turns = np.concatenate([body_turns, turns[:, first : first + 30]], axis=1)
    check(clip, body_turns, places)


def test_smplx_stage_two(tmp_path: Path) -> None:
    """With pickled labels beside it, which are never touched."""
    turns, places = vectors(55), walking()
    content = amass(turns, places)
    whole = content["poses"].reshape(FRAMES, 55, 3)
    content |= {"trans": Z_UP.apply(places) - smpl._PELVIS["smplx"], "surface_model_type": "smplx", "mocap_frame_rate": 100}
    content |= {
        "root_orient": whole[:, 0],
        "pose_body": whole[:, 1:22].reshape(FRAMES, -1),
        "pose_hand": whole[:, 25:].reshape(FRAMES, -1),
    }
    content["latent_labels"] = np.array([{"a": 1}], dtype=object)
    del content["mocap_framerate"]
    expected = np.concatenate([turns[:, :22], turns[:, 25:]], axis=1)
    clip = read_one(tmp_path, content)
    assert clip.fps == 100.0
    check(clip, expected, places)
    del content["poses"]
    check(read_one(tmp_path, content), expected, places)


@pytest.mark.parametrize("matrices", [False, True])
def test_parts_y_up(tmp_path: Path, matrices: bool) -> None:
    turns, places = vectors(52), walking()
    left, right = turns[:, 22:37], turns[:, 37:52]
    content = {"global_orient": turns[:, :1], "body_pose": turns[:, 1:22], "left_hand_pose": left, "right_hand_pose": right}
    if matrices:
        content = {
            name: Rotation.from_rotvec(part.reshape(-1, 3)).as_matrix().reshape(*part.shape, 3)
            for name, part in content.items()
        }
    content |= {"transl": places - smpl._PELVIS["smpl"], "fps": np.array([29.97])}
    clip = read_one(tmp_path, content)
    assert clip.fps == pytest.approx(29.97)
    check(clip, turns, places)


def test_poses_that_are_one_number_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", poses=np.array(0.0), trans=np.zeros((5, 3)))
    with pytest.raises(FileProblem, match=r"a\.npz"):
        readers.read(tmp_path / "a.npz")


def test_principal_hand_poses_are_left_out(tmp_path: Path) -> None:
    turns, places = vectors(22), walking()
    content = {
        "global_orient": turns[:, 0],
        "body_pose": turns[:, 1:].reshape(FRAMES, -1),
        "transl": places - smpl._PELVIS["smpl"],
    }
    content |= {f"{side}_hand_pose": np.ones((FRAMES, 6)) for side in ("left", "right")}
    clip = read_one(tmp_path, content)
    assert clip.fps == 30.0
    check(clip, turns, places)


def test_which_way_is_up(tmp_path: Path) -> None:
    """AMASS's names with Y up, a camera's view with Y down, and somebody who lies in AMASS."""
    turns, places = vectors(52), walking()
    upright = {"poses": turns.reshape(FRAMES, -1), "trans": places - smpl._PELVIS["smplh"], "mocap_framerate": 30.0}
    check(read_one(tmp_path, upright), turns, places)
    down = Rotation.from_euler("x", 180, degrees=True)
    seen = {"global_orient": (down * Rotation.from_rotvec(turns[:, 0])).as_rotvec(), "body_pose": turns[:, 1:22]}
    clip = read_one(tmp_path, seen | {"transl": down.apply(places) + np.array([0.0, 1.0, 4.0])})
    x = clip.globals()[1]
    assert (x[:, body.INDEX["head"], 1] > x[:, body.INDEX["left_ankle"], 1] + 1.0).all()
    lying = vectors(52)
    lying[:, 0] *= 0.1
    lies = amass(lying, walking())
    lies["poses"][:, :3] = np.array([0.0, 0.0, 0.1])  # as SMPL rests, along Y, where Z is up
    lies["trans"] = np.tile([1.0, 3.0, 0.1], (FRAMES, 1))
    x = read_one(tmp_path, lies).globals()[1]
    assert np.ptp(x[:, :22, 1], axis=1).max() < 1.0
    assert np.ptp(x[:, [0, 12]].mean(axis=0)[:, 1]) < 0.2


def test_without_places_and_rate(tmp_path: Path) -> None:
    clip = read_one(tmp_path, {"poses": vectors(52).reshape(FRAMES, -1), "mocap_framerate": np.nan})
    assert clip.fps == 30.0 and clip.frames == FRAMES


def test_body_model_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A made-up model: rest joints are those that it regresses for these betas."""
    random = np.random.default_rng(1)
    rest = random.normal(size=(52, 3))
    shapes = random.normal(size=(52, 3, 10))
    folder = tmp_path / "models" / "smplh" / "female"
    folder.mkdir(parents=True)
    np.savez(folder / "model.npz", v_template=rest, shapedirs=shapes, J_regressor=np.eye(52))
    monkeypatch.setenv(smpl_models.VARIABLE, str(tmp_path / "models"))
    betas = random.normal(size=16)
    content = amass(vectors(52), walking(), gender="female", betas=betas)
    clip = read_one(tmp_path, content)
    joints = rest + shapes @ betas[:10]
    parents = clip.skeleton.parents[1:52]
    np.testing.assert_allclose(clip.skeleton.offsets[1:52], (joints[1:] - joints[parents]), atol=1e-9)
    (folder / "model.npz").write_bytes(b"nothing")
    with pytest.raises(FileProblem, match=r"model\.npz"):
        read_one(tmp_path, content)


# Real performances


def proportioned(x: np.ndarray) -> np.ndarray:
    """Positions (n, 22, 3) with the directions of these and HumanML3D's bone lengths."""
    out = x.copy()
    for joint, parent in enumerate(body.PARENTS):
        if parent >= 0:
            way = x[:, joint] - x[:, parent]
            out[:, joint] = out[:, parent] + way / np.linalg.norm(way, axis=-1, keepdims=True) * features.BONES[joint]
    return out


@pytest.mark.parametrize("take", ["02_01", "49_02", "16_22"])
def test_takes_of_cmu(shared: Path, tmp_path: Path, take: str) -> None:
    """A real take as SMPL turns: read back, they move SMPL's bones as written, and a rig follows as it follows the BVH."""
    source = readers.read(shared / "mocap" / "cmu" / f"{take}.bvh")[0].cut(0.1, 20.0)
    x = humanoid.body_positions(source)
    turned = rigid.clip(proportioned(x), source.fps, take).rotations[:, :22]
    turns = np.zeros((len(x), 52, 3))
    turns[:, :22] = quaternion.to_rotation_vector(turned)
    clip = read_one(tmp_path, amass(turns, x[:, 0], mocap_framerate=source.fps))
    assert clip.fps == source.fps
    moved = np.repeat(smpl._rest_offsets()[None, :22], len(x), axis=0)
    moved[:, 0] = x[:, 0]
    np.testing.assert_allclose(clip.globals()[1][:, :22], forward(np.array(body.PARENTS), turned, moved)[1], atol=1e-6)
    rig = bodies.rig(bodies.MIXAMO, 45.0)
    where = roles.map_rig(rig)
    poses = [
        bodies.pose(rig, retarget(c.resampled(30.0), humanoid.recognise(c), rig, where, Options(fps=30.0)))[..., :3, :3]
        for c in (source, clip)
    ]
    apart = Rotation.from_matrix((np.swapaxes(poses[0], -1, -2) @ poses[1]).reshape(-1, 3, 3)).magnitude()
    degrees = np.degrees(apart).reshape(poses[0].shape[:2]).mean(axis=0)
    # Turns that were fitted to positions don't know those of head and forearms. What is left comes mostly from the two
    # neutral stances, each found on its own.
    used = [rig.index(bodies.MIXAMO[role]) for role in ("pelvis", "spine2", "left_hip", "right_knee")]
    assert degrees[used].max() < 20.0, dict(zip(rig.names, degrees.round(1), strict=True))


# What can't be read


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"a": np.zeros(3)}, "no motion of an SMPL body"),
        ({"betas": np.zeros(10), "gender": "male"}, "no motion of an SMPL body"),
        ({"poses": np.zeros((4, 100))}, "no motion of an SMPL body"),
        ({"poses": np.zeros((0, 156)), "trans": np.zeros((0, 3))}, "no motion of an SMPL body"),
        ({"poses": np.zeros(156)}, "no motion of an SMPL body"),
        ({"poses": "walk"}, "no motion of an SMPL body"),
        ({"poses": np.zeros((4, 156), dtype=complex)}, "neither numbers nor words"),
        ({"poses": np.zeros((4, 156)), "trans": np.zeros((5, 3))}, "places"),
        ({"poses": np.zeros((4, 156)), "trans": np.full((4, 3), np.nan)}, "damaged"),
        ({"poses": np.full((4, 156), np.inf)}, "damaged"),
        ({"poses": np.array([{"a": 1}] * 4, dtype=object)}, "pickled object"),
        ({"global_orient": np.zeros((4, 3)), "body_pose": np.zeros((4, 6))}, "joints for each"),
        ({"global_orient": np.zeros((3, 3)), "body_pose": np.zeros((4, 63))}, "joints for each"),
        ({"poses": np.zeros((320_000, 156), dtype=np.int8)}, "limit is"),
    ],
)
def test_foreign_arrays(tmp_path: Path, content: dict[str, Any], reason: str) -> None:
    np.savez(tmp_path / "take.npz", **content)
    with pytest.raises(FileProblem, match=rf"^take\.npz.*{reason}.*\.$"):
        readers.read(tmp_path / "take.npz")


def archive(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in members.items():
            made.writestr(name, data)
    return path


def header(text: str, version: bytes = b"\1\0") -> bytes:
    return b"\x93NUMPY" + version + len(text).to_bytes(2, "little") + text.encode("latin-1")


@pytest.mark.parametrize(
    "member",
    [
        b"",
        b"\x93NUMPY",
        header("{'descr': '<f8', 'fortran_order': False, 'shape': (100000000000, 156), }") + bytes(100),
        header("{'descr': '<f8', 'fortran_order': False, 'shape': (-4, 156), }") + bytes(5000),
        header("{'descr': '<f8', 'fortran_order': False, 'shape': (" + "9" * 150 + ",), }"),
        header("{'descr': '<U999999', 'fortran_order': False, 'shape': (4, 156), }") + bytes(5000),
        header("{'descr': '<f3', 'fortran_order': False, 'shape': (4, 156), }") + bytes(5000),
        header("{'descr': '|O', 'fortran_order': False, 'shape': (4, 156), }") + b"cos\nsystem\n(S'exit 1'\ntR.",
        header("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (4, 156), }") + bytes(5000),
        header("-" * 9000),
        header("(" * 9000),
        header("__import__('os').abort()"),
        header("{'descr': '<f8', 'fortran_order': False, 'shape': (4, 156), }", b"\7\0") + bytes(5000),
    ],
)
def test_headers_that_lie(tmp_path: Path, member: bytes) -> None:
    with pytest.raises(FileProblem, match=r"^take\.npz.*poses.*\.$"):
        readers.read(archive(tmp_path / "take.npz", {"poses.npy": member}))


def test_bombs(tmp_path: Path) -> None:
    """Hundreds of megabytes of zeros in less than one is refused before it is unpacked, and so is a directory without end."""
    text = "{'descr': '<f8', 'fortran_order': False, 'shape': (200000, 156), }"
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w", zipfile.ZIP_DEFLATED) as made, made.open("poses.npy", "w") as file:
        file.write(header(text))
        for _ in range(240):
            file.write(bytes(1 << 20))
    with pytest.raises(FileProblem, match="far more than its size"):
        readers.read(tmp_path / "bomb.npz")
    with zipfile.ZipFile(tmp_path / "many.npz", "w") as made:
        for number in range(20_000):
            made.writestr(f"{number:020d}.npy", b"")
    with pytest.raises(FileProblem, match="directory larger"):
        readers.read(tmp_path / "many.npz")


def test_other_files(tmp_path: Path) -> None:
    path = tmp_path / "take.npz"
    whole = io.BytesIO()
    np.savez(whole, **amass(vectors(52), walking()))
    for content in (
        b"nonsense",
        b"PK\3\4",
        b"PK\5\6" + bytes(18),
        whole.getvalue()[:-30],
        whole.getvalue()[2000:],
        bytes(70_000),
    ):
        path.write_bytes(content)
        with pytest.raises(FileProblem, match=r"^take\.npz.*\.$"):
            readers.read(path)


def test_mutations(tmp_path: Path) -> None:
    """Damaged archives, stored and deflated: a clip or a FileProblem."""
    random = np.random.default_rng(5)
    path, seen = tmp_path / "take.npz", {True: 0, False: 0}
    stored, deflated = io.BytesIO(), io.BytesIO()
    content = amass(vectors(52, 4), walking(4))
    np.savez(stored, **content)
    np.savez_compressed(deflated, **content)
    for turn in range(600):
        data = bytearray((stored, deflated)[turn % 2].getvalue())
        heads = [at for at in range(len(data)) if data[at : at + 2] in (b"PK", b"\x93N")]
        for _ in range(int(random.integers(1, 4))):
            near = int(random.choice(heads)) + int(random.integers(140))
            at = min(near if random.random() < 0.7 else int(random.integers(len(data))), len(data) - 1)
            if random.random() < 0.7:
                data[at] = int(random.integers(256))
            else:
                del data[at : at + int(random.integers(1, 9))]
        path.write_bytes(data)
        try:
            (clip,) = readers.read(path)
        except FileProblem as problem:
            assert "take.npz" in str(problem)
            seen[False] += 1
        else:
            assert np.isfinite(clip.globals()[1]).all()
            seen[True] += 1
    assert min(seen.values()) > 10


def test_arrays_of_every_kind(tmp_path: Path) -> None:
    """What NumPy writes of plain numbers comes back as it was."""
    made = {
        "a": np.arange(24, dtype=">i4").reshape(2, 3, 4),
        "b": np.asfortranarray(np.random.default_rng(0).normal(size=(5, 7))),
        "c": np.array("smplx"),
        "d": np.array([b"male"]),
        "e": np.float32(3.5),
        "f": np.array([True, False]),
        "g": np.zeros((0, 3)),
        "h": np.arange(5.0),
    }
    np.savez(tmp_path / "all.npz", **made)
    found = npz.arrays(tmp_path / "all.npz", tuple(made))
    assert set(npz.names(tmp_path / "all.npz")) == set(made)
    for name, values in made.items():
        np.testing.assert_array_equal(found[name], values)
        assert found[name].dtype == np.asarray(values).dtype
