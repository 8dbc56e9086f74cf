# SPDX-License-Identifier: GPL-3.0-or-later
"""The catalogues of an asset library: `blender_assets.cats.txt` in its folder, which other people's entries are kept in."""

import os
import tempfile
import uuid
from pathlib import Path

from ..errors import FileProblem

NAME = "blender_assets.cats.txt"
HEADER = (
    "# This is an Asset Catalog Definition file for Blender.\n"
    "# A line is UUID:path/of/the/catalogue:simple name. Empty lines and those with # are ignored.\n"
    "\nVERSION 1\n\n"
)
LARGEST = 16 << 20
"""Bytes of such a file; one of 100,000 catalogues has half as many."""

OURS = uuid.UUID("6f0c2f5e-3b0e-5d1b-9a64-2d8a4f1f7c11")
"""What the ids of our catalogues are made from, with their path: the same in every library and every session."""


def clean(path: str) -> str:
    """A catalogue's path as Blender takes it: no colons, no line breaks, no empty names. Raises FileProblem for nothing."""
    names = ["".join(c if c.isprintable() and c not in ":\\" else "-" for c in part).strip() for part in path.split("/")]
    kept = [name for name in names if name]
    if not kept:
        raise FileProblem("A catalogue needs a name, such as Motions/Walks.")
    return "/".join(kept)


def identity(path: str) -> str:
    """The id that a catalogue of ours gets."""
    return str(uuid.uuid5(OURS, path))


def root_of(folder: Path) -> Path:
    """Where the catalogues of assets in a folder are kept: there, or in the nearest folder above it that has some."""
    return next((place for place in (folder, *folder.parents) if (place / NAME).is_file()), folder)


def ensure(folder: Path, path: str) -> str:
    """The id of a catalogue of the library that a folder belongs to; a line is added if there is none.

    All other lines stay byte for byte, and the file is replaced in one go. A catalogue that was ours and has been renamed is
    still the one meant. Raises FileProblem.
    """
    path, file = clean(path), root_of(folder) / NAME
    content = _read(file)
    own = identity(path)
    known = _entries(file, content)
    for found, where in known:
        if where == path:
            return found
    if own in (found for found, _ in known):
        return own
    line = f"{own}:{path}:{path.replace('/', '-')}\n"
    before = content.decode("utf-8") if content else HEADER
    _write(file, (before + ("" if before.endswith("\n") else "\n") + line).encode("utf-8"))
    return own


def _read(file: Path) -> bytes:
    try:
        if not file.exists():
            return b""
        if file.stat().st_size > LARGEST:
            raise FileProblem(f"{file.name} is larger than any list of catalogues: look at what it holds.")
        return file.read_bytes()
    except OSError as error:
        raise FileProblem(f"{file} can't be read: {error.strerror or error}.") from error


def _entries(file: Path, content: bytes) -> list[tuple[str, str]]:
    """(id, path) of every catalogue. Raises FileProblem for another version of the format."""
    try:
        lines = content.decode("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise FileProblem(f"{file} is no text: a list of catalogues can't be added to it.") from error
    told = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    if told and told[0] != "VERSION 1":
        raise FileProblem(f"{file} has a version of its format that is not known here ({told[0][:40]}): nothing was added.")
    parts = [line.split(":", 2) for line in told[1:]]
    return [(part[0].strip().lower(), part[1].strip()) for part in parts if len(part) > 1]


def _write(file: Path, content: bytes) -> None:
    try:
        mode = file.stat().st_mode & 0o777 if file.exists() else 0o644
        handle, name = tempfile.mkstemp(dir=file.parent, prefix=".tmr-", suffix=".txt")
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as out:
                out.write(content)
                out.flush()
                os.fsync(out.fileno())
            temporary.chmod(mode)
            temporary.replace(file)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise FileProblem(f"{file} can't be written: {error.strerror or error}.") from error
