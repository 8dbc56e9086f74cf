# SPDX-License-Identifier: GPL-3.0-or-later
"""Real Blender windows: Debian's 4.3 and 5.2 in a chroot under a virtual screen, the zip installed, driven by `tests/gui`.

Debian's Python is another than the one of Blender's own builds, so the zip for these windows is packed like every other,
from the same tree, with the compiled wheels of that Python; torch is Debian's.
"""

import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path

from . import extension, wheels
from .environments import Environment
from .stages import CACHE, OUT, ROOT, SKIPPED, BuildProblem, digest, file_digest, run, stage
from .wheels import Target, Wheel

TOOL = ROOT.parent / "shared" / "tools" / "gui_blender.sh"
SUITES = {"trixie": "3.13", "sid": "3.14"}
"""Debian suite -> its Python. trixie has Blender 4.3, sid 5.2."""
SERVED = ("4.2.0", None)
QUICK = ("first_minute", "redo", "drag")
"""Scenarios that stand for all where minutes count: `--quick`."""
WHEELS = ("tokenizers", "ufbx")
"""What the zip carries for these windows; the rest is Debian's."""
BEYOND_LOCK = {
    ("ufbx", "3.14"): (
        "ufbx-0.0.5-cp314-cp314-manylinux2014_x86_64.manylinux_2_17_x86_64.manylinux_2_28_x86_64.whl",
        "0a54fabb928a4e464bb9a45dd779cd37b84cb7372a1b7010bcd3e3c0a5189db5",
    ),
}
"""Package and Python -> file and SHA-256 of what no shipped zip carries and so the lock doesn't name."""


def missing() -> str:
    """What a window can't be opened without here, as a sentence; "" where all is there."""
    if sys.platform != "linux" or wheels.host().platform != "linux-x64":
        return "Windows are tested on Linux alone."
    if not TOOL.is_file():
        return "Windows need the folder `shared` beside the repository, with tools/gui_blender.sh."
    if os.geteuid() != 0:
        return "Windows need root rights, for the chroot that Debian's Blender is installed in."
    programs = [name for name in ("apt-get", "dpkg", "unshare", "chroot") if shutil.which(name) is None]
    if programs:
        return f"Windows need {' and '.join(programs)}, as Debian has."
    return ""


def test(names: list[str], blender: Environment, rows: list[Wheel], torch_index: str) -> int:
    """Run scenarios in each suite's window; names: of suites and scenarios, none for all. The exit code.

    Raises `BuildProblem` with what is missing.
    """
    problem = missing()
    if problem:
        raise BuildProblem(problem)
    return _run(names, blender, rows, torch_index)


def _run(names: list[str], blender: Environment, rows: list[Wheel], torch_index: str, *options: str) -> int:
    suites = [name for name in names if name in SUITES] or list(SUITES)
    command: list[str | Path] = [sys.executable, "-m", "tests.gui", "--tool", TOOL, "--out", OUT / "gui", *options]
    for suite in suites:
        command += ["--zip", f"{suite}={zipped(SUITES[suite], blender, rows, torch_index)}"]
    return run([*command, *(name for name in names if name not in SUITES)])


def quick(blender: Environment, rows: list[Wheel], torch_index: str) -> int:
    """The scenarios of `QUICK` in one window, on a machine of which nothing is known: no time is judged.

    Where no window can be opened, a line that says why, and `SKIPPED`.
    """
    problem = missing()
    if problem:
        print(f"windows: skipped. {problem}")
        return SKIPPED
    return _run(["trixie", *QUICK], blender, rows, torch_index, "--quick")


def zipped(python: str, blender: Environment, rows: list[Wheel], torch_index: str) -> Path:
    """The zip for a suite's Python, built when anything in it has changed."""
    chosen = [_row(name, python, rows) for name in WHEELS]
    files = [_fetch(row, python, torch_index, blender.python) for row in chosen]
    text = extension.served(
        extension.MANIFEST.read_text(encoding="utf-8"), wheels.host().platform, SERVED, [file.name for file in files]
    )
    made = CACHE / "dist" / f"tmr_blender-{extension.version()}-window-cp{python.replace('.', '')}.zip"
    parts = [extension.PACKAGE, extension.MODEL, extension.STARTER, ROOT / "building", ROOT / "LICENSE"]
    stage(
        f"zip for windows, Python {python}",
        digest(parts, text, *(row.sha256 for row in chosen)),
        [made],
        lambda: extension.pack(text, chosen, files, made, blender),
    )
    return made


def _row(name: str, python: str, rows: list[Wheel]) -> Wheel:
    """The lock's row of a package for this platform and Python, or that of another Python with another file."""
    platform = wheels.host().platform
    own = [row for row in rows if row.name == name and any(target.startswith(platform) for target in row.targets)]
    beyond = BEYOND_LOCK.get((name, python))
    if beyond is not None and own:
        return replace(own[0], file=beyond[0], sha256=beyond[1], targets=(Target(platform, python).name,))
    # A wheel of Python's stable ABI serves later Pythons as well.
    fitting = [row for row in own if Target(platform, python).name in row.targets or "-abi3-" in row.file]
    if not fitting:
        raise BuildProblem(f"The lock has no {name} for Python {python} on {platform}.")
    return fitting[0]


def _fetch(row: Wheel, python: str, torch_index: str, interpreter: Path) -> Path:
    if (row.name, python) not in BEYOND_LOCK:
        return wheels.fetch(row, torch_index, interpreter)
    path = wheels.STORE / row.file
    if not path.exists():
        wheels.download(
            f"{row.name}=={row.version}", Target(wheels.host().platform, python), wheels.STORE, torch_index, interpreter
        )
    if not path.exists() or file_digest(path) != row.sha256:
        raise BuildProblem(f"{row.file} could not be downloaded, or is not the file that building/gui.py names.")
    return path
