# SPDX-License-Identifier: GPL-3.0-or-later
"""A session of use opens no connection and writes only among the extension's own files.

It runs in a Blender of its own, with a home, a folder for temporary files and a working folder that are empty before. What
Python does is heard by a hook in that process and in every one that it starts; what compiled code does is seen by what lies
in the folders before and after.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import bpy
import parts
import pytest

OUTWARD = (
    *("socket.connect", "socket.bind", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "socket.sendmsg"),
    *("urllib.Request", "http.client.connect", "webbrowser.open", "subprocess.Popen"),
)
"""Events that tell of no file."""
AUDIT = Path(__file__).resolve().parent / "audit"
SECONDS = 300.0

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the audit finds open folders in /proc")

Event = tuple[int, str, list[str]]


def audited(place: Path, *arguments: str | Path, profile: Path | None = None) -> list[Event]:
    """Run Python with home, temporary and working folder in `place`; what it and its children did."""
    for name in ("home", "tmp", "work"):
        (place / name).mkdir(parents=True)
    log = place / "audit.jsonl"
    kept = {key: value for key, value in os.environ.items() if not key.startswith("XDG_")}
    variables = {"HOME": place / "home", "TMPDIR": place / "tmp", "TMR_AUDIT": log}
    extra = {key: str(value) for key, value in variables.items()}
    if profile is not None:
        extra["BLENDER_USER_RESOURCES"] = str(profile)
    extra["PYTHONPATH"] = os.pathsep.join([str(AUDIT), str(AUDIT.parent)])
    command = [sys.executable, "-P", *map(str, arguments)]
    done = subprocess.run(
        command, cwd=place / "work", env={**kept, **extra}, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return [tuple(json.loads(line)) for line in log.read_text(encoding="utf-8").splitlines()]


def tree(*folders: Path) -> dict[Path, tuple[int, int]]:
    """Every file in these folders, with its size and time."""
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return {path: (path.stat().st_size, path.stat().st_mtime_ns) for path in files}


def test_the_audit_hears_files_connections_and_children(tmp_path: Path) -> None:
    script = tmp_path / "guilty.py"
    script.write_text(
        "import os, pathlib, shutil, socket, sqlite3, subprocess, sys\n"
        "pathlib.Path('read').touch(); open('read').close(); os.makedirs('one/two'); open('one/two/three', 'w').close()\n"
        "shutil.rmtree('one'); os.replace('read', 'moved'); sqlite3.connect('rows.sqlite').close()\n"
        "with socket.socket() as own: own.bind(('127.0.0.1', 0))\n"
        "subprocess.run([sys.executable, '-c', 'open(\"child\", \"w\").close()'], check=True)\n"
    )
    events = audited(tmp_path / "place", script)
    work = tmp_path / "place" / "work"
    told = {(event, *map(str, paths)) for _, event, paths in events if not event.startswith(("socket", "subprocess"))}
    assert {
        ("open", f"{work}/read"),
        ("os.mkdir", f"{work}/one/two"),
        ("open", f"{work}/one/two/three"),
        ("os.remove", f"{work}/one/two/three"),
        ("os.rmdir", f"{work}/one"),
        ("os.rename", f"{work}/read", f"{work}/moved"),
        ("sqlite3.connect", f"{work}/rows.sqlite"),
        ("open", f"{work}/child"),
    } <= told
    assert {"socket.bind", "subprocess.Popen"} <= {event for _, event, _ in events}
    assert len({number for number, _, _ in events}) == 2


@pytest.fixture
def profile(installed: Path) -> Iterator[Path]:
    """A copy of the profile that these tests run in, without the extension's user folder: as after installing.

    Disabling makes Blender remove the extension's wheels from its profile, which must not be the one in use here. It lies
    beside that one, where files can be linked instead of copied.
    """
    used = Path(os.environ["BLENDER_USER_RESOURCES"]).resolve()
    copy = Path(tempfile.mkdtemp(prefix="session-", dir=used.parent))
    shutil.copytree(used, copy, dirs_exist_ok=True, copy_function=linked, ignore=shutil.ignore_patterns(".user"), symlinks=True)
    yield copy
    shutil.rmtree(copy)


def linked(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # a file system without hard links
        shutil.copy2(source, target)


def test_a_session_of_use(profile: Path, installed: Path, factory_scene: None, tmp_path: Path) -> None:
    """Enabling, searching, applying, indexing, finding moments, making a motion up and disabling; the list is printed."""
    if not (installed / "starter").is_dir():
        pytest.skip("this zip holds no starter library")
    folder, place = tmp_path / "mocap", tmp_path / "place"
    parts.write_bvh(folder / "walk.bvh", "walks", "a person walks")
    user = Path(bpy.utils.resource_path("USER")).resolve()
    own = profile / parts.ours("blender.places").user_folder("").resolve().relative_to(user)
    before, motions = tree(profile), tree(folder)
    events = audited(place, AUDIT / "session.py", str(folder), profile=profile)
    after = tree(profile)
    changed = {path for path in {*before, *after} if before.get(path) != after.get(path)}
    heard = {Path(path) for _, event, paths in events if event not in OUTWARD for path in paths} - {Path(os.devnull)}
    programs = {paths[1] for _, event, paths in events if event == "subprocess.Popen"}
    print(*sorted(programs), *sorted(summary(heard | changed, {"PROFILE": profile, "PLACE": place})), sep="\n")

    assert [event for event in events if event[1] in OUTWARD and event[1] != "subprocess.Popen"] == []
    assert any("library.worker" in program for program in programs), "the search process was not heard"
    assert any(path.is_relative_to(own) for path in changed), "nothing was indexed"
    assert tree(folder) == motions
    audited(tmp_path / "bare", "-c", "import bpy, os; os._exit(0)", profile=tmp_path)
    for outside in ("home", "tmp", "work"):  # Blender by itself leaves empty folders: for its thumbnails, and one a session
        assert names(place / outside) == names(tmp_path / "bare" / outside), f"more than a Blender leaves in {outside}"
    # Python's compiled files, and the wheels that Blender unpacks and removes: among the extension's and its wheels' files.
    extensions = profile / "extensions"
    given = (own, place / "tmp", extensions / ".local", extensions / ".cache", extensions / "user_default" / "tmr_blender")
    assert not [
        path for path in heard | changed if path not in own.parents and not any(path.is_relative_to(start) for start in given)
    ]
    code = {path for path in changed if path.is_relative_to(given[-1])}
    assert not [path for path in code if "__pycache__" not in path.parts]


def names(folder: Path) -> set[str]:
    return {re.sub("^blender_\\w{6}$", "blender_*", path.relative_to(folder).as_posix()) for path in folder.rglob("*")}


def summary(paths: set[Path], folders: dict[str, Path]) -> set[str]:
    """The paths from these folders on, what lies in the folders of wheels and compiled files in one line each."""
    found: set[str] = set()
    for path in paths:
        name = next(
            (f"{name}/{path.relative_to(start)}" for name, start in folders.items() if path.is_relative_to(start)), str(path)
        )
        many = re.match(r"(.*/\.local)/|(PROFILE/extensions/user_default/tmr_blender)/.*__pycache__", name)
        found.add(name if many is None else f"{many[1]}/ (wheels)" if many[1] else f"{many[2]}/**/__pycache__/")
    return found
