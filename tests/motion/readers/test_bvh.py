# SPDX-License-Identifier: GPL-3.0-or-later
"""BVH as found in the wild: what is read, and what is refused with which sentence."""

import logging
import warnings
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from tests.motion.figures import PERSON, Bvh, moving, skeleton
from tmr_blender.errors import FileProblem
from tmr_blender.motion import readers
from tmr_blender.motion.clip import Clip
from tmr_blender.motion.readers import limits
from tmr_blender.motion.writers import write_bvh


def read(tmp_path: Path, data: bytes | Bvh, name: str = "take.bvh") -> Clip:
    path = tmp_path / name
    path.write_bytes(data if isinstance(data, bytes) else data.bytes())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clips = readers.read(path)
    assert len(clips) == 1
    return clips[0]


def problem(tmp_path: Path, data: bytes | Bvh) -> str:
    with pytest.raises(FileProblem) as raised:
        read(tmp_path, data)
    sentence = str(raised.value)
    assert sentence.startswith("take.bvh")
    assert sentence.endswith(".")
    assert "\n" not in sentence
    return sentence


def test_values(tmp_path: Path) -> None:
    clip = read(tmp_path, Bvh())
    assert (clip.name, clip.fps, clip.frames) == ("take", 20.0, 3)
    assert clip.skeleton.names == ("Hips", "Chest", "Chest_end")
    assert clip.skeleton.parents.tolist() == [-1, 0, 1]
    np.testing.assert_allclose(clip.translations[:, 0], [[1, 2, 3], [1, 2, 4], [1, 2, 5]])
    np.testing.assert_allclose(clip.translations[1, 1:], [[0, 10, 0], [0, 5, 0]])


@pytest.mark.parametrize("order", ["ZXY", "XYZ", "YXZ", "ZYX", "Y", "XZ"])
def test_rotation_order_agrees_with_scipy(tmp_path: Path, order: str) -> None:
    angles = np.random.default_rng(1).uniform(-170.0, 170.0, (3, len(order)))
    file = Bvh()
    words = " ".join(f"{axis}rotation" for axis in order)
    file.header = file.header.replace("CHANNELS 3 Zrotation Xrotation Yrotation", f"CHANNELS {len(order)} {words}")
    file.rows = ["1 2 3 0 0 0 " + " ".join(map(str, row)) for row in angles]
    w, x, y, z = np.moveaxis(read(tmp_path, file).rotations[:, 1], -1, 0)
    expected = Rotation.from_euler(order, angles, degrees=True).as_matrix()
    np.testing.assert_allclose(Rotation.from_quat(np.stack([x, y, z, w], -1)).as_matrix(), expected, atol=1e-12)


def test_position_channels_on_inner_joints(tmp_path: Path) -> None:
    file = Bvh()
    file.header = file.header.replace(
        "CHANNELS 3 Zrotation Xrotation Yrotation", "CHANNELS 4 Xrotation Yposition Zposition Xposition"
    )
    file.rows = ["0 0 0 0 0 0 90 11 12 13", "0 0 0 0 0 0 0 21 22 23", "0 0 0 0 0 0 0 31 32 33"]
    np.testing.assert_allclose(read(tmp_path, file).translations[:, 1], [[13, 11, 12], [23, 21, 22], [33, 31, 32]])


def rough(file: Bvh, change: str) -> Bvh:
    match change:
        case "crlf":
            file.newline = "\r\n"
        case "old mac":
            file.newline = "\n\r\n"
        case "tabs":
            file.frames, file.time = "Frames:\t3", "Frame Time:\t0.05"
            file.rows = [row.replace(" ", "\t ") + "\t  " for row in file.rows]
        case "blanks":
            file.rows = ["", "  ", *file.rows, "", ""]
            file.header = "\n\n" + file.header.replace("OFFSET", "   OFFSET  ")
        case "case":
            file.header = (
                file.header.replace("CHANNELS", "Channels").replace("OFFSET", "Offset").replace("End Site", "End SITE")
            )
        case "braces on one line":
            file.header = file.header.replace("\n{", " {").replace("Hips {", "Hips{").replace("\n\t{", " {")
        case "one row over lines":
            file.rows = [row.replace(" 0 0 0", "\n0 0 0", 1) for row in file.rows]
        case "exponents":
            file.rows[0] = "1e0 2.0E+00 30e-1 0 -0.0 .0 0. 0 0"
        case "decimal commas":
            file.rows[0] = "1,0 2,0 3,00 0 0 0 0 0 0"
        case "end of file marks":
            file.rows[-1] += "\n\x1a\0\0"
        case "byte order mark":
            file.header = "\ufeff" + file.header
        case "frames with decimals":
            file.frames = "Frames: 3.0"
    return file


ROUGH = (
    "crlf,old mac,tabs,blanks,case,braces on one line,one row over lines,exponents,decimal commas,end of file marks,"
    "byte order mark,frames with decimals"
)


@pytest.mark.parametrize("change", ROUGH.split(","))
def test_rough_files_read_the_same(tmp_path: Path, change: str, caplog: pytest.LogCaptureFixture) -> None:
    plain = read(tmp_path, Bvh())
    data = rough(Bvh(), change).bytes()
    assert data != Bvh().bytes()
    clip = read(tmp_path, data)
    assert clip.skeleton.names == plain.skeleton.names
    assert clip.fps == plain.fps
    np.testing.assert_array_equal(clip.rotations, plain.rotations)
    np.testing.assert_array_equal(clip.translations, plain.translations)
    assert not caplog.records


@pytest.mark.parametrize("time", ["Frame Time: 0", "Frame Time:", "Frame Time: nan", "Frame Time: -1", ""])
def test_missing_frame_time(tmp_path: Path, time: str, caplog: pytest.LogCaptureFixture) -> None:
    clip = read(tmp_path, Bvh(time=time))
    assert (clip.fps, clip.frames) == (30.0, 3)
    assert "take.bvh states no frame time" in caplog.text


@pytest.mark.parametrize(
    ("written", "fps"), [("0.0083333", 120.0), ("0.016667", 60.0), ("0.0333667", 29.97), ("0.0417083", 23.976)]
)
def test_frame_rates(tmp_path: Path, written: str, fps: float) -> None:
    assert read(tmp_path, Bvh(time=f"Frame Time: {written}")).fps == pytest.approx(fps, abs=1e-3)


@pytest.mark.parametrize("stated", ["Frames: 2", "Frames: 300", "Frames: 0", "Frames: many", ""])
def test_whole_frames_are_taken_whatever_is_stated(tmp_path: Path, stated: str, caplog: pytest.LogCaptureFixture) -> None:
    if stated == "":
        caplog.set_level(logging.WARNING)
    assert read(tmp_path, Bvh(frames=stated)).frames == 3
    assert "holds 3" in caplog.text


def test_one_frame(tmp_path: Path) -> None:
    clip = read(tmp_path, Bvh(frames="Frames: 1", rows=["1 2 3 0 0 0 0 0 0"]))
    assert clip.rotations.shape == (1, 3, 4)


def test_zero_length_end_sites_are_left_out(tmp_path: Path) -> None:
    file = Bvh()
    file.header = file.header.replace("OFFSET 0 5 0", "OFFSET 0.000 0 -0.0")
    assert read(tmp_path, file).skeleton.names == ("Hips", "Chest")


def test_names(tmp_path: Path) -> None:
    file = Bvh()
    file.header = file.header.replace("ROOT Hips", "ROOT Bip01 Pelvis").replace("JOINT Chest", "JOINT Hüfte")
    assert read(tmp_path, file).skeleton.names[:2] == ("Bip01 Pelvis", "Hüfte")
    assert read(tmp_path, file.bytes().decode().encode("latin-1")).skeleton.names[1] == "Hüfte"
    file.header = file.header.replace("JOINT Hüfte", "JOINT Bip01 Pelvis")
    assert read(tmp_path, file).skeleton.names[:2] == ("Bip01 Pelvis", "Bip01 Pelvis.001")


def test_unique_names() -> None:
    assert limits.unique(["a", "a", "a.001", "a", "b"]) == ("a", "a.001", "a.001.001", "a.002", "b")


def test_not_a_number_is_filled_from_its_neighbours(tmp_path: Path) -> None:
    rows = [f"{i} 0 0 0 0 0 0 0 0" for i in range(10)]
    rows[4] = rows[4].replace("4", "1.#QNAN", 1)
    rows[9] = "nan 0 0 0 0 0 0 0 0"
    clip = read(tmp_path, Bvh(frames="Frames: 10", rows=rows))
    np.testing.assert_allclose(clip.translations[:, 0, 0], [0, 1, 2, 3, 4, 5, 6, 7, 8, 8])


def test_too_many_not_a_numbers(tmp_path: Path) -> None:
    rows = ["-1.#IND 0 0 0 0 0 0 0 0", "1e99 0 0 0 0 0 0 0 0", "1 0 0 0 0 0 0 0 0"]
    assert "2 of 3 frames" in problem(tmp_path, Bvh(rows=rows))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("JOINT Chest\n\t{\n", "JOINT Chest\n", "line 7: a { is missing|line 7: OFFSET outside"),
        ("CHANNELS 3", "CHANNELS 4", "line 9: CHANNELS"),
        ("Yrotation\n\t\tEnd", "Wrotation\n\t\tEnd", "line 9: 'Wrotation' is not a channel"),
        ("OFFSET 0 10 0", "OFFSET 0 10", "line 8: OFFSET needs three numbers"),
        ("OFFSET 0 10 0", "OFFSET 0 nan 0", "line 8: OFFSET '0 nan 0' is out of bounds"),
        ("OFFSET 0 10 0", "OFFSET 0 1e300 0", "out of bounds"),
        ("JOINT Chest", "JONT Chest", "line 6: 'JONT' is not a statement"),
        ("ROOT Hips", "JOINT Hips", "line 2: this joint has no parent"),
        ("\t}\n}\n", "\t}\n", "isn't closed"),
        ("\t}\n}\n", "\t}\n}\n}\n", "line 16: a } too many"),
    ],
)
def test_broken_headers(tmp_path: Path, old: str, new: str, expected: str) -> None:
    file = Bvh()
    assert old in file.header
    file.header = file.header.replace(old, new)
    sentence = problem(tmp_path, file)
    assert any(part in sentence for part in expected.split("|")), sentence


def test_broken_motion(tmp_path: Path) -> None:
    rows = Bvh().rows
    assert (
        problem(tmp_path, Bvh(rows=[*rows[:2], "1 2 3"]))
        == "take.bvh, line 21: the file is cut short in frame 3, of 9 numbers."
    )
    assert "line 20: 8 numbers where a frame has 9" in problem(tmp_path, Bvh(rows=[rows[0], rows[1][:-2], rows[2]]))
    assert "line 20: 'x2' is not a number" in problem(tmp_path, Bvh(rows=[rows[0], rows[1].replace("2", "x2", 1), rows[2]]))
    assert problem(tmp_path, Bvh(rows=[])) == "take.bvh holds no frames."
    assert "no MOTION" in problem(tmp_path, Bvh().bytes().partition(b"MOTION")[0])
    assert "no MOTION" in problem(tmp_path, bytes(range(256)) * 20)
    assert "line 1" in problem(tmp_path, b"Kaydara\nMOTION\nFrames: 1\nFrame Time: 1\n1")


def test_what_cannot_be_opened(tmp_path: Path) -> None:
    for name, content, expected in [("a.txt", b"x", "can't be read; known are .bvh"), ("b.bvh", b"", "is empty")]:
        (tmp_path / name).write_bytes(content)
        with pytest.raises(FileProblem, match=expected):
            readers.read(tmp_path / name)
    (tmp_path / "folder.bvh").mkdir()
    with pytest.raises(FileProblem, match="not a file"):
        readers.read(tmp_path / "folder.bvh")
    with pytest.raises(FileProblem, match="No such file"):
        readers.read(tmp_path / "none.bvh")


def test_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = "".join(f"JOINT j{i}\n{{\nOFFSET 0 1 0\n" for i in range(limits.MAX_JOINTS))
    file = Bvh()
    start, _ = file.header.split("\tJOINT Chest")
    file.header = start + deep + "}\n" * limits.MAX_JOINTS + "}\n"
    assert "more than 4096 joints" in problem(tmp_path, file)
    file.header = start + deep.replace("JOINT j4095\n{\nOFFSET 0 1 0\n", "") + "}\n" * (limits.MAX_JOINTS - 1) + "}\n"
    file.rows = ["0 0 0 0 0 0"]
    clip = read(tmp_path, file)
    assert clip.skeleton.count == limits.MAX_JOINTS
    monkeypatch.setattr(limits, "MAX_CELLS", 8)
    assert "has 3 frames of 3 joints; the limit is 2 frames" in problem(tmp_path, Bvh())


def test_several_people_are_several_clips(tmp_path: Path) -> None:
    path = tmp_path / "two.bvh"
    write_bvh(moving(skeleton()), path)
    header, motion = path.read_text().split("MOTION\n")
    head, time, *rows = motion.splitlines()
    both = header + header.replace("HIERARCHY\n", "").replace("Hips", "Hips2")
    prop = "ROOT Ball\n{\nOFFSET 0 0 0\nCHANNELS 3 Xposition Yposition Zposition\n}\n"
    text = "\n".join([both + prop + "MOTION", head, time, *(f"{row} {row} 0 0 0" for row in rows)])
    path.write_text(text)
    clips = readers.read(path)
    assert [clip.name for clip in clips] == ["two Hips", "two Hips2"]
    assert [clip.skeleton.count for clip in clips] == [len(PERSON)] * 2
    np.testing.assert_allclose(clips[0].globals()[1], clips[1].globals()[1])


def test_real_files_agree_with_another_reader(shared: Path) -> None:
    """Positions of three conventions against an independent evaluation with SciPy, in the file's own units."""
    for path, unit in [
        ("mocap/cmu/16_22.bvh", 0.0254 / 0.45),
        ("mocap/cmu_iclone/006_04.bvh", 0.01),
        ("mocap/bandai/dataset-1_kick_normal_001.bvh", 0.01),
    ]:
        clip = readers.read(shared / path)[0]
        names, positions = _evaluated(shared / path)
        at = [clip.skeleton.names.index(name) for name in names]
        np.testing.assert_allclose(clip.globals()[1][:, at], positions * unit, atol=1e-9)


def _evaluated(path: Path) -> tuple[list[str], np.ndarray]:
    header, motion = path.read_text("latin-1").split("MOTION")
    words, names, parents, offsets, channels, open_joints = header.split(), [], [], [], [], []
    for i, word in enumerate(words):
        if word in ("ROOT", "JOINT"):
            names.append(words[i + 1])
            parents.append(open_joints[-1] if open_joints else -1)
            channels.append([])
        elif word == "{":
            open_joints.append(None if words[i - 2 : i] == ["End", "Site"] else len(names) - 1)
        elif word == "}":
            open_joints.pop()
        elif word == "OFFSET" and open_joints[-1] is not None:
            offsets.append([float(value) for value in words[i + 1 : i + 4]])
        elif word == "CHANNELS":
            channels[-1] = words[i + 2 : i + 2 + int(words[i + 1])]
    values = np.array(motion.split()[5:], dtype=float).reshape(-1, sum(map(len, channels)))
    positions = np.zeros((len(values), len(names), 3))
    turns: list[Rotation] = []
    column = 0
    for joint, parent in enumerate(parents):
        moved, order, degrees = np.tile(offsets[joint], (len(values), 1)), "", []
        for channel in channels[joint]:
            if channel.endswith("position"):
                moved[:, "XYZ".index(channel[0])] = values[:, column]
            else:
                order, degrees = order + channel[0], [*degrees, values[:, column]]
            column += 1
        turn = Rotation.from_euler(order, np.stack(degrees, -1), degrees=True)
        positions[:, joint] = moved if parent < 0 else positions[:, parent] + turns[parent].apply(moved)
        turns.append(turn if parent < 0 else turns[parent] * turn)
    return names, positions
