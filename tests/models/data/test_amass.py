# SPDX-License-Identifier: GPL-3.0-or-later
"""From AMASS recordings to features, on a small body model in the genuine layout."""

import sys
from pathlib import Path

import numpy as np
import pytest

from models import prepare_amass
from models.data import LOADERS, amass, annotated, smpl
from tests.models.data.feature_files import write_json, write_lists
from tmr_blender.errors import FileProblem, ModelProblem, TMRError
from tmr_blender.motion import body, features

HANDS = [20, 22, 23, 20, 25, 26, 20, 28, 29, 20, 31, 32, 20, 34, 35, 21, 37, 38, 21, 40, 41, 21, 43, 44, 21, 46, 47, 21, 49, 50]
PARENTS = np.array([*body.PARENTS, *HANDS])
VERTICES = 6890
"""Of the genuine mesh: smplx picks some by their number."""


def rest_pose() -> np.ndarray:
    """A T-pose (52, 3), metres, y up, facing +Z, left at +X, as SMPL+H has it."""
    side = {1: 0.09, 4: 0.1, 7: 0.1, 10: 0.1, 13: 0.08, 16: 0.18, 18: 0.45, 20: 0.7}
    up = {0: 0.0, 1: -0.1, 4: -0.48, 7: -0.88, 10: -0.94, 3: 0.11, 6: 0.25, 9: 0.3, 12: 0.5, 15: 0.58, 13: 0.42, 16: 0.44}
    joints = np.zeros((52, 3))
    for joint in range(22):
        name = body.JOINTS[joint]
        left = body.INDEX["left_" + name[6:]] if name.startswith("right_") else joint
        joints[joint] = side.get(left, 0.0) * (1 if left == joint else -1), up.get(left, 0.44), 0.12 * (left == 10)
    for joint in range(22, 52):
        joints[joint] = joints[PARENTS[joint]] + [0.04 if PARENTS[joint] in (20, *range(22, 37)) else -0.04, 0.0, 0.0]
    return joints


def body_arrays(tall: float = 1.0) -> dict[str, np.ndarray]:
    """What model.npz of the Extended SMPL+H holds; every joint is regressed from a vertex of its own."""
    rng = np.random.default_rng(0)
    template = rng.normal(0.0, 0.3, (VERTICES, 3))
    template[:52] = rest_pose() * tall
    shapes = rng.normal(0.0, 0.01, (VERTICES, 3, 16))
    # Both sides alike, so that a walker's facing is exact: one direction of shape is taller, another wider.
    shapes[:52] = 0.0
    shapes[:52, 1, 0], shapes[:52, 0, 1] = 0.05 * rest_pose()[:, 1], 0.1 * rest_pose()[:, 0]
    skin = np.zeros((VERTICES, 52))
    skin[np.arange(VERTICES), np.arange(VERTICES) % 52] = 1.0
    return {
        "v_template": template,
        "shapedirs": shapes,
        "posedirs": np.zeros((VERTICES, 3, 9 * 51)),
        "J_regressor": np.eye(52, VERTICES),
        "kintree_table": np.stack([np.where(PARENTS < 0, 2**32 - 1, PARENTS), np.arange(52)]).astype(np.uint32),
        "weights": skin,
        "f": np.zeros((13776, 3), np.uint32),
        "hands_componentsl": np.eye(45),
        "hands_componentsr": np.eye(45),
        "hands_meanl": np.zeros(45),
        "hands_meanr": np.zeros(45),
        "bs_style": np.array("lbs"),
    }


@pytest.fixture(scope="module")
def body_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("body_models")
    for gender, tall in (("male", 1.05), ("female", 0.97)):
        (folder / "smplh" / gender).mkdir(parents=True)
        parts = {name: array for name, array in body_arrays(tall).items() if name != "posedirs"}
        np.savez(folder / "smplh" / gender / "model.npz", **parts)
    return folder


def recording(frames: int, fps: float, gender: str | bytes = "male") -> dict[str, np.ndarray]:
    """A walk of 1 m/s towards -Y of AMASS's axes (z up), the right arm going up and down; SMPL stands up by a turn about X."""
    time = np.arange(frames) / fps
    poses = np.zeros((frames, 156))
    poses[:, 0] = np.pi / 2
    poses[:, 3 * 17 + 2] = 0.5 * np.sin(2 * np.pi * time)
    trans = np.stack([0.3 + 0 * time, -time, 0.95 + 0 * time], axis=1)
    return {
        "poses": poses,
        "trans": trans,
        "betas": np.linspace(-1.0, 1.0, 16),
        "dmpls": np.zeros((frames, 8)),
        "gender": np.array(gender),
        "mocap_framerate": np.array(fps),
    }


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    folder = tmp_path / "amass"
    (folder / "CMU" / "01").mkdir(parents=True)
    (folder / "KIT" / "3").mkdir(parents=True)
    np.savez(folder / "CMU" / "01" / "01_01_poses.npz", **recording(361, 120.0))
    slow = recording(301, 100.0, b"female")
    slow["mocap_frame_rate"] = slow.pop("mocap_framerate")
    np.savez(folder / "KIT" / "3" / "walk_poses.npz", **slow)
    np.savez(folder / "KIT" / "3" / "shape.npz", betas=np.zeros(16), gender=np.array("male"))
    return folder


def test_joints_are_those_of_the_whole_model(body_models: Path, tmp_path: Path):
    smplx = pytest.importorskip("smplx", reason="needs the PyPI package smplx")
    import torch

    np.savez(tmp_path / "x.npz", **recording(3, 120.0))
    taken = smpl.read_recording(tmp_path / "x.npz")
    assert taken is not None
    rng = np.random.default_rng(1)
    taken.poses[:] = rng.normal(0.0, 0.5, taken.poses.shape)
    found = smpl.joints(smpl.read_body_model(body_models, "male"), taken)
    whole = smplx.SMPLH(
        "", data_struct=smplx.utils.Struct(**body_arrays(1.05)), use_pca=False, flat_hand_mean=True, num_betas=10, batch_size=3
    )  # fmt: skip
    poses = torch.from_numpy(taken.poses).float()
    with torch.no_grad():
        out = whole(
            global_orient=poses[:, :3],
            body_pose=poses[:, 3:66],
            betas=torch.from_numpy(taken.betas[:10]).float().expand(3, 10),
            transl=torch.from_numpy(taken.trans).float(),
        )
    assert np.abs(out.joints[:, :22].numpy() - found).max() < 1e-5


def test_prepared_features(archive: Path, body_models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    pytest.importorskip("smplx", reason="needs the PyPI package smplx")
    out = tmp_path / "out"
    arguments = ["--amass", str(archive), "--body-models", str(body_models), "--out", str(out)]
    assert prepare_amass.main(arguments) == 0
    assert capsys.readouterr().out == "2 written, 0 made before, 1 without motion, 0 not readable\n"
    data = LOADERS["amass"](out, tmp_path / "cache")
    assert list(data.takes) == ["CMU/01/01_01_poses", "KIT/3/walk_poses"]
    for take in data.takes.values():
        assert len(take.features) == 60  # three seconds from 120 and from 100 Hz
        scale = features.BONES[[5, 8]].sum() / 0.8
        assert take.features[5:, 2] == pytest.approx(0.05 * scale, rel=0.12)  # ahead, at 1 m/s
        assert np.abs(take.features[:, [0, 1]]).max() < 1e-3
        moving = np.ptp(features.recover(take.features)[:, :, 1], axis=0)
        assert body.JOINTS[int(np.argmax(moving))] == "right_wrist"
        copy = np.load(out / "guoh3dfeats" / "M" / f"{take.name}.npy")
        assert body.JOINTS[int(np.argmax(np.ptp(features.recover(copy)[:, :, 1], axis=0)))] == "left_wrist"
        assert copy[5:, 2] == pytest.approx(take.features[5:, 2], rel=1e-4)
    assert prepare_amass.main(arguments) == 0
    assert "0 written, 2 made before" in capsys.readouterr().out


def test_prepared_files_are_what_the_annotations_point_at(archive: Path, body_models: Path, tmp_path: Path):
    pytest.importorskip("smplx", reason="needs the PyPI package smplx")
    assert {became for _, became in amass.prepare(archive, body_models, tmp_path)} == {amass.WRITTEN, amass.NO_MOTION}
    said = [{"seg_id": "1_0", "text": "walks", "start": 0.5, "end": 2.75}]
    write_json(tmp_path / "annotations.json", {"1": {"path": "KIT/3/walk_poses", "duration": 3.0, "annotations": said}})
    write_lists(tmp_path / "splits", train="", val="", test="1")
    data = annotated.kitml(tmp_path)
    assert len(data.span(data.captions[0])) == 45


def test_humanact12(tmp_path: Path):
    rest = smpl.mirrored(rest_pose()[None, :22])[0]  # whichever side: the files are taken as they are
    joints = np.repeat(rest[None], 41, axis=0) + np.linspace(0.0, 2.0, 41)[:, None, None] * [0.0, 0.0, 1.0]
    (tmp_path / "joints").mkdir()
    np.save(tmp_path / "joints" / "P01.npy", np.concatenate([joints, np.zeros((41, 2, 3))], axis=1))
    np.save(tmp_path / "joints" / "P02.npy", joints[:, :20])
    became = {path.stem: outcome for path, outcome in amass.prepare_joints(tmp_path / "joints", tmp_path)}
    assert became["P01"] == amass.WRITTEN
    assert "P02.npy holds (41, 20, 3)" in became["P02"]
    assert len(np.load(tmp_path / "guoh3dfeats" / "humanact12" / "humanact12" / "P01.npy")) == 40


def test_the_axes_are_turned_not_mirrored():
    axes = smpl.upright(np.eye(3))
    assert np.linalg.det(axes) == pytest.approx(1.0)
    assert smpl.upright(np.array([0.0, 0.0, 1.0])).tolist() == [0.0, 1.0, 0.0]


def test_a_missing_body_model_says_which_to_get(tmp_path: Path):
    with pytest.raises(FileProblem, match=r"smplh/male/model\.npz is missing: get the Extended SMPL\+H model"):
        smpl.read_body_model(tmp_path, "male")
    (tmp_path / "SMPLH_MALE.pkl").write_bytes(b"\x80")
    with pytest.raises(FileProblem, match=r"SMPLH_MALE\.pkl is a pickle"):
        smpl.read_body_model(tmp_path, "male")


@pytest.mark.parametrize("change", ["J_regressor", "kintree_table", "v_template"])
def test_another_model_is_refused(tmp_path: Path, change: str):
    arrays = {name: array for name, array in body_arrays().items() if name not in ("posedirs", "weights")}
    arrays[change] = arrays[change][:, :-1] if change != "kintree_table" else arrays[change] * 0
    (tmp_path / "smplh" / "female").mkdir(parents=True)
    np.savez(tmp_path / "smplh" / "female" / "model.npz", **arrays)
    with pytest.raises(FileProblem, match="is not a model"):
        smpl.read_body_model(tmp_path, "neutral")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"trans": np.zeros((5, 3))}, r"\(frames, 3\)"),
        ({"poses": np.zeros((0, 156)), "trans": np.zeros((0, 3))}, r"\(0, 156\)"),
        ({"poses": np.zeros((9, 60)), "trans": np.zeros((9, 3))}, r"\(9, 60\)"),
        ({"mocap_framerate": None}, "mocap_framerate"),
        ({"betas": None}, "betas"),
        ({"poses": np.array([{}], object)}, "pickled"),
    ],
)
def test_broken_recordings_are_refused(tmp_path: Path, change: dict, said: str):
    parts = {name: array for name, array in {**recording(9, 120.0), **change}.items() if array is not None}
    np.savez(tmp_path / "x.npz", **parts)
    with pytest.raises(FileProblem, match=said):
        smpl.read_recording(tmp_path / "x.npz")


def test_one_broken_file_does_not_stop_the_others(archive: Path, body_models: Path, tmp_path: Path):
    pytest.importorskip("smplx", reason="needs the PyPI package smplx")
    (archive / "CMU" / "01" / "00_bad_poses.npz").write_bytes(b"PK not really")
    out = tmp_path / "out"
    assert prepare_amass.main(["--amass", str(archive), "--body-models", str(body_models), "--out", str(out)]) == 2
    assert len(list(out.rglob("*.npy"))) == 4


def test_what_is_missing_is_said(archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    nothing = tmp_path / "nothing"
    assert prepare_amass.main(["--amass", str(nothing), "--body-models", str(nothing), "--out", str(nothing)]) == 2
    assert "SMPL+H archives" in capsys.readouterr().err
    assert prepare_amass.main(["--amass", str(archive), "--body-models", str(nothing), "--out", str(nothing)]) == 2
    assert "mano.is.tue.mpg.de" in capsys.readouterr().err
    with pytest.raises(FileProblem, match="holds no features"):
        amass.load(nothing)


def test_without_smplx_a_sentence_says_how_to_get_it(
    archive: Path, body_models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "smplx.lbs", None)
    with pytest.raises(ModelProblem, match="pip install smplx") as caught:
        list(amass.prepare(archive, body_models, tmp_path))
    assert isinstance(caught.value, TMRError)
