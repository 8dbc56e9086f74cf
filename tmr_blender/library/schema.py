# SPDX-License-Identifier: GPL-3.0-or-later
"""The database of a library: its schema and the schemas before it, how it is made, opened and locked."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import LibraryProblem
from . import migrate

DATABASE = "library.sqlite"
LOCK = "lock.sqlite"
DRAFT = DATABASE + ".new"
APPLICATION = 0x544D524C
"""SQLite's application_id of our databases ("TMRL"): how a foreign file is told."""
VERSION = migrate.VERSION
"""The schema's version, SQLite's user_version."""
BUSY_SECONDS = 10.0

# A million windows must be read in a second or two, so an entry keeps its windows in one cell: `spans` holds their starts
# and ends in seconds, (windows, 2) little-endian float64, and their vectors are the rows from `row` on. Its poses are the
# `poses` rows from `pose` on of their file. Facts that are lists (events) are read one entry at a time, from `details`, and so
# are pictures; what filters ask about is in `entries.facts`.
SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE sources (id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE);
CREATE TABLE files (
    id INTEGER PRIMARY KEY, source INTEGER NOT NULL REFERENCES sources ON DELETE CASCADE, path TEXT NOT NULL,
    size INTEGER NOT NULL, mtime INTEGER NOT NULL, hash TEXT NOT NULL, notes TEXT NOT NULL, error TEXT,
    reading INTEGER NOT NULL,
    UNIQUE (source, path));
CREATE TABLE entries (
    id INTEGER PRIMARY KEY, file INTEGER NOT NULL REFERENCES files ON DELETE CASCADE, take INTEGER NOT NULL,
    name TEXT NOT NULL, fps REAL NOT NULL, duration REAL NOT NULL, convention TEXT NOT NULL, facts TEXT NOT NULL,
    tags TEXT NOT NULL, row INTEGER NOT NULL, spans BLOB NOT NULL, pose INTEGER NOT NULL, poses INTEGER NOT NULL);
CREATE TABLE details (
    entry INTEGER PRIMARY KEY REFERENCES entries ON DELETE CASCADE, facts TEXT NOT NULL);
CREATE TABLE thumbnails (
    entry INTEGER PRIMARY KEY REFERENCES entries ON DELETE CASCADE, png BLOB NOT NULL);
CREATE TABLE captions (
    id INTEGER PRIMARY KEY, entry INTEGER NOT NULL REFERENCES entries ON DELETE CASCADE, text TEXT NOT NULL,
    kind TEXT NOT NULL, start REAL, end REAL, row INTEGER);
CREATE INDEX files_hash ON files (hash);
CREATE INDEX entries_file ON entries (file);
CREATE INDEX captions_entry ON captions (entry);
"""
META = {
    **{"model": "", "revision": 0, "generation": 0, "motion_rows": 0, "motion_width": 0, "text_rows": 0, "text_width": 0},
    **{"pose_generation": 0, "pose_rows": 0},
}
MAX_ID = 200
"""Characters of a model's id."""
SPAN = np.dtype("<f8")
HOW_TO_REENCODE = (
    "Re-encode the library (in Blender's list of libraries, or with `python -m tmr_blender reencode --library PATH`): "
    "its motion files are not needed for that."
)


@dataclass(frozen=True)
class Meta:
    """The library's own state: model id ("" before the first vectors), commits made, and the extent of the vectors.

    generation, pose_generation: how often the files of vectors, and that of poses, were written anew.
    """

    model: str
    revision: int
    generation: int
    motion_rows: int
    motion_width: int
    text_rows: int
    text_width: int
    pose_generation: int
    pose_rows: int


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
    except sqlite3.DatabaseError as error:
        raise LibraryProblem(f"{folder / LOCK} is damaged ({error}). Delete it: it holds nothing.") from error
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
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        raise LibraryProblem(f"{folder / DATABASE} is damaged or not a motion library ({error}).") from error


def connect(folder: Path, writing: bool = False) -> sqlite3.Connection:
    """A connection to an existing library whose header has been checked. Transactions are the caller's (autocommit).

    A library of an older version is brought up to date where it is written; a reader gets an up-to-date copy in memory
    and changes nothing.
    """
    database = _opened(folder, writing)
    try:
        with guarded(folder):
            version = database.execute("PRAGMA user_version").fetchone()[0]
            if version == VERSION:
                return database
            if writing:
                migrate.bring(database, version, folder)
                return database
            copy = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
            database.backup(copy)
            migrate.bring(copy, version, folder)
        database.close()
        return copy
    except BaseException:
        database.close()
        raise


def revision(folder: Path) -> int:
    """How often the library has been written; cheap, whatever the library's version."""
    with closing(_opened(folder, False)) as database, guarded(folder):
        row = database.execute("SELECT value FROM meta WHERE key = 'revision'").fetchone()
    if row is None or type(row[0]) is not int:
        raise LibraryProblem(f"The library {folder} is damaged: its description of itself is incomplete.")
    return row[0]


def _opened(folder: Path, writing: bool) -> sqlite3.Connection:
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
    if not 1 <= version <= VERSION:
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
    sizes = all(value >= 0 if isinstance(value, int) else len(value) <= MAX_ID for value in rows.values()) if kinds else False
    if set(rows) != set(META) or not sizes:
        raise LibraryProblem(f"The library {folder} is damaged: its description of itself is incomplete.")
    return Meta(**rows)


def model_of(folder: Path) -> str:
    """The id of the model that a library is encoded by, "" before anything was; cheap."""
    with closing(connect(folder)) as database:
        return read_meta(database, folder).model


def vector_files(folder: Path, meta: Meta) -> tuple[Path, Path]:
    """The current files of motion and of sentence vectors."""
    return folder / f"motion-{meta.generation}.f32", folder / f"text-{meta.generation}.f32"


def pose_file(folder: Path, meta: Meta) -> Path:
    """The current file of poses, of `poses.POSE`."""
    return folder / f"poses-{meta.pose_generation}.bin"


def source_path(library: Path, stored: str) -> Path:
    """Where a source folder lies now: stored absolute, or relative to the library's folder."""
    return Path(stored) if Path(stored).is_absolute() else (library / stored).resolve()
