# SPDX-License-Identifier: GPL-3.0-or-later
"""FBX through Blender where ufbx is missing or refuses, with Blender as a module; what else may come back, with a stand-in."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.motion.readers.fbx_text import text
from tests.motion.readers.test_fbx import check, expected, person
from tmr_blender.errors import FileProblem
from tmr_blender.motion import readers
from tmr_blender.motion.readers import blender_import, fbx

ROOT = Path(__file__).parents[3]

TWO_JOINTS = {
    "count": 1,
    "fps": 30.0,
    "0/name": "take",
    "0/armature": "body",
    "0/joints": np.array(["a", "b"]),
    "0/parents": np.array([-1, 0]),
    "0/rest": np.tile(np.eye(3, 4, dtype=np.float32), (2, 1, 1)),
    "0/poses": np.tile(np.eye(3, 4, dtype=np.float32), (5, 2, 1, 1)) + np.arange(5.0)[:, None, None, None] * np.eye(4)[3],
}


@pytest.fixture
def none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TMR_BLENDER", raising=False)
    monkeypatch.setenv("PATH", "")


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program in place of Blender that does what the shell script in it says, with the output file as $out."""
    if sys.platform == "win32":
        pytest.skip("needs a POSIX shell")
    program = tmp_path / "blender"
    monkeypatch.setenv("TMR_BLENDER", str(program))
    return program


def says(program: Path, script: str) -> None:
    program.write_text(f"#!/bin/sh\nfor out; do :; done\n{script}\n")
    program.chmod(0o755)


def leaves(program: Path, **changed: object) -> None:
    """Let the stand-in write `TWO_JOINTS`, with some arrays changed, None to leave them out."""
    content = {name: value for name, value in (TWO_JOINTS | changed).items() if value is not None}
    made = program.with_name("made.npz")
    np.savez(made, **{name: np.asarray(value) for name, value in content.items()})
    says(program, f'cp "{made}" "$out"')


def a_file(folder: Path) -> Path:
    path = folder / "take.fbx"
    path.write_text(text(person(), ["Take 001"]))
    return path


def test_takes_and_characters(tmp_path: Path, blender: Path) -> None:
    """Two people in two takes are four clips, and every joint is where the file says."""
    limbs = [*person("A", takes=("walk", "run")), *person("B", takes=("walk", "run"))]
    path = tmp_path / "take.fbx"
    path.write_text(text(limbs, ["walk", "run"]))
    clips = blender_import.read(path)
    assert len(clips) == 4
    assert {clip.name for clip in clips} == {clip.name for clip in readers.read(path)}
    for clip in clips:
        take = "walk" if " walk" in clip.name else "run"
        check(clip, expected(limbs, take), lambda x: x / 100.0)


@pytest.mark.parametrize(("unit", "z_up"), [(2.54, False), (100.0, False), (1.0, True)])
def test_units_and_axes(tmp_path: Path, blender: Path, unit: float, z_up: bool) -> None:
    path = tmp_path / "take.fbx"
    path.write_text(text(person(size=100.0 / unit), ["Take 001"], unit=unit, z_up=z_up))
    (first,), (second,) = fbx.read(path), blender_import.read(path)
    order = [second.skeleton.names.index(name) for name in first.skeleton.names]
    np.testing.assert_allclose(second.globals()[1][:, order], first.globals()[1], atol=2e-5)


def test_what_ufbx_refuses(tmp_path: Path, blender: Path, shared: Path) -> None:
    """A wrong length of a property list: ufbx takes the file for cut short, Blender's Python importer never looks at it."""
    whole = shared / "mocap" / "cmu_fbx" / "91_48.fbx"
    data = bytearray(whole.read_bytes())
    data[data.index(b"\x01CS\x02\x00\x00\x00OO") - 1] = 0xCE
    path = tmp_path / whole.name
    path.write_bytes(data)
    with pytest.raises(fbx.Refused):
        fbx.read(path)
    (damaged,), (clip,) = readers.read(path), readers.read(whole)
    assert (damaged.name, damaged.fps, damaged.frames) == (clip.name, clip.fps, clip.frames)
    order = [damaged.skeleton.names.index(name) for name in clip.skeleton.names]
    np.testing.assert_allclose(damaged.globals()[1][:, order], clip.globals()[1], atol=1e-5)


WITHOUT_UFBX = """
import sys
sys.modules["ufbx"] = None
from tmr_blender.errors import FileProblem
from tmr_blender.motion import readers
try:
    print([(clip.name, clip.frames) for clip in readers.read(sys.argv[1])])
except FileProblem as problem:
    print(problem)
"""


def without_ufbx(path: Path) -> str:
    command = [sys.executable, "-c", WITHOUT_UFBX, str(path)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=300).stdout


def test_without_ufbx(tmp_path: Path, blender: Path) -> None:
    assert without_ufbx(a_file(tmp_path)) == "[('take', 7)]\n"


def test_without_ufbx_and_blender(tmp_path: Path, none: None) -> None:
    said = without_ufbx(a_file(tmp_path))
    assert said.startswith("take.fbx: FBX files need the package ufbx")
    assert said.endswith("name its program in the environment variable TMR_BLENDER.\n")


def test_refused_by_both(tmp_path: Path, blender: Path) -> None:
    path = tmp_path / "take.fbx"
    path.write_bytes(b"Kaydara FBX Binary  \x00\x1a\x00" + bytes(range(200)))
    with pytest.raises(FileProblem, match=r"^take\.fbx is not .* Blender can't read it\. None of its importers .*\.$"):
        readers.read(path)


def test_no_fbx_at_all(tmp_path: Path, stand_in: Path) -> None:
    """Blender isn't started for it."""
    says(stand_in, f'touch "{tmp_path / "started"}"')
    path = tmp_path / "take.fbx"
    path.write_bytes(b"nonsense")
    with pytest.raises(FileProblem, match="damaged"):
        readers.read(path)
    assert not (tmp_path / "started").exists()


def test_none_is_wanted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMR_BLENDER", "")
    assert blender_import.find() is None
    with pytest.raises(FileProblem, match=r"^it is broken\.$"):
        blender_import.instead(a_file(tmp_path), "it is broken.")


def test_scripts_are_never_run() -> None:
    for program in ("blender", "Blender", "blender.exe", "python3.13"):
        command = blender_import.command(Path(program), Path("in.fbx"), Path("out.npz"))
        assert command[-2:] == ["in.fbx", "out.npz"]
        assert ("--disable-autoexec" in command and "--factory-startup" in command) or "-I" in command


def test_stand_in(tmp_path: Path, stand_in: Path) -> None:
    """What it leaves is read when nothing is wrong with it, so that the refusals below are refusals."""
    leaves(stand_in)
    (clip,) = blender_import.read(a_file(tmp_path))
    assert (clip.name, clip.frames, clip.skeleton.names) == ("take", 5, ("a", "b"))


@pytest.mark.parametrize(
    "changed",
    [
        {"count": 2},
        {"count": None},
        {"fps": np.nan},
        {"fps": "fast"},
        {"0/parents": np.array([-1, 1])},
        {"0/parents": np.array([1, -1])},
        {"0/parents": np.array([-1, -7])},
        {"0/joints": np.array(["a"])},
        {"0/joints": np.array([b"a", b"b"])},
        {"0/poses": np.zeros((5, 3, 3, 4), np.float32)},
        {"0/poses": np.zeros((0, 2, 3, 4), np.float32)},
        {"0/poses": np.full((5, 2, 3, 4), np.nan, np.float32)},
        {"0/rest": np.full((2, 3, 4), 1e30, np.float32)},
        {"0/joints": np.array([{}, {}], dtype=object)},
    ],
    ids=str,
)
def test_what_comes_back_is_checked(tmp_path: Path, stand_in: Path, changed: dict[str, object]) -> None:
    leaves(stand_in, **changed)
    with pytest.raises(FileProblem, match=r"^take\.fbx: what Blender made of it"):
        blender_import.read(a_file(tmp_path))


def test_crash_hang_and_excess(tmp_path: Path, stand_in: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = a_file(tmp_path)
    monkeypatch.setattr(blender_import, "SECONDS", 0.5)
    monkeypatch.setattr(blender_import, "_MAX_BYTES", 1000)
    for script, sentence in [
        ("kill -SEGV $$", "ended with status -11"),
        ("exit 0", "ended with status 0"),
        ("exec sleep 60", "given up after 0.5 seconds"),
        ('echo nonsense > "$out"', "can't be read"),
    ]:
        says(stand_in, script)
        with pytest.raises(FileProblem, match=sentence):
            blender_import.read(path)
    leaves(stand_in)
    with pytest.raises(FileProblem, match="the limit is"):
        blender_import.read(path)
    stand_in.chmod(0o644)
    monkeypatch.setenv("TMR_BLENDER", str(stand_in))
    with pytest.raises(FileProblem, match="environment variable TMR_BLENDER"):
        blender_import.read(path)
