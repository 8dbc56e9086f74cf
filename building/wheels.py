# SPDX-License-Identifier: GPL-3.0-or-later
"""The lock of third-party files: what a zip carries per platform and Python, each checked against its SHA-256.

`wheels/lock.toml` is written by `python build.py lock` and read by everything else. A row names one file and the
targets it serves; a target is a platform and a Python, `linux-x64-cp311`.
"""

import email.parser
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from .environments import TORCH
from .stages import CACHE, ROOT, BuildProblem, file_digest

LOCK = ROOT / "wheels" / "lock.toml"
STORE = CACHE / "wheels"

PLATFORMS: dict[str, tuple[str, ...]] = {
    "linux-x64": ("manylinux_2_28_x86_64", "manylinux_2_27_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64"),
    "windows-x64": ("win_amd64",),
    "macos-arm64": ("macosx_14_0_arm64", "macosx_12_0_arm64", "macosx_11_0_arm64"),
}
"""Blender's name of a platform -> the wheel tags that run on it, as pip is asked for them."""

PYTHONS: dict[str, tuple[str, str | None]] = {"3.11": ("4.2.0", "5.1.0"), "3.13": ("5.1.0", None)}
"""Python -> the first Blender that embeds it and the first that no longer does."""

SHIPPED = {"torch": TORCH, "typing-extensions": "4.16.0", "tokenizers": "0.23.3", "ufbx": "0.0.5"}
"""What the extension imports beyond Blender's own modules. `import torch` and TorchScript need typing-extensions of
torch's declared requirements and none of the rest; tests/test_build.py checks that against the built zip."""

STARTER = {"pybullet": "3.2.7"}
"""Where the starter library's motions come from: used while building, never shipped."""


UNDECLARED = {"ufbx": "ufbx: MIT OR Unlicense; its Python bindings: not declared"}
"""What is known of a licence where the wheel says nothing."""


@dataclass(frozen=True)
class Target:
    """A platform as Blender names it, and a Python version as in "3.11"."""

    platform: str
    python: str

    @property
    def name(self) -> str:
        """As the lock and the zips write it: `linux-x64-cp311`."""
        return f"{self.platform}-cp{self.python.replace('.', '')}"


TARGETS = tuple(Target(platform, python) for platform in PLATFORMS for python in PYTHONS)


@dataclass(frozen=True)
class Wheel:
    """One row of the lock."""

    name: str
    version: str
    file: str
    sha256: str
    use: str
    targets: tuple[str, ...]
    licence: str


def host() -> Target:
    """The target of this machine and this Python. Raises `BuildProblem` where there is none."""
    platforms = {"linux": "linux-x64", "win32": "windows-x64", "darwin": "macos-arm64"}
    if sys.platform not in platforms:
        raise BuildProblem(f"There is no extension zip for the platform {sys.platform}.")
    return Target(platforms[sys.platform], f"{sys.version_info[0]}.{sys.version_info[1]}")


def read_lock() -> list[Wheel]:
    """The rows of the lock. Raises `BuildProblem` where it is missing or malformed."""
    try:
        rows = tomllib.loads(LOCK.read_text(encoding="utf-8"))["wheel"]
        return [Wheel(**{**row, "targets": tuple(row["targets"])}) for row in rows]
    except (OSError, KeyError, TypeError, tomllib.TOMLDecodeError) as problem:
        raise BuildProblem(f"wheels/lock.toml can't be read ({problem}); make it again with `build.py lock`.") from problem


def shipped(target: Target, rows: Iterable[Wheel]) -> list[Wheel]:
    """The wheels of one zip, by name. Raises `BuildProblem` naming what the lock lacks for this target."""
    chosen = {row.name: row for row in rows if row.use == "ship" and target.name in row.targets}
    missing = [f"{name} {version}" for name, version in SHIPPED.items() if name not in chosen]
    if missing:
        raise BuildProblem(
            f"the lock has no {' or '.join(missing)} for {target.name}; "
            "`build.py lock --torch-index URL` adds it from an index that does"
        )
    return [chosen[name] for name in sorted(chosen)]


def coverage(targets: Iterable[Target], rows: list[Wheel]) -> tuple[list[Target], dict[Target, str]]:
    """The targets that the lock has every wheel for, and why the others' zips can't be made."""
    possible: list[Target] = []
    lacking: dict[Target, str] = {}
    for target in targets:
        try:
            shipped(target, rows)
        except BuildProblem as problem:
            lacking[target] = str(problem)
        else:
            possible.append(target)
    return possible, lacking


def fetch(row: Wheel, torch_index: str, python: Path) -> Path:
    """The file of a row, downloaded unless it is there, checked against its hash either way."""
    path = STORE / row.file
    if not path.exists():
        target = next(target for target in TARGETS if target.name in row.targets)
        download(f"{row.name}=={row.version}", target, STORE, torch_index, python)
    if not path.exists():
        raise BuildProblem(f"{row.file} could not be downloaded for {row.name} {row.version}.")
    if file_digest(path) != row.sha256:
        path.unlink()
        raise BuildProblem(f"{row.file} is not the file that wheels/lock.toml names (its SHA-256 differs); it was removed.")
    return path


def download(requirement: str, target: Target, folder: Path, torch_index: str, python: Path) -> list[Path]:
    """Let pip download one requirement's wheel for any target into `folder`; the new files, none where there is none."""
    folder.mkdir(parents=True, exist_ok=True)
    before = set(folder.glob("*.whl"))
    options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:", "-d", str(folder)]
    for tag in PLATFORMS[target.platform]:
        options += ["--platform", tag]
    options += ["--python-version", target.python]
    attempts = [[], ["--extra-index-url", torch_index]] if requirement.startswith("torch==") else [[]]
    for more in attempts:
        command = [str(python), "-m", "pip", "download", *options, *more, requirement]
        if subprocess.run(command, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0:
            break
    return sorted(set(folder.glob("*.whl")) - before)


def licence(path: Path) -> str:
    """The licence a wheel declares in its metadata."""
    with zipfile.ZipFile(path) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = email.parser.Parser().parsestr(archive.read(name).decode("utf-8"))
    declared = metadata.get("License-Expression") or metadata.get("License")
    trove = [value.rsplit("::", 1)[1].strip() for key, value in metadata.items() if value.startswith("License ::")]
    first_line = (declared or "").strip().splitlines()
    return first_line[0] if first_line else ", ".join(trove) or "not declared"


def licence_texts(path: Path) -> dict[str, bytes]:
    """The licence files a wheel carries: path inside its metadata folder -> contents."""
    marks = ("license", "licence", "copying", "notice")
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if ".dist-info/" in name and not name.endswith("/")]
        return {
            name.split(".dist-info/", 1)[1].removeprefix("licenses/"): archive.read(name)
            for name in names
            if Path(name).name.lower().startswith(marks)
        }


def write_lock(torch_index: str, python: Path) -> list[str]:
    """Resolve every pinned package for every target and write the lock; the sentences about what was not found."""
    wanted = [(name, version, "ship", target) for target in TARGETS for name, version in SHIPPED.items()]
    wanted += [(name, version, "starter", Target("linux-x64", "3.11")) for name, version in STARTER.items()]
    rows: dict[str, Wheel] = {}
    problems: list[str] = []
    for name, version, use, target in wanted:
        # PyPI's Linux build of torch carries CUDA, 2.5 GB with what it needs; the others are CPU builds.
        local = "+cpu" if name == "torch" and target.platform == "linux-x64" else ""
        row = _resolve(name, version + local, use, target, torch_index, python)
        if row is None:
            problems.append(f"{name} {version}{local} was not found for {target.name}.")
            continue
        known = rows.get(row.file)
        rows[row.file] = replace(row, targets=(*known.targets, target.name)) if known else row
    ordered = sorted(rows.values(), key=lambda row: (row.name, row.file))
    head = "# Written by `python build.py lock`; the README beside this file explains the columns.\n"
    LOCK.write_text("\n".join([head, *(_as_toml(row) for row in ordered)]), encoding="utf-8")
    return problems


def _resolve(name: str, version: str, use: str, target: Target, torch_index: str, python: Path) -> Wheel | None:
    folder = CACHE / "locking"
    shutil.rmtree(folder, ignore_errors=True)
    found = download(f"{name}=={version}", target, folder, torch_index, python)
    if not found:
        return None
    STORE.mkdir(parents=True, exist_ok=True)
    path = found[0].replace(STORE / found[0].name)
    return Wheel(name, version, path.name, file_digest(path), use, (target.name,), UNDECLARED.get(name) or licence(path))


def _as_toml(row: Wheel) -> str:
    values = {key: value for key, value in asdict(row).items() if key != "targets"}
    lines = ["[[wheel]]", *(f'{key} = "{value}"' for key, value in values.items())]
    return "\n".join([*lines, "targets = [" + ", ".join(f'"{name}"' for name in row.targets) + "]", ""])
