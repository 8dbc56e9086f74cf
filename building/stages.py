# SPDX-License-Identifier: GPL-3.0-or-later
"""Stages that are skipped when nothing they read has changed, and the processes they run."""

import hashlib
import os
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache"
OUT = ROOT / "out"
SKIPPED = 77
"""Exit code of what can't be done on this machine, and said why; as test programs of other makers have it."""
VARIABLES_TO_HIDE = ("PYTHONPATH", "PYTHONHOME", "BLENDER_USER_RESOURCES", "BLENDER_SYSTEM_SCRIPTS")


class BuildProblem(Exception):
    """A problem the user can solve; `str(error)` is the sentence that says how."""


def file_digest(path: Path) -> str:
    """SHA-256 of one file, as hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def files_under(paths: Iterable[Path]) -> list[Path]:
    """Every file in these files and folders, sorted, without Python's own leavings."""
    found: set[Path] = set()
    for path in paths:
        candidates = path.rglob("*") if path.is_dir() else [path]
        found.update(file for file in candidates if file.is_file() and "__pycache__" not in file.parts)
    return sorted(found)


def digest(paths: Iterable[Path], *texts: str) -> str:
    """SHA-256 over names and contents of files and folders, and over texts. A missing path counts as empty."""
    total = hashlib.sha256()
    for text in texts:
        total.update(text.encode() + b"\0")
    for file in files_under(paths):
        name = file.relative_to(ROOT).as_posix() if file.is_relative_to(ROOT) else file.name
        total.update(f"{name}\0{file_digest(file)}\0".encode())
    return total.hexdigest()


def stage(name: str, inputs: str, outputs: Sequence[Path], action: Callable[[], object]) -> bool:
    """Run `action` unless it ran before with these `inputs` (a digest) and all `outputs` still exist.

    Prints the stage's name with its seconds. Returns whether the action ran. The stamp is written after the
    action, so a stage that was interrupted runs again.
    """
    stamp = CACHE / "stamps" / name.replace(" ", "-")
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == inputs and all(path.exists() for path in outputs):
        print(f"{name}: unchanged", flush=True)
        return False
    stamp.unlink(missing_ok=True)
    print(f"{name} ...", flush=True)
    start = time.perf_counter()
    action()
    missing = [path.name for path in outputs if not path.exists()]
    if missing:
        raise BuildProblem(f"The stage '{name}' ended without making {', '.join(missing)}.")
    stamp.parent.mkdir(parents=True, exist_ok=True)
    stamp.write_text(inputs, encoding="utf-8")
    print(f"{name}: {time.perf_counter() - start:.1f} s", flush=True)
    return True


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment without what would change which Python code or Blender profile is used."""
    kept = {key: value for key, value in os.environ.items() if key not in VARIABLES_TO_HIDE}
    return {**kept, **(extra or {})}


def run(command: Sequence[str | Path], *, extra: Mapping[str, str] | None = None) -> int:
    """Run a program from the repository's root; its output is ours. Returns its exit code."""
    return subprocess.run([str(part) for part in command], cwd=ROOT, env=environment(extra), check=False).returncode


def require(command: Sequence[str | Path], problem: str, *, extra: Mapping[str, str] | None = None) -> None:
    """Run a program and raise `BuildProblem(problem)` where it fails. Its output is shown."""
    code = run(command, extra=extra)
    if code:
        raise BuildProblem(f"{problem} (exit code {code}; see above).")
