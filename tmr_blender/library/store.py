# SPDX-License-Identifier: GPL-3.0-or-later
"""A library on disk, as search sees it: one snapshot, read at once and never written.

A library is a folder of its own. `library.sqlite` holds what people read (sources, files, entries, captions,
windows); `motion-N.f32` and `text-N.f32` beside it hold the vectors, N counting the times they were compacted.
`library.writer` does all the writing.
"""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import LibraryProblem
from . import vectors

DATABASE = "library.sqlite"
LOCK = "lock.sqlite"
DRAFT = DATABASE + ".new"
APPLICATION = 0x544D524C
"""SQLite's application_id of our databases ("TMRL"): how a foreign file is told."""
VERSION = 1
"""The schema's version, SQLite's user_version."""
BUSY_SECONDS = 10.0

SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE sources (id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE);
CREATE TABLE files (
    id INTEGER PRIMARY KEY, source INTEGER NOT NULL REFERENCES sources ON DELETE CASCADE, path TEXT NOT NULL,
    size INTEGER NOT NULL, mtime INTEGER NOT NULL, hash TEXT NOT NULL, notes TEXT NOT NULL, error TEXT,
    UNIQUE (source, path));
CREATE TABLE entries (
    id INTEGER PRIMARY KEY, file INTEGER NOT NULL REFERENCES files ON DELETE CASCADE, take INTEGER NOT NULL,
    name TEXT NOT NULL, fps REAL NOT NULL, duration REAL NOT NULL, convention TEXT NOT NULL, facts TEXT NOT NULL,
    tags TEXT NOT NULL);
CREATE TABLE captions (
    id INTEGER PRIMARY KEY, entry INTEGER NOT NULL REFERENCES entries ON DELETE CASCADE, text TEXT NOT NULL,
    kind TEXT NOT NULL, start REAL, end REAL, row INTEGER);
CREATE TABLE windows (
    entry INTEGER NOT NULL REFERENCES entries ON DELETE CASCADE, start REAL NOT NULL, end REAL NOT NULL,
    row INTEGER NOT NULL);
CREATE INDEX entries_file ON entries (file);
CREATE INDEX captions_entry ON captions (entry);
CREATE INDEX windows_entry ON windows (entry);
"""
META = {"model": "", "revision": 0, "generation": 0, "motion_rows": 0, "motion_width": 0, "text_rows": 0, "text_width": 0}


@dataclass(frozen=True)
class Meta:
    """The library's own state: model id ("" before the first vectors), commits made, and the extent of the vectors."""

    model: str
    revision: int
    generation: int
    motion_rows: int
    motion_width: int
    text_rows: int
    text_width: int


@dataclass(frozen=True)
class Entry:
    """One take and character of a file.

    path: absolute, of the file. folder: its folder within the source, "" at the top. take: which of the file's clips.
    duration: seconds. convention: of the skeleton. facts: what `motion.facts` measured, plain values.
    """

    id: int
    path: Path
    folder: str
    take: int
    name: str
    fps: float
    duration: float
    convention: str
    facts: dict[str, Any]
    tags: tuple[str, ...]


@dataclass(frozen=True)
class Text:
    """Something written about an entry.

    entry: index into `Library.entries`. kind: "caption" or "name". start, end: seconds, None for the whole take.
    row: of its sentence vector, or -1 where it was indexed without a text encoder.
    """

    entry: int
    text: str
    kind: str
    start: float | None
    end: float | None
    row: int


@dataclass(frozen=True)
class Windows:
    """Spans of takes that have a motion vector: columns of one length.

    entry: index into `Library.entries`, rising. start, end: seconds. row: of `Library.motion`.
    first: (entries + 1,) where each entry's windows begin. whole: (entries,) the window that spans the entry, or -1.
    """

    entry: NDArray[np.int64]
    start: NDArray[np.float64]
    end: NDArray[np.float64]
    row: NDArray[np.int64]
    first: NDArray[np.int64]
    whole: NDArray[np.int64]


@dataclass(frozen=True)
class Library:
    """A snapshot; see `open`.

    motion: (rows, d) and text: (rows, 384), unit rows, mapped from the disk; some rows may belong to nothing any more.
    """

    path: Path
    meta: Meta
    entries: list[Entry]
    texts: list[Text]
    windows: Windows
    motion: vectors.Vectors
    text: vectors.Vectors

    @cached_property
    def durations(self) -> NDArray[np.float64]:
        """(entries,) seconds."""
        return np.array([entry.duration for entry in self.entries], np.float64)

    @cached_property
    def text_entries(self) -> NDArray[np.int64]:
        """(texts,) the entry of each text."""
        return np.array([text.entry for text in self.texts], np.int64)

    @cached_property
    def text_rows(self) -> NDArray[np.int64]:
        """(texts,) the row of `text` of each, or -1."""
        return np.array([text.row for text in self.texts], np.int64)

    @cached_property
    def file_names(self) -> tuple[str, NDArray[np.int64]]:
        """The name and the file's name of every entry, one a line and in lower case, and (entries,) where each begins."""
        lines = [f"{entry.name} {entry.path.name}\n".casefold() for entry in self.entries]
        begins = np.cumsum([0, *(len(line) for line in lines)])[:-1]
        return "".join(lines), begins

    @staticmethod
    def open(path: Path | str, create: bool = False) -> "Library":
        """Read the library in the folder `path`; with `create`, make an empty one where there is none.

        Raises LibraryProblem where it is missing, foreign, damaged or of a newer version.
        """
        folder = Path(path).absolute()
        if create and not (folder / DATABASE).exists():
            make(folder)
        for _ in range(3):
            try:
                return _load(folder)
            except FileNotFoundError:
                continue  # a writer has compacted the vectors since the database was read
        raise LibraryProblem(f"The library {folder} lacks its vector files. Delete it and index its folders again.")

    def changed(self) -> bool:
        """Whether a writer has committed since this snapshot was read."""
        with closing(connect(self.path)) as database:
            return read_meta(database, self.path).revision != self.meta.revision

    def errors(self) -> list[tuple[str, str]]:
        """The files that could not be read: (path within the source, sentence)."""
        with closing(connect(self.path)) as database, guarded(self.path):
            return database.execute("SELECT path, error FROM files WHERE error IS NOT NULL ORDER BY source, path").fetchall()

    def sources(self) -> list[Path]:
        """The folders that were indexed."""
        with closing(connect(self.path)) as database, guarded(self.path):
            rows = database.execute("SELECT path FROM sources ORDER BY id").fetchall()
        return [source_path(self.path, row[0]) for row in rows]


def make(folder: Path) -> None:
    """An empty library in `folder`, which may exist only if it is empty or holds what a killed `make` has left."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # By their beginnings, because SQLite keeps journals beside both.
        strangers = [item.name for item in folder.iterdir() if not item.name.startswith((LOCK, DRAFT))]
    except OSError as error:
        raise LibraryProblem(f"The library folder {folder} can't be made: {error.strerror or error}.") from error
    if strangers:
        raise LibraryProblem(f"{folder} holds other files ({min(strangers)}). Choose a new or empty folder for the library.")
    draft = folder / DRAFT
    with closing(lock(folder)), guarded(folder):
        if (folder / DATABASE).exists():  # made by another process a moment ago
            return
        # Made under another name and then renamed: a killed process leaves no half-made library.
        draft.unlink(missing_ok=True)
        with closing(sqlite3.connect(draft)) as database:
            database.executescript(f"BEGIN; {SCHEMA} COMMIT;")
            with database:
                database.executemany("INSERT INTO meta VALUES (?, ?)", META.items())
            database.execute(f"PRAGMA application_id = {APPLICATION}")
            database.execute(f"PRAGMA user_version = {VERSION}")
        draft.replace(folder / DATABASE)


def lock(folder: Path) -> sqlite3.Connection:
    """The right to write the library, held until the connection is closed or its process ends, however that dies.

    It is an exclusive transaction on a database of its own. Raises LibraryProblem where another process has it.
    """
    try:
        held = sqlite3.connect(folder / LOCK, timeout=0.0, isolation_level=None, check_same_thread=False)
        try:
            held.execute("BEGIN EXCLUSIVE")
        except sqlite3.Error:
            held.close()
            raise
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            raise LibraryProblem(f"Another program is indexing into the library {folder}. Wait for it, or stop it.") from None
        raise LibraryProblem(f"The library {folder} can't be written: {error}. Check its permissions.") from error
    return held


@contextmanager
def guarded(folder: Path) -> Iterator[None]:
    """Turn what SQLite and the disk say into sentences about the library."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if "locked" in str(error) or "busy" in str(error):
            raise LibraryProblem(
                f"The library {folder} is in use by another program. Try again when it has finished."
            ) from error
        raise LibraryProblem(f"The library {folder} can't be used: {error}. Check the disk and its permissions.") from error
    except sqlite3.DatabaseError as error:
        raise LibraryProblem(f"{folder / DATABASE} is damaged or not a motion library ({error}).") from error


def connect(folder: Path, writing: bool = False) -> sqlite3.Connection:
    """A connection to an existing library whose header has been checked. Transactions are the caller's (autocommit)."""
    path = folder / DATABASE
    if not path.is_file():
        raise LibraryProblem(f"There is no motion library in {folder}. Index a folder of motions into it first.")
    with guarded(folder):
        # mode=rw for readers too: a reader must be able to roll back what a killed writer left half done.
        # SQLite itself falls back to read-only where the disk is.
        database = sqlite3.connect(
            path.as_uri() + "?mode=rw", uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            database.execute("PRAGMA trusted_schema = OFF")
            database.execute("PRAGMA foreign_keys = ON")
            if not writing:
                database.execute("PRAGMA query_only = ON")
            application = database.execute("PRAGMA application_id").fetchone()[0]
            version = database.execute("PRAGMA user_version").fetchone()[0]
        except sqlite3.Error:
            database.close()
            raise
    if application != APPLICATION:
        database.close()
        raise LibraryProblem(f"{path} is a database of another program, not a motion library.")
    if version != VERSION:
        database.close()
        raise LibraryProblem(
            f"The library {folder} was made by a newer version of the extension (schema {version}, this one reads {VERSION}). "
            "Update the extension."
        )
    return database


def read_meta(database: sqlite3.Connection, folder: Path) -> Meta:
    """The table `meta`."""
    with guarded(folder):
        rows = dict(database.execute("SELECT key, value FROM meta").fetchall())
    kinds = all(type(rows.get(key)) is type(value) for key, value in META.items())
    if set(rows) != set(META) or not kinds or any(isinstance(value, int) and value < 0 for value in rows.values()):
        raise LibraryProblem(f"The library {folder} is damaged: its description of itself is incomplete.")
    return Meta(**rows)


def vector_files(folder: Path, meta: Meta) -> tuple[Path, Path]:
    """The current files of motion and of sentence vectors."""
    return folder / f"motion-{meta.generation}.f32", folder / f"text-{meta.generation}.f32"


def source_path(library: Path, stored: str) -> Path:
    """Where a source folder lies now: stored absolute, or relative to the library's folder."""
    return Path(stored) if Path(stored).is_absolute() else (library / stored).resolve()


def _load(folder: Path) -> Library:
    with closing(connect(folder)) as database, guarded(folder):
        database.execute("BEGIN")
        meta = read_meta(database, folder)
        try:
            sources = {row[0]: source_path(folder, row[1]) for row in database.execute("SELECT id, path FROM sources")}
            entries = [_entry(row, sources) for row in database.execute(_ENTRIES)]
            index = {entry.id: i for i, entry in enumerate(entries)}
            texts = [Text(index[row[0]], *row[1:]) for row in database.execute(_TEXTS)]
            windows = _windows(database.execute("SELECT entry, start, end, row FROM windows").fetchall(), entries)
        except (ValueError, TypeError, LookupError) as error:  # a library may come from a stranger, with anything in it
            raise LibraryProblem(f"The library {folder} is damaged: it holds what it can't hold ({error}).") from error
        database.execute("COMMIT")
    motion_file, text_file = vector_files(folder, meta)
    motion = vectors.read(motion_file, meta.motion_rows, meta.motion_width)
    text = vectors.read(text_file, meta.text_rows, meta.text_width)
    _check_rows(folder, windows.row, len(motion))
    _check_rows(folder, np.array([item.row for item in texts if item.row >= 0], np.int64), len(text))
    return Library(folder, meta, entries, texts, windows, motion, text)


_ENTRIES = """SELECT entries.id, files.source, files.path, take, name, fps, duration, convention, facts, tags
FROM entries JOIN files ON files.id = entries.file ORDER BY entries.id"""
_TEXTS = "SELECT entry, text, kind, start, end, ifnull(row, -1) FROM captions ORDER BY id"


def _entry(row: tuple[Any, ...], sources: dict[int, Path]) -> Entry:
    number, source, path, take, name, fps, duration, convention, facts, tags = row
    inner = PurePosixPath(path)
    if inner.is_absolute() or ".." in inner.parts:
        raise LibraryProblem(f"The library is damaged: it names a file outside its folder ({path}).")
    folder = "" if str(inner.parent) == "." else str(inner.parent)
    where = sources[source].joinpath(*inner.parts)
    if not 0.0 < float(duration) < 1e9:
        raise ValueError(f"a take of {duration} seconds")
    return Entry(number, where, folder, take, name, fps, duration, convention, json.loads(facts), tuple(json.loads(tags)))


def _windows(rows: list[tuple[int, float, float, int]], entries: list[Entry]) -> Windows:
    """The table as columns in order of entry."""
    index = {entry.id: i for i, entry in enumerate(entries)}
    table = np.array(rows, np.float64).reshape(-1, 4)  # whole numbers stay exact in float64 up to 2**53
    entry = np.array([index[row[0]] for row in rows], np.int64)
    order = np.argsort(entry, kind="stable")
    entry, start, end = entry[order], table[order, 1], table[order, 2]
    first = np.searchsorted(entry, np.arange(len(entries) + 1))
    whole = np.full(len(entries), -1, np.int64)
    duration = np.array([item.duration for item in entries], np.float64)
    spanning = np.flatnonzero((start == 0.0) & (end >= duration[entry] - 1e-6)) if len(entry) else order
    whole[entry[spanning]] = spanning
    return Windows(entry, start, end, table[order, 3].astype(np.int64), first, whole)


def _check_rows(folder: Path, rows: NDArray[np.int64], count: int) -> None:
    if len(rows) and (rows.min() < 0 or rows.max() >= count):
        raise LibraryProblem(f"The library {folder} is damaged: it refers to vectors that it does not hold.")
