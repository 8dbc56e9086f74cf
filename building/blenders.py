# SPDX-License-Identifier: GPL-3.0-or-later
"""Installing the zip and running its command: in Blender as a module, or in a Blender of the user's."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from . import wheels
from .environments import Environment
from .stages import CACHE, ROOT, BuildProblem, file_digest, require, run, stage
from .wheels import PYTHONS, Target

INSIDE = ROOT / "building" / "inside.py"


@dataclass(frozen=True)
class Module:
    """Blender as a module in an environment, with a private profile."""

    environment: Environment

    @property
    def profile(self) -> Path:
        """What BLENDER_USER_RESOURCES is set to."""
        return CACHE / "profile" / self.environment.folder.name.removeprefix(".venv-")

    @property
    def variables(self) -> dict[str, str]:
        """What has to be set before bpy is imported."""
        return {"BLENDER_USER_RESOURCES": str(self.profile)}

    def target(self) -> Target:
        """The zip this Blender needs: build.py's own Python made its environment."""
        return wheels.host()

    def install(self, path: Path) -> None:
        """Install and enable through Blender's extension system, unless this zip is installed already."""
        self.profile.mkdir(parents=True, exist_ok=True)
        installed = self.profile / "extensions" / "user_default" / "tmr_blender"
        command = [self.environment.python, "-P", INSIDE, "install", path]
        stage(
            f"install in {self.environment.folder.name}",
            file_digest(path),
            [installed],
            lambda: require(command, "Blender could not install the extension", extra=self.variables),
        )

    def run(self, arguments: list[str]) -> int:
        """Run the extension's command; its exit code."""
        return run([self.environment.python, "-P", INSIDE, "run", *arguments], extra=self.variables)


@dataclass(frozen=True)
class Program:
    """An installed Blender; `private` keeps the user's own profile untouched."""

    path: Path
    private: bool

    @property
    def variables(self) -> dict[str, str]:
        """A profile of our own for `try`; the user's for `install`."""
        if self.private:
            return {"BLENDER_USER_RESOURCES": str(CACHE / "profile" / "program")}
        own = os.environ.get("BLENDER_USER_RESOURCES")
        return {"BLENDER_USER_RESOURCES": own} if own else {}

    def target(self) -> Target:
        """The zip for the Python inside this Blender. Raises `BuildProblem` where it isn't a Blender we serve."""
        ask = "import sys; print('PYTHON', sys.version_info[0], sys.version_info[1], sep='.')"
        command = [str(self.path), "--background", "--factory-startup", "--python-expr", ask]
        try:
            answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120).stdout
        except (OSError, subprocess.TimeoutExpired) as problem:
            raise BuildProblem(f"{self.path} can't be run as a Blender ({problem}).") from problem
        found = [line.removeprefix("PYTHON.") for line in answer.splitlines() if line.startswith("PYTHON.")]
        if not found or found[0] not in PYTHONS:
            raise BuildProblem(f"{self.path} is no Blender with Python {' or '.join(PYTHONS)} (it has {found or 'none'}).")
        return Target(wheels.host().platform, found[0])

    def install(self, path: Path) -> None:
        """Install and enable with Blender's own command line."""
        command = [self.path, "--command", "extension", "install-file", "-r", "user_default", "-e", path]
        require(command, "Blender could not install the extension", extra=self.variables)

    def run(self, arguments: list[str]) -> int:
        """Run the extension's command; its exit code."""
        return run([self.path, "--command", "tmr", *arguments], extra=self.variables)
