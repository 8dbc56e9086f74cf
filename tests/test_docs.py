# SPDX-License-Identifier: GPL-3.0-or-later
"""What the documentation states of formats is so, and its examples run, in a copy of the package."""

import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from tmr_blender.library import migrate, poses, schema

ROOT = Path(__file__).resolve().parents[1]


def blocks(name: str) -> list[str]:
    """The Python of a document, block by block."""
    return re.findall(r"```python\n(.*?)```", (ROOT / "docs" / name).read_text(encoding="utf-8"), re.DOTALL)


def run(folder: Path, code: str) -> str:
    """What code prints that imports the package in a folder, and the tests' bodies."""
    path = [str(folder), str(ROOT / "tests" / "retarget"), str(ROOT)]
    start = f"import sys; sys.path[:0] = {path!r}\n"
    done = subprocess.run([sys.executable, "-P", "-c", start + code], capture_output=True, text=True, cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout


def copied(folder: Path) -> Path:
    """A copy of the package."""
    ignored = shutil.ignore_patterns("__pycache__", "weights", "wheels")
    return Path(shutil.copytree(ROOT / "tmr_blender", folder / "tmr_blender", ignore=ignored))


def test_the_tables_of_a_library_are_as_documented(tmp_path: Path) -> None:
    schema.make(tmp_path / "library")
    text = (ROOT / "docs" / "library.md").read_text(encoding="utf-8")
    stated = {
        row[0]: re.findall(r"`(\w+)`", row[1]) for row in re.findall(r"^\| `(\w+)` \| (`\w+`(?:, `\w+`)*) \|$", text, re.M)
    }
    with closing(sqlite3.connect(tmp_path / "library" / schema.DATABASE)) as database:
        tables = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found = {table: [row[1] for row in database.execute(f"PRAGMA table_info({table})")] for table in tables}
        keys = {row[0] for row in database.execute("SELECT key FROM meta")}
    assert stated == found
    assert all(f"`{key}`" in text for key in keys)
    assert f"version, now {migrate.VERSION} |" in text and f"version {migrate.VERSION}." in text
    assert f"{schema.APPLICATION:08X}" in text and f"{poses.POSE.itemsize} bytes a frame" in text
    assert f"1/{round(1.0 / poses.STEP)} m" in text and (poses.POSE["root"].shape, poses.POSE["joints"].shape) == (
        (3,),
        (21, 3),
    )
    assert {path.name for path in (tmp_path / "library").iterdir()} <= set(re.findall(r"^\| `([\w.-]+)` \|", text, re.M))


def test_the_example_of_a_file_format_runs(tmp_path: Path) -> None:
    package = copied(tmp_path)
    reader, row = blocks("formats.md")
    (package / "motion" / "readers" / "skel.py").write_text(reader, encoding="utf-8")
    table = package / "motion" / "readers" / "__init__.py"
    text = table.read_text(encoding="utf-8").replace("from . import bvh, ", "from . import skel, bvh, ")
    table.write_text(
        text.replace("SUFFIXES: dict[str, Reader] = {\n", "SUFFIXES: dict[str, Reader] = {\n" + row), encoding="utf-8"
    )
    code = """
import json, pathlib, numpy as np, bodies
from tmr_blender.errors import FileProblem
from tmr_blender.motion import humanoid, readers
clip = bodies.clip(30)
joints = [[n, int(p), o.tolist()] for n, p, o in zip(clip.skeleton.names, clip.skeleton.parents, clip.skeleton.offsets)]
frames = [{"root": t[0].tolist(), "turns": r.tolist()} for t, r in zip(clip.translations, clip.rotations)]
path = pathlib.Path("a.skel")
path.write_text(json.dumps({"fps": clip.fps, "joints": joints, "frames": frames}))
(read,) = readers.read(path)
there, here = humanoid.body_positions(clip), humanoid.body_positions(read)
print(np.abs(there - here).max() < 1e-9, humanoid.recognise(read).convention == humanoid.recognise(clip).convention)
whole, told = path.read_bytes(), 0
for cut in range(1, len(whole), 997):
    path.write_bytes(whole[:cut])
    try:
        readers.read(path)
    except FileProblem:
        told += 1
print(told == len(range(1, len(whole), 997)))
"""
    assert run(tmp_path, code).split() == ["True"] * 3


def test_the_example_of_a_convention_runs(tmp_path: Path) -> None:
    package = copied(tmp_path)
    (row,) = blocks("conventions.md")
    path = package / "retarget" / "conventions.py"
    text = path.read_text(encoding="utf-8")
    head = "TABLE: tuple[Convention, ...] = (\n"
    assert head in text
    path.write_text(text.replace(head, head + row.rstrip() + ",\n"), encoding="utf-8")
    code = """
import bodies
from tmr_blender.retarget import conventions, roles
words = dict(zip(conventions.PAIRS, "Clavicle UpperArm ForeArm Hand Thigh Shin Foot Toes".split()))
middle = {"pelvis": "Hips"} | {name.lower(): name for name in ("Spine1", "Spine2", "Spine3", "Neck", "Head")}
def named(role):
    side, _, limb = role.partition("_")
    return f"hero_{side[0].upper()}_{words[limb]}" if limb in words else "hero_" + middle[role]
names = {role: named(role) for role in bodies.MIXAMO if role.partition("_")[2] in words or role in middle}
found = roles.map_rig(bodies.rig(names))
print(found.convention)
print(all(found.bones[role] == name for role, name in names.items() if role in found.bones), len(found.bones) >= 20)
"""
    assert run(tmp_path, code).split() == ["Hero", "True", "True"]


def told(command: str) -> dict[str, set[str]]:
    """What the documentation has follow a command: its first word -> the options of all its examples."""
    found: dict[str, set[str]] = {}
    for name in ("README.md", "models/README.md"):
        for line in re.findall(rf"{re.escape(command)}([^\n`#]*)", (ROOT / name).read_text(encoding="utf-8")):
            word = line.split()[0] if line.split() else ""
            found.setdefault(word, set()).update(re.findall(r"--[\w-]+", re.sub(r'"[^"]*"', "", line)))
    return found


def helped(*command: str) -> str:
    """What a command prints about itself."""
    done = subprocess.run([sys.executable, *command, "--help"], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_commands_of_the_readme_exist_with_their_options() -> None:
    examples = told("python -m tmr_blender ")
    known = set(re.findall(r"^    (\w+)(?=  |$)", helped("-m", "tmr_blender"), re.M))
    assert examples and set(examples) <= known
    for word, options in examples.items():
        shown = helped("-m", "tmr_blender", word)
        assert all(option in shown for option in options), (word, options)


def test_the_benchmarks_of_the_readme_are_those_there_are() -> None:
    import build

    assert set(told("python build.py bench ")) - {"NAME"} == set(build.BENCHMARKS) - {"searching"}, "`library` runs `searching`"


def test_the_programs_of_the_models_exist_with_their_options() -> None:
    examples = {word.strip(",."): options for word, options in told("python -m models.").items()}
    assert len(examples) >= 8
    for word, options in examples.items():
        assert (ROOT / "models" / f"{word}.py").is_file(), word
        if options:
            shown = helped("-m", f"models.{word}")
            assert all(option in shown for option in options), (word, options)


def test_files_that_the_documentation_links_to_are_there() -> None:
    for document in (
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        ROOT / "models" / "README.md",
        *(ROOT / "docs").glob("*.md"),
    ):
        for link in re.findall(r"\]\(([^)#\s]+)\)", document.read_text(encoding="utf-8")):
            assert link.startswith("https://") or (document.parent / link).is_file(), (document.name, link)
