# SPDX-License-Identifier: GPL-3.0-or-later
"""The one process that writes a library.

Order makes it safe against being killed: vectors reach the disk first, then one transaction adds what refers to
them and moves the count of valid rows. Whatever lies beyond that count was never promised.
"""

import json
import os
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import LibraryProblem
from .store import Library, Meta, connect, guarded, lock, read_meta, source_path, vector_files
from .vectors import Appender, Vectors, read

COMPACT_SHARE = 0.5
"""Vectors are rewritten when more than this share of their rows belongs to nothing any more."""


@dataclass(frozen=True)
class Caption:
    """A text about a take: kind "caption" or "name"; start, end in seconds or None; its sentence vector or None."""

    text: str
    kind: str
    start: float | None = None
    end: float | None = None
    vector: Vectors | None = None


@dataclass(frozen=True)
class Window:
    """A span of a take, seconds, with its motion vector (d,)."""

    start: float
    end: float
    vector: Vectors


@dataclass(frozen=True)
class Take:
    """All that is stored of one clip of a file; `store.Entry` says what the fields are."""

    take: int
    name: str
    fps: float
    duration: float
    convention: str
    windows: Sequence[Window]
    captions: Sequence[Caption]
    facts: dict[str, Any] = field(default_factory=dict)
    tags: Sequence[str] = ()


@dataclass(frozen=True)
class FileState:
    """A file as it was when indexed. path: within its source, with slashes. mtime: nanoseconds. hash: of the content.

    notes: a hash of the captions it was given. error: the sentence, where it could not be read.
    """

    path: str
    size: int
    mtime: int
    hash: str
    notes: str
    error: str | None = None


class Writer:
    """Use as a context manager. Raises LibraryProblem on entering where another process is writing.

    `model` is the id of the encoder whose vectors will be added; an indexed library accepts no other.
    """

    def __init__(self, library: Library | Path, model: str) -> None:
        self.folder = library.path if isinstance(library, Library) else library
        self.model = model
        self._pending: list[tuple[int, FileState, list[Take]]] = []

    def __enter__(self) -> "Writer":
        """Take the lock, then open the database and the vectors."""
        self._lock = lock(self.folder)
        try:
            self._database = connect(self.folder, writing=True)
            try:
                self._open_vectors()
            except BaseException:
                self._database.close()
                raise
        except BaseException:
            self._lock.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Uncommitted files are forgotten; call `commit` first."""
        self._motion.close()
        self._text.close()
        self._database.close()
        self._lock.close()

    def _open_vectors(self) -> None:
        self._meta = read_meta(self._database, self.folder)
        if self._meta.model not in ("", self.model):
            raise LibraryProblem(
                f"The library {self.folder} was indexed with the model {self._meta.model}, not {self.model}: "
                "their vectors can't be compared. Index into a new library."
            )
        motion, text = vector_files(self.folder, self._meta)
        try:
            self._motion = Appender(motion, self._meta.motion_rows, self._meta.motion_width)
            self._text = Appender(text, self._meta.text_rows, self._meta.text_width)
        except FileNotFoundError as error:
            raise LibraryProblem(f"The library {self.folder} lacks its vector files. Delete it and index again.") from error
        except OSError as error:
            raise LibraryProblem(f"The library {self.folder} can't be written: {error.strerror or error}.") from error
        for stale in set(self.folder.glob("*.f32")) - {motion, text}:
            with suppress(OSError):  # still mapped by a search on Windows: the next writer removes it
                stale.unlink()

    def source(self, folder: Path) -> int:
        """The id of a source folder, added if new.

        A folder beside or inside the library is stored relative to it, so that both can be moved together.
        """
        folder = folder.resolve()
        library = self.folder.resolve()
        with guarded(self.folder):
            for number, stored in self._database.execute("SELECT id, path FROM sources"):
                if source_path(library, stored) == folder:
                    return number
            near = folder.is_relative_to(library.parent)
            stored = Path(os.path.relpath(folder, library)).as_posix() if near else str(folder)
            row = self._database.execute("INSERT INTO sources (path) VALUES (?) RETURNING id", (stored,)).fetchone()
        return row[0]

    def files(self, source: int) -> dict[str, FileState]:
        """What is stored about the source's files, by path."""
        with guarded(self.folder):
            rows = self._database.execute(
                "SELECT path, size, mtime, hash, notes, error FROM files WHERE source = ?", (source,)
            ).fetchall()
        return {row[0]: FileState(*row) for row in rows}

    def touch(self, source: int, state: FileState) -> None:
        """Note that a file's times have changed but not its content."""
        with guarded(self.folder):
            self._database.execute(
                "UPDATE files SET size = ?, mtime = ? WHERE source = ? AND path = ?",
                (state.size, state.mtime, source, state.path),
            )

    def put(self, source: int, state: FileState, takes: Sequence[Take]) -> None:
        """Replace all that is stored of a file, at the next `commit`."""
        self._pending.append((source, state, list(takes)))

    def drop(self, source: int, paths: Iterable[str]) -> None:
        """Forget files that have vanished."""
        rows = [(source, path) for path in paths]
        if rows:
            with guarded(self.folder):
                self._begin()
                self._database.executemany("DELETE FROM files WHERE source = ? AND path = ?", rows)
                self._end()

    def commit(self) -> None:
        """Make everything put so far part of the library."""
        if not self._pending:
            return
        pending, self._pending = self._pending, []
        try:
            rows = [self._append(take) for _, _, takes in pending for take in takes]
            self._motion.flush()
            self._text.flush()
        except OSError as error:
            raise LibraryProblem(f"The library {self.folder} can't be written: {error.strerror or error}.") from error
        numbers = iter(rows)
        with guarded(self.folder):
            self._begin()
            try:
                for source, state, takes in pending:
                    self._insert(source, state, [(take, *next(numbers)) for take in takes])
                self._end()
            except sqlite3.Error:
                with suppress(sqlite3.Error):
                    self._database.execute("ROLLBACK")
                raise

    def _append(self, take: Take) -> tuple[list[int], list[int | None]]:
        """The rows that the take's windows and captions were given."""
        motion: list[int] = []
        if take.windows:
            block = np.stack([window.vector for window in take.windows])
            self._motion.width = self._motion.width or block.shape[1]
            motion = self._motion.add(block).tolist()
        text: list[int | None] = []
        for caption in take.captions:
            if caption.vector is None:
                text.append(None)
            else:
                self._text.width = self._text.width or len(caption.vector)
                text.append(int(self._text.add(caption.vector[None])[0]))
        return motion, text

    def _begin(self) -> None:
        self._database.execute("BEGIN IMMEDIATE")

    def _end(self) -> None:
        """Write the new extent of the vectors and commit."""
        self._meta = Meta(
            model=self.model,
            revision=self._meta.revision + 1,
            generation=self._meta.generation,
            motion_rows=self._motion.rows,
            motion_width=self._motion.width,
            text_rows=self._text.rows,
            text_width=self._text.width,
        )
        self._write_meta()
        self._database.execute("COMMIT")

    def _write_meta(self) -> None:
        self._database.executemany("UPDATE meta SET value = ? WHERE key = ?", [(v, k) for k, v in vars(self._meta).items()])

    def _insert(self, source: int, state: FileState, takes: list[tuple[Take, list[int], list[int | None]]]) -> None:
        run = self._database.execute
        run("DELETE FROM files WHERE source = ? AND path = ?", (source, state.path))
        file = run(
            "INSERT INTO files (source, path, size, mtime, hash, notes, error) VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id",
            (source, state.path, state.size, state.mtime, state.hash, state.notes, state.error),
        ).fetchone()[0]
        for take, windows, captions in takes:
            entry = run(
                "INSERT INTO entries (file, take, name, fps, duration, convention, facts, tags) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
                (
                    file,
                    take.take,
                    take.name,
                    take.fps,
                    take.duration,
                    take.convention,
                    json.dumps(take.facts),
                    _list(take.tags),
                ),
            ).fetchone()[0]
            self._database.executemany(
                "INSERT INTO windows (entry, start, end, row) VALUES (?, ?, ?, ?)",
                [(entry, w.start, w.end, row) for w, row in zip(take.windows, windows, strict=True)],
            )
            self._database.executemany(
                "INSERT INTO captions (entry, text, kind, start, end, row) VALUES (?, ?, ?, ?, ?, ?)",
                [(entry, c.text, c.kind, c.start, c.end, row) for c, row in zip(take.captions, captions, strict=True)],
            )

    def compact(self) -> bool:
        """Rewrite the vectors without the rows that belong to nothing, if they are many. Returns whether it did."""
        with guarded(self.folder):
            motion = self._live("windows")
            text = self._live("captions")
        kept, held = len(motion) + len(text), self._motion.rows + self._text.rows
        if held - kept <= COMPACT_SHARE * held:
            return False
        meta = Meta(
            self.model, self._meta.revision + 1, self._meta.generation + 1,
            len(motion), self._meta.motion_width, len(text), self._meta.text_width,
        )  # fmt: skip
        new_motion, new_text = vector_files(self.folder, meta)
        try:
            _copy(self._motion, motion, new_motion)
            _copy(self._text, text, new_text)
        except OSError as error:
            raise LibraryProblem(f"The library {self.folder} can't be written: {error.strerror or error}.") from error
        with guarded(self.folder):
            self._begin()
            self._renumber("windows", motion)
            self._renumber("captions", text)
            self._meta = meta
            self._write_meta()
            self._database.execute("COMMIT")
        self._motion.close()
        self._text.close()
        self._open_vectors()
        return True

    def _live(self, table: str) -> np.ndarray:
        rows = self._database.execute(f"SELECT row FROM {table} WHERE row IS NOT NULL ORDER BY row").fetchall()
        return np.array([row[0] for row in rows], np.int64)

    def _renumber(self, table: str, old: np.ndarray) -> None:
        # Rows only move down and are taken in rising order, so no number is given away before it is free.
        self._database.execute(f"CREATE INDEX renumber ON {table} (row)")
        self._database.executemany(f"UPDATE {table} SET row = ? WHERE row = ?", list(enumerate(old.tolist())))
        self._database.execute("DROP INDEX renumber")


def _copy(source: Appender, rows: np.ndarray, path: Path) -> None:
    """The chosen rows of one vector file into a new one, flushed."""
    path.unlink(missing_ok=True)
    target = Appender(path, 0, source.width)
    held = read(source.path, source.rows, source.width)
    for first in range(0, len(rows), 65_536):
        target.add(np.asarray(held[rows[first : first + 65_536]], np.float32))
    target.flush()
    target.close()


def _list(values: Sequence[str]) -> str:
    return json.dumps(list(values))
