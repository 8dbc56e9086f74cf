# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading motion files, indexing folders and searching libraries, against Blender's importers and the readers on PyPI.

Files: `mocap/cmu` of the shared folder where there is one, else the starter library's clips.
"""

import contextlib
import io
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import figures
import importers
import indexing
import searching
from figures import SHARED, Figure

# Every reader has a process of its own, which reads one file after another when told to, so that all take turns.
# assimp-py is compiled, and its binding keeps no motion. None of the others makes quaternions, finds units and the up axis, or
# says which joint is which; `bvhio.readAsHierarchy` makes transforms.
OTHERS = {
    "assimp-py": ("import assimp_py", "assimp_py.import_file(path, 0)"),
    "bvh": ("import bvh", "bvh.Bvh(open(path).read())"),
    "bvhio": ("import bvhio", "bvhio.readAsBvh(path)"),
    "bvhio transforms": ("import bvhio", "bvhio.readAsHierarchy(path)"),
    "bvhsdk": ("import bvhsdk", "bvhsdk.ReadFile(path)"),
    "bvhtoolbox": ("import bvhtoolbox", "bvhtoolbox.BvhTree(open(path).read())"),
    "bvhTools": ("from bvhTools.bvhIO import readBvh", "readBvh(path)"),
    "pybvh": ("import pybvh", "pybvh.read_bvh_file(path)"),
}
TIMED = """
import contextlib, io, sys, time
{setup}
for line in sys.stdin:
    path = line.rstrip("\\n")
    start = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        {call}
    print(time.perf_counter() - start, flush=True)
"""
REPEATS = 5
SLOW = 20.0
"""Seconds for the three files at once: a reader that takes longer is timed once and left out of the whole folder."""


IMPORTED = """
import numpy, sys, time
start = time.perf_counter()
import {0}, {0}.library.client
print(time.perf_counter() - start, "torch" in sys.modules)
"""


class Other:
    """Another reader in its own process; raises ChildProcessError with the last line of what it died of."""

    def __init__(self, setup: str, call: str) -> None:
        code = TIMED.format(setup=setup, call=call)
        self.process = subprocess.Popen(
            [os.environ["TMR_READERS_PYTHON"], "-W", "ignore", "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def seconds(self, path: Path) -> float:
        """Of reading one file once."""
        assert self.process.stdin
        assert self.process.stdout
        try:
            self.process.stdin.write(f"{path}\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # it has died; its last words are below
        line = self.process.stdout.readline()
        if not line:
            raise ChildProcessError(self.process.communicate()[1].strip().splitlines()[-1])
        return float(line)

    def close(self) -> None:
        """End the process."""
        if self.process.poll() is None:
            self.process.communicate()


def files(folder: Path) -> list[Path]:
    """Motions to work on, smallest first."""
    shared = SHARED / "mocap" / "cmu"
    place = shared if shared.is_dir() else folder / "starter"
    return sorted(place.rglob("*.bvh"), key=lambda path: path.stat().st_size)


def blender_import(bpy: Any, path: Path) -> None:
    """Blender's own importer, leaving nothing behind."""
    with contextlib.redirect_stdout(io.StringIO()):
        bpy.ops.import_anim.bvh(filepath=str(path))
    made = bpy.context.object
    action = made.animation_data.action
    bpy.data.armatures.remove(made.data)
    bpy.data.actions.remove(action)


def reading(bpy: Any, paths: list[Path]) -> list[Figure]:
    """Seconds to read a small, a middling and the largest file, and the whole folder, by every reader in turn.

    What is timed is what a user of each gets. Ours ends with local quaternions and translations of every frame, in metres
    and Y up, the body recognised on the way. Blender's importer ends with an armature and its action.
    """
    read = figures.ours("motion.readers").read
    chosen = [paths[0], paths[len(paths) // 2], paths[-1]]
    readers: dict[str, Callable[[Path], float]] = {
        "ours": lambda path: _timed(read, path),
        "Blender's importer": lambda path: _timed(lambda path: blender_import(bpy, path), path),
    }
    others = {name: Other(*code) for name, code in OTHERS.items()}
    readers |= {name: other.seconds for name, other in others.items()}
    taken: dict[str, list[float]] = {}
    for name, once in list(readers.items()):
        try:
            taken[name] = [once(path) for path in chosen]
        except ChildProcessError as problem:
            print(f"{name} could not read them: {problem}")
            del readers[name]
    quick = {name: once for name, once in readers.items() if sum(taken[name]) < SLOW}
    for _ in range(REPEATS):
        for i, path in enumerate(chosen):
            for name, once in quick.items():
                taken[name][i] = min(taken[name][i], once(path))
    rows = []
    for i, path in enumerate(chosen):
        label = f"read {path.name} ({read(path)[0].frames} frames)"
        rows += _compared(label, {name: seconds[i] for name, seconds in taken.items()})
    whole = dict.fromkeys(quick, 0.0)
    for path in paths:
        for name, once in quick.items():
            whole[name] += min(once(path) for _ in range(1 if name == "Blender's importer" else 2))
    for other in others.values():
        other.close()
    return rows + _compared(f"read {len(paths)} files", whole)


def _timed(read: Callable[[Path], object], path: Path) -> float:
    start = time.perf_counter()
    read(path)
    return time.perf_counter() - start


def _compared(label: str, taken: dict[str, float]) -> list[Figure]:
    """Ours against every other; it has to be 15 times as fast as Blender's importer, and no slower than any other."""
    own = taken.pop("ours")
    return [
        Figure(f"{label}; baseline: {name}", own, "s", theirs, theirs / (15 if name.startswith("Blender") else 1))
        for name, theirs in taken.items()
    ]


def small(bpy: Any, paths: list[Path]) -> list[Figure]:
    """The rate of indexing all files, features and vectors included; again with nothing changed."""
    client = figures.ours("library.client")
    folder = paths[0].parent
    paths = [path for path in paths if path.parent == folder]
    start = time.perf_counter()
    for path in paths:
        blender_import(bpy, path)
    importing = time.perf_counter() - start
    with tempfile.TemporaryDirectory() as place, client.Client.start() as worker:
        worker.request("warm").wait(120)
        params = {"folder": str(folder), "library": str(Path(place) / "library")}
        start = time.perf_counter()
        result = worker.request("index", params).wait(1800)
        first = time.perf_counter() - start
        start = time.perf_counter()
        worker.request("index", params).wait(1800)
        again = time.perf_counter() - start
        info = worker.request("info", {"library": params["library"]}).wait(60)
    print(f"{len(paths)} files, {info['seconds']:.0f} s of motion, {info['windows']} vectors, {len(result['errors'])} errors")
    count = len(paths)
    return [
        Figure(
            f"index {count} files; baseline: importing them", count / first, "files/s", count / importing, count / importing
        ),
        Figure("motion indexed per second", info["seconds"] / first, "s/s", None, 20.0),
        Figure("index again, nothing changed", again, "s", first, first / 10),
    ]


def hour() -> list[Figure]:
    """An hour of 120 fps mocap by the command line, on two cores."""
    if not (SHARED / "mocap" / "cmu").is_dir():
        print("left out: an hour of mocap, which is made of the shared folder's")
        return []
    client = figures.ours("library.client")
    found = indexing.measure(60.0, client.PACKAGE.name, client.child_environment())
    indexing.report(found)
    return [
        Figure(
            f"index an hour of 120 fps mocap; baseline: one job, load {found.load:.1f}",
            found.seconds,
            "s",
            found.one_job,
            indexing.GOAL_SECONDS,
        )
    ]


def importing_package() -> list[Figure]:
    """Importing the package by a fresh process that has NumPy already, which Blender has."""
    client = figures.ours("library.client")
    code = IMPORTED.format(client.PACKAGE.name)
    taken, torch = [], False
    for _ in range(5):
        command = [sys.executable, "-c", code]
        words = subprocess.run(
            command, env=client.child_environment(), capture_output=True, text=True, check=True
        ).stdout.split()
        taken.append(float(words[0]))
        torch |= words[1] == "True"
    return [
        Figure("import the package", min(taken), "s", None, 0.1),
        Figure("importing the package imports torch", float(torch), "times", None, 0.0),
    ]


def main() -> int:
    """Measure and report."""
    bpy, folder = figures.enable()
    # Blender's importer is an add-on of its own, off in an empty profile.
    bpy.ops.preferences.addon_enable(module="io_anim_bvh")
    paths = files(folder)
    rows = importing_package() + reading(bpy, paths)
    rows += importers.figures_of(importers.compared(bpy, sorted(SHARED.rglob("*.fbx"))))
    rows += small(bpy, paths) + hour() + searching.rows()
    return figures.finish(rows, f"BVH files of {paths[0].parent.name}, one process after another on this machine.")


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    os._exit(status)  # Blender 4.5 as a module hangs at a normal exit
