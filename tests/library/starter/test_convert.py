# SPDX-License-Identifier: GPL-3.0-or-later
"""Conversion of DeepMimic clips: made-up ones here, pybullet's own where its wheel is at hand."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tmr_blender.errors import FileProblem
from tmr_blender.library.starter import convert, deepmimic
from tmr_blender.motion import body, humanoid, quaternion, readers

INDEX = body.INDEX
# The measures of a person, four times life size, in the form of pybullet's humanoid.urdf.
LINKS = {
    "root": (0, 0, 0),
    "chest": (0, 1, 0),
    "neck": (0, 0.9, 0),
    "right_hip": (0, 0, 0.35),
    "right_knee": (0, -1.7, 0),
    "right_ankle": (0, -1.6, 0),
    "right_shoulder": (-0.1, 1, 0.75),
    "right_elbow": (0, -1.1, 0),
    "right_wrist": (0, -1, 0),
    "left_hip": (0, 0, -0.35),
    "left_knee": (0, -1.7, 0),
    "left_ankle": (0, -1.6, 0),
    "left_shoulder": (-0.1, 1, -0.75),
    "left_elbow": (0, -1.1, 0),
    "left_wrist": (0, -1, 0),
}


def urdf() -> str:
    """A body as pybullet writes it, zero byte at the end included."""
    joints = "".join(
        f'<joint name="{name}" type="spherical"><origin rpy="0 0 0" xyz="{x} {y} {z}"/></joint>'
        for name, (x, y, z) in LINKS.items()
    )
    head = '<link name="neck"><collision><origin xyz="0 0.7 0"/></collision></link>'
    foot = (
        '<link name="left_ankle"><collision><origin xyz="0.18 -0.09 0"/><geometry><box size="0.7 0.22 0.36"/></geometry>'
        "</collision></link>"
    )
    return f"<robot>{joints}{head}{foot}</robot>\0"


def numbers(frames: int, forward: float = 0.0, turn: float = 0.0) -> np.ndarray:
    """Frames of a body at rest that moves forward by `forward` metres and turns left by `turn` radians."""
    out = np.zeros((frames, deepmimic.FRAME))
    out[:, 0] = 0.05
    share = np.linspace(0.0, 1.0, frames)
    out[:, 1], out[:, 2] = forward * share, 0.85
    at = 4
    for *_, size in deepmimic.JOINTS:
        if size == 4:
            out[:, at] = 1.0
        at += size
    out[:, 4] = np.cos(turn * share / 2)
    out[:, 6] = np.sin(turn * share / 2)
    return out


def text(frames: np.ndarray, loop: str = "wrap") -> str:
    return json.dumps({"Loop": loop, "Frames": frames.tolist()})


def positions(frames: np.ndarray, cycles: int = 1) -> np.ndarray:
    clip = deepmimic.clip(deepmimic.parse(text(frames), "made.txt"), deepmimic.skeleton(urdf()), "made", cycles)
    return humanoid.body_positions(clip)


def test_a_body_at_rest_faces_forward_with_its_left_at_the_left() -> None:
    rest = positions(numbers(2))[0]
    assert rest[INDEX["left_hip"], 0] > 0.05 > -0.05 > rest[INDEX["right_hip"], 0]
    assert rest[INDEX["left_wrist"], 0] > rest[INDEX["right_wrist"], 0]
    assert rest[INDEX["left_foot"], 2] > rest[INDEX["left_ankle"], 2] + 0.05
    assert rest[INDEX["head"], 1] > rest[INDEX["neck"], 1] > rest[INDEX["pelvis"], 1] > rest[INDEX["left_knee"], 1]
    assert 0.8 < rest[INDEX["pelvis"], 1] < 1.0


def test_knees_bend_back_and_elbows_forward() -> None:
    frames = numbers(2)
    knee = 4 + sum(size for name, *_, size in deepmimic.JOINTS[: [row[0] for row in deepmimic.JOINTS].index("left_knee")])
    elbow = 4 + sum(size for name, *_, size in deepmimic.JOINTS[: [row[0] for row in deepmimic.JOINTS].index("right_elbow")])
    frames[:, knee], frames[:, elbow] = -np.pi / 2, np.pi / 2  # the signs of the URDF's limits
    bent = positions(frames)[0]
    assert bent[INDEX["left_ankle"], 2] < bent[INDEX["left_knee"], 2] - 0.3
    assert bent[INDEX["right_wrist"], 2] > bent[INDEX["right_elbow"], 2] + 0.2
    assert bent[INDEX["right_ankle"], 2] == pytest.approx(bent[INDEX["right_knee"], 2], abs=0.02)


def test_forward_is_forward_and_left_is_left() -> None:
    moved = positions(numbers(11, forward=1.0, turn=np.pi / 2))
    assert moved[-1, 0, 2] - moved[0, 0, 2] == pytest.approx(1.0, abs=0.05)
    across = moved[-1, INDEX["left_hip"]] - moved[-1, INDEX["right_hip"]]
    assert across[2] < -0.1 and abs(across[0]) < 0.02  # facing +X now: its left is towards -Z


def test_a_loop_goes_on_where_it_was_and_in_its_new_direction() -> None:
    once = deepmimic.parse(text(numbers(11, forward=1.0, turn=np.pi / 2)), "made.txt")
    clip = deepmimic.clip(once, deepmimic.skeleton(urdf()), "made", 4)
    root = clip.translations[:, 0]
    assert clip.frames == 41
    # Four cycles of a metre, each a quarter turn to the left of the one before: back at the start.
    assert np.allclose(root[10], [0.0, 0.85, 1.0], atol=1e-6) and np.allclose(root[20], [1.0, 0.85, 1.0], atol=1e-6)
    assert np.allclose(root[40], root[0], atol=1e-6)
    steps = np.linalg.norm(np.diff(root, axis=0), axis=1)
    assert np.allclose(steps, 0.1, atol=1e-6)


def test_a_loop_that_does_not_quite_close_is_closed() -> None:
    frames = numbers(21, forward=1.0, turn=np.radians(6.0))
    frames[:, 8:12] = quaternion.from_rotation_vector(np.linspace(0.0, 0.3, 21)[:, None] * np.array([1.0, 0.0, 0.0]))
    clip = deepmimic.clip(deepmimic.parse(text(frames), "made.txt"), deepmimic.skeleton(urdf()), "made", 3)
    change = quaternion.to_rotation_vector(quaternion.multiply(quaternion.inverse(clip.rotations[:-1]), clip.rotations[1:]))
    assert np.abs(change).max() < 0.05
    assert np.allclose(clip.translations[:, 0, 0], 0.0, atol=1e-6)  # straight on, not six degrees a cycle


def test_a_frame_of_double_length_is_evened_out() -> None:
    frames = numbers(12, forward=1.2)
    frames = np.delete(frames, 5, axis=0)
    frames[4, 0] = 0.1
    clip = deepmimic.clip(deepmimic.parse(text(frames), "made.txt"), deepmimic.skeleton(urdf()), "made")
    assert clip.frames == 12 and clip.fps == pytest.approx(20.0)
    assert np.allclose(np.diff(clip.translations[:, 0, 2]), 1.2 / 11, atol=1e-6)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"Frames": 3}',
        '{"Frames": [[1, 2], [3]]}',
        '{"Frames": [["a"]]}',
        text(numbers(1)),
        text(numbers(3)[:, :20]),
    ],
)
def test_other_files_are_refused(content: str) -> None:
    with pytest.raises(FileProblem, match="made"):
        deepmimic.parse(content, "made.txt")


def test_other_bodies_are_refused() -> None:
    for content in ("", "<robot/>", "<robot>", urdf().replace("left_knee", "knee")):
        with pytest.raises(FileProblem, match=r"humanoid\.urdf"):
            deepmimic.skeleton(content)


def source(folder: Path) -> Path:
    """A folder laid out as pybullet's package, with every clip that is asked for."""
    rows = json.loads((Path(convert.__file__).parent / "captions.json").read_text(encoding="utf-8"))
    (folder / convert.MOTIONS / "walker").mkdir(parents=True)
    (folder / convert.BODY).parent.mkdir()
    (folder / convert.BODY).write_text(urdf())
    for row in rows:
        (folder / convert.MOTIONS / row["source"]).write_text(text(numbers(11, forward=0.5)))
    return folder


def test_a_folder_and_a_wheel_give_the_same_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = source(tmp_path / "site-packages")
    wheel = tmp_path / "pybullet.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path in sorted(folder.rglob("*.*")):
            archive.write(path, path.relative_to(folder).as_posix())
    assert convert.main(["--source", str(folder), "--out", str(tmp_path / "a")]) == 0
    assert convert.main(["--source", str(wheel), "--out", str(tmp_path / "b")]) == 0
    first = {path.name: path.read_bytes() for path in (tmp_path / "a").iterdir()}
    assert first == {path.name: path.read_bytes() for path in (tmp_path / "b").iterdir()}
    rows = [json.loads(line) for line in (tmp_path / "a" / "captions.jsonl").read_text(encoding="utf-8").splitlines()]
    assert {row["file"] for row in rows} | {"captions.jsonl"} == set(first)
    assert all(len(row["texts"]) >= 3 for row in rows)
    (clip,) = readers.read(tmp_path / "a" / "walk.bvh")
    assert humanoid.recognise(clip).score > 0.5
    capsys.readouterr()
    (folder / convert.BODY).unlink()
    assert convert.main(["--source", str(folder), "--out", str(tmp_path / "c")]) == 2
    assert "humanoid.urdf" in capsys.readouterr().err
    assert convert.main(["--source", str(tmp_path / "none.whl"), "--out", str(tmp_path / "c")]) == 2


def test_the_real_clips_show_what_their_captions_say(tmp_path: Path, pybullet: Path) -> None:
    """Facts that a viewer would check, measured on the files as any reader sees them."""
    found = {path.stem: readers.read(path)[0] for path in convert.convert(pybullet, tmp_path)}
    seen = {name: (humanoid.body_positions(clip), clip.fps) for name, clip in found.items()}

    def turned(name: str) -> float:
        across = seen[name][0][:, INDEX["left_hip"]] - seen[name][0][:, INDEX["right_hip"]]
        return float(np.degrees(np.ptp(np.unwrap(np.arctan2(-across[:, 2], across[:, 0]))[[0, -1]]) * np.sign(_turn(across))))

    def top(name: str, joint: str) -> float:
        place = seen[name][0]
        return float((place[:, INDEX[joint], 1] - place[..., 1].min()).max())

    head, feet = INDEX["head"], [INDEX["left_foot"], INDEX["right_foot"]]
    for name in ("cartwheel", "backflip", "forward_roll"):  # heels over head
        place = seen[name][0]
        assert (place[:, feet, 1].min(axis=1) > place[:, head, 1]).any(), name
    for name in ("walk", "run", "jump_forward", "dance_hops", "crawl"):
        assert (seen[name][0][:, feet, 1].min(axis=1) < seen[name][0][:, head, 1]).all(), name
    moved = {name: place[-1, 0] - place[0, 0] for name, (place, _) in seen.items()}
    assert moved["walk"][2] > 3.0 and moved["run"][2] > 8.0 and moved["jump_forward"][2] > 0.8
    assert moved["backflip"][2] < -0.8 and moved["cartwheel"][0] > 1.5
    assert 60 < turned("walk_curve_left") < 120 and 140 < turned("walk_turn_around_left") < 220
    assert -140 < turned("walk_turn_right") < -80 and -440 < turned("walk_circle_right") < -340
    assert top("kick_right", "right_ankle") > 1.0 > top("kick_right", "left_ankle")
    assert top("spin_kick", "right_ankle") > 1.3
    for name in ("get_up_from_front", "get_up_from_back"):
        place = seen[name][0]
        assert place[0, head, 1] < 0.6 < 1.2 < place[-1, head, 1], name


def _turn(across: np.ndarray) -> float:
    angle = np.unwrap(np.arctan2(-across[:, 2], across[:, 0]))
    return float(angle[-1] - angle[0])
