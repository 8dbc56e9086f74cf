# SPDX-License-Identifier: GPL-3.0-or-later
"""What lies in a folder of motions: files to read, and the notes about each."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import FileProblem, LibraryProblem, one_line
from . import contents
from .sidecars import BESIDE, NAMES, Note, key_of, read_captions, read_notes


@dataclass(frozen=True)
class Found:
    """A motion file. path: from the folder, with slashes. size: bytes. mtime: nanoseconds. notes: from its sidecars."""

    path: str
    size: int
    mtime: int
    notes: tuple[Note, ...]


@dataclass(frozen=True)
class Listing:
    """files: in order of path. problems: (path, sentence) of folders and sidecars that can't be read."""

    files: list[Found]
    problems: list[tuple[str, str]]


def listing(root: Path, suffixes: Sequence[str]) -> Listing:
    """Walk `root`. Hidden names are left out, and so are links that lead out of it.

    Raises LibraryProblem where the folder is missing or holds no file with one of the suffixes.
    """
    if not root.is_dir():
        raise LibraryProblem(f"There is no folder {root}.")
    paths, problems = _walk(root, suffixes)
    motions = [path for path in paths if path.suffix.lower() in suffixes]
    if not motions:
        kinds = ", ".join(sorted(suffixes))
        raise LibraryProblem(f"The folder {root} holds no motion file that can be read ({kinds}).")
    notes = _captions(root, paths, problems)
    beside = _beside(root, paths, {path.with_suffix("") for path in motions}, problems)
    files = [found for path in motions if (found := _found(root, path, notes, beside, problems))]
    return Listing(sorted(files, key=lambda file: file.path), problems)


def _walk(root: Path, suffixes: Sequence[str]) -> tuple[list[Path], list[tuple[str, str]]]:
    """Every file under `root`, sorted within its folder, and the folders and links that were left out."""
    paths: list[Path] = []
    problems: list[tuple[str, str]] = []

    def told(path: Path, reason: str) -> None:
        inner = one_line(path.relative_to(root).as_posix())
        problems.append((inner, f"{inner} {reason}."))

    def unreadable(error: OSError) -> None:
        told(Path(error.filename), f"can't be opened: {error.strerror}")

    for place, folders, names in os.walk(root, onerror=unreadable):
        kept = [name for name in folders if not name.startswith(".")]
        folders[:] = sorted(name for name in kept if _is_text(name))
        wanted = [name for name in names if not name.startswith(".")]
        for name in (*kept, *wanted):
            # No database can hold it, and no report could name it.
            if not _is_text(name) and (name in kept or Path(name).suffix.lower() in suffixes):
                told(Path(place) / name, "has a name that is not Unicode and was left out. Rename it")
        for path in (Path(place) / name for name in sorted(wanted) if _is_text(name)):
            if not path.is_symlink() or _leads_into(root, path):
                paths.append(path)
            elif path.suffix.lower() in suffixes:
                told(path, "is a link out of the folder, or into a circle, and was left out")
    return paths, problems


def _is_text(name: str) -> bool:
    """Whether a name is more than bytes: Python keeps those that it can't decode as halves of characters."""
    return not any("\ud800" <= letter <= "\udfff" for letter in name)


def _leads_into(root: Path, link: Path) -> bool:
    try:
        return link.resolve().is_relative_to(root)
    except (OSError, RuntimeError):  # a circle: the one or the other, by Python's version
        return False


def _captions(root: Path, paths: Sequence[Path], problems: list[tuple[str, str]]) -> dict[str, list[Note]]:
    """The notes of every captions file, by the key of the path that they are about."""
    notes: dict[str, list[Note]] = {}
    for path in paths:
        if path.name not in NAMES:
            continue
        folder = path.parent.relative_to(root).as_posix()
        try:
            for key, found in read_captions(path).items():
                notes.setdefault(key_of(f"{folder}/{key}"), []).extend(found)
        except FileProblem as problem:
            problems.append((path.relative_to(root).as_posix(), str(problem)))
    return notes


def _beside(root: Path, paths: Sequence[Path], wanted: set[Path], problems: list[tuple[str, str]]) -> dict[Path, list[Note]]:
    """The notes of sidecars of one file each, by its path without suffix."""
    notes: dict[Path, list[Note]] = {}
    for path in paths:
        if path.suffix not in BESIDE or path.name in NAMES or path.with_suffix("") not in wanted:
            continue
        try:
            notes.setdefault(path.with_suffix(""), []).extend(read_notes(path))
        except FileProblem as problem:
            problems.append((path.relative_to(root).as_posix(), str(problem)))
    return notes


def _found(
    root: Path, path: Path, notes: dict[str, list[Note]], beside: dict[Path, list[Note]], problems: list[tuple[str, str]]
) -> Found | None:
    """The motion file at `path`, or None where it can't be opened or is no file."""
    inner = path.relative_to(root).as_posix()
    bare = path.with_suffix("").relative_to(root).as_posix()
    try:
        status = contents.status(path)
    except OSError as error:
        problems.append((inner, f"{one_line(inner)} can't be opened: {error.strerror}."))
        return None
    if status is None:
        return None
    mine = [*notes.get(key_of(inner), ()), *notes.get(key_of(bare), ()), *beside.get(path.with_suffix(""), ())]
    return Found(inner, *status, tuple(mine))
