# SPDX-License-Identifier: GPL-3.0-or-later
"""Looking after a library: is it whole, does it still fit its files, and what should be forgotten."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import LibraryProblem
from .contents import hash_of, status
from .records import READING
from .schema import connect, guarded, source_path
from .store import Library
from .vectors import Vectors
from .writer import Writer

_BODILESS = "SELECT count(*) FROM entries JOIN files ON files.id = entries.file WHERE poses = 0 AND reading >= ?"
BLOCK = 65_536
"""Vectors looked at in one go: 64 MB of them."""
UNIT_SLACK = 1e-3
"""How far from 1 the length of a vector may be."""


@dataclass(frozen=True)
class Health:
    """What `check` found.

    faults: sentences about what must not be; none in a whole library. vanished, changed, unread: paths of files that are
    gone, that differ from what was indexed, and that could not be read: what the next index deals with. missing: source
    folders that are not there, such as a drive that is not mounted; their files count as neither vanished nor changed.
    files, entries, windows, captions: how many were looked at. unused: vectors that belong to nothing any more and are
    cleared away by an index once they are many.
    """

    faults: tuple[str, ...]
    vanished: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    files: int = 0
    entries: int = 0
    windows: int = 0
    captions: int = 0
    unused: int = 0

    def as_json(self) -> dict[str, Any]:
        """The same as plain values."""
        return asdict(self)


def check(path: Path | str, contents: bool = False) -> Health:
    """Look at all that the library in the folder `path` holds, and at the files that it was made from.

    contents: tell changed files by their content, which reads them all, rather than by size and time.
    Raises LibraryProblem where there is no library.
    """
    folder = Path(path).absolute()
    with closing(connect(folder)):  # a library that is missing, foreign or newer is no faulty library
        pass
    faults = _database_faults(folder)
    try:
        library = Library.open(folder)
    except LibraryProblem as problem:
        return Health((*faults, str(problem)))
    faults += _row_faults(library)
    faults += _vector_faults("motion", library.motion, np.sort(library.windows.row))
    rows = library.text_rows
    faults += _vector_faults("text", library.text, np.unique(rows[rows >= 0]))
    used = len(library.windows.row) + len(np.unique(rows[rows >= 0]))
    return Health(
        tuple(faults),
        **_files(folder, contents),
        entries=len(library.entries),
        windows=len(library.windows.row),
        captions=len(library.texts),
        unused=len(library.motion) + len(library.text) - used,
    )


def _database_faults(folder: Path) -> list[str]:
    """What SQLite itself finds: damaged pages, indexes that do not match, rows whose parent is gone."""
    with closing(connect(folder)) as database, guarded(folder):
        told = [row[0] for row in database.execute("PRAGMA integrity_check(5)").fetchall()]
        orphans = database.execute("PRAGMA foreign_key_check").fetchall()
        bare = database.execute("SELECT count(*) FROM entries WHERE id NOT IN (SELECT entry FROM details)").fetchone()[0]
        bodiless = database.execute(_BODILESS, (READING,)).fetchone()[0]
        empty = database.execute("SELECT count(*) FROM files WHERE error IS NULL AND hash = ''").fetchone()[0]
    faults = [f"The database is damaged: {line}." for line in told if line != "ok"]
    faults += [f"{len(orphans)} rows of the database belong to nothing (in {orphans[0][0]})."] if orphans else []
    faults += [f"{bare} entries lack their facts."] if bare else []
    faults += [f"{bodiless} entries lack their poses."] if bodiless else []
    return faults + ([f"{empty} files lack the hash of their content."] if empty else [])


def _row_faults(library: Library) -> list[str]:
    """Entries without windows, spans outside their takes, and vectors that two windows share."""
    faults = []
    count = np.diff(library.windows.first)
    if (count == 0).any():
        faults.append(f"{int((count == 0).sum())} entries have no motion vector.")
    late = library.windows.end > np.repeat(library.durations, count) + 1e-3
    if late.any():
        faults.append(f"{int(late.sum())} windows end after their take.")
    if len(np.unique(library.windows.row)) != len(library.windows.row):
        faults.append("Two windows share a motion vector.")
    takes = list(zip(library.entries.column(1), library.entries.column(2), library.entries.column(3), strict=True))
    if len(set(takes)) != len(takes):
        faults.append("A take of a file is stored twice.")
    return faults


def _vector_faults(name: str, vectors: Vectors, rows: np.ndarray) -> list[str]:
    """Vectors in use that are not finite or not of unit length."""
    bad = 0
    for first in range(0, len(rows), BLOCK):
        length = np.linalg.norm(vectors[rows[first : first + BLOCK]].astype(np.float64), axis=1)
        bad += int((~(np.abs(length - 1.0) <= UNIT_SLACK)).sum())  # not-a-numbers compare as false
    return [f"{bad} {name} vectors are not finite or not of unit length."] if bad else []


def _is_folder(place: Path) -> bool:
    try:
        return place.is_dir()
    except OSError:  # no path that this system could have
        return False


def _files(folder: Path, contents: bool) -> dict[str, Any]:
    """How the stored files compare with those on the disk."""
    query = "SELECT source, path, size, mtime, hash, error FROM files WHERE typeof(path) = 'text' ORDER BY source, path"
    with closing(connect(folder)) as database, guarded(folder):
        sources = {row[0]: source_path(folder, row[1]) for row in database.execute("SELECT id, path FROM sources")}
        stored = database.execute(query).fetchall()
    there = {number: _is_folder(place) for number, place in sources.items()}
    vanished, changed, unread = [], [], []
    for source, inner, size, mtime, digest, error in stored:
        if source not in sources:  # told as a row that belongs to nothing
            continue
        place = sources[source] / inner
        if error is not None:
            unread.append(str(place))
        if not there[source] or not digest:
            continue
        try:
            same = hash_of(place) == digest if contents else status(place) == (size, mtime)
        except OSError:
            vanished.append(str(place))
            continue
        if not same:
            changed.append(str(place))
    missing = tuple(str(place) for number, place in sources.items() if not there[number])
    lists = {"vanished": tuple(vanished), "changed": tuple(changed), "unread": tuple(unread)}
    return {**lists, "missing": missing, "files": len(stored)}


def remove(path: Path | str, places: Sequence[Path | str] = (), entries: Sequence[int] = ()) -> int:
    """Forget what was indexed from folders or files, and single entries by number; how many entries are gone.

    An indexed folder is forgotten for good. A folder or file inside one comes back with the next index of that folder, a
    single entry when its file changes. The motion files themselves are never touched. Raises LibraryProblem for what the
    library does not hold, and then nothing is removed.
    """
    library = Library.open(path)
    known = set(library.entries.column(0))
    if unknown := sorted(set(entries) - known):
        raise LibraryProblem(f"The library {library.path} has no entry {unknown[0]}.")
    with Writer(library, None) as writer:
        plans = [_below(writer, Path(place).absolute()) for place in places]
        for place, plan in zip(places, plans, strict=True):
            if plan is None:
                raise LibraryProblem(f"The library {library.path} holds nothing from {place}.")
        for source, paths in (plan for plan in plans if plan is not None):
            if paths is None:
                writer.drop_source(source)
            else:
                writer.drop(source, paths)
        writer.drop_entries(entries)
        writer.compact()
    return len(known) - len(Library.open(path).entries)


def _below(writer: Writer, place: Path) -> tuple[int, list[str] | None] | None:
    """The source that holds a folder or file, and the paths in it, None for the whole source; None where none holds it."""
    for source, root in writer.sources().items():
        for wanted in {place, place.resolve()}:
            if wanted == root:
                return source, None
            if wanted.is_relative_to(root):
                inner = wanted.relative_to(root).as_posix()
                paths = [path for path in writer.files(source) if path == inner or path.startswith(f"{inner}/")]
                if paths:
                    return source, paths
    return None
