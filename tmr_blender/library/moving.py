# SPDX-License-Identifier: GPL-3.0-or-later
"""Indexes go to another folder: all of a place or nothing of it, whenever it is interrupted.

A place is the folder with all that is kept about one folder of motions, its libraries in folders of their own. On one disk it
is renamed. Else it is copied under another name, renamed when it is complete, and only then removed where it was.
"""

import contextlib
import os
import shutil
import sqlite3
import uuid
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from pathlib import Path

from ..errors import LibraryProblem
from .detached import look
from .schema import DATABASE, LOCK, lock

BLOCK = 16 << 20
"""Bytes that are copied between two steps."""
SPARE = 64 << 20
"""Bytes that are left free on a disk."""
DRAFT = ".moving-"


@dataclass(frozen=True)
class Progress:
    """Bytes of a place that are at the new folder, and of all."""

    done: int
    total: int


Steps = Generator[Progress, None, None]


def check(folder: Path, motions: Iterable[Path] = ()) -> None:
    """Make the folder for indexes if it is missing.

    motions: folders whose files are indexed. Raises LibraryProblem where the folder can't be written, or lies in one of those:
    its files would be looked through with every refresh.
    """
    if not folder.is_absolute():
        raise LibraryProblem(f"{folder} is no whole path: choose a folder for the indexes.")
    whole = folder.resolve()
    for other in motions:
        if whole.is_relative_to(other.resolve()):
            raise LibraryProblem(f"{folder} is in the folder of motions {other}: choose one outside it for the indexes.")
    if folder.exists() and not folder.is_dir():
        raise LibraryProblem(f"{folder} is a file: choose a folder for the indexes.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        trial = folder / f"{DRAFT}{uuid.uuid4().hex}"
        trial.write_bytes(b"")
        trial.unlink()
    except OSError as error:
        raise LibraryProblem(f"Nothing can be written to {folder} ({error.strerror}): choose another folder.") from error


def places(folder: Path) -> list[Path]:
    """The places with a library in a folder, by name; none where it can't be reached."""
    with contextlib.suppress(OSError):
        found = {path.parent.parent for path in folder.glob(f"*/*/{DATABASE}")}
        return sorted(path for path in found if not path.name.startswith(DRAFT))
    return []


def move(place: Path, folder: Path) -> Steps:
    """Move a place into a folder, step by step. Closing the generator leaves the place where it is.

    Raises LibraryProblem where a job is under way or another program writes it, where there is one of its name already, and
    where the disk is full or can't be written: then, too, it is where it was.
    """
    target = folder / place.name
    if target.exists():
        raise LibraryProblem(f"{target} is there already: remove one of the two indexes of that name first.")
    job = look(place)
    if job is not None and job.alive:
        raise LibraryProblem(f"{Path(job.folder).name} is being indexed: wait for it, or cancel it first.")
    with _held(place):
        try:
            place.rename(target)
            return
        except OSError:
            pass  # on another disk, or, on Windows, because of the lock
        yield from _copied(place, target)
    _remove(place)


@contextlib.contextmanager
def _held(place: Path) -> Generator[None, None, None]:
    """Keep every writer out of the libraries of a place."""
    with contextlib.ExitStack() as stack:
        for database in place.glob(f"*/{DATABASE}"):
            held: sqlite3.Connection = lock(database.parent)
            stack.enter_context(contextlib.closing(held))
        yield


def _copied(place: Path, target: Path) -> Steps:
    """Copy a place under another name, then give it its own."""
    # The locks' files hold nothing, and are not to be read while they are held.
    files = sorted(path for path in place.rglob("*") if path.is_file() and not path.name.startswith(LOCK))
    total, done = sum(path.stat().st_size for path in files), 0
    if shutil.disk_usage(target.parent).free < total + SPARE:
        raise LibraryProblem(f"{target.parent} has not enough space for {place.name}, {total / 2**20:,.0f} MB.")
    draft = target.with_name(DRAFT + target.name)
    try:
        shutil.rmtree(draft, ignore_errors=True)  # what a killed move has left
        for path in files:
            copy = draft / path.relative_to(place)
            copy.parent.mkdir(parents=True, exist_ok=True)
            with path.open("rb") as source, copy.open("wb") as written:
                while block := source.read(BLOCK):
                    written.write(block)
                    done += len(block)
                    yield Progress(done, total)
                written.flush()
                os.fsync(written.fileno())
            shutil.copystat(path, copy)  # the time of the database says when it was last brought up to date
        draft.rename(target)
    except OSError as error:
        raise LibraryProblem(f"{place.name} could not be moved to {target.parent}: {error.strerror or error}.") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _remove(place: Path) -> None:
    """Remove what has been copied. The databases go first, so that what can't be deleted is no library any more."""
    try:
        for database in place.glob(f"*/{DATABASE}"):
            database.unlink()
        shutil.rmtree(place)
    except OSError as error:
        raise LibraryProblem(
            f"The index was moved, but {place} could not be deleted ({error.strerror or error}): delete it yourself."
        ) from error
