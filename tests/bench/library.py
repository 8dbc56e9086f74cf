# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading BVH files and indexing a folder, against Blender's importer and the readers on PyPI.

Files: `mocap/cmu` of the shared folder where there is one, else the starter library's clips.
"""

import contextlib
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import figures
from figures import SHARED, Figure

# One process per library, which times itself as `figures.seconds` does: one run uncounted, then the best of five.
OTHERS = {
    "bvhio": "bvhio.readAsHierarchy(path)",
    "bvhsdk": "bvhsdk.ReadFile(path)",
}
TIMED = """
import contextlib, io, json, sys, time
import {module}
result = []
for path in sys.argv[1:]:
    taken = []
    for _ in range(6):
        start = time.perf_counter()
        with contextlib.redirect_stdout(io.StringIO()):
            {call}
        taken.append(time.perf_counter() - start)
    result.append(min(taken[1:]))
print(json.dumps(result))
"""


def files(folder: Path) -> list[Path]:
    """Motions to work on, smallest first."""
    shared = SHARED / "mocap" / "cmu"
    place = shared if shared.is_dir() else folder / "starter"
    return sorted(place.rglob("*.bvh"), key=lambda path: path.stat().st_size)


def other(module: str, call: str, paths: list[Path]) -> list[float] | str:
    """Seconds per file of another reader, or the last line of what it died of."""
    code = TIMED.format(module=module, call=call)
    command = [os.environ["TMR_READERS_PYTHON"], "-W", "ignore", "-c", code, *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return json.loads(done.stdout) if done.returncode == 0 else done.stderr.strip().splitlines()[-1]


def blender_import(bpy: Any, path: Path) -> None:
    """Blender's own importer, leaving nothing behind."""
    with contextlib.redirect_stdout(io.StringIO()):
        bpy.ops.import_anim.bvh(filepath=str(path))
    made = bpy.context.object
    action = made.animation_data.action
    bpy.data.armatures.remove(made.data)
    bpy.data.actions.remove(action)


def reading(bpy: Any, paths: list[Path]) -> list[Figure]:
    """Seconds to read a small, a middling and the largest file."""
    read = figures.ours("motion.readers").read
    chosen = [paths[0], paths[len(paths) // 2], paths[-1]]
    own = [figures.seconds(lambda path=path: read(path)) for path in chosen]
    importing = [figures.seconds(lambda path=path: blender_import(bpy, path), repeats=3) for path in chosen]
    rows = []
    for path, mine, theirs in zip(chosen, own, importing, strict=True):
        name = f"read {path.name} ({read(path)[0].frames} frames)"
        rows.append(Figure(f"{name}; baseline: Blender's importer", mine, "s", theirs, theirs / 5))
    for module, call in OTHERS.items():
        taken = other(module, call, chosen)
        if isinstance(taken, str):
            print(f"{module} could not read them: {taken}")
            continue
        for path, mine, theirs in zip(chosen, own, taken, strict=True):
            rows.append(Figure(f"read {path.name}; baseline: {module}", mine, "s", theirs, theirs))
    return rows


def indexing(bpy: Any, paths: list[Path]) -> list[Figure]:
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


def main() -> int:
    """Measure and report."""
    bpy, folder = figures.enable()
    # Blender's importer is an add-on of its own, off in an empty profile.
    bpy.ops.preferences.addon_enable(module="io_anim_bvh")
    paths = files(folder)
    rows = reading(bpy, paths) + indexing(bpy, paths)
    return figures.finish(rows, f"BVH files of {paths[0].parent.name}, one process after another on this machine.")


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    os._exit(status)  # Blender 4.5 as a module hangs at a normal exit
